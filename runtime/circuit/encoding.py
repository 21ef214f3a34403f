"""One canonical byte string for a circuit or a program: msgpack of nested lists, fields in order.

Layout: [kind, version, fields...]; a dataclass is the list of its fields in declaration order, a
mapping the list of its (key, value) pairs sorted by key. Arrays (`Circuit.data`) are
[shape, parts], a table one part per column, anything else one part in row-major order; a part is
[start, step], when its values are an arithmetic progression, or [code, bytes]: the first code of
`WIDTHS` whose little-endian integers hold every value; or [start, code, bytes], the differences of
neighbours, where these take fewer bytes. There is exactly one encoding of a
circuit: decoding re-encodes and compares, so that equal digests mean equal circuits.
"""

from __future__ import annotations

import hashlib
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Literal, NoReturn, Union, get_args, get_origin, get_type_hints

import msgpack
import numpy as np

from .extents import CircuitError
from .packed import unpack
from .program import Program
from .relations import MOST_DIMENSIONS, Circuit

VERSION = 6
WIDTHS = ("|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8")
# Of all arrays together: a progression of any length takes a few bytes.
MOST_CELLS = 1 << 24
# Magnitudes below which arrays are told by their steps.
LARGEST_TOLD = 1 << 60
# Lists and what they hold, ten times what a real circuit has.
MOST_ITEMS = 1 << 17


def encode_circuit(circuit: Circuit) -> bytes:
    """The canonical bytes of ``circuit``; `CircuitError` where it does not fit the format."""
    tables = {table.name for table in circuit.tables}
    if sum(np.asarray(array).size for array in circuit.data.values()) > MOST_CELLS:
        raise CircuitError(f"more than {MOST_CELLS} cells in tables and public columns")
    data = [
        [name, _pack_array(np.asarray(circuit.data[name]), name in tables)]
        for name in sorted(circuit.data)
    ]
    return _dump("circuit", [_pack(getattr(circuit, name)) for name in _names(Circuit)] + [data])


def decode_circuit(raw: bytes) -> Circuit:
    """The circuit that ``raw`` encodes, checked; `CircuitError` says what is wrong."""
    *values, data = _load("circuit", raw, len(_names(Circuit)) + 1)
    hints = _hints(Circuit)
    parts = [_unpack(hints[n], v, n) for n, v in zip(_names(Circuit), values, strict=True)]
    arrays: dict[str, np.ndarray] = {}
    left = MOST_CELLS
    for name, value in _pairs(data, "data"):
        arrays[name] = _unpack_array(value, name, left)
        left -= arrays[name].size
    circuit = Circuit(*parts, data=arrays)
    circuit.check()
    if circuit.home("renewed"):
        raise CircuitError("a model's circuit has no renewed columns")
    _same(encode_circuit(circuit), raw)
    return circuit


def encode_program(program: Program) -> bytes:
    """The canonical bytes of ``program``."""
    return _dump("program", _pack(program))


def decode_program(raw: bytes) -> Program:
    """The program that ``raw`` encodes; `CircuitError` says what is wrong."""
    program = _unpack(Program, _load("program", raw, len(_names(Program))), "program")
    _same(encode_program(program), raw)
    return program


def digest(circuit: Circuit) -> bytes:
    """SHA-256 of the canonical bytes."""
    return hashlib.sha256(encode_circuit(circuit)).digest()


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind) if field.name != "data")


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _dump(kind: str, values: list[Any]) -> bytes:
    try:
        packed: Any = msgpack.packb([kind, VERSION, *values], use_bin_type=True)
    except (OverflowError, ValueError, TypeError) as error:
        raise CircuitError(f"{kind}: cannot be encoded: {error}") from None
    return packed


def _load(kind: str, raw: bytes, count: int) -> list[Any]:
    try:
        values = unpack(raw, MOST_ITEMS)
    except ValueError as error:
        raise CircuitError(f"{kind}: damaged ({error})") from None
    if not isinstance(values, list) or values[:1] != [kind]:
        raise CircuitError(f"{kind}: this is something else")
    if values[1:2] != [VERSION]:
        found = values[1] if len(values) > 1 else "none"
        raise CircuitError(
            f"{kind}: format version {found}, this program reads {VERSION}: compile the model again"
        )
    if len(values) != count + 2:
        raise CircuitError(f"{kind}: {len(values) - 2} parts instead of {count}")
    return values[2:]


def _same(encoded: bytes, raw: bytes) -> None:
    if encoded != raw:
        raise CircuitError("not in canonical form")


def _pack(value: Any) -> Any:
    if isinstance(value, (int, str)):
        return value
    if isinstance(value, (tuple, list)):
        return [_pack(item) for item in value]
    if is_dataclass(value):
        return [_pack(getattr(value, name)) for name in _names(type(value))]
    if isinstance(value, Mapping):
        return [[key, _pack(value[key])] for key in sorted(value)]
    return value


def _unpack(kind: Any, value: Any, where: str) -> Any:
    """``value`` as the type ``kind``, or `CircuitError`."""
    return _reader(kind)(value, where)


