// RUN: zk-opt %s -p merge-tables | filecheck %s

// Equal contents are one table, other contents of the same name get a number; ranges of one width
// share a table. Steps of the witness program follow.

// CHECK:      zk.table @rsqrt [#zk.rows<["x", "x^2"], 0 to 4>]
// CHECK-NEXT: zk.table @rsqrt2 [#zk.rows<["x", "x^3"], 0 to 4>]
// CHECK-NEXT: zk.table @u8 [#zk.rows<["x"], 0 to 256>]
// CHECK-NEXT: zk.table @u16 [#zk.rows<["x"], 0 to 65536>]
// CHECK-NEXT: zk.compute
// CHECK:      attributes {table = "rsqrt2"}
// CHECK:      attributes {table = "rsqrt"}
// CHECK:      zk.lookup @la in @rsqrt
// CHECK-NEXT: zk.lookup @lb in @rsqrt2
// CHECK-NEXT: zk.lookup @lc in @rsqrt
// CHECK-NEXT: zk.lookup @x.range in @u8 [#zk.expr<"token: x[token]">] {module = "model.x"}
// CHECK-NEXT: zk.lookup @y.range in @u16
// CHECK-NEXT: zk.lookup @z.range in @u8
zk.system max_tokens 16 {
  zk.axis @token tokens
  zk.column @x witness [token] in 0 to 255
  zk.table @a.rsqrt [#zk.rows<["x", "x^2"], 0 to 4>]
  zk.table @b.rsqrt [#zk.rows<["x", "x^3"], 0 to 4>]
  zk.table @c.rsqrt [#zk.rows<["x", "x^2"], 0 to 4>]
  zk.compute {
    zk.layers {
      zk.step "rms_norm" ["x"] to "b" ["token"] attributes {table = "b.rsqrt"} witness {}
      zk.step "rms_norm" ["x"] to "c" ["token"] attributes {table = "c.rsqrt"} witness {}
    }
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
