"""``zklemma reveal``: open what a proof keeps private, to whom one likes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import UserError
from .. import console
from .options import AllowNoncanonicalPrompt
from .outputs import check_outputs

if TYPE_CHECKING:
    from ...runtime.model.keys import VerifyingKey
    from ...runtime.verifying.disclosure import Opened


def reveal(
    secret: Annotated[Path, typer.Argument(help="The file that prove kept beside a proof.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The opening to write.")],
    what: Annotated[
        list[str] | None,
        typer.Option(
            help="What to reveal: prompt or output, or a function's tensor by its name. "
            "[default: all that is private]"
        ),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(help="The model's verifying key (.vk), to check and show what is revealed."),
    ] = None,
    allow_noncanonical_prompt: AllowNoncanonicalPrompt = False,
) -> None:
    """Write what opens a private prompt or output, or digests of tensors, for `verify --reveal`."""
    from ...runtime.model import files
    from ...runtime.verifying import disclosure

    check_outputs({output: files.OPENING}, [secret, *([key] if key else [])])
    kept = disclosure.decode(files.read(secret, files.OPENING.most), str(secret))
    # A tensor's name without "input" or "output".
    known = {name.rpartition(" ")[2]: name for name in kept} | {name: name for name in kept}
    for name in what or ():
        if name not in known:
            raise UserError(f"{secret}: it opens no {name}, only {' and '.join(kept)}")
    names = [known[name] for name in what or kept]
    opened = {name: kept[name] for name in names}
    if key:
        _show(key, opened, str(secret), allow_noncanonical_prompt)
    with files.atomic_write(output) as file:
        file.write(disclosure.encode(opened))


def _show(path: Path, opened: Mapping[str, Opened], where: str, allow_noncanonical: bool) -> None:
    """Print what is revealed; `UserError` if the prompt would not be accepted."""
    from ...errors import InvalidProof
    from ...runtime.circuit.generation import REVEALS, vocabulary
    from ...runtime.model.keys import load_key
    from ...runtime.verifying import disclosure, reading
    from ...runtime.verifying.verifier import check_prompt

    key = load_key(path)
    if key.kind == "function":
        return _show_tensors(key, opened, where)
    found = {what: disclosure.claimed(what, item) for what, item in opened.items()}
    if not {*found} <= {*REVEALS} or any(
        token >= vocabulary(key.circuit.axis) for ids in found.values() for token in ids
    ):
        raise UserError(f"{where}: it is not of a proof under {path}")
    prompt, answer = found.get("prompt"), found.get("output")
    try:
        canonical = prompt is not None and check_prompt(key, prompt, allow_noncanonical)
    except InvalidProof as error:
        raise UserError(f"{where}: {error}") from None
    report = reading.describe(key, prompt, answer, canonical)
    report |= {"generated": len(answer or ()), "revealed": []}
    if prompt is not None:
        print(f"Reveals the prompt, {console.tokens(len(prompt))} long,")
        print(*console.prompt_lines(report), sep="\n")
    if answer is not None:
        print(f"Reveals the output, {console.tokens(len(answer))} long,")
        print(*console.answer_lines(report), sep="\n")


def _show_tensors(key: VerifyingKey, opened: Mapping[str, Opened], where: str) -> None:
    from ...runtime.verifying import disclosure
    from ...runtime.verifying.function_verifier import read_labels, read_values
    from .. import tensors

    signature = key.function_signature
    cells = {what: disclosure.claimed_cells(item) for what, item in opened.items()}
    for what, array in cells.items():
        tensor = signature.tensors.get(what)
        fits = tensor and not len(array) % math.prod(tensor.shape)
        if not tensor or not fits or not tensor.low <= array.min() <= array.max() <= tensor.high:
            raise UserError(f"{where}: it is not of a proof under {key.source}")
    values, labels = read_values(signature, cells), read_labels(signature, cells)
    for what in cells:
        tensor = signature.tensors[what]
        numbers = values[tensor.name].tolist()
        print(f"Reveals the {what}, of {tensors.count(len(numbers))},")
        print(*tensors.value_lines(tensor, numbers, labels.get(tensor.name)), sep="\n")
