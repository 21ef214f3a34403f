"""Texts of linalg on tensors: the numbers of numpy and PyTorch, from the text to the verdict, and one line for what
can not be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import zklemma
from zklemma.compiler.frontend.evaluate import evaluate_function
from zklemma.compiler.frontend.linalg_file import import_linalg
from zklemma.dialects import nn
from zklemma.errors import UserError

RANDOM = np.random.default_rng(8)
BATCH = 3
PATH = Path("network.mlir")


def weight(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


def dense(array: np.ndarray) -> str:
    sizes = "x".join(map(str, array.shape))
    return f"dense<{array.tolist()}> : tensor<{sizes}xf32>"


def same(text: str, x: np.ndarray, wanted: np.ndarray, weights: Any = None) -> list[str]:
    """The operations of `nn` that a text becomes, which give the wanted numbers."""
    found, examples = import_linalg(PATH, text, x, BATCH, weights or {})
    inputs = dict(zip([op.input_name for op in found.inputs], examples, strict=True))
    (actual,) = evaluate_function(found.module, inputs, found.weight)
    np.testing.assert_allclose(actual, wanted, rtol=1e-4, atol=1e-4)
    ops = [op for op in found.module.walk() if isinstance(op, nn.RAISED)]
    return [op.name for op in ops if not isinstance(op, nn.InputOp | nn.ParamOp)]


ROWS, FIRST, BIAS, LAST = weight(40, 4), weight(4, 6), weight(6), weight(6, 3)
MAPS = """
#same = affine_map<(d0, d1) -> (d0, d1)>
#bias = affine_map<(d0, d1) -> (d1)>
"""
MLP = f"""{MAPS}
func.func @main(%x: tensor<2x4xf32>) -> tensor<2x3xf32> {{
  %w = arith.constant {dense(FIRST)}
  %b = arith.constant {dense(BIAS)}
  %v = arith.constant {dense(LAST)}
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x6xf32>
  %h = linalg.fill ins(%zero : f32) outs(%e : tensor<2x6xf32>) -> tensor<2x6xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<2x4xf32>, tensor<4x6xf32>) outs(%h : tensor<2x6xf32>)
    -> tensor<2x6xf32>
  %1 = linalg.generic {{indexing_maps = [#same, #bias, #same], iterator_types = ["parallel", "parallel"]}}
    ins(%0, %b : tensor<2x6xf32>, tensor<6xf32>) outs(%e : tensor<2x6xf32>) {{
  ^bb0(%in: f32, %c: f32, %out: f32):
    %sum = arith.addf %in, %c : f32
    %relu = arith.maximumf %sum, %zero : f32
    linalg.yield %relu : f32
  }} -> tensor<2x6xf32>
  %d = tensor.empty() : tensor<2x3xf32>
  %i = linalg.fill ins(%zero : f32) outs(%d : tensor<2x3xf32>) -> tensor<2x3xf32>
  %2 = linalg.matmul ins(%1, %v : tensor<2x6xf32>, tensor<6x3xf32>) outs(%i : tensor<2x3xf32>)
    -> tensor<2x3xf32>
  return %2 : tensor<2x3xf32>
}}
"""


def mlp(x: np.ndarray) -> np.ndarray:
    return np.maximum(x @ FIRST + BIAS, 0) @ LAST


def test_rows_through_layers() -> None:
    assert same(MLP, ROWS, mlp(ROWS)) == ["nn.linear", "nn.relu", "nn.linear"]


def test_from_the_text_to_the_verdict(tmp_path: Path) -> None:
    path = tmp_path / "network.mlir"
    path.write_text(MLP)
    compiled = zklemma.compile(path, ROWS, batch=2, labels=["a", "b", "c"])
    proof = compiled.prove(ROWS[:2])
    verified = zklemma.verify(compiled.key, proof)
    np.testing.assert_allclose(verified.values["output"], mlp(ROWS[:2]), atol=1e-2)
    assert verified.labels["output"] == ["abc"[i] for i in mlp(ROWS[:2]).argmax(1)]
    with pytest.raises(zklemma.InvalidProof):
        damaged = bytearray(proof.proof)
        damaged[-100] ^= 1
        zklemma.verify(compiled.key, bytes(damaged))


def body(ops: str, more: str = "") -> str:
    """A function of each element, between two products."""
    return f"""{MAPS}
func.func @main(%x: tensor<1x4xf32>, %w: tensor<4x6xf32>) -> tensor<1x6xf32> {{
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %half = arith.constant 0.5 : f32
  %root = arith.constant 0.70710678 : f32
  %e = tensor.empty() : tensor<1x6xf32>
  %h = linalg.fill ins(%zero : f32) outs(%e : tensor<1x6xf32>) -> tensor<1x6xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<1x4xf32>, tensor<4x6xf32>) outs(%h : tensor<1x6xf32>)
    -> tensor<1x6xf32>
  {more}
  %1 = linalg.generic {{indexing_maps = [#same, #same], iterator_types = ["parallel", "parallel"]}}
    ins(%0 : tensor<1x6xf32>) outs(%e : tensor<1x6xf32>) {{
  ^bb0(%in: f32, %out: f32):
{ops}
  }} -> tensor<1x6xf32>
  return %1 : tensor<1x6xf32>
}}
"""


SIGMOID = """    %m = arith.negf %in : f32
    %p = math.exp %m : f32
    %q = arith.addf %p, %one : f32
    %s = arith.divf %one, %q : f32
"""
BODIES = {
    "relu": (
        """    %c = arith.cmpf ugt, %in, %zero : f32
    %s = arith.select %c, %in, %zero : f32
    linalg.yield %s : f32""",
        torch.relu,
    ),
    "sigmoid": (f"{SIGMOID}    linalg.yield %s : f32", torch.sigmoid),
    "silu": (
        f"{SIGMOID}    %y = arith.mulf %s, %in : f32\n    linalg.yield %y : f32",
        torch.nn.functional.silu,
    ),
    "relu6": (
        """    %six = arith.constant 6.0 : f32
    %p = arith.maxnumf %in, %zero : f32
    %y = arith.minnumf %p, %six : f32
    linalg.yield %y : f32""",
        torch.nn.functional.relu6,
    ),
    "tanh": ("    %y = math.tanh %in : f32\n    linalg.yield %y : f32", torch.tanh),
    "gelu": (
        """    %a = arith.mulf %in, %root : f32
    %b = math.erf %a : f32
    %c = arith.addf %b, %one : f32
    %d = arith.mulf %c, %half : f32
    %y = arith.mulf %in, %d : f32
    linalg.yield %y : f32""",
        torch.nn.functional.gelu,
    ),
}


@pytest.mark.parametrize("name", BODIES)
def test_activations_in_bodies(name: str) -> None:
    ops, function = BODIES[name]
    wanted = function(torch.from_numpy(ROWS @ FIRST)).numpy()
    made = same(body(ops), ROWS, wanted, {1: FIRST})
    assert [each for each in made if each != "nn.constant"] == ["nn.linear", f"nn.{name}"]


def test_named_operations_of_elements() -> None:
    """Those of a sum with a constant that is computed, and of the largest of it and zero."""
    shape = "tensor<1x6xf32>"
    text = f"""
func.func @main(%x: tensor<1x4xf32>, %w: tensor<4x6xf32>) -> {shape} {{
  %zero = arith.constant 0.0 : f32
  %b = arith.constant {dense(BIAS[None])}
  %e = tensor.empty() : {shape}
  %z = linalg.fill ins(%zero : f32) outs(%e : {shape}) -> {shape}
  %c = linalg.mul ins(%b, %b : {shape}, {shape}) outs(%e : {shape}) -> {shape}
  %0 = linalg.matmul ins(%x, %w : tensor<1x4xf32>, tensor<4x6xf32>) outs(%z : {shape}) -> {shape}
  %1 = linalg.sub ins(%0, %c : {shape}, {shape}) outs(%e : {shape}) -> {shape}
  %2 = linalg.max ins(%1, %z : {shape}, {shape}) outs(%e : {shape}) -> {shape}
  return %2 : {shape}
}}
"""
    wanted = np.maximum(ROWS @ FIRST - BIAS**2, 0)
    assert same(text, ROWS, wanted, {1: FIRST}) == ["nn.linear", "nn.relu"]


def test_a_product_by_its_maps_and_what_its_destination_holds() -> None:
    """The matrix as PyTorch has it, and a bias in the place of zeros."""
    text = f"""
func.func @main(%x: tensor<1x4xf32>) -> tensor<1x6xf32> {{
  %w = arith.constant {dense(np.ascontiguousarray(FIRST.T))}
  %b = arith.constant {dense(BIAS)}
  %e = tensor.empty() : tensor<1x6xf32>
  %h = linalg.broadcast ins(%b : tensor<6xf32>) outs(%e : tensor<1x6xf32>) dimensions = [0]
  %0 = linalg.generic {{indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (j, k)>,
    affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]}}
    ins(%x, %w : tensor<1x4xf32>, tensor<6x4xf32>) outs(%h : tensor<1x6xf32>) {{
  ^bb0(%in: f32, %c: f32, %out: f32):
    %p = arith.mulf %in, %c : f32
    %s = arith.addf %out, %p : f32
    linalg.yield %s : f32
  }} -> tensor<1x6xf32>
  return %0 : tensor<1x6xf32>
}}
"""
    assert same(text, ROWS, ROWS @ FIRST + BIAS) == ["nn.linear"]


IMAGES = weight(30, 2, 6, 6)
KERNEL, SHIFT, HEAD = weight(3, 2, 3, 3), weight(3), weight(27, 4)


def cnn(order: str) -> str:
    """A convolution with a border of zeros, a bias, ReLU, a pool where images have channels first, and a head."""
    first = order == "nchw_fchw"
    image = "1x2x6x6" if first else "1x6x6x2"
    wide = "1x2x8x8" if first else "1x8x8x2"
    made = "1x3x6x6" if first else "1x6x6x3"
    axes = {"nchw_fchw": (0, 1, 2, 3), "nhwc_hwcf": (2, 3, 1, 0), "nhwc_fhwc": (0, 2, 3, 1)}[order]
    kernel = np.ascontiguousarray(KERNEL.transpose(axes))
    sizes = "x".join(map(str, kernel.shape))
    channel = "d1" if first else "d3"
    pads = "[0, 0, 1, 1]" if first else "[0, 1, 1, 0]"
    pool = """%n = arith.constant 0xFF800000 : f32
  %pe = tensor.empty() : tensor<1x3x3x3xf32>
  %pi = linalg.fill ins(%n : f32) outs(%pe : tensor<1x3x3x3xf32>) -> tensor<1x3x3x3xf32>
  %pw = tensor.empty() : tensor<2x2xf32>
  %r = linalg.pooling_nchw_max {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>}
    ins(%1, %pw : tensor<1x3x6x6xf32>, tensor<2x2xf32>) outs(%pi : tensor<1x3x3x3xf32>)
    -> tensor<1x3x3x3xf32>
  %f = tensor.collapse_shape %r [[0], [1, 2, 3]] : tensor<1x3x3x3xf32> into tensor<1x27xf32>
"""
    end = f"""{pool}
  %v = arith.constant {dense(HEAD)}
  %he = tensor.empty() : tensor<1x4xf32>
  %hi = linalg.fill ins(%zero : f32) outs(%he : tensor<1x4xf32>) -> tensor<1x4xf32>
  %2 = linalg.matmul ins(%f, %v : tensor<1x27xf32>, tensor<27x4xf32>) outs(%hi : tensor<1x4xf32>)
    -> tensor<1x4xf32>
  return %2 : tensor<1x4xf32>"""
    returned = "1x4" if first else made
    return f"""
#same = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#channel = affine_map<(d0, d1, d2, d3) -> ({channel})>
func.func @main(%x: tensor<{image}xf32>) -> tensor<{returned}xf32> {{
  %k = arith.constant {dense(kernel)}
  %b = arith.constant {dense(SHIFT)}
  %zero = arith.constant 0.0 : f32
  %p = tensor.pad %x low{pads} high{pads} {{
  ^bb0(%i0: index, %i1: index, %i2: index, %i3: index):
    tensor.yield %zero : f32
  }} : tensor<{image}xf32> to tensor<{wide}xf32>
  %e = tensor.empty() : tensor<{made}xf32>
  %h = linalg.fill ins(%zero : f32) outs(%e : tensor<{made}xf32>) -> tensor<{made}xf32>
  %0 = linalg.conv_2d_{order} {{dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}}
    ins(%p, %k : tensor<{wide}xf32>, tensor<{sizes}xf32>) outs(%h : tensor<{made}xf32>) -> tensor<{made}xf32>
  %1 = linalg.generic {{indexing_maps = [#same, #channel, #same],
    iterator_types = ["parallel", "parallel", "parallel", "parallel"]}}
    ins(%0, %b : tensor<{made}xf32>, tensor<3xf32>) outs(%e : tensor<{made}xf32>) {{
  ^bb0(%in: f32, %c: f32, %out: f32):
    %s = arith.addf %in, %c : f32
    %r = arith.maximumf %s, %zero : f32
    linalg.yield %r : f32
  }} -> tensor<{made}xf32>
  {end if first else f"return %1 : tensor<{made}xf32>"}
}}
"""


def convolved(x: np.ndarray) -> torch.Tensor:
    parts = torch.from_numpy(KERNEL), torch.from_numpy(SHIFT)
    return torch.relu(torch.nn.functional.conv2d(torch.from_numpy(x), *parts, padding=1))


@pytest.mark.parametrize("order", ["nhwc_hwcf", "nhwc_fhwc"])
def test_images_with_channels_last(order: str) -> None:
    given = np.ascontiguousarray(IMAGES.transpose(0, 2, 3, 1))
    assert same(cnn(order), given, convolved(IMAGES).numpy()) == ["nn.conv2d", "nn.relu"]


def test_images_through_layers_are_proved(tmp_path: Path) -> None:
    def network(x: np.ndarray) -> np.ndarray:
        pooled = torch.nn.functional.max_pool2d(convolved(x), 2)
        return pooled.flatten(1).numpy() @ HEAD

    text = cnn("nchw_fchw")
    made = same(text, IMAGES, network(IMAGES))
    assert made == ["nn.conv2d", "nn.relu", "nn.max_pool2d", "nn.flatten", "nn.linear"]
    path = tmp_path / "images.mlir"
    path.write_text(text)
    compiled = zklemma.compile(path, IMAGES)
    verified = zklemma.verify(compiled.key, compiled.prove(IMAGES[:1]))
    np.testing.assert_allclose(verified.values["output"], network(IMAGES[:1]), atol=5e-2)


def damaged(old: str, new: str) -> str:
    assert old in MLP
    return MLP.replace(old, new)


YIELD = "    linalg.yield %y : f32"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("func.func @main() { linalg.nonsense }", r"1 operation is not supported: linalg.nonsense"),
        (MLP.replace("linalg.matmul", "linalg.batch_matmul"), "nearest is linalg.matmul of rows"),
        (MLP.replace("-> tensor<2x3xf32> {", "{"), "no text of linalg that can be read"),
        (damaged("outs(%h", "outs(%e"), "of a tensor that is not filled"),
        (damaged("ins(%x, %w", "ins(%w, %x"), "can be read|not supported"),
        (
            damaged("%relu = arith.maximumf %sum, %zero", "%relu = arith.maximumf %sum, %c"),
            "maximumf|others than 0",
        ),
        (damaged("arith.maximumf %sum, %zero", "arith.addf %sum, %out"), "that is not filled"),
        (body(f"    %y = math.exp %in : f32\n{YIELD}"), "an unknown activation"),
        (
            body(f"    %p = math.exp %in : f32\n    %y = arith.mulf %p, %in : f32\n{YIELD}"),
            "in no act",
        ),
        (body(f"    %y = math.sin %in : f32\n{YIELD}"), r"linalg.generic \(math.sin in its body"),
        (
            body(
                f"    %c = arith.cmpf ult, %in, %zero : f32\n    %y = arith.select %c, %in, %zero : f32\n{YIELD}"
            ),
            "other than whether a value is above zero",
        ),
        (
            body(
                f"    %c = arith.cmpf ugt, %in, %zero : f32\n    %y = arith.select %c, %zero, %in : f32\n{YIELD}"
            ),
            "other than the positive part",
        ),
        (
            cnn("nchw_fchw").replace("%r = arith.maximumf %s, %zero", "%r = math.cos %s"),
            r"math.cos in its body\) in main",
        ),
        (
            cnn("nchw_fchw")
            .replace("strides = dense<1>", "strides = dense<1>")
            .replace("dilations = dense<1> : tensor", "dilations = dense<2> : tensor"),
            "can be read|dilated",
        ),
        (
            cnn("nchw_fchw")
            .replace("tensor.yield %zero", "tensor.yield %one")
            .replace("%zero = ", "%one = arith.constant 1.0 : f32\n  %zero = "),
            "padded with 1.0",
        ),
    ],
)
def test_what_is_refused_is_one_line(text: str, message: str) -> None:
    x = IMAGES if "conv" in text else ROWS
    weights = {1: FIRST} if "%w: tensor" in text else {}
    with pytest.raises(UserError, match=message) as refused:
        import_linalg(PATH, text, x, BATCH, weights)
    assert "\n" not in str(refused.value)
