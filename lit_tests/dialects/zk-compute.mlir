// RUN: zk-opt %s | zk-opt | filecheck %s

// Every step prints as it is written here.

// CHECK:        zk.compute {
// CHECK-NEXT:     %ids = zk.tokens : !zk.value<[token], 0 to 1023>
// CHECK-NEXT:     %w = zk.read @w : !zk.value<[vocabulary, channel], -32768 to 32767>
// CHECK-NEXT:     %g = zk.read @g : !zk.value<[channel], -32768 to 32767>
// CHECK-NEXT:     %cos = zk.read @cos : !zk.value<[kind, token, dim], -65536 to 65536>
// CHECK-NEXT:     %wq = zk.read @wq : !zk.value<[kv, group, dim, channel], -32768 to 32767>
// CHECK-NEXT:     %wk = zk.read @wk : !zk.value<[kv, dim, channel], -32768 to 32767>
// CHECK-NEXT:     %wo = zk.read @wo : !zk.value<[channel, kv, group, dim], -32768 to 32767>
// CHECK-NEXT:     %prompt = zk.prompt ids @ids length @length before @before prompt @prompt.ids : !zk.value<[token], 0 to 1023>
// CHECK-NEXT:     %x = zk.embed %ids, %w shift 4 rows @rows {module = "model.embed"} : (!zk.value<[token], 0 to 1023>, !zk.value<[vocabulary, channel], -32768 to 32767>) -> !zk.value<[token, channel], -524288 to 524272>
// CHECK-NEXT:     %y = zk.layers %x : !zk.value<[token, channel], -524288 to 524272> -> !zk.value<[token, channel], -524288 to 524272> {
// CHECK-NEXT:     ^bb{{[0-9]+}}(%r: !zk.value<[token, channel], -524288 to 524272>):
// CHECK-NEXT:       %n = zk.rms_norm %r, %g eps [16384, 7] exponents 0, 17 table @roots m @m r @r p2 @p2 p4 @p4 pm @pm u @u remainder [@rem0, @rem1] slack [@slack0, @slack1] shift 41 bits 16 limbs [@n0] rem [@n1, @n2] : (!zk.value<[token, channel], -524288 to 524272>, !zk.value<[channel], -32768 to 32767>) -> !zk.value<[token, channel], -32768 to 32767>
// CHECK-NEXT:       %q = zk.matmul %n, %wq shift 15 bits 16 limbs [@q0] rem [@q1] : (!zk.value<[token, channel], -32768 to 32767>, !zk.value<[kv, group, dim, channel], -32768 to 32767>) -> !zk.value<[kv, group, token, dim], -32768 to 32767>
// CHECK-NEXT:       %k = zk.matmul %n, %wk shift 0 bits 16 limbs [@k0] : (!zk.value<[token, channel], -32768 to 32767>, !zk.value<[kv, dim, channel], -32768 to 32767>) -> !zk.value<[kv, token, dim], -32768 to 32767>
// CHECK-NEXT:       %rotated = zk.rope %q, %cos, %cos kinds [0, 1] rotated 2 shift 16 bits 16 y @rotated : (!zk.value<[kv, group, token, dim], -32768 to 32767>, !zk.value<[kind, token, dim], -65536 to 65536>, !zk.value<[kind, token, dim], -65536 to 65536>) -> !zk.value<[kv, group, token, dim], -32768 to 32767>
// CHECK-NEXT:       %s = zk.scores %rotated, %k shift 15 bits 16 limbs [@s0] : (!zk.value<[kv, group, token, dim], -32768 to 32767>, !zk.value<[kv, token, dim], -32768 to 32767>) -> !zk.value<[kv, group, token, source], -32768 to 32767>
// CHECK-NEXT:       %e, %inv = zk.softmax %s bits 16 table @exp windows [24, 0] k 32 width 21 e @e select @select top [@top] inverse [@inv0, @inv1] remainder [@over0] slack [@under0] : (!zk.value<[kv, group, token, source], -32768 to 32767>) -> (!zk.value<[kv, group, token, source], 0 to 32768>, !zk.value<[kv, group, token], 0 to 262143>)
// CHECK-NEXT:       %a = zk.attend %e, %inv, %k shift 32 bits 16 limbs [@a0] : (!zk.value<[kv, group, token, source], 0 to 32768>, !zk.value<[kv, group, token], 0 to 262143>, !zk.value<[kv, token, dim], -32768 to 32767>) -> !zk.value<[kv, group, token, dim], -32768 to 32767>
// CHECK-NEXT:       %o = zk.matmul %a, %wo shift 15 bits 16 y @o : (!zk.value<[kv, group, token, dim], -32768 to 32767>, !zk.value<[channel, kv, group, dim], -32768 to 32767>) -> !zk.value<[token, channel], -32768 to 32767>
// CHECK-NEXT:       %t = zk.tabulate %o table @act y @t : (!zk.value<[token, channel], -32768 to 32767>) -> !zk.value<[token, channel], -348 to 32767>
// CHECK-NEXT:       %p = zk.mul %t, %o : (!zk.value<[token, channel], -348 to 32767>, !zk.value<[token, channel], -32768 to 32767>) -> !zk.value<[token, channel], -1073741824 to 1073741824>
// CHECK-NEXT:       %d = zk.mul %t, %o shift 11 bits 16 limbs [@d0] rem [@d1] : (!zk.value<[token, channel], -348 to 32767>, !zk.value<[token, channel], -32768 to 32767>) -> !zk.value<[token, channel], -32768 to 32767>
// CHECK-NEXT:       %c = zk.rename %p : (!zk.value<[token, channel], -1073741824 to 1073741824>) -> !zk.value<[token, channel_in], -1073741824 to 1073741824>
// CHECK-NEXT:       %r2 = zk.add %r, %d : (!zk.value<[token, channel], -524288 to 524272>, !zk.value<[token, channel], -32768 to 32767>) -> !zk.value<[token, channel], -524288 to 524272>
// CHECK-NEXT:       zk.yield %r2 : !zk.value<[token, channel], -524288 to 524272>
// CHECK-NEXT:     }
// CHECK-NEXT:     %last = zk.select %y rows @chosen : (!zk.value<[token, channel], -524288 to 524272>) -> !zk.value<[generated, channel], -524288 to 524272>
// CHECK-NEXT:     %token = zk.argmax %last, %w width 42 scale 1024 ids @output.ids rows @best.rows best @best limbs [@best0, @best1] : (!zk.value<[generated, channel], -524288 to 524272>, !zk.value<[vocabulary, channel], -32768 to 32767>) -> !zk.value<[generated], 0 to 1023>
// CHECK-NEXT:     %z = zk.solve relation @z.define x @z : !zk.value<[layer, token], 0 to 7>
// CHECK-NEXT:   }
zk.system extents <generated 16, tokens 16> {
  zk.axis @layer 2
  zk.axis @token tokens
  zk.axis @source tokens
  zk.axis @generated generated
  zk.axis @vocabulary 1024
  zk.axis @channel 16
  zk.axis @channel_in 16
  zk.axis @kv 2
  zk.axis @group 2
  zk.axis @dim 4
  zk.axis @kind 2
  zk.column @w param [vocabulary, channel] in -32768 to 32767
  zk.column @g param [layer, channel] in -32768 to 32767
  zk.column @wq param [layer, kv, group, dim, channel] in -32768 to 32767
  zk.column @wk param [layer, kv, dim, channel] in -32768 to 32767
  zk.column @wo param [layer, channel, kv, group, dim] in -32768 to 32767
  zk.column @cos public "data" [kind, token, dim] in -65536 to 65536 = ["dim"]
  zk.column @a0 witness [layer, token] in 0 to 65535
  zk.column @before witness [token] in 0 to 65535
  zk.column @best witness [generated] in 0 to 65535
  zk.column @best.rows witness [generated, channel] in 0 to 65535
  zk.column @best0 witness [layer, token] in 0 to 65535
  zk.column @best1 witness [layer, token] in 0 to 65535
  zk.column @chosen witness [generated, channel] in 0 to 65535
  zk.column @d0 witness [layer, token] in 0 to 65535
  zk.column @d1 witness [layer, token] in 0 to 65535
  zk.column @e witness [layer, token] in 0 to 65535
  zk.column @ids witness [token] in 0 to 65535
  zk.column @inv0 witness [layer, token] in 0 to 65535
  zk.column @inv1 witness [layer, token] in 0 to 65535
  zk.column @k0 witness [layer, token] in 0 to 65535
  zk.column @length witness [] in 0 to 65535
  zk.column @m witness [layer, token] in 0 to 65535
  zk.column @n0 witness [layer, token] in 0 to 65535
  zk.column @n1 witness [layer, token] in 0 to 65535
  zk.column @n2 witness [layer, token] in 0 to 65535
  zk.column @o witness [layer, token] in 0 to 65535
  zk.column @output.ids witness [generated] in 0 to 65535
  zk.column @over0 witness [layer, token] in 0 to 65535
  zk.column @p2 witness [layer, token] in 0 to 65535
  zk.column @p4 witness [layer, token] in 0 to 65535
  zk.column @pm witness [layer, token] in 0 to 65535
  zk.column @prompt.ids witness [token] in 0 to 65535
  zk.column @q0 witness [layer, token] in 0 to 65535
  zk.column @q1 witness [layer, token] in 0 to 65535
  zk.column @r witness [layer, token] in 0 to 65535
  zk.column @rem0 witness [layer, token] in 0 to 65535
  zk.column @rem1 witness [layer, token] in 0 to 65535
  zk.column @rotated witness [layer, token] in 0 to 65535
  zk.column @rows witness [token, channel] in 0 to 65535
  zk.column @s0 witness [layer, token] in 0 to 65535
  zk.column @select witness [layer, token] in 0 to 65535
  zk.column @slack0 witness [layer, token] in 0 to 65535
  zk.column @slack1 witness [layer, token] in 0 to 65535
  zk.column @t witness [layer, token] in 0 to 65535
  zk.column @top witness [layer, token] in 0 to 65535
  zk.column @u witness [layer, token] in 0 to 65535
  zk.column @under0 witness [layer, token] in 0 to 65535
  zk.column @z witness [layer, token] in 0 to 65535
  zk.table @roots [#zk.rows<["x", "x"], 0 to 16>]
  zk.table @exp [#zk.rows<["x", "x"], 0 to 16>]
  zk.table @act [#zk.rows<["x", "x"], 0 to 16>]
  zk.compute {
    %ids = zk.tokens : !zk.value<[token], 0 to 1023>
    %w = zk.read @w : !zk.value<[vocabulary, channel], -32768 to 32767>
    %g = zk.read @g : !zk.value<[channel], -32768 to 32767>
    %cos = zk.read @cos : !zk.value<[kind, token, dim], -65536 to 65536>
    %wq = zk.read @wq : !zk.value<[kv, group, dim, channel], -32768 to 32767>
    %wk = zk.read @wk : !zk.value<[kv, dim, channel], -32768 to 32767>
    %wo = zk.read @wo : !zk.value<[channel, kv, group, dim], -32768 to 32767>
    %prompt = zk.prompt ids @ids length @length before @before prompt @prompt.ids : !zk.value<[token], 0 to 1023>
    %x = zk.embed %ids, %w shift 4 rows @rows {module = "model.embed"} : (!zk.value<[token], 0 to 1023>, !zk.value<[vocabulary, channel], -32768 to 32767>) -> !zk.value<[token, channel], -524288 to 524272>
    %y = zk.layers %x : !zk.value<[token, channel], -524288 to 524272> -> !zk.value<[token, channel], -524288 to 524272> {
    ^bb0(%r: !zk.value<[token, channel], -524288 to 524272>):
      %n = zk.rms_norm %r, %g eps [16384, 7] exponents 0, 17 table @roots m @m r @r p2 @p2 p4 @p4 pm @pm u @u remainder [@rem0, @rem1] slack [@slack0, @slack1] shift 41 bits 16 limbs [@n0] rem [@n1, @n2] : (!zk.value<[token, channel], -524288 to 524272>, !zk.value<[channel], -32768 to 32767>) -> !zk.value<[token, channel], -32768 to 32767>
      %q = zk.matmul %n, %wq shift 15 bits 16 limbs [@q0] rem [@q1] : (!zk.value<[token, channel], -32768 to 32767>, !zk.value<[kv, group, dim, channel], -32768 to 32767>) -> !zk.value<[kv, group, token, dim], -32768 to 32767>
      %k = zk.matmul %n, %wk shift 0 bits 16 limbs [@k0] : (!zk.value<[token, channel], -32768 to 32767>, !zk.value<[kv, dim, channel], -32768 to 32767>) -> !zk.value<[kv, token, dim], -32768 to 32767>
      %rotated = zk.rope %q, %cos, %cos kinds [0, 1] rotated 2 shift 16 bits 16 y @rotated : (!zk.value<[kv, group, token, dim], -32768 to 32767>, !zk.value<[kind, token, dim], -65536 to 65536>, !zk.value<[kind, token, dim], -65536 to 65536>) -> !zk.value<[kv, group, token, dim], -32768 to 32767>
      %s = zk.scores %rotated, %k shift 15 bits 16 limbs [@s0] : (!zk.value<[kv, group, token, dim], -32768 to 32767>, !zk.value<[kv, token, dim], -32768 to 32767>) -> !zk.value<[kv, group, token, source], -32768 to 32767>
      %e, %inv = zk.softmax %s bits 16 table @exp windows [24, 0] k 32 width 21 e @e select @select top [@top] inverse [@inv0, @inv1] remainder [@over0] slack [@under0] : (!zk.value<[kv, group, token, source], -32768 to 32767>) -> (!zk.value<[kv, group, token, source], 0 to 32768>, !zk.value<[kv, group, token], 0 to 262143>)
      %a = zk.attend %e, %inv, %k shift 32 bits 16 limbs [@a0] : (!zk.value<[kv, group, token, source], 0 to 32768>, !zk.value<[kv, group, token], 0 to 262143>, !zk.value<[kv, token, dim], -32768 to 32767>) -> !zk.value<[kv, group, token, dim], -32768 to 32767>
      %o = zk.matmul %a, %wo shift 15 bits 16 y @o : (!zk.value<[kv, group, token, dim], -32768 to 32767>, !zk.value<[channel, kv, group, dim], -32768 to 32767>) -> !zk.value<[token, channel], -32768 to 32767>
      %t = zk.tabulate %o table @act y @t : (!zk.value<[token, channel], -32768 to 32767>) -> !zk.value<[token, channel], -348 to 32767>
      %p = zk.mul %t, %o : (!zk.value<[token, channel], -348 to 32767>, !zk.value<[token, channel], -32768 to 32767>) -> !zk.value<[token, channel], -1073741824 to 1073741824>
      %d = zk.mul %t, %o shift 11 bits 16 limbs [@d0] rem [@d1] : (!zk.value<[token, channel], -348 to 32767>, !zk.value<[token, channel], -32768 to 32767>) -> !zk.value<[token, channel], -32768 to 32767>
      %c = zk.rename %p : (!zk.value<[token, channel], -1073741824 to 1073741824>) -> !zk.value<[token, channel_in], -1073741824 to 1073741824>
      %r2 = zk.add %r, %d : (!zk.value<[token, channel], -524288 to 524272>, !zk.value<[token, channel], -32768 to 32767>) -> !zk.value<[token, channel], -524288 to 524272>
      zk.yield %r2 : !zk.value<[token, channel], -524288 to 524272>
    }
    %last = zk.select %y rows @chosen : (!zk.value<[token, channel], -524288 to 524272>) -> !zk.value<[generated, channel], -524288 to 524272>
    %token = zk.argmax %last, %w width 42 scale 1024 ids @output.ids rows @best.rows best @best limbs [@best0, @best1] : (!zk.value<[generated, channel], -524288 to 524272>, !zk.value<[vocabulary, channel], -32768 to 32767>) -> !zk.value<[generated], 0 to 1023>
    %z = zk.solve relation @z.define x @z : !zk.value<[layer, token], 0 to 7>
  }
  zk.constrain {
    zk.reveal "prompt"
  }
}
