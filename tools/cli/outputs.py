"""Where the commands that make a model write it: artifact, key and count, each in a file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import UserError

if TYPE_CHECKING:
    from ...runtime.keys import Artifact


def check_outputs(output: Path, vk: Path, *kept: Path) -> None:
    """`UserError` unless a model can be written: artifact, key and count each in a file of its own, none
    of which is ``kept``."""
    from ...runtime import files
    from ...runtime.budget import files_beside

    if vk.resolve() == output.resolve():
        raise UserError(f"{vk}: artifact and verifying key can not be the same file")
    used = {path.resolve() for path in kept}
    for path in (output, vk, *files_beside(output)):
        if path.resolve() in used:
            raise UserError(
                f"{path}: would take the place of a file that is needed; choose another name"
            )
        used.add(path.resolve())
    files.require_writable(output)
    files.require_writable(vk)


def save_model(artifact: Artifact, output: Path, vk: Path) -> dict[str, int]:
    """Write artifact and key; both files or, on a full disk, none. Returns their sizes."""
    from ...runtime import files
    from ...runtime.keys import save_artifact

    with files.atomic_write(vk) as file:
        size = file.write(artifact.key.encode())
        file.flush()
        return {"vk_bytes": size, "artifact_bytes": save_artifact(output, artifact)}
