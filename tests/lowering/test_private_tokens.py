"""Prompt and output as columns: honest witnesses hold, and each relation alone refuses a lie.

A lie is carried through everything that depends on it where that can be done, so that exactly the
relation under test is violated. The text has 5 + 6 tokens, the proof 14 positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from zklemma.compiler.interpret_circuit import check
from zklemma.runtime.circuit.encoding import (
    decode_circuit,
    decode_program,
    encode_circuit,
    encode_program,
)
from zklemma.runtime.circuit.extents import CircuitError
from zklemma.runtime.circuit.generation import Generation
from zklemma.runtime.circuit.index import Index, Inputs
from zklemma.runtime.circuit.relations import Circuit, Expr, Linear, Term
from zklemma.runtime.witness import executor as executor_module
from zklemma.runtime.witness.columns import Columns
from zklemma.runtime.witness.executor import Executor

LENGTH, GENERATED, POSITIONS, VOCABULARY = 5, 6, 14, 40
PROMPT_RELATIONS = {"prompt.before.range", "prompt.length.range", "prompt.ids.masked"}
GATHERS = {"embed_tokens.row", "norm.select.row", "lm_head.row", "output.ids.fed"}

Arrays = dict[str, np.ndarray]


def violated(run: Any, changes: Arrays) -> set[str]:
    return set(check(run.circuit, run.shape, {**run.columns, **changes}))


def changed(run: Any, column: str, cell: tuple[int, ...], by: int) -> np.ndarray:
    array = run.columns[column].astype(np.int64)
    array[cell] += by
    return array


def witness_of(
    run: Any, ids: Sequence[int], targets: Sequence[int], params: Arrays | None = None
) -> Arrays:
    """What an honest prover commits over these positions, whatever the targets have to do with them."""
    executor = Executor(run.circuit, run.program, params or run.params)
    padded = np.zeros(run.shape.rows, np.int64)
    padded[: len(ids)] = ids
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(executor_module, "position_ids", lambda shape, tokens: padded)
        tokens = [*ids[:LENGTH], *targets]
        return executor.witness(tokens, LENGTH, len(targets), shape=run.shape)


def with_order(run: Any, columns: Arrays, step: int, add: Sequence[int] | np.ndarray) -> Arrays:
    """The limbs of the order of logits at a step, with something added to each number."""
    names = [f"lm_head.limb{i}" for i in range(3)]
    limbs = [columns[name].astype(np.int64) for name in names]
    numbers = sum(limb[step] << 16 * i for i, limb in enumerate(limbs)) + np.asarray(add)
    assert numbers.min() >= 0
    for i, limb in enumerate(limbs):
        limb[step] = numbers >> 16 * i & 0xFFFF
        assert limb[step].max() <= run.circuit.column[names[i]].high
    return dict(zip(names, limbs, strict=True))


@pytest.mark.parametrize("bound", [5, 6, 8, 10])
def test_honest_witnesses_satisfy_everything(private_run: Any, bound: int) -> None:
    run, shape = private_run, Generation(bound + 1, GENERATED)
    assert len(set(run.tokens)) == LENGTH + GENERATED
    executor = Executor(run.circuit, run.program, run.params)
    witness = executor.witness(run.tokens, LENGTH, GENERATED, shape=shape)
    assert check(run.circuit, shape, {**run.params, **witness}) == []
    assert witness["prompt.length"] == LENGTH and witness["prompt.length"].shape == ()
    assert witness["prompt.ids"].tolist() == (run.tokens[:LENGTH] + [0] * shape.rows)[: shape.rows]
    assert witness["output.ids"].tolist() == run.tokens[LENGTH:]


def test_both_circuits_have_the_same_weights(run: Any, private_run: Any) -> None:
    assert run.circuit.home("param") == private_run.circuit.home("param")
    assert not run.circuit.reveals and not run.circuit.gathers


def test_the_circuit_reads_no_tokens(private_run: Any) -> None:
    circuit = private_run.circuit
    kinds = {i.kind for _, e in circuit.expressions() for t in e.terms for i in t.indices}
    assert not kinds & {"token", "window", "previous", "next"}
    assert {g.name for g in circuit.gathers} == GATHERS and all(g.origin for g in circuit.gathers)
    assert {column.kind for column in circuit.home("public")} == {"data", "mask"}


def test_encoding_round_trip(private_run: Any) -> None:
    circuit = decode_circuit(encode_circuit(private_run.circuit))
    assert circuit == private_run.circuit
    assert decode_program(encode_program(private_run.program)) == private_run.program


def test_every_expression_has_the_provers_value(private_run: Any) -> None:
    """`runtime.witness.columns`, without tokens, against the ranges that the columns declare."""
    run = private_run
    columns = Columns(run.circuit, run.shape, run.columns, Inputs())
    for gather in run.circuit.gathers:
        index, value = columns.expr(gather.index), columns.expr(gather.value)
        assert np.array_equal(columns.expr(gather.source)[index], value)
    for column in run.circuit.home("witness"):
        array = run.columns[column.name]
        assert column.low <= array.min() <= array.max() <= column.high


def test_bounds_cover_what_occurs(private_run: Any) -> None:
    """The order's numbers are the largest that private tokens add."""
    run = private_run
    columns = Columns(run.circuit, run.shape, run.columns, Inputs())
    for einsum in run.circuit.einsums:
        assert np.abs(columns.expr(einsum.lhs)).max() <= einsum.bound


