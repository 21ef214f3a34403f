// RUN: zk-opt %s -p raise-rope | filecheck %s

// CHECK-LABEL: func.func @plain
// CHECK-NEXT:    [[Y:%.*]] = nn.rope %x theta 1.000000e+04 factor 8.000000e+00 {module = "model.layers.0.self_attn"} : (tensor<4x6x8xf32>) -> tensor<4x6x8xf32>
// CHECK-NEXT:    func.return [[Y]]
func.func @plain(%x : tensor<4x6x8xf32>, %z : tensor<4x6x8xf32>) -> tensor<4x6x8xf32> {
  %t = nn.positions : tensor<6xi64>
  %col = nn.view %t : (tensor<6xi64>) -> tensor<6x1xi64>
  %time = nn.cast %col : (tensor<6x1xi64>) -> tensor<6x1xf32>
  %f = nn.rope_frequencies theta 1.0e+04 factor 8.0 : tensor<4xf32>
  %f2 = nn.rope_frequencies theta 1.0e+06 factor 8.0 : tensor<4xf32>
  %a = nn.mul %time, %f : (tensor<6x1xf32>, tensor<4xf32>) -> tensor<6x4xf32>
  %a2 = nn.mul %time, %f : (tensor<6x1xf32>, tensor<4xf32>) -> tensor<6x4xf32>
  %aa = nn.concat %a, %a : (tensor<6x4xf32>, tensor<6x4xf32>) -> tensor<6x8xf32>
  %aa2 = nn.concat %a2, %a2 : (tensor<6x4xf32>, tensor<6x4xf32>) -> tensor<6x8xf32>
  %c = nn.cos %aa : (tensor<6x8xf32>) -> tensor<6x8xf32>
  %s = nn.sin %aa2 : (tensor<6x8xf32>) -> tensor<6x8xf32>
  %cos = nn.view %c : (tensor<6x8xf32>) -> tensor<1x6x8xf32>
  %sin = nn.view %s : (tensor<6x8xf32>) -> tensor<1x6x8xf32>
  %plain = nn.mul %x, %cos : (tensor<4x6x8xf32>, tensor<1x6x8xf32>) -> tensor<4x6x8xf32>
  %low = nn.slice %x [0, 4] : (tensor<4x6x8xf32>) -> tensor<4x6x4xf32>
  %high = nn.slice %x [4, 8] : (tensor<4x6x8xf32>) -> tensor<4x6x4xf32>
  %neg = nn.neg %high : (tensor<4x6x4xf32>) -> tensor<4x6x4xf32>
  %turned = nn.concat %neg, %low : (tensor<4x6x4xf32>, tensor<4x6x4xf32>) -> tensor<4x6x8xf32>
  %crossed = nn.mul %turned, %sin : (tensor<4x6x8xf32>, tensor<1x6x8xf32>) -> tensor<4x6x8xf32>
  %y = nn.add %plain, %crossed {module = "model.layers.0.self_attn"} : (tensor<4x6x8xf32>, tensor<4x6x8xf32>) -> tensor<4x6x8xf32>
  func.return %y : tensor<4x6x8xf32>
}

