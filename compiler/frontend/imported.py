"""What each frontend of tensors hands on: a function, its weights, and the framework's numbers to compare with."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from ...errors import UserError
from .network import Tensor

Arrays = Sequence[np.ndarray]
_OTHER = re.compile(r"[^A-Za-z0-9_.]+")


@dataclass(frozen=True)
class Imported:
    """A network from outside. ``evaluate`` takes examples of the inputs, in order, and gives the outputs as the
    framework or its reference computes them in fp32."""

    name: str
    source: str
    function: ModuleOp
    weight: Tensor
    parameters: int
    examples: dict[str, np.ndarray]
    evaluate: Callable[[Arrays], list[np.ndarray]]


def examples_of(names: Sequence[str], given: object) -> dict[str, np.ndarray]:
    """Examples in fp32 by the names of the inputs, in their order. ``given`` are one input's, those of each in
    order, or those of each by name, as arrays or what numpy makes one of; `UserError` for others than these."""
    if isinstance(given, Mapping):
        if set(given) != set(names):
            found = ", ".join(map(str, given)) or "none"
            raise UserError(f"the inputs are {', '.join(names)}; there are examples for {found}")
        parts = [given[name] for name in names]
    else:
        parts = [*given] if isinstance(given, tuple | list) else [given]
        if len(parts) != len(names):
            raise UserError(f"there are {len(names)} inputs, and examples for {len(parts)}")
    found = {name: _array(name, part) for name, part in zip(names, parts, strict=True)}
    if len({len(each) for each in found.values()}) != 1 or not len(found[names[0]]):
        raise UserError("there must be at least one example, and as many for each input")
    return found


def _array(name: str, given: object) -> np.ndarray:
    try:
        found = np.asarray(given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{name}: {error}") from error
    if not np.issubdtype(found.dtype, np.floating):
        raise UserError(f"{name} has {found.dtype} numbers; only real numbers can be inputs")
    if found.ndim not in (2, 4):
        raise UserError(
            f"{name} has shape {found.shape}: an input is rows (N, n) or images (N, C, H, W)"
        )
    return found.astype(np.float32)


def plain(name: str) -> str:
    """A name of a graph as a module path: words with dots between them."""
    return _OTHER.sub(".", name).strip(".")