@cache
def _reader(kind: Any) -> Callable[[Any, str], Any]:
    """`_unpack` for one type: a circuit has thousands of values, of a few types."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in (int, str):

        def read(value: Any, where: str) -> Any:
            return value if type(value) is kind else _malformed(where)

    elif origin is Literal:

        def read(value: Any, where: str) -> Any:
            return value if isinstance(value, str) and value in arguments else _malformed(where)

    elif origin in (Union, types.UnionType):
        options = [_reader(option) for option in arguments]

        def read(value: Any, where: str) -> Any:
            for option in options:
                try:
                    return option(value, where)
                except CircuitError:
                    continue
            _malformed(where)

    elif origin is tuple:
        item_of = _reader(arguments[0])

        def read(value: Any, where: str) -> Any:
            if not isinstance(value, list):
                _malformed(where)
            return tuple([item_of(item, where) for item in value])

    elif origin is Mapping:
        value_of = _reader(arguments[1])

        def read(value: Any, where: str) -> Any:
            return {key: value_of(item, where) for key, item in _pairs(value, where)}

    else:
        names, hints = _names(kind), _hints(kind)
        parts = [(name, _reader(hints[name])) for name in names]

        def read(value: Any, where: str) -> Any:
            if not isinstance(value, list) or len(value) != len(parts):
                _malformed(where)
            items = zip(parts, value, strict=True)
            return kind(*[part(item, f"{where}.{name}") for (name, part), item in items])

    return read


def _malformed(where: str) -> NoReturn:
    raise CircuitError(f"{where}: malformed")


def _pairs(value: Any, where: str) -> list[list[Any]]:
    if not isinstance(value, list) or not all(
        isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) for pair in value
    ):
        _malformed(where)
    return value


def _pack_array(array: np.ndarray, table: bool) -> list[Any]:
    fits = array.size and 0 < array.ndim <= MOST_DIMENSIONS
    if not np.issubdtype(array.dtype, np.signedinteger) or not fits:
        raise CircuitError(f"array of type {array.dtype} and shape {array.shape}")
    parts = array.T if table else [array]
    return [list(array.shape), [_pack_part(np.ravel(part).astype(np.int64)) for part in parts]]


def _pack_part(values: np.ndarray) -> list[Any]:
    low, high = int(values.min()), int(values.max())
    # Steps of what may be larger could exceed what is read.
    if values.size > 1 and low > -LARGEST_TOLD and high < LARGEST_TOLD:
        step = int(values[1] - values[0])
        # What spans the range in as many steps, without the differences of all that does not.
        if high - low == abs(step) * (values.size - 1) and np.all(np.diff(values) == step):
            return [int(values[0]), step]
        steps, own = np.diff(values), _width(low, high)
        code = _width(int(steps.min()), int(steps.max()))
        if np.dtype(code).itemsize < np.dtype(own).itemsize:
            return [int(values[0]), code, steps.astype(code).tobytes()]
    code = _width(low, high)
    return [code, values.astype(code).tobytes()]


def _width(low: int, high: int) -> str:
    """The first code whose integers hold all of low .. high; every int64 fits the last one."""
    limits = ((code, np.iinfo(code)) for code in WIDTHS)
    return next(code for code, info in limits if info.min <= low and high <= info.max)


def _unpack_array(value: Any, name: str, most: int) -> np.ndarray:
    """An array of at most so many cells."""
    shape, parts = value if isinstance(value, list) and len(value) == 2 else (None, None)
    sizes = _unpack(tuple[int, ...], shape, name)
    if not 0 < len(sizes) <= MOST_DIMENSIONS or not isinstance(parts, list) or not parts:
        raise CircuitError(f"{name}: malformed")
    count = math.prod(max(0, size) for size in sizes)
    if not 0 < count <= most:
        raise CircuitError(f"{name}: no cells, or more than {MOST_CELLS} in all arrays")
    if count % len(parts) or (len(parts) > 1 and sizes[-1] != len(parts)):
        raise CircuitError(f"{name}: malformed")
    columns = [_unpack_part(part, count // len(parts), name) for part in parts]
    return (np.stack(columns, axis=1) if len(parts) > 1 else columns[0]).reshape(sizes)


def _unpack_part(part: Any, count: int, name: str) -> np.ndarray:
    if isinstance(part, list) and len(part) == 2:
        first, second = part
        if type(first) is int and type(second) is int:
            if max(abs(first), abs(second) * count) >= 2**62:
                raise CircuitError(f"{name}: values too large")
            return first + second * np.arange(count, dtype=np.int64)
        if first in WIDTHS and isinstance(second, bytes):
            return _integers(first, second, count, name)
    if isinstance(part, list) and len(part) == 3:
        start, code, steps = part
        if (
            type(start) is int
            and abs(start) < 2**62
            and code in WIDTHS[:-1]
            and isinstance(steps, bytes)
        ):
            first = np.array([start], np.int64)
            values = np.concatenate([first, _integers(code, steps, count - 1, name)])
            return np.cumsum(values, out=values)
    raise CircuitError(f"{name}: malformed")


def _integers(code: str, data: bytes, count: int, name: str) -> np.ndarray:
    if len(data) != count * np.dtype(code).itemsize:
        raise CircuitError(f"{name}: contents of another length")
    return np.frombuffer(data, dtype=code).astype(np.int64)
