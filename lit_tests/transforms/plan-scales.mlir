// RUN: zk-opt %s -p plan-scales | filecheck %s

// Values and weights get 16 bits; gains 22; what only a norm reads and what is added to the residual stream
// as many as sums of squares allow.
// CHECK: %table = nn.param @model.embed_tokens.weight {quant.range = 1.200000e+00 : f64, quant.row_norm = 1.400000e+00 : f64, quant.sensitivity = 1.000000e-01 : f64, quant.format = #quant.format<bits = 16, frac = 13>, quant.factor = 2.000000e+00 : f64, sha256 = "{{0+}}"} : tensor<8x4xf32>
// CHECK: %x = nn.embedding %ids, %table scale 2.000000e+00 {module = "model.embed_tokens", quant.range = 2.400000e+00 : f64, quant.format = #quant.format<bits = 31, frac = 26>} : {{.*}} -> tensor<4x4xf32>
// CHECK: %a0 = nn.param @model.layers.0.norm.weight {quant.range = 5.000000e-01 : f64, quant.sensitivity = 1.000000e-01 : f64, quant.format = #quant.format<bits = 22, frac = 19>, quant.factor = 2.000000e+00 : f64, sha256 = "{{0+}}"} : tensor<4xf32>
// CHECK: %b0 = nn.rms_norm %x, %a0 eps 1.000000e-06 {module = "model.layers.0.norm", quant.range = 2.000000e+00 : f64, quant.gain = 1.500000e+00 : f64, quant.squares = array<f64: 5.000000e-01, 1.600000e+01>, quant.sensitivity = 1.000000e-01 : f64, quant.radial = 1.000000e-01 : f64, quant.format = #quant.format<bits = 16, frac = 13>, quant.eps = 18014398509 : i64, quant.root = 17 : i64, quant.exponents = array<i64: 0, 22>} : {{.*}} -> tensor<4x4xf32>
// CHECK: %c0 = nn.param @model.layers.0.up.weight {quant.range = 6.400000e+01 : f64, quant.row_norm = 1.280000e+02 : f64, quant.sensitivity = 1.000000e-01 : f64, quant.format = #quant.format<bits = 16, frac = 8>, quant.factor = 1.000000e+00 : f64, sha256 = "{{0+}}"} : tensor<4x4xf32>
// CHECK: %d0 = nn.linear %b0, %c0 {module = "model.layers.0.up", quant.range = 2.560000e+02 : f64, quant.sensitivity = 1.000000e-01 : f64, quant.format = #quant.format<bits = 31, frac = 21>} : {{.*}} -> tensor<4x4xf32>
// CHECK: %e0 = nn.param @model.layers.0.post_norm.weight {quant.range = 5.000000e-01 : f64, quant.sensitivity = 1.000000e-01 : f64, quant.format = #quant.format<bits = 22, frac = 19>, quant.factor = 2.000000e+00 : f64, sha256 = "{{0+}}"} : tensor<4xf32>
// CHECK: %f0 = nn.rms_norm %d0, %e0 eps 1.000000e-06 {module = "model.layers.0.post_norm", quant.range = 2.000000e+00 : f64, quant.gain = 1.500000e+00 : f64, quant.squares = array<f64: 6.400000e+01, 6.553600e+04>, quant.sensitivity = 1.000000e-01 : f64, quant.radial = 1.000000e-01 : f64, quant.format = #quant.format<bits = 29, frac = 26>, quant.eps = 17592186 : i64, quant.root = 17 : i64, quant.exponents = array<i64: 0, 22>} : {{.*}} -> tensor<4x4xf32>
// CHECK: %y = nn.add %x, %f0 {module = "model.layers.0", quant.format = #quant.format<bits = 31, frac = 26>} : {{.*}} -> tensor<4x4xf32>
// CHECK: %logits = nn.linear %n, %table {module = "lm_head", quant.range = 2.100000e+00 : f64, quant.width = 34 : i64} : {{.*}} -> tensor<4x8xf32>

