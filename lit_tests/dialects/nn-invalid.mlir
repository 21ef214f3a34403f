// RUN: zk-opt %s --split-input-file --verify-diagnostics | filecheck %s

// What the verifiers refuse, in words.

// CHECK: tokens have shape (T) or (1, T), got (2, 8)
%0 = nn.tokens : tensor<2x8xi64>

// -----

// CHECK: sha256 must be 64 lower-case hexadecimal digits, got '12ab'
%0 = nn.param @w {sha256 = "12ab"} : tensor<4xf32>

// -----

// CHECK: nn.embedding: the table must be (vocab, h), got (10)
%i, %w = "test.op"() : () -> (tensor<8xi64>, tensor<10xf32>)
%0 = nn.embedding %i, %w scale 1.0 : (tensor<8xi64>, tensor<10xf32>) -> tensor<8x10xf32>

// -----

// CHECK: nn.linear: x has 16 channels, w takes 4
%x, %w = "test.op"() : () -> (tensor<8x16xf32>, tensor<16x4xf32>)
%0 = nn.linear %x, %w : (tensor<8x16xf32>, tensor<16x4xf32>) -> tensor<8x4xf32>

// -----

// CHECK: nn.linear: the bias has shape (3), w (4, 16)
%x, %w, %b = "test.op"() : () -> (tensor<8x16xf32>, tensor<4x16xf32>, tensor<3xf32>)
%0 = nn.linear %x, %w bias %b : (tensor<8x16xf32>, tensor<4x16xf32>, tensor<3xf32>) -> tensor<8x4xf32>

// -----

// CHECK: nn.linear: the result has shape (8, 16), the operands make it (8, 4)
%x, %w = "test.op"() : () -> (tensor<8x16xf32>, tensor<4x16xf32>)
%0 = nn.linear %x, %w : (tensor<8x16xf32>, tensor<4x16xf32>) -> tensor<8x16xf32>

// -----

// CHECK: nn.add: shapes (8, 16) and (8, 4) do not broadcast
%a, %b = "test.op"() : () -> (tensor<8x16xf32>, tensor<8x4xf32>)
%0 = nn.add %a, %b : (tensor<8x16xf32>, tensor<8x4xf32>) -> tensor<8x16xf32>

// -----

// CHECK: nn.rms_norm: w has shape (8), x has (8, 16)
%x, %w = "test.op"() : () -> (tensor<8x16xf32>, tensor<8xf32>)
%0 = nn.rms_norm %x, %w eps 1.0e-06 : (tensor<8x16xf32>, tensor<8xf32>) -> tensor<8x16xf32>

// -----

// CHECK: nn.rms_norm: eps must be in 2^-126 .. 2^128, got 0.0
%x, %w = "test.op"() : () -> (tensor<8x16xf32>, tensor<16xf32>)
%0 = nn.rms_norm %x, %w eps 0.0 : (tensor<8x16xf32>, tensor<16xf32>) -> tensor<8x16xf32>

// -----

// CHECK: nn.split_heads: 16 channels do not make 3 heads
%x = "test.op"() : () -> tensor<8x16xf32>
%0 = nn.split_heads %x heads 3 : (tensor<8x16xf32>) -> tensor<3x8x5xf32>

// -----

// CHECK: nn.merge_heads: x must be (H, T, D), got (8, 16)
%x = "test.op"() : () -> tensor<8x16xf32>
%0 = nn.merge_heads %x : (tensor<8x16xf32>) -> tensor<8x16xf32>

// -----

// CHECK: nn.rope: x must be (H, T, even D), got (4, 8, 5)
%x = "test.op"() : () -> tensor<4x8x5xf32>
%0 = nn.rope %x theta 1.0e+04 factor 1.0 : (tensor<4x8x5xf32>) -> tensor<4x8x5xf32>

// -----

// CHECK: nn.rope: rotated must be even and in 2 .. 6, got 8
%x = "test.op"() : () -> tensor<4x8x8xf32>
%0 = nn.rope %x theta 1.0e+04 factor 1.0 rotated 8 : (tensor<4x8x8xf32>) -> tensor<4x8x8xf32>

// -----

