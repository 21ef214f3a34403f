// RUN: zk-opt %s -p raise-logits | filecheck %s

// CHECK-LABEL: func.func @capped
// CHECK-NEXT:    [[Y:%.*]] = nn.linear %x, %w : (tensor<6x16xf32>, tensor<8x16xf32>) -> tensor<6x8xf32>
// CHECK-NEXT:    func.return [[Y]]
func.func @capped(%x : tensor<6x16xf32>, %w : tensor<8x16xf32>) -> tensor<6x8xf32> {
  %a = nn.linear %x, %w : (tensor<6x16xf32>, tensor<8x16xf32>) -> tensor<6x8xf32>
  %c = nn.constant 3.333333333333333e-02 : tensor<f32>
  %d = nn.constant 30.0 : tensor<f32>
  %b = nn.mul %a, %c : (tensor<6x8xf32>, tensor<f32>) -> tensor<6x8xf32>
  %t = nn.tanh %b : (tensor<6x8xf32>) -> tensor<6x8xf32>
  %y = nn.mul %t, %d : (tensor<6x8xf32>, tensor<f32>) -> tensor<6x8xf32>
  func.return %y : tensor<6x8xf32>
}

// A negative factor would make the smallest logit the largest.

// CHECK-LABEL: func.func @turned
// CHECK:         nn.tanh
func.func @turned(%x : tensor<6x16xf32>, %w : tensor<8x16xf32>) -> tensor<6x8xf32> {
  %a = nn.linear %x, %w : (tensor<6x16xf32>, tensor<8x16xf32>) -> tensor<6x8xf32>
  %c = nn.constant -3.333333333333333e-02 : tensor<f32>
  %d = nn.constant -30.0 : tensor<f32>
  %b = nn.mul %a, %c : (tensor<6x8xf32>, tensor<f32>) -> tensor<6x8xf32>
  %t = nn.tanh %b : (tensor<6x8xf32>) -> tensor<6x8xf32>
  %y = nn.mul %t, %d : (tensor<6x8xf32>, tensor<f32>) -> tensor<6x8xf32>
  func.return %y : tensor<6x8xf32>
}
