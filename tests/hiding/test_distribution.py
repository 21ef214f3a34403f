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
from zklemma.runtime.protocol.commitment import codeword
from zklemma.runtime.protocol.commitment.codeword import Codeword
from zklemma.runtime.protocol.commitment.merkle import SALT_WORDS
from zklemma.runtime.protocol.disclosure.prover import Sealed
from zklemma.runtime.protocol.disclosure.verifier import MASKS, Code
from zklemma.runtime.protocol.pads import prover as pads_prover
from zklemma.runtime.protocol.pads.verifier import cells
from zklemma.runtime.protocol.plan import Plan
from zklemma.runtime.protocol.prover_channel import ProverChannel
from zklemma.runtime.protocol.statement import Statement
from zklemma.runtime.randomness import Randomness
from zklemma.runtime.verifying.verifier import subject_of

STATEMENT = Statement(3, 2, (1, 2, 3, 4, 5), True)
BOTH = ("prompt", "output")


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


@pytest.mark.parametrize("count", [1, 2, 17, 300, 4097])
def test_masks_and_opened_columns_of_a_digest_are_one_to_one(hidden: Any, count: int) -> None:
    """The dimension depends on the shape: whatever that is, more masks than positions."""
    code = Code.of(count, hidden.key.parameters)
    assert code.queries <= MASKS and code.rate <= 1 / 16
    if count > 300:
        return  # The longest only has a longer code.
    matrix = shown(range(count, code.dimension), code.dimension, code.log_code)
    assert len(matrix) == MASKS
    for positions in position_sets(code.queries, 1 << code.log_code)[::4]:
        assert rank(matrix[:, positions].T) == code.queries


def test_what_a_digest_shows_looks_uniform(hidden: Any) -> None:
    """Words of Q* and of opened columns, of the emptiest prompt and another, against fair draws."""
    code, eta = Code.of(9, hidden.key.parameters), np.array([[3], [1]], np.uint64)
    for tokens in ([1] + [0] * 8, [8, 7, 3, 9, 2, 6, 5, 4, 1]):
        words = []
        for _ in range(20):
            sealed = Sealed(tokens, hidden.key.parameters, Randomness(True))
            own, other = sealed.rows[0], sealed.rows[1:]
            words.append(field.kadd(other, field.kmul_base(eta, own)).reshape(-1))
            words.append(sealed.code.matrix[:, : code.queries].reshape(-1))
        flat = np.concatenate(words)
        assert flat.all() and len(np.unique(flat)) == flat.size
        for shift in (0, 30, 59):
            found = np.bincount((flat >> np.uint64(shift)).astype(np.int64) & 31, minlength=32)
            # Chi-squared with 31 degrees of freedom: less than one in 10^9 is above.
            expected = flat.size / 32
            assert ((found - expected) ** 2 / expected).sum() < 110


# What the prover does with its randomness, listened to.


class Heard:
    """One hiding proof: what was said, masked or not, and the secret randomness behind it. ``items`` are
    kept private."""

    pads: Any

    def __init__(self, setting: Any, items: tuple[str, ...] = ()):
        case = setting.private_case(items, (1, 5, 2), (4, 3), 4)
        self.sealed: dict[str, Any] = case[2]
        self.plan: Plan = subject_of(setting.key, case[0] if items else STATEMENT).plan
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
            self.proof = setting.prove_private(*case) if items else setting.prove(STATEMENT)

    def star(self, what: str) -> np.ndarray:
        """Q* of a digest."""
        return np.array([(x.a, x.b) for x in self.clear[f"{what} masked"]], np.uint64).T


def elements(array: np.ndarray) -> list[Ext]:
    return [Ext(int(a), int(b)) for a, b in array.T]


@pytest.mark.parametrize("items", [(), ("prompt",), ("output",), BOTH])
def test_each_message_has_a_pad_of_its_own(hidden: Any, items: tuple[str, ...]) -> None:
    """The matrix from pads to messages is minus the identity: sent = true - pad, the pads in order, each
    once, all but those that are products of others and those that are never used."""
    heard = Heard(hidden, items)
    plan = heard.plan
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


def test_only_what_is_uniform_is_said_of_digests(hidden: Any) -> None:
    """Q* = Q' + eta Q, with one eta for all its cells; Q' has no cell that is not drawn."""
    heard = Heard(hidden, BOTH)
    assert set(heard.clear) - set(Heard(hidden).clear) == {"prompt masked", "output masked"}
    for what, sealed in heard.sealed.items():
        cells = Code.of(heard.star(what).shape[1] - MASKS, hidden.key.parameters).cells
        own, other = sealed.rows[0], sealed.rows[1:]
        drawn = np.concatenate([own[cells:], other.reshape(-1)])
        assert drawn.all() and len(np.unique(drawn)) == drawn.size
        shift = elements(field.ksub(heard.star(what), other))
        eta = shift[0] / Ext(int(own[0]))
        assert shift == [eta * int(cell) for cell in own]


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
    assert witness.shape[1:] == (plan.rows[-1] + 2, 1 << code.log_columns)
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


@pytest.mark.parametrize(
    "left_out", ["", "the pad of y", "the pad of tau", "Q'", "the end of Q'", "the mask"]
)
def test_the_whole_view_of_a_digest(left_out: str) -> None:
    """A cell of a private prompt and a mask, Q' beside them: y and tau as they are sent, Q* and the
    columns of both at one position, jointly, for every mask, Q' and pad.

    With everything in its place it is the simulator's: all uniform, but Q' in its column, which follows."""
    p, position, eta, weight = 7, 3, 2, 5
    drawn = np.array(list(product(range(p), repeat=5))).T
    rows = {"the mask": [0], "Q'": [1, 2], "the end of Q'": [2]}
    rows |= {"the pad of y": [3], "the pad of tau": [4], "": []}
    drawn[rows[left_out]] = 0
    mask, first, second, *pads = drawn
    views = []
    for cell in (0, 1, 6):
        y, tau = weight * cell, weight * first
        star = np.stack([first + eta * cell, second + eta * mask])
        opened = np.stack([cell + position * mask, first + position * second])
        sent = np.stack([y - pads[0], tau - pads[1]])
        views.append(Counter(map(tuple, (np.concatenate([sent, star, opened]) % p).T.tolist())))
    assert (views[0] == views[1] == views[2]) == (not left_out)
    if not left_out:
        simulated = Counter(
            (*sent, a, b, own, (a + position * b - eta * own) % p)
            for *sent, a, b, own in product(range(p), repeat=5)
        )
        assert views[0] == simulated


@pytest.mark.parametrize("kept", ["", "Q'", "Q"])
def test_two_proofs_about_one_prompt(kept: str) -> None:
    """Each has masks and Q' of its own: with the same Q' twice, or the same masks opened at two positions,
    the cell shows."""
    p, views = 5, []
    drawn = np.array(list(product(range(p), repeat=6))).T
    masks, others = [drawn[0], drawn[1]], [drawn[2:4], drawn[4:6]]
    if kept == "Q'":
        others[1] = others[0]
    if kept == "Q":
        masks[1] = masks[0]
    for cell in (0, 1, 4):
        view = []
        for proof, (eta, position) in enumerate(((1, 2), (3, 4))):
            (a, b), mask = others[proof], masks[proof]
            view += [a + eta * cell, b + eta * mask, cell + position * mask, a + position * b]
        views.append(Counter(map(tuple, (np.stack(view) % p).T.tolist())))
    assert (views[0] == views[1] == views[2]) == (not kept)


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
