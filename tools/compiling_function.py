"""From a network of tensors to an artifact: compiler and runtime in one call.

import (PyTorch, ONNX, StableHLO) -> calibrate -> plan -> lower to the circuit -> integer weights ->
code parameters -> commit to the weights -> range proof -> fidelity: the outputs of the examples, in integers and
in fp32.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import ReturnOp

from ..compiler.analysis.calibrate_tensors import calibrate_tensors
from ..compiler.emit import param_arrays
from ..compiler.frontend.imported import Imported
from ..compiler.frontend.network import Tensor as Weight
from ..compiler.frontend.sources import NetworkSource, import_network
from ..compiler.levels import EVERYTHING, Level
from ..compiler.modules import main_function
from ..compiler.pipelines import Settings, lower, set_level, to_quant
from ..compiler.published import publish, write_function
from ..compiler.running import Watch, run_passes
from ..compiler.weights import quantized_weights
from ..dialects import quant
from ..dialects.quant import InputOp, type_of
from ..errors import expect
from ..runtime.circuit.encoding import encode_circuit, encode_program
from ..runtime.kernels.warm import warm
from ..runtime.model.budget import MemoryBudget
from ..runtime.model.choose_parameters import choose_parameters
from ..runtime.model.keys import Artifact, VerifyingKey
from ..runtime.model.masks import WeightMasks
from ..runtime.model.signature import Signature, Tensor
from ..runtime.progress import Clock, Progress, Silent
from ..runtime.proving.prover import CommittedWeights, prove_ranges
from ..runtime.visible import require_name
from ..runtime.witness.function_executor import FunctionExecutor

MOST_COMPARED = 256
"""Examples whose outputs are compared with the framework's."""


def compile_function(
    source: NetworkSource,
    example_inputs: object,
    batch: int = 1,
    name: str | None = None,
    labels: Sequence[str] = (),
    progress: Progress | None = None,
    private: bool = True,
    headroom: float | None = None,
    settings: Settings | None = None,
    level: Level = EVERYTHING,
    watch: Watch | None = None,
    outputs: Sequence[str] = (),
    weights: Mapping[int, object] | None = None,
) -> tuple[Artifact, dict[str, Any]]:
    """The artifact of a network whose inputs and outputs are tensors, and a report: plain data about it.

    ``source``, ``outputs`` and ``weights`` are those of `import_network`. ``example_inputs`` are what it takes,
    rows (N, n) or images (N, C, H, W): ranges are calibrated on them, so that they should be many and like those of
    proofs. A proof has up to ``batch`` examples. ``labels`` name the classes along the last axis of the first
    output. Other options are those of `compiling.compile`.

    `UserError` for a network with operations that are not supported, all of them named.
    """
    chosen = {} if headroom is None else {"plan-scales.headroom": str(headroom)}
    planning, converting = to_quant(chosen | dict(settings or {}), level)
    clock = Clock(progress or Silent())
    clock.start("import")
    found = import_network(source, example_inputs, batch, outputs, weights)
    name = name or found.name
    require_name(name, "the module")
    made = found.function
    clock.start("calibrate")
    calibrate_tensors(made, found.weight, found.examples)
    clock.start("lower")
    run_passes(Context(), made, planning, watch, "model", converting)
    run_passes(Context(), made, converting, watch, "model")
    set_level(made, level)
    signature = _signature(made, labels)
    function = publish(made)
    circuit, program = lower(function, watch=watch)
    clock.start("weights")
    params = param_arrays(circuit, quantized_weights(_Weights(found.weight), made))
    parameters = choose_parameters([circuit], private)
    clock.start("kernels")
    warm(clock.at)
    clock.start("commit")
    committed = CommittedWeights(
        circuit, parameters, params, WeightMasks.fresh(circuit, parameters)
    )
    clock.start("ranges")
    key = VerifyingKey(
        name=name,
        weights=found.parameters,
        code=parameters.to_list(),
        eos=(),
        weight_root=committed.root,
        circuit_bytes=encode_circuit(circuit),
        private_circuit_bytes=b"",
        function_bytes=write_function(function),
        tokenizer_bytes=b"",
        range_proof=prove_ranges(circuit, parameters, committed),
        signature=signature,
    )
    clock.start("fidelity")
    measured = _compare(found, signature, FunctionExecutor(circuit, program, params))
    clock.stop()
    report = {
        "name": key.name,
        "model_id": key.model_id,
        "parameters": key.weights,
        "batch": batch,
        "seconds": sum(clock.seconds.values()),
        "stages": clock.seconds,
        "fidelity": measured,
    }
    budget = MemoryBudget(key)
    budget.spend()  # What the range proof opened.
    meta = {"fidelity": measured, "source": found.source}
    artifact = Artifact(key, encode_program(program), b"", params, committed.masks, meta, budget)
    return artifact, report


class _Weights:
    """The weights of an imported function."""

    def __init__(self, by_name: Weight):
        self._by_name = by_name

    def tensor(self, name: str) -> np.ndarray:
        return self._by_name(name)

    def sha256(self, name: str) -> str:
        return hashlib.sha256(np.ascontiguousarray(self.tensor(name), "<f4").tobytes()).hexdigest()


def _signature(module: ModuleOp, labels: Sequence[str]) -> Signature:
    """What the inputs and outputs of a `quant` function are."""
    function = main_function(module)
    inputs = [
        _tensor(op.tensor.data, type_of(op.result))
        for op in function.walk()
        if isinstance(op, InputOp)
    ]
    returned = expect(function.body.block.last_op, ReturnOp).operands
    names = quant.output_names(len(returned))
    outputs = [
        _tensor(name, type_of(value), () if number else labels)
        for number, (name, value) in enumerate(zip(names, returned, strict=True))
    ]
    return Signature(tuple(inputs), tuple(outputs))


def _tensor(name: str, type: quant.QuantTensorType, labels: Sequence[str] = ()) -> Tensor:
    return Tensor(name, type.shape[1:], type.width, type.fraction, tuple(labels))


def _compare(network: Imported, signature: Signature, executor: FunctionExecutor) -> dict[str, Any]:
    """How the outputs of examples differ from the framework's: of each the largest difference, in proportion to its
    largest element, and how often the largest element along its last axis is the same."""
    some = {name: each[:MOST_COMPARED] for name, each in network.examples.items()}
    wanted = network.evaluate([*some.values()])
    found = executor.run(signature.quantize(some))
    report: dict[str, Any] = {"examples": len(next(iter(some.values()))), "outputs": {}}
    for tensor, each in zip(signature.outputs, wanted, strict=True):
        reals, exact = tensor.real(found[tensor.name]), each.astype(np.float64)
        largest = float(np.abs(exact).max()) or 1.0
        report["outputs"][tensor.name] = {
            "relative_error": float(np.abs(reals - exact).max()) / largest,
            "greedy_agreement": float(np.mean(reals.argmax(-1) == exact.argmax(-1))),
        }
    return report
