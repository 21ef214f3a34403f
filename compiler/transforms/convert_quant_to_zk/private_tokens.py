"""Prompt and output as columns of the witness, of which the statement shows what is public.

* prompt      `ids` is the token at each position. `prompt.before` b in {0, 1} and
  0 <= 2^k b + position - length < 2^k, with 2^k no less than the positions, make b = 1 exactly where
  position < length; `prompt.ids` = b ids is the prompt and zeros after it;
* embed       rows are gathered from the table at `ids`, which makes each a token's;
* select      rows are gathered at position length + step - 1. Positions count from 0, so the first
  one makes length >= 1 and the last makes it end within the proof's positions;
* argmax      the token is a column, the lowest index with the largest logit (`maximum.ordered`); its row
  is gathered from the table;
* output      each token of it is gathered from `ids` at position length + step: what was generated
  is what later positions read. The last one has a position too.

Errors: `UserError` for more positions than one limb counts.
"""

from __future__ import annotations

from xdsl.pattern_rewriter import PatternRewriter, op_type_rewrite_pattern

from ....dialects import quant, zk
from ....dialects.affine_expr import added, read, scaled
from ....errors import UserError
from ....runtime.circuit.generation import GENERATED, TOKENS
from ....runtime.circuit.program import LIMB_BITS
from ....runtime.circuit.relations import Expr
from ...primitives.builder import Builder, constant
from ...primitives.contract import contract
from ...primitives.gather import gather, rows
from ...primitives.maximum import ordered
from .conversion import ConversionPattern
from .embedding import entering
from .logits import largest_logit

IDS, LENGTH, BEFORE = "ids", "prompt.length", "prompt.before"
PROMPT, OUTPUT = "prompt.ids", "output.ids"


class ConvertTokens(ConversionPattern):
    """The token at each position, the prompt's length, and the prompt by itself."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.TokensOp, rewriter: PatternRewriter) -> None:
        c = self.conversion
        b, positions = Builder(c.system, module="prompt"), c.system.extents[TOKENS]
        bits = max(1, (positions - 1).bit_length())
        if bits > LIMB_BITS:
            raise UserError(f"with private tokens at most {1 << LIMB_BITS} positions are proved")
        highest = c.system.size("vocabulary") - 1
        ids = b.witness(IDS, ("token",), 0, highest)
        length = b.witness(LENGTH, (), 1, positions)
        before = b.witness(BEFORE, ("token",), 0, 1)
        prompt = b.witness(PROMPT, ("token",), 0, highest)
        position = b.counter("position", "token", positions)
        distance = added(("token",), scaled(1 << bits, before), position, scaled(-1, length))
        b.range(f"{BEFORE}.range", 1, before)
        b.range(f"{LENGTH}.range", bits, distance)
        contract(b, f"{PROMPT}.masked", prompt, [(before, ids)])
        made = zk.ValueType.of(("token",), 0, highest)
        step = zk.PromptOp(
            results=[made],
            name=IDS,
            module=b.module,
            ids=IDS,
            length=LENGTH,
            before=BEFORE,
            prompt=PROMPT,
        )
        c.replace(op, rewriter, step, (ids,))


class ConvertEmbed(ConversionPattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.EmbedOp, rewriter: PatternRewriter) -> None:
        c = self.conversion
        b = c.builder(op)
        table = c.weight(op.table, b.module)
        name, axes = c.name(op, own_module=True), c.axes[op.result]
        row, _ = rows(b, name, read(IDS, ("token",)), axes, c.expr(table))
        value, made, options = entering(b, name, op, axes, row, zk.type_of(table).range)
        step = zk.EmbedOp(
            op.ids,
            table,
            results=[made],
            name=name,
            module=b.module,
            rows=f"{name}.rows",
            **options,
        )
        c.replace(op, rewriter, step, (value,))


class ConvertSelect(ConversionPattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.SelectOp, rewriter: PatternRewriter) -> None:
        c = self.conversion
        b, name, axes = c.builder(op), c.name(op), c.axes[op.result]
        chosen, interval = rows(b, name, position_of_step(b, -1), axes, c.expr(op.x))
        made = zk.ValueType.of(axes, *interval)
        step = zk.SelectOp(op.x, results=[made], name=name, module=b.module, rows=f"{name}.rows")
        c.replace(op, rewriter, step, (chosen,))


class ConvertArgmax(ConversionPattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.ArgmaxOp, rewriter: PatternRewriter) -> None:
        c = self.conversion
        b, count = c.builder(op), c.system.size("vocabulary")
        table = c.weight(op.table, b.module)
        name, cells = c.name(op, own_module=True), ("generated", "vocabulary")
        width = op.width.value.data + (count - 1).bit_length()
        x, w, largest = c.expr(op.x), c.expr(table), largest_logit(op.x, table, c.system)
        token = b.witness(OUTPUT, cells[:1], 0, count - 1)
        row, _ = rows(b, name, token, ("generated", zk.axes_of(table)[-1]), w)
        roles = ordered(b, name, cells, largest, width, [(x, w)], token, [(x, row)])
        gather(b, f"{OUTPUT}.fed", position_of_step(b, 0), token, read(IDS, ("token",)))
        made = zk.ValueType.of(cells[:1], 0, count - 1)
        step = zk.ArgmaxOp(
            op.x,
            table,
            results=[made],
            name=name,
            module=b.module,
            width=width,
            scale=count,
            ids=OUTPUT,
            rows=f"{name}.rows",
            **roles,
        )
        c.replace(op, rewriter, step, (token,))


def position_of_step(b: Builder, offset: int) -> Expr:
    """length + step + offset: where a step of generation reads or writes."""
    step = b.counter("step", "generated", b.system.extents[GENERATED])
    return added(("generated",), read(LENGTH, ()), step, constant(offset))


PATTERNS = (ConvertTokens, ConvertEmbed, ConvertSelect, ConvertArgmax)


def reveals() -> list[zk.RevealOp]:
    """What the statement may show, and where it is."""
    return [zk.RevealOp("prompt", (LENGTH, PROMPT)), zk.RevealOp("output", (OUTPUT,))]
