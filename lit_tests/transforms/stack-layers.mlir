// RUN: zk-opt %s -p stack-layers --split-input-file --verify-diagnostics | filecheck %s

// Two layers become one body. What differs is listed for each: weights and the exponents that
// equalise their channels, kinds of rotary embedding.

// CHECK: func.func @main() -> !quant.tensor<[4, 4], bits = 20, frac = 12> {
// CHECK-NEXT: %ids = quant.tokens : !quant.tensor<[4], bits = 32, frac = 0>
// CHECK-NEXT: %table = quant.param ["embed"] sha256 ["20"] offset 0.000000e+00 factor 2.000000e+00 : !quant.tensor<[16, 4], bits = 16, frac = 10>
// CHECK-NEXT: %x0 = quant.embed %ids, %table shift 2 : {{.*}} -> !quant.tensor<[4, 4], bits = 20, frac = 12>
// CHECK-NEXT: %0 = quant.param stacked ["model.layers.0.norm.weight", "model.layers.1.norm.weight"] sha256 ["00", "01"] offset 1.000000e+00 factor 2.000000e+00 rows [0, 0, 0, 0, 0, 3, 0, -2] : !quant.tensor<[2, 4], bits = 16, frac = 12>
// CHECK-NEXT: %1 = quant.param stacked ["model.layers.0.out.weight", "model.layers.1.out.weight"] sha256 ["10", "11"] offset 0.000000e+00 factor 1.000000e+00 : !quant.tensor<[2, 4, 4], bits = 16, frac = 14>
// CHECK-NEXT: %x2 = quant.layers %x0 with(%0, %1) count 2 : {{.*}} -> !quant.tensor<[4, 4], bits = 20, frac = 12> {
// CHECK: ^bb0({{.*}}):
// CHECK-NEXT: %n0 = quant.rms_norm %2, %3 eps [16384, 17] exponents [0, 9] root 23 table <"round(2^23 / sqrt(x))", 16384 to 65536> {module = "model.layers.{layer}.norm"} : {{.*}} -> !quant.tensor<[4, 4], bits = 50, frac = 44>
// CHECK-NEXT: %m0 = quant.requantize %n0 shift 32 {module = "model.layers.{layer}.norm"} : {{.*}} -> !quant.tensor<[4, 4], bits = 16, frac = 12>
// CHECK-NEXT: %h0 = quant.split_heads %m0 heads 1 {module = "model.layers.{layer}.attn"} : {{.*}} -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
// CHECK-NEXT: %r0 = quant.rope %h0 thetas [1.000000e+04, 1.000000e+06] factors [1.000000e+00, 1.000000e+00] kinds [0, 1] {module = "model.layers.{layer}.attn"} : {{.*}} -> !quant.tensor<[1, 4, 4], bits = 34, frac = 28>
// CHECK-NEXT: %s0 = quant.requantize %r0 shift 16 {module = "model.layers.{layer}.attn"} : {{.*}} -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
// CHECK-NEXT: %t0 = quant.merge_heads %s0 {module = "model.layers.{layer}.attn"} : {{.*}} -> !quant.tensor<[4, 4], bits = 16, frac = 12>
// CHECK-NEXT: %a0 = quant.matmul %t0, %4 {module = "model.layers.{layer}.out"} : {{.*}} -> !quant.tensor<[4, 4], bits = 34, frac = 26>
// CHECK-NEXT: %d0 = quant.requantize %a0 shift 14 {module = "model.layers.{layer}.out"} : {{.*}} -> !quant.tensor<[4, 4], bits = 17, frac = 12>
// CHECK-NEXT: %x1 = quant.add %2, %d0 {module = "model.layers.{layer}"} : {{.*}} -> !quant.tensor<[4, 4], bits = 20, frac = 12>
// CHECK-NEXT: quant.yield %x1 : !quant.tensor<[4, 4], bits = 20, frac = 12>
// CHECK: func.return %x2 : !quant.tensor<[4, 4], bits = 20, frac = 12>

