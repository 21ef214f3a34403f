// RUN: zk-opt %s | zk-opt | filecheck %s

// The steps of a function of images print as they are written here.

// CHECK:        zk.compute {
// CHECK-NEXT:     %image = zk.input "image" x @image : !zk.value<[example, channel2, row7, column6], -512 to 511>
// CHECK-NEXT:     %first.weight = zk.read @first.weight : !zk.value<[channel4, channel2_in, tap_row3, tap_column3], -256 to 255>
// CHECK-NEXT:     %first.bias = zk.read @first.bias : !zk.value<[channel4], -2048 to 2047>
// CHECK-NEXT:     %first = zk.conv2d %image, %first.weight bias %first.bias shift 4 stride [2, 1] padding [1, 1] shift 6 bits 16 y @first rem [@first.rem0] {module = "first"} : (!zk.value<[example, channel2, row7, column6], -512 to 511>, !zk.value<[channel4, channel2_in, tap_row3, tap_column3], -256 to 255>, !zk.value<[channel4], -2048 to 2047>) -> !zk.value<[example, channel4, row4, column6], -32768 to 32767>
// CHECK-NEXT:     %relu = zk.tabulate %first table @relu.relu y @relu {module = "relu"} : (!zk.value<[example, channel4, row4, column6], -32768 to 32767>) -> !zk.value<[example, channel4, row4, column6], 0 to 32767>
// CHECK-NEXT:     %pool.max_pool = zk.max_pool %relu kernel [3, 3] stride [2, 2] padding [1, 1] rows [@pool.max_pool.rows1, @pool.max_pool.rows2] columns [@pool.max_pool.columns1, @pool.max_pool.columns2] {module = "pool"} : (!zk.value<[example, channel4, row4, column6], 0 to 32767>) -> !zk.value<[example, channel4, row2, column3], 0 to 32767>
// CHECK-NEXT:     %depthwise.weight = zk.read @depthwise.weight : !zk.value<[channel4, channel1_in, tap_row3, tap_column3], -256 to 255>
// CHECK-NEXT:     %depthwise = zk.conv2d %pool.max_pool, %depthwise.weight stride [1, 1] padding [1, 1] shift 9 bits 16 limbs [@depthwise.limb0] rem [@depthwise.rem0] {module = "depthwise"} : (!zk.value<[example, channel4, row2, column3], 0 to 32767>, !zk.value<[channel4, channel1_in, tap_row3, tap_column3], -256 to 255>) -> !zk.value<[example, channel4, row2, column3], -32768 to 32767>
// CHECK-NEXT:     %second.weight = zk.read @second.weight : !zk.value<[channel4, channel4_in, tap_row3, tap_column3], -256 to 255>
// CHECK-NEXT:     %second = zk.conv2d %depthwise, %second.weight stride [1, 1] padding [1, 1] shift 8 bits 16 limbs [@second.limb0] rem [@second.rem0] {module = "second"} : (!zk.value<[example, channel4, row2, column3], -32768 to 32767>, !zk.value<[channel4, channel4_in, tap_row3, tap_column3], -256 to 255>) -> !zk.value<[example, channel4, row2, column3], -32768 to 32767>
// CHECK-NEXT:     %sum.add = zk.add %depthwise, %second {module = "sum"} : (!zk.value<[example, channel4, row2, column3], -32768 to 32767>, !zk.value<[example, channel4, row2, column3], -32768 to 32767>) -> !zk.value<[example, channel4, row2, column3], -65536 to 65535>
// CHECK-NEXT:     %mean.sum_pool = zk.sum_pool %sum.add kernel [2, 1] stride [2, 1] factor 1 shift 1 bits 17 limbs [@mean.sum_pool.limb0] rem [@mean.sum_pool.rem0] {module = "mean"} : (!zk.value<[example, channel4, row2, column3], -65536 to 65535>) -> !zk.value<[example, channel4, row1, column3], -65536 to 65535>
// CHECK-NEXT:     %head.weight = zk.read @head.weight : !zk.value<[feature5, channel4, row1, column3], -256 to 255>
// CHECK-NEXT:     %head = zk.matmul %mean.sum_pool, %head.weight shift 9 bits 16 limbs [@head.limb0] rem [@head.rem0] {module = "head"} : (!zk.value<[example, channel4, row1, column3], -65536 to 65535>, !zk.value<[feature5, channel4, row1, column3], -256 to 255>) -> !zk.value<[example, feature5], -32768 to 32767>
// CHECK-NEXT:     %output = zk.output "output" %head x @output : (!zk.value<[example, feature5], -32768 to 32767>) -> !zk.value<[example, feature5], -32768 to 32767>

