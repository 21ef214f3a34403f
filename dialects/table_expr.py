"""The language of table contents: arithmetic over integers, evaluated with correct rounding.

``round(2^15 * exp(-x / 2^12))`` at x = 0, 1, ... is a lookup table; ``floor(dim / 16)`` over an
axis is a public column. `round` takes the nearest integer, ties upwards (floor(v + 1/2)), as
requantisation does.

A table must be the same on every machine. Values are computed in float64 together with a bound on
their absolute error, which allows library functions 16 units in the last place; an integer is
taken from them only where the bound leaves no doubt. The few other entries go to sympy, which
decides floor exactly (mpmath with as many digits as it takes).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from lark import Lark, Token, Transformer, Tree
from lark.exceptions import LarkError, VisitError

from ..errors import UserError

GRAMMAR = r"""
?sum: product | sum "+" product -> add | sum "-" product -> sub
?product: unary | product "*" unary -> mul | product "/" unary -> div
?unary: power | "-" unary -> neg
?power: atom | atom "^" unary -> pow
?atom: NUMBER -> number | NAME -> name | NAME "(" sum ("," sum)* ")" -> call | "(" sum ")"
NAME: /[a-z_][a-z0-9_]*/
NUMBER: /[0-9]+(\.[0-9]+)?/
%ignore " "
"""
FUNCTIONS = {
    "exp": 1,
    "log": 1,
    "sqrt": 1,
    "tanh": 1,
    "erf": 1,
    "sin": 1,
    "cos": 1,
    "abs": 1,
    "round": 1,
    "floor": 1,
    "max": 2,
    "min": 2,
}
UNIT = 2.0**-53
LIBRARY = 16 * 2 * UNIT
TINY = 1e-300
EXACT = 2.0**51
MOST_BITS = 1 << 14
MOST_ROWS = 1 << 26
SPARE_DIGITS = 30
SURE_GAP = 1e-15

Ball = tuple[Any, Any]  # float64 arrays or scalars: value, bound on its error


@lru_cache(maxsize=1024)
def parse(expression: str) -> Tree[Token]:
    """The syntax tree; `UserError` names what is wrong."""
    try:
        tree = _parser().parse(expression)
    except LarkError as error:
        first = str(error).splitlines()[0]
        raise UserError(f"table expression {expression!r}: {first}") from None
    for call in tree.find_data("call"):
        name, arity = str(call.children[0]), len(call.children) - 1
        if FUNCTIONS.get(name) != arity:
            raise UserError(
                f"table expression {expression!r}: no function {name} of {arity} arguments"
                f" (known: {', '.join(FUNCTIONS)})"
            )
    return tree


def evaluate(expression: str, lo: int, hi: int) -> np.ndarray:
    """The integers of ``expression`` at x = lo, ..., hi - 1, as int64."""
    if hi - lo > MOST_ROWS or not -EXACT < lo <= hi < EXACT:
        raise UserError(f"table expression {expression!r}: {lo} .. {hi - 1} is no range of a table")
    return evaluate_grid(expression, {"x": np.arange(lo, hi, dtype=np.int64)})


def evaluate_grid(expression: str, variables: Mapping[str, np.ndarray]) -> np.ndarray:
    """The integers of ``expression`` at broadcast integer ``variables``, as int64."""
    tree = parse(expression)
    for name in tree.find_data("name"):
        if str(name.children[0]) not in {*variables, "pi"}:
            raise UserError(f"table expression {expression!r}: unknown name {name.children[0]}")
    shape = np.broadcast_shapes(*(v.shape for v in variables.values()))
    try:
        with np.errstate(all="ignore"):
            value, error = (np.broadcast_to(part, shape) for part in _run(_Floats(variables), tree))
    except RecursionError:
        raise UserError(f"table expression {expression!r}: nested too deeply") from None
    doubtful = ~np.isfinite(error) | ~np.isfinite(value) | (np.abs(value) >= EXACT)
    if np.any((error != 0) & ~doubtful) or np.any((np.floor(value) != value) & ~doubtful):
        raise UserError(f"table expression {expression!r}: not an integer; wrap it in round()")
    result = np.where(doubtful, 0, value).astype(np.int64)
    for index in map(tuple, np.argwhere(doubtful)):
        point = {n: int(np.broadcast_to(v, shape)[index]) for n, v in variables.items()}
        result[index] = _exactly(expression, tree, point)
    return result


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(GRAMMAR, start="sum", parser="lalr")


def _run(transformer: Transformer[Token, Any], tree: Tree[Token]) -> Any:
    try:
        return transformer.transform(tree)
    except VisitError as error:
        raise error.orig_exc from None


def _exactly(expression: str, tree: Tree[Token], point: dict[str, int]) -> int:
    try:
        value = _run(_Sympy(point), tree)
        if value.is_Integer and abs(value) < 2**63:
            return int(value)
    except (ArithmeticError, AttributeError, NotImplementedError, TypeError, ValueError) as error:
        # Sympy, when it meets infinities or complex numbers.
        reason = f" ({str(error)[:80]})"
    else:
        reason = ""
    raise UserError(f"table expression {expression!r}: no 64-bit integer at {point}{reason}")


class _Floats(Transformer[Token, Ball]):
    """float64 values with an absolute error bound; an infinite bound means: decide elsewhere."""

    def __init__(self, variables: Mapping[str, np.ndarray]):
        super().__init__()
        self.variables = variables

    def number(self, children: list[Token]) -> Ball:
        value = np.float64(str(children[0]))
        exact = "." not in children[0] and value < EXACT
        return value, np.float64(0 if exact else abs(value) * 2 * UNIT)

    def name(self, children: list[Token]) -> Ball:
        if children[0] == "pi":
            return np.float64(math.pi), np.float64(math.pi * 2 * UNIT)
        value = self.variables[str(children[0])].astype(np.float64)
        return value, np.zeros_like(value)

    def neg(self, children: list[Ball]) -> Ball:
        return -children[0][0], children[0][1]

    def add(self, children: list[Ball]) -> Ball:
        (a, da), (b, db) = children
        return _rounded(a + b, da + db, _whole(children))

    def sub(self, children: list[Ball]) -> Ball:
        return self.add([children[0], self.neg(children[1:])])

    def mul(self, children: list[Ball]) -> Ball:
        (a, da), (b, db) = children
        error = np.abs(a) * db + np.abs(b) * da + da * db
        scaling = (da == 0) & (db == 0) & (_is_power(a) | _is_power(b))
        return _rounded(a * b, error, _whole(children) | scaling)

    def div(self, children: list[Ball]) -> Ball:
        (a, da), (b, db) = children
        value = a / b
        error = (da + np.abs(value) * db) / (np.abs(b) - db)
        error = np.where(np.abs(b) <= db, np.inf, error)
        scaling = (da == 0) & (db == 0) & _is_power(b)
        return _rounded(value, error, scaling)

    def pow(self, children: list[Ball]) -> Ball:
        (a, da), (b, db) = children
        value = np.power(a, b)
        relative = np.abs(b) * da / (np.abs(a) - da) + np.abs(np.log(np.abs(a))) * db + LIBRARY
        error = np.where(relative < 0.5, 2 * np.abs(value) * relative + TINY, np.inf)
        error = np.where(np.abs(a) <= da, np.inf, error)
        whole = _whole(children) & (b >= 0) & (np.abs(value) < EXACT)
        two = (da == 0) & (db == 0) & (a == 2) & (np.floor(b) == b) & (np.abs(b) < 1000)
        return value, np.where(whole | two, 0, error)

    def call(self, children: list[Any]) -> Ball:
        name, *balls = children
        a, da = balls[0]
        if name in ("max", "min"):
            b, db = balls[1]
            pick = np.maximum if name == "max" else np.minimum
            return _clipped(pick, (a, da), (b, db))
        if name == "abs":
            return np.abs(a), da
        if name in ("round", "floor"):
            return _floor(a + 0.5, da) if name == "round" else _floor(a, da)
        if name == "sqrt":
            value = np.sqrt(a)
            spread = np.where(da == 0, 0, da / np.sqrt(a - da))
            whole = (da == 0) & (np.floor(value) == value) & (value < 2.0**25)
            return _rounded(value, np.where(np.isnan(spread), np.inf, spread), whole)
        if name == "exp":
            value = np.exp(a)
            return value, value * np.expm1(np.minimum(da, 700)) * 2 + LIBRARY * value + TINY
        if name == "log":
            value = np.log(a)
            spread = np.where(a > da, da / (a - da), np.inf)
            return value, spread + LIBRARY * np.abs(value) + TINY
        near = np.maximum(np.abs(a) - da, 0)  # No argument within the error is nearer to 0.
        function, slope = {
            "tanh": (np.tanh, np.minimum(1, 4 * np.exp(-2 * near))),
            "sin": (np.sin, 1.0),
            "cos": (np.cos, 1.0),
            "erf": (np.vectorize(math.erf, otypes=[np.float64]), 1.2 * np.exp(-near * near)),
        }[str(name)]
        value = function(a)
        return value, slope * da + LIBRARY * np.abs(value) + TINY


def _whole(balls: list[Ball]) -> np.ndarray:
    """Where sums and products of exact integers are exact integers again."""
    flags = [(error == 0) & (np.floor(value) == value) for value, error in balls]
    return flags[0] & flags[1]


def _is_power(value: Any) -> Any:
    """Whether it is a power of two, by which products and quotients are exact."""
    return np.abs(np.frexp(value)[0]) == 0.5


def _rounded(value: Any, error: Any, exact: Any) -> Ball:
    exact = exact & (np.abs(value) < EXACT)
    return value, np.where(exact, 0, error + 4 * UNIT * np.abs(value) + TINY)


def _floor(value: Any, error: Any) -> Ball:
    below = np.floor(value)
    gap = np.minimum(value - below, below + 1 - value)
    exact = (error == 0) & (np.abs(value) < EXACT)
    sure = exact | (error + 4 * UNIT * np.abs(value) < gap)
    return below, np.where(sure & (np.abs(value) < EXACT), 0.0, np.inf)


def _clipped(pick: Any, a: Ball, b: Ball) -> Ball:
    """max or min: the error of the one that is surely picked, else the larger of both."""
    value = pick(a[0], b[0])
    apart = np.abs(a[0] - b[0]) > a[1] + b[1]
    winner = np.where(value == a[0], a[1], b[1])
    return value, np.where(apart, winner, np.maximum(a[1], b[1]))


class _Sympy(Transformer[Token, Any]):
    """The exact value at one point."""

    def __init__(self, point: dict[str, int]):
        super().__init__()
        import sympy

        self.sympy = sympy
        self.point = point

    def number(self, children: list[Token]) -> Any:
        return self.sympy.Rational(str(children[0]))

    def name(self, children: list[Token]) -> Any:
        name = str(children[0])
        return self.sympy.pi if name == "pi" else self.sympy.Integer(self.point[name])

    def neg(self, children: list[Any]) -> Any:
        return -children[0]

    def add(self, children: list[Any]) -> Any:
        return children[0] + children[1]

    def sub(self, children: list[Any]) -> Any:
        return children[0] - children[1]

    def mul(self, children: list[Any]) -> Any:
        return children[0] * children[1]

    def div(self, children: list[Any]) -> Any:
        return children[0] / children[1]

    def pow(self, children: list[Any]) -> Any:
        base, exponent = children
        bits = abs(self._number(exponent))
        if base.is_Rational:
            bits *= max(1, int(base.p).bit_length(), int(base.q).bit_length())
        return self._of_size(bits, lambda: base**exponent)

    def _number(self, value: Any) -> Any:
        """A real number near ``value``."""
        number = value.evalf(9)
        if not number.is_extended_real or not number.is_finite:
            raise ValueError("not a number")
        return number

    def _of_size(self, bits: Any, make: Callable[[], Any]) -> Any:
        """What ``make`` makes, if it does not take too many bits to write down, before the point or behind it."""
        if bits > MOST_BITS:
            raise ValueError("too large")
        value = make()
        size = abs(self._number(value))
        if size > 2**MOST_BITS or 0 < size < self.sympy.Rational(1, 2**MOST_BITS):
            raise ValueError("too large")
        return value

    def _floor(self, value: Any) -> Any:
        """By digits where they decide. Sympy tries to simplify before, which may take forever."""
        if not value.is_Rational:
            digits = SPARE_DIGITS + int(abs(self._number(value))).bit_length() // 3
            try:
                near = value.evalf(digits, maxn=4 * digits, strict=True)
            except self.sympy.core.evalf.PrecisionExhausted:
                return self.sympy.floor(value)
            below = self.sympy.floor(near)
            if SURE_GAP < near - below < 1 - SURE_GAP:
                return below
        return self.sympy.floor(value)

    def call(self, children: list[Any]) -> Any:
        name, *arguments = children
        if name == "exp":
            bits = 2 * abs(self._number(arguments[0]))
            return self._of_size(bits, lambda: self.sympy.exp(arguments[0]))
        if name == "round":
            return self._floor(arguments[0] + self.sympy.Rational(1, 2))
        if name == "floor":
            return self._floor(arguments[0])
        return getattr(
            self.sympy, {"max": "Max", "min": "Min", "abs": "Abs"}.get(name) or str(name)
        )(*arguments)