// CHECK-LABEL: func.func @reversed
// CHECK-NEXT:    [[Y:%.*]] = nn.rope %x theta 1.000000e+04 factor 8.000000e+00 : (tensor<4x6x8xf32>) -> tensor<4x6x8xf32>
// CHECK-NEXT:    func.return [[Y]]
func.func @reversed(%x : tensor<4x6x8xf32>, %z : tensor<4x6x8xf32>) -> tensor<4x6x8xf32> {
  %t = nn.positions : tensor<6xi64>
  %col = nn.view %t : (tensor<6xi64>) -> tensor<6x1xi64>
  %time = nn.cast %col : (tensor<6x1xi64>) -> tensor<6x1xf32>
  %f = nn.rope_frequencies theta 1.0e+04 factor 8.0 : tensor<4xf32>
  %f2 = nn.rope_frequencies theta 1.0e+06 factor 8.0 : tensor<4xf32>
  %a = nn.mul %time, %f : (tensor<6x1xf32>, tensor<4xf32>) -> tensor<6x4xf32>
  %a2 = nn.mul %time, %f : (tensor<6x1xf32>, tensor<4xf32>) -> tensor<6x4xf32>
  %aa = nn.concat %a, %a : (tensor<6x4xf32>, tensor<6x4xf32>) -> tensor<6x8xf32>
  %aa2 = nn.concat %a2, %a2 : (tensor<6x4xf32>, tensor<6x4xf32>) -> tensor<6x8xf32>
  %c = nn.cos %aa : (tensor<6x8xf32>) -> tensor<6x8xf32>
  %s = nn.sin %aa2 : (tensor<6x8xf32>) -> tensor<6x8xf32>
  %cos = nn.view %c : (tensor<6x8xf32>) -> tensor<1x6x8xf32>
  %sin = nn.view %s : (tensor<6x8xf32>) -> tensor<1x6x8xf32>
  %plain = nn.mul %x, %cos : (tensor<4x6x8xf32>, tensor<1x6x8xf32>) -> tensor<4x6x8xf32>
  %low = nn.slice %x [0, 4] : (tensor<4x6x8xf32>) -> tensor<4x6x4xf32>
  %high = nn.slice %x [4, 8] : (tensor<4x6x8xf32>) -> tensor<4x6x4xf32>
  %neg = nn.neg %high : (tensor<4x6x4xf32>) -> tensor<4x6x4xf32>
  %turned = nn.concat %neg, %low : (tensor<4x6x4xf32>, tensor<4x6x4xf32>) -> tensor<4x6x8xf32>
  %crossed = nn.mul %sin, %turned : (tensor<1x6x8xf32>, tensor<4x6x8xf32>) -> tensor<4x6x8xf32>
  %y = nn.add %crossed, %plain : (tensor<4x6x8xf32>, tensor<4x6x8xf32>) -> tensor<4x6x8xf32>
  func.return %y : tensor<4x6x8xf32>
}

// Not a rotation: the halves are not exchanged, the angles differ, two tensors are mixed.

// CHECK-LABEL: func.func @same_half
// CHECK-NOT:     nn.rope %
func.func @same_half(%x : tensor<4x6x8xf32>, %z : tensor<4x6x8xf32>) -> tensor<4x6x8xf32> {
  %t = nn.positions : tensor<6xi64>
  %col = nn.view %t : (tensor<6xi64>) -> tensor<6x1xi64>
  %time = nn.cast %col : (tensor<6x1xi64>) -> tensor<6x1xf32>
  %f = nn.rope_frequencies theta 1.0e+04 factor 8.0 : tensor<4xf32>
  %f2 = nn.rope_frequencies theta 1.0e+06 factor 8.0 : tensor<4xf32>
  %a = nn.mul %time, %f : (tensor<6x1xf32>, tensor<4xf32>) -> tensor<6x4xf32>
  %a2 = nn.mul %time, %f : (tensor<6x1xf32>, tensor<4xf32>) -> tensor<6x4xf32>
  %aa = nn.concat %a, %a : (tensor<6x4xf32>, tensor<6x4xf32>) -> tensor<6x8xf32>
  %aa2 = nn.concat %a2, %a2 : (tensor<6x4xf32>, tensor<6x4xf32>) -> tensor<6x8xf32>
  %c = nn.cos %aa : (tensor<6x8xf32>) -> tensor<6x8xf32>
  %s = nn.sin %aa2 : (tensor<6x8xf32>) -> tensor<6x8xf32>
  %cos = nn.view %c : (tensor<6x8xf32>) -> tensor<1x6x8xf32>
  %sin = nn.view %s : (tensor<6x8xf32>) -> tensor<1x6x8xf32>
  %plain = nn.mul %x, %cos : (tensor<4x6x8xf32>, tensor<1x6x8xf32>) -> tensor<4x6x8xf32>
  %low = nn.slice %x [4, 8] : (tensor<4x6x8xf32>) -> tensor<4x6x4xf32>
  %high = nn.slice %x [4, 8] : (tensor<4x6x8xf32>) -> tensor<4x6x4xf32>
  %neg = nn.neg %high : (tensor<4x6x4xf32>) -> tensor<4x6x4xf32>
  %turned = nn.concat %neg, %low : (tensor<4x6x4xf32>, tensor<4x6x4xf32>) -> tensor<4x6x8xf32>
  %crossed = nn.mul %turned, %sin : (tensor<4x6x8xf32>, tensor<1x6x8xf32>) -> tensor<4x6x8xf32>
  %y = nn.add %plain, %crossed {module = "model.layers.0.self_attn"} : (tensor<4x6x8xf32>, tensor<4x6x8xf32>) -> tensor<4x6x8xf32>
  func.return %y : tensor<4x6x8xf32>
}

