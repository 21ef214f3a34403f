// RUN: zk-opt %s | zk-opt | filecheck %s

// Prompt and output as columns: rows gathered by a number or along an axis, a column without axes,
// what is revealed through columns. Everything prints as it is written here.

// CHECK:      zk.system extents <generated 64, tokens 64> {
// CHECK:        zk.column @prompt.length witness [] in 1 to 64
// CHECK-NEXT:   zk.column @prompt.ids witness [token] in 0 to 99
// CHECK:        zk.gather @embed.row index <"token: ids[token]"> value <"token, dim: rows[token, dim]"> source <"vocabulary, dim: w[vocabulary, dim]"> {module = "model.embed"}
// CHECK-NEXT:   zk.gather @fed index <"generated: prompt.length[] + step[generated]"> value <"generated: output.ids[generated]"> source <"token: ids[token]">
// CHECK-NEXT:   zk.reveal "prompt" through ["prompt.length", "prompt.ids"]
// CHECK-NEXT:   zk.reveal "output" through ["output.ids"]
zk.system extents <generated 64, tokens 64> {
  zk.axis @token tokens
  zk.axis @generated generated
  zk.axis @dim 8
  zk.axis @vocabulary 100
  zk.column @w param [vocabulary, dim] in -32768 to 32767
  zk.column @rows witness [token, dim] in -32768 to 32767
  zk.column @step public "data" [generated] in 0 to 63 = ["generated"]
  zk.column @ids witness [token] in 0 to 99
  zk.column @prompt.length witness [] in 1 to 64
  zk.column @prompt.ids witness [token] in 0 to 99
  zk.column @output.ids witness [generated] in 0 to 99
  zk.compute {
  }
  zk.constrain {
    zk.gather @embed.row index <"token: ids[token]"> value <"token, dim: rows[token, dim]"> source <"vocabulary, dim: w[vocabulary, dim]"> {module = "model.embed"}
    zk.gather @fed index <"generated: prompt.length[] + step[generated]"> value <"generated: output.ids[generated]"> source <"token: ids[token]">
    zk.reveal "prompt" through ["prompt.length", "prompt.ids"]
    zk.reveal "output" through ["output.ids"]
  }
}
