// RUN: zk-opt %s -p raise-to-nn --split-input-file --verify-diagnostics | filecheck %s

// CHECK-LABEL: func.func @main() -> tensor<6x10xf32> {
// CHECK-NEXT:    [[TABLE:%.*]] = nn.param @table
// CHECK-NEXT:    [[IDS:%.*]] = nn.tokens : tensor<6xi64>
// CHECK-NEXT:    [[X:%.*]] = nn.embedding [[IDS]], [[TABLE]] scale 4.000000e+00
// CHECK-NEXT:    [[Y:%.*]] = nn.linear [[X]], [[TABLE]]
// CHECK-NEXT:    func.return [[Y]] : tensor<6x10xf32>
func.func @main() -> tensor<1x6x10xf32> {
  %table = nn.param @table {sha256 = "0000000000000000000000000000000000000000000000000000000000000000"} : tensor<10x16xf32>
  %ids = nn.tokens : tensor<1x6xi64>
  %x = nn.embedding %ids, %table scale 1.0 : (tensor<1x6xi64>, tensor<10x16xf32>) -> tensor<1x6x16xf32>
  %one = nn.constant 1.0 : tensor<f32>
  %x1 = nn.mul %x, %one : (tensor<1x6x16xf32>, tensor<f32>) -> tensor<1x6x16xf32>
  %c = nn.constant 4.0 : tensor<f32>
  %xc = nn.mul %x1, %c : (tensor<1x6x16xf32>, tensor<f32>) -> tensor<1x6x16xf32>
  %y = nn.linear %xc, %table : (tensor<1x6x16xf32>, tensor<10x16xf32>) -> tensor<1x6x10xf32>
  func.return %y : tensor<1x6x10xf32>
}

// -----

// CHECK: model.layers.3.mlp: nn.softmax belongs to no pattern that the compiler recognises
func.func @main(%x : tensor<6x16xf32>) -> tensor<6x16xf32> {
  %y = nn.softmax %x {module = "model.layers.3.mlp"} : (tensor<6x16xf32>) -> tensor<6x16xf32>
  func.return %y : tensor<6x16xf32>
}

// -----

// CHECK: model.layers.3: nn.add broadcasts, but no pattern recognises it
func.func @main(%x : tensor<6x16xf32>, %b : tensor<16xf32>) -> tensor<6x16xf32> {
  %y = nn.add %x, %b {module = "model.layers.3"} : (tensor<6x16xf32>, tensor<16xf32>) -> tensor<6x16xf32>
  func.return %y : tensor<6x16xf32>
}
