"""A small circuit with every kind of relation as R1CS: the equations hold of its witness, and snarkjs agrees."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin
from xdsl.parser import Parser
from zklemma.compiler.emit import circuit_of
from zklemma.compiler.targets.circuit_json import the_circuit
from zklemma.dialects.circuit import CIRCUIT
from zklemma.dialects.field import FIELD
from zklemma.dialects.zk import ZK
from zklemma.errors import UserError
from zklemma.runtime.circuit.generation import Generation
from zklemma.runtime.circuit.index import Inputs
from zklemma.runtime.witness.columns import Columns
from zklemma.tools import zk_translate
from zklemma.tools.r1cs import BN254, R1cs, encode, encode_witness, r1cs

SMALL = Path(__file__).parent / "small.mlir"
SNARKJS = "snarkjs@0.7.5"
OPTIONS = "circuit-r1cs{prompt=2 generated=1}"


def columns() -> Columns:
    """The circuit with an honest witness at two positions."""
    context = Context()
    for dialect in (Builtin, FIELD, ZK, CIRCUIT):
        context.load_dialect(dialect)
    circuit = circuit_of(the_circuit(Parser(context, SMALL.read_text()).parse_module()))
    w = np.array([[3, -8, 7, 0], [1, 2, -3, 4], [-5, 6, 7, -8]])
    at, z = np.array([2, 0]), np.array([3, 1])
    x = w[at]
    rotated = np.concatenate([-x[:, 2:], x[:, :2]], axis=1)
    y = (3 * x * rotated * (2 * np.arange(4) + 1)).sum(1) - (x - 1).sum(1)
    values = {"w": w, "at": at, "x": x, "y": y, "z": z, "q": z**2 + 1}
    values["d"] = x.sum(1) - 2 * z + 3
    return Columns(circuit, Generation(2, 1), values, Inputs())


@pytest.fixture(scope="module")
def system() -> R1cs:
    return r1cs(columns(), known=True)


def broken(system: R1cs, values: list[int]) -> list[int]:
    """The constraints that do not hold of the wires' values."""

    def value(form: dict[int, int]) -> int:
        return sum(coefficient * values[wire] for wire, coefficient in form.items()) % BN254

    return [
        i
        for i, (a, b, c) in enumerate(system.constraints)
        if value(a) * value(b) % BN254 != value(c)
    ]


def test_an_honest_witness_satisfies_the_constraints(system: R1cs) -> None:
    assert system.values is not None and len(system.values) == system.wires
    assert broken(system, system.values) == []


def test_every_cell_matters(system: R1cs) -> None:
    """Another value of any wire breaks a constraint: of a cell of each column, of a bit, of a product."""
    assert system.values is not None
    for wire in range(1, system.wires):
        values = list(system.values)
        values[wire] += 1
        assert broken(system, values), wire


def test_a_value_outside_its_table_has_no_row() -> None:
    found = columns()
    values = {**found.values, "q": np.array([9, 2])}
    found = Columns(found.circuit, found.shape, values, found.inputs)
    with pytest.raises(UserError, match="relation squared: a value is in no row of its table"):
        r1cs(found, known=True)


def test_translate_writes_the_same_constraints(
    system: R1cs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They do not depend on the witness."""
    output = tmp_path / "circuit.r1cs"
    arguments = ["zk-translate", str(SMALL), "--to", OPTIONS, "-o", str(output)]
    monkeypatch.setattr("sys.argv", arguments)
    zk_translate.main()
    data = output.read_bytes()
    assert data == encode(system)
    magic, version, sections = struct.unpack_from("<4sII", data)
    assert (magic, version, sections) == (b"r1cs", 1, 3)


def test_snarkjs_reads_them_and_checks_the_witness(system: R1cs, tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed: snarkjs comes with it")
    done = subprocess.run(
        [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", tmp_path, SNARKJS],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.skip(f"npm can not install {SNARKJS}: {done.stderr.strip()[:200]}")
    constraints, witness = tmp_path / "small.r1cs", tmp_path / "small.wtns"
    constraints.write_bytes(encode(system))
    witness.write_bytes(encode_witness(system))

    def snarkjs(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [tmp_path / "node_modules" / ".bin" / "snarkjs", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True)

    said = snarkjs("r1cs", "info", constraints).stdout
    assert "bn-128" in said and f"# of Constraints: {len(system.constraints)}" in said
    assert f"# of Wires: {system.wires}" in said
    assert "WITNESS IS CORRECT" in snarkjs("wtns", "check", constraints, witness).stdout
    assert system.values is not None
    false = R1cs(system.inputs, system.wires, system.constraints, [*system.values])
    false.values[1] += 1  # type: ignore[index]
    witness.write_bytes(encode_witness(false))
    assert "WITNESS IS CORRECT" not in snarkjs("wtns", "check", constraints, witness).stdout
