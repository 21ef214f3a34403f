// RUN: zk-opt %s -p lower-zk-to-circuit | filecheck %s

// CHECK:      circuit.system over <"goldilocks"> max_tokens 16 {
// CHECK-NEXT:   circuit.axis @token tokens
// CHECK-NEXT:   circuit.column @x witness [token] in 0 to 255 {module = "model.x"}
// CHECK-NEXT:   circuit.table @t [#zk.rows<["x"], 0 to 256>]
// CHECK-NEXT:   circuit.einsum @square <"token: x[token]"> = [#zk.product<"1 * (token: x[token]) * (token: x[token])">] bound <264> {module = "model.x"}
// CHECK-NEXT:   circuit.linear @zero <"token: x[token]"> bound <255>
// CHECK-NEXT:   circuit.lookup @x.range in @t [#zk.expr<"token: x[token]">] {module = "model.x"}
// CHECK-NEXT:   zk.compute {
// CHECK-NEXT:     zk.layers {
zk.system max_tokens 16 {
  zk.axis @token tokens
  zk.column @x witness [token] in 0 to 255 {module = "model.x"}
  zk.table @t [#zk.rows<["x"], 0 to 256>]
  zk.compute {
    zk.layers {
    }
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
zk.system max_tokens 16 {
  zk.axis @token tokens
  zk.axis @generated generated
  zk.column @length witness [] in 1 to 16
  zk.column @ids witness [token] in 0 to 255
  zk.column @out witness [generated] in 0 to 255
  zk.compute {
    zk.layers {
    }
  }
  zk.constrain {
    zk.gather @fed index <"generated: 1"> value <"generated: out[generated]"> source <"token: ids[token]"> {module = "lm_head"}
    zk.reveal "prompt" through ["length", "ids"]
    zk.reveal "output" through ["out"]
  }
}
