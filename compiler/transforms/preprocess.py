"""`preprocess`: from integer operations (`quant`) to a witness program and relations (`zk`).

Input: a function of `quant` operations after `batch-decode`, its layers stacked or one after the
other; then the axis `layer` has one index, and names say the layer. Every operation becomes a step
that computes and the relations that check it (never by computing again):

* requantize  2^s y + rem - half(s) = products, y = sum 2^16i limb_i - 2^(b-1), limbs and remainder
  in ranges of their exact widths, so that y and rem are unique; where y is looked up in a table of
  its whole range, it is a column of its own without limbs;
* mul         where only linear layers read the product, as it is, they multiply its factors;
* rms_norm    p4 m + rem = S with m and rem < p4 = 4^e (rem and p4 - 1 - rem in range) and (m, r),
  (p2, p4) in tables fix e, m, r; then x u gain with u = r p2 is requantised;
* softmax     (d, e, select) in the table of exponentials for d = top - s, raised by 2^(b+1) where
  attention is not allowed; exactly one select and it forces d = 0, so top is the maximum of the
  allowed scores; inv E + rem = 2^k with 0 <= rem < E;
* argmax      best - logit_j - [j < token] >= 0 by limbs, and 0 at j = token: the token is the
  lowest index with the largest logit. `best` needs no range: it equals logit_token, an integer.

Prompt and output are inputs that relations read by index or, with `private-tokens`, columns of the
witness, of which the statement shows what is public:

* prompt      `ids` is the token at each position. `prompt.before` b in {0, 1} and
  0 <= 2^k b + position - length < 2^k, with 2^k no less than the positions, make b = 1 exactly where
  position < length; `prompt.ids` = b ids is the prompt and zeros after it;
* embed       rows are gathered from the table at `ids`, which makes each a token's;
* select      rows are gathered at position length + step - 1. Positions count from 0, so the first
  one makes length >= 1 and the last makes it end within the proof's positions;
* argmax      `rows` are gathered from the table at `output.ids` and give best = logit_token. Over V
  tokens, V (best - logit_j) + j - token >= 0 by limbs orders (logit, -index) by one number: j and
  token differ by less than V, so it says best >= logit_j, and j >= token where they are equal,
  which is the lowest index with the largest logit;
* output      each token of it is gathered from `ids` at position length + step: what was generated
  is what later positions read. The last one has a position too.

Values are virtual columns with definitions; only hints (limbs, remainders, table outputs) are
committed. Axes are named after what they mean; heads are split into (kv, group), so that query head
h = kv * groups + group reads key/value head kv by not reading `group`.

Errors: `UserError` for a function of another form, with the module path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import ReturnOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from ...dialects import quant, zk
from ...dialects.affine_expr import added, affine, read, scaled
from ...dialects.nn import module_path
from ...dialects.table_expr import evaluate
from ...errors import UserError, expect
from ...runtime.circuit.program import LIMB_BITS, limb_widths
from ...runtime.circuit.relations import GENERATED, TOKENS, Axis, Expr, Index, Product, Shape, Term
from ..analysis.head_axes import Axes, OfValues, infer_axes
from ..analysis.ranges import SystemRanges, attend_limit, rms_norm_limit
from ..analysis.stream_bounds import square_limits
from ..modules import main_function

LAYER_PREFIX = re.compile(r"^(model(\.|$))?(layers\.\{layer\}(\.|$))?")
LAYER_NUMBER = re.compile(r"\blayers\.\d+\.")
# The columns of prompt and output, where they are columns.
IDS, LENGTH, BEFORE = "ids", "prompt.length", "prompt.before"
PROMPT, OUTPUT = "prompt.ids", "output.ids"
OWN_MODULE = {"matmul", "rms_norm", "table", "argmax", "embed"}


@dataclass(frozen=True)
class Preprocess(ModulePass):
    """Replaces a `quant` function by a `zk.system`."""

    name = "preprocess"
    private_tokens: bool = False

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        function = main_function(op)
        system = _Builder(function.body.block, self.private_tokens).system()
        Rewriter.replace_op(function, system)


@dataclass(frozen=True)
class Value:
    """What stands for an SSA value: a column over (layer and) ``axes``, and its range; or a product of it
    and ``others`` that no column holds."""

    name: str
    axes: Axes
    low: int
    high: int
    expr: Expr
    others: tuple[Expr, ...] = ()


@dataclass
class _Builder:
    block: Block
    private_tokens: bool
    sizes: dict[str, int | str] = field(default_factory=dict)
    columns: dict[str, zk.ColumnOp] = field(default_factory=dict)
    tables: dict[str, zk.TableOp] = field(default_factory=dict)
    constraints: list[Operation] = field(default_factory=list)
    steps: list[zk.StepOp] = field(default_factory=list)
    values: OfValues[Value] = field(default_factory=OfValues)
    layers: int = 0
    stacked: Axes = ()
    where: str = ""

    def system(self) -> zk.SystemOp:
        ops = list(self.block.walk())
        tokens = [op for op in ops if isinstance(op, quant.TokensOp)]
        stacks = [op for op in ops if isinstance(op, quant.LayersOp)]
        embeds = [op for op in ops if isinstance(op, quant.EmbedOp)]
        if len(tokens) != 1 or len(embeds) != 1 or len(stacks) > 1:
            raise UserError(
                "preprocess needs one quant.tokens, one quant.embed and at most one quant.layers"
            )
        self.max_tokens = quant.type_of(tokens[0].result).shape[0]
        if Shape(self.max_tokens, 1).rows != self.max_tokens:
            raise UserError(
                f"at most {self.max_tokens} tokens: lengths are padded to three binary digits and "
                f"zeros, so use {Shape(self.max_tokens, 1).rows}"
            )
        self.layers = stacks[0].layers if stacks else 1
        self.axes = infer_axes(self.block, self.sizes)
        self.squares = square_limits(self.block)
        for axis, size in {
            "layer": self.layers,
            "token": TOKENS,
            "source": TOKENS,
            "generated": GENERATED,
        }.items():
            self.sizes[axis] = size
        parts: list[list[zk.StepOp]] = [[]]
        self.steps = parts[0]
        if self.private_tokens:
            self.prompt()
        for op in self.block.ops:
            if isinstance(op, quant.LayersOp):
                parts += [[], []]
                self.steps = parts[1]
                self.layer_stack(op)
                self.steps = parts[2]
            else:
                self.convert(op)
        if not stacks:  # All that follows the embedding stands behind layers of no steps.
            first = 1 + next(i for i, step in enumerate(self.steps) if step.kind.data == "embed")
            parts = [self.steps[:first], [], self.steps[first:]]
        prompt, output = ((LENGTH, PROMPT), (OUTPUT,)) if self.private_tokens else ((), ())
        reveals = [zk.RevealOp("prompt", prompt), zk.RevealOp("output", output)]
        before, body, after = parts
        return zk.SystemOp(
            self.max_tokens,
            [
                *(zk.AxisOp(name, size) for name, size in self.sizes.items()),
                *self.columns.values(),
                *self.tables.values(),
                zk.ComputeOp([*before, zk.LayersOp(body), *after]),
                zk.ConstrainOp([*self.constraints, *reveals]),
            ],
        )

    def convert(self, op: Operation) -> None:
        self.where = module_path(op)
        if isinstance(op, ReturnOp | quant.TokensOp | quant.YieldOp):
            return
        if isinstance(op, ACCUMULATORS):
            users = [use.operation for use in op.results[0].uses]
            if isinstance(op, quant.MulOp) and users and _linear(users):
                self.product(op)
            elif len(users) != 1 or not isinstance(users[0], quant.RequantizeOp):
                raise UserError(f"{self.where}: {op.name} must be followed by one requantize")
            return
        target = op.acc.owner if isinstance(op, quant.RequantizeOp) else op
        handler = HANDLERS.get(type(target)) if isinstance(target, Operation) else None
        if handler is None or not isinstance(target, Operation):
            raise UserError(f"{self.where}: {op.name} has no relations")
        self.where = module_path(target) or self.where
        handler(self, target, op)

    # The layers and the residual stream

    def layer_stack(self, op: quant.LayersOp) -> None:
        """The stream at layer l is what entered plus the deltas of the layers before l."""
        enters = self.values[op.residual]
        end = expect(op.body.block.last_op, quant.YieldOp)
        deltas = quant.residual_deltas(end.value, op.stream)
        for argument, param in zip(op.slices, op.params, strict=True):
            if argument in self.axes:
                self.parameter(argument, param, stacked=True)
        axes = ("layer", *enters.axes)
        stream = quant.type_of(op.stream)
        limits = -stream.bound, stream.bound - 1
        self.stacked = ("layer",)
        self.virtual_stub(op.stream, "residual", enters.axes, *limits)
        for inner in op.body.block.ops:
            self.convert(inner)
        self.stacked = ()
        before = [self.along_layers(delta, Index("before", "layer")) for delta in deltas]
        self.define("residual", added(axes, enters.expr, *before))
        whole = [self.along_layers(delta, Index("sum")) for delta in deltas]
        self.where = ""
        self.virtual(
            op.result, "residual.out", added(enters.axes, enters.expr, *whole), limits, "residual"
        )

    def along_layers(self, delta: SSAValue, index: Index) -> Expr:
        value = self.values[delta]
        return read(value.name, ("layer", *value.axes), layer=index)

    # Prompt and output as columns

    def prompt(self) -> None:
        """The token at each position, the prompt's length, and the prompt by itself."""
        self.where = "prompt"
        bits = max(1, (self.max_tokens - 1).bit_length())
        if bits > LIMB_BITS:
            raise UserError(f"with private tokens at most {1 << LIMB_BITS} positions are proved")
        highest = self.size_of("vocabulary") - 1
        ids = self.witness(IDS, ("token",), 0, highest)
        length = self.witness(LENGTH, (), 1, self.max_tokens)
        before = self.witness(BEFORE, ("token",), 0, 1)
        prompt = self.witness(PROMPT, ("token",), 0, highest)
        position = self.counter("position", "token", self.max_tokens)
        distance = added(("token",), scaled(1 << bits, before), position, scaled(-1, length))
        self.range(f"{BEFORE}.range", 1, before)
        self.range(f"{LENGTH}.range", bits, distance)
        self.einsum(f"{PROMPT}.masked", prompt, [(before, ids)])
        roles = {"ids": [IDS], "length": [LENGTH], "before": [BEFORE], "prompt": [PROMPT]}
        self.step("prompt", (), IDS, ("token",), {}, roles)

    def position_of_step(self, offset: int) -> Expr:
        """length + step + offset: where a step of generation reads or writes."""
        step = self.counter("step", "generated", self.max_tokens)
        return added(("generated",), read(LENGTH, ()), step, _constant(offset))

    def per_layer(self, name: str, values: tuple[int, ...]) -> Expr:
        """A number, or one for each layer."""
        if len(set(values)) == 1:
            return _constant(values[0])
        contents = list(map(str, values))
        column = self.public(name, ("layer",), min(values), max(values), contents=contents)
        return read(column, ("layer",))

    def counter(self, name: str, axis: str, size: int) -> Expr:
        """The public column of an axis's own indices."""
        return read(self.public(name, (axis,), 0, size - 1, contents=[axis]), (axis,))

    def rows(self, name: str, index: Expr, axes: Axes, source: Expr) -> Expr:
        """Committed rows of a source, of its range, one for each cell of an index."""
        sizes = {axis: Axis(axis, size) for axis, size in self.sizes.items()}
        defines = {op.target: op for op in self.constraints if isinstance(op, zk.DefineOp)}
        ranges = SystemRanges.over(self.columns, sizes, defines, self.max_tokens)
        rows = self.witness(f"{name}.rows", axes, *ranges.expr(source))
        self.gather(f"{name}.row", index, rows, source)
        return rows

    # Operations: `result` is the operation whose result is the value

    def embed(self, op: quant.EmbedOp, result: Operation) -> None:
        shift = op.shift.value.data
        table = self.parameter(op.table, op.table)
        axes = self.axes[op.result]
        bounds = table.low << shift, table.high << shift
        name = self.name(op)
        committed: dict[str, Sequence[str]] = {}
        if self.private_tokens:
            row = self.rows(name, read(IDS, ("token",)), axes, table.expr)
            committed = {"rows": [f"{name}.rows"]}
        else:
            row = read(table.name, table.axes, vocabulary=Index("token", "token"))
        self.virtual(op.result, name, scaled(1 << shift, affine(axes, row.terms)), bounds)
        self.step("embed", (table.name,), name, axes, {"shift": shift}, committed)

    def rms_norm(self, op: quant.RmsNormOp, result: Operation) -> None:
        x, gain = self.values[op.x], self.parameter(op.gain, op.gain)
        name, axes = self.name(op), self.axes[op.x]
        rows = axes[:-1]
        emin, emax, eps = op.emin, op.emax, tuple(op.eps.get_values())
        contents = evaluate(op.table.expression.data, *op.table.domain)
        mantissas = range(*op.table.domain)
        top_r, top_p2 = int(contents.max()), 1 << (emax - emin)
        rsqrt = self.table(
            f"{name}.rsqrt", [zk.RowsAttr.of(["x", op.table.expression.data], *op.table.domain)]
        )
        exponents = self.table(
            f"{name}.exponents", [zk.RowsAttr.of([f"2^({emax} - x)", "4^x"], emin, emax + 1)]
        )
        scalars = {
            "m": (mantissas[0], mantissas[-1]),
            "r": (int(contents.min()), top_r),
            "p2": (1, top_p2),
            "p4": (4**emin, 4**emax),
            "pm": (4**emin * mantissas[0], 4**emax * mantissas[-1]),
            "u": (int(contents.min()), top_r * top_p2),
        }
        part = {role: self.witness(f"{name}.{role}", rows, *r) for role, r in scalars.items()}
        rest, remainder = self.limbs(f"{name}.remainder", rows, 2 * emax)
        gap, slack = self.limbs(f"{name}.slack", rows, 2 * emax)
        m, r, p2, p4, pm, u = part.values()
        whole = self.over(rows)
        square = added(whole, pm, rest, scaled(-1, self.per_layer(f"{name}.eps", eps)))
        self.einsum(f"{name}.square_sum", square, [(x.expr,) * 2], self.squares.get(op))
        self.einsum(f"{name}.mantissa", pm, [(p4, m)])
        self.einsum(f"{name}.scale", u, [(r, p2)])
        self.lookup(f"{name}.reciprocal", rsqrt, m, r)
        self.lookup(f"{name}.exponent", exponents, p2, p4)
        below = added(whole, p4, _constant(-1), scaled(-1, rest), scaled(-1, gap))
        self.linear(f"{name}.remainder_below", below)
        limit = rms_norm_limit(list(zip(mantissas, contents.tolist(), strict=True)), emax)
        limit *= max(abs(gain.low), abs(gain.high))
        shift, bits, committed = self.requantize(
            name, op.result, result, [(x.expr, u, gain.expr)], limit
        )
        self.step(
            "rms_norm",
            (x.name, gain.name),
            name,
            axes,
            {"eps": eps, "emin": emin, "emax": emax, "shift": shift, "bits": bits, "table": rsqrt},
            {
                **{role: [f"{name}.{role}"] for role in scalars},
                "remainder": remainder,
                "slack": slack,
                **committed,
            },
        )

    def matmul(self, op: quant.MatmulOp, result: Operation) -> None:
        x, name = self.values[op.x], self.name(op)
        axes = self.axes[op.result]
        w = self.parameter(op.w, op.w)
        factors = x.expr, *x.others, w.expr
        self.rounded("matmul", op, result, (x.name, w.name), axes, [factors], name=name)

    def rope(self, op: quant.RopeOp, result: Operation) -> None:
        x = self.values[op.x]
        kinds, every = tuple(op.kinds.get_values()), range(len(op.thetas))
        axes = self.axes[op.result]
        pick = Index("pick", "layer", kinds)
        if not self.stacked:  # Columns of the one kind, read along an axis of one index.
            kinds, every, pick = (0,), kinds, Index("sum")
        names = self.angles(op, self.size_of(axes[-1]), every)
        cos, sin = (read(column, ("kind", "token", "dim"), kind=pick) for column in names)
        rotated = read(x.name, self.over(x.axes), dim=Index("rotate", "dim"))
        products = [(x.expr, cos), (rotated, sin)]
        name = self.unique(f"{x.name}.rope")
        self.rounded("rope", op, result, (x.name, *names), axes, products, {"kinds": kinds}, name)

    def angles(self, op: quant.RopeOp, dim: int, kinds: Sequence[int]) -> tuple[str, str]:
        """The public columns of cosines and sines of some kinds, over (kind, token, dim)."""
        one, names = 1 << quant.ROPE_FRAC, []
        angles = list(zip(op.thetas.get_values(), op.factors.get_values(), strict=True))
        half = f"(dim - {dim // 2} * floor(dim / {dim // 2}))"
        self.sizes["kind"] = len(kinds)
        for function in ("cos", "sin"):
            contents = [
                f"round({one} * {function}(token * {_decimal(theta)}^(-2 * {half} / {dim})"
                f" / {_decimal(factor)}))"
                for theta, factor in (angles[kind] for kind in kinds)
            ]
            axes = ("kind", "token", "dim")
            names.append(self.public(f"rope.{function}", axes, -one, one, contents=contents))
        return names[0], names[1]

    def scores(self, op: quant.ScoresOp, result: Operation) -> None:
        q, k = self.values[op.q], self.values[op.k]
        key = read(k.name, self.over(k.axes), token=Index("same", "source"))
        axes = self.axes[op.result]
        self.rounded("scores", op, result, (q.name, k.name), axes, [(q.expr, key)])

    def softmax(self, op: quant.SoftmaxOp, result: Operation) -> None:
        s, name = self.values[op.scores], self.name(op)
        axes = self.axes[op.e]
        rows, cells = axes[:-1], self.over(axes)
        bits = quant.type_of(op.scores).width
        k, width, windows = op.k.value.data, op.width.value.data, tuple(op.windows.get_values())
        exp, span = op.table.expression.data, 1 << bits
        contents = evaluate(exp, 0, span)
        one = int(contents[0])
        if contents.min() < 0 or contents.max() != one or one != 1 << quant.EXP_FRAC:
            raise UserError(f"{self.where}: exponentials must fall from 2^{quant.EXP_FRAC}")
        table = self.table(
            f"{name}.exp",
            [
                zk.RowsAttr.of(["x", exp, "1"], 0, 1),
                zk.RowsAttr.of(["x", exp, "0"], 0, span),
                zk.RowsAttr.of(["x", "0", "0"], span, 3 * span),
            ],
        )
        e = self.witness(f"{name}.e", axes, 0, one)
        select = self.witness(f"{name}.select", axes, 0, 1)
        top, tops = self.limbs(f"{name}.top", rows, bits)
        inv, invs = self.limbs(f"{name}.inv", rows, k - 14)
        rest, remainder = self.limbs(f"{name}.remainder", rows, width)
        gap, slack = self.limbs(f"{name}.slack", rows, width)
        layer = Index("same", "layer") if self.stacked else Index("sum")
        mask = read(self.mask(windows), ("layer", "token", "source"), layer=layer)
        distance = added(
            cells,
            top,
            _constant(2 * span - span // 2),
            scaled(-1, s.expr),
            scaled(-2 * span, mask),
        )
        self.lookup(f"{name}.exponential", table, distance, e, select)
        chosen = read(f"{name}.select", self.over(axes), source=Index("sum"))
        self.linear(f"{name}.one_maximum", scaled(1, chosen, -1))
        total = read(f"{name}.e", self.over(axes), source=Index("sum"))
        inverse = self.virtual(op.inv, f"{name}.inv", inv, (0, (1 << (k - 14)) - 1), axes=rows)
        lhs = scaled(-1, rest, 1 << k)
        self.einsum(f"{name}.reciprocal", lhs, [(inverse.expr, total)])
        below = added(self.over(rows), total, _constant(-1), scaled(-1, rest), scaled(-1, gap))
        self.linear(f"{name}.remainder_below", below)
        self.values[op.e] = Value(name, axes, 0, one, e)
        self.step(
            "softmax",
            (s.name,),
            name,
            axes,
            {"bits": bits, "table": table, "windows": windows, "k": k, "width": width},
            {
                "e": [f"{name}.e"],
                "select": [f"{name}.select"],
                "top": tops,
                "inv": invs,
                "remainder": remainder,
                "slack": slack,
            },
        )

    def attend(self, op: quant.AttendOp, result: Operation) -> None:
        e, inv, v = self.values[op.e], self.values[op.inv], self.values[op.v]
        if not isinstance(op.e.owner, quant.SoftmaxOp) or op.inv.owner is not op.e.owner:
            raise UserError(f"{self.where}: e and inv must come from one softmax")
        k = op.e.owner.k.value.data
        source = read(v.name, self.over(v.axes), token=Index("same", "source"))
        self.rounded(
            "attend",
            op,
            result,
            (e.name, inv.name, v.name),
            self.axes[op.result],
            [(e.expr, inv.expr, source)],
            limit=attend_limit(k, (v.low, v.high)),
        )

    def lookup_table(self, op: quant.TableOp, result: Operation) -> None:
        x, name, axes = self.values[op.x], self.name(op), self.axes[op.result]
        expression, (low, high) = op.table.expression.data, op.table.domain
        if (low, high) != (x.low, x.high + 1):
            raise UserError(f"{self.where}: the table is not of all values that are looked up")
        contents = evaluate(expression, low, high)
        table = self.table(
            f"{name}.{name.rpartition('.')[2]}",
            [zk.RowsAttr.of([f"x + {-low}", expression], low, high)],
        )
        y = self.witness(name, axes, int(contents.min()), int(contents.max()))
        self.lookup(f"{name}.lookup", table, scaled(1, x.expr, -low), y)
        limits = self.columns[name].range
        self.values[op.result] = Value(name, axes, *limits, y)
        self.step("table", (x.name,), name, axes, {"table": table}, {"y": [name]})

    def product(self, op: quant.MulOp) -> None:
        """A product that no column holds: who reads it multiplies its factors."""
        a, b = self.values[op.lhs], self.values[op.rhs]
        name, axes, bound = self.name(op), self.axes[op.result], quant.type_of(op.result).bound
        self.values[op.result] = Value(name, axes, -bound, bound - 1, a.expr, (b.expr,))
        self.step("mul", (a.name, b.name), name, axes, {}, {})

    def mul(self, op: quant.MulOp, result: Operation) -> None:
        a, b = self.values[op.lhs], self.values[op.rhs]
        axes = self.axes[op.result]
        self.rounded("mul", op, result, (a.name, b.name), axes, [(a.expr, b.expr)])

    def add(self, op: quant.AddOp, result: Operation) -> None:
        a, b = self.values[op.lhs], self.values[op.rhs]
        axes, name, type = self.axes[op.result], self.name(op), quant.type_of(op.result)
        total = added(self.over(axes), a.expr, b.expr)
        self.virtual(op.result, name, total, (-type.bound, type.bound - 1), axes=axes)
        self.step("add", (a.name, b.name), name, axes, {}, {})

    def select(self, op: quant.SelectOp, result: Operation) -> None:
        x, name, axes = self.values[op.x], self.name(op), self.axes[op.result]
        if self.private_tokens:
            chosen = self.rows(name, self.position_of_step(-1), axes, x.expr)
            limits = self.columns[f"{name}.rows"].range
            self.values[op.result] = Value(name, axes, *limits, chosen)
            self.step("select", (x.name,), name, axes, {}, {"rows": [f"{name}.rows"]})
            return
        chosen = read(x.expr.terms[0].column, x.axes, token=Index("window", "generated"))
        self.virtual(op.result, name, chosen, (x.low, x.high), axes=axes)
        self.step("select", (x.name,), name, axes, {}, {})

    def argmax(self, op: quant.ArgmaxOp, result: Operation) -> None:
        if self.private_tokens:
            self.argmax_of_columns(op)
            return
        x, table = self.values[op.x], self.parameter(op.table, op.table)
        name, width = self.name(op), op.width.value.data
        cells = ("generated", "vocabulary")
        channels = self.size_of(table.axes[-1])
        largest = channels * max(-x.low, x.high) * max(-table.low, table.high)
        best = self.witness(f"{name}.best", ("generated",), -largest, largest)
        gap, limbs = self.limbs(f"{name}.limb", cells, width)
        below = read(self.public(f"{name}.below_next", cells, 0, 1, "below-next"), cells)
        lhs = added(cells, best, scaled(-1, gap), scaled(-1, below))
        self.einsum(f"{name}.maximum", lhs, [(x.expr, table.expr)])
        at_next = Index("next", "generated")
        terms = [
            Term(t.coefficient, t.column, (Index("same", "generated"), at_next)) for t in gap.terms
        ]
        self.linear(f"{name}.attained", affine(("generated",), terms))
        committed = {"best": [f"{name}.best"], "limbs": limbs}
        inputs = (x.name, table.name)
        self.step("argmax", inputs, name, ("generated",), {"width": width}, committed)

    def argmax_of_columns(self, op: quant.ArgmaxOp) -> None:
        """The argmax whose token is a column, and its place among the positions."""
        x, table = self.values[op.x], self.parameter(op.table, op.table)
        name, count = self.name(op), self.size_of("vocabulary")
        width = op.width.value.data + (count - 1).bit_length()
        largest = self.size_of(table.axes[-1]) * max(-x.low, x.high) * max(-table.low, table.high)
        cells, one = ("generated", "vocabulary"), ("generated",)
        token = self.witness(OUTPUT, one, 0, count - 1)
        rows = self.rows(name, token, ("generated", table.axes[-1]), table.expr)
        best = self.witness(f"{name}.best", one, -largest, largest)
        self.einsum(f"{name}.attained", best, [(x.expr, rows)])
        order, limbs = self.limbs(f"{name}.limb", cells, width)
        index = self.counter("vocabulary_index", "vocabulary", count)
        ahead = added(cells, scaled(count, best), index, scaled(-1, token), scaled(-1, order))
        self.einsum(f"{name}.order", ahead, [(x.expr, table.expr)], factor=count)
        self.gather(f"{OUTPUT}.fed", self.position_of_step(0), token, read(IDS, ("token",)))
        committed = {
            "ids": [OUTPUT],
            "rows": [f"{name}.rows"],
            "best": [f"{name}.best"],
            "limbs": limbs,
        }
        options = {"width": width, "scale": count}
        self.step("argmax", (x.name, table.name), name, one, options, committed)

    # Parts of operations

    def rounded(
        self,
        kind: str,
        op: Operation,
        result: Operation,
        inputs: Sequence[str],
        axes: Axes,
        products: Sequence[tuple[Expr, ...]],
        options: dict[str, int | str | Sequence[int]] | None = None,
        name: str = "",
        limit: int | None = None,
    ) -> None:
        """An operation that is one sum of products, requantised."""
        name = name or self.name(op)
        shift, bits, committed = self.requantize(name, op.results[0], result, products, limit)
        options = {**(options or {}), "shift": shift, "bits": bits}
        self.step(kind, inputs, name, axes, options, committed)

    def requantize(
        self,
        name: str,
        acc: SSAValue,
        result: Operation,
        products: Sequence[tuple[Expr, ...]],
        limit: int | None = None,
    ) -> tuple[int, int, dict[str, Sequence[str]]]:
        """Defines the rounded value; returns shift, bits and the committed columns by role."""
        result = expect(result, quant.RequantizeOp)
        shift, type = result.shift.value.data, quant.type_of(result.result)
        axes, bits = self.axes[acc], type.width
        limits = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        if any(isinstance(use.operation, quant.TableOp) for use in result.result.uses):
            # The table that it is looked up in holds its range, of which limbs would say nothing new.
            y = Value(name, axes, *limits, self.witness(name, axes, *limits))
            self.values[result.result], kept = y, {"y": [name]}
        else:
            joined, limbs = self.limbs(f"{name}.limb", axes, bits)
            offset, kept = scaled(1, joined, limits[0]), {"limbs": limbs}
            y = self.virtual(result.result, name, offset, limits, axes=axes)
        rest, rem = self.limbs(f"{name}.rem", axes, shift)
        half = 1 << shift >> 1
        total = added(self.over(axes), scaled(1 << shift, y.expr), rest, _constant(-half))
        self.einsum(f"{name}.requantize", total, products, limit)
        return shift, bits, {**kept, **({"rem": rem} if rem else {})}

    def limbs(self, name: str, axes: Axes, bits: int) -> tuple[Expr, list[str]]:
        """Ranged columns for an unsigned number of ``bits`` bits, and the number."""
        names, number = [], affine(self.over(axes), ())
        for i, width in enumerate(limb_widths(bits)):
            limb = self.witness(f"{name}{i}", axes, 0, (1 << width) - 1)
            self.constraints.append(zk.RangeOp(f"{name}{i}.range", width, limb, module=self.where))
            number = added(number.axes, number, scaled(1 << 16 * i, limb))
            names.append(f"{name}{i}")
        return number, names

    def parameter(self, value: SSAValue, source: SSAValue, stacked: bool = False) -> Value:
        """The column of a parameter; its axes are those that its uses make."""
        if value in self.values:
            return self.values[value]
        op = source.owner
        if not isinstance(op, quant.ParamOp):
            raise UserError(f"{self.where}: weights must be parameters")
        type = quant.type_of(source)
        origin = op.param_names[0]
        if stacked:
            origin = LAYER_NUMBER.sub("layers.{layer}.", origin)
        name = LAYER_PREFIX.sub("", origin)
        axes = self.axes[value]
        full = ("layer", *axes) if stacked else axes
        if name not in self.columns:
            self.columns[name] = zk.ColumnOp(
                name, "param", full, -type.bound, type.bound - 1, module=origin
            )
        elif self.columns[name].axis_names != full:
            raise UserError(f"{origin}: one weight is used over different axes")
        self.values[value] = Value(name, axes, *self.columns[name].range, read(name, full))
        return self.values[value]

    def virtual_stub(self, value: SSAValue, name: str, axes: Axes, low: int, high: int) -> None:
        """Declares a virtual column that is defined later."""
        full = self.over(axes)
        self.columns[name] = zk.ColumnOp(name, "virtual", full, low, high, module=self.where)
        self.values[value] = Value(name, axes, low, high, read(name, full))

    def virtual(
        self,
        value: SSAValue,
        name: str,
        expr: Expr,
        limits: tuple[int, int],
        value_name: str = "",
        axes: Axes | None = None,
    ) -> Value:
        """Declares and defines a virtual column; ``value_name`` is the program's name for it."""
        axes = self.axes[value] if axes is None else axes
        self.virtual_stub(value, name, axes, *limits)
        self.define(name, expr)
        if value_name:
            self.values[value] = Value(value_name, axes, *limits, read(name, self.over(axes)))
        return self.values[value]

    def define(self, name: str, expr: Expr) -> None:
        self.constraints.append(zk.DefineOp(name, expr))

    def witness(self, name: str, axes: Axes, low: int, high: int) -> Expr:
        full = self.over(axes)
        self.columns[name] = zk.ColumnOp(name, "witness", full, low, high, module=self.where)
        return read(name, full)

    def public(
        self,
        name: str,
        axes: Axes,
        low: int,
        high: int,
        kind: str = "data",
        contents: Sequence[str] = (),
        windows: Sequence[int] = (),
    ) -> str:
        """A public column, the same one for the same contents."""
        made = zk.ColumnOp(
            name, "public", axes, low, high, kind=kind, contents=contents, windows=windows
        )
        while (old := self.columns.get(name)) and old.properties != made.properties:
            name += "_"
            made.sym_name = zk.StringAttr(name)
        self.columns.setdefault(name, made)
        return name

    def mask(self, windows: Sequence[int]) -> str:
        axes = ("layer", "token", "source")
        return self.public("mask", axes, 0, 1, "mask", windows=windows)

    def table(self, name: str, rows: Sequence[zk.RowsAttr]) -> str:
        self.tables[name] = zk.TableOp(name, rows)
        return name

    def einsum(
        self,
        name: str,
        lhs: Expr,
        products: Sequence[tuple[Expr, ...]],
        limit: int | None = None,
        factor: int = 1,
    ) -> None:
        contents = [Product(factor, factors) for factors in products]
        self.constraints.append(zk.EinsumOp(name, lhs, contents, limit, module=self.where))

    def lookup(self, name: str, table: str, *exprs: Expr) -> None:
        self.constraints.append(zk.LookupOp(name, table, exprs, module=self.where))

    def linear(self, name: str, expr: Expr) -> None:
        self.constraints.append(zk.LinearOp(name, expr, module=self.where))

    def range(self, name: str, bits: int, expr: Expr) -> None:
        self.constraints.append(zk.RangeOp(name, bits, expr, module=self.where))

    def gather(self, name: str, index: Expr, value: Expr, source: Expr) -> None:
        self.constraints.append(zk.GatherOp(name, index, value, source, module=self.where))

    def step(
        self,
        kind: str,
        inputs: Sequence[str],
        output: str,
        axes: Axes,
        options: Mapping[str, int | str | Sequence[int]],
        witness: Mapping[str, Sequence[str]],
    ) -> None:
        committed = {role: names for role, names in witness.items() if names}
        self.steps.append(
            zk.StepOp(kind, inputs, output, axes, options, committed, module=self.where)
        )

    # Names and sizes

    def over(self, axes: Axes) -> Axes:
        return (*self.stacked, *axes)

    def size_of(self, axis: str) -> int:
        return expect(self.sizes[axis], int)

    def name(self, op: Operation) -> str:
        """The module path without the prefix of the model and layer, made unique by the kind."""
        base, kind = LAYER_PREFIX.sub("", module_path(op)), op.name.removeprefix("quant.")
        if kind in OWN_MODULE and base and base not in self.columns:
            return self.unique(base)
        return self.unique(f"{base}.{kind}" if base else kind)

    def unique(self, name: str) -> str:
        used = set(self.columns)
        used |= {step.output.data for step in self.steps}
        found, n = name, 1
        while found in used:
            n += 1
            found = f"{name}{n}"
        return found


def _constant(value: int) -> Expr:
    return affine((), (), value)


def _linear(users: Sequence[Operation]) -> bool:
    return all(isinstance(user, quant.MatmulOp) for user in users)


def _decimal(value: float) -> str:
    return format(Decimal(value), "f")


ACCUMULATORS = (
    quant.RmsNormOp,
    quant.MatmulOp,
    quant.RopeOp,
    quant.ScoresOp,
    quant.AttendOp,
    quant.MulOp,
)


def _view(builder: _Builder, op: Operation, result: Operation) -> None:
    """Splitting and merging heads changes no column: heads are axes of their own all along."""
    builder.values[op.results[0]] = builder.values[op.operands[0]]


def _nothing(builder: _Builder, op: Operation, result: Operation) -> None:
    """Parameters become columns where they are used, with the axes of the use."""


HANDLERS: dict[type[Operation], Callable[[_Builder, Any, Operation], None]] = {
    quant.ParamOp: _nothing,
    quant.EmbedOp: _Builder.embed,
    quant.RmsNormOp: _Builder.rms_norm,
    quant.MatmulOp: _Builder.matmul,
    quant.SplitHeadsOp: _view,
    quant.MergeHeadsOp: _view,
    quant.RopeOp: _Builder.rope,
    quant.ScoresOp: _Builder.scores,
    quant.SoftmaxOp: _Builder.softmax,
    quant.AttendOp: _Builder.attend,
    quant.TableOp: _Builder.lookup_table,
    quant.MulOp: _Builder.mul,
    quant.AddOp: _Builder.add,
    quant.SelectOp: _Builder.select,
    quant.ArgmaxOp: _Builder.argmax,
}
