// RUN: zk-opt %s -p convert-quant-to-zk --split-input-file --verify-diagnostics | filecheck %s

// What convert-quant-to-zk refuses, in words.

// CHECK: convert-quant-to-zk needs one quant.tokens, one quant.embed and at most one quant.layers
func.func @no_embedding() {
  %ids = quant.tokens : !quant.tensor<[16], bits = 32, frac = 0>
  func.return
}

// -----

// CHECK: at most 13 tokens: lengths are padded to three binary digits and zeros, so use 14
func.func @odd_length() -> !quant.tensor<[13, 8], bits = 20, frac = 10> {
  %ids = quant.tokens : !quant.tensor<[13], bits = 32, frac = 0>
  %table = quant.param ["t"] sha256 ["0"] offset 0.0 factor 1.0 : !quant.tensor<[32, 8], bits = 16, frac = 8>
  %x = quant.embed %ids, %table shift 2 : (!quant.tensor<[13], bits = 32, frac = 0>, !quant.tensor<[32, 8], bits = 16, frac = 8>) -> !quant.tensor<[13, 8], bits = 20, frac = 10>
  %y = quant.layers %x with () count 2 : (!quant.tensor<[13, 8], bits = 20, frac = 10>) -> !quant.tensor<[13, 8], bits = 20, frac = 10> {
  ^bb0(%r : !quant.tensor<[13, 8], bits = 20, frac = 10>):
    quant.yield %r : !quant.tensor<[13, 8], bits = 20, frac = 10>
  }
  func.return %y : !quant.tensor<[13, 8], bits = 20, frac = 10>
}

// -----

// CHECK: model.layers.*.norm: quant.requantize has no relations
func.func @rounded_stream() -> !quant.tensor<[16, 8], bits = 20, frac = 10> {
  %ids = quant.tokens : !quant.tensor<[16], bits = 32, frac = 0>
  %table = quant.param ["t"] sha256 ["0"] offset 0.0 factor 1.0 : !quant.tensor<[32, 8], bits = 16, frac = 10>
  %x = quant.embed %ids, %table shift 0 : (!quant.tensor<[16], bits = 32, frac = 0>, !quant.tensor<[32, 8], bits = 16, frac = 10>) -> !quant.tensor<[16, 8], bits = 20, frac = 10>
  %y = quant.layers %x with () count 2 : (!quant.tensor<[16, 8], bits = 20, frac = 10>) -> !quant.tensor<[16, 8], bits = 20, frac = 10> {
  ^bb0(%r : !quant.tensor<[16, 8], bits = 20, frac = 10>):
    %d = quant.requantize %r shift 0 {module = "model.layers.{layer}.norm"} : (!quant.tensor<[16, 8], bits = 20, frac = 10>) -> !quant.tensor<[16, 8], bits = 16, frac = 10>
    %s = quant.add %r, %d : (!quant.tensor<[16, 8], bits = 20, frac = 10>, !quant.tensor<[16, 8], bits = 16, frac = 10>) -> !quant.tensor<[16, 8], bits = 20, frac = 10>
    quant.yield %s : !quant.tensor<[16, 8], bits = 20, frac = 10>
  }
  func.return %y : !quant.tensor<[16, 8], bits = 20, frac = 10>
}

// -----

// CHECK: model.norm: quant.mul must be followed by one requantize
func.func @read_twice() -> !quant.tensor<[16, 8], bits = 40, frac = 20> {
  %ids = quant.tokens : !quant.tensor<[16], bits = 32, frac = 0>
  %table = quant.param ["t"] sha256 ["0"] offset 0.0 factor 1.0 : !quant.tensor<[32, 8], bits = 16, frac = 10>
  %x = quant.embed %ids, %table shift 0 : (!quant.tensor<[16], bits = 32, frac = 0>, !quant.tensor<[32, 8], bits = 16, frac = 10>) -> !quant.tensor<[16, 8], bits = 20, frac = 10>
  %y = quant.mul %x, %x {module = "model.norm"} : (!quant.tensor<[16, 8], bits = 20, frac = 10>, !quant.tensor<[16, 8], bits = 20, frac = 10>) -> !quant.tensor<[16, 8], bits = 40, frac = 20>
  func.return %y : !quant.tensor<[16, 8], bits = 40, frac = 20>
}

// -----

// CHECK: model.up: a value is over (token, channel) in one place and (intermediate, channel) in another
func.func @no_weight() -> !quant.tensor<[16, 16], bits = 16, frac = 20> {
  %ids = quant.tokens : !quant.tensor<[16], bits = 32, frac = 0>
  %table = quant.param ["t"] sha256 ["0"] offset 0.0 factor 1.0 : !quant.tensor<[32, 8], bits = 16, frac = 10>
  %x = quant.embed %ids, %table shift 0 : (!quant.tensor<[16], bits = 32, frac = 0>, !quant.tensor<[32, 8], bits = 16, frac = 10>) -> !quant.tensor<[16, 8], bits = 16, frac = 10>
  %y = quant.matmul %x, %x {module = "model.up"} : (!quant.tensor<[16, 8], bits = 16, frac = 10>, !quant.tensor<[16, 8], bits = 16, frac = 10>) -> !quant.tensor<[16, 16], bits = 36, frac = 20>
  %z = quant.requantize %y shift 0 {module = "model.up"} : (!quant.tensor<[16, 16], bits = 36, frac = 20>) -> !quant.tensor<[16, 16], bits = 16, frac = 20>
  func.return %z : !quant.tensor<[16, 16], bits = 16, frac = 20>
}

// -----

// CHECK: the model: the result of quant.param has no meaning where it is used
func.func @no_value() -> !quant.tensor<[16, 8], bits = 16, frac = 10> {
  %ids = quant.tokens : !quant.tensor<[16], bits = 32, frac = 0>
  %table = quant.param ["t"] sha256 ["0"] offset 0.0 factor 1.0 : !quant.tensor<[16, 8], bits = 16, frac = 10>
  %x = quant.embed %ids, %table shift 0 : (!quant.tensor<[16], bits = 32, frac = 0>, !quant.tensor<[16, 8], bits = 16, frac = 10>) -> !quant.tensor<[16, 8], bits = 16, frac = 10>
  %w = quant.param ["w"] sha256 ["0"] offset 0.0 factor 1.0 : !quant.tensor<[16, 8], bits = 16, frac = 10>
  %y = quant.add %x, %w : (!quant.tensor<[16, 8], bits = 16, frac = 10>, !quant.tensor<[16, 8], bits = 16, frac = 10>) -> !quant.tensor<[16, 8], bits = 16, frac = 10>
  func.return %y : !quant.tensor<[16, 8], bits = 16, frac = 10>
}
