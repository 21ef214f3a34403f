// RUN: zk-opt %s --print-op-generic | zk-opt | filecheck %s

module @jit_f attributes {mhlo.num_partitions = 1 : i32} {
  // CHECK-LABEL: func.func public @main
  func.func public @main(%x : tensor<2x8x8x1xf32>, %w : tensor<3x3x1x2xf32>) -> (tensor<2x3xf32> {jax.result_info = "result"}) {
    // CHECK-NEXT: "stablehlo.constant"() <{value = dense<0.000000e+00> : tensor<f32>}> : () -> tensor<f32>
    %zero = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    // CHECK-NEXT: "stablehlo.convolution"(%x, %w) <{layout = ["b 0 1 f", "0 1 i o", "b 0 1 f"], window = {{.*}}"stride", array<i64: 1, 1>], ["pad", array<i64: 1, 1, 1, 1>{{.*}} {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
    %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f], window = {stride = [1, 1], pad = [[1, 1], [1, 1]], lhs_dilate = [1, 1], rhs_dilate = [1, 1], reverse = [false, false]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64, precision_config = [#stablehlo<precision DEFAULT>, #stablehlo<precision DEFAULT>]} : (tensor<2x8x8x1xf32>, tensor<3x3x1x2xf32>) -> tensor<2x8x8x2xf32>
    // CHECK-NEXT: stablehlo.broadcast_in_dim %zero, dims = [] : (tensor<f32>) -> tensor<2x8x8x2xf32>
    %1 = stablehlo.broadcast_in_dim %zero, dims = [] : (tensor<f32>) -> tensor<2x8x8x2xf32>
    // CHECK-NEXT: stablehlo.maximum %0, %1 : tensor<2x8x8x2xf32>
    %2 = stablehlo.maximum %0, %1 : tensor<2x8x8x2xf32>
    // CHECK-NEXT: "stablehlo.reduce_window"(%2, %zero)
    %3 = "stablehlo.reduce_window"(%2, %zero) <{window_dimensions = array<i64: 1, 2, 2, 1>, window_strides = array<i64: 1, 2, 2, 1>, padding = dense<0> : tensor<4x2xi64>}> ({
    ^bb0(%a : tensor<f32>, %b : tensor<f32>):
      %c = stablehlo.add %a, %b : tensor<f32>
      stablehlo.return %c : tensor<f32>
    }) : (tensor<2x8x8x2xf32>, tensor<f32>) -> tensor<2x4x4x2xf32>
    // CHECK: "stablehlo.reduce"(%3, %zero) <{by = "stablehlo.add", dimensions = array<i64: 1, 2>}>
    %4 = stablehlo.reduce(%3 init: %zero) applies stablehlo.add across dimensions = [1, 2] : (tensor<2x4x4x2xf32>, tensor<f32>) -> tensor<2x2xf32>
    %5 = stablehlo.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
    // CHECK: "stablehlo.dot_general"(%4, %5) <{lhs_contracting = array<i64: 1>, rhs_contracting = array<i64: 0>}>
    %6 = stablehlo.dot_general %4, %5, contracting_dims = [1] x [0], precision = [DEFAULT, DEFAULT] : (tensor<2x2xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
    // CHECK-NEXT: func.call @tanh
    %7 = call @tanh(%6) : (tensor<2x3xf32>) -> tensor<2x3xf32>
    return %7 : tensor<2x3xf32>
  }
  func.func private @tanh(%x : tensor<2x3xf32>) -> tensor<2x3xf32> {
    // CHECK: stablehlo.tanh %x : tensor<2x3xf32>
    %y = stablehlo.tanh %x : tensor<2x3xf32>
    // CHECK-NEXT: stablehlo.transpose %y, dims = [1, 0]
    %z = stablehlo.transpose %y, dims = [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
    // CHECK-NEXT: stablehlo.reshape %z
    %r = stablehlo.reshape %z : (tensor<3x2xf32>) -> tensor<2x3xf32>
    return %r : tensor<2x3xf32>
  }
}

// What masks and statistics of rows are made of.
// CHECK-LABEL: func.func private @mask
func.func private @mask(%x : tensor<2x5x5xf32>, %n : tensor<i32>) -> tensor<2x5x3xf32> {
  // CHECK-NEXT: "stablehlo.iota"() <{iota_dimension = 0 : i64}> : () -> tensor<5x5xi32>
  %rows = stablehlo.iota dim = 0 : tensor<5x5xi32>
  // CHECK-NEXT: "stablehlo.iota"() <{iota_dimension = 1 : i64}> : () -> tensor<5x5xi32>
  %columns = stablehlo.iota dim = 1 : tensor<5x5xi32>
  // CHECK-NEXT: "stablehlo.compare"(%rows, %columns) <{direction = "GE"}> : (tensor<5x5xi32>, tensor<5x5xi32>) -> tensor<5x5xi1>
  %seen = stablehlo.compare GE, %rows, %columns, SIGNED : (tensor<5x5xi32>, tensor<5x5xi32>) -> tensor<5x5xi1>
  // CHECK-NEXT: stablehlo.not %seen : tensor<5x5xi1>
  %hidden = stablehlo.not %seen : tensor<5x5xi1>
  // CHECK-NEXT: stablehlo.and %seen, %hidden : tensor<5x5xi1>
  %none = stablehlo.and %seen, %hidden : tensor<5x5xi1>
  // CHECK-NEXT: stablehlo.or %seen, %none : tensor<5x5xi1>
  %some = stablehlo.or %seen, %none : tensor<5x5xi1>
  // CHECK-NEXT: stablehlo.broadcast_in_dim %some
  %all = stablehlo.broadcast_in_dim %some, dims = [1, 2] : (tensor<5x5xi1>) -> tensor<2x5x5xi1>
  // CHECK-NEXT: "stablehlo.convert"(%n) : (tensor<i32>) -> tensor<f32>
  %number = stablehlo.convert %n : (tensor<i32>) -> tensor<f32>
  // CHECK-NEXT: "stablehlo.convert"(%number) : (tensor<f32>) -> tensor<f32>
  %same = stablehlo.convert %number : tensor<f32>
  // CHECK-NEXT: stablehlo.broadcast_in_dim %same
  %numbers = stablehlo.broadcast_in_dim %same, dims = [] : (tensor<f32>) -> tensor<2x5x5xf32>
  // CHECK-NEXT: stablehlo.select %all, %x, %numbers : tensor<2x5x5xi1>, tensor<2x5x5xf32>
  %masked = stablehlo.select %all, %x, %numbers : tensor<2x5x5xi1>, tensor<2x5x5xf32>
  // CHECK-NEXT: chlo.square %masked : tensor<2x5x5xf32> -> tensor<2x5x5xf32>
  %square = chlo.square %masked : tensor<2x5x5xf32> -> tensor<2x5x5xf32>
  // CHECK-NEXT: chlo.erf %square
  %erf = chlo.erf %square : tensor<2x5x5xf32> -> tensor<2x5x5xf32>
  // CHECK-NEXT: chlo.erfc %erf
  %erfc = chlo.erfc %erf : tensor<2x5x5xf32> -> tensor<2x5x5xf32>
  // CHECK-NEXT: stablehlo.sqrt %erfc
  %root = stablehlo.sqrt %erfc : tensor<2x5x5xf32>
  // CHECK-NEXT: stablehlo.rsqrt %root
  %inverse = stablehlo.rsqrt %root : tensor<2x5x5xf32>
  // CHECK-NEXT: stablehlo.sine %inverse
  %sine = stablehlo.sine %inverse : tensor<2x5x5xf32>
  // CHECK-NEXT: stablehlo.cosine %sine
  %cosine = stablehlo.cosine %sine : tensor<2x5x5xf32>
  // CHECK-NEXT: stablehlo.power %sine, %cosine
  %power = stablehlo.power %sine, %cosine : tensor<2x5x5xf32>
  // CHECK-NEXT: "stablehlo.slice"(%power) <{start_indices = array<i64: 0, 0, 1>, limit_indices = array<i64: 2, 5, 5>, strides = array<i64: 1, 1, 4>}>
  %part = stablehlo.slice %power [0:2, 0:5, 1:5:4] : (tensor<2x5x5xf32>) -> tensor<2x5x1xf32>
  // CHECK-NEXT: "stablehlo.concatenate"(%part, %part, %part) <{dimension = 2 : i64}>
  %joined = stablehlo.concatenate %part, %part, %part, dim = 2 : (tensor<2x5x1xf32>, tensor<2x5x1xf32>, tensor<2x5x1xf32>) -> tensor<2x5x3xf32>
  return %joined : tensor<2x5x3xf32>
}
