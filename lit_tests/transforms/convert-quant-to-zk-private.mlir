// RUN: zk-opt %S/../../tests/lowering/tiny.mlir -p "convert-quant-to-zk{private-tokens=true}" | filecheck %s

// Prompt and output as columns of the witness. What the statement may show of them is at the end.

// CHECK:      zk.column @ids witness [token] in 0 to 39
// CHECK-NEXT: zk.column @prompt.length witness [] in 1 to 16
// CHECK-NEXT: zk.column @prompt.before witness [token] in 0 to 1
// CHECK-NEXT: zk.column @prompt.ids witness [token] in 0 to 39
// CHECK-NEXT: zk.column @position public "data" [token] in 0 to 15 = ["token"]
// CHECK:      zk.column @step public "data" [generated] in 0 to 15 = ["generated"]

// A gathered row has the range of its source: the stream's, narrower than its type.
// CHECK-NEXT: zk.column @norm.select.rows witness [generated, channel] in -52428800 to 52428730
// CHECK:      zk.column @vocabulary_index public "data" [vocabulary] in 0 to 39 = ["vocabulary"]

// CHECK:      %ids = zk.prompt ids @ids length @prompt.length before @prompt.before prompt @prompt.ids {module = "prompt"} : !zk.value<[token], 0 to 39>
// CHECK-NEXT: %embed_tokens.weight = zk.read @embed_tokens.weight
// CHECK-NEXT: %embed_tokens = zk.embed %ids, %embed_tokens.weight shift 6 rows @embed_tokens.rows
// CHECK:      %norm.select = zk.select %residual rows @norm.select.rows
// CHECK:      %lm_head = zk.argmax %norm, %embed_tokens.weight width 38 scale 40 ids @output.ids rows @lm_head.rows best @lm_head.best limbs [@lm_head.limb0, @lm_head.limb1, @lm_head.limb2]

// The prompt: `before` is 1 exactly where the position is below the length.
// CHECK:      zk.range @prompt.before.range bits 1 <"token: prompt.before[token]">
// CHECK-NEXT: zk.range @prompt.length.range bits 4 <"token: 16*prompt.before[token] + position[token] - prompt.length[]">
// CHECK-NEXT: zk.einsum @prompt.ids.masked <"token: prompt.ids[token]"> = [#zk.product<"1 * (token: prompt.before[token]) * (token: ids[token])">]

// The embedding: a row of the table by the committed token.
// CHECK-NEXT: zk.gather @embed_tokens.row index <"token: ids[token]"> value <"token, channel: embed_tokens.rows[token, channel]"> source <"vocabulary, channel: embed_tokens.weight[vocabulary, channel]"> {module = "model.embed_tokens"}
// CHECK-NEXT: zk.define @embed_tokens <"token, channel: 64*embed_tokens.rows[token, channel]">

// The generating rows.
// CHECK:      zk.gather @norm.select.row index <"generated: prompt.length[] + step[generated] - 1"> value <"generated, channel: norm.select.rows[generated, channel]"> source <"token, channel: residual.out[token, channel]"> {module = "model.norm"}

// The token's logit, the order of (logit, -index), and where the token is read again.
// CHECK:      zk.gather @lm_head.row index <"generated: output.ids[generated]"> value <"generated, channel: lm_head.rows[generated, channel]"> source <"vocabulary, channel: embed_tokens.weight[vocabulary, channel]"> {module = "lm_head"}
// CHECK-NEXT: zk.einsum @lm_head.attained <"generated: lm_head.best[generated]"> = [#zk.product<"1 * (generated, channel: norm[generated, channel]) * (generated, channel: lm_head.rows[generated, channel])">]
// CHECK:      zk.einsum @lm_head.order <"generated, vocabulary: 40*lm_head.best[generated] + vocabulary_index[vocabulary] - output.ids[generated] - lm_head.limb0[generated, vocabulary] - 65536*lm_head.limb1[generated, vocabulary] - 4294967296*lm_head.limb2[generated, vocabulary]"> = [#zk.product<"40 * (generated, channel: norm[generated, channel]) * (vocabulary, channel: embed_tokens.weight[vocabulary, channel])">]
// CHECK-NEXT: zk.gather @output.ids.fed index <"generated: prompt.length[] + step[generated]"> value <"generated: output.ids[generated]"> source <"token: ids[token]"> {module = "lm_head"}
// CHECK-NEXT: zk.reveal "prompt" through ["prompt.length", "prompt.ids"]
// CHECK-NEXT: zk.reveal "output" through ["output.ids"]
