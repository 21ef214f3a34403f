// RUN: zk-opt %s --split-input-file --parsing-diagnostics --verify-diagnostics | filecheck %s

// What the steps' verifiers refuse, in words.

// CHECK: the range 3 to 2 is empty
zk.system extents <tokens 8> {
  zk.axis @token tokens
  zk.axis @channel 4
  zk.column @p public "data" [token, channel] in 0 to 3 = ["channel"]
  zk.column @q public "data" [channel] in 0 to 3 = ["channel"]
  zk.compute {
    %p = zk.read @p : !zk.value<[token, channel], 3 to 2>
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: an axis of [token, token] stands twice
zk.system extents <tokens 8> {
  zk.axis @token tokens
  zk.axis @channel 4
  zk.column @p public "data" [token, channel] in 0 to 3 = ["channel"]
  zk.column @q public "data" [channel] in 0 to 3 = ["channel"]
  zk.compute {
    %p = zk.read @p : !zk.value<[token, token], 0 to 3>
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: zk.read: r is no param or public column
zk.system extents <tokens 8> {
  zk.axis @token tokens
  zk.axis @channel 4
  zk.column @p public "data" [token, channel] in 0 to 3 = ["channel"]
  zk.column @q public "data" [channel] in 0 to 3 = ["channel"]
  zk.compute {
    %p = zk.read @r : !zk.value<[token, channel], 0 to 3>
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: values over [token, channel] and [channel] do not fit
zk.system extents <tokens 8> {
  zk.axis @token tokens
  zk.axis @channel 4
  zk.column @p public "data" [token, channel] in 0 to 3 = ["channel"]
  zk.column @q public "data" [channel] in 0 to 3 = ["channel"]
  zk.compute {
    %p = zk.read @p : !zk.value<[token, channel], 0 to 3>
    %q = zk.read @q : !zk.value<[channel], 0 to 3>
    %y = zk.add %p, %q : (!zk.value<[token, channel], 0 to 3>, !zk.value<[channel], 0 to 3>) -> !zk.value<[token, channel], 0 to 3>
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: values over [token, channel] and [channel] do not fit
zk.system extents <tokens 8> {
  zk.axis @token tokens
  zk.axis @channel 4
  zk.column @p public "data" [token, channel] in 0 to 3 = ["channel"]
  zk.column @q public "data" [channel] in 0 to 3 = ["channel"]
  zk.compute {
    %p = zk.read @p : !zk.value<[token, channel], 0 to 3>
    %y = zk.mul %p, %p : (!zk.value<[token, channel], 0 to 3>, !zk.value<[token, channel], 0 to 3>) -> !zk.value<[channel], 0 to 3>
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: a product that is not rounded is not committed
zk.system extents <tokens 8> {
  zk.axis @token tokens
  zk.axis @channel 4
  zk.column @p public "data" [token, channel] in 0 to 3 = ["channel"]
  zk.column @q public "data" [channel] in 0 to 3 = ["channel"]
  zk.compute {
    %p = zk.read @p : !zk.value<[token, channel], 0 to 3>
    %y = zk.mul %p, %p limbs [@l] : (!zk.value<[token, channel], 0 to 3>, !zk.value<[token, channel], 0 to 3>) -> !zk.value<[token, channel], 0 to 3>
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: x over [token, channel] and w over [channel] do not make [channel]
zk.system extents <tokens 8> {
  zk.axis @token tokens
  zk.axis @channel 4
  zk.column @p public "data" [token, channel] in 0 to 3 = ["channel"]
  zk.column @q public "data" [channel] in 0 to 3 = ["channel"]
  zk.compute {
    %p = zk.read @p : !zk.value<[token, channel], 0 to 3>
    %q = zk.read @q : !zk.value<[channel], 0 to 3>
    %y = zk.matmul %p, %q shift 0 bits 4 : (!zk.value<[token, channel], 0 to 3>, !zk.value<[channel], 0 to 3>) -> !zk.value<[channel], 0 to 3>
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: the gain is not over some axes of x, in their order
zk.system extents <tokens 8> {
  zk.axis @token tokens
  zk.axis @channel 4
  zk.column @p public "data" [token, channel] in 0 to 3 = ["channel"]
  zk.column @q public "data" [channel] in 0 to 3 = ["channel"]
  zk.compute {
    %p = zk.read @p : !zk.value<[token, channel], 0 to 3>
    %y = zk.rms_norm %p, %p eps [1] exponents 0, 8 table @t shift 8 bits 16 : (!zk.value<[token, channel], 0 to 3>, !zk.value<[token, channel], 0 to 3>) -> !zk.value<[token, channel], 0 to 3>
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: there is not one reciprocal for each row
zk.system extents <tokens 8> {
  zk.axis @token tokens
  zk.axis @channel 4
  zk.column @p public "data" [token, channel] in 0 to 3 = ["channel"]
  zk.column @q public "data" [channel] in 0 to 3 = ["channel"]
  zk.compute {
    %p = zk.read @p : !zk.value<[token, channel], 0 to 3>
    %y, %z = zk.softmax %p bits 16 table @t windows [0] k 32 width 20 : (!zk.value<[token, channel], 0 to 3>) -> (!zk.value<[token, channel], 0 to 3>, !zk.value<[token, channel], 0 to 3>)
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: the scores are not over the queries
zk.system extents <tokens 8> {
  zk.axis @token tokens
  zk.axis @channel 4
  zk.column @p public "data" [token, channel] in 0 to 3 = ["channel"]
  zk.column @q public "data" [channel] in 0 to 3 = ["channel"]
  zk.compute {
    %p = zk.read @p : !zk.value<[token, channel], 0 to 3>
    %q = zk.read @q : !zk.value<[channel], 0 to 3>
    %y = zk.scores %p, %p shift 0 bits 4 : (!zk.value<[token, channel], 0 to 3>, !zk.value<[token, channel], 0 to 3>) -> !zk.value<[channel, token], 0 to 3>
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: zk.tabulate: there is no table t
zk.system extents <tokens 8> {
  zk.axis @token tokens
  zk.axis @channel 4
  zk.column @p public "data" [token, channel] in 0 to 3 = ["channel"]
  zk.column @q public "data" [channel] in 0 to 3 = ["channel"]
  zk.compute {
    %p = zk.read @p : !zk.value<[token, channel], 0 to 3>
    %y = zk.tabulate %p table @t : (!zk.value<[token, channel], 0 to 3>) -> !zk.value<[token, channel], 0 to 3>
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: the result has other axes than its rows
zk.system extents <tokens 8> {
  zk.axis @token tokens
  zk.axis @channel 4
  zk.column @p public "data" [token, channel] in 0 to 3 = ["channel"]
  zk.column @q public "data" [channel] in 0 to 3 = ["channel"]
  zk.compute {
    %p = zk.read @p : !zk.value<[token, channel], 0 to 3>
    %i = zk.tokens : !zk.value<[token], 0 to 3>
    %y = zk.embed %i, %p shift 0 : (!zk.value<[token], 0 to 3>, !zk.value<[token, channel], 0 to 3>) -> !zk.value<[channel], 0 to 3>
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: a negative shift goes with a number of bits
zk.system extents <tokens 8> {
  zk.axis @token tokens
  zk.axis @channel 4
  zk.column @p public "data" [token, channel] in 0 to 3 = ["channel"]
  zk.column @q public "data" [channel] in 0 to 3 = ["channel"]
  zk.compute {
    %p = zk.read @p : !zk.value<[token, channel], 0 to 3>
    %i = zk.tokens : !zk.value<[token], 0 to 3>
    %y = zk.embed %i, %p shift -1 : (!zk.value<[token], 0 to 3>, !zk.value<[token, channel], 0 to 3>) -> !zk.value<[token, channel], 0 to 3>
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: a negative shift goes with a number of bits
zk.system extents <tokens 8> {
  zk.axis @token tokens
  zk.axis @channel 4
  zk.column @p public "data" [token, channel] in 0 to 3 = ["channel"]
  zk.column @q public "data" [channel] in 0 to 3 = ["channel"]
  zk.compute {
    %p = zk.read @p : !zk.value<[token, channel], 0 to 3>
    %i = zk.tokens : !zk.value<[token], 0 to 3>
    %y = zk.embed %i, %p shift 1 bits 3 : (!zk.value<[token], 0 to 3>, !zk.value<[token, channel], 0 to 3>) -> !zk.value<[token, channel], 0 to 3>
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: rows that are not rounded have no limbs
zk.system extents <tokens 8> {
  zk.axis @token tokens
  zk.axis @channel 4
  zk.column @p public "data" [token, channel] in 0 to 3 = ["channel"]
  zk.column @r witness [token, channel] in 0 to 1
  zk.column @q public "data" [channel] in 0 to 3 = ["channel"]
  zk.compute {
    %p = zk.read @p : !zk.value<[token, channel], 0 to 3>
    %i = zk.tokens : !zk.value<[token], 0 to 3>
    %y = zk.embed %i, %p shift 1 rem [@r] : (!zk.value<[token], 0 to 3>, !zk.value<[token, channel], 0 to 3>) -> !zk.value<[token, channel], 0 to 3>
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: zk.add terminates block in single-block region but is not a terminator
zk.system extents <tokens 8> {
  zk.axis @token tokens
  zk.axis @channel 4
  zk.column @p public "data" [token, channel] in 0 to 3 = ["channel"]
  zk.column @q public "data" [channel] in 0 to 3 = ["channel"]
  zk.compute {
    %p = zk.read @p : !zk.value<[token, channel], 0 to 3>
    %y = zk.layers %p : !zk.value<[token, channel], 0 to 3> -> !zk.value<[token, channel], 0 to 3> {
    ^bb0(%r: !zk.value<[token, channel], 0 to 3>):
      %a = zk.add %r, %r : (!zk.value<[token, channel], 0 to 3>, !zk.value<[token, channel], 0 to 3>) -> !zk.value<[token, channel], 0 to 3>
    }
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: zk.layers has one argument, the residual stream
zk.system extents <tokens 8> {
  zk.axis @token tokens
  zk.axis @channel 4
  zk.column @p public "data" [token, channel] in 0 to 3 = ["channel"]
  zk.column @q public "data" [channel] in 0 to 3 = ["channel"]
  zk.compute {
    %p = zk.read @p : !zk.value<[token, channel], 0 to 3>
    %y = zk.layers %p : !zk.value<[token, channel], 0 to 3> -> !zk.value<[token, channel], 0 to 3> {
      zk.yield %p : !zk.value<[token, channel], 0 to 3>
    }
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: zk.layers has steps only
zk.system extents <tokens 8> {
  zk.axis @token tokens
  zk.axis @channel 4
  zk.column @p public "data" [token, channel] in 0 to 3 = ["channel"]
  zk.column @q public "data" [channel] in 0 to 3 = ["channel"]
  zk.compute {
    %p = zk.read @p : !zk.value<[token, channel], 0 to 3>
    %y = zk.layers %p : !zk.value<[token, channel], 0 to 3> -> !zk.value<[token, channel], 0 to 3> {
    ^bb0(%r: !zk.value<[token, channel], 0 to 3>):
      %i = zk.tokens : !zk.value<[token], 0 to 3>
      zk.yield %r : !zk.value<[token, channel], 0 to 3>
    }
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: zk.compute has steps and at most one zk.layers
zk.system extents <tokens 8> {
  zk.axis @token tokens
  zk.axis @channel 4
  zk.column @p public "data" [token, channel] in 0 to 3 = ["channel"]
  zk.column @q public "data" [channel] in 0 to 3 = ["channel"]
  zk.compute {
    zk.axis @layer 2
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: the result has more or fewer axes
zk.system extents <tokens 8> {
  zk.axis @token tokens
  zk.axis @channel 4
  zk.axis @channel_in 4
  zk.column @p public "data" [token, channel] in 0 to 3 = ["channel"]
  zk.compute {
    %p = zk.read @p : !zk.value<[token, channel], 0 to 3>
    %y = zk.rename %p : (!zk.value<[token, channel], 0 to 3>) -> !zk.value<[token], 0 to 3>
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: the result has another range
zk.system extents <tokens 8> {
  zk.axis @token tokens
  zk.axis @channel 4
  zk.axis @channel_in 4
  zk.column @p public "data" [token, channel] in 0 to 3 = ["channel"]
  zk.compute {
    %p = zk.read @p : !zk.value<[token, channel], 0 to 3>
    %y = zk.rename %p : (!zk.value<[token, channel], 0 to 3>) -> !zk.value<[token, channel_in], 0 to 2>
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}
