// RUN: zk-opt %s -p raise-heads | filecheck %s

// CHECK-LABEL: func.func @split
// CHECK-NEXT:    [[Y:%.*]] = nn.split_heads %x heads 4 {module = "model.layers.0.self_attn"} : (tensor<6x16xf32>) -> tensor<4x6x4xf32>
// CHECK-NEXT:    func.return [[Y]]
func.func @split(%x : tensor<6x16xf32>) -> tensor<4x6x4xf32> {
  %v = nn.view %x : (tensor<6x16xf32>) -> tensor<6x4x4xf32>
  %y = nn.permute %v [1, 0, 2] {module = "model.layers.0.self_attn"} : (tensor<6x4x4xf32>) -> tensor<4x6x4xf32>
  func.return %y : tensor<4x6x4xf32>
}

// CHECK-LABEL: func.func @merge
// CHECK-NEXT:    [[Y:%.*]] = nn.merge_heads %x {module = "model.layers.0.self_attn"} : (tensor<4x6x4xf32>) -> tensor<6x16xf32>
// CHECK-NEXT:    func.return [[Y]]
func.func @merge(%x : tensor<4x6x4xf32>) -> tensor<6x16xf32> {
  %p = nn.permute %x [1, 0, 2] : (tensor<4x6x4xf32>) -> tensor<6x4x4xf32>
  %y = nn.view %p {module = "model.layers.0.self_attn"} : (tensor<6x4x4xf32>) -> tensor<6x16xf32>
  func.return %y : tensor<6x16xf32>
}

// A single head is still split.

// CHECK-LABEL: func.func @one
// CHECK-NEXT:    nn.split_heads %x heads 1 : (tensor<6x4xf32>) -> tensor<1x6x4xf32>
func.func @one(%x : tensor<6x4xf32>) -> tensor<1x6x4xf32> {
  %v = nn.view %x : (tensor<6x4xf32>) -> tensor<6x1x4xf32>
  %y = nn.permute %v [1, 0, 2] : (tensor<6x1x4xf32>) -> tensor<1x6x4xf32>
  func.return %y : tensor<1x6x4xf32>
}

// A norm of the last axis that stands between them comes after.

// CHECK-LABEL: func.func @norm_between
// CHECK-NEXT:    [[H:%.*]] = nn.split_heads %x heads 4 {module = "attn"} : (tensor<6x16xf32>) -> tensor<4x6x4xf32>
// CHECK-NEXT:    [[Y:%.*]] = nn.rms_norm [[H]], %w eps 1.000000e-06 offset 0.000000e+00 {module = "attn.norm"} : (tensor<4x6x4xf32>, tensor<4xf32>) -> tensor<4x6x4xf32>
// CHECK-NEXT:    func.return [[Y]]
func.func @norm_between(%x : tensor<6x16xf32>, %w : tensor<4xf32>) -> tensor<4x6x4xf32> {
  %v = nn.view %x : (tensor<6x16xf32>) -> tensor<6x4x4xf32>
  %n = nn.rms_norm %v, %w eps 1.0e-06 offset 0.0 {module = "attn.norm"} : (tensor<6x4x4xf32>, tensor<4xf32>) -> tensor<6x4x4xf32>
  %y = nn.permute %n [1, 0, 2] {module = "attn"} : (tensor<6x4x4xf32>) -> tensor<4x6x4xf32>
  func.return %y : tensor<4x6x4xf32>
}

// A factor is moved behind the split, where attention looks for it.

// CHECK-LABEL: func.func @scaled
// CHECK-NEXT:    [[H:%.*]] = nn.split_heads %x heads 4 : (tensor<6x16xf32>) -> tensor<4x6x4xf32>
// CHECK-NEXT:    [[C:%.*]] = nn.constant 5.000000e-01 : tensor<f32>
// CHECK-NEXT:    [[Y:%.*]] = nn.mul [[H]], [[C]] {module = "self_attn"} : (tensor<4x6x4xf32>, tensor<f32>) -> tensor<4x6x4xf32>
// CHECK-NEXT:    func.return [[Y]]
func.func @scaled(%x : tensor<6x16xf32>) -> tensor<4x6x4xf32> {
  %c = nn.constant 0.5 : tensor<f32>
  %s = nn.mul %x, %c {module = "self_attn"} : (tensor<6x16xf32>, tensor<f32>) -> tensor<6x16xf32>
  %v = nn.view %s : (tensor<6x16xf32>) -> tensor<6x4x4xf32>
  %y = nn.permute %v [1, 0, 2] : (tensor<6x4x4xf32>) -> tensor<4x6x4xf32>
  func.return %y : tensor<4x6x4xf32>
}

// Neither: other axes, other shapes.

// CHECK-LABEL: func.func @other_axes
// CHECK-NOT:     nn.split_heads
func.func @other_axes(%x : tensor<6x16xf32>) -> tensor<4x4x6xf32> {
  %v = nn.view %x : (tensor<6x16xf32>) -> tensor<6x4x4xf32>
  %y = nn.permute %v [1, 2, 0] : (tensor<6x4x4xf32>) -> tensor<4x4x6xf32>
  func.return %y : tensor<4x4x6xf32>
}

// CHECK-LABEL: func.func @other_shape
// CHECK-NOT:     nn.merge_heads
func.func @other_shape(%x : tensor<4x6x4xf32>) -> tensor<24x4xf32> {
  %p = nn.permute %x [1, 0, 2] : (tensor<4x6x4xf32>) -> tensor<6x4x4xf32>
  %y = nn.view %p : (tensor<6x4x4xf32>) -> tensor<24x4xf32>
  func.return %y : tensor<24x4xf32>
}
