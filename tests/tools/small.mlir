// A circuit with a relation of every kind, small enough for R1CS.
circuit.system over <"goldilocks"> extents <tokens 2> {
  circuit.axis @token tokens
  circuit.axis @channel 4
  circuit.axis @row 3
  circuit.column @w param [row, channel] in -8 to 7
  circuit.column @c public "data" [channel] in 0 to 6 = ["2 * channel"]
  circuit.column @at witness [token] in 0 to 2
  circuit.column @x witness [token, channel] in -8 to 7
  circuit.column @y witness [token] in -20000 to 20000
  circuit.column @z witness [token] in 0 to 4
  circuit.column @q witness [token] in 1 to 17
  circuit.column @d witness [token] in -99 to 99
  circuit.table @u4 [#zk.rows<["x"], 0 to 16>]
  circuit.table @odd [#zk.rows<["x", "x^2 + 1"], 0 to 5>]
  circuit.einsum @product <"token: y[token]"> = [
    #zk.product<"3 * (token, channel: x[token, channel]) * (token, channel: x[token, rot(channel)]) * (channel: c[channel] + 1)">,
    #zk.product<"-1 * (token, channel: x[token, channel] - 1)">] bound <40000>
  circuit.lookup @small in @u4 [#zk.expr<"token, channel: x[token, channel] + 8">]
  circuit.lookup @squared in @odd [#zk.expr<"token: z[token]">, #zk.expr<"token: q[token]">]
  circuit.linear @sum <"token: x[token, *] - 2*z[token] - d[token] + 3"> bound <200>
  circuit.gather @rows index <"token: at[token]"> value <"token, channel: x[token, channel]"> source <"row, channel: w[row, channel]">
  zk.compute {
  }
}
