"""One primitive by itself: what it states, as a circuit, and which relations a witness violates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from zklemma.compiler.emit import emit
from zklemma.compiler.interpret_circuit import check
from zklemma.compiler.primitives.builder import Builder, System
from zklemma.compiler.running import run_passes
from zklemma.compiler.transforms.bound_relations import BoundRelations
from zklemma.compiler.transforms.lower_zk_to_circuit import LowerZkToCircuit
from zklemma.compiler.transforms.virtualize import Virtualize
from zklemma.dialects import zk
from zklemma.runtime.circuit.generation import Generation, extents
from zklemma.runtime.circuit.relations import Circuit, Expr

SIZES: dict[str, int | str] = {"row": 3, "n": 4, "vocabulary": 5, "channel": 2}
SIZES |= {"token": "tokens", "generated": "generated"}
SHAPE = Generation(2, 2)

Columns = Mapping[str, np.ndarray]


@dataclass
class Stated:
    """A system that is being stated; what is given is in columns that the witness does not choose."""

    tokens: Sequence[int] = (0, 1, 2, 3)
    b: Builder = field(default_factory=lambda: Builder(System(extents(8), dict(SIZES)), module="m"))
    given: dict[str, np.ndarray] = field(default_factory=dict)

    def give(self, name: str, axes: Sequence[str], values: object, bits: int = 20) -> Expr:
        """A column of given integers of so many bits."""
        self.given[name] = np.array(values, np.int64)
        bound = 1 << (bits - 1)
        return self.b.column(name, "witness", tuple(axes), -bound, bound - 1)

    def circuit(self, *, committed: bool = False) -> Circuit:
        """What has been stated, which ends here; ``committed`` keeps affine values as columns."""
        system = self.b.system
        parts = [*system.columns.values(), *system.tables.values()]
        axes = [zk.AxisOp(name, size) for name, size in system.sizes.items()]
        shown = [zk.RevealOp("prompt"), zk.RevealOp("output")]
        stated = zk.ConstrainOp([*system.relations, *shown])
        module = ModuleOp([zk.SystemOp(extents(8), [*axes, *parts, zk.ComputeOp([]), stated])])
        virtual = () if committed else (Virtualize(),)
        run_passes(Context(), module, (BoundRelations(), *virtual, LowerZkToCircuit()))
        return emit(module)[0]

    def attacked(
        self, honest: Columns, cheats: Mapping[str, Columns], *, committed: bool = False
    ) -> Circuit:
        """The honest witness satisfies all relations, and for each relation there is a witness that violates
        it and no other, which so is what it is needed for."""
        circuit = self.circuit(committed=committed)
        relations = (*circuit.einsums, *circuit.lookups, *circuit.linears, *circuit.gathers)
        assert set(cheats) == {relation.name for relation in relations}
        assert self.violated(circuit, honest) == []
        for relation, changed in cheats.items():
            assert self.violated(circuit, {**honest, **changed}) == [relation]
        return circuit

    def violated(self, circuit: Circuit, columns: Columns) -> list[str]:
        """The relations that a witness violates; ``columns`` may also change what is given."""
        return check(circuit, SHAPE, {**self.given, **columns}, self.tokens)


@pytest.fixture
def stated() -> Stated:
    return Stated()
