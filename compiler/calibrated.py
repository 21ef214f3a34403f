"""A checkpoint as a raised `nn` module with calibrated ranges: where every lowering starts.

The texts that calibration and the fidelity report use ship with the package.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tokenizers import Tokenizer
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from ..errors import UserError
from ..schema.circuit import Shape
from .analysis.calibrate import calibrate, calibration_sequences
from .frontend.checkpoint import Checkpoint
from .frontend.importer import import_model
from .pipelines import run_passes
from .transforms.raise_to_nn import RaiseToNN

TEXTS = Path(__file__).parent / "analysis"


class Texts:
    """The shipped texts in a checkpoint's tokens. ``start`` begins every sequence: ``<bos>``."""

    def __init__(self, checkpoint: Checkpoint):
        self._tokenizer = Tokenizer.from_str(checkpoint.tokenizer_json.decode())
        self.start = self._tokenizer.encode("").ids

    def ids(self, name: str) -> list[int]:
        text = (TEXTS / name).read_text(encoding="utf-8")
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def windows(self, name: str, tokens: int) -> list[list[int]]:
        """The whole text in sequences of at most ``tokens``."""
        ids, length = self.ids(name), tokens - len(self.start)
        return [[*self.start, *ids[i : i + length]] for i in range(0, len(ids), length)]


def padded_length(max_tokens: int) -> int:
    """``max_tokens`` rounded up to a length that circuits serve without padding."""
    if max_tokens < 2:
        raise UserError(f"max-tokens is {max_tokens}: a proof needs at least 2")
    return Shape(1, max_tokens).rows


def supported_length(checkpoint: Checkpoint, max_tokens: int) -> int:
    """`padded_length`, if the checkpoint has that many positions."""
    longest = checkpoint.config.max_position_embeddings
    rows = padded_length(max_tokens)
    if rows > longest:
        raise UserError(
            f"max-tokens {max_tokens} needs {rows} positions: the checkpoint has {longest}"
        )
    return rows


def calibrated_model(
    checkpoint: Checkpoint, tokens: int, stage: Callable[[str], None] = lambda name: None
) -> ModuleOp:
    """Import, raise and calibrate for sequences of ``tokens`` positions; ``stage`` hears of each."""
    stage("import")
    module = import_model(checkpoint, tokens)
    run_passes(Context(), module, (RaiseToNN(),))
    stage("calibrate")
    texts = Texts(checkpoint)
    ids = texts.ids("calibration.txt")
    sequences = calibration_sequences(ids, tokens, checkpoint.config.vocab_size, texts.start)
    calibrate(module, checkpoint.tensor, sequences)
    return module
