// RUN: zk-opt %s -p raise-attention | filecheck %s

// Four query heads share two key/value heads, in a window of 3.

// CHECK-LABEL: func.func @grouped
// CHECK-NEXT:    [[S:%.*]] = nn.scores %q, %k scale 5.000000e-01 {module = "model.layers.0.self_attn"} : (tensor<4x6x8xf32>, tensor<2x6x8xf32>) -> tensor<4x6x6xf32>
// CHECK-NEXT:    [[P:%.*]] = nn.masked_softmax [[S]] window 3 {module = "model.layers.0.self_attn"} : (tensor<4x6x6xf32>) -> tensor<4x6x6xf32>
// CHECK-NEXT:    [[O:%.*]] = nn.attend [[P]], %v {module = "model.layers.0.self_attn"} : (tensor<4x6x6xf32>, tensor<2x6x8xf32>) -> tensor<4x6x8xf32>
// CHECK-NEXT:    func.return [[O]]
func.func @grouped(%q : tensor<4x6x8xf32>, %k : tensor<2x6x8xf32>, %v : tensor<2x6x8xf32>) -> tensor<4x6x8xf32> {
  %k1 = nn.view %k : (tensor<2x6x8xf32>) -> tensor<2x1x6x8xf32>
  %k2 = nn.expand %k1 : (tensor<2x1x6x8xf32>) -> tensor<2x2x6x8xf32>
  %k3 = nn.view %k2 : (tensor<2x2x6x8xf32>) -> tensor<4x6x8xf32>
  %kt = nn.permute %k3 [0, 2, 1] : (tensor<4x6x8xf32>) -> tensor<4x8x6xf32>
  %qk = nn.matmul %q, %kt : (tensor<4x6x8xf32>, tensor<4x8x6xf32>) -> tensor<4x6x6xf32>
  %c = nn.constant 0.5 : tensor<f32>
  %s = nn.mul %qk, %c {module = "model.layers.0.self_attn"} : (tensor<4x6x6xf32>, tensor<f32>) -> tensor<4x6x6xf32>
  %mask = nn.causal_mask window 3 : tensor<1x6x6xf32>
  %m = nn.add %s, %mask : (tensor<4x6x6xf32>, tensor<1x6x6xf32>) -> tensor<4x6x6xf32>
  %p = nn.softmax %m {module = "model.layers.0.self_attn"} : (tensor<4x6x6xf32>) -> tensor<4x6x6xf32>
  %v1 = nn.view %v : (tensor<2x6x8xf32>) -> tensor<2x1x6x8xf32>
  %v2 = nn.expand %v1 : (tensor<2x1x6x8xf32>) -> tensor<2x2x6x8xf32>
  %v3 = nn.view %v2 : (tensor<2x2x6x8xf32>) -> tensor<4x6x8xf32>
  %o = nn.matmul %p, %v3 {module = "model.layers.0.self_attn"} : (tensor<4x6x6xf32>, tensor<4x6x8xf32>) -> tensor<4x6x8xf32>
  func.return %o : tensor<4x6x8xf32>
}

// A head each, the whole past, operands in the other order.

// CHECK-LABEL: func.func @ungrouped
// CHECK-NEXT:    [[S:%.*]] = nn.scores %q, %k scale 5.000000e-01 : (tensor<2x6x8xf32>, tensor<2x6x8xf32>) -> tensor<2x6x6xf32>
// CHECK-NEXT:    [[P:%.*]] = nn.masked_softmax [[S]] : (tensor<2x6x6xf32>) -> tensor<2x6x6xf32>
// CHECK-NEXT:    [[O:%.*]] = nn.attend [[P]], %v : (tensor<2x6x6xf32>, tensor<2x6x8xf32>) -> tensor<2x6x8xf32>
// CHECK-NEXT:    func.return [[O]]
func.func @ungrouped(%q : tensor<2x6x8xf32>, %k : tensor<2x6x8xf32>, %v : tensor<2x6x8xf32>) -> tensor<2x6x8xf32> {
  %kt = nn.permute %k [0, 2, 1] : (tensor<2x6x8xf32>) -> tensor<2x8x6xf32>
  %qk = nn.matmul %q, %kt : (tensor<2x6x8xf32>, tensor<2x8x6xf32>) -> tensor<2x6x6xf32>
  %c = nn.constant 0.5 : tensor<f32>
  %s = nn.mul %c, %qk : (tensor<f32>, tensor<2x6x6xf32>) -> tensor<2x6x6xf32>
  %mask = nn.causal_mask : tensor<1x6x6xf32>
  %m = nn.add %mask, %s : (tensor<1x6x6xf32>, tensor<2x6x6xf32>) -> tensor<2x6x6xf32>
  %p = nn.softmax %m : (tensor<2x6x6xf32>) -> tensor<2x6x6xf32>
  %o = nn.matmul %p, %v : (tensor<2x6x6xf32>, tensor<2x6x8xf32>) -> tensor<2x6x8xf32>
  func.return %o : tensor<2x6x8xf32>
}

