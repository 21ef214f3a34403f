"""Everything that is claimed of a circuit, with the solver's verdicts, and as files for other solvers.

Claims with the same text, of layers alike or of a key's two circuits, are decided once. Columns whose range and
relations whose bound is not shown are not taken for granted by the claims on uniqueness.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from ...errors import expect
from ...runtime.circuit.relations import Circuit
from .bounds import bounds
from .claims import MUST, Claim, Claims
from .gadgets import Gadget, primitive
from .solver import Verdict, decide

KINDS = (*MUST, "rest")


@dataclass
class Examination:
    """The verdicts on the circuits examined so far."""

    verdicts: list[Verdict] = field(default_factory=list)
    known: dict[str, Verdict] = field(default_factory=dict)

    def circuit(
        self, circuit: Circuit, at: Callable[[float], None] = lambda fraction: None
    ) -> None:
        """Decide all claims about a circuit; ``at`` hears how much is done."""
        whole = Claims(circuit)
        first, later = [*whole.ranges(), *bounds(circuit)], [*whole.unique(), *whole.exists()]
        failed = {kind: set[str]() for kind in KINDS}
        for i, claim in enumerate(first):
            if not self.decide(claim).holds:
                failed[claim.kind].add(claim.subject)
            at((i + 1) / len([*first, *later]))
        if failed["range"] or failed["bound"]:
            left = Claims(circuit, frozenset(failed["range"]), frozenset(failed["bound"]))
            later = [*left.unique(), *whole.exists()]
        for i, claim in enumerate(later):
            self.decide(claim)
            at((len(first) + i + 1) / len([*first, *later]))

    def decide(self, claim: Claim) -> Verdict:
        if claim.text not in self.known:
            self.known[claim.text] = decide(claim)
        found = self.known[claim.text]
        verdict = Verdict(claim, found.holds, found.example)
        self.verdicts.append(verdict)
        return verdict

    @property
    def failures(self) -> list[Verdict]:
        """Claims that must hold and do not."""
        return [v for v in self.verdicts if not v.holds and v.claim.kind in MUST]

    @property
    def counts(self) -> dict[str, int]:
        """How many different claims of each kind were decided."""
        kinds = [verdict.claim.kind for verdict in self.known.values()]
        return {kind: kinds.count(kind) for kind in KINDS}

    @property
    def free(self) -> list[str]:
        """Columns that no other gadget reads, and that the inputs do not determine."""
        open_ = (v for v in self.verdicts if not v.holds and v.claim.kind == "rest")
        return list(dict.fromkeys(column for v in open_ for column in differing(v)))


def differing(verdict: Verdict) -> list[str]:
    """The columns of which an example of two witnesses has two values."""
    cells, example = verdict.claim.cells, verdict.example
    if cells is None:
        return []
    found = []
    for variable, (column, copy, _) in cells.columns.items():
        twin = f"{variable.rpartition('#')[0]}#2"
        if copy == 1 and example.get(variable) != example.get(twin, example.get(variable)):
            found.append(column)
    return list(dict.fromkeys(found))


def claims(circuit: Circuit) -> Iterator[Claim]:
    """All claims, each as if those before it held."""
    whole = Claims(circuit)
    yield from whole.ranges()
    yield from bounds(circuit)
    yield from whole.unique()
    yield from whole.exists()


def scripts(circuit: Circuit) -> Mapping[str, str]:
    """SMT-LIB files by kind of claim: each claim between a push and a pop, expected to be unsatisfiable."""
    texts: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for claim in claims(circuit):
        head = f"; {claim.kind}: {claim.subject}\n(push 1)\n"
        texts[claim.kind].append(f"{head}{claim.text}(check-sat)\n(pop 1)\n")
    return {kind: "(set-logic ALL)\n" + "\n".join(parts) for kind, parts in texts.items()}


@dataclass(frozen=True)
class Row:
    """What is claimed of all gadgets of one primitive: their names, the widths of their columns in bits, claims."""

    primitive: str
    gadgets: tuple[str, ...]
    widths: tuple[int, int]
    claims: Mapping[str, int]


def rows(circuit: Circuit) -> list[Row]:
    """A row for each primitive of a circuit, in the order in which they first come."""
    found: dict[str, list[Gadget]] = {}
    counts: dict[str, dict[str, int]] = {}
    place: dict[str, str] = {}
    for claim in Claims(circuit).exists():
        gadget = expect(claim.gadget, Gadget)
        kind = primitive(circuit, gadget)
        if gadget not in found.setdefault(kind, []):
            found[kind].append(gadget)
            place |= {name: kind for name in gadget.columns}
            place |= {relation.name: kind for relation in gadget.relations}
    for claim in claims(circuit):
        kind = place.get(claim.subject, "")
        if claim.gadget is not None and claim.kind != "bound":
            kind = primitive(circuit, claim.gadget)
        of = counts.setdefault(kind, dict.fromkeys(KINDS, 0))
        of[claim.kind] += 1
    return [
        Row(kind, tuple(g.name for g in of), _widths(circuit, of), counts[kind])
        for kind, of in found.items()
    ]


def _widths(circuit: Circuit, gadgets: list[Gadget]) -> tuple[int, int]:
    """Bits of the narrowest and of the widest column."""
    columns = [circuit.column[name] for gadget in gadgets for name in gadget.columns]
    bits = [(column.high - column.low).bit_length() for column in columns]
    return min(bits), max(bits)
