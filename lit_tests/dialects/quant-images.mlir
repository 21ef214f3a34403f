// RUN: zk-opt %s | zk-opt --print-op-generic | zk-opt | filecheck %s

// The operations of examples and images, in their own form and the generic one.

// CHECK: func.func @input() {
// CHECK-NEXT: %x = quant.input "image" : !quant.tensor<[4, 3, 8, 8], bits = 16, frac = 13>
// CHECK-NEXT: func.return
// CHECK: func.func @conv2d(%x: !quant.tensor<[4, 3, 8, 8], bits = 16, frac = 13>, %w: !quant.tensor<[6, 3, 3, 3], bits = 16, frac = 15>, %b: !quant.tensor<[6], bits = 18, frac = 14>) {
// CHECK-NEXT: %0 = quant.conv2d %x, %w stride [1, 1] padding [1, 1] groups 1 : (!quant.tensor<[4, 3, 8, 8], bits = 16, frac = 13>, !quant.tensor<[6, 3, 3, 3], bits = 16, frac = 15>) -> !quant.tensor<[4, 6, 8, 8], bits = 36, frac = 28>
// CHECK-NEXT: %1 = quant.conv2d %x, %w bias %b shift 14 stride [2, 1] padding [0, 2] groups 1 : (!quant.tensor<[4, 3, 8, 8], bits = 16, frac = 13>, !quant.tensor<[6, 3, 3, 3], bits = 16, frac = 15>, !quant.tensor<[6], bits = 18, frac = 14>) -> !quant.tensor<[4, 6, 3, 10], bits = 37, frac = 28>
// CHECK-NEXT: func.return
// CHECK: func.func @depthwise(%x: !quant.tensor<[4, 3, 8, 8], bits = 16, frac = 13>, %w: !quant.tensor<[3, 1, 3, 3], bits = 16, frac = 15>) {
// CHECK-NEXT: %0 = quant.conv2d %x, %w stride [1, 1] padding [1, 1] groups 3 : (!quant.tensor<[4, 3, 8, 8], bits = 16, frac = 13>, !quant.tensor<[3, 1, 3, 3], bits = 16, frac = 15>) -> !quant.tensor<[4, 3, 8, 8], bits = 35, frac = 28>
// CHECK-NEXT: func.return
// CHECK: func.func @pools(%x: !quant.tensor<[4, 3, 8, 8], bits = 16, frac = 13>) {
// CHECK-NEXT: %0 = quant.max_pool %x kernel [3, 3] stride [2, 2] padding [1, 1] : (!quant.tensor<[4, 3, 8, 8], bits = 16, frac = 13>) -> !quant.tensor<[4, 3, 4, 4], bits = 16, frac = 13>
// CHECK-NEXT: %1 = quant.sum_pool %x kernel [8, 8] stride [8, 8] factor 1 doublings 6 : (!quant.tensor<[4, 3, 8, 8], bits = 16, frac = 13>) -> !quant.tensor<[4, 3, 1, 1], bits = 23, frac = 19>
// CHECK-NEXT: %2 = quant.flatten %1 : (!quant.tensor<[4, 3, 1, 1], bits = 23, frac = 19>) -> !quant.tensor<[4, 3], bits = 23, frac = 19>
// CHECK-NEXT: func.return
// CHECK: func.func @rotate(%x: !quant.tensor<[2, 3, 5, 4], bits = 16, frac = 12>, %t: !quant.tensor<[5, 4], bits = 18, frac = 16>, %k: !quant.tensor<[2, 1, 5, 4], bits = 16, frac = 12>) {
// CHECK-NEXT: %0 = quant.rotate %x, %t, %t partners [2, 3, 0, 1] : (!quant.tensor<[2, 3, 5, 4], bits = 16, frac = 12>, !quant.tensor<[5, 4], bits = 18, frac = 16>, !quant.tensor<[5, 4], bits = 18, frac = 16>) -> !quant.tensor<[2, 3, 5, 4], bits = 35, frac = 28>
// CHECK-NEXT: %1 = quant.scores %x, %k : (!quant.tensor<[2, 3, 5, 4], bits = 16, frac = 12>, !quant.tensor<[2, 1, 5, 4], bits = 16, frac = 12>) -> !quant.tensor<[2, 3, 5, 5], bits = 34, frac = 24>
// CHECK-NEXT: func.return

