// RUN: zk-opt %s -p plan-scales,delay-requantize | filecheck %s

// The product that the last linear layer reads is not rounded. Its factors and that layer's weights share
// the bits of an accumulator.
// CHECK: %g0 = nn.param @model.layers.0.gate.weight {quant.range = 6.400000e+01 : f64, quant.row_norm = 1.280000e+02 : f64, quant.sensitivity = 1.000000e-01 : f64, quant.format = #quant.format<bits = 16, frac = 8>, quant.factor = 1.000000e+00 : f64, sha256 = "{{0+}}"} : tensor<4x4xf32>
// CHECK: %h0 = nn.linear %b0, %g0 {module = "model.layers.0.gate", quant.range = 2.560000e+02 : f64, quant.sensitivity = 1.000000e-01 : f64, quant.format = #quant.format<bits = 16, frac = 6>} : {{.*}} -> tensor<4x4xf32>
// CHECK: %c0 = nn.param @model.layers.0.up.weight {quant.range = 6.400000e+01 : f64, quant.row_norm = 1.280000e+02 : f64, quant.sensitivity = 1.000000e-01 : f64, quant.format = #quant.format<bits = 16, frac = 8>, quant.factor = 1.000000e+00 : f64, sha256 = "{{0+}}"} : tensor<4x4xf32>
// CHECK: %u0 = nn.linear %b0, %c0 {module = "model.layers.0.up", quant.range = 2.560000e+02 : f64, quant.sensitivity = 1.000000e-01 : f64, quant.format = #quant.format<bits = 16, frac = 6>} : {{.*}} -> tensor<4x4xf32>
// CHECK: %m0 = nn.mul %h0, %u0 {module = "model.layers.0", quant.range = 1.000000e+02 : f64, quant.sensitivity = 1.000000e-01 : f64, quant.unrounded} : {{.*}} -> tensor<4x4xf32>
// CHECK: %o0 = nn.param @model.layers.0.down.weight {quant.range = 6.400000e+01 : f64, quant.row_norm = 1.280000e+02 : f64, quant.sensitivity = 1.000000e-01 : f64, quant.format = #quant.format<bits = 16, frac = 8>, quant.factor = 1.000000e+00 : f64, sha256 = "{{0+}}"} : tensor<4x4xf32>
// CHECK: %d0 = nn.linear %m0, %o0 {module = "model.layers.0.down", quant.range = 2.560000e+02 : f64, quant.sensitivity = 1.000000e-01 : f64, quant.format = #quant.format<bits = 31, frac = 20>} : {{.*}} -> tensor<4x4xf32>