func.func @main() -> tensor<4x8xf32> {
  %ids = nn.tokens : tensor<4xi64>
  %table = nn.param @model.embed_tokens.weight {quant.range = 1.2 : f64, quant.row_norm = 1.4 : f64, quant.sensitivity = 0.1 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<8x4xf32>
  %x = nn.embedding %ids, %table scale 2.0 {module = "model.embed_tokens", quant.range = 2.4 : f64} : (tensor<4xi64>, tensor<8x4xf32>) -> tensor<4x4xf32>
  %a0 = nn.param @model.layers.0.norm.weight {quant.range = 0.5 : f64, quant.sensitivity = 0.1 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4xf32>
  %b0 = nn.rms_norm %x, %a0 eps 1.0e-06 {module = "model.layers.0.norm", quant.range = 2.0 : f64, quant.gain = 1.5 : f64, quant.squares = array<f64: 0.5, 16.0>, quant.sensitivity = 0.1 : f64, quant.radial = 0.1 : f64} : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
  %c0 = nn.param @model.layers.0.up.weight {quant.range = 64.0 : f64, quant.row_norm = 128.0 : f64, quant.sensitivity = 0.1 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4x4xf32>
  %d0 = nn.linear %b0, %c0 {module = "model.layers.0.up", quant.range = 256.0 : f64, quant.sensitivity = 0.1 : f64} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %e0 = nn.param @model.layers.0.post_norm.weight {quant.range = 0.5 : f64, quant.sensitivity = 0.1 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4xf32>
  %f0 = nn.rms_norm %d0, %e0 eps 1.0e-06 {module = "model.layers.0.post_norm", quant.range = 2.0 : f64, quant.gain = 1.5 : f64, quant.squares = array<f64: 64.0, 65536.0>, quant.sensitivity = 0.1 : f64, quant.radial = 0.1 : f64} : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
  %y = nn.add %x, %f0 {module = "model.layers.0"} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %a1 = nn.param @model.layers.1.norm.weight {quant.range = 0.5 : f64, quant.sensitivity = 0.1 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4xf32>
  %b1 = nn.rms_norm %y, %a1 eps 1.0e-06 {module = "model.layers.1.norm", quant.range = 2.0 : f64, quant.gain = 1.5 : f64, quant.squares = array<f64: 0.5, 16.0>, quant.sensitivity = 0.1 : f64, quant.radial = 0.1 : f64} : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
  %c1 = nn.param @model.layers.1.up.weight {quant.range = 1.0 : f64, quant.row_norm = 2.0 : f64, quant.sensitivity = 0.1 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4x4xf32>
  %d1 = nn.linear %b1, %c1 {module = "model.layers.1.up", quant.range = 4.0 : f64, quant.sensitivity = 0.1 : f64} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %e1 = nn.param @model.layers.1.post_norm.weight {quant.range = 0.5 : f64, quant.sensitivity = 0.1 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4xf32>
  %f1 = nn.rms_norm %d1, %e1 eps 1.0e-06 {module = "model.layers.1.post_norm", quant.range = 2.0 : f64, quant.gain = 1.5 : f64, quant.squares = array<f64: 0.25, 16.0>, quant.sensitivity = 0.1 : f64, quant.radial = 0.1 : f64} : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
  %z = nn.add %y, %f1 {module = "model.layers.1"} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %w = nn.param @model.norm.weight {quant.range = 0.4 : f64, quant.sensitivity = 0.1 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4xf32>
  %n = nn.rms_norm %z, %w eps 1.0e-06 {module = "model.norm", quant.range = 2.4 : f64, quant.gain = 1.4 : f64, quant.squares = array<f64: 3.8, 26.0>, quant.sensitivity = 0.1 : f64} : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
  %logits = nn.linear %n, %table {module = "lm_head", quant.range = 2.1 : f64} : (tensor<4x4xf32>, tensor<8x4xf32>) -> tensor<4x8xf32>
  func.return %logits : tensor<4x8xf32>
}
