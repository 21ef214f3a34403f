"""That inputs have one witness and that no relation wraps, as claims that an SMT solver decides.

What is examined is a `relations.Circuit`, the relations that a verifier checks, and nothing else: no pass, no
step of the witness program, no name. Witness columns count as elements of the field until a claim says that they
are integers of their declared ranges. `zklemma smt model.vk` decides the claims of a key's circuits by z3, in
about ten seconds of one core for the two of the real 270M; with `-o` it writes them for other solvers.

Not by the solver are

* sums over an axis, of which it sees one or three cells: a sum of n numbers is within n times what bounds each, an
  inequality of all cells is one of their sums, and a sum is zero if all its summands are;
* the order: what a gadget reads comes from gadgets before it or from earlier layers, at whatever token;
* what is read off a table by looking at all of its rows: that the first column determines the others, the least
  and largest entry of each, and the largest (m + 1) r^2 of a norm's;
* that a whole number can be divided by a positive one with a remainder, which names an honest prover's digits;
* that weights are in their ranges, which the key proves, and public columns in theirs, which is checked when a
  key is read.

Where two cells of a softmax tie for the maximum, either may be selected: `select` is the one column that the inputs
do not determine. Nothing but the relations of that maximum reads it, and the maximum is the same.
"""
