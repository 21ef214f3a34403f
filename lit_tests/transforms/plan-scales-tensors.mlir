// RUN: zk-opt %s -p plan-scales,delay-requantize,choose-bits,equalize-layers | filecheck %s

// Values and weights of a function of tensors get 16 bits, and biases up to 18. A sum has the fraction bits of both operands, and one
// bit more than the wider one; what is handed on keeps its format, a positive part its fraction bits. Passes of language models leave it as it is.
// CHECK: func.func @main() -> tensor<2x5xf32> attributes {quant.headroom = 1.750000e+00 : f64} {
// CHECK-NEXT: %x = nn.input "image" {{.*}}quant.format = #quant.format<bits = 16, frac = 14>} : tensor<2x3x4x4xf32>
// CHECK-NEXT: %w = nn.param @conv.weight {{.*}}quant.format = #quant.format<bits = 16, frac = 16>, quant.factor = 1.000000e+00 : f64, sha256 = "{{0+}}"} : tensor<3x3x3x3xf32>
// CHECK-NEXT: %b = nn.param @conv.bias {{.*}}quant.format = #quant.format<bits = 18, frac = 18>, quant.factor = 1.000000e+00 : f64, sha256 = "{{0+}}"} : tensor<3xf32>
// CHECK-NEXT: %c = nn.conv2d %x, %w {{.*}}quant.format = #quant.format<bits = 16, frac = 11>}
// CHECK-NEXT: %r = nn.relu %c {{.*}}quant.format = #quant.format<bits = 12, frac = 11>}
// CHECK-NEXT: %d = nn.conv2d %r, %w {{.*}}quant.format = #quant.format<bits = 16, frac = 11>}
// CHECK-NEXT: %m = nn.max_pool2d %d {{.*}}quant.format = #quant.format<bits = 16, frac = 11>}
// CHECK-NEXT: %n = nn.max_pool2d %r {{.*}}quant.format = #quant.format<bits = 12, frac = 11>}
// CHECK-NEXT: %s = nn.add %m, %n {{.*}}quant.format = #quant.format<bits = 17, frac = 11>}
// CHECK-NEXT: %a = nn.avg_pool2d %s {{.*}}quant.format = #quant.format<bits = 16, frac = 13>}
// CHECK-NEXT: %f = nn.flatten %a {{.*}}quant.format = #quant.format<bits = 16, frac = 13>}
func.func @main() -> tensor<2x5xf32> {
  %x = nn.input "image" {quant.range = 1.0 : f64} : tensor<2x3x4x4xf32>
  %w = nn.param @conv.weight {quant.range = 0.4 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<3x3x3x3xf32>
  %b = nn.param @conv.bias {quant.range = 0.3 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<3xf32>
  %c = nn.conv2d %x, %w bias %b stride [1, 1] padding [1, 1] groups 1 {quant.range = 2.0 : f64} : (tensor<2x3x4x4xf32>, tensor<3x3x3x3xf32>, tensor<3xf32>) -> tensor<2x3x4x4xf32>
  %r = nn.relu %c {quant.range = 0.5 : f64} : (tensor<2x3x4x4xf32>) -> tensor<2x3x4x4xf32>
  %d = nn.conv2d %r, %w stride [1, 1] padding [1, 1] groups 1 {quant.range = 8.0 : f64} : (tensor<2x3x4x4xf32>, tensor<3x3x3x3xf32>) -> tensor<2x3x4x4xf32>
  %m = nn.max_pool2d %d kernel [2, 2] stride [2, 2] padding [0, 0] {quant.range = 8.0 : f64} : (tensor<2x3x4x4xf32>) -> tensor<2x3x2x2xf32>
  %n = nn.max_pool2d %r kernel [2, 2] stride [2, 2] padding [0, 0] {quant.range = 0.5 : f64} : (tensor<2x3x4x4xf32>) -> tensor<2x3x2x2xf32>
  %s = nn.add %m, %n {quant.range = 8.2 : f64} : (tensor<2x3x2x2xf32>, tensor<2x3x2x2xf32>) -> tensor<2x3x2x2xf32>
  %a = nn.avg_pool2d %s kernel [2, 2] stride [2, 2] {quant.range = 1.5 : f64} : (tensor<2x3x2x2xf32>) -> tensor<2x3x1x1xf32>
  %f = nn.flatten %a {quant.range = 1.5 : f64} : (tensor<2x3x1x1xf32>) -> tensor<2x3xf32>
  %v = nn.param @head.weight {quant.range = 0.4 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<5x3xf32>
  %y = nn.linear %f, %v {quant.range = 1.0 : f64} : (tensor<2x3xf32>, tensor<5x3xf32>) -> tensor<2x5xf32>
  func.return %y : tensor<2x5xf32>
}
