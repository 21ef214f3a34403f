// RUN: zk-opt %s | zk-opt --print-op-generic | zk-opt | filecheck %s

// Every operation prints, parses and verifies, in its own form and the generic one.

// CHECK: func.func @tokens() {
// CHECK-NEXT: %ids = quant.tokens : !quant.tensor<[64], bits = 32, frac = 0>
// CHECK-NEXT: func.return
// CHECK: func.func @param() {
// CHECK-NEXT: %w = quant.param ["model.norm.weight"] sha256 ["9f86"] offset 1.000000e+00 factor 1.131370e+01 : !quant.tensor<[128], bits = 16, frac = 9>
// CHECK-NEXT: %p = quant.param ["model.norm.weight"] offset 1.000000e+00 factor 1.131370e+01 : !quant.tensor<[128], bits = 16, frac = 9>
// CHECK-NEXT: func.return
// CHECK: func.func @embed(%ids: !quant.tensor<[64], bits = 32, frac = 0>, %table: !quant.tensor<[1024, 128], bits = 16, frac = 13>) {
// CHECK-NEXT: %x = quant.embed %ids, %table shift 4 : (!quant.tensor<[64], bits = 32, frac = 0>, !quant.tensor<[1024, 128], bits = 16, frac = 13>) -> !quant.tensor<[64, 128], bits = 28, frac = 17>
// CHECK-NEXT: func.return
// CHECK: func.func @embed_rounded(%ids: !quant.tensor<[64], bits = 32, frac = 0>, %table: !quant.tensor<[1024, 128], bits = 16, frac = 13>) {
// CHECK-NEXT: %x = quant.embed %ids, %table shift -4 : (!quant.tensor<[64], bits = 32, frac = 0>, !quant.tensor<[1024, 128], bits = 16, frac = 13>) -> !quant.tensor<[64, 128], bits = 13, frac = 9>
// CHECK-NEXT: func.return
// CHECK: func.func @requantize(%acc: !quant.tensor<[64, 384], bits = 39, frac = 26>) {
// CHECK-NEXT: %y = quant.requantize %acc shift 15 : (!quant.tensor<[64, 384], bits = 39, frac = 26>) -> !quant.tensor<[64, 384], bits = 16, frac = 11>
// CHECK-NEXT: func.return
// CHECK: func.func @rms_norm(%x: !quant.tensor<[64, 128], bits = 28, frac = 17>, %gain: !quant.tensor<[128], bits = 16, frac = 9>) {
// CHECK-NEXT: %acc = quant.rms_norm %x, %gain eps [16384] exponents [0, 17] root 23 table <"round(2^23 / sqrt(x))", 16384 to 65536> : (!quant.tensor<[64, 128], bits = 28, frac = 17>, !quant.tensor<[128], bits = 16, frac = 9>) -> !quant.tensor<[64, 128], bits = 58, frac = 49>
// CHECK-NEXT: func.return
// CHECK: func.func @matmul(%x: !quant.tensor<[64, 128], bits = 16, frac = 11>, %w: !quant.tensor<[384, 128], bits = 16, frac = 15>) {
// CHECK-NEXT: %acc = quant.matmul %x, %w : (!quant.tensor<[64, 128], bits = 16, frac = 11>, !quant.tensor<[384, 128], bits = 16, frac = 15>) -> !quant.tensor<[64, 384], bits = 39, frac = 26>
// CHECK-NEXT: func.return
// CHECK: func.func @biased(%x: !quant.tensor<[64, 128], bits = 16, frac = 11>, %w: !quant.tensor<[384, 128], bits = 16, frac = 15>, %b: !quant.tensor<[384], bits = 18, frac = 14>) {
// CHECK-NEXT: %acc = quant.matmul %x, %w bias %b shift 12 : (!quant.tensor<[64, 128], bits = 16, frac = 11>, !quant.tensor<[384, 128], bits = 16, frac = 15>, !quant.tensor<[384], bits = 18, frac = 14>) -> !quant.tensor<[64, 384], bits = 39, frac = 26>
// CHECK-NEXT: func.return
// CHECK: func.func @split_heads(%x: !quant.tensor<[64, 128], bits = 16, frac = 11>) {
// CHECK-NEXT: %y = quant.split_heads %x heads 4 : (!quant.tensor<[64, 128], bits = 16, frac = 11>) -> !quant.tensor<[4, 64, 32], bits = 16, frac = 11>
// CHECK-NEXT: func.return
// CHECK: func.func @merge_heads(%x: !quant.tensor<[4, 64, 32], bits = 16, frac = 11>) {
// CHECK-NEXT: %y = quant.merge_heads %x : (!quant.tensor<[4, 64, 32], bits = 16, frac = 11>) -> !quant.tensor<[64, 128], bits = 16, frac = 11>
// CHECK-NEXT: func.return
// CHECK: func.func @rope(%q: !quant.tensor<[4, 64, 32], bits = 16, frac = 11>) {
// CHECK-NEXT: %acc = quant.rope %q thetas [1.000000e+04, 1.000000e+06] factors [1.000000e+00, 1.000000e+00] kinds [0] : (!quant.tensor<[4, 64, 32], bits = 16, frac = 11>) -> !quant.tensor<[4, 64, 32], bits = 34, frac = 27>
// CHECK-NEXT: func.return
// CHECK: func.func @partial_rope(%q: !quant.tensor<[4, 64, 32], bits = 16, frac = 11>) {
// CHECK-NEXT: %acc = quant.rope %q thetas [1.000000e+04] factors [1.000000e+00] rotated 8 kinds [0] : (!quant.tensor<[4, 64, 32], bits = 16, frac = 11>) -> !quant.tensor<[4, 64, 32], bits = 34, frac = 27>

