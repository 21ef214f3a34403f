"""Provers that cheat in one place and are consistent everywhere else.

Each runs the executor with one operation altered, so that all that follows fits what it says, and must fail
just the relations that guard against it. The executor's own answer is the honest neighbour of them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from zklemma.errors import InvalidProof
from zklemma.runtime.circuit.program import Step, limb_widths
from zklemma.runtime.circuit.relations import Circuit
from zklemma.runtime.protocol.statement import Statement
from zklemma.runtime.witness import steps
from zklemma.runtime.witness.executor import Executor
from zklemma.runtime.witness.steps import Pass

LOOKUP = import_module("proving").LOOKUP

PROMPT = (3, 1, 4, 1, 5)
WIDE = 1 << 61
Witness = dict[str, np.ndarray]


@pytest.fixture(scope="session")
def honest(toy: Any) -> tuple[Statement, Witness]:
    """The executor's own answer."""
    statement = toy.answer(PROMPT, 1)
    return statement, toy.witness(statement)


@pytest.fixture
def forge(toy: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Statement, Witness]]:
    """forge(name=operation, ...): what an executor with those operations says after the prompt, and
    the witness it makes. It commits to values out of range without complaint."""
    columns = tuple(
        replace(c, low=-WIDE, high=WIDE) if c.home == "witness" else c for c in toy.circuit.columns
    )
    circuit = replace(toy.circuit, columns=columns)

    def make(
        params: Mapping[str, np.ndarray] | None = None,
        token: int | None = None,
        prompt: tuple[int, ...] = PROMPT,
        **operations: Callable[..., Any],
    ) -> tuple[Statement, Witness]:
        for name, operation in operations.items():
            if name in steps.OPERATIONS:
                monkeypatch.setitem(steps.OPERATIONS, name, operation)
            else:
                monkeypatch.setattr(steps, name, operation)
        run = Executor(circuit, toy.program, params or toy.params)
        said = int(run.logits(prompt)[-1].argmax()) if token is None else token
        statement = Statement(len(prompt), 1, (*prompt, said), False)
        return statement, run.witness(statement.tokens, len(prompt), 1)

    return make


def rejected(toy: Any, statement: Statement, witness: Witness, *guards: str) -> None:
    """It fails these relations and no other: without them it would pass."""
    lookups = {lookup.name for lookup in toy.circuit.lookups}
    assert toy.lost(statement, witness) == lookups & set(guards)
    expected = {LOOKUP if guard in lookups else guard for guard in guards}
    assert expected and toy.failing(statement, witness) == expected


def test_the_honest_neighbour(toy: Any, forge: Any, honest: Any) -> None:
    """Without a change, or with the rewritten softmax and argmax, the forger is honest."""
    for operations in ({}, {"softmax": softmax()}, {"argmax": argmax("own", "kept")}):
        statement, witness = forge(**operations)
        assert statement == honest[0]
        assert all((witness[name] == array).all() for name, array in honest[1].items())
    assert toy.lost(statement, witness) == toy.failing(statement, witness) == set()
    assert toy.verify(toy.prove(statement, witness)).statement == statement


def widened(circuit: Circuit, lookup: str, table: str) -> Circuit:
    lookups = tuple(replace(x, table=table) if x.name == lookup else x for x in circuit.lookups)
    return replace(circuit, lookups=lookups)


@pytest.mark.parametrize(
    ("name", "layer", "cell"),
    [
        ("mlp.up", 1, (3, 2)),
        ("mlp.down", 0, (2, 5)),
        ("attn.q", 0, (1, 0, 2, 3)),
        ("attn.post_norm", 0, (4, 7)),
    ],
)
def test_a_quotient_one_less_with_a_larger_remainder(
    toy: Any, forge: Any, name: str, layer: int, cell: tuple[int, ...]
) -> None:
    """y - 1 and rem + 2^s: caught because each limb is in the table of its exact width."""
    honest, shifts = steps.requantize, {}

    def lower(run: Pass, step: Step, acc: np.ndarray) -> np.ndarray:
        y = honest(run, step, acc)
        if (step.output, run.layer) == (name, layer):
            bits, shifts[name] = steps.attribute(step, "bits"), steps.attribute(step, "shift")
            y = y.copy()
            y[cell] -= 1
            run.put_limbs(step, "limbs", y + (1 << bits - 1), bits)
        return y

    statement, witness = forge(requantize=lower)
    limbs = limb_widths(shifts[name])
    last = f"{name}.rem{len(limbs) - 1}"
    witness[last][(layer, *cell)] += 1 << limbs[-1]
    rejected(toy, statement, witness, f"{last}.range")
    if name == "mlp.up":
        # Were this limb looked up among 16-bit numbers, as it would be most convenient, it would pass.
        wider = widened(toy.circuit, f"{last}.range", "u16")
        assert limbs[-1] < 16 and toy.failing(statement, witness, wider) == set()
        with pytest.raises(InvalidProof, match=LOOKUP):
            toy.verify(toy.prove(statement, witness))


