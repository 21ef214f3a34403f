// RUN: zk-opt %s -p convert-quant-to-zk | filecheck %s

// Heads that turn by tables, and keys and values that they share.

// The tables are weights, and the second product reads each channel's partner.
// CHECK:      %q.rotate = zk.rotate %q, %cos, %sin partners [1, 0] shift 16 bits 16 limbs [@q.rotate.limb0] rem [@q.rotate.rem0] {module = "q"} : (!zk.value<[example, head4, position3, dim2], -32768 to 32767>, !zk.value<[position3, dim2], -131072 to 131071>, !zk.value<[position3, dim2], -131072 to 131071>) -> !zk.value<[example, head4, position3, dim2], -32768 to 32767>
// CHECK:      zk.einsum @q.rotate.requantize <"example, head4, position3, dim2: 65536*q.rotate[example, head4, position3, dim2] + q.rotate.rem0[example, head4, position3, dim2] - 32768"> = [#zk.product<"1 * (example, head4, position3, dim2: q[example, head4, position3, dim2]) * (position3, dim2: cos[position3, dim2])">, #zk.product<"1 * (example, head4, position3, dim2: q[example, head4, position3, pick(dim2; 1 0)]) * (position3, dim2: sin[position3, dim2])">] {module = "q"}

// Keys and values are read at the head that a head of queries shares.
// CHECK:      zk.einsum @s.scores.requantize <"example, head4, position3, source3: 8192*s.scores[example, head4, position3, source3] + s.scores.rem0[example, head4, position3, source3] - 4096"> = [#zk.product<"1 * (example, head4, position3, dim2: q.rotate[example, head4, position3, dim2]) * (example, head4, source3, dim2: k[example, pick(head4; 0 0 1 1), source3, dim2])">] {module = "s"}
// CHECK:      zk.einsum @o.attend.requantize <"example, head4, position3, dim2: 4294967296*o.attend[example, head4, position3, dim2] + o.attend.rem0[example, head4, position3, dim2] + 65536*o.attend.rem1[example, head4, position3, dim2] - 2147483648"> = [#zk.product<"1 * (example, head4, position3, source3: p.softmax.e[example, head4, position3, source3]) * (example, head4, position3: p.softmax.inv[example, head4, position3]) * (example, head4, source3, dim2: k[example, pick(head4; 0 0 1 1), source3, dim2])">] limit <140737488355328> {module = "o"}

