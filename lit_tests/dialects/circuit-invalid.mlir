// RUN: zk-opt %s --split-input-file --parsing-diagnostics --verify-diagnostics | filecheck %s

// What the verifiers refuse, in words.

// CHECK: a circuit has no virtual columns
circuit.system over <"goldilocks"> extents <generated 8, tokens 8> {
  circuit.axis @token tokens
  circuit.column @x witness [token] in 0 to 7
  circuit.column @y virtual [token] in 0 to 1
  zk.compute {
  }
}

// -----

// CHECK: relation z: bound 18446744069414584321 may wrap
circuit.system over <"goldilocks"> extents <generated 8, tokens 8> {
  circuit.axis @token tokens
  circuit.column @x witness [token] in 0 to 7
  circuit.linear @z <"token: x[token]"> bound <18446744069414584321>
  zk.compute {
  }
}

// -----

// CHECK: relation z: bound 0 may wrap
circuit.system over <"goldilocks"> extents <generated 8, tokens 8> {
  circuit.axis @token tokens
  circuit.column @x witness [token] in 0 to 7
  circuit.einsum @z <"token: x[token]"> = [#zk.product<"1 * (token: 1)">] bound <0>
  zk.compute {
  }
}

// -----

// CHECK: relation z: table t does not fit
circuit.system over <"goldilocks"> extents <generated 8, tokens 8> {
  circuit.axis @token tokens
  circuit.column @x witness [token] in 0 to 7
  circuit.lookup @z in @t [#zk.expr<"token: 1">]
  zk.compute {
  }
}

// -----

// CHECK: relation z: unknown column y
circuit.system over <"goldilocks"> extents <generated 8, tokens 8> {
  circuit.axis @token tokens
  circuit.column @x witness [token] in 0 to 7
  circuit.linear @z <"token: y[token]"> bound <1>
  zk.compute {
  }
}

// -----

// CHECK: circuit.system has parts only
circuit.system over <"goldilocks"> extents <generated 8, tokens 8> {
  circuit.axis @token tokens
  circuit.column @x witness [token] in 0 to 7
  zk.axis @other 3
  zk.compute {
  }
}

// -----

// CHECK: Redefinition of symbol
circuit.system over <"goldilocks"> extents <generated 8, tokens 8> {
  circuit.axis @token tokens
  circuit.column @x witness [token] in 0 to 7
  circuit.table @x [#zk.rows<["x"], 0 to 4>]
  zk.compute {
  }
}

// -----

// CHECK: one zk.compute is needed
circuit.system over <"goldilocks"> extents <generated 8, tokens 8> {
  circuit.axis @token tokens
  circuit.column @x witness [token] in 0 to 7
}

// -----

// CHECK: the value of a gather has the axes of its index, then those of a row of its source
circuit.system over <"goldilocks"> extents <generated 8, tokens 8> {
  circuit.axis @token tokens
  circuit.axis @dim 4
  circuit.column @x witness [token, dim] in 0 to 7
  circuit.gather @z index <"token: 1"> value <"dim, token: x[token, dim]"> source <"token, dim: x[token, dim]">
  zk.compute {
  }
}

// -----

// CHECK: a circuit reveals columns
circuit.system over <"goldilocks"> extents <generated 8, tokens 8> {
  circuit.axis @token tokens
  circuit.column @x witness [token] in 0 to 7
  circuit.reveal "prompt"
  zk.compute {
  }
}

// -----

// CHECK: weights can not be revealed
circuit.system over <"goldilocks"> extents <generated 8, tokens 8> {
  circuit.axis @token tokens
  circuit.column @x witness [token] in 0 to 7
  circuit.reveal "weights" through ["x"]
  zk.compute {
  }
}

// -----

// CHECK: the prompt is revealed through columns of another form
circuit.system over <"goldilocks"> extents <generated 8, tokens 8> {
  circuit.axis @token tokens
  circuit.axis @generated generated
  circuit.column @ids witness [token] in 0 to 7
  circuit.column @out witness [generated] in 0 to 7
  circuit.reveal "prompt" through ["ids"]
  circuit.reveal "output" through ["out"]
  zk.compute {
  }
}