PRODUCTS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "of another channel": lambda gate, up: gate[..., ::-1] * up,
    "rounded": lambda gate, up: gate * up >> 12 << 12,
    "off by one": lambda gate, up: gate * up + (np.arange(gate.shape[-1]) == 3),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_another_product(toy: Any, forge: Any, name: str) -> None:
    """No column holds the product of gate and up: what reads it multiplies all three factors."""

    def other(run: Pass, step: Step) -> np.ndarray:
        return PRODUCTS[name](*run.inputs(step))

    statement, witness = forge(mul=other)
    rejected(toy, statement, witness, "mlp.down.requantize")
    if name == "rounded":
        with pytest.raises(InvalidProof, match=r"^mlp\.down\.requantize does not hold$"):
            toy.verify(toy.prove(statement, witness))


def moved(toy: Any, witness: Witness, name: str, cell: tuple[int, ...], y: int) -> Witness:
    """Another value of a linear layer, with a remainder that makes up for it."""
    limb, rem = f"{name}.limb0", f"{name}.rem0"
    changed = {column: witness[column].astype(np.int64) for column in (limb, rem)}
    value = y + (1 << 15)
    difference = int(changed[limb][cell]) - value
    changed[limb][cell] = value
    changed[rem][cell] += difference << toy.circuit.column[rem].high.bit_length()
    return witness | changed


