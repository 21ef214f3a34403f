"""Functions of images: the integers of PyTorch, of the interpreter and of the executor are the same, the witness
satisfies the circuit at every level, and no cell of it can be another."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import Phase, given, settings
from xdsl.dialects.builtin import ModuleOp
from zklemma.compiler.emit import param_arrays
from zklemma.compiler.interpret_circuit import check
from zklemma.compiler.interpret_quant import interpret_function
from zklemma.compiler.levels import OPTIMISATIONS, Level
from zklemma.compiler.module_text import parse_module
from zklemma.compiler.pipelines import lower, set_level
from zklemma.compiler.transforms import virtualize_remainders
from zklemma.runtime.circuit.function import Batch
from zklemma.runtime.circuit.relations import Circuit
from zklemma.runtime.witness.function_executor import FunctionExecutor

sys.path.append(str(Path(__file__).parent))
both: Any = import_module("both")
random_images: Any = import_module("random_images")
Arrays = dict[str, np.ndarray]
SHAPES = {
    "first.weight": (4, 2, 3, 3),
    "first.bias": (4,),
    "depthwise.weight": (4, 1, 3, 3),
    "second.weight": (4, 4, 3, 3),
    "head.weight": (5, 12),
}


@pytest.fixture(scope="module")
def images() -> tuple[ModuleOp, Arrays, Arrays]:
    text = (Path(__file__).parent / "images.mlir").read_text(encoding="utf-8")
    random = np.random.default_rng(1)
    weights = {name: random.integers(-100, 100, shape) for name, shape in SHAPES.items()}
    return parse_module(text), weights, {"image": random.integers(-500, 500, (3, 2, 7, 6))}


def executed(
    module: ModuleOp, weights: Arrays, inputs: Arrays
) -> tuple[Circuit, Arrays, Arrays, Arrays]:
    """The circuit, its params, what the executor returns, and the witness."""
    circuit, program = lower(module)
    params = param_arrays(circuit, weights)
    executor = FunctionExecutor(circuit, program, params)
    return circuit, params, executor.run(inputs), executor.witness(inputs)


def test_integers_are_those_of_pytorch(images: tuple[ModuleOp, Arrays, Arrays]) -> None:
    module, weights, inputs = images
    module.verify()
    w = {name: torch.tensor(array) for name, array in weights.items()}
    f = torch.nn.functional
    first = f.conv2d(
        torch.tensor(inputs["image"]), w["first.weight"], w["first.bias"] << 4, (2, 1), 1
    )
    relu = (first + 32 >> 6).clamp(min=0)
    pool = f.max_pool2d(relu.double(), 3, 2, 1).long()
    depthwise = f.conv2d(pool, w["depthwise.weight"], padding=1, groups=4) + 256 >> 9
    second = f.conv2d(depthwise, w["second.weight"], padding=1) + 128 >> 8
    total = depthwise + second
    mean = total[:, :, 0:1] + total[:, :, 1:2] + 1 >> 1
    wanted = (mean.reshape(3, -1) @ w["head.weight"].T + 256 >> 9).numpy()
    (found,) = interpret_function(module, weights, inputs)
    assert np.array_equal(found, wanted)
    for count in (1, 3):
        given = {name: array[:count] for name, array in inputs.items()}
        circuit, params, outputs, witness = executed(module, weights, given)
        assert np.array_equal(outputs["output"], wanted[:count])
        assert check(circuit, Batch(count), {**witness, **params}) == []


def test_no_cell_can_be_another(images: tuple[ModuleOp, Arrays, Arrays]) -> None:
    circuit, params, _, witness = executed(*images)
    random = np.random.default_rng(2)
    for name, array in witness.items():
        for place in random.choice(array.size, min(8, array.size), replace=False):
            changed = array.astype(np.int64)
            changed.flat[place] += random.choice((-1, 1))
            assert check(circuit, Batch(3), {**witness, **params, name: changed}), (name, place)


def test_an_input_out_of_range_is_noticed(images: tuple[ModuleOp, Arrays, Arrays]) -> None:
    """Also if all that follows from it is right: of a private input nobody else looks at the range."""
    module, weights, inputs = images
    circuit, program = lower(module)
    params, image = param_arrays(circuit, weights), inputs["image"].copy()
    image[0, 0, 0, 0] = circuit.column["image"].high + 1
    wider = [
        replace(column, low=2 * column.low, high=2 * column.high)
        if column.name == "image"
        else column
        for column in circuit.columns
    ]
    cheating = replace(circuit, columns=tuple(wider), data=circuit.data)
    witness = FunctionExecutor(cheating, program, params).witness({"image": image})
    assert check(circuit, Batch(3), {**witness, **params}) == ["image.range"]


@pytest.mark.parametrize("left_out", ["", *OPTIMISATIONS])
def test_each_pass_can_be_left_out(images: tuple[ModuleOp, Arrays, Arrays], left_out: str) -> None:
    module, weights, inputs = images
    module = module.clone()
    set_level(module, Level(disabled=(left_out,)) if left_out else Level(0))
    circuit, params, outputs, witness = executed(module, weights, inputs)
    (wanted,) = interpret_function(module, weights, inputs)
    assert np.array_equal(outputs["output"], wanted)
    assert check(circuit, Batch(3), {**witness, **params}) == []


def test_windows_on_odd_sizes_define_no_remainders(
    images: tuple[ModuleOp, Arrays, Arrays], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each tap would have a sumcheck for each piece of the image."""
    defined = lower(images[0])[0].defined
    monkeypatch.setattr(virtualize_remainders, "SUMCHECKS", 0)
    fewer = lower(images[0])[0].defined
    assert fewer.keys() < defined.keys()
    kept = defined.keys() - fewer.keys()
    circuit, params, _, witness = executed(*images)
    assert check(circuit, Batch(3), {**witness, **params}) == [] and kept <= witness.keys()


