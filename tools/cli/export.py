"""``zklemma export``: a checkpoint as text for the compiler's passes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import Checkpoint
from .outputs import check_outputs, checkpoint_files


def export(
    checkpoint: Checkpoint,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write (.mlir).")],
    max_tokens: Annotated[int, typer.Option(help="The number of positions.")] = 64,
) -> None:
    """Write a checkpoint as calibrated `nn` text, which zk-opt can lower to any level."""
    from ...runtime.model import files

    check_outputs({output: None}, checkpoint_files(checkpoint))

    from io import StringIO

    from xdsl.printer import Printer

    from ...compiler.calibrated import calibrated_model, supported_length
    from ...compiler.frontend.checkpoint import load_checkpoint

    loaded = load_checkpoint(checkpoint)
    module = calibrated_model(loaded, supported_length(loaded, max_tokens))
    with files.atomic_write(output) as file:
        text = StringIO()
        Printer(stream=text).print_op(module)
        file.write(f"{text.getvalue()}\n".encode())
