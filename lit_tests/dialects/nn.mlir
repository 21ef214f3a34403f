// RUN: zk-opt %s | zk-opt --print-op-generic | zk-opt | filecheck %s

// Every operation of the dialect prints as it was written.

// CHECK-LABEL: func.func @raised
func.func @raised() -> tensor<8x10xf32> {
  // CHECK-NEXT: %ids = nn.tokens : tensor<8xi64>
  %ids = nn.tokens : tensor<8xi64>
  // CHECK-NEXT: %table = nn.param @model.embed_tokens.weight {sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<10x16xf32>
  %table = nn.param @model.embed_tokens.weight {sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<10x16xf32>
  // CHECK-NEXT: %gain = nn.param @model.layers.0.input_layernorm.weight {sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<16xf32>
  %gain = nn.param @model.layers.0.input_layernorm.weight {sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<16xf32>
  // CHECK-NEXT: %wq = nn.param @q {{{.*}}} : tensor<16x16xf32>
  %wq = nn.param @q {sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<16x16xf32>
  // CHECK-NEXT: %wk = nn.param @k {{{.*}}} : tensor<8x16xf32>
  %wk = nn.param @k {sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<8x16xf32>
  // CHECK-NEXT: %x = nn.embedding %ids, %table scale 4.000000e+00 {module = "model.embed_tokens"} : (tensor<8xi64>, tensor<10x16xf32>) -> tensor<8x16xf32>
  %x = nn.embedding %ids, %table scale 4.0 {module = "model.embed_tokens"} : (tensor<8xi64>, tensor<10x16xf32>) -> tensor<8x16xf32>
  // CHECK-NEXT: %n = nn.rms_norm %x, %gain eps 1.000000e-06 {module = "model.layers.0.input_layernorm"} : (tensor<8x16xf32>, tensor<16xf32>) -> tensor<8x16xf32>
  %n = nn.rms_norm %x, %gain eps 1.0e-06 {module = "model.layers.0.input_layernorm"} : (tensor<8x16xf32>, tensor<16xf32>) -> tensor<8x16xf32>
  // CHECK-NEXT: %q = nn.linear %n, %wq : (tensor<8x16xf32>, tensor<16x16xf32>) -> tensor<8x16xf32>
  %q = nn.linear %n, %wq : (tensor<8x16xf32>, tensor<16x16xf32>) -> tensor<8x16xf32>
  %k = nn.linear %n, %wk : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x8xf32>
  // CHECK: %qh = nn.split_heads %q heads 4 : (tensor<8x16xf32>) -> tensor<4x8x4xf32>
  %qh = nn.split_heads %q heads 4 : (tensor<8x16xf32>) -> tensor<4x8x4xf32>
  %kh = nn.split_heads %k heads 2 : (tensor<8x8xf32>) -> tensor<2x8x4xf32>
  // CHECK: %qr = nn.rope %qh theta 1.000000e+04 factor 8.000000e+00 : (tensor<4x8x4xf32>) -> tensor<4x8x4xf32>
  %qr = nn.rope %qh theta 1.0e+04 factor 8.0 : (tensor<4x8x4xf32>) -> tensor<4x8x4xf32>
  // CHECK-NEXT: %qp = nn.rope %qh theta 1.000000e+04 factor 1.000000e+00 rotated 2 : (tensor<4x8x4xf32>) -> tensor<4x8x4xf32>
  %qp = nn.rope %qh theta 1.0e+04 factor 1.0 rotated 2 : (tensor<4x8x4xf32>) -> tensor<4x8x4xf32>
  // CHECK-NEXT: %s = nn.scores %qr, %kh scale 5.000000e-01 : (tensor<4x8x4xf32>, tensor<2x8x4xf32>) -> tensor<4x8x8xf32>
  %s = nn.scores %qr, %kh scale 0.5 : (tensor<4x8x4xf32>, tensor<2x8x4xf32>) -> tensor<4x8x8xf32>
  // CHECK-NEXT: %global = nn.masked_softmax %s : (tensor<4x8x8xf32>) -> tensor<4x8x8xf32>
  %global = nn.masked_softmax %s : (tensor<4x8x8xf32>) -> tensor<4x8x8xf32>
  // CHECK-NEXT: %local = nn.masked_softmax %s window 3 : (tensor<4x8x8xf32>) -> tensor<4x8x8xf32>
  %local = nn.masked_softmax %s window 3 : (tensor<4x8x8xf32>) -> tensor<4x8x8xf32>
  // CHECK-NEXT: %o = nn.attend %local, %kh : (tensor<4x8x8xf32>, tensor<2x8x4xf32>) -> tensor<4x8x4xf32>
  %o = nn.attend %local, %kh : (tensor<4x8x8xf32>, tensor<2x8x4xf32>) -> tensor<4x8x4xf32>
  // CHECK-NEXT: %m = nn.merge_heads %o : (tensor<4x8x4xf32>) -> tensor<8x16xf32>
  %m = nn.merge_heads %o : (tensor<4x8x4xf32>) -> tensor<8x16xf32>
  // CHECK-NEXT: %g = nn.gelu_tanh %m : (tensor<8x16xf32>) -> tensor<8x16xf32>
  %g = nn.gelu_tanh %m : (tensor<8x16xf32>) -> tensor<8x16xf32>
  // CHECK-NEXT: %g1 = nn.gelu %g : (tensor<8x16xf32>) -> tensor<8x16xf32>
  %g1 = nn.gelu %g : (tensor<8x16xf32>) -> tensor<8x16xf32>
  // CHECK-NEXT: %g2 = nn.silu %g1 : (tensor<8x16xf32>) -> tensor<8x16xf32>
  %g2 = nn.silu %g1 : (tensor<8x16xf32>) -> tensor<8x16xf32>
  // CHECK-NEXT: %g3 = nn.relu %g2 : (tensor<8x16xf32>) -> tensor<8x16xf32>
  %g3 = nn.relu %g2 : (tensor<8x16xf32>) -> tensor<8x16xf32>
  // CHECK-NEXT: %p = nn.mul %g, %m : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  %p = nn.mul %g, %m : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  // CHECK-NEXT: %y = nn.add %x, %p : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  %y = nn.add %x, %p : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  %logits = nn.linear %y, %table : (tensor<8x16xf32>, tensor<10x16xf32>) -> tensor<8x10xf32>
  func.return %logits : tensor<8x10xf32>
}

// CHECK-LABEL: func.func @images
func.func @images() -> tensor<2x5xf32> {
  // CHECK-NEXT: %x = nn.input "image" : tensor<2x3x9x8xf32>
  %x = nn.input "image" : tensor<2x3x9x8xf32>
  %w = nn.param @w {sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<6x1x3x2xf32>
  %b = nn.param @b {sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<6xf32>
  %v = nn.param @v {sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<5x6xf32>
  // CHECK: %c = nn.conv2d %x, %w bias %b stride [2, 1] padding [1, 0] groups 3 {module = "stem"} : (tensor<2x3x9x8xf32>, tensor<6x1x3x2xf32>, tensor<6xf32>) -> tensor<2x6x5x7xf32>
  %c = nn.conv2d %x, %w bias %b stride [2, 1] padding [1, 0] groups 3 {module = "stem"} : (tensor<2x3x9x8xf32>, tensor<6x1x3x2xf32>, tensor<6xf32>) -> tensor<2x6x5x7xf32>
  // CHECK-NEXT: %d = nn.conv2d %x, %w stride [1, 1] padding [0, 0] groups 3 : (tensor<2x3x9x8xf32>, tensor<6x1x3x2xf32>) -> tensor<2x6x7x7xf32>
  %d = nn.conv2d %x, %w stride [1, 1] padding [0, 0] groups 3 : (tensor<2x3x9x8xf32>, tensor<6x1x3x2xf32>) -> tensor<2x6x7x7xf32>
  // CHECK-NEXT: %r = nn.relu6 %c : (tensor<2x6x5x7xf32>) -> tensor<2x6x5x7xf32>
  %r = nn.relu6 %c : (tensor<2x6x5x7xf32>) -> tensor<2x6x5x7xf32>
  // CHECK-NEXT: %s = nn.sigmoid %r : (tensor<2x6x5x7xf32>) -> tensor<2x6x5x7xf32>
  %s = nn.sigmoid %r : (tensor<2x6x5x7xf32>) -> tensor<2x6x5x7xf32>
  // CHECK-NEXT: %ee = nn.elu %s : (tensor<2x6x5x7xf32>) -> tensor<2x6x5x7xf32>
  %ee = nn.elu %s : (tensor<2x6x5x7xf32>) -> tensor<2x6x5x7xf32>
  // CHECK-NEXT: %ff = nn.selu %ee : (tensor<2x6x5x7xf32>) -> tensor<2x6x5x7xf32>
  %ff = nn.selu %ee : (tensor<2x6x5x7xf32>) -> tensor<2x6x5x7xf32>
  // CHECK-NEXT: %gg = nn.softplus %ff : (tensor<2x6x5x7xf32>) -> tensor<2x6x5x7xf32>
  %gg = nn.softplus %ff : (tensor<2x6x5x7xf32>) -> tensor<2x6x5x7xf32>
  // CHECK-NEXT: %hh = nn.mish %gg : (tensor<2x6x5x7xf32>) -> tensor<2x6x5x7xf32>
  %hh = nn.mish %gg : (tensor<2x6x5x7xf32>) -> tensor<2x6x5x7xf32>
  // CHECK-NEXT: %ii = nn.hardswish %hh : (tensor<2x6x5x7xf32>) -> tensor<2x6x5x7xf32>
  %ii = nn.hardswish %hh : (tensor<2x6x5x7xf32>) -> tensor<2x6x5x7xf32>
  // CHECK-NEXT: %jj = nn.hardsigmoid %ii : (tensor<2x6x5x7xf32>) -> tensor<2x6x5x7xf32>
  %jj = nn.hardsigmoid %ii : (tensor<2x6x5x7xf32>) -> tensor<2x6x5x7xf32>
  // CHECK-NEXT: %m = nn.max_pool2d %s kernel [3, 2] stride [2, 2] padding [1, 0] : (tensor<2x6x5x7xf32>) -> tensor<2x6x3x3xf32>
  %m = nn.max_pool2d %s kernel [3, 2] stride [2, 2] padding [1, 0] : (tensor<2x6x5x7xf32>) -> tensor<2x6x3x3xf32>
  // CHECK-NEXT: %a = nn.avg_pool2d %m kernel [3, 3] stride [1, 1] : (tensor<2x6x3x3xf32>) -> tensor<2x6x1x1xf32>
  %a = nn.avg_pool2d %m kernel [3, 3] stride [1, 1] : (tensor<2x6x3x3xf32>) -> tensor<2x6x1x1xf32>
  // CHECK-NEXT: %f = nn.flatten %a : (tensor<2x6x1x1xf32>) -> tensor<2x6xf32>
  %f = nn.flatten %a : (tensor<2x6x1x1xf32>) -> tensor<2x6xf32>
  %y = nn.linear %f, %v : (tensor<2x6xf32>, tensor<5x6xf32>) -> tensor<2x5xf32>
  func.return %y : tensor<2x5xf32>
}

// CHECK-LABEL: func.func @imported
func.func @imported(%x : tensor<1x8x16xf32>) {
  // CHECK-NEXT: %ids = nn.tokens : tensor<1x8xi64>
  %ids = nn.tokens : tensor<1x8xi64>
  // CHECK-NEXT: %one = nn.constant 1.000000e+00 : tensor<f32>
  %one = nn.constant 1.0 : tensor<f32>
  // CHECK-NEXT: %t = nn.positions : tensor<1x8xi64>
  %t = nn.positions : tensor<1x8xi64>
  // CHECK-NEXT: %f = nn.rope_frequencies theta 1.000000e+06 factor 1.000000e+00 : tensor<8xf32>
  %f = nn.rope_frequencies theta 1.0e+06 factor 1.0 : tensor<8xf32>
  // CHECK-NEXT: %g = nn.rope_frequencies theta 1.000000e+06 factor 8.000000e+00 ramp [1.000000e+00, 4.000000e+00, 8.192000e+03] : tensor<8xf32>
  %g = nn.rope_frequencies theta 1.0e+06 factor 8.0 ramp [1.0, 4.0, 8192.0] : tensor<8xf32>
  // CHECK-NEXT: %m = nn.causal_mask : tensor<1x1x8x8xf32>
  %m = nn.causal_mask : tensor<1x1x8x8xf32>
  // CHECK-NEXT: %l = nn.causal_mask window 3 : tensor<1x1x8x8xf32>
  %l = nn.causal_mask window 3 : tensor<1x1x8x8xf32>
  // CHECK-NEXT: %c = nn.cast %t : (tensor<1x8xi64>) -> tensor<1x8xf32>
  %c = nn.cast %t : (tensor<1x8xi64>) -> tensor<1x8xf32>
  // CHECK-NEXT: %v = nn.view %t : (tensor<1x8xi64>) -> tensor<1x8x1xi64>
  %v = nn.view %t : (tensor<1x8xi64>) -> tensor<1x8x1xi64>
  // CHECK-NEXT: %a = nn.add %x, %one : (tensor<1x8x16xf32>, tensor<f32>) -> tensor<1x8x16xf32>
  %a = nn.add %x, %one : (tensor<1x8x16xf32>, tensor<f32>) -> tensor<1x8x16xf32>
  // CHECK-NEXT: %n = nn.neg %x : (tensor<1x8x16xf32>) -> tensor<1x8x16xf32>
  %n = nn.neg %x : (tensor<1x8x16xf32>) -> tensor<1x8x16xf32>
  // CHECK-NEXT: %r = nn.rsqrt %x : (tensor<1x8x16xf32>) -> tensor<1x8x16xf32>
  %r = nn.rsqrt %x : (tensor<1x8x16xf32>) -> tensor<1x8x16xf32>
  // CHECK-NEXT: %cos = nn.cos %x : (tensor<1x8x16xf32>) -> tensor<1x8x16xf32>
  %cos = nn.cos %x : (tensor<1x8x16xf32>) -> tensor<1x8x16xf32>
  // CHECK-NEXT: %sin = nn.sin %x : (tensor<1x8x16xf32>) -> tensor<1x8x16xf32>
  %sin = nn.sin %x : (tensor<1x8x16xf32>) -> tensor<1x8x16xf32>
  // CHECK-NEXT: %erf = nn.erf %x : (tensor<1x8x16xf32>) -> tensor<1x8x16xf32>
  %erf = nn.erf %x : (tensor<1x8x16xf32>) -> tensor<1x8x16xf32>
  // CHECK-NEXT: %exp = nn.exp %x : (tensor<1x8x16xf32>) -> tensor<1x8x16xf32>
  %exp = nn.exp %x : (tensor<1x8x16xf32>) -> tensor<1x8x16xf32>
  // CHECK-NEXT: %s = nn.softmax %x : (tensor<1x8x16xf32>) -> tensor<1x8x16xf32>
  %s = nn.softmax %x : (tensor<1x8x16xf32>) -> tensor<1x8x16xf32>
  // CHECK-NEXT: %p = nn.pow %x exponent 2.000000e+00 : (tensor<1x8x16xf32>) -> tensor<1x8x16xf32>
  %p = nn.pow %x exponent 2.0 : (tensor<1x8x16xf32>) -> tensor<1x8x16xf32>
  // CHECK-NEXT: %mean = nn.mean %x : (tensor<1x8x16xf32>) -> tensor<1x8x1xf32>
  %mean = nn.mean %x : (tensor<1x8x16xf32>) -> tensor<1x8x1xf32>
  // CHECK-NEXT: %max = nn.max %x : (tensor<1x8x16xf32>) -> tensor<1x8x1xf32>
  %max = nn.max %x : (tensor<1x8x16xf32>) -> tensor<1x8x1xf32>
  // CHECK-NEXT: %e = nn.expand %mean : (tensor<1x8x1xf32>) -> tensor<1x8x16xf32>
  %e = nn.expand %mean : (tensor<1x8x1xf32>) -> tensor<1x8x16xf32>
  // CHECK-NEXT: %pe = nn.permute %x [0, 2, 1] : (tensor<1x8x16xf32>) -> tensor<1x16x8xf32>
  %pe = nn.permute %x [0, 2, 1] : (tensor<1x8x16xf32>) -> tensor<1x16x8xf32>
  // CHECK-NEXT: %mm = nn.matmul %x, %pe : (tensor<1x8x16xf32>, tensor<1x16x8xf32>) -> tensor<1x8x8xf32>
  %mm = nn.matmul %x, %pe : (tensor<1x8x16xf32>, tensor<1x16x8xf32>) -> tensor<1x8x8xf32>
  // CHECK-NEXT: %sl = nn.slice %x [8, 16] : (tensor<1x8x16xf32>) -> tensor<1x8x8xf32>
  %sl = nn.slice %x [8, 16] : (tensor<1x8x16xf32>) -> tensor<1x8x8xf32>
  // CHECK-NEXT: %cat = nn.concat %sl, %sl : (tensor<1x8x8xf32>, tensor<1x8x8xf32>) -> tensor<1x8x16xf32>
  %cat = nn.concat %sl, %sl : (tensor<1x8x8xf32>, tensor<1x8x8xf32>) -> tensor<1x8x16xf32>
  func.return
}

// CHECK-LABEL: func.func @norms
func.func @norms(%x : tensor<8x16xf32>, %w : tensor<16xf32>, %b : tensor<16xf32>, %table : tensor<10x16xf32>) {
  // CHECK-NEXT: %l = nn.layer_norm %x, %w bias %b eps 1.000000e-05 : (tensor<8x16xf32>, tensor<16xf32>, tensor<16xf32>) -> tensor<8x16xf32>
  %l = nn.layer_norm %x, %w bias %b eps 1.0e-05 : (tensor<8x16xf32>, tensor<16xf32>, tensor<16xf32>) -> tensor<8x16xf32>
  // CHECK-NEXT: %c = nn.center %x : (tensor<8x16xf32>) -> tensor<8x16xf32>
  %c = nn.center %x : (tensor<8x16xf32>) -> tensor<8x16xf32>
  // CHECK-NEXT: %n = nn.rms_norm %c, %w bias %b eps 1.000000e-05 offset 0.000000e+00 : (tensor<8x16xf32>, tensor<16xf32>, tensor<16xf32>) -> tensor<8x16xf32>
  %n = nn.rms_norm %c, %w bias %b eps 1.0e-05 offset 0.0 : (tensor<8x16xf32>, tensor<16xf32>, tensor<16xf32>) -> tensor<8x16xf32>
  // CHECK-NEXT: %p = nn.position_embedding %table offset 2 count 8 : (tensor<10x16xf32>) -> tensor<8x16xf32>
  %p = nn.position_embedding %table offset 2 count 8 : (tensor<10x16xf32>) -> tensor<8x16xf32>
  // CHECK-NEXT: %t = nn.positions offset 2 : tensor<8xi64>
  %t = nn.positions offset 2 : tensor<8xi64>
  func.return
}

// Heads of examples that turn by tables, and share keys.

// CHECK-LABEL: func.func @rotate
func.func @rotate(%x : tensor<2x4x5x4xf32>, %k : tensor<2x2x5x4xf32>, %c : tensor<5x4xf32>, %s : tensor<5x4xf32>) {
  // CHECK-NEXT: %y = nn.rotate %x, %c, %s partners [2, 3, 0, 1] : (tensor<2x4x5x4xf32>, tensor<5x4xf32>, tensor<5x4xf32>) -> tensor<2x4x5x4xf32>
  %y = nn.rotate %x, %c, %s partners [2, 3, 0, 1] : (tensor<2x4x5x4xf32>, tensor<5x4xf32>, tensor<5x4xf32>) -> tensor<2x4x5x4xf32>
  // CHECK-NEXT: %0 = nn.scores %y, %k scale 5.000000e-01 : (tensor<2x4x5x4xf32>, tensor<2x2x5x4xf32>) -> tensor<2x4x5x5xf32>
  %0 = nn.scores %y, %k scale 0.5 : (tensor<2x4x5x4xf32>, tensor<2x2x5x4xf32>) -> tensor<2x4x5x5xf32>
  func.return
}
