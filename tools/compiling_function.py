"""From a network of tensors to a compiled function: compiler and runtime in one call.

calibrate -> plan -> lower to the circuit -> integer weights -> set up the target -> fidelity: the
outputs of the examples, in integers and as the network gives them in fp32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from xdsl.context import Context

from ..compiler.analysis.calibrate_tensors import calibrate_tensors
from ..compiler.emit import param_arrays
from ..compiler.frontend.network import Network
from ..compiler.levels import EVERYTHING, Level
from ..compiler.pipelines import lower, set_level
from ..compiler.published import publish, write_function
from ..compiler.resumed import Passes
from ..compiler.running import Watch, run_passes
from ..compiler.weights import quantized_weights
from ..errors import UserError
from ..runtime.circuit.encoding import encode_circuit, encode_program
from ..runtime.kernels.warm import warm
from ..runtime.model.lowered import Executable, LoweredModel
from ..runtime.model.signature import Signature
from ..runtime.progress import Clock
from ..runtime.visible import require_name
from ..runtime.witness.function_executor import FunctionExecutor
from .compiled import Compiled
from .function_signature import signature_of
from .systems.own import OWN
from .systems.target import Target, require_fits, target_facts

MOST_COMPARED = 256
"""Examples whose outputs are compared with the network's."""


def compile_function(
    network: Network,
    examples: Sequence[np.ndarray] | None,
    passes: tuple[Passes, Passes],
    clock: Clock,
    labels: Sequence[str] = (),
    target: Target = OWN,
    private: bool = True,
    level: Level = EVERYTHING,
    watch: Watch | None = None,
) -> Compiled:
    """A network compiled. ``examples`` are inputs in its order, fp32 (N, ..): ranges are calibrated on them,
    and outputs compared; None for an `nn` module that has ranges. ``passes`` lead to a planned `nn` function
    and from there to `quant`. Other options are those of `compiling.compile`."""
    planning, converting = passes
    made, name = network.module, network.name
    require_name(name, "the module")
    batch = network.batch
    if examples is not None:
        clock.start("calibrate")
        calibrate_tensors(made, network.weight, _by_name(network, examples))
    clock.start("lower")
    run_passes(Context(), made, planning, watch, "model", converting)
    run_passes(Context(), made, converting, watch, "model")
    set_level(made, level)
    function = publish(made)
    circuit, program = lower(function, watch=watch)
    signature = signature_of(made, circuit, labels)
    require_fits(target, circuit)
    clock.start("weights")
    params = param_arrays(circuit, quantized_weights(network, made))
    clock.start("kernels")
    warm(clock.at)
    known = LoweredModel(
        name=name,
        weights=network.parameters,
        eos=(),
        circuit_bytes=encode_circuit(circuit),
        private_circuit_bytes=b"",
        function_bytes=write_function(function),
        tokenizer_bytes=b"",
        signature=signature,
    )
    lowered = Executable(known, encode_program(program), b"", params, {})
    artifact = target.setup(lowered, private, clock)
    measured = None
    if examples is not None:
        clock.start("fidelity")
        some = [each[:MOST_COMPARED] for each in examples]
        executor = FunctionExecutor(circuit, program, params)
        measured = compare_outputs(network.run(some), some, signature, executor)
    clock.stop()
    report = {
        "batch": batch,
        "seconds": sum(clock.seconds.values()),
        "stages": clock.seconds,
        "fidelity": measured,
    }
    meta = {"report": report, "source": name} | target_facts(target, private)
    return Compiled(replace(artifact, meta=meta), target)


def _by_name(network: Network, examples: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    names = [op.input_name for op in network.inputs]
    if len(names) != len(examples):
        raise UserError(f"example inputs are needed for {', '.join(names)}, not {len(examples)}")
    return dict(zip(names, examples, strict=True))


def compare_outputs(
    wanted: Sequence[np.ndarray],
    examples: Sequence[np.ndarray],
    signature: Signature,
    executor: FunctionExecutor,
) -> dict[str, Any]:
    """How the outputs of examples differ from those that are wanted: of each the largest difference, in
    proportion to its largest element, and how often the largest element along its last axis is the same."""
    names = [tensor.name for tensor in signature.inputs]
    found = executor.run(signature.quantize(dict(zip(names, examples, strict=True))))
    report: dict[str, Any] = {"examples": len(examples[0]), "outputs": {}}
    for tensor, exact in zip(signature.outputs, wanted, strict=True):
        reals, exact = tensor.real(found[tensor.name]), exact.astype(np.float64)
        largest = float(np.abs(exact).max()) or 1.0
        report["outputs"][tensor.name] = {
            "relative_error": float(np.abs(reals - exact).max()) / largest,
            "greedy_agreement": float(np.mean(reals.argmax(-1) == exact.argmax(-1))),
        }
    return report
