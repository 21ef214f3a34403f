// RUN: zk-opt %s -p 'widen-limbs{rows=0}' | filecheck %s
// RUN: zk-opt %s -p widen-limbs | filecheck %s --check-prefix FEW

// A number of 20 bits in two limbs becomes one column. What is read apart from its number stays, and so does a
// last limb of more than 4 bits. By default nothing is done: 4 cells do not pay for a table of 2^20 rows.

// CHECK:      zk.column @a0 witness [dim] in 0 to 1048575
// CHECK-NEXT: zk.column @b0 witness [dim] in 0 to 65535
// CHECK-NEXT: zk.column @b1 witness [dim] in 0 to 15
// CHECK-NEXT: zk.column @c0 witness [dim] in 0 to 65535
// CHECK-NEXT: zk.column @c1 witness [dim] in 0 to 31
// CHECK:      bits 20 limbs [@a0] :
// CHECK-NEXT: bits 20 limbs [@b0, @b1] :
// CHECK-NEXT: bits 21 limbs [@c0, @c1] :
// CHECK:      zk.range @a0.range bits 20 <"dim: a0[dim]">
// CHECK-NEXT: zk.range @b0.range bits 16
// CHECK-NEXT: zk.range @b1.range bits 4
// CHECK-NEXT: zk.range @c0.range bits 16
// CHECK-NEXT: zk.range @c1.range bits 5
// CHECK-NEXT: zk.linear @a <"dim: -2*a0[dim] + 5">
// CHECK-NEXT: zk.linear @b <"dim: b0[dim] + 65536*b1[dim]">
// CHECK-NEXT: zk.linear @alone <"dim: b1[dim]">
// FEW:        limbs [@a0, @a1]
zk.system extents <tokens 16> {
  zk.axis @dim 4
  zk.column @w param [dim] in -32768 to 32767
  zk.column @a0 witness [dim] in 0 to 65535
  zk.column @a1 witness [dim] in 0 to 15
  zk.column @b0 witness [dim] in 0 to 65535
  zk.column @b1 witness [dim] in 0 to 15
  zk.column @c0 witness [dim] in 0 to 65535
  zk.column @c1 witness [dim] in 0 to 31
  zk.compute {
    %w = zk.read @w : !zk.value<[dim], -32768 to 32767>
    %a = zk.mul %w, %w shift 11 bits 20 limbs [@a0, @a1] : (!zk.value<[dim], -32768 to 32767>, !zk.value<[dim], -32768 to 32767>) -> !zk.value<[dim], -524288 to 524287>
    %b = zk.mul %w, %w shift 11 bits 20 limbs [@b0, @b1] : (!zk.value<[dim], -32768 to 32767>, !zk.value<[dim], -32768 to 32767>) -> !zk.value<[dim], -524288 to 524287>
    %c = zk.mul %w, %w shift 10 bits 21 limbs [@c0, @c1] : (!zk.value<[dim], -32768 to 32767>, !zk.value<[dim], -32768 to 32767>) -> !zk.value<[dim], -1048576 to 1048575>
  }
  zk.constrain {
    zk.range @a0.range bits 16 <"dim: a0[dim]">
    zk.range @a1.range bits 4 <"dim: a1[dim]">
    zk.range @b0.range bits 16 <"dim: b0[dim]">
    zk.range @b1.range bits 4 <"dim: b1[dim]">
    zk.range @c0.range bits 16 <"dim: c0[dim]">
    zk.range @c1.range bits 5 <"dim: c1[dim]">
    zk.linear @a <"dim: -2*a0[dim] - 131072*a1[dim] + 5">
    zk.linear @b <"dim: b0[dim] + 65536*b1[dim]">
    zk.linear @alone <"dim: b1[dim]">
    zk.linear @c <"dim: c0[dim] + 65536*c1[dim]">
  }
}