// CHECK: nn.rope: theta must be in 2^-126 .. 2^128, got -1.0
%x = "test.op"() : () -> tensor<4x8x4xf32>
%0 = nn.rope %x theta -1.0 factor 1.0 : (tensor<4x8x4xf32>) -> tensor<4x8x4xf32>

// -----

// CHECK: nn.rope: a ramp goes up, got 4.0 to 1.0
%x = "test.op"() : () -> tensor<4x8x4xf32>
%0 = nn.rope %x theta 1.0e+04 factor 8.0 ramp [4.0, 1.0, 8192.0] : (tensor<4x8x4xf32>) -> tensor<4x8x4xf32>

// -----

// CHECK: nn.rope: a ramp has three numbers: low, high and length
%x = "test.op"() : () -> tensor<4x8x4xf32>
%0 = nn.rope %x theta 1.0e+04 factor 8.0 ramp [1.0, 4.0] : (tensor<4x8x4xf32>) -> tensor<4x8x4xf32>

// -----

// CHECK: nn.scores: 4 heads can not share 3 key/value heads
%q, %k = "test.op"() : () -> (tensor<4x8x4xf32>, tensor<3x8x4xf32>)
%0 = nn.scores %q, %k scale 0.5 : (tensor<4x8x4xf32>, tensor<3x8x4xf32>) -> tensor<4x8x8xf32>

// -----

// CHECK: nn.scores: q has (T, D) = (8, 4), k has (8, 6)
%q, %k = "test.op"() : () -> (tensor<4x8x4xf32>, tensor<2x8x6xf32>)
%0 = nn.scores %q, %k scale 0.5 : (tensor<4x8x4xf32>, tensor<2x8x6xf32>) -> tensor<4x8x8xf32>

// -----

// CHECK: nn.masked_softmax: scores must be (H, T, T), got (4, 8, 9)
%s = "test.op"() : () -> tensor<4x8x9xf32>
%0 = nn.masked_softmax %s : (tensor<4x8x9xf32>) -> tensor<4x8x9xf32>

// -----

// CHECK: nn.masked_softmax: window must be positive, got 0
%s = "test.op"() : () -> tensor<4x8x8xf32>
%0 = nn.masked_softmax %s window 0 : (tensor<4x8x8xf32>) -> tensor<4x8x8xf32>

// -----

// CHECK: nn.attend: p weighs 8 keys, v has 9
%p, %v = "test.op"() : () -> (tensor<4x8x8xf32>, tensor<2x9x4xf32>)
%0 = nn.attend %p, %v : (tensor<4x8x8xf32>, tensor<2x9x4xf32>) -> tensor<4x8x4xf32>

// -----

// CHECK: a constant is a scalar, tensor<f32>
%0 = nn.constant 1.0 : tensor<4xf32>

// -----

// CHECK: the frequencies are one vector
%0 = nn.rope_frequencies theta 1.0e+04 factor 1.0 : tensor<2x4xf32>

// -----

// CHECK: a mask has shape (1, .., T, T), got (1, 8, 9)
%0 = nn.causal_mask : tensor<1x8x9xf32>

// -----

// CHECK: nn.mean: a scalar has no axis to average over
%x = "test.op"() : () -> tensor<f32>
%0 = nn.mean %x : (tensor<f32>) -> tensor<f32>

// -----

// CHECK: nn.matmul: shapes (4, 8, 4) and (4, 8, 4) do not contract
%a, %b = "test.op"() : () -> (tensor<4x8x4xf32>, tensor<4x8x4xf32>)
%0 = nn.matmul %a, %b : (tensor<4x8x4xf32>, tensor<4x8x4xf32>) -> tensor<4x8x8xf32>

// -----

// CHECK: (8, 16) and (8, 4, 5) differ in their number of elements
%x = "test.op"() : () -> tensor<8x16xf32>
%0 = nn.view %x : (tensor<8x16xf32>) -> tensor<8x4x5xf32>

// -----

// CHECK: a view does not change the element type
%x = "test.op"() : () -> tensor<8xf32>
%0 = nn.view %x : (tensor<8xf32>) -> tensor<1x8xi64>

// -----

// CHECK: (2, 8) does not expand to (4, 8)
%x = "test.op"() : () -> tensor<2x8xf32>
%0 = nn.expand %x : (tensor<2x8xf32>) -> tensor<4x8xf32>

// -----

