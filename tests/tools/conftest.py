"""A miniature model as artifact and key on disk, with a proof; and the shipped one, compiled."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from typer.testing import CliRunner
from zklemma.runtime.circuit.encoding import encode_circuit, encode_program
from zklemma.runtime.model.budget import MemoryBudget
from zklemma.runtime.model.choose_parameters import choose_parameters
from zklemma.runtime.model.keys import Artifact, VerifyingKey, save_artifact, save_key
from zklemma.runtime.model.masks import WeightMasks
from zklemma.runtime.proving.prover import CommittedWeights, prove_ranges
from zklemma.tools.cli.app import app

CHECKPOINT = Path(__file__).parents[2] / "checkpoints" / "tiny-gemma3"
TOY = Path(__file__).parents[1] / "executor" / "toy.py"
WORDS = "<pad> <eos> <bos> once upon a time there was the fox ran to river and saw two red birds"


@dataclass(frozen=True)
class Files:
    model: Path
    key: Path
    proof: Path
    made: dict


@dataclass(frozen=True)
class Shipped:
    """The shipped checkpoint as artifact and key on disk, and what `compile` said of them."""

    model: Path
    key: Path
    compiled: dict


def zklemma(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command in this process; an exception that it lets through fails the test."""
    command = list(map(str, arguments))
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    return subprocess.CompletedProcess(command, result.exit_code, result.stdout, result.stderr)


def toy_artifact(seed: int = 0, hiding: bool = True, max_tokens: int = 16) -> Artifact:
    """The hand-written toy model with a tokenizer of words, four of which it has no row for. ``hiding``:
    whether its weights are private."""
    spec = importlib.util.spec_from_file_location("toy", TOY)
    assert spec and spec.loader
    toy = importlib.util.module_from_spec(spec)
    sys.modules["toy"] = toy
    spec.loader.exec_module(toy)
    sizes = toy.Sizes(max_tokens=max_tokens)
    circuit, program, params = toy.toy_model(seed=seed, sizes=sizes)
    private, private_program, _ = toy.toy_model(seed=seed, sizes=sizes, private=True)
    words = [*WORDS.split(), "moon", "zebra", "yak", "ox", "emu"]
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="emu"))
    tokenizer.add_special_tokens(words[:3])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", 2)]
    )
    parameters = choose_parameters([circuit, private], hiding=hiding)
    masks = WeightMasks.fresh(circuit, parameters)
    weights = CommittedWeights(circuit, parameters, params, masks)
    key = VerifyingKey(
        name="toy",
        weights=sum(array.size for array in params.values()),
        code=parameters.to_list(),
        eos=(1,),
        weight_root=weights.root,
        circuit_bytes=encode_circuit(circuit),
        private_circuit_bytes=encode_circuit(private),
        function_bytes=b"",
        tokenizer_bytes=tokenizer.to_str().encode(),
        range_proof=prove_ranges(circuit, parameters, weights),
    )
    programs = encode_program(program), encode_program(private_program)
    return Artifact(key, *programs, params, {}, masks, MemoryBudget(key))


def save(artifact: Artifact, folder: Path) -> Files:
    """The artifact and its key on disk, and a proof made from them."""
    files = Files(folder / "model.zkl", folder / "model.vk", folder / "answer.proof", {})
    save_artifact(files.model, artifact)
    save_key(files.key, artifact.key)
    done = zklemma(
        *("prove", files.model, "--prompt", "once upon a time", "--max-new-tokens", 4),
        *("-o", files.proof, "--json"),
    )
    assert done.returncode == 0, done.stderr
    files.made.update(json.loads(done.stdout))
    return files


@pytest.fixture(scope="session")
def run() -> Callable[..., subprocess.CompletedProcess[str]]:
    return zklemma


@pytest.fixture(scope="session")
def make() -> Callable[..., Artifact]:
    return toy_artifact


@pytest.fixture(scope="session")
def toy(tmp_path_factory) -> Files:
    return save(toy_artifact(), tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="session")
def other_toy(tmp_path_factory) -> Files:
    """The same circuit with other weights."""
    return save(toy_artifact(seed=1), tmp_path_factory.mktemp("other"))


@pytest.fixture(scope="session")
def shipped(tmp_path_factory) -> Shipped:
    folder = tmp_path_factory.mktemp("shipped")
    model, key = folder / "model.zkl", folder / "model.vk"
    done = zklemma("compile", CHECKPOINT, "-o", model, "--max-tokens", "60", "--json")
    assert done.returncode == 0, done.stderr
    return Shipped(model, key, json.loads(done.stdout))
