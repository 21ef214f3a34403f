// RUN: zk-opt %s -p raise-gelu | filecheck %s

// CHECK-LABEL: func.func @written_out
// CHECK-NEXT:    [[Y:%.*]] = nn.gelu_tanh %x {module = "mlp.act"} : (tensor<6x16xf32>) -> tensor<6x16xf32>
// CHECK-NEXT:    func.return [[Y]]
func.func @written_out(%x : tensor<6x16xf32>) -> tensor<6x16xf32> {
  %half = nn.constant 0.5 : tensor<f32>
  %one = nn.constant 1.0 : tensor<f32>
  %root = nn.constant 0.79788456080286541 : tensor<f32>
  %c = nn.constant 0.044714999999999998 : tensor<f32>
  %halved = nn.mul %x, %half : (tensor<6x16xf32>, tensor<f32>) -> tensor<6x16xf32>
  %cube = nn.pow %x exponent 3.0 : (tensor<6x16xf32>) -> tensor<6x16xf32>
  %third = nn.mul %cube, %c : (tensor<6x16xf32>, tensor<f32>) -> tensor<6x16xf32>
  %sum = nn.add %x, %third : (tensor<6x16xf32>, tensor<6x16xf32>) -> tensor<6x16xf32>
  %argument = nn.mul %sum, %root : (tensor<6x16xf32>, tensor<f32>) -> tensor<6x16xf32>
  %wave = nn.tanh %argument : (tensor<6x16xf32>) -> tensor<6x16xf32>
  %shifted = nn.add %wave, %one : (tensor<6x16xf32>, tensor<f32>) -> tensor<6x16xf32>
  %y = nn.mul %halved, %shifted {module = "mlp.act"} : (tensor<6x16xf32>, tensor<6x16xf32>) -> tensor<6x16xf32>
  func.return %y : tensor<6x16xf32>
}

// Of the square, or with another constant, it is another function.

// CHECK-LABEL: func.func @of_the_square
// CHECK-NOT:     nn.gelu_tanh
func.func @of_the_square(%x : tensor<6x16xf32>) -> tensor<6x16xf32> {
  %half = nn.constant 0.5 : tensor<f32>
  %one = nn.constant 1.0 : tensor<f32>
  %root = nn.constant 0.79788456080286541 : tensor<f32>
  %c = nn.constant 0.044714999999999998 : tensor<f32>
  %halved = nn.mul %x, %half : (tensor<6x16xf32>, tensor<f32>) -> tensor<6x16xf32>
  %cube = nn.pow %x exponent 2.0 : (tensor<6x16xf32>) -> tensor<6x16xf32>
  %third = nn.mul %cube, %c : (tensor<6x16xf32>, tensor<f32>) -> tensor<6x16xf32>
  %sum = nn.add %x, %third : (tensor<6x16xf32>, tensor<6x16xf32>) -> tensor<6x16xf32>
  %argument = nn.mul %sum, %root : (tensor<6x16xf32>, tensor<f32>) -> tensor<6x16xf32>
  %wave = nn.tanh %argument : (tensor<6x16xf32>) -> tensor<6x16xf32>
  %shifted = nn.add %wave, %one : (tensor<6x16xf32>, tensor<f32>) -> tensor<6x16xf32>
  %y = nn.mul %halved, %shifted : (tensor<6x16xf32>, tensor<6x16xf32>) -> tensor<6x16xf32>
  func.return %y : tensor<6x16xf32>
}

// CHECK-LABEL: func.func @another_constant
// CHECK-NOT:     nn.gelu_tanh
func.func @another_constant(%x : tensor<6x16xf32>) -> tensor<6x16xf32> {
  %half = nn.constant 0.5 : tensor<f32>
  %one = nn.constant 1.0 : tensor<f32>
  %root = nn.constant 0.79 : tensor<f32>
  %c = nn.constant 0.044714999999999998 : tensor<f32>
  %halved = nn.mul %x, %half : (tensor<6x16xf32>, tensor<f32>) -> tensor<6x16xf32>
  %cube = nn.pow %x exponent 3.0 : (tensor<6x16xf32>) -> tensor<6x16xf32>
  %third = nn.mul %cube, %c : (tensor<6x16xf32>, tensor<f32>) -> tensor<6x16xf32>
  %sum = nn.add %x, %third : (tensor<6x16xf32>, tensor<6x16xf32>) -> tensor<6x16xf32>
  %argument = nn.mul %sum, %root : (tensor<6x16xf32>, tensor<f32>) -> tensor<6x16xf32>
  %wave = nn.tanh %argument : (tensor<6x16xf32>) -> tensor<6x16xf32>
  %shifted = nn.add %wave, %one : (tensor<6x16xf32>, tensor<f32>) -> tensor<6x16xf32>
  %y = nn.mul %halved, %shifted : (tensor<6x16xf32>, tensor<6x16xf32>) -> tensor<6x16xf32>
  func.return %y : tensor<6x16xf32>
}

// In another order, with constants of fp32 and the cube as products.

