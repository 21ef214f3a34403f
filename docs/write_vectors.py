"""Write docs/vectors: examples of what the protocol is made of, which every implementation must agree on.

Bytes, and elements of F and K as they are sent, are in hexadecimal. The tests compare the files with what this
makes, and the second verifier with the files.

    python docs/write_vectors.py
"""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from zklemma.runtime import field
from zklemma.runtime.circuit.encoding import encode_circuit
from zklemma.runtime.circuit.extents import Axis
from zklemma.runtime.circuit.function import BATCH
from zklemma.runtime.circuit.index import Index
from zklemma.runtime.circuit.packed import pack
from zklemma.runtime.circuit.relations import Circuit, Column, Expr, Linear, Term
from zklemma.runtime.field import Ext, P
from zklemma.runtime.model.signature import Signature, Tensor
from zklemma.runtime.protocol.axis_weights import Expander, dense, eq
from zklemma.runtime.protocol.channel import Channel, Reader
from zklemma.runtime.protocol.commitment.merkle import leaf_digest, node_digest, siblings
from zklemma.runtime.protocol.commitment.verifier import evaluate
from zklemma.runtime.protocol.function_statement import FunctionStatement
from zklemma.runtime.protocol.public import as_ext
from zklemma.runtime.protocol.rounds import clear_round, eq_at
from zklemma.runtime.protocol.statement import frame
from zklemma.runtime.protocol.transcript import Transcript, check_grind

