"""Decoder blocks as functions of tensors: RMS norms, rotary embeddings, key/value heads that are shared and gated
products, as people write them in PyTorch, are what PyTorch gives, and are proved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import zklemma
from torch import nn
from transformers import LlamaConfig, Qwen3Config
from transformers.models.llama.modeling_llama import LlamaDecoderLayer, LlamaRotaryEmbedding
from transformers.models.qwen3.modeling_qwen3 import Qwen3DecoderLayer, Qwen3RotaryEmbedding
from witnesses import executor, integers, only_witness, undetermined
from zklemma.compiler.frontend.evaluate import evaluate_function
from zklemma.compiler.frontend.function import import_function
from zklemma.compiler.interpret_circuit import check
from zklemma.dialects import nn as dialect
from zklemma.errors import InvalidProof, UserError
from zklemma.runtime.circuit.function import Batch
from zklemma.runtime.progress import Clock, Silent
from zklemma.runtime.protocol.function_statement import FunctionStatement
from zklemma.runtime.proving.inference import FunctionProver
from zklemma.runtime.verifying import native
from zklemma.runtime.verifying.second import Second
from zklemma.tools.compiled import Compiled

TOKENS, HEADS, SHARED, DIM = 5, 4, 2, 4
WIDTH, INNER = HEADS * DIM, 24
ANGLES = torch.outer(torch.arange(TOKENS), 100.0 ** (-torch.arange(0, DIM, 2) / DIM))
COS, SIN = ANGLES.cos(), ANGLES.sin()
Rotation = Callable[[torch.Tensor], torch.Tensor]
Attention = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


# Ways to write a rotation of (N, H, T, D)


def by_halves(x: torch.Tensor) -> torch.Tensor:
    """As transformers does."""
    turned = torch.cat([-x[..., DIM // 2 :], x[..., : DIM // 2]], -1)
    return x * torch.cat([COS, COS], -1) + turned * torch.cat([SIN, SIN], -1)


def joined(x: torch.Tensor) -> torch.Tensor:
    a, b = x.chunk(2, -1)
    return torch.cat([a * COS - b * SIN, a * SIN + b * COS], -1)


def neighbours(x: torch.Tensor) -> torch.Tensor:
    a, b = x[..., ::2], x[..., 1::2]
    return torch.stack([a * COS - b * SIN, b * COS + a * SIN], -1).flatten(-2)


def in_part(x: torch.Tensor) -> torch.Tensor:
    """Only the first two channels of each head."""
    a, b, others = x.split([1, 1, DIM - 2], -1)
    cos, sin = COS[:, :1], SIN[:, :1]
    return torch.cat([torch.cat([a * cos - b * sin, b * cos + a * sin], -1), others], -1)


def positions_first(x: torch.Tensor) -> torch.Tensor:
    """Of (N, T, H, D), and twice as large."""
    a, b = x.transpose(1, 2).chunk(2, -1)
    cos, sin = 2 * COS[:, None], 2 * SIN[:, None]
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1).transpose(1, 2)


# Ways to share keys and values


def grouped(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)


def interleaved(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    k, v = (x.repeat_interleave(HEADS // SHARED, 1) for x in (k, v))
    return F.scaled_dot_product_attention(q, k, v)


def windowed(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Each position sees three, by a constant mask of booleans."""
    age = torch.arange(TOKENS)[:, None] - torch.arange(TOKENS)
    mask = (age >= 0) & (age < 3)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=True)


