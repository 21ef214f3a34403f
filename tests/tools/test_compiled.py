"""Compiled models from Python: of every kind of source, of both kinds of models, and several at once."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import zklemma
from safetensors.torch import save_file
from torch import nn
from torch.export import Dim, export
from zklemma.compiler.module_text import parse_module
from zklemma.errors import InvalidProof, UserError
from zklemma.runtime.model.budget import MemoryBudget
from zklemma.runtime.model.files import PROOF
from zklemma.runtime.model.keys import save_key
from zklemma.tools.compiled import Compiled

LABELS = ("left", "middle", "right")
TEXT = """
func.func @main() -> tensor<4x3xf32> {{
  %x = nn.input "x" : tensor<4x6xf32>
  %w = nn.param @first.weight {{sha256 = "{digest}"}} : tensor<8x6xf32>
  %b = nn.param @first.bias {{sha256 = "{digest}"}} : tensor<8xf32>
  %v = nn.param @second.weight {{sha256 = "{digest}"}} : tensor<3x8xf32>
  %y = nn.linear %x, %w bias %b : (tensor<4x6xf32>, tensor<8x6xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  %h = nn.relu %y : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %z = nn.linear %h, %v : (tensor<4x8xf32>, tensor<3x8xf32>) -> tensor<4x3xf32>
  func.return %z : tensor<4x3xf32>
}}
"""


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 8)
        self.second = nn.Linear(8, 3, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.relu(self.first(x)))


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(1)
    return Network().train()


@pytest.fixture(scope="module")
def inputs() -> torch.Tensor:
    return torch.rand(40, 6, generator=torch.Generator().manual_seed(2)) - 0.5


@pytest.fixture(scope="module")
def compiled(network: Network, inputs: torch.Tensor) -> Compiled:
    return zklemma.compile(network, inputs, batch=4, labels=LABELS)


@pytest.fixture
def language(make: Any) -> Compiled:
    artifact = make()
    return Compiled(replace(artifact, budget=MemoryBudget(artifact.key)))


def test_it_says_what_pytorch_says(compiled: Compiled, network: Network, inputs: torch.Tensor):
    wanted = network(inputs).detach()
    for given in (inputs, inputs.half().float().requires_grad_(), {"x": inputs.tolist()}):
        found = compiled.run(given)
        np.testing.assert_allclose(found.values["output"], wanted, atol=2e-3)
        assert found.labels["output"] == [LABELS[i] for i in wanted.argmax(1)]
    assert network.training
    assert compiled.report["batch"] == 4 and compiled.report["model_id"] == compiled.key.model_id
    assert compiled.report["fidelity"]["outputs"]["output"]["relative_error"] < 1e-3


def test_what_it_proves_it_says(compiled: Compiled, inputs: torch.Tensor):
    hidden = zklemma.Visibility(private=["x"])
    made = compiled.prove(inputs[:3], visibility=hidden, nonce=b"n")
    found = zklemma.verify(compiled.key, made)
    assert isinstance(found, zklemma.VerifiedFunction) and found.statement.nonce == b"n"
    said = compiled.run(inputs[:3])
    assert list(found.values) == ["output"] and found.labels == said.labels
    assert (found.values["output"] == said.values["output"]).all()
    assert (made.outputs["output"] == said.values["output"]).all()


def test_keys_and_proofs_are_objects_bytes_or_files(
    compiled: Compiled, inputs: torch.Tensor, tmp_path: Path, run: Any
):
    sizes = compiled.save(tmp_path / "model.zkl")
    key, path = tmp_path / "model.vk", tmp_path / "some.proof"
    assert sizes["vk_bytes"] == key.stat().st_size
    assert sizes["artifact_bytes"] == (tmp_path / "model.zkl").stat().st_size
    loaded = Compiled.load(tmp_path / "model.zkl")
    assert loaded.report == compiled.report and loaded.key.model_id == compiled.key.model_id
    made = loaded.prove(inputs[:1])
    made.save(path)
    for each in (loaded.key, key, str(key), key.read_bytes()):
        for proof in (made, made.proof, path, str(path)):
            zklemma.verify(each, proof)
    assert run("verify", key, path).returncode == 0
    np.save(tmp_path / "x.npy", inputs[:1].numpy())
    given = f"x={tmp_path / 'x.npy'}"
    told = run(
        "prove", tmp_path / "model.zkl", "--input", given, "-o", tmp_path / "b.proof", "--quiet"
    )
    assert told.returncode == 0
    zklemma.verify(key, tmp_path / "b.proof")
    forged = bytearray(made.proof)
    forged[-1] ^= 1
    assert forged[: len(PROOF.magic)] == PROOF.magic
    with pytest.raises(InvalidProof):
        zklemma.verify(key, bytes(forged))


def test_proving_needs_no_pytorch(inputs: torch.Tensor, tmp_path: Path):
    zklemma.compile(Network(), inputs).save(tmp_path / "model.zkl")
    code = f"""
import sys
blocked = ("torch", "transformers", "xdsl")
sys.modules |= dict.fromkeys(blocked)  # None is what can not be imported.
import zklemma
compiled = zklemma.Compiled.load({str(tmp_path / "model.zkl")!r})
made = compiled.prove({inputs[:1].tolist()!r})
zklemma.verify({str(tmp_path / "model.vk")!r}, made)
assert (compiled.run({inputs[:1].tolist()!r}).values["output"] == made.outputs["output"]).all()
compiled._repr_html_()
assert not any(name.startswith("zklemma.compiler") for name in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_network_may_return_an_activation(inputs: torch.Tensor):
    """Of a sum, whose table of ReLU has more numbers than the bits of what it was calibrated on."""

    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = nn.Linear(6, 4), nn.Linear(6, 4)

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            y = self.left(x) + self.right(x)
            return y, torch.relu(y)

    torch.manual_seed(0)
    found = zklemma.compile(Sum(), inputs, private=False)
    (_, relu) = found.key.function_signature.outputs
    column = found.key.circuit.column["output1"]
    assert relu.low <= column.low and column.high <= relu.high
    zklemma.verify(found.key, found.prove(inputs[:1]))


def test_a_language_model(language: Compiled):
    said = language.run("once upon a time", max_new_tokens=3)
    made = language.prove(
        "once upon a time",
        max_new_tokens=3,
        visibility=zklemma.Visibility(private=["prompt"]),
        prompt_bound=6,
    )
    assert made.text == said
    found = zklemma.verify(language.key, made)
    assert isinstance(found, zklemma.Verified) and list(found.statement.digests) == ["prompt"]
    assert found.statement.output_tokens == tuple(made.generated)
    for wrong in (
        lambda: language.run(np.zeros((1, 2))),
        lambda: language.prove("once", max_new_tokens=1, prompt_bound=3),
        lambda: language.prove(
            "once", max_new_tokens=1, visibility=zklemma.Visibility(private=["x"])
        ),
    ):
        with pytest.raises(UserError):
            wrong()


def test_a_program_is_its_module(compiled: Compiled, network: Network, inputs: torch.Tensor):
    fixed = export(network.eval(), (inputs[:4],))
    free = export(network, (inputs[:8],), dynamic_shapes=({0: Dim("n")},))
    network.train()
    for program in (fixed, free):
        found = zklemma.compile(program, inputs, batch=4, name="Network", labels=LABELS)
        assert found.key.circuit_bytes == compiled.key.circuit_bytes
        same = compiled.report["fidelity"]["outputs"]["output"]["relative_error"]
        assert found.report["fidelity"]["outputs"]["output"]["relative_error"] == pytest.approx(
            same, rel=0.01
        )
    assert zklemma.compile(fixed).report["batch"] == 4  # The examples that it was exported for.


def test_a_module_of_xdsl_with_weights(
    compiled: Compiled, network: Network, inputs: torch.Tensor, tmp_path: Path
):
    text = TEXT.format(digest="0" * 64)
    (tmp_path / "module.mlir").write_text(text)
    state = network.state_dict()
    save_file(state, str(tmp_path / "model.safetensors"))
    module = parse_module(text)
    before = str(module)
    options: dict[str, Any] = {"name": "Network", "labels": LABELS}
    for source, weights in (
        (module, {name: each.numpy() for name, each in state.items()}),
        (tmp_path / "module.mlir", tmp_path),
    ):
        found = zklemma.compile(source, inputs, weights=weights, **options)
        assert found.report["batch"] == 4 and found.report["parameters"] == 80
        said = found.run(inputs).values["output"]
        assert (said == compiled.run(inputs).values["output"]).all()
        zklemma.verify(found.key, found.prove(inputs[:2]))
    assert str(module) == before
    with pytest.raises(UserError, match=r"the weight second\.weight is missing"):
        arrays = {name: each.numpy() for name, each in state.items() if "first" in name}
        zklemma.compile(module, inputs, weights=arrays)
    with pytest.raises(UserError, match="is not the one that was compiled"):
        other = parse_module(TEXT.format(digest="1" * 64))
        zklemma.compile(other, inputs, weights=tmp_path)
    with pytest.raises(UserError, match="needs its weights"):
        zklemma.compile(module, inputs)
    with pytest.raises(UserError, match="weights go with a module of xDSL"):
        zklemma.compile(network, inputs, weights=tmp_path)


def test_what_it_does_not_take_is_one_line(compiled: Compiled, inputs: torch.Tensor):
    run: Any = compiled.run
    for given in ((), (inputs, inputs), ("once",)):
        with pytest.raises(UserError, match="Network takes 1 input: x"):
            run(*given)
    with pytest.raises(UserError, match="outside its range"):
        compiled.run(100 * inputs)
    with pytest.raises(UserError, match="compiled for 4"):
        compiled.prove(inputs)


def test_it_is_shown(compiled: Compiled, language: Compiled):
    assert repr(compiled).startswith('<Compiled function "Network", 80 parameters, id ')
    assert "language model" in repr(language)
    for each in (compiled, language):
        page = each._repr_html_()
        assert each.key.model_id in page and page.count("<table>") == page.count("</table>") >= 1
    assert "-0.5" not in repr(compiled) and "largest error" in compiled._repr_html_()


def test_threads_compile_at_once(network: Network, inputs: torch.Tensor, compiled: Compiled):
    stages: list[list[str]] = [[], [], []]

    class Told:
        def __init__(self, number: int):
            self.number = number

        def stage(self, name: str, fraction_done: float) -> None:
            stages[self.number].append(name)

    def work(number: int) -> Compiled:
        return zklemma.compile(
            network, inputs, batch=4, labels=LABELS, private=False, progress=Told(number)
        )

    with ThreadPoolExecutor(3) as pool:
        found = [*pool.map(work, range(3))]
    assert len({each.key.model_id for each in found}) == 1
    assert all(own[0] == "import" for own in stages)
    assert found[0].key.circuit_bytes == compiled.key.circuit_bytes and network.training


def test_threads_prove_at_once(compiled: Compiled, inputs: torch.Tensor):
    spent = compiled.artifact.budget.spent()
    with ThreadPoolExecutor(3) as pool:
        made = [*pool.map(compiled.prove, (inputs[i : i + 2] for i in range(3)))]
    for number, each in enumerate(made):
        found = zklemma.verify(compiled.key, each)
        assert isinstance(found, zklemma.VerifiedFunction)
        wanted = compiled.run(inputs[number : number + 2]).values["output"]
        assert (found.values["output"] == wanted).all()
    assert compiled.artifact.budget.spent() == spent + 3 * compiled.artifact.budget.columns


def test_a_key_alone_is_enough(compiled: Compiled, inputs: torch.Tensor, tmp_path: Path):
    save_key(tmp_path / "a.vk", compiled.key)
    other = zklemma.compile(Network(), inputs, batch=4)
    with pytest.raises(InvalidProof, match="not of this key's"):
        zklemma.verify(tmp_path / "a.vk", other.prove(inputs[:1]))
