"""Transformers of plain JAX: their StableHLO gives JAX's numbers, and what it is compiled to is proved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zklemma
from zklemma.compiler.frontend.evaluate import evaluate_function
from zklemma.compiler.frontend.stablehlo_file import import_stablehlo
from zklemma.dialects import nn
from zklemma.errors import UserError

jax = pytest.importorskip("jax")
jax.config.update("jax_platforms", "cpu")
lax, jnp = jax.lax, jax.numpy

WIDTH, HEADS, TOKENS, CLASSES = 8, 2, 5, 3
RANDOM = np.random.default_rng(7)


def weight(*shape: int) -> np.ndarray:
    return (RANDOM.normal(size=shape) / np.sqrt(shape[0])).astype(np.float32)


GAIN, BIAS = 1 + weight(WIDTH) / 4, weight(WIDTH) / 4
Q, K, V, OUT = (weight(WIDTH, WIDTH) for _ in range(4))
QKV, UP, DOWN = weight(WIDTH, 3 * WIDTH), weight(WIDTH, 2 * WIDTH), weight(2 * WIDTH, WIDTH)
PLACES, FIRST = weight(TOKENS, WIDTH), weight(WIDTH)


def layer_norm(x: Any) -> Any:
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / jnp.sqrt(variance + 1e-5) * GAIN + BIAS


def fast_layer_norm(x: Any) -> Any:
    """As Flax has it: the variance by the mean of squares, not below zero, and the gain before the product."""
    mean = x.mean(-1)
    variance = jnp.maximum(0.0, jnp.square(x).mean(-1) - jnp.square(mean))
    gain = lax.rsqrt(variance[..., None] + 1e-6) * GAIN
    return (x - mean[..., None]) * gain + BIAS


def centred_norm(x: Any) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    return GAIN * centred * lax.rsqrt((centred**2).mean(-1, keepdims=True) + 1e-5)


def rms_norm(x: Any) -> Any:
    return x * lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-6) * GAIN


NORMS: dict[str, Callable[[Any], Any]] = {
    "layer norm": layer_norm,
    "fast layer norm": fast_layer_norm,
    "centred norm": centred_norm,
    "standardize": lambda x: jax.nn.standardize(x),
    "RMS norm": rms_norm,
}


def split(x: Any) -> Any:
    return x.reshape(*x.shape[:2], HEADS, -1)


def by_einsum(x: Any, causal: bool = False) -> Any:
    q, k, v = (split(x @ w) for w in (Q, K, V))
    scores = jnp.einsum("nqhd,nkhd->nhqk", q, k) / np.sqrt(WIDTH // HEADS)
    if causal:
        scores = jnp.where(jnp.tril(jnp.ones((TOKENS, TOKENS), bool)), scores, -jnp.inf)
    mixed = jnp.einsum("nhqk,nkhd->nqhd", jax.nn.softmax(scores, -1), v)
    return mixed.reshape(x.shape) @ OUT


def by_matmul(x: Any) -> Any:
    """One layer for all three, and a mask that is added."""
    q, k, v = jnp.moveaxis((x @ QKV).reshape(*x.shape[:2], 3, HEADS, -1), (2, 3), (0, 2))
    rows = lax.broadcasted_iota(jnp.int32, (TOKENS, TOKENS), 0)
    columns = lax.broadcasted_iota(jnp.int32, (TOKENS, TOKENS), 1)
    mask = jnp.where(rows >= columns, 0.0, jnp.finfo(jnp.float32).min)
    weights = jax.nn.softmax(0.5 * q @ k.swapaxes(-1, -2) + mask)
    return (weights @ v).transpose(0, 2, 1, 3).reshape(x.shape) @ OUT


def of_jax(x: Any, **options: Any) -> Any:
    q, k, v = (split(x @ w) for w in (Q, K, V))
    return jax.nn.dot_product_attention(q, k, v, **options).reshape(x.shape) @ OUT


def one_head(x: Any) -> Any:
    q, k, v = jnp.split(x @ QKV, 3, -1)
    scores = jnp.exp(q @ k.transpose(0, 2, 1) / 3)
    return scores / scores.sum(-1, keepdims=True) @ v


def of_axes(x: Any) -> Any:
    """As Flax has it: layers with an axis of heads, and biases of their shape."""

    def layer(w: np.ndarray) -> Any:
        made = lax.dot_general(x, w.reshape(WIDTH, HEADS, -1), (((2,), (0,)), ((), ())))
        return made + BIAS.reshape(HEADS, -1)

    q, k, v = layer(Q) / jnp.sqrt(WIDTH // HEADS), layer(K), layer(V)
    weights = jax.nn.softmax(jnp.einsum("...qhd,...khd->...hqk", q, k))
    mixed = jnp.einsum("...hqk,...khd->...qhd", weights, v)
    return (
        lax.dot_general(mixed, OUT.reshape(HEADS, -1, WIDTH), (((2, 3), (0, 1)), ((), ()))) + BIAS
    )


ATTENTION: dict[str, Callable[[Any], Any]] = {
    "einsum": by_einsum,
    "causal einsum": lambda x: by_einsum(x, causal=True),
    "causal matmul": by_matmul,
    "jax.nn": of_jax,
    "causal jax.nn": lambda x: of_jax(x, is_causal=True),
    "one head": one_head,
    "axes of heads": of_axes,
}


def decoder(x: Any) -> Any:
    x = x + by_einsum(rms_norm(x), causal=True)
    return x + jax.nn.silu(rms_norm(x) @ UP) @ DOWN


def encoder(x: Any) -> Any:
    x = x + by_einsum(layer_norm(x))
    return x + jax.nn.gelu(layer_norm(x) @ UP, approximate=False) @ DOWN


HEAD, WINDOW, CUT = 2 * weight(WIDTH, CLASSES), weight(4, 4, 3, WIDTH), weight(WIDTH)


def classifier(pooled: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Dosovitskiy et al. 2020: patches of an image, a token of the class in front, positions."""

    def network(images: Any) -> Any:
        order = ("NHWC", "HWIO", "NHWC")
        x = lax.conv_general_dilated(images, WINDOW, (4, 4), "VALID", dimension_numbers=order)
        x = (x + CUT).reshape(len(images), -1, WIDTH)
        first = jnp.broadcast_to(FIRST, (len(images), 1, WIDTH))
        x = encoder(jnp.concatenate([first, x], 1) + PLACES)
        return pooled(layer_norm(x)) @ HEAD

    return network


