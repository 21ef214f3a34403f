// RUN: zk-opt %s -p lower-zk-to-circuit | filecheck %s

// CHECK:      circuit.system over <"goldilocks"> extents <generated 16, tokens 16> {
// CHECK-NEXT:   circuit.axis @token tokens
// CHECK-NEXT:   circuit.column @x witness [token] in 0 to 255 {module = "model.x"}
// CHECK-NEXT:   circuit.table @t [#zk.rows<["x"], 0 to 256>]
// CHECK-NEXT:   circuit.einsum @square <"token: x[token]"> = [#zk.product<"1 * (token: x[token]) * (token: x[token])">] bound <264> {module = "model.x"}
// CHECK-NEXT:   circuit.linear @zero <"token: x[token]"> bound <255>
// CHECK-NEXT:   circuit.lookup @x.range in @t [#zk.expr<"token: x[token]">] {module = "model.x"}
// CHECK-NEXT:   zk.compute {
zk.system extents <generated 16, tokens 16> {
  zk.axis @token tokens
  zk.column @x witness [token] in 0 to 255 {module = "model.x"}
  zk.table @t [#zk.rows<["x"], 0 to 256>]
  zk.compute {
  }
  zk.constrain {
    zk.einsum @square <"token: x[token]"> = [#zk.product<"1 * (token: x[token]) * (token: x[token])">] limit <9> bound <264> {module = "model.x"}
    zk.linear @zero <"token: x[token]"> bound <255>
    zk.lookup @x.range in @t [#zk.expr<"token: x[token]">] {module = "model.x"}
    zk.reveal "prompt"
    zk.reveal "output"
  }
}

// CHECK:        circuit.gather @fed index <"generated: 1"> value <"generated: out[generated]"> source <"token: ids[token]"> {module = "lm_head"}
// CHECK-NEXT:   circuit.reveal "prompt" through ["length", "ids"]
// CHECK-NEXT:   circuit.reveal "output" through ["out"]
// CHECK-NEXT:   zk.compute {
zk.system extents <generated 16, tokens 16> {
  zk.axis @token tokens
  zk.axis @generated generated
  zk.column @length witness [] in 1 to 16
  zk.column @ids witness [token] in 0 to 255
  zk.column @out witness [generated] in 0 to 255
  zk.compute {
  }
  zk.constrain {
    zk.gather @fed index <"generated: 1"> value <"generated: out[generated]"> source <"token: ids[token]"> {module = "lm_head"}
    zk.reveal "prompt" through ["length", "ids"]
    zk.reveal "output" through ["out"]
  }
}

// What no pass made smaller: a virtual column is committed, in the interval of its definition, and solved
// for after all steps, each after what it reads; a range has a table of its own.

// CHECK:        circuit.column @x witness [token] in 0 to 255
// CHECK-NEXT:   circuit.column @b witness [layer, token] in -3 to 1527 {module = "model.b"}
// CHECK-NEXT:   circuit.column @a witness [token] in 0 to 765
// CHECK-NEXT:   circuit.table @x.range.table [#zk.rows<["x"], 0 to 256>]
// CHECK-NEXT:   circuit.table @y.range.table [#zk.rows<["x"], 0 to 256>]
// CHECK-NEXT:   circuit.linear @zero <"token: a[token]"> bound <765>
// CHECK-NEXT:   circuit.lookup @x.range in @x.range.table [#zk.expr<"token: x[token]">] {module = "model.x"}
// CHECK-NEXT:   circuit.lookup @y.range in @y.range.table
// CHECK-NEXT:   circuit.linear @a.define <"token: 3*x[token] - a[token]"> bound <765>
// CHECK-NEXT:   circuit.linear @b.define <"layer, token: 2*a[token] - b[layer, token] - 3"> bound <1530> {module = "model.b"}
// CHECK-NEXT:   zk.compute {
// CHECK-NEXT:     %a.define = zk.solve relation @a.define x @a : !zk.value<[token], 0 to 765>
// CHECK-NEXT:     %b.define = zk.solve relation @b.define x @b {module = "model.b"} : !zk.value<[layer, token], -3 to 1527>
zk.system extents <generated 16, tokens 16> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.column @x witness [token] in 0 to 255
  zk.column @b virtual [layer, token] in 0 to 1 {module = "model.b"}
  zk.column @a virtual [token] in 0 to 1
  zk.compute {
  }
  zk.constrain {
    zk.define @b <"layer, token: 2*a[token] - 3">
    zk.define @a <"token: 3*x[token]">
    zk.linear @zero <"token: a[token]"> bound <765>
    zk.range @x.range bits 8 <"token: x[token]"> {module = "model.x"}
    zk.range @y.range bits 8 <"token: x[token]">
    zk.reveal "prompt"
    zk.reveal "output"
  }
}
