"""Transformers as functions of tensors: what PyTorch gives is proved, of examples that do not mix and positions
that do, and no cell of the witness can be another."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import zklemma
from torch import nn
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    ViTConfig,
    ViTForImageClassification,
)
from witnesses import executor, integers, only_witness, proved_alone, undetermined
from zklemma.compiler.frontend.evaluate import evaluate_function
from zklemma.compiler.frontend.function import import_function
from zklemma.compiler.interpret_circuit import check
from zklemma.dialects import nn as dialect
from zklemma.errors import UserError
from zklemma.runtime.circuit.function import Batch
from zklemma.tools.compiled import Compiled

WIDTH, HEADS, TOKENS = 8, 2, 5
NOISE = torch.rand(2, TOKENS, 3 * WIDTH)
HIDDEN = torch.full((TOKENS, TOKENS), -torch.inf).triu(1)


def heads(x: torch.Tensor) -> torch.Tensor:
    return x.view(*x.shape[:2], HEADS, -1).transpose(1, 2)


def fused(x: torch.Tensor) -> list[torch.Tensor]:
    """Queries, keys and values of one layer, as timm has them."""
    parts = x.reshape(*x.shape[:2], 3, HEADS, -1).permute(2, 0, 3, 1, 4)
    return [*parts.unbind(0)]


def by_hand(x: torch.Tensor) -> torch.Tensor:
    q, k, v = fused(x)
    return ((q * 0.7) @ k.transpose(-2, -1)).softmax(-1) @ v


def chunks(x: torch.Tensor, **options: Any) -> torch.Tensor:
    q, k, v = map(heads, x.chunk(3, -1))
    return F.scaled_dot_product_attention(q, k, v, **options)


def interleaved(x: torch.Tensor) -> torch.Tensor:
    """Each head's queries, keys and values side by side, as GPT-NeoX has them."""
    q, k, v = x.view(*x.shape[:2], HEADS, -1).transpose(1, 2).chunk(3, -1)
    return F.scaled_dot_product_attention(q, k, v, scale=0.3)


def one_head(hide: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[torch.Tensor], Any]:
    def attention(x: torch.Tensor) -> torch.Tensor:
        q, k, v = x.split(WIDTH, -1)
        return (torch.softmax(hide(q @ k.mT / WIDTH**0.5), -1) @ v).unsqueeze(1)

    return attention


class Attention(nn.Module):
    """A block whose attention is written in some way, with what stands beside it in a transformer."""

    def __init__(self, attention: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.attention = attention
        self.norm, self.qkv = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.attention(self.qkv(self.norm(x)))
        return x + self.out(y.transpose(1, 2).reshape(x.shape))


class Packed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x, x, x, need_weights=False)[0]


