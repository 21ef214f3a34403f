// RUN: zk-opt %s -p convert-nn-to-quant --split-input-file | filecheck %s

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

// -----

// One whose tail depends on the sign, and others.
// CHECK: %e = quant.table %x table <"max(x, 0) * 2^1 - round(2^13 * (1 - exp(max(min((x / 2^12), 0), -40))))", -32768 to 32768>
// CHECK: %f = quant.table %e table <"round(2^13 * 1.0507009873554805 * (max((x / 2^13), 0) - 1.6732632423543772 * (1 - exp(min((x / 2^13), 0)))))", -32768 to 32768>
// CHECK: %g = quant.table %f table <"round((max(x, 0) * 2^0 - round(2^13 * (-log(1 + exp(-(abs(x) / 2^13)))))) / 2^1)", -32768 to 32768>
// CHECK: %h = quant.table %g table <"max(x, 0) * 2^0 - round(2^12 * (max((x / 2^12), 0) - (x / 2^12) * tanh(max((x / 2^12), 0) + log(1 + exp(-abs((x / 2^12)))))))", -32768 to 32768>
// CHECK: %i = quant.table %h table <"max(x, 0) * 2^0 - round(2^12 * (abs(x) / 2^12) * max(3 - (abs(x) / 2^12), 0) / 6)", -32768 to 32768>
// CHECK: %j = quant.table %i table <"round(2^14 * min(max((x / 2^12) + 3, 0), 6) / 6)", -32768 to 32768>
func.func @main() -> tensor<4x4xf32> {
  %x = nn.input "x" {quant.format = #quant.format<bits = 16, frac = 12>} : tensor<4x4xf32>
  %e = nn.elu %x {quant.format = #quant.format<bits = 16, frac = 13>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %f = nn.selu %e {quant.format = #quant.format<bits = 16, frac = 13>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %g = nn.softplus %f {quant.format = #quant.format<bits = 16, frac = 12>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %h = nn.mish %g {quant.format = #quant.format<bits = 16, frac = 12>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %i = nn.hardswish %h {quant.format = #quant.format<bits = 16, frac = 12>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %j = nn.hardsigmoid %i {quant.format = #quant.format<bits = 16, frac = 14>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  func.return %j : tensor<4x4xf32>
}