func.func @main() -> !quant.tensor<[4, 4], bits = 20, frac = 12> {
  %ids = quant.tokens : !quant.tensor<[4], bits = 32, frac = 0>
  %table = quant.param ["embed"] sha256 ["20"] offset 0.0 factor 2.0 : !quant.tensor<[16, 4], bits = 16, frac = 10>
  %x0 = quant.embed %ids, %table shift 2 : (!quant.tensor<[4], bits = 32, frac = 0>, !quant.tensor<[16, 4], bits = 16, frac = 10>) -> !quant.tensor<[4, 4], bits = 20, frac = 12>
  %g0 = quant.param ["model.layers.0.norm.weight"] sha256 ["00"] offset 1.0 factor 2.0 : !quant.tensor<[4], bits = 16, frac = 12>
  %n0 = quant.rms_norm %x0, %g0 eps [16384] exponents [0, 9] root 23 table <"round(2^23 / sqrt(x))", 16384 to 65536> {module = "model.layers.0.norm"} : (!quant.tensor<[4, 4], bits = 20, frac = 12>, !quant.tensor<[4], bits = 16, frac = 12>) -> !quant.tensor<[4, 4], bits = 50, frac = 44>
  %m0 = quant.requantize %n0 shift 32 {module = "model.layers.0.norm"} : (!quant.tensor<[4, 4], bits = 50, frac = 44>) -> !quant.tensor<[4, 4], bits = 16, frac = 12>
  %h0 = quant.split_heads %m0 heads 1 {module = "model.layers.0.attn"} : (!quant.tensor<[4, 4], bits = 16, frac = 12>) -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
  %r0 = quant.rope %h0 thetas [1.0e+04, 1.0e+06] factors [1.0, 1.0] kinds [0] {module = "model.layers.0.attn"} : (!quant.tensor<[1, 4, 4], bits = 16, frac = 12>) -> !quant.tensor<[1, 4, 4], bits = 34, frac = 28>
  %s0 = quant.requantize %r0 shift 16 {module = "model.layers.0.attn"} : (!quant.tensor<[1, 4, 4], bits = 34, frac = 28>) -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
  %t0 = quant.merge_heads %s0 {module = "model.layers.0.attn"} : (!quant.tensor<[1, 4, 4], bits = 16, frac = 12>) -> !quant.tensor<[4, 4], bits = 16, frac = 12>
  %w0 = quant.param ["model.layers.0.out.weight"] sha256 ["10"] offset 0.0 factor 1.0 : !quant.tensor<[4, 4], bits = 16, frac = 14>
  %a0 = quant.matmul %t0, %w0 {module = "model.layers.0.out"} : (!quant.tensor<[4, 4], bits = 16, frac = 12>, !quant.tensor<[4, 4], bits = 16, frac = 14>) -> !quant.tensor<[4, 4], bits = 34, frac = 26>
  %d0 = quant.requantize %a0 shift 14 {module = "model.layers.0.out"} : (!quant.tensor<[4, 4], bits = 34, frac = 26>) -> !quant.tensor<[4, 4], bits = 17, frac = 12>
  %x1 = quant.add %x0, %d0 {module = "model.layers.0"} : (!quant.tensor<[4, 4], bits = 20, frac = 12>, !quant.tensor<[4, 4], bits = 17, frac = 12>) -> !quant.tensor<[4, 4], bits = 20, frac = 12>
  %g1 = quant.param ["model.layers.1.norm.weight"] sha256 ["01"] offset 1.0 factor 2.0 rows [0, 3, 0, -2] : !quant.tensor<[4], bits = 16, frac = 12>
  %n1 = quant.rms_norm %x1, %g1 eps [17] exponents [0, 9] root 23 table <"round(2^23 / sqrt(x))", 16384 to 65536> {module = "model.layers.1.norm"} : (!quant.tensor<[4, 4], bits = 20, frac = 12>, !quant.tensor<[4], bits = 16, frac = 12>) -> !quant.tensor<[4, 4], bits = 50, frac = 44>
  %m1 = quant.requantize %n1 shift 32 {module = "model.layers.1.norm"} : (!quant.tensor<[4, 4], bits = 50, frac = 44>) -> !quant.tensor<[4, 4], bits = 16, frac = 12>
  %h1 = quant.split_heads %m1 heads 1 {module = "model.layers.1.attn"} : (!quant.tensor<[4, 4], bits = 16, frac = 12>) -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
  %r1 = quant.rope %h1 thetas [1.0e+04, 1.0e+06] factors [1.0, 1.0] kinds [1] {module = "model.layers.1.attn"} : (!quant.tensor<[1, 4, 4], bits = 16, frac = 12>) -> !quant.tensor<[1, 4, 4], bits = 34, frac = 28>
  %s1 = quant.requantize %r1 shift 16 {module = "model.layers.1.attn"} : (!quant.tensor<[1, 4, 4], bits = 34, frac = 28>) -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
  %t1 = quant.merge_heads %s1 {module = "model.layers.1.attn"} : (!quant.tensor<[1, 4, 4], bits = 16, frac = 12>) -> !quant.tensor<[4, 4], bits = 16, frac = 12>
  %w1 = quant.param ["model.layers.1.out.weight"] sha256 ["11"] offset 0.0 factor 1.0 : !quant.tensor<[4, 4], bits = 16, frac = 14>
  %a1 = quant.matmul %t1, %w1 {module = "model.layers.1.out"} : (!quant.tensor<[4, 4], bits = 16, frac = 12>, !quant.tensor<[4, 4], bits = 16, frac = 14>) -> !quant.tensor<[4, 4], bits = 34, frac = 26>
  %d1 = quant.requantize %a1 shift 14 {module = "model.layers.1.out"} : (!quant.tensor<[4, 4], bits = 34, frac = 26>) -> !quant.tensor<[4, 4], bits = 17, frac = 12>
  %x2 = quant.add %x1, %d1 {module = "model.layers.1"} : (!quant.tensor<[4, 4], bits = 20, frac = 12>, !quant.tensor<[4, 4], bits = 17, frac = 12>) -> !quant.tensor<[4, 4], bits = 20, frac = 12>
  func.return %x2 : !quant.tensor<[4, 4], bits = 20, frac = 12>
}

// -----

