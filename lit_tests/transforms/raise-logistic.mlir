// RUN: zk-opt %s -p raise-logistic | filecheck %s

// CHECK-LABEL: func.func @written_out
// CHECK-NEXT:    [[Y:%.*]] = stablehlo.logistic %x : tensor<2x8xf32>
// CHECK-NEXT:    func.return [[Y]]
func.func @written_out(%x : tensor<2x8xf32>) -> tensor<2x8xf32> {
  %one = stablehlo.constant dense<1.0> : tensor<f32>
  %ones = stablehlo.broadcast_in_dim %one, dims = [] : (tensor<f32>) -> tensor<2x8xf32>
  %n = stablehlo.negate %x : tensor<2x8xf32>
  %e = stablehlo.exponential %n : tensor<2x8xf32>
  %s = stablehlo.add %ones, %e : tensor<2x8xf32>
  %y = stablehlo.divide %ones, %s : tensor<2x8xf32>
  func.return %y : tensor<2x8xf32>
}

// CHECK-LABEL: func.func @of_another_number
// CHECK-NOT:     stablehlo.logistic
func.func @of_another_number(%x : tensor<2x8xf32>) -> tensor<2x8xf32> {
  %one = stablehlo.constant dense<1.0> : tensor<2x8xf32>
  %two = stablehlo.constant dense<2.0> : tensor<2x8xf32>
  %n = stablehlo.negate %x : tensor<2x8xf32>
  %e = stablehlo.exponential %n : tensor<2x8xf32>
  %s = stablehlo.add %e, %two : tensor<2x8xf32>
  %y = stablehlo.divide %one, %s : tensor<2x8xf32>
  func.return %y : tensor<2x8xf32>
}
