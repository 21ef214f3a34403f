"""The prover's end of the conversation: it sends values minus their pads and draws the same challenges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ..field import Ext
from .transcript import Transcript


class ProverChannel:
    """``pads`` is a (2, n) array over K; the masked values use it up in order."""

    def __init__(self, transcript: Transcript, pads: np.ndarray):
        self.transcript = transcript
        self.out = bytearray()
        self._pads = pads
        self._used = 0

    def raw(self, label: str, data: bytes) -> None:
        self.transcript.absorb(label, data)
        self.out += data

    def clear(self, label: str, values: Iterable[Ext]) -> None:
        self.raw(label, b"".join(value.to_bytes() for value in values))

    def masked(self, label: str, values: Sequence[Ext]) -> None:
        sent = []
        for value in values:
            pad = self._pads[:, self._used]
            sent.append(value - Ext(int(pad[0]), int(pad[1])))
            self._used += 1
        self.clear(label, sent)

    def product(self) -> None:
        """Skip the pad that holds the product of two pads; the verifier uses it."""
        self._used += 1

    def challenge(self) -> Ext:
        return self.transcript.challenge()

    def challenges(self, count: int) -> list[Ext]:
        return self.transcript.challenges(count)


def as_array(values: Sequence[Ext]) -> np.ndarray:
    """Elements of K as a (2, n) array."""
    return np.array([[x.a for x in values], [x.b for x in values]], np.uint64).reshape(2, -1)


def as_pair(value: Ext) -> np.ndarray:
    return np.array([value.a, value.b], np.uint64)
