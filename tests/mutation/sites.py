"""Every check of the verifier and every item of its transcript, found in the syntax tree; and the verifier
without one of them.

The modules are those that verifying imports, followed through their import statements. A site is

* an ``atom``: a comparison in a condition that guards a ``raise`` (or a call of a function that never returns);
  each operand by itself where several are joined so that any of them may refuse. A name in such a condition
  stands for what the function assigns to it.
* a ``call`` for its effect of a function that checks: its name begins with one of `CHECKING`.
* an ``item``: what is absorbed under one label, by prover and verifier alike.

A site's name is module, function and text, so that it survives whatever moves it. What is taken out is the site
alone: an atom becomes the constant that refuses nothing. Not sites: handlers that turn one exception into
another, and assertions, which no proof can reach.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ENTRIES = (
    "runtime.verifying.verifier",
    "runtime.model.weight_ranges",
    "runtime.verifying.disclosure",
    "runtime.verifying.function_verifier",
    "runtime.model.keys",
)
# Modules and functions that no proof is checked with.
LEFT_OUT = {
    "runtime.model.budget": "counts what the prover uses up",
    "runtime.model.masks": "the prover's masks",
    "runtime.progress": "what the prover reports",
    "runtime.randomness": "the prover's randomness",
    "runtime.model.tokenizer": "makes text of tokens that were proved",
    "runtime.model.keys:load_artifact": "the prover's artifact",
    "runtime.model.keys:_load_masks": "the prover's artifact",
    "runtime.model.keys:_load_tree": "the prover's artifact",
    "runtime.model.keys:_plain_facts": "the prover's artifact",
    "runtime.model.keys:unpack_facts": "the prover's artifact",
    "runtime.model.keys:unpack_weights": "the prover's artifact",
    "runtime.model.files:atomic_write": "writes",
    "runtime.circuit.encoding:decode_program": "the prover's program",
    "runtime.model.signature:Tensor.quantize": "makes the integers that are proved about",
    "runtime.model.signature:Signature.quantize": "makes the integers that are proved about",
}
# What absorbs on the prover's side.
PROVER = "runtime.protocol.prover_channel"
CHECKING = re.compile(r"_*(check|require|verify|finish|absorb|identify|same)")
SAYING = {"raw", "clear", "masked", "masked_round", "clear_round", "absorb"}
# What stands for ``what`` in a label.
ITEMS = ("prompt", "output", "tensor")

Target = tuple[str, str]
# From the node of a function to one in it, by numbers as `_children` gives them. A last step of -1 - k is the k-th
# of the comparisons that a chain of them stands for.
Steps = tuple[int, ...]


@dataclass(frozen=True)
class Site:
    """``targets``: the functions that change, by module and qualified name. ``path`` leads to the site in the tree
    of the function, ``reached`` to what must be executed for anyone to notice; an item that has none changes many
    functions. An atom ``refuses`` when it is true, or when it is false."""

    module: str
    function: str
    kind: str
    text: str
    targets: tuple[Target, ...]
    path: Steps = ()
    reached: Steps = ()
    refuses: bool = True

    @property
    def name(self) -> str:
        return f"{self.module}:{self.function}: {self.kind}: {self.text}"


class Module:
    """A module of the package and its tree."""

    def __init__(self, name: str):
        self.name = name
        path = ROOT / (name.replace(".", "/") + ".py")
        self.path = path if path.exists() else ROOT / name.replace(".", "/") / "__init__.py"
        self.tree = ast.parse(self.path.read_text())

    @cached_property
    def imports(self) -> set[str]:
        """The modules of the package that it imports, at once or when they are needed."""
        package = self.name.split(".")[: -1 if self.path.name != "__init__.py" else None]
        found = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and node.level:
                above = package[: len(package) + 1 - node.level]
                base = [*above, *(node.module or "").split(".")]
                names = [".".join(part for part in base if part)]
                names += [f"{names[0]}.{alias.name}".lstrip(".") for alias in node.names]
                found |= {
                    name for name in names if (ROOT / f"{name.replace('.', '/')}.py").exists()
                }
        return found

    @cached_property
    def functions(self) -> dict[str, ast.FunctionDef]:
        """The outermost functions and methods by qualified name."""
        found: dict[str, ast.FunctionDef] = {}
        for node in self.tree.body:
            if isinstance(node, ast.FunctionDef):
                found[node.name] = node
            elif isinstance(node, ast.ClassDef):
                methods = [m for m in node.body if isinstance(m, ast.FunctionDef)]
                found |= {f"{node.name}.{m.name}": m for m in methods}
        return found

    @cached_property
    def never_return(self) -> set[str]:
        functions = self.functions.values()
        return {
            f.name for f in functions if f.returns and ast.unparse(f.returns).endswith("NoReturn")
        }


@cache
def module(name: str) -> Module:
    return Module(name)


@cache
def modules() -> tuple[str, ...]:
    """The names of the verifier's modules."""
    found: set[str] = set()
    waiting: list[str] = list(ENTRIES)
    while waiting:
        name = waiting.pop()
        if name not in found and name not in LEFT_OUT:
            found.add(name)
            waiting += module(name).imports
    return tuple(sorted(found))


