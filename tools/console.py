"""What the commands print: errors in one line, verdicts, tables, a progress bar.

Whatever comes from elsewhere is printed by way of `visible`: text as JSON strings that end with their line, all
else in one line with what can not be seen escaped, and what is too long with a count of what is left out. Text
that is alone in its lines (`lines`, `sentence`, `token_lines`, `Stream`) keeps its right-to-left letters; beside
words of ours, and in JSON, they are escaped, as they would move these about.
"""

from __future__ import annotations

import json
import os
import platform
import re
import resource
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from ..runtime import visible

# Characters of a message or of a cell of a table that are shown, and lines of a text.
MOST, MOST_LINES = 2000, 100
# Lines of text are not wider, nor narrower, whatever the terminal says; nor wider than the second where there is no
# terminal, as what reads them then is most often one of 80 columns.
WIDEST, WIDEST_PIPED, NARROWEST = 100, 80, 40
_INDENT = "    "
# What a verdict says of the key's proof that all weights are in range.
RANGES = {
    "checked": "Ranges of the weights: proved by the key, checked now.",
    "remembered": "Ranges of the weights: proved by the key, remembered from an earlier check.",
}
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
    "public tokens": 20,
    "function": 20,
    "private tokens": 10,
}


def fail(error: object) -> None:
    print(f"error: {printable(str(error).strip())}", file=sys.stderr)


def warn(text: str) -> None:
    print(f"warning: {printable(text.strip())}", file=sys.stderr)


def printable(text: str, most: int = MOST) -> str:
    """``text`` in one line, each character seen; what is beyond the first ``most`` is counted."""
    return visible.visible(text[:most], _encoding()) + _left_out(len(text) - most)


def quote(text: str, most: int = MOST) -> str:
    """``text`` as a JSON string in one line; what is beyond the first ``most`` characters is counted."""
    return visible.quote(text[:most], _encoding()) + _left_out(len(text) - most)


def _left_out(count: int) -> str:
    return f" (and {count:,} characters more)" if count > 0 else ""


def one_object(values: Mapping[str, Any]) -> str:
    """``values`` as JSON in one line, without a character that can not be seen or moves others about."""
    # All that is not ASCII is inside strings, where it may be escaped.
    return visible.visible(json.dumps(values, ensure_ascii=False, allow_nan=False), _encoding())


def _encoding() -> str:
    return sys.stdout.encoding or "utf-8"


def lines(text: str) -> list[str]:
    """``text`` as JSON strings one after the other, for a line each: they end with its lines, and where they would
    be wider than the terminal, at a space if there is one, so that nothing in it begins a line. Of very many the
    middle is left out."""
    chunks: list[list[str]] = [[]]
    room, used, before = _width() - len('""'), 0, ""
    for c, written in zip(text, visible.inside(text, _encoding(), alone=True), strict=True):
        columns, chunk = visible.columns(written), chunks[-1]
        # A mark that is shown must not come to stand on something else.
        mark = written == c and unicodedata.category(c)[0] == "M"
        full = used and used + columns > room and not mark
        if full or before == "\n":
            tail = chunk[len(chunk) - chunk[::-1].index(" ") :] if " " in chunk else chunk
            used = sum(map(visible.columns, tail))
            if before == "\n" or used + columns > room:
                tail, used = [], 0
            chunks[-1:] = [chunk[: len(chunk) - len(tail)], tail]
        chunks[-1].append(written)
        used, before = used + columns, c
    return _middle_out([(f'"{"".join(chunk)}"', len(chunk)) for chunk in chunks], "characters")


def sentence(start: str, text: str, end: str) -> list[str]:
    """``start``, ``text`` as a JSON string and ``end``: in one line, but where ``text`` would not fit into it or
    has right-to-left letters, it has lines of its own."""
    line = f"{start} {quote(text)}"
    if _must_be_alone(text, line):
        return [start, *[f"{_INDENT}{each}" for each in lines(text)], end.lstrip(" ,")]
    return [line + end]


def _must_be_alone(text: str, line: str) -> bool:
    """Whether it says less in ``line``, among other words, or does not fit."""
    letters = len(text) <= MOST and quote(text) != visible.quote(text, _encoding(), alone=True)
    return letters or visible.columns(line) > _width()


class Stream:
    """Text that is printed as it comes, as `lines` would but for the width."""

    def __init__(self, file: TextIO):
        self._file, self._before = file, ""

    def add(self, text: str) -> None:
        out = ""
        for c, written in zip(text, visible.inside(text, _encoding(), alone=True), strict=True):
            out += {"": '"', "\n": '"\n"'}.get(self._before, "") + written
            self._before = c
        print(out, end="", flush=True, file=self._file)

    def end(self) -> None:
        print('"' * bool(self._before), file=self._file)


