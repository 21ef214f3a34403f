// RUN: zk-opt %s -p align-rope | filecheck %s

// The second layer's queries and keys get a rotation that turns nothing.

// CHECK:      [[Q:%.*]] = nn.rope %q theta 1.000000e+04 factor 1.000000e+00
// CHECK:      [[K:%.*]] = nn.rope %k theta 1.000000e+04 factor 1.000000e+00
// CHECK-NEXT: %a = nn.scores [[Q]], [[K]]
// CHECK-NEXT: [[R:%.*]] = nn.rope %q theta 1.000000e+00 factor 1.2676506002282294e+30 {module = "model.layers.1.self_attn"}
// CHECK-NEXT: [[L:%.*]] = nn.rope %k theta 1.000000e+00 factor 1.2676506002282294e+30 {module = "model.layers.1.self_attn"}
// CHECK-NEXT: nn.scores [[R]], [[L]] scale 2.500000e-01 {module = "model.layers.1.self_attn"}
func.func @main(%q : tensor<4x6x8xf32>, %k : tensor<2x6x8xf32>) -> (tensor<4x6x6xf32>, tensor<4x6x6xf32>) {
  %q0 = nn.rope %q theta 10000.0 factor 1.0 : (tensor<4x6x8xf32>) -> tensor<4x6x8xf32>
  %k0 = nn.rope %k theta 10000.0 factor 1.0 : (tensor<2x6x8xf32>) -> tensor<2x6x8xf32>
  %a = nn.scores %q0, %k0 scale 0.25 : (tensor<4x6x8xf32>, tensor<2x6x8xf32>) -> tensor<4x6x6xf32>
  %b = nn.scores %q, %k scale 0.25 {module = "model.layers.1.self_attn"} : (tensor<4x6x8xf32>, tensor<2x6x8xf32>) -> tensor<4x6x6xf32>
  func.return %a, %b : tensor<4x6x6xf32>, tensor<4x6x6xf32>
}
