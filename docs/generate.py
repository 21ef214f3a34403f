"""Writes docs/reference: dialects, primitives and passes as their docstrings and lit tests describe them, and what
is claimed of the circuit of the real 270M.

Every example is whole: those of docstrings get a function around them whose arguments are the values
that they only read, the others are the lit tests themselves, so they can not go out of date. Tests
check that each example runs and that the committed pages equal what this writes.
``python docs/generate.py`` (or ``make docs``) updates them.
"""

from __future__ import annotations

import inspect
import re
import sys
from importlib import import_module
from pathlib import Path
from textwrap import indent

from xdsl.context import Context
from xdsl.ir import Dialect, Operation
from xdsl.irdl import IRDLOperation
from xdsl.parser import Parser
from xdsl.universe import XDSL_UNIVERSE
from zklemma.compiler import primitives
from zklemma.compiler.frontend import linalg_ops, onnx_ops, stablehlo_ops, tensor_ops
from zklemma.compiler.pipelines import lower
from zklemma.compiler.transforms.registry import pass_factories
from zklemma.dialects.registry import dialect_factories
from zklemma.runtime.circuit.relations import Circuit
from zklemma.tools import uniqueness
from zklemma.tools.uniqueness import (
    bounds,
    cells,
    claims,
    examine,
    gadgets,
    honest,
    script,
    solver,
)

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"
REAL = ROOT / "tests" / "soundness" / "gemma3-270m.mlir"
PRIMITIVES = (
    *("affine", "contract", "round", "divmod", "table", "normalise", "maximum", "gather", "window"),
)
FENCE = re.compile(r"```mlir\n(.*?)\n```", re.DOTALL)


def text_of(found: object) -> str:
    """A docstring, with code names in backquotes as Markdown likes them and whole examples."""
    text = re.sub(r"``(.+?)``", r"`\1`", inspect.getdoc(found) or "").strip()
    return FENCE.sub(lambda example: f"```mlir\n{whole(example[1])}\n```", text)


def whole(fragment: str) -> str:
    """A module that shows a type, an attribute or operations, of which others define the operands."""
    if fragment.startswith("!"):
        return f"func.func private @example({fragment})"
    if fragment.startswith("#"):
        return f"builtin.module attributes {{example = {fragment}}} {{}}"
    context = Context()
    for name, factory in (XDSL_UNIVERSE.all_dialects | dialect_factories()).items():
        context.register_dialect(name, factory)
    parser = Parser(context, fragment)
    while parser.parse_optional_operation():
        pass
    read = parser.forward_ssa_references.items()
    arguments = [f"%{name} : {values[0].type}" for name, values in read]
    if not arguments:
        return fragment
    body = indent(fragment, "  ")
    return f"func.func @example({', '.join(arguments)}) {{\n{body}\n  func.return\n}}"


def module_text(found: object) -> str:
    module = inspect.getmodule(found)
    return text_of(module) if module else ""


def lit_example(wanted: str) -> str:
    """The first section of a lit test that runs the pass ``wanted``, fenced; its own test first."""
    word = re.compile(rf"(?<![\w.-]){re.escape(wanted)}(?![\w-]|\.\w)")
    paths = (ROOT / "lit_tests" / "transforms").glob("*.mlir")
    for path in sorted(paths, key=lambda path: (path.stem != wanted, path.name)):
        run, _, rest = path.read_text().partition("\n")
        if "invalid" in path.name or "errors" in path.name:
            continue
        if word.search(run):
            section = rest.split("// -----")[0].strip()
            source = path.relative_to(ROOT)
            return f"From `{source}`:\n\n```mlir\n{run}\n{section}\n```\n"
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


def rationale(dialect: Dialect) -> list[str]:
    """What a dialect says of itself, and where it is a package, each of its files."""
    parts = [*dialect.attributes, *dialect.operations]
    files = list(dict.fromkeys(part.__module__ for part in parts))
    if len(files) > 1:
        files.insert(0, files[0].rpartition(".")[0])
    return [f"{text_of(import_module(file))}\n" for file in files]