func.func @main() -> !quant.tensor<[2, 3, 5], bits = 16, frac = 12> {
  %x = quant.input "x" : !quant.tensor<[2, 3, 8], bits = 16, frac = 12>
  %cos = quant.param ["cos"] offset 0.0 factor 1.0 : !quant.tensor<[3, 2], bits = 18, frac = 16>
  %sin = quant.param ["sin"] offset 0.0 factor 1.0 : !quant.tensor<[3, 2], bits = 18, frac = 16>
  %v = quant.param ["q.weight"] offset 0.0 factor 1.0 : !quant.tensor<[8, 8], bits = 9, frac = 8>
  %va = quant.matmul %x, %v {module = "q"} : (!quant.tensor<[2, 3, 8], bits = 16, frac = 12>, !quant.tensor<[8, 8], bits = 9, frac = 8>) -> !quant.tensor<[2, 3, 8], bits = 28, frac = 20>
  %vy = quant.requantize %va shift 8 {module = "q"} : (!quant.tensor<[2, 3, 8], bits = 28, frac = 20>) -> !quant.tensor<[2, 3, 8], bits = 16, frac = 12>
  %heads = quant.split_heads %vy heads 4 : (!quant.tensor<[2, 3, 8], bits = 16, frac = 12>) -> !quant.tensor<[2, 4, 3, 2], bits = 16, frac = 12>
  %qa = quant.rotate %heads, %cos, %sin partners [1, 0] {module = "q"} : (!quant.tensor<[2, 4, 3, 2], bits = 16, frac = 12>, !quant.tensor<[3, 2], bits = 18, frac = 16>, !quant.tensor<[3, 2], bits = 18, frac = 16>) -> !quant.tensor<[2, 4, 3, 2], bits = 35, frac = 28>
  %q = quant.requantize %qa shift 16 {module = "q"} : (!quant.tensor<[2, 4, 3, 2], bits = 35, frac = 28>) -> !quant.tensor<[2, 4, 3, 2], bits = 16, frac = 12>
  %w = quant.param ["k.weight"] offset 0.0 factor 1.0 : !quant.tensor<[4, 8], bits = 9, frac = 8>
  %ka = quant.matmul %x, %w {module = "k"} : (!quant.tensor<[2, 3, 8], bits = 16, frac = 12>, !quant.tensor<[4, 8], bits = 9, frac = 8>) -> !quant.tensor<[2, 3, 4], bits = 28, frac = 20>
  %ky = quant.requantize %ka shift 8 {module = "k"} : (!quant.tensor<[2, 3, 4], bits = 28, frac = 20>) -> !quant.tensor<[2, 3, 4], bits = 16, frac = 12>
  %k = quant.split_heads %ky heads 2 : (!quant.tensor<[2, 3, 4], bits = 16, frac = 12>) -> !quant.tensor<[2, 2, 3, 2], bits = 16, frac = 12>
  %sa = quant.scores %q, %k {module = "s"} : (!quant.tensor<[2, 4, 3, 2], bits = 16, frac = 12>, !quant.tensor<[2, 2, 3, 2], bits = 16, frac = 12>) -> !quant.tensor<[2, 4, 3, 3], bits = 33, frac = 24>
  %s = quant.requantize %sa shift 13 {module = "s"} : (!quant.tensor<[2, 4, 3, 3], bits = 33, frac = 24>) -> !quant.tensor<[2, 4, 3, 3], bits = 16, frac = 11>
  %e, %inv = quant.softmax %s windows [2] k 32 width 17 table <"round(2^15 * exp(-x / 2^11))", 0 to 65536> {module = "p"} : (!quant.tensor<[2, 4, 3, 3], bits = 16, frac = 11>) -> (!quant.tensor<[2, 4, 3, 3], bits = 17, frac = 15>, !quant.tensor<[2, 4, 3], bits = 19, frac = 17>)
  %oa = quant.attend %e, %inv, %k {module = "o"} : (!quant.tensor<[2, 4, 3, 3], bits = 17, frac = 15>, !quant.tensor<[2, 4, 3], bits = 19, frac = 17>, !quant.tensor<[2, 2, 3, 2], bits = 16, frac = 12>) -> !quant.tensor<[2, 4, 3, 2], bits = 49, frac = 44>
  %o = quant.requantize %oa shift 32 {module = "o"} : (!quant.tensor<[2, 4, 3, 2], bits = 49, frac = 44>) -> !quant.tensor<[2, 4, 3, 2], bits = 16, frac = 12>
  %m = quant.merge_heads %o : (!quant.tensor<[2, 4, 3, 2], bits = 16, frac = 12>) -> !quant.tensor<[2, 3, 8], bits = 16, frac = 12>
  %z = quant.param ["out.weight"] offset 0.0 factor 1.0 : !quant.tensor<[5, 8], bits = 9, frac = 8>
  %za = quant.matmul %m, %z {module = "out"} : (!quant.tensor<[2, 3, 8], bits = 16, frac = 12>, !quant.tensor<[5, 8], bits = 9, frac = 8>) -> !quant.tensor<[2, 3, 5], bits = 28, frac = 20>
  %y = quant.requantize %za shift 8 {module = "out"} : (!quant.tensor<[2, 3, 5], bits = 28, frac = 20>) -> !quant.tensor<[2, 3, 5], bits = 16, frac = 12>
  func.return %y : !quant.tensor<[2, 3, 5], bits = 16, frac = 12>
}
