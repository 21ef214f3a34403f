"""A solver shows that inputs have one witness and that nothing wraps; and that loosened circuits have two.

Each counterexample is evaluated here, modulo the prime and with real tables, without the solver.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.dialects.func import Func
from xdsl.parser import Parser
from zklemma.compiler.pipelines import lower
from zklemma.dialects.registry import dialect_factories
from zklemma.errors import UserError, ZklemmaError
from zklemma.runtime.circuit.relations import Circuit, Column, Einsum, Gather, Linear, Lookup, Table
from zklemma.tools.uniqueness.bounds import bounds, false_bounds
from zklemma.tools.uniqueness.cells import Cells
from zklemma.tools.uniqueness.claims import Claim, Claims
from zklemma.tools.uniqueness.examine import Examination, claims, differing, rows, scripts
from zklemma.tools.uniqueness.gadgets import (
    Gadget,
    Relation,
    fed,
    gadgets,
    inputs,
    primitive,
    relations,
)
from zklemma.tools.uniqueness.smt import asserted, equal, name, negated
from zklemma.tools.uniqueness.solver import decide, violated

HERE = Path(__file__).parent
REAL = HERE / "gemma3-270m.mlir"
SMALL = HERE.parent / "lowering" / "tiny.mlir"
IMAGES = HERE.parent / "lowering" / "images.mlir"
LISTS = {Einsum: "einsums", Lookup: "lookups", Linear: "linears", Gather: "gathers"}

# Loosened relations that leave everything unique all the same.
#   The highest digit of a value may be wider: the number is the same. (Bounds, and tables that read it, are
#   what its width is for.)
#   So may those of numbers that others bound: a remainder and its slack add up to one less than the divisor.
#   `prompt.before` b: 0 <= 2^k b + position - length < 2^k alone makes it 0 or 1 among integers.
ALWAYS = {
    "wider input_layernorm.limb0.range",
    "wider input_layernorm.remainder2.range",
    "wider input_layernorm.slack2.range",
    "wider self_attn.softmax.top0.range",
    "wider self_attn.softmax.inv0.range",
    "wider self_attn.softmax.remainder1.range",
    "wider self_attn.softmax.slack1.range",
    "wider prompt.before.range",
}
HARMLESS = {
    False: {*ALWAYS, "wider lm_head.limb1.range"},
    True: {*ALWAYS, "wider lm_head.limb2.range"},
}


def parsed(text: str) -> ModuleOp:
    context = Context()
    for dialect in (Builtin, Func, *(make() for make in dialect_factories().values())):
        context.load_dialect(dialect)
    return Parser(context, text).parse_module()


def circuits(text: str) -> tuple[Circuit, Circuit]:
    """The two circuits of a `quant` text: tokens are inputs, or columns."""
    module = parsed(text)
    return lower(module)[0], lower(module, private_tokens=True)[0]


@pytest.fixture(scope="session")
def real() -> tuple[Circuit, Circuit]:
    return circuits(REAL.read_text())


@pytest.fixture(scope="session")
def small() -> tuple[Circuit, Circuit]:
    return circuits(SMALL.read_text())


@pytest.fixture(scope="session")
def images() -> Circuit:
    return lower(parsed(IMAGES.read_text()))[0]


def test_the_real_270m(real: tuple[Circuit, Circuit]) -> None:
    """Everything holds at the widths of the real model. One column is free, and nothing reads it: which of two
    cells that tie for the maximum of a softmax is selected."""
    found = Examination()
    for circuit in real:
        found.circuit(circuit)
    assert [(v.claim.kind, v.claim.subject) for v in found.failures] == []
    assert found.free == ["self_attn.softmax.select"]
    counts = found.counts
    assert all(counts[kind] > 30 for kind in ("range", "unique", "exists", "bound", "rest"))
    for circuit in real:
        nothing_is_left_out(circuit, found, fed(circuit))


def nothing_is_left_out(
    circuit: Circuit, found: Examination, of_inputs: Iterable[Relation]
) -> None:
    """All columns but inputs, and all relations but those ``of_inputs``, are some gadget's; each has its claims."""
    witness = {column.name for column in circuit.home("witness")}
    made = gadgets(circuit)
    assert sorted(c for g in made for c in g.columns) == sorted(witness - {*inputs(circuit)})
    used = [r for g in made for r in g.relations] + [*of_inputs]
    assert sorted(r.name for r in used) == sorted(r.name for r in relations(circuit))
    shown = {(v.claim.kind, v.claim.subject) for v in found.verdicts}
    assert {("bound", relation.name) for relation in relations(circuit)} <= shown
    assert {("range", column) for column in witness} <= shown