@cache
def sites() -> tuple[Site, ...]:
    """All of them, in a fixed order, each with a name of its own."""
    found: list[Site] = []
    for name in modules():
        for function, node in module(name).functions.items():
            if f"{name}:{function}" not in LEFT_OUT:
                found += _atoms(name, function, node)
                found += _calls(name, function, node)
    found += _items()
    counts: Counter[str] = Counter()
    named = []
    for site in found:
        counts[site.name] += 1
        if counts[site.name] > 1:
            site = replace(site, text=f"{site.text} ({counts[site.name]})")
        named.append(site)
    return tuple(named)


# Atoms.


def _children(node: ast.AST) -> list[ast.AST]:
    return list(ast.iter_child_nodes(node))


def _walk(node: ast.AST, path: Steps = ()) -> Iterator[tuple[ast.AST, Steps]]:
    yield node, path
    for number, child in enumerate(_children(node)):
        yield from _walk(child, (*path, number))


def _atoms(name: str, function: str, node: ast.FunctionDef) -> list[Site]:
    found: list[Site] = []

    def add(
        condition: ast.AST, path: Steps, refuses: bool, reached: Steps, names: frozenset[str]
    ) -> None:
        """``names`` of which this is the value, or part of it."""
        for atom, at, polarity in _split(condition, path, refuses):
            held = atom.operand if isinstance(atom, ast.UnaryOp) else atom
            held = held.value if isinstance(held, ast.Subscript) else held
            name_of_value = held.id if isinstance(held, ast.Name) else ""
            if name_of_value in names:
                continue
            text, targets = ast.unparse(atom), ((name, function),)
            found.append(Site(name, function, "atom", text, targets, at, reached, polarity))
            for value, where in _assigned(node, name_of_value):
                inner = polarity != isinstance(atom, ast.UnaryOp)
                add(value, where, inner, reached, names | {name_of_value})

    for statement, path in _walk(node):
        if isinstance(statement, ast.If) and _raises(name, statement.body[-1]):
            last = _children(statement).index(statement.body[-1])
            add(statement.test, (*path, 0), True, (*path, last), frozenset())
        elif isinstance(statement, ast.IfExp) and _raises(name, statement.orelse):
            add(statement.test, (*path, 0), False, (*path, 2), frozenset())
    return found


def _raises(name: str, node: ast.AST) -> bool:
    if isinstance(node, ast.Expr | ast.Return) and node.value is not None:
        node = node.value
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in module(name).never_return
    return isinstance(node, ast.Raise) and node.exc is not None


def _assigned(node: ast.FunctionDef, name: str) -> Iterator[tuple[ast.AST, Steps]]:
    """The conditions that a name is given: each value, or those of a dictionary, with their paths."""
    for statement, path in _walk(node):
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == name:
            value, where = statement.value, (*path, len(statement.targets))
            if isinstance(value, ast.Dict):
                children = _children(value)
                yield from ((v, (*where, children.index(v))) for v in value.values)
            elif isinstance(value, ast.BoolOp | ast.Compare | ast.Call):
                yield value, where


def _split(node: ast.AST, path: Steps, refuses: bool) -> Iterator[tuple[ast.expr, Steps, bool]]:
    """The parts of a condition each of which can refuse; ``refuses``: it does so when it is true."""
    assert isinstance(node, ast.expr)
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or if refuses else ast.And):
        for operand in node.values:
            yield from _split(operand, (*path, _children(node).index(operand)), refuses)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        inner = list(_split(node.operand, (*path, 1), not refuses))
        whole = len(inner) == 1 and inner[0][0] is node.operand
        yield from [(node, path, refuses)] if whole else inner
    elif isinstance(node, ast.Compare) and len(node.ops) > 1 and not refuses:
        for number, pair in enumerate(_pairs(node)):
            yield pair, (*path, -1 - number), refuses
    elif _quantifier(node) == ("any" if refuses else "all"):
        assert isinstance(node, ast.Call) and isinstance(node.args[0], ast.GeneratorExp)
        yield from _split(node.args[0].elt, (*path, 1, 0), refuses)
    else:
        yield node, path, refuses


