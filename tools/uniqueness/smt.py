"""SMT-LIB text: numbers, names and terms."""

from __future__ import annotations

from collections.abc import Iterable


def number(value: int) -> str:
    return str(value) if value >= 0 else f"(- {-value})"


def name(text: str) -> str:
    """A quoted symbol."""
    return f"|{text}|"


def call(operator: str, parts: Iterable[str]) -> str:
    """An operator on its operands; what sums, products, conjunctions and disjunctions of none and one are."""
    parts = list(parts)
    if not parts:
        return {"+": "0", "*": "1", "and": "true", "or": "false"}[operator]
    return parts[0] if len(parts) == 1 else f"({operator} {' '.join(parts)})"


def within(low: int, term: str, high: int) -> str:
    return f"(<= {number(low)} {term} {number(high)})"


def equal(left: str, right: str) -> str:
    return f"(= {left} {right})"


def implies(condition: str, then: str) -> str:
    return f"(=> {condition} {then})"


def negated(term: str) -> str:
    return f"(not {term})"


def declared(symbol: str, sort: str = "Int") -> str:
    return f"(declare-const {symbol} {sort})"


def asserted(term: str) -> str:
    return f"(assert {term})"
