// RUN: zk-opt %s -p plan-scales | filecheck %s

// Cosines and sines of a rotation have up to 18 bits, and one number of fraction bits, which the larger ones leave.
// CHECK:      %cos = nn.param @cos {{.*}}quant.format = #quant.format<bits = 18, frac = 16>
// CHECK-NEXT: %sin = nn.param @sin {{.*}}quant.format = #quant.format<bits = 16, frac = 16>
// CHECK-NEXT: %y = nn.rotate %x, %cos, %sin {{.*}}quant.format = #quant.format<bits = 16, frac = 14>
func.func @main() -> tensor<2x4x3x2xf32> {
  %i = nn.input "x" {quant.range = 0.9 : f64} : tensor<2x3x8xf32>
  %x = nn.split_heads %i heads 4 {quant.range = 0.9 : f64} : (tensor<2x3x8xf32>) -> tensor<2x4x3x2xf32>
  %cos = nn.param @cos {quant.range = 1.0 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<3x2xf32>
  %sin = nn.param @sin {quant.range = 0.4 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<3x2xf32>
  %y = nn.rotate %x, %cos, %sin partners [1, 0] {quant.range = 0.9 : f64} : (tensor<2x4x3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>) -> tensor<2x4x3x2xf32>
  func.return %y : tensor<2x4x3x2xf32>
}
