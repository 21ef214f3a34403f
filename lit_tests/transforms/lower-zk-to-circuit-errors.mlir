// RUN: zk-opt %s -p lower-zk-to-circuit --split-input-file --verify-diagnostics | filecheck %s

// What must have run before is named.

// CHECK: column a is virtual; run virtualize first
zk.system max_tokens 16 {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [token] in 0 to 4294967296
  zk.column @u witness [layer] in 0 to 1
  zk.column @a virtual [token] in 0 to 1
  zk.compute {
    zk.layers {
    }
  }
  zk.constrain {
    zk.define @a <"token: x[token]">
  }
}

// -----

// CHECK: the prompt and the output must be revealed, through columns or not
zk.system max_tokens 16 {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [token] in 0 to 4294967296
  zk.column @u witness [layer] in 0 to 1
  zk.compute {
    zk.layers {
    }
  }
  zk.constrain {
    zk.reveal "output"
  }
}

// -----

// CHECK: relation z: run bound-relations first
zk.system max_tokens 16 {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [token] in 0 to 4294967296
  zk.column @u witness [layer] in 0 to 1
  zk.compute {
    zk.layers {
    }
  }
  zk.constrain {
    zk.reveal "output"
    zk.reveal "prompt"
    zk.linear @z <"token: x[token]">
  }
}

// -----

// CHECK: relation z: run merge-tables first
zk.system max_tokens 16 {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [token] in 0 to 4294967296
  zk.column @u witness [layer] in 0 to 1
  zk.compute {
    zk.layers {
    }
  }
  zk.constrain {
    zk.reveal "output"
    zk.reveal "prompt"
    zk.range @z bits 8 <"token: x[token]">
  }
}
