// RUN: zk-opt %s --split-input-file --parsing-diagnostics --verify-diagnostics | filecheck %s

// What the verifiers refuse of gathers and of prompts and outputs in columns.

// CHECK: the source of a gather has an axis of rows and at most one more
zk.system extents <generated 8, tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.compute {
  }
  zk.constrain {
    zk.gather @g index <"token: 1"> value <"token: 1"> source <": 1">
  }
}

// -----

// CHECK: the index of a gather has an axis
zk.system extents <generated 8, tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.compute {
  }
  zk.constrain {
    zk.gather @g index <": 1"> value <": 1"> source <"token: 1">
  }
}

// -----

// CHECK: the value of a gather has the axes of its index, then those of a row of its source
zk.system extents <generated 8, tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.compute {
  }
  zk.constrain {
    zk.gather @g index <"token: 1"> value <"layer, token: 1"> source <"token, layer: 1">
  }
}

// -----

// CHECK: relation g: unknown column y
zk.system extents <generated 8, tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.compute {
  }
  zk.constrain {
    zk.gather @g index <"token: y[token]"> value <"token: 1"> source <"token: 1">
  }
}

// -----

// CHECK: one thing is revealed twice, through columns
zk.system extents <generated 8, tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @length witness [] in 1 to 8
  zk.column @ids witness [token] in 0 to 7
  zk.axis @generated generated
  zk.column @out witness [generated] in 0 to 7
  zk.compute {
  }
  zk.constrain {
    zk.reveal "prompt" through ["length", "ids"]
    zk.reveal "output" through ["out"]
    zk.reveal "output"
  }
}

// -----

// CHECK: a circuit reveals prompt and output or neither
zk.system extents <generated 8, tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @length witness [] in 1 to 8
  zk.column @ids witness [token] in 0 to 7
  zk.compute {
  }
  zk.constrain {
    zk.reveal "prompt" through ["length", "ids"]
  }
}

// -----

// CHECK: the prompt is revealed through columns of another form
zk.system extents <generated 8, tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @length witness [] in 1 to 8
  zk.column @ids witness [token] in 0 to 7
  zk.axis @generated generated
  zk.column @out witness [generated] in 0 to 7
  zk.compute {
  }
  zk.constrain {
    zk.reveal "prompt" through ["ids", "length"]
    zk.reveal "output" through ["out"]
  }
}

// -----

// CHECK: the output is revealed through columns of another form
zk.system extents <generated 8, tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @length witness [] in 1 to 8
  zk.column @ids witness [token] in 0 to 7
  zk.compute {
  }
  zk.constrain {
    zk.reveal "prompt" through ["length", "ids"]
    zk.reveal "output" through ["out"]
  }
}

// -----

// CHECK: the output is revealed through columns of another form
zk.system extents <generated 8, tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @length witness [] in 1 to 8
  zk.column @ids witness [token] in 0 to 7
  zk.axis @generated generated
  zk.column @out param [generated] in 0 to 7
  zk.compute {
  }
  zk.constrain {
    zk.reveal "prompt" through ["length", "ids"]
    zk.reveal "output" through ["out"]
  }
}

// -----

// CHECK: relation z: the circuit takes no tokens as inputs
zk.system extents <generated 8, tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @length witness [] in 1 to 8
  zk.column @ids witness [token] in 0 to 7
  zk.axis @generated generated
  zk.column @out witness [generated] in 0 to 7
  zk.compute {
  }
  zk.constrain {
    zk.linear @z <"generated: ids[window(generated)]">
    zk.reveal "prompt" through ["length", "ids"]
    zk.reveal "output" through ["out"]
  }
}

// -----

// CHECK: the circuit takes no tokens as inputs
zk.system extents <generated 8, tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @length witness [] in 1 to 8
  zk.column @ids witness [token] in 0 to 7
  zk.axis @generated generated
  zk.column @out witness [generated] in 0 to 7
  zk.axis @vocabulary 8
  zk.column @below public "below-next" [generated, vocabulary] in 0 to 1
  zk.compute {
  }
  zk.constrain {
    zk.reveal "prompt" through ["length", "ids"]
    zk.reveal "output" through ["out"]
  }
}
