// RUN: zk-opt %s | zk-opt | filecheck %s

// Everything prints as it is written here.

// CHECK:      zk.system extents <generated 64, tokens 64> {
// CHECK-NEXT:   zk.axis @layer 6
// CHECK-NEXT:   zk.axis @token tokens
// CHECK-NEXT:   zk.axis @source tokens
// CHECK-NEXT:   zk.axis @generated generated
// CHECK-NEXT:   zk.axis @dim 8
// CHECK-NEXT:   zk.axis @vocabulary 100
// CHECK-NEXT:   zk.column @w param [vocabulary, dim] in -32768 to 32767 {module = "model.w"}
// CHECK-NEXT:   zk.column @x virtual [layer, token, dim] in -8388608 to 8388607 {module = "model.x"}
// CHECK-NEXT:   zk.column @x.limb0 witness [layer, token, dim] in 0 to 65535
// CHECK-NEXT:   zk.column @x.limb1 witness [layer, token, dim] in 0 to 255
// CHECK-NEXT:   zk.column @big witness [generated] in -4611686018427387904 to 4611686018427387904
// CHECK-NEXT:   zk.column @layer_index public "data" [layer] in 0 to 5 = ["layer"]
// CHECK-NEXT:   zk.column @mask public "mask" [layer, token, source] in 0 to 1 windows [24, 24, 0, 24, 24, 0]
// CHECK-NEXT:   zk.column @below public "below-next" [generated, vocabulary] in 0 to 1
// CHECK-NEXT:   zk.table @rsqrt [#zk.rows<["x", "round(2^23 / sqrt(x))"], 16384 to 65536>]
// CHECK-NEXT:   zk.compute {
// CHECK-NEXT:     %w = zk.read @w : !zk.value<[vocabulary, dim], -32768 to 32767>
// CHECK-NEXT:   }
// CHECK-NEXT:   zk.constrain {
// CHECK-NEXT:     zk.define @x <"layer, token, dim: 65536*x.limb1[layer, token, dim] + x.limb0[layer, token, dim] - 8388608">
// CHECK-NEXT:     zk.einsum @x.square <"layer, token: 5"> = [#zk.product<"-2 * (layer, token, dim: x[<layer, token, dim]) * (layer, token, dim: x[pick(layer; 0 0 1 0 0 1), token, rot(dim)])">] limit <18446744069414584320> {module = "model.x"}
// CHECK-NEXT:     zk.lookup @x.reciprocal in @rsqrt [#zk.expr<"token, dim: x.limb0[*, token, dim]">, #zk.expr<"token, dim: w[token(token), dim]">]
// CHECK-NEXT:     zk.range @x.limb1.range bits 8 <"layer, token, dim: x.limb1[layer, token, dim]">
// CHECK-NEXT:     zk.linear @next <"generated, dim: w[next(generated), dim] - w[previous(generated), dim] + x.limb0[*, window(generated), dim]"> bound <9>
// CHECK-NEXT:     zk.reveal "prompt"
// CHECK-NEXT:     zk.reveal "output"
zk.system extents <generated 64, tokens 64> {
  zk.axis @layer 6
  zk.axis @token tokens
  zk.axis @source tokens
  zk.axis @generated generated
  zk.axis @dim 8
  zk.axis @vocabulary 100
  zk.column @w param [vocabulary, dim] in -32768 to 32767 {module = "model.w"}
  zk.column @x virtual [layer, token, dim] in -8388608 to 8388607 {module = "model.x"}
  zk.column @x.limb0 witness [layer, token, dim] in 0 to 65535
  zk.column @x.limb1 witness [layer, token, dim] in 0 to 255
  zk.column @big witness [generated] in -4611686018427387904 to 4611686018427387904
  zk.column @layer_index public "data" [layer] in 0 to 5 = ["layer"]
  zk.column @mask public "mask" [layer, token, source] in 0 to 1 windows [24, 24, 0, 24, 24, 0]
  zk.column @below public "below-next" [generated, vocabulary] in 0 to 1
  zk.table @rsqrt [#zk.rows<["x", "round(2^23 / sqrt(x))"], 16384 to 65536>]
  zk.compute {
    %w = zk.read @w : !zk.value<[vocabulary, dim], -32768 to 32767>
  }
  zk.constrain {
    zk.define @x <"layer, token, dim: 65536*x.limb1[layer, token, dim] + x.limb0[layer, token, dim] - 8388608">
    zk.einsum @x.square <"layer, token: 5"> = [#zk.product<"-2 * (layer, token, dim: x[<layer, token, dim]) * (layer, token, dim: x[pick(layer; 0 0 1 0 0 1), token, rot(dim)])">] limit <18446744069414584320> {module = "model.x"}
    zk.lookup @x.reciprocal in @rsqrt [#zk.expr<"token, dim: x.limb0[*, token, dim]">, #zk.expr<"token, dim: w[token(token), dim]">]
    zk.range @x.limb1.range bits 8 <"layer, token, dim: x.limb1[layer, token, dim]">
    zk.linear @next <"generated, dim: w[next(generated), dim] - w[previous(generated), dim] + x.limb0[*, window(generated), dim]"> bound <9>
    zk.reveal "prompt"
    zk.reveal "output"
  }
}
