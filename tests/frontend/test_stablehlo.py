"""Functions of JAX by their StableHLO: JAX's numbers, and one line for what can not be one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp
from zklemma.compiler.frontend.evaluate import evaluate_function
from zklemma.compiler.frontend.network import Network
from zklemma.compiler.frontend.stablehlo_file import import_stablehlo
from zklemma.dialects import nn
from zklemma.errors import UserError

RANDOM = np.random.default_rng(5)
BATCH = 3


def weight(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


def operations(module: ModuleOp) -> list[str]:
    skipped = ("builtin.module", "func.func", "func.return", "nn.input", "nn.param")
    return [op.name for op in module.walk() if op.name not in skipped]


class Jax:
    """JAX, and a folder for texts."""

    def __init__(self, folder: Path):
        self.jax = pytest.importorskip("jax")
        self.jax.config.update("jax_platforms", "cpu")
        self.path = folder / "function.stablehlo.mlir"

    def write(self, function: Callable[..., Any], *shapes: Sequence[int], rows: int = 2) -> Path:
        """The text of a function of so many rows, or of other tensors."""
        given = [self.jax.ShapeDtypeStruct((rows, *shapes[0][1:]), np.float32)]
        given += [self.jax.ShapeDtypeStruct(tuple(shape), np.float32) for shape in shapes[1:]]
        self.path.write_text(self.jax.jit(function).lower(*given).as_text())
        return self.path

    def same(
        self, function: Callable[..., Any], x: np.ndarray, weights: Sequence[np.ndarray] = ()
    ) -> tuple[Network, list[np.ndarray]]:
        """What a function becomes, which gives what JAX gives; and its examples."""
        path = self.write(function, x.shape, *(w.shape for w in weights))
        given: Mapping[int, object] = dict(enumerate(weights, 1))
        found, examples = import_stablehlo(path, path.read_text(), x, BATCH, given)
        assert {*operations(found.module)} <= {op.name for op in nn.RAISED}
        names = [op.input_name for op in found.inputs]
        inputs = dict(zip(names, examples, strict=True))
        actual = evaluate_function(found.module, inputs, found.weight)
        wanted = function(x, *weights)
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        for one, other in zip(actual, wanted, strict=True):
            np.testing.assert_allclose(one, np.asarray(other), rtol=1e-4, atol=1e-4)
        return found, examples


@pytest.fixture
def jax(tmp_path: Path) -> Jax:
    return Jax(tmp_path)


ROWS, IMAGES = weight(5, 6), weight(5, 9, 8, 2)
FIRST, BIAS, LAST = weight(6, 8), weight(8), weight(8, 3)


def test_rows_through_layers(jax: Jax) -> None:
    nnet = jax.jax.nn

    def mlp(x: Any) -> Any:
        x = nnet.gelu(nnet.silu(x @ FIRST + BIAS))
        return nnet.softmax(nnet.relu(x) @ LAST)

    found, _ = jax.same(mlp, ROWS)
    names = ["linear", "silu", "gelu_tanh", "relu", "linear", "probabilities"]
    assert operations(found.module) == [f"nn.{name}" for name in names]
    assert found.parameters == FIRST.size + BIAS.size + LAST.size


def test_weights_may_be_arguments(jax: Jax) -> None:
    def mlp(x: Any, w: Any, b: Any) -> Any:
        return jax.jax.numpy.tanh(x @ w.T - b)

    jax.same(mlp, ROWS, [weight(8, 6), BIAS])
    path = jax.write(mlp, ROWS.shape, (8, 6), (8,))
    with pytest.raises(UserError, match=r"a weight has shape \(6, 8\), its argument \(8, 6\)"):
        import_stablehlo(path, path.read_text(), ROWS, BATCH, {1: FIRST, 2: BIAS})
    with pytest.raises(UserError, match="3 arguments, none at 3"):
        import_stablehlo(path, path.read_text(), ROWS, BATCH, {3: BIAS})


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_images_through_layers(jax: Jax, layout: str, padding: str) -> None:
    lax, numpy = jax.jax.lax, jax.jax.numpy
    last = layout == "NHWC"
    axes = (1, 2) if last else (2, 3)

    def by_channel(c: np.ndarray) -> np.ndarray:
        return c if last else c[:, None, None]

    kernels, narrow = weight(3, 2, 2, 4), weight(2, 2, 1, 4)
    head = weight(4 * (9 if padding == "SAME" else 2), 3)

    def window(x: Any, start: float, by: Any, size: int, step: int) -> Any:
        shape, strides = [1, 1, 1, 1], [1, 1, 1, 1]
        for axis in axes:
            shape[axis], strides[axis] = size, step
        return lax.reduce_window(x, start, by, shape, strides, "VALID")

    def cnn(x: Any) -> Any:
        order = (layout, "HWIO", layout)
        x = (x - 0.5) / by_channel(np.array([2.0, 3.0], np.float32))
        x = lax.conv_general_dilated(x, kernels, (2, 1), "VALID", dimension_numbers=order)
        x = jax.jax.nn.relu6(x + by_channel(BIAS[:4]))
        x = window(x, -np.inf, lax.max, 2, 1)
        x = x + lax.conv_general_dilated(
            x, weight_of_one, (1, 1), "SAME", dimension_numbers=order, feature_group_count=4
        )
        mean = x.mean(axes)
        x = lax.conv_general_dilated(
            x, narrow, (1, 2), padding, dimension_numbers=order, feature_group_count=4
        )
        x = window(x, 0.0, lax.add, 1 if padding == "SAME" else 2, 1)
        return numpy.tanh(x.reshape(x.shape[0], -1)) @ head, jax.jax.nn.sigmoid(mean)

    weight_of_one = weight(1, 1, 1, 4)
    _, (images,) = jax.same(
        cnn, IMAGES if last else np.ascontiguousarray(IMAGES.transpose(0, 3, 1, 2))
    )
    assert images.shape == (5, 2, 9, 8)


def test_the_numbers_to_compare_with_are_those_before_quantisation(jax: Jax) -> None:
    found, examples = jax.same(lambda x: jax.jax.nn.relu(x @ FIRST), ROWS)
    (actual,) = found.run(examples)
    np.testing.assert_allclose(actual, np.maximum(ROWS @ FIRST, 0), atol=1e-4)


def test_an_exported_function_is_read_with_its_locations(jax: Jax) -> None:
    exported = __import__("jax.export").export
    x = jax.jax.ShapeDtypeStruct((2, 6), np.float32)
    made = exported.export(jax.jax.jit(lambda x: jax.jax.nn.relu(x @ FIRST)))(x)
    jax.path.write_text(str(made.mlir_module()))
    assert "loc(" in jax.path.read_text()
    assert operations(
        import_stablehlo(jax.path, jax.path.read_text(), ROWS, BATCH, {})[0].module
    ) == [
        "nn.linear",
        "nn.relu",
    ]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            lambda j, x: j.nn.leaky_relu(x),
            "stablehlo.compare in leaky_relu; nearest is jax.nn.relu",
        ),
        (lambda j, x: j.numpy.maximum(x, 1.0), r"stablehlo.maximum \(of others than 0\)"),
        (lambda j, x: j.numpy.minimum(x, 6.0), r"stablehlo.minimum \(of what may be negative\)"),
        (lambda j, x: x * 2.0, "a constant factor .neither a linear layer"),
        (lambda j, x: j.numpy.exp(x), r"nn.exp \(in no activation that is known\) in main"),
        (lambda j, x: LAST[:2].T[:, :2] @ x, "stablehlo.dot_general .over the examples"),
        (
            lambda j, x: x + np.arange(12.0, dtype=np.float32).reshape(2, 6),
            "differs between examples",
        ),
        (lambda j, x: x / (x + 1), r"nn.pow \(in no activation that is known\)"),
        (lambda j, x: x.T, "the first axis of an output is not that of the examples"),
        (lambda j, x: x.reshape(4, 3), r"\(2, 6\) as \(4, 3\), which mixes examples"),
        (lambda j, x: x.sum(1), r"nn.mean \(in no activation that is known\)"),
        (lambda j, x: x + x.mean(0), r"stablehlo.reduce \(over axes \(0,\)\)"),
    ],
)
def test_unsupported_operations_are_named(jax: Jax, function: Any, message: str) -> None:
    path = jax.write(lambda x: function(jax.jax, x), ROWS.shape)
    with pytest.raises(UserError, match=message) as refused:
        import_stablehlo(path, path.read_text(), ROWS, BATCH, {})
    assert "\n" not in str(refused.value)


def test_a_flattened_image_is_no_output(jax: Jax) -> None:
    path = jax.write(lambda x: jax.jax.nn.relu(x).reshape(2, -1), IMAGES.shape)
    with pytest.raises(UserError, match="an output is a row that was an image"):
        import_stablehlo(path, path.read_text(), IMAGES, BATCH, {})


MAIN = "func.func public @main(%arg0: {0}) -> {0} {{\n  %0 = {1}\n  return %0 : {0}\n}}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "no text of StableHLO that can be read"),
        (MAIN.format("tensor<2x6xf64>", "stablehlo.tanh %arg0 : tensor<2x6xf64>"), "no tensor of"),
        (MAIN.format("tensor<?x6xf32>", "stablehlo.tanh %arg0 : tensor<?x6xf32>"), "fixed size"),
        (MAIN.format("tensor<2x6xf32>", "stablehlo.sort %arg0"), r"stablehlo.sort \(1 times\)"),
        (
            MAIN.format(
                "tensor<2x6xf32>", "call @main(%arg0) : (tensor<2x6xf32>) -> tensor<2x6xf32>"
            ),
            "main is called, and is no function",
        ),
        (
            MAIN.replace("main", "f").format(
                "tensor<2x6xf32>", "stablehlo.tanh %arg0 : tensor<2x6xf32>"
            ),
            "no function main",
        ),
        (
            MAIN.format("tensor<2x6xf32>", "call @f(%arg0) : (tensor<2x6xf32>) -> tensor<2x6xf32>"),
            "@f. could not be found",
        ),
        (
            MAIN.format(
                "tensor<2x6xf32>",
                "stablehlo.reshape %arg0 : (tensor<2x6xf32>) -> tensor<2x7xf32>\n"
                "  %1 = stablehlo.reshape %0 : (tensor<2x7xf32>) -> tensor<2x6xf32>",
            ).replace("return %0", "return %1"),
            "not supported: stablehlo.reshape",
        ),
        (
            MAIN.format(
                "tensor<2x6xf32>",
                "stablehlo.constant dense<1.0> : tensor<4xf32>\n"
                "  %1 = stablehlo.transpose %0, dims = [3] : (tensor<4xf32>) -> tensor<2x6xf32>",
            ).replace("return %0", "return %1"),
            "not supported: stablehlo.transpose",
        ),
        (MAIN.format("tensor<2x6xf32>", "stablehlo.tanh %1 : tensor<2x6xf32>"), "can be read"),
        ("stablehlo.constant dense<[0x7F800000, 1.0]> : tensor<2xf32>", "are not finite"),
    ],
)
def test_texts_that_can_not_be_read_are_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "text.mlir"
    path.write_text(text)
    with pytest.raises(UserError, match=message) as refused:
        import_stablehlo(path, path.read_text(), ROWS, BATCH, {})
    assert "\n" not in str(refused.value)


def test_examples_must_have_the_shape_of_the_argument(tmp_path: Path) -> None:
    path = tmp_path / "text.mlir"
    type = "tensor<2x6xf32>"
    path.write_text(MAIN.format(type, f"stablehlo.tanh %arg0 : {type}"))
    with pytest.raises(UserError, match=r"arg0 has shape \(2, 6\), its examples \(4, 7\)"):
        import_stablehlo(path, path.read_text(), weight(4, 7), BATCH, {})
