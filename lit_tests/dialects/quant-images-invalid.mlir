// RUN: zk-opt %s --split-input-file --verify-diagnostics | filecheck %s

// What the verifiers of examples and images refuse, in words.

// CHECK: an input is [N, n], [N, T, n] or an image, not [4]
%0 = quant.input "x" : !quant.tensor<[4], bits = 16, frac = 13>

// -----

// CHECK: an input has 18 bits at most
%0 = quant.input "x" : !quant.tensor<[4, 3], bits = 19, frac = 13>

// -----

// CHECK: x has 3 channels, w takes 2
func.func @f(%x : !quant.tensor<[4, 3, 8, 8], bits = 16, frac = 13>, %w : !quant.tensor<[6, 2, 3, 3], bits = 16, frac = 15>) {
  %0 = quant.conv2d %x, %w stride [1, 1] padding [1, 1] groups 1 : (!quant.tensor<[4, 3, 8, 8], bits = 16, frac = 13>, !quant.tensor<[6, 2, 3, 3], bits = 16, frac = 15>) -> !quant.tensor<[4, 6, 8, 8], bits = 36, frac = 28>
  func.return
}

// -----

// CHECK: 4 channels to 5 do not make 2 groups
func.func @f(%x : !quant.tensor<[4, 4, 8, 8], bits = 16, frac = 13>, %w : !quant.tensor<[5, 2, 3, 3], bits = 16, frac = 15>) {
  %0 = quant.conv2d %x, %w stride [1, 1] padding [1, 1] groups 2 : (!quant.tensor<[4, 4, 8, 8], bits = 16, frac = 13>, !quant.tensor<[5, 2, 3, 3], bits = 16, frac = 15>) -> !quant.tensor<[4, 5, 8, 8], bits = 36, frac = 28>
  func.return
}

// -----

// CHECK: padding [3, 1] is not less than a window of [3, 3]
func.func @f(%x : !quant.tensor<[4, 3, 8, 8], bits = 16, frac = 13>) {
  %0 = quant.max_pool %x kernel [3, 3] stride [2, 2] padding [3, 1] : (!quant.tensor<[4, 3, 8, 8], bits = 16, frac = 13>) -> !quant.tensor<[4, 3, 4, 4], bits = 16, frac = 13>
  func.return
}

// -----

// CHECK: no window of [9, 9] fits [8, 8]
func.func @f(%x : !quant.tensor<[4, 3, 8, 8], bits = 16, frac = 13>) {
  %0 = quant.max_pool %x kernel [9, 9] stride [2, 2] padding [0, 0] : (!quant.tensor<[4, 3, 8, 8], bits = 16, frac = 13>) -> !quant.tensor<[4, 3, 4, 4], bits = 16, frac = 13>
  func.return
}

// -----

// CHECK: a window's size or step is too small
func.func @f(%x : !quant.tensor<[4, 3, 8, 8], bits = 16, frac = 13>) {
  %0 = quant.max_pool %x kernel [3, 3] stride [0, 2] padding [0, 0] : (!quant.tensor<[4, 3, 8, 8], bits = 16, frac = 13>) -> !quant.tensor<[4, 3, 4, 4], bits = 16, frac = 13>
  func.return
}

// -----

// CHECK: a window has two sizes, two steps and two paddings
func.func @f(%x : !quant.tensor<[4, 3, 8, 8], bits = 16, frac = 13>) {
  %0 = quant.max_pool %x kernel [3] stride [2, 2] padding [0, 0] : (!quant.tensor<[4, 3, 8, 8], bits = 16, frac = 13>) -> !quant.tensor<[4, 3, 4, 4], bits = 16, frac = 13>
  func.return
}

// -----

// CHECK: factor 0 is not positive
func.func @f(%x : !quant.tensor<[4, 3, 8, 8], bits = 16, frac = 13>) {
  %0 = quant.sum_pool %x kernel [2, 2] stride [2, 2] factor 0 doublings 2 : (!quant.tensor<[4, 3, 8, 8], bits = 16, frac = 13>) -> !quant.tensor<[4, 3, 4, 4], bits = 16, frac = 15>
  func.return
}

