"""A circuit as rank-1 constraints (A . w) (B . w) = C . w, in the files that iden3's tools read.

Relations of a circuit are statements about integers: their sides stay below the Goldilocks prime, so they hold
modulo any larger prime just when they hold. snarkjs checks witnesses over BN254 and BLS12-381 only; constraints are
over the scalar field of BN254. What makes them equivalent is that every cell is in its declared range, by its bits,
whether or not a lookup says so.

Wires are the number 1, the cells of `param` and `witness` columns in their order, and what constraints add: bits,
products, and for a row of a table or of what is gathered from a 0 or 1 for each row, of which one is 1. An instance
is for one shape and for given tokens where the circuit takes them as inputs; public columns are constants.

    python -m zklemma.tools.r1cs MODEL.zkl --prompt TEXT [--max-new-tokens N] -o NAME

writes NAME.r1cs and the witness NAME.wtns of what the model says. It is meant for small circuits: a table of n rows
takes n constraints each time that it is looked up in.

Errors: `UserError` where there would be more than `MOST` constraints, and where a value is in no table.
"""

from __future__ import annotations

import argparse
import itertools
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

import numpy as np

from ..errors import UserError
from ..runtime.circuit.generation import Generation, Tokens
from ..runtime.circuit.index_maps import MAPS, Index
from ..runtime.circuit.relations import Circuit, Column, Expr
from ..runtime.model import files
from ..runtime.model.keys import load_artifact
from ..runtime.proving import answer
from ..runtime.witness.columns import Columns
from ..runtime.witness.executor import Executor
from . import measuring

BN254 = 21888242871839275222246405745257275088548364400416034343698204186575808495617
WORD = 32
"""Bytes of an element."""
ONE = 0
"""The wire of the number 1."""
MOST = 1 << 22

Form = dict[int, int]
"""Coefficients by wire."""
Place = Mapping[str, int]


@dataclass
class R1cs:
    """Constraints, and the values of wires where these are known."""

    inputs: int = 0
    """Wires of cells."""
    wires: int = 1
    constraints: list[tuple[Form, Form, Form]] = field(default_factory=list)
    values: list[int] | None = None

    def wire(self, value: int = 0) -> int:
        """A new wire, and what it holds where values are known."""
        if self.values is not None:
            self.values.append(value)
        self.wires += 1
        return self.wires - 1

    def value(self, form: Form) -> int:
        """Of a form, as an integer; 0 where values are not known."""
        if self.values is None:
            return 0
        return sum(coefficient * self.values[wire] for wire, coefficient in form.items())

    def require(self, a: Form, b: Form, c: Form) -> None:
        """(A . w) (B . w) = C . w."""
        if len(self.constraints) >= MOST:
            raise UserError(f"more than {MOST:,} constraints: the circuit is too large for R1CS")
        self.constraints.append((a, b, c))

    def zero(self, form: Form) -> None:
        self.require(form, {ONE: 1}, {})

    def product(self, left: Form, right: Form) -> Form:
        """The product of two forms, with a wire of its own unless one is a number."""
        for number, other in ((left, right), (right, left)):
            if not number.keys() - {ONE}:
                return _scaled(number.get(ONE, 0), other)
        found = {self.wire(self.value(left) * self.value(right)): 1}
        self.require(left, right, found)
        return found

    def bit(self, value: int) -> int:
        """A wire that holds 0 or 1."""
        wire = self.wire(value)
        self.require({wire: 1}, {wire: 1}, {wire: 1})
        return wire

    def below(self, form: Form, size: int) -> None:
        """A form is one of 0 .. size - 1."""
        bits = (size - 1).bit_length()
        ends = [form] if size == 1 << bits else [form, _sum([(1, {ONE: size - 1}), (-1, form)])]
        for end in ends:
            value = self.value(end)
            wires = [self.bit(value >> i & 1) for i in range(bits)]
            self.zero(_sum([(1, end), *((-(1 << i), {w: 1}) for i, w in enumerate(wires))]))

    def one_of(self, count: int, chosen: int) -> list[int]:
        """Wires of which one is 1 and all others 0."""
        wires = [self.bit(int(i == chosen)) for i in range(count)]
        self.zero(_sum([(-1, {ONE: 1}), *((1, {wire: 1}) for wire in wires)]))
        return wires


def r1cs(columns: Columns, known: bool) -> R1cs:
    """The constraints of a circuit at the shape, and for the tokens, of its columns; with the values of wires if
    those of its cells are ``known``."""
    return _Writer(columns, known).run()


