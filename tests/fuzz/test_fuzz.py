"""A few thousand mutated inputs for every parser, other ones each time, and mistakes that they must find.

`benchmarks/fuzz.py` gives the same parsers as many as one likes.
"""

from __future__ import annotations

import itertools
import resource
import secrets
import time
from typing import Any

import fuzzing
import pytest
from targets import Target, targets
from zklemma.runtime.circuit import encoding
from zklemma.runtime.verifying import verifier

SECONDS = 0.3


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Target]:
    return {target.name: target for target in targets(tmp_path_factory.mktemp("fuzz"))}


def test_valid_inputs_are_accepted(known: dict[str, Target]) -> None:
    for target in known.values():
        target.check(target.parents[0])


def test_no_input_breaks_a_parser(known: dict[str, Target]) -> None:
    seed, failures = secrets.randbits(32), []
    with fuzzing.bounded_memory():
        for target in known.values():
            tally = fuzzing.run(target, seed, itertools.count(), SECONDS)
            assert tally.inputs
            failures += tally.failures.values()
    assert not failures, "\n".join(failures)


def test_the_seed_and_the_number_make_the_input(known: dict[str, Target]) -> None:
    for target in known.values():
        inputs = [target.make(1, number) for number in range(20)]
        assert inputs == [target.make(1, number) for number in range(20)]
        assert len(set(inputs)) > 10 and inputs != [target.make(2, n) for n in range(20)]


def found(target: Target, inputs: int = 200) -> str:
    return "\n".join(fuzzing.run(target, 1, range(inputs)).failures.values())


def test_finds_encodings_that_are_not_canonical(
    known: dict[str, Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "_same", lambda encoded, raw: None)
    assert "another encoding" in found(known["circuit"])


def test_finds_other_exceptions(known: dict[str, Target], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "_pairs", lambda value, where: value)
    assert "TypeError" in found(known["program"])


def test_finds_proofs_of_nothing(known: dict[str, Target], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifier, "verify_subject", lambda subject, reader: 100)
    assert "a proof that nobody made" in found(known["proof"], 20)


def test_finds_what_takes_too_long(
    known: dict[str, Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuzzing, "SECONDS", 0.05)
    monkeypatch.setattr(verifier, "read_statement", lambda *_: time.sleep(5))
    assert "Overrun" in found(known["proof"], 1)


def test_finds_what_takes_too_much(
    known: dict[str, Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    def hoard(*_: Any) -> Any:
        """More than the process has ever had, whatever ran in it before."""
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
        return bytearray(most + (1 << 27))[::4096]

    monkeypatch.setattr(fuzzing, "MEMORY", 1 << 26)
    monkeypatch.setattr(verifier, "read_statement", hoard)
    assert "too much" in found(known["proof"], 1)
