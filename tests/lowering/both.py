"""Two checks of a circuit that share no arithmetic: integers, and the field as the reference target computes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from zklemma.compiler.interpret_circuit import check
from zklemma.runtime.circuit.extents import Shape
from zklemma.runtime.circuit.relations import Circuit

pytest.importorskip("galois")
from zklemma.tools.systems.field_check import violated


def check_both(
    circuit: Circuit,
    shape: Shape,
    witness: Mapping[str, np.ndarray],
    params: Mapping[str, np.ndarray],
    tokens: Sequence[int] = (),
) -> None:
    """That both find the executor's witness right, and the same relations wrong where a cell is altered that the
    inputs determine."""
    columns = {**witness, **params}
    assert check(circuit, shape, columns, tokens) == []
    assert violated(circuit, shape, columns, tokens) == []
    random = np.random.default_rng(len(witness))
    inputs = [circuit.reveals[what] for what in circuit.reveals if what.startswith("input ")]
    free = {name for names in inputs for name in names}
    name = random.choice([name for name in witness if name not in free])
    cells = witness[name].astype(np.int64)
    cells.flat[random.integers(cells.size)] += random.choice((-1, 1))
    wrong = check(circuit, shape, {**columns, name: cells}, tokens)
    assert wrong, name
    assert violated(circuit, shape, {**columns, name: cells}, tokens) == wrong
