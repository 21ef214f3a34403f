"""Each kind of index against its definition, as a matrix written down from it."""

import numpy as np
import pytest
from zklemma.dialects.table_expr import evaluate_grid
from zklemma.errors import expect
from zklemma.runtime.circuit.extents import Axis, CircuitError
from zklemma.runtime.circuit.generation import GENERATED, TOKENS, Generation, Tokens
from zklemma.runtime.circuit.index_maps import MAPS, Index, IndexKind, composed

SHAPE = Generation(3, 2)
IDS = [4, 1, 0, 5, 1]
KNOWN = Tokens(IDS, SHAPE)
ROWS = SHAPE.rows
NUMBERS = {"pick": (2, 0, 2), "stride": (2, -1), "position": (2,), "generating": (2,)}
# kind: (entries, values of i, which entries i reads, with which sign, the sizes of target and source)
SIZES = {
    "same": (5, 5, lambda i: [i], 5, 5),
    "before": (5, 5, range, 5, 5),
    "rotate": (6, 6, lambda i: [i + 3 if i < 3 else i - 3], 6, 6),
    "window": (ROWS, 2, lambda i: [i + 2], GENERATED, TOKENS),
    "token": (6, ROWS, lambda i: [IDS[i]], TOKENS, 6),
    "previous": (6, 2, lambda i: [IDS[i + 2]], GENERATED, 6),
    "next": (6, 2, lambda i: [IDS[i + 3]], GENERATED, 6),
    "pick": (4, 3, lambda i: [NUMBERS["pick"][i]], 3, 4),
    "stride": (5, 4, lambda i: [2 * i - 1] if 0 <= 2 * i - 1 < 5 else [], 4, 5),
    "position": (ROWS + 3, ROWS, lambda i: [i + 2], TOKENS, ROWS + 3),
    "generating": (ROWS + 3, 2, lambda i: [i + 4], GENERATED, ROWS + 3),
}


def matrix(kind: str) -> np.ndarray:
    """M with out = M @ column."""
    entries, count, reads, *_ = SIZES[kind]
    found = np.zeros((count, entries), np.int64)
    for i in range(count):
        found[i, list(reads(i))] = -1 if kind == "rotate" and i < 3 else 1
    return found


def index_of(kind) -> Index:
    return Index(kind, "axis", NUMBERS.get(kind, ()))


@pytest.mark.parametrize("kind", SIZES)
def test_arrays_are_read_by_definition(kind):
    rng = np.random.default_rng(3)
    wanted = matrix(kind)
    array = rng.integers(-9, 9, (3, wanted.shape[1], 2))
    for start in range(len(wanted)):
        for stop in range(start + 1, len(wanted) + 1):
            span = range(start, stop)
            found = MAPS[kind].read(array, 1, index_of(kind), span, KNOWN, np.dtype(np.int64))
            assert (found == np.einsum("ij,ajb->aib", wanted[start:stop], array)).all()


def test_a_sum_reads_everything():
    array = np.arange(24).reshape(2, 3, 4)
    found = MAPS["sum"].read(array, 1, Index("sum"), range(1), KNOWN, np.dtype(np.int64))
    assert (found == array.sum(1, keepdims=True)).all()
    assert MAPS["sum"].transpose_pairs(Index("sum"), (), 1, 5) == [(1, ((1, 1),) * 3)]


def test_one_entry_is_read_along_no_axis():
    index, array = Index("at", "", (2,)), np.arange(24).reshape(2, 4, 3)
    found = MAPS["at"].read(array, 1, index, range(1), KNOWN, np.dtype(np.int64))
    assert (found == array[:, 2:3]).all()
    assert MAPS["at"].transpose(index, [7], 4, KNOWN) == {2: 7}
    assert MAPS["at"].fits(index, 1, 3, {}, {}) and not MAPS["at"].fits(index, 1, 2, {}, {})


@pytest.mark.parametrize("kind", SIZES)
def test_the_transpose_is_that_of_the_matrix(kind):
    wanted = matrix(kind)
    weights = np.random.default_rng(4).integers(-9, 9, len(wanted)).tolist()
    found = MAPS[kind].transpose(index_of(kind), weights, wanted.shape[1], KNOWN)
    assert [*found] == sorted(found)
    assert (weights @ wanted).tolist() == [found.get(j, 0) for j in range(wanted.shape[1])]


@pytest.mark.parametrize("kind", ["same", "rotate"])
def test_the_transpose_of_a_product_over_bits(kind):
    pairs = ((2, 3), (5, 7), (11, 13))
    dense = [a * b * c for a in pairs[0] for b in pairs[1] for c in pairs[2]]
    found = MAPS[kind].transpose_pairs(Index(kind, "axis"), pairs, 8, 8)
    wanted = MAPS[kind].transpose(Index(kind, "axis"), dense, 8, KNOWN)
    assert found and len(found) == 1 and summed(found, 3) == wanted


def summed(terms, bits: int) -> dict[int, int]:
    """The sum of products over bits, without zeros."""
    total = np.zeros(1 << bits, object)
    for factor, pairs in terms:
        assert len(pairs) == bits
        values = [factor]
        for pair in pairs:
            values = [value * each for value in values for each in pair]
        total += np.array(values, object)
    return {j: value for j, value in enumerate(total) if value}