OTHERS: dict[str, Callable[[Any], Any]] = {
    "encoder": encoder,
    "decoder": decoder,
    "positions": lambda x: jnp.tanh((x + PLACES) @ UP),
    "sines": lambda x: (x + jnp.sin(jnp.arange(TOKENS)[:, None] * jnp.arange(WIDTH) / 9)) @ UP,
    "one position": lambda x: (x @ UP)[:, 2],
    "a mean": lambda x: (x @ UP)[:, 1:].mean(1),
}
IMAGES: dict[str, Callable[[Any], Any]] = {
    "class token": classifier(lambda x: x[:, 0]),
    "mean": classifier(lambda x: x.mean(1)),
}
FORMS = NORMS | ATTENTION | OTHERS | IMAGES
REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a mask of some": (
        lambda x: jnp.where(np.eye(TOKENS, dtype=bool)[::-1], x @ x.swapaxes(1, 2), -jnp.inf),
        "a mask that is neither causal nor of everything",
    ),
    "a mask that changes scores": (
        lambda x: x @ x.swapaxes(1, 2) + weight(TOKENS, TOKENS),
        "a mask that changes scores",
    ),
}


def inputs(name: str, count: int) -> np.ndarray:
    shape = (8, 8, 3) if name in IMAGES else (TOKENS, WIDTH)
    return RANDOM.normal(size=(count, *shape)).astype(np.float32)