def test_a_function_of_images(images: Circuit) -> None:
    """Convolutions, pools, a table, a sum and a linear layer; the range of the input is the input's alone."""
    found = Examination()
    found.circuit(images)
    assert found.failures == [] and found.free == []
    of_input = [lookup for lookup in images.lookups if lookup.name == "image.range"]
    nothing_is_left_out(images, found, of_input)


@pytest.mark.parametrize("number", range(11))
def test_what_is_loose_of_images_has_two_witnesses(images: Circuit, number: int) -> None:
    """The highest digit of a value may be wider, as elsewhere."""
    made = gadgets(images)
    assert len(made) == 11
    gadget = made[number]
    assert counterexamples(images, made, gadget.columns) == set()
    layers = "depthwise", "second", "mean.sum_pool", "head"
    harmless = {f"{layer}.limb0.range" for layer in layers}
    for what, other, loose in loosened(images, gadget):
        among = [loose if each is gadget else each for each in made]
        expected = what in {f"{how} {name}" for how in ("wider", "one more") for name in harmless}
        assert (not counterexamples(other, among, gadget.columns)) == expected, what


def test_bounds_of_windows_are_as_small_as_they_may_be(images: Circuit) -> None:
    """Outside of an image both an offset value and its offset are missing."""
    least = {each.name: bound for each, bound in false_bounds(tight(images, 1))}
    assert false_bounds(images) == [] and set(least) == {e.name for e in tight(images, 1).einsums}
    assert refuted(images, "second.requantize") == 0
    assert refuted(tight(images, 1), "second.requantize") > 0


def tight(circuit: Circuit, by: int) -> Circuit:
    """The circuit with smaller bounds on its einsums."""
    einsums = tuple(replace(e, bound=e.bound - by) for e in circuit.einsums)
    return replace(circuit, einsums=einsums)


def test_the_small_model(small: tuple[Circuit, Circuit]) -> None:
    found = Examination()
    for circuit in small:
        found.circuit(circuit)
    assert found.failures == [] and found.free == ["self_attn.softmax.select"]


def test_a_rounded_embedding() -> None:
    """Rows lose three bits as they enter the stream; their limb and their remainder are determined."""
    text = SMALL.read_text().replace(
        "[40, 16], bits = 16, frac = 13", "[40, 16], bits = 16, frac = 22"
    )
    found = Examination()
    for circuit in circuits(text.replace("%1 shift 6", "%1 shift -3")):
        found.circuit(circuit)
        gadget = next(g for g in gadgets(circuit) if "embed_tokens.rem0" in g.columns)
        gathered = ("embed_tokens.rows",) * bool(circuit.reveals)
        assert gadget.columns == (*gathered, "embed_tokens.limb0", "embed_tokens.rem0")
    assert found.failures == [] and found.free == ["self_attn.softmax.select"]


def test_a_selected_cell_is_free_only_among_equals(real: tuple[Circuit, Circuit]) -> None:
    circuit = real[0]
    gadget = next(g for g in gadgets(circuit) if primitive(circuit, g) == "maximum")
    _, rest = Claims(circuit).unique(gadget.columns)
    verdict = decide(rest)
    assert not verdict.holds and rest.cells and violated(rest.cells, verdict.example) == []
    assert differing(verdict) == ["self_attn.softmax.select"]
    # If the cells that the two witnesses select do not tie, there are no two.
    first, second = (
        next(v for v in rest.cells.variables if "scores" in v and f"@some.{copy}" in v)
        for copy in (1, 2)
    )
    untied = rest.text + asserted(negated(equal(name(first), name(second))))
    assert decide(replace(rest, text=untied)).holds