// The scale is on the queries and on the keys that are permuted already, as in what PyTorch exports to ONNX.

// CHECK-LABEL: func.func @shared
// CHECK-NEXT:    nn.scores %q, %k scale 2.500000e-01 : (tensor<2x6x8xf32>, tensor<2x6x8xf32>) -> tensor<2x6x6xf32>
// CHECK-NEXT:    func.return
func.func @shared(%q : tensor<2x6x8xf32>, %k : tensor<2x6x8xf32>) -> tensor<2x6x6xf32> {
  %kt = nn.permute %k [0, 2, 1] : (tensor<2x6x8xf32>) -> tensor<2x8x6xf32>
  %c = nn.constant 0.5 : tensor<f32>
  %qs = nn.mul %q, %c : (tensor<2x6x8xf32>, tensor<f32>) -> tensor<2x6x8xf32>
  %ks = nn.mul %kt, %c : (tensor<2x8x6xf32>, tensor<f32>) -> tensor<2x8x6xf32>
  %s = nn.matmul %qs, %ks : (tensor<2x6x8xf32>, tensor<2x8x6xf32>) -> tensor<2x6x6xf32>
  func.return %s : tensor<2x6x6xf32>
}

// A scale of 1 has been folded away; one below zero is no scale.

// CHECK-LABEL: func.func @unscaled
// CHECK-NEXT:    nn.scores %q, %k scale 1.000000e+00 {module = "attn"} : (tensor<2x6x8xf32>, tensor<2x6x8xf32>) -> tensor<2x6x6xf32>
// CHECK:         [[N:%.*]] = nn.scores %q, %k scale 1.000000e+00
// CHECK-NEXT:    nn.mul [[N]]
func.func @unscaled(%q : tensor<2x6x8xf32>, %k : tensor<2x6x8xf32>) -> (tensor<2x6x6xf32>, tensor<2x6x6xf32>) {
  %kt = nn.permute %k [0, 2, 1] : (tensor<2x6x8xf32>) -> tensor<2x8x6xf32>
  %qk = nn.matmul %q, %kt {module = "attn"} : (tensor<2x6x8xf32>, tensor<2x8x6xf32>) -> tensor<2x6x6xf32>
  %c = nn.constant -0.5 : tensor<f32>
  %qk2 = nn.matmul %q, %kt : (tensor<2x6x8xf32>, tensor<2x8x6xf32>) -> tensor<2x6x6xf32>
  %s = nn.mul %qk2, %c : (tensor<2x6x6xf32>, tensor<f32>) -> tensor<2x6x6xf32>
  func.return %qk, %s : tensor<2x6x6xf32>, tensor<2x6x6xf32>
}

// Without a mask it is another function.

// CHECK-LABEL: func.func @unmasked
// CHECK:         nn.softmax
// CHECK-NEXT:    nn.matmul
func.func @unmasked(%s : tensor<2x6x6xf32>, %v : tensor<2x6x8xf32>) -> tensor<2x6x8xf32> {
  %p = nn.softmax %s : (tensor<2x6x6xf32>) -> tensor<2x6x6xf32>
  %o = nn.matmul %p, %v : (tensor<2x6x6xf32>, tensor<2x6x8xf32>) -> tensor<2x6x8xf32>
  func.return %o : tensor<2x6x8xf32>
}

// Heads that are repeated in turns (h mod KV) instead of in groups are not shared in our sense.

