// RUN: zk-opt %s -p raise-rms-norm | filecheck %s

// CHECK-LABEL: func.func @plain
// CHECK-NEXT:    [[Y:%.*]] = nn.rms_norm %x, %w eps 1.000000e-05 {module = "model.norm"} : (tensor<6x16xf32>, tensor<16xf32>) -> tensor<6x16xf32>
// CHECK-NEXT:    func.return [[Y]]
func.func @plain(%x : tensor<6x16xf32>, %w : tensor<16xf32>, %other : tensor<6x16xf32>) -> tensor<6x16xf32> {
  %sq = nn.pow %x exponent 2.0 : (tensor<6x16xf32>) -> tensor<6x16xf32>
  %mean = nn.mean %sq : (tensor<6x16xf32>) -> tensor<6x1xf32>
  %eps = nn.constant 1.0e-05 : tensor<f32>
  %shifted = nn.add %mean, %eps : (tensor<6x1xf32>, tensor<f32>) -> tensor<6x1xf32>
  %inv = nn.rsqrt %shifted : (tensor<6x1xf32>) -> tensor<6x1xf32>
  %n = nn.mul %x, %inv : (tensor<6x16xf32>, tensor<6x1xf32>) -> tensor<6x16xf32>
  %one = nn.constant 1.0 : tensor<f32>
  %gain = nn.add %w, %one : (tensor<16xf32>, tensor<f32>) -> tensor<16xf32>
  %y = nn.mul %n, %gain {module = "model.norm"} : (tensor<6x16xf32>, tensor<16xf32>) -> tensor<6x16xf32>
  func.return %y : tensor<6x16xf32>
}

// Factors and summands in the other order; any rank.

// CHECK-LABEL: func.func @reversed
// CHECK-NEXT:    [[Y:%.*]] = nn.rms_norm %x, %w eps 1.000000e-05 : (tensor<4x6x16xf32>, tensor<16xf32>) -> tensor<4x6x16xf32>
// CHECK-NEXT:    func.return [[Y]]
func.func @reversed(%x : tensor<4x6x16xf32>, %w : tensor<16xf32>, %other : tensor<4x6x16xf32>) -> tensor<4x6x16xf32> {
  %sq = nn.pow %x exponent 2.0 : (tensor<4x6x16xf32>) -> tensor<4x6x16xf32>
  %mean = nn.mean %sq : (tensor<4x6x16xf32>) -> tensor<4x6x1xf32>
  %eps = nn.constant 1.0e-05 : tensor<f32>
  %shifted = nn.add %mean, %eps : (tensor<4x6x1xf32>, tensor<f32>) -> tensor<4x6x1xf32>
  %inv = nn.rsqrt %shifted : (tensor<4x6x1xf32>) -> tensor<4x6x1xf32>
  %n = nn.mul %inv, %x : (tensor<4x6x1xf32>, tensor<4x6x16xf32>) -> tensor<4x6x16xf32>
  %one = nn.constant 1.0 : tensor<f32>
  %gain = nn.add %one, %w : (tensor<f32>, tensor<16xf32>) -> tensor<16xf32>
  %y = nn.mul %gain, %n : (tensor<16xf32>, tensor<4x6x16xf32>) -> tensor<4x6x16xf32>
  func.return %y : tensor<4x6x16xf32>
}

// Not a norm: another power, the mean of something else.

// CHECK-LABEL: func.func @cubes
// CHECK-NOT:     nn.rms_norm
func.func @cubes(%x : tensor<6x16xf32>, %w : tensor<16xf32>, %other : tensor<6x16xf32>) -> tensor<6x16xf32> {
  %sq = nn.pow %x exponent 3.0 : (tensor<6x16xf32>) -> tensor<6x16xf32>
  %mean = nn.mean %sq : (tensor<6x16xf32>) -> tensor<6x1xf32>
  %eps = nn.constant 1.0e-05 : tensor<f32>
  %shifted = nn.add %mean, %eps : (tensor<6x1xf32>, tensor<f32>) -> tensor<6x1xf32>
  %inv = nn.rsqrt %shifted : (tensor<6x1xf32>) -> tensor<6x1xf32>
  %n = nn.mul %x, %inv : (tensor<6x16xf32>, tensor<6x1xf32>) -> tensor<6x16xf32>
  %one = nn.constant 1.0 : tensor<f32>
  %gain = nn.add %w, %one : (tensor<16xf32>, tensor<f32>) -> tensor<16xf32>
  %y = nn.mul %n, %gain {module = "model.norm"} : (tensor<6x16xf32>, tensor<16xf32>) -> tensor<6x16xf32>
  func.return %y : tensor<6x16xf32>
}

// Another constant in the gain, or none.

