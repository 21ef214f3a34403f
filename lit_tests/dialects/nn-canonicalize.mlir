// RUN: zk-opt %s -p canonicalize,cse | filecheck %s

// Neutral factors and summands disappear, so do views and expansions that change nothing and
// whatever has no use; other constants stay. Equal parameters become one.

// CHECK-LABEL: func.func @neutral
// CHECK-NEXT:    %two = nn.constant 2.000000e+00 : tensor<f32>
// CHECK-NEXT:    %e = nn.mul %x, %two : (tensor<2x4xf32>, tensor<f32>) -> tensor<2x4xf32>
// CHECK-NEXT:    func.return %x, %x, %x, %x, %e
func.func @neutral(%x : tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>) {
  %one = nn.constant 1.0 : tensor<f32>
  %zero = nn.constant 0.0 : tensor<f32>
  %two = nn.constant 2.0 : tensor<f32>
  %a = nn.mul %x, %one : (tensor<2x4xf32>, tensor<f32>) -> tensor<2x4xf32>
  %b = nn.add %zero, %x : (tensor<f32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %c = nn.view %x : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %d = nn.expand %x : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %e = nn.mul %x, %two : (tensor<2x4xf32>, tensor<f32>) -> tensor<2x4xf32>
  %dead = nn.neg %x : (tensor<2x4xf32>) -> tensor<2x4xf32>
  func.return %a, %b, %c, %d, %e : tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>
}

// CHECK-LABEL: func.func @params
// CHECK-NEXT:    %a = nn.param @w
// CHECK-NEXT:    func.return %a, %a
func.func @params() -> (tensor<4xf32>, tensor<4xf32>) {
  %a = nn.param @w {sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4xf32>
  %b = nn.param @w {sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4xf32>
  func.return %a, %b : tensor<4xf32>, tensor<4xf32>
}