// Layers of different tables stay.
// CHECK-LABEL: @eps()
// CHECK-NOT: quant.layers
// CHECK: func.return
func.func @eps() -> !quant.tensor<[4, 4], bits = 20, frac = 12> {
  %ids = quant.tokens : !quant.tensor<[4], bits = 32, frac = 0>
  %table = quant.param ["embed"] sha256 ["20"] offset 0.0 factor 2.0 : !quant.tensor<[16, 4], bits = 16, frac = 10>
  %x0 = quant.embed %ids, %table shift 2 : (!quant.tensor<[4], bits = 32, frac = 0>, !quant.tensor<[16, 4], bits = 16, frac = 10>) -> !quant.tensor<[4, 4], bits = 20, frac = 12>
  %g0 = quant.param ["model.layers.0.norm.weight"] sha256 ["00"] offset 1.0 factor 2.0 : !quant.tensor<[4], bits = 16, frac = 12>
  %n0 = quant.rms_norm %x0, %g0 eps [16384] exponents [0, 9] root 23 table <"round(2^23 / sqrt(x))", 16384 to 65536> {module = "model.layers.0.norm"} : (!quant.tensor<[4, 4], bits = 20, frac = 12>, !quant.tensor<[4], bits = 16, frac = 12>) -> !quant.tensor<[4, 4], bits = 50, frac = 44>
  %m0 = quant.requantize %n0 shift 32 {module = "model.layers.0.norm"} : (!quant.tensor<[4, 4], bits = 50, frac = 44>) -> !quant.tensor<[4, 4], bits = 16, frac = 12>
  %h0 = quant.split_heads %m0 heads 1 {module = "model.layers.0.attn"} : (!quant.tensor<[4, 4], bits = 16, frac = 12>) -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
  %r0 = quant.rope %h0 thetas [1.0e+04, 1.0e+06] factors [1.0, 1.0] kinds [0] {module = "model.layers.0.attn"} : (!quant.tensor<[1, 4, 4], bits = 16, frac = 12>) -> !quant.tensor<[1, 4, 4], bits = 34, frac = 28>
  %s0 = quant.requantize %r0 shift 16 {module = "model.layers.0.attn"} : (!quant.tensor<[1, 4, 4], bits = 34, frac = 28>) -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
  %t0 = quant.merge_heads %s0 {module = "model.layers.0.attn"} : (!quant.tensor<[1, 4, 4], bits = 16, frac = 12>) -> !quant.tensor<[4, 4], bits = 16, frac = 12>
  %w0 = quant.param ["model.layers.0.out.weight"] sha256 ["10"] offset 0.0 factor 1.0 : !quant.tensor<[4, 4], bits = 16, frac = 14>
  %a0 = quant.matmul %t0, %w0 {module = "model.layers.0.out"} : (!quant.tensor<[4, 4], bits = 16, frac = 12>, !quant.tensor<[4, 4], bits = 16, frac = 14>) -> !quant.tensor<[4, 4], bits = 34, frac = 26>
  %d0 = quant.requantize %a0 shift 14 {module = "model.layers.0.out"} : (!quant.tensor<[4, 4], bits = 34, frac = 26>) -> !quant.tensor<[4, 4], bits = 17, frac = 12>
  %x1 = quant.add %x0, %d0 {module = "model.layers.0"} : (!quant.tensor<[4, 4], bits = 20, frac = 12>, !quant.tensor<[4, 4], bits = 17, frac = 12>) -> !quant.tensor<[4, 4], bits = 20, frac = 12>
  %g1 = quant.param ["model.layers.1.norm.weight"] sha256 ["01"] offset 1.0 factor 2.0 : !quant.tensor<[4], bits = 16, frac = 12>
  %n1 = quant.rms_norm %x1, %g1 eps [16384] exponents [0, 9] root 23 table <"floor(2^23 / sqrt(x))", 16384 to 65536> {module = "model.layers.1.norm"} : (!quant.tensor<[4, 4], bits = 20, frac = 12>, !quant.tensor<[4], bits = 16, frac = 12>) -> !quant.tensor<[4, 4], bits = 50, frac = 44>
  %m1 = quant.requantize %n1 shift 32 {module = "model.layers.1.norm"} : (!quant.tensor<[4, 4], bits = 50, frac = 44>) -> !quant.tensor<[4, 4], bits = 16, frac = 12>
  %h1 = quant.split_heads %m1 heads 1 {module = "model.layers.1.attn"} : (!quant.tensor<[4, 4], bits = 16, frac = 12>) -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
  %r1 = quant.rope %h1 thetas [1.0e+04, 1.0e+06] factors [1.0, 1.0] kinds [1] {module = "model.layers.1.attn"} : (!quant.tensor<[1, 4, 4], bits = 16, frac = 12>) -> !quant.tensor<[1, 4, 4], bits = 34, frac = 28>
  %s1 = quant.requantize %r1 shift 16 {module = "model.layers.1.attn"} : (!quant.tensor<[1, 4, 4], bits = 34, frac = 28>) -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
  %t1 = quant.merge_heads %s1 {module = "model.layers.1.attn"} : (!quant.tensor<[1, 4, 4], bits = 16, frac = 12>) -> !quant.tensor<[4, 4], bits = 16, frac = 12>
  %w1 = quant.param ["model.layers.1.out.weight"] sha256 ["11"] offset 0.0 factor 1.0 : !quant.tensor<[4, 4], bits = 16, frac = 14>
  %a1 = quant.matmul %t1, %w1 {module = "model.layers.1.out"} : (!quant.tensor<[4, 4], bits = 16, frac = 12>, !quant.tensor<[4, 4], bits = 16, frac = 14>) -> !quant.tensor<[4, 4], bits = 34, frac = 26>
  %d1 = quant.requantize %a1 shift 14 {module = "model.layers.1.out"} : (!quant.tensor<[4, 4], bits = 34, frac = 26>) -> !quant.tensor<[4, 4], bits = 17, frac = 12>
  %x2 = quant.add %x1, %d1 {module = "model.layers.1"} : (!quant.tensor<[4, 4], bits = 20, frac = 12>, !quant.tensor<[4, 4], bits = 17, frac = 12>) -> !quant.tensor<[4, 4], bits = 20, frac = 12>
  func.return %x2 : !quant.tensor<[4, 4], bits = 20, frac = 12>
}

// -----

