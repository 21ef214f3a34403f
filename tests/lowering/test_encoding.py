"""Canonical encoding: round trip, and every damaged byte string is a `CircuitError`."""

from dataclasses import replace
from typing import Any

import msgpack
import numpy as np
import pytest
from zklemma.runtime.circuit import encoding
from zklemma.runtime.circuit.encoding import (
    decode_circuit,
    decode_program,
    digest,
    encode_circuit,
    encode_program,
)
from zklemma.runtime.circuit.extents import Axis, CircuitError
from zklemma.runtime.circuit.generation import extents
from zklemma.runtime.circuit.index import Index
from zklemma.runtime.circuit.program import Program, Step
from zklemma.runtime.circuit.relations import (
    PRIME,
    Circuit,
    Column,
    Einsum,
    Expr,
    Linear,
    Lookup,
    Product,
    Table,
    Term,
)


def small_circuit() -> Circuit:
    same = Index("same", "token")
    x = Expr(("token",), (Term(1, "x", (same,)),))
    pick = Term(-3, "w", (Index("pick", "layer", (1, 0)), same))
    return Circuit(
        axes=(Axis("token", "tokens"), Axis("layer", 2)),
        columns=(
            Column("x", ("token",), "witness", 0, 3, "model.x"),
            Column("w", ("layer", "token"), "public", -5, 5),
        ),
        tables=(Table("t", 2, 4, "x"),),
        einsums=(Einsum("e", x, (Product(2, (x, x)),), 2**64 - 2**33),),
        lookups=(Lookup("l", "t", (x, x)),),
        linears=(Linear("z", Expr(("layer", "token"), (pick,), -7), 22),),
        extents=extents(8),
        data={
            "w": np.arange(-5, 11).reshape(2, 8) % 5,
            "t": np.array([[0, 70000], [1, -1], [2, 5], [3, 0]]),
        },
    )


def test_round_trip():
    circuit = small_circuit()
    raw = encode_circuit(circuit)
    decoded = decode_circuit(raw)
    assert decoded == circuit and digest(decoded) == digest(circuit)
    for name, array in circuit.data.items():
        assert np.array_equal(decoded.data[name], array) and decoded.data[name].dtype == np.int64


def test_progressions_and_widths_are_canonical():
    circuit = small_circuit()
    _, (shape, parts) = msgpack.unpackb(encode_circuit(circuit))[-1][0]
    assert shape == [4, 2] and parts[0] == [0, 1] and parts[1][0] == "<i4"


def test_smooth_contents_are_told_by_their_differences():
    circuit = small_circuit()
    smooth = np.stack([np.arange(4), np.array([70000, 70001, 69990, 69991])], axis=1)
    circuit = replace(circuit, data={**circuit.data, "t": smooth})
    raw = encode_circuit(circuit)
    _, (_, parts) = msgpack.unpackb(raw)[-1][0]
    assert parts[1] == [70000, "|i1", np.array([1, -11, 1], "|i1").tobytes()]
    assert np.array_equal(decode_circuit(raw).data["t"], smooth)


@pytest.mark.parametrize("edge", [1 << 60, 1 << 62, (1 << 63) - 1])
@pytest.mark.parametrize("sign", [1, -1])
def test_what_is_encoded_is_decoded_whatever_its_size(edge: int, sign: int):
    for steps in ([0, 5, 6, 9], [0, 3, 6, 9], [0, edge, 0, 1]):
        values = [sign * (edge - step) for step in steps]
        circuit = small_circuit()
        table = np.stack([np.arange(4), np.array(values)], axis=1)
        circuit = replace(circuit, data={**circuit.data, "t": table})
        assert np.array_equal(decode_circuit(encode_circuit(circuit)).data["t"][:, 1], values)


def test_every_field_changes_the_digest():
    circuit = small_circuit()
    renamed = replace(circuit.columns[0], origin="model.y")
    others = [
        replace(circuit, extents=extents(9), data=circuit.data),
        replace(circuit, columns=(renamed, circuit.columns[1])),
        replace(circuit, data={**circuit.data, "t": circuit.data["t"] + 1}),
    ]
    assert len({digest(c) for c in [circuit, *others]}) == 4