# The prompt


@pytest.mark.parametrize(("position", "by"), [(LENGTH - 1, -1), (LENGTH, 1), (0, -1), (13, 1)])
def test_the_prompt_ends_where_it_says(private_run: Any, position: int, by: int) -> None:
    """A token left out of the prompt, or one that was generated put into it."""
    run = private_run
    before = changed(run, "prompt.before", (position,), by)
    changes = {"prompt.before": before, "prompt.ids": before * run.columns["ids"]}
    assert violated(run, changes) == {"prompt.length.range"}


@pytest.mark.parametrize("by", [-1, 1])
def test_another_length_alone(private_run: Any, by: int) -> None:
    run = private_run
    found = violated(run, {"prompt.length": run.columns["prompt.length"].astype(np.int64) + by})
    assert found == {"prompt.length.range", "norm.select.row", "output.ids.fed"}


@pytest.mark.parametrize("by", [-1, 1])
def test_another_length_with_its_prompt(private_run: Any, by: int) -> None:
    """Generation reads and writes at positions that the length gives."""
    run, length = private_run, LENGTH + by
    before = (np.arange(POSITIONS) < length).astype(np.int64)
    changes = {
        "prompt.length": np.array(length),
        "prompt.before": before,
        "prompt.ids": before * run.columns["ids"],
    }
    assert violated(run, changes) == {"norm.select.row", "output.ids.fed"}


def test_a_position_is_before_or_not(private_run: Any) -> None:
    """A 2 that its own lookup would allow: the length is 16 more."""
    run = private_run
    before = run.columns["prompt.before"].astype(np.int64) + 1
    changes = {"prompt.length": np.array(LENGTH + 16), "prompt.before": before}
    changes["prompt.ids"] = before * run.columns["ids"]
    found = violated(run, changes)
    assert found & PROMPT_RELATIONS == {"prompt.before.range"}


@pytest.mark.parametrize("length", [0, -1, POSITIONS - GENERATED + 1])
def test_a_length_without_positions(private_run: Any, length: int) -> None:
    """No token, or output beyond the last position: rows are gathered from positions that there are."""
    run = private_run
    before = (np.arange(POSITIONS) < length).astype(np.int64)
    changes = {
        "prompt.length": np.array(length),
        "prompt.before": before,
        "prompt.ids": before * run.columns["ids"],
    }
    found = violated(run, changes)
    assert ("norm.select.row" if length < 1 else "output.ids.fed") in found
    assert not found & PROMPT_RELATIONS


def test_the_revealed_prompt_is_the_models(private_run: Any) -> None:
    run = private_run
    for position, by in ((0, 1), (LENGTH - 1, -1), (LENGTH, 7)):
        changes = {"prompt.ids": changed(run, "prompt.ids", (position,), by)}
        assert violated(run, changes) == {"prompt.ids.masked"}


# Rows of the embedding


@pytest.mark.parametrize("position", [0, 3, LENGTH - 1])
def test_another_prompt_than_was_embedded(private_run: Any, position: int) -> None:
    run = private_run
    ids = changed(run, "ids", (position,), 1)
    changes = {"ids": ids, "prompt.ids": ids * run.columns["prompt.before"]}
    assert violated(run, changes) == {"embed_tokens.row"}


def test_a_token_outside_the_vocabulary(private_run: Any) -> None:
    run = private_run
    for token in (-1, VOCABULARY):
        ids = run.columns["ids"].astype(np.int64)
        ids[1] = token
        changes = {"ids": ids, "prompt.ids": ids * run.columns["prompt.before"]}
        assert violated(run, changes) == {"embed_tokens.row"}


def test_rows_of_other_tokens(private_run: Any) -> None:
    """Two rows exchanged, another token's row, one cell: padding included."""
    run = private_run
    rows, ids = run.columns["embed_tokens.rows"], run.columns["ids"]
    swapped = rows.copy()
    swapped[[0, 1]] = rows[[1, 0]]
    other = rows.copy()
    other[-1] = run.columns["embed_tokens.weight"][ids[-1] + 1]
    cell = changed(run, "embed_tokens.rows", (2, 7), 1)
    for array in (swapped, other, cell):
        assert "embed_tokens.row" in violated(run, {"embed_tokens.rows": array})


