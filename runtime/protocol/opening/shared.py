"""All claims as one, on both sides: its parts, and their forms on the committed cells."""

from __future__ import annotations

from ...field import Ext
from ..axis_weights import Read, Weight, length
from ..claims import Claim
from ..plan import Plan
from ..work_limits import FORMS, NUMBERS, require_few
from .forms import Form, forms_of
from .tails import Tail, summed


def combined_parts(
    plan: Plan, claims: list[Claim], gamma: Ext
) -> tuple[list[Ext], list[Read | Tail]]:
    """Powers of gamma, one for each claim, and what the claims so combined say of each column: reads with the same
    weights, by whichever claims, are one."""
    scales, power = [], Ext.ONE
    alike: dict[str, dict[tuple[Weight, ...], list[Ext]]] = {}
    for claim in claims:
        scales.append(power)
        for read in claim.reads:
            terms = alike.setdefault(read.column, {}).setdefault(read.weights, [])
            terms.append(power * read.coefficient)
        power = power * gamma
    columns = (
        [Read(sum(terms, Ext.ZERO), column, what) for what, terms in found.items()]
        for column, found in alike.items()
    )
    return scales, summed(plan, columns)


def combined_forms(plan: Plan, claims: list[Claim], gamma: Ext) -> tuple[list[Ext], list[Form]]:
    """Powers of gamma, one for each claim, and the forms of the claims so combined."""
    scales, parts = combined_parts(plan, claims, gamma)
    forms, searched = [], 0
    for part in parts:
        searched += len(plan.placed[part.column]) * (8 + sum(map(length, part.weights)))
        require_few(searched, NUMBERS)
        forms += forms_of(plan, part)
        require_few(len(forms), FORMS)
    return scales, forms
