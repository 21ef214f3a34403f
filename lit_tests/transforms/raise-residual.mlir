// RUN: zk-opt %s -p raise-residual | filecheck %s

// The second layer's sum has the stream behind, and what is no part of the stream stays together.

// CHECK-LABEL: func.func @main
// CHECK:         %x = nn.embedding
// CHECK-NEXT:    [[N:%.*]] = nn.relu %x
// CHECK-NEXT:    [[A:%.*]] = nn.add %x, %p
// CHECK-NEXT:    [[B:%.*]] = nn.add [[A]], [[N]]
// CHECK-NEXT:    %q = nn.relu [[B]]
// CHECK-NEXT:    [[PQ:%.*]] = nn.add %p, %q
// CHECK-NEXT:    %r = nn.relu [[PQ]]
// CHECK-NEXT:    [[C:%.*]] = nn.add [[B]], %q
// CHECK-NEXT:    [[D:%.*]] = nn.add [[C]], %r
// CHECK-NEXT:    func.return [[D]]
func.func @main(%table : tensor<8x4xf32>, %p : tensor<6x4xf32>) -> tensor<6x4xf32> {
  %ids = nn.tokens : tensor<6xi64>
  %x = nn.embedding %ids, %table scale 1.0 : (tensor<6xi64>, tensor<8x4xf32>) -> tensor<6x4xf32>
  %n = nn.relu %x : (tensor<6x4xf32>) -> tensor<6x4xf32>
  %both = nn.add %p, %n : (tensor<6x4xf32>, tensor<6x4xf32>) -> tensor<6x4xf32>
  %y = nn.add %both, %x : (tensor<6x4xf32>, tensor<6x4xf32>) -> tensor<6x4xf32>
  %q = nn.relu %y : (tensor<6x4xf32>) -> tensor<6x4xf32>
  %pq = nn.add %p, %q : (tensor<6x4xf32>, tensor<6x4xf32>) -> tensor<6x4xf32>
  %r = nn.relu %pq : (tensor<6x4xf32>) -> tensor<6x4xf32>
  %two = nn.add %q, %r : (tensor<6x4xf32>, tensor<6x4xf32>) -> tensor<6x4xf32>
  %z = nn.add %y, %two : (tensor<6x4xf32>, tensor<6x4xf32>) -> tensor<6x4xf32>
  func.return %z : tensor<6x4xf32>
}
