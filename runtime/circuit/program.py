"""The witness program: how the prover computes the witness columns, step by step.

The circuit says what must hold; the program says how to make it so. It is no part of the verifying key:
a wrong program yields a proof that does not verify. A program has a ``prologue``, a ``body`` that runs once
for each layer, and an ``epilogue``. Values are integer tensors over named axes (the layer axis is implicit
in the body). Every step is exact integer arithmetic; ``>>`` is the floor shift, and with
half(s) = 2^(s-1) for s > 0, half(0) = 0:

* requantize(acc, shift s, bits b): y = (acc + half(s)) >> s, and -2^(b-1) <= y < 2^(b-1) or the step stops
  with a `RangeError`. An unsigned number of w bits is stored as n limbs of 16 bits, lowest first, the last
  of the w - 16*(n-1) bits that are left, at most 18. Witness ``limbs``: of y + 2^(b-1), b bits, or ``y`` itself
  where a table holds its range; ``rem``: of acc + half(s) - 2^s*y, s bits (none when s = 0).

=============  ==========================================================================================
op             meaning; attributes; witness roles
=============  ==========================================================================================
input          x, the input of a function with the attribute tensor, integers over (example, ...). witness x
output         y = x, the output of a function with the attribute tensor. witness x (y)
prompt         id[token], the token at each position; no inputs. With a private prompt only; witness ids, length
               (of the prompt), before (1 where position < length), prompt (before * id)
embed          x[token, channel] = table[id(token), channel] << shift. inputs: table, or of a function ids[example,
               position] and table, and x[example, position, feature] alike. witness rows (of the table).
               A negative shift rounds, to attribute bits: y = requantize(row) by -shift. witness limbs, rem
positions      x[token, channel] = table[offset + token, channel] << shift. inputs: table. nothing is committed
center         y = x - m, m = requantize(factor * sum x) for each row; attributes rows (the places of the axes that
               rows have), factor, shift, bits. witness limbs, rem, of m
rms_norm       inputs: x, gain; attributes eps, emin, emax, shift, bits, table.
               S = sum_channel x^2 + eps; e in [emin, emax] with m = S >> 2e in [2^14, 2^16);
               r = table[m]; acc = x * (r * 2^(emax-e)) * gain; y = requantize(acc). A third input, over the axes
               of gain, is added to acc, shifted to the left by bias_shift.
               witness m, r, p2 = 2^(emax-e), p4 = 4^e, pm = p4*m, u = r*p2, remainder (limbs of S - pm,
               2*emax bits), slack (limbs of p4 - 1 - (S - pm), 2*emax bits), limbs, rem.
               The normalised axes are those of gain, which has them in the order of x.
matmul         y = requantize(sum_contracted x * w); attributes shift, bits; inputs: x, w. The contracted axes
               are those of x that ``axes`` lacks. A third input, over axes that y has, in their order, is
               added, shifted to the left by bias_shift. witness limbs, rem
conv2d         inputs: x[example, channel, row, column], w[out, channel, taps..], perhaps a bias over out,
               shifted to the left by bias_shift; attributes stride, padding (of rows and columns), shift, bits.
               y = requantize(sum x[.., stride i + tap - padding, ..] w) over (example, out, row, column), x being
               0 beside its rows and columns. Where w has one channel and x several, out is the channel.
               witness limbs, rem
sum_pool       y = requantize(factor * sum over the taps of a window of x), without padding; attributes kernel,
               stride, factor, shift, bits; witness limbs, rem
max_pool       the largest of a window, along rows and then along columns; attributes kernel, stride, padding.
               Taps that no window has inside are left out. witness rows, columns (the largest up to each tap
               but the first)
image_positions  y[example, i columns + j, c] = x[example, c, i, j]. witness y
add_positions  inputs: x[example, position, feature], table[position, feature]; y[example, t] = table[t] +
               x[example, t - before], x being 0 beside its positions; attribute before. witness y, or nothing
position       y[example, feature] = x[example, at, feature]; attribute at. nothing is committed
sum_positions  y = requantize(factor * sum of x[example, t, feature], t >= first); attributes first, factor, shift,
               bits. witness limbs, rem
rotate         inputs: x[.., position, dim], cos[position, dim], sin[position, dim]; attribute partners:
               y = requantize(x * cos + x[.., partners[dim]] * sin); attributes shift, bits; witness limbs, rem
rope           inputs: x, cos, sin; acc = x*cos[kind] + rotate(x)*sin[kind] over the last axis, position = token,
               kind = kinds[layer]; y = requantize(acc); attributes kinds, shift, bits, and rotated where only so
               many entries are rotated, the others being x*cos; sin has the sign of rotate(x) then.
               witness limbs, rem
scores         inputs: q[kv, group, token, dim], k[kv, token, dim]:
               y = requantize(sum_dim q * k[kv, source, dim]) over (kv, group, token, source);
               attributes shift, bits. Examples of a function have q[example, head, position, dim], k alike with
               as many heads or with fewer, which they share in order, and so in softmax and attend. Cells that the
               mask forbids are computed all the same, but if they leave the range that is a `RangeError` too.
               witness limbs, rem
softmax        inputs: s; output e[kv, group, token, source]; attributes bits b, table, windows, k.
               allowed: source <= token and (windows[layer] = 0 or token - source < windows[layer]), or all where
               windows[layer] = -1.
               top = max of s over allowed cells; d = top - s + 2^(b+1)*(1 - allowed); e = table[d] (zero for
               d >= 2^b); E = sum_source e; inv = 2^k // E.
               witness e, select (1 at the first allowed cell that attains top, else 0), top (one limb of
               top + 2^(b-1)), inv (limbs, k + 1 - log2(table[0]) bits), remainder (limbs of 2^k - inv*E), slack
               (limbs of E - 1 - (2^k - inv*E)), both of ``width`` bits. The value inv is named output + ".inv".
               Rows of examples are softmaxed alike, whatever their axes; the last one is summed over.
attend         inputs: e, inv, v[kv, token, dim]; y = requantize(sum_source e * inv * v[kv, source, dim]) over
               (kv, group, token, dim); attributes shift, bits. witness limbs, rem
probabilities  inputs: e, inv; y = requantize(e * inv) over the axes of e; attributes shift, bits.
               witness limbs, rem
table          y = table[x]; attribute table (rows (x less its least, y)); witness y
mul            y = requantize(a * b); attributes shift, bits; witness limbs, rem.
               Without them y = a * b, and nothing is committed: a matmul's relation has both as factors
add            y = a + b, exact; nothing is committed
rename         y = x, over ``axes`` instead; nothing is committed
select         y[generated, channel] = x[prompt - 1 + generated, channel]. witness rows (y)
argmax         inputs: x[generated, channel], table[vocabulary, channel]; logits = sum_channel x * table;
               token = lowest index that attains the maximum; best = logits at the token; attribute width.
               witness best, limbs (of best - logits[j] - [j < token], ``width`` bits).
               With attribute scale, the size V of the vocabulary: limbs of V * (best - logits[j]) + j - token,
               ids (token), rows (table[token, channel])
define         x = the other terms of a linear relation in which x has the coefficient -1, over all layers at
               once; no inputs. These steps come last in the epilogue, and only make witnesses;
               attribute relation (its name); witness x
=============  ==========================================================================================

A function has no layers: all its steps are in the prologue, and ``define`` may come last in it. Of a generation,
the value that the body takes and gives is ``residual``: the prologue's last output enters layer 0, the body's
last output enters the next layer, and the last layer's enters the epilogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DEFINE = "define"
LIMB_BITS = 16
LAST_LIMB_BITS = 18
"""A table of 2^18 rows costs little beside what is looked up in it; a limb saved, all its lookups."""
WIDEST_LIMB_BITS = 20
"""What a last limb may have where so many cells of one are saved that the table's 2^20 rows cost less."""


def limb_widths(bits: int) -> list[int]:
    """The widths of the limbs of an unsigned number of ``bits`` bits, lowest limb first."""
    if bits <= 0:
        return []
    full = max(0, -(-(bits - LAST_LIMB_BITS) // LIMB_BITS))
    return [LIMB_BITS] * full + [bits - LIMB_BITS * full]


@dataclass(frozen=True)
class Step:
    """One operation. ``axes`` are the output's; ``witness`` maps roles to column names, limbs in order.

    ``origin`` is the module path (in the body with ``{layer}`` for the layer number).
    """

    op: str
    inputs: tuple[str, ...]
    output: str
    axes: tuple[str, ...]
    attributes: Mapping[str, int | str | tuple[int, ...]] = field(default_factory=dict)
    witness: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    origin: str = ""


@dataclass(frozen=True)
class Program:
    """Steps before, in and after the layers; inputs name values, ``param`` or public data columns."""

    layers: int
    prologue: tuple[Step, ...]
    body: tuple[Step, ...]
    epilogue: tuple[Step, ...]
