"""The kinds of statement, told apart by the bytes that a proof begins with where no key says which it is of."""

from __future__ import annotations

from .channel import Reader
from .function_statement import KIND, FunctionStatement, read_function_statement
from .statement import Statement, read_statement

AnyStatement = Statement | FunctionStatement

# A statement's list of six items begins with its kind, after the length of the statement.
_FUNCTION = bytes([0x90 + 6, 0xA0 + len(KIND)]) + KIND.encode()


def read_any_statement(proof: bytes) -> AnyStatement:
    """The statement that a proof begins with; `InvalidProof` if there is none."""
    reader = Reader(proof)
    if proof[4:].startswith(_FUNCTION):
        return read_function_statement(reader)
    return read_statement(reader)
