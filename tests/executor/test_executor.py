"""The executor on the miniature model: one function however it is run, and a witness that holds."""

from dataclasses import replace

import numpy as np
import pytest
from check import CellwiseCheck, violations
from toy import Sizes, toy_model
from zklemma.errors import RangeError, UserError, ZklemmaError
from zklemma.runtime.circuit.generation import Generation
from zklemma.runtime.circuit.program import Program, Step
from zklemma.runtime.witness.executor import Executor
from zklemma.runtime.witness.steps import bit_length

PROMPT = [3, 7, 1]


def executor(layers: int = 2, seed: int = 0) -> Executor:
    return Executor(*toy_model(layers, seed))


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("rounded", [False, True])
def test_the_circuit_is_well_formed(private: bool, rounded: bool) -> None:
    toy_model(3, private=private, rounded=rounded)[0].check()


@pytest.mark.parametrize(
    ("layers", "seed", "prompt", "count", "rounded"),
    [
        *((1, 0, 3, 5, False), (2, 0, 3, 5, False), (2, 0, 3, 5, True)),
        *((3, 1, 1, 1, False), (2, 2, 11, 5, False), (2, 3, 1, 9, True)),
    ],
)
def test_the_witness_satisfies_every_relation(
    layers: int, seed: int, prompt: int, count: int, rounded: bool
) -> None:
    circuit, program, params = toy_model(layers, seed, rounded=rounded)
    run = Executor(circuit, program, params)
    ids = np.random.default_rng(seed).integers(0, run.vocabulary, prompt).tolist()
    tokens = ids + run.generate(ids, count)
    witness = run.witness(tokens, prompt, count)
    shape = Generation(prompt, count)
    for column in circuit.home("witness"):
        assert witness[column.name].shape == circuit.sizes(column, shape)
        assert witness[column.name].dtype == column.storage
    assert violations(circuit, shape, {**witness, **params}, tokens) == []


def test_a_changed_cell_violates_a_relation() -> None:
    circuit, program, params = toy_model(2, 0)
    run = Executor(circuit, program, params)
    tokens = PROMPT + run.generate(PROMPT, 3)
    witness = run.witness(tokens, 3, 3)
    check = CellwiseCheck(circuit, Generation(3, 3), {**witness, **params}, tokens)
    random = np.random.default_rng(0)
    for column in circuit.home("witness"):
        honest = check.columns[column.name]
        array = np.array(honest)
        cell = tuple(random.integers(array.shape))
        array[cell] += -1 if array[cell] == column.high else 1
        check.columns[column.name] = array.tolist()
        found = check.run(touching=column.name)
        assert [name for name in found if " of " not in name], column.name
        check.columns[column.name] = honest


@pytest.mark.parametrize(
    ("seed", "prompt", "count", "bound"),
    [(0, 3, 5, 3), (0, 3, 5, 11), (1, 1, 1, 4), (2, 11, 5, 11)],
)
def test_a_private_witness_satisfies_every_relation(
    seed: int, prompt: int, count: int, bound: int
) -> None:
    circuit, program, params = toy_model(2, seed, private=True)
    run = Executor(circuit, program, params)
    ids = np.random.default_rng(seed).integers(0, run.vocabulary, prompt).tolist()
    tokens = ids + run.generate(ids, count)
    shape = Generation(bound + 1, count)
    witness = run.witness(tokens, prompt, count, shape=shape)
    for column in circuit.home("witness"):
        assert witness[column.name].shape == circuit.sizes(column, shape)
        assert witness[column.name].dtype == column.storage
    assert violations(circuit, shape, {**witness, **params}, []) == []
    if bound == prompt:
        least = run.witness(tokens, prompt, count)
        assert all(np.array_equal(array, least[name]) for name, array in witness.items())


def test_a_changed_cell_violates_a_relation_of_private_tokens() -> None:
    circuit, program, params = toy_model(1, 0, private=True)
    run = Executor(circuit, program, params)
    tokens = PROMPT + run.generate(PROMPT, 3)
    witness = run.witness(tokens, 3, 3, shape=Generation(8, 3))
    check = CellwiseCheck(circuit, Generation(8, 3), {**witness, **params}, [])
    own = [n for n in witness if n.startswith(("ids", "prompt", "x0", "last", "output", "head"))]
    assert len(own) >= 12
    for name in own:
        honest = check.columns[name]
        for cell in np.ndindex(witness[name].shape[:1]):
            array = np.array(honest)
            whole = cell + (0,) * (array.ndim - len(cell))
            array[whole] += -1 if array[whole] == circuit.column[name].high else 1
            check.columns[name] = array.tolist()
            found = check.run(touching=name)
            assert [name for name in found if " of " not in name], (name, cell)
        check.columns[name] = honest