// CHECK-LABEL: func.func @other_gain
// CHECK-NEXT:    nn.rms_norm %x, %w eps 1.000000e-05 offset 2.000000e+00 {module = "model.norm"}
func.func @other_gain(%x : tensor<6x16xf32>, %w : tensor<16xf32>, %other : tensor<6x16xf32>) -> tensor<6x16xf32> {
  %sq = nn.pow %x exponent 2.0 : (tensor<6x16xf32>) -> tensor<6x16xf32>
  %mean = nn.mean %sq : (tensor<6x16xf32>) -> tensor<6x1xf32>
  %eps = nn.constant 1.0e-05 : tensor<f32>
  %shifted = nn.add %mean, %eps : (tensor<6x1xf32>, tensor<f32>) -> tensor<6x1xf32>
  %inv = nn.rsqrt %shifted : (tensor<6x1xf32>) -> tensor<6x1xf32>
  %n = nn.mul %x, %inv : (tensor<6x16xf32>, tensor<6x1xf32>) -> tensor<6x16xf32>
  %one = nn.constant 2.0 : tensor<f32>
  %gain = nn.add %w, %one : (tensor<16xf32>, tensor<f32>) -> tensor<16xf32>
  %y = nn.mul %n, %gain {module = "model.norm"} : (tensor<6x16xf32>, tensor<16xf32>) -> tensor<6x16xf32>
  func.return %y : tensor<6x16xf32>
}

// CHECK-LABEL: func.func @other_mean
// CHECK-NOT:     nn.rms_norm
func.func @other_mean(%x : tensor<6x16xf32>, %w : tensor<16xf32>, %other : tensor<6x16xf32>) -> tensor<6x16xf32> {
  %sq = nn.pow %other exponent 2.0 : (tensor<6x16xf32>) -> tensor<6x16xf32>
  %mean = nn.mean %sq : (tensor<6x16xf32>) -> tensor<6x1xf32>
  %eps = nn.constant 1.0e-05 : tensor<f32>
  %shifted = nn.add %mean, %eps : (tensor<6x1xf32>, tensor<f32>) -> tensor<6x1xf32>
  %inv = nn.rsqrt %shifted : (tensor<6x1xf32>) -> tensor<6x1xf32>
  %n = nn.mul %x, %inv : (tensor<6x16xf32>, tensor<6x1xf32>) -> tensor<6x16xf32>
  %one = nn.constant 1.0 : tensor<f32>
  %gain = nn.add %w, %one : (tensor<16xf32>, tensor<f32>) -> tensor<16xf32>
  %y = nn.mul %n, %gain {module = "model.norm"} : (tensor<6x16xf32>, tensor<16xf32>) -> tensor<6x16xf32>
  func.return %y : tensor<6x16xf32>
}

// CHECK-LABEL: func.func @only_the_weight
// CHECK-NEXT:    nn.rms_norm %x, %w eps 1.000000e-05 offset 0.000000e+00 :
func.func @only_the_weight(%x : tensor<6x16xf32>, %w : tensor<16xf32>) -> tensor<6x16xf32> {
  %sq = nn.pow %x exponent 2.0 : (tensor<6x16xf32>) -> tensor<6x16xf32>
  %mean = nn.mean %sq : (tensor<6x16xf32>) -> tensor<6x1xf32>
  %eps = nn.constant 1.0e-05 : tensor<f32>
  %shifted = nn.add %mean, %eps : (tensor<6x1xf32>, tensor<f32>) -> tensor<6x1xf32>
  %inv = nn.rsqrt %shifted : (tensor<6x1xf32>) -> tensor<6x1xf32>
  %n = nn.mul %x, %inv : (tensor<6x16xf32>, tensor<6x1xf32>) -> tensor<6x16xf32>
  %y = nn.mul %w, %n : (tensor<16xf32>, tensor<6x16xf32>) -> tensor<6x16xf32>
  func.return %y : tensor<6x16xf32>
}

// A square that is a product.

// CHECK-LABEL: func.func @product
// CHECK-NEXT:    nn.rms_norm %x, %w eps 1.000000e-05 offset 0.000000e+00
func.func @product(%x : tensor<2x6x16xf32>, %w : tensor<16xf32>) -> tensor<2x6x16xf32> {
  %sq = nn.mul %x, %x : (tensor<2x6x16xf32>, tensor<2x6x16xf32>) -> tensor<2x6x16xf32>
  %mean = nn.mean %sq : (tensor<2x6x16xf32>) -> tensor<2x6x1xf32>
  %eps = nn.constant 1.0e-05 : tensor<f32>
  %shifted = nn.add %mean, %eps : (tensor<2x6x1xf32>, tensor<f32>) -> tensor<2x6x1xf32>
  %inv = nn.rsqrt %shifted : (tensor<2x6x1xf32>) -> tensor<2x6x1xf32>
  %n = nn.mul %x, %inv : (tensor<2x6x16xf32>, tensor<2x6x1xf32>) -> tensor<2x6x16xf32>
  %y = nn.mul %n, %w : (tensor<2x6x16xf32>, tensor<16xf32>) -> tensor<2x6x16xf32>
  func.return %y : tensor<2x6x16xf32>
}
