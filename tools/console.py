"""What the commands print: errors in one line, text made safe for a terminal, a progress bar."""

from __future__ import annotations

import os
import platform
import re
import resource
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

# How long each stage of a command takes, relative to the others: only the estimate of the remaining
# time depends on it.
SHARES = {
    "execute": 8,
    "commit": 30,
    "lookup": 27,
    "einsum": 7,
    "open": 25,
    "load": 1,
    "kernels": 20,
    "import": 36,
    "calibrate": 20,
    "lower": 12,
    "weights": 4,
    "fidelity": 15,
    "values": 2,
    "predictions": 30,
    "old weights": 10,
    "new weights": 10,
    "ranges": 20,
    "link": 6,
}


def fail(error: object) -> None:
    print(f"error: {one_line(str(error))}", file=sys.stderr)


def warn(text: str) -> None:
    print(f"warning: {one_line(text)}", file=sys.stderr)


def one_line(text: str) -> str:
    return printable(" ".join(text.split()))


def printable(text: str) -> str:
    """``text`` without control characters: neither a model nor a file may steer the terminal."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text
    )


def quote(text: str) -> str:
    return f'"{printable(text)}"'


def table(title: str, rows: Mapping[str, str]) -> None:
    """Print a title and rows of a name and a text, one line each."""
    width = max(map(len, rows))
    print(printable(title))
    for name, text in rows.items():
        print(f"  {name:<{width}}  {printable(text)}")


def grid(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a title and a table, columns as wide as they need to be; those of numbers to the right."""
    lines = [[printable(cell) for cell in line] for line in (headings, *rows)]
    columns = []
    for heading, *cells in zip(*lines, strict=True):
        width = max(map(len, (heading, *cells)))
        right = all(cell[:1].isdigit() for cell in cells if cell)
        columns.append([f"{cell:{'>' if right else '<'}{width}}" for cell in (heading, *cells)])
    print(printable(title))
    for line in zip(*columns, strict=True):
        print(f"  {'  '.join(line)}".rstrip())


def value(found: Any) -> str:
    """A value of a report for people. Numbers in a list are names of something, such as token ids."""
    if isinstance(found, Mapping):
        return ", ".join(f"{name} {value(item)}" for name, item in found.items())
    if isinstance(found, list):
        return ", ".join(str(x) if isinstance(x, int) else value(x) for x in found)
    if isinstance(found, int) and not isinstance(found, bool):
        return f"{found:,}"
    return f"{found:.4g}" if isinstance(found, float) else str(found)


def statement(name: str, report: Mapping[str, Any]) -> str:
    """What a valid proof says, in words."""
    private = [what for what, found in report["visibility"].items() if found == "private"]
    if report["hiding"]:
        secrecy = f"Private: {', '.join(private)}. The proof reveals nothing more about them."
    else:
        secrecy = (
            "The verifier needs no weights, but this proof is not hiding: "
            "it may reveal something about them."
        )
    ancestor = f"rotated from {report['rotated_from']},\n" if report["rotated_from"] else ""
    said = {}
    for what in ("prompt", "output"):
        text = report[what]
        digest = report["digests"].get(what)
        said[what] = f"private, digest {digest}" if text is None else quote(text)
        if what in report["revealed"]:
            said[what] += "\n    (revealed: it opens the proof's digest)"
    most = "at most " * ("prompt" in report["digests"])
    carried = f"Nonce: {report['nonce']}\n" if report["nonce"] else ""
    return printable(
        f"The model {name}, id {report['model_id']},\n{ancestor}"
        f"given the prompt, {most}{tokens(report['prompt_tokens'])} long,\n    {said['prompt']}\n"
        f"answers greedily, {tokens(report['generated'])} long,\n    {said['output']}\n"
        f"{carried}Security: {report['security_bits']} bits. {secrecy}\n"
        f"Proof: {size(report['proof_bytes'])}, checked in {report['seconds']:.2f} s."
    )


def tokens(count: int) -> str:
    return f"{count} token{'s' * (count != 1)}"


def size(count: int) -> str:
    """A number of bytes for people."""
    for unit, bytes_of in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= bytes_of:
            return f"{count / bytes_of:.1f} {unit}"
    return f"{count} bytes"


def peak_rss_bytes() -> int:
    """The most memory that this program has held."""
    # getrusage counts from what the parent held when it started this process; Linux knows better.
    if (status := Path("/proc/self/status")).exists():
        found = re.search(r"^VmHWM:\s*(\d+) kB$", status.read_text(), re.MULTILINE)
        if found:
            return int(found[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    model = platform.processor() or platform.machine()
    if (cpuinfo := Path("/proc/cpuinfo")).exists():
        names = [x for x in cpuinfo.read_text().splitlines() if x.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    return {"cpu": model, "cores": len(os.sched_getaffinity(0))}


class Bar:
    """A `Progress` as one line on the terminal: stage, bar, time left. Silent elsewhere."""

    def __init__(self, stages: list[str], enabled: bool = True):
        self._total = sum(SHARES[name] for name in stages)
        self._start, position = {}, 0
        for name in stages:
            self._start[name] = position
            position += SHARES[name]
        self._enabled = enabled and sys.stderr.isatty()
        self._display: Any = None

    def __enter__(self) -> Bar:
        if self._enabled:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._display = Progress(
                TextColumn("{task.description:<10}"),
                BarColumn(),
                TextColumn("{task.percentage:3.0f}%"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._display.add_task("", total=self._total)
            self._display.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._display:
            self._display.stop()

    def stage(self, name: str, fraction_done: float) -> None:
        if self._display:
            done = self._start.get(name, 0) + SHARES.get(name, 0) * fraction_done
            self._display.update(self._task, description=name, completed=done)
