"""The text of affine forms: ``layer, token: 65536*a1[layer, token] + a0[layer, token] - 8388608``.

Before the colon stand the axes of the expression, after it terms and a constant; in brackets an
index for each axis of the column (`runtime.circuit.index_maps`):

    layer            the same index          rot(dim)           half-split rotation
    <layer           summed over all before  window(generated)  the position that generates
    *                summed over all         token(token)       the token id there
    pick(layer; 0 1) table[layer]            previous, next(generated)  the id before, itself
    3                the index 3             stride(row; 2 -1)  the index 2 row - 1, zero where there is none
    position(token; 2)  row 2 + token        generating(generated; 2)   that of the position that generates

A product of expressions is ``3 * (layer, token: ...) * (layer, token: ...)``. Printing a parsed
text and parsing a printed expression give back the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal

from lark import Lark, Token, Transformer
from lark.exceptions import LarkError, VisitError

from ..errors import UserError
from ..runtime.circuit.index_maps import MAPS, Index, IndexKind
from ..runtime.circuit.relations import Expr, Product, Term

GRAMMAR = r"""
expr: axes ":" affine
axes: [NAME ("," NAME)*]
affine: [MINUS] part (SIGN part)*
SIGN: "+" | "-"
MINUS: "-"
?part: [INT "*"] NAME "[" [index ("," index)*] "]" -> term | INT -> constant
?index: NAME -> same
      | "*" -> sum
      | INT -> at
      | "<" NAME -> before
      | NAME "(" NAME [";" number+] ")" -> function
?number: INT | MINUS INT -> negative
product: [MINUS] INT "*" factor ("*" factor)*
factor: "(" expr ")"
NAME: /[A-Za-z_][A-Za-z0-9_.]*/
INT: /[0-9]+/
%ignore " "
"""
FUNCTIONS: dict[str, IndexKind] = {m.function: kind for kind, m in MAPS.items() if m.function}


def affine(axes: Iterable[str], terms: Iterable[Term], constant: int = 0) -> Expr:
    """The expression with equal terms combined and zero terms dropped."""
    total: dict[tuple[str, tuple[Index, ...]], int] = {}
    for term in terms:
        key = (term.column, term.indices)
        total[key] = total.get(key, 0) + term.coefficient
    kept = tuple(Term(c, *key) for key, c in total.items() if c)
    return Expr(tuple(axes), kept, constant)


def added(axes: Iterable[str], *exprs: Expr) -> Expr:
    """The sum of expressions, broadcast over ``axes``."""
    terms = [term for expr in exprs for term in expr.terms]
    return affine(axes, terms, sum(expr.constant for expr in exprs))


def scaled(factor: int, expr: Expr, offset: int = 0) -> Expr:
    """factor * expression + offset."""
    terms = [Term(factor * term.coefficient, term.column, term.indices) for term in expr.terms]
    return affine(expr.axes, terms, factor * expr.constant + offset)


def read(column: str, axes: Iterable[str], **indices: Index) -> Expr:
    """A column over ``axes``, each read at the same index unless ``indices`` says otherwise."""
    chosen = tuple(indices.get(axis, Index("same", axis)) for axis in axes)
    return Expr(tuple(i.axis for i in chosen if i.axis), (Term(1, column, chosen),))


def renamed(expr: Expr, names: Mapping[str, str]) -> Expr:
    """The expression over other axes of the same sizes; axes that ``names`` lacks stay."""
    terms = [
        replace(
            term,
            indices=tuple(replace(i, axis=names.get(i.axis, i.axis)) for i in term.indices),
        )
        for term in expr.terms
    ]
    return Expr(tuple(names.get(axis, axis) for axis in expr.axes), tuple(terms), expr.constant)


def format_expr(expr: Expr) -> str:
    """The text of an expression."""
    text = ""
    for term in expr.terms:
        indices = ", ".join(MAPS[index.kind].text(index) for index in term.indices)
        size = "" if abs(term.coefficient) == 1 else f"{abs(term.coefficient)}*"
        text += _signed(text, term.coefficient, f"{size}{term.column}[{indices}]")
    if expr.constant or not text:
        text += _signed(text, expr.constant, str(abs(expr.constant)))
    return f"{', '.join(expr.axes)}: {text}"


def format_product(product: Product) -> str:
    """The text of a product."""
    factors = [f"({format_expr(factor)})" for factor in product.factors]
    return " * ".join([str(product.coefficient), *factors])


def parse_expr(text: str) -> Expr:
    """The expression that ``text`` writes down; `UserError` where it does not parse."""
    return _parse(text, "expr")


def parse_product(text: str) -> Product:
    """The product that ``text`` writes down; `UserError` where it does not parse."""
    return _parse(text, "product")


def _signed(before: str, sign: int, text: str) -> str:
    if before:
        return f" {'-' if sign < 0 else '+'} {text}"
    return f"-{text}" if sign < 0 else text


@lru_cache(maxsize=4096)
def _parse(text: str, start: Literal["expr", "product"]) -> Any:
    try:
        return _Build().transform(_parser().parse(text, start=start))
    except LarkError as error:
        cause = error.orig_exc if isinstance(error, VisitError) else error
        raise UserError(f"{start} {text!r}: {str(cause).splitlines()[0]}") from None


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(GRAMMAR, start=["expr", "product"], parser="lalr", maybe_placeholders=True)


class _Build(Transformer[Token, Any]):
    def expr(self, children: list[Any]) -> Expr:
        axes, (terms, constant) = children
        return Expr(axes, terms, constant)

    def axes(self, children: list[Any]) -> tuple[str, ...]:
        return tuple(str(name) for name in children if name is not None)

    def affine(self, children: list[Any]) -> tuple[tuple[Term, ...], int]:
        terms, constant = [], 0
        for sign, part in zip(children[::2], children[1::2], strict=True):
            factor = -1 if sign == "-" else 1
            if isinstance(part, Term):
                terms.append(Term(factor * part.coefficient, part.column, part.indices))
            else:
                constant += factor * part
        return tuple(terms), constant

    def term(self, children: list[Any]) -> Term:
        coefficient, name, *indices = children
        indices = tuple(index for index in indices if index is not None)
        return Term(1 if coefficient is None else int(coefficient), str(name), indices)

    def constant(self, children: list[Any]) -> int:
        return int(children[0])

    def product(self, children: list[Any]) -> Product:
        sign, coefficient, *factors = children
        return Product((-1 if sign else 1) * int(coefficient), tuple(factors))

    def factor(self, children: list[Any]) -> Expr:
        return children[0]

    def same(self, children: list[Any]) -> Index:
        return Index("same", str(children[0]))

    def sum(self, children: list[Any]) -> Index:
        return Index("sum")

    def at(self, children: list[Any]) -> Index:
        return Index("at", "", (int(children[0]),))

    def negative(self, children: list[Any]) -> int:
        return -int(children[1])

    def before(self, children: list[Any]) -> Index:
        return Index("before", str(children[0]))

    def function(self, children: list[Any]) -> Index:
        name, axis, *table = children
        table = tuple(int(j) for j in table if j is not None)
        numbers = MAPS[FUNCTIONS[name]].numbers if name in FUNCTIONS else -1
        if numbers != len(table) and (numbers is not None or not table):
            raise LarkError(f"no index {name}({axis}{'; ...' if table else ''})")
        return Index(FUNCTIONS[name], str(axis), table)