def test_both_ways_to_hold_tokens_compute_the_same() -> None:
    """The same weights, the same text, and the same in every column that both commit."""
    public, private = toy_model(2, 0), toy_model(2, 0, private=True)
    assert list(public[2]) == list(private[2])
    runs = [Executor(*model) for model in (public, private)]
    tokens = PROMPT + runs[0].generate(PROMPT, 6)
    assert runs[1].generate(PROMPT, 6) == tokens[3:]
    assert np.array_equal(runs[0].logits(tokens), runs[1].logits(tokens))
    # A position for the last token, and one for a longer prompt, come after the others.
    shape = Generation(5, 6)
    assert Generation(3, 6).rows == 8 and shape.rows == 10
    one, other = runs[0].witness(tokens, 3, 6), runs[1].witness(tokens, 3, 6, shape=shape)
    assert set(one) < set(other) and len(one) > 100
    for name, array in one.items():
        cut = tuple(slice(size) for size in array.shape)
        if not name.startswith("head.gap"):  # of another number: it orders equal logits too
            assert np.array_equal(array, other[name][cut]), name


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        (Generation(3, 4), "do not fit a proof of 3 and 4: it needs 4 and 4"),
        (Generation(5, 3), "do not fit a proof of 5 and 3"),
        (Generation(14, 4), "needs 20 positions, but the model was compiled for 16"),
    ],
)
def test_a_shape_that_private_tokens_do_not_fit(shape: Generation, text: str) -> None:
    run = Executor(*toy_model(1, private=True))
    tokens = PROMPT + run.generate(PROMPT, 4)
    with pytest.raises(UserError, match=text):
        run.witness(tokens, 3, 4, shape=shape)


def test_public_tokens_have_one_shape() -> None:
    run = executor(1)
    tokens = PROMPT + run.generate(PROMPT, 4)
    run.witness(tokens, 3, 4, shape=Generation(3, 4))
    with pytest.raises(UserError, match="do not fit"):
        run.witness(tokens, 3, 4, shape=Generation(4, 4))


def test_generation_and_the_batched_pass_agree_bit_for_bit() -> None:
    run = executor(3, 4)
    tokens = PROMPT + run.generate(PROMPT, 10)
    logits = run.logits(tokens)
    assert logits.argmax(-1)[2:-1].tolist() == tokens[3:]
    # Logits of cached single steps: feed the tokens one by one.
    cache, rows = {}, []
    for position, token in enumerate(tokens):
        step = run._pass(np.array([token]), slice(None), position, run.max_tokens)
        step.cache = cache
        run._run(step)
        rows.append(step.values["tokens.logits"][0])
    assert np.array_equal(np.stack(rows), logits)
    fractions: list[float] = []
    witness = run.witness(tokens, 3, 10, fractions.append)
    assert fractions == [1 / 3, 2 / 3, 1]
    assert witness["head.best"].tolist() == logits.max(-1)[2:-1].tolist()


def test_what_is_cached_is_as_wide_as_declared() -> None:
    circuit, program, params = toy_model(2, 0)
    cached = {s.inputs[-1] for s in program.body if s.op in ("scores", "attend")}
    kept = []
    for bits in (16, 17):
        body = tuple(
            replace(s, attributes={**s.attributes, "bits": bits}) if s.output in cached else s
            for s in program.body
        )
        run = Executor(circuit, replace(program, body=body), params)
        found = run._pass(np.array(PROMPT), slice(None), capacity=3)
        run._run(found)
        kept.append(found)
    assert {array.dtype for array in kept[0].cache.values()} == {np.dtype(np.int16)}
    assert {array.dtype for array in kept[1].cache.values()} == {np.dtype(np.int32)}
    assert np.array_equal(*(found.values["tokens.logits"] for found in kept))


def test_a_prefix_does_not_see_what_follows() -> None:
    run = executor(2, 5)
    ids = [1, 2, 3, 4, 5, 6, 7, 8]
    assert np.array_equal(run.logits(ids)[:5], run.logits(ids[:5]))
    assert not np.array_equal(run.logits([9, *ids[1:]])[1], run.logits(ids)[1])


def test_weights_may_be_of_a_wider_type() -> None:
    circuit, program, params = toy_model(2, 0)
    wide = {name: array.astype(np.int64) for name, array in params.items()}
    own, other = (Executor(circuit, program, given).logits(PROMPT) for given in (params, wide))
    assert np.array_equal(own, other)


def test_tokens_are_reported_and_a_stop_token_ends_the_text() -> None:
    run = executor()
    seen: list[int] = []
    tokens = run.generate(PROMPT, 4, seen.append)
    assert seen == tokens and len(tokens) == 4
    first = tokens.index(tokens[2])
    assert run.generate(PROMPT, 4, stop={tokens[2]}) == tokens[: first + 1]


