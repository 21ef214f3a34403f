// RUN: zk-opt %s -p lower-zk-to-circuit | filecheck %s

// Tensors of a function are columns over examples; the circuit names them too.

// CHECK:      circuit.system over <"goldilocks"> extents <batch 4> {
// CHECK-NEXT:   circuit.axis @example batch
// CHECK-NEXT:   circuit.axis @feature 8
// CHECK-NEXT:   circuit.column @image witness [example, feature] in -128 to 127
// CHECK-NEXT:   circuit.column @score witness [example] in -128 to 127
// CHECK-NEXT:   circuit.linear @sum <"example: image[example, *] - score[example]"> bound <1280>
// CHECK-NEXT:   circuit.reveal "input image" through ["image"]
// CHECK-NEXT:   circuit.reveal "output score" through ["score"]
zk.system extents <batch 4> {
  zk.axis @example batch
  zk.axis @feature 8
  zk.column @image witness [example, feature] in -128 to 127
  zk.column @score witness [example] in -128 to 127
  zk.compute {
  }
  zk.constrain {
    zk.linear @sum <"example: image[example, *] - score[example]"> bound <1280>
    zk.reveal "input image" through ["image"]
    zk.reveal "output score" through ["score"]
  }
}
