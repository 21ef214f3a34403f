"""How much a verifying key may ask of whoever plans and verifies under it.

A few bytes can pair any circuit with any slab and group size. Work and memory are counted before they are
spent, and the limits are far above what proofs that anyone would make take.
"""

from __future__ import annotations

from ...errors import UserError

# Pieces of tensors and leaves of lookups; groups of lookups; rows of all slabs of a commitment, padded to full.
BLOCKS = 1 << 15
GROUPS = 1 << 12
ROWS = 1 << 16
# Groups that are looked at to find one for each block; numbers, to find the blocks that claims are about.
SEARCHES = 1 << 22
NUMBERS = 1 << 23
# Sums of products in one sumcheck, of each relation and of each claim that lookups leave, and terms of both sides.
SUMS = 1 << 14
# What evaluating and expanding claims takes, in products of single elements of K.
STEPS = 1 << 21
# Linear forms on blocks that the claims of a proof become.
FORMS = 1 << 16


def require_few(count: int, most: int, what: str = "parts of a circuit") -> None:
    """`UserError` for more than ``most`` of something."""
    if count > most:
        raise UserError(f"the key is of no use: it makes for more than {most} {what}")