// Module paths decide nothing.
// CHECK-LABEL: @path()
// CHECK: quant.param stacked ["model.layers.0.norm.weight", "model.layers.1.norm.weight"]
// CHECK: quant.layers %x0 {{.*}} count 2
func.func @path() -> !quant.tensor<[4, 4], bits = 20, frac = 12> {
  %ids = quant.tokens : !quant.tensor<[4], bits = 32, frac = 0>
  %table = quant.param ["embed"] sha256 ["20"] offset 0.0 factor 2.0 : !quant.tensor<[16, 4], bits = 16, frac = 10>
  %x0 = quant.embed %ids, %table shift 2 : (!quant.tensor<[4], bits = 32, frac = 0>, !quant.tensor<[16, 4], bits = 16, frac = 10>) -> !quant.tensor<[4, 4], bits = 20, frac = 12>
  %g0 = quant.param ["model.layers.0.norm.weight"] sha256 ["00"] offset 1.0 factor 2.0 : !quant.tensor<[4], bits = 16, frac = 12>
  %n0 = quant.rms_norm %x0, %g0 eps [16384] exponents [0, 9] root 23 table <"round(2^23 / sqrt(x))", 16384 to 65536> {module = "model.layers.0.norm"} : (!quant.tensor<[4, 4], bits = 20, frac = 12>, !quant.tensor<[4], bits = 16, frac = 12>) -> !quant.tensor<[4, 4], bits = 50, frac = 44>
  %m0 = quant.requantize %n0 shift 32 {module = "model.layers.0.norm"} : (!quant.tensor<[4, 4], bits = 50, frac = 44>) -> !quant.tensor<[4, 4], bits = 16, frac = 12>
  %h0 = quant.split_heads %m0 heads 1 {module = "model.layers.0.attn"} : (!quant.tensor<[4, 4], bits = 16, frac = 12>) -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
  %r0 = quant.rope %h0 thetas [1.0e+04, 1.0e+06] factors [1.0, 1.0] kinds [0] {module = "model.layers.0.attn"} : (!quant.tensor<[1, 4, 4], bits = 16, frac = 12>) -> !quant.tensor<[1, 4, 4], bits = 34, frac = 28>
  %s0 = quant.requantize %r0 shift 16 {module = "model.layers.0.attn"} : (!quant.tensor<[1, 4, 4], bits = 34, frac = 28>) -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
  %t0 = quant.merge_heads %s0 {module = "model.layers.0.attn"} : (!quant.tensor<[1, 4, 4], bits = 16, frac = 12>) -> !quant.tensor<[4, 4], bits = 16, frac = 12>
  %w0 = quant.param ["model.layers.0.out.weight"] sha256 ["10"] offset 0.0 factor 1.0 : !quant.tensor<[4, 4], bits = 16, frac = 14>
  %a0 = quant.matmul %t0, %w0 {module = "model.layers.0.out"} : (!quant.tensor<[4, 4], bits = 16, frac = 12>, !quant.tensor<[4, 4], bits = 16, frac = 14>) -> !quant.tensor<[4, 4], bits = 34, frac = 26>
  %d0 = quant.requantize %a0 shift 14 {module = "model.layers.0.out"} : (!quant.tensor<[4, 4], bits = 34, frac = 26>) -> !quant.tensor<[4, 4], bits = 17, frac = 12>
  %x1 = quant.add %x0, %d0 {module = "model.layers.0"} : (!quant.tensor<[4, 4], bits = 20, frac = 12>, !quant.tensor<[4, 4], bits = 17, frac = 12>) -> !quant.tensor<[4, 4], bits = 20, frac = 12>
  %g1 = quant.param ["model.layers.1.norm.weight"] sha256 ["01"] offset 1.0 factor 2.0 : !quant.tensor<[4], bits = 16, frac = 12>
  %n1 = quant.rms_norm %x1, %g1 eps [16384] exponents [0, 9] root 23 table <"round(2^23 / sqrt(x))", 16384 to 65536> {module = "model.layers.1.norm"} : (!quant.tensor<[4, 4], bits = 20, frac = 12>, !quant.tensor<[4], bits = 16, frac = 12>) -> !quant.tensor<[4, 4], bits = 50, frac = 44>
  %m1 = quant.requantize %n1 shift 32 {module = "model.layers.1.norm"} : (!quant.tensor<[4, 4], bits = 50, frac = 44>) -> !quant.tensor<[4, 4], bits = 16, frac = 12>
  %h1 = quant.split_heads %m1 heads 1 {module = "model.layers.1.attn"} : (!quant.tensor<[4, 4], bits = 16, frac = 12>) -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
  %r1 = quant.rope %h1 thetas [1.0e+04, 1.0e+06] factors [1.0, 1.0] kinds [1] {module = "model.layers.1.attn"} : (!quant.tensor<[1, 4, 4], bits = 16, frac = 12>) -> !quant.tensor<[1, 4, 4], bits = 34, frac = 28>
  %s1 = quant.requantize %r1 shift 16 {module = "model.layers.1.attn"} : (!quant.tensor<[1, 4, 4], bits = 34, frac = 28>) -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
  %t1 = quant.merge_heads %s1 {module = "model.layers.1.attn"} : (!quant.tensor<[1, 4, 4], bits = 16, frac = 12>) -> !quant.tensor<[4, 4], bits = 16, frac = 12>
  %w1 = quant.param ["model.layers.1.out.weight"] sha256 ["11"] offset 0.0 factor 1.0 : !quant.tensor<[4, 4], bits = 16, frac = 14>
  %a1 = quant.matmul %t1, %w1 {module = "model.layers.1.out"} : (!quant.tensor<[4, 4], bits = 16, frac = 12>, !quant.tensor<[4, 4], bits = 16, frac = 14>) -> !quant.tensor<[4, 4], bits = 34, frac = 26>
  %d1 = quant.requantize %a1 shift 14 {module = "model.layers.1.other"} : (!quant.tensor<[4, 4], bits = 34, frac = 26>) -> !quant.tensor<[4, 4], bits = 17, frac = 12>
  %x2 = quant.add %x1, %d1 {module = "model.layers.1"} : (!quant.tensor<[4, 4], bits = 20, frac = 12>, !quant.tensor<[4, 4], bits = 17, frac = 12>) -> !quant.tensor<[4, 4], bits = 20, frac = 12>
  func.return %x2 : !quant.tensor<[4, 4], bits = 20, frac = 12>
}

// -----

