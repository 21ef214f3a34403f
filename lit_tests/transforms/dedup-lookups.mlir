// RUN: zk-opt %s -p dedup-lookups | filecheck %s

// Dropped: a range of what a table of 0 .. 255 holds, or two tables have in common, a second range, and a
// wider one. Kept: the range of a neighbour, and one where the table also holds other values.

// CHECK:      zk.lookup @table
// CHECK-NEXT: zk.lookup @high
// CHECK-NEXT: zk.lookup @low
// CHECK-NEXT: zk.range @narrow bits 3 <"token: y[token]">
// CHECK-NEXT: zk.range @other bits 8 <"token: x[token] + 1">
// CHECK-NEXT: zk.range @negative bits 8 <"token: z[token]">
// CHECK-NEXT: zk.linear
zk.system extents <tokens 16> {
  zk.axis @token tokens
  zk.column @x witness [token] in 0 to 255
  zk.column @v witness [token] in -1 to 300
  zk.column @y witness [token] in 0 to 255
  zk.column @z witness [token] in -1 to 255
  zk.table @s [#zk.rows<["x"], 0 to 300>]
  zk.table @t [#zk.rows<["x", "x - 1"], 0 to 256>]
  zk.compute {
  }
  zk.constrain {
    zk.lookup @table in @t [#zk.expr<"token: x[token]">, #zk.expr<"token: z[token]">]
    zk.lookup @high in @s [#zk.expr<"token: v[token]">]
    zk.lookup @low in @t [#zk.expr<"token: x[token] + 2">, #zk.expr<"token: v[token]">]
    zk.range @both bits 8 <"token: v[token]">
    zk.range @implied bits 8 <"token: x[token]">
    zk.range @wide bits 8 <"token: y[token]">
    zk.range @narrow bits 3 <"token: y[token]">
    zk.range @twice bits 3 <"token: y[token]">
    zk.range @other bits 8 <"token: x[token] + 1">
    zk.range @negative bits 8 <"token: z[token]">
    zk.linear @zero <"token: 0">
  }
}
