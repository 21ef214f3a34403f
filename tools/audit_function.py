"""Whether the key of a function is that of a network: what nobody who only verifies its proofs looks at.

The key says the integer function that its circuit was lowered from. An audit lowers it again, and reads off it
what the signature must be. Given the network, in the form that it was compiled from, it imports that once more,
gives it the formats of the key's function in the place of those that calibration would lead to, converts it with
the compiler's passes, and compares both functions operation by operation. The network's weights, rounded to these
formats, are committed again where that can be done: where the key's weights are public, or with the masks of an
artifact.

What must be trusted: this compiler and its frontends. How good the formats are only examples tell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from ..compiler.analysis.coarse import formats
from ..compiler.analysis.requantise import differences, with_formats
from ..compiler.emit import param_arrays
from ..compiler.levels import EVERYTHING
from ..compiler.modules import takes_tensors
from ..compiler.pipelines import level_of, to_circuit
from ..compiler.published import read_function
from ..compiler.running import pipeline_text, run_passes
from ..compiler.transforms.raise_to_nn import RaiseToNN
from ..compiler.weights import parameters, quantized_weights
from ..dialects import quant
from ..dialects.interfaces import TensorSource
from ..errors import UserError
from ..runtime.circuit.encoding import MOST_CELLS
from ..runtime.circuit.program import Program
from ..runtime.circuit.relations import Circuit
from ..runtime.model.choose_parameters import choose_parameters
from ..runtime.model.keys import Artifact, VerifyingKey
from ..runtime.model.masks import WeightMasks
from ..runtime.model.signature import Signature, Tensor
from ..runtime.progress import Clock
from ..runtime.proving.prover import CommittedWeights
from ..runtime.verifying.verifier import check_links
from ..runtime.visible import quote
from ..runtime.witness.function_executor import FunctionExecutor
from .audit_circuits import compare_circuit, refusal
from .function_signature import signature_of
from .inspection import digests

if TYPE_CHECKING:
    from ..compiler.frontend.network import Network

UNCHECKED = "how much of the network's predictions the formats leave"
NO_NETWORK = "which network this is (give the module or its file)"
NO_LABELS = "whether these are the labels, in this order (give them)"
NO_WEIGHTS = (
    "whose weights they are (they are private: audit the artifact, which has the masks beside them)"
)
# Differing weights, and labels, that problems name.
NAMED = 8
# Of what is lowered: elements of windows, each of which is a term, a product or a lookup. Keys have room for fewer.
MOST_TAPS = 1 << 14


@dataclass(frozen=True)
class Expected:
    """What a key is compared with: a network as `compile` takes it, and what goes with it.

    ``labels`` are those of the first output, None where nobody says them; ``examples`` are inputs on which the
    integer function is compared with the network.
    """

    model: Any = None
    weights: Any = None
    outputs: Sequence[str] = ()
    labels: Sequence[str] | None = None
    examples: Any = None

    @property
    def name(self) -> str:
        return str(self.model) if isinstance(self.model, str | Path) else type(self.model).__name__


@dataclass
class _Findings:
    problems: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    compared: int | None = None
    """How many weights are the network's; None where nobody could look."""
    fidelity: dict[str, Any] | None = None