@dataclass
class _Writer:
    columns: Columns
    known: bool

    def run(self) -> R1cs:
        self.circuit: Circuit = self.columns.circuit
        self.system = R1cs(values=[1] if self.known else None)
        self.first: dict[str, int] = {}
        for column in self.circuit.columns:
            if column.home != "public":
                self.cells(column)
        self.system.inputs = self.system.wires - 1
        for column in self.circuit.columns:
            if column.home != "public":
                for i in range(prod(self.sizes(column.axes))):
                    cell = {self.first[column.name] + i: 1, ONE: -column.low}
                    self.system.below(cell, column.high - column.low + 1)
                self.zeros(column)
        for linear in self.circuit.linears:
            for place in self.places(linear.expr.axes):
                self.system.zero(self.form(linear.expr, place))
        self.einsums()
        self.lookups()
        self.gathers()
        return self.system

    def sizes(self, axes: Sequence[str]) -> tuple[int, ...]:
        return tuple(self.columns.size(axis) for axis in axes)

    def places(self, axes: Sequence[str]) -> Iterator[dict[str, int]]:
        for place in itertools.product(*map(range, self.sizes(axes))):
            yield dict(zip(axes, place, strict=True))

    def held(self, axes: Sequence[str]) -> Iterator[dict[str, int]]:
        """The places that a band leaves of cells over some axes."""
        band = self.circuit.band(axes)
        for place in self.places(axes):
            if band is None or band.holds(
                *((place[a], place[a] + 1) for a in (band.rows, band.columns))
            ):
                yield place

    def cells(self, column: Column) -> None:
        self.first[column.name] = self.system.wires
        count = prod(self.sizes(column.axes))
        values = (
            self.columns.column(column.name).reshape(-1).tolist() if self.known else [0] * count
        )
        for value in values:
            self.system.wire(int(value))

    def zeros(self, column: Column) -> None:
        """What a column has outside a band."""
        if column.name in self.circuit.defined or not self.circuit.band(column.axes):
            return
        held = {tuple(place.values()) for place in self.held(column.axes)}
        for i, place in enumerate(self.places(column.axes)):
            if tuple(place.values()) not in held:
                self.system.zero({self.first[column.name] + i: 1})

    def form(self, expr: Expr, place: Place) -> Form:
        """An expression at one place."""
        parts: list[tuple[int, Form]] = [(expr.constant, {ONE: 1})]
        for term in expr.terms:
            column = self.circuit.column[term.column]
            sizes = self.sizes(column.axes)
            ways = [
                self.read(index, size, place)
                for index, size in zip(term.indices, sizes, strict=True)
            ]
            for way in itertools.product(*ways):
                at = tuple(position for position, _ in way)
                coefficient = term.coefficient * prod(sign for _, sign in way)
                if column.home == "public":
                    value = int(self.columns.public(column.name)[at])
                    parts.append((coefficient * value, {ONE: 1}))
                else:
                    cell = int(np.ravel_multi_index(at, sizes)) if at else 0
                    parts.append((coefficient, {self.first[column.name] + cell: 1}))
        return _sum(parts)

    def read(self, index: Index, size: int, place: Place) -> list[tuple[int, int]]:
        """The positions along an axis that an index reads, each with a sign."""
        kind, i, inputs = MAPS[index.kind], place.get(index.axis, 0), self.columns.inputs
        span = range(i, i + 1)
        if kind.picks:
            return [(int(kind.sources(index, span, inputs)[0]), 1)]
        (row,) = kind.read(np.eye(size, dtype=np.int64), 0, index, span, inputs, np.dtype(np.int64))
        return [(int(j), int(row[j])) for j in np.flatnonzero(row)]

    def einsums(self) -> None:
        for einsum in self.circuit.einsums:
            for place in (self.held if einsum.defines else self.places)(einsum.lhs.axes):
                parts = [(-1, self.form(einsum.lhs, place))]
                for product in einsum.products:
                    axes = {axis for factor in product.factors for axis in factor.axes}
                    for inner in self.places(sorted(axes - place.keys())):
                        found: Form = {ONE: 1}
                        for factor in product.factors:
                            found = self.system.product(found, self.form(factor, place | inner))
                        parts.append((product.coefficient, found))
                self.system.zero(_sum(parts))

    def lookups(self) -> None:
        for lookup in self.circuit.lookups:
            table = self.circuit.data[lookup.table]
            low = int(table[0, 0])
            run = table.shape[1] == 1 and np.array_equal(table[:, 0], low + np.arange(len(table)))
            for place in self.held(lookup.exprs[0].axes):
                forms = [self.form(expr, place) for expr in lookup.exprs]
                if run:
                    self.system.below(_sum([(1, forms[0]), (-low, {ONE: 1})]), len(table))
                else:
                    self.row(lookup.name, forms, table)

    def row(self, name: str, forms: list[Form], table: np.ndarray) -> None:
        """Forms are together a row of a table."""
        chosen = 0
        if self.known:
            found = np.flatnonzero((table == [self.system.value(form) for form in forms]).all(1))
            if not len(found):
                raise UserError(f"relation {name}: a value is in no row of its table")
            chosen = int(found[0])
        wires = self.system.one_of(len(table), chosen)
        for form, entries in zip(forms, table.T.tolist(), strict=True):
            rows = [(entry, {wire: 1}) for entry, wire in zip(entries, wires, strict=True)]
            self.system.zero(_sum([(-1, form), *rows]))

    def gathers(self) -> None:
        for gather in self.circuit.gathers:
            axis, carried = gather.source.axes[0], gather.source.axes[1:]
            count = self.columns.size(axis)
            for place in self.places(gather.index.axes):
                index = self.form(gather.index, place)
                wires = self.system.one_of(count, self.system.value(index))
                rows = [(i, {wire: 1}) for i, wire in enumerate(wires)]
                self.system.zero(_sum([(-1, index), *rows]))
                for inner in self.places(carried):
                    parts = [(-1, self.form(gather.value, place | inner))]
                    for i, wire in enumerate(wires):
                        source = self.form(gather.source, {axis: i, **inner})
                        parts.append((1, self.system.product({wire: 1}, source)))
                    self.system.zero(_sum(parts))


