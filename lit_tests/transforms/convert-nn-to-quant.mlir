// RUN: zk-opt %s -p convert-nn-to-quant | filecheck %s

// Each operation becomes its integer operation, rounded to the planned format. The attention scale, the
// embedding's constant and the square root of a norm's size are factors of weights.
// CHECK: func.func @main() -> !quant.tensor<[4, 8], bits = 38, frac = 30> {
// CHECK: %ids = quant.tokens : !quant.tensor<[4], bits = 32, frac = 0>
// CHECK: %table = quant.param ["model.embed_tokens.weight"] sha256 [{{.*}}] offset 0.000000e+00 factor 2.000000e+00 : !quant.tensor<[8, 4], bits = 16, frac = 13>
// CHECK: %x = quant.embed %ids, %table shift 13 {module = "model.embed_tokens"} : {{.*}} -> !quant.tensor<[4, 4], bits = 31, frac = 26>
// CHECK: %a0 = quant.param ["model.layers.0.norm.weight"] sha256 [{{.*}}] offset 1.000000e+00 factor 2.000000e+00 : !quant.tensor<[4], bits = 22, frac = 19>
// CHECK: %b0 = quant.rms_norm %x, %a0 eps [18014398509] exponents [0, 22] root 17 table <"round(2^17 / sqrt(x))", 16384 to 65536> {module = "model.layers.0.norm"} : {{.*}} -> !quant.tensor<[4, 4], bits = 63, frac = 58>
// CHECK: %b0_1 = quant.requantize %b0 shift 45 {module = "model.layers.0.norm"} : {{.*}} -> !quant.tensor<[4, 4], bits = 16, frac = 13>
// CHECK: %c0 = quant.param ["model.layers.0.up.weight"] sha256 [{{.*}}] offset 0.000000e+00 factor 1.000000e+00 : !quant.tensor<[4, 4], bits = 16, frac = 8>
// CHECK: %d0 = quant.matmul %b0_1, %c0 {module = "model.layers.0.up"} : {{.*}} -> !quant.tensor<[4, 4], bits = 34, frac = 21>
// CHECK: %d0_1 = quant.requantize %d0 shift 0 {module = "model.layers.0.up"} : {{.*}} -> !quant.tensor<[4, 4], bits = 31, frac = 21>
// CHECK: %e0 = quant.param ["model.layers.0.post_norm.weight"] sha256 [{{.*}}] offset 1.000000e+00 factor 2.000000e+00 : !quant.tensor<[4], bits = 22, frac = 19>
// CHECK: %f0 = quant.rms_norm %d0_1, %e0 eps [17592186] exponents [0, 22] root 17 table <"round(2^17 / sqrt(x))", 16384 to 65536> {module = "model.layers.0.post_norm"} : {{.*}} -> !quant.tensor<[4, 4], bits = 63, frac = 58>
// CHECK: %f0_1 = quant.requantize %f0 shift 32 {module = "model.layers.0.post_norm"} : {{.*}} -> !quant.tensor<[4, 4], bits = 29, frac = 26>
// CHECK: %y = quant.add %x, %f0_1 {module = "model.layers.0"} : {{.*}} -> !quant.tensor<[4, 4], bits = 31, frac = 26>
// CHECK: %a1 = quant.param ["model.layers.1.norm.weight"] sha256 [{{.*}}] offset 1.000000e+00 factor 2.000000e+00 : !quant.tensor<[4], bits = 22, frac = 19>
// CHECK: %b1 = quant.rms_norm %y, %a1 eps [18014398509] exponents [0, 22] root 17 table <"round(2^17 / sqrt(x))", 16384 to 65536> {module = "model.layers.1.norm"} : {{.*}} -> !quant.tensor<[4, 4], bits = 63, frac = 58>
// CHECK: %b1_1 = quant.requantize %b1 shift 45 {module = "model.layers.1.norm"} : {{.*}} -> !quant.tensor<[4, 4], bits = 16, frac = 13>
// CHECK: %c1 = quant.param ["model.layers.1.up.weight"] sha256 [{{.*}}] offset 0.000000e+00 factor 1.000000e+00 rows [6] : !quant.tensor<[4, 4], bits = 16, frac = 8>
// CHECK: %d1 = quant.matmul %b1_1, %c1 {module = "model.layers.1.up"} : {{.*}} -> !quant.tensor<[4, 4], bits = 34, frac = 21>
// CHECK: %d1_1 = quant.requantize %d1 shift 0 {module = "model.layers.1.up"} : {{.*}} -> !quant.tensor<[4, 4], bits = 31, frac = 21>
// CHECK: %e1 = quant.param ["model.layers.1.post_norm.weight"] sha256 [{{.*}}] offset 1.000000e+00 factor 2.000000e+00 : !quant.tensor<[4], bits = 22, frac = 19>
// CHECK: %f1 = quant.rms_norm %d1_1, %e1 eps [72057594038] exponents [0, 22] root 17 table <"round(2^17 / sqrt(x))", 16384 to 65536> {module = "model.layers.1.post_norm"} : {{.*}} -> !quant.tensor<[4, 4], bits = 63, frac = 58>
// CHECK: %f1_1 = quant.requantize %f1 shift 32 {module = "model.layers.1.post_norm"} : {{.*}} -> !quant.tensor<[4, 4], bits = 29, frac = 26>
// CHECK: %z = quant.add %y, %f1_1 {module = "model.layers.1"} : {{.*}} -> !quant.tensor<[4, 4], bits = 31, frac = 26>
// CHECK: %w = quant.param ["model.norm.weight"] sha256 [{{.*}}] offset 1.000000e+00 factor 2.000000e+00 : !quant.tensor<[4], bits = 22, frac = 19>
// CHECK: %n = quant.rms_norm %z, %w eps [18014398509] exponents [0, 22] root 17 table <"round(2^17 / sqrt(x))", 16384 to 65536> {module = "model.norm"} : {{.*}} -> !quant.tensor<[4, 4], bits = 63, frac = 58>
// CHECK: %n_1 = quant.requantize %n shift 41 {module = "model.norm"} : {{.*}} -> !quant.tensor<[4, 4], bits = 20, frac = 17>
// CHECK: %logits = quant.matmul %n_1, %table {quant.width = 34 : i64, module = "lm_head"} : {{.*}} -> !quant.tensor<[4, 8], bits = 38, frac = 30>
// CHECK: func.return %logits : !quant.tensor<[4, 8], bits = 38, frac = 30>

