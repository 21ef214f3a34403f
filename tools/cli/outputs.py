"""Where commands write: to files of their own, never over what they read or over something else of value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import UserError

if TYPE_CHECKING:
    from ...runtime.model.files import Kind


# What a checkpoint consists of.
CHECKPOINT = ("*.json", "*.safetensors", "*.gguf")


def checkpoint_files(source: str) -> list[Path]:
    """The files of a local checkpoint; none for a hub id."""
    path = Path(source)
    if not path.is_dir():
        return [path]
    return [file for pattern in CHECKPOINT for file in path.glob(pattern)]


def check_outputs(outputs: Mapping[Path, Kind | None], inputs: Iterable[Path]) -> None:
    """`UserError` unless all outputs can be written: each to a file of its own, which is none of the inputs, by
    whatever name, and no file of this program of another kind. The kind None is for other files."""
    from ...runtime.model import files

    used = {path.resolve(): "a file that is needed" for path in inputs}
    for path, kind in outputs.items():
        target = path.resolve()
        if target in used:
            raise UserError(f"{path}: would take the place of {used[target]}; choose another name")
        used[target] = "another output"
        old = files.kind_of(path)
        if old not in (None, kind):
            raise UserError(f"{path}: there is a {old.noun} already; choose another name")
    for path in outputs:
        files.require_writable(path)


def check_model_outputs(
    output: Path, vk: Path, inputs: Iterable[Path], lowered: bool = False
) -> None:
    """`check_outputs` for an artifact, its key and its count; of a ``lowered`` model there is but one file."""
    from ...runtime.model import files
    from ...runtime.model.budget import files_beside

    if lowered:
        return check_outputs({output: files.LOWERED}, inputs)
    if vk.resolve() == output.resolve():
        raise UserError(f"{vk}: artifact and verifying key can not be the same file")
    used = [*inputs]
    check_outputs({output: files.MODEL, vk: files.KEY}, used)
    counts = {path.resolve() for path in files_beside(output)}
    if counts & {path.resolve() for path in (*used, vk)}:
        raise UserError(
            f"{output}: its count would take the place of a file that is needed; choose another name"
        )
    return None