func.func @input() {
  %x = quant.input "image" : !quant.tensor<[4, 3, 8, 8], bits = 16, frac = 13>
  func.return
}
func.func @conv2d(%x : !quant.tensor<[4, 3, 8, 8], bits = 16, frac = 13>, %w : !quant.tensor<[6, 3, 3, 3], bits = 16, frac = 15>, %b : !quant.tensor<[6], bits = 18, frac = 14>) {
  %0 = quant.conv2d %x, %w stride [1, 1] padding [1, 1] groups 1 : (!quant.tensor<[4, 3, 8, 8], bits = 16, frac = 13>, !quant.tensor<[6, 3, 3, 3], bits = 16, frac = 15>) -> !quant.tensor<[4, 6, 8, 8], bits = 36, frac = 28>
  %1 = quant.conv2d %x, %w bias %b shift 14 stride [2, 1] padding [0, 2] groups 1 : (!quant.tensor<[4, 3, 8, 8], bits = 16, frac = 13>, !quant.tensor<[6, 3, 3, 3], bits = 16, frac = 15>, !quant.tensor<[6], bits = 18, frac = 14>) -> !quant.tensor<[4, 6, 3, 10], bits = 37, frac = 28>
  func.return
}
func.func @depthwise(%x : !quant.tensor<[4, 3, 8, 8], bits = 16, frac = 13>, %w : !quant.tensor<[3, 1, 3, 3], bits = 16, frac = 15>) {
  %0 = quant.conv2d %x, %w stride [1, 1] padding [1, 1] groups 3 : (!quant.tensor<[4, 3, 8, 8], bits = 16, frac = 13>, !quant.tensor<[3, 1, 3, 3], bits = 16, frac = 15>) -> !quant.tensor<[4, 3, 8, 8], bits = 35, frac = 28>
  func.return
}
func.func @pools(%x : !quant.tensor<[4, 3, 8, 8], bits = 16, frac = 13>) {
  %0 = quant.max_pool %x kernel [3, 3] stride [2, 2] padding [1, 1] : (!quant.tensor<[4, 3, 8, 8], bits = 16, frac = 13>) -> !quant.tensor<[4, 3, 4, 4], bits = 16, frac = 13>
  %1 = quant.sum_pool %x kernel [8, 8] stride [8, 8] factor 1 doublings 6 : (!quant.tensor<[4, 3, 8, 8], bits = 16, frac = 13>) -> !quant.tensor<[4, 3, 1, 1], bits = 23, frac = 19>
  %2 = quant.flatten %1 : (!quant.tensor<[4, 3, 1, 1], bits = 23, frac = 19>) -> !quant.tensor<[4, 3], bits = 23, frac = 19>
  func.return
}
func.func @rotate(%x : !quant.tensor<[2, 3, 5, 4], bits = 16, frac = 12>, %t : !quant.tensor<[5, 4], bits = 18, frac = 16>, %k : !quant.tensor<[2, 1, 5, 4], bits = 16, frac = 12>) {
  %0 = quant.rotate %x, %t, %t partners [2, 3, 0, 1] : (!quant.tensor<[2, 3, 5, 4], bits = 16, frac = 12>, !quant.tensor<[5, 4], bits = 18, frac = 16>, !quant.tensor<[5, 4], bits = 18, frac = 16>) -> !quant.tensor<[2, 3, 5, 4], bits = 35, frac = 28>
  %1 = quant.scores %x, %k : (!quant.tensor<[2, 3, 5, 4], bits = 16, frac = 12>, !quant.tensor<[2, 1, 5, 4], bits = 16, frac = 12>) -> !quant.tensor<[2, 3, 5, 5], bits = 34, frac = 24>
  func.return
}
