"""A compiled model with prompt and output as columns: each relation of tokens, and each message about them.

The model is the small one of the lowering tests. What its relations refuse one by one is tested there; here whole
proofs are made around each lie, digests included, and the verifier rejects them.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from zklemma.compiler.interpret_circuit import check
from zklemma.errors import InvalidProof
from zklemma.runtime.circuit.generation import Generation
from zklemma.runtime.protocol.statement import Statement
from zklemma.runtime.verifying import disclosure
from zklemma.runtime.verifying.disclosure import Opened
from zklemma.runtime.witness import executor as executor_module
from zklemma.runtime.witness.executor import Executor

proving = import_module("proving")

SOURCE = Path(__file__).parents[1] / "lowering" / "conftest.py"
BOTH = ("prompt", "output")
BOUND, GENERATED, VOCABULARY = 7, 3, 40
LOOKUP = f"{proving.LOOKUP} does not hold"

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Compiled:
    setting: Any
    executor: Executor
    prompt: list[int]
    output: list[int]

    @property
    def circuit(self) -> Any:
        return self.setting.key.private_circuit

    def honest(self, hiding: bool = False, items: Sequence[str] = BOTH) -> Any:
        return self.setting.private_case(items, self.prompt, self.output, BOUND, hiding)

    def around(self, statement: Statement, witness: Arrays) -> bytes:
        """A proof around a witness; its digests are of what the witness says."""
        said, sealed = self.setting.seal(statement, witness, tuple(statement.digests))
        return self.setting.prove_private(said, witness, sealed)

    def violated(self, statement: Statement, witness: Arrays) -> set[str]:
        columns = {**self.setting.params, **witness}
        return set(check(self.circuit, statement.shape, columns))


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    spec = importlib.util.spec_from_file_location("lowering_model", SOURCE)
    assert spec and spec.loader
    model = importlib.util.module_from_spec(spec)
    # A dataclass looks its module up by name.
    sys.modules[spec.name] = model
    spec.loader.exec_module(model)
    _, module = model.tiny_module()
    weights = model.random_weights(module)
    circuit, program = model.lower(module)
    _, module = model.tiny_module()
    private, private_program = model.lower(module, private_tokens=True)
    params = model.param_arrays(circuit, weights)
    executor = Executor(private, private_program, params)

    def witness(shape: Generation, prompt: Sequence[int], output: Sequence[int]) -> Arrays:
        return executor.witness([*prompt, *output], len(prompt), len(output), shape=shape)

    code = proving.parameters(13, [4])
    setting = proving.Setting(circuit, program, params, code, None, private, witness)
    output = setting.prover.executor.generate(model.VARIED, GENERATED)
    return Compiled(setting, executor, list(model.VARIED), output)


@pytest.mark.parametrize("hiding", [False, True])
@pytest.mark.parametrize("items", [("prompt",), ("output",), BOTH])
def test_true_statements_are_accepted(
    compiled: Compiled, items: tuple[str, ...], hiding: bool
) -> None:
    statement, witness, sealed = compiled.honest(hiding, items)
    proof = compiled.setting.prove_private(statement, witness, sealed)
    assert compiled.setting.verify(proof).statement == statement
    said = {"prompt": compiled.prompt, "output": compiled.output}
    for what, found in sealed.items():
        opened = Opened(found.rows, found.salts)
        code = compiled.setting.key.parameters
        assert disclosure.tokens(statement, what, opened, code) == said[what]


# Lies about tokens. Each gives the columns that it changes.


def ended(compiled: Compiled, witness: Arrays) -> Arrays:
    """The prompt ends a token too early, and is shown so; generation does not."""
    before = witness["prompt.before"].copy()
    before[len(compiled.prompt) - 1] = 0
    return {"prompt.before": before, "prompt.ids": before * witness["ids"]}


def twice_before(compiled: Compiled, witness: Arrays) -> Arrays:
    """Flags one larger, and a length that is larger by what this adds."""
    before = witness["prompt.before"].astype(np.int64) + 1
    length = witness["prompt.length"].astype(np.int64) + 16
    ids = before * witness["ids"]
    return {"prompt.before": before, "prompt.length": length, "prompt.ids": ids}


def unmasked(compiled: Compiled, witness: Arrays) -> Arrays:
    """A prompt by itself that is another."""
    ids = witness["prompt.ids"].astype(np.int64)
    ids[1] += 1
    return {"prompt.ids": ids}


def longer(compiled: Compiled, witness: Arrays) -> Arrays:
    """The first output counts as prompt, and the model goes on from where it did."""
    length = witness["prompt.length"].astype(np.int64) + 1
    before = (np.arange(len(witness["ids"])) < length).astype(np.int64)
    ids = before * witness["ids"]
    return {"prompt.length": length, "prompt.before": before, "prompt.ids": ids}


def another_token(compiled: Compiled, witness: Arrays) -> Arrays:
    """A prompt that is not the one whose rows of the embedding the model reads."""
    ids = witness["ids"].astype(np.int64)
    ids[0] += 1
    return {"ids": ids, "prompt.ids": ids * witness["prompt.before"]}


def outside(compiled: Compiled, witness: Arrays) -> Arrays:
    """No token at all."""
    ids = witness["ids"].astype(np.int64)
    ids[0] = VOCABULARY
    return {"ids": ids, "prompt.ids": ids * witness["prompt.before"]}


def another_row(compiled: Compiled, witness: Arrays) -> Arrays:
    """One cell of what generates."""
    rows = witness["norm.select.rows"].astype(np.int64)
    rows[1, 3] += 1
    return {"norm.select.rows": rows}


def not_read_on(compiled: Compiled, witness: Arrays) -> Arrays:
    """The last output is another than the one at its position."""
    ids = witness["ids"].astype(np.int64)
    end = len(compiled.prompt) + GENERATED
    ids[end - 1] = (ids[end - 1] + 1) % VOCABULARY
    tokens = compiled.prompt + compiled.output
    shape = Generation(BOUND + 1, GENERATED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(executor_module, "position_ids", lambda *_: ids)
        return compiled.executor.witness(tokens, len(compiled.prompt), GENERATED, shape=shape)


def with_order(witness: Arrays, step: int, add: int) -> Arrays:
    """The numbers of a step's order, all larger."""
    names = [name for name in sorted(witness) if name.startswith("lm_head.limb")]
    limbs = {name: witness[name].astype(np.int64) for name in names}
    numbers = sum(limb[step] << 16 * i for i, limb in enumerate(limbs.values())) + add
    for i, limb in enumerate(limbs.values()):
        limb[step] = numbers >> 16 * i & 0xFFFF
    return limbs


