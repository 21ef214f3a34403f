// RUN: zk-opt %s -p raise-silu | filecheck %s

// CHECK-LABEL: func.func @written_out
// CHECK-NEXT:    [[Y:%.*]] = nn.silu %x {module = "act"} : (tensor<6x16xf32>) -> tensor<6x16xf32>
// CHECK-NEXT:    func.return [[Y]]
func.func @written_out(%x : tensor<6x16xf32>) -> tensor<6x16xf32> {
  %gate = nn.sigmoid %x : (tensor<6x16xf32>) -> tensor<6x16xf32>
  %y = nn.mul %gate, %x {module = "act"} : (tensor<6x16xf32>, tensor<6x16xf32>) -> tensor<6x16xf32>
  func.return %y : tensor<6x16xf32>
}

// The gate of another value is a gate.

// CHECK-LABEL: func.func @gate
// CHECK-NEXT:    %gate = nn.sigmoid %g
// CHECK-NEXT:    %y = nn.mul %x, %gate
func.func @gate(%x : tensor<6x16xf32>, %g : tensor<6x16xf32>) -> tensor<6x16xf32> {
  %gate = nn.sigmoid %g : (tensor<6x16xf32>) -> tensor<6x16xf32>
  %y = nn.mul %x, %gate : (tensor<6x16xf32>, tensor<6x16xf32>) -> tensor<6x16xf32>
  func.return %y : tensor<6x16xf32>
}