def audit_function(
    key: VerifyingKey, artifact: Artifact | None, expected: Expected, clock: Clock
) -> dict[str, Any]:
    """Plain data, as `audit` gives it. `UserError` for a key whose function can not be read, and for a network that
    can not be imported with inputs of the signature's shapes."""
    clock.start("load")
    try:
        function = read_function(bytes(key.function_bytes))
        pipeline = pipeline_text(to_circuit(False, level_of(function)))
    except UserError as error:
        raise UserError(f"{key.source}: {error}") from None
    if not takes_tensors(function):
        raise UserError(f"{key.source}: its function takes no tensors")
    signature, found = key.function_signature, _Findings(_too_large(function))
    sized = not found.problems
    network, examples = None, None
    if sized and expected.model is not None:
        clock.start("import")
        network, examples = _import(expected, signature, _batch(function))
        run_passes(Context(), network.module, (RaiseToNN(),))
        lines = differences(network.module, function)
        found.problems += [f"the function is not that of {expected.name}: {line}" for line in lines]
    bounds = 0
    clock.start("lower")
    if not found.problems:
        lowered = compare_circuit(key, function)
        bounds = lowered.bounds
        found.problems += lowered.problems
        if lowered.made:
            circuit, program = lowered.made
            found.problems += _signature(signature, signature_of(function, circuit, ()))
            if network is not None and not lowered.problems:
                clock.start("weights")
                _compare(
                    found, key, artifact, expected, network, function, circuit, program, examples
                )
    cells = sum(math.prod(quant.type_of(op.result).shape) for op in parameters(function))
    if network is not None and key.weights != network.parameters:
        found.problems.append(
            f"the key says {key.weights} parameters, {expected.name} has {network.parameters}"
        )
    found.problems += _labels(signature.outputs, expected.labels)
    clock.start("ranges")
    found.problems += refusal(key.check_ranges)
    clock.start("link")
    found.problems += refusal(lambda: check_links(key))
    clock.stop()
    if network is None:
        found.unchecked += [NO_NETWORK]
    elif found.compared is None:
        found.unchecked += [NO_WEIGHTS]
    if expected.labels is None and signature.outputs[0].labels:
        found.unchecked += [NO_LABELS]
    if found.fidelity is None:
        found.unchecked += [UNCHECKED]
    each = formats(function) if sized else []
    return {
        "valid": not found.problems,
        "problems": found.problems,
        "model_id": key.model_id,
        "name": key.name,
        "model": expected.name if network is not None else None,
        "max_examples": _batch(function),
        "parameters": cells,
        "weights": "private" if key.private else "public",
        "weights_compared": found.compared,
        "tensors": [_told(what, tensor) for what, tensor in signature.tensors.items()],
        "fidelity": found.fidelity,
        "formats": [asdict(one) for one in each],
        "coarse": [f"{one.module or one.kind}: {what}" for one in each for what in one.coarse],
        "pipeline": pipeline,
        "bounds": bounds,
        **digests(key),
        "ancestors": [ancestor.digest.hex() for ancestor in key.ancestors],
        "unchecked": [*found.unchecked, "the name"],
        "seconds": sum(clock.seconds.values()),
        "stages": clock.seconds,
    }


def _batch(function: ModuleOp) -> int:
    """The most examples of a proof."""
    sources = (op for op in function.walk() if isinstance(op, TensorSource))
    return quant.type_of(next(sources).results[0]).shape[0]


def _told(what: str, tensor: Tensor) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "role": what.split()[0],
        "shape": list(tensor.shape),
        "bits": tensor.bits,
        "fraction_bits": tensor.frac,
        "ids": tensor.ids or None,
        "labels": list(tensor.labels),
    }


def _too_large(function: ModuleOp) -> list[str]:
    """Whether lowering would take what no key has room for: a few bytes of text say any windows and tables."""
    taps, tables = 0, set[quant.TableAttr]()
    for op in function.walk():
        if isinstance(op, quant.TableOp):
            tables.add(op.table)
        elif isinstance(op, quant.Conv2dOp):
            _, share, *kernel = quant.type_of(op.w).shape
            taps += math.prod(kernel) * (share if op.groups.value.data > 1 else 1)
        elif isinstance(op, quant.SumPoolOp):
            pairs = zip(op.kernel.get_values(), quant.type_of(op.x).shape[2:], strict=True)
            taps += math.prod(k for k, size in pairs if k != size)
        elif isinstance(op, quant.MaxPoolOp):
            taps += sum(op.kernel.get_values())
    if taps > MOST_TAPS:
        return [f"the function's windows have {taps:,} elements, more than {MOST_TAPS:,}"]
    entries = sum(high - low for low, high in (table.domain for table in tables))
    if 2 * entries > MOST_CELLS:
        return [f"the function's tables have {2 * entries:,} cells, more than {MOST_CELLS:,}"]
    return []


# The network


def _import(
    expected: Expected, signature: Signature, batch: int
) -> tuple[Network, Sequence[np.ndarray] | None]:
    """The network for that many examples, with inputs of the signature's shapes, and examples if there are any."""
    import torch
    from torch.export import ExportedProgram

    from ..compiler.frontend import network
    from ..compiler.frontend.sources import network_file, read_network
    from ..compiler.resumed import given_model, read_model

    model, examples = expected.model, expected.examples
    file = network_file(model)
    if expected.outputs and file is None:
        raise UserError("outputs are chosen in a graph of ONNX; let the module return others")
    shapes = [(1, *tensor.shape) for tensor in signature.inputs]
    types = [torch.int64 if tensor.ids else torch.float32 for tensor in signature.inputs]
    if isinstance(model, torch.nn.Module | ExportedProgram):
        if expected.weights is not None:
            raise UserError("weights go with a text; a module has its own")
        given = [torch.zeros(s, dtype=t) for s, t in zip(shapes, types, strict=True)]
        of = network.of_module if isinstance(model, torch.nn.Module) else network.of_program
        made = of(model, given, batch)  # type: ignore[arg-type]
    elif file is not None:
        given = examples
        if examples is None and file.dialect == "onnx":
            given = [np.zeros(shape, np.float32) for shape in shapes]
        made, found = read_network(file, given, batch, expected.outputs, expected.weights)
        return made, None if examples is None else found
    elif isinstance(model, ModuleOp | str | Path):
        if expected.weights is None:
            raise UserError(
                f"{expected.name}: no file of ONNX or StableHLO; a module of nn needs its weights (--weights)"
            )
        text = model if isinstance(model, ModuleOp) else read_model(Path(model), {}, EVERYTHING)[0]
        made = network.of_text(given_model(text, {}, EVERYTHING)[0], expected.weights)
    else:
        raise UserError(f"{expected.name} is no network: give a module, or a file of one")
    if examples is None:
        return made, None
    names = [op.input_name for op in made.inputs]
    ids = [op.input_name for op in made.inputs if op.below is not None]
    return made, [*network.examples_of(names, examples, ids).values()]


