"""Errors meant for people: one line that says what is wrong, where, and how to fix it."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


class ZklemmaError(Exception):
    """Base class of the errors this package raises on purpose; its text is shown without a traceback."""


class UserError(ZklemmaError):
    """Bad input: a file, an option or a value that cannot be used."""


class MissingPackage(UserError, ImportError):
    """What is asked for needs a package that is not installed. ``extra`` is the extra of this one that has it."""

    def __init__(self, package: str | None, extra: str):
        super().__init__(
            f"{package} is not installed: pip install 'zklemma[{extra}]', or in a copy of the sources "
            f"pip install -e '.[{extra}]'"
        )


class RangeError(ZklemmaError):
    """A value left the integer range that the circuit declares for it; names the module."""


class InvalidProof(ZklemmaError):
    """The verifier rejects; the text is the reason and names the relation that failed."""


def expect(value: object, *kinds: type[T]) -> T:
    """``value`` as one of the kinds, as which it has been verified; `ZklemmaError` if a fault left another."""
    if isinstance(value, kinds):
        return value
    names = " or ".join(kind.__name__ for kind in kinds)
    raise ZklemmaError(f"a fault: {type(value).__name__} in the place of {names}")