def by_hand(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    def repeated(x: torch.Tensor) -> torch.Tensor:
        n, heads, tokens, width = x.shape
        each = x[:, :, None].expand(n, heads, HEADS // SHARED, tokens, width)
        return each.reshape(n, HEADS, tokens, width)

    scores = (q / DIM**0.5) @ repeated(k).transpose(2, 3)
    scores = scores + torch.full((TOKENS, TOKENS), -torch.inf).triu(1)
    return scores.softmax(-1) @ repeated(v)


class Norm(nn.Module):
    """As transformers writes it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x.to(torch.float32)
        variance = y.pow(2).mean(-1, keepdim=True)
        return self.weight * (y * torch.rsqrt(variance + 1e-6)).to(x.dtype)


class Block(nn.Module):
    """Touvron et al. 2023; with norms of queries and keys as in Qwen 3, if there is one."""

    def __init__(
        self, rotation: Rotation, attention: Attention, norm: Callable[[int], nn.Module] = Norm
    ) -> None:
        super().__init__()
        self.rotation, self.attention = rotation, attention
        self.first, self.second = norm(WIDTH), norm(WIDTH)
        self.q, self.k, self.v = (
            nn.Linear(WIDTH, heads * DIM, bias=False) for heads in (HEADS, SHARED, SHARED)
        )
        self.out = nn.Linear(WIDTH, WIDTH, bias=False)
        self.gate, self.up = (nn.Linear(WIDTH, INNER, bias=False) for _ in range(2))
        self.down = nn.Linear(INNER, WIDTH, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.first(x)
        q, k, v = (
            layer(y).view(*x.shape[:2], -1, DIM).transpose(1, 2)
            for layer in (self.q, self.k, self.v)
        )
        mixed = self.attention(self.rotation(q), self.rotation(k), v)
        x = x + self.out(mixed.transpose(1, 2).reshape(x.shape))
        y = self.second(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class OfTransformers(nn.Module):
    """Layers of transformers, with the angles and the mask that their model has for a fixed number of positions."""

    def __init__(self, config: Any, layer: Any, rotary: Any) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layer(config, i) for i in range(config.num_hidden_layers))
        self.rotary = rotary(config)
        least = torch.finfo(torch.float32).min
        self.register_buffer("mask", torch.full((TOKENS, TOKENS), least).triu(1)[None, None])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        places = torch.arange(TOKENS)[None]
        angles = self.rotary(x, places)
        for layer in self.layers:
            x = layer(x, attention_mask=self.mask, position_ids=places, position_embeddings=angles)
        return x


def of_transformers(
    config: type, layer: type, rotary: type, attention: str
) -> Callable[[], nn.Module]:
    sizes = config(
        hidden_size=WIDTH,
        num_attention_heads=HEADS,
        num_key_value_heads=SHARED,
        head_dim=DIM,
        intermediate_size=INNER,
        num_hidden_layers=2,
        vocab_size=8,
    )
    sizes._attn_implementation = attention
    return lambda: OfTransformers(sizes, layer, rotary)


LLAMA = LlamaConfig, LlamaDecoderLayer, LlamaRotaryEmbedding
QWEN3 = Qwen3Config, Qwen3DecoderLayer, Qwen3RotaryEmbedding
FORMS: dict[str, Callable[[], nn.Module]] = {
    "halves, grouped": lambda: Block(by_halves, grouped, nn.RMSNorm),
    "halves, by hand": lambda: Block(by_halves, by_hand),
    "joined, interleaved": lambda: Block(joined, interleaved),
    "neighbours, by hand": lambda: Block(neighbours, by_hand),
    "in part, grouped": lambda: Block(in_part, grouped),
    "positions first, windowed": lambda: Block(positions_first, windowed),
    "Llama, eager": of_transformers(*LLAMA, "eager"),
    "Llama, sdpa": of_transformers(*LLAMA, "sdpa"),
    "Qwen 3, eager": of_transformers(*QWEN3, "eager"),
}
PROVED = ("neighbours, by hand", "positions first, windowed")


def spread(network: nn.Module) -> nn.Module:
    """With weights of other sizes than those of a new module, norms included."""
    with torch.no_grad():
        for weight in network.parameters():
            weight += 0.2 * torch.randn(weight.shape)
    return network.eval()


def made(form: str) -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(1)
    return spread(FORMS[form]()), torch.randn(24, TOKENS, WIDTH)


@pytest.mark.parametrize("form", FORMS)
def test_imported_functions_are_those_of_pytorch(form: str) -> None:
    network, x = made(form)
    module, weights = import_function(network, x[:4], 4)
    (name,) = (op.input_name for op in module.walk() if isinstance(op, dialect.InputOp))
    (found,) = evaluate_function(module, {name: x.numpy()}, weights)
    with torch.no_grad():
        np.testing.assert_allclose(found, network(x).numpy(), atol=2e-5)
    ops = [op for op in module.walk()]
    layers = sum(isinstance(op, dialect.ScoresOp) for op in ops)
    assert sum(isinstance(op, dialect.RotateOp) for op in ops) == 2 * layers
    assert {op.name for op in ops}.isdisjoint({"nn.expand", "nn.concat", "nn.mean", "nn.view"})
    for op in ops:
        if isinstance(op, dialect.ScoresOp):
            assert [dialect.shape_of(x)[1] for x in op.operands] == [HEADS, SHARED]
    windows = {
        op.window and op.window.value.data for op in ops if isinstance(op, dialect.MaskedSoftmaxOp)
    }
    assert windows <= ({3} if "windowed" in form else {None})


class OneHead(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(WIDTH, DIM) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k = joined(self.q(x)), by_halves(self.k(x))
        return F.scaled_dot_product_attention(q, k, self.v(x))


def test_a_rotation_needs_no_heads() -> None:
    torch.manual_seed(3)
    network, x = OneHead(), torch.randn(4, TOKENS, WIDTH)
    module, weights = import_function(network, x, 4)
    (found,) = evaluate_function(module, {"x": x.numpy()}, weights)
    with torch.no_grad():
        np.testing.assert_allclose(found, network(x).numpy(), atol=2e-6)
    tables = [op for op in module.walk() if isinstance(op, dialect.ParamOp)]
    assert [op.param_name for op in tables if "rotary" in op.param_name] == [
        "rotary.cos",
        "rotary.sin",
    ]


class Applied(nn.Module):
    def __init__(self, body: Rotation) -> None:
        super().__init__()
        self.layer, self.body = nn.Linear(WIDTH, WIDTH), body

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(self.layer(x))


def of_examples(x: torch.Tensor) -> torch.Tensor:
    """Angles that differ from example to example."""
    a, b = x.chunk(2, -1)
    angles = torch.arange(2.0)[:, None, None]
    return torch.cat([a * angles.cos() - b * angles.sin(), b * angles.cos() + a], -1)


def of_three(x: torch.Tensor) -> torch.Tensor:
    """Three channels in each sum."""
    a, b, c, d = x.chunk(4, -1)
    return torch.cat([a + b + c, b, c, d], -1)


@pytest.mark.parametrize("body", [of_examples, of_three, lambda x: torch.cat([x, x.relu()], -1)])
def test_what_is_no_rotation_is_one_line(body: Rotation) -> None:
    why = r"concat \(of several values, in no rotation of channels that is known\)"
    with pytest.raises(UserError, match=why) as refused:
        import_function(Applied(body), torch.rand(2, TOKENS, WIDTH), 2)
    assert "\n" not in str(refused.value)


@pytest.fixture(scope="module", params=PROVED)
def form(request: pytest.FixtureRequest) -> tuple[Compiled, torch.Tensor, torch.Tensor]:
    network, x = made(request.param)
    compiled = zklemma.compile(network, x, batch=2)
    with torch.no_grad():
        return compiled, x, network(x)


def test_integers_are_close_and_satisfy_the_circuit(form) -> None:
    compiled, x, _ = form
    for measured in compiled.report["fidelity"]["outputs"].values():
        assert measured["relative_error"] < 2e-3
    run, params = executor(compiled), compiled.artifact.params
    for count in (1, 2):
        witness = run.witness(integers(compiled, x[:count]))
        assert check(compiled.key.circuit, Batch(count), {**witness, **params}) == []


def test_each_relation_leaves_one_witness(form) -> None:
    """Of a softmax either of two equal maxima may be selected."""
    assert undetermined(form[0]) == ["select"]


def test_another_value_anywhere_is_refused(form) -> None:
    """One cell of each column of the witness: of rotated values, of norms, of shared keys."""
    compiled, x, _ = form
    only_witness(compiled, x[:2], lambda witness: witness)
    witness = executor(compiled).witness(integers(compiled, x[:2]))
    rotated = [name for name in witness if name.startswith("rotate")]
    assert rotated and any(name.startswith("first.") for name in witness)
    params = compiled.artifact.params
    table = params["rotary.sin"].astype(np.int64)
    table.flat[np.abs(table).argmax()] += 1 << 10
    assert check(compiled.key.circuit, Batch(2), {**witness, **params, "rotary.sin": table})


class Classifier(nn.Module):
    """Two blocks of embeddings, and what their last position says."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.blocks = nn.Sequential(Block(by_halves, by_hand), Block(by_halves, grouped))
        self.norm, self.head = Norm(WIDTH), nn.Linear(WIDTH, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.blocks(x))[:, -1])


@pytest.fixture(scope="module")
def classifier() -> tuple[Compiled, torch.Tensor, torch.Tensor]:
    torch.manual_seed(7)
    network, x = spread(Classifier()), torch.randn(600, TOKENS, WIDTH)
    compiled = zklemma.compile(network, x[:100], batch=2, labels=tuple("abcde"))
    with torch.no_grad():
        return compiled, x[100:], network(x[100:])


def test_labels_are_those_of_pytorch_on_unseen_inputs(classifier) -> None:
    compiled, x, wanted = classifier
    found = executor(compiled).run(integers(compiled, x))["output"]
    logits = torch.from_numpy(compiled.key.function_signature.outputs[0].real(found))
    assert len(x) == 500 and len(wanted.argmax(1).unique()) == 5
    assert (logits.argmax(1) == wanted.argmax(1)).float().mean() >= 0.99


def test_a_classifier_is_proved(classifier) -> None:
    compiled, x, wanted = classifier
    proof = compiled.prove(x[:2])
    found: Any = zklemma.verify(compiled.key, proof)
    assert np.abs(found.values["output"] - wanted[:2].numpy()).max() < 2e-2
    assert found.labels["output"] == ["abcde"[i] for i in wanted[:2].argmax(1)]


def test_the_second_verifier_checks_it(classifier) -> None:
    try:
        native.program()
    except UserError:
        pytest.skip("the second verifier is not built")
    compiled, x, wanted = classifier
    key, content = compiled.key, compiled.prove(x[:2]).result.proof
    second = Second(key, key.encode(), native.verdicts)
    found: Any = second.verify(content)
    assert np.abs(found.values["output"] - wanted[:2].numpy()).max() < 2e-2
    with pytest.raises(InvalidProof):
        second.verify(content[:-1] + bytes([content[-1] ^ 1]))


@pytest.mark.parametrize("what", ["rotate", "norm"])
def test_a_forged_proof_is_refused(classifier, what: str) -> None:
    """One cell of each column that a rotation or a norm commits."""
    compiled, x, _ = classifier
    artifact, key = compiled.artifact, compiled.key
    witness = executor(compiled).witness(integers(compiled, x[:2]))
    prover = FunctionProver(key, artifact.params, artifact.masks)
    said = {
        each: witness[names[0]].reshape(-1).astype(np.int64)
        for each, names in key.circuit.reveals.items()
    }
    honest, names = FunctionStatement(2, said, True), [n for n in witness if what in n]
    assert len(names) >= 4
    for name in names[:6]:
        changed = witness[name].astype(np.int64)
        changed.flat[changed.size // 2] += 1
        cheated = {**witness, name: changed}
        forged = prover.prove_witness(honest, cheated, Clock(Silent()), strict=False)
        with pytest.raises(InvalidProof):
            zklemma.verify(key, forged.proof)
