// RUN: zk-opt %s -p convert-nn-to-quant | filecheck %s

// An activation is the table of its definition for the fraction bits of its two sides, whatever its name.
// CHECK: %a = quant.table %x table <"max(x, 0) * 2^1 - round(2^13 * (abs(x) / 2^12) * (1 - tanh(sqrt(2 / pi) * ((abs(x) / 2^12) + 0.044715 * (abs(x) / 2^12)^3))) / 2)", -32768 to 32768>
// CHECK: %b = quant.table %a table <"round((max(x, 0) * 2^0 - round(2^13 * (abs(x) / 2^13) * (1 - erf((abs(x) / 2^13) / sqrt(2))) / 2)) / 2^2)", -32768 to 32768>
// CHECK: %c = quant.table %b table <"round((max(x, 0) * 2^0 - round(2^11 * (abs(x) / 2^11) * (1 - tanh((abs(x) / 2^11) / 2)) / 2)) / 2^12)", -32768 to 32768>
// CHECK: %d = quant.table %c table <"round(2^0 * max((x * 2^1), 0))", -32768 to 32768> : {{.*}} -> !quant.tensor<[4, 4], bits = 16, frac = 0>
func.func @main() -> tensor<4x4xf32> {
  %ids = nn.tokens : tensor<4xi64>
  %table = nn.param @embed {quant.format = #quant.format<bits = 16, frac = 12>, quant.factor = 2.0 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<8x4xf32>
  %x = nn.embedding %ids, %table scale 2.0 {quant.format = #quant.format<bits = 16, frac = 12>} : (tensor<4xi64>, tensor<8x4xf32>) -> tensor<4x4xf32>
  %a = nn.gelu_tanh %x {quant.format = #quant.format<bits = 16, frac = 13>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %b = nn.gelu %a {quant.format = #quant.format<bits = 16, frac = 11>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %c = nn.silu %b {quant.format = #quant.format<bits = 16, frac = -1>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %d = nn.relu %c {quant.format = #quant.format<bits = 16, frac = 0>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  func.return %d : tensor<4x4xf32>
}
