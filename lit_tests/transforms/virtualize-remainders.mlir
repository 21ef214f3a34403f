// RUN: zk-opt %s -p virtualize-remainders | filecheck %s
// RUN: zk-opt %s -p "virtualize-remainders{share=2}" | filecheck %s --check-prefix LARGE
// RUN: zk-opt %s -p virtualize-remainders,circuit-stats | filecheck %s --check-prefix STATS

// The remainder of y is in one lookup and in one relation, which says all there is to say of it. That of z
// is read by a linear relation as well, and the limb of y has a coefficient of its own. Of the two columns of
// w the first one will do. Along the channels of u the lookup would be two claims, each with a sum over all that
// the products share, which is more than the remainder takes.

// CHECK: circuit.einsum @y.sum {{.*}} bound <1048576> defines @y.rem
// CHECK: circuit.einsum @z.sum {{.*}} bound <1048576>{{$}}
// CHECK: circuit.einsum @w.sum {{.*}} bound <1048576> defines @w.rem
// CHECK: circuit.einsum @u.sum {{.*}} bound <1048576>{{$}}

// LARGE-NOT: defines

// STATS: defined_cells = 256 : i64
circuit.system over <"goldilocks"> extents <tokens 16> {
  circuit.axis @token tokens
  circuit.axis @row 8
  circuit.axis @channel 12
  circuit.axis @hidden 64
  circuit.column @a param [row, hidden] in -8 to 7
  circuit.column @b param [channel, hidden] in -8 to 7
  circuit.column @x witness [token, hidden] in 0 to 15
  circuit.column @y witness [token, row] in 0 to 15
  circuit.column @y.rem witness [token, row] in 0 to 15
  circuit.column @z witness [token, row] in 0 to 15
  circuit.column @z.rem witness [token, row] in 0 to 15
  circuit.column @w.rem witness [token, row] in 0 to 15
  circuit.column @w witness [token, row] in 0 to 15
  circuit.column @u witness [token, channel] in 0 to 15
  circuit.column @u.rem witness [token, channel] in 0 to 15
  circuit.table @u4 [#zk.rows<["x"], 0 to 16>]
  circuit.einsum @y.sum <"token, row: 16*y[token, row] + y.rem[token, row]"> = [#zk.product<"1 * (token, hidden: x[token, hidden]) * (row, hidden: a[row, hidden])">] bound <1048576>
  circuit.einsum @z.sum <"token, row: 16*z[token, row] + z.rem[token, row]"> = [#zk.product<"1 * (token, hidden: x[token, hidden]) * (row, hidden: a[row, hidden])">] bound <1048576>
  circuit.einsum @w.sum <"token, row: w.rem[token, row] - w[token, row]"> = [#zk.product<"1 * (token, hidden: x[token, hidden]) * (row, hidden: a[row, hidden])">] bound <1048576>
  circuit.einsum @u.sum <"token, channel: 16*u[token, channel] + u.rem[token, channel]"> = [#zk.product<"1 * (token, hidden: x[token, hidden]) * (token, hidden: x[token, hidden]) * (channel, hidden: b[channel, hidden])">] bound <1048576>
  circuit.lookup @y.range in @u4 [#zk.expr<"token, row: y[token, row]">]
  circuit.lookup @y.rem.range in @u4 [#zk.expr<"token, row: y.rem[token, row]">]
  circuit.lookup @z.rem.range in @u4 [#zk.expr<"token, row: z.rem[token, row]">]
  circuit.lookup @w.range in @u4 [#zk.expr<"token, row: w[token, row]">]
  circuit.lookup @w.rem.range in @u4 [#zk.expr<"token, row: w.rem[token, row]">]
  circuit.lookup @u.rem.range in @u4 [#zk.expr<"token, channel: u.rem[token, channel]">]
  circuit.linear @one <"token: z.rem[token, *] - 1"> bound <256>
  zk.compute {
  }
}

// Columns of one system are no columns of another: here two lookups read a remainder of that name.

// CHECK: circuit.einsum @y.sum {{.*}} bound <1048576>{{$}}
circuit.system over <"goldilocks"> extents <tokens 16> {
  circuit.axis @token tokens
  circuit.axis @row 8
  circuit.axis @hidden 64
  circuit.column @a param [row, hidden] in -8 to 7
  circuit.column @x witness [token, hidden] in 0 to 15
  circuit.column @y witness [token, row] in 0 to 15
  circuit.column @y.rem witness [token, row] in 0 to 15
  circuit.table @u4 [#zk.rows<["x"], 0 to 16>]
  circuit.einsum @y.sum <"token, row: 16*y[token, row] + y.rem[token, row]"> = [#zk.product<"1 * (token, hidden: x[token, hidden]) * (row, hidden: a[row, hidden])">] bound <1048576>
  circuit.lookup @y.rem.range in @u4 [#zk.expr<"token, row: y.rem[token, row]">]
  circuit.lookup @y.rem.again in @u4 [#zk.expr<"token, row: y.rem[token, row] + y[token, row]">]
  zk.compute {
  }
}
