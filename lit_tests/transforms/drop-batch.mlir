// RUN: zk-opt %s -p drop-batch --split-input-file --verify-diagnostics | filecheck %s

// The axis goes from everything that depends on tokens, positions or masks; weights keep theirs.
// The paths stay.

// CHECK-LABEL: func.func @main() -> tensor<4x6x6xf32> {
// CHECK-NEXT:    %w = nn.param @w
// CHECK-SAME:      : tensor<1x16xf32>
// CHECK-NEXT:    %g = nn.neg %w : (tensor<1x16xf32>) -> tensor<1x16xf32>
// CHECK-NEXT:    %v = nn.view %g : (tensor<1x16xf32>) -> tensor<16xf32>
// CHECK-NEXT:    %table = nn.param @table
// CHECK-NEXT:    [[IDS:%.*]] = nn.tokens : tensor<6xi64>
// CHECK-NEXT:    [[X:%.*]] = nn.embedding [[IDS]], %table scale 1.000000e+00 {module = "model.embed_tokens"} : (tensor<6xi64>, tensor<10x16xf32>) -> tensor<6x16xf32>
// CHECK-NEXT:    [[Y:%.*]] = nn.mul [[X]], %v : (tensor<6x16xf32>, tensor<16xf32>) -> tensor<6x16xf32>
// CHECK-NEXT:    [[H:%.*]] = nn.view [[Y]] : (tensor<6x16xf32>) -> tensor<6x4x4xf32>
// CHECK-NEXT:    [[Q:%.*]] = nn.permute [[H]] [1, 0, 2] : (tensor<6x4x4xf32>) -> tensor<4x6x4xf32>
// CHECK-NEXT:    [[K:%.*]] = nn.permute [[Q]] [0, 2, 1] : (tensor<4x6x4xf32>) -> tensor<4x4x6xf32>
// CHECK-NEXT:    [[S:%.*]] = nn.matmul [[Q]], [[K]] : (tensor<4x6x4xf32>, tensor<4x4x6xf32>) -> tensor<4x6x6xf32>
// CHECK-NEXT:    [[MASK:%.*]] = nn.causal_mask window 3 : tensor<1x6x6xf32>
// CHECK-NEXT:    [[M:%.*]] = nn.add [[S]], [[MASK]] : (tensor<4x6x6xf32>, tensor<1x6x6xf32>) -> tensor<4x6x6xf32>
// CHECK-NEXT:    func.return [[M]] : tensor<4x6x6xf32>
func.func @main() -> tensor<1x4x6x6xf32> {
  %w = nn.param @w {sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<1x16xf32>
  %g = nn.neg %w : (tensor<1x16xf32>) -> tensor<1x16xf32>
  %v = nn.view %g : (tensor<1x16xf32>) -> tensor<16xf32>
  %table = nn.param @table {sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<10x16xf32>
  %ids = nn.tokens : tensor<1x6xi64>
  %x = nn.embedding %ids, %table scale 1.0 {module = "model.embed_tokens"} : (tensor<1x6xi64>, tensor<10x16xf32>) -> tensor<1x6x16xf32>
  %y = nn.mul %x, %v : (tensor<1x6x16xf32>, tensor<16xf32>) -> tensor<1x6x16xf32>
  %h = nn.view %y : (tensor<1x6x16xf32>) -> tensor<1x6x4x4xf32>
  %q = nn.permute %h [0, 2, 1, 3] : (tensor<1x6x4x4xf32>) -> tensor<1x4x6x4xf32>
  %k = nn.permute %q [0, 1, 3, 2] : (tensor<1x4x6x4xf32>) -> tensor<1x4x4x6xf32>
  %s = nn.matmul %q, %k : (tensor<1x4x6x4xf32>, tensor<1x4x4x6xf32>) -> tensor<1x4x6x6xf32>
  %mask = nn.causal_mask window 3 : tensor<1x1x6x6xf32>
  %m = nn.add %s, %mask : (tensor<1x4x6x6xf32>, tensor<1x1x6x6xf32>) -> tensor<1x4x6x6xf32>
  func.return %m : tensor<1x4x6x6xf32>
}

// -----

// Nothing to do where the axis is gone.

// CHECK-LABEL: func.func @main() -> tensor<6xf32> {
// CHECK-NEXT:    %t = nn.positions : tensor<6xi64>
// CHECK-NEXT:    %x = nn.cast %t : (tensor<6xi64>) -> tensor<6xf32>
// CHECK-NEXT:    func.return %x : tensor<6xf32>
func.func @main() -> tensor<6xf32> {
  %t = nn.positions : tensor<6xi64>
  %x = nn.cast %t : (tensor<6xi64>) -> tensor<6xf32>
  func.return %x : tensor<6xf32>
}

// -----

// Where a model flattens its axes for a while, nothing is left of that.

// CHECK-LABEL: func.func @main() -> tensor<6x8xf32> {
// CHECK:         [[X:%.*]] = nn.embedding
// CHECK-NEXT:    [[Y:%.*]] = nn.linear [[X]], %w : (tensor<6x16xf32>, tensor<8x16xf32>) -> tensor<6x8xf32>
// CHECK-NEXT:    [[Z:%.*]] = nn.neg [[Y]] : (tensor<6x8xf32>) -> tensor<6x8xf32>
// CHECK-NEXT:    func.return [[Z]] : tensor<6x8xf32>
func.func @main() -> tensor<1x6x8xf32> {
  %table = nn.param @table {sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<10x16xf32>
  %w = nn.param @w {sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<8x16xf32>
  %ids = nn.tokens : tensor<1x6xi64>
  %x = nn.embedding %ids, %table scale 1.0 : (tensor<1x6xi64>, tensor<10x16xf32>) -> tensor<1x6x16xf32>
  %flat = nn.view %x : (tensor<1x6x16xf32>) -> tensor<6x16xf32>
  %y = nn.linear %flat, %w : (tensor<6x16xf32>, tensor<8x16xf32>) -> tensor<6x8xf32>
  %back = nn.view %y : (tensor<6x8xf32>) -> tensor<1x6x8xf32>
  %z = nn.neg %back : (tensor<1x6x8xf32>) -> tensor<1x6x8xf32>
  func.return %z : tensor<1x6x8xf32>
}

// -----

// CHECK: model.layers.0: nn.permute mixes the batch axis with others
func.func @main() -> tensor<6x1xf32> {
  %t = nn.positions : tensor<1x6xi64>
  %x = nn.cast %t : (tensor<1x6xi64>) -> tensor<1x6xf32>
  %y = nn.permute %x [1, 0] {module = "model.layers.0"} : (tensor<1x6xf32>) -> tensor<6x1xf32>
  func.return %y : tensor<6x1xf32>
}