# Loosened circuits

Change = tuple[str, Circuit, Gadget]


def changed(
    circuit: Circuit, gadget: Gadget, old: Relation, new: Relation | None, **more: object
) -> tuple[Circuit, Gadget]:
    """The circuit and the gadget with another relation, or none, in the place of one."""
    kept = tuple(
        new if r is old else r for r in gadget.relations if new is not None or r is not old
    )
    every = getattr(circuit, LISTS[type(old)])
    every = tuple(new if r is old else r for r in every if new is not None or r is not old)
    return replace(circuit, **{LISTS[type(old)]: every}, **more), replace(gadget, relations=kept)


def with_rows(
    circuit: Circuit, gadget: Gadget, lookup: Lookup, contents: np.ndarray
) -> tuple[Circuit, Gadget]:
    """The lookup in a table of other rows; a column of its own is declared as wide as they are."""
    table = Table("other", contents.shape[1], len(contents))
    columns: Iterable[Column] = circuit.columns
    (term, *others) = lookup.exprs[0].terms
    if contents.shape[1] == 1 and not others:
        wide = int(contents.max())
        columns = [replace(c, high=wide) if c.name == term.column else c for c in columns]
    return changed(
        circuit,
        gadget,
        lookup,
        replace(lookup, table="other"),
        columns=tuple(columns),
        tables=(*circuit.tables, table),
        data={**circuit.data, "other": contents},
    )


