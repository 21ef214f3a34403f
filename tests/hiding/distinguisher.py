"""Tries to tell proofs of two secrets apart, by a fixed list of statistical tests; and provers with planted leaks.

A `View` is what one proof shows: words of F by family (messages, and the first columns opened in each tree, in
whose rows the multiplicities are), its length, its compressed length, how many columns of each tree it opens, how
long proving took. A `Sample` is many views of one secret. Tests on words compare the distribution of each word over
proofs with the uniform one, for either secret, and both with each other; tests on numbers compare both secrets.
Each gives one p-value, corrected for the number of comparisons in it (Bonferroni). Two secrets are two models, with
one statement; or two private prompts and outputs, with one model. Weights are committed under fresh masks for each
proof, so that proofs are independent.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any
from unittest.mock import patch

import numpy as np
from scipy import stats
from zklemma.runtime.field import P
from zklemma.runtime.model.masks import WeightMasks
from zklemma.runtime.protocol.commitment.codeword import Committed
from zklemma.runtime.protocol.commitment.merkle import SALT_WORDS
from zklemma.runtime.protocol.pads.verifier import cells
from zklemma.runtime.protocol.plan import Plan
from zklemma.runtime.protocol.prover_channel import ProverChannel
from zklemma.runtime.protocol.statement import Statement
from zklemma.runtime.proving.prover import CommittedWeights
from zklemma.runtime.randomness import Randomness

proving: Any = import_module("proving")

FAMILIES = {
    "lookups": ("lookup root", "lookup round", "lookup children"),
    "relations": ("einsum values", "linear value", "einsum round", "factor", "partial product"),
    "opening": ("row round", "slab round", "mask", "opened value", "fold round", "final", "final round"),
    "pads": ("pad sums", "pads"),
    "digests": ("prompt values", "prompt masked", "output values", "output masked"),
}  # fmt: skip
# Columns of a tree whose words are looked at one by one; all are searched for words that occur twice.
COLUMNS = 4
BINS = 8
SECRETS = ("models", "prompts")
STATEMENT = Statement(3, 2, (1, 2, 3, 4, 5), True)
PROMPTS = (((1, 5, 2), (4, 3)), ((0, 0), (0, 0)))


@dataclass(frozen=True)
class View:
    """``words`` by family, as many in every proof of a shape; ``shown``: all words that masks should make fresh;
    ``numbers`` by name."""

    words: dict[str, np.ndarray]
    shown: np.ndarray
    numbers: dict[str, float]


class Sample:
    """Views side by side: ``words`` (proofs, words) by family, ``numbers`` (proofs,) by name."""

    def __init__(self, views: Sequence[View]):
        self.size = len(views)
        self.words = {f: np.stack([view.words[f] for view in views]) for f in views[0].words}
        self.shown = np.concatenate([view.shown for view in views])
        names = views[0].numbers
        self.numbers = {name: np.array([view.numbers[name] for view in views]) for name in names}


def view(prove: Callable[[], bytes], trees: Sequence[str]) -> View:
    """What a proof shows; ``trees``: the commitments, in the order in which they are opened."""
    said: dict[str, bytes] = {}
    opened: list[np.ndarray] = []
    raw, open_columns = ProverChannel.raw, Committed.open

    def listen(self: ProverChannel, label: str, data: bytes) -> None:
        said[label] = said.get(label, b"") + data
        raw(self, label, data)

    def look(self: Committed, positions: Sequence[int]) -> bytes:
        data = open_columns(self, positions)
        count = len(set(positions))
        columns = np.frombuffer(data, "<u8", count * self.words)
        opened.append(columns.reshape(count, self.words))
        return data

    with patch.object(ProverChannel, "raw", listen), patch.object(Committed, "open", look):
        start = time.perf_counter()
        proof = prove()
        seconds = time.perf_counter() - start
    words = {}
    for family, labels in FAMILIES.items():
        data = b"".join(said.get(label, b"") for label in labels)
        words[family] = np.frombuffer(data, "<u8")
    numbers = {"time": seconds, "length": len(proof), "compressed": len(zlib.compress(proof, 9))}
    words = {family: found for family, found in words.items() if found.size}
    shown = list(words.values())
    for tree, columns in zip(trees, opened, strict=True):
        if tree.startswith("level"):
            columns = columns[:, :-SALT_WORDS]  # What is uniform needs no salts.
        words[f"columns of {tree}"] = columns[:COLUMNS].reshape(-1)
        numbers[f"columns of {tree}"] = len(columns)
        shown.append(columns.reshape(-1))
    return View(words, np.concatenate(shown), numbers)


# Provers.


def code() -> Any:
    """Small, with more mask cells than columns that are opened."""
    found = proving.parameters(10, [2], pads=400)
    assert found.mask_columns >= found.queries and found.pads_masks >= found.pads_queries
    return found


def levels(setting: Any) -> list[str]:
    return [f"level {number}" for number in range(len(setting.key.parameters.levels))]


def models() -> tuple[Callable[[], View], Callable[[], View]]:
    """Proofs of one statement under two models, their weights committed anew for each."""
    return tuple(_model(seed) for seed in (0, 1))  # type: ignore[return-value]


def _model(seed: int) -> Callable[[], View]:
    setting = proving.tiny_setting(code(), seed)
    circuit, p = setting.circuit, setting.key.parameters
    witness = setting.witness(STATEMENT)
    trees = ["weights", "witness", *levels(setting), "pads"]

    def prove() -> View:
        masks = WeightMasks.fresh(circuit, p)
        setting.prover.weights = CommittedWeights(circuit, p, setting.params, masks)
        return view(lambda: setting.prove(STATEMENT, witness), trees)

    return prove


def prompts() -> tuple[Callable[[], View], Callable[[], View]]:
    """Proofs of one model about two prompts and outputs, both private."""
    setting = proving.tiny_setting(code())
    return tuple(_prompt(setting, *said) for said in PROMPTS)  # type: ignore[return-value]


def _prompt(setting: Any, prompt: Sequence[int], output: Sequence[int]) -> Callable[[], View]:
    circuit, p = setting.circuit, setting.key.parameters
    trees = ["prompt", "output", "weights", "witness", *levels(setting), "pads"]

    def prove() -> View:
        masks = WeightMasks.fresh(circuit, p)
        setting.prover.weights = CommittedWeights(circuit, p, setting.params, masks)
        case = setting.private_case(("prompt", "output"), prompt, output, 4)
        return view(lambda: setting.prove_private(*case), trees)

    return prove


def draw(
    secrets: tuple[Callable[[], View], Callable[[], View]],
    count: int,
    report: Callable[[], None] = lambda: None,
) -> tuple[Sample, Sample]:
    """That many proofs of each, in random order, after one that is not counted."""
    for prove in secrets:
        prove()
    order = np.random.default_rng().permutation([0] * count + [1] * count)
    views: tuple[list[View], list[View]] = [], []
    for which in order:
        views[which].append(secrets[which]())
        report()
    return Sample(views[0]), Sample(views[1])


# Tests.


def normal(words: np.ndarray) -> np.ndarray:
    """Uniform words as standard normal numbers."""
    return stats.norm.ppf((words.astype(np.float64) + 0.5) / P)


def means(a: Sample, b: Sample) -> float:
    """The mean of each word's normal score."""
    found, compared = [], 0
    for family in a.words:
        x, y = (normal(s.words[family]).sum(axis=0) / np.sqrt(s.size) for s in (a, b))
        scores = np.concatenate([x, y, (x - y) / np.sqrt(2)])
        found.append(2 * stats.norm.sf(np.abs(scores).max()))
        compared += scores.size
    return _least(found, compared)


