// A function of images: convolutions with padding and steps, of each channel by itself, pooling, a sum, a linear layer.
builtin.module {
  func.func @main() -> !quant.tensor<[3, 5], bits = 16, frac = 6> {
    %x = quant.input "image" : !quant.tensor<[3, 2, 7, 6], bits = 10, frac = 6>
    %w = quant.param ["first.weight"] offset 0.0 factor 1.0 : !quant.tensor<[4, 2, 3, 3], bits = 9, frac = 8>
    %b = quant.param ["first.bias"] offset 0.0 factor 1.0 : !quant.tensor<[4], bits = 12, frac = 10>
    %a = quant.conv2d %x, %w bias %b shift 4 stride [2, 1] padding [1, 1] groups 1 {module = "first"} : (!quant.tensor<[3, 2, 7, 6], bits = 10, frac = 6>, !quant.tensor<[4, 2, 3, 3], bits = 9, frac = 8>, !quant.tensor<[4], bits = 12, frac = 10>) -> !quant.tensor<[3, 4, 4, 6], bits = 24, frac = 14>
    %y = quant.requantize %a shift 6 {module = "first"} : (!quant.tensor<[3, 4, 4, 6], bits = 24, frac = 14>) -> !quant.tensor<[3, 4, 4, 6], bits = 16, frac = 8>
    %r = quant.table %y table <"max(x, 0)", -32768 to 32768> {module = "relu"} : (!quant.tensor<[3, 4, 4, 6], bits = 16, frac = 8>) -> !quant.tensor<[3, 4, 4, 6], bits = 16, frac = 8>
    %p = quant.max_pool %r kernel [3, 3] stride [2, 2] padding [1, 1] {module = "pool"} : (!quant.tensor<[3, 4, 4, 6], bits = 16, frac = 8>) -> !quant.tensor<[3, 4, 2, 3], bits = 16, frac = 8>
    %dw = quant.param ["depthwise.weight"] offset 0.0 factor 1.0 : !quant.tensor<[4, 1, 3, 3], bits = 9, frac = 8>
    %da = quant.conv2d %p, %dw stride [1, 1] padding [1, 1] groups 4 {module = "depthwise"} : (!quant.tensor<[3, 4, 2, 3], bits = 16, frac = 8>, !quant.tensor<[4, 1, 3, 3], bits = 9, frac = 8>) -> !quant.tensor<[3, 4, 2, 3], bits = 30, frac = 16>
    %d = quant.requantize %da shift 9 {module = "depthwise"} : (!quant.tensor<[3, 4, 2, 3], bits = 30, frac = 16>) -> !quant.tensor<[3, 4, 2, 3], bits = 16, frac = 7>
    %ew = quant.param ["second.weight"] offset 0.0 factor 1.0 : !quant.tensor<[4, 4, 3, 3], bits = 9, frac = 8>
    %ea = quant.conv2d %d, %ew stride [1, 1] padding [1, 1] groups 1 {module = "second"} : (!quant.tensor<[3, 4, 2, 3], bits = 16, frac = 7>, !quant.tensor<[4, 4, 3, 3], bits = 9, frac = 8>) -> !quant.tensor<[3, 4, 2, 3], bits = 30, frac = 15>
    %e = quant.requantize %ea shift 8 {module = "second"} : (!quant.tensor<[3, 4, 2, 3], bits = 30, frac = 15>) -> !quant.tensor<[3, 4, 2, 3], bits = 16, frac = 7>
    %s = quant.add %d, %e {module = "sum"} : (!quant.tensor<[3, 4, 2, 3], bits = 16, frac = 7>, !quant.tensor<[3, 4, 2, 3], bits = 16, frac = 7>) -> !quant.tensor<[3, 4, 2, 3], bits = 17, frac = 7>
    %q = quant.sum_pool %s kernel [2, 1] stride [2, 1] factor 1 doublings 1 {module = "mean"} : (!quant.tensor<[3, 4, 2, 3], bits = 17, frac = 7>) -> !quant.tensor<[3, 4, 1, 3], bits = 19, frac = 8>
    %t = quant.requantize %q shift 1 {module = "mean"} : (!quant.tensor<[3, 4, 1, 3], bits = 19, frac = 8>) -> !quant.tensor<[3, 4, 1, 3], bits = 17, frac = 7>
    %f = quant.flatten %t {module = "flatten"} : (!quant.tensor<[3, 4, 1, 3], bits = 17, frac = 7>) -> !quant.tensor<[3, 12], bits = 17, frac = 7>
    %hw = quant.param ["head.weight"] offset 0.0 factor 1.0 : !quant.tensor<[5, 12], bits = 9, frac = 8>
    %ha = quant.matmul %f, %hw {module = "head"} : (!quant.tensor<[3, 12], bits = 17, frac = 7>, !quant.tensor<[5, 12], bits = 9, frac = 8>) -> !quant.tensor<[3, 5], bits = 30, frac = 15>
    %h = quant.requantize %ha shift 9 {module = "head"} : (!quant.tensor<[3, 5], bits = 30, frac = 15>) -> !quant.tensor<[3, 5], bits = 16, frac = 6>
    func.return %h : !quant.tensor<[3, 5], bits = 16, frac = 6>
  }
}
