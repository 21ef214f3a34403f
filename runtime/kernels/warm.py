"""Compiles the kernels that proofs need before they need them, on all cores.

numba compiles a function when it is first called, one at a time in a process, and caches the outcome in a
folder. ``specialisations.json`` says which functions, for which arguments' types (`signatures`), proofs call, and
how many seconds each took to compile once; worker processes share those out. All of a function goes to one of
them, since numba's index of a function may not be written by two. A file beside numba's says that all was done
for these sources, this numba and this processor, so that it costs next to nothing to know.

``python -m zklemma.runtime.kernels.warm`` is a worker: it takes a function and types a line, as JSON, and answers
each with whether it had to be compiled.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import Any, NamedTuple

import llvmlite
import llvmlite.binding as llvm
import numba
from numba.core import event

from ...errors import UserError
from . import config
from .pool import cores
from .signatures import from_data, named

FOLDER = Path(__file__).parent
LIST = FOLDER / "specialisations.json"


class Specialisation(NamedTuple):
    """A function, "module.name", its arguments' types, as `signatures` writes them, and how long compiling it
    takes, in seconds of some machine."""

    function: str
    kinds: list[Any]
    seconds: float

    @property
    def module(self) -> str:
        return self.function.partition(".")[0]


@cache
def listed() -> dict[str, list[tuple[float, list[Any]]]]:
    """By function the seconds and the types of each `Specialisation`."""
    return json.loads(LIST.read_text())


def needed() -> bool:
    """Whether kernels may have to be compiled still."""
    return not config.DISABLE_JIT and not _stamp().exists()


def cache_folder() -> Path:
    """Where numba caches the kernels; `UserError` if it does not compile."""
    if config.DISABLE_JIT:
        raise UserError("NUMBA_DISABLE_JIT is set: numba compiles nothing")
    return Path(named(next(iter(listed()))).stats.cache_path)


def warm(report: Callable[[float], None]) -> int:
    """Compile what numba's cache lacks, and return how many that were. ``report`` is told the fraction that is
    done. Other processes that do the same are waited for."""
    if not needed():
        return 0
    with _locked(cache_folder()):
        if not needed():
            return 0
        work = _Work(report)
        with suppress(OSError):
            work.share_out()
        work.finish()  # Where no processes are to be had, this one does what is left.
        _stamp().touch()
        return work.compiled


class _Worker(NamedTuple):
    """A process, the modules whose kernels it was given, and what it is to do, the next one last."""

    process: subprocess.Popen[str]
    modules: set[str]
    doing: list[Specialisation]

    @staticmethod
    def start() -> _Worker:
        # In a session of its own: an interrupt at the keyboard is for the process that waits, and ends this one
        # then. -P: no file of the folder where the command runs is taken for a module of Python.
        command = [sys.executable or "python", "-P", "-m", __name__]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )
        return _Worker(process, set(), [])


class _Work:
    """What is left of each function, how much is done of all, and how many of them were compiled."""

    def __init__(self, report: Callable[[float], None]):
        self.compiled = 0
        self._report, self._done = report, 0.0
        self._left = [
            [Specialisation(name, kinds, seconds) for seconds, kinds in own]
            for name, own in listed().items()
        ]
        seconds = [_seconds(own) for own in self._left]
        self._total = sum(seconds)
        # More would wait for the longest.
        self._count = min(cores(), int(self._total / max(seconds)) + 1)

    def share_out(self) -> None:
        """Do all in worker processes; `OSError` if there are none, or one ended before its time."""
        workers: list[_Worker] = []
        try:
            with DefaultSelector() as selector:
                for _ in range(self._count):
                    worker = _Worker.start()
                    workers.append(worker)
                    selector.register(worker.process.stdout or -1, EVENT_READ, worker)
                    self._ask(worker, workers)
                while any(worker.doing for worker in workers):
                    for key, _ in selector.select():
                        answer = key.data.process.stdout.readline()
                        if not answer:
                            raise BrokenPipeError
                        self._finished(key.data.doing.pop(), answer == "True\n")
                        self._ask(key.data, workers)
        finally:
            self._left += [worker.doing for worker in workers if worker.doing]
            for worker in workers:
                worker.process.terminate()
            for worker in workers:
                worker.process.communicate()

    def _ask(self, worker: _Worker, workers: list[_Worker]) -> None:
        """Give a worker what is next: of a module that it knows, for its functions call the same ones; else of one
        that nobody has; the longest of these."""
        if not worker.doing and self._left:
            begun = set().union(*(other.modules for other in workers))

            def fitness(own: list[Specialisation]) -> tuple[bool, bool, float]:
                return own[0].module in worker.modules, own[0].module not in begun, _seconds(own)

            chosen = max(self._left, key=fitness)
            self._left.remove(chosen)
            worker.doing.extend(chosen)
            worker.modules.add(chosen[0].module)
        if worker.doing:
            asked = json.dumps([worker.doing[-1].function, worker.doing[-1].kinds])
            print(asked, file=worker.process.stdin, flush=True)

    def finish(self) -> None:
        """Do what is left, in this process."""
        for own in self._left:
            for one in own:
                self._finished(one, compile_one(one.function, one.kinds))

    def _finished(self, one: Specialisation, compiled: bool) -> None:
        self.compiled += compiled
        self._done += one.seconds
        self._report(min(1.0, self._done / self._total))


def _seconds(own: list[Specialisation]) -> float:
    return sum(one.seconds for one in own)


def compile_one(function: str, kinds: list[Any]) -> bool:
    """Compile a specialisation, unless it is in the cache; whether it was not."""
    dispatcher = named(function)
    misses = sum(dispatcher.stats.cache_misses.values())
    dispatcher.compile(tuple(map(from_data, kinds)))
    return sum(dispatcher.stats.cache_misses.values()) > misses


def _stamp() -> Path:
    """The file that says that all was compiled."""
    digest = hashlib.sha256()
    for path in [LIST, *sorted(FOLDER.glob("*.py"))]:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    processor = (
        config.CPU_NAME or llvm.get_host_cpu_name(),
        config.CPU_FEATURES or llvm.get_host_cpu_features().flatten(),
    )
    versions = numba.__version__, llvmlite.__version__, platform.python_version(), sys.platform
    digest.update(repr((processor, versions)).encode())
    return cache_folder() / f"zklemma-{digest.hexdigest()[:32]}.warm"


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder / "zklemma-warm.lock", os.O_RDONLY | os.O_CREAT, 0o644)
    try:
        with suppress(OSError):  # Some file systems have no locks: at worst work is done twice.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class _EndsWhole(event.Listener):
    """Lets the signal to end through while numba compiles, not while it writes what it compiled."""

    def on_start(self, event: event.Event) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def on_end(self, event: event.Event) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def main() -> None:
    """A worker, until its input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # Whatever numba may print is no answer.
    event.register("numba:compile", _EndsWhole())
    for line in sys.stdin:
        print(compile_one(*json.loads(line)), file=answers, flush=True)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


if __name__ == "__main__":
    main()
