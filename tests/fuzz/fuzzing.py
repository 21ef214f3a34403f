"""Inputs by the number, and what became of them.

An input fails if its parser raises what it must not, accepts what it must not, takes too long or too much
memory. The seed of a run and the number of an input make it again.
"""

from __future__ import annotations

import resource
import signal
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import zklemma
from targets import Broken, Target

PACKAGE = Path(zklemma.__file__ or "").parent
SOURCES = ("runtime", "dialects", "tools")
SECONDS = 20.0
MEMORY = 1 << 31


class Overrun(BaseException):
    """Too long; no `Exception`, so that no parser takes it for its own."""


@dataclass
class Tally:
    """Counts of the inputs to one target; ``reasons`` by the place in the code that refused, and
    ``failures`` by the place that failed, each with the first one's text."""

    inputs: int = 0
    accepted: int = 0
    seconds: float = 0.0
    slowest: tuple[float, int] = (0.0, 0)
    reasons: Counter[str] = field(default_factory=Counter)
    texts: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        self.inputs += other.inputs
        self.accepted += other.accepted
        self.seconds += other.seconds
        self.slowest = max(self.slowest, other.slowest)
        self.reasons += other.reasons
        self.texts = other.texts | self.texts
        self.failures = other.failures | self.failures


def run(target: Target, seed: int, numbers: Iterator[int] | range, seconds: float = 0.0) -> Tally:
    """Give the inputs of these numbers to a target; ``seconds``: stop after that time, if not 0."""
    tally = Tally()
    begin = time.perf_counter()
    for number in numbers:
        data = target.make(seed, number)
        _judge(target, seed, number, data, tally)
        tally.seconds = time.perf_counter() - begin
        if seconds and tally.seconds > seconds:
            break
    return tally


def _judge(target: Target, seed: int, number: int, data: bytes, tally: Tally) -> None:
    tally.inputs += 1
    peak, start = _peak(), time.perf_counter()
    try:
        with _limited():
            target.check(data)
        tally.accepted += 1
        place = ""
    except KeyboardInterrupt:
        raise
    except target.refusals as error:
        place = _place(error)
        tally.reasons[place] += 1
        tally.texts.setdefault(place, str(error))
        if not str(error):
            _fail(target, seed, number, data, tally, place, error)
    except Broken as error:
        place = str(error)
        _fail(target, seed, number, data, tally, place, error)
    except BaseException as error:  # the tokenizers' panics are no Exception
        place = _place(error)
        _fail(target, seed, number, data, tally, place, error)
    taken = time.perf_counter() - start
    tally.slowest = max(tally.slowest, (taken, number))
    if _peak() - peak > MEMORY:
        _fail(target, seed, number, data, tally, f"memory, {place}", MemoryError("too much"))


def _fail(
    target: Target,
    seed: int,
    number: int,
    data: bytes,
    tally: Tally,
    place: str,
    error: BaseException,
) -> None:
    tally.failures.setdefault(
        f"{type(error).__name__} at {place}",
        f"{target.name}: {type(error).__name__}: {str(error)[:200]} ({place}); input: {len(data)} bytes "
        f"{data[:60]!r}; again: python benchmarks/fuzz.py --only '{target.name}' --seed {seed} "
        f"--first {number} --inputs 1",
    )


def _place(error: BaseException | None) -> str:
    """Where in the package the error was raised, or what it was raised for."""
    place = "elsewhere"
    while error:
        for frame in traceback.extract_tb(error.__traceback__):
            path = Path(frame.filename)
            if path.is_relative_to(PACKAGE) and path.relative_to(PACKAGE).parts[0] in SOURCES:
                place = f"{path.relative_to(PACKAGE)}:{frame.lineno}"
        error = error.__context__
    return place


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


@contextmanager
def _limited() -> Iterator[None]:
    """Stop after `SECONDS`."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise Overrun(f"more than {SECONDS:.0f} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def bounded_memory(spare: int = 1 << 32) -> Iterator[None]:
    """Let the process have only so many more bytes than it has now, so that a huge request fails."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + spare, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
