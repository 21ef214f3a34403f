// RUN: zk-opt %s -p "verify-legality{stage=zk}" | filecheck %s
// RUN: zk-opt %s -p "verify-legality{stage=circuit}" --verify-diagnostics | filecheck %s --check-prefix CIRCUIT
// RUN: zk-opt %s -p "verify-legality{stage=quant}" --verify-diagnostics | filecheck %s --check-prefix QUANT
// RUN: zk-opt %s -p "verify-legality{stage=wasm}" --verify-diagnostics | filecheck %s --check-prefix WASM
// RUN: zk-opt %s -p "lower-zk-to-circuit,verify-legality{stage=circuit}" | filecheck %s --check-prefix LOWERED

// CHECK: zk.system
// CIRCUIT: the module: zk.system is not legal at stage circuit
// QUANT: the module: zk.system is not legal at stage quant
// WASM: no stage wasm; the stages are nn, quant, zk, circuit
// LOWERED: circuit.system
zk.system extents <tokens 16> {
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
