// RUN: zk-opt %s -p convert-nn-to-quant | filecheck %s

// A calibrated layer of Gemma-3 gets static scales: 16 bits everywhere, 24 for what is added to the
// residual stream, accumulators in between; the attention scale 1/2 goes into the query norm's gain
// and the embedding's into the table, which is the output layer too.

// CHECK: func.func @main() -> !quant.tensor<[4, 8], bits = 34, frac = 26> {
// CHECK-NEXT: %0 = quant.tokens {module = "model.embed_tokens"} : !quant.tensor<[4], bits = 32, frac = 0>
// CHECK-NEXT: %1 = quant.param ["model.embed_tokens.weight"] sha256 [{{.*}}] offset 0.000000e+00 factor 2.000000e+00 : !quant.tensor<[8, 4], bits = 16, frac = 13>
// CHECK-NEXT: %2 = quant.embed %0, %1 shift 7 {module = "model.embed_tokens"} : {{.*}} -> !quant.tensor<[4, 4], bits = 26, frac = 20>
// CHECK-NEXT: %3 = quant.param ["model.layers.0.input_layernorm.weight"] sha256 [{{.*}}] offset 1.000000e+00 factor 2.000000e+00 : !quant.tensor<[4], bits = 16, frac = 13>
// CHECK-NEXT: %4 = quant.rms_norm %2, %3 eps [4398047] exponents [0, 17] root 23 table <"round(2^23 / sqrt(x))", 16384 to 65536> {module = "model.layers.0.input_layernorm"} : {{.*}} -> !quant.tensor<[4, 4], bits = 58, frac = 53>
// CHECK-NEXT: %5 = quant.requantize %4 shift 40 {module = "model.layers.0.input_layernorm"} : {{.*}} -> !quant.tensor<[4, 4], bits = 16, frac = 13>
// CHECK-NEXT: %6 = quant.param ["model.layers.0.self_attn.q_proj.weight"] sha256 [{{.*}}] offset 0.000000e+00 factor 1.000000e+00 : !quant.tensor<[8, 4], bits = 16, frac = 15>
// CHECK-NEXT: %7 = quant.matmul %5, %6 {module = "model.layers.0.self_attn.q_proj"} : {{.*}} -> !quant.tensor<[4, 8], bits = 34, frac = 28>
// CHECK-NEXT: %8 = quant.requantize %7 shift 16 {module = "model.layers.0.self_attn.q_proj"} : {{.*}} -> !quant.tensor<[4, 8], bits = 16, frac = 12>
// CHECK-NEXT: %9 = quant.split_heads %8 heads 2 {module = "model.layers.0.self_attn"} : {{.*}} -> !quant.tensor<[2, 4, 4], bits = 16, frac = 12>
// CHECK-NEXT: %10 = quant.param ["model.layers.0.self_attn.q_norm.weight"] sha256 [{{.*}}] offset 1.000000e+00 factor 1.000000e+00 : !quant.tensor<[4], bits = 16, frac = 14>
// CHECK-NEXT: %11 = quant.rms_norm %9, %10 eps [67] exponents [0, 9] root 23 table <"round(2^23 / sqrt(x))", 16384 to 65536> {module = "model.layers.0.self_attn.q_norm"} : {{.*}} -> !quant.tensor<[2, 4, 4], bits = 50, frac = 46>
// CHECK-NEXT: %12 = quant.requantize %11 shift 32 {module = "model.layers.0.self_attn.q_norm"} : {{.*}} -> !quant.tensor<[2, 4, 4], bits = 16, frac = 14>
// CHECK-NEXT: %13 = quant.rope %12 thetas [1.000000e+04] factors [1.000000e+00] kinds [0] {module = "model.layers.0.self_attn"} : {{.*}} -> !quant.tensor<[2, 4, 4], bits = 32, frac = 28>
// CHECK-NEXT: %14 = quant.requantize %13 shift 14 {module = "model.layers.0.self_attn"} : {{.*}} -> !quant.tensor<[2, 4, 4], bits = 16, frac = 14>
// CHECK-NEXT: %15 = quant.param ["model.layers.0.self_attn.k_proj.weight"] sha256 [{{.*}}] offset 0.000000e+00 factor 1.000000e+00 : !quant.tensor<[4, 4], bits = 16, frac = 14>
// CHECK-NEXT: %16 = quant.matmul %5, %15 {module = "model.layers.0.self_attn.k_proj"} : {{.*}} -> !quant.tensor<[4, 4], bits = 34, frac = 27>
// CHECK-NEXT: %17 = quant.requantize %16 shift 15 {module = "model.layers.0.self_attn.k_proj"} : {{.*}} -> !quant.tensor<[4, 4], bits = 16, frac = 12>
// CHECK-NEXT: %18 = quant.split_heads %17 heads 1 {module = "model.layers.0.self_attn"} : {{.*}} -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
// CHECK-NEXT: %19 = quant.param ["model.layers.0.self_attn.k_norm.weight"] sha256 [{{.*}}] offset 1.000000e+00 factor 2.000000e+00 : !quant.tensor<[4], bits = 16, frac = 13>
// CHECK-NEXT: %20 = quant.rms_norm %18, %19 eps [16384] exponents [0, 9] root 23 table <"round(2^23 / sqrt(x))", 16384 to 65536> {module = "model.layers.0.self_attn.k_norm"} : {{.*}} -> !quant.tensor<[1, 4, 4], bits = 50, frac = 45>
// CHECK-NEXT: %21 = quant.requantize %20 shift 32 {module = "model.layers.0.self_attn.k_norm"} : {{.*}} -> !quant.tensor<[1, 4, 4], bits = 16, frac = 13>
// CHECK-NEXT: %22 = quant.rope %21 thetas [1.000000e+04] factors [1.000000e+00] kinds [0] {module = "model.layers.0.self_attn"} : {{.*}} -> !quant.tensor<[1, 4, 4], bits = 32, frac = 27>
// CHECK-NEXT: %23 = quant.requantize %22 shift 14 {module = "model.layers.0.self_attn"} : {{.*}} -> !quant.tensor<[1, 4, 4], bits = 16, frac = 13>
// CHECK-NEXT: %24 = quant.param ["model.layers.0.self_attn.v_proj.weight"] sha256 [{{.*}}] offset 0.000000e+00 factor 1.000000e+00 : !quant.tensor<[4, 4], bits = 16, frac = 15>
// CHECK-NEXT: %25 = quant.matmul %5, %24 {module = "model.layers.0.self_attn.v_proj"} : {{.*}} -> !quant.tensor<[4, 4], bits = 34, frac = 28>
// CHECK-NEXT: %26 = quant.requantize %25 shift 16 {module = "model.layers.0.self_attn.v_proj"} : {{.*}} -> !quant.tensor<[4, 4], bits = 16, frac = 12>
// CHECK-NEXT: %27 = quant.split_heads %26 heads 1 {module = "model.layers.0.self_attn"} : {{.*}} -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
// CHECK-NEXT: %28 = quant.scores %14, %23 {module = "model.layers.0.self_attn"} : {{.*}} -> !quant.tensor<[2, 4, 4], bits = 34, frac = 27>
// CHECK-NEXT: %29 = quant.requantize %28 shift 15 {module = "model.layers.0.self_attn"} : {{.*}} -> !quant.tensor<[2, 4, 4], bits = 16, frac = 12>
// CHECK-NEXT: %30, %31 = quant.softmax %29 windows [2] k 32 width 17 table <"round(2^15 * exp(-x / 2^12))", 0 to 65536> {module = "model.layers.0.self_attn"} : {{.*}} -> (!quant.tensor<[2, 4, 4], bits = 17, frac = 15>, !quant.tensor<[2, 4], bits = 19, frac = 17>)
// CHECK-NEXT: %32 = quant.attend %30, %31, %27 {module = "model.layers.0.self_attn"} : {{.*}} -> !quant.tensor<[2, 4, 4], bits = 49, frac = 44>
// CHECK-NEXT: %33 = quant.requantize %32 shift 32 {module = "model.layers.0.self_attn"} : {{.*}} -> !quant.tensor<[2, 4, 4], bits = 16, frac = 12>
// CHECK-NEXT: %34 = quant.merge_heads %33 {module = "model.layers.0.self_attn"} : {{.*}} -> !quant.tensor<[4, 8], bits = 16, frac = 12>
// CHECK-NEXT: %35 = quant.param ["model.layers.0.self_attn.o_proj.weight"] sha256 [{{.*}}] offset 0.000000e+00 factor 1.000000e+00 : !quant.tensor<[4, 8], bits = 16, frac = 15>
// CHECK-NEXT: %36 = quant.matmul %34, %35 {module = "model.layers.0.self_attn.o_proj"} : {{.*}} -> !quant.tensor<[4, 4], bits = 35, frac = 27>
// CHECK-NEXT: %37 = quant.requantize %36 shift 15 {module = "model.layers.0.self_attn.o_proj"} : {{.*}} -> !quant.tensor<[4, 4], bits = 16, frac = 12>
// CHECK-NEXT: %38 = quant.param ["model.layers.0.post_attention_layernorm.weight"] sha256 [{{.*}}] offset 1.000000e+00 factor 2.000000e+00 : !quant.tensor<[4], bits = 16, frac = 13>
// CHECK-NEXT: %39 = quant.rms_norm %37, %38 eps [67] exponents [0, 9] root 23 table <"round(2^23 / sqrt(x))", 16384 to 65536> {module = "model.layers.0.post_attention_layernorm"} : {{.*}} -> !quant.tensor<[4, 4], bits = 50, frac = 45>
// CHECK-NEXT: %40 = quant.requantize %39 shift 25 {module = "model.layers.0.post_attention_layernorm"} : {{.*}} -> !quant.tensor<[4, 4], bits = 24, frac = 20>
// CHECK-NEXT: %41 = quant.add %2, %40 {module = "model.layers.0"} : {{.*}} -> !quant.tensor<[4, 4], bits = 26, frac = 20>
// CHECK-NEXT: %42 = quant.param ["model.layers.0.pre_feedforward_layernorm.weight"] sha256 [{{.*}}] offset 1.000000e+00 factor 2.000000e+00 : !quant.tensor<[4], bits = 16, frac = 13>
// CHECK-NEXT: %43 = quant.rms_norm %41, %42 eps [4398047] exponents [0, 18] root 23 table <"round(2^23 / sqrt(x))", 16384 to 65536> {module = "model.layers.0.pre_feedforward_layernorm"} : {{.*}} -> !quant.tensor<[4, 4], bits = 59, frac = 54>
// CHECK-NEXT: %44 = quant.requantize %43 shift 41 {module = "model.layers.0.pre_feedforward_layernorm"} : {{.*}} -> !quant.tensor<[4, 4], bits = 16, frac = 13>
// CHECK-NEXT: %45 = quant.param ["model.layers.0.mlp.gate_proj.weight"] sha256 [{{.*}}] offset 0.000000e+00 factor 1.000000e+00 : !quant.tensor<[6, 4], bits = 16, frac = 14>
// CHECK-NEXT: %46 = quant.matmul %44, %45 {module = "model.layers.0.mlp.gate_proj"} : {{.*}} -> !quant.tensor<[4, 6], bits = 34, frac = 27>
// CHECK-NEXT: %47 = quant.requantize %46 shift 15 {module = "model.layers.0.mlp.gate_proj"} : {{.*}} -> !quant.tensor<[4, 6], bits = 16, frac = 12>
// CHECK-NEXT: %48 = quant.table %47 table <"round(2^12 * (x / 2^12) * (1 + tanh(sqrt(2 / pi) * ((x / 2^12) + 0.044715 * (x / 2^12)^3))) / 2)", -32768 to 32768> {module = "model.layers.0.mlp.act_fn"} : {{.*}} -> !quant.tensor<[4, 6], bits = 16, frac = 12>
// CHECK-NEXT: %49 = quant.param ["model.layers.0.mlp.up_proj.weight"] sha256 [{{.*}}] offset 0.000000e+00 factor 1.000000e+00 : !quant.tensor<[6, 4], bits = 16, frac = 15>
// CHECK-NEXT: %50 = quant.matmul %44, %49 {module = "model.layers.0.mlp.up_proj"} : {{.*}} -> !quant.tensor<[4, 6], bits = 34, frac = 28>
// CHECK-NEXT: %51 = quant.requantize %50 shift 15 {module = "model.layers.0.mlp.up_proj"} : {{.*}} -> !quant.tensor<[4, 6], bits = 16, frac = 13>
// CHECK-NEXT: %52 = quant.mul %48, %51 {module = "model.layers.0.mlp"} : {{.*}} -> !quant.tensor<[4, 6], bits = 32, frac = 25>
// CHECK-NEXT: %53 = quant.requantize %52 shift 13 {module = "model.layers.0.mlp"} : {{.*}} -> !quant.tensor<[4, 6], bits = 16, frac = 12>
// CHECK-NEXT: %54 = quant.param ["model.layers.0.mlp.down_proj.weight"] sha256 [{{.*}}] offset 0.000000e+00 factor 1.000000e+00 : !quant.tensor<[4, 6], bits = 16, frac = 14>
// CHECK-NEXT: %55 = quant.matmul %53, %54 {module = "model.layers.0.mlp.down_proj"} : {{.*}} -> !quant.tensor<[4, 4], bits = 34, frac = 26>
// CHECK-NEXT: %56 = quant.requantize %55 shift 13 {module = "model.layers.0.mlp.down_proj"} : {{.*}} -> !quant.tensor<[4, 4], bits = 16, frac = 13>
// CHECK-NEXT: %57 = quant.param ["model.layers.0.post_feedforward_layernorm.weight"] sha256 [{{.*}}] offset 1.000000e+00 factor 2.000000e+00 : !quant.tensor<[4], bits = 16, frac = 13>
// CHECK-NEXT: %58 = quant.rms_norm %56, %57 eps [268] exponents [0, 9] root 23 table <"round(2^23 / sqrt(x))", 16384 to 65536> {module = "model.layers.0.post_feedforward_layernorm"} : {{.*}} -> !quant.tensor<[4, 4], bits = 50, frac = 45>
// CHECK-NEXT: %59 = quant.requantize %58 shift 25 {module = "model.layers.0.post_feedforward_layernorm"} : {{.*}} -> !quant.tensor<[4, 4], bits = 24, frac = 20>
// CHECK-NEXT: %60 = quant.add %41, %59 {module = "model.layers.0"} : {{.*}} -> !quant.tensor<[4, 4], bits = 26, frac = 20>
// CHECK-NEXT: %61 = quant.param ["model.norm.weight"] sha256 [{{.*}}] offset 1.000000e+00 factor 2.000000e+00 : !quant.tensor<[4], bits = 16, frac = 13>
// CHECK-NEXT: %62 = quant.rms_norm %60, %61 eps [4398047] exponents [0, 18] root 23 table <"round(2^23 / sqrt(x))", 16384 to 65536> {module = "model.norm"} : {{.*}} -> !quant.tensor<[4, 4], bits = 59, frac = 54>
// CHECK-NEXT: %63 = quant.requantize %62 shift 41 {module = "model.norm"} : {{.*}} -> !quant.tensor<[4, 4], bits = 16, frac = 13>
// CHECK-NEXT: %64 = quant.matmul %63, %1 {quant.width = 30 : i64, module = "lm_head"} : {{.*}} -> !quant.tensor<[4, 8], bits = 34, frac = 26>
// CHECK-NEXT: func.return %64 : !quant.tensor<[4, 8], bits = 34, frac = 26>

