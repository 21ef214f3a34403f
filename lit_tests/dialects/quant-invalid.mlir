// RUN: zk-opt %s --split-input-file --verify-diagnostics | filecheck %s

// What the verifiers refuse, in words: shapes, widths, scales, ranges.

// CHECK: a dimension of [4, 0] is not positive
func.func @f(%x : !quant.tensor<[4, 0], bits = 16, frac = 0>) { func.return }

// -----

// CHECK: 65 bits are not in 1 .. 64
func.func @f(%x : !quant.tensor<[4], bits = 65, frac = 0>) { func.return }

// -----

// CHECK: frac 257 is not in -256 .. 256
func.func @f() attributes {planned = #quant.format<bits = 16, frac = 257>} { func.return }

// -----

// CHECK: tokens have shape [T], got [2, 4]
%0 = quant.tokens : !quant.tensor<[2, 4], bits = 32, frac = 0>

// -----

// CHECK: tokens are whole numbers, frac = 0
%0 = quant.tokens : !quant.tensor<[4], bits = 32, frac = 1>

// -----

// CHECK: 2 names and 2 digests for 1 tensors
%0 = quant.param ["a", "b"] sha256 ["00", "11"] offset 0.0 factor 1.0 : !quant.tensor<[2, 4], bits = 16, frac = 3>

// -----

// CHECK: 2 names and 2 digests for 3 tensors
%0 = quant.param stacked ["a", "b"] sha256 ["00", "11"] offset 0.0 factor 1.0 : !quant.tensor<[3, 4], bits = 16, frac = 3>

// -----

// CHECK: factor must have a magnitude of 2^-126 to 2^128, got 0.0
%0 = quant.param ["a"] sha256 ["00"] offset 0.0 factor 0.0 : !quant.tensor<[4], bits = 16, frac = 3>

// -----

// CHECK: rows must be one exponent, or one for each row
%0 = quant.param ["a"] sha256 ["00"] offset 0.0 factor 1.0 rows [1, 2] : !quant.tensor<[4], bits = 16, frac = 3>

// -----

// CHECK: columns must be one exponent, or one for each column of a matrix
%0 = quant.param ["a"] sha256 ["00"] offset 0.0 factor 1.0 columns [1, 2, 3, 4] : !quant.tensor<[4], bits = 16, frac = 3>

// -----

// CHECK: the table must be [vocabulary, h], got [8]
func.func @f(%i : !quant.tensor<[4], bits = 32, frac = 0>, %t : !quant.tensor<[8], bits = 16, frac = 9>) {
  %0 = quant.embed %i, %t shift 2 : (!quant.tensor<[4], bits = 32, frac = 0>, !quant.tensor<[8], bits = 16, frac = 9>) -> !quant.tensor<[4, 8], bits = 20, frac = 11>
  func.return
}

// -----

// CHECK: the result has 16 bits, the operands need 18
func.func @f(%i : !quant.tensor<[4], bits = 32, frac = 0>, %t : !quant.tensor<[9, 8], bits = 16, frac = 9>) {
  %0 = quant.embed %i, %t shift 2 : (!quant.tensor<[4], bits = 32, frac = 0>, !quant.tensor<[9, 8], bits = 16, frac = 9>) -> !quant.tensor<[4, 8], bits = 16, frac = 11>
  func.return
}

// -----

// CHECK: the result has frac 11, the operands make it 12
func.func @f(%x : !quant.tensor<[4], bits = 32, frac = 24>) {
  %0 = quant.requantize %x shift 12 : (!quant.tensor<[4], bits = 32, frac = 24>) -> !quant.tensor<[4], bits = 16, frac = 11>
  func.return
}

// -----

// CHECK: the result has shape [5], the operands make it [4]
func.func @f(%x : !quant.tensor<[4], bits = 32, frac = 24>) {
  %0 = quant.requantize %x shift 12 : (!quant.tensor<[4], bits = 32, frac = 24>) -> !quant.tensor<[5], bits = 16, frac = 12>
  func.return
}

// -----

// CHECK: shift -1 is not in 0 .. 62
func.func @f(%x : !quant.tensor<[4], bits = 32, frac = 24>) {
  %0 = quant.requantize %x shift -1 : (!quant.tensor<[4], bits = 32, frac = 24>) -> !quant.tensor<[4], bits = 16, frac = 25>
  func.return
}

// -----

// CHECK: exponents must be [emin, emax], 0 <= emin <= emax < 63, got [3, 2]
func.func @f(%x : !quant.tensor<[2, 4], bits = 16, frac = 9>, %g : !quant.tensor<[4], bits = 16, frac = 9>) {
  %0 = quant.rms_norm %x, %g eps [1] exponents [3, 2] root 23 table <"x", 16384 to 65536> : (!quant.tensor<[2, 4], bits = 16, frac = 9>, !quant.tensor<[4], bits = 16, frac = 9>) -> !quant.tensor<[2, 4], bits = 50, frac = 34>
  func.return
}

// -----

// CHECK: emax 24 makes accumulators of 65 bits
func.func @f(%x : !quant.tensor<[2, 4], bits = 16, frac = 9>, %g : !quant.tensor<[4], bits = 16, frac = 9>) {
  %0 = quant.rms_norm %x, %g eps [1] exponents [0, 24] root 23 table <"x", 16384 to 65536> : (!quant.tensor<[2, 4], bits = 16, frac = 9>, !quant.tensor<[4], bits = 16, frac = 9>) -> !quant.tensor<[2, 4], bits = 63, frac = 56>
  func.return
}

// -----

// CHECK: the table's domain must be 16384 to 65536
func.func @f(%x : !quant.tensor<[2, 4], bits = 16, frac = 9>, %g : !quant.tensor<[4], bits = 16, frac = 9>) {
  %0 = quant.rms_norm %x, %g eps [1] exponents [0, 2] root 23 table <"x", 0 to 65536> : (!quant.tensor<[2, 4], bits = 16, frac = 9>, !quant.tensor<[4], bits = 16, frac = 9>) -> !quant.tensor<[2, 4], bits = 50, frac = 34>
  func.return
}

// -----

// CHECK: the gain has shape [3], x has [2, 4]
func.func @f(%x : !quant.tensor<[2, 4], bits = 16, frac = 9>, %g : !quant.tensor<[3], bits = 16, frac = 9>) {
  %0 = quant.rms_norm %x, %g eps [1] exponents [0, 2] root 23 table <"x", 16384 to 65536> : (!quant.tensor<[2, 4], bits = 16, frac = 9>, !quant.tensor<[3], bits = 16, frac = 9>) -> !quant.tensor<[2, 4], bits = 50, frac = 34>
  func.return
}

// -----

// CHECK: x has 4 channels, w takes 5
func.func @f(%x : !quant.tensor<[2, 4], bits = 16, frac = 9>, %w : !quant.tensor<[3, 5], bits = 16, frac = 9>) {
  %0 = quant.matmul %x, %w : (!quant.tensor<[2, 4], bits = 16, frac = 9>, !quant.tensor<[3, 5], bits = 16, frac = 9>) -> !quant.tensor<[2, 3], bits = 40, frac = 18>
  func.return
}

// -----

// CHECK: the bias has frac 9 and is shifted by 8, not to 18
func.func @f(%x : !quant.tensor<[2, 4], bits = 16, frac = 9>, %w : !quant.tensor<[3, 4], bits = 16, frac = 9>, %b : !quant.tensor<[3], bits = 16, frac = 9>) {
  %0 = quant.matmul %x, %w bias %b shift 8 : (!quant.tensor<[2, 4], bits = 16, frac = 9>, !quant.tensor<[3, 4], bits = 16, frac = 9>, !quant.tensor<[3], bits = 16, frac = 9>) -> !quant.tensor<[2, 3], bits = 40, frac = 18>
  func.return
}

// -----

// CHECK: the result has 33 bits, the operands need 34
func.func @f(%x : !quant.tensor<[2, 4], bits = 16, frac = 9>, %w : !quant.tensor<[3, 4], bits = 16, frac = 9>) {
  %0 = quant.matmul %x, %w : (!quant.tensor<[2, 4], bits = 16, frac = 9>, !quant.tensor<[3, 4], bits = 16, frac = 9>) -> !quant.tensor<[2, 3], bits = 33, frac = 18>
  func.return
}

// -----

// CHECK: 8 channels, 3 heads
func.func @f(%x : !quant.tensor<[2, 8], bits = 16, frac = 9>) {
  %0 = quant.split_heads %x heads 3 : (!quant.tensor<[2, 8], bits = 16, frac = 9>) -> !quant.tensor<[3, 2, 2], bits = 16, frac = 9>
  func.return
}

// -----

// CHECK: x must be [H, T, even D], got [1, 2, 3]
func.func @f(%x : !quant.tensor<[1, 2, 3], bits = 16, frac = 9>) {
  %0 = quant.rope %x thetas [1.0e4] factors [1.0] kinds [0] : (!quant.tensor<[1, 2, 3], bits = 16, frac = 9>) -> !quant.tensor<[1, 2, 3], bits = 34, frac = 25>
  func.return
}

// -----

// CHECK: rotated must be even and in 2 .. 2, got 3
func.func @f(%x : !quant.tensor<[1, 2, 4], bits = 16, frac = 9>) {
  %0 = quant.rope %x thetas [1.0e4] factors [1.0] rotated 3 kinds [0] : (!quant.tensor<[1, 2, 4], bits = 16, frac = 9>) -> !quant.tensor<[1, 2, 4], bits = 34, frac = 25>
  func.return
}

// -----

// CHECK: kind 1 of 1
func.func @f(%x : !quant.tensor<[1, 2, 4], bits = 16, frac = 9>) {
  %0 = quant.rope %x thetas [1.0e4] factors [1.0] kinds [1] : (!quant.tensor<[1, 2, 4], bits = 16, frac = 9>) -> !quant.tensor<[1, 2, 4], bits = 34, frac = 25>
  func.return
}

// -----

// CHECK: 1 thetas, 2 ramps' numbers
func.func @f(%x : !quant.tensor<[1, 2, 4], bits = 16, frac = 9>) {
  %0 = quant.rope %x thetas [1.0e4] factors [8.0] ramps [1.0, 4.0] kinds [0] : (!quant.tensor<[1, 2, 4], bits = 16, frac = 9>) -> !quant.tensor<[1, 2, 4], bits = 34, frac = 25>
  func.return
}

// -----

// CHECK: 2 kinds for 1 layers
func.func @f(%x : !quant.tensor<[1, 2, 4], bits = 16, frac = 9>) {
  %0 = quant.rope %x thetas [1.0e4] factors [1.0] kinds [0, 0] : (!quant.tensor<[1, 2, 4], bits = 16, frac = 9>) -> !quant.tensor<[1, 2, 4], bits = 34, frac = 25>
  func.return
}

// -----

// CHECK: 3 heads can not share 2 key/value heads
func.func @f(%q : !quant.tensor<[3, 2, 4], bits = 16, frac = 9>, %k : !quant.tensor<[2, 2, 4], bits = 16, frac = 9>) {
  %0 = quant.scores %q, %k : (!quant.tensor<[3, 2, 4], bits = 16, frac = 9>, !quant.tensor<[2, 2, 4], bits = 16, frac = 9>) -> !quant.tensor<[3, 2, 2], bits = 40, frac = 18>
  func.return
}

// -----

// CHECK: width is 16, sums of 4 exponentials need 17
func.func @f(%s : !quant.tensor<[1, 4, 4], bits = 16, frac = 11>) {
  %e, %inv = quant.softmax %s windows [0] k 32 width 16 table <"x", 0 to 65536> : (!quant.tensor<[1, 4, 4], bits = 16, frac = 11>) -> (!quant.tensor<[1, 4, 4], bits = 17, frac = 15>, !quant.tensor<[1, 4], bits = 19, frac = 17>)
  func.return
}

// -----

// CHECK: k is 48, not in 17 .. 47
func.func @f(%s : !quant.tensor<[1, 4, 4], bits = 16, frac = 11>) {
  %e, %inv = quant.softmax %s windows [0] k 48 width 17 table <"x", 0 to 65536> : (!quant.tensor<[1, 4, 4], bits = 16, frac = 11>) -> (!quant.tensor<[1, 4, 4], bits = 17, frac = 15>, !quant.tensor<[1, 4], bits = 35, frac = 33>)
  func.return
}

// -----

// CHECK: the table's domain must be 0 to 2^16
func.func @f(%s : !quant.tensor<[1, 4, 4], bits = 16, frac = 11>) {
  %e, %inv = quant.softmax %s windows [0] k 32 width 17 table <"x", 0 to 4096> : (!quant.tensor<[1, 4, 4], bits = 16, frac = 11>) -> (!quant.tensor<[1, 4, 4], bits = 17, frac = 15>, !quant.tensor<[1, 4], bits = 19, frac = 17>)
  func.return
}

// -----

// CHECK: window -1 is negative
func.func @f(%s : !quant.tensor<[1, 4, 4], bits = 16, frac = 11>) {
  %e, %inv = quant.softmax %s windows [-1] k 32 width 17 table <"x", 0 to 65536> : (!quant.tensor<[1, 4, 4], bits = 16, frac = 11>) -> (!quant.tensor<[1, 4, 4], bits = 17, frac = 15>, !quant.tensor<[1, 4], bits = 19, frac = 17>)
  func.return
}

// -----

// CHECK: e is [1, 4, 4], inv is [1, 3], v is [1, 4, 2]
func.func @f(%e : !quant.tensor<[1, 4, 4], bits = 17, frac = 15>, %i : !quant.tensor<[1, 3], bits = 19, frac = 17>, %v : !quant.tensor<[1, 4, 2], bits = 16, frac = 9>) {
  %0 = quant.attend %e, %i, %v : (!quant.tensor<[1, 4, 4], bits = 17, frac = 15>, !quant.tensor<[1, 3], bits = 19, frac = 17>, !quant.tensor<[1, 4, 2], bits = 16, frac = 9>) -> !quant.tensor<[1, 4, 2], bits = 49, frac = 41>
  func.return
}

// -----

// CHECK: the table's domain must be -128 to 128
func.func @f(%x : !quant.tensor<[4], bits = 8, frac = 3>) {
  %0 = quant.table %x table <"x", -128 to 127> : (!quant.tensor<[4], bits = 8, frac = 3>) -> !quant.tensor<[4], bits = 8, frac = 3>
  func.return
}

// -----

// CHECK: the domain 5 to 5 is empty
func.func @f(%x : !quant.tensor<[4], bits = 8, frac = 3>) {
  %0 = quant.table %x table <"x", 5 to 5> : (!quant.tensor<[4], bits = 8, frac = 3>) -> !quant.tensor<[4], bits = 8, frac = 3>
  func.return
}

// -----

// CHECK: operands of frac 3 and 4 do not add
func.func @f(%x : !quant.tensor<[4], bits = 8, frac = 3>, %y : !quant.tensor<[4], bits = 8, frac = 4>) {
  %0 = quant.add %x, %y : (!quant.tensor<[4], bits = 8, frac = 3>, !quant.tensor<[4], bits = 8, frac = 4>) -> !quant.tensor<[4], bits = 9, frac = 4>
  func.return
}

// -----

// CHECK: 5 rows of 4
func.func @f(%x : !quant.tensor<[4, 2], bits = 8, frac = 3>) {
  %0 = quant.select %x rows 5 : (!quant.tensor<[4, 2], bits = 8, frac = 3>) -> !quant.tensor<[5, 2], bits = 8, frac = 3>
  func.return
}

// -----

// CHECK: x has 2 channels of 3
func.func @f(%x : !quant.tensor<[4, 2], bits = 8, frac = 3>, %t : !quant.tensor<[9, 3], bits = 8, frac = 3>) {
  %0 = quant.argmax %x, %t width 20 : (!quant.tensor<[4, 2], bits = 8, frac = 3>, !quant.tensor<[9, 3], bits = 8, frac = 3>) -> !quant.tensor<[4], bits = 32, frac = 0>
  func.return
}

// -----

// CHECK: a parameter of shape [2, 4] is not stacked over 3 layers
func.func @f(%x : !quant.tensor<[2, 4], bits = 20, frac = 3>, %w : !quant.tensor<[2, 4], bits = 16, frac = 3>) {
  %y = quant.layers %x with (%w) count 3 : (!quant.tensor<[2, 4], bits = 20, frac = 3>, !quant.tensor<[2, 4], bits = 16, frac = 3>) -> !quant.tensor<[2, 4], bits = 20, frac = 3> {
  ^bb0(%r : !quant.tensor<[2, 4], bits = 20, frac = 3>, %g : !quant.tensor<[4], bits = 16, frac = 3>):
    quant.yield %r : !quant.tensor<[2, 4], bits = 20, frac = 3>
  }
  func.return
}

// -----

// CHECK: the body's arguments are not the residual stream and the slices of the parameters
func.func @f(%x : !quant.tensor<[2, 4], bits = 20, frac = 3>, %w : !quant.tensor<[2, 4], bits = 16, frac = 3>) {
  %y = quant.layers %x with (%w) count 2 : (!quant.tensor<[2, 4], bits = 20, frac = 3>, !quant.tensor<[2, 4], bits = 16, frac = 3>) -> !quant.tensor<[2, 4], bits = 20, frac = 3> {
  ^bb0(%r : !quant.tensor<[2, 4], bits = 20, frac = 3>, %g : !quant.tensor<[5], bits = 16, frac = 3>):
    quant.yield %r : !quant.tensor<[2, 4], bits = 20, frac = 3>
  }
  func.return
}

// -----

// CHECK: the residual stream is not the one that entered plus deltas
func.func @f(%x : !quant.tensor<[2, 4], bits = 20, frac = 3>) {
  %y = quant.layers %x with () count 2 : (!quant.tensor<[2, 4], bits = 20, frac = 3>) -> !quant.tensor<[2, 4], bits = 20, frac = 3> {
  ^bb0(%r : !quant.tensor<[2, 4], bits = 20, frac = 3>):
    %z = quant.requantize %r shift 0 : (!quant.tensor<[2, 4], bits = 20, frac = 3>) -> !quant.tensor<[2, 4], bits = 20, frac = 3>
    quant.yield %z : !quant.tensor<[2, 4], bits = 20, frac = 3>
  }
  func.return
}

// -----

// CHECK: 8 layers of deltas can leave the 18 bits of the residual stream
func.func @f(%i : !quant.tensor<[2], bits = 32, frac = 0>, %t : !quant.tensor<[9, 4], bits = 16, frac = 3>) {
  %x = quant.embed %i, %t shift 0 : (!quant.tensor<[2], bits = 32, frac = 0>, !quant.tensor<[9, 4], bits = 16, frac = 3>) -> !quant.tensor<[2, 4], bits = 18, frac = 3>
  %y = quant.layers %x with () count 8 : (!quant.tensor<[2, 4], bits = 18, frac = 3>) -> !quant.tensor<[2, 4], bits = 18, frac = 3> {
  ^bb0(%r : !quant.tensor<[2, 4], bits = 18, frac = 3>):
    %d = quant.requantize %r shift 0 : (!quant.tensor<[2, 4], bits = 18, frac = 3>) -> !quant.tensor<[2, 4], bits = 16, frac = 3>
    %z = quant.add %r, %d : (!quant.tensor<[2, 4], bits = 18, frac = 3>, !quant.tensor<[2, 4], bits = 16, frac = 3>) -> !quant.tensor<[2, 4], bits = 18, frac = 3>
    quant.yield %z : !quant.tensor<[2, 4], bits = 18, frac = 3>
  }
  func.return
}

// -----

// CHECK: frac 257 is not in -256 .. 256
func.func @f(%x : !quant.tensor<[4], bits = 16, frac = 257>) { func.return }

// -----

// CHECK: a tensor has more than 2^62 elements
func.func @f(%x : !quant.tensor<[4611686018427387905], bits = 16, frac = 0>) { func.return }

// -----

// CHECK: quant.embed: shift -16 is not in -15 .. 62
func.func @f(%i : !quant.tensor<[4], bits = 32, frac = 0>, %t : !quant.tensor<[9, 8], bits = 16, frac = 9>) {
  %0 = quant.embed %i, %t shift -16 : (!quant.tensor<[4], bits = 32, frac = 0>, !quant.tensor<[9, 8], bits = 16, frac = 9>) -> !quant.tensor<[4, 8], bits = 16, frac = -7>
  func.return
}

// -----

// CHECK: quant.embed: the result has 13 bits, the operands need 14
func.func @f(%i : !quant.tensor<[4], bits = 32, frac = 0>, %t : !quant.tensor<[9, 8], bits = 16, frac = 9>) {
  %0 = quant.embed %i, %t shift -3 : (!quant.tensor<[4], bits = 32, frac = 0>, !quant.tensor<[9, 8], bits = 16, frac = 9>) -> !quant.tensor<[4, 8], bits = 13, frac = 6>
  func.return
}

// -----

// CHECK: quant.embed: shift 9223372036854775807 is not in -15 .. 62
func.func @f(%i : !quant.tensor<[2], bits = 32, frac = 0>, %t : !quant.tensor<[9, 4], bits = 16, frac = 3>) {
  %0 = quant.embed %i, %t shift 9223372036854775807 : (!quant.tensor<[2], bits = 32, frac = 0>, !quant.tensor<[9, 4], bits = 16, frac = 3>) -> !quant.tensor<[2, 4], bits = 18, frac = 3>
  func.return
}

// -----

// CHECK: quant.rms_norm: exponents must be [emin, emax], 0 <= emin <= emax < 63, got [0, 4611686018427387904]
func.func @f(%x : !quant.tensor<[2, 4], bits = 16, frac = 0>, %g : !quant.tensor<[4], bits = 16, frac = 0>) {
  %0 = quant.rms_norm %x, %g eps [4] exponents [0, 4611686018427387904] root 23 table <"round(2^23 / sqrt(x))", 16384 to 65536> : (!quant.tensor<[2, 4], bits = 16, frac = 0>, !quant.tensor<[4], bits = 16, frac = 0>) -> !quant.tensor<[2, 4], bits = 50, frac = 30>
  func.return
}

// -----

// CHECK: quant.attend: the fractions of e and inv sum to -4, which is no k
func.func @f(%e : !quant.tensor<[1, 2, 2], bits = 17, frac = -2>, %i : !quant.tensor<[1, 2], bits = 19, frac = -2>, %v : !quant.tensor<[1, 2, 4], bits = 16, frac = 3>) {
  %0 = quant.attend %e, %i, %v : (!quant.tensor<[1, 2, 2], bits = 17, frac = -2>, !quant.tensor<[1, 2], bits = 19, frac = -2>, !quant.tensor<[1, 2, 4], bits = 16, frac = 3>) -> !quant.tensor<[1, 2, 4], bits = 49, frac = 3>
  func.return
}

// -----

// CHECK: quant.param: exponent 127 is not in -126 .. 126
func.func @f() {
  %0 = quant.param ["w"] sha256 ["00"] offset 0.0 factor 1.0 rows [0, 127] : !quant.tensor<[2], bits = 16, frac = 3>
  func.return
}

// -----

// CHECK: no function exq of 1 arguments
func.func @f(%x : !quant.tensor<[4], bits = 2, frac = 0>) {
  %0 = quant.table %x table <"exq(x)", -2 to 2> : (!quant.tensor<[4], bits = 2, frac = 0>) -> !quant.tensor<[4], bits = 2, frac = 0>
  func.return
}

// -----

// CHECK: quant.layers: the residual stream is not the one that entered plus deltas
func.func @f(%x : !quant.tensor<[2, 4], bits = 20, frac = 3>) {
  %0 = quant.layers %x with() count 1 : (!quant.tensor<[2, 4], bits = 20, frac = 3>) -> !quant.tensor<[2, 4], bits = 20, frac = 3> {
  ^bb0(%r: !quant.tensor<[2, 4], bits = 20, frac = 3>):
    %a = quant.add %b, %r : (!quant.tensor<[2, 4], bits = 20, frac = 3>, !quant.tensor<[2, 4], bits = 20, frac = 3>) -> !quant.tensor<[2, 4], bits = 20, frac = 3>
    %b = quant.add %a, %r : (!quant.tensor<[2, 4], bits = 20, frac = 3>, !quant.tensor<[2, 4], bits = 20, frac = 3>) -> !quant.tensor<[2, 4], bits = 20, frac = 3>
    quant.yield %b : !quant.tensor<[2, 4], bits = 20, frac = 3>
  }
  func.return
}

// -----

// CHECK: shift 36 makes sums of 65 bits
func.func @f(%x : !quant.tensor<[64, 128], bits = 28, frac = 17>) {
  %0 = quant.center %x shift 36 bits 20 : (!quant.tensor<[64, 128], bits = 28, frac = 17>) -> !quant.tensor<[64, 128], bits = 29, frac = 17>
  func.return
}

// -----

// CHECK: shift 4 is too small for a mean of 128 channels
func.func @f(%x : !quant.tensor<[64, 128], bits = 28, frac = 17>) {
  %0 = quant.center %x shift 4 bits 20 : (!quant.tensor<[64, 128], bits = 28, frac = 17>) -> !quant.tensor<[64, 128], bits = 29, frac = 17>
  func.return
}

// -----

// CHECK: a table of 65 rows has none for positions 0 .. 63 from row 2 on
func.func @f(%table : !quant.tensor<[65, 128], bits = 16, frac = 13>) {
  %0 = quant.embed_positions %table offset 2 count 64 shift 4 : (!quant.tensor<[65, 128], bits = 16, frac = 13>) -> !quant.tensor<[64, 128], bits = 20, frac = 17>
  func.return
}

// -----

// CHECK: the bias has frac 10 and is shifted by 38, not to 49
func.func @f(%x : !quant.tensor<[64, 128], bits = 28, frac = 17>, %gain : !quant.tensor<[128], bits = 16, frac = 9>, %b : !quant.tensor<[128], bits = 16, frac = 10>) {
  %0 = quant.rms_norm %x, %gain bias %b shift 38 eps [16384] exponents [0, 17] root 23 table <"round(2^23 / sqrt(x))", 16384 to 65536> : (!quant.tensor<[64, 128], bits = 28, frac = 17>, !quant.tensor<[128], bits = 16, frac = 9>, !quant.tensor<[128], bits = 16, frac = 10>) -> !quant.tensor<[64, 128], bits = 58, frac = 49>
  func.return
}

// -----

// CHECK: width is 26, sums of 5 exponentials need 27
func.func @f(%x : !quant.tensor<[2, 5], bits = 8, frac = 3>) {
  %0 = quant.probabilities %x k 46 width 26 table <"round(2^24 * exp(-x / 2^3))", 0 to 256> : (!quant.tensor<[2, 5], bits = 8, frac = 3>) -> !quant.tensor<[2, 5], bits = 48, frac = 46>
  func.return
}

// -----

// CHECK: k is 20, not in 27 .. 47
func.func @f(%x : !quant.tensor<[2, 5], bits = 8, frac = 3>) {
  %0 = quant.probabilities %x k 20 width 27 table <"round(2^24 * exp(-x / 2^3))", 0 to 256> : (!quant.tensor<[2, 5], bits = 8, frac = 3>) -> !quant.tensor<[2, 5], bits = 48, frac = 20>
  func.return
}