// So do layers that do not follow each other: the second reads what the first one read.
// CHECK-LABEL: @skip()
// CHECK-NOT: quant.layers
// CHECK: func.return
func.func @skip() -> !quant.tensor<[4, 4], bits = 20, frac = 12> {
  %ids = quant.tokens : !quant.tensor<[4], bits = 32, frac = 0>
  %table = quant.param ["embed"] sha256 ["20"] offset 0.0 factor 2.0 : !quant.tensor<[16, 4], bits = 16, frac = 10>
  %x0 = quant.embed %ids, %table shift 2 : (!quant.tensor<[4], bits = 32, frac = 0>, !quant.tensor<[16, 4], bits = 16, frac = 10>) -> !quant.tensor<[4, 4], bits = 20, frac = 12>
  %g0 = quant.param ["model.layers.0.norm.weight"] sha256 ["00"] offset 1.0 factor 2.0 : !quant.tensor<[4], bits = 16, frac = 12>
  %n0 = quant.rms_norm %x0, %g0 eps [16384] exponents [0, 9] root 23 table <"round(2^23 / sqrt(x))", 16384 to 65536> {module = "model.layers.0.norm"} : (!quant.tensor<[4, 4], bits = 20, frac = 12>, !quant.tensor<[4], bits = 16, frac = 12>) -> !quant.tensor<[4, 4], bits = 50, frac = 44>
  %m0 = quant.requantize %n0 shift 32 {module = "model.layers.0.norm"} : (!quant.tensor<[4, 4], bits = 50, frac = 44>) -> !quant.tensor<[4, 4], bits = 16, frac = 12>
  %h0 = quant.split_heads %m0 heads 1 {module = "model.layers.0.attn"} : (!quant.tensor<[4, 4], bits = 16, frac = 12>) -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
  %r0 = quant.rope %h0 thetas [1.0e+04, 1.0e+06] factors [1.0, 1.0] kinds [0] {module = "model.layers.0.attn"} : (!quant.tensor<[1, 4, 4], bits = 16, frac = 12>) -> !quant.tensor<[1, 4, 4], bits = 34, frac = 28>
  %s0 = quant.requantize %r0 shift 16 {module = "model.layers.0.attn"} : (!quant.tensor<[1, 4, 4], bits = 34, frac = 28>) -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
  %t0 = quant.merge_heads %s0 {module = "model.layers.0.attn"} : (!quant.tensor<[1, 4, 4], bits = 16, frac = 12>) -> !quant.tensor<[4, 4], bits = 16, frac = 12>
  %w0 = quant.param ["model.layers.0.out.weight"] sha256 ["10"] offset 0.0 factor 1.0 : !quant.tensor<[4, 4], bits = 16, frac = 14>
  %a0 = quant.matmul %t0, %w0 {module = "model.layers.0.out"} : (!quant.tensor<[4, 4], bits = 16, frac = 12>, !quant.tensor<[4, 4], bits = 16, frac = 14>) -> !quant.tensor<[4, 4], bits = 34, frac = 26>
  %d0 = quant.requantize %a0 shift 14 {module = "model.layers.0.out"} : (!quant.tensor<[4, 4], bits = 34, frac = 26>) -> !quant.tensor<[4, 4], bits = 17, frac = 12>
  %x1 = quant.add %x0, %d0 {module = "model.layers.0"} : (!quant.tensor<[4, 4], bits = 20, frac = 12>, !quant.tensor<[4, 4], bits = 17, frac = 12>) -> !quant.tensor<[4, 4], bits = 20, frac = 12>
  %g1 = quant.param ["model.layers.1.norm.weight"] sha256 ["01"] offset 1.0 factor 2.0 : !quant.tensor<[4], bits = 16, frac = 12>
  %n1 = quant.rms_norm %x0, %g1 eps [16384] exponents [0, 9] root 23 table <"round(2^23 / sqrt(x))", 16384 to 65536> {module = "model.layers.1.norm"} : (!quant.tensor<[4, 4], bits = 20, frac = 12>, !quant.tensor<[4], bits = 16, frac = 12>) -> !quant.tensor<[4, 4], bits = 50, frac = 44>
  %m1 = quant.requantize %n1 shift 32 {module = "model.layers.1.norm"} : (!quant.tensor<[4, 4], bits = 50, frac = 44>) -> !quant.tensor<[4, 4], bits = 16, frac = 12>
  %h1 = quant.split_heads %m1 heads 1 {module = "model.layers.1.attn"} : (!quant.tensor<[4, 4], bits = 16, frac = 12>) -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
  %r1 = quant.rope %h1 thetas [1.0e+04, 1.0e+06] factors [1.0, 1.0] kinds [1] {module = "model.layers.1.attn"} : (!quant.tensor<[1, 4, 4], bits = 16, frac = 12>) -> !quant.tensor<[1, 4, 4], bits = 34, frac = 28>
  %s1 = quant.requantize %r1 shift 16 {module = "model.layers.1.attn"} : (!quant.tensor<[1, 4, 4], bits = 34, frac = 28>) -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
  %t1 = quant.merge_heads %s1 {module = "model.layers.1.attn"} : (!quant.tensor<[1, 4, 4], bits = 16, frac = 12>) -> !quant.tensor<[4, 4], bits = 16, frac = 12>
  %w1 = quant.param ["model.layers.1.out.weight"] sha256 ["11"] offset 0.0 factor 1.0 : !quant.tensor<[4, 4], bits = 16, frac = 14>
  %a1 = quant.matmul %t1, %w1 {module = "model.layers.1.out"} : (!quant.tensor<[4, 4], bits = 16, frac = 12>, !quant.tensor<[4, 4], bits = 16, frac = 14>) -> !quant.tensor<[4, 4], bits = 34, frac = 26>
  %d1 = quant.requantize %a1 shift 14 {module = "model.layers.1.out"} : (!quant.tensor<[4, 4], bits = 34, frac = 26>) -> !quant.tensor<[4, 4], bits = 17, frac = 12>
  %x2 = quant.add %x0, %d1 {module = "model.layers.1"} : (!quant.tensor<[4, 4], bits = 20, frac = 12>, !quant.tensor<[4, 4], bits = 17, frac = 12>) -> !quant.tensor<[4, 4], bits = 20, frac = 12>
  func.return %x2 : !quant.tensor<[4, 4], bits = 20, frac = 12>
}

// -----

