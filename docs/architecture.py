"""Draws docs/architecture.svg: the levels from a checkpoint to a verdict, and the passes between them.

The passes are those of the compiler's own pipelines, so that the picture changes with them; a test checks that it
is what this writes. ``python docs/architecture.py`` (or ``make docs``) does.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from textwrap import wrap

from zklemma.compiler.levels import EVERYTHING, OPTIMISATIONS
from zklemma.compiler.pipelines import TO_QUANT, to_circuit
from zklemma.compiler.transforms.convert_nn_to_quant import ConvertNNToQuant

PICTURE = Path(__file__).parent / "architecture.svg"
WIDTH, LEFT, BOX, GAP, LINE = 900, 20, 270, 70, 15
COLOURS = {"compiler": "#dbe9f6", "runtime": "#e3f2dd", "file": "#f6efd6"}


@dataclass(frozen=True)
class Box:
    """A level or a file: its name, what it is, whose it is, and what happens on the way to the next."""

    name: str
    about: str
    kind: str
    then: str = ""


def boxes() -> list[Box]:
    names = [each.name for each in TO_QUANT]
    split = names.index(ConvertNNToQuant.name)
    lowering = [each.name for each in to_circuit(False, EVERYTHING)]
    convert = next(
        name for name in lowering if name not in OPTIMISATIONS and "legality" not in name
    )
    at = lowering.index(convert) + 1
    last = lowering.index("lower-zk-to-circuit")

    def passes(found: list[str]) -> str:
        return ", ".join(name for name in found if name != "verify-legality")

    return [
        Box(
            "checkpoint", "Hugging Face directory, GGUF", "file", "torch.export, import, calibrate"
        ),
        Box("nn", "f32 tensors of a model", "compiler", passes(names[: split + 1])),
        Box(
            "quant",
            "exact integers with formats",
            "compiler",
            passes(names[split + 1 :] + lowering[:at]),
        ),
        Box("zk", "steps that compute, relations", "compiler", passes(lowering[at : last + 1])),
        Box(
            "circuit",
            "columns, relations, tables",
            "compiler",
            passes(lowering[last + 1 :]) + ", emit",
        ),
        Box(
            "key and artifact",
            "circuits, program, weights, masks",
            "file",
            "execute the witness program",
        ),
        Box(
            "witness",
            "integers of every column",
            "runtime",
            "commit, lookups, einsums, opening, pads",
        ),
        Box("proof", "statement and messages", "file", "the same conversation, without weights"),
        Box("verdict", "what the model said, or why not", "runtime"),
    ]


def drawn() -> str:
    """The picture."""
    shapes, y = [], 20
    for box in boxes():
        shapes.append(
            f'<rect x="{LEFT}" y="{y}" width="{BOX}" height="46" rx="6" fill="{COLOURS[box.kind]}" '
            'stroke="#555"/>'
        )
        middle = LEFT + BOX // 2
        shapes.append(_text(middle, y + 20, box.name, 'font-weight="bold" text-anchor="middle"'))
        shapes.append(_text(middle, y + 37, box.about, 'text-anchor="middle"'))
        if box.then:
            top, end = y + 46, y + 46 + GAP
            shapes.append(
                f'<path d="M{middle} {top} V{end - 2}" stroke="#555" marker-end="url(#arrow)"/>'
            )
            lines = wrap(box.then, 88, break_on_hyphens=False)
            first = (top + end) // 2 - (len(lines) - 1) * LINE // 2 + 4
            for i, line in enumerate(lines):
                shapes.append(_text(middle + 16, first + i * LINE, line))
        y += 46 + GAP
    height = y - GAP + 20
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            'font-family="sans-serif" font-size="12">',
            '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
            'markerHeight="7" orient="auto"><path d="M0 0 L10 5 L0 10 z" fill="#555"/></marker></defs>',
            f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
            *shapes,
            "</svg>",
            "",
        ]
    )


def _text(x: int, y: int, text: str, more: str = "") -> str:
    return f'<text x="{x}" y="{y}" {more}>{escape(text)}</text>'.replace(" >", ">")


if __name__ == "__main__":
    PICTURE.write_text(drawn(), encoding="utf-8")