def test_only_the_models_own_output_has_a_witness() -> None:
    run = executor()
    tokens = PROMPT + run.generate(PROMPT, 4)
    tokens[4] ^= 1
    with pytest.raises(ZklemmaError, match="generated token 1 is"):
        run.witness(tokens, 3, 4)


def test_an_equal_maximum_goes_to_the_lowest_token() -> None:
    circuit, program, params = toy_model(2, 0)
    first = Executor(circuit, program, params).generate(PROMPT, 1)[0]
    for twin in {0, 19} - {first}:
        twins = {**params, "embedding": params["embedding"].copy()}
        twins["embedding"][twin] = params["embedding"][first]
        run = Executor(circuit, program, twins)
        assert run.logits(PROMPT)[-1, first] == run.logits(PROMPT)[-1, twin]
        assert run.generate(PROMPT, 1) == [min(first, twin)]
        witness = run.witness([*PROMPT, min(first, twin)], 3, 1)
        values = {**witness, **twins}
        assert violations(circuit, Generation(3, 1), values, [*PROMPT, min(first, twin)]) == []


def test_out_of_range_names_module_layer_value_and_range() -> None:
    circuit, program, params = toy_model(2, 0)
    params["mlp.up_proj"][1] = 32767
    with pytest.raises(
        RangeError,
        match=r"model\.layers\.1\.mlp\.up: the output at position \d .*\[-32768, 32767\].*--headroom",
    ):
        Executor(circuit, program, params).generate(PROMPT, 1)


def test_a_norm_stops_outside_its_exponents() -> None:
    circuit, program, params = toy_model(1, 0)

    def narrow(step: Step) -> Step:
        if step.output != "attn.norm":
            return step
        return replace(step, attributes={**step.attributes, "emin": 20, "emax": 20})

    body = tuple(map(narrow, program.body))
    narrowed = Program(program.layers, program.prologue, body, program.epilogue)
    with pytest.raises(RangeError, match=r"layers\.0\.attn\.norm: the exponent of .*\[20, 20\]"):
        Executor(circuit, narrowed, params).logits(PROMPT)


@pytest.mark.parametrize(
    ("value", "factor", "text"),
    [
        ("attn.q_norm", 50, "attn.q_rope: the input"),
        ("attn.q_rope", 50, "attn.scores: the query"),
        ("attn.k_rope", 40, "attn.scores: the cached value"),
        ("attn.softmax", 40, "attn.mixed: the mixed value"),
        ("mlp.act", 50, "mlp.product: the factor"),
        ("mlp.product", 40, "mlp.down: the input"),
        ("norm", 50, "head: the input"),
        ("x0", 50, "attn.norm: the sum of squares"),
    ],
)
def test_what_64_bits_do_not_hold_is_not_computed(value: str, factor: int, text: str) -> None:
    """Values of formats that are too wide, which no range of theirs refuses."""

    def widened(step: Step, layer: int | None, array: np.ndarray) -> None:
        if step.output == value:
            array <<= factor

    with pytest.raises(RangeError, match=rf"{text}.* outside its calibrated range"):
        executor(1).logits(PROMPT, widened)


def test_the_order_of_tokens_fits_64_bits_or_is_not_computed() -> None:
    circuit, program, params = toy_model(1, private=True)
    tokens = PROMPT + Executor(circuit, program, params).generate(PROMPT, 1)
    *others, last = program.epilogue
    last = replace(last, attributes={**last.attributes, "scale": 1 << 60})
    wide = replace(program, epilogue=(*others, last))
    with pytest.raises(
        RangeError, match=r"head: the gap between logits is \d+, outside .*\[0, 1\]"
    ):
        Executor(circuit, wide, params).witness(tokens, 3, 1)


@pytest.mark.parametrize(
    ("ids", "count", "text"),
    [
        ([], 3, "empty"),
        ([20], 3, "token 20 is not in the vocabulary"),
        ([-1], 3, "token -1 is not"),
        ([1] * 10, 7, "compiled for 16"),
        ([1], 0, "at least one"),
    ],
)
def test_bad_requests(ids: list[int], count: int, text: str) -> None:
    with pytest.raises(UserError, match=text):
        executor().generate(ids, count)


def test_padding_may_need_more_positions_than_there_are() -> None:
    circuit, program, params = toy_model(1, 0, Sizes(max_tokens=19))
    with pytest.raises(UserError, match="need 20 positions"):
        Executor(circuit, program, params).generate([1] * 17, 2)


def test_weights_of_another_shape() -> None:
    circuit, program, params = toy_model(1, 0)
    params["embedding"] = params["embedding"][:-1]
    with pytest.raises(ZklemmaError, match="weight embedding"):
        Executor(circuit, program, params)


def test_bit_length_at_the_edges() -> None:
    x = [1 << b for b in range(63)] + [(1 << b) - 1 for b in range(1, 64)]
    assert bit_length(np.array(x)).tolist() == [v.bit_length() for v in x]
