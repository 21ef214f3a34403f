// Whether each of three scores of a row of four numbers is at least a half.
builtin.module {
  func.func @main() -> !quant.tensor<[2, 3], bits = 2, frac = 0> {
    %x = quant.input "row" : !quant.tensor<[2, 4], bits = 10, frac = 6>
    %w = quant.param ["score.weight"] offset 0.0 factor 1.0 : !quant.tensor<[3, 4], bits = 9, frac = 8>
    %a = quant.matmul %x, %w {module = "score"} : (!quant.tensor<[2, 4], bits = 10, frac = 6>, !quant.tensor<[3, 4], bits = 9, frac = 8>) -> !quant.tensor<[2, 3], bits = 24, frac = 14>
    %s = quant.requantize %a shift 5 {module = "score"} : (!quant.tensor<[2, 3], bits = 24, frac = 14>) -> !quant.tensor<[2, 3], bits = 16, frac = 9>
    %y = decide.above %s limit 0.5 {module = "decision"} : (!quant.tensor<[2, 3], bits = 16, frac = 9>) -> !quant.tensor<[2, 3], bits = 2, frac = 0>
    func.return %y : !quant.tensor<[2, 3], bits = 2, frac = 0>
  }
}