@pytest.mark.parametrize("step", [1, 7])
def test_damage_is_reported(step):
    raw = encode_circuit(small_circuit())
    for cut in range(0, len(raw), step):
        with pytest.raises(CircuitError):
            decode_circuit(raw[:cut])
    with pytest.raises(CircuitError):
        decode_circuit(raw + b"\0")
    for position in range(0, len(raw), step):
        for bit in (1, 128):
            flipped = bytearray(raw)
            flipped[position] ^= bit
            try:
                decoded = decode_circuit(bytes(flipped))
            except CircuitError:
                continue
            assert encode_circuit(decoded) == flipped


def test_wider_than_needed_is_not_canonical():
    parts: Any = msgpack.unpackb(encode_circuit(small_circuit()))
    kind, raw = parts[-1][1][1][1][0]
    parts[-1][1][1][1][0] = ["<i8", np.frombuffer(raw, kind).astype("<i8").tobytes()]
    with pytest.raises(CircuitError, match="canonical"):
        decode_circuit(msgpack.packb(parts) or b"")


def with_data(name: str, shape: list[int], part: list[Any]) -> bytes:
    """The small circuit with other contents of an array, as no honest encoder writes it."""
    parts: Any = msgpack.unpackb(encode_circuit(small_circuit()))
    parts[-1] = [[n, [shape, [part]] if n == name else value] for n, value in parts[-1]]
    return msgpack.packb(parts) or b""


@pytest.mark.parametrize(
    "shape", [[], [1] * 17, [1] * 65, [2**60], [2**27], [2**63] * 1000, [0], [-1, -1]], ids=str
)
def test_arrays_of_unlikely_shapes_are_refused_before_they_are_made(shape):
    for name in ("w", "t"):
        with pytest.raises(CircuitError, match=r"malformed|no cells, or more than"):
            decode_circuit(with_data(name, shape, [0, 1]))
    with pytest.raises(CircuitError, match="shape"):
        encode_circuit(replace(small_circuit(), data={"w": np.zeros([1] * 17, np.int64)}))


def test_arrays_are_bounded_together(monkeypatch):
    monkeypatch.setattr(encoding, "MOST_CELLS", 1 << 10)
    rows = encoding.MOST_CELLS // 8
    tables = tuple(Table(f"t{i}", 1, rows) for i in range(9))
    ramp = np.arange(rows)[:, None]
    circuit = Circuit((), (), tables, (), (), (), {}, data={table.name: ramp for table in tables})
    with pytest.raises(CircuitError, match="more than"):
        encode_circuit(circuit)
    raw: Any = msgpack.unpackb(encode_circuit(replace(circuit, data={"t0": ramp})))
    raw[-1] = [[table.name, raw[-1][0][1]] for table in tables]
    with pytest.raises(CircuitError, match=r"t8: .* more than"):
        decode_circuit(msgpack.packb(raw) or b"")


@pytest.mark.parametrize("size", [0, -1, 2**21, 2**60, "token", ""])
def test_axes_of_unlikely_sizes_are_refused(size):
    circuit = small_circuit()
    with pytest.raises(CircuitError, match="axis spare"):
        replace(circuit, axes=(*circuit.axes, Axis("spare", size)), data=circuit.data).check()
    if isinstance(size, int):
        with pytest.raises(CircuitError, match="extent tokens"):
            replace(circuit, extents={"tokens": size}, data=circuit.data).check()


def test_extents_are_few_and_have_names_that_axes_may_give():
    circuit = small_circuit()
    most = {f"e{i}": 2 for i in range(14)} | extents(8)
    named = (*circuit.axes, Axis("spare", "e13"))
    fine = replace(circuit, axes=named, extents=most, data=circuit.data)
    fine.check()
    assert decode_circuit(encode_circuit(fine)) == fine
    with pytest.raises(CircuitError, match="17 parts of kind extent"):
        replace(fine, extents=most | {"more": 2}, data=circuit.data).check()
    with pytest.raises(CircuitError, match="axis spare: size e13"):
        replace(circuit, axes=named, data=circuit.data).check()