def _quantifier(node: ast.AST) -> str:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
        return node.func.id if isinstance(node.args[0], ast.GeneratorExp) else ""
    return ""


def _pairs(node: ast.Compare) -> list[ast.Compare]:
    terms = [node.left, *node.comparators]
    return [ast.Compare(terms[i], [op], [terms[i + 1]]) for i, op in enumerate(node.ops)]


def _without_atom(site: Site, root: ast.FunctionDef) -> None:
    """Replace the atom by what refuses nothing."""
    parent, last = _above(site, root)
    if last < 0:
        assert isinstance(parent, ast.Compare)
        pairs: list[ast.expr] = list(_pairs(parent))
        pairs[-1 - last] = ast.Constant(True)
        parent.__class__ = ast.BoolOp  # type: ignore[assignment]
        parent.op, parent.values = ast.And(), pairs  # type: ignore[attr-defined]
        for field in ("left", "ops", "comparators"):
            delattr(parent, field)
        return
    _replace(parent, _children(parent)[last], ast.Constant(not site.refuses))


def _above(site: Site, root: ast.AST) -> tuple[ast.AST, int]:
    """The node above the site, and the last step."""
    return _at(site.path[:-1], root), site.path[-1]


def _at(path: Steps, node: ast.AST) -> ast.AST:
    for step in path:
        node = _children(node)[step]
    return node


def _replace(parent: ast.AST, old: ast.AST, new: ast.AST) -> None:
    for field, value in ast.iter_fields(parent):
        if value is old:
            setattr(parent, field, new)
        elif isinstance(value, list):
            setattr(parent, field, [new if item is old else item for item in value])


# Calls.


def _calls(name: str, function: str, node: ast.FunctionDef) -> list[Site]:
    return [
        Site(name, function, "call", ast.unparse(s), ((name, function),), path, path)
        for s, path in _walk(node)
        if isinstance(s, ast.Expr)
        and isinstance(s.value, ast.Call)
        and CHECKING.match(_callee(s.value))
        and not _item_of(s.value)
    ]


def _callee(call: ast.Call) -> str:
    func = call.func
    return func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")


def _without_call(site: Site, root: ast.FunctionDef) -> None:
    parent, last = _above(site, root)
    _replace(parent, _children(parent)[last], ast.Pass())


# Items.


def _item_of(call: ast.Call) -> bool:
    """Whether a call absorbs what its caller names: not the transcript's own doing."""
    return (
        _callee(call) == "absorb"
        and isinstance(call.func, ast.Attribute)
        and not (isinstance(call.func.value, ast.Name) and call.func.value.id == "self")
    )


@cache
def _speakers() -> tuple[Target, ...]:
    """The functions in which either side absorbs something."""
    names = dict.fromkeys([*modules(), PROVER])
    return tuple(
        (name, function)
        for name in names
        for function, node in module(name).functions.items()
        if any(isinstance(n, ast.Call) and _item_of(n) for n in ast.walk(node))
    )


def _items() -> list[Site]:
    """One for each label of a message that the verifier names, where it first does so, and for each part of what
    an identity consists of."""
    found: list[Site] = []
    known: set[str] = set()
    for name in modules():
        for function, node in module(name).functions.items():
            for label in _labels(node):
                if label not in known:
                    known.add(label)
                    found.append(Site(name, function, "item", label, _speakers()))
            for part, path in _walk(node):
                if isinstance(part, ast.Tuple) and _is_identity(_at(path[:-1], node)):
                    own = ((name, function),)
                    for number, pair in enumerate(part.elts):
                        assert isinstance(pair, ast.Tuple)
                        (label,) = _spelled(pair.elts[0])
                        where = (*path, number)
                        found.append(Site(name, function, "item", label, own, where, where))
    return found


def _is_identity(node: ast.AST) -> bool:
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "identity"


def _labels(node: ast.FunctionDef) -> Iterator[str]:
    """The labels of messages that a function spells out."""
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and _callee(part) in SAYING:
            # A channel's methods take the label first, functions take the channel first.
            at = 0 if isinstance(part.func, ast.Attribute) else 1
            if len(part.args) > at and (_callee(part) != "absorb" or _item_of(part)):
                yield from _spelled(part.args[at])


