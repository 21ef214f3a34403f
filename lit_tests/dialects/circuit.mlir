// RUN: zk-opt %s | zk-opt | filecheck %s

// Everything prints as it is written here.

// CHECK:      circuit.system over <"goldilocks"> extents <generated 64, tokens 64> {
// CHECK-NEXT:   circuit.axis @token tokens
// CHECK-NEXT:   circuit.axis @dim 8
// CHECK-NEXT:   circuit.column @x witness [token, dim] in 0 to 65535 {module = "model.x"}
// CHECK-NEXT:   circuit.column @w param [dim] in -32768 to 32767
// CHECK-NEXT:   circuit.column @sign public "data" [dim] in -1 to 1 = ["2 * floor(dim / 4) - 1"]
// CHECK-NEXT:   circuit.table @u16 [#zk.rows<["x"], 0 to 65536>]
// CHECK-NEXT:   circuit.einsum @dot <"token: 0"> = [#zk.product<"1 * (token, dim: x[token, dim]) * (dim: w[dim])">] bound <17179869184> {module = "model.x"}
// CHECK-NEXT:   circuit.lookup @x.range in @u16 [#zk.expr<"token, dim: x[token, dim]">]
// CHECK-NEXT:   circuit.linear @zero <"token, dim: x[token, dim] - x[token, dim]"> bound <18446744069414584320>
// CHECK-NEXT:   zk.compute {
// CHECK-NEXT:     %{{.*}} = zk.read @w : !zk.value<[dim], -32768 to 32767>
// CHECK-NEXT:     %{{.*}} = zk.mul %{{.*}}, %{{.*}} shift 0 bits 16 limbs [@x] : (!zk.value<[dim], -32768 to 32767>, !zk.value<[dim], -32768 to 32767>) -> !zk.value<[dim], -32768 to 32767>
circuit.system over <"goldilocks"> extents <generated 64, tokens 64> {
  circuit.axis @token tokens
  circuit.axis @dim 8
  circuit.column @x witness [token, dim] in 0 to 65535 {module = "model.x"}
  circuit.column @w param [dim] in -32768 to 32767
  circuit.column @sign public "data" [dim] in -1 to 1 = ["2 * floor(dim / 4) - 1"]
  circuit.table @u16 [#zk.rows<["x"], 0 to 65536>]
  circuit.einsum @dot <"token: 0"> = [#zk.product<"1 * (token, dim: x[token, dim]) * (dim: w[dim])">] bound <17179869184> {module = "model.x"}
  circuit.lookup @x.range in @u16 [#zk.expr<"token, dim: x[token, dim]">]
  circuit.linear @zero <"token, dim: x[token, dim] - x[token, dim]"> bound <18446744069414584320>
  zk.compute {
    %w = zk.read @w : !zk.value<[dim], -32768 to 32767>
    %x = zk.mul %w, %w shift 0 bits 16 limbs [@x] : (!zk.value<[dim], -32768 to 32767>, !zk.value<[dim], -32768 to 32767>) -> !zk.value<[dim], -32768 to 32767>
  }
}

// Prompt and output as columns.

// CHECK:      circuit.gather @embed.row index <"token: ids[token]"> value <"token, dim: rows[token, dim]"> source <"vocabulary, dim: w[vocabulary, dim]"> {module = "model.embed"}
// CHECK-NEXT: circuit.reveal "prompt" through ["prompt.length", "prompt.ids"]
// CHECK-NEXT: circuit.reveal "output" through ["output.ids"]
circuit.system over <"goldilocks"> extents <generated 64, tokens 64> {
  circuit.axis @token tokens
  circuit.axis @generated generated
  circuit.axis @dim 8
  circuit.axis @vocabulary 100
  circuit.column @w param [vocabulary, dim] in -32768 to 32767
  circuit.column @rows witness [token, dim] in -32768 to 32767
  circuit.column @ids witness [token] in 0 to 99
  circuit.column @prompt.length witness [] in 1 to 64
  circuit.column @prompt.ids witness [token] in 0 to 99
  circuit.column @output.ids witness [generated] in 0 to 99
  circuit.gather @embed.row index <"token: ids[token]"> value <"token, dim: rows[token, dim]"> source <"vocabulary, dim: w[vocabulary, dim]"> {module = "model.embed"}
  circuit.reveal "prompt" through ["prompt.length", "prompt.ids"]
  circuit.reveal "output" through ["output.ids"]
  zk.compute {
  }
}
