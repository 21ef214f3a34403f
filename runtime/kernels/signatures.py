"""The types of kernels' arguments as plain data, such as JSON holds.

A number is its dtype's name. An array is "DTYPE:DIMENSIONS" with numba's letter for the layout, and r if it is
read-only, u if it is unaligned: "uint64:2C", "int16:1Ar". The dtypes of records have names in `leaves`: "LEAF:1Cu".
A tuple is a list; a named one an object with one entry, {"module.Class": [..]}, the module of this package.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numba import from_dtype
from numba.core import types
from numba.np.numpy_support import as_dtype

from .leaves import LEAF, PART

_RECORDS = {"LEAF": LEAF, "PART": PART}


def to_data(kind: types.Type) -> Any:
    """`ValueError` for a type that no kernel takes yet."""
    found: Any = kind  # Of which the types of tuples do not declare their parts.
    if isinstance(kind, types.BaseNamedTuple):
        owner = found.instance_class
        name = f"{owner.__module__.rpartition('.')[2]}.{owner.__name__}"
        return {name: [to_data(part) for part in found.types]}
    if isinstance(kind, types.BaseTuple):
        return [to_data(part) for part in found.types]
    if isinstance(kind, types.Array):
        flags = "r" * (not kind.mutable) + "u" * (not kind.aligned)
        return f"{_name(kind.dtype)}:{kind.ndim}{kind.layout}{flags}"
    if isinstance(kind, types.Boolean | types.Integer):
        return _name(kind)
    raise ValueError(f"no kernel takes {kind}")


def from_data(data: Any) -> types.Type:
    """The type that `to_data` made ``data`` of."""
    if isinstance(data, dict):
        ((name, parts),) = data.items()
        kinds = [from_data(part) for part in parts]
        # A tuple of one kind is another type to numba than one of several.
        same = types.NamedUniTuple(kinds[0], len(kinds), named(name))
        return same if len(set(kinds)) == 1 else types.NamedTuple(kinds, named(name))
    if isinstance(data, list):
        return types.Tuple([from_data(part) for part in data])
    name, _, form = data.partition(":")
    dtype = from_dtype(np.dtype(_RECORDS.get(name, name)))
    if not form:
        return dtype
    dimensions, layout, flags = int(form[0]), form[1], form[2:]
    return types.Array(dtype, dimensions, layout, readonly="r" in flags, aligned="u" not in flags)


def named(name: str) -> Any:
    """What "module.name" of this package is."""
    module, _, attribute = name.partition(".")
    return getattr(import_module(f".{module}", __package__), attribute)


def _name(kind: types.Type) -> str:
    dtype = as_dtype(kind)
    return next((name for name, record in _RECORDS.items() if record == dtype), dtype.name)
