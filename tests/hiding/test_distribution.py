"""What a proof shows is distributed as the simulator draws it.

Over the real field, with the real code: the linear maps from masks to what is shown are bijections, so uniform
masks give uniform columns and messages, whatever they hide. Over a field small enough to try all
randomness: the same formulas give exactly the same view for every secret, and no longer do when any one
of the masks is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from zklemma.runtime import field
from zklemma.runtime.field import Ext
from zklemma.runtime.protocol import codeword, pads_prover
from zklemma.runtime.protocol.codeword import Codeword
from zklemma.runtime.protocol.merkle import SALT_WORDS
from zklemma.runtime.protocol.pads_verifier import cells
from zklemma.runtime.protocol.plan import Plan
from zklemma.runtime.protocol.prover_channel import ProverChannel
from zklemma.runtime.protocol.statement import Statement

STATEMENT = Statement(3, 2, (1, 2, 3, 4, 5), True)


def rank(matrix: np.ndarray) -> int:
    """Over F, by elimination."""
    rows, found = matrix.copy(), 0
    for column in range(rows.shape[1]):
        pivots = np.flatnonzero(rows[found:, column])
        if not pivots.size:
            continue
        at = found + int(pivots[0])
        rows[[found, at]] = rows[[at, found]]
        rows[found] = field.mul(rows[found], field.batch_inverse(rows[found, column : column + 1]))
        below = rows[found + 1 :]
        below[:] = field.sub(below, field.mul(below[:, column : column + 1], rows[found][None]))
        found += 1
        if found == len(rows):
            break
    return found


def shown(masks: range, dimension: int, log_code: int) -> np.ndarray:
    """What each mask cell adds to each position of a codeword: (masks, positions), by the real encoder."""
    messages = np.zeros((len(masks), dimension), np.uint64)
    messages[np.arange(len(masks)), masks] = 1
    salts = np.zeros((SALT_WORDS, 1 << log_code), np.uint64)
    return Codeword(messages, log_code, salts).matrix[:-SALT_WORDS]


def position_sets(count: int, length: int) -> list[list[int]]:
    """Random ones, and those where the points have most structure: neighbours, cosets of subgroups, opposite
    points, powers of two."""
    random = np.random.default_rng(count)
    sets = [sorted(random.choice(length, count, replace=False).tolist()) for _ in range(6)]
    sets += [list(range(count)), list(range(length - count, length))]
    sets += [[i * (length // count) for i in range(count)]]
    sets += [[i * (length // count) + 3 for i in range(count)]]
    half = count // 2
    sets += [[*range(half), *range(length // 2, length // 2 + count - half)]]
    powers = [1 << k for k in range(length.bit_length() - 1)]
    sets += [sorted({*powers, *range(length - count, length)})[-count:]]
    return sets


@pytest.mark.parametrize(("log_columns", "log_code"), [(4, 6), (6, 8), (8, 10)])
def test_masks_and_opened_columns_of_a_row_are_one_to_one(log_columns: int, log_code: int) -> None:
    """As many positions as mask cells: their values are uniform whatever the data are. One position more
    depends on the data."""
    proving = import_module("proving")
    code = proving.parameters(log_columns, [1])
    masks = range(code.data_columns, 1 << log_columns)
    assert len(masks) == code.mask_columns
    matrix = shown(masks, 1 << log_columns, log_code)
    for positions in position_sets(len(masks), 1 << log_code):
        assert len(set(positions)) == len(masks)
        assert rank(matrix[:, positions].T) == len(masks)
        for fewer in (1, len(masks) // 2):
            assert rank(matrix[:, positions[:fewer]].T) == fewer
    everything = shown(range(1 << log_columns), 1 << log_columns, log_code)
    more = [*range(len(masks) + 1)]
    assert rank(matrix[:, more].T) == len(masks) < rank(everything[:, more].T)


def test_masks_and_opened_columns_of_the_pads_are_one_to_one(hidden: Any) -> None:
    """The dimension of the pads' code is no power of two."""
    plan, code = Plan(hidden.circuit, hidden.key.parameters, STATEMENT.shape), hidden.key.parameters
    matrix = shown(range(plan.pads + 1, cells(plan)), cells(plan), code.pads_log_code)
    assert len(matrix) == code.pads_masks >= code.pads_queries
    for positions in position_sets(code.pads_queries, 1 << code.pads_log_code)[::3]:
        assert rank(matrix[:, positions].T) == code.pads_queries


