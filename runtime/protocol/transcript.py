"""Fiat-Shamir: challenges are hashes of everything that was said before them.

A running BLAKE2b absorbs labelled, length-prefixed byte strings (so no two sequences of items collide),
and each challenge is read from a counter-mode stream keyed by the state and folded back into it. Field
elements come from 64-bit words by rejection, so they are uniform in F (Fiat-Shamir and the sponge-like
duplex follow the usual practice; see e.g. ePrint 2016/116 for the round-by-round setting).
"""

from __future__ import annotations

import struct
from hashlib import blake2b

from ..field import Ext, P

GRIND = b"zklemma.grind"


class Transcript:
    def __init__(self, protocol: str):
        self._hash = blake2b(digest_size=64, person=b"zklemma.script")
        self.absorb("protocol", protocol.encode())

    def absorb(self, label: str, data: bytes) -> None:
        name = label.encode()
        self._hash.update(struct.pack("<BQ", len(name), len(data)) + name)
        self._hash.update(data)

    def _words(self):
        """An endless stream of 64-bit words, bound to the state; the state moves on."""
        key = self._hash.digest()
        self.absorb("draw", key)
        counter = 0
        while True:
            block = blake2b(struct.pack("<Q", counter), key=key, person=b"zklemma.draw").digest()
            yield from struct.unpack("<8Q", block)
            counter += 1

    def challenges(self, count: int) -> list[Ext]:
        """``count`` independent uniform elements of K."""
        words = (word for word in self._words() if word < P)
        return [Ext(next(words), next(words)) for _ in range(count)]

    def challenge(self) -> Ext:
        return self.challenges(1)[0]

    def positions(self, count: int, length: int) -> list[int]:
        """``count`` independent uniform indices below ``length``, a power of two."""
        words = self._words()
        return [next(words) & (length - 1) for _ in range(count)]

    def seed(self) -> bytes:
        """32 bytes for a proof of work over the present state."""
        key = self._hash.digest()[:32]
        self.absorb("seed", key)
        return key


def check_grind(seed: bytes, nonce: int, bits: int) -> bool:
    """Whether ``nonce`` shows ``bits`` bits of work over ``seed``."""
    word = blake2b(seed + struct.pack("<Q", nonce), digest_size=8, person=GRIND).digest()
    return int.from_bytes(word, "little") & ((1 << bits) - 1) == 0
