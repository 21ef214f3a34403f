// RUN: zk-opt %S/../../tests/lowering/tiny.mlir -p "convert-quant-to-zk,cse,dce" | filecheck %s

// Clean-ups find work on the compute side: both rotations of a layer read one pair of tables, whose second
// reads are gone; every step stays, as it commits columns or is read by one that does.

// CHECK:      zk.layers
// CHECK:      zk.read @rope.cos
// CHECK-NEXT: zk.read @rope.sin
// CHECK-NEXT: zk.rope %self_attn.q_norm, %rope.cos, %rope.sin
// CHECK-NOT:  zk.read @rope
// CHECK:      zk.rope %self_attn.k_norm, %rope.cos, %rope.sin
// CHECK:      zk.softmax
// CHECK:      zk.attend
// CHECK:      zk.yield %add2
// CHECK:      zk.argmax
// CHECK:      zk.constrain
