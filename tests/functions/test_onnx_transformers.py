"""Transformers that PyTorch exports to ONNX, as functions of tensors: however a graph writes their parts, they are
imported as what the module computes; and encoders and causal decoders are proved."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
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
from zklemma.dialects import nn as dialect
from zklemma.runtime.witness.function_executor import FunctionExecutor
from zklemma.tools.compiled import Compiled

pytest.importorskip("onnx")

from zklemma.compiler.frontend.evaluate import evaluate_function
from zklemma.compiler.frontend.onnx_file import import_onnx

WIDTH, HEADS, TOKENS, CLASSES = 8, 2, 6, 5
HIDDEN = torch.ones(TOKENS, TOKENS, dtype=torch.bool).triu(1)
LEAST = torch.finfo(torch.float32).min
Attention = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def by_hand(hide: Callable[[torch.Tensor], torch.Tensor]) -> Attention:
    """A softmax of products over sqrt(d), some of which are hidden."""

    def attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return torch.softmax(hide(q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5), -1) @ v

    return attention


def of_torch(**options: Any) -> Attention:
    return lambda q, k, v: F.scaled_dot_product_attention(q, k, v, **options)


class Norm(nn.Module):
    """A norm that is written out, with a gain and a bias or without."""

    def __init__(self, body: Callable[[torch.Tensor], torch.Tensor], gain: bool, bias: bool):
        super().__init__()
        self.body = body
        self.gain = nn.Parameter(torch.randn(WIDTH)) if gain else None
        self.bias = nn.Parameter(torch.randn(WIDTH)) if bias else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.body(x)
        y = y if self.gain is None else self.gain * y
        return y if self.bias is None else y + self.bias


def mean(x: torch.Tensor) -> torch.Tensor:
    return x.mean(-1, keepdim=True)


def squares(x: torch.Tensor) -> torch.Tensor:
    difference = x - mean(x)
    return difference / torch.sqrt(mean(difference**2) + 1e-5)


def variance(x: torch.Tensor) -> torch.Tensor:
    """The difference is computed twice."""
    return (x - mean(x)) * torch.rsqrt(x.var(-1, keepdim=True, unbiased=False) + 1e-5)


def root(x: torch.Tensor) -> torch.Tensor:
    return x * torch.rsqrt(mean(x.pow(2)) + 1e-6)


class Block(nn.Module):
    """A block whose attention, norm and activation are written in some way, and a class for each position."""

    def __init__(
        self,
        attention: Attention,
        norm: nn.Module | None = None,
        activation: Callable[[torch.Tensor], torch.Tensor] = F.gelu,
        width: int = WIDTH,
    ):
        super().__init__()
        self.attention, self.activation = attention, activation
        self.first = nn.LayerNorm(width) if norm is None else norm
        self.second = nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = self.qkv(self.first(x)).chunk(3, -1)
        q, k, v = (y.view(*y.shape[:2], HEADS, -1).transpose(1, 2) for y in parts)
        x = x + self.out(self.attention(q, k, v).transpose(1, 2).reshape(x.shape))
        return self.head(x + self.down(self.activation(self.up(self.second(x)))))


def encoder(norm_first: bool, width: int = WIDTH) -> nn.Module:
    layer = nn.TransformerEncoderLayer(
        width, HEADS, 2 * width, batch_first=True, norm_first=norm_first, activation="gelu"
    )
    return nn.Sequential(layer, nn.Linear(width, CLASSES))


def tanh(x: torch.Tensor) -> torch.Tensor:
    return F.gelu(x, approximate="tanh")


FORMS: dict[str, Callable[[], nn.Module]] = {
    "encoder": lambda: encoder(False),
    "encoder, norm first": lambda: encoder(True),
    "attention of PyTorch": lambda: Block(of_torch()),
    "causal attention of PyTorch": lambda: Block(of_torch(is_causal=True)),
    "a mask of booleans": lambda: Block(of_torch(attn_mask=~HIDDEN)),
    "a mask of the least number": lambda: Block(of_torch(attn_mask=HIDDEN * LEAST)),
    "by hand": lambda: Block(by_hand(lambda s: s)),
    "by hand, a sum": lambda: Block(by_hand(lambda s: s + HIDDEN * LEAST)),
    "by hand, filled": lambda: Block(by_hand(lambda s: s.masked_fill(HIDDEN, -torch.inf))),
    "by hand, a triangle of the scores' size": lambda: Block(
        by_hand(lambda s: s.masked_fill(torch.ones(s.shape[-2:]).tril() == 0, -torch.inf))
    ),
    "by hand, where": lambda: Block(
        by_hand(lambda s: torch.where(~HIDDEN, s, torch.tensor(-torch.inf)))
    ),
    "a norm by squares": lambda: Block(of_torch(), Norm(squares, True, True)),
    "a norm by its variance": lambda: Block(of_torch(), Norm(variance, False, True)),
    "an RMS norm": lambda: Block(of_torch(), Norm(root, True, False)),
    "an RMS norm without a gain": lambda: Block(of_torch(), Norm(root, False, False)),
    "tanh": lambda: Block(of_torch(), activation=tanh),
}
CAUSAL = (
    *("causal attention of PyTorch", "a mask of booleans", "a mask of the least number"),
    *("by hand, a sum", "by hand, filled", "by hand, a triangle of the scores' size"),
    "by hand, where",
)


def varied(network: nn.Module) -> nn.Module:
    """The network with norms and biases away from their first values."""
    with torch.no_grad():
        for weight in network.parameters():
            weight += 0.1 * torch.randn(weight.shape)
    return network.eval()


def exported(
    folder: Path, network: nn.Module, x: torch.Tensor, rows: int | None = None, **options: Any
) -> Path:
    """A file for so many examples, or for any number."""
    path = folder / "model.onnx"
    given: dict[str, Any] = {"dynamo": False, "opset_version": 17, **options}
    if given["dynamo"]:
        pytest.importorskip("onnxscript")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        given |= {"verbose": False, "dynamic_shapes": ({0: torch.export.Dim("batch")},)}
    else:
        given |= {"input_names": ["x"], "dynamic_axes": None if rows else {"x": {0: "batch"}}}
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # Its operation is none of ONNX.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(network, (x[: rows or 4],), path, **given)
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
    return path


def imported(path: Path, network: nn.Module, x: torch.Tensor) -> set[str]:
    """The operations of a file's function, which gives what the module gives."""
    found, examples = import_onnx(path, x.numpy(), 3)
    assert found.batch == 3
    (name,) = (op.input_name for op in found.inputs)
    (actual,) = evaluate_function(found.module, {name: examples[0]}, found.weight)
    with torch.no_grad():
        np.testing.assert_allclose(actual, network(x), atol=5e-6)
    names = {op.name for op in found.module.walk() if op.name.startswith("nn.")}
    assert names <= {op.name for op in dialect.RAISED} | {"nn.permute"}
    return names


