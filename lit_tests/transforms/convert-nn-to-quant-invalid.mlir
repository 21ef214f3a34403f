// RUN: zk-opt %s -p plan-scales,convert-nn-to-quant --split-input-file --verify-diagnostics | filecheck %s

// CHECK: the function must return the logits: a norm and a linear layer
func.func @main() -> tensor<4x4xf32> {
  %ids = nn.tokens : tensor<4xi64>
  %table = nn.param @embed {quant.range = 1.0 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<8x4xf32>
  %x = nn.embedding %ids, %table scale 2.0 : (tensor<4xi64>, tensor<8x4xf32>) -> tensor<4x4xf32>
  func.return %x : tensor<4x4xf32>
}

// -----

// CHECK: model.norm: nn.rms_norm has no quant.gain; calibrate the module first
func.func @main() -> tensor<4x8xf32> {
  %ids = nn.tokens : tensor<4xi64>
  %table = nn.param @embed {quant.range = 1.0 : f64, quant.row_norm = 2.0 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<8x4xf32>
  %x = nn.embedding %ids, %table scale 2.0 : (tensor<4xi64>, tensor<8x4xf32>) -> tensor<4x4xf32>
  %w = nn.param @norm {quant.range = 1.0 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4xf32>
  %y = nn.rms_norm %x, %w eps 1.0e-06 {module = "model.norm", quant.range = 2.0 : f64, quant.squares = array<f64: 1.0, 16.0>} : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
  %z = nn.linear %y, %table {module = "lm_head"} : (tensor<4x4xf32>, tensor<8x4xf32>) -> tensor<4x8xf32>
  func.return %z : tensor<4x8xf32>
}

// -----

// CHECK: model.layers.0: this sum is not residual stream plus delta
func.func @main() -> tensor<4x8xf32> {
  %ids = nn.tokens : tensor<4xi64>
  %table = nn.param @embed {quant.range = 1.0 : f64, quant.row_norm = 2.0 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<8x4xf32>
  %x = nn.embedding %ids, %table scale 2.0 : (tensor<4xi64>, tensor<8x4xf32>) -> tensor<4x4xf32>
  %s = nn.add %x, %x {module = "model.layers.0"} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %w = nn.param @norm {quant.range = 1.0 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4xf32>
  %y = nn.rms_norm %s, %w eps 1.0e-06 {module = "model.norm", quant.range = 2.0 : f64, quant.gain = 2.0 : f64, quant.squares = array<f64: 1.0, 16.0>} : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
  %z = nn.linear %y, %table {module = "lm_head"} : (tensor<4x4xf32>, tensor<8x4xf32>) -> tensor<4x8xf32>
  func.return %z : tensor<4x8xf32>
}
