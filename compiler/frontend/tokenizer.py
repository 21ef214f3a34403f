"""The tokenizer of a checkpoint: what transformers makes of its files, as one canonical text.

transformers does not take tokenizer.json as it is: settings beside it name a class, with rules of its
own, and more special tokens; a GGUF file has its vocabulary in its metadata only. So transformers
builds the tokenizer, and keys hold the text that the `tokenizers` library writes of it: the same
tokenizer has the same bytes wherever it came from. Padding and truncation, which files may carry
along from training, are left out: a prompt is the tokens of its text. Of a template of conversations there
remains what it writes before and behind what a user says first.

Errors: `UserError` naming the file.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

import transformers
from tokenizers import Tokenizer
from transformers import AutoTokenizer, PreTrainedConfig

from ...errors import UserError
from ..families.base import Gguf
from .files import read_json, require_content

# What a user says in `_chat`: no template has it.
SAID = "zklemma-what-a-user-says"


@dataclass(frozen=True)
class LoadedTokenizer:
    """``json`` is a tokenizer in the format of tokenizer.json; ``chat`` what stands before and behind a question,
    None without a template of conversations."""

    json: bytes
    chat: tuple[str, str] | None


def directory_tokenizer(directory: Path, config: PreTrainedConfig) -> LoadedTokenizer:
    """The tokenizer of a Hugging Face directory."""
    path = directory / "tokenizer.json"
    if not path.is_file():
        raise UserError(
            f"{directory} has no tokenizer.json; save the tokenizer in its fast format "
            "(AutoTokenizer.from_pretrained(..).save_pretrained(..))"
        )
    require_content(path)
    try:
        Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises plain Exception
        raise UserError(f"{path} is not a valid tokenizer: {_reason(error)}") from error
    if (settings := directory / "tokenizer_config.json").is_file():
        read_json(settings)
    try:
        loaded = AutoTokenizer.from_pretrained(
            directory, config=config, local_files_only=True, trust_remote_code=False
        )
        return canonical(loaded)
    except Exception as error:  # transformers raises many types for files it does not accept
        raise UserError(
            f"{directory}: transformers can not load the tokenizer: {_reason(error)}"
        ) from error


def gguf_tokenizer(path: Path, form: Gguf) -> LoadedTokenizer:
    """The tokenizer that the metadata of a GGUF file of such a form describes."""
    # A folder of its own: transformers prefers a tokenizer.json that lies beside the file.
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / "model.gguf"
        link.symlink_to(path.resolve())
        try:
            loaded = getattr(transformers, form.tokenizer).from_pretrained(
                folder, gguf_file=link.name, local_files_only=True
            )
            return canonical(loaded)
        except Exception as error:
            raise UserError(
                f"{path}: transformers can not load the tokenizer: {_reason(error)}"
            ) from error


def canonical(loaded: Any) -> LoadedTokenizer:
    """A tokenizer of transformers as keys hold it."""
    tokenizer = Tokenizer.from_str(loaded.backend_tokenizer.to_str())
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return LoadedTokenizer(tokenizer.to_str().encode(), _chat(loaded))


def _chat(loaded: Any) -> tuple[str, str] | None:
    """What the template writes around a first question, up to the answer, without the start that the tokenizer
    gives every text; None where there is none that does."""
    if not loaded.chat_template:
        return None
    try:
        question = [{"role": "user", "content": SAID}]
        text = loaded.apply_chat_template(question, tokenize=False, add_generation_prompt=True)
    except Exception:  # Whatever a template raises: then it is none for a question alone.
        return None
    before, said, behind = text.partition(SAID)
    start = loaded.decode(loaded.backend_tokenizer.encode("").ids)
    return (before.removeprefix(start), behind) if said and SAID not in behind else None


def _reason(error: Exception) -> str:
    return shorten(str(error), 160) or type(error).__name__