def test_extents_have_one_encoding():
    circuit = small_circuit()
    turned = {name: circuit.extents[name] for name in reversed([*circuit.extents])}
    assert [*turned] != [*circuit.extents]
    assert encode_circuit(replace(circuit, extents=turned, data=circuit.data)) == encode_circuit(
        circuit
    )


def test_weights_have_a_fixed_size():
    circuit = small_circuit()
    weights = Column("v", ("token",), "param", 0, 1)
    with pytest.raises(CircuitError, match="v: weights over axis token"):
        replace(circuit, columns=(*circuit.columns, weights), data=circuit.data).check()


def test_windows_are_not_negative():
    axes = (Axis("token", "rows"), Axis("source", "rows"), Axis("layer", 2))
    for windows in ((0, 3), (0, -1)):
        mask = Column("m", ("layer", "token", "source"), "public", 0, 1, "", "mask", windows)
        circuit = Circuit(axes, (mask,), (), (), (), (), {"rows": 8})
        if windows[1] > 0:
            circuit.check()
        else:
            with pytest.raises(CircuitError, match="m: windows"):
                circuit.check()


def test_program():
    step = Step("mul", ("a", "b"), "c", ("token",), {"shift": 3, "kinds": (0, 1), "t": "u"}, {})
    program = Program(2, (step,), (step, step), ())
    raw = encode_program(program)
    assert decode_program(raw) == program
    for bad in (raw[:-1], raw + b"\0", encode_circuit(small_circuit())):
        with pytest.raises(CircuitError):
            decode_program(bad)


def nested(change: Any) -> bytes:
    """The small circuit as nested lists, changed: kind, version, fields in order, data."""
    parts: Any = msgpack.unpackb(encode_circuit(small_circuit()))
    changed = change(parts)
    return msgpack.packb(parts if changed is None else changed) or b""


AXES, REVEALS, DATA = 2, -2, -1


def put(place: int, value: Any) -> Any:
    def change(parts: list[Any]) -> None:
        parts[place] = value

    return change


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda parts: 5, "something else"),
        (lambda parts: ["program", *parts[1:]], "something else"),
        (put(1, encoding.VERSION + 1), "format version"),
        (lambda parts: [*parts, []], "parts instead of"),
        (put(AXES, [5]), "malformed"),
        (put(AXES, [["token"]]), "malformed"),
        (put(REVEALS, [5]), "malformed"),
        (put(REVEALS, [["prompt", [], []]]), "malformed"),
        (put(REVEALS, [[5, ["x"]]]), "malformed"),
        (put(DATA, [["t", [[4, 2], 5]]]), "malformed"),
        (put(DATA, [["t", [[4, 2], []]]]), "malformed"),
        (put(DATA, [["t", [[4, 2], [[0, 1], [0, 1], [0, 1]]]]]), "malformed"),
        (put(DATA, [["t", [[2, 4], [[0, 1], [0, 1]]]]]), "malformed"),
        (put(DATA, [["t", [[4], [[1 << 62, 0]]]]]), "too large"),
        (put(DATA, [["t", [[4], [["|i1", b"123"]]]]]), "another length"),
        (put(DATA, [["t", [[4], [["|i1", b"12345"]]]]]), "another length"),
    ],
)
def test_each_fault_is_named(change: Any, text: str) -> None:
    assert decode_circuit(nested(lambda parts: None)) == small_circuit()
    with pytest.raises(CircuitError, match=text):
        decode_circuit(nested(change))


def test_what_is_decoded_is_checked() -> None:
    """A circuit in canonical form that may wrap."""
    linear = replace(small_circuit().linears[0], bound=PRIME)
    raw = encode_circuit(replace(small_circuit(), linears=(linear,)))
    with pytest.raises(CircuitError, match="may wrap"):
        decode_circuit(raw)


@pytest.mark.parametrize(
    "array", [np.zeros(3), np.zeros(3, np.uint8), np.zeros(0, int), np.array(3)]
)
def test_arrays_of_other_kinds_are_not_encoded(array: np.ndarray) -> None:
    with pytest.raises(CircuitError, match="array of type"):
        encode_circuit(replace(small_circuit(), data={"w": array}))