def text_of(function: Callable[[Any], Any], x: np.ndarray, rows: int) -> str:
    given = jax.ShapeDtypeStruct((rows, *x.shape[1:]), np.float32)
    return jax.jit(function).lower(given).as_text()


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("name", FORMS)
def test_imported_functions_are_those_of_jax(name: str, rows: int) -> None:
    """A text for one example leaves out the axis of examples where it can."""
    function, x = FORMS[name], inputs(name, 4)
    text = text_of(function, x, rows)
    network, (examples,) = import_stablehlo(Path("a.mlir"), text, x, 3, {})
    (found,) = evaluate_function(network.module, {"arg0": examples}, network.weight)
    np.testing.assert_allclose(found, np.asarray(function(x)), atol=1e-4)
    names = {op.name for op in network.module.walk() if op.name.startswith("nn.")}
    assert names <= {op.name for op in nn.RAISED} | {"nn.input", "nn.param"}
    assert ("nn.masked_softmax" in names) == ("causal" in name or name == "decoder")


def flax_block() -> Callable[[Any], Any]:
    """An encoder block of Flax, its weights in it."""
    nnx: Any = pytest.importorskip("flax.nnx")
    rngs = nnx.Rngs(0)

    class Block(nnx.Module):
        def __init__(self) -> None:
            self.first, self.second = nnx.LayerNorm(WIDTH, rngs=rngs), nnx.RMSNorm(WIDTH, rngs=rngs)
            self.attention = nnx.MultiHeadAttention(HEADS, WIDTH, decode=False, rngs=rngs)
            self.up, self.down = (
                nnx.Linear(*sizes, rngs=rngs) for sizes in ((WIDTH, 16), (16, WIDTH))
            )

        def __call__(self, x: Any) -> Any:
            x = x + self.attention(self.first(x), deterministic=True)
            return x + self.down(nnx.gelu(self.up(self.second(x))))

    return Block()


@pytest.mark.parametrize("rows", [1, 2])
def test_a_block_of_flax_is_imported_from_its_export(rows: int) -> None:
    block, x = flax_block(), inputs("encoder", 4)
    export: Any = pytest.importorskip("jax.export")
    given = jax.ShapeDtypeStruct((rows, TOKENS, WIDTH), np.float32)
    text = str(export.export(jax.jit(block))(given).mlir_module())
    network, (examples,) = import_stablehlo(Path("a.mlir"), text, x, 3, {})
    (found,) = evaluate_function(network.module, {"arg0": examples}, network.weight)
    np.testing.assert_allclose(found, np.asarray(block(x)), atol=1e-4)


@pytest.mark.parametrize("name", REFUSED)
def test_other_masks_are_refused(name: str) -> None:
    scores, reason = REFUSED[name]
    x = inputs(name, 2)
    text = text_of(lambda x: jax.nn.softmax(scores(x)) @ x, x, 2)
    with pytest.raises(UserError, match=reason) as refused:
        import_stablehlo(Path("a.mlir"), text, x, 2, {})
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["encoder", "decoder", "class token"])
def test_what_jax_computes_is_proved(name: str, tmp_path: Path) -> None:
    function = FORMS[name]
    path = tmp_path / "network.mlir"
    path.write_text(text_of(function, inputs(name, 1), 1))
    compiled = zklemma.compile(path, inputs(name, 48), batch=2)
    unseen = inputs(name, 100)
    order = (0, 3, 1, 2) if name in IMAGES else (0, 1, 2)
    given = {"arg0": unseen.transpose(order)}
    wanted = np.asarray(function(unseen))
    (found,) = compiled.run(given).values.values()
    assert np.abs(found - wanted).max() < 0.05 * np.abs(wanted).max()
    assert np.mean(found.argmax(-1) == wanted.argmax(-1)) >= 0.99
    proof = compiled.prove({"arg0": given["arg0"][:2]})
    verified: Any = zklemma.verify(compiled.key, proof)
    np.testing.assert_allclose(verified.values["output"], found[:2])
