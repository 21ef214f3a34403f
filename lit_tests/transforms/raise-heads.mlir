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