zk.system extents <batch 3> {
  zk.axis @example batch
  zk.axis @channel2 2
  zk.axis @row7 7
  zk.axis @column6 6
  zk.axis @channel4 4
  zk.axis @channel2_in 2
  zk.axis @tap_row3 3
  zk.axis @tap_column3 3
  zk.axis @row4 4
  zk.axis @row2 2
  zk.axis @column3 3
  zk.axis @channel1_in 1
  zk.axis @channel4_in 4
  zk.axis @row1 1
  zk.axis @feature5 5
  zk.column @image witness [example, channel2, row7, column6] in -512 to 511
  zk.column @first.weight param [channel4, channel2_in, tap_row3, tap_column3] in -256 to 255 {module = "first.weight"}
  zk.column @first.bias param [channel4] in -2048 to 2047 {module = "first.bias"}
  zk.column @first witness [example, channel4, row4, column6] in -32768 to 32767 {module = "first"}
  zk.column @first.rem0 witness [example, channel4, row4, column6] in 0 to 63 {module = "first"}
  zk.column @relu witness [example, channel4, row4, column6] in 0 to 32767 {module = "relu"}
  zk.column @pool.max_pool.rows1 witness [example, channel4, row2, column6] in 0 to 32767 {module = "pool"}
  zk.column @pool.max_pool.rows2 witness [example, channel4, row2, column6] in 0 to 32767 {module = "pool"}
  zk.column @pool.max_pool.columns1 witness [example, channel4, row2, column3] in 0 to 32767 {module = "pool"}
  zk.column @pool.max_pool.columns2 witness [example, channel4, row2, column3] in 0 to 32767 {module = "pool"}
  zk.column @depthwise.weight param [channel4, channel1_in, tap_row3, tap_column3] in -256 to 255 {module = "depthwise.weight"}
  zk.column @depthwise.limb0 witness [example, channel4, row2, column3] in 0 to 65535 {module = "depthwise"}
  zk.column @depthwise.rem0 witness [example, channel4, row2, column3] in 0 to 511 {module = "depthwise"}
  zk.column @second.weight param [channel4, channel4_in, tap_row3, tap_column3] in -256 to 255 {module = "second.weight"}
  zk.column @second.limb0 witness [example, channel4, row2, column3] in 0 to 65535 {module = "second"}
  zk.column @second.rem0 witness [example, channel4, row2, column3] in 0 to 255 {module = "second"}
  zk.column @mean.sum_pool.limb0 witness [example, channel4, row1, column3] in 0 to 131071 {module = "mean"}
  zk.column @mean.sum_pool.rem0 witness [example, channel4, row1, column3] in 0 to 1 {module = "mean"}
  zk.column @head.weight param [feature5, channel4, row1, column3] in -256 to 255 {module = "head.weight"}
  zk.column @head.limb0 witness [example, feature5] in 0 to 65535 {module = "head"}
  zk.column @head.rem0 witness [example, feature5] in 0 to 511 {module = "head"}
  zk.column @output witness [example, feature5] in -32768 to 32767
  zk.table @relu.relu [#zk.rows<["x + 32768", "max(x, 0)"], -32768 to 32768>]
  zk.table @pool.max_pool.rows1.max [#zk.rows<["x + 32768", "max(x, 0)"], -32768 to 32768>]
  zk.table @pool.max_pool.rows2.max [#zk.rows<["x + 32768", "max(x, 0)"], -32768 to 32768>]
  zk.table @pool.max_pool.columns1.max [#zk.rows<["x + 32768", "max(x, 0)"], -32768 to 32768>]
  zk.table @pool.max_pool.columns2.max [#zk.rows<["x + 32768", "max(x, 0)"], -32768 to 32768>]
  zk.compute {
    %image = zk.input "image" x @image : !zk.value<[example, channel2, row7, column6], -512 to 511>
    %first.weight = zk.read @first.weight : !zk.value<[channel4, channel2_in, tap_row3, tap_column3], -256 to 255>
    %first.bias = zk.read @first.bias : !zk.value<[channel4], -2048 to 2047>
    %first = zk.conv2d %image, %first.weight bias %first.bias shift 4 stride [2, 1] padding [1, 1] shift 6 bits 16 y @first rem [@first.rem0] {module = "first"} : (!zk.value<[example, channel2, row7, column6], -512 to 511>, !zk.value<[channel4, channel2_in, tap_row3, tap_column3], -256 to 255>, !zk.value<[channel4], -2048 to 2047>) -> !zk.value<[example, channel4, row4, column6], -32768 to 32767>
    %relu = zk.tabulate %first table @relu.relu y @relu {module = "relu"} : (!zk.value<[example, channel4, row4, column6], -32768 to 32767>) -> !zk.value<[example, channel4, row4, column6], 0 to 32767>
    %pool.max_pool = zk.max_pool %relu kernel [3, 3] stride [2, 2] padding [1, 1] rows [@pool.max_pool.rows1, @pool.max_pool.rows2] columns [@pool.max_pool.columns1, @pool.max_pool.columns2] {module = "pool"} : (!zk.value<[example, channel4, row4, column6], 0 to 32767>) -> !zk.value<[example, channel4, row2, column3], 0 to 32767>
    %depthwise.weight = zk.read @depthwise.weight : !zk.value<[channel4, channel1_in, tap_row3, tap_column3], -256 to 255>
    %depthwise = zk.conv2d %pool.max_pool, %depthwise.weight stride [1, 1] padding [1, 1] shift 9 bits 16 limbs [@depthwise.limb0] rem [@depthwise.rem0] {module = "depthwise"} : (!zk.value<[example, channel4, row2, column3], 0 to 32767>, !zk.value<[channel4, channel1_in, tap_row3, tap_column3], -256 to 255>) -> !zk.value<[example, channel4, row2, column3], -32768 to 32767>
    %second.weight = zk.read @second.weight : !zk.value<[channel4, channel4_in, tap_row3, tap_column3], -256 to 255>
    %second = zk.conv2d %depthwise, %second.weight stride [1, 1] padding [1, 1] shift 8 bits 16 limbs [@second.limb0] rem [@second.rem0] {module = "second"} : (!zk.value<[example, channel4, row2, column3], -32768 to 32767>, !zk.value<[channel4, channel4_in, tap_row3, tap_column3], -256 to 255>) -> !zk.value<[example, channel4, row2, column3], -32768 to 32767>
    %sum.add = zk.add %depthwise, %second {module = "sum"} : (!zk.value<[example, channel4, row2, column3], -32768 to 32767>, !zk.value<[example, channel4, row2, column3], -32768 to 32767>) -> !zk.value<[example, channel4, row2, column3], -65536 to 65535>
    %mean.sum_pool = zk.sum_pool %sum.add kernel [2, 1] stride [2, 1] factor 1 shift 1 bits 17 limbs [@mean.sum_pool.limb0] rem [@mean.sum_pool.rem0] {module = "mean"} : (!zk.value<[example, channel4, row2, column3], -65536 to 65535>) -> !zk.value<[example, channel4, row1, column3], -65536 to 65535>
    %head.weight = zk.read @head.weight : !zk.value<[feature5, channel4, row1, column3], -256 to 255>
    %head = zk.matmul %mean.sum_pool, %head.weight shift 9 bits 16 limbs [@head.limb0] rem [@head.rem0] {module = "head"} : (!zk.value<[example, channel4, row1, column3], -65536 to 65535>, !zk.value<[feature5, channel4, row1, column3], -256 to 255>) -> !zk.value<[example, feature5], -32768 to 32767>
    %output = zk.output "output" %head x @output : (!zk.value<[example, feature5], -32768 to 32767>) -> !zk.value<[example, feature5], -32768 to 32767>
  }
  zk.constrain {
  }
}