def dialect_page(name: str, dialect: Dialect) -> str:
    operations = sorted(dialect.operations, key=lambda op: op.name)
    attributes = sorted(dialect.attributes, key=lambda attribute: attribute.name)
    page = [f"# Dialect `{name}`\n", *rationale(dialect)]
    if attributes:
        page.append("## Types and attributes\n")
        page += [f"### `{found.name}`\n\n{text_of(found)}\n" for found in attributes]
    page.append("## Operations\n")
    for op in operations:
        page.append(operation(op))
    return "\n".join(part for part in page if part)


def passes_page() -> str:
    page = ["# Passes\n", "Run one with `zk-opt file.mlir -p 'name{option=value}'`.\n"]
    for name, factory in sorted(pass_factories().items()):
        found = factory()
        page.append(f"## `{name}`\n\n{module_text(found)}\n")
        page.append(lit_example(name))
    return "\n".join(part for part in page if part)


def primitives_page() -> str:
    """What each primitive states, and why there is one witness of it."""
    page = ["# Primitives\n", text_of(primitives) + "\n"]
    for name in PRIMITIVES:
        page.append(f"## `{name}`\n\n{text_of(import_module(f'{primitives.__name__}.{name}'))}\n")
    return "\n".join(page)


def uniqueness_page() -> str:
    """What is claimed of the witness, and how much of each primitive at the real 270M's widths."""
    page = ["# One witness for each input\n", text_of(uniqueness) + "\n"]
    for module in (gadgets, cells, claims, bounds, honest, script, solver):
        page.append(f"## `{module.__name__.removeprefix('zklemma.')}`\n\n{text_of(module)}\n")
    context = Context()
    for name, factory in (XDSL_UNIVERSE.all_dialects | dialect_factories()).items():
        context.register_dialect(name, factory)
    module = Parser(context, REAL.read_text()).parse_module()
    for private, tokens in enumerate(("Tokens as inputs", "Tokens as columns")):
        circuit, _ = lower(module, private_tokens=bool(private))
        page.append(f"## The real 270M, 512 tokens. {tokens}\n\n{claims_table(circuit)}\n")
    return "\n".join(page)


def claims_table(circuit: Circuit) -> str:
    """A line for each primitive: where it stands, how wide its columns are, how many claims of each kind."""
    lines = [
        f"| primitive | gadgets | bits of columns | {' | '.join(examine.KINDS)} |",
        "|---|---|---|" + "---|" * len(examine.KINDS),
    ]
    for row in examine.rows(circuit):
        low, high = row.widths
        bits = str(low) if low == high else f"{low} to {high}"
        counts = " | ".join(str(row.claims[kind]) for kind in examine.KINDS)
        lines.append(f"| {row.primitive} | {', '.join(row.gadgets)} | {bits} | {counts} |")
    return "\n".join(lines)


FRAMEWORKS = {
    "PyTorch": tensor_ops,
    "ONNX": onnx_ops,
    "StableHLO": stablehlo_ops,
    "linalg": linalg_ops,
}
"""Frontends of networks of tensors, each by what becomes of its operations."""


def frameworks_page() -> str:
    """Which operations of each framework are imported, and what to write in the place of others."""
    page = [
        "# Operations of frameworks\n",
        "Of [networks of tensors](../frameworks.md). An operation of these may have uses that are not supported; "
        "they are refused with the reason.\n",
    ]
    for name, module in FRAMEWORKS.items():
        taken = ", ".join(f"`{operation}`" for operation in sorted(module.HANDLERS))
        page.append(f"## {name}\n\n{text_of(module)}\n\n{taken}\n")
        page.append("| not supported, or not all uses | nearest |\n|---|---|")
        nearest = sorted(module.NEAREST.items())
        page.append(
            "\n".join(
                f"| `{operation}` | {what.format('operand')} |" for operation, what in nearest
            )
            + "\n"
        )
    return "\n".join(page)


def pages() -> dict[str, str]:
    """Every page of the reference by file name."""
    found = {f"{name}.md": dialect_page(name, make()) for name, make in dialect_factories().items()}
    return found | {
        "frameworks.md": frameworks_page(),
        "passes.md": passes_page(),
        "primitives.md": primitives_page(),
        "uniqueness.md": uniqueness_page(),
    }


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
