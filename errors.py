"""Errors meant for people: one line that says what is wrong, where, and how to fix it."""

from __future__ import annotations


class ZklemmaError(Exception):
    """Base class of the errors this package raises on purpose; its text is shown without a traceback."""


class UserError(ZklemmaError):
    """Bad input: a file, an option or a value that cannot be used."""


class RangeError(ZklemmaError):
    """A value left the integer range that the circuit declares for it; names the module."""


class InvalidProof(ZklemmaError):
    """The verifier rejects; the text is the reason and names the relation that failed."""
