// RUN: zk-opt %s -p merge-tables --split-input-file | filecheck %s

// Equal contents are one table, other contents of the same name get a number; ranges of one width
// share a table. Steps of the witness program follow.

// CHECK:      zk.table @rsqrt [#zk.rows<["x", "x^2"], 0 to 4>]
// CHECK-NEXT: zk.table @rsqrt2 [#zk.rows<["x", "x^3"], 0 to 4>]
// CHECK-NEXT: zk.table @u8 [#zk.rows<["x"], 0 to 256>]
// CHECK-NEXT: zk.table @u16 [#zk.rows<["x"], 0 to 65536>]
// CHECK-NEXT: zk.compute
// CHECK:      zk.rms_norm {{.*}} table @rsqrt2 shift
// CHECK-NEXT: zk.rms_norm {{.*}} table @rsqrt shift
// CHECK:      zk.lookup @la in @rsqrt
// CHECK-NEXT: zk.lookup @lb in @rsqrt2
// CHECK-NEXT: zk.lookup @lc in @rsqrt
// CHECK-NEXT: zk.lookup @x.range in @u8 [#zk.expr<"token: x[token]">] {module = "model.x"}
// CHECK-NEXT: zk.lookup @y.range in @u16
// CHECK-NEXT: zk.lookup @z.range in @u8
zk.system extents <tokens 16> {
  zk.axis @token tokens
  zk.axis @dim 4
  zk.column @x witness [token] in 0 to 255
  zk.column @p public "data" [token, dim] in -8 to 7 = ["dim"]
  zk.column @g param [dim] in -8 to 7
  zk.table @a.rsqrt [#zk.rows<["x", "x^2"], 0 to 4>]
  zk.table @b.rsqrt [#zk.rows<["x", "x^3"], 0 to 4>]
  zk.table @c.rsqrt [#zk.rows<["x", "x^2"], 0 to 4>]
  zk.compute {
    %x = zk.read @p : !zk.value<[token, dim], -8 to 7>
    %g = zk.read @g : !zk.value<[dim], -8 to 7>
    %b = zk.rms_norm %x, %g eps [1] exponents 0, 8 table @b.rsqrt shift 8 bits 16 : (!zk.value<[token, dim], -8 to 7>, !zk.value<[dim], -8 to 7>) -> !zk.value<[token, dim], -32768 to 32767>
    %c = zk.rms_norm %x, %g eps [1] exponents 0, 8 table @c.rsqrt shift 8 bits 16 : (!zk.value<[token, dim], -8 to 7>, !zk.value<[dim], -8 to 7>) -> !zk.value<[token, dim], -32768 to 32767>
  }
  zk.constrain {
    zk.lookup @la in @a.rsqrt [#zk.expr<"token: x[token]">, #zk.expr<"token: x[token]">]
    zk.lookup @lb in @b.rsqrt [#zk.expr<"token: x[token]">, #zk.expr<"token: x[token]">]
    zk.lookup @lc in @c.rsqrt [#zk.expr<"token: x[token]">, #zk.expr<"token: x[token]">]
    zk.range @x.range bits 8 <"token: x[token]"> {module = "model.x"}
    zk.range @y.range bits 16 <"token: x[token]">
    zk.range @z.range bits 8 <"token: x[token]">
  }
}

// -----

// A range is looked up in a table of its numbers, whatever its name; a name that something else has is not taken.

// CHECK:      zk.column @rsqrt witness
// CHECK-NEXT: zk.column @u3 witness
// CHECK-NEXT: zk.table @u8 [#zk.rows<["x"], 0 to 4>]
// CHECK-NEXT: zk.table @digits [#zk.rows<["x"], 0 to 16>]
// CHECK-NEXT: zk.table @rsqrt2 [#zk.rows<["x"], 5 to 9>]
// CHECK-NEXT: zk.table @u82 [#zk.rows<["x"], 0 to 256>]
// CHECK-NEXT: zk.table @u32 [#zk.rows<["x"], 0 to 8>]
// CHECK-NEXT: zk.compute
// CHECK:      zk.lookup @a.range in @u82
// CHECK-NEXT: zk.lookup @b.range in @digits
// CHECK-NEXT: zk.lookup @c.range in @u8
// CHECK-NEXT: zk.lookup @d.range in @u32
// CHECK-NEXT: zk.lookup @e.range in @rsqrt2
zk.system extents <tokens 16> {
  zk.axis @token tokens
  zk.column @rsqrt witness [token] in 0 to 255
  zk.column @u3 witness [token] in 0 to 255
  zk.table @u8 [#zk.rows<["x"], 0 to 4>]
  zk.table @digits [#zk.rows<["x"], 0 to 16>]
  zk.table @norm.rsqrt [#zk.rows<["x"], 5 to 9>]
  zk.compute {
  }
  zk.constrain {
    zk.range @a.range bits 8 <"token: rsqrt[token]">
    zk.range @b.range bits 4 <"token: rsqrt[token]">
    zk.range @c.range bits 2 <"token: rsqrt[token]">
    zk.range @d.range bits 3 <"token: u3[token]">
    zk.lookup @e.range in @norm.rsqrt [#zk.expr<"token: u3[token]">]
  }
}
