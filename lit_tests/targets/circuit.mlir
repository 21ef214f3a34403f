// RUN: zk-opt %s -t circuit-dot | filecheck %s --check-prefix DOT
// RUN: zk-opt %s -t "circuit-dot{whole=true}" | filecheck %s --check-prefix WHOLE
// RUN: zk-opt %s -t circuit-json | filecheck %s --check-prefix JSON

// Which relations read which columns; ranges are left out, and what only they read, unless all is asked for.

// DOT:      digraph circuit {
// DOT-NEXT:   rankdir=LR;
// DOT-NEXT:   "c:w" [shape=box, style=bold, label="w[channel]"];
// DOT-NEXT:   "c:x" [shape=box, style=solid, label="x[token, channel]"];
// DOT-NEXT:   "c:y" [shape=box, style=solid, label="y[token]"];
// DOT-NEXT:   "t:square" [shape=cylinder, label="square"];
// DOT-NEXT:   "r:product" [label="product"];
// DOT-NEXT:   "c:w" -> "r:product";
// DOT-NEXT:   "c:x" -> "r:product";
// DOT-NEXT:   "c:y" -> "r:product";
// DOT-NEXT:   "r:squared" [label="squared"];
// DOT-NEXT:   "c:y" -> "r:squared";
// DOT-NEXT:   "t:square" -> "r:squared";
// DOT-NEXT: }

// WHOLE: "c:z" [shape=box, style=solid, label="z[token]"];
// WHOLE: "c:z" -> "r:z.range";
// WHOLE: "t:u8" -> "r:z.range";

// JSON:      "prime": 18446744069414584321,
// JSON-NEXT: "extents": {
// JSON-NEXT: "tokens": 16
// JSON:      "name": "square",
// JSON:      "kind": "einsum",
// JSON-NEXT: "name": "product",
// JSON-NEXT: "module": "model.x",
// JSON-NEXT: "left": {
// JSON:      "bound": 1000000
// JSON:      "kind": "lookup",
// JSON:      "table": "square",
circuit.system over <"goldilocks"> extents <tokens 16> {
  circuit.axis @token tokens
  circuit.axis @channel 4
  circuit.column @w param [channel] in -128 to 127
  circuit.column @x witness [token, channel] in 0 to 255
  circuit.column @y witness [token] in 0 to 3
  circuit.column @z witness [token] in 0 to 255
  circuit.table @square [#zk.rows<["x", "x^2"], 0 to 4>]
  circuit.table @u8 [#zk.rows<["x"], 0 to 256>]
  circuit.einsum @product <"token: y[token]"> = [#zk.product<"1 * (token, channel: x[token, channel]) * (channel: w[channel])">] bound <1000000> {module = "model.x"}
  circuit.lookup @squared in @square [#zk.expr<"token: y[token]">, #zk.expr<"token: y[token]">]
  circuit.lookup @z.range in @u8 [#zk.expr<"token: z[token]">]
  zk.compute {
  }
}
