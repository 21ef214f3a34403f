"""Counts the bits of security of a key's proofs again, from public numbers alone.

Usage: zklemma security model.vk --json | python benchmarks/security_bits.py

It shares no code with the package: the analysis of docs/protocol.md written down a second time, in exact fractions.
Input are the reports of ``zklemma security --json``, one a line. For each report it prints every term in bits and
their plain sum; the exit status is 1 where that is further than 0.05 bits from what the report says.
"""

from __future__ import annotations

import json
import math
import sys
from fractions import Fraction
from typing import Any

FIELD = 1 << 128
# Einsums are products of up to three factors and eq, lookups' layers of two and eq.
EINSUM_DEGREE = 4
TOLERANCE = 0.05
DIGEST_MASKS = 128
TARGET = 105


def bits(chance: Fraction) -> float:
    """-log2, of chances too small for a float, too."""
    shift = chance.denominator.bit_length() - chance.numerator.bit_length()
    return shift - math.log2(chance * 2**shift)


def roots(degree: int) -> Fraction:
    """The chance that a polynomial of that degree vanishes at a random point of K."""
    return Fraction(degree, FIELD)


def miss(queries: int, rate: Fraction, work: int) -> Fraction:
    """The chance that random positions miss a word that is too far for unique decoding, after some work."""
    return ((1 + rate) / 2) ** queries / 2**work


def variables(size: int) -> int:
    return (size - 1).bit_length()


def axes(column: int | list[int]) -> list[int]:
    """The sizes of a column that may be given by the number of its cells, if it has one axis or none."""
    return [column] if isinstance(column, int) else column


def chances(numbers: dict[str, Any]) -> dict[str, Fraction]:
    """The soundness error of each part of one proof."""
    p, depth = numbers["parameters"], numbers["lookup_depth"]
    layers = range(numbers["group_variables"], numbers["group_variables"] + depth)
    products, relations = numbers["products"], numbers["einsums"] + numbers["linears"]
    folded = p["row_bits"] + numbers["slab_variables"]

    # Pads: one for each masked value, one for each product of two hidden values.
    pads = 2 + sum(3 * k + 4 + 3 for k in layers)
    pads += relations + len(products) + EINSUM_DEGREE * numbers["einsum_rounds"]
    multiplied = 3 * depth
    for _, _, hidden, distinct_hidden in products:
        pads += distinct_hidden + max(0, hidden - 1) + max(0, hidden - 2)
        multiplied += max(0, hidden - 1)
    pads += 2 * len(numbers["private"]) + 2 * folded + 1

    # What must vanish: a relation, a layer, the root, the sumcheck, the masked claim, a digest, a partial product.
    vanish = relations + depth + 3 + len(numbers["private"])
    vanish += sum(factors > 2 for factors, *_ in products)
    claims = 2 + relations + sum(distinct for _, distinct, *_ in products) + numbers["revealed"]

    found = {
        "lookup identity": roots(numbers["lookup_degree"]),
        "lookup groups": roots(max(1, numbers["group_variables"])),
        "lookup rounds": roots(sum(3 * k + 2 for k in layers) or 1),
        "einsum point": roots(max(1, numbers["point_variables"])),
        "einsum rounds": roots(EINSUM_DEGREE * numbers["einsum_rounds"] + 1),
        "batching of claims": roots(claims),
        "row and slab rounds": roots(2 * folded),
        "row and slab folds": roots((folded + 1) * 2 ** p["log_code"]),
        "pads constraints": roots(vanish + multiplied + 2),
        "pads folds": roots(2 ** p["pads_log_code"]),
    }
    rate = Fraction(2 ** p["log_columns"], 2 ** p["log_code"])
    found["column queries"] = miss(p["queries"], rate, p["grind"])
    rate = Fraction(pads + 1 + p["pads_masks"], 2 ** p["pads_log_code"])
    found["pads queries"] = miss(p["pads_queries"], rate, p["grind"])

    for what, columns in (numbers.get("shown", {}) | numbers["private"]).items():
        most = max(sum(map(variables, sizes)) for sizes in map(axes, columns))
        found[f"{what} form"] = roots(len(columns) + most)
    for what, columns in numbers["private"].items():
        dimension = sum(map(math.prod, map(axes, columns))) + DIGEST_MASKS
        length = 1 << variables(16 * dimension)
        rate = Fraction(dimension, length)
        queries = math.ceil((TARGET - p["grind"]) / bits((1 + rate) / 2))
        found[f"{what} folds"] = roots(length)
        found[f"{what} queries"] = miss(min(DIGEST_MASKS, queries), rate, p["grind"])

    opened, left = p["queries"], p["log_columns"]
    for number, level in enumerate(p["levels"], 1):
        left -= level["fold"]
        found[f"level {number} rounds"] = roots(opened + 1 + 2 * level["fold"])
        found[f"level {number} folds"] = roots(level["fold"] * 2 ** level["log_code"])
        rate = Fraction(2**left, 2 ** level["log_code"])
        found[f"level {number} queries"] = miss(level["queries"], rate, level["grind"])
        opened = level["queries"]
    found["final rounds"] = roots(opened + 1 + 2 * left)
    return found


def main() -> int:
    wrong = False
    for line in filter(str.strip, sys.stdin):
        report = json.loads(line)
        found = chances(report["numbers"])
        total = bits(sum(found.values(), Fraction(0)))
        for name, chance in sorted(found.items(), key=lambda item: -item[1]):
            print(
                f"{name:24} {bits(chance):8.2f}   {report['terms'].get(name, 'not')} in the report"
            )
        print(f"{'sum':24} {total:8.2f}   {report['sum_bits']} in the report")
        wrong |= set(found) != set(report["terms"]) or abs(total - report["sum_bits"]) > TOLERANCE
        wrong |= any(abs(bits(c) - report["terms"].get(n, 0)) > TOLERANCE for n, c in found.items())
    print("DIFFERENT" if wrong else "the same")
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