// CHECK-LABEL: func.func @two_thetas
// CHECK-NOT:     nn.rope %
func.func @two_thetas(%x : tensor<4x6x8xf32>, %z : tensor<4x6x8xf32>) -> tensor<4x6x8xf32> {
  %t = nn.positions : tensor<6xi64>
  %col = nn.view %t : (tensor<6xi64>) -> tensor<6x1xi64>
  %time = nn.cast %col : (tensor<6x1xi64>) -> tensor<6x1xf32>
  %f = nn.rope_frequencies theta 1.0e+04 factor 8.0 : tensor<4xf32>
  %f2 = nn.rope_frequencies theta 1.0e+06 factor 8.0 : tensor<4xf32>
  %a = nn.mul %time, %f : (tensor<6x1xf32>, tensor<4xf32>) -> tensor<6x4xf32>
  %a2 = nn.mul %time, %f2 : (tensor<6x1xf32>, tensor<4xf32>) -> tensor<6x4xf32>
  %aa = nn.concat %a, %a : (tensor<6x4xf32>, tensor<6x4xf32>) -> tensor<6x8xf32>
  %aa2 = nn.concat %a2, %a2 : (tensor<6x4xf32>, tensor<6x4xf32>) -> tensor<6x8xf32>
  %c = nn.cos %aa : (tensor<6x8xf32>) -> tensor<6x8xf32>
  %s = nn.sin %aa2 : (tensor<6x8xf32>) -> tensor<6x8xf32>
  %cos = nn.view %c : (tensor<6x8xf32>) -> tensor<1x6x8xf32>
  %sin = nn.view %s : (tensor<6x8xf32>) -> tensor<1x6x8xf32>
  %plain = nn.mul %x, %cos : (tensor<4x6x8xf32>, tensor<1x6x8xf32>) -> tensor<4x6x8xf32>
  %low = nn.slice %x [0, 4] : (tensor<4x6x8xf32>) -> tensor<4x6x4xf32>
  %high = nn.slice %x [4, 8] : (tensor<4x6x8xf32>) -> tensor<4x6x4xf32>
  %neg = nn.neg %high : (tensor<4x6x4xf32>) -> tensor<4x6x4xf32>
  %turned = nn.concat %neg, %low : (tensor<4x6x4xf32>, tensor<4x6x4xf32>) -> tensor<4x6x8xf32>
  %crossed = nn.mul %turned, %sin : (tensor<4x6x8xf32>, tensor<1x6x8xf32>) -> tensor<4x6x8xf32>
  %y = nn.add %plain, %crossed {module = "model.layers.0.self_attn"} : (tensor<4x6x8xf32>, tensor<4x6x8xf32>) -> tensor<4x6x8xf32>
  func.return %y : tensor<4x6x8xf32>
}