// CHECK: func.func @stretched_rope(%q: !quant.tensor<[4, 64, 32], bits = 16, frac = 11>) {
// CHECK-NEXT: %acc = quant.rope %q thetas [1.000000e+04] factors [8.000000e+00] ramps [1.000000e+00, 4.000000e+00, 8.192000e+03] kinds [0] : (!quant.tensor<[4, 64, 32], bits = 16, frac = 11>) -> !quant.tensor<[4, 64, 32], bits = 34, frac = 27>
// CHECK-NEXT: func.return
// CHECK: func.func @scores(%q: !quant.tensor<[4, 64, 32], bits = 16, frac = 13>, %k: !quant.tensor<[1, 64, 32], bits = 16, frac = 12>) {
// CHECK-NEXT: %acc = quant.scores %q, %k : (!quant.tensor<[4, 64, 32], bits = 16, frac = 13>, !quant.tensor<[1, 64, 32], bits = 16, frac = 12>) -> !quant.tensor<[4, 64, 64], bits = 37, frac = 25>
// CHECK-NEXT: func.return
// CHECK: func.func @softmax(%s: !quant.tensor<[4, 64, 64], bits = 16, frac = 11>) {
// CHECK-NEXT: %e, %inv = quant.softmax %s windows [24] k 32 width 21 table <"round(2^15 * exp(-x / 2^11))", 0 to 65536> : (!quant.tensor<[4, 64, 64], bits = 16, frac = 11>) -> (!quant.tensor<[4, 64, 64], bits = 17, frac = 15>, !quant.tensor<[4, 64], bits = 19, frac = 17>)
// CHECK-NEXT: func.return
// CHECK: func.func @attend(%e: !quant.tensor<[4, 64, 64], bits = 17, frac = 15>, %inv: !quant.tensor<[4, 64], bits = 19, frac = 17>, %v: !quant.tensor<[1, 64, 32], bits = 16, frac = 11>) {
// CHECK-NEXT: %acc = quant.attend %e, %inv, %v : (!quant.tensor<[4, 64, 64], bits = 17, frac = 15>, !quant.tensor<[4, 64], bits = 19, frac = 17>, !quant.tensor<[1, 64, 32], bits = 16, frac = 11>) -> !quant.tensor<[4, 64, 32], bits = 49, frac = 43>
// CHECK-NEXT: func.return
// CHECK: func.func @table(%x: !quant.tensor<[64, 384], bits = 16, frac = 11>) {
// CHECK-NEXT: %y = quant.table %x table <"max(-2^15, min(2^15 - 1, round(x / 2)))", -32768 to 32768> : (!quant.tensor<[64, 384], bits = 16, frac = 11>) -> !quant.tensor<[64, 384], bits = 16, frac = 12>
// CHECK-NEXT: func.return
// CHECK: func.func @mul(%a: !quant.tensor<[64, 384], bits = 16, frac = 12>, %b: !quant.tensor<[64, 384], bits = 16, frac = 11>) {
// CHECK-NEXT: %acc = quant.mul %a, %b : (!quant.tensor<[64, 384], bits = 16, frac = 12>, !quant.tensor<[64, 384], bits = 16, frac = 11>) -> !quant.tensor<[64, 384], bits = 32, frac = 23>
// CHECK-NEXT: func.return
// CHECK: func.func @add(%x: !quant.tensor<[64, 128], bits = 28, frac = 17>, %delta: !quant.tensor<[64, 128], bits = 24, frac = 17>) {
// CHECK-NEXT: %y = quant.add %x, %delta : (!quant.tensor<[64, 128], bits = 28, frac = 17>, !quant.tensor<[64, 128], bits = 24, frac = 17>) -> !quant.tensor<[64, 128], bits = 28, frac = 17>
// CHECK-NEXT: func.return
// CHECK: func.func @select(%x: !quant.tensor<[64, 128], bits = 28, frac = 17>) {
// CHECK-NEXT: %y = quant.select %x rows 32 : (!quant.tensor<[64, 128], bits = 28, frac = 17>) -> !quant.tensor<[32, 128], bits = 28, frac = 17>
// CHECK-NEXT: func.return
// CHECK: func.func @argmax(%x: !quant.tensor<[32, 128], bits = 16, frac = 9>, %table: !quant.tensor<[1024, 128], bits = 16, frac = 13>) {
// CHECK-NEXT: %ids = quant.argmax %x, %table width 32 : (!quant.tensor<[32, 128], bits = 16, frac = 9>, !quant.tensor<[1024, 128], bits = 16, frac = 13>) -> !quant.tensor<[32], bits = 32, frac = 0>
// CHECK-NEXT: func.return
// CHECK: func.func @layers(%x: !quant.tensor<[2], bits = 32, frac = 0>, %t: !quant.tensor<[9, 4], bits = 16, frac = 3>, %w: !quant.tensor<[3, 4, 4], bits = 16, frac = 13>) {
// CHECK-NEXT: %s = quant.embed %x, %t shift 0 : (!quant.tensor<[2], bits = 32, frac = 0>, !quant.tensor<[9, 4], bits = 16, frac = 3>) -> !quant.tensor<[2, 4], bits = 18, frac = 3>
// CHECK-NEXT: %y = quant.layers %s with(%w) count 3 : (!quant.tensor<[2, 4], bits = 18, frac = 3>, !quant.tensor<[3, 4, 4], bits = 16, frac = 13>) -> !quant.tensor<[2, 4], bits = 18, frac = 3> {
// CHECK: ^bb0({{.*}}):
// CHECK-NEXT: %d = quant.requantize %r shift 0 : (!quant.tensor<[2, 4], bits = 18, frac = 3>) -> !quant.tensor<[2, 4], bits = 16, frac = 3>
// CHECK-NEXT: %a = quant.matmul %d, %w0 : (!quant.tensor<[2, 4], bits = 16, frac = 3>, !quant.tensor<[4, 4], bits = 16, frac = 13>) -> !quant.tensor<[2, 4], bits = 34, frac = 16>
// CHECK-NEXT: %e = quant.requantize %a shift 13 : (!quant.tensor<[2, 4], bits = 34, frac = 16>) -> !quant.tensor<[2, 4], bits = 16, frac = 3>
// CHECK-NEXT: %z = quant.add %r, %e : (!quant.tensor<[2, 4], bits = 18, frac = 3>, !quant.tensor<[2, 4], bits = 16, frac = 3>) -> !quant.tensor<[2, 4], bits = 18, frac = 3>
// CHECK-NEXT: quant.yield %z : !quant.tensor<[2, 4], bits = 18, frac = 3>
// CHECK: func.return
// CHECK: func.func @stacked() {
// CHECK-NEXT: %w = quant.param stacked ["layers.0.w", "layers.1.w"] sha256 ["00", "11"] offset 0.000000e+00 factor 1.000000e+00 rows [0, 1, 0, 2] columns [-1, 0, 0, 0] {module = "w"} : !quant.tensor<[2, 2, 2], bits = 16, frac = -3>
// CHECK-NEXT: func.return
// CHECK: func.func @center(%x: !quant.tensor<[64, 128], bits = 28, frac = 17>) {
// CHECK-NEXT: %y = quant.center %x shift 27 bits 24 : (!quant.tensor<[64, 128], bits = 28, frac = 17>) -> !quant.tensor<[64, 128], bits = 29, frac = 17>
// CHECK-NEXT: func.return
// CHECK: func.func @biased_norm(%x: !quant.tensor<[64, 128], bits = 28, frac = 17>, %gain: !quant.tensor<[128], bits = 16, frac = 9>, %b: !quant.tensor<[128], bits = 16, frac = 10>) {
// CHECK-NEXT: %acc = quant.rms_norm %x, %gain bias %b shift 39 eps [16384] exponents [0, 17] root 23 table <"round(2^23 / sqrt(x))", 16384 to 65536> : (!quant.tensor<[64, 128], bits = 28, frac = 17>, !quant.tensor<[128], bits = 16, frac = 9>, !quant.tensor<[128], bits = 16, frac = 10>) -> !quant.tensor<[64, 128], bits = 58, frac = 49>
// CHECK-NEXT: func.return
// CHECK: func.func @embed_positions(%table: !quant.tensor<[66, 128], bits = 16, frac = 13>) {
// CHECK-NEXT: %x = quant.embed_positions %table offset 2 count 64 shift 4 : (!quant.tensor<[66, 128], bits = 16, frac = 13>) -> !quant.tensor<[64, 128], bits = 20, frac = 17>
// CHECK-NEXT: func.return

