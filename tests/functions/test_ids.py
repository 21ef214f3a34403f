"""Ids as inputs: what PyTorch gives for them is proved, by rows of committed tables, and neither another id, nor
another's row, nor a number that is no id."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import zklemma
from torch import nn
from transformers import BertConfig, BertForMaskedLM, BertForSequenceClassification
from witnesses import executor, undetermined
from zklemma.compiler.frontend.evaluate import evaluate_function
from zklemma.compiler.frontend.function import import_function
from zklemma.compiler.interpret_circuit import check
from zklemma.compiler.interpret_quant import interpret_function
from zklemma.compiler.published import read_function
from zklemma.errors import InvalidProof, RangeError, UserError
from zklemma.runtime.circuit.function import Batch
from zklemma.runtime.model.keys import Artifact, VerifyingKey
from zklemma.runtime.model.signature import Signature, Tensor
from zklemma.runtime.progress import Clock, Silent
from zklemma.runtime.protocol import transcript
from zklemma.runtime.protocol.commitment import merkle
from zklemma.runtime.protocol.function_statement import FunctionStatement, Said
from zklemma.runtime.proving.inference import FunctionProver, Visibility
from zklemma.runtime.verifying.function_verifier import verify_function
from zklemma.runtime.witness.function_executor import FunctionExecutor
from zklemma.tools.compiled import Compiled

sys.path.append(str(Path(__file__).parents[1] / "hiding"))
simulator: Any = import_module("simulator")

IDS, TOKENS, KINDS = 50, 6, 2
SIZES: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 8,
    "initializer_range": 0.3,
}


def bert(seed: int = 1, **changed: Any) -> nn.Module:
    torch.manual_seed(seed)
    config = BertConfig(**{"vocab_size": IDS, "num_labels": 3, **SIZES, **changed})
    return BertForSequenceClassification(config).eval()


def ids(count: int, seed: int = 2, most: int = IDS) -> torch.Tensor:
    return torch.randint(0, most, (count, TOKENS), generator=torch.Generator().manual_seed(seed))


class Two(nn.Module):
    """With ids of two kinds, which have tables of their own, and one that both of them read."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.kinds = nn.Embedding(IDS, 4), nn.Embedding(KINDS, 4)
        self.more, self.end = nn.Embedding(IDS + 3, 4), nn.Linear(4, 3)

    def forward(self, words: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
        x = self.words(words) + self.kinds(kinds) + F.relu(self.more(words)) + self.more(kinds)
        return self.end(x.mean(1))


@pytest.fixture(scope="module")
def two() -> tuple[Compiled, nn.Module]:
    torch.manual_seed(3)
    network = Two().eval()
    inputs = ids(64), ids(64, most=KINDS)
    return zklemma.compile(network, inputs, batch=3), network


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    return zklemma.compile(bert(), [ids(64)], batch=2, labels=("a", "b", "c"))


def test_imported_functions_are_those_of_pytorch(two: tuple[Compiled, nn.Module]) -> None:
    for network, inputs in (
        (bert(), {"input_ids": ids(3)}),
        (two[1], {"words": ids(3), "kinds": ids(3, most=KINDS)}),
    ):
        module, weights = import_function(network, [*inputs.values()], 3)
        given = {name: each.numpy() for name, each in inputs.items()}
        (found,) = evaluate_function(module, given, weights)
        with torch.no_grad():
            wanted = network(*inputs.values())
        logits = wanted if isinstance(wanted, torch.Tensor) else wanted.logits
        np.testing.assert_allclose(found, logits.numpy(), atol=2e-6)


def test_the_signature_says_how_many_ids_there_are(
    compiled: Compiled, two: tuple[Compiled, nn.Module]
) -> None:
    (tensor,) = compiled.key.function_signature.inputs
    assert tensor == Tensor.of_ids("input_ids", (TOKENS,), IDS)
    assert (tensor.low, tensor.high) == (0, IDS - 1)
    words, kinds = two[0].key.function_signature.inputs
    assert (words.ids, kinds.ids) == (IDS, KINDS)
    signature = compiled.key.function_signature
    assert Signature.from_list(signature.to_list()) == signature
    key = VerifyingKey.decode(compiled.key.encode())
    assert key.function_signature == signature and key.circuit


def test_labels_are_those_of_pytorch() -> None:
    """Of ids that the network was not calibrated on."""
    network = bert(4, num_hidden_layers=2)
    made = zklemma.compile(network, [ids(128)])
    unseen = ids(500, seed=5)
    logits = torch.from_numpy(made.run(unseen).values["output"])
    with torch.no_grad():
        wanted = network(unseen).logits
    assert len(set(wanted.argmax(1).tolist())) == 3
    assert (logits.argmax(1) == wanted.argmax(1)).float().mean() >= 0.99


@pytest.mark.parametrize(
    "visibility",
    [
        Visibility(),
        Visibility(digest=["input_ids"]),
        Visibility(private=["input_ids"], digest=["output"]),
    ],
)
def test_bert_is_proved(compiled: Compiled, visibility: Visibility) -> None:
    """By both verifiers, which read ids as integers."""
    given = ids(2, seed=6)
    found: Any = zklemma.verify(compiled.key, compiled.prove(given, visibility=visibility))
    if "input_ids" in found.values:
        assert found.values["input_ids"].dtype == np.int64
        assert found.values["input_ids"].tolist() == given.tolist()
    if "output" in found.values:
        assert np.array_equal(found.values["output"], compiled.run(given).values["output"])


def test_a_masked_language_model_has_its_table_once() -> None:
    torch.manual_seed(7)
    network = BertForMaskedLM(BertConfig(vocab_size=IDS, **SIZES)).eval()
    made = zklemma.compile(network, [ids(32)])
    assert made.report["fidelity"]["outputs"]["output"]["greedy_agreement"] >= 0.99
    tables = [x for x in made.artifact.params.values() if x.shape == (IDS, SIZES["hidden_size"])]
    assert len(tables) == 1
    with pytest.raises(UserError, match="over"):
        square = BertForMaskedLM(BertConfig(vocab_size=SIZES["hidden_size"], **SIZES)).eval()
        zklemma.compile(square, [ids(8, most=SIZES["hidden_size"])])


def test_each_relation_leaves_one_witness(
    compiled: Compiled, two: tuple[Compiled, nn.Module]
) -> None:
    """Of a softmax either of two equal maxima may be selected."""
    for made, free in ((compiled, ["select"]), (two[0], [])):
        assert undetermined(made) == free


def test_the_published_function_is_the_executor_s(two: tuple[Compiled, nn.Module]) -> None:
    made, artifact = two[0], two[0].artifact
    function = read_function(bytes(made.key.function_bytes))
    columns = made.key.circuit.home("param")
    weights = {column.origin: artifact.params[column.name] for column in columns}
    given = {"words": ids(3).numpy(), "kinds": ids(3, most=KINDS).numpy()}
    (found,) = interpret_function(function, weights, given)
    assert np.array_equal(found, executor(made).run(given)["output"])
    with pytest.raises(RangeError, match=r"kinds has an id that is not in 0 \.\. 1"):
        interpret_function(function, weights, {**given, "kinds": given["words"]})


def test_no_cell_can_be_another(two: tuple[Compiled, nn.Module]) -> None:
    circuit, params = two[0].key.circuit, two[0].artifact.params
    given = {"words": ids(3).numpy(), "kinds": ids(3, most=KINDS).numpy()}
    witness = executor(two[0]).witness(given)
    assert check(circuit, Batch(3), {**witness, **params}) == []
    random = np.random.default_rng(8)
    for name, array in witness.items():
        changed = array.astype(np.int64)
        changed.flat[random.integers(array.size)] += random.choice((-1, 1))
        assert check(circuit, Batch(3), {**witness, **params, name: changed}), name


class Forger:
    """What proves whatever it is told of the first example."""

    def __init__(self, compiled: Compiled) -> None:
        self.compiled, self.key = compiled, compiled.key
        artifact = compiled.artifact
        self.prover = FunctionProver(self.key, artifact.params, artifact.masks)
        self.given = ids(1, seed=9)
        self.witness = executor(compiled).witness({"input_ids": self.given.numpy()})
        (self.rows,) = (name for name in self.witness if name.endswith("word_embeddings.rows"))

    def said(self, witness: dict[str, np.ndarray]) -> dict[str, Said]:
        return {
            what: witness[names[0]].reshape(-1).astype(np.int64)
            for what, names in self.key.circuit.reveals.items()
        }

    def verify(self, witness: dict[str, np.ndarray], said: dict[str, Said]) -> Any:
        statement = FunctionStatement(1, said, True)
        made = self.prover.prove_witness(statement, witness, Clock(Silent()), strict=False)
        return zklemma.verify(self.key, made.proof)


@pytest.fixture(scope="module")
def forger(compiled: Compiled) -> Forger:
    return Forger(compiled)


def other(forger: Forger) -> dict[str, np.ndarray]:
    """All that the function makes of other ids."""
    given = (forger.given + 1) % IDS
    return executor(forger.compiled).witness({"input_ids": given.numpy()})


def rows_of_another(forger: Forger) -> dict[str, np.ndarray]:
    """Which the rest of the witness follows from: only the ids are not theirs."""
    return {**other(forger), "input_ids": forger.witness["input_ids"]}


def one_row_of_another(forger: Forger) -> dict[str, np.ndarray]:
    rows = forger.witness[forger.rows].copy()
    rows[0, 2] = other(forger)[forger.rows][0, 2]
    return {**forger.witness, forger.rows: rows}


def no_id(forger: Forger, number: int) -> dict[str, np.ndarray]:
    changed = forger.witness["input_ids"].astype(np.int64)
    changed[0, 3] = number
    return {**forger.witness, "input_ids": changed}


CHEATS: dict[str, Callable[[Forger], dict[str, np.ndarray]]] = {
    "rows of another": rows_of_another,
    "one row of another": one_row_of_another,
    "the first number that is no id": lambda forger: no_id(forger, IDS),
    "below the first id": lambda forger: no_id(forger, -1),
    "a large number": lambda forger: no_id(forger, 1 << 40),
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_what_is_no_lookup_is_refused(forger: Forger, cheat: str) -> None:
    """Whether the statement shows the ids or not."""
    witness = CHEATS[cheat](forger)
    said = forger.said(witness)
    silent: dict[str, Said] = {**said, "input input_ids": None}
    for each in (said, silent):
        with pytest.raises(InvalidProof):
            forger.verify(witness, each)


def test_outputs_of_other_ids_are_refused(forger: Forger) -> None:
    honest = forger.said(forger.witness)
    assert forger.verify(forger.witness, honest)
    others = forger.said(other(forger))
    for what in honest:
        with pytest.raises(InvalidProof):
            forger.verify(forger.witness, {**honest, what: others[what]})


def test_another_signature_is_refused(compiled: Compiled) -> None:
    """Of fewer ids than the circuit has a range for at once; of more, or of numbers with a sign, as another key."""
    key, given = compiled.key, ids(1)
    proof, signature = compiled.prove(given).proof, key.function_signature
    fewer, more = (Tensor.of_ids("input_ids", (TOKENS,), n) for n in (IDS - 1, IDS + 1))
    numbers = Tensor("input_ids", (TOKENS,), 7, 0)
    for tensor, error in ((fewer, UserError), (more, InvalidProof), (numbers, InvalidProof)):
        changed = replace(key, signature=replace(signature, inputs=(tensor,)))
        with pytest.raises(error):
            zklemma.verify(changed, proof)
        assert zklemma.audit(changed)["problems"]
    with pytest.raises(UserError, match="only inputs are ids"):
        replace(signature, outputs=(Tensor.of_ids("y", (3,), 4),))
    with pytest.raises(UserError, match="of other bits"):
        replace(signature, inputs=(replace(more, bits=20),))


@pytest.mark.parametrize("ids", [0, -1, True, "5", 1.5, 1 << 53])
def test_a_signature_has_a_number_of_ids(compiled: Compiled, ids: Any) -> None:
    (_,), outputs = compiled.key.function_signature.to_list()
    with pytest.raises((UserError, ValueError)):
        Signature.from_list([[["input_ids", [TOKENS], ids]], outputs])


def test_an_audit_compares_the_table(compiled: Compiled) -> None:
    network, given = bert(), [ids(16, seed=10)]
    report = zklemma.audit(compiled.artifact, network, example_inputs=given)
    assert report["valid"] and report["unchecked"] == [
        "whether these are the labels, in this order (give them)",
        "the name",
    ]
    assert report["weights_compared"] and not report["coarse"]
    assert report["fidelity"]["outputs"]["output"]["greedy_agreement"] == 1
    assert not zklemma.audit(compiled.artifact, bert(2))["valid"]
    with torch.no_grad():
        network.bert.embeddings.word_embeddings.weight[7] += 0.1  # type: ignore[union-attr]
    (problem,) = zklemma.audit(compiled.artifact, network)["problems"]
    assert "word_embeddings" in problem and "at [7, 0]" in problem
    assert not zklemma.audit(compiled.key, bert(vocab_size=IDS - 1))["valid"]


def test_what_is_no_id_is_told(compiled: Compiled, two: tuple[Compiled, nn.Module]) -> None:
    for number in (IDS, -1):
        given = ids(2)
        given[1, 3] = number
        for call in (compiled.run, compiled.prove):
            why = rf"input_ids: {number} in example 1 at \[3\] is no id, which are 0 to {IDS - 1}"
            with pytest.raises(UserError, match=why):
                call(given)
    with pytest.raises(UserError, match="ids are integers, not float64"):
        compiled.run(ids(2).double())
    with pytest.raises(UserError, match="no id"):
        compiled.run(np.full((1, TOKENS), (1 << 64) - 1, np.uint64))
    with pytest.raises(UserError, match="kinds: 2 in example 0"):
        two[0].run(ids(1), torch.full((1, TOKENS), 2))


class Wrapped(nn.Module):
    def __init__(self, body: Callable[[nn.Module, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.table, self.body = nn.Embedding(IDS, 4), body

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(self.table, x)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (lambda table, x: table(x).mean(1) + (x != 1).float().mean(), "aten.ne.Scalar"),
        (lambda table, x: table(x + 1).mean(1), "of ids that are no input"),
        (lambda table, x: table(x[:, 1:]).mean(1), "of ids that are no input"),
        (lambda table, x: (table(x).mean(1), x + x), "only embeddings read"),
        (lambda table, x: (table(x).mean(1), x), "no row or image"),
        (lambda table, x: x.float() @ table.weight[:TOKENS], "only embeddings read"),
    ],
)
def test_what_reads_ids_otherwise_is_one_line(body: Callable[..., Any], why: str) -> None:
    with pytest.raises(UserError, match=why) as refused:
        import_function(Wrapped(body), ids(2), 2)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("given", [ids(2).bool(), ids(2).to(torch.int16), ids(2)[:, 0]])
def test_examples_that_are_no_ids(given: torch.Tensor) -> None:
    with pytest.raises(UserError, match=r"inputs of integers are ids \(N, T\)"):
        zklemma.compile(Wrapped(lambda table, x: table(x).mean(1)), [given])


# Hiding


@pytest.fixture
def artifact(two: tuple[Compiled, nn.Module]) -> Artifact:
    return two[0].artifact


def test_a_simulator_needs_no_ids(artifact: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes proofs of statements that nobody knows to be true, without a witness."""
    oracle = simulator.Oracle()
    monkeypatch.setattr(merkle, "blake2b", oracle)
    monkeypatch.setattr(transcript, "blake2b", oracle)
    monkeypatch.setattr(FunctionExecutor, "witness", None)
    random = np.random.default_rng(11)
    digest = simulator.random_bytes(merkle.DIGEST)
    shown: Said = random.integers(0, KINDS, 3 * TOKENS)
    for said in ((digest, None), (None, digest), (None, shown)):
        tensors = dict(zip(("input words", "input kinds"), said, strict=True))
        output: Said = random.integers(-100, 100, 9)
        statement = FunctionStatement(3, {**tensors, "output output": output}, True)
        proof = simulator.Simulator(artifact.key, oracle).prove(statement)
        assert verify_function(artifact.key, proof, check_ranges=False).statement == statement


def test_private_ids_are_nowhere_in_a_proof(two: tuple[Compiled, nn.Module]) -> None:
    """Nor is how often each stands in them; and of the same ids two proofs share nothing but opened weights."""
    given = torch.full((3, TOKENS), 41), torch.zeros((3, TOKENS), dtype=torch.int64)
    seen = Visibility(digest=["words"], private=["kinds"])
    made = [two[0].prove(*given, visibility=seen) for _ in range(2)]
    for each in made:
        for width in (1, 2, 4, 8):
            for array in (given[0], given[0][:1], torch.bincount(given[0].reshape(-1))):
                assert array.numpy().astype(f"<u{width}").tobytes() not in each.proof
    one, other = (each.result.statement.digests for each in made)
    assert one.keys() == other.keys() == {"input words"} and one != other
    public = two[0].prove(*given)
    assert given[0].numpy().astype("<i1").tobytes() in public.proof