def _spelled(node: ast.expr) -> list[str]:
    """The labels that an argument may be; none for one that the caller was given."""
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    if isinstance(node, ast.JoinedStr):
        parts = [
            str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
        ]
        return ["".join(parts).format(item) for item in ITEMS]
    return []


class _Silent(ast.NodeTransformer):
    """Nothing is absorbed under one label."""

    def __init__(self, label: str):
        self.label = label

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        if not (isinstance(node.value, ast.Call) and _item_of(node.value)):
            return node
        different = ast.Compare(node.value.args[0], [ast.NotEq()], [ast.Constant(self.label)])
        return ast.If(different, [node], [])


# The verifier without a site, and one that tells which sites it comes to.


def remove(site: Site) -> None:
    """Take the site out of the running program, for good."""
    for target in site.targets:
        _put(target, partial(_without, site))


def _without(site: Site, node: ast.FunctionDef) -> None:
    if site.kind == "item" and site.path:
        parent, last = _above(site, node)
        assert isinstance(parent, ast.Tuple)
        del parent.elts[last]
    elif site.kind == "item":
        _Silent(site.text).visit(node)
    elif site.kind == "call":
        _without_call(site, node)
    else:
        _without_atom(site, node)


def listen(sites: Sequence[Site], reached: Callable[[str, bool], object]) -> None:
    """Have the running program call ``reached`` with the name of each site that it comes to, and with whether
    something is refused there, which for a call that returns is not so."""
    for target in dict.fromkeys(target for site in sites for target in site.targets):
        own = [site for site in sites if target in site.targets]
        live(target).__globals__[HOOK] = reached
        _put(target, partial(_listening, own))


HOOK = "__reached__"


def _listening(sites: Sequence[Site], node: ast.FunctionDef) -> None:
    places: dict[ast.AST, list[Site]] = {}
    above: dict[ast.AST, ast.AST] = {}
    for site in sites:
        if site.reached:
            place = _at(site.reached, node)
            places.setdefault(place, []).append(site)
            above[place] = _at(site.reached[:-1], node)
        else:
            node.body.insert(0, ast.Expr(_hook(site, False)))
    for place, found in places.items():
        hooks = [_hook(site, site.kind != "item") for site in found]
        if isinstance(place, ast.Raise):
            _insert(above[place], place, [ast.Expr(hook) for hook in hooks])
        elif isinstance(place, ast.stmt):
            told: list[ast.stmt] = [ast.Expr(_hook(site, False)) for site in found]
            refused = [ast.ExceptHandler(None, None, [*map(ast.Expr, hooks), ast.Raise()])]
            _insert(above[place], place, [*told, ast.Try([place], refused, [], [])], keep=False)
        else:
            assert isinstance(place, ast.expr)
            _replace(above[place], place, ast.BoolOp(ast.Or(), [*hooks, place]))


def _hook(site: Site, refused: bool) -> ast.expr:
    arguments: list[ast.expr] = [ast.Constant(site.name), ast.Constant(refused)]
    return ast.Call(ast.Name(HOOK, ast.Load()), arguments, [])


def _insert(parent: ast.AST, old: ast.AST, new: list[ast.stmt], keep: bool = True) -> None:
    """Statements before another, or in its place."""
    for _, value in ast.iter_fields(parent):
        if isinstance(value, list) and old in value:
            at = value.index(old)
            value[at : at + (not keep)] = new


def _put(target: Target, change: Callable[[ast.FunctionDef], None]) -> None:
    """Have a function run with its tree changed."""
    name, function = target
    changed = Module(name)
    change(changed.functions[function])
    ast.fix_missing_locations(changed.tree)
    code = compile(changed.tree, str(changed.path), "exec")
    for part in function.split("."):
        code = next(c for c in code.co_consts if isinstance(c, CodeType) and c.co_name == part)
    live(target).__code__ = code


def live(target: Target) -> FunctionType:
    """The function that runs under that name, whatever it is wrapped in; what it has cached is forgotten."""
    name, function = target
    found: Any = import_module(f"zklemma.{name}")
    for part in function.split("."):
        found = vars(found)[part]
    for inner in ("fget", "func", "__func__", "__wrapped__"):
        getattr(found, "cache_clear", int)()
        found = getattr(found, inner, found)
    assert isinstance(found, FunctionType), target
    return found
