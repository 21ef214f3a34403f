// RUN: zk-opt %s -p "band-attention{block=4},circuit-stats" | filecheck %s

// A window of 8 reaches back into the block of 16 before, so that of 3 by 3 blocks 5 are left, 1280 of 2304 cells. The
// scores are committed in a relation that defines their remainder, exponentials and choices are zero where the mask
// is, and nothing else is over both axes.

// CHECK:      defined_cells = 1280 : i64, lookups = 3840 : i64
// CHECK:      circuit.column @mask public "mask"
// CHECK-NEXT: circuit.band "token", "source" window 8 block 16
circuit.system over <"goldilocks"> extents <tokens 48> {
  circuit.axis @layer 1
  circuit.axis @token tokens
  circuit.axis @source tokens
  circuit.axis @dim 4
  circuit.column @q witness [token, dim] in -8 to 7
  circuit.column @mask public "mask" [layer, token, source] in 0 to 1 windows [8]
  circuit.column @s witness [token, source] in -128 to 127
  circuit.column @s.rem witness [token, source] in 0 to 15
  circuit.column @e witness [token, source] in 0 to 255
  circuit.column @select witness [token, source] in 0 to 1
  circuit.column @top witness [token] in -128 to 127
  circuit.table @u8 [#zk.rows<["x"], 0 to 256>]
  circuit.table @u4 [#zk.rows<["x"], 0 to 16>]
  circuit.table @exp [#zk.rows<["x", "floor(255 / (x + 1))", "floor(1 / (x + 1))"], 0 to 256>, #zk.rows<["x", "0", "0"], 256 to 1024>]
  circuit.einsum @s.sum <"token, source: 16*s[token, source] + s.rem[token, source]"> = [#zk.product<"1 * (token, dim: q[token, dim]) * (source, dim: q[source, dim])">] bound <1048576> defines @s.rem
  circuit.lookup @s.range in @u8 [#zk.expr<"token, source: s[token, source] + 128">]
  circuit.lookup @s.rem.range in @u4 [#zk.expr<"token, source: s.rem[token, source]">]
  circuit.lookup @softmax in @exp [#zk.expr<"token, source: top[token] - s[token, source] - 512*mask[*, token, source] + 512">, #zk.expr<"token, source: e[token, source]">, #zk.expr<"token, source: select[token, source]">]
  circuit.linear @one <"token: select[token, *] - 1"> bound <64>
  zk.compute {
    %q = zk.tokens : !zk.value<[token, dim], -8 to 7>
    %s = zk.scores %q, %q shift 4 bits 8 limbs [@s] rem [@s.rem] : (!zk.value<[token, dim], -8 to 7>, !zk.value<[token, dim], -8 to 7>) -> !zk.value<[token, source], -128 to 127>
    %e, %inv = zk.softmax %s bits 8 table @exp windows [8] k 32 width 21 e @e select @select : (!zk.value<[token, source], -128 to 127>) -> (!zk.value<[token, source], 0 to 255>, !zk.value<[token], 0 to 262143>)
  }
}
