// RUN: zk-opt %s -p raise-positions | filecheck %s

// CHECK-LABEL: func.func @from_the_first_row
// CHECK-NEXT:    [[Y:%.*]] = nn.position_embedding %table offset 0 count 6 {module = "model.wpe"} : (tensor<10x16xf32>) -> tensor<6x16xf32>
// CHECK-NEXT:    func.return [[Y]]
func.func @from_the_first_row(%table : tensor<10x16xf32>) -> tensor<6x16xf32> {
  %p = nn.positions : tensor<6xi64>
  %y = nn.embedding %p, %table scale 1.0 {module = "model.wpe"} : (tensor<6xi64>, tensor<10x16xf32>) -> tensor<6x16xf32>
  func.return %y : tensor<6x16xf32>
}

// CHECK-LABEL: func.func @from_the_third
// CHECK-NEXT:    nn.position_embedding %table offset 2 count 6 :
func.func @from_the_third(%table : tensor<10x16xf32>) -> tensor<6x16xf32> {
  %p = nn.positions offset 2 : tensor<6xi64>
  %y = nn.embedding %p, %table scale 1.0 : (tensor<6xi64>, tensor<10x16xf32>) -> tensor<6x16xf32>
  func.return %y : tensor<6x16xf32>
}

// Tokens are no positions, and rows that are scaled are other rows.

// CHECK-LABEL: func.func @by_token
// CHECK-NOT:     nn.position_embedding
func.func @by_token(%ids : tensor<6xi64>, %table : tensor<10x16xf32>) -> tensor<6x16xf32> {
  %y = nn.embedding %ids, %table scale 1.0 : (tensor<6xi64>, tensor<10x16xf32>) -> tensor<6x16xf32>
  func.return %y : tensor<6x16xf32>
}

// CHECK-LABEL: func.func @scaled
// CHECK-NOT:     nn.position_embedding
func.func @scaled(%table : tensor<10x16xf32>) -> tensor<6x16xf32> {
  %p = nn.positions : tensor<6xi64>
  %y = nn.embedding %p, %table scale 2.0 : (tensor<6xi64>, tensor<10x16xf32>) -> tensor<6x16xf32>
  func.return %y : tensor<6x16xf32>
}
