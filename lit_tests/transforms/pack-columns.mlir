// RUN: zk-opt %s -p pack-columns | filecheck %s
// RUN: zk-opt %s -p "pack-columns{generated=4 least=4}" | filecheck %s --check-prefix SMALL

// 160 = 128 + 32 and 24 = 16 + 8: four pieces of 2^11, 2^10, 2^9 and 2^8 cells at aligned places,
// largest first. Axes of the size of the output have half the positions unless said otherwise;
// blocks have at least 2^7 cells.

// CHECK:      attributes {cells = array<i64: 256, 4096>} {
// CHECK:      @w param {{.*}} {blocks = array<i64: 0, 8>}
// CHECK-NEXT: @x witness {{.*}} {blocks = array<i64: 0, 11, 2048, 10, 3072, 9, 3584, 8>}
// CHECK-NEXT: @g witness {{.*}} {blocks = array<i64: 3840, 7, 3968, 7>}
// CHECK-NEXT: @p public "data" [token] in 0 to 23 = ["token"]

// SMALL:      attributes {cells = array<i64: 256, 3856>} {
// SMALL:      @g witness {{.*}} {blocks = array<i64: 3840, 4>}
circuit.system over <"goldilocks"> extents <generated 24, tokens 24> {
  circuit.axis @token tokens
  circuit.axis @generated generated
  circuit.axis @channel 160
  circuit.axis @power 256
  circuit.column @w param [power] in -8 to 7
  circuit.column @x witness [token, channel] in 0 to 255
  circuit.column @g witness [generated] in 0 to 255
  circuit.column @p public "data" [token] in 0 to 23 = ["token"]
  zk.compute {
  }
}
