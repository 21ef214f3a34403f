"""The verifier's end of the conversation: masked messages as affine forms in the pads.

The prover holds a vector of pads, committed before it speaks, and sends most values minus a pad of their
own. The verifier never learns a pad; it computes with `Affine` values, constant + a linear form in pads, on
a tape that is swept backwards once at the end. Checks become linear constraints on pads, all opened
together last (deferred verification, as in google/longfellow-zk's Ligero layer; QuickSilver ePrint
2021/076 for the products). Where nothing is hidden the pads are zero and the constant is the value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ...errors import InvalidProof
from ..field import Ext
from .transcript import Transcript


@dataclass(frozen=True, slots=True)
class Affine:
    """constant + a linear form: node ``node`` of the channel's tape; -1 for a plain constant."""

    constant: Ext
    node: int = -1


class Reader:
    """Takes a proof apart; every item is checked to be there and canonical."""

    def __init__(self, data: bytes | bytearray):
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        piece = self._data[self._at : self._at + count]
        if len(piece) != count:
            raise InvalidProof("the proof ends too early")
        self._at += count
        return bytes(piece)

    @property
    def position(self) -> int:
        return self._at

    def finish(self) -> None:
        if self._at != len(self._data):
            raise InvalidProof("the proof goes on after its end")


def parse_ext(data: bytes) -> Ext:
    try:
        return Ext.from_bytes(data)
    except ValueError as error:
        raise InvalidProof(str(error)) from None


class Channel:
    """Reads messages, draws challenges, records constraints and products of hidden values."""

    def __init__(self, transcript: Transcript, reader: Reader, hiding: bool):
        self.transcript = transcript
        self.reader = reader
        self.hiding = hiding
        self.pads = 0
        self.triples: list[tuple[int, int, int]] = []
        self.constraints: list[tuple[str, Affine]] = []
        self._tape: list[tuple[tuple[Ext | int, int], ...]] = []
        self._pad_of: dict[int, int] = {}

    def raw(self, label: str, count: int) -> bytes:
        data = self.reader.take(count)
        self.transcript.absorb(label, data)
        return data

    def clear(self, label: str, count: int = 1) -> list[Ext]:
        """Values sent as they are."""
        data = self.raw(label, 16 * count)
        return [parse_ext(data[16 * i : 16 * i + 16]) for i in range(count)]

    def masked(self, label: str, count: int = 1) -> list[Affine]:
        """Values sent minus a pad each."""
        return [Affine(value, self._pad()) for value in self.clear(label, count)]

    def challenge(self) -> Ext:
        return self.transcript.challenge()

    def challenges(self, count: int) -> list[Ext]:
        return self.transcript.challenges(count)

    def combine(self, *terms: tuple[Ext | int, Affine]) -> Affine:
        """The sum of coefficient * value."""
        constant, edges = Ext.ZERO, []
        for coefficient, value in terms:
            constant = constant + value.constant * coefficient
            if value.node >= 0:
                edges.append((coefficient, value.node))
        return Affine(constant, self._node(tuple(edges)) if edges else -1)

    def product(self, x: Affine, y: Affine) -> Affine:
        """x * y for two values just received; uses the pad that holds the product of their pads."""
        a, b = self._pad_of[x.node], self._pad_of[y.node]
        node = self._pad()
        self.triples.append((a, b, self._pad_of[node]))
        edges = ((x.constant, y.node), (y.constant, x.node), (1, node))
        return Affine(x.constant * y.constant, self._node(edges))

    def require_zero(self, name: str, value: Affine) -> None:
        """``value`` must be zero. Without hiding the pads are zero, so it is known at once."""
        if not self.hiding and value.constant:
            raise InvalidProof(f"{name} does not hold")
        self.constraints.append((name, value))

    def linear_form(self, chi: Ext) -> tuple[list[Ext], Ext]:
        """Fold the constraints by powers of chi: coefficients l with <pads, l> = the second value."""
        adjoint: list[Ext] = [Ext.ZERO] * len(self._tape)
        total, power = Ext.ZERO, Ext.ONE
        for _, value in self.constraints:
            total = total - power * value.constant
            if value.node >= 0:
                adjoint[value.node] = adjoint[value.node] + power
            power = power * chi
        form = [Ext.ZERO] * self.pads
        for node in range(len(self._tape) - 1, -1, -1):
            weight = adjoint[node]
            if not weight:
                continue
            if node in self._pad_of:
                form[self._pad_of[node]] = weight
            for coefficient, source in self._tape[node]:
                adjoint[source] = adjoint[source] + weight * coefficient
        return form, total

    def _node(self, edges: Iterable[tuple[Ext | int, int]]) -> int:
        self._tape.append(tuple(edges))
        return len(self._tape) - 1

    def _pad(self) -> int:
        node = self._node(())
        self._pad_of[node] = self.pads
        self.pads += 1
        return node