# What the prover does with its randomness, listened to.


class Heard:
    """One hiding proof: what was said, masked or not, and the secret randomness behind it."""

    pads: Any

    def __init__(self, setting: Any, statement: Statement = STATEMENT):
        self.true: list[Ext] = []
        self.sent: list[Ext] = []
        self.clear: dict[str, list[Ext]] = {}
        self.committed: list[np.ndarray] = []
        heard, masked, clear = self, ProverChannel.masked, ProverChannel.clear
        init, pads_init = Codeword.__init__, pads_prover.Pads.__init__
        inside = False

        def listen(self: ProverChannel, label: str, values: Sequence[Ext]) -> None:
            nonlocal inside
            heard.true += values
            inside = True
            masked(self, label, values)
            inside = False

        def listen_clear(self: ProverChannel, label: str, values: Sequence[Ext]) -> None:
            values = list(values)
            if inside:
                heard.sent += values
            else:
                heard.clear.setdefault(label, []).extend(values)
            clear(self, label, values)

        def keep(self: Codeword, messages: np.ndarray, log_code: int, salts: np.ndarray) -> None:
            heard.committed.append(messages.copy())
            init(self, messages, log_code, salts)

        def keep_pads(self: Any, *arguments: Any) -> None:
            pads_init(self, *arguments)
            heard.pads = self

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ProverChannel, "masked", listen)
            patch.setattr(ProverChannel, "clear", listen_clear)
            patch.setattr(codeword.Codeword, "__init__", keep)
            patch.setattr(pads_prover.Pads, "__init__", keep_pads)
            self.proof = setting.prove(statement)


def elements(array: np.ndarray) -> list[Ext]:
    return [Ext(int(a), int(b)) for a, b in array.T]


def test_each_message_has_a_pad_of_its_own(hidden: Any) -> None:
    """The matrix from pads to messages is minus the identity: sent = true - pad, the pads in order, each
    once, all but those that are products of others and those that are never used."""
    heard = Heard(hidden)
    plan = Plan(hidden.circuit, hidden.key.parameters, STATEMENT.shape)
    pads = elements(heard.pads.pads)
    products = {z for _, _, z in plan.triples}
    own = [pad for i, pad in enumerate(pads[: plan.pads]) if i not in products]
    assert [t - s for t, s in zip(heard.true, heard.sent, strict=True)] == own
    assert len(products) == len(plan.triples)
    for x, y, z in plan.triples:
        assert pads[z] == pads[x] * pads[y] and not {x, y} & products
    assert len(set(pads)) == len(pads)


def test_only_what_is_uniform_is_said_in_clear(hidden: Any) -> None:
    """Every element that depends on the witness goes through `masked`, but these: y' and what opens f',
    which is uniform, and what opens the pads."""
    assert set(Heard(hidden).clear) == {
        "opened value", "fold round", "final", "final round", "pad sums", "pads",
    }  # fmt: skip


def test_the_row_beside_the_witness_is_full(hidden: Any) -> None:
    """R has no cell that is not drawn, in either coordinate, so f' = R + eta f is uniform; so are the
    masks of the witness, row by row, and P'."""
    code = hidden.key.parameters
    first, second = Heard(hidden), Heard(hidden)
    for one, two in zip(first.committed, second.committed, strict=True):
        assert one.shape == two.shape
    witness, pads = (np.stack([heard.committed[i] for heard in (first, second)]) for i in (0, 1))
    uniform = witness[:, -2:]
    masks = witness[:, :-2, code.data_columns :]
    other = pads[:, 2:]
    for drawn in (uniform, masks, other):
        assert drawn.all() and len(np.unique(drawn)) == drawn.size
    plan = Plan(hidden.circuit, code, STATEMENT.shape)
    assert witness.shape[1:] == ((plan.witness_slabs << code.row_bits) + 2, 1 << code.log_columns)
    assert pads.shape[1:] == (4, cells(plan))


# The same formulas where all randomness can be tried.

SMALL = 17
POINTS = [3 * pow(9, j, SMALL) % SMALL for j in range(8)]


