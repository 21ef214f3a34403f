"""How much a verifying key may ask of whoever plans and verifies under it.

A few bytes can pair any circuit with any slab and group size. Work and memory are counted before they are
spent, and the limits are far above what proofs that anyone would make take.
"""

from __future__ import annotations

from ...errors import UserError

# Pieces of tensors, then slabs and groups, for each of which all pieces may be looked through.
BLOCKS = 1 << 15
PARTS = 1 << 12
# Reads of columns with the entries of their sparse weights, then linear forms on blocks.
READS = 1 << 20
FORMS = 1 << 20


def require_few(count: int, most: int) -> None:
    """`UserError` for more than ``most`` of something."""
    if count > most:
        raise UserError(f"the key is of no use: it cuts its circuit into more than {most} parts")