class Rows(nn.Module):
    """Rows of positions: an RMS norm, a product with a weight, and another position than the first."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.w = nn.RMSNorm(WIDTH), nn.Parameter(torch.randn(WIDTH, 3))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y = self.norm(x) @ self.w
        return y[:, 2], y[:, 1:].mean(1)


def encoder(norm_first: bool) -> nn.Module:
    return nn.TransformerEncoderLayer(
        WIDTH, HEADS, 16, batch_first=True, norm_first=norm_first, activation="gelu"
    )


FORMS: dict[str, Callable[[], nn.Module]] = {
    "by hand": lambda: Attention(by_hand),
    "chunks": lambda: Attention(chunks),
    "causal chunks": lambda: Attention(lambda x: chunks(x, is_causal=True)),
    "a mask of booleans": lambda: Attention(lambda x: chunks(x, attn_mask=HIDDEN == 0)),
    "interleaved": lambda: Attention(interleaved),
    "one head": lambda: Attention(one_head(lambda s: s)),
    "one head, a sum": lambda: Attention(one_head(lambda s: s + HIDDEN)),
    "one head, filled": lambda: Attention(one_head(lambda s: s.masked_fill(HIDDEN < 0, -1e9))),
    "one head, where": lambda: Attention(
        one_head(lambda s: torch.where(HIDDEN == 0, s, torch.tensor(-torch.inf)))
    ),
    "MultiheadAttention": Packed,
    "encoder, norm first": lambda: encoder(True),
    "encoder": lambda: encoder(False),
    "rows": Rows,
}
CAUSAL = (
    "causal chunks",
    "a mask of booleans",
    "one head, a sum",
    "one head, filled",
    "one head, where",
)
PROVED = ("causal chunks", "rows")


def made(form: str) -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(1)
    network = FORMS[form]().eval()
    with torch.no_grad():
        for weight in network.parameters():
            weight += 0.1 * torch.randn(weight.shape)
    return network, torch.randn(24, TOKENS, WIDTH)


def results(network: nn.Module, x: torch.Tensor) -> list[np.ndarray]:
    with torch.no_grad():
        found = network(x)
    return [y.numpy() for y in ((found,) if isinstance(found, torch.Tensor) else found)]


@pytest.mark.parametrize("form", FORMS)
def test_imported_functions_are_those_of_pytorch(form: str) -> None:
    network, x = made(form)
    module, weights = import_function(network, x[:4], 4)
    (name,) = (op.input_name for op in module.walk() if isinstance(op, dialect.InputOp))
    found = evaluate_function(module, {name: x.numpy()}, weights)
    for one, other in zip(found, results(network, x), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-6)
    names = {op.name for op in module.walk()}
    assert ("nn.masked_softmax" in names) == (form in CAUSAL)
    assert names.isdisjoint({"nn.view", "nn.permute", "nn.slice", "nn.matmul", "nn.layer_norm"})


class OfTransformers(nn.Module):
    """The logits of a model of transformers."""

    def __init__(self, model: nn.Module, takes: str) -> None:
        super().__init__()
        self.model, self.takes = model, takes

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(**{self.takes: x}).logits


def of_transformers() -> list[tuple[nn.Module, torch.Tensor]]:
    sizes: Any = {
        "hidden_size": WIDTH,
        "num_hidden_layers": 1,
        "num_attention_heads": HEADS,
        "intermediate_size": 16,
        "initializer_range": 0.3,
    }
    vision = ViTConfig(image_size=8, patch_size=4, **sizes)
    text = BertConfig(vocab_size=16, max_position_embeddings=8, **sizes)
    pixels, embeddings = torch.rand(3, 3, 8, 8), torch.randn(3, TOKENS, WIDTH)
    return [
        (OfTransformers(ViTForImageClassification(vision), "pixel_values"), pixels),
        (OfTransformers(BertForSequenceClassification(text), "inputs_embeds"), embeddings),
    ]


@pytest.mark.parametrize("number", [0, 1])
def test_models_of_transformers_are_imported(number: int) -> None:
    torch.manual_seed(2)
    network, x = of_transformers()[number]
    module, weights = import_function(network.eval(), x, 3)
    (found,) = evaluate_function(module, {"x": x.numpy()}, weights)
    np.testing.assert_allclose(found, results(network, x)[0], atol=2e-6)


@pytest.fixture(scope="module", params=PROVED)
def form(request: pytest.FixtureRequest) -> tuple[str, Compiled, torch.Tensor]:
    network, x = made(request.param)
    return request.param, zklemma.compile(network, x, batch=2), x


def own(witness: Iterable[str]) -> list[str]:
    """Columns but for the digits of rounded values, of which other tests change each."""
    return [name for name in witness if "limb" not in name and "rem" not in name]


def test_integers_are_close_and_satisfy_the_circuit(form) -> None:
    _, compiled, x = form
    for measured in compiled.report["fidelity"]["outputs"].values():
        assert measured["relative_error"] < 2e-3
    run, params = executor(compiled), compiled.artifact.params
    for count in (1, 2):
        witness = run.witness(integers(compiled, x[:count]))
        assert check(compiled.key.circuit, Batch(count), {**witness, **params}) == []


def test_no_cell_can_be_another(form) -> None:
    _, compiled, x = form
    only_witness(compiled, x[:2], own)


@pytest.mark.parametrize("name", ["causal chunks", "by hand", "encoder, norm first"])
def test_each_relation_leaves_one_witness(name: str) -> None:
    """Of a softmax either of two equal maxima may be selected."""
    network, x = made(name)
    assert undetermined(zklemma.compile(network, x, batch=2)) == ["select"]


def test_positions_mix_and_examples_do_not(form) -> None:
    name, compiled, x = form
    run, other = executor(compiled), x[:2].clone()
    other[1] = x[3]
    before, after = (run.run(integers(compiled, each)) for each in (x[:2], other))
    for output, array in before.items():
        assert np.array_equal(array[0], after[output][0])
        assert not np.array_equal(array[1], after[output][1])
    if name == "rows":
        return
    last = x[:2].clone()
    last[:, -1] = x[2:4, -1]
    (moved,), (kept,) = (run.run(integers(compiled, each)).values() for each in (last, x[:2]))
    assert np.array_equal(moved[:, 0], kept[:, 0]) == (name in CAUSAL)


class Patches(nn.Module):
    """Dosovitskiy et al. 2020, with learned positions and a token of the class in front."""

    def __init__(self, width: int = 8, depth: int = 1, image: int = 8, classes: int = 3) -> None:
        super().__init__()
        self.cut = nn.Conv2d(3, width, 4, 4)
        self.first = nn.Parameter(torch.randn(1, 1, width))
        self.place = nn.Parameter(torch.randn(1, (image // 4) ** 2 + 1, width))
        self.layers = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(
                    width, HEADS, 2 * width, batch_first=True, norm_first=True, activation="gelu"
                )
                for _ in range(depth)
            )
        )
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        parts = self.cut(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.first.expand(len(parts), -1, -1), parts], 1) + self.place
        return self.head(self.norm(self.layers(x))[:, 0])


@pytest.fixture(scope="module")
def patches() -> tuple[Compiled, torch.Tensor, torch.Tensor]:
    torch.manual_seed(5)
    network, images = Patches().eval(), torch.rand(40, 3, 8, 8) - 0.5
    compiled = zklemma.compile(network, images, batch=2, labels=("a", "b", "c"))
    with torch.no_grad():
        return compiled, images, network(images)


def test_a_vision_transformer_is_proved(patches) -> None:
    compiled, images, wanted = patches
    found: Any = zklemma.verify(compiled.key, compiled.prove(images[:2]))
    assert np.abs(found.values["output"] - wanted[:2].numpy()).max() < 1e-2
    assert found.labels["output"] == ["abc"[i] for i in wanted[:2].argmax(1)]
    assert undetermined(compiled) == ["select"]


def test_another_value_anywhere_is_refused(patches) -> None:
    compiled, images, _ = patches
    proved_alone(compiled, images[:2], own)


def test_labels_and_probabilities_are_those_of_pytorch() -> None:
    """Of a vision transformer of two layers, on images that it was not calibrated on."""
    torch.manual_seed(6)
    network, images = Patches(32, 2, 16, 10).eval(), torch.rand(600, 3, 16, 16) - 0.5
    compiled = zklemma.compile(network, images[:100], batch=1)
    signature = compiled.key.function_signature
    found = executor(compiled).run(integers(compiled, images[100:]))
    logits = torch.from_numpy(signature.outputs[0].real(found["output"]))
    with torch.no_grad():
        wanted = network(images[100:])
    assert (logits.argmax(1) == wanted.argmax(1)).float().mean() >= 0.99
    one, other = logits.float().log_softmax(1), wanted.log_softmax(1)
    assert F.kl_div(one, other, reduction="batchmean", log_target=True) < 1e-4


class Wrapped(nn.Module):
    def __init__(self, body: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (lambda x: chunks(x, attn_mask=torch.arange(25.0).view(5, 5)), "changes scores"),
        (lambda x: chunks(x, scale=0.0), "scale must be"),
        (lambda x: chunks(x, attn_mask=torch.zeros(5, 5) > 0), "neither causal nor of everything"),
        (
            lambda x: (
                (heads(x[..., :8]) @ heads(x[..., 8:16]).mT + torch.full((5, 5), -1e9)).softmax(-1)
                @ heads(x[..., 16:])
            ),
            "neither causal nor of everything",
        ),
        (
            lambda x: chunks(x, attn_mask=torch.eye(5).flip(0) > 0),
            "neither causal nor of everything",
        ),
        (lambda x: torch.softmax(x, 1), r"softmax.int \(not over the last axis\).* leave it out"),
        (
            lambda x: (heads(x[..., :8]) @ heads(x[..., 8:16]).mT).softmax(-1),
            "neither attention's",
        ),
        (lambda x: torch.relu(x.transpose(0, 1)).transpose(0, 1) + x.flip(0), "aten.flip"),
        (lambda x: x + torch.relu(x.roll(1, 0)), "aten.roll"),
        (lambda x: x.reshape(2, 24, 5) + x.mT, "no row, image, position or head of each example"),
        (lambda x: x + NOISE, "differs from example to example"),
        (lambda x: x + torch.rand(2, 5, 24), "aten.rand.default"),
    ],
)
def test_what_can_not_be_a_function_is_one_line(body: Callable[..., Any], why: str) -> None:
    with pytest.raises(UserError, match=why) as refused:
        import_function(Wrapped(body), torch.rand(2, 5, 24), 2)
    assert "\n" not in str(refused.value)
