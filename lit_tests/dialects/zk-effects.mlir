// RUN: zk-opt %s -p canonicalize,cse,dce,canonicalize | filecheck %s

// No clean-up removes or merges relations, hints, columns or tables, even equal or unread ones. Of the
// compute side it keeps what commits something, and of the rest one of each that is read.

// CHECK:      zk.column @x witness
// CHECK-NEXT: zk.column @unread witness
// CHECK:      zk.table @t
// CHECK-NEXT: zk.table @unread_table
// CHECK:      zk.compute {
// CHECK-NEXT:   %p = zk.read @p
// CHECK-NEXT:   %sum = zk.add %p, %p :
// CHECK-NEXT:   %{{.*}} = zk.mul %sum, %sum shift 0 bits 8 limbs [@h]
// CHECK-NEXT:   %{{.*}} = zk.mul %sum, %sum shift 0 bits 8 limbs [@i]
// CHECK-NEXT: }
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
zk.system extents <tokens 64> {
  zk.axis @token tokens
  zk.column @x witness [token] in 0 to 1
  zk.column @unread witness [token] in 0 to 1
  zk.column @p public "data" [token] in -8 to 7 = ["token"]
  zk.column @h witness [token] in 0 to 255
  zk.column @i witness [token] in 0 to 255
  zk.table @t [#zk.rows<["x"], 0 to 2>]
  zk.table @unread_table [#zk.rows<["x"], 0 to 2>]
  zk.compute {
    %p = zk.read @p : !zk.value<[token], -8 to 7>
    %q = zk.read @p : !zk.value<[token], -8 to 7>
    %unused = zk.read @p : !zk.value<[token], -8 to 7>
    %sum = zk.add %p, %p : (!zk.value<[token], -8 to 7>, !zk.value<[token], -8 to 7>) -> !zk.value<[token], -8 to 7>
    %same = zk.add %q, %q : (!zk.value<[token], -8 to 7>, !zk.value<[token], -8 to 7>) -> !zk.value<[token], -8 to 7>
    %product = zk.mul %p, %q : (!zk.value<[token], -8 to 7>, !zk.value<[token], -8 to 7>) -> !zk.value<[token], -8 to 7>
    %b = zk.mul %sum, %sum shift 0 bits 8 limbs [@h] : (!zk.value<[token], -8 to 7>, !zk.value<[token], -8 to 7>) -> !zk.value<[token], -8 to 7>
    %c = zk.mul %same, %sum shift 0 bits 8 limbs [@i] : (!zk.value<[token], -8 to 7>, !zk.value<[token], -8 to 7>) -> !zk.value<[token], -8 to 7>
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
circuit.system over <"goldilocks"> extents <tokens 64> {
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
  }
}
