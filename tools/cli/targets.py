"""``zklemma targets``: the proof systems that models can be compiled for."""

from __future__ import annotations

from .. import console
from .options import AsJson, emit


def targets(as_json: AsJson = False) -> None:
    """List the proof systems that models can be compiled for, ours and those of other packages."""
    from ..systems.target import facts
    from ..systems.target import targets as installed

    found = [facts(target) for target in installed(console.warn).values()]
    if as_json:
        return emit({"targets": found})
    console.grid(
        "Targets",
        ["target", "proves", "field", "weights", "largest table", "what it is"],
        [
            [
                each["name"],
                ", ".join(each["kinds"]) if each["proves"] else "nothing",
                f"{each['field'].bit_length()} bits",
                "private or public" if each["hides"] else "public",
                f"{each['table_rows']:,} rows",
                each["summary"],
            ]
            for each in found
        ],
    )
    return None
