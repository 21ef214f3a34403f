// RUN: zk-opt %s -p bound-relations --split-input-file --verify-diagnostics | filecheck %s

// A relation that may wrap is named.

// CHECK: model.norm (square): its numbers may reach 2^64, beyond the field's prime; use fewer bits for what enters it
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
    zk.einsum @square <"token: x[token]"> = [#zk.product<"1 * (token: x[token]) * (token: x[token])">] {module = "model.norm"}
  }
}

// -----

// CHECK: steep: its numbers may reach 2^64, beyond the field's prime; use fewer bits for what enters it
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
    zk.linear @steep <"token: 4294967296*x[token]">
  }
}
