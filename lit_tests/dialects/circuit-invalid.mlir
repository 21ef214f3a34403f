// RUN: zk-opt %s --split-input-file --parsing-diagnostics --verify-diagnostics | filecheck %s

// What the verifiers refuse, in words.

// CHECK: a circuit has no virtual columns
circuit.system over <"goldilocks"> max_tokens 8 {
  circuit.axis @token tokens
  circuit.column @x witness [token] in 0 to 7
  circuit.column @y virtual [token] in 0 to 1
  zk.compute {
    zk.layers {
    }
  }
}

// -----

// CHECK: relation z: bound 18446744069414584321 may wrap
circuit.system over <"goldilocks"> max_tokens 8 {
  circuit.axis @token tokens
  circuit.column @x witness [token] in 0 to 7
  circuit.linear @z <"token: x[token]"> bound <18446744069414584321>
  zk.compute {
    zk.layers {
    }
  }
}

// -----

// CHECK: relation z: bound 0 may wrap
circuit.system over <"goldilocks"> max_tokens 8 {
  circuit.axis @token tokens
  circuit.column @x witness [token] in 0 to 7
  circuit.einsum @z <"token: x[token]"> = [#zk.product<"1 * (token: 1)">] bound <0>
  zk.compute {
    zk.layers {
    }
  }
}

// -----

// CHECK: relation z: table t does not fit
circuit.system over <"goldilocks"> max_tokens 8 {
  circuit.axis @token tokens
  circuit.column @x witness [token] in 0 to 7
  circuit.lookup @z in @t [#zk.expr<"token: 1">]
  zk.compute {
    zk.layers {
    }
  }
}

// -----

// CHECK: relation z: unknown column y
circuit.system over <"goldilocks"> max_tokens 8 {
  circuit.axis @token tokens
  circuit.column @x witness [token] in 0 to 7
  circuit.linear @z <"token: y[token]"> bound <1>
  zk.compute {
    zk.layers {
    }
  }
}

// -----

// CHECK: circuit.system has parts only
circuit.system over <"goldilocks"> max_tokens 8 {
  circuit.axis @token tokens
  circuit.column @x witness [token] in 0 to 7
  zk.axis @other 3
  zk.compute {
    zk.layers {
    }
  }
}

// -----

// CHECK: Redefinition of symbol
circuit.system over <"goldilocks"> max_tokens 8 {
  circuit.axis @token tokens
  circuit.column @x witness [token] in 0 to 7
  circuit.table @x [#zk.rows<["x"], 0 to 4>]
  zk.compute {
    zk.layers {
    }
  }
}

// -----

// CHECK: one zk.compute is needed
circuit.system over <"goldilocks"> max_tokens 8 {
  circuit.axis @token tokens
  circuit.column @x witness [token] in 0 to 7
}