def token_lines(pieces: Iterable[tuple[int, str | None]]) -> list[str]:
    """Tokens with their ids, as many in a line as fit; an id that no token has is shown as such. The text of one
    that is too long for a line, or has right-to-left letters, follows its id in lines of its own."""
    found: list[tuple[str, int]] = []
    open_line = False
    for number, text in pieces:
        item = f"{number} {'(no token)' if text is None else quote(text)}"
        if text is not None and _must_be_alone(text, item):
            found += [(f"{number}:", 1), *((line, 0) for line in lines(text))]
            open_line = False
        elif open_line and visible.columns(f"{found[-1][0]}, {item}") < _width():
            found[-1] = (f"{found[-1][0]}, {item}", found[-1][1] + 1)
        else:
            found.append((item, 1))
            open_line = True
    return _middle_out(found, "tokens")


def _middle_out(found: Sequence[tuple[str, int]], what: str) -> list[str]:
    """Lines, each with how much it shows, 0 if it goes on with what the one before began; of very many those in the
    middle are counted."""
    shown, start, end = [line for line, _ in found], MOST_LINES // 2, len(found) - MOST_LINES // 2
    if start >= end:
        return shown
    while start and not found[start][1]:
        start -= 1
    while end < len(found) and not found[end][1]:
        end += 1
    count = sum(part for _, part in found[start:end])
    shown[start:end] = [f"({count:,} {what} are left out here, --json shows them)"]
    return shown


def _width() -> int:
    """Columns of the terminal behind the indentation of texts."""
    columns = shutil.get_terminal_size((WIDEST_PIPED, 1)).columns
    widest = WIDEST if sys.stdout.isatty() else WIDEST_PIPED
    return min(max(columns, NARROWEST), widest) - len(_INDENT)


def table(title: str, rows: Mapping[str, str]) -> None:
    """Print a title and rows of a name and a text, one line each."""
    print(printable(title))
    print_rows(rows)


def print_rows(rows: Mapping[str, str]) -> None:
    width = max(map(len, rows))
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
    """What a valid proof says, in words. Lines of text from elsewhere begin with quotes or an id."""
    most = "at most " * ("prompt" in report["digests"])
    said = [
        *sentence("The model", name, f", id {report['model_id']},"),
        *([f"rotated from {report['rotated_from']},"] if report["rotated_from"] else []),
        f"given the prompt, {most}{tokens(report['prompt_tokens'])} long,",
        *prompt_lines(report),
        f"answers greedily, {tokens(report['generated'])} long,",
        *answer_lines(report),
        *closing(report),
    ]
    return "\n".join(said)


def closing(report: Mapping[str, Any]) -> list[str]:
    """The end of a verdict: what the statement carries, how sure it is, and what it hides."""
    private = [what for what, found in report["visibility"].items() if found != "public"]
    if report["hiding"]:
        secrecy = f"Private: {', '.join(private)}. The proof reveals nothing more about them."
    else:
        secrecy = (
            "The verifier needs no weights, but this proof is not hiding: "
            "it may reveal something about them."
        )
    return [
        *([f"Nonce: {report['nonce']}"] if report["nonce"] else []),
        f"Security: {report['security_bits']} bits. {secrecy}",
        f"Proof: {size(report['proof_bytes'])}, checked in {report['seconds']:.2f} s.",
        RANGES[report["ranges"]],
    ]


def prompt_lines(report: Mapping[str, Any]) -> list[str]:
    """The prompt of a report (`reading.describe`, and what is known of the proof)."""
    if report["prompt"] is None:
        found = [f"private, digest {report['digests']['prompt']}"]
        found.append("(whether these are the tokens of a text is checked with its opening)")
    elif report["turns"] is None:
        found = _text_and_tokens("prompt", report)
    else:
        found = []
        for who, text, over in report["turns"]:
            found.append(f"(turn of {who}{'' if over else ', to go on'})")
            found += lines(text) if text else []
    return _indented("prompt", report, found)


def answer_lines(report: Mapping[str, Any]) -> list[str]:
    """The answer of a report, and how it ends."""
    if report["output"] is None:
        found = [f"private, digest {report['digests']['output']}"]
    elif report["ended"]:
        end, rest = token_lines([report["end"]]), report["after_end"]
        after = f"; what follows, {tokens(rest)}, is no part of the answer" if rest else ""
        note = f"(ended by {end[0]}{after})"
        if len(end) > 1 or visible.columns(note) > _width():
            end = ["(ended by this token:)", *end, *([f"({after[2:]})"] if rest else [])]
        else:
            end = [note]
        found = [*_text_and_tokens("output", report), *end]
    else:
        inside = ", inside a character" * report["inside_character"]
        limit = f"(cut by the limit of {tokens(report['generated'])}{inside})"
        found = [*_text_and_tokens("output", report), limit]
    return _indented("output", report, found)


def _text_and_tokens(what: str, report: Mapping[str, Any]) -> list[str]:
    if what not in report["pieces"]:
        return lines(report[what])
    note = "(its tokens are not those that the tokenizer makes of this text:)"
    return [*lines(report[what]), note, *token_lines(report["pieces"][what])]


def _indented(what: str, report: Mapping[str, Any], found: Sequence[str]) -> list[str]:
    revealed = ["(revealed: it opens the proof's digest)"] * (what in report["revealed"])
    return [f"{_INDENT}{line}" for line in (*found, *revealed)]


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
