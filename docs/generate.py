"""Writes docs/reference: dialects and passes as their docstrings and lit tests describe them.

The examples are the lit tests themselves, so they can not go out of date; a test checks that the
committed pages equal what this writes. ``python docs/generate.py`` (or ``make docs``) updates them.
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

from xdsl.ir import Dialect, Operation
from xdsl.irdl import IRDLOperation
from zklemma.compiler.transforms.registry import pass_factories
from zklemma.dialects.registry import dialect_factories

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"
LONGEST_EXAMPLE = 60


def text_of(found: object) -> str:
    """A docstring, with code names in backquotes as Markdown likes them."""
    return re.sub(r"``(.+?)``", r"`\1`", inspect.getdoc(found) or "").strip()


def module_text(found: object) -> str:
    module = inspect.getmodule(found)
    return text_of(module) if module else ""


def lit_example(folder: str, wanted: str) -> str:
    """The first section of a lit test there that speaks of ``wanted``, fenced; its own test first."""
    word = re.compile(rf"(?<![\w.-]){re.escape(wanted)}(?![\w-]|\.\w)")
    paths = (ROOT / "lit_tests" / folder).glob("*.mlir")
    for path in sorted(paths, key=lambda path: (path.stem != wanted, path.name)):
        run, _, rest = path.read_text().partition("\n")
        if "invalid" in path.name or "errors" in path.name:
            continue
        for section in rest.split("// -----"):
            if word.search(run if folder == "transforms" else section):
                lines = section.strip().splitlines()[:LONGEST_EXAMPLE]
                source = path.relative_to(ROOT)
                return f"From `{source}`:\n\n```mlir\n{run}\n" + "\n".join(lines) + "\n```\n"
    return ""


def operation(op: type[Operation]) -> str:
    """One operation: what it says of itself, then its parts."""
    assert issubclass(op, IRDLOperation)
    definition = op.get_irdl_definition()
    parts = {
        "operands": [name for name, _ in definition.operands],
        "results": [name for name, _ in definition.results],
        "regions": [name for name, _ in definition.regions],
        "attributes": [*definition.properties, *definition.attributes],
        "traits": sorted(
            name for trait in op.traits.traits if not (name := type(trait).__name__).startswith("_")
        ),
    }
    rows = [
        f"- {what}: " + ", ".join(f"`{n}`" for n in names) for what, names in parts.items() if names
    ]
    return f"### `{op.name}`\n\n{text_of(op)}\n\n" + "\n".join(rows) + "\n"


def dialect_page(name: str, dialect: Dialect) -> str:
    operations = sorted(dialect.operations, key=lambda op: op.name)
    attributes = sorted(dialect.attributes, key=lambda attribute: attribute.name)
    first = [*operations, *attributes][0]
    page = [f"# Dialect `{name}`\n", module_text(first) + "\n"]
    if attributes:
        page.append("## Types and attributes\n")
        page += [f"### `{found.name}`\n\n{text_of(found)}\n" for found in attributes]
    page.append("## Operations\n")
    for op in operations:
        text = operation(op)
        page += [text, "" if "```" in text else lit_example("dialects", op.name)]
    return "\n".join(part for part in page if part)


def passes_page() -> str:
    page = ["# Passes\n", "Run one with `zk-opt file.mlir -p 'name{option=value}'`.\n"]
    for name, factory in sorted(pass_factories().items()):
        found = factory()
        page.append(f"## `{name}`\n\n{module_text(found)}\n")
        page.append(lit_example("transforms", name))
    return "\n".join(part for part in page if part)


def pages() -> dict[str, str]:
    """Every page of the reference by file name."""
    found = {f"{name}.md": dialect_page(name, make()) for name, make in dialect_factories().items()}
    return found | {"passes.md": passes_page()}


def main() -> None:
    REFERENCE.mkdir(exist_ok=True)
    wanted = pages()
    for stale in {path.name for path in REFERENCE.glob("*.md")} - set(wanted):
        (REFERENCE / stale).unlink()
    for name, text in wanted.items():
        (REFERENCE / name).write_text(text)
    print(f"wrote {len(wanted)} pages to {REFERENCE.relative_to(ROOT)}", file=sys.stderr)


if __name__ == "__main__":
    main()
