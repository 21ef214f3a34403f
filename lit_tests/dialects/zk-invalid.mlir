// RUN: zk-opt %s --split-input-file --parsing-diagnostics --verify-diagnostics | filecheck %s

// What the verifiers refuse, in words.

// CHECK: an axis is as long as an extent or a number of 1 .. 2^32, not 0
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.axis @empty 0
  zk.compute {
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: axis odd: there is no extent heads
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.axis @odd heads
  zk.compute {
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: column y: unknown axis head
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.column @y witness [head] in 0 to 1
  zk.compute {
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: the range is empty
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.column @y witness [token] in 1 to 0
  zk.compute {
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: home is one of param, witness, public, virtual, not private
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.column @y private [token] in 0 to 1
  zk.compute {
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: a public column has one of the kinds data, mask, below-next
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.column @y public [token] in 0 to 1
  zk.compute {
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: data columns, and no others, have contents
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.column @y public "data" [token] in 0 to 1
  zk.compute {
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: no function exq of 1 arguments
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.column @y public "data" [token] in 0 to 1 = ["exq(token)"]
  zk.compute {
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: only a mask has windows
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.column @y witness [token] in 0 to 1 windows [3]
  zk.compute {
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: Redefinition of symbol
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.column @x witness [token] in 0 to 1
  zk.compute {
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: the domain 5 to 5 is empty
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.table @t [#zk.rows<["x"], 5 to 5>]
  zk.compute {
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: the parts of a table have the same number of columns
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.table @t [#zk.rows<["x"], 0 to 5>, #zk.rows<["x", "x"], 5 to 6>]
  zk.compute {
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: each virtual column, and no other, is defined once
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.column @y virtual [token] in 0 to 1
  zk.compute {
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: each virtual column, and no other, is defined once
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.compute {
  }
  zk.constrain {
    zk.define @x <"layer, token: 3">
  }
}

// -----

// CHECK: zk.define @x does not fit a column of that name
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.compute {
  }
  zk.constrain {
    zk.define @x <"token: 3">
  }
}

// -----

// CHECK: model.y: column y.limb0 is no witness column
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.compute {
    %y = zk.solve relation @r x @y.limb0 {module = "model.y"} : !zk.value<[token], 0 to 7>
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: zk.solve: column x is made twice
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.compute {
    %y = zk.solve relation @r x @x : !zk.value<[token], 0 to 7>
    %z = zk.solve relation @r x @x : !zk.value<[token], 0 to 7>
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}

// -----

// CHECK: relation z: unknown column y
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.compute {
  }
  zk.constrain {
    zk.linear @z <"token: y[token]">
  }
}

// -----

// CHECK: relation z: unknown axis head
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.compute {
  }
  zk.constrain {
    zk.linear @z <"head: 1">
  }
}

// -----

// CHECK: relation z: x read with other axes
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.compute {
  }
  zk.constrain {
    zk.linear @z <"token: x[token]">
  }
}

// -----

// CHECK: relation z: x along layer reads axis layer, which the expression lacks
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.compute {
  }
  zk.constrain {
    zk.linear @z <"token: x[layer, token]">
  }
}

// -----

// CHECK: relation z: x along token: index before does not fit the sizes
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.compute {
  }
  zk.constrain {
    zk.linear @z <"layer, token: x[layer, <token]">
  }
}

// -----

// CHECK: relation z: x along token: index rotate does not fit the sizes
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.compute {
  }
  zk.constrain {
    zk.linear @z <"layer, token: x[layer, rot(token)]">
  }
}

// -----

// CHECK: no index turn(token)
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.compute {
  }
  zk.constrain {
    zk.linear @z <"layer, token: x[layer, turn(token)]">
  }
}

// -----

// CHECK: a product has at most three factors
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.compute {
  }
  zk.constrain {
    zk.einsum @z <"token: 1"> = [#zk.product<"1 * (token: 1) * (token: 1) * (token: 1) * (token: 1)">]
  }
}

// -----

// CHECK: no factor has the axes layer
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.compute {
  }
  zk.constrain {
    zk.einsum @z <"layer, token: 1"> = [#zk.product<"1 * (token: 1)">]
  }
}

// -----

// CHECK: relation z: table t does not fit
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.compute {
  }
  zk.constrain {
    zk.lookup @z in @t [#zk.expr<"token: 1">]
  }
}

// -----

// CHECK: relation z: table t does not fit
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.table @t [#zk.rows<["x", "x"], 0 to 5>]
  zk.compute {
  }
  zk.constrain {
    zk.lookup @z in @t [#zk.expr<"token: 1">]
  }
}

// -----

// CHECK: the expressions of a lookup have the same axes
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.table @t [#zk.rows<["x", "x"], 0 to 5>]
  zk.compute {
  }
  zk.constrain {
    zk.lookup @z in @t [#zk.expr<"token: 1">, #zk.expr<"layer: 1">]
  }
}

// -----

// CHECK: a range has 1 to 20 bits, not 21
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.compute {
  }
  zk.constrain {
    zk.range @z bits 21 <"token: 1">
  }
}

// -----

// CHECK: weights can not be revealed
zk.system extents <tokens 8> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [layer, token] in 0 to 7
  zk.compute {
  }
  zk.constrain {
    zk.reveal "weights"
  }
}

// -----

// CHECK: extent tokens has a greatest size of 1 .. 65536, not -1
zk.system extents <tokens -1> {
  zk.compute {
  }
  zk.constrain {
  }
}

// -----

// CHECK: extent tokens has a greatest size of 1 .. 65536, not 65537
zk.system extents <tokens 65537> {
  zk.compute {
  }
  zk.constrain {
  }
}

// -----

// CHECK: an extent is declared twice
zk.system extents <tokens 8, tokens 9> {
  zk.compute {
  }
  zk.constrain {
  }
}

// -----

// CHECK: more than 16 extents
zk.system extents <e0 1, e1 1, e2 1, e3 1, e4 1, e5 1, e6 1, e7 1, e8 1, e9 1, e10 1, e11 1, e12 1, e13 1, e14 1, e15 1, e16 1> {
  zk.compute {
  }
  zk.constrain {
  }
}

// -----

// CHECK: an axis is as long as an extent or a number of 1 .. 2^32, not 4294967297
zk.axis @a 4294967297

// -----

// CHECK: goes beyond the field's prime
zk.column @x witness [a] in 0 to 18446744069414584321

// -----

// CHECK: window 9223372036854775808 is not in 0 .. 2^63 - 1
zk.column @x public "mask" [layer, token, source] in 0 to 1 windows [9223372036854775808]