def test_another_text_under_this_prompt(private_run: Any) -> None:
    """A whole honest witness of another prompt, shown as this one."""
    run, prompt = private_run, [6, 7, 29, 37, 11]
    executor = Executor(run.circuit, run.program, run.params)
    tokens = prompt + executor.generate(prompt, GENERATED)
    witness = executor.witness(tokens, LENGTH, GENERATED, shape=run.shape)
    assert violated(run, witness) == set()
    ids = witness["ids"].copy()
    ids[2] = 28
    changes = {"ids": ids, "prompt.ids": ids * witness["prompt.before"]}
    assert violated(run, {**witness, **changes}) == {"embed_tokens.row"}


# Rows that generate


@pytest.mark.parametrize("by", [-1, 1])
def test_a_neighbours_row(private_run: Any, by: int) -> None:
    """What an honest prover of a text one longer or shorter reads, at every step."""
    run = private_run
    ids = run.columns["ids"]
    executor = Executor(run.circuit, run.program, run.params)
    start = LENGTH - 1 + by
    recorded: Arrays = {}
    walk = executor._pass(ids, slice(start, start + GENERATED), capacity=POSITIONS)
    executor._run(walk)
    walk.targets = walk.values["lm_head"]
    walk.record = lambda name, layer, axes, array: recorded.update({name: array})
    for step in run.program.epilogue:
        walk.run(step)
    names = [n for n in recorded if n.startswith(("norm.", "lm_head.", "output."))]
    found = violated(run, {name: recorded[name] for name in names})
    assert found == {"norm.select.row", "output.ids.fed"}


def test_one_cell_of_a_row_that_generates(private_run: Any) -> None:
    run = private_run
    rows = changed(run, "norm.select.rows", (2, 3), 1)
    assert "norm.select.row" in violated(run, {"norm.select.rows": rows})


# The output


def test_a_token_that_is_not_fed_back(private_run: Any) -> None:
    """The model reads another token where its first one should be, and goes on from there."""
    run = private_run
    first, second = run.tokens[LENGTH : LENGTH + 2]
    executor = Executor(run.circuit, run.program, run.params)
    prompt = run.tokens[:LENGTH]
    other = next(i for i in range(VOCABULARY) if i not in (first, second))
    rest = executor.generate([*prompt, other], GENERATED - 1)
    witness = witness_of(run, [*prompt, other, *rest], [first, *rest])
    assert violated(run, witness) == {"output.ids.fed"}


def test_another_output_alone(private_run: Any) -> None:
    run = private_run
    for step in range(GENERATED):
        output = run.columns["output.ids"].astype(np.int64)
        output[step] = (output[step] + 1) % VOCABULARY
        found = violated(run, {"output.ids": output})
        assert found == {"lm_head.row", "lm_head.order", "output.ids.fed"}


def last_token(run: Any, token: int, params: Arrays | None = None) -> Arrays:
    """An honest witness except that the last output says ``token``, and so does its position."""
    ids = [*run.tokens[:-1], token]
    witness = witness_of(run, ids, run.tokens[LENGTH:], params)
    output = witness["output.ids"].copy()
    output[-1] = token
    return {**witness, "output.ids": output}


def logits(run: Any, witness: Arrays, params: Arrays) -> np.ndarray:
    x = witness["norm.limb0"].astype(np.int64) - (1 << 15)
    return x @ params["embed_tokens.weight"].astype(np.int64).T


def test_a_smaller_token_with_the_largest_ones_row(private_run: Any) -> None:
    """best is the maximum, and the lower index would win a tie: only the row is another's."""
    run = private_run
    true = run.tokens[-1]
    lower = true - 1
    assert lower >= 0
    witness = last_token(run, lower)
    changes = with_order(run, witness, -1, np.full(VOCABULARY, true - lower))
    assert violated(run, {**witness, **changes}) == {"lm_head.row"}


def test_a_token_that_is_not_the_largest(private_run: Any) -> None:
    """Its own row and its own logit: some number of the order would be negative."""
    run = private_run
    true, params = run.tokens[-1], run.params
    for token in {0, 1, VOCABULARY - 1} - {true}:
        witness = last_token(run, token)
        table = params["embed_tokens.weight"].astype(np.int64)
        values = logits(run, witness, params)[-1]
        rows, best = witness["lm_head.rows"].copy(), witness["lm_head.best"].copy()
        rows[-1], best[-1] = table[token], values[token]
        order = VOCABULARY * (values[token] - values) + np.arange(VOCABULARY) - token
        assert order[true] < 0
        limb = [witness[f"lm_head.limb{i}"].astype(np.int64) for i in range(3)]
        for i in range(3):
            limb[i][-1] = np.maximum(order, 0) >> 16 * i & 0xFFFF
        changes = {"lm_head.rows": rows, "lm_head.best": best}
        changes |= {f"lm_head.limb{i}": limb[i] for i in range(3)}
        assert violated(run, {**witness, **changes}) == {"lm_head.order"}
        for i in range(3):
            limb[i][-1] = order if i == 0 else 0
        assert violated(run, {**witness, **changes}) == {"lm_head.limb0.range"}