def chi_squared(a: Sample, b: Sample) -> float:
    """How often each word falls into each of `BINS` parts of F, and has each value of its lowest bits."""
    found, compared = [], 0
    for family in a.words:
        for part in (_highest, _lowest):
            x, y = (_counts(part(s.words[family])) for s in (a, b))
            expected = a.size / BINS, b.size / BINS
            ones = [((c - e) ** 2 / e).sum(axis=0) for c, e in zip((x, y), expected, strict=True)]
            both = ((x - y) ** 2 / np.maximum(x + y, 1)).sum(axis=0)
            scores = np.concatenate([*ones, both])
            found.append(stats.chi2.sf(scores.max(), BINS - 1))
            compared += scores.size
    return _least(found, compared)


def _highest(words: np.ndarray) -> np.ndarray:
    return (words.astype(np.float64) / P * BINS).astype(np.int64).clip(max=BINS - 1)


def _lowest(words: np.ndarray) -> np.ndarray:
    return (words % np.uint64(BINS)).astype(np.int64)


def _counts(parts: np.ndarray) -> np.ndarray:
    """(bins, words)"""
    return np.stack([(parts == i).sum(axis=0) for i in range(BINS)])


def correlations(a: Sample, b: Sample) -> float:
    """The correlation of the normal scores of each two words, of all families."""
    tables = [np.concatenate([normal(w) for w in s.words.values()], axis=1) for s in (a, b)]
    pairs = tables[0].shape[1] * (tables[0].shape[1] - 1) // 2
    scores, found = [], []
    for table in tables:
        table = table - table.mean(axis=0)
        table /= np.maximum(np.sqrt((table**2).sum(axis=0)), 1e-300)
        r = table.T @ table
        np.fill_diagonal(r, 0)
        n = len(table)
        largest = min(float(np.abs(r).max()), 1 - 1e-15)
        found.append(2 * stats.t.sf(largest * np.sqrt((n - 2) / (1 - largest**2)), n - 2))
        scores.append(np.arctanh(r.clip(-1 + 1e-15, 1 - 1e-15)) * np.sqrt(n - 3))
    difference = np.abs(scores[0] - scores[1]).max() / np.sqrt(2)
    return _least([*found, 2 * stats.norm.sf(difference)], 3 * pairs)


