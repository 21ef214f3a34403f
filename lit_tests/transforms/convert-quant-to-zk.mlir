// RUN: zk-opt %S/../../tests/lowering/tiny.mlir -p convert-quant-to-zk | filecheck %s

// The relations of each operation.

// The embedding: a row of the table by the public token.
// CHECK:      zk.define @embed_tokens <"token, channel: 64*embed_tokens.weight[token(token), channel]">

// RMS norm: 4^e m + rem = S with rem < 4^e; u = r 2^(emax - e) scales the row.
// CHECK-DAG:  zk.einsum @self_attn.q_norm.square_sum <"layer, kv, group, token: self_attn.q_norm.pm[layer, kv, group, token] + self_attn.q_norm.remainder0[layer, kv, group, token] - 34"> = [#zk.product<"1 * (layer, kv, group, token, dim: self_attn.q_proj[layer, kv, group, token, dim]) * (layer, kv, group, token, dim: self_attn.q_proj[layer, kv, group, token, dim])">]
// CHECK-DAG:  zk.einsum @self_attn.q_norm.mantissa <"layer, kv, group, token: self_attn.q_norm.pm[layer, kv, group, token]"> = [#zk.product<"1 * (layer, kv, group, token: self_attn.q_norm.p4[layer, kv, group, token]) * (layer, kv, group, token: self_attn.q_norm.m[layer, kv, group, token])">]
// CHECK-DAG:  zk.einsum @self_attn.q_norm.scale <"layer, kv, group, token: self_attn.q_norm.u[layer, kv, group, token]"> = [#zk.product<"1 * (layer, kv, group, token: self_attn.q_norm.r[layer, kv, group, token]) * (layer, kv, group, token: self_attn.q_norm.p2[layer, kv, group, token])">]
// CHECK-DAG:  zk.lookup @self_attn.q_norm.reciprocal in @self_attn.q_norm.rsqrt [#zk.expr<"layer, kv, group, token: self_attn.q_norm.m[layer, kv, group, token]">, #zk.expr<"layer, kv, group, token: self_attn.q_norm.r[layer, kv, group, token]">]
// CHECK-DAG:  zk.lookup @self_attn.q_norm.exponent in @self_attn.q_norm.exponents [#zk.expr<"layer, kv, group, token: self_attn.q_norm.p2[layer, kv, group, token]">, #zk.expr<"layer, kv, group, token: self_attn.q_norm.p4[layer, kv, group, token]">]
// CHECK-DAG:  zk.linear @self_attn.q_norm.remainder_below <"layer, kv, group, token: self_attn.q_norm.p4[layer, kv, group, token] - self_attn.q_norm.remainder0[layer, kv, group, token] - self_attn.q_norm.slack0[layer, kv, group, token] - 1">
// CHECK-DAG:  zk.einsum @self_attn.q_norm.requantize <"layer, kv, group, token, dim: 4294967296*self_attn.q_norm[layer, kv, group, token, dim] + self_attn.q_norm.rem0[layer, kv, group, token, dim] + 65536*self_attn.q_norm.rem1[layer, kv, group, token, dim] - 2147483648"> = [#zk.product<"1 * (layer, kv, group, token, dim: self_attn.q_proj[layer, kv, group, token, dim]) * (layer, kv, group, token: self_attn.q_norm.u[layer, kv, group, token]) * (layer, dim: self_attn.q_norm.weight[layer, dim])">] limit <140742823510016>

// Rotation: two products, cosines and sines of the layer's kind.
// CHECK-DAG:  zk.range @self_attn.q_norm.rope.rem0.range bits 16 <"layer, kv, group, token, dim: self_attn.q_norm.rope.rem0[layer, kv, group, token, dim]">
// CHECK-DAG:  zk.einsum @self_attn.q_norm.rope.requantize <"layer, kv, group, token, dim: 65536*self_attn.q_norm.rope[layer, kv, group, token, dim] + self_attn.q_norm.rope.rem0[layer, kv, group, token, dim] - 32768"> = [#zk.product<"1 * (layer, kv, group, token, dim: self_attn.q_norm[layer, kv, group, token, dim]) * (layer, token, dim: rope.cos[pick(layer; 0 0 1), token, dim])">, #zk.product<"1 * (layer, kv, group, token, dim: self_attn.q_norm[layer, kv, group, token, rot(dim)]) * (layer, token, dim: rope.sin[pick(layer; 0 0 1), token, dim])">]

// Scores: keys are read at `source`, and without `group`.
// CHECK-DAG:  zk.einsum @self_attn.scores.requantize <"layer, kv, group, token, source: 32768*self_attn.scores[layer, kv, group, token, source] + self_attn.scores.rem0[layer, kv, group, token, source] - 16384"> = [#zk.product<"1 * (layer, kv, group, token, dim: self_attn.q_norm.rope[layer, kv, group, token, dim]) * (layer, kv, source, dim: self_attn.k_norm.rope[layer, kv, source, dim])">]

