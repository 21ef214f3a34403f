"""Tensors of functions for people: read from files and written to them, and told in a verdict."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
from numpy.lib.format import write_array

from ..errors import UserError
from ..runtime.circuit import function
from ..runtime.model.keys import VerifyingKey
from ..runtime.model.signature import Tensor
from ..runtime.protocol.function_statement import FunctionStatement
from ..runtime.verifying.function_verifier import read_labels, read_values
from . import console

# Of a batch, and of an example of a tensor, that a verdict shows.
MOST_EXAMPLES, MOST_NUMBERS = 4, 8
WEIGHTS = "weights"
LONGEST = 200
"""Characters of a reason, which may quote a file."""
# What compressed arrays of one file may expand to, a thousand times their bytes.
MOST_EXPANDED = 1 << 30
_NAMED = re.compile(r"([A-Za-z]\w*)=(.+)", re.ASCII | re.DOTALL)


def load(options: Iterable[str]) -> tuple[dict[str, np.ndarray], list[Path]]:
    """The arrays that options name, ``NAME=FILE.npy`` each or one ``FILE.npz`` with all, and the files."""
    found: dict[str, np.ndarray] = {}
    files = []
    for option in options:
        named = _NAMED.fullmatch(option)
        path = Path(named[2] if named else option)
        files.append(path)
        for name, array in _arrays(path, named[1] if named else None).items():
            if name in found:
                raise UserError(f"--input: {name} is given twice")
            found[name] = array
    return found, files


def load_examples(path: Path) -> np.ndarray | dict[str, np.ndarray]:
    """Examples of a network: those of its one input (``.npy``), or of each input by its name (``.npz``)."""
    if path.suffix == ".npz":
        return _arrays(path, None)
    return _arrays(path, path.name)[path.name]


def _arrays(path: Path, name: str | None) -> dict[str, np.ndarray]:
    try:
        loaded: Any = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            if name is None:
                raise UserError(f"--input {path}: say which input it is: NAME={path}")
            return {name: loaded}
        with loaded:
            if name is not None:
                raise UserError(f"--input {name}={path}: an .npz has names of its own")
            packed = [each for each in loaded.zip.infolist() if each.compress_type]
            if sum(each.file_size for each in packed) > MOST_EXPANDED:
                raise UserError(
                    f"{path}: it expands to more than {MOST_EXPANDED >> 20} MiB; store it without compression"
                )
            return {key: loaded[key] for key in loaded.files}
    except (UserError, MemoryError):
        raise
    except Exception as error:
        # Of headers and archives that anyone may have written, numpy raises what it likes.
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        first = reason.partition("\n")[0][:LONGEST]
        raise UserError(f"{path}: cannot read arrays: {first}") from None


def visibilities(key: VerifyingKey, statement: FunctionStatement) -> dict[str, str]:
    """How the weights and each tensor are seen, by name; a tensor that is called "weights" is "input weights" or
    "output weights" here, lest a verdict speaks of one where it means the others."""
    found = {WEIGHTS: "private" if key.private else "public"}
    for what, tensor in key.function_signature.tensors.items():
        found[what if tensor.name == WEIGHTS else tensor.name] = _seen(what, statement)
    return found


def _seen(what: str, statement: FunctionStatement) -> str:
    if what in statement.shown:
        return "public"
    return "digest" if what in statement.digests else "private"


def describe(
    key: VerifyingKey, statement: FunctionStatement, opened: Mapping[str, np.ndarray]
) -> list[dict[str, Any]]:
    """Plain data about each tensor: what it is, how it is seen, and, of what is shown or ``opened`` (integers by
    "input NAME" or "output NAME"), real numbers or ids, and the labels of the largest."""
    signature = key.function_signature
    cells = {**statement.shown, **opened}
    values, labels = read_values(signature, cells), read_labels(signature, cells)
    return [
        {
            "name": tensor.name,
            "role": what.split()[0],
            "shape": [statement.batch, *tensor.shape],
            "bits": tensor.bits,
            "fraction_bits": tensor.frac,
            "ids": tensor.ids or None,
            "visibility": _seen(what, statement),
            "digest": statement.digests[what].hex() if what in statement.digests else None,
            "revealed": what in opened,
            "values": values[tensor.name].tolist() if tensor.name in values else None,
            "labels": labels.get(tensor.name),
        }
        for what, tensor in signature.tensors.items()
    ]


def statement(key: VerifyingKey, report: Mapping[str, Any]) -> str:
    """What a valid proof says, in words."""
    tensors = {tensor.name: tensor for tensor in key.function_signature.tensors.values()}
    lines = []
    for role, words in (
        (function.INPUT, "given the inputs"),
        (function.OUTPUT, "gives the outputs"),
    ):
        lines.append(f"{words}, of {count(report['examples'])},")
        for told in report["tensors"]:
            if told["role"] == role:
                lines += [f"    {line}" for line in tensor_lines(tensors[told["name"]], told)]
    return "\n".join(
        [
            *console.sentence("The function", key.name, f", id {report['model_id']},"),
            *([f"rotated from {report['rotated_from']},"] if report["rotated_from"] else []),
            *lines,
            *console.closing(report),
        ]
    )


def count(examples: int) -> str:
    return f"{examples} example{'s' * (examples != 1)}"


def tensor_lines(tensor: Tensor, told: Mapping[str, Any]) -> list[str]:
    """A tensor, and the first of its numbers if they are known."""
    shape = " x ".join(map(str, told["shape"][1:])) or "1"
    shape += f" ids below {tensor.ids}" if tensor.ids else ""
    seen = f"digest {told['digest']}" if told["digest"] else told["visibility"]
    lines = [f"{tensor.name}, {shape}, {seen}"]
    if told["revealed"]:
        lines.append("    (revealed: it opens the proof's digest)")
    return [*lines, *value_lines(tensor, told["values"], told["labels"])]


def value_lines(
    tensor: Tensor, values: Sequence[Any] | None, labels: Sequence[str] | None
) -> list[str]:
    """The numbers of the first examples, and the labels of the largest."""
    lines = []
    each = max(1, len(labels or ()) // max(1, len(values or ())))
    for number, example in enumerate((values or ())[:MOST_EXAMPLES]):
        flat = np.ravel(example)
        numbers = " ".join(str(x) if tensor.ids else f"{x:g}" for x in flat[:MOST_NUMBERS])
        more = f" (and {len(flat) - MOST_NUMBERS:,} more)" if len(flat) > MOST_NUMBERS else ""
        best = ""
        if labels and each == 1:
            best = f", the largest is {console.quote(labels[number])}"
        lines.append(f"    example {number}: {numbers}{more}{best}")
    if values and len(values) > MOST_EXAMPLES:
        lines.append(f"    (and {count(len(values) - MOST_EXAMPLES)} more, --json shows them)")
    return lines


def save(path: Path, tensors: Iterable[Mapping[str, Any]]) -> None:
    """Write the real numbers of the outputs that are known to an .npz."""
    from ..runtime.model import files

    arrays = {
        told["name"]: np.array(told["values"], np.float64)
        for told in tensors
        if told["role"] == function.OUTPUT and told["values"] is not None
    }
    # As `np.savez` does, which takes no array by the name of one of its own arguments.
    with files.atomic_write(path) as file, ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as part:
                write_array(part, array, allow_pickle=False)