def encode(message: Sequence[int], points: Sequence[int], p: int) -> tuple[int, ...]:
    return tuple(sum(c * pow(x, k, p) for k, c in enumerate(message)) % p for x in points)


@pytest.mark.parametrize("data", [(0, 0), (1, 0), (5, 16)])
def test_opened_columns_are_uniform_over_all_masks(data: tuple[int, int]) -> None:
    """Two data cells, two masks, eight positions: any one or two of them, but not any three."""
    assert sorted(pow(x * pow(3, -1, SMALL), 8, SMALL) for x in POINTS) == [1] * 8
    everything = list(product(range(SMALL), repeat=2))
    for positions in combinations(POINTS, 2):
        views = Counter(encode((*data, *masks), positions, SMALL) for masks in everything)
        assert len(views) == SMALL**2 and set(views.values()) == {1}
    views = Counter(encode((*data, *masks), POINTS[:3], SMALL) for masks in everything)
    assert len(views) < SMALL**3


@pytest.mark.parametrize("left_out", ["", "the mask", "the end of R", "R"])
def test_the_whole_view_of_an_opening(left_out: str) -> None:
    """A row of a data cell and a mask, R beside it: the columns of both at one position and f', jointly.

    With everything in its place it is the simulator's: column and f' uniform, R's column what they say."""
    position, p = POINTS[1], SMALL
    for eta in (1, 6):
        views = []
        for data in (0, 1, 11):
            view: Counter[tuple[int, ...]] = Counter()
            for mask, r0, r1 in product(range(p), repeat=3):
                row = (data, 0 if left_out == "the mask" else mask)
                uniform = (r0, 0 if left_out == "the end of R" else r1)
                uniform = (0, 0) if left_out == "R" else uniform
                folded = tuple((r + eta * f) % p for r, f in zip(uniform, row, strict=True))
                opened = (*encode(row, [position], p), *encode(uniform, [position], p))
                view[(*opened, *folded)] += 1
            views.append(view)
        same = views[0] == views[1] == views[2]
        assert same == (not left_out)
        if same:
            simulated = Counter(
                (a, (encode(f, [position], p)[0] - eta * a) % p, *f)
                for a, *f in product(range(p), repeat=3)
            )
            assert views[0] == simulated


@pytest.mark.parametrize("left_out", ["", "the first pad", "P'", "the spare cell", "the mask"])
def test_the_whole_view_of_a_product(left_out: str) -> None:
    """Two hidden values with a public product, over F_3: the masked messages, tau, U, V, P* and the
    pads' column at one position, jointly, for every pad, spare cell, mask and P'."""
    p, position, eta, psi = 3, 2, 1, 2
    random = np.array(list(product(range(p), repeat=9)))
    x, y, spare, mask = random[:, :4].T
    other = random[:, 4:].T
    if left_out == "the first pad":
        x = 0 * x
    if left_out == "P'":
        other = 0 * other
    if left_out == "the spare cell":
        spare, other[3] = 0 * spare, 0
    if left_out == "the mask":
        mask = 0 * mask
    pads = np.stack([x, y, x * y % p, spare, mask])
    powers = np.array([position**k % p for k in range(5)])
    views = []
    for first, second in ((1, 1), (2, 2)):
        sent = np.stack([first - x, second - y]) % p
        # (sent0 + x)(sent1 + y) = 1: sent1 x + sent0 y + z = 1 - sent0 sent1.
        form = np.stack([sent[1], sent[0], np.ones_like(x)])
        tau = (form * other[:3]).sum(0) % p
        u = (psi * other[0] * other[1] + other[3]) % p
        v = (psi * (other[0] * pads[1] + pads[0] * other[1] - other[2]) + pads[3]) % p
        star = (other + eta * pads) % p
        opened = np.stack([powers @ pads, powers @ other]) % p
        view = np.concatenate([sent, np.stack([tau, u, v]), star, opened])
        views.append(Counter(map(tuple, view.T.tolist())))
        # The verifier's equations hold throughout.
        assert ((form * star[:3]).sum(0) % p == (tau + eta * (1 - sent[0] * sent[1])) % p).all()
        total = psi * (star[0] * star[1] - eta * star[2]) + star[3]
        assert (total % p == (u + eta * v) % p).all()
    assert (views[0] == views[1]) == (not left_out)