// Nor do names of parameters.
// CHECK-LABEL: @param()
// CHECK: quant.param stacked ["model.layers.0.out.weight", "model.layers.1.in.weight"]
// CHECK: quant.layers %x0 {{.*}} count 2
func.func @param() -> !quant.tensor<[4, 4], bits = 20, frac = 12> {
  %ids = quant.tokens : !quant.tensor<[4], bits = 32, frac = 0>
  %table = quant.param ["embed"] sha256 ["20"] offset 0.0 factor 2.0 : !quant.tensor<[16, 4], bits = 16, frac = 10>
  %x0 = quant.embed %ids, %table shift 2 : (!quant.tensor<[4], bits = 32, frac = 0>, !quant.tensor<[16, 4], bits = 16, frac = 10>) -> !quant.tensor<[4, 4], bits = 20, frac = 12>
  %g0 = quant.param ["model.layers.0.norm.weight"] sha256 ["00"] offset 1.0 factor 2.0 : !quant.tensor<[4], bits = 16, frac = 12>
  %n0 = quant.rms_norm %x0, %g0 eps [16384] exponents [0, 9] root 23 table <"round(2^23 / sqrt(x))", 16384 to 65536> {module = "model.layers.0.norm"} : (!quant.tensor<[4, 4], bits = 20, frac = 12>, !quant.tensor<[4], bits = 16, frac = 12>) -> !quant.tensor<[4, 4], bits = 50, frac = 44>
  %m0 = quant.requantize %n0 shift 32 {module = "model.layers.0.norm"} : (!quant.tensor<[4, 4], bits = 50, frac = 44>) -> !quant.tensor<[4, 4], bits = 16, frac = 12>
  %h0 = quant.split_heads %m0 heads 1 {module = "model.layers.0.attn"} : (!quant.tensor<[4, 4], bits = 16, frac = 12>) -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
  %r0 = quant.rope %h0 thetas [1.0e+04, 1.0e+06] factors [1.0, 1.0] kinds [0] {module = "model.layers.0.attn"} : (!quant.tensor<[1, 4, 4], bits = 16, frac = 12>) -> !quant.tensor<[1, 4, 4], bits = 34, frac = 28>
  %s0 = quant.requantize %r0 shift 16 {module = "model.layers.0.attn"} : (!quant.tensor<[1, 4, 4], bits = 34, frac = 28>) -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
  %t0 = quant.merge_heads %s0 {module = "model.layers.0.attn"} : (!quant.tensor<[1, 4, 4], bits = 16, frac = 12>) -> !quant.tensor<[4, 4], bits = 16, frac = 12>
  %w0 = quant.param ["model.layers.0.out.weight"] sha256 ["10"] offset 0.0 factor 1.0 : !quant.tensor<[4, 4], bits = 16, frac = 14>
  %a0 = quant.matmul %t0, %w0 {module = "model.layers.0.out"} : (!quant.tensor<[4, 4], bits = 16, frac = 12>, !quant.tensor<[4, 4], bits = 16, frac = 14>) -> !quant.tensor<[4, 4], bits = 34, frac = 26>
  %d0 = quant.requantize %a0 shift 14 {module = "model.layers.0.out"} : (!quant.tensor<[4, 4], bits = 34, frac = 26>) -> !quant.tensor<[4, 4], bits = 17, frac = 12>
  %x1 = quant.add %x0, %d0 {module = "model.layers.0"} : (!quant.tensor<[4, 4], bits = 20, frac = 12>, !quant.tensor<[4, 4], bits = 17, frac = 12>) -> !quant.tensor<[4, 4], bits = 20, frac = 12>
  %g1 = quant.param ["model.layers.1.norm.weight"] sha256 ["01"] offset 1.0 factor 2.0 : !quant.tensor<[4], bits = 16, frac = 12>
  %n1 = quant.rms_norm %x1, %g1 eps [16384] exponents [0, 9] root 23 table <"round(2^23 / sqrt(x))", 16384 to 65536> {module = "model.layers.1.norm"} : (!quant.tensor<[4, 4], bits = 20, frac = 12>, !quant.tensor<[4], bits = 16, frac = 12>) -> !quant.tensor<[4, 4], bits = 50, frac = 44>
  %m1 = quant.requantize %n1 shift 32 {module = "model.layers.1.norm"} : (!quant.tensor<[4, 4], bits = 50, frac = 44>) -> !quant.tensor<[4, 4], bits = 16, frac = 12>
  %h1 = quant.split_heads %m1 heads 1 {module = "model.layers.1.attn"} : (!quant.tensor<[4, 4], bits = 16, frac = 12>) -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
  %r1 = quant.rope %h1 thetas [1.0e+04, 1.0e+06] factors [1.0, 1.0] kinds [1] {module = "model.layers.1.attn"} : (!quant.tensor<[1, 4, 4], bits = 16, frac = 12>) -> !quant.tensor<[1, 4, 4], bits = 34, frac = 28>
  %s1 = quant.requantize %r1 shift 16 {module = "model.layers.1.attn"} : (!quant.tensor<[1, 4, 4], bits = 34, frac = 28>) -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
  %t1 = quant.merge_heads %s1 {module = "model.layers.1.attn"} : (!quant.tensor<[1, 4, 4], bits = 16, frac = 12>) -> !quant.tensor<[4, 4], bits = 16, frac = 12>
  %w1 = quant.param ["model.layers.1.in.weight"] sha256 ["11"] offset 0.0 factor 1.0 : !quant.tensor<[4, 4], bits = 16, frac = 14>
  %a1 = quant.matmul %t1, %w1 {module = "model.layers.1.out"} : (!quant.tensor<[4, 4], bits = 16, frac = 12>, !quant.tensor<[4, 4], bits = 16, frac = 14>) -> !quant.tensor<[4, 4], bits = 34, frac = 26>
  %d1 = quant.requantize %a1 shift 14 {module = "model.layers.1.out"} : (!quant.tensor<[4, 4], bits = 34, frac = 26>) -> !quant.tensor<[4, 4], bits = 17, frac = 12>
  %x2 = quant.add %x1, %d1 {module = "model.layers.1"} : (!quant.tensor<[4, 4], bits = 20, frac = 12>, !quant.tensor<[4, 4], bits = 17, frac = 12>) -> !quant.tensor<[4, 4], bits = 20, frac = 12>
  func.return %x2 : !quant.tensor<[4, 4], bits = 20, frac = 12>
}

// -----

