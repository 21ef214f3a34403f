"""Running passes: a check after each, ways to look in, and what is left behind where one fails.

A `Watch` prints the module after passes, writes it after each to a folder, measures times, counts what
optimisations did, and, where a pass fails, writes a reproducer: the module as it was before that pass, and the
rest of the pipeline in a comment of its first line,

    // configuration: -p 'virtualize,dedup-lookups'

from which `zk-opt FILE --run-reproducer` goes on. What is written to a folder has the same form.

Errors: `UserError` of one line that names pass, place and reproducer.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import IO

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass, PassPipeline
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from ..errors import UserError
from .statistics import Look, statistics
from .transforms.guard import did_you_mean, refusal, summary

WORD = re.compile(r'"([A-Za-z][A-Za-z0-9_-]*)"')
CONFIGURATION = re.compile(r"// configuration: -p '([^'\n]*)'\n")


def pipeline_text(passes: Iterable[ModulePass]) -> str:
    """The canonical text of a pipeline, as `zk-opt -p` takes it; words in it are not quoted."""
    return WORD.sub(r"\1", ",".join(map(str, passes)))


def pipeline_of(text: str) -> str | None:
    """The pipeline that a file's first line says it goes on with."""
    found = CONFIGURATION.match(text)
    return found[1] if found else None


def check_running(names: Iterable[str], passes: Iterable[ModulePass]) -> None:
    """Refuses names of passes that do not run."""
    running = [each.name for each in passes]
    for name in names:
        if name not in running:
            raise UserError(f"no pass {name} runs{did_you_mean(name, running)}")


@dataclass
class Watch:
    """What is to be seen of passes.

    ``after``: those whose result is printed to ``stream``. ``tree``: a folder for one file before the first
    pass and one after each, under the name of each part of a compile. ``reproducers``: the folder for the file
    that a failure leaves behind, None for none. ``counting``: whether to count what optimisations do.
    """

    after: Collection[str] = ()
    tree: Path | None = None
    reproducers: Path | None = None
    counting: bool = False
    stream: IO[str] = field(default_factory=lambda: sys.stderr)
    seconds: list[tuple[str, str, float]] = field(default_factory=list)
    """By part and pass, in order."""
    counted: list[tuple[str, str, str, int]] = field(default_factory=list)
    """Part, pass, what of the module, and how many of them."""
    passes: tuple[ModulePass, ...] = ()
    """Those that run now, of which ``done`` have run; they make a ``part``, and ``then`` others go on."""
    then: tuple[ModulePass, ...] = ()
    part: str = ""
    done: int = 0
    entered: bool = False
    start: ModuleOp | None = None
    """The module as it was before the first of them, where a reproducer may have to be made."""
    look: Look | None = None
    """At the module as it was before the pass that runs, where that is compared."""
    clock: float = 0.0
    files: Counter[str] = field(default_factory=Counter)
    """Written so far, by part."""

    def begin(
        self,
        module: ModuleOp,
        passes: tuple[ModulePass, ...],
        part: str = "",
        then: tuple[ModulePass, ...] = (),
    ) -> None:
        """Passes are about to run over a module, and then others."""
        self.passes, self.part, self.done, self.then = passes, part, 0, then
        self.entered = False
        self.start = module.clone() if self.reproducers else None
        if not self.files[part]:
            self._write(module, "input")

    @property
    def current(self) -> str:
        """The pass that is running, or has just run and left a module that was not verified yet; empty while
        the module that is given to the first one was not."""
        return self.passes[self.done].name if self.entered and self.done < len(self.passes) else ""

    def passed(self, before: ModulePass | None, module: ModuleOp) -> None:
        """The module is in order after a pass, or as it is before the first."""
        if before is None:
            self.entered = True
            self.look = Look.at(module) if self.counting else None
            self.clock = time.perf_counter()
            return
        name = before.name
        self.seconds.append((self.part, name, time.perf_counter() - self.clock))
        self.done += 1
        if self.look:
            now = Look.at(module)
            found = statistics(name, self.look, now)
            self.counted += [(self.part, name, what, count) for what, count in found.items()]
            self.look = now
        if name in self.after:
            where = f" of the {self.part}" if self.part else ""
            print(f"// IR after {name}{where}", file=self.stream)
            Printer(stream=self.stream).print_op(module)
            print(file=self.stream)
        self._write(module, name)
        self.clock = time.perf_counter()

    def failed(self, ctx: Context) -> str:
        """The next of the passes has failed: writes the reproducer, and returns the end of a message."""
        if self.start is None or not self.reproducers:
            return ""
        PassPipeline(self.passes[: self.done]).apply(ctx, self.start)
        handle, path = tempfile.mkstemp(".mlir", f"before-{self.current}-", self.reproducers)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(self._text(self.start))
        return f" (to reproduce: zk-opt {path} --run-reproducer)"

    def report(self) -> str:
        """A line for each pass that ran: seconds, pass, part."""
        lines = [f"{seconds:9.3f} s  {name}  {part}" for part, name, seconds in self.seconds]
        return "\n".join(line.rstrip() for line in lines)

    def statistics(self) -> str:
        """A line for each thing that an optimisation did."""
        lines = [
            f"{f'{part}: ' if part else ''}{name}: {count:,} {what}"
            for part, name, what, count in self.counted
        ]
        return "\n".join(lines)

    def _write(self, module: ModuleOp, name: str) -> None:
        if self.tree:
            folder = self.tree / self.part.replace(" ", "-")
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{self.files[self.part]:02}-{name}.mlir"
            self.files[self.part] += 1
            part = path.with_name(f".{path.name}.{os.getpid()}")
            part.write_text(self._text(module), encoding="utf-8")
            part.replace(path)

    def _text(self, module: ModuleOp) -> str:
        text = StringIO()
        rest = pipeline_text((*self.passes[self.done :], *self.then))
        text.write(f"// configuration: -p '{rest}'\n")
        Printer(stream=text).print_op(module)
        text.write("\n")
        return text.getvalue()


def run_passes(
    ctx: Context,
    module: ModuleOp,
    passes: tuple[ModulePass, ...],
    watch: Watch | None = None,
    part: str = "",
    then: tuple[ModulePass, ...] = (),
) -> None:
    """Runs passes and verifies the module after each. ``watch`` sees them, as the ``part`` of a compile that
    they are, which others go on with ``then``."""
    watch = watch or Watch()

    def checked(before: ModulePass | None, op: ModuleOp, after: ModulePass | None) -> None:
        try:
            op.verify()
        except VerifyException as error:
            broken = (
                f"{before.name} left a malformed module" if before else "the module is malformed"
            )
            raise UserError(f"{broken}: {summary(error)}") from None
        watch.passed(before, op)

    watch.begin(module, passes, part, then)
    try:
        PassPipeline(passes, checked).apply(ctx, module)
    except (ImportError, MemoryError):
        raise
    except Exception as error:
        if not watch.current:
            raise
        raise UserError(refusal(watch.current, error) + watch.failed(ctx)) from None