FOLDER = Path(__file__).parent / "vectors"
EDGES = [0, 1, 2, 7, (1 << 32) - 1, 1 << 32, P // 2, P - (1 << 32), P - 2, P - 1]


def _f(value: int) -> str:
    return int(value).to_bytes(8, "little").hex()


def _k(value: Ext) -> str:
    return value.to_bytes().hex()


def _elements(random: Random, count: int) -> list[Ext]:
    return [Ext(random.randrange(P), random.randrange(P)) for _ in range(count)]


def field_vectors(random: Random) -> Any:
    """Arithmetic of F and K, roots of unity, points of codes."""
    pairs = [(a, b) for a in EDGES for b in EDGES]
    pairs += [(random.randrange(P), random.randrange(P)) for _ in range(20)]
    base = [
        {
            "a": _f(a),
            "b": _f(b),
            "sum": _f((a + b) % P),
            "difference": _f((a - b) % P),
            "product": _f(a * b % P),
        }
        for a, b in pairs
    ]
    inverses = [
        {"a": _f(a), "inverse": _f(pow(a, -1, P))} for a in [*EDGES[1:], random.randrange(P)]
    ]
    extension = [
        {"a": _k(a), "b": _k(b), "sum": _k(a + b), "difference": _k(a - b), "product": _k(a * b)}
        for a, b in zip(_elements(random, 20), _elements(random, 20), strict=True)
    ]
    roots = [{"bits": bits, "root": _f(field.root_of_unity(bits))} for bits in range(33)]
    points = [
        {"bits": bits, "position": at, "point": _f(field.domain_points([at], bits)[0])}
        for bits, at in [(4, 0), (4, 1), (4, 15), (16, 40000), (32, (1 << 32) - 1)]
    ]
    table = _elements(random, 3)
    a, b = field.eq_table(np.array([(x.a, x.b) for x in table], np.uint64).T)
    eq = {
        "point": [*map(_k, table)],
        "table": [_k(Ext(int(x), int(y))) for x, y in zip(a, b, strict=True)],
    }
    return {
        "base": base,
        "inverses": inverses,
        "extension": extension,
        "roots": roots,
        "points": points,
        "eq": eq,
    }


def hash_vectors(random: Random) -> Any:
    """BLAKE2b with keys and personalisations, around the length of a block; leaves and nodes."""
    plain = [
        {
            "length": length,
            "key": key.hex(),
            "person": person,
            "message": message.hex(),
            "digest": blake2b(
                message, digest_size=length, key=key, person=person.encode()
            ).hexdigest(),
        }
        for length, key, person, size in [
            (64, b"", "zklemma.script", 0),
            (64, b"", "zklemma.script", 128),
            (64, b"", "zklemma.script", 129),
            (64, random.randbytes(64), "zklemma.draw", 8),
            (64, random.randbytes(64), "zklemma.draw", 0),
            (8, b"", "zklemma.grind", 40),
            (32, b"", "zklemma.leaf", 255),
            (32, b"", "zklemma.node", 64),
        ]
        for message in [random.randbytes(size)]
    ]
    words, left, right = random.randbytes(48), random.randbytes(32), random.randbytes(32)
    return {
        "blake2b": plain,
        "leaf": {"words": words.hex(), "digest": leaf_digest(words).hex()},
        "node": {
            "left": left.hex(),
            "right": right.hex(),
            "digest": node_digest(left, right).hex(),
        },
    }


def transcript_vectors(random: Random) -> Any:
    """A conversation, and the state after each step of it."""
    transcript, steps = Transcript("vectors"), []

    def step(**done: Any) -> None:
        steps.append({**done, "state": transcript._hash.hexdigest()})

    step(protocol="vectors")
    for label, size in [("statement", 0), ("columns", 1), ("a", 200)]:
        data = random.randbytes(size)
        transcript.absorb(label, data)
        step(absorb=label, data=data.hex())
    for count in (1, 0, 9):
        step(challenges=[*map(_k, transcript.challenges(count))])
    for count, bits in [(20, 4), (3, 31)]:
        found = sorted(set(transcript.positions(count, 1 << bits)))
        step(count=count, bits=bits, positions=found)
    seed = transcript.seed()
    step(seed=seed.hex())
    bits = 8
    nonce = next(n for n in range(1 << 20) if check_grind(seed, n, bits))
    work = {"seed": seed.hex(), "bits": bits, "nonce": nonce.to_bytes(8, "little").hex()}
    return {"steps": steps, "work": work}


def code_vectors(random: Random) -> Any:
    """A codeword over K, and a tree over columns with an opening."""
    message, log_code = _elements(random, 5), 4
    coefficients = np.array([(x.a, x.b) for x in message], np.uint64).T
    values = evaluate(coefficients, field.domain_points(range(1 << log_code), log_code))
    codeword = [_k(Ext(int(x), int(y))) for x, y in values.T]
    depth, rows, positions = 3, 2, [1, 2, 3, 6]
    columns = [[random.randrange(P) for _ in range(rows + 2)] for _ in range(1 << depth)]
    data = [b"".join(word.to_bytes(8, "little") for word in column) for column in columns]
    layers = [[*map(leaf_digest, data)]]
    while len(layers[-1]) > 1:
        pairs = zip(layers[-1][::2], layers[-1][1::2], strict=True)
        layers.append([node_digest(*pair) for pair in pairs])
    path = [layers[n][i] for n, level in enumerate(siblings(positions, depth)) for i in level]
    opening = b"".join([*(data[at] for at in positions), *path])
    tree = {
        "depth": depth,
        "rows": rows,
        "columns": [column.hex() for column in data],
        "root": layers[-1][0].hex(),
        "positions": positions,
        "opening": opening.hex(),
    }
    return {
        "message": [*map(_k, message)],
        "log_code": log_code,
        "codeword": codeword,
        "tree": tree,
    }


def sumcheck_vectors(random: Random) -> Any:
    """Rounds that are read in clear, each by a transcript that begins anew; eq at two points."""
    rounds = []
    for degree in (2, 3, 4):
        claim, values = Ext(random.randrange(P), 1), _elements(random, degree)
        channel = Channel(
            Transcript("vectors"), Reader(b"".join(x.to_bytes() for x in values)), False
        )
        left, challenge = clear_round(channel, "round", claim, degree)
        rounds.append(
            {
                "degree": degree,
                "claim": _k(claim),
                "values": [*map(_k, values)],
                "challenge": _k(challenge),
                "left": _k(left),
            }
        )
    x, y = _elements(random, 4), _elements(random, 4)
    eq = {"x": [*map(_k, x)], "y": [*map(_k, y)], "eq": _k(eq_at(x, y))}
    return {"rounds": rounds, "eq": eq}


# Step, start, entries read and entries of the column: products of bits and lists, with and without padding.
STRIDES = [
    (1, -1, 6, 6),
    (1, 0, 5, 7),
    (2, 0, 3, 6),
    (2, 1, 4, 8),
    (2, -1, 4, 6),
    (4, 2, 2, 8),
    (3, 0, 2, 5),
]
SAID: dict[str, Any] = {
    "output all": np.array([0, 255, -129, 77], np.int64),
    "input shown": np.array([1, -128], np.int64),
    "input sealed": bytes(range(32)),
    "input silent": None,
}


def function_vectors(random: Random) -> Any:
    """Of functions: a key's signature and circuit, a statement, and claims on columns that strides read."""
    read = {
        f"stride {i}": (count, size, Index("stride", f"to {i}", (step, start)))
        for i, (step, start, count, size) in enumerate(STRIDES)
    }
    tensors = [
        (what, what.partition(" ")[2], 2 if what == "output all" else 1) for what in sorted(SAID)
    ]
    circuit = Circuit(
        axes=(
            Axis("example", BATCH),
            Axis("single", 1),
            Axis("pair", 2),
            *(Axis(f"to {i}", count) for i, (_, _, count, _) in enumerate(STRIDES)),
            *(Axis(f"from {i}", size) for i, (_, _, _, size) in enumerate(STRIDES)),
        ),
        columns=(
            *(
                Column(
                    name, ("example", "pair" if size == 2 else "single"), "witness", -1 << 9, 1 << 9
                )
                for _, name, size in tensors
            ),
            *(Column(name, (f"from {i}",), "witness", 0, 1) for i, name in enumerate(read)),
        ),
        tables=(),
        einsums=(),
        lookups=(),
        linears=tuple(
            Linear(f"read {name}", Expr((index.axis,), (Term(1, name, (index,)),)), 1 << 20)
            for name, (_, _, index) in read.items()
        ),
        extents={BATCH: 2},
        reveals={what: (name,) for what, name, _ in tensors},
    )
    circuit.check()
    signature = Signature(
        tuple(Tensor(name, (size,), 11, -2, ()) for what, name, size in tensors if what < "output"),
        tuple(
            Tensor(name, (size,), 11, 7, ("a", "b"))
            for what, name, size in tensors
            if what > "output"
        ),
    )
    if not signature.fits(circuit):
        raise ValueError("the signature is not the circuit's")
    statement = FunctionStatement(2, SAID, True, b"nonce")
    statement.check(circuit)
    expander = Expander(circuit, statement.shape, statement.inputs)
    claims = []
    for linear in circuit.linears:
        (axis,) = linear.expr.axes
        point = _elements(random, expander.bits[axis])
        _, (found,) = expander.expand(linear.expr, {axis: eq(point)})
        size = expander.size[circuit.column[found.column].axes[0]]
        weights = [found.coefficient * w for w in dense(found.weights[0], size)]
        claims.append(
            {
                "relation": linear.name,
                "point": [_k(x) for x in point],
                "weights": [_k(as_ext(w)) for w in weights],
            }
        )
    return {
        "circuit": encode_circuit(circuit).hex(),
        "signature": pack(signature.to_list()).hex(),
        "proof": frame(statement).hex(),
        "tensors": [
            {"what": what, "said": _said(statement.tensors[what])} for what in sorted(SAID)
        ],
        "claims": claims,
    }


def _said(said: Any) -> Any:
    """Elements of F, a digest, or nothing."""
    if isinstance(said, np.ndarray):
        return [_f(int(x) % P) for x in said]
    return said.hex() if said else ""


ALL: dict[str, Callable[[Random], Any]] = {
    "field": field_vectors,
    "hash": hash_vectors,
    "transcript": transcript_vectors,
    "code": code_vectors,
    "sumcheck": sumcheck_vectors,
    "function": function_vectors,
}


def texts() -> dict[str, str]:
    """The contents of each file, by name."""
    return {
        f"{name}.json": json.dumps(make(Random(name)), indent=1) + "\n"
        for name, make in ALL.items()
    }


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, text in texts().items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