def repeated(a: Sample, b: Sample) -> float:
    """Whether a word occurs twice in the proofs of a secret."""
    found = []
    for sample in (a, b):
        n = sample.shown.size
        twice = n - np.unique(sample.shown).size
        found.append(stats.poisson.sf(twice - 1, n * n / 2 / P))
    return _least(found, 2)


def compressed(a: Sample, b: Sample) -> float:
    """The compressed length of a proof."""
    return _differ(a, b, ["compressed"])


def lengths(a: Sample, b: Sample) -> float:
    """The length of a proof, and the number of columns that it opens of each tree."""
    return _differ(a, b, [name for name in a.numbers if name == "length" or "columns" in name])


def times(a: Sample, b: Sample) -> float:
    """How long proving took."""
    return _differ(a, b, ["time"])


def _differ(a: Sample, b: Sample, names: Sequence[str]) -> float:
    """By the sum of ranks, and by the largest distance of the distributions."""
    found = []
    for name in names:
        x, y = a.numbers[name], b.numbers[name]
        if np.unique([*x, *y]).size > 1:
            found += [stats.mannwhitneyu(x, y)[1], stats.ks_2samp(x, y, method="asymp")[1]]
    return _least(found, len(found))


def _least(found: Sequence[Any], compared: int) -> float:
    return min([1.0, *(float(p) * compared for p in found)])


TESTS: Mapping[str, Callable[[Sample, Sample], float]] = {
    "means": means,
    "chi-squared": chi_squared,
    "correlations": correlations,
    "repeated words": repeated,
    "lengths": lengths,
    "compressed size": compressed,
    "time": times,
}


def holm(found: Mapping[Any, float]) -> dict[Any, float]:
    """p-values corrected for their number, by Holm's method."""
    out, largest = {}, 0.0
    for number, (name, p) in enumerate(sorted(found.items(), key=lambda item: item[1])):
        largest = max(largest, min(1.0, p * (len(found) - number)))
        out[name] = largest
    return out


# Leaks: the prover of the second model makes a mistake.


