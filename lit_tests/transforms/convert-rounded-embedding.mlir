// RUN: zk-opt %s -p convert-quant-to-zk | filecheck %s
// RUN: zk-opt %s -p "convert-quant-to-zk{private-tokens=true}" | zk-opt | filecheck %s --check-prefix PRIVATE

// A row of the embedding with more fraction bits than the stream is rounded, like any accumulator: a limb of 14
// bits, and one of the remainder. It is the row by the public token, or the one that was gathered.
// CHECK:      zk.column @embed_tokens.limb0 witness [token, channel] in 0 to 16383 {module = "model.embed_tokens"}
// CHECK-NEXT: zk.column @embed_tokens virtual [token, channel] in -8192 to 8191 {module = "model.embed_tokens"}
// CHECK-NEXT: zk.column @embed_tokens.rem0 witness [token, channel] in 0 to 7 {module = "model.embed_tokens"}
// CHECK:      %embed_tokens = zk.embed %{{.*}}, %embed_tokens.weight shift -3 bits 14 limbs [@embed_tokens.limb0] rem [@embed_tokens.rem0] {module = "model.embed_tokens"}
// CHECK:      zk.range @embed_tokens.limb0.range bits 14 <"token, channel: embed_tokens.limb0[token, channel]"> {module = "model.embed_tokens"}
// CHECK-NEXT: zk.define @embed_tokens <"token, channel: embed_tokens.limb0[token, channel] - 8192">
// CHECK-NEXT: zk.range @embed_tokens.rem0.range bits 3 <"token, channel: embed_tokens.rem0[token, channel]"> {module = "model.embed_tokens"}
// CHECK-NEXT: zk.linear @embed_tokens.requantize <"token, channel: 8*embed_tokens[token, channel] + embed_tokens.rem0[token, channel] - embed_tokens.weight[token(token), channel] - 4"> {module = "model.embed_tokens"}

// PRIVATE:      %embed_tokens = zk.embed %ids, %embed_tokens.weight shift -3 bits 14 rows @embed_tokens.rows limbs [@embed_tokens.limb0] rem [@embed_tokens.rem0]
// PRIVATE:      zk.gather @embed_tokens.row
// PRIVATE:      zk.linear @embed_tokens.requantize <"token, channel: 8*embed_tokens[token, channel] + embed_tokens.rem0[token, channel] - embed_tokens.rows[token, channel] - 4"> {module = "model.embed_tokens"}

func.func @main() -> !quant.tensor<[2], bits = 32, frac = 0> {
  %ids = quant.tokens : !quant.tensor<[4], bits = 32, frac = 0>
  %table = quant.param ["model.embed_tokens.weight"] offset 0.0 factor 1.0 : !quant.tensor<[8, 4], bits = 16, frac = 13>
  %x = quant.embed %ids, %table shift -3 {module = "model.embed_tokens"} : (!quant.tensor<[4], bits = 32, frac = 0>, !quant.tensor<[8, 4], bits = 16, frac = 13>) -> !quant.tensor<[4, 4], bits = 20, frac = 10>
  %s = quant.select %x rows 2 {module = "model.norm"} : (!quant.tensor<[4, 4], bits = 20, frac = 10>) -> !quant.tensor<[2, 4], bits = 20, frac = 10>
  %w = quant.param ["model.norm.weight"] offset 1.0 factor 2.0 : !quant.tensor<[4], bits = 16, frac = 12>
  %n = quant.rms_norm %s, %w eps [16384] exponents [0, 12] root 23 table <"round(2^23 / sqrt(x))", 16384 to 65536> {module = "model.norm"} : (!quant.tensor<[2, 4], bits = 20, frac = 10>, !quant.tensor<[4], bits = 16, frac = 12>) -> !quant.tensor<[2, 4], bits = 53, frac = 47>
  %y = quant.requantize %n shift 35 {module = "model.norm"} : (!quant.tensor<[2, 4], bits = 53, frac = 47>) -> !quant.tensor<[2, 4], bits = 16, frac = 12>
  %t = quant.argmax %y, %table width 32 {module = "lm_head"} : (!quant.tensor<[2, 4], bits = 16, frac = 12>, !quant.tensor<[8, 4], bits = 16, frac = 13>) -> !quant.tensor<[2], bits = 32, frac = 0>
  func.return %t : !quant.tensor<[2], bits = 32, frac = 0>
}