@pytest.mark.parametrize("step", [1, 2, 4])
@pytest.mark.parametrize("size", [2, 3, 5, 8, 14, 32])
def test_a_stride_from_its_first_entries_is_a_product(step, size):
    """Where no index beyond the last reads an entry."""
    random, kind = np.random.default_rng(size), MAPS["stride"]
    for target in (1, 2, 3, 5, 8, 28):
        bits = (target - 1).bit_length()
        pairs = tuple((int(a), int(b)) for a, b in random.integers(1, 50, (bits, 2)))
        weights = list(summed([(1, pairs)], bits).values())[:target]
        for start in range(step * (1 - target), size):
            index = Index("stride", "axis", (step, start))
            found = kind.transpose_pairs(index, pairs, target, size)
            fits = target == 1 << bits or step * target + start >= size
            few = step > 2 * (size - 1)
            assert (found is None) == (few or not (0 <= start < step and fits))
            if found is not None:
                values = summed(found, (size - 1).bit_length())
                wanted = kind.transpose(index, weights, size, KNOWN)
                assert {j: value for j, value in values.items() if j < size} == wanted
                assert len(found) == 1


def test_a_stride_of_another_step_is_no_product():
    index = Index("stride", "axis", (3, 0))
    assert MAPS["stride"].transpose_pairs(index, ((1, 2),), 2, 6) is None


def test_a_rotation_of_another_size_is_no_product():
    pairs = ((2, 3), (5, 7), (11, 13))
    assert MAPS["rotate"].transpose_pairs(Index("rotate", "axis"), pairs, 6, 6) is None


@pytest.mark.parametrize("kind", SIZES)
@pytest.mark.parametrize(("low", "high"), [(-3, 5), (2, 5), (-4, -1)])
def test_intervals_are_reached(kind, low, high):
    """By the extreme entries; a sum may be one of no entries, and smaller axes count as well."""
    wanted = matrix(kind)
    least = np.minimum(wanted * low, wanted * high).sum(1).min()
    most = np.maximum(wanted * low, wanted * high).sum(1).max()
    assert MAPS[kind].interval(low, high, wanted.shape[1]) == (least, most)


def test_intervals_of_sums():
    assert MAPS["sum"].interval(-3, 5, 4) == (-12, 20)
    assert MAPS["sum"].interval(2, 5, 4) == (2, 20)


@pytest.mark.parametrize("kind", SIZES)
def test_what_an_index_fits(kind):
    *_, target, size = SIZES[kind]
    index = index_of(kind)
    axes = {"vocabulary": Axis("vocabulary", size if isinstance(size, int) else 9)}
    extents = {TOKENS: ROWS, GENERATED: 2}
    assert MAPS[kind].fits(index, target, size, axes, extents)
    # A stride reads zeros beside an axis.
    assert MAPS[kind].fits(index, 7, size, axes, extents) == (kind == "stride")
    assert MAPS[kind].fits(index, target, 2, axes, extents) == (kind == "stride")


@pytest.mark.parametrize("numbers", [(0, 1), (-1, 1), (1, 5), (1, -5), (2, -9)])
def test_strides_move_on_from_near_the_axis(numbers):
    assert not MAPS["stride"].fits(Index("stride", "axis", numbers), 5, 5, {}, {})


@pytest.mark.parametrize("kind", ["position", "generating"])
def test_a_row_for_each_position(kind):
    """A table that ends before the longest text, an offset that is none, or several."""
    *_, target, size = SIZES[kind]
    extents = {TOKENS: ROWS, GENERATED: 2}
    for table, rows, fits in (
        ((3,), size, True),
        ((4,), size, False),
        ((2,), ROWS + 1, False),
        ((-1,), size, False),
        ((), size, False),
        ((1, 1), size, False),
    ):
        assert MAPS[kind].fits(Index(kind, "axis", table), target, rows, {}, extents) == fits


def test_picks_are_entries_one_by_one():
    kinds: set[IndexKind] = {"sum", "at", "before", "rotate", "stride"}
    assert {kind for kind, found in MAPS.items() if not found.picks} == kinds
    for kind in kinds:
        with pytest.raises(CircuitError, match="no single source"):
            MAPS[kind].sources(Index(kind, "axis"), range(2), KNOWN)


@pytest.mark.parametrize(("inner", "outer", "found"), [
    ("same", "before", "before"),
    ("pick", "same", "pick"),
    ("same", "stride", "stride"),
    ("stride", "stride", None),
    ("token", "window", "previous"),
    ("position", "window", "generating"),
    ("token", "pick", None),
])  # fmt: skip
def test_reading_what_is_read(inner, outer, found):
    index = composed(index_of(inner), index_of(outer))
    assert (index and index.kind) == found


def test_a_position_is_the_one_where_the_window_reads():
    assert (matrix("window") @ matrix("position") == matrix("generating")).all()


def test_the_previous_token_is_the_token_where_the_window_reads():
    assert (matrix("window") @ matrix("token") == matrix("previous")).all()


@pytest.mark.parametrize("kind", ["before", "rotate", "stride"])
def test_ones_that_do_not_stay_ones(kind):
    index = index_of(kind)
    _, text = expect(MAPS[kind].ones(index, 6, 6), tuple)
    read = MAPS[kind].read(np.ones(6, int), 0, index, range(6), KNOWN, np.dtype(int))
    assert (evaluate_grid(text, {"axis": np.arange(6)}) == read).all()


def test_ones_that_stay_ones():
    assert MAPS["stride"].ones(Index("stride", "axis", (2, 0)), 3, 6) is None
    assert MAPS["same"].ones(Index("same", "axis"), 6, 6) is None
