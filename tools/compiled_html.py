"""What a notebook shows of a compiled model: tables of what it is, what it takes and how faithful it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ..runtime.model.keys import VerifyingKey
from ..runtime.model.lowered import LoweredModel
from ..runtime.visible import quote, visible

MEASURES = {
    "greedy_agreement": ("same largest", "{:.2%}"),
    "relative_error": ("largest error", "{:.1e}"),
    "kl": ("divergence, nats", "{:.1e}"),
    "delta_nats": ("change of nats", "{:+.4f}"),
}
"""Of fidelity: what it is called, and how it is written."""


def page(key: LoweredModel, report: Mapping[str, Any]) -> str:
    """HTML of a key and the report that `compile` made."""
    facts = {
        "model id": key.model_id,
        "parameters": f"{key.weights:,}",
    }
    if isinstance(key, VerifyingKey):
        facts["parameters"] += f", {'private' if key.private else 'public'}"
        facts["key"] = f"{len(key.encode()):,} bytes"
    for name, words in (("max_tokens", "tokens"), ("batch", "examples")):
        if name in report:
            facts[words] = f"at most {report[name]} in one proof"
    if "seconds" in report:
        facts["compiled in"] = f"{report['seconds']:.1f} s"
    title = f"<b>{escape(key.kind)} {escape(quote(key.name))}</b>"
    parts = [title, _table(("", ""), facts.items())]
    if key.signature:
        tensors = [
            (
                tensor.name,
                what.split()[0],
                " x ".join(("examples", *map(str, tensor.shape))),
                f"{tensor.low / 2**tensor.frac:g} to {tensor.high / 2**tensor.frac:g}",
                f"{2.0**-tensor.frac:g}",
            )
            for what, tensor in key.signature.tensors.items()
        ]
        parts.append(_table(("tensor", "", "shape", "range", "step"), tensors))
    if measured := report.get("fidelity"):
        rows = measured.get("outputs") or {"next tokens": measured}
        shown = [name for name in MEASURES if all(name in row for row in rows.values())]
        titles = ("fidelity", *(MEASURES[name][0] for name in shown))
        told = [
            (output, *(MEASURES[name][1].format(row[name]) for name in shown))
            for output, row in rows.items()
        ]
        parts.append(_table(titles, told))
    return "\n".join(parts)


def _table(titles: Sequence[str], rows: Any) -> str:
    lines = [_row("th", titles)] if any(titles) else []
    lines += [_row("td", row) for row in rows]
    return f"<table>{''.join(lines)}</table>"


def _row(cell: str, row: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<{cell}>{escape(visible(each))}</{cell}>' for each in row)}</tr>"
