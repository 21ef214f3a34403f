// RUN: zk-opt %s -p raise-embedding-scale | filecheck %s

// CHECK-LABEL: func.func @scaled
// CHECK-NEXT:    [[Y:%.*]] = nn.embedding %ids, %table scale 1.200000e+01 {module = "model.embed_tokens"} : (tensor<6xi64>, tensor<10x16xf32>) -> tensor<6x16xf32>
// CHECK-NEXT:    func.return [[Y]]
func.func @scaled(%ids : tensor<6xi64>, %table : tensor<10x16xf32>) -> tensor<6x16xf32> {
  %x = nn.embedding %ids, %table scale 3.0 {module = "model.embed_tokens"} : (tensor<6xi64>, tensor<10x16xf32>) -> tensor<6x16xf32>
  %c = nn.constant 4.0 : tensor<f32>
  %y = nn.mul %x, %c {module = "model"} : (tensor<6x16xf32>, tensor<f32>) -> tensor<6x16xf32>
  func.return %y : tensor<6x16xf32>
}

// A factor that is no constant stays.

// CHECK-LABEL: func.func @by_channel
// CHECK:         nn.mul
func.func @by_channel(%ids : tensor<6xi64>, %table : tensor<10x16xf32>, %g : tensor<16xf32>) -> tensor<6x16xf32> {
  %x = nn.embedding %ids, %table scale 1.0 : (tensor<6xi64>, tensor<10x16xf32>) -> tensor<6x16xf32>
  %y = nn.mul %x, %g : (tensor<6x16xf32>, tensor<16xf32>) -> tensor<6x16xf32>
  func.return %y : tensor<6x16xf32>
}