// Nor do the numbers in them.
// CHECK-LABEL: @gap()
// CHECK: quant.param stacked ["model.layers.0.norm.weight", "model.layers.2.norm.weight"]
// CHECK: quant.layers %x0 {{.*}} count 2
func.func @gap() -> !quant.tensor<[4, 4], bits = 20, frac = 12> {
  %ids = quant.tokens : !quant.tensor<[4], bits = 32, frac = 0>
  %table = quant.param ["embed"] sha256 ["20"] offset 0.0 factor 2.0 : !quant.tensor<[16, 4], bits = 16, frac = 10>
  %x0 = quant.embed %ids, %table shift 2 : (!quant.tensor<[4], bits = 32, frac = 0>, !quant.tensor<[16, 4], bits = 16, frac = 10>) -> !quant.tensor<[4, 4], bits = 20, frac = 12>
  %g0 = quant.param ["model.layers.0.norm.weight"] sha256 ["00"] offset 1.0 factor 2.0 : !quant.tensor<[4], bits = 16, frac = 12>
  %n0 = quant.rms_norm %x0, %g0 eps [16384] exponents [0, 9] root 23 table <"round(2^23 / sqrt(x))", 16384 to 65536> {module = "model.layers.0.norm"} : (!quant.tensor<[4, 4], bits = 20, frac = 12>, !quant.tensor<[4], bits = 16, frac = 12>) -> !quant.tensor<[4, 4], bits = 50, frac = 44>
  %m0 = quant.requantize %n0 shift 32 {module = "model.layers.0.norm"} : (!quant.tensor<[4, 4], bits = 50, frac = 44>) -> !quant.tensor<[4, 4], bits = 16, frac = 12>
  %h0 = quant.split_heads %m0 heads 1 {module = "model.layers.0.attn"} : (!quant.tensor<[4, 4], bits = 16, frac = 12>) -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
  %r0 = quant.rope %h0 thetas [1.0e+04, 1.0e+06] factors [1.0, 1.0] kinds [0] {module = "model.layers.0.attn"} : (!quant.tensor<[1, 4, 4], bits = 16, frac = 12>) -> !quant.tensor<[1, 4, 4], bits = 34, frac = 28>
  %s0 = quant.requantize %r0 shift 16 {module = "model.layers.0.attn"} : (!quant.tensor<[1, 4, 4], bits = 34, frac = 28>) -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
  %t0 = quant.merge_heads %s0 {module = "model.layers.0.attn"} : (!quant.tensor<[1, 4, 4], bits = 16, frac = 12>) -> !quant.tensor<[4, 4], bits = 16, frac = 12>
  %w0 = quant.param ["model.layers.0.out.weight"] sha256 ["10"] offset 0.0 factor 1.0 : !quant.tensor<[4, 4], bits = 16, frac = 14>
  %a0 = quant.matmul %t0, %w0 {module = "model.layers.0.out"} : (!quant.tensor<[4, 4], bits = 16, frac = 12>, !quant.tensor<[4, 4], bits = 16, frac = 14>) -> !quant.tensor<[4, 4], bits = 34, frac = 26>
  %d0 = quant.requantize %a0 shift 14 {module = "model.layers.0.out"} : (!quant.tensor<[4, 4], bits = 34, frac = 26>) -> !quant.tensor<[4, 4], bits = 17, frac = 12>
  %x1 = quant.add %x0, %d0 {module = "model.layers.0"} : (!quant.tensor<[4, 4], bits = 20, frac = 12>, !quant.tensor<[4, 4], bits = 17, frac = 12>) -> !quant.tensor<[4, 4], bits = 20, frac = 12>
  %g2 = quant.param ["model.layers.2.norm.weight"] sha256 ["02"] offset 1.0 factor 2.0 : !quant.tensor<[4], bits = 16, frac = 12>
  %n2 = quant.rms_norm %x1, %g2 eps [16384] exponents [0, 9] root 23 table <"round(2^23 / sqrt(x))", 16384 to 65536> {module = "model.layers.2.norm"} : (!quant.tensor<[4, 4], bits = 20, frac = 12>, !quant.tensor<[4], bits = 16, frac = 12>) -> !quant.tensor<[4, 4], bits = 50, frac = 44>
  %m2 = quant.requantize %n2 shift 32 {module = "model.layers.2.norm"} : (!quant.tensor<[4, 4], bits = 50, frac = 44>) -> !quant.tensor<[4, 4], bits = 16, frac = 12>
  %h2 = quant.split_heads %m2 heads 1 {module = "model.layers.2.attn"} : (!quant.tensor<[4, 4], bits = 16, frac = 12>) -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
  %r2 = quant.rope %h2 thetas [1.0e+04, 1.0e+06] factors [1.0, 1.0] kinds [1] {module = "model.layers.2.attn"} : (!quant.tensor<[1, 4, 4], bits = 16, frac = 12>) -> !quant.tensor<[1, 4, 4], bits = 34, frac = 28>
  %s2 = quant.requantize %r2 shift 16 {module = "model.layers.2.attn"} : (!quant.tensor<[1, 4, 4], bits = 34, frac = 28>) -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
  %t2 = quant.merge_heads %s2 {module = "model.layers.2.attn"} : (!quant.tensor<[1, 4, 4], bits = 16, frac = 12>) -> !quant.tensor<[4, 4], bits = 16, frac = 12>
  %w2 = quant.param ["model.layers.2.out.weight"] sha256 ["12"] offset 0.0 factor 1.0 : !quant.tensor<[4, 4], bits = 16, frac = 14>
  %a2 = quant.matmul %t2, %w2 {module = "model.layers.2.out"} : (!quant.tensor<[4, 4], bits = 16, frac = 12>, !quant.tensor<[4, 4], bits = 16, frac = 14>) -> !quant.tensor<[4, 4], bits = 34, frac = 26>
  %d2 = quant.requantize %a2 shift 14 {module = "model.layers.2.out"} : (!quant.tensor<[4, 4], bits = 34, frac = 26>) -> !quant.tensor<[4, 4], bits = 17, frac = 12>
  %x2 = quant.add %x1, %d2 {module = "model.layers.2"} : (!quant.tensor<[4, 4], bits = 20, frac = 12>, !quant.tensor<[4, 4], bits = 17, frac = 12>) -> !quant.tensor<[4, 4], bits = 20, frac = 12>
  func.return %x2 : !quant.tensor<[4, 4], bits = 20, frac = 12>
}

// -----