@pytest.mark.parametrize("form", FORMS)
def test_imported_functions_are_those_of_pytorch(tmp_path: Path, form: str) -> None:
    torch.manual_seed(1)
    network, x = varied(FORMS[form]()), torch.randn(4, TOKENS, WIDTH)
    names = imported(exported(tmp_path, network, x), network, x)
    assert ("nn.masked_softmax" in names) == (form in CAUSAL)


@pytest.mark.parametrize("options", [{"opset_version": 20}, {"rows": 1}, {"rows": 2}])
def test_other_opsets_and_numbers_of_examples(tmp_path: Path, options: dict[str, int]) -> None:
    torch.manual_seed(1)
    network, x = varied(FORMS["causal attention of PyTorch"]()), torch.randn(4, TOKENS, WIDTH)
    assert "nn.masked_softmax" in imported(exported(tmp_path, network, x, **options), network, x)


@pytest.mark.parametrize("form", ["encoder", "a mask of booleans", "a norm by its variance"])
def test_the_graphs_of_the_other_exporter(tmp_path: Path, form: str) -> None:
    torch.manual_seed(1)
    network, x = varied(FORMS[form]()), torch.randn(4, TOKENS, WIDTH)
    imported(exported(tmp_path, network, x, dynamo=True, opset_version=18), network, x)


class OfTransformers(nn.Module):
    """The logits of a model of transformers."""

    def __init__(self, model: nn.Module, takes: str):
        super().__init__()
        self.model, self.takes = model, takes

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(**{self.takes: x}).logits


@pytest.mark.parametrize("number", [0, 1])
def test_models_of_transformers_are_imported(tmp_path: Path, number: int) -> None:
    torch.manual_seed(2)
    sizes: Any = {
        "hidden_size": WIDTH,
        "num_hidden_layers": 1,
        "num_attention_heads": HEADS,
        "intermediate_size": 16,
        "initializer_range": 0.3,
    }
    if number:
        config = BertConfig(vocab_size=16, max_position_embeddings=8, **sizes)
        network = OfTransformers(BertForSequenceClassification(config), "inputs_embeds")
        x = torch.randn(4, TOKENS, WIDTH)
    else:
        config = ViTConfig(image_size=8, patch_size=4, **sizes)
        network = OfTransformers(ViTForImageClassification(config), "pixel_values")
        x = torch.rand(4, 3, 8, 8)
    imported(exported(tmp_path, varied(network), x), network, x)


PROVED: dict[str, Callable[[], nn.Module]] = {
    "encoder": lambda: encoder(True, 16),
    "decoder": lambda: Block(of_torch(is_causal=True), width=16),
}


@pytest.mark.parametrize("name", PROVED)
def test_blocks_are_proved_and_agree_with_pytorch(tmp_path: Path, name: str) -> None:
    """The classes of positions of examples that ranges are not from."""
    torch.manual_seed(3)
    network, x = varied(PROVED[name]()), torch.randn(260, TOKENS, 16)
    compiled = zklemma.compile(exported(tmp_path, network, x), x[:60], batch=2)
    with torch.no_grad():
        wanted = network(x[60:])
    found = torch.from_numpy(outputs(compiled, x[60:]))
    assert (found.argmax(-1) == wanted.argmax(-1)).float().mean() >= 0.99
    verified: Any = zklemma.verify(compiled.key, compiled.prove(x[60:62]))
    assert np.abs(verified.values["output"] - wanted[:2].numpy()).max() < 1e-2


def outputs(compiled: Compiled, x: torch.Tensor) -> np.ndarray:
    key, artifact = compiled.key, compiled.artifact
    run = FunctionExecutor(key.circuit, artifact.program, artifact.params)
    signature = key.function_signature
    found = run.run(signature.quantize({signature.inputs[0].name: x.numpy()}))
    return signature.outputs[0].real(found["output"])