// -----

// CHECK: 4 positions after 2 do not fit a table of 5
func.func @f(%x : !quant.tensor<[2, 4, 3], bits = 16, frac = 12>, %t : !quant.tensor<[5, 3], bits = 16, frac = 12>) {
  %y = quant.add_positions %x, %t before 2 : (!quant.tensor<[2, 4, 3], bits = 16, frac = 12>, !quant.tensor<[5, 3], bits = 16, frac = 12>) -> !quant.tensor<[2, 5, 3], bits = 17, frac = 12>
  func.return
}

// -----

// CHECK: operands of frac 12 and 11 do not add
func.func @f(%x : !quant.tensor<[2, 4, 3], bits = 16, frac = 12>, %t : !quant.tensor<[4, 3], bits = 16, frac = 11>) {
  %y = quant.add_positions %x, %t before 0 : (!quant.tensor<[2, 4, 3], bits = 16, frac = 12>, !quant.tensor<[4, 3], bits = 16, frac = 11>) -> !quant.tensor<[2, 4, 3], bits = 17, frac = 12>
  func.return
}

// -----

// CHECK: position 4 of 4
func.func @f(%x : !quant.tensor<[2, 4, 3], bits = 16, frac = 12>) {
  %y = quant.position %x at 4 : (!quant.tensor<[2, 4, 3], bits = 16, frac = 12>) -> !quant.tensor<[2, 3], bits = 16, frac = 12>
  func.return
}

// -----

// CHECK: x must be [N, T, C], got [2, 4]
func.func @f(%x : !quant.tensor<[2, 4], bits = 16, frac = 12>) {
  %y = quant.sum_positions %x first 0 factor 1 doublings 2 : (!quant.tensor<[2, 4], bits = 16, frac = 12>) -> !quant.tensor<[2, 4], bits = 20, frac = 14>
  func.return
}

// -----

// CHECK: tables of frac 16 and 15 do not add
func.func @f(%x : !quant.tensor<[2, 4, 5, 2], bits = 16, frac = 12>, %c : !quant.tensor<[5, 2], bits = 18, frac = 16>, %s : !quant.tensor<[5, 2], bits = 18, frac = 15>) {
  %y = quant.rotate %x, %c, %s partners [1, 0] : (!quant.tensor<[2, 4, 5, 2], bits = 16, frac = 12>, !quant.tensor<[5, 2], bits = 18, frac = 16>, !quant.tensor<[5, 2], bits = 18, frac = 15>) -> !quant.tensor<[2, 4, 5, 2], bits = 35, frac = 28>
  func.return
}

// -----

// CHECK: partners [1] are no channels of 2, one of each
func.func @f(%x : !quant.tensor<[2, 4, 5, 2], bits = 16, frac = 12>, %t : !quant.tensor<[5, 2], bits = 18, frac = 16>) {
  %y = quant.rotate %x, %t, %t partners [1] : (!quant.tensor<[2, 4, 5, 2], bits = 16, frac = 12>, !quant.tensor<[5, 2], bits = 18, frac = 16>, !quant.tensor<[5, 2], bits = 18, frac = 16>) -> !quant.tensor<[2, 4, 5, 2], bits = 35, frac = 28>
  func.return
}

// -----

// CHECK: 4 heads can not share 3 key/value heads
func.func @f(%q : !quant.tensor<[2, 4, 5, 8], bits = 16, frac = 12>, %k : !quant.tensor<[2, 3, 5, 8], bits = 16, frac = 12>) {
  %y = quant.scores %q, %k : (!quant.tensor<[2, 4, 5, 8], bits = 16, frac = 12>, !quant.tensor<[2, 3, 5, 8], bits = 16, frac = 12>) -> !quant.tensor<[2, 4, 5, 5], bits = 35, frac = 24>
  func.return
}
