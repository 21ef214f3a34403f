// RUN: zk-opt %s --split-input-file --verify-diagnostics | filecheck %s

// The bounds of a circuit that is read are computed again. One that is larger than it has to be is no fault.

// CHECK: circuit.linear @loose {{.*}} bound <15>
circuit.system over <"goldilocks"> extents <tokens 4> {
  circuit.axis @token tokens
  circuit.column @x witness [token] in 0 to 9
  circuit.linear @loose <"token: 2*x[token] - 4"> bound <15>
  zk.compute {
  }
}

// -----

// CHECK: circuit-bounds.mlir:20:3: circuit.linear: relation false: its sides may reach 14, more than its bound 1
circuit.system over <"goldilocks"> extents <tokens 4> {
  circuit.axis @token tokens
  circuit.column @x witness [token] in 0 to 9
  circuit.linear @false <"token: 2*x[token] - 4"> bound <1>
  zk.compute {
  }
}

// -----

// What is summed counts as often as there are cells.

// CHECK: circuit-bounds.mlir:35:3: circuit.einsum: relation sum (model.sum): its sides may reach 83, more than its bound 82
circuit.system over <"goldilocks"> extents <tokens 4> {
  circuit.axis @token tokens
  circuit.axis @channel 8
  circuit.column @x witness [token, channel] in 0 to 9
  circuit.column @y witness [token] in -2 to 11
  circuit.einsum @sum <"token: y[token]"> = [#zk.product<"1 * (token, channel: x[token, channel])">] bound <82> {module = "model.sum"}
  zk.compute {
  }
}

// -----

// A column that a relation defines is as far from another as its definition: |y|^2 is near |x|^2, which is small.

// CHECK: circuit.einsum @near {{.*}} bound <976>
circuit.system over <"goldilocks"> extents <tokens 4> {
  circuit.axis @token tokens
  circuit.axis @channel 4
  circuit.column @x witness [token, channel] in -1000 to 1000
  circuit.column @small witness [token] in 0 to 400
  circuit.column @d witness [token, channel] in -1 to 1
  circuit.column @y witness [token, channel] in -1001 to 1001
  circuit.einsum @first <"token: small[token]"> = [#zk.product<"1 * (token, channel: x[token, channel]) * (token, channel: x[token, channel])">] bound <4000400>
  circuit.linear @sum <"token, channel: x[token, channel] + d[token, channel] - y[token, channel]"> bound <2002>
  circuit.einsum @near <"token: small[token]"> = [#zk.product<"1 * (token, channel: y[token, channel]) * (token, channel: y[token, channel])">] bound <976>
  zk.compute {
  }
}