func.func @main() -> tensor<4x8xf32> {
  %ids = nn.tokens : tensor<4xi64>
  %table = nn.param @model.embed_tokens.weight {quant.range = 1.2 : f64, quant.row_norm = 1.4 : f64, quant.sensitivity = 0.1 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<8x4xf32>
  %x = nn.embedding %ids, %table scale 2.0 {module = "model.embed_tokens", quant.range = 2.4 : f64} : (tensor<4xi64>, tensor<8x4xf32>) -> tensor<4x4xf32>
  %a0 = nn.param @model.layers.0.norm.weight {quant.range = 0.5 : f64, quant.sensitivity = 0.1 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4xf32>
  %b0 = nn.rms_norm %x, %a0 eps 1.0e-06 {module = "model.layers.0.norm", quant.range = 2.0 : f64, quant.gain = 1.5 : f64, quant.squares = array<f64: 0.5, 16.0>, quant.sensitivity = 0.1 : f64, quant.radial = 0.1 : f64} : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
  %g0 = nn.param @model.layers.0.gate.weight {quant.range = 64.0 : f64, quant.row_norm = 128.0 : f64, quant.sensitivity = 0.1 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4x4xf32>
  %h0 = nn.linear %b0, %g0 {module = "model.layers.0.gate", quant.range = 256.0 : f64, quant.sensitivity = 0.1 : f64} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %c0 = nn.param @model.layers.0.up.weight {quant.range = 64.0 : f64, quant.row_norm = 128.0 : f64, quant.sensitivity = 0.1 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4x4xf32>
  %u0 = nn.linear %b0, %c0 {module = "model.layers.0.up", quant.range = 256.0 : f64, quant.sensitivity = 0.1 : f64} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %m0 = nn.mul %h0, %u0 {module = "model.layers.0", quant.range = 100.0 : f64, quant.sensitivity = 0.1 : f64} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %o0 = nn.param @model.layers.0.down.weight {quant.range = 64.0 : f64, quant.row_norm = 128.0 : f64, quant.sensitivity = 0.1 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4x4xf32>
  %d0 = nn.linear %m0, %o0 {module = "model.layers.0.down", quant.range = 256.0 : f64, quant.sensitivity = 0.1 : f64} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %e0 = nn.param @model.layers.0.post_norm.weight {quant.range = 0.5 : f64, quant.sensitivity = 0.1 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4xf32>
  %f0 = nn.rms_norm %d0, %e0 eps 1.0e-06 {module = "model.layers.0.post_norm", quant.range = 2.0 : f64, quant.gain = 1.5 : f64, quant.squares = array<f64: 64.0, 65536.0>, quant.sensitivity = 0.1 : f64, quant.radial = 0.1 : f64} : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
  %y = nn.add %x, %f0 {module = "model.layers.0"} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %a1 = nn.param @model.layers.1.norm.weight {quant.range = 0.5 : f64, quant.sensitivity = 0.1 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4xf32>
  %b1 = nn.rms_norm %y, %a1 eps 1.0e-06 {module = "model.layers.1.norm", quant.range = 2.0 : f64, quant.gain = 1.5 : f64, quant.squares = array<f64: 0.5, 16.0>, quant.sensitivity = 0.1 : f64, quant.radial = 0.1 : f64} : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
  %g1 = nn.param @model.layers.1.gate.weight {quant.range = 1.0 : f64, quant.row_norm = 2.0 : f64, quant.sensitivity = 0.1 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4x4xf32>
  %h1 = nn.linear %b1, %g1 {module = "model.layers.1.gate", quant.range = 4.0 : f64, quant.sensitivity = 0.1 : f64} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %c1 = nn.param @model.layers.1.up.weight {quant.range = 1.0 : f64, quant.row_norm = 2.0 : f64, quant.sensitivity = 0.1 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4x4xf32>
  %u1 = nn.linear %b1, %c1 {module = "model.layers.1.up", quant.range = 4.0 : f64, quant.sensitivity = 0.1 : f64} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %m1 = nn.mul %h1, %u1 {module = "model.layers.1", quant.range = 100.0 : f64, quant.sensitivity = 0.1 : f64} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %o1 = nn.param @model.layers.1.down.weight {quant.range = 1.0 : f64, quant.row_norm = 2.0 : f64, quant.sensitivity = 0.1 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4x4xf32>
  %d1 = nn.linear %m1, %o1 {module = "model.layers.1.down", quant.range = 4.0 : f64, quant.sensitivity = 0.1 : f64} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %e1 = nn.param @model.layers.1.post_norm.weight {quant.range = 0.5 : f64, quant.sensitivity = 0.1 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4xf32>
  %f1 = nn.rms_norm %d1, %e1 eps 1.0e-06 {module = "model.layers.1.post_norm", quant.range = 2.0 : f64, quant.gain = 1.5 : f64, quant.squares = array<f64: 0.25, 16.0>, quant.sensitivity = 0.1 : f64, quant.radial = 0.1 : f64} : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
  %z = nn.add %y, %f1 {module = "model.layers.1"} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %w = nn.param @model.norm.weight {quant.range = 0.4 : f64, quant.sensitivity = 0.1 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4xf32>
  %n = nn.rms_norm %z, %w eps 1.0e-06 {module = "model.norm", quant.range = 2.4 : f64, quant.gain = 1.4 : f64, quant.squares = array<f64: 3.8, 26.0>, quant.sensitivity = 0.1 : f64} : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
  %logits = nn.linear %n, %table {module = "lm_head", quant.range = 2.1 : f64} : (tensor<4x4xf32>, tensor<8x4xf32>) -> tensor<4x8xf32>
  func.return %logits : tensor<4x8xf32>
}
