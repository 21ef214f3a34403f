// RUN: zk-opt %s -p bound-relations --split-input-file --verify-diagnostics | filecheck %s

// A relation that may wrap is named.

// CHECK: model.norm (square): its numbers may reach 2^64, beyond the field's prime; use fewer bits for what enters it
zk.system extents <tokens 16> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [token] in 0 to 4294967296
  zk.column @u witness [layer] in 0 to 1
  zk.compute {
  }
  zk.constrain {
    zk.einsum @square <"token: x[token]"> = [#zk.product<"1 * (token: x[token]) * (token: x[token])">] {module = "model.norm"}
  }
}

// -----

// CHECK: steep: its numbers may reach 2^64, beyond the field's prime; use fewer bits for what enters it
zk.system extents <tokens 16> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [token] in 0 to 4294967296
  zk.column @u witness [layer] in 0 to 1
  zk.compute {
  }
  zk.constrain {
    zk.linear @steep <"token: 4294967296*x[token]">
  }
}

// -----

// A gathered value is declared to be what its source can be, virtual columns by their definition.

// CHECK: model.embed (row): rows may hold -16 .. 14, but their value is declared to be in -16 .. 13; declare the range of the source
zk.system extents <tokens 16> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.axis @vocabulary 10
  zk.column @table param [vocabulary] in -8 to 7
  zk.column @wide virtual [vocabulary] in -100 to 100
  zk.column @ids witness [token] in 0 to 9
  zk.column @rows witness [token] in -16 to 13
  zk.compute {
  }
  zk.constrain {
    zk.define @wide <"vocabulary: 2*table[vocabulary]">
    zk.gather @row index <"token: ids[token]"> value <"token: rows[token]"> source <"vocabulary: wide[vocabulary]"> {module = "model.embed"}
  }
}

// -----

// CHECK: column x is defined by itself
zk.system extents <tokens 16> {
  zk.axis @token tokens
  zk.column @x virtual [token] in 0 to 1
  zk.column @y virtual [token] in 0 to 1
  zk.compute {
  }
  zk.constrain {
    zk.define @x <"token: y[token]">
    zk.define @y <"token: x[token]">
    zk.linear @zero <"token: x[token]">
  }
}
