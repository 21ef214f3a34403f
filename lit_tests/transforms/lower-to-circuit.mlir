// RUN: zk-opt %S/../../tests/lowering/tiny.mlir -p "lower-to-circuit,circuit-stats" | filecheck %s
// RUN: zk-opt %S/../../tests/lowering/tiny.mlir -p "lower-to-circuit{private-tokens=true},circuit-stats" | filecheck %s --check-prefix PRIVATE

// A whole small model: three layers, two key/value heads of two query heads each, window 3. The
// statistics at 16 positions, 8 of which generate, are pinned: a change here is a change of cost.

// CHECK:      circuit.system over <"goldilocks"> extents <generated 16, tokens 16> attributes {cells = array<i64: {{[0-9]+, [0-9]+}}>,
// CHECK-SAME: stats = {columns = 156 : i64, param_cells = 8960 : i64, witness_cells = 44328 : i64, defined_cells = 20480 : i64, lookups = 58624 : i64, lookup_relations = 104 : i64, einsums = 42 : i64, linears = 10 : i64, gathers = 0 : i64, products = 201232 : i64, tables = 16 : i64, table_rows = 692033 : i64, messages = 881 : i64}

// CHECK:      circuit.axis @kv 2
// CHECK-NEXT: circuit.axis @group 2
// CHECK:      circuit.column @embed_tokens.weight param [vocabulary, channel] in -32768 to 32767 {module = "model.embed_tokens.weight"
// CHECK:      circuit.column @self_attn.q_proj.weight param [layer, kv, group, dim, channel] in -32768 to 32767 {module = "model.layers.{layer}.self_attn.q_proj.weight"
// CHECK:      circuit.column @self_attn.o_proj.weight param [layer, channel, kv, group, dim]
// CHECK:      circuit.column @mask public "mask" [layer, token, source] in 0 to 1 windows [3, 3, 0]
// CHECK:      circuit.table @rsqrt
// CHECK:      circuit.table @exp
// CHECK:      circuit.table @act_fn
// CHECK:      circuit.table @u16

// The stream that enters a layer, squared: the embedding and the deltas of the layers before it.
// CHECK:      circuit.einsum @input_layernorm.square_sum
// CHECK-SAME: 64*embed_tokens.weight[token(token), channel] + post_attention_layernorm.limb0[<layer, token, channel]
// CHECK-SAME: {module = "model.layers.{layer}.input_layernorm"}

// One range per limb, except where the table of the activation covers it.
// CHECK:      circuit.lookup @self_attn.q_proj.limb0.range in @u16
// CHECK-NOT:  circuit.lookup @mlp.gate_proj.limb0.range
// CHECK:      circuit.lookup @mlp.act_fn.lookup in @act_fn

// CHECK:      zk.compute {
// CHECK-NEXT:   %{{.*}} = zk.tokens : !zk.value<[token], 0 to 39>
// CHECK-NEXT:   %embed_tokens.weight = zk.read @embed_tokens.weight
// CHECK-NEXT:   %embed_tokens = zk.embed
// CHECK-NEXT:   %residual = zk.layers %embed_tokens
// CHECK:        %self_attn.softmax, %{{.*}} = zk.softmax %self_attn.scores bits 16 table @exp windows [3, 3, 0]
// CHECK:      %lm_head = zk.argmax %norm, %embed_tokens.weight width 32 best @lm_head.best

// With private tokens: a few columns for the prompt and the output, gathered rows, one more limb of
// each logit's order.

// PRIVATE:      circuit.system over <"goldilocks"> extents <generated 16, tokens 16> attributes {cells = array<i64: {{[0-9]+, [0-9]+}}>,
// PRIVATE-SAME: stats = {columns = 167 : i64, param_cells = 8960 : i64, witness_cells = 44897 : i64, defined_cells = 20800 : i64, lookups = 59016 : i64, lookup_relations = 107 : i64, einsums = 44 : i64, linears = 9 : i64, gathers = 4 : i64, products = 201376 : i64, tables = 18 : i64, table_rows = 692171 : i64, messages = 887 : i64}
// PRIVATE:      circuit.column @prompt.length witness [] in 1 to 16 {module = "prompt", blocks = array<i64: {{[0-9]+}}, 7>}
// PRIVATE-NOT:  below-next
// PRIVATE-NOT:  token(token)
// PRIVATE-NOT:  (generated)
// PRIVATE:      circuit.gather @norm.select.row index <"generated: prompt.length[] + step[generated] - 1"> value <"generated, channel: norm.select.rows[generated, channel]"> source <"token, channel: 64*embed_tokens.rows[token, channel] + post_attention_layernorm.limb0[*, token, channel]
// PRIVATE:      circuit.reveal "prompt" through ["prompt.length", "prompt.ids"]
// PRIVATE-NEXT: circuit.reveal "output" through ["output.ids"]
