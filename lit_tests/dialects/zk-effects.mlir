// RUN: zk-opt %s -p canonicalize,cse,dce,canonicalize | filecheck %s

// No clean-up removes or merges relations, hints, columns or tables, even equal or unread ones.

// CHECK:      zk.column @x witness
// CHECK-NEXT: zk.column @unread witness
// CHECK-NEXT: zk.table @t
// CHECK-NEXT: zk.table @unread_table
// CHECK:      zk.step "mul"
// CHECK-NEXT: zk.step "mul"
// CHECK:      zk.einsum @square
// CHECK-NEXT: zk.einsum @square_again
// CHECK-NEXT: zk.lookup @found
// CHECK-NEXT: zk.lookup @found_again
// CHECK-NEXT: zk.range @small
// CHECK-NEXT: zk.range @small_again
// CHECK-NEXT: zk.linear @zero
// CHECK-NEXT: zk.linear @zero_again
// CHECK-NEXT: zk.reveal "prompt"
// CHECK-NEXT: zk.reveal "prompt"
zk.system max_tokens 64 {
  zk.axis @token tokens
  zk.column @x witness [token] in 0 to 1
  zk.column @unread witness [token] in 0 to 1
  zk.table @t [#zk.rows<["x"], 0 to 2>]
  zk.table @unread_table [#zk.rows<["x"], 0 to 2>]
  zk.compute {
    zk.step "mul" ["a", "a"] to "b" ["token"] attributes {} witness {}
    zk.step "mul" ["a", "a"] to "b" ["token"] attributes {} witness {}
    zk.layers {
    }
  }
  zk.constrain {
    zk.einsum @square <"token: x[token]"> = [#zk.product<"1 * (token: x[token]) * (token: x[token])">]
    zk.einsum @square_again <"token: x[token]"> = [#zk.product<"1 * (token: x[token]) * (token: x[token])">]
    zk.lookup @found in @t [#zk.expr<"token: x[token]">]
    zk.lookup @found_again in @t [#zk.expr<"token: x[token]">]
    zk.range @small bits 1 <"token: x[token]">
    zk.range @small_again bits 1 <"token: x[token]">
    zk.linear @zero <"token: 0">
    zk.linear @zero_again <"token: 0">
    zk.reveal "prompt"
    zk.reveal "prompt"
  }
}

// CHECK:      circuit.column @unread witness
// CHECK:      circuit.einsum @square
// CHECK-NEXT: circuit.einsum @square_again
// CHECK-NEXT: circuit.lookup @found
// CHECK-NEXT: circuit.lookup @found_again
// CHECK-NEXT: circuit.linear @zero
// CHECK-NEXT: circuit.linear @zero_again
circuit.system over <"goldilocks"> max_tokens 64 {
  circuit.axis @token tokens
  circuit.column @x witness [token] in 0 to 1
  circuit.column @unread witness [token] in 0 to 1
  circuit.table @t [#zk.rows<["x"], 0 to 2>]
  circuit.einsum @square <"token: x[token]"> = [#zk.product<"1 * (token: x[token]) * (token: x[token])">] bound <2>
  circuit.einsum @square_again <"token: x[token]"> = [#zk.product<"1 * (token: x[token]) * (token: x[token])">] bound <2>
  circuit.lookup @found in @t [#zk.expr<"token: x[token]">]
  circuit.lookup @found_again in @t [#zk.expr<"token: x[token]">]
  circuit.linear @zero <"token: 0"> bound <1>
  circuit.linear @zero_again <"token: 0"> bound <1>
  zk.compute {
    zk.layers {
    }
  }
}
