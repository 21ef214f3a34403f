// RUN: zk-opt %s -p virtualize --split-input-file --verify-diagnostics | filecheck %s

// What is no affine form.

// CHECK: column a is defined by itself
zk.system extents <tokens 16> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [token] in 0 to 4294967296
  zk.column @u witness [layer] in 0 to 1
  zk.column @a virtual [layer] in 0 to 1
  zk.column @b virtual [layer] in 0 to 1
  zk.compute {
  }
  zk.constrain {
    zk.define @a <"layer: b[layer]">
    zk.define @b <"layer: a[layer]">
    zk.linear @z <"layer: a[layer]">
  }
}

// -----

// CHECK: a: index before can not be read by sum
zk.system extents <tokens 16> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [token] in 0 to 4294967296
  zk.column @u witness [layer] in 0 to 1
  zk.column @a virtual [layer] in 0 to 1
  zk.compute {
  }
  zk.constrain {
    zk.define @a <"layer: u[<layer]">
    zk.linear @z <": a[*]">
  }
}

// -----

// CHECK: a: a constant is summed over token, whose size varies
zk.system extents <tokens 16> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [token] in 0 to 4294967296
  zk.column @u witness [layer] in 0 to 1
  zk.column @a virtual [token] in 0 to 1
  zk.compute {
  }
  zk.constrain {
    zk.define @a <"token: x[token] - 1">
    zk.linear @z <": a[*]">
  }
}

// -----

// CHECK: a: a term without axis layer is read along it
zk.system extents <tokens 16> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [token] in 0 to 4294967296
  zk.column @u witness [layer] in 0 to 1
  zk.column @a virtual [layer, token] in 0 to 1
  zk.compute {
  }
  zk.constrain {
    zk.define @a <"layer, token: x[token]">
    zk.linear @z <"layer, token: a[<layer, token]">
  }
}
