"""The tokenizer of a checkpoint: what transformers makes of its files, as one canonical text.

transformers does not take tokenizer.json as it is: settings beside it name a class, with rules of its
own, and more special tokens; a GGUF file has its vocabulary in its metadata only. So transformers
builds the tokenizer, and keys hold the text that the `tokenizers` library writes of it: the same
tokenizer has the same bytes wherever it came from. Padding and truncation, which files may carry
along from training, are left out: a prompt is the tokens of its text.

Errors: `UserError` naming the file.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from textwrap import shorten

import transformers
from tokenizers import Tokenizer
from transformers import AutoTokenizer, PreTrainedConfig

from ...errors import UserError
from ..families.base import Gguf
from .files import read_json, require_content


def directory_tokenizer(directory: Path, config: PreTrainedConfig) -> bytes:
    """The tokenizer of a Hugging Face directory, in the format of tokenizer.json."""
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
        return _canonical(loaded.backend_tokenizer)
    except Exception as error:  # transformers raises many types for files it does not accept
        raise UserError(
            f"{directory}: transformers can not load the tokenizer: {_reason(error)}"
        ) from error


def gguf_tokenizer(path: Path, form: Gguf) -> bytes:
    """The tokenizer that the metadata of a GGUF file of such a form describes, in the format of tokenizer.json."""
    # A folder of its own: transformers prefers a tokenizer.json that lies beside the file.
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / "model.gguf"
        link.symlink_to(path.resolve())
        try:
            loaded = getattr(transformers, form.tokenizer).from_pretrained(
                folder, gguf_file=link.name, local_files_only=True
            )
            return _canonical(loaded.backend_tokenizer)
        except Exception as error:
            raise UserError(
                f"{path}: transformers can not load the tokenizer: {_reason(error)}"
            ) from error


def _canonical(tokenizer: Tokenizer) -> bytes:
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer.to_str().encode()


def _reason(error: Exception) -> str:
    return shorten(str(error), 160) or type(error).__name__
