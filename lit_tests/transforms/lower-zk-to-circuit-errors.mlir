// RUN: zk-opt %s -p lower-zk-to-circuit --split-input-file --verify-diagnostics | filecheck %s

// What must have run before is named, and what can not be left out.

// CHECK: model.a: a may reach 2^62, which is too large for a column of its own; do not leave virtualize out
zk.system extents <tokens 16> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [token] in 0 to 4294967296
  zk.column @a virtual [token] in 0 to 1 {module = "model.a"}
  zk.compute {
  }
  zk.constrain {
    zk.define @a <"token: 1073741824*x[token]">
    zk.reveal "prompt"
    zk.reveal "output"
  }
}

// -----

// CHECK: column b is defined by itself
zk.system extents <tokens 16> {
  zk.axis @token tokens
  zk.column @a virtual [token] in 0 to 1
  zk.column @b virtual [token] in 0 to 1
  zk.compute {
  }
  zk.constrain {
    zk.define @a <"token: b[token]">
    zk.define @b <"token: a[token]">
    zk.reveal "prompt"
    zk.reveal "output"
  }
}

// -----

// CHECK: the prompt and the output must be revealed, through columns or not
zk.system extents <tokens 16> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [token] in 0 to 4294967296
  zk.column @u witness [layer] in 0 to 1
  zk.compute {
  }
  zk.constrain {
    zk.reveal "output"
  }
}

// -----

// CHECK: relation z: run bound-relations first
zk.system extents <tokens 16> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [token] in 0 to 4294967296
  zk.column @u witness [layer] in 0 to 1
  zk.compute {
  }
  zk.constrain {
    zk.reveal "output"
    zk.reveal "prompt"
    zk.linear @z <"token: x[token]">
  }
}