// CHECK-LABEL: func.func @in_turns
// CHECK:         nn.attend %p, {{%.*}} : (tensor<4x6x6xf32>, tensor<4x6x8xf32>)
func.func @in_turns(%s : tensor<4x6x6xf32>, %v : tensor<2x6x8xf32>) -> tensor<4x6x8xf32> {
  %p = nn.masked_softmax %s : (tensor<4x6x6xf32>) -> tensor<4x6x6xf32>
  %v1 = nn.view %v : (tensor<2x6x8xf32>) -> tensor<1x2x6x8xf32>
  %v2 = nn.expand %v1 : (tensor<1x2x6x8xf32>) -> tensor<2x2x6x8xf32>
  %v3 = nn.view %v2 : (tensor<2x2x6x8xf32>) -> tensor<4x6x8xf32>
  %o = nn.matmul %p, %v3 : (tensor<4x6x6xf32>, tensor<4x6x8xf32>) -> tensor<4x6x8xf32>
  func.return %o : tensor<4x6x8xf32>
}

// A soft cap: what scores are multiplied by afterwards is the softmax's scale.

// CHECK-LABEL: func.func @capped
// CHECK-NEXT:    [[S:%.*]] = nn.scores %q, %k scale 1.000000e-02
// CHECK-NEXT:    [[T:%.*]] = nn.tanh [[S]]
// CHECK-NEXT:    nn.masked_softmax [[T]] scale 5.000000e+01
func.func @capped(%q : tensor<2x6x8xf32>, %k : tensor<2x6x8xf32>) -> tensor<2x6x6xf32> {
  %kt = nn.permute %k [0, 2, 1] : (tensor<2x6x8xf32>) -> tensor<2x8x6xf32>
  %qk = nn.matmul %q, %kt : (tensor<2x6x8xf32>, tensor<2x8x6xf32>) -> tensor<2x6x6xf32>
  %c = nn.constant 0.5 : tensor<f32>
  %inverse = nn.constant 0.02 : tensor<f32>
  %cap = nn.constant 50.0 : tensor<f32>
  %a = nn.mul %qk, %c : (tensor<2x6x6xf32>, tensor<f32>) -> tensor<2x6x6xf32>
  %b = nn.mul %a, %inverse : (tensor<2x6x6xf32>, tensor<f32>) -> tensor<2x6x6xf32>
  %t = nn.tanh %b : (tensor<2x6x6xf32>) -> tensor<2x6x6xf32>
  %s = nn.mul %t, %cap : (tensor<2x6x6xf32>, tensor<f32>) -> tensor<2x6x6xf32>
  %mask = nn.causal_mask : tensor<1x6x6xf32>
  %m = nn.add %s, %mask : (tensor<2x6x6xf32>, tensor<1x6x6xf32>) -> tensor<2x6x6xf32>
  %p = nn.softmax %m : (tensor<2x6x6xf32>) -> tensor<2x6x6xf32>
  func.return %p : tensor<2x6x6xf32>
}

// Examples in front, whose heads share keys.

// CHECK-LABEL: func.func @of_examples
// CHECK-NEXT:    nn.scores %q, %k scale 1.000000e+00 : (tensor<3x4x6x8xf32>, tensor<3x2x6x8xf32>) -> tensor<3x4x6x6xf32>
func.func @of_examples(%q : tensor<3x4x6x8xf32>, %k : tensor<3x2x6x8xf32>) -> tensor<3x4x6x6xf32> {
  %k1 = nn.view %k : (tensor<3x2x6x8xf32>) -> tensor<3x2x1x6x8xf32>
  %k2 = nn.expand %k1 : (tensor<3x2x1x6x8xf32>) -> tensor<3x2x2x6x8xf32>
  %k3 = nn.view %k2 : (tensor<3x2x2x6x8xf32>) -> tensor<3x4x6x8xf32>
  %kt = nn.permute %k3 [0, 1, 3, 2] : (tensor<3x4x6x8xf32>) -> tensor<3x4x8x6xf32>
  %s = nn.matmul %q, %kt : (tensor<3x4x6x8xf32>, tensor<3x4x8x6xf32>) -> tensor<3x4x6x6xf32>
  func.return %s : tensor<3x4x6x6xf32>
}