def _compare(
    found: _Findings,
    key: VerifyingKey,
    artifact: Artifact | None,
    expected: Expected,
    network: Network,
    function: ModuleOp,
    circuit: Circuit,
    program: Program,
    examples: Sequence[np.ndarray] | None,
) -> None:
    """The network's weights in the formats of the function, beside those that the key commits to; and what comes of
    examples with them."""
    try:
        rounded = quantized_weights(network, with_formats(network.module, function))
        params = param_arrays(circuit, rounded)
    except UserError as error:
        found.problems.append(f"the key's formats do not fit {expected.name}: {error}")
        return
    if artifact is not None or not key.private:
        problems = _weights(key, artifact, expected.name, circuit, params)
        found.problems += problems
        if not problems:
            found.compared = sum(array.size for array in params.values())
    if examples is not None:
        from .compiling_function import MOST_COMPARED, compare_outputs

        some = [each[:MOST_COMPARED] for each in examples]
        executor = FunctionExecutor(circuit, program, params)
        found.fidelity = compare_outputs(network.run(some), some, key.function_signature, executor)


def _weights(
    key: VerifyingKey,
    artifact: Artifact | None,
    name: str,
    circuit: Circuit,
    params: Mapping[str, np.ndarray],
) -> list[str]:
    """Whether a key commits to these weights, under the artifact's masks or none. What counts is the root; the
    artifact's own weights only tell which ones differ."""
    chosen = choose_parameters([circuit], key.private)
    if key.code != chosen.to_list():  # Of a bounded size, as the key's need not be.
        return ["the code parameters are not those that compiling chooses"]
    masks = artifact.masks if artifact else WeightMasks.fresh(circuit, chosen)
    fresh = WeightMasks(masks.cells, masks.salts)  # Without the tree, which says what it likes.
    if CommittedWeights(circuit, chosen, params, fresh).root == key.weight_root:
        return []
    lines = []
    held = artifact.params if artifact else {}
    for column in circuit.home("param") if held else ():
        stored = held[column.name]
        places = np.argwhere(stored != params[column.name])
        if len(places):
            at, cells = tuple(map(int, places[0])), math.prod(stored.shape)
            lines.append(
                f"the weight {column.origin} is not that of {name}: {len(places):,} of {cells:,} numbers differ, "
                f"at {list(at)} it is {stored[at]}, not {params[column.name][at]}"
            )
    return lines or [f"the weights that the key commits to are not those of {name}"]


# The signature


def _signature(found: Signature, wanted: Signature) -> list[str]:
    """Where a key says other things of its tensors than its function; labels are nobody's there."""
    ones, others = wanted.tensors, found.tensors
    if list(ones) != list(others):
        return [f"the signature has {_names(others)}, the function {_names(ones)}"]
    return [
        f"the signature says of the {what} that its {noun} {other}, not {one}"
        for what in ones
        for noun, one, other in (
            ("shape is", ones[what].shape, others[what].shape),
            ("bits are", ones[what].bits, others[what].bits),
            ("fraction bits are", ones[what].frac, others[what].frac),
            ("number of ids is", ones[what].ids, others[what].ids),
        )
        if one != other
    ]


def _names(tensors: Mapping[str, Tensor]) -> str:
    return ", ".join(tensors)


def _labels(outputs: Sequence[Tensor], labels: Sequence[str] | None) -> list[str]:
    """Where the labels of the first output are others than those that are given; no other output has any."""
    output, *others = outputs
    for each in others:
        if each.labels:
            return [f"the output {each.name} has labels, which only the first output can have"]
    if labels is None or output.labels == tuple(labels):
        return []
    if len(labels) != len(output.labels):
        return [f"the output {output.name} has {len(output.labels)} labels, not {len(labels)}"]
    pairs = enumerate(zip(output.labels, labels, strict=True))
    wrong = [f"{i} {quote(one)}, not {quote(other)}" for i, (one, other) in pairs if one != other]
    more = [f"{len(wrong) - NAMED} more"] * (len(wrong) > NAMED)
    return [f"the labels of the output {output.name} are {'; '.join([*wrong[:NAMED], *more])}"]
