"""A miniature Gemma-3 written by hand: circuit, witness program and random integer weights.

It has every op and every relation of the real one (sandwich norms, grouped queries, local and
global attention with their own RoPE, tied embedding, greedy argmax), so that the executor and the
prover can be tested without the compiler. Numbers are fixed-point, real = integer * 2^-frac.
Activations have 16 bits at `FRAC`, weights 16 bits at `WEIGHT_FRAC`, residual deltas 24 bits at
`RESIDUAL_FRAC`. Weights are drawn so that every role has about unit variance, which is what the
shifts are calibrated for. The product of gate and up is what the compiler makes of it: one of three
factors with the layer that reads it, or rounded by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil, log2

import numpy as np
from zklemma.runtime.circuit.extents import Axis
from zklemma.runtime.circuit.generation import GENERATED, TOKENS, extents
from zklemma.runtime.circuit.index import Index
from zklemma.runtime.circuit.program import Program, Step, limb_widths
from zklemma.runtime.circuit.relations import (
    Circuit,
    Column,
    Einsum,
    Expr,
    Gather,
    Linear,
    Lookup,
    Product,
    Table,
    Term,
)

FRAC = 11
WEIGHT_FRAC = 12
RESIDUAL_FRAC = 12
TABLE_FRAC = 11
ROPE_FRAC = 14
GAIN_FRAC = 10
RSQRT_FRAC = 23
SCORE_FRAC = 6
SCORE_BITS = 10
EXP_FRAC = 15
PRODUCT_FRAC = 10
INVERSE = 34

Axes = tuple[str, ...]
Attributes = Mapping[str, int | str | tuple[int, ...]]
Witness = dict[str, tuple[str, ...]]
HEADS = ("kv", "group", "token", "dim")


@dataclass(frozen=True)
class Sizes:
    """The intermediate size and the vocabulary are no powers of two, on purpose."""

    hidden: int = 8
    intermediate: int = 12
    kv: int = 2
    group: int = 2
    dim: int = 4
    vocabulary: int = 20
    window: int = 3
    max_tokens: int = 16


def toy_model(
    layers: int = 2,
    seed: int = 0,
    sizes: Sizes | None = None,
    private: bool = False,
    rounded: bool = False,
) -> tuple[Circuit, Program, dict[str, np.ndarray]]:
    """The circuit, its witness program, and its ``param`` columns, which ``private`` does not change.

    ``private``: prompt and output are columns. ``rounded``: the product of gate and up is committed.
    """
    kind = _PrivateToy if private else _Toy
    return kind(layers, sizes or Sizes(), np.random.default_rng(seed), rounded).model()


def times(factor: int, expr: Expr) -> Expr:
    terms = tuple(replace(term, coefficient=factor * term.coefficient) for term in expr.terms)
    return Expr(expr.axes, terms, factor * expr.constant)


def plus(*exprs: Expr) -> Expr:
    """The sum, over the axes of the first; the others' axes are among them."""
    terms = tuple(term for expr in exprs for term in expr.terms)
    return Expr(exprs[0].axes, terms, sum(expr.constant for expr in exprs))


def over(axes: Axes, expr: Expr) -> Expr:
    """The same form, broadcast over ``axes``."""
    return Expr(axes, expr.terms, expr.constant)