// CHECK-LABEL: func.func @two_tensors
// CHECK-NOT:     nn.rope %
func.func @two_tensors(%x : tensor<4x6x8xf32>, %z : tensor<4x6x8xf32>) -> tensor<4x6x8xf32> {
  %t = nn.positions : tensor<6xi64>
  %col = nn.view %t : (tensor<6xi64>) -> tensor<6x1xi64>
  %time = nn.cast %col : (tensor<6x1xi64>) -> tensor<6x1xf32>
  %f = nn.rope_frequencies theta 1.0e+04 factor 8.0 : tensor<4xf32>
  %f2 = nn.rope_frequencies theta 1.0e+06 factor 8.0 : tensor<4xf32>
  %a = nn.mul %time, %f : (tensor<6x1xf32>, tensor<4xf32>) -> tensor<6x4xf32>
  %a2 = nn.mul %time, %f : (tensor<6x1xf32>, tensor<4xf32>) -> tensor<6x4xf32>
  %aa = nn.concat %a, %a : (tensor<6x4xf32>, tensor<6x4xf32>) -> tensor<6x8xf32>
  %aa2 = nn.concat %a2, %a2 : (tensor<6x4xf32>, tensor<6x4xf32>) -> tensor<6x8xf32>
  %c = nn.cos %aa : (tensor<6x8xf32>) -> tensor<6x8xf32>
  %s = nn.sin %aa2 : (tensor<6x8xf32>) -> tensor<6x8xf32>
  %cos = nn.view %c : (tensor<6x8xf32>) -> tensor<1x6x8xf32>
  %sin = nn.view %s : (tensor<6x8xf32>) -> tensor<1x6x8xf32>
  %plain = nn.mul %x, %cos : (tensor<4x6x8xf32>, tensor<1x6x8xf32>) -> tensor<4x6x8xf32>
  %low = nn.slice %z [0, 4] : (tensor<4x6x8xf32>) -> tensor<4x6x4xf32>
  %high = nn.slice %x [4, 8] : (tensor<4x6x8xf32>) -> tensor<4x6x4xf32>
  %neg = nn.neg %high : (tensor<4x6x4xf32>) -> tensor<4x6x4xf32>
  %turned = nn.concat %neg, %low : (tensor<4x6x4xf32>, tensor<4x6x4xf32>) -> tensor<4x6x8xf32>
  %crossed = nn.mul %turned, %sin : (tensor<4x6x8xf32>, tensor<1x6x8xf32>) -> tensor<4x6x8xf32>
  %y = nn.add %plain, %crossed {module = "model.layers.0.self_attn"} : (tensor<4x6x8xf32>, tensor<4x6x8xf32>) -> tensor<4x6x8xf32>
  func.return %y : tensor<4x6x8xf32>
}

// CHECK-LABEL: func.func @first_channels
// CHECK-NEXT:    [[Y:%.*]] = nn.rope %x theta 1.000000e+04 factor 1.000000e+00 rotated 4 : (tensor<4x6x8xf32>) -> tensor<4x6x8xf32>
// CHECK-NEXT:    func.return [[Y]]
func.func @first_channels(%x : tensor<4x6x8xf32>) -> tensor<4x6x8xf32> {
  %first = nn.slice %x [0, 4] : (tensor<4x6x8xf32>) -> tensor<4x6x4xf32>
  %others = nn.slice %x [4, 8] : (tensor<4x6x8xf32>) -> tensor<4x6x4xf32>
  %turned = nn.rope %first theta 1.0e+04 factor 1.0 : (tensor<4x6x4xf32>) -> tensor<4x6x4xf32>
  %y = nn.concat %turned, %others : (tensor<4x6x4xf32>, tensor<4x6x4xf32>) -> tensor<4x6x8xf32>
  func.return %y : tensor<4x6x8xf32>
}

// Channels that were turned do not stand where they came from.

// CHECK-LABEL: func.func @last_channels
// CHECK:         nn.concat
// CHECK-NEXT:    nn.concat
func.func @last_channels(%x : tensor<4x6x8xf32>) -> (tensor<4x6x8xf32>, tensor<4x6x8xf32>) {
  %first = nn.slice %x [0, 4] : (tensor<4x6x8xf32>) -> tensor<4x6x4xf32>
  %others = nn.slice %x [4, 8] : (tensor<4x6x8xf32>) -> tensor<4x6x4xf32>
  %turned = nn.rope %others theta 1.0e+04 factor 1.0 : (tensor<4x6x4xf32>) -> tensor<4x6x4xf32>
  %front = nn.rope %first theta 1.0e+04 factor 1.0 : (tensor<4x6x4xf32>) -> tensor<4x6x4xf32>
  %y = nn.concat %turned, %first : (tensor<4x6x4xf32>, tensor<4x6x4xf32>) -> tensor<4x6x8xf32>
  %z = nn.concat %front, %first : (tensor<4x6x4xf32>, tensor<4x6x4xf32>) -> tensor<4x6x8xf32>
  func.return %y, %z : tensor<4x6x8xf32>, tensor<4x6x8xf32>
}