func.func @main() -> tensor<4x8xf32> attributes {quant.headroom = 1.750000e+00 : f64, quant.spare_exponents = 3 : i64} {
  %ids = nn.tokens : tensor<4xi64>
  %table = nn.param @model.embed_tokens.weight {quant.format = #quant.format<bits = 16, frac = 13>, quant.factor = 2.000000e+00 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<8x4xf32>
  %x = nn.embedding %ids, %table scale 2.000000e+00 {module = "model.embed_tokens", quant.format = #quant.format<bits = 31, frac = 26>} : (tensor<4xi64>, tensor<8x4xf32>) -> tensor<4x4xf32>
  %a0 = nn.param @model.layers.0.norm.weight {quant.format = #quant.format<bits = 22, frac = 19>, quant.factor = 2.000000e+00 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4xf32>
  %b0 = nn.rms_norm %x, %a0 eps 1.000000e-06 {module = "model.layers.0.norm", quant.format = #quant.format<bits = 16, frac = 13>, quant.eps = 18014398509 : i64, quant.root = 17 : i64, quant.exponents = array<i64: 0, 22>} : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
  %c0 = nn.param @model.layers.0.up.weight {quant.format = #quant.format<bits = 16, frac = 8>, quant.factor = 1.000000e+00 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4x4xf32>
  %d0 = nn.linear %b0, %c0 {module = "model.layers.0.up", quant.format = #quant.format<bits = 31, frac = 21>} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %e0 = nn.param @model.layers.0.post_norm.weight {quant.format = #quant.format<bits = 22, frac = 19>, quant.factor = 2.000000e+00 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4xf32>
  %f0 = nn.rms_norm %d0, %e0 eps 1.000000e-06 {module = "model.layers.0.post_norm", quant.format = #quant.format<bits = 29, frac = 26>, quant.eps = 17592186 : i64, quant.root = 17 : i64, quant.exponents = array<i64: 0, 22>} : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
  %y = nn.add %x, %f0 {module = "model.layers.0", quant.format = #quant.format<bits = 31, frac = 26>} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %a1 = nn.param @model.layers.1.norm.weight {quant.format = #quant.format<bits = 22, frac = 19>, quant.factor = 2.000000e+00 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4xf32>
  %b1 = nn.rms_norm %y, %a1 eps 1.000000e-06 {module = "model.layers.1.norm", quant.format = #quant.format<bits = 16, frac = 13>, quant.eps = 18014398509 : i64, quant.root = 17 : i64, quant.exponents = array<i64: 0, 22>} : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
  %c1 = nn.param @model.layers.1.up.weight {quant.format = #quant.format<bits = 16, frac = 8>, quant.factor = 1.000000e+00 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000", rows = array<i64: 6>} : tensor<4x4xf32>
  %d1 = nn.linear %b1, %c1 {module = "model.layers.1.up", quant.format = #quant.format<bits = 31, frac = 21>} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %e1 = nn.param @model.layers.1.post_norm.weight {quant.format = #quant.format<bits = 22, frac = 19>, quant.factor = 2.000000e+00 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4xf32>
  %f1 = nn.rms_norm %d1, %e1 eps 4.096000e-03 {module = "model.layers.1.post_norm", quant.format = #quant.format<bits = 29, frac = 26>, quant.eps = 72057594038 : i64, quant.root = 17 : i64, quant.exponents = array<i64: 0, 22>} : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
  %z = nn.add %y, %f1 {module = "model.layers.1", quant.format = #quant.format<bits = 31, frac = 26>} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %w = nn.param @model.norm.weight {quant.format = #quant.format<bits = 22, frac = 19>, quant.factor = 2.000000e+00 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4xf32>
  %n = nn.rms_norm %z, %w eps 1.000000e-06 {module = "model.norm", quant.format = #quant.format<bits = 20, frac = 17>, quant.eps = 18014398509 : i64, quant.root = 17 : i64, quant.exponents = array<i64: 0, 22>} : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
  %logits = nn.linear %n, %table {module = "lm_head", quant.width = 34 : i64} : (tensor<4x4xf32>, tensor<8x4xf32>) -> tensor<4x8xf32>
  func.return %logits : tensor<4x8xf32>
}