def beyond_the_best(compiled: Compiled, witness: Arrays) -> Arrays:
    """A largest logit that no token has."""
    best = witness["lm_head.best"].astype(np.int64)
    best[1] += 1
    return {"lm_head.best": best, **with_order(witness, 1, VOCABULARY)}


def another_order(compiled: Compiled, witness: Arrays) -> Arrays:
    return with_order(witness, 2, 1)


def another_tokens_row(compiled: Compiled, witness: Arrays) -> Arrays:
    """The largest logit belongs to a row of nothing."""
    rows = witness["lm_head.rows"].astype(np.int64)
    rows[0, [2, 5]] += [1, -1]
    return {"lm_head.rows": rows}


def carried(compiled: Compiled, witness: Arrays) -> Arrays:
    """A limb that takes one from the next."""
    low, high = (witness[f"lm_head.limb{i}"].astype(np.int64) for i in (0, 1))
    step, token = np.argwhere(high > 0)[0]
    low[step, token] += 1 << 16
    high[step, token] -= 1
    return {"lm_head.limb0": low, "lm_head.limb1": high}


@pytest.mark.parametrize(
    ("lie", "relations", "reason"),
    [
        (ended, {"prompt.length.range"}, LOOKUP),
        (twice_before, {"prompt.before.range", "norm.select.row", "output.ids.fed"}, LOOKUP),
        (unmasked, {"prompt.ids.masked"}, "prompt.ids.masked does not hold"),
        (longer, {"norm.select.row", "output.ids.fed"}, LOOKUP),
        (another_token, {"embed_tokens.row"}, LOOKUP),
        (outside, {"embed_tokens.row"}, LOOKUP),
        (another_row, {"norm.select.row", "norm.square_sum", "norm.requantize"}, LOOKUP),
        (not_read_on, {"output.ids.fed"}, LOOKUP),
        (another_tokens_row, {"lm_head.row", "lm_head.attained"}, LOOKUP),
        (beyond_the_best, {"lm_head.attained"}, "lm_head.attained does not hold"),
        # The relation defines a limb, so that lookups claim what it says.
        (another_order, {"lm_head.order"}, "opening: the masked claim does not hold"),
        (carried, {"lm_head.limb0.range"}, LOOKUP),
    ],
)
def test_a_lie_about_tokens(
    compiled: Compiled, lie: Callable[..., Arrays], relations: set[str], reason: str
) -> None:
    statement, honest, _ = compiled.honest()
    witness = {**honest, **lie(compiled, honest)}
    assert compiled.violated(statement, witness) == relations
    proof = compiled.around(statement, witness)
    with pytest.raises(InvalidProof, match=f"^{reason}$"):
        compiled.setting.verify(proof)


@pytest.mark.parametrize("lie", [ended, beyond_the_best])
def test_a_hidden_lie_about_tokens(compiled: Compiled, lie: Callable[..., Arrays]) -> None:
    statement, honest, _ = compiled.honest(hiding=True)
    proof = compiled.around(statement, {**honest, **lie(compiled, honest)})
    with pytest.raises(InvalidProof, match="do not hold for the committed pads"):
        compiled.setting.verify(proof)


@pytest.mark.parametrize("hiding", [False, True])
@pytest.mark.parametrize("what", BOTH)
def test_what_is_shown_is_another(compiled: Compiled, what: str, hiding: bool) -> None:
    """The other item is private; the columns are the model's own."""
    (other,) = {*BOTH} - {what}
    statement, witness, sealed = compiled.honest(hiding, (other,))
    tokens = (*statement.tokens[:-1], (statement.tokens[-1] + 1) % VOCABULARY)
    said = replace(statement, tokens=tokens)
    proof = compiled.setting.prove_private(said, witness, sealed)
    with pytest.raises(InvalidProof):
        compiled.setting.verify(proof)


def test_another_bound_than_the_proofs(compiled: Compiled) -> None:
    """A shape is part of the statement: with any other there is nothing to verify."""
    statement, witness, sealed = compiled.honest()
    proof = compiled.setting.prove_private(statement, witness, sealed)
    for change in ({"prompt": BOUND - 1}, {"prompt": BOUND + 1}, {"generated": 2}):
        said = replace(statement, **change).encode()
        forged = len(said).to_bytes(4, "little") + said + proof[4 + len(statement.encode()) :]
        with pytest.raises(InvalidProof):
            compiled.setting.verify(forged)
