// RUN: zk-opt %s -p bound-relations --split-input-file | filecheck %s

// |left| + |right| from the intervals of columns at the largest shape: y in [-8, 7] by its
// definition, 4 y + rem - 2 in [-34, 29], and 3 * 7 * 20 * 16 tokens on the right.

// CHECK: zk.einsum @dot {{.*}} bound <6754>
// CHECK: zk.einsum @limited {{.*}} limit <100> bound <134>
// CHECK: zk.linear @before <"layer: x[<layer, *] - 4"> bound <220>
// CHECK: zk.linear @rotated {{.*}} bound <5>
zk.system extents <tokens 16> {
  zk.axis @layer 3
  zk.axis @token tokens
  zk.axis @dim 4
  zk.column @y virtual [layer] in -8 to 7
  zk.column @y.limb0 witness [layer] in 0 to 15
  zk.column @y.rem0 witness [layer] in 0 to 3
  zk.column @x witness [layer, token] in 0 to 7
  zk.column @w param [token, dim] in -5 to 4
  zk.compute {
  }
  zk.constrain {
    zk.define @y <"layer: y.limb0[layer] - 8">
    zk.einsum @dot <"layer: 4*y[layer] + y.rem0[layer] - 2"> = [#zk.product<"-3 * (layer, token: x[layer, token]) * (token: w[token, *])">]
    zk.einsum @limited <"layer: 4*y[layer] + y.rem0[layer] - 2"> = [#zk.product<"3 * (layer, token: x[layer, token]) * (token: w[token, *])">] limit <100>
    zk.linear @before <"layer: x[<layer, *] - 4">
    zk.linear @rotated <"token, dim: w[token, rot(dim)]">
  }
}
