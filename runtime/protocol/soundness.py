"""How sure a proof is: every soundness term of one proof, counted from its plan.

Each term is the probability, in bits, that a fixed cheating prover gets past one challenge or one group
of challenges; round by round the least of them counts, and their plain sum bounds the interactive
protocol. Query terms hold in the unique-decoding regime: a word further than (1 - rate)/2 from the code
survives q independent positions with probability ((1 + rate)/2)^q, and work done before the positions are
drawn divides a prover's chances to draw them again. Folding the 2^v rows of an interleaved word by a tensor
of challenges keeps it far except with probability v n/|K| (Diamond and Gruen, ePrint 2025/325).
"""

from __future__ import annotations

import math

from .conversation import needed
from .disclosure.shared import Code, column_sizes, form_variables, revealed
from .parameters import Parameters, query_bits
from .plan import EINSUM_DEGREE, Plan

EXTENSION_BITS = 128.0
LEAST_BITS = 100


def terms(plan: Plan, claims: int) -> dict[str, float]:
    """Bits by term, for a proof that reduces to ``claims`` linear claims."""
    p: Parameters = plan.parameters
    layers = range(plan.group_bits, plan.group_bits + plan.lookup_depth)
    point = sum(plan.bits(axis) for axis in plan.point_axes)
    folded = p.row_bits + plan.slab_bits
    constraints = len(plan.relations) + len(plan.circuit.linears) + plan.lookup_depth
    constraints += (
        3
        + len(plan.private)
        + sum(len(instance.product.factors) > 2 for instance in plan.instances)
    )
    pad_cells = needed(plan).pads + 1 + p.pads_masks
    found = {
        # The root's numerator has at most the degree of all leaves in alpha, the betas and the row's point.
        "lookup identity": _field(max(map(plan.degree, plan.groups), default=1)),
        "lookup groups": _field(max(1, plan.group_bits)),
        "lookup rounds": _field(sum(3 * k + 2 for k in layers) or 1),
        "einsum point": _field(max(1, point)),
        "einsum rounds": _field(EINSUM_DEGREE * plan.einsum_rounds + 1),
        "batching of claims": _field(claims),
        "row and slab rounds": _field(2 * folded),
        "row and slab folds": _field((folded + 1) << p.log_code),
        "column queries": p.grind + query_bits(p.queries, 2.0 ** (p.log_columns - p.log_code)),
        "pads constraints": _field(constraints + len(needed(plan).triples) + 2),
        "pads folds": _field(1 << p.pads_log_code),
        "pads queries": p.grind + query_bits(p.pads_queries, pad_cells / 2.0**p.pads_log_code),
    }
    for what in revealed(plan):
        columns = len(plan.circuit.reveals[what])
        found[f"{what} form"] = _field(columns + form_variables(plan, what))
    for what in plan.private:
        code = Code.of(sum(column_sizes(plan, what)), p)
        found[f"{what} folds"] = _field(1 << code.log_code)
        found[f"{what} queries"] = p.grind + query_bits(code.queries, code.rate)
    queries = p.queries
    for number, level in enumerate(p.levels, 1):
        found[f"level {number} rounds"] = _field(queries + 1 + 2 * level.fold)
        found[f"level {number} folds"] = _field(level.fold << level.log_code)
        found[f"level {number} queries"] = level.grind + query_bits(level.queries, level.rate)
        queries = level.queries
    last = p.levels[-1]
    found["final rounds"] = _field(queries + 1 + 2 * (last.log_cells - last.fold))
    return found


def sum_bits(bits: dict[str, float]) -> float:
    """Bits of the plain sum of the terms."""
    least = min(bits.values())
    return least - math.log2(sum(2.0 ** (least - x) for x in bits.values()))


def claims_at_most(plan: Plan) -> int:
    """The number of linear claims: two of the lookups, one a relation, a hidden factor, a revealed item."""
    factors = sum(len(instance.factors) for instance in plan.instances)
    relations = len(plan.relations) + len(plan.circuit.linears)
    return 2 + relations + factors + len(plan.circuit.reveals)


def security_bits(plan: Plan) -> int:
    """Whole bits of the plain sum, which is less than what counting round by round gives."""
    return math.floor(sum_bits(terms(plan, claims_at_most(plan))))


def _field(degree: int) -> float:
    return EXTENSION_BITS - math.log2(degree)
