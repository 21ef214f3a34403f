// RUN: zk-opt %s -p plan-scales,convert-nn-to-quant | filecheck %s --check-prefix=QUANT
// RUN: zk-opt %s -p plan-scales,convert-nn-to-quant,convert-quant-to-zk | filecheck %s --check-prefix=ZK

// Probabilities have 14 fraction bits, whatever was seen, and exponentials 24.
// QUANT: %x = quant.input "x" : !quant.tensor<[2, 3], bits = 16, frac = 11>
// QUANT-NEXT: %y = quant.probabilities %x k 46 width 26 table <"round(2^24 * exp(-x * 0.5 / 2^11))", 0 to 65536> : (!quant.tensor<[2, 3], bits = 16, frac = 11>) -> !quant.tensor<[2, 3], bits = 48, frac = 46>
// QUANT-NEXT: %y_1 = quant.requantize %y shift 32 : (!quant.tensor<[2, 3], bits = 48, frac = 46>) -> !quant.tensor<[2, 3], bits = 16, frac = 14>

// What is committed of a row: exponentials, which of them is the first largest, its top, and the division.
// ZK: zk.column @probabilities.softmax.e witness [example, feature3] in 0 to 16777216
// ZK: zk.column @probabilities.softmax.select witness [example, feature3] in 0 to 1
// ZK: zk.column @probabilities.softmax.top0 witness [example] in 0 to 65535
// ZK: zk.column @probabilities.softmax.inv0 witness [example] in 0 to 65535
// ZK: zk.column @probabilities.softmax.inv1 witness [example] in 0 to 127
// ZK: zk.column @probabilities.softmax.remainder0 witness [example] in 0 to 65535
// ZK: zk.column @probabilities.softmax.remainder1 witness [example] in 0 to 1023
// ZK: zk.column @probabilities.softmax.slack0 witness [example] in 0 to 65535
// ZK: zk.column @probabilities.softmax.slack1 witness [example] in 0 to 1023
// ZK: zk.column @probabilities.softmax.inv virtual [example] in 0 to 8388607
// ZK: zk.column @probabilities.limb0 witness [example, feature3] in 0 to 65535
// ZK: zk.column @probabilities virtual [example, feature3] in -32768 to 32767
// ZK: zk.column @probabilities.rem0 witness [example, feature3] in 0 to 65535
// ZK: zk.column @probabilities.rem1 witness [example, feature3] in 0 to 65535
// ZK: zk.table @probabilities.softmax.exp [#zk.rows<["x", "round(2^24 * exp(-x * 0.5 / 2^11))", "1"], 0 to 1>, #zk.rows<["x", "round(2^24 * exp(-x * 0.5 / 2^11))", "0"], 0 to 65536>, #zk.rows<["x", "0", "0"], 65536 to 196608>]
// ZK: %probabilities.softmax, %{{.*}} = zk.softmax %x bits 16 table @probabilities.softmax.exp windows [-1] k 46 width 26 e @probabilities.softmax.e select @probabilities.softmax.select top [@probabilities.softmax.top0] inverse [@probabilities.softmax.inv0, @probabilities.softmax.inv1] remainder [@probabilities.softmax.remainder0, @probabilities.softmax.remainder1] slack [@probabilities.softmax.slack0, @probabilities.softmax.slack1] : (!zk.value<[example, feature3], -32768 to 32767>) -> (!zk.value<[example, feature3], 0 to 16777216>, !zk.value<[example], 0 to 8388607>)
// ZK: %probabilities = zk.probabilities %probabilities.softmax, %{{.*}} shift 32 bits 16 limbs [@probabilities.limb0] rem [@probabilities.rem0, @probabilities.rem1] : (!zk.value<[example, feature3], 0 to 16777216>, !zk.value<[example], 0 to 8388607>) -> !zk.value<[example, feature3], -32768 to 32767>
// ZK: %output = zk.output "output" %probabilities x @output : (!zk.value<[example, feature3], -32768 to 32767>) -> !zk.value<[example, feature3], -32768 to 32767>
// ZK: zk.lookup @probabilities.softmax.exponential in @probabilities.softmax.exp [#zk.expr<"example, feature3: probabilities.softmax.top0[example] - x[example, feature3] - 32768">, #zk.expr<"example, feature3: probabilities.softmax.e[example, feature3]">, #zk.expr<"example, feature3: probabilities.softmax.select[example, feature3]">]
// ZK: zk.linear @probabilities.softmax.one_maximum <"example: probabilities.softmax.select[example, *] - 1">
// ZK: zk.define @probabilities.softmax.inv <"example: probabilities.softmax.inv0[example] + 65536*probabilities.softmax.inv1[example]">
// ZK: zk.einsum @probabilities.softmax.reciprocal <"example: -probabilities.softmax.remainder0[example] - 65536*probabilities.softmax.remainder1[example] + 70368744177664"> = [#zk.product<"1 * (example: probabilities.softmax.inv[example]) * (example: probabilities.softmax.e[example, *])">]
// ZK: zk.linear @probabilities.softmax.remainder_below <"example: probabilities.softmax.e[example, *] - probabilities.softmax.remainder0[example] - 65536*probabilities.softmax.remainder1[example] - probabilities.softmax.slack0[example] - 65536*probabilities.softmax.slack1[example] - 1">
// ZK: zk.define @probabilities <"example, feature3: probabilities.limb0[example, feature3] - 32768">
// ZK: zk.einsum @probabilities.requantize <"example, feature3: 4294967296*probabilities[example, feature3] + probabilities.rem0[example, feature3] + 65536*probabilities.rem1[example, feature3] - 2147483648"> = [#zk.product<"1 * (example, feature3: probabilities.softmax.e[example, feature3]) * (example: probabilities.softmax.inv[example])">]
// ZK: zk.linear @output.equal <"example, feature3: probabilities[example, feature3] - output[example, feature3]">
func.func @main() -> tensor<2x3xf32> {
  %x = nn.input "x" {quant.range = 8.0 : f64} : tensor<2x3xf32>
  %y = nn.probabilities %x scale 0.5 {quant.range = 0.4 : f64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  func.return %y : tensor<2x3xf32>
}
