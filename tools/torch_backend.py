"""The backend "zklemma" of `torch.compile`: a module runs as its integer circuit, and proves what it gives.

    module = torch.compile(network.eval(), backend="zklemma", fullgraph=True)
    with zklemma.proofs() as proofs:
        y = module(x)
    zklemma.verify(*proofs[0])

The first call compiles for as many examples as it has; so does a call of another number of them, and one after
the weights have changed. Ranges are calibrated on ``options={"calibration": inputs}`` of `torch.compile`, a tensor
or tensors by the names of `forward`'s arguments; without it on the inputs of that call, which warns if they are
few. A later value outside of its range raises `UserError`. Other options are those of `zklemma.compile`. What is
computed has no gradients. Outside of `proofs` nothing is proved.

Errors: `UserError` in one line, when the module is called: for a module of several graphs, and what
`zklemma.compile` and `Compiled.prove` raise.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from operator import attrgetter
from threading import Lock
from typing import Any, NamedTuple

import torch
from torch.fx import Graph, GraphModule, Node

from ..errors import UserError
from ..runtime.model.keys import VerifyingKey
from ..runtime.progress import Progress
from ..runtime.proving.inference import Inference, Visibility
from .compiled import Compiled
from .compiling import compile

FEW = 16
"""Examples of which fewer are no good calibration."""
OPTIONS = (
    *("calibration", "name", "labels", "private"),
    *("headroom", "settings", "level", "progress"),
)
Run = Callable[..., tuple[torch.Tensor, ...]]


class ProvedCall(NamedTuple):
    """A call of a compiled module: the key of what ran, and what it gave with its proof."""

    key: VerifyingKey
    proof: Inference


class _Collecting(NamedTuple):
    calls: list[ProvedCall]
    options: dict[str, Any]


# Of each thread and task its own, as the block that asks for proofs is.
_COLLECTING: ContextVar[_Collecting | None] = ContextVar("proofs", default=None)


@contextmanager
def proofs(
    visibility: Visibility | None = None,
    hiding: bool | None = None,
    progress: Progress | None = None,
    nonce: bytes = b"",
) -> Iterator[list[ProvedCall]]:
    """Within it each call of a module compiled for "zklemma" is proved, and stands in the list. For the options see
    `Compiled.prove`; inputs are called as the arguments of the module's `forward`, those of PyTorch's own modules
    "input", "input1", .."""
    options = {"visibility": visibility, "hiding": hiding, "progress": progress, "nonce": nonce}
    collecting = _Collecting([], options)
    token = _COLLECTING.set(collecting)
    try:
        yield collecting.calls
    finally:
        _COLLECTING.reset(token)


def backend(
    graph: GraphModule, inputs: Sequence[Any], options: Mapping[str, Any] | None = None
) -> Run:
    """What PyTorch calls with the graph of a module, whose weights are inputs like others."""
    reason = getattr(graph, "compile_subgraph_reason", None)
    if reason is not None and reason.graph_break:
        # PyTorch would tell what is raised here by a page, so the call raises it.
        first = str(reason.reason).strip().splitlines()[0]
        return _refusing(f"the module is no one graph (fullgraph=True says where): {first}")
    if unknown := [name for name in options or {} if name not in OPTIONS]:
        return _refusing(f"options has no {unknown[0]}, only {', '.join(OPTIONS)}")
    return _Module(graph, options or {})


def _refusing(why: str) -> Run:
    def refuse(*inputs: Any) -> tuple[torch.Tensor, ...]:
        raise UserError(why)

    return refuse


class _Module:
    """A graph, and what is compiled of it."""

    def __init__(self, graph: GraphModule, options: Mapping[str, Any]):
        self.graph = graph
        self.options = {"name": "module", **options}
        self.calibration = self.options.pop("calibration", None)
        self.placeholders = [node for node in graph.graph.nodes if node.op == "placeholder"]
        self.compiled: dict[tuple[Any, ...], tuple[Compiled, list[torch.Tensor]]] = {}
        """With the weights that each is of, so that others never lie at their addresses."""
        self.lock = Lock()

    def __call__(self, *inputs: Any) -> tuple[torch.Tensor, ...]:
        given = {
            _argument(node): each.detach()
            for node, each in zip(self.placeholders, inputs, strict=True)
            if isinstance(each, torch.Tensor) and not _is_weight(node)
        }
        if not given:
            raise UserError("the module has no tensor as an input")
        compiled = self.compiled_for(inputs, given)
        collecting = _COLLECTING.get()
        if collecting is None:
            values = compiled.run(given).values
        else:
            made = compiled.prove(given, **collecting.options)
            collecting.calls.append(ProvedCall(compiled.key, made))
            values = made.outputs
        like = next(iter(given.values()))
        dtype = like.dtype if like.is_floating_point() else torch.get_default_dtype()
        return tuple(torch.from_numpy(each).to(like.device, dtype) for each in values.values())

    def compiled_for(self, inputs: Sequence[Any], given: Mapping[str, torch.Tensor]) -> Compiled:
        """What is compiled for as many examples and these weights; at first it is compiled."""
        weights = [
            each.detach()
            for node, each in zip(self.placeholders, inputs, strict=True)
            if _is_weight(node)
        ]
        shapes = (tuple(each.shape) for each in given.values())
        known = (*shapes, *((each.data_ptr(), each._version) for each in weights))
        with self.lock:
            if known not in self.compiled:
                examples = self.examples(given)
                batch = len(next(iter(given.values())))
                module = bound(self.graph, inputs)
                made = compile(module, examples, batch=batch, **self.options)
                self.compiled[known] = made, weights
            return self.compiled[known][0]

    def examples(self, given: Mapping[str, torch.Tensor]) -> list[torch.Tensor]:
        """What ranges are calibrated on, in the order of the inputs."""
        names = ", ".join(given)
        if isinstance(self.calibration, torch.Tensor):
            if len(given) > 1:
                raise UserError(f"calibration must be a mapping of tensors: {names}")
            return [self.calibration]
        if self.calibration is not None:
            if set(self.calibration) != set(given):
                raise UserError(f"calibration must have tensors for {names}")
            return [self.calibration[name] for name in given]
        if (count := len(next(iter(given.values())))) < FEW:
            warnings.warn(
                f"zklemma: ranges are calibrated on the {count} example{'s' * (count != 1)} of this call; give "
                'more to torch.compile, options={"calibration": inputs}',
                stacklevel=2,
            )
        return [*given.values()]


def bound(module: GraphModule, inputs: Sequence[Any]) -> GraphModule:
    """The graph with its weights, and its sizes where they are inputs, in the place of their placeholders."""
    graph, values = Graph(), dict[Node, Any]()
    state: dict[str, Any] = {
        str(node.target): attrgetter(str(node.target))(module)
        for node in module.graph.nodes
        if node.op in ("get_attr", "call_module")
    }
    placeholders = (node for node in module.graph.nodes if node.op == "placeholder")
    for node, value in zip(placeholders, inputs, strict=True):
        if _is_weight(node):
            name = _weight(node)
            name = name if state.setdefault(name, value) is value else node.name
            state[name] = value
            values[node] = graph.get_attr(name)
        elif isinstance(value, torch.Tensor):
            values[node] = graph.placeholder(_argument(node))
        else:
            values[node] = value
    graph.output(graph.graph_copy(module.graph, values))
    return GraphModule(state, graph)


def _is_weight(node: Node) -> bool:
    """Whether an input is a parameter or a buffer of the module."""
    return "_dynamo_static_input_type" in (node.meta.get("tensor_dict") or {})


def _source(node: Node) -> str:
    """Where PyTorch finds an input, as an expression: L['x'], L['self']._modules['first']._parameters['weight']."""
    source = getattr(node, "_dynamo_source", None)
    return source.name if source else node.name


def _argument(node: Node) -> str:
    """What an input is called; those of PyTorch's own modules have numbers only."""
    first, *parts = re.findall(r"\w+", _source(node))
    if len(parts) == 2 and parts[0] == "args":
        return "input" if parts[1] == "0" else f"input{parts[1]}"
    return "_".join(parts) or first


def _weight(node: Node) -> str:
    """What a weight is called in the module."""
    return ".".join(re.findall(r"\['([^']+)'\]", _source(node))[1:]) or node.name
