// RUN: zk-opt %s -p center-layer-norm | filecheck %s

// A layer norm is the RMS norm of what elements are more than their mean.

// CHECK-LABEL: func.func @biased
// CHECK-NEXT:    [[C:%.*]] = nn.center %x {module = "model.norm"} : (tensor<6x16xf32>) -> tensor<6x16xf32>
// CHECK-NEXT:    [[Y:%.*]] = nn.rms_norm [[C]], %w bias %b eps 1.000000e-05 offset 0.000000e+00 {module = "model.norm"} : (tensor<6x16xf32>, tensor<16xf32>, tensor<16xf32>) -> tensor<6x16xf32>
// CHECK-NEXT:    func.return [[Y]]
func.func @biased(%x : tensor<6x16xf32>, %w : tensor<16xf32>, %b : tensor<16xf32>) -> tensor<6x16xf32> {
  %y = nn.layer_norm %x, %w bias %b eps 1.0e-05 {module = "model.norm"} : (tensor<6x16xf32>, tensor<16xf32>, tensor<16xf32>) -> tensor<6x16xf32>
  func.return %y : tensor<6x16xf32>
}

// Of any rank, and without a bias.

// CHECK-LABEL: func.func @of_heads
// CHECK-NEXT:    [[C:%.*]] = nn.center %x : (tensor<4x6x16xf32>) -> tensor<4x6x16xf32>
// CHECK-NEXT:    [[Y:%.*]] = nn.rms_norm [[C]], %w eps 1.000000e-05 offset 0.000000e+00 : (tensor<4x6x16xf32>, tensor<16xf32>) -> tensor<4x6x16xf32>
// CHECK-NEXT:    func.return [[Y]]
func.func @of_heads(%x : tensor<4x6x16xf32>, %w : tensor<16xf32>) -> tensor<4x6x16xf32> {
  %y = nn.layer_norm %x, %w eps 1.0e-05 : (tensor<4x6x16xf32>, tensor<16xf32>) -> tensor<4x6x16xf32>
  func.return %y : tensor<4x6x16xf32>
}
