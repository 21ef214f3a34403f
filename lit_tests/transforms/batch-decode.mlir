// RUN: zk-opt %s --split-input-file -p "batch-decode{generated=3}" | filecheck %s

// Only the rows that produce tokens go through the final norm, and logits become an argmax.

// CHECK:       %0 = quant.tokens
// CHECK-NEXT:  %1 = quant.param ["model.embed_tokens.weight"]
// CHECK-NEXT:  %2 = quant.embed %0, %1 shift 2
// CHECK-NEXT:  %3 = quant.param ["model.norm.weight"]
// CHECK-NEXT:  %4 = quant.select %2 rows 3 {module = "model.norm"} : (!quant.tensor<[8, 4], bits = 20, frac = 12>) -> !quant.tensor<[3, 4], bits = 20, frac = 12>
// CHECK-NEXT:  %5 = quant.rms_norm %4, %3 eps [16384] exponents [0, 9] root 23 table <"round(2^23 / sqrt(x))", 16384 to 65536> {module = "model.norm"} : (!quant.tensor<[3, 4], bits = 20, frac = 12>, !quant.tensor<[4], bits = 16, frac = 12>) -> !quant.tensor<[3, 4], bits = 50, frac = 44>
// CHECK-NEXT:  %6 = quant.requantize %5 shift 32 {module = "model.norm"} : (!quant.tensor<[3, 4], bits = 50, frac = 44>) -> !quant.tensor<[3, 4], bits = 16, frac = 12>
// CHECK-NEXT:  %7 = quant.argmax %6, %1 width 30 {module = "lm_head"} : (!quant.tensor<[3, 4], bits = 16, frac = 12>, !quant.tensor<[16, 4], bits = 16, frac = 10>) -> !quant.tensor<[3], bits = 32, frac = 0>
// CHECK-NEXT:  func.return %7 : !quant.tensor<[3], bits = 32, frac = 0>
func.func @main() -> !quant.tensor<[8, 16], bits = 34, frac = 22> {
  %0 = quant.tokens : !quant.tensor<[8], bits = 32, frac = 0>
  %1 = quant.param ["model.embed_tokens.weight"] sha256 ["00"] offset 0.0 factor 2.0 : !quant.tensor<[16, 4], bits = 16, frac = 10>
  %2 = quant.embed %0, %1 shift 2 : (!quant.tensor<[8], bits = 32, frac = 0>, !quant.tensor<[16, 4], bits = 16, frac = 10>) -> !quant.tensor<[8, 4], bits = 20, frac = 12>
  %3 = quant.param ["model.norm.weight"] sha256 ["00"] offset 1.0 factor 2.0 : !quant.tensor<[4], bits = 16, frac = 12>
  %4 = quant.rms_norm %2, %3 eps [16384] exponents [0, 9] root 23 table <"round(2^23 / sqrt(x))", 16384 to 65536> {module = "model.norm"} : (!quant.tensor<[8, 4], bits = 20, frac = 12>, !quant.tensor<[4], bits = 16, frac = 12>) -> !quant.tensor<[8, 4], bits = 50, frac = 44>
  %5 = quant.requantize %4 shift 32 {module = "model.norm"} : (!quant.tensor<[8, 4], bits = 50, frac = 44>) -> !quant.tensor<[8, 4], bits = 16, frac = 12>
  %6 = quant.matmul %5, %1 {quant.width = 30 : i64, module = "lm_head"} : (!quant.tensor<[8, 4], bits = 16, frac = 12>, !quant.tensor<[16, 4], bits = 16, frac = 10>) -> !quant.tensor<[8, 16], bits = 34, frac = 22>
  func.return %6 : !quant.tensor<[8, 16], bits = 34, frac = 22>
}

// -----

// Without a norm the rows are taken right before the output layer.

// CHECK:       %x = quant.embed
// CHECK-NEXT:  %0 = quant.select %x rows 3
// CHECK-NEXT:  %1 = quant.argmax %0, %table width 29
func.func @bare() -> !quant.tensor<[8, 16], bits = 36, frac = 20> {
  %ids = quant.tokens : !quant.tensor<[8], bits = 32, frac = 0>
  %table = quant.param ["table"] sha256 ["00"] offset 0.0 factor 1.0 : !quant.tensor<[16, 4], bits = 16, frac = 10>
  %x = quant.embed %ids, %table shift 0 : (!quant.tensor<[8], bits = 32, frac = 0>, !quant.tensor<[16, 4], bits = 16, frac = 10>) -> !quant.tensor<[8, 4], bits = 16, frac = 10>
  %logits = quant.matmul %x, %table {quant.width = 29 : i64} : (!quant.tensor<[8, 4], bits = 16, frac = 10>, !quant.tensor<[16, 4], bits = 16, frac = 10>) -> !quant.tensor<[8, 16], bits = 36, frac = 20>
  func.return %logits : !quant.tensor<[8, 16], bits = 36, frac = 20>
}