func.func @tokens() {
  %ids = quant.tokens : !quant.tensor<[64], bits = 32, frac = 0> 
  func.return
}
func.func @param() {
  %w = quant.param ["model.norm.weight"] sha256 ["9f86"] offset 1.0 factor 11.3137 : !quant.tensor<[128], bits = 16, frac = 9> 
  %p = quant.param ["model.norm.weight"] offset 1.0 factor 11.3137 : !quant.tensor<[128], bits = 16, frac = 9>
  func.return
}
func.func @embed(%ids : !quant.tensor<[64], bits = 32, frac = 0>, %table : !quant.tensor<[1024, 128], bits = 16, frac = 13>) {
  %x = quant.embed %ids, %table shift 4 : (!quant.tensor<[64], bits = 32, frac = 0>, !quant.tensor<[1024, 128], bits = 16, frac = 13>) -> !quant.tensor<[64, 128], bits = 28, frac = 17> 
  func.return
}
func.func @embed_rounded(%ids : !quant.tensor<[64], bits = 32, frac = 0>, %table : !quant.tensor<[1024, 128], bits = 16, frac = 13>) {
  %x = quant.embed %ids, %table shift -4 : (!quant.tensor<[64], bits = 32, frac = 0>, !quant.tensor<[1024, 128], bits = 16, frac = 13>) -> !quant.tensor<[64, 128], bits = 13, frac = 9>
  func.return
}
func.func @requantize(%acc : !quant.tensor<[64, 384], bits = 39, frac = 26>) {
  %y = quant.requantize %acc shift 15 : (!quant.tensor<[64, 384], bits = 39, frac = 26>) -> !quant.tensor<[64, 384], bits = 16, frac = 11> 
  func.return
}
func.func @rms_norm(%x : !quant.tensor<[64, 128], bits = 28, frac = 17>, %gain : !quant.tensor<[128], bits = 16, frac = 9>) {
  %acc = quant.rms_norm %x, %gain eps [16384] exponents [0, 17] root 23 table <"round(2^23 / sqrt(x))", 16384 to 65536> : (!quant.tensor<[64, 128], bits = 28, frac = 17>, !quant.tensor<[128], bits = 16, frac = 9>) -> !quant.tensor<[64, 128], bits = 58, frac = 49> 
  func.return
}
func.func @matmul(%x : !quant.tensor<[64, 128], bits = 16, frac = 11>, %w : !quant.tensor<[384, 128], bits = 16, frac = 15>) {
  %acc = quant.matmul %x, %w : (!quant.tensor<[64, 128], bits = 16, frac = 11>, !quant.tensor<[384, 128], bits = 16, frac = 15>) -> !quant.tensor<[64, 384], bits = 39, frac = 26> 
  func.return
}
func.func @biased(%x : !quant.tensor<[64, 128], bits = 16, frac = 11>, %w : !quant.tensor<[384, 128], bits = 16, frac = 15>, %b : !quant.tensor<[384], bits = 18, frac = 14>) {
  %acc = quant.matmul %x, %w bias %b shift 12 : (!quant.tensor<[64, 128], bits = 16, frac = 11>, !quant.tensor<[384, 128], bits = 16, frac = 15>, !quant.tensor<[384], bits = 18, frac = 14>) -> !quant.tensor<[64, 384], bits = 39, frac = 26>
  func.return
}
func.func @split_heads(%x : !quant.tensor<[64, 128], bits = 16, frac = 11>) {
  %y = quant.split_heads %x heads 4 : (!quant.tensor<[64, 128], bits = 16, frac = 11>) -> !quant.tensor<[4, 64, 32], bits = 16, frac = 11> 
  func.return
}
func.func @merge_heads(%x : !quant.tensor<[4, 64, 32], bits = 16, frac = 11>) {
  %y = quant.merge_heads %x : (!quant.tensor<[4, 64, 32], bits = 16, frac = 11>) -> !quant.tensor<[64, 128], bits = 16, frac = 11> 
  func.return
}
func.func @rope(%q : !quant.tensor<[4, 64, 32], bits = 16, frac = 11>) {
  %acc = quant.rope %q thetas [1.0e+04, 1.0e+06] factors [1.0, 1.0] kinds [0] : (!quant.tensor<[4, 64, 32], bits = 16, frac = 11>) -> !quant.tensor<[4, 64, 32], bits = 34, frac = 27> 
  func.return
}
func.func @partial_rope(%q : !quant.tensor<[4, 64, 32], bits = 16, frac = 11>) {
  %acc = quant.rope %q thetas [1.0e+04] factors [1.0] rotated 8 kinds [0] : (!quant.tensor<[4, 64, 32], bits = 16, frac = 11>) -> !quant.tensor<[4, 64, 32], bits = 34, frac = 27> 
  func.return
}
func.func @stretched_rope(%q : !quant.tensor<[4, 64, 32], bits = 16, frac = 11>) {
  %acc = quant.rope %q thetas [1.0e+04] factors [8.0] ramps [1.0, 4.0, 8192.0] kinds [0] : (!quant.tensor<[4, 64, 32], bits = 16, frac = 11>) -> !quant.tensor<[4, 64, 32], bits = 34, frac = 27> 
  func.return
}
func.func @scores(%q : !quant.tensor<[4, 64, 32], bits = 16, frac = 13>, %k : !quant.tensor<[1, 64, 32], bits = 16, frac = 12>) {
  %acc = quant.scores %q, %k : (!quant.tensor<[4, 64, 32], bits = 16, frac = 13>, !quant.tensor<[1, 64, 32], bits = 16, frac = 12>) -> !quant.tensor<[4, 64, 64], bits = 37, frac = 25> 
  func.return
}
func.func @softmax(%s : !quant.tensor<[4, 64, 64], bits = 16, frac = 11>) {
  %e, %inv = quant.softmax %s windows [24] k 32 width 21 table <"round(2^15 * exp(-x / 2^11))", 0 to 65536> : (!quant.tensor<[4, 64, 64], bits = 16, frac = 11>) -> (!quant.tensor<[4, 64, 64], bits = 17, frac = 15>, !quant.tensor<[4, 64], bits = 19, frac = 17>) 
  func.return
}
func.func @attend(%e : !quant.tensor<[4, 64, 64], bits = 17, frac = 15>, %inv : !quant.tensor<[4, 64], bits = 19, frac = 17>, %v : !quant.tensor<[1, 64, 32], bits = 16, frac = 11>) {
  %acc = quant.attend %e, %inv, %v : (!quant.tensor<[4, 64, 64], bits = 17, frac = 15>, !quant.tensor<[4, 64], bits = 19, frac = 17>, !quant.tensor<[1, 64, 32], bits = 16, frac = 11>) -> !quant.tensor<[4, 64, 32], bits = 49, frac = 43> 
  func.return
}
func.func @table(%x : !quant.tensor<[64, 384], bits = 16, frac = 11>) {
  %y = quant.table %x table <"max(-2^15, min(2^15 - 1, round(x / 2)))", -32768 to 32768> : (!quant.tensor<[64, 384], bits = 16, frac = 11>) -> !quant.tensor<[64, 384], bits = 16, frac = 12> 
  func.return
}
func.func @mul(%a : !quant.tensor<[64, 384], bits = 16, frac = 12>, %b : !quant.tensor<[64, 384], bits = 16, frac = 11>) {
  %acc = quant.mul %a, %b : (!quant.tensor<[64, 384], bits = 16, frac = 12>, !quant.tensor<[64, 384], bits = 16, frac = 11>) -> !quant.tensor<[64, 384], bits = 32, frac = 23> 
  func.return
}
func.func @add(%x : !quant.tensor<[64, 128], bits = 28, frac = 17>, %delta : !quant.tensor<[64, 128], bits = 24, frac = 17>) {
  %y = quant.add %x, %delta : (!quant.tensor<[64, 128], bits = 28, frac = 17>, !quant.tensor<[64, 128], bits = 24, frac = 17>) -> !quant.tensor<[64, 128], bits = 28, frac = 17> 
  func.return
}
func.func @select(%x : !quant.tensor<[64, 128], bits = 28, frac = 17>) {
  %y = quant.select %x rows 32 : (!quant.tensor<[64, 128], bits = 28, frac = 17>) -> !quant.tensor<[32, 128], bits = 28, frac = 17> 
  func.return
}
func.func @argmax(%x : !quant.tensor<[32, 128], bits = 16, frac = 9>, %table : !quant.tensor<[1024, 128], bits = 16, frac = 13>) {
  %ids = quant.argmax %x, %table width 32 : (!quant.tensor<[32, 128], bits = 16, frac = 9>, !quant.tensor<[1024, 128], bits = 16, frac = 13>) -> !quant.tensor<[32], bits = 32, frac = 0> 
  func.return
}
func.func @layers(%x : !quant.tensor<[2], bits = 32, frac = 0>, %t : !quant.tensor<[9, 4], bits = 16, frac = 3>, %w : !quant.tensor<[3, 4, 4], bits = 16, frac = 13>) {
  %s = quant.embed %x, %t shift 0 : (!quant.tensor<[2], bits = 32, frac = 0>, !quant.tensor<[9, 4], bits = 16, frac = 3>) -> !quant.tensor<[2, 4], bits = 18, frac = 3>
  %y = quant.layers %s with(%w) count 3 : (!quant.tensor<[2, 4], bits = 18, frac = 3>, !quant.tensor<[3, 4, 4], bits = 16, frac = 13>) -> !quant.tensor<[2, 4], bits = 18, frac = 3> {
  ^bb0(%r : !quant.tensor<[2, 4], bits = 18, frac = 3>, %w0 : !quant.tensor<[4, 4], bits = 16, frac = 13>):
    %d = quant.requantize %r shift 0 : (!quant.tensor<[2, 4], bits = 18, frac = 3>) -> !quant.tensor<[2, 4], bits = 16, frac = 3>
    %a = quant.matmul %d, %w0 : (!quant.tensor<[2, 4], bits = 16, frac = 3>, !quant.tensor<[4, 4], bits = 16, frac = 13>) -> !quant.tensor<[2, 4], bits = 34, frac = 16>
    %e = quant.requantize %a shift 13 : (!quant.tensor<[2, 4], bits = 34, frac = 16>) -> !quant.tensor<[2, 4], bits = 16, frac = 3>
    %z = quant.add %r, %e : (!quant.tensor<[2, 4], bits = 18, frac = 3>, !quant.tensor<[2, 4], bits = 16, frac = 3>) -> !quant.tensor<[2, 4], bits = 18, frac = 3>
    quant.yield %z : !quant.tensor<[2, 4], bits = 18, frac = 3>
  }
  func.return
}
func.func @stacked() {
  %w = quant.param stacked ["layers.0.w", "layers.1.w"] sha256 ["00", "11"] offset 0.0 factor 1.0 rows [0, 1, 0, 2] columns [-1, 0, 0, 0] {module = "w"} : !quant.tensor<[2, 2, 2], bits = 16, frac = -3>
  func.return
}
func.func @center(%x : !quant.tensor<[64, 128], bits = 28, frac = 17>) {
  %y = quant.center %x shift 27 bits 24 : (!quant.tensor<[64, 128], bits = 28, frac = 17>) -> !quant.tensor<[64, 128], bits = 29, frac = 17>
  func.return
}
func.func @biased_norm(%x : !quant.tensor<[64, 128], bits = 28, frac = 17>, %gain : !quant.tensor<[128], bits = 16, frac = 9>, %b : !quant.tensor<[128], bits = 16, frac = 10>) {
  %acc = quant.rms_norm %x, %gain bias %b shift 39 eps [16384] exponents [0, 17] root 23 table <"round(2^23 / sqrt(x))", 16384 to 65536> : (!quant.tensor<[64, 128], bits = 28, frac = 17>, !quant.tensor<[128], bits = 16, frac = 9>, !quant.tensor<[128], bits = 16, frac = 10>) -> !quant.tensor<[64, 128], bits = 58, frac = 49>
  func.return
}
func.func @embed_positions(%table : !quant.tensor<[66, 128], bits = 16, frac = 13>) {
  %x = quant.embed_positions %table offset 2 count 64 shift 4 : (!quant.tensor<[66, 128], bits = 16, frac = 13>) -> !quant.tensor<[64, 128], bits = 20, frac = 17>
  func.return
}
