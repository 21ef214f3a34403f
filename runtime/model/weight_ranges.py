"""Each committed weight lies in its declared range: proved once, when the weights are committed.

The circuit's no-wrap bounds rest on the declared ranges of the `param` columns, which no proof of an answer
looks at. This proof does: the same commitment under a circuit of its own, which only looks every weight up in
the table of its range. The verifying key carries it.
"""

from __future__ import annotations

import hashlib

import numpy as np

from ...errors import InvalidProof
from ..circuit.encoding import MOST_CELLS, encode_circuit
from ..circuit.extents import Shape
from ..circuit.index import Index, Inputs
from ..circuit.packed import pack
from ..circuit.relations import Circuit, Column, Expr, Lookup, Table, Term
from ..protocol.channel import Reader
from ..protocol.parameters import Parameters
from ..protocol.subject import Subject
from ..protocol.verification import verify_subject


def range_circuit(circuit: Circuit) -> Circuit:
    """The `param` columns of a circuit, each cell looked up in the table 0 .. high - low; `InvalidProof` if
    there are no such tables."""
    params = circuit.home("param")
    sizes = sorted({_span(column) for column in params})
    if sum(sizes) > MOST_CELLS:
        raise InvalidProof(f"they are wider than tables of {MOST_CELLS} rows")
    used = {axis for column in params for axis in column.axes}
    return Circuit(
        axes=tuple(axis for axis in circuit.axes if axis.name in used),
        columns=tuple(params),
        tables=tuple(Table(f"below {size}", 1, size) for size in sizes),
        einsums=(),
        lookups=tuple(_lookup(column) for column in params),
        linears=(),
        extents={},
        data={f"below {size}": np.arange(size)[:, None] for size in sizes},
    )


def _span(column: Column) -> int:
    return column.high - column.low + 1


def _lookup(column: Column) -> Lookup:
    indices = tuple(Index("same", axis) for axis in column.axes)
    offset = Expr(column.axes, (Term(1, column.name, indices),), -column.low)
    return Lookup(f"{column.name}.range", f"below {_span(column)}", (offset,), column.origin)


def range_subject(circuit: Circuit, parameters: Parameters, weight_root: bytes) -> Subject:
    """What the proof is about; it hides the weights if the parameters say that they are hidden."""
    ranges = range_circuit(circuit)
    identity = (
        ("ranges", hashlib.sha256(encode_circuit(ranges)).digest()),
        ("parameters", pack(parameters.to_list())),
        ("weights", weight_root),
    )
    hiding = bool(parameters.hiding)
    return Subject(ranges, parameters, (weight_root,), Shape(), Inputs(), hiding, identity)


def verify_ranges(
    circuit: Circuit, parameters: Parameters, weight_root: bytes, proof: bytes
) -> None:
    """Raise `InvalidProof` unless all weights under the root are proved to be in their ranges."""
    try:
        verify_subject(range_subject(circuit, parameters, weight_root), Reader(proof))
    except InvalidProof as error:
        raise InvalidProof(f"the ranges of the weights: {error}") from None
