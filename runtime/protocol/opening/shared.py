"""All claims as one, on both sides: its reads, and their forms on the committed cells."""

from __future__ import annotations

from ...field import Ext
from ..axis_weights import Read, Weight, length
from ..claims import Claim
from ..plan import Plan
from ..work_limits import FORMS, NUMBERS, require_few
from .forms import Form, forms_of


def combined_reads(claims: list[Claim], gamma: Ext) -> tuple[list[Ext], list[Read]]:
    """Powers of gamma, one for each claim, and the reads of the claims so combined: those of a column with
    the same weights, by whichever claims, are one."""
    scales, power = [], Ext.ONE
    alike: dict[tuple[str, tuple[Weight, ...]], list[Ext]] = {}
    for claim in claims:
        scales.append(power)
        for read in claim.reads:
            terms = alike.setdefault((read.column, read.weights), [])
            terms.append(power * read.coefficient)
        power = power * gamma
    return scales, [Read(sum(terms, Ext.ZERO), *what) for what, terms in alike.items()]


def combined_forms(plan: Plan, claims: list[Claim], gamma: Ext) -> tuple[list[Ext], list[Form]]:
    """Powers of gamma, one for each claim, and the forms of the claims so combined."""
    scales, reads = combined_reads(claims, gamma)
    forms, searched = [], 0
    for read in reads:
        searched += len(plan.placed[read.column]) * (8 + sum(map(length, read.weights)))
        require_few(searched, NUMBERS)
        forms += forms_of(plan, read)
        require_few(len(forms), FORMS)
    return scales, forms