// CHECK-LABEL: func.func @of_products
// CHECK-NEXT:    [[Y:%.*]] = nn.gelu_tanh %x : (tensor<6x16xf32>) -> tensor<6x16xf32>
// CHECK-NEXT:    func.return [[Y]]
func.func @of_products(%x : tensor<6x16xf32>) -> tensor<6x16xf32> {
  %half = nn.constant 0.5 : tensor<f32>
  %one = nn.constant 1.0 : tensor<f32>
  %root = nn.constant 0.79788458347320556 : tensor<f32>
  %c = nn.constant 0.044714998453855515 : tensor<f32>
  %square = nn.mul %x, %x : (tensor<6x16xf32>, tensor<6x16xf32>) -> tensor<6x16xf32>
  %cube = nn.mul %square, %x : (tensor<6x16xf32>, tensor<6x16xf32>) -> tensor<6x16xf32>
  %third = nn.mul %c, %cube : (tensor<f32>, tensor<6x16xf32>) -> tensor<6x16xf32>
  %sum = nn.add %x, %third : (tensor<6x16xf32>, tensor<6x16xf32>) -> tensor<6x16xf32>
  %argument = nn.mul %root, %sum : (tensor<f32>, tensor<6x16xf32>) -> tensor<6x16xf32>
  %wave = nn.tanh %argument : (tensor<6x16xf32>) -> tensor<6x16xf32>
  %shifted = nn.add %one, %wave : (tensor<f32>, tensor<6x16xf32>) -> tensor<6x16xf32>
  %part = nn.mul %half, %shifted : (tensor<f32>, tensor<6x16xf32>) -> tensor<6x16xf32>
  %y = nn.mul %x, %part : (tensor<6x16xf32>, tensor<6x16xf32>) -> tensor<6x16xf32>
  func.return %y : tensor<6x16xf32>
}

// By the error function; a third factor stays.

// CHECK-LABEL: func.func @by_the_error_function
// CHECK-NEXT:    [[Y:%.*]] = nn.gelu %x : (tensor<6x16xf32>) -> tensor<6x16xf32>
// CHECK-NEXT:    [[Z:%.*]] = nn.mul [[Y]], %g : (tensor<6x16xf32>, tensor<6x16xf32>) -> tensor<6x16xf32>
// CHECK-NEXT:    func.return [[Z]]
func.func @by_the_error_function(%x : tensor<6x16xf32>, %g : tensor<6x16xf32>) -> tensor<6x16xf32> {
  %half = nn.constant 0.5 : tensor<f32>
  %one = nn.constant 1.0 : tensor<f32>
  %root = nn.constant 0.70710676908493042 : tensor<f32>
  %argument = nn.mul %x, %root : (tensor<6x16xf32>, tensor<f32>) -> tensor<6x16xf32>
  %wave = nn.erf %argument : (tensor<6x16xf32>) -> tensor<6x16xf32>
  %shifted = nn.add %wave, %one : (tensor<6x16xf32>, tensor<f32>) -> tensor<6x16xf32>
  %part = nn.mul %x, %shifted : (tensor<6x16xf32>, tensor<6x16xf32>) -> tensor<6x16xf32>
  %y = nn.mul %part, %half : (tensor<6x16xf32>, tensor<f32>) -> tensor<6x16xf32>
  %z = nn.mul %y, %g : (tensor<6x16xf32>, tensor<6x16xf32>) -> tensor<6x16xf32>
  func.return %z : tensor<6x16xf32>
}

// CHECK-LABEL: func.func @of_another_number
// CHECK-NOT:     nn.gelu
func.func @of_another_number(%x : tensor<6x16xf32>, %g : tensor<6x16xf32>) -> tensor<6x16xf32> {
  %half = nn.constant 0.5 : tensor<f32>
  %one = nn.constant 1.0 : tensor<f32>
  %root = nn.constant 0.70710676908493042 : tensor<f32>
  %argument = nn.mul %g, %root : (tensor<6x16xf32>, tensor<f32>) -> tensor<6x16xf32>
  %wave = nn.erf %argument : (tensor<6x16xf32>) -> tensor<6x16xf32>
  %shifted = nn.add %wave, %one : (tensor<6x16xf32>, tensor<f32>) -> tensor<6x16xf32>
  %part = nn.mul %x, %shifted : (tensor<6x16xf32>, tensor<6x16xf32>) -> tensor<6x16xf32>
  %y = nn.mul %part, %half : (tensor<6x16xf32>, tensor<f32>) -> tensor<6x16xf32>
  func.return %y : tensor<6x16xf32>
}

// Of what is a product itself.

// CHECK-LABEL: func.func @of_a_product
// CHECK-NEXT:    [[X:%.*]] = nn.mul %a, %b
// CHECK-NEXT:    [[Y:%.*]] = nn.gelu [[X]]
// CHECK-NEXT:    func.return [[Y]]
func.func @of_a_product(%a : tensor<6x16xf32>, %b : tensor<6x16xf32>) -> tensor<6x16xf32> {
  %half = nn.constant 0.5 : tensor<f32>
  %one = nn.constant 1.0 : tensor<f32>
  %root = nn.constant 0.70710676908493042 : tensor<f32>
  %x = nn.mul %a, %b : (tensor<6x16xf32>, tensor<6x16xf32>) -> tensor<6x16xf32>
  %argument = nn.mul %x, %root : (tensor<6x16xf32>, tensor<f32>) -> tensor<6x16xf32>
  %wave = nn.erf %argument : (tensor<6x16xf32>) -> tensor<6x16xf32>
  %shifted = nn.add %wave, %one : (tensor<6x16xf32>, tensor<f32>) -> tensor<6x16xf32>
  %part = nn.mul %shifted, %half : (tensor<6x16xf32>, tensor<f32>) -> tensor<6x16xf32>
  %y = nn.mul %x, %part : (tensor<6x16xf32>, tensor<6x16xf32>) -> tensor<6x16xf32>
  func.return %y : tensor<6x16xf32>
}
