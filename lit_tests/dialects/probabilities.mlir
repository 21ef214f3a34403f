// RUN: zk-opt %s | zk-opt | filecheck %s

// CHECK: %p = nn.probabilities %x scale 5.000000e-01 : (tensor<2x4x3xf32>) -> tensor<2x4x3xf32>
func.func @floats(%x : tensor<2x4x3xf32>) {
  %p = nn.probabilities %x scale 0.5 : (tensor<2x4x3xf32>) -> tensor<2x4x3xf32>
  func.return
}

// CHECK: %acc = quant.probabilities %x k 46 width 26 table <"round(2^24 * exp(-x / 2^3))", 0 to 256> : (!quant.tensor<[2, 4, 3], bits = 8, frac = 3>) -> !quant.tensor<[2, 4, 3], bits = 48, frac = 46>
func.func @integers(%x : !quant.tensor<[2, 4, 3], bits = 8, frac = 3>) {
  %acc = quant.probabilities %x k 46 width 26 table <"round(2^24 * exp(-x / 2^3))", 0 to 256> : (!quant.tensor<[2, 4, 3], bits = 8, frac = 3>) -> !quant.tensor<[2, 4, 3], bits = 48, frac = 46>
  func.return
}
