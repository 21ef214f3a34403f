"""The first challenge depends on all that a conversation is about, item by item."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from zklemma.runtime.field import Ext
from zklemma.runtime.model.weight_ranges import range_subject
from zklemma.runtime.protocol.statement import Statement
from zklemma.runtime.verifying.verifier import subject_of

STATEMENT = Statement(2, 2, (1, 2, 3, 4), True)
PRIVATE = Statement(2, 2, (), True, b"p" * 32, b"o" * 32)
CHANGES: list[dict[str, Any]] = [
    {},
    {"prompt_digest": b"q" * 32},
    {"output_digest": b"q" * 32},
    {"prompt_digest": b"o" * 32, "output_digest": b"p" * 32},
    {"prompt_digest": b"", "tokens": (1, 2)},
    {"output_digest": b"", "tokens": (1, 2)},
    {"prompt": 3},
    {"nonce": b"n"},
]


def test_the_ranges_of_the_weights(hidden: Any) -> None:
    """Their circuit, the parameters, the root."""
    key = hidden.key

    def first(circuit: Any, code: Any, root: bytes) -> Ext:
        return range_subject(circuit, code, root).begin().challenge()

    columns = (replace(key.circuit.columns[0], high=4), *key.circuit.columns[1:])
    found = [
        first(key.circuit, key.parameters, key.weight_root),
        first(replace(key.circuit, columns=columns), key.parameters, key.weight_root),
        first(key.circuit, replace(key.parameters, pads_masks=129), key.weight_root),
        first(key.circuit, key.parameters, bytes(32)),
    ]
    assert len(set(found)) == len(found)
    assert found[0] == first(key.circuit, key.parameters, key.weight_root)


def test_a_statement_under_a_key(hidden: Any) -> None:
    """The key's digest, the root, each part of the statement, digests of what is private among them."""
    key = hidden.key
    cases = [
        (key, STATEMENT),
        (replace(key, digest=bytes(32)), STATEMENT),
        (replace(key, weight_root=bytes(32)), STATEMENT),
        (key, replace(STATEMENT, prompt=1, generated=3)),
        (key, replace(STATEMENT, tokens=(1, 2, 3, 5))),
        (key, replace(STATEMENT, hiding=False)),
        (key, replace(STATEMENT, nonce=b"n")),
        *((key, replace(PRIVATE, **change)) for change in CHANGES),
    ]
    found = [subject_of(*case).begin().challenge() for case in cases]
    ranges = range_subject(key.circuit, key.parameters, key.weight_root)
    found.append(ranges.begin().challenge())
    assert len(set(found)) == len(found)
