"""Two commitments hold the same weights: proved when a model is committed under fresh masks.

In a circuit of its own each `param` column stands twice, under the older root and under the newer one (home
``renewed``), and their difference is zero at every cell. A verifying key carries the links that lead to it
from its ancestors, so that an ancestor's id goes on to mean the same model.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from ..circuit.encoding import encode_circuit
from ..circuit.extents import Shape
from ..circuit.index import Index, Inputs
from ..circuit.packed import pack
from ..circuit.relations import Circuit, Column, Expr, Linear, Term
from ..protocol.channel import Reader
from ..protocol.parameters import Parameters
from ..protocol.subject import Subject
from ..protocol.verification import verify_subject

# Before the names of columns, so that no two names can meet.
OLD, NEW = "old ", "new "


@dataclass(frozen=True)
class Ancestor:
    """A model that a key was rotated from: its id, its root, and the proof that the root which came
    next holds the same weights."""

    digest: bytes
    weight_root: bytes
    link: bytes


def link_circuit(circuit: Circuit) -> Circuit:
    """The `param` columns of a circuit twice, and that they are the same."""
    params = circuit.home("param")
    used = {axis for column in params for axis in column.axes}
    old = [replace(column, name=OLD + column.name) for column in params]
    new = [replace(column, name=NEW + column.name, home="renewed") for column in params]
    return Circuit(
        axes=tuple(axis for axis in circuit.axes if axis.name in used),
        columns=(*old, *new),
        tables=(),
        einsums=(),
        lookups=(),
        linears=tuple(_same(column) for column in params),
        extents={},
    )


def _same(column: Column) -> Linear:
    indices = tuple(Index("same", axis) for axis in column.axes)
    terms = (Term(1, OLD + column.name, indices), Term(-1, NEW + column.name, indices))
    bound = max(1, column.high - column.low)
    return Linear(f"{column.name}.same", Expr(column.axes, terms), bound, column.origin)


def link_subject(circuit: Circuit, parameters: Parameters, old: bytes, new: bytes) -> Subject:
    """What the proof about two roots is about; it hides the weights if the parameters say so."""
    link = link_circuit(circuit)
    identity = (
        ("link", hashlib.sha256(encode_circuit(link)).digest()),
        ("parameters", pack(parameters.to_list())),
        ("old weights", old),
        ("new weights", new),
    )
    hiding = bool(parameters.hiding)
    return Subject(link, parameters, (old, new), Shape(), Inputs(), hiding, identity)


def verify_link(
    circuit: Circuit, parameters: Parameters, old: bytes, new: bytes, proof: bytes
) -> None:
    """Raise `InvalidProof` unless both roots are proved to hold the same weights."""
    verify_subject(link_subject(circuit, parameters, old, new), Reader(proof))
