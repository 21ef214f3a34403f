"""Options of passes: ranges that their numbers must be in.

A pass calls `check_options` from `__post_init__`, so that an option out of range is refused where
it is given, before any module is read.

Errors: `UserError` naming pass, option and allowed range.
"""

from __future__ import annotations

from xdsl.passes import ModulePass

from ...errors import UserError


def check_options(pass_: ModulePass, **ranges: tuple[float, float]) -> None:
    """Refuses a pass unless each named option is a number in its inclusive range, or None.

    ``check_options(self, headroom=(1.0, 256.0), delta_bits=(16, 40))``
    """
    for option, (low, high) in ranges.items():
        value = getattr(pass_, option)
        # Written so that NaN fails.
        if value is not None and not low <= value <= high:
            raise UserError(f"{pass_.name}: {option} must be in {low} .. {high}, got {value}")