// The frequencies of all kinds are the same in all layers.
// CHECK-LABEL: @theta()
// CHECK-NOT: quant.layers
// CHECK: func.return
func.func @theta() -> !quant.tensor<[4, 4], bits = 20, frac = 12> {
  %ids = quant.tokens : !quant.tensor<[4], bits = 32, frac = 0>
  %table = quant.param ["embed"] sha256 ["20"] offset 0.0 factor 2.0 : !quant.tensor<[16, 4], bits = 16, frac = 10>
  %x0 = quant.embed %ids, %table shift 2 : (!quant.tensor<[4], bits = 32, frac = 0>, !quant.tensor<[16, 4], bits = 16, frac = 10>) -> !quant.tensor<[4, 4], bits = 20, frac = 12>
  %g0 = quant.param ["model.layers.0.norm.weight"] sha256 ["00"] offset 1.0 factor 2.0 : !quant.tensor<[4], bits = 16, frac = 12>
  %n0 = quant.rms_norm %x0, %g0 eps [16384] exponents [0, 9] root 23 table <"round(2^23 / sqrt(x))", 16384 to 65536> {module = "model.layers.0.norm"} : (!quant.tensor<[4, 4], bits = 20, frac = 12>, !quant.tensor<[4], bits = 16, frac = 12>) -> !quant.tensor<[4, 4], bits = 50, frac = 44>
  %m0 = quant.requantize %n0 shift 32 {module = "model.layers.0.norm"} : (!quant.tensor<[4, 4], bits = 50, frac = 44>) -> !quant.tensor<[4, 4], bits = 16, frac = 12>
  %h0 = quant.split_heads %m0 heads 1 {module = "model.layers.0.attn"} : (!quant.tensor<[4, 4], bits = 16, frac = 12>) -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
  %r0 = quant.rope %h0 thetas [1.0e+04, 1.0e+06] factors [1.0, 1.0] kinds [0] {module = "model.layers.0.attn"} : (!quant.tensor<[1, 4, 4], bits = 16, frac = 12>) -> !quant.tensor<[1, 4, 4], bits = 34, frac = 28>
  %s0 = quant.requantize %r0 shift 16 {module = "model.layers.0.attn"} : (!quant.tensor<[1, 4, 4], bits = 34, frac = 28>) -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
  %t0 = quant.merge_heads %s0 {module = "model.layers.0.attn"} : (!quant.tensor<[1, 4, 4], bits = 16, frac = 12>) -> !quant.tensor<[4, 4], bits = 16, frac = 12>
  %w0 = quant.param ["model.layers.0.out.weight"] sha256 ["10"] offset 0.0 factor 1.0 : !quant.tensor<[4, 4], bits = 16, frac = 14>
  %a0 = quant.matmul %t0, %w0 {module = "model.layers.0.out"} : (!quant.tensor<[4, 4], bits = 16, frac = 12>, !quant.tensor<[4, 4], bits = 16, frac = 14>) -> !quant.tensor<[4, 4], bits = 34, frac = 26>
  %d0 = quant.requantize %a0 shift 14 {module = "model.layers.0.out"} : (!quant.tensor<[4, 4], bits = 34, frac = 26>) -> !quant.tensor<[4, 4], bits = 17, frac = 12>
  %x1 = quant.add %x0, %d0 {module = "model.layers.0"} : (!quant.tensor<[4, 4], bits = 20, frac = 12>, !quant.tensor<[4, 4], bits = 17, frac = 12>) -> !quant.tensor<[4, 4], bits = 20, frac = 12>
  %g1 = quant.param ["model.layers.1.norm.weight"] sha256 ["01"] offset 1.0 factor 2.0 : !quant.tensor<[4], bits = 16, frac = 12>
  %n1 = quant.rms_norm %x1, %g1 eps [16384] exponents [0, 9] root 23 table <"round(2^23 / sqrt(x))", 16384 to 65536> {module = "model.layers.1.norm"} : (!quant.tensor<[4, 4], bits = 20, frac = 12>, !quant.tensor<[4], bits = 16, frac = 12>) -> !quant.tensor<[4, 4], bits = 50, frac = 44>
  %m1 = quant.requantize %n1 shift 32 {module = "model.layers.1.norm"} : (!quant.tensor<[4, 4], bits = 50, frac = 44>) -> !quant.tensor<[4, 4], bits = 16, frac = 12>
  %h1 = quant.split_heads %m1 heads 1 {module = "model.layers.1.attn"} : (!quant.tensor<[4, 4], bits = 16, frac = 12>) -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
  %r1 = quant.rope %h1 thetas [2.0e+04, 1.0e+06] factors [1.0, 1.0] kinds [1] {module = "model.layers.1.attn"} : (!quant.tensor<[1, 4, 4], bits = 16, frac = 12>) -> !quant.tensor<[1, 4, 4], bits = 34, frac = 28>
  %s1 = quant.requantize %r1 shift 16 {module = "model.layers.1.attn"} : (!quant.tensor<[1, 4, 4], bits = 34, frac = 28>) -> !quant.tensor<[1, 4, 4], bits = 16, frac = 12>
  %t1 = quant.merge_heads %s1 {module = "model.layers.1.attn"} : (!quant.tensor<[1, 4, 4], bits = 16, frac = 12>) -> !quant.tensor<[4, 4], bits = 16, frac = 12>
  %w1 = quant.param ["model.layers.1.out.weight"] sha256 ["11"] offset 0.0 factor 1.0 : !quant.tensor<[4, 4], bits = 16, frac = 14>
  %a1 = quant.matmul %t1, %w1 {module = "model.layers.1.out"} : (!quant.tensor<[4, 4], bits = 16, frac = 12>, !quant.tensor<[4, 4], bits = 16, frac = 14>) -> !quant.tensor<[4, 4], bits = 34, frac = 26>
  %d1 = quant.requantize %a1 shift 14 {module = "model.layers.1.out"} : (!quant.tensor<[4, 4], bits = 34, frac = 26>) -> !quant.tensor<[4, 4], bits = 17, frac = 12>
  %x2 = quant.add %x1, %d1 {module = "model.layers.1"} : (!quant.tensor<[4, 4], bits = 20, frac = 12>, !quant.tensor<[4, 4], bits = 17, frac = 12>) -> !quant.tensor<[4, 4], bits = 20, frac = 12>
  func.return %x2 : !quant.tensor<[4, 4], bits = 20, frac = 12>
}

// -----

// Nothing repeats.
// CHECK-LABEL: @none()
// CHECK-NOT: quant.layers
// CHECK: func.return
func.func @none() -> !quant.tensor<[4], bits = 32, frac = 0> {
  %ids = quant.tokens : !quant.tensor<[4], bits = 32, frac = 0>
  func.return %ids : !quant.tensor<[4], bits = 32, frac = 0>
}