def loosened(circuit: Circuit, gadget: Gadget) -> Iterator[Change]:
    """Each relation left out, each range a bit wider or of one more number, each table with one more row."""
    for relation in gadget.relations:
        yield f"no {relation.name}", *changed(circuit, gadget, relation, None)
        if not isinstance(relation, Lookup):
            continue
        contents = circuit.data[relation.table]
        if len(relation.exprs) > 1:
            row = contents[len(contents) // 2].copy()
            row[1] += 1
            more = np.concatenate([contents, row[None]])
            yield f"one more row {relation.name}", *with_rows(circuit, gadget, relation, more)
            continue
        for what, count in (("wider", 2 * len(contents)), ("one more", len(contents) + 1)):
            wide = np.arange(count)[:, None]
            yield f"{what} {relation.name}", *with_rows(circuit, gadget, relation, wide)


def counterexamples(circuit: Circuit, made: list[Gadget], columns: Iterable[str]) -> set[str]:
    """The kinds of claims about some columns that a checked counterexample refutes."""
    columns, found = set(columns), set()

    def refuted(claim: Claim) -> bool:
        verdict = decide(claim)
        if verdict.holds:
            return False
        assert claim.cells is not None and violated(claim.cells, verdict.example) == []
        if claim.kind != "range":
            assert differing(verdict) or distinct_tokens(verdict.example)
        found.add(claim.kind)
        return True

    whole = Claims(circuit, given=tuple(made))
    unranged = frozenset(c.subject for c in whole.ranges(columns) if refuted(c))
    left = Claims(circuit, unranged, given=tuple(made))
    try:
        for claim in left.unique(columns):
            refuted(claim)
    except ZklemmaError:
        # A column that may be anything is enough; what else it breaks may be too much to ask.
        assert "range" in found
    return found


def distinct_tokens(example: Mapping[str, int]) -> bool:
    return example.get("index.next.1") != example.get("index.next.2")


PRIMITIVES = {
    False: ("normalise", "round", "maximum", "divide", "table", "argmax"),
    True: ("compare", "product", "gather", "argmax"),
}


@pytest.mark.parametrize(
    ("private", "kind"),
    [(private, kind) for private, kinds in PRIMITIVES.items() for kind in kinds],
)
def test_what_is_loose_has_two_witnesses(
    small: tuple[Circuit, Circuit], private: bool, kind: str
) -> None:
    circuit = small[private]
    made = gadgets(circuit)
    gadget = next(g for g in made if primitive(circuit, g) == kind)
    tried = set()
    free = {"rest"} if kind == "maximum" else set()
    assert counterexamples(circuit, made, gadget.columns) == free
    for what, other, loose in loosened(circuit, gadget):
        tried.add(what)
        among = [loose if each is gadget else each for each in made]
        found = counterexamples(other, among, gadget.columns)
        harmless = what.replace("one more ", "wider ") in HARMLESS[private]
        assert (not found - free) == harmless, what
    assert len(tried) >= len(gadget.relations)


def test_each_primitive_is_tried(real: tuple[Circuit, Circuit]) -> None:
    for private, circuit in enumerate(real):
        kinds = {primitive(circuit, gadget) for gadget in gadgets(circuit)}
        assert kinds <= {*PRIMITIVES[False], *PRIMITIVES[bool(private)]}


def test_a_looser_range_in_the_text_is_found_out(real: tuple[Circuit, Circuit]) -> None:
    """Gadgets are made of the circuit as it is, and the looked-up range stays as declared."""
    circuit = real[0]
    lookup = next(x for x in circuit.lookups if x.name == "self_attn.q_proj.rem0.range")
    wide = replace(lookup, table="u16")
    assert len(circuit.data[lookup.table]) == 1 << 15
    lookups = tuple(wide if x is lookup else x for x in circuit.lookups)
    other = Claims(replace(circuit, lookups=lookups), frozenset({"self_attn.q_proj.rem0"}))
    (claim,) = other.ranges(["self_attn.q_proj.rem0"])
    assert not decide(claim).holds
    (unique, _) = other.unique(["self_attn.q_proj.rem0"])
    verdict = decide(unique)
    assert not verdict.holds and unique.cells
    assert violated(unique.cells, verdict.example) == []
    assert "self_attn.q_proj.limb0" in differing(verdict)


# Bounds


def refuted(circuit: Circuit, relation: str) -> int:
    """How many claims on the bound of a relation do not hold."""
    return sum(not decide(c).holds for c in bounds(circuit) if c.subject == relation)


@pytest.mark.parametrize(
    "relation",
    [
        "self_attn.q_proj.requantize",
        "self_attn.softmax.remainder_below",
        # Bounds that rest on more than intervals.
        "input_layernorm.square_sum",
        "norm.square_sum",
        "self_attn.attend.requantize",
    ],
)
def test_bounds_are_as_small_as_they_may_be(real: tuple[Circuit, Circuit], relation: str) -> None:
    """One below is refuted: what is shown is just what stands there."""
    circuit = real[0]
    assert refuted(circuit, relation) == 0
    einsums = tuple(
        replace(e, bound=e.bound - 1) if e.name == relation else e for e in circuit.einsums
    )
    linears = tuple(
        replace(e, bound=e.bound - 1) if e.name == relation else e for e in circuit.linears
    )
    assert refuted(replace(circuit, einsums=einsums, linears=linears), relation) > 0


def test_the_bound_on_what_is_normalised(real: tuple[Circuit, Circuit]) -> None:
    """It rests on sqrt(m + 1) r over the table, which the circuit rounds up."""
    circuit, relation = real[0], "input_layernorm.requantize"
    assert refuted(circuit, relation) == 0
    einsums = tuple(
        replace(e, bound=e.bound - e.bound // 1000) if e.name == relation else e
        for e in circuit.einsums
    )
    assert refuted(replace(circuit, einsums=einsums), relation) > 0


def test_a_larger_delta_breaks_the_induction(real: tuple[Circuit, Circuit]) -> None:
    circuit = real[0]
    wide = tuple(
        replace(c, high=2 * c.high + 1) if c.name == "post_attention_layernorm.limb1" else c
        for c in circuit.columns
    )
    assert refuted(replace(circuit, columns=wide), "pre_feedforward_layernorm.square_sum") > 0


def test_a_norm_without_its_relations_has_no_bound(real: tuple[Circuit, Circuit]) -> None:
    """The remainder is below 4^e by one relation, on which the bound on x u g rests."""
    circuit = real[0]
    linears = tuple(e for e in circuit.linears if e.name != "input_layernorm.remainder_below")
    assert refuted(replace(circuit, linears=linears), "input_layernorm.requantize") > 0


# What exists


@pytest.mark.parametrize("column", ["self_attn.q_proj.rem0", "self_attn.softmax.top0"])
def test_what_is_too_narrow_has_no_witness(real: tuple[Circuit, Circuit], column: str) -> None:
    """One number fewer in the table of a range, and some inputs have no witness."""
    circuit = real[0]
    lookup = next(x for x in circuit.lookups if x.name == f"{column}.range")
    fewer = circuit.data[lookup.table][:-1]
    other = replace(
        circuit,
        lookups=tuple(replace(x, table="other") if x is lookup else x for x in circuit.lookups),
        tables=(*circuit.tables, Table("other", 1, len(fewer))),
        data={**circuit.data, "other": fewer},
    )
    for each, holds in ((circuit, True), (other, False)):
        found = [c for c in Claims(each).exists() if c.gadget and column in c.gadget.columns]
        assert all(decide(claim).holds for claim in found) == holds


def test_rounding_elsewhere_is_another_function(real: tuple[Circuit, Circuit]) -> None:
    """A constant one off leaves y unique; the y that rounds to nearest is no longer it."""
    circuit = real[0]
    einsum = next(e for e in circuit.einsums if e.name == "mlp.up_proj.requantize")
    off = replace(einsum, lhs=replace(einsum.lhs, constant=einsum.lhs.constant + 1))
    other = replace(circuit, einsums=tuple(off if e is einsum else e for e in circuit.einsums))
    gadget = next(g for g in gadgets(circuit) if einsum in g.relations)
    honest = Claims(circuit)
    (claim, *_) = honest.unique(gadget.columns)
    whole = frozenset(r.name for r in relations(circuit))
    pair = []
    for copy, each in enumerate((circuit, other), 1):
        made = next(g for g in gadgets(each) if "mlp.up_proj.limb0" in g.columns)
        pair.append(
            Cells(
                each, honest.intervals, made.columns, made.relations, honest.ranged, whole, (copy,)
            )
        )
    first, second = pair
    assert claim.cells is not None
    first.variables |= second.variables
    first.columns |= second.columns
    first.equations += second.equations
    first.rows += second.rows
    found = decide(honest.difference("unique", gadget, first, [_limb(1, 2)], []))
    assert not found.holds and violated(first, found.example) == []


def _limb(*copies: int) -> tuple[str, str]:
    one, two = (f"mlp.up_proj.limb0#{copy}" for copy in copies)
    return one, two


# Text


def test_scripts_hold_all_claims(small: tuple[Circuit, Circuit]) -> None:
    circuit = small[1]
    counts = Counter(claim.kind for claim in claims(circuit))
    for kind, text in scripts(circuit).items():
        assert text.count("(check-sat)") == text.count("(push 1)") == counts[kind] > 0
        assert text.startswith("(set-logic ALL)\n")
    found = rows(circuit)
    assert {row.primitive for row in found} >= {"round", "normalise", "argmax", "gather"}
    assert sum(row.claims["unique"] for row in found) == counts["unique"] == len(gadgets(circuit))


def test_no_claim_holds_for_want_of_inputs(small: tuple[Circuit, Circuit]) -> None:
    """Without what must not be, which is the last thing asserted, a claim's text has a model. Of the exponents of a
    norm, some are of inputs that are too small or too large to be."""
    possible: dict[tuple[str, str, tuple[str, ...]], bool] = {}
    for claim in claims(small[0]):
        key = claim.kind, claim.subject, claim.gadget.columns if claim.gadget else ()
        if not possible.get(key):
            *given, wanted = claim.text.strip().splitlines()
            assert wanted.startswith("(assert ")
            text = "\n".join(given)
            possible[key] = not decide(Claim(claim.kind, claim.subject, text)).holds
    assert all(possible.values())


def test_what_can_not_be_read_is_refused(small: tuple[Circuit, Circuit]) -> None:
    circuit = small[0]
    exp = next(x.table for x in circuit.lookups if x.name == "self_attn.softmax.exponential")
    contents = circuit.data[exp].copy()
    contents[:, 0] *= 2
    with pytest.raises(UserError, match="does not determine the others"):
        list(Claims(replace(circuit, data={**circuit.data, exp: contents})).unique())