def _sum(parts: Sequence[tuple[int, Form]]) -> Form:
    total: Form = {}
    for factor, form in parts:
        for wire, coefficient in form.items():
            total[wire] = total.get(wire, 0) + factor * coefficient
    return {wire: coefficient for wire, coefficient in total.items() if coefficient}


def _scaled(factor: int, form: Form) -> Form:
    return _sum([(factor, form)])


def encode(system: R1cs) -> bytes:
    """The contents of an .r1cs file, version 1: all cells are private inputs."""
    counts = (system.wires, 0, 0, system.inputs)
    header = struct.pack("<I", WORD) + _element(BN254) + struct.pack("<4I", *counts)
    header += struct.pack("<QI", system.wires, len(system.constraints))
    body = bytearray()
    for constraint in system.constraints:
        for form in constraint:
            body += struct.pack("<I", len(form))
            for wire, coefficient in sorted(form.items()):
                body += struct.pack("<I", wire) + _element(coefficient % BN254)
    labels = np.arange(system.wires, dtype="<u8").tobytes()
    return _file(b"r1cs", 1, {1: header, 2: bytes(body), 3: labels})


def encode_witness(system: R1cs) -> bytes:
    """The contents of a .wtns file, version 2; `UserError` where values are not known."""
    if system.values is None:
        raise UserError("the values of wires are not known")
    header = struct.pack("<I", WORD) + _element(BN254) + struct.pack("<I", system.wires)
    return _file(b"wtns", 2, {1: header, 2: b"".join(_element(v % BN254) for v in system.values)})


def _element(value: int) -> bytes:
    return value.to_bytes(WORD, "little")


def _file(magic: bytes, version: int, sections: Mapping[int, bytes]) -> bytes:
    parts = [struct.pack("<IQ", kind, len(data)) + data for kind, data in sections.items()]
    return magic + struct.pack("<II", version, len(parts)) + b"".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a model's answer as R1CS and witness.")
    parser.add_argument("model", type=Path)
    parser.add_argument("--prompt", required=True)
    parser.add_argument("--max-new-tokens", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True, help="without a suffix")
    options = parser.parse_args()
    artifact = load_artifact(options.model)
    prompt, generated = answer.generate(artifact, options.prompt, options.max_new_tokens)
    tokens, circuit = (*prompt, *generated), artifact.key.circuit
    shape = Generation(len(prompt), len(generated))
    executor = Executor(circuit, artifact.program, artifact.params)
    witness = executor.witness(tokens, len(prompt), len(generated))
    values = {**artifact.params, **witness}
    system = r1cs(Columns(circuit, shape, values, Tokens(tokens, shape)), known=True)
    for suffix, data in ((".r1cs", encode(system)), (".wtns", encode_witness(system))):
        with files.atomic_write(options.output.with_suffix(suffix)) as file:
            file.write(data)


if __name__ == "__main__":
    measuring.script(main)