// Softmax: (d, e, select) with d = top - s, raised where the mask forbids; one maximum; reciprocal.
// CHECK-DAG:  zk.lookup @self_attn.softmax.exponential in @self_attn.softmax.exp [#zk.expr<"layer, kv, group, token, source: self_attn.softmax.top0[layer, kv, group, token] - self_attn.scores[layer, kv, group, token, source] - 131072*mask[layer, token, source] + 98304">, #zk.expr<"layer, kv, group, token, source: self_attn.softmax.e[layer, kv, group, token, source]">, #zk.expr<"layer, kv, group, token, source: self_attn.softmax.select[layer, kv, group, token, source]">]
// CHECK-DAG:  zk.linear @self_attn.softmax.one_maximum <"layer, kv, group, token: self_attn.softmax.select[layer, kv, group, token, *] - 1">
// CHECK-DAG:  zk.einsum @self_attn.softmax.reciprocal <"layer, kv, group, token: -self_attn.softmax.remainder0[layer, kv, group, token] - 65536*self_attn.softmax.remainder1[layer, kv, group, token] + 4294967296"> = [#zk.product<"1 * (layer, kv, group, token: self_attn.softmax.inv[layer, kv, group, token]) * (layer, kv, group, token: self_attn.softmax.e[layer, kv, group, token, *])">]
// CHECK-DAG:  zk.linear @self_attn.softmax.remainder_below <"layer, kv, group, token: self_attn.softmax.e[layer, kv, group, token, *] - self_attn.softmax.remainder0[layer, kv, group, token] - 65536*self_attn.softmax.remainder1[layer, kv, group, token] - self_attn.softmax.slack0[layer, kv, group, token] - 65536*self_attn.softmax.slack1[layer, kv, group, token] - 1">
// CHECK-DAG:  zk.einsum @self_attn.attend.requantize <"layer, kv, group, token, dim: 4294967296*self_attn.attend[layer, kv, group, token, dim] + self_attn.attend.rem0[layer, kv, group, token, dim] + 65536*self_attn.attend.rem1[layer, kv, group, token, dim] - 2147483648"> = [#zk.product<"1 * (layer, kv, group, token, source: self_attn.softmax.e[layer, kv, group, token, source]) * (layer, kv, group, token: self_attn.softmax.inv[layer, kv, group, token]) * (layer, kv, source, dim: self_attn.v_proj[layer, kv, source, dim])">] limit <140737488355328>

// A linear layer over heads; the activation; the gate.
// CHECK-DAG:  zk.einsum @self_attn.o_proj.requantize <"layer, token, channel: 32768*self_attn.o_proj[layer, token, channel] + self_attn.o_proj.rem0[layer, token, channel] - 16384"> = [#zk.product<"1 * (layer, kv, group, token, dim: self_attn.attend[layer, kv, group, token, dim]) * (layer, channel, kv, group, dim: self_attn.o_proj.weight[layer, channel, kv, group, dim])">]
// CHECK-DAG:  zk.lookup @mlp.act_fn.lookup in @mlp.act_fn.act_fn [#zk.expr<"layer, token, intermediate: mlp.gate_proj[layer, token, intermediate] + 32768">, #zk.expr<"layer, token, intermediate: mlp.act_fn[layer, token, intermediate]">]
// CHECK-DAG:  zk.einsum @mlp.mul.requantize <"layer, token, intermediate: 2048*mlp.mul[layer, token, intermediate] + mlp.mul.rem0[layer, token, intermediate] - 1024"> = [#zk.product<"1 * (layer, token, intermediate: mlp.act_fn[layer, token, intermediate]) * (layer, token, intermediate: mlp.up_proj[layer, token, intermediate])">]

// 24-bit deltas have two limbs; the residual stream is all deltas before.
// CHECK-DAG:  zk.define @post_attention_layernorm <"layer, token, channel: post_attention_layernorm.limb0[layer, token, channel] + 65536*post_attention_layernorm.limb1[layer, token, channel] - 8388608">
// CHECK-DAG:  zk.define @residual <"layer, token, channel: embed_tokens[token, channel] + post_attention_layernorm[<layer, token, channel] + post_feedforward_layernorm[<layer, token, channel]">

// The generating rows, and the lowest index of the largest logit.
// CHECK-DAG:  zk.define @norm.select <"generated, channel: residual.out[window(generated), channel]">
// CHECK-DAG:  zk.einsum @lm_head.maximum <"generated, vocabulary: lm_head.best[generated] - lm_head.limb0[generated, vocabulary] - 65536*lm_head.limb1[generated, vocabulary] - lm_head.below_next[generated, vocabulary]"> = [#zk.product<"1 * (generated, channel: norm[generated, channel]) * (vocabulary, channel: embed_tokens.weight[vocabulary, channel])">]
// CHECK-DAG:  zk.linear @lm_head.attained <"generated: lm_head.limb0[generated, next(generated)] + 65536*lm_head.limb1[generated, next(generated)]">