// CHECK: nn.permute: (0, 0) does not permute (2, 8)
%x = "test.op"() : () -> tensor<2x8xf32>
%0 = nn.permute %x [0, 0] : (tensor<2x8xf32>) -> tensor<2x2xf32>

// -----

// CHECK: nn.slice: [4, 9] leaves an axis of size 8
%x = "test.op"() : () -> tensor<2x8xf32>
%0 = nn.slice %x [4, 9] : (tensor<2x8xf32>) -> tensor<2x5xf32>

// -----

// CHECK: nn.concat: (2, 8) and (3, 8) differ before the last axis
%a, %b = "test.op"() : () -> (tensor<2x8xf32>, tensor<3x8xf32>)
%0 = nn.concat %a, %b : (tensor<2x8xf32>, tensor<3x8xf32>) -> tensor<2x16xf32>

// -----

// CHECK: f64 should be of base attribute f32
%x = "test.op"() : () -> tensor<2x8xf64>
%0 = "nn.neg"(%x) : (tensor<2x8xf64>) -> tensor<2x8xf64>

// -----

// CHECK: nn.tokens: tensor<?xi64> has an axis that is dynamic or empty
%0 = nn.tokens : tensor<?xi64>

// -----

// CHECK: nn.param: tensor<0x4xf32> has an axis that is dynamic or empty
%0 = nn.param @w {sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<0x4xf32>

// -----

// CHECK: nn.positions: tensor<9223372036854775807xi64> has more than 2^62 elements
%0 = nn.positions : tensor<9223372036854775807xi64>

// -----

// CHECK: nn.rms_norm: eps must be in 2^-126 .. 2^128, got inf
%x, %w = "test.op"() : () -> (tensor<2x8xf32>, tensor<8xf32>)
%0 = nn.rms_norm %x, %w eps 1.0e400 : (tensor<2x8xf32>, tensor<8xf32>) -> tensor<2x8xf32>

// -----

// CHECK: nn.rope: factor must be in 2^-126 .. 2^128, got nan
%x = "test.op"() : () -> tensor<1x2x8xf32>
%0 = "nn.rope"(%x) <{theta = 1.0e4 : f64, factor = 0x7FF8000000000000 : f64}> : (tensor<1x2x8xf32>) -> tensor<1x2x8xf32>

// -----

// CHECK: nn.embedding: scale must have a magnitude of 2^-126 to 2^128, got 1e-300
%ids, %table = "test.op"() : () -> (tensor<2xi64>, tensor<9x4xf32>)
%0 = nn.embedding %ids, %table scale 1.0e-300 : (tensor<2xi64>, tensor<9x4xf32>) -> tensor<2x4xf32>

// -----

// CHECK: nn.constant: a constant is a finite f32, got 1e+39
%0 = nn.constant 1.0e39 : tensor<f32>

// -----

// CHECK: an input is called a letter and up to 63 letters, digits and _, got '3d'
%0 = nn.input "3d" : tensor<2x4xf32>

// -----

// CHECK: an input has shape (N, ..), got (2)
%0 = nn.input "x" : tensor<2xf32>

// -----

// CHECK: nn.conv2d: x must be (N, C, H, W), got (2, 4, 9)
%x, %w = "test.op"() : () -> (tensor<2x4x9xf32>, tensor<6x2x3x3xf32>)
%0 = nn.conv2d %x, %w stride [1, 1] padding [0, 0] groups 2 : (tensor<2x4x9xf32>, tensor<6x2x3x3xf32>) -> tensor<2x6x7x6xf32>

// -----

// CHECK: nn.conv2d: w must be (O, C / groups, KH, KW), got (6, 2, 3)
%x, %w = "test.op"() : () -> (tensor<2x4x9x8xf32>, tensor<6x2x3xf32>)
%0 = nn.conv2d %x, %w stride [1, 1] padding [0, 0] groups 2 : (tensor<2x4x9x8xf32>, tensor<6x2x3xf32>) -> tensor<2x6x7x6xf32>

// -----

// CHECK: nn.conv2d: 4 channels to 6 do not make 4 groups
%x, %w = "test.op"() : () -> (tensor<2x4x9x8xf32>, tensor<6x2x3x3xf32>)
%0 = nn.conv2d %x, %w stride [1, 1] padding [0, 0] groups 4 : (tensor<2x4x9x8xf32>, tensor<6x2x3x3xf32>) -> tensor<2x6x7x6xf32>

// -----

// CHECK: nn.conv2d: 4 channels to 6 do not make 0 groups
%x, %w = "test.op"() : () -> (tensor<2x4x9x8xf32>, tensor<6x2x3x3xf32>)
%0 = nn.conv2d %x, %w stride [1, 1] padding [0, 0] groups 0 : (tensor<2x4x9x8xf32>, tensor<6x2x3x3xf32>) -> tensor<2x6x7x6xf32>

// -----

// CHECK: nn.conv2d: x has 4 channels, w takes 2
%x, %w = "test.op"() : () -> (tensor<2x4x9x8xf32>, tensor<6x2x3x3xf32>)
%0 = nn.conv2d %x, %w stride [1, 1] padding [0, 0] groups 1 : (tensor<2x4x9x8xf32>, tensor<6x2x3x3xf32>) -> tensor<2x6x7x6xf32>

// -----

// CHECK: nn.conv2d: the bias has shape (5), w (6, 2, 3, 3)
%x, %w, %b = "test.op"() : () -> (tensor<2x4x9x8xf32>, tensor<6x2x3x3xf32>, tensor<5xf32>)
%0 = nn.conv2d %x, %w bias %b stride [1, 1] padding [0, 0] groups 2 : (tensor<2x4x9x8xf32>, tensor<6x2x3x3xf32>, tensor<5xf32>) -> tensor<2x6x7x6xf32>

// -----

// CHECK: nn.conv2d: stride is two numbers of at least 1, got (0, 1)
%x, %w = "test.op"() : () -> (tensor<2x4x9x8xf32>, tensor<6x2x3x3xf32>)
%0 = nn.conv2d %x, %w stride [0, 1] padding [0, 0] groups 2 : (tensor<2x4x9x8xf32>, tensor<6x2x3x3xf32>) -> tensor<2x6x7x6xf32>

// -----

// CHECK: nn.conv2d: padding is two numbers of at least 0, got (1)
%x, %w = "test.op"() : () -> (tensor<2x4x9x8xf32>, tensor<6x2x3x3xf32>)
%0 = nn.conv2d %x, %w stride [1, 1] padding [1] groups 2 : (tensor<2x4x9x8xf32>, tensor<6x2x3x3xf32>) -> tensor<2x6x7x6xf32>

// -----

// CHECK: nn.conv2d: padding is two numbers of at least 0, got (0, -1)
%x, %w = "test.op"() : () -> (tensor<2x4x9x8xf32>, tensor<6x2x3x3xf32>)
%0 = nn.conv2d %x, %w stride [1, 1] padding [0, -1] groups 2 : (tensor<2x4x9x8xf32>, tensor<6x2x3x3xf32>) -> tensor<2x6x7x6xf32>

// -----

// CHECK: nn.conv2d: a window of (10, 3) does not fit an image of (9, 8)
%x, %w = "test.op"() : () -> (tensor<2x4x9x8xf32>, tensor<6x2x10x3xf32>)
%0 = nn.conv2d %x, %w stride [1, 1] padding [0, 0] groups 2 : (tensor<2x4x9x8xf32>, tensor<6x2x10x3xf32>) -> tensor<2x6x7x6xf32>

// -----

// CHECK: nn.conv2d: the result has shape (2, 6, 7, 6), the operands make it (2, 6, 5, 3)
%x, %w = "test.op"() : () -> (tensor<2x4x9x8xf32>, tensor<6x2x3x3xf32>)
%0 = nn.conv2d %x, %w stride [2, 2] padding [1, 0] groups 2 : (tensor<2x4x9x8xf32>, tensor<6x2x3x3xf32>) -> tensor<2x6x7x6xf32>

// -----

// CHECK: nn.max_pool2d: padding of (2, 0) is more than half of a window of (3, 2)
%x = "test.op"() : () -> tensor<2x4x9x8xf32>
%0 = nn.max_pool2d %x kernel [3, 2] stride [1, 1] padding [2, 0] : (tensor<2x4x9x8xf32>) -> tensor<2x4x11x7xf32>

// -----

// CHECK: nn.max_pool2d: kernel is two numbers of at least 1, got (0, 2)
%x = "test.op"() : () -> tensor<2x4x9x8xf32>
%0 = nn.max_pool2d %x kernel [0, 2] stride [1, 1] padding [0, 0] : (tensor<2x4x9x8xf32>) -> tensor<2x4x11x7xf32>

// -----

// CHECK: nn.avg_pool2d: a window of (3, 9) does not fit an image of (9, 8)
%x = "test.op"() : () -> tensor<2x4x9x8xf32>
%0 = nn.avg_pool2d %x kernel [3, 9] stride [1, 1] : (tensor<2x4x9x8xf32>) -> tensor<2x4x7x1xf32>

// -----

// CHECK: nn.flatten: x must have two axes or more behind its examples, got (2, 4)
%x = "test.op"() : () -> tensor<2x4xf32>
%0 = nn.flatten %x : (tensor<2x4xf32>) -> tensor<2x4xf32>

// -----

// CHECK: nn.position_embedding: a table of 9 rows has none for positions 0 .. 7 from row 2 on
func.func @f(%table : tensor<9x16xf32>) {
  %0 = nn.position_embedding %table offset 2 count 8 : (tensor<9x16xf32>) -> tensor<8x16xf32>
  func.return
}

// -----

// CHECK: nn.layer_norm: the bias has shape (8), w (16)
func.func @f(%x : tensor<8x16xf32>, %w : tensor<16xf32>, %b : tensor<8xf32>) {
  %0 = nn.layer_norm %x, %w bias %b eps 1.0e-05 : (tensor<8x16xf32>, tensor<16xf32>, tensor<8xf32>) -> tensor<8x16xf32>
  func.return
}

// -----

// CHECK: 4 positions after 2 do not fit a table of 5
func.func @f(%x : tensor<2x4x3xf32>, %t : tensor<5x3xf32>) {
  %y = nn.add_positions %x, %t before 2 : (tensor<2x4x3xf32>, tensor<5x3xf32>) -> tensor<2x5x3xf32>
  func.return
}

// -----

// CHECK: position 4 of 4
func.func @f(%x : tensor<2x4x3xf32>) {
  %y = nn.mean_positions %x first 4 : (tensor<2x4x3xf32>) -> tensor<2x3xf32>
  func.return
}

// -----

// CHECK: q and k are of 2 and 1 examples
func.func @f(%q : tensor<2x4x5x8xf32>, %k : tensor<1x2x5x8xf32>) {
  %y = nn.scores %q, %k scale 1.0 : (tensor<2x4x5x8xf32>, tensor<1x2x5x8xf32>) -> tensor<2x4x5x5xf32>
  func.return
}

// -----

// CHECK: 4 heads can not share 3 key/value heads
func.func @f(%q : tensor<2x4x5x8xf32>, %k : tensor<2x3x5x8xf32>) {
  %y = nn.scores %q, %k scale 1.0 : (tensor<2x4x5x8xf32>, tensor<2x3x5x8xf32>) -> tensor<2x4x5x5xf32>
  func.return
}

// -----

// CHECK: the tables are (5, 8) and (4, 8), not (5, 8)
func.func @f(%x : tensor<2x4x5x8xf32>, %c : tensor<5x8xf32>, %s : tensor<4x8xf32>) {
  %y = nn.rotate %x, %c, %s partners [4, 5, 6, 7, 0, 1, 2, 3] : (tensor<2x4x5x8xf32>, tensor<5x8xf32>, tensor<4x8xf32>) -> tensor<2x4x5x8xf32>
  func.return
}

// -----

// CHECK: partners [1, 2] are no channels of 2, one of each
func.func @f(%x : tensor<2x4x5x2xf32>, %t : tensor<5x2xf32>) {
  %y = nn.rotate %x, %t, %t partners [1, 2] : (tensor<2x4x5x2xf32>, tensor<5x2xf32>, tensor<5x2xf32>) -> tensor<2x4x5x2xf32>
  func.return
}

// -----

// CHECK: x must be (N, C) or (N, T, C), got (2, 3, 4, 5)
func.func @f(%x : tensor<2x3x4x5xf32>) {
  %y = nn.probabilities %x : (tensor<2x3x4x5xf32>) -> tensor<2x3x4x5xf32>
  func.return
}