@pytest.mark.parametrize("by", [-1, 1])
def test_a_best_that_is_no_logit(private_run: Any, by: int) -> None:
    run = private_run
    best = changed(run, "lm_head.best", (2,), by)
    if by > 0:
        changes = with_order(run, run.columns, 2, np.full(VOCABULARY, VOCABULARY))
        assert violated(run, {"lm_head.best": best, **changes}) == {"lm_head.attained"}
    found = violated(run, {"lm_head.best": best})
    assert found == {"lm_head.attained", "lm_head.order"}


def test_of_equal_logits_the_lowest_index(private_run: Any) -> None:
    """Two tokens of one embedding: the lower one holds, the higher one leaves -1 or less of the order."""
    run = private_run
    true = run.tokens[-1]
    twin = next(i for i in range(true + 1, VOCABULARY) if i not in run.tokens)
    weights = run.columns["embed_tokens.weight"].copy()
    weights[twin] = weights[true]
    params = {**run.params, "embed_tokens.weight": weights}
    honest = witness_of(run, run.tokens, run.tokens[LENGTH:], params)
    assert violated(run, {**params, **honest}) == set()
    values = logits(run, honest, params)[-1]
    assert values[true] == values[twin] == values.max()
    witness = last_token(run, twin, params)
    order = VOCABULARY * (values[twin] - values) + np.arange(VOCABULARY) - twin
    assert order.min() == true - twin < 0
    limbs = {f"lm_head.limb{i}": witness[f"lm_head.limb{i}"].astype(np.int64) for i in range(3)}
    for i, array in enumerate(limbs.values()):
        array[-1] = np.maximum(order, 0) >> 16 * i & 0xFFFF
    assert violated(run, {**params, **witness, **limbs}) == {"lm_head.order"}
    for i, array in enumerate(limbs.values()):
        array[-1] = order >> 16 * i & 0xFFFF if i < 2 else order >> 32
    assert violated(run, {**params, **witness, **limbs}) == {"lm_head.limb2.range"}


@pytest.mark.parametrize("i", range(3))
def test_the_order_has_exact_limbs(private_run: Any, i: int) -> None:
    run = private_run
    name = f"lm_head.limb{i}"
    assert run.circuit.column[name].high == (0xFFFF if i < 2 else 63)
    for by in (-1, 1):
        assert "lm_head.order" in violated(run, {name: changed(run, name, (1, 20), by)})


# Circuits that no key may hold


def gather_with(circuit: Circuit, **parts: Expr) -> Circuit:
    first, *others = circuit.gathers
    return replace(circuit, gathers=(replace(first, **parts), *others))


PAIR = Expr(("vocabulary", "channel", "dim"), ())
WINDOW = Expr(("generated",), (Term(1, "ids", (Index("window", "generated"),)),))
MALFORMED = {
    "a row of two axes": (lambda c: gather_with(c, source=PAIR), "one axis or two"),
    "no rows": (lambda c: gather_with(c, source=Expr((), ())), "one axis or two"),
    "one index": (lambda c: gather_with(c, index=Expr((), ())), "one axis or two"),
    "another row": (lambda c: gather_with(c, value=Expr(("token", "dim"), ())), "do not fit"),
    "an unknown axis": (lambda c: gather_with(c, index=Expr(("heads",), ())), "unknown axis"),
    "a name twice": (lambda c: replace(c, gathers=c.gathers[:1] * 2), "share a name"),
    "output only": (lambda c: replace(c, reveals={"output": c.reveals["output"]}), "or neither"),
    "the length alone": (
        lambda c: replace(c, reveals={**c.reveals, "prompt": ("prompt.length",)}),
        "the prompt is revealed through columns of another form",
    ),
    "weights": (
        lambda c: replace(c, reveals={**c.reveals, "output": ("norm.weight",)}),
        "the output is revealed through columns of another form",
    ),
    "nothing": (
        lambda c: replace(c, reveals={**c.reveals, "output": ("nowhere",)}),
        "the output is revealed through columns of another form",
    ),
    "tokens as inputs": (
        lambda c: replace(c, linears=(Linear("read", WINDOW, 40), *c.linears)),
        "relation read: the circuit takes no tokens as inputs",
    ),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_circuits_are_refused(private_run: Any, name: str) -> None:
    spoil, reason = MALFORMED[name]
    private_run.circuit.check()
    with pytest.raises(CircuitError, match=reason):
        spoil(private_run.circuit).check()