@dataclass
class _Toy:
    layers: int
    sizes: Sizes
    random: np.random.Generator
    rounded: bool
    columns: dict[str, Column] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)
    einsums: list[Einsum] = field(default_factory=list)
    lookups: list[Lookup] = field(default_factory=list)
    linears: list[Linear] = field(default_factory=list)
    gathers: list[Gather] = field(default_factory=list)
    reveals: dict[str, tuple[str, ...]] = field(default_factory=dict)
    data: dict[str, np.ndarray] = field(default_factory=dict)
    params: dict[str, np.ndarray] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    values: dict[str, Expr] = field(default_factory=dict)
    factors: dict[str, tuple[Expr, Expr]] = field(default_factory=dict)
    stacked: Axes = ()

    def model(self) -> tuple[Circuit, Program, dict[str, np.ndarray]]:
        sizes = self.sizes
        self.axes = (
            Axis("layer", self.layers),
            Axis("token", TOKENS),
            Axis("source", TOKENS),
            Axis("kv", sizes.kv),
            Axis("group", sizes.group),
            Axis("dim", sizes.dim),
            Axis("channel", sizes.hidden),
            Axis("intermediate", sizes.intermediate),
            Axis("vocabulary", sizes.vocabulary),
            Axis("generated", GENERATED),
            Axis("kind", 2),
        )
        self.publics()
        prologue = self.part(self.prologue)
        self.stacked = ("layer",)
        body = self.part(self.body)
        self.stacked = ()
        epilogue = self.part(self.epilogue)
        circuit = Circuit(
            axes=self.axes,
            columns=tuple(self.columns.values()),
            tables=tuple(self.tables),
            einsums=tuple(self.einsums),
            lookups=tuple(self.lookups),
            linears=tuple(self.linears),
            extents=extents(sizes.max_tokens),
            gathers=tuple(self.gathers),
            reveals=self.reveals,
            data=self.data,
        )
        return circuit, Program(self.layers, prologue, body, epilogue), self.params

    def part(self, build) -> tuple[Step, ...]:
        self.steps = []
        build()
        return tuple(self.steps)

    # Structure.

    def publics(self) -> None:
        sizes, layers = self.sizes, self.layers
        position = np.arange(sizes.max_tokens)[:, None]
        frequency = np.arange(sizes.dim) % (sizes.dim // 2) * 2 / sizes.dim
        angle = np.stack([position * theta**-frequency for theta in (10.0, 100.0)])
        one = 1 << ROPE_FRAC
        for name, values in (("cos", np.cos(angle)), ("sin", np.sin(angle))):
            self.public(name, ("kind", "token", "dim"), -one, one, np.rint(values * one))
        self.public("layer_index", ("layer",), 0, layers - 1, np.arange(layers))
        sign = np.where(np.arange(sizes.dim) < sizes.dim // 2, -1, 1)
        self.public("half_sign", ("dim",), -1, 1, sign)
        # Every second layer is global.
        self.kinds = tuple(layer % 2 for layer in range(layers))
        self.windows = tuple(0 if kind else sizes.window for kind in self.kinds)
        square, logits = ("layer", "token", "source"), ("generated", "vocabulary")
        for column in (
            Column("allowed", square, "public", 0, 1, "", "mask", self.windows),
            Column("below_next", logits, "public", 0, 1, "", "below-next"),
        ):
            self.columns[column.name] = column

    def prologue(self) -> None:
        table = self.random.normal(size=(self.sizes.vocabulary, self.sizes.hidden))
        self.param("embedding", ("vocabulary", "channel"), table, TABLE_FRAC)
        axes = ("token", "channel")
        shift = RESIDUAL_FRAC - TABLE_FRAC
        self.step("embed", ("embedding",), "x0", axes, {"shift": shift})
        indices = Index("token", "token"), Index("same", "channel")
        self.x0 = Expr(axes, (Term(1 << shift, "embedding", indices),))

    def body(self) -> None:
        everywhere = ("layer", "token", "channel")
        # The stream adds up these two over the layers before, so their columns come first.
        attention = self.virtual("attn.post_norm", everywhere, 24)
        mlp = self.virtual("mlp.post_norm", everywhere, 24)
        before = Index("before", "layer")
        enters = plus(
            over(everywhere, self.x0),
            self.index(attention, "layer", before),
            self.index(mlp, "layer", before),
        )
        self.values["residual"] = enters
        sizes = self.sizes
        self.norm("attn.norm", "residual", ("token", "channel"), sizes.hidden, RESIDUAL_FRAC)
        for role, heads in (("q", ("kv", "group")), ("k", ("kv",)), ("v", ("kv",))):
            weights = self.weights(f"attn.{role}_proj", (*heads, "dim", "channel"), 1)
            self.matmul(f"attn.{role}", "attn.norm", weights, (*heads, "token", "dim"))
        for role, axes, scale in (
            ("q", HEADS, sizes.dim**-0.5),
            ("k", ("kv", "token", "dim"), 1.0),
        ):
            self.norm(f"attn.{role}_norm", f"attn.{role}", axes, sizes.dim, FRAC, scale=scale)
            self.rope(f"attn.{role}_rope", f"attn.{role}_norm", axes)
        self.scores("attn.scores", "attn.q_rope", "attn.k_rope")
        self.softmax("attn.softmax", "attn.scores")
        self.attend("attn.mixed", "attn.softmax", "attn.v")
        weights = self.weights("attn.o_proj", ("channel", "kv", "group", "dim"), 3)
        self.matmul("attn.o", "attn.mixed", weights, ("token", "channel"))
        self.norm("attn.post_norm", "attn.o", ("token", "channel"), sizes.hidden, FRAC, bits=24)
        self.step("add", ("residual", "attn.post_norm"), "mid", ("token", "channel"))
        self.values["mid"] = plus(enters, attention)
        self.norm("mlp.norm", "mid", ("token", "channel"), sizes.hidden, RESIDUAL_FRAC)
        for role in ("gate", "up"):
            weights = self.weights(f"mlp.{role}_proj", ("intermediate", "channel"), 1)
            self.matmul(f"mlp.{role}", "mlp.norm", weights, ("token", "intermediate"), role == "up")
        self.gelu("mlp.act", "mlp.gate")
        self.mul("mlp.product", "mlp.act", "mlp.up")
        weights = self.weights("mlp.down_proj", ("channel", "intermediate"), 1)
        frac = PRODUCT_FRAC if self.rounded else 2 * FRAC
        self.matmul("mlp.down", "mlp.product", weights, ("token", "channel"), frac=frac)
        self.norm("mlp.post_norm", "mlp.down", ("token", "channel"), sizes.hidden, FRAC, bits=24)
        self.step("add", ("mid", "mlp.post_norm"), "out", ("token", "channel"))
        total = Index("sum")
        self.leaves = plus(
            self.x0, self.index(attention, "layer", total), self.index(mlp, "layer", total)
        )

    def epilogue(self) -> None:
        axes = ("generated", "channel")
        self.step("select", ("residual",), "last", axes)
        self.values["last"] = self.index(self.leaves, "token", Index("window", "generated"))
        self.norm("norm", "last", axes, self.sizes.hidden, RESIDUAL_FRAC)
        self.argmax("head", "norm")

    # Ops: each adds a step, its witness columns and its relations.

    def norm(
        self,
        name: str,
        x: str,
        axes: Axes,
        size: int,
        frac: int,
        scale: float = 1.0,
        bits: int = 16,
    ) -> None:
        out_frac = RESIDUAL_FRAC if bits == 24 else FRAC
        axis, rows = axes[-1], (*self.stacked, *axes[:-1])
        gains = (1 + 0.2 * self.random.normal(size=self.shape((*self.stacked, axis)))) * scale
        gain = self.param(f"{name}.gain", (*self.stacked, axis), gains * size**0.5, GAIN_FRAC)
        middle = (2 * frac + ceil(log2(size)) - 14) // 2
        emin, emax = max(0, middle - 4), middle + 4
        eps = max(round(1e-6 * size * 4**frac), 4 ** (emin + 7))
        reciprocal = self.table(
            "rsqrt",
            np.arange(1 << 14, 1 << 16),
            lambda m: np.rint(2**RSQRT_FRAC / np.sqrt(m)),
            f"round(2^{RSQRT_FRAC} / sqrt(x))",
        )
        exponents = f"exponents.{emin}.{emax}"
        self.table(
            exponents,
            2 ** (emax - np.arange(emin, emax + 1)),
            lambda p2: 4**emax // p2**2,
            f"4^{emax} / x^2",
        )
        shift = RSQRT_FRAC + emax + GAIN_FRAC - out_frac
        big = {"p2": 1 << (emax - emin), "p4": 4**emax, "pm": 4 ** (emax + 8), "r": 1 << 16}
        roles: Witness = {
            role: (self.witness(f"{name}.{role}", rows, 0, big[role]),)
            for role in ("r", "p2", "p4", "pm")
        }
        roles["u"] = (self.witness(f"{name}.u", rows, 0, big["r"] * big["p2"]),)
        roles["m"] = (self.witness(f"{name}.m", rows, 1 << 14, (1 << 16) - 1),)
        roles["remainder"] = self.ranged(self.limbs(f"{name}.remainder", rows, 2 * emax))
        roles["slack"] = self.ranged(self.limbs(f"{name}.slack", rows, 2 * emax))
        part = {role: self.read(f"{name}.{role}") for role in ("m", "r", "p2", "p4", "pm", "u")}
        rest = self.joined(roles["remainder"], rows)
        slack = self.joined(roles["slack"], rows)
        value = self.values[x]
        square = replace(plus(part["pm"], rest), constant=-eps)
        self.einsum(f"{name}.square", square, ((value, value),))
        self.einsum(f"{name}.exponent", part["pm"], ((part["p4"], part["m"]),))
        self.einsum(f"{name}.scale", part["u"], ((part["r"], part["p2"]),))
        self.lookup(f"{name}.rsqrt", reciprocal, part["m"], part["r"])
        self.lookup(f"{name}.exponents", exponents, part["p2"], part["p4"])
        gap = replace(plus(part["p4"], times(-1, rest), times(-1, slack)), constant=-1)
        self.linear(f"{name}.remainder_below", gap, name)
        attributes = {
            "eps": (eps,) * self.layers, "emin": emin, "emax": emax, "shift": shift, "bits": bits,
            "table": reciprocal,
        }  # fmt: skip
        # Cauchy-Schwarz: |x| <= sqrt(S) < 2^(e+8), hence |x * r| < 2^(e+24).
        bound = (1 << (emax + 24)) * max(abs(gain_bound) for gain_bound in self.range(gain))
        self.requantize(
            name, axes, ((value, part["u"], self.read(gain)),), shift, bits, bound, roles
        )
        self.step("rms_norm", (x, gain), name, axes, attributes, roles)

    def matmul(
        self, name: str, x: str, w: str, axes: Axes, ranged: bool = True, frac: int = FRAC
    ) -> None:
        shift = frac + WEIGHT_FRAC - FRAC
        roles: Witness = {}
        factors = self.factors.get(x) or (self.values[x],)
        self.requantize(name, axes, ((*factors, self.read(w)),), shift, 16, 0, roles, ranged)
        self.step("matmul", (x, w), name, axes, {"shift": shift, "bits": 16}, roles)

    def rope(self, name: str, x: str, axes: Axes) -> None:
        value = self.values[x]
        pick = Index("pick", "layer", self.kinds)
        angle = [
            Expr(
                ("layer", "token", "dim"),
                (Term(1, column, (pick, Index("same", "token"), Index("same", "dim"))),),
            )
            for column in ("cos", "sin")
        ]
        turned = self.index(value, "dim", Index("rotate", "dim"))
        roles: Witness = {}
        products = ((value, angle[0]), (turned, angle[1]))
        self.requantize(name, axes, products, ROPE_FRAC, 16, 0, roles)
        attributes = {"kinds": self.kinds, "shift": ROPE_FRAC, "bits": 16}
        self.step("rope", (x, "cos", "sin"), name, axes, attributes, roles)

    def scores(self, name: str, q: str, k: str) -> None:
        shift = 2 * FRAC - SCORE_FRAC
        axes = ("kv", "group", "token", "source")
        key = self.index(self.values[k], "token", Index("same", "source"))
        roles: Witness = {}
        products = ((self.values[q], key),)
        self.requantize(name, axes, products, shift, SCORE_BITS, 0, roles)
        self.step("scores", (q, k), name, axes, {"shift": shift, "bits": SCORE_BITS}, roles)

    def softmax(self, name: str, s: str) -> None:
        b = SCORE_BITS
        axes, rows = ("layer", "kv", "group", "token", "source"), ("layer", "kv", "group", "token")
        table, one = "exp", 1 << EXP_FRAC
        d = np.arange(3 << b)
        exp = np.where(d < 1 << b, np.rint(one * np.exp(-d / 2**SCORE_FRAC)), 0)
        contents = np.stack([d, exp, np.zeros_like(d)], axis=1)
        self.add_table(
            table, np.vstack([contents, [[0, one, 1]]]), f"round(2^15 * exp(-x / 2^{SCORE_FRAC}))"
        )
        width = (self.sizes.max_tokens * one - 1).bit_length()
        e = self.witness(f"{name}.e", axes, 0, one)
        select = self.witness(f"{name}.select", axes, 0, 1)
        roles: Witness = {
            "e": (e,),
            "select": (select,),
            "top": self.ranged(self.limbs(f"{name}.top", rows, b)),
            "inv": self.ranged(self.limbs(f"{name}.inv", rows, INVERSE - 14)),
            "remainder": self.ranged(self.limbs(f"{name}.remainder", rows, width)),
            "slack": self.ranged(self.limbs(f"{name}.slack", rows, width)),
        }
        top = replace(self.joined(roles["top"], rows), constant=-(1 << (b - 1)))
        forbidden = replace(times(-(2 << b), self.read("allowed")), constant=2 << b)
        gap = plus(over(axes, top), times(-1, self.values[s]), forbidden)
        self.lookup(f"{name}.exp", table, gap, self.read(e), self.read(select))
        chosen = self.index(self.read(select), "source", Index("sum"))
        self.linear(f"{name}.select_one", replace(chosen, constant=-1), name)
        total = self.index(self.read(e), "source", Index("sum"))
        inverse = self.joined(roles["inv"], rows)
        rest, slack = self.joined(roles["remainder"], rows), self.joined(roles["slack"], rows)
        self.einsum(
            f"{name}.inverse",
            replace(times(-1, rest), constant=1 << INVERSE),
            ((inverse, total),),
        )
        below = replace(plus(total, times(-1, rest), times(-1, slack)), constant=-1)
        self.linear(f"{name}.remainder_below", below, name)
        self.values[name], self.values[f"{name}.inv"] = self.read(e), inverse
        attributes = {
            "bits": b, "table": table, "windows": self.windows, "k": INVERSE, "width": width,
        }  # fmt: skip
        self.step("softmax", (s,), name, axes[1:], attributes, roles)

    def attend(self, name: str, e: str, v: str) -> None:
        # Weights sum to less than 2^k in each row.
        bound = 1 << (INVERSE + 15)
        source = self.index(self.values[v], "token", Index("same", "source"))
        roles: Witness = {}
        products = ((self.values[e], self.values[f"{e}.inv"], source),)
        self.requantize(name, HEADS, products, INVERSE, 16, bound, roles)
        attributes = {"shift": INVERSE, "bits": 16}
        self.step("attend", (e, f"{e}.inv", v), name, HEADS, attributes, roles)

    def gelu(self, name: str, x: str) -> None:
        z = np.arange(-(1 << 15), 1 << 15) / 2**FRAC
        smooth = 0.5 * z * (1 + np.tanh((2 / np.pi) ** 0.5 * (z + 0.044715 * z**3)))
        contents = np.stack([np.arange(1 << 16), np.rint(smooth * 2**FRAC)], axis=1)
        self.add_table("gelu", contents, f"round(2^{FRAC} * gelu((x - 2^15) / 2^{FRAC}))")
        axes = ("layer", "token", "intermediate")
        y = self.witness(name, axes, -(1 << 15), (1 << 15) - 1)
        self.lookup(f"{name}.gelu", "gelu", replace(self.values[x], constant=0), self.read(y))
        self.values[name] = self.read(y)
        self.step("table", (x,), name, axes[1:], {"table": "gelu"}, {"y": (y,)})

    def mul(self, name: str, a: str, b: str) -> None:
        axes = ("token", "intermediate")
        if not self.rounded:
            self.factors[name] = self.values[a], self.values[b]
            self.step("mul", (a, b), name, axes)
            return
        shift = 2 * FRAC - PRODUCT_FRAC
        roles: Witness = {}
        self.requantize(name, axes, ((self.values[a], self.values[b]),), shift, 16, 0, roles)
        self.step("mul", (a, b), name, axes, {"shift": shift, "bits": 16}, roles)

    def argmax(self, name: str, x: str) -> None:
        axes = ("generated", "vocabulary")
        factors = (self.values[x], self.read("embedding"))
        largest = self.sizes.hidden * self.magnitude(factors[0]) * self.magnitude(factors[1])
        width = (2 * largest).bit_length()
        best = self.witness(f"{name}.best", ("generated",), -largest, largest)
        limbs = self.ranged(self.limbs(f"{name}.gap", axes, width))
        gap = self.joined(limbs, axes)
        logits = plus(
            over(axes, self.read(best)), times(-1, gap), times(-1, self.read("below_next"))
        )
        self.einsum(f"{name}.logits", logits, (factors,))
        chosen = self.index(gap, "vocabulary", Index("next", "generated"))
        self.linear(f"{name}.attained", replace(chosen, axes=("generated",)), name)
        attributes = {"width": width}
        roles = {"best": (best,), "limbs": limbs}
        self.step("argmax", (x, "embedding"), "tokens", ("generated",), attributes, roles, name)

    # Parts of ops.

    def requantize(
        self,
        name: str,
        axes: Axes,
        products: tuple[tuple[Expr, ...], ...],
        shift: int,
        bits: int,
        bound: int,
        roles: Witness,
        ranged: bool = True,
    ) -> None:
        axes = (*self.stacked, *axes)
        roles["limbs"] = self.limbs(f"{name}.limb", axes, bits)
        roles["rem"] = self.ranged(self.limbs(f"{name}.rem", axes, shift))
        if ranged:
            self.ranged(roles["limbs"])
        value = self.virtual(name, axes, bits)
        rem = self.joined(roles["rem"], axes)
        scaled = plus(times(1 << shift, value), rem)
        lhs = replace(scaled, constant=scaled.constant - (1 << shift >> 1))
        self.einsum(f"{name}.requantize", lhs, products, bound)
        self.values[name] = value

    def virtual(self, name: str, axes: Axes, bits: int) -> Expr:
        """The signed value that ``bits`` bits of limbs make."""
        columns = self.limbs(f"{name}.limb", axes, bits)
        return replace(self.joined(columns, axes), constant=-(1 << (bits - 1)))

    def joined(self, limbs: tuple[str, ...], axes: Axes) -> Expr:
        same = tuple(Index("same", axis) for axis in axes)
        return Expr(axes, tuple(Term(1 << 16 * i, name, same) for i, name in enumerate(limbs)))

    def limbs(self, name: str, axes: Axes, bits: int) -> tuple[str, ...]:
        """Columns for the limbs of an unsigned number."""
        return tuple(
            self.witness(f"{name}{i}", axes, 0, (1 << width) - 1)
            for i, width in enumerate(limb_widths(bits))
        )

    def ranged(self, limbs: tuple[str, ...]) -> tuple[str, ...]:
        """Each limb lies in the table of its exact width."""
        for name in limbs:
            rows = self.columns[name].high + 1
            table = f"u{rows.bit_length() - 1}"
            self.add_table(table, np.arange(rows)[:, None], "x")
            self.lookup(f"{name}.range", table, self.read(name))
        return limbs

    def index(self, expr: Expr, old: str, index: Index) -> Expr:
        """``expr`` with its axis ``old`` read by ``index``; constants become what the index makes
        of them."""
        terms = []
        for term in expr.terms:
            indices = tuple(self.compose(i, index) if i.axis == old else i for i in term.indices)
            terms.append(replace(term, indices=indices))
        axes = tuple(index.axis if axis == old else axis for axis in expr.axes)
        constant = expr.constant
        if index.kind == "before":
            terms.append(Term(constant, "layer_index", (Index("same", "layer"),)))
            constant = 0
        if index.kind == "rotate":
            terms.append(Term(constant, "half_sign", (Index("same", "dim"),)))
            constant = 0
        if index.kind == "sum":
            axes = tuple(axis for axis in axes if axis)
            if constant:
                assert old == "layer"
                constant *= self.layers
        return Expr(axes, tuple(term for term in terms if term.coefficient), constant)

    def compose(self, inner: Index, outer: Index) -> Index:
        if inner.kind == "token":
            assert outer.kind == "window"
            return Index("previous", outer.axis)
        assert inner.kind == "same"
        return outer

    def read(self, name: str) -> Expr:
        column = self.columns[name]
        return Expr(
            column.axes, (Term(1, name, tuple(Index("same", axis) for axis in column.axes)),)
        )

    # Registration.

    def step(
        self,
        op: str,
        inputs: tuple[str, ...],
        output: str,
        axes: Axes,
        attributes: Attributes | None = None,
        witness: Witness | None = None,
        origin: str = "",
    ) -> None:
        where = self.origin(origin or output)
        self.steps.append(Step(op, inputs, output, axes, attributes or {}, witness or {}, where))

    def origin(self, name: str) -> str:
        return f"model.layers.{{layer}}.{name}" if self.stacked else f"model.{name}"

    def einsum(
        self, name: str, lhs: Expr, factors: tuple[tuple[Expr, ...], ...], bound: int = 0
    ) -> None:
        """``bound``, where given, bounds the right side better than interval arithmetic."""
        right = 0
        for product in factors:
            axes = {axis for factor in product for axis in factor.axes} - set(lhs.axes)
            size = int(np.prod(self.shape(tuple(axes)), dtype=object))
            for factor in product:
                size *= self.magnitude(factor)
            right += size
        products = tuple(Product(1, product) for product in factors)
        total = self.magnitude(lhs) + (bound or right)
        self.einsums.append(Einsum(name, lhs, products, total, self.origin(name)))

    def lookup(self, name: str, table: str, *exprs: Expr) -> None:
        self.lookups.append(Lookup(name, table, exprs, self.origin(name)))

    def linear(self, name: str, expr: Expr, origin: str) -> None:
        self.linears.append(Linear(name, expr, self.magnitude(expr), self.origin(origin)))

    def witness(self, name: str, axes: Axes, low: int, high: int) -> str:
        self.columns[name] = Column(name, axes, "witness", low, high, self.origin(name))
        return name

    def public(self, name: str, axes: Axes, low: int, high: int, array: np.ndarray) -> None:
        self.columns[name] = Column(name, axes, "public", low, high)
        self.data[name] = array.astype(np.int64)

    def weights(self, name: str, axes: Axes, contracted: int) -> str:
        """Normal weights that keep the variance; the last ``contracted`` axes are contracted."""
        gain = float(np.prod(self.shape(axes[-contracted:]))) ** -0.5
        array = self.random.normal(size=self.shape((*self.stacked, *axes))) * gain
        return self.param(name, (*self.stacked, *axes), array, WEIGHT_FRAC)

    def param(self, name: str, axes: Axes, array: np.ndarray, frac: int) -> str:
        low, high = -(1 << 15), (1 << 15) - 1
        self.columns[name] = Column(name, axes, "param", low, high, self.origin(name))
        self.params[name] = np.clip(np.rint(array * 2**frac), low, high).astype(np.int16)
        return name

    def table(self, name: str, x: np.ndarray, function, expression: str) -> str:
        return self.add_table(name, np.stack([x, function(x)], axis=1), expression)

    def add_table(self, name: str, contents: np.ndarray, expression: str) -> str:
        if name not in self.data:
            rows, arity = contents.shape
            self.tables.append(Table(name, arity, rows, expression))
            self.data[name] = contents.astype(np.int64)
        return name

    # Sizes and intervals.

    def shape(self, axes: Axes) -> tuple[int, ...]:
        """Sizes at the largest proof."""
        size = {axis.name: axis.size for axis in self.axes}
        return tuple(
            s if isinstance(s := size[axis], int) else self.sizes.max_tokens for axis in axes
        )

    def range(self, name: str) -> tuple[int, int]:
        column = self.columns[name]
        return column.low, column.high

    def magnitude(self, expr: Expr) -> int:
        """A bound on |expr| from the ranges of its columns."""
        low = high = expr.constant
        for term in expr.terms:
            column = self.columns[term.column]
            count = 1
            for index, axis in zip(term.indices, column.axes, strict=True):
                count *= self.shape((axis,))[0] if index.kind in ("sum", "before") else 1
            ends = [term.coefficient * count * end for end in (column.low, column.high)]
            if any(index.kind in ("rotate", "before") for index in term.indices):
                ends += [0, *(-end for end in ends)]
            low, high = low + min(ends), high + max(ends)
        return max(abs(low), abs(high))


class _PrivateToy(_Toy):
    """The same model with prompt and output as columns of the witness."""

    def publics(self) -> None:
        super().publics()
        del self.columns["below_next"]
        sizes = self.sizes
        for name, axis, size in (
            ("position", "token", sizes.max_tokens),
            ("step", "generated", sizes.max_tokens),
            ("vocabulary_index", "vocabulary", sizes.vocabulary),
        ):
            self.public(name, (axis,), 0, size - 1, np.arange(size))

    def gather(self, name: str, index: Expr, value: str, source: Expr) -> None:
        self.gathers.append(Gather(name, index, self.read(value), source, self.origin(name)))

    def prologue(self) -> None:
        sizes, last = self.sizes, self.sizes.vocabulary - 1
        bits = (sizes.max_tokens - 1).bit_length()
        self.witness("ids", ("token",), 0, last)
        self.witness("prompt.length", (), 1, sizes.max_tokens)
        self.witness("prompt.before", ("token",), 0, 1)
        self.witness("prompt.ids", ("token",), 0, last)
        before = self.read("prompt.before")
        self.ranged(("prompt.before",))
        self.add_table(f"u{bits}", np.arange(1 << bits)[:, None], "x")
        length = times(-1, over(("token",), self.read("prompt.length")))
        distance = plus(times(1 << bits, before), self.read("position"), length)
        self.lookup("prompt.length.range", f"u{bits}", distance)
        self.einsum("prompt.masked", self.read("prompt.ids"), ((before, self.read("ids")),))
        self.step("prompt", (), "ids", ("token",), {}, {
            "ids": ("ids",), "length": ("prompt.length",), "before": ("prompt.before",),
            "prompt": ("prompt.ids",),
        })  # fmt: skip
        table = self.random.normal(size=(sizes.vocabulary, sizes.hidden))
        self.param("embedding", ("vocabulary", "channel"), table, TABLE_FRAC)
        axes, shift = ("token", "channel"), RESIDUAL_FRAC - TABLE_FRAC
        self.witness("x0.rows", axes, *self.range("embedding"))
        self.gather("x0.row", self.read("ids"), "x0.rows", self.read("embedding"))
        self.step("embed", ("embedding",), "x0", axes, {"shift": shift}, {"rows": ("x0.rows",)})
        self.x0 = times(1 << shift, self.read("x0.rows"))

    def place(self, offset: int) -> Expr:
        """length + step + offset."""
        place = plus(self.read("step"), self.read("prompt.length"))
        return replace(place, constant=offset)

    def epilogue(self) -> None:
        axes = ("generated", "channel")
        largest = self.magnitude(self.leaves)
        self.witness("last.rows", axes, -largest, largest)
        self.gather("last.row", self.place(-1), "last.rows", self.leaves)
        self.step("select", ("residual",), "last", axes, {}, {"rows": ("last.rows",)})
        self.values["last"] = self.read("last.rows")
        self.norm("norm", "last", axes, self.sizes.hidden, RESIDUAL_FRAC)
        self.argmax("head", "norm")
        self.reveals = {"prompt": ("prompt.length", "prompt.ids"), "output": ("output.ids",)}

    def argmax(self, name: str, x: str) -> None:
        axes, count = ("generated", "vocabulary"), self.sizes.vocabulary
        value, table = self.values[x], self.read("embedding")
        largest = self.sizes.hidden * self.magnitude(value) * self.magnitude(table)
        width = (2 * largest * count).bit_length()
        self.witness("output.ids", ("generated",), 0, count - 1)
        self.witness(f"{name}.rows", ("generated", "channel"), *self.range("embedding"))
        self.witness(f"{name}.best", ("generated",), -largest, largest)
        token, best = self.read("output.ids"), self.read(f"{name}.best")
        limbs = self.ranged(self.limbs(f"{name}.gap", axes, width))
        self.gather(f"{name}.row", token, f"{name}.rows", table)
        self.einsum(f"{name}.attained", best, ((value, self.read(f"{name}.rows")),))
        ahead = plus(
            over(axes, times(count, best)),
            self.read("vocabulary_index"),
            times(-1, token),
            times(-1, self.joined(limbs, axes)),
        )
        self.einsum(f"{name}.order", ahead, ((times(count, value), table),))
        self.gather(f"{name}.fed", self.place(0), "output.ids", self.read("ids"))
        roles = {
            "ids": ("output.ids",),
            "rows": (f"{name}.rows",),
            "best": (f"{name}.best",),
            "limbs": limbs,
        }
        attributes = {"width": width, "scale": count}
        self.step("argmax", (x, "embedding"), "tokens", ("generated",), attributes, roles, name)
