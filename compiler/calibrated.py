"""A checkpoint as a raised `nn` module with calibrated ranges: where every lowering starts.

The texts that calibration and the fidelity report use ship with the package (`compiler.texts`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import zip_longest

import numpy as np
from tokenizers import Tokenizer
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from ..errors import UserError
from ..runtime.circuit.generation import Generation
from ..runtime.circuit.relations import LONGEST_EXTENT
from ..turns import GEMMA, MARKS
from .analysis.calibrate import calibrate, calibration_sequences, text_windows
from .analysis.fidelity import Window
from .analysis.sensitivity import sensitivities
from .frontend.checkpoint import Checkpoint
from .frontend.importer import import_model
from .running import Watch, run_passes
from .texts import CALIBRATION, kinds
from .transforms.raise_to_nn import RaiseToNN

# Tokens of the shipped texts to calibrate on, shared evenly by the kinds; a user's text has as many.
TEXT_TOKENS = 1 << 13
# Tokens whose predictions say how much the rounding of each value matters.
SENSITIVITY_TOKENS = 1 << 10
# Each, repeated through a window, is a text unlike any other.
REPEATED = ("\n", " ", "0", "a")


class Texts:
    """The shipped texts in a checkpoint's tokens. ``start`` begins every sequence: ``<bos>``."""

    def __init__(self, checkpoint: Checkpoint):
        self._tokenizer = Tokenizer.from_str(checkpoint.tokenizer_json.decode())
        self.start = self._tokenizer.encode("").ids
        known = (m for m in MARKS if self._tokenizer.token_to_id(m.begin) is not None)
        self._marks = next(known, GEMMA)

    def ids(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def kinds(self, set_name: str) -> dict[str, str]:
        """The texts of a set by their kind, conversations with the marks that the tokenizer has."""
        found, marks = kinds(set_name), self._marks
        if "chat" in found:
            speaks = f"{GEMMA.begin}{GEMMA.model}\n", f"{marks.begin}{marks.model}\n"
            for old, new in (speaks, (GEMMA.begin, marks.begin), (GEMMA.end, marks.end)):
                found["chat"] = found["chat"].replace(old, new)
        return found

    def windows(self, set_name: str, tokens: int) -> list[Window]:
        """The whole set in sequences of at most ``tokens``; the kinds take turns."""
        windows = (self.of_text(kind, text, tokens) for kind, text in self.kinds(set_name).items())
        return [window for turn in zip_longest(*windows) for window in turn if window]

    def of_text(self, kind: str, text: str, tokens: int) -> list[Window]:
        """A text in sequences of at most ``tokens``."""
        return [Window(kind, ids) for ids in text_windows(self.ids(text), tokens, self.start)]

    def calibration(self, own: Iterable[str] = ()) -> list[int]:
        """The tokens of the shipped texts, and of the user's ``own``, up to what each may have."""
        shipped = self.kinds(CALIBRATION).values()
        share = TEXT_TOKENS // len(shipped)
        parts = [self.ids(text)[:share] for text in shipped]
        parts += [self.ids(text)[:TEXT_TOKENS] for text in own]
        return [token for part in parts for token in part]

    def mixed(self, tokens: int, count: int) -> list[list[int]]:
        """Sequences of exactly ``tokens``, each with an equal part of every kind of shipped text."""
        texts = [self.ids(text) for text in self.kinds(CALIBRATION).values()]
        length = tokens - len(self.start)
        sizes = [length // len(texts) + (i < length % len(texts)) for i in range(len(texts))]
        return [
            [
                *self.start,
                *(t for ids, n in zip(texts, sizes, strict=True) for t in _part(ids, i, n)),
            ]
            for i in range(count)
        ]

    def repeated(self) -> list[int]:
        """Tokens to calibrate on by repetition: of `REPEATED`, and those that begin a sequence."""
        tokens = [*self.start, *(token for text in REPEATED for token in self.ids(text)[:1])]
        return list(dict.fromkeys(tokens))


def _part(ids: list[int], turn: int, size: int) -> list[int]:
    """The ``turn``-th ``size`` ids, from the front again after the last."""
    return [ids[(turn * size + i) % len(ids)] for i in range(size)]


def padded_length(max_tokens: int) -> int:
    """``max_tokens`` rounded up to a length that circuits serve without padding."""
    if max_tokens < 2:
        raise UserError(f"max-tokens is {max_tokens}: a proof needs at least 2")
    if max_tokens > LONGEST_EXTENT:
        raise UserError(f"max-tokens is {max_tokens}: a proof has at most {LONGEST_EXTENT}")
    return Generation(1, max_tokens).rows


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
    checkpoint: Checkpoint,
    tokens: int,
    stage: Callable[[str], None] = lambda name: None,
    own: Iterable[str] = (),
    watch: Watch | None = None,
) -> ModuleOp:
    """Import, raise and calibrate for sequences of ``tokens`` positions; ``stage`` hears of each.

    ``own``: texts of the user's to calibrate on as well. ``watch`` sees the passes.
    """
    stage("import")
    module = import_model(checkpoint, tokens)
    run_passes(Context(), module, (RaiseToNN(),), watch, "import")
    stage("calibrate")
    texts = Texts(checkpoint)
    sequences = calibration_sequences(
        texts.calibration(own),
        tokens,
        checkpoint.config.vocab_size,
        texts.start,
        texts.repeated(),
    )
    calibrate(module, checkpoint.tensor, sequences)
    mixed = texts.mixed(tokens, max(1, SENSITIVITY_TOKENS // tokens))
    sensitivities(module, checkpoint.tensor, np.array(mixed))
    return module
