// RUN: zk-opt %s -p raise-linear-scale | filecheck %s

// CHECK-LABEL: func.func @scaled
// CHECK-NEXT:    [[Y:%.*]] = nn.linear %x, %w scale 5.000000e-01 {module = "model.layers.0.mlp.down_proj"} : (tensor<6x16xf32>, tensor<8x16xf32>) -> tensor<6x8xf32>
// CHECK-NEXT:    func.return [[Y]]
func.func @scaled(%x : tensor<6x16xf32>, %w : tensor<8x16xf32>) -> tensor<6x8xf32> {
  %a = nn.linear %x, %w {module = "model.layers.0.mlp.down_proj"} : (tensor<6x16xf32>, tensor<8x16xf32>) -> tensor<6x8xf32>
  %c = nn.constant 0.5 : tensor<f32>
  %y = nn.mul %c, %a {module = "model.layers.0"} : (tensor<f32>, tensor<6x8xf32>) -> tensor<6x8xf32>
  func.return %y : tensor<6x8xf32>
}

// Biases would have the factor too.

// CHECK-LABEL: func.func @biased
// CHECK:         nn.mul
func.func @biased(%x : tensor<6x16xf32>, %w : tensor<8x16xf32>, %b : tensor<8xf32>) -> tensor<6x8xf32> {
  %a = nn.linear %x, %w bias %b : (tensor<6x16xf32>, tensor<8x16xf32>, tensor<8xf32>) -> tensor<6x8xf32>
  %c = nn.constant 0.5 : tensor<f32>
  %y = nn.mul %a, %c : (tensor<6x8xf32>, tensor<f32>) -> tensor<6x8xf32>
  func.return %y : tensor<6x8xf32>
}