@given(random_images.SIZES)
@settings(max_examples=40, deadline=None, derandomize=True, phases=[Phase.generate])
def test_random_functions(sizes: Any) -> None:
    module, weights, inputs = random_images.function(sizes)
    module.verify()
    (wanted,) = interpret_function(module, weights, inputs)
    circuit, params, outputs, witness = executed(module, weights, inputs)
    assert np.array_equal(outputs["output"], wanted)
    both.check_both(circuit, Batch(sizes.examples), witness, params)


FAR = """
builtin.module {
  func.func @main() -> !quant.tensor<[2, 1, 3, 3], bits = 16, frac = 15> {
    %0 = quant.input "image" : !quant.tensor<[2, 1, 5, 5], bits = 8, frac = 8>
    %1 = quant.table %0 table <"16384 + x", -128 to 128> : (!quant.tensor<[2, 1, 5, 5], bits = 8, frac = 8>)
         -> !quant.tensor<[2, 1, 5, 5], bits = 16, frac = 15>
    %2 = quant.max_pool %1 kernel [4, 4] stride [2, 2] padding [2, 2]
         : (!quant.tensor<[2, 1, 5, 5], bits = 16, frac = 15>) -> !quant.tensor<[2, 1, 3, 3], bits = 16, frac = 15>
    func.return %2 : !quant.tensor<[2, 1, 3, 3], bits = 16, frac = 15>
  }
}
"""


def test_a_padded_pool_of_elements_that_are_all_large() -> None:
    """Zeros beside the image are far below all of them, and several stand at the beginning of a window."""
    module = parse_module(FAR)
    image = np.random.default_rng(0).integers(-128, 128, (2, 1, 5, 5))
    circuit, params, found, witness = executed(module, {}, {"image": image})
    wanted = torch.nn.functional.max_pool2d(torch.from_numpy(16384.0 + image), 4, 2, 2).long()
    assert (found["output"] == wanted.numpy()).all()
    assert not check(circuit, Batch(2), {**witness, **params})
