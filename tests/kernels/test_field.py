"""runtime/field.py against Python integers and galois."""

from __future__ import annotations

import galois
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zklemma.runtime import field
from zklemma.runtime.field import Ext, P

EDGES = [0, 1, 2, 7, 2**31, 2**32 - 2, 2**32 - 1, 2**32, 2**32 + 1, 2**33, 2**63, P - 2**32, P - 2]
EDGES += [P - 1, (P - 1) // 2, 2**63 - 1, 0xFFFFFFFE00000000, 0xFFFFFFFEFFFFFFFF]
element = st.one_of(st.sampled_from(EDGES), st.integers(0, P - 1))
ext = st.builds(Ext, element, element)


def u64(values: list[int]) -> np.ndarray:
    return np.array(values, np.uint64)


def grid() -> tuple[np.ndarray, np.ndarray]:
    a, b = np.meshgrid(u64(EDGES), u64(EDGES))
    return a.ravel(), b.ravel()


def test_operations_on_all_pairs_of_edges() -> None:
    a, b = grid()
    for fn, ref in (
        (field.add, lambda x, y: x + y),
        (field.sub, lambda x, y: x - y),
        (field.mul, lambda x, y: x * y),
    ):
        expected = [ref(int(x), int(y)) % P for x, y in zip(a, b, strict=True)]
        assert fn(a, b).tolist() == expected
    assert field.neg(a).tolist() == [-int(x) % P for x in a]


@given(st.lists(element, min_size=1, max_size=20), element, st.integers(-5, 70))
def test_scalars_and_powers(xs: list[int], y: int, e: int) -> None:
    assert field.mul(u64(xs), np.uint64(y)).tolist() == [x * y % P for x in xs]
    assert int(field.mul(xs[0], y)) == xs[0] * y % P
    nonzero = [x or 3 for x in xs]
    assert field.power(u64(nonzero), e).tolist() == [pow(x, e, P) for x in nonzero]
    assert field.batch_inverse(u64(nonzero)).tolist() == [pow(x, -1, P) for x in nonzero]


@pytest.mark.parametrize(("m", "k", "n"), [(1, 0, 2), (1, 1, 1), (3, 5, 2), (2, 1 << 19, 1)])
def test_matrices_and_totals(m: int, k: int, n: int) -> None:
    rng = np.random.default_rng(k)
    a, b = rng.integers(0, P, (m, k), np.uint64), rng.integers(0, P, (k, n), np.uint64)
    a[0], b[:, 0] = P - 1, P - 1
    found = field.matmul(a, b)
    for i in range(m):
        assert int(field.total(a)[i]) == sum(a[i].tolist()) % P
        for j in range(n):
            products = (x * y for x, y in zip(a[i].tolist(), b[:, j].tolist(), strict=True))
            assert int(found[i, j]) == sum(products) % P


def test_to_field() -> None:
    for dtype in (np.int8, np.int16, np.int32, np.int64):
        info = np.iinfo(dtype)
        values = np.array([info.min, -1, 0, 1, info.max], dtype)
        assert field.to_field(values).tolist() == [int(v) % P for v in values]
    assert field.to_field(u64([P - 1, P, 2**64 - 1])).tolist() == [P - 1, 0, 2**32 - 2]


def test_powers_of_many() -> None:
    bases = [0, 1, 2, P - 1, 123456789123456789]
    found = field.powers_of(u64(bases), 16)
    assert found.tolist() == [[pow(x, k, P) for k in range(16)] for x in bases]


def test_roots_of_unity() -> None:
    for log_n in range(1, field.TWO_ADICITY + 1):
        w = field.root_of_unity(log_n)
        assert pow(w, 1 << (log_n - 1), P) == P - 1
        assert w * w % P == field.root_of_unity(log_n - 1)
    for log_n in (-1, 33):
        with pytest.raises(ValueError, match="no root of unity"):
            field.root_of_unity(log_n)


@settings(max_examples=50)
@given(st.lists(st.tuples(ext, ext), min_size=1, max_size=9))
def test_extension_vectors_agree_with_scalars(pairs: list[tuple[Ext, Ext]]) -> None:
    a = np.stack([np.asarray(x) for x, _ in pairs], axis=1)
    b = np.stack([np.asarray(y) for _, y in pairs], axis=1)

    def listed(k: np.ndarray) -> list[Ext]:
        return [Ext.of(k[:, i]) for i in range(k.shape[1])]

    assert listed(field.kadd(a, b)) == [x + y for x, y in pairs]
    assert listed(field.ksub(a, b)) == [x - y for x, y in pairs]
    assert listed(field.kmul(a, b)) == [x * y for x, y in pairs]
    assert listed(field.kmul(a, b[:, 0])) == [x * pairs[0][1] for x, _ in pairs]
    assert listed(field.kmul_base(a, b[0])) == [x * y.a for x, y in pairs]
    assert Ext.of(field.kdot(a, b)) == sum((x * y for x, y in pairs), Ext.ZERO)
    table = listed(field.eq_table(a))
    for i in {0, 1, len(table) - 1}:
        bits = [i >> (len(pairs) - 1 - j) & 1 for j in range(len(pairs))]
        expected = Ext.ONE
        for bit, (r, _) in zip(bits, pairs, strict=True):
            expected = expected * (r if bit else 1 - r)
        assert table[i] == expected


@settings(max_examples=50)
@given(ext, ext, ext, element)
def test_ext_is_a_field(x: Ext, y: Ext, z: Ext, n: int) -> None:
    assert (x + y) * z == x * z + y * z
    assert x - y == -(y - x) and x + n == n + x and x * n == n * x and n - x == -(x - n)
    assert x * np.uint64(n) == x * Ext(n)
    assert np.uint64(n) * x == x * n == Ext(np.uint64(n), 0) * x
    assert Ext.from_bytes(x.to_bytes()) == x and hash(x) == hash(Ext(x.a + P, x.b))
    if x:
        assert y / x * x == y and x**-2 * x * x == 1 and n / x * x == n


def test_ext_modulus_against_galois() -> None:
    gf = galois.GF(P, primitive_element=7, verify=False)
    poly = galois.Poly([1, 0, P - 7], field=gf)
    x, y = Ext(2**63, P - 1), Ext(12345, 2**32)
    product = galois.Poly([x.b, x.a], field=gf) * galois.Poly([y.b, y.a], field=gf) % poly
    assert [int(c) for c in product.coeffs] == [(x * y).b, (x * y).a]
    assert pow(7, (P - 1) // 2, P) == P - 1


@pytest.mark.parametrize("data", [b"\0" * 15, b"\0" * 17, P.to_bytes(8, "little") + b"\0" * 8])
def test_ext_rejects_other_encodings(data: bytes) -> None:
    with pytest.raises(ValueError):
        Ext.from_bytes(data)


def test_division_by_zero() -> None:
    with pytest.raises(ZeroDivisionError):
        _ = Ext.ONE / Ext.ZERO
    with pytest.raises(ZeroDivisionError):
        field.batch_inverse(u64([1, 0]))