@pytest.mark.parametrize("hiding", [False, True])
def test_other_factors_of_the_same_product(toy: Any, honest: Any, hiding: bool) -> None:
    """Twice the gate and half of up: what reads their product can not tell. Nothing fails but that the
    remainders that it takes are in no table."""
    statement, witness = replace(honest[0], hiding=hiding), honest[1]
    gates = {int(y): int(x) - (1 << 15) for x, y in toy.circuit.data["gelu"]}
    act, up = witness["mlp.act"].astype(np.int64), witness["mlp.up.limb0"].astype(np.int64)
    up -= 1 << 15
    cell = next(
        c for c in np.ndindex(act.shape) if act[c] and not up[c] % 2 and 2 * act[c] in gates
    )
    gate = gates[int(2 * act[cell])]
    act[cell] *= 2
    witness = moved(toy, witness | {"mlp.act": act}, "mlp.gate", cell, gate)
    witness = moved(toy, witness, "mlp.up", cell, int(up[cell]) // 2)
    rejected(toy, statement, witness, "mlp.gate.rem0.range", "mlp.up.rem0.range")
    with pytest.raises(InvalidProof, match="pads" if hiding else LOOKUP):
        toy.verify(toy.prove(statement, witness))


def softmax(
    allowed: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None, bump: int = 0
) -> Callable[[Pass, Step], np.ndarray]:
    """The softmax with another mask, or with tops that are larger than the maximum."""

    def run_step(run: Pass, step: Step) -> np.ndarray:
        (s,) = run.inputs(step)
        bits, k, width = (steps.attribute(step, name) for name in ("bits", "k", "width"))
        windows = step.attributes["windows"]
        assert isinstance(windows, tuple) and run.layer is not None
        back = np.arange(run.start, run.stop)[:, None] - np.arange(run.stop)
        mask = (back >= 0) & (back < (windows[run.layer] or run.stop))
        if allowed is not None:
            mask = allowed(mask, back)
        top = np.where(mask, s, -(1 << bits - 1)).max(-1) + bump
        d = top[..., None] - s + np.where(mask, 0, 2 << bits)
        e = run.model.table("exp")[1][d]
        total = e.sum(-1)
        inverse = (1 << k) // total
        if run.record:
            axes, select = step.axes[:-1], np.zeros(s.shape, np.int64)
            np.put_along_axis(select, d.argmin(-1)[..., None], 1, axis=-1)
            run.put(step, "e", e)
            run.put(step, "select", select)
            run.put_limbs(step, "top", top + (1 << bits - 1), bits, axes)
            run.put_limbs(step, "inv", inverse, k - 14, axes)
            rest = (1 << k) - inverse * total
            run.put_limbs(step, "remainder", rest, width, axes)
            run.put_limbs(step, "slack", total - 1 - rest, width, axes)
        run.values[f"{step.output}.inv"] = inverse
        return e

    return run_step


EXP = "attn.softmax.exp"


def test_earlier_tokens_that_see_later_ones(toy: Any, forge: Any, honest: Any) -> None:
    statement, witness = forge(softmax=softmax(lambda mask, back: np.ones_like(mask)))
    rejected(toy, statement, witness, EXP)
    # It did make a difference to the first token.
    name = "attn.mixed.limb0"
    assert (honest[1][name][:, :, :, 0] != witness[name][:, :, :, 0]).any()
    with pytest.raises(InvalidProof, match=LOOKUP):
        toy.verify(toy.prove(statement, witness))


def test_a_local_layer_that_looks_too_far_back(toy: Any, forge: Any) -> None:
    statement, witness = forge(softmax=softmax(lambda mask, back: back >= 0))
    rejected(toy, statement, witness, EXP)


def test_a_layer_that_looks_less_far_back(toy: Any, forge: Any) -> None:
    """Leaving out an allowed cell changes the maximum or the sum."""
    statement, witness = forge(softmax=softmax(lambda mask, back: mask & (back < 2)))
    rejected(toy, statement, witness, EXP)


def test_a_top_attained_at_a_forbidden_cell_only(toy: Any, forge: Any) -> None:
    """The maximum over all cells, attained in the future; e is zero there as it should be."""
    honest = softmax()

    def forbidden(run: Pass, step: Step) -> np.ndarray:
        (s,) = run.inputs(step)
        kept = s.copy()
        value = honest(run, step)
        if run.record and run.layer == 0:
            select = np.zeros(kept.shape, np.int64)
            select[..., -1] = 1
            run.put(step, "select", select)
        return value

    statement, witness = forge(softmax=forbidden)
    rejected(toy, statement, witness, EXP)


def test_a_top_above_the_maximum(toy: Any, forge: Any) -> None:
    """Selected nowhere, or where it is not attained."""
    statement, witness = forge(softmax=softmax(bump=1))
    rejected(toy, statement, witness, EXP)
    nowhere = {**witness, "attn.softmax.select": np.zeros_like(witness["attn.softmax.select"])}
    rejected(toy, statement, nowhere, "attn.softmax.select_one")
    with pytest.raises(InvalidProof, match=r"^attn\.softmax\.select_one does not hold$"):
        toy.verify(toy.prove(statement, nowhere))


def test_a_selector_that_is_not_boolean(toy: Any, forge: Any) -> None:
    """Two at one cell, minus one at another: the sum is one, but the table has no such row."""
    statement, witness = forge()
    select = witness["attn.softmax.select"]
    at = tuple(int(i) for i in np.argwhere(select[..., :2].sum(-1) == 1)[-1])
    select[at][0], select[at][1] = (2, -1) if select[at][0] else (-1, 2)
    rejected(toy, statement, witness, EXP)


def test_a_reciprocal_one_less(toy: Any, forge: Any) -> None:
    """inv - 1 and remainder + E: then E - 1 - remainder is negative, and no slack will do."""
    honest, row = softmax(), (1, 0, 2)

    def lower(run: Pass, step: Step) -> np.ndarray:
        e = honest(run, step)
        name, total = f"{step.output}.inv", e.sum(-1)
        if run.layer == 1:
            k, width = (steps.attribute(step, name) for name in ("k", "width"))
            inverse = run.values[name].copy()
            inverse[row] -= 1
            rest = (1 << k) - inverse * total
            run.values[name], axes = inverse, step.axes[:-1]
            run.put_limbs(step, "inv", inverse, k - 14, axes)
            run.put_limbs(step, "remainder", rest, width, axes)
            run.put_limbs(step, "slack", np.maximum(total - 1 - rest, 0), width, axes)
        return e

    statement, witness = forge(softmax=lower)
    rejected(toy, statement, witness, "attn.softmax.remainder_below")
    # A negative slack satisfies the sum and leaves the range.
    total = witness["attn.softmax.e"][(1, *row)].sum()
    remainder = sum(
        int(witness[f"attn.softmax.remainder{i}"][(1, *row)]) << 16 * i for i in range(2)
    )
    gap = int(total) - 1 - remainder
    assert gap < 0 and not witness["attn.softmax.slack1"][(1, *row)]
    witness["attn.softmax.slack0"][(1, *row)] = gap
    rejected(toy, statement, witness, "attn.softmax.slack0.range")


def norm(name: str, change: int) -> Callable[[Pass, Step], np.ndarray]:
    """The norm with the exponent of one module changed, and 1/sqrt computed where no table has it."""
    honest = steps.rms_norm
    bit_length = steps.bit_length

    def run_step(run: Pass, step: Step) -> np.ndarray:
        if step.output != name:
            return honest(run, step)
        table = str(step.attributes["table"])
        m = np.arange(1 << 12, 1 << 18)
        kept = run.model.table(table)
        run.model.tables[table] = 1 << 12, np.rint(2**23 / np.sqrt(m)).astype(np.int64)
        steps.bit_length = lambda x: bit_length(x) + 2 * change
        try:
            return honest(run, step)
        finally:
            steps.bit_length = bit_length
            run.model.tables[table] = kept

    return run_step


@pytest.mark.parametrize("change", [1, -1])
def test_another_exponent_of_a_norm(toy: Any, forge: Any, change: int) -> None:
    """4^(e+1) * (m / 4), or 4^(e-1) * 4 m: m is in [2^14, 2^16) for one exponent only."""
    statement, witness = forge(rms_norm=norm("mlp.norm", change))
    rejected(toy, statement, witness, "mlp.norm.rsqrt")


def test_a_mantissa_one_less(toy: Any, forge: Any) -> None:
    """m - 1 and remainder + 4^e, with everything after it computed from m - 1."""
    honest = steps.rms_norm

    def lower(run: Pass, step: Step) -> np.ndarray:
        if step.output != "norm":
            return honest(run, step)
        table, x, record = str(step.attributes["table"]), run.values[step.inputs[0]], run.record
        eps, emax = steps.per_layer(run, step, "eps"), steps.attribute(step, "emax")
        square = (x * x).sum(-1) + eps
        e = (steps.bit_length(square) - 15) // 2
        pm = (square >> 2 * e) - 1 << 2 * e

        def less(column: str, layer: int | None, axes: Any, array: np.ndarray) -> None:
            assert record
            array = array - 1 if column == "norm.m" else pm if column == "norm.pm" else array
            record(column, layer, axes, array)

        first, values = kept = run.model.table(table)
        run.model.tables[table] = first + 1, values
        run.record = record and less
        try:
            value = honest(run, step)
        finally:
            run.record = record
            run.model.tables[table] = kept
        run.put_limbs(step, "remainder", square - pm, 2 * emax, step.axes[:-1])
        run.put_limbs(step, "slack", np.zeros_like(pm), 2 * emax, step.axes[:-1])
        return value

    statement, witness = forge(rms_norm=lower)
    rejected(toy, statement, witness, "norm.remainder_below")


@pytest.mark.parametrize(
    ("weight", "relation"),
    [
        ("mlp.up_proj", "mlp.up.requantize"),
        ("attn.o_proj", "attn.o.requantize"),
        ("attn.q_norm.gain", "attn.q_norm.requantize"),
    ],
)
def test_a_weight_of_another_layer(toy: Any, forge: Any, weight: str, relation: str) -> None:
    statement, witness = forge({**toy.params, weight: toy.params[weight][::-1].copy()})
    rejected(toy, statement, witness, relation)
    if weight == "mlp.up_proj":
        with pytest.raises(InvalidProof, match=rf"^{relation} does not hold$"):
            toy.verify(toy.prove(statement, witness))


def test_another_layers_attention_kind(toy: Any, forge: Any) -> None:
    """Rotations of the global layer in the local one and the other way round."""
    honest = steps.rope

    def other(run: Pass, step: Step) -> np.ndarray:
        kinds = step.attributes["kinds"]
        assert isinstance(kinds, tuple)
        return honest(run, replace(step, attributes={**step.attributes, "kinds": kinds[::-1]}))

    statement, witness = forge(rope=other)
    rejected(toy, statement, witness, "attn.q_rope.requantize", "attn.k_rope.requantize")


def argmax(best: str, gap: str) -> Callable[[Pass, Step], np.ndarray]:
    """The output token is whatever the statement says; ``best`` is the logit of that token, or the
    largest, or one more; ``gap`` is kept as it comes out, or wraps into its limbs, or is cut at zero."""

    def run_step(run: Pass, step: Step) -> np.ndarray:
        name, weight = step.inputs
        table = run.model.param(weight, None)[0].astype(np.int64)
        logits = run.values[name] @ table.T
        run.values[f"{step.output}.logits"] = logits
        if run.targets is None:
            return logits.argmax(-1)
        value = {
            "own": np.take_along_axis(logits, run.targets[:, None], -1)[:, 0],
            "largest": logits.max(-1),
            "more": logits.max(-1) + 1,
        }[best]
        below = np.arange(logits.shape[-1]) < run.targets[:, None]
        found = value[:, None] - logits - below
        width = steps.attribute(step, "width")
        if gap == "cut":
            found = np.maximum(found, 0)
        run.put(step, "best", value)
        axes = (*step.axes, "vocabulary")
        run.put_limbs(step, "limbs", found, width, axes)
        if gap == "kept" and run.record:
            # The lowest limb alone takes a negative gap.
            negative = found < 0
            for i, name in enumerate(step.witness["limbs"]):
                limb = found >> 16 * i & (1 << limb_widths(width)[i]) - 1
                limb = np.where(negative, found if i == 0 else 0, limb)
                run.record(name, None, axes, limb)
        return run.targets

    return run_step


@pytest.mark.parametrize(
    ("best", "gap", "guards"),
    [
        ("own", "kept", ["head.gap0.range"]),
        ("own", "wrapped", ["head.logits"]),
        ("own", "cut", ["head.logits"]),
        ("largest", "kept", ["head.attained"]),
        ("more", "kept", ["head.attained"]),
    ],
)
def test_a_token_that_is_not_the_largest(
    toy: Any, forge: Any, honest: Any, best: str, gap: str, guards: list[str]
) -> None:
    model = honest[0].tokens[-1]
    token = 0 if model else 1
    statement, witness = forge(token=token, argmax=argmax(best, gap))
    assert token < model, "else the gap at the model's own token is negative as well"
    rejected(toy, statement, witness, *guards)
    if guards == ["head.attained"]:
        with pytest.raises(InvalidProof, match=r"^head\.attained does not hold$"):
            toy.verify(toy.prove(statement, witness))


def test_the_right_token_with_a_larger_maximum(toy: Any, forge: Any, honest: Any) -> None:
    token = honest[0].tokens[-1]
    rejected(toy, *forge(token=token, argmax=argmax("more", "kept")), "head.attained")


def test_a_tie_broken_to_the_higher_token(
    toy: Any, honest: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two tokens with one embedding: the lower is the answer, the higher is not."""
    proving = import_module("proving")
    model = honest[0].tokens[-1]
    twin = next(t for t in range(20) if t != model and t not in PROMPT)
    params = {**toy.params, "embedding": toy.params["embedding"].copy()}
    params["embedding"][twin] = params["embedding"][model]
    twins = proving.Setting(toy.circuit, toy.program, params, toy.key.parameters)
    low, high = sorted((model, twin))
    answer = twins.answer(PROMPT, 1)
    assert answer.tokens[-1] == low
    assert twins.failing(answer, twins.witness(answer)) == set()
    monkeypatch.setitem(steps.OPERATIONS, "argmax", argmax("own", "kept"))
    columns = tuple(replace(c, low=-WIDE, high=WIDE) if c.home == "witness" else c
                    for c in toy.circuit.columns)  # fmt: skip
    run = Executor(replace(toy.circuit, columns=columns), toy.program, params)
    lie = replace(answer, tokens=(*PROMPT, high))
    witness = run.witness(lie.tokens, len(PROMPT), 1)
    rejected(twins, lie, witness, "head.gap0.range")
    # The gap at the lower twin is -1; a gap of zero there does not fit the logits.
    zero = {**witness, "head.gap0": np.maximum(witness["head.gap0"], 0)}
    rejected(twins, lie, zero, "head.logits")
    for statement, columns in ((lie, witness), (replace(lie, hiding=True), zero)):
        with pytest.raises(InvalidProof):
            twins.verify(twins.prove(statement, columns))


def test_padding_positions_are_computed_like_any_other(toy: Any) -> None:
    """Rows beyond the last position are fixed by the circuit too: nothing is left to choose."""
    statement = toy.answer((3, 1, 4, 1, 5, 2), 4)
    assert statement.shape.rows == 10 > 6 + 4 - 1
    honest = toy.witness(statement)
    for name, guard in (
        ("mlp.up.limb0", "mlp.up.requantize"),
        ("attn.k.limb0", "attn.k.requantize"),
    ):
        axis = toy.circuit.column[name].axes.index("token")
        array = honest[name].astype(np.int64)
        at = [0] * array.ndim
        at[axis] = 9
        array[tuple(at)] ^= 1
        assert guard in toy.failing(statement, {**honest, name: array})
