// RUN: zk-opt %s -p virtualize --split-input-file | filecheck %s

// A rounded value is its limbs, an accumulator is affine in both; columns and definitions go.

// CHECK-LABEL: zk.system extents <generated 16, tokens 16>
// CHECK-NOT:   virtual
// CHECK-NOT:   zk.define
// CHECK:       zk.linear @read <"layer, token: 524288*y.limb1[layer, token] + 8*y.limb0[layer, token] + y.rem0[layer, token] - 67108868">
zk.system extents <generated 16, tokens 16> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @y virtual [layer, token] in -8388608 to 8388607
  zk.column @y.acc virtual [layer, token] in -67108868 to 67108859
  zk.column @y.limb0 witness [layer, token] in 0 to 65535
  zk.column @y.limb1 witness [layer, token] in 0 to 255
  zk.column @y.rem0 witness [layer, token] in 0 to 7
  zk.compute {
  }
  zk.constrain {
    zk.define @y.acc <"layer, token: 8*y[layer, token] + y.rem0[layer, token] - 4">
    zk.define @y <"layer, token: 65536*y.limb1[layer, token] + y.limb0[layer, token] - 8388608">
    zk.linear @read <"layer, token: y.acc[layer, token]">
  }
}

// -----

// The residual stream: what entered plus the deltas of the layers before. A constant c of each
// delta adds up to c times the layer's number, or to c times the number of layers at the end, where
// the token at a generating position is the one before the generated.

// CHECK-LABEL: zk.system extents <generated 32, tokens 32>
// CHECK:       zk.column @layer_index public "data" [layer] in 0 to 2 = ["layer"]
// CHECK:       zk.linear @inside <"layer, token: 4*table[token(token)] + delta.limb0[<layer, token] - 128*layer_index[layer]">
// CHECK:       zk.linear @after <"generated: 4*table[previous(generated)] + delta.limb0[*, window(generated)] - 384">
zk.system extents <generated 32, tokens 32> {
  zk.axis @layer 3
  zk.axis @token tokens
  zk.axis @generated generated
  zk.axis @vocabulary 10
  zk.column @table param [vocabulary] in -8 to 7
  zk.column @delta.limb0 witness [layer, token] in 0 to 255
  zk.column @start virtual [token] in -32 to 28
  zk.column @delta virtual [layer, token] in -128 to 127
  zk.column @residual virtual [layer, token] in -1000 to 1000
  zk.column @residual.out virtual [token] in -1000 to 1000
  zk.compute {
  }
  zk.constrain {
    zk.define @start <"token: 4*table[token(token)]">
    zk.define @delta <"layer, token: delta.limb0[layer, token] - 128">
    zk.define @residual <"layer, token: start[token] + delta[<layer, token]">
    zk.define @residual.out <"token: start[token] + delta[*, token]">
    zk.linear @inside <"layer, token: residual[layer, token]">
    zk.linear @after <"generated: residual.out[window(generated)]">
  }
}

// -----

// Half-split rotation gives a constant the sign of its half.

// CHECK-LABEL: zk.system extents <generated 64, tokens 64>
// CHECK:       zk.column @dim_sign public "data" [dim] in -1 to 1 = ["2 * floor(dim / 4) - 1"]
// CHECK:       zk.einsum @e <"dim: x.limb0[dim] - 8"> = [#zk.product<"1 * (dim: x.limb0[rot(dim)] - 8*dim_sign[dim])">]
// CHECK:       zk.lookup @l in @t [#zk.expr<"dim: x.limb0[rot(dim)] - 8*dim_sign[dim]">]
// CHECK:       zk.range @r bits 4 <"dim: x.limb0[dim]">
zk.system extents <generated 64, tokens 64> {
  zk.axis @dim 8
  zk.column @x virtual [dim] in -8 to 7
  zk.column @x.limb0 witness [dim] in 0 to 15
  zk.table @t [#zk.rows<["x"], -8 to 9>]
  zk.compute {
  }
  zk.constrain {
    zk.define @x <"dim: x.limb0[dim] - 8">
    zk.einsum @e <"dim: x[dim]"> = [#zk.product<"1 * (dim: x[rot(dim)])">]
    zk.lookup @l in @t [#zk.expr<"dim: x[rot(dim)]">]
    zk.range @r bits 4 <"dim: x[dim] + 8">
  }
}

// -----

// All three expressions of a gather are written out.

// CHECK-LABEL: zk.system extents <generated 16, tokens 16>
// CHECK:       zk.gather @g index <"token: id.limb0[token] - 1"> value <"token, dim: 2*x.limb0[token, dim] - 16"> source <"vocabulary, dim: 3*w[vocabulary, dim]">
zk.system extents <generated 16, tokens 16> {
  zk.axis @token tokens
  zk.axis @dim 8
  zk.axis @vocabulary 10
  zk.column @w param [vocabulary, dim] in -8 to 7
  zk.column @id.limb0 witness [token] in 0 to 15
  zk.column @x.limb0 witness [token, dim] in 0 to 15
  zk.column @id virtual [token] in -1 to 14
  zk.column @x virtual [token, dim] in -8 to 7
  zk.column @rows virtual [vocabulary, dim] in -24 to 21
  zk.compute {
  }
  zk.constrain {
    zk.define @id <"token: id.limb0[token] - 1">
    zk.define @x <"token, dim: x.limb0[token, dim] - 8">
    zk.define @rows <"vocabulary, dim: 3*w[vocabulary, dim]">
    zk.gather @g index <"token: id[token]"> value <"token, dim: 2*x[token, dim]"> source <"vocabulary, dim: rows[vocabulary, dim]">
  }
}

// -----

// A public column that is there already is read; a name that another column has is not taken.

// CHECK-LABEL: zk.system extents <tokens 128>
// CHECK:       zk.column @number public "data" [layer] in 0 to 2 = ["layer"]
// CHECK-NEXT:  zk.column @dim_sign witness [dim] in 0 to 1
// CHECK-NEXT:  zk.column @dim_sign2 public "data" [dim] in -1 to 1
// CHECK-NEXT:  zk.compute
// CHECK:       zk.linear @before <"layer: 7*number[layer]">
// CHECK:       zk.linear @turned <"dim: dim_sign[rot(dim)] - 8*dim_sign2[dim]">
zk.system extents <tokens 128> {
  zk.axis @layer 3
  zk.axis @dim 8
  zk.column @number public "data" [layer] in 0 to 2 = ["layer"]
  zk.column @dim_sign witness [dim] in 0 to 1
  zk.column @seven virtual [layer] in 7 to 7
  zk.column @shifted virtual [dim] in -8 to -7
  zk.compute {
  }
  zk.constrain {
    zk.define @seven <"layer: 7">
    zk.define @shifted <"dim: dim_sign[dim] - 8">
    zk.linear @before <"layer: seven[<layer]">
    zk.linear @turned <"dim: shifted[rot(dim)]">
  }
}