func.func @main() -> tensor<4x8xf32> {
  %0 = nn.tokens {module = "model.embed_tokens"} : tensor<4xi64>
  %1 = nn.param @model.embed_tokens.weight {quant.range = 1.2 : f64, quant.row_norm = 1.4 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<8x4xf32>
  %2 = nn.embedding %0, %1 scale 2.000000e+00 {module = "model.embed_tokens", quant.range = 2.3 : f64} : (tensor<4xi64>, tensor<8x4xf32>) -> tensor<4x4xf32>
  %3 = nn.param @model.layers.0.input_layernorm.weight {quant.range = 0.16 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4xf32>
  %4 = nn.rms_norm %2, %3 eps 1.000000e-06 {module = "model.layers.0.input_layernorm", quant.range = 2.0 : f64, quant.gain = 1.2 : f64, quant.squares = array<f64: 0.45, 7.5>} : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
  %5 = nn.param @model.layers.0.self_attn.q_proj.weight {quant.range = 0.98 : f64, quant.row_norm = 1.3 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<8x4xf32>
  %6 = nn.linear %4, %5 {module = "model.layers.0.self_attn.q_proj", quant.range = 2.3 : f64} : (tensor<4x4xf32>, tensor<8x4xf32>) -> tensor<4x8xf32>
  %7 = nn.split_heads %6 heads 2 {module = "model.layers.0.self_attn", quant.range = 2.3 : f64} : (tensor<4x8xf32>) -> tensor<2x4x4xf32>
  %8 = nn.param @model.layers.0.self_attn.q_norm.weight {quant.range = 0.66 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4xf32>
  %9 = nn.rms_norm %7, %8 eps 1.000000e-06 {module = "model.layers.0.self_attn.q_norm", quant.range = 2.2 : f64, quant.gain = 1.2 : f64, quant.squares = array<f64: 0.69, 14.0>} : (tensor<2x4x4xf32>, tensor<4xf32>) -> tensor<2x4x4xf32>
  %10 = nn.rope %9 theta 1.000000e+04 factor 1.000000e+00 {module = "model.layers.0.self_attn", quant.range = 2.2 : f64} : (tensor<2x4x4xf32>) -> tensor<2x4x4xf32>
  %11 = nn.param @model.layers.0.self_attn.k_proj.weight {quant.range = 1.0 : f64, quant.row_norm = 1.3 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4x4xf32>
  %12 = nn.linear %4, %11 {module = "model.layers.0.self_attn.k_proj", quant.range = 2.0 : f64} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %13 = nn.split_heads %12 heads 1 {module = "model.layers.0.self_attn", quant.range = 2.0 : f64} : (tensor<4x4xf32>) -> tensor<1x4x4xf32>
  %14 = nn.param @model.layers.0.self_attn.k_norm.weight {quant.range = 0.51 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4xf32>
  %15 = nn.rms_norm %13, %14 eps 1.000000e-06 {module = "model.layers.0.self_attn.k_norm", quant.range = 2.0 : f64, quant.gain = 1.5 : f64, quant.squares = array<f64: 1.2, 7.8>} : (tensor<1x4x4xf32>, tensor<4xf32>) -> tensor<1x4x4xf32>
  %16 = nn.rope %15 theta 1.000000e+04 factor 1.000000e+00 {module = "model.layers.0.self_attn", quant.range = 2.0 : f64} : (tensor<1x4x4xf32>) -> tensor<1x4x4xf32>
  %17 = nn.param @model.layers.0.self_attn.v_proj.weight {quant.range = 0.7 : f64, quant.row_norm = 1.0 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4x4xf32>
  %18 = nn.linear %4, %17 {module = "model.layers.0.self_attn.v_proj", quant.range = 2.1 : f64} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %19 = nn.split_heads %18 heads 1 {module = "model.layers.0.self_attn", quant.range = 2.1 : f64} : (tensor<4x4xf32>) -> tensor<1x4x4xf32>
  %20 = nn.scores %10, %16 scale 5.000000e-01 {module = "model.layers.0.self_attn", quant.range = 2.3 : f64} : (tensor<2x4x4xf32>, tensor<1x4x4xf32>) -> tensor<2x4x4xf32>
  %21 = nn.masked_softmax %20 window 2 {module = "model.layers.0.self_attn", quant.range = 1.0 : f64} : (tensor<2x4x4xf32>) -> tensor<2x4x4xf32>
  %22 = nn.attend %21, %19 {module = "model.layers.0.self_attn", quant.range = 2.0 : f64} : (tensor<2x4x4xf32>, tensor<1x4x4xf32>) -> tensor<2x4x4xf32>
  %23 = nn.merge_heads %22 {module = "model.layers.0.self_attn", quant.range = 2.0 : f64} : (tensor<2x4x4xf32>) -> tensor<4x8xf32>
  %24 = nn.param @model.layers.0.self_attn.o_proj.weight {quant.range = 0.84 : f64, quant.row_norm = 1.3 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4x8xf32>
  %25 = nn.linear %23, %24 {module = "model.layers.0.self_attn.o_proj", quant.range = 3.1 : f64} : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x4xf32>
  %26 = nn.param @model.layers.0.post_attention_layernorm.weight {quant.range = 0.13 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4xf32>
  %27 = nn.rms_norm %25, %26 eps 1.000000e-06 {module = "model.layers.0.post_attention_layernorm", quant.range = 2.1 : f64, quant.gain = 1.1 : f64, quant.squares = array<f64: 0.16, 11.0>} : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
  %28 = nn.add %2, %27 {module = "model.layers.0", quant.range = 2.9 : f64} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %29 = nn.param @model.layers.0.pre_feedforward_layernorm.weight {quant.range = 0.57 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4xf32>
  %30 = nn.rms_norm %28, %29 eps 1.000000e-06 {module = "model.layers.0.pre_feedforward_layernorm", quant.range = 1.6 : f64, quant.gain = 1.1 : f64, quant.squares = array<f64: 5.6, 16.0>} : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
  %31 = nn.param @model.layers.0.mlp.gate_proj.weight {quant.range = 1.2 : f64, quant.row_norm = 1.3 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<6x4xf32>
  %32 = nn.linear %30, %31 {module = "model.layers.0.mlp.gate_proj", quant.range = 2.1 : f64} : (tensor<4x4xf32>, tensor<6x4xf32>) -> tensor<4x6xf32>
  %33 = nn.gelu_tanh %32 {module = "model.layers.0.mlp.act_fn", quant.range = 1.9 : f64} : (tensor<4x6xf32>) -> tensor<4x6xf32>
  %34 = nn.param @model.layers.0.mlp.up_proj.weight {quant.range = 0.97 : f64, quant.row_norm = 1.3 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<6x4xf32>
  %35 = nn.linear %30, %34 {module = "model.layers.0.mlp.up_proj", quant.range = 1.6 : f64} : (tensor<4x4xf32>, tensor<6x4xf32>) -> tensor<4x6xf32>
  %36 = nn.mul %33, %35 {module = "model.layers.0.mlp", quant.range = 2.7 : f64} : (tensor<4x6xf32>, tensor<4x6xf32>) -> tensor<4x6xf32>
  %37 = nn.param @model.layers.0.mlp.down_proj.weight {quant.range = 1.3 : f64, quant.row_norm = 1.3 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4x6xf32>
  %38 = nn.linear %36, %37 {module = "model.layers.0.mlp.down_proj", quant.range = 1.4 : f64} : (tensor<4x6xf32>, tensor<4x6xf32>) -> tensor<4x4xf32>
  %39 = nn.param @model.layers.0.post_feedforward_layernorm.weight {quant.range = 0.6 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4xf32>
  %40 = nn.rms_norm %38, %39 eps 1.000000e-06 {module = "model.layers.0.post_feedforward_layernorm", quant.range = 2.2 : f64, quant.gain = 1.2 : f64, quant.squares = array<f64: 0.016, 3.6>} : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
  %41 = nn.add %28, %40 {module = "model.layers.0", quant.range = 3.9 : f64} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %42 = nn.param @model.norm.weight {quant.range = 0.41 : f64, sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<4xf32>
  %43 = nn.rms_norm %41, %42 eps 1.000000e-06 {module = "model.norm", quant.range = 2.4 : f64, quant.gain = 1.4 : f64, quant.squares = array<f64: 3.8, 26.0>} : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
  %44 = nn.linear %43, %1 {module = "lm_head", quant.range = 2.1 : f64} : (tensor<4x4xf32>, tensor<8x4xf32>) -> tensor<4x8xf32>
  func.return %44 : tensor<4x8xf32>
}