@dataclass(frozen=True)
class Leak:
    """A mistake in a prover, as something that is done around each proof, and the test that must find it."""

    name: str
    test: str
    around: Callable[[Callable[[], View]], View]


def _drawing(change: Callable[[tuple[int, ...], np.ndarray], None]) -> Callable[..., View]:
    """``change`` sees what the prover draws, by its shape, before it is used."""

    @contextmanager
    def changed() -> Iterator[None]:
        elements = Randomness.elements

        def draw(self: Randomness, *shape: int) -> np.ndarray:
            out = elements(self, *shape)
            change(shape, out)
            return out

        with patch.object(Randomness, "elements", draw):
            yield

    def around(prove: Callable[[], View]) -> View:
        with changed():
            return prove()

    return around


def leaks(strong: bool = False) -> list[Leak]:
    """One for each test and more; the values that pads mask in them are zero in any proof. The ``strong`` ones need
    fewer proofs to be found."""
    p = code()
    plan = Plan(proving.tiny_circuit(), p, STATEMENT.shape)
    layers = range(plan.group_bits, plan.group_bits + plan.lookup_depth)
    einsums = plan.circuit.einsums
    total = 2 + sum(3 * k + 7 for k in layers) + len(einsums) + len(plan.instances)
    pads, rows = (2, cells(plan)), plan.rows
    kept: dict[tuple[int, ...], np.ndarray] = {}
    part = 16 if strong else 2

    def pad(change: Callable[[np.ndarray], None]) -> Callable[..., View]:
        # The vector of pads is drawn before the other one of that shape; changing both is one mistake too.
        return _drawing(lambda shape, out: change(out) if shape == pads else None)

    def lower(out: np.ndarray) -> None:
        out[:, 0] //= np.uint64(part)

    def squeeze(out: np.ndarray) -> None:
        out[:, 0] = out[:, 0] // np.uint64(part) + np.uint64(P // 2 - P // (2 * part))

    def share(out: np.ndarray) -> None:
        out[:, total] = out[:, 0]

    def zero(wanted: tuple[int, ...]) -> Callable[..., View]:
        return _drawing(lambda shape, out: out.fill(0) if shape == wanted else None)

    def keep(wanted: tuple[int, ...]) -> Callable[..., View]:
        def change(shape: tuple[int, ...], out: np.ndarray) -> None:
            if shape == wanted:
                out[:] = kept.setdefault(shape, out.copy())

        return _drawing(change)

    def shorter(prove: Callable[[], View]) -> View:
        return min((prove() for _ in range(4)), key=lambda found: found.numbers["length"])

    def longer(prove: Callable[[], View]) -> View:
        return _changed(prove(), "length", lambda length: length + 4096)

    def slower(prove: Callable[[], View]) -> View:
        return _changed(prove(), "time", lambda s: s + 60 if strong else s * 1.5)

    return [
        Leak(f"a pad below p/{part}", "means", pad(lower)),
        Leak(f"a pad within p/{2 * part} of p/2", "chi-squared", pad(squeeze)),
        Leak("one pad for two messages", "correlations", pad(share)),
        Leak("witness without masks", "repeated words", zero((rows[-1], p.mask_columns))),
        Leak("weights without masks", "repeated words", zero((rows[0], p.mask_columns))),
        Leak("the uniform row kept", "repeated words", keep((2, 1 << p.log_columns))),
        Leak("pads kept", "repeated words", keep(pads)),
        Leak("leaves without salts", "compressed size", zero((SALT_WORDS, 1 << p.log_code))),
        Leak("4 KiB more", "lengths", longer)
        if strong
        else Leak("the shortest of four proofs", "lengths", shorter),
        Leak("a minute slower" if strong else "1.5 times slower", "time", slower),
    ]


def _changed(view: View, name: str, change: Callable[[float], float]) -> View:
    return replace(view, numbers=view.numbers | {name: change(view.numbers[name])})


def leaking(leak: Leak) -> tuple[Callable[[], View], Callable[[], View]]:
    """Two models, the prover of the second one with the leak."""
    honest, prove = models()
    return honest, lambda: leak.around(prove)
