"""Known mistakes of proof systems, each as an edit of the sources; `benchmarks/mutate_traps.py` makes them.

A mistake still gives a system in which honest proofs verify, wherever that is possible. Checks that are left out,
and items that are not absorbed, are found in the syntax tree instead (`sites`); these are the mistakes that are not
of that form: in what hides, in the order of things, in challenges, in the relations that the compiler states.

An edit names a file and what stands there once, token by token: neither lines, indentation, commas before brackets
nor comments matter, nor where in the file it is. `test_traps` finds out at once if one fits no more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROTOCOL = "runtime/protocol"
TOKEN = re.compile(
    r'"""[\s\S]*?"""|"(?:\\.|[^"\\\n])*"|(?P<nothing>#[^\n]*|\s+|,(?=\s*[)\]}]))|\w+|[^\w\s]'
)

Edit = tuple[str, str, str]


@dataclass(frozen=True)
class Trap:
    """``edits``: (file, what stands there once, what takes its place)."""

    name: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]


def tokens(text: str) -> list[tuple[str, int, int]]:
    """The tokens of a piece of source, with their places in it."""
    found = TOKEN.finditer(text)
    return [(match[0], *match.span()) for match in found if match["nothing"] is None]


def edited(text: str, old: str, new: str) -> str:
    """``text`` with ``new`` in the place of ``old``; ValueError unless that is there once."""
    whole, part = tokens(text), [token for token, *_ in tokens(old)]
    words = [token for token, *_ in whole]
    places = [i for i in range(len(words) - len(part) + 1) if words[i : i + len(part)] == part]
    if len(places) != 1:
        raise ValueError(f"{len(places)} times: {old}")
    start, end = whole[places[0]][1], whole[places[0] + len(part) - 1][2]
    indentation = old[: len(old) - len(old.lstrip(" "))]
    return text[:start] + new.removeprefix(indentation).rstrip("\n") + text[end:]


def trapped(trap: Trap, root: Path = ROOT) -> Mapping[str, str]:
    """The sources of the files that a trap changes; ValueError where an edit does not fit."""
    found: dict[str, str] = {}
    for file, old, new in trap.edits:
        try:
            found[file] = edited(found.get(file) or (root / file).read_text(), old, new)
        except ValueError as error:
            raise ValueError(f"{trap.name}: {file} has {error}") from None
    return found


HIDING = (
    "tests/hiding/traps/test_hiding.py",
    "tests/soundness/test_hiding.py",
    "tests/hiding/test_distribution.py",
)
SCRIPT = ("tests/protocol/test_transcript.py",)
TREES = ("tests/protocol/test_merkle.py",)
WHOLE = ("tests/protocol/test_end_to_end.py",)
COUNTS = ("tests/soundness/test_cells.py::test_counts_of_table_rows",)
LOOKUPS = ("tests/hiding/traps/test_lookups.py",)
RELATIONS = (
    "tests/hiding/traps/test_relations.py",
    "tests/lowering/test_lower.py::test_honest_witness_satisfies_everything",
    "tests/lowering/test_lower.py::test_limbs_can_not_carry",
)
TOKEN_TESTS = ("tests/lowering/test_private_tokens.py",)
IDENTITY = ("tests/hiding/traps/test_identity.py",)
BUDGET = (
    "tests/hiding/test_budget.py::test_counted_before_the_proof_is_begun",
    "tests/hiding/test_budget.py::test_a_proof_that_is_killed_is_counted",
)

PROVER = "runtime/proving/prover.py"
PADS = f"{PROTOCOL}/pads/prover.py"
UNIFORM = "uniform = randomness.elements(2, 1 << p.log_columns)"
WITNESS_MASKS = "masks = randomness.elements(plan.rows[-1], p.mask_columns)"
PADS_DRAWN = "self.pads = randomness.elements(2, cells(plan))"
OTHER_DRAWN = "self.other = randomness.elements(2, cells(plan))"
PRIMITIVES = "compiler/primitives"
ROUND, DIVMOD = f"{PRIMITIVES}/round.py", f"{PRIMITIVES}/divmod.py"
NORMALISE, MAXIMUM = f"{PRIMITIVES}/normalise.py", f"{PRIMITIVES}/maximum.py"
CONVERSION = "compiler/transforms/convert_quant_to_zk"
ATTENTION, COLUMNS = f"{CONVERSION}/attention.py", f"{CONVERSION}/private_tokens.py"


def after(file: str, line: str, more: str) -> Edit:
    """``more`` behind a line of the file, indented like it."""
    return file, line, f"{line}\n        {more}" if file == PADS else f"{line}\n    {more}"


ZERO_KNOWLEDGE = [
    Trap(
        "the root's denominator is sent as it is",
        (
            (
                f"{PROTOCOL}/lookup/prover.py",
                'channel.masked("lookup root", [p, q])',
                'channel.masked("lookup root", [p])\n    channel.clear("lookup root", [q])',
            ),
            (
                f"{PROTOCOL}/lookup/verifier.py",
                'p, q = channel.masked("lookup root", 2)',
                '(p,) = channel.masked("lookup root", 1)\n'
                '    q = Affine(channel.clear("lookup root")[0])',
            ),
        ),
        HIDING,
    ),
    Trap(
        "factors are sent as they are",
        (
            (
                f"{PROTOCOL}/prover_channel.py",
                "sent.append(value - Ext(int(pad[0]), int(pad[1])))",
                'sent.append(value - (0 if label == "factor" else Ext(int(pad[0]), int(pad[1]))))',
            ),
        ),
        HIDING,
    ),
    Trap(
        "what is deferred is sent as it is",
        (
            (
                f"{PROTOCOL}/prover_channel.py",
                "sent.append(value - Ext(int(pad[0]), int(pad[1])))",
                'bare = label == "deferred values"\n'
                "            sent.append(value - (0 if bare else Ext(int(pad[0]), int(pad[1]))))",
            ),
        ),
        HIDING,
    ),
    Trap(
        "one pad for two messages",
        (after(PADS, PADS_DRAWN, "self.pads[:, 1] = self.pads[:, 0]"),),
        HIDING,
    ),
    Trap(
        "a pad of a product masks a message too",
        (
            (
                PADS,
                "salts = randomness.elements(SALT_WORDS, 1 << p.pads_log_code)",
                "self.pads[:, needed(plan).triples[0][2] + 3] = self.pads[:, needed(plan).triples[0][2]]\n"
                "        salts = randomness.elements(SALT_WORDS, 1 << p.pads_log_code)",
            ),
        ),
        HIDING,
    ),
    Trap(
        "pads reused across attempts",
        (
            (
                PADS,
                PADS_DRAWN,
                "self.pads = _KEPT.setdefault((randomness.hiding, cells(plan)), "
                "randomness.elements(2, cells(plan))).copy()",
            ),
            (PADS, "class Pads:", "_KEPT = {}\n\n\nclass Pads:"),
        ),
        HIDING,
    ),
    Trap(
        "P' reused across attempts",
        (
            (
                PADS,
                OTHER_DRAWN,
                "self.other = _KEPT.setdefault((randomness.hiding, cells(plan)), "
                "randomness.elements(2, cells(plan)))",
            ),
            (PADS, "class Pads:", "_KEPT = {}\n\n\nclass Pads:"),
        ),
        HIDING,
    ),
    Trap(
        "R reused across attempts",
        (
            (
                PROVER,
                UNIFORM,
                "uniform = _KEPT.setdefault((subject.hiding, p.log_columns), "
                "randomness.elements(2, 1 << p.log_columns))",
            ),
            (PROVER, "class CommittedWeights:", "_KEPT = {}\n\n\nclass CommittedWeights:"),
        ),
        HIDING,
    ),
    Trap(
        "R derived from the statement",
        (
            after(
                PROVER,
                UNIFORM,
                "seed = list(subject.identity[-1][1])\n"
                "    seeded = np.random.default_rng(seed)\n"
                "    uniform = seeded.integers(0, field.P, uniform.shape, np.uint64) * subject.hiding",
            ),
        ),
        HIDING,
    ),
    Trap(
        "witness masks reused across attempts",
        (
            (
                PROVER,
                WITNESS_MASKS,
                "masks = _KEPT.setdefault((subject.hiding, plan.rows[-1], p.mask_columns), "
                "randomness.elements(plan.rows[-1], p.mask_columns))",
            ),
            (PROVER, "class CommittedWeights:", "_KEPT = {}\n\n\nclass CommittedWeights:"),
        ),
        HIDING,
    ),
    Trap(
        "randomness from a seed",
        (
            (
                "runtime/randomness.py",
                "np.frombuffer(os.urandom(8 * missing.size), np.uint64)",
                "np.random.default_rng(0).integers(0, 2**64, missing.size, np.uint64)",
            ),
        ),
        HIDING,
    ),
    Trap(
        "random words reduced, not drawn again",
        (
            (
                "runtime/randomness.py",
                "    while (missing := ",
                "    out %= np.uint64(P)\n    while (missing := ",
            ),
        ),
        HIDING,
    ),
    Trap(
        "witness leaves without salt",
        (
            (
                PROVER,
                "randomness.elements(SALT_WORDS, 1 << p.log_code)",
                "np.zeros((SALT_WORDS, 1 << p.log_code), np.uint64)",
            ),
        ),
        HIDING,
    ),
    Trap(
        "pads' leaves without salt",
        (
            (
                PADS,
                "randomness.elements(SALT_WORDS, 1 << p.pads_log_code)",
                "np.zeros((SALT_WORDS, 1 << p.pads_log_code), np.uint64)",
            ),
        ),
        HIDING,
    ),
    Trap(
        "weights' leaves without salt",
        (
            (
                "runtime/model/masks.py",
                "randomness.elements(*cells), randomness.elements(*salts)",
                "randomness.elements(*cells), Randomness(False).elements(*salts)",
            ),
        ),
        HIDING,
    ),
    Trap(
        "one salt for all leaves",
        (
            (
                PROVER,
                "randomness.elements(SALT_WORDS, 1 << p.log_code)",
                "np.repeat(randomness.elements(SALT_WORDS, 1), 1 << p.log_code, axis=1)",
            ),
        ),
        HIDING,
    ),
    Trap(
        "salts of 64 bits",
        ((f"{PROTOCOL}/commitment/merkle.py", "SALT_WORDS = 2", "SALT_WORDS = 1"),),
        (*HIDING, *TREES),
    ),
    Trap(
        "witness rows without masks",
        (after(PROVER, WITNESS_MASKS, "masks[:] = 0"),),
        HIDING,
    ),
    Trap(
        "the same masks in every row",
        (after(PROVER, WITNESS_MASKS, "masks[:] = masks[:1, :1]"),),
        HIDING,
    ),
    Trap(
        "the last row without masks",
        (after(PROVER, WITNESS_MASKS, "masks[-1, -1] = 0"),),
        HIDING,
    ),
    Trap(
        "weights without masks",
        (
            (
                "runtime/model/masks.py",
                "randomness.elements(*cells), randomness.elements(*salts)",
                "Randomness(False).elements(*cells), randomness.elements(*salts)",
            ),
        ),
        HIDING,
    ),
    Trap(
        "pad vectors without masks",
        (after(PADS, PADS_DRAWN, "self.pads[:, needed(plan).pads + 1 :] = 0"),),
        HIDING,
    ),
    Trap(
        "mask cells left out of the fold",
        ((f"{PROTOCOL}/opening/prover.py", "if masks.any():", "if False:"),),
        WHOLE,
    ),
    Trap(
        "R shorter than a row",
        (after(PROVER, UNIFORM, "uniform[:, p.data_columns :] = 0"),),
        HIDING,
    ),
    Trap(
        "R over F only",
        (after(PROVER, UNIFORM, "uniform[1] = 0"),),
        HIDING,
    ),
    Trap(
        "no spare cell in V",
        (
            (PADS, "v = v + pads.value(pads.pads, spare)", "pass"),
            (PADS, "u = u + pads.value(pads.other, spare)", "pass"),
            (
                f"{PROTOCOL}/pads/verifier.py",
                "Ext(int(star[0, wanted.pads]), int(star[1, wanted.pads])), Ext.ONE",
                "Ext.ZERO, Ext.ONE",
            ),
        ),
        HIDING,
    ),
    Trap(
        "fewer mask cells than queries",
        (
            (
                f"{PROTOCOL}/parameters.py",
                "range(14 if hiding else 10, 23)",
                "range(6, 23)",
            ),
        ),
        ("tests/hiding/test_simulator.py", "tests/protocol/test_parameters.py"),
    ),
    Trap(
        "fewer mask cells of pads than queries",
        ((f"{PROTOCOL}/parameters.py", "    masks = 128\n", "    masks = 64\n"),),
        ("tests/hiding/test_simulator.py", "tests/protocol/test_parameters.py"),
    ),
    Trap(
        "mask cells scattered",
        (
            (
                f"{PROTOCOL}/commitment/slabs.py",
                "part[:, self._data :] = masks[low:high]",
                "part[:, self._data :: 2] = masks[low:high, ::2]",
            ),
        ),
        HIDING,
    ),
    Trap(
        "eta before rho",
        (
            (
                f"{PROTOCOL}/opening/prover.py",
                '    channel.masked("mask", [Ext.of(inner(uniform, g))])\n'
                "    eta = channel.challenge()\n",
                "    eta = channel.challenge()\n"
                '    channel.masked("mask", [Ext.of(inner(uniform, g))])\n',
            ),
            (
                f"{PROTOCOL}/opening/verifier.py",
                '    (rho,) = channel.masked("mask", 1)\n    eta = channel.challenge()\n',
                '    eta = channel.challenge()\n    (rho,) = channel.masked("mask", 1)\n',
            ),
        ),
        SCRIPT,
    ),
    Trap(
        "positions before f' is committed",
        (
            (
                f"{PROTOCOL}/opening/prover.py",
                '    channel.raw("folded root", code.root)\n'
                "    positions = draw_positions(channel, p.queries, p.grind, p.log_code)\n",
                "    positions = draw_positions(channel, p.queries, p.grind, p.log_code)\n"
                '    channel.raw("folded root", code.root)\n',
            ),
            (
                f"{PROTOCOL}/opening/verifier.py",
                '    root = channel.raw("folded root", DIGEST)\n'
                "    positions = draw_positions(channel, p.queries, p.grind, p.log_code)\n",
                "    positions = draw_positions(channel, p.queries, p.grind, p.log_code)\n"
                '    root = channel.raw("folded root", DIGEST)\n',
            ),
        ),
        SCRIPT,
    ),
    Trap(
        "eta of the pads before tau, U and V",
        (
            (
                PADS,
                "    form, _ = replay.linear_form(channel.challenge())\n",
                "    eta = channel.challenge()\n"
                "    form, _ = replay.linear_form(channel.challenge())\n",
            ),
            (
                PADS,
                '    channel.clear("pad sums", [tau, u, v])\n    eta = channel.challenge()\n',
                '    channel.clear("pad sums", [tau, u, v])\n',
            ),
            (
                f"{PROTOCOL}/pads/verifier.py",
                "    form, sigma = channel.linear_form(channel.challenge())\n",
                "    eta = channel.challenge()\n"
                "    form, sigma = channel.linear_form(channel.challenge())\n",
            ),
            (
                f"{PROTOCOL}/pads/verifier.py",
                'channel.clear("pad sums", 3)\n    eta = channel.challenge()\n',
                'channel.clear("pad sums", 3)\n',
            ),
        ),
        SCRIPT,
    ),
    Trap(
        "positions of pads before P*",
        (
            (
                PADS,
                '    channel.clear("pads", [Ext(int(a), int(b)) for a, b in star.T])\n'
                "    query(channel, pads.code, p.pads_queries, p.grind, p.pads_log_code)\n",
                "    from ..commitment.prover import draw_positions, open_columns\n\n"
                "    positions = draw_positions(channel, p.pads_queries, p.grind, p.pads_log_code)\n"
                '    channel.clear("pads", [Ext(int(a), int(b)) for a, b in star.T])\n'
                "    open_columns(channel, pads.code, positions)\n",
            ),
            (
                f"{PROTOCOL}/pads/verifier.py",
                "    star = np.array([(x.a, x.b)",
                "    positions = draw_positions(channel, p.pads_queries, p.grind, p.pads_log_code)\n"
                "    star = np.array([(x.a, x.b)",
            ),
            (
                f"{PROTOCOL}/pads/verifier.py",
                "    positions = draw_positions(channel, p.pads_queries, p.grind, p.pads_log_code)\n"
                "    opened =",
                "    opened =",
            ),
        ),
        SCRIPT,
    ),
    Trap(
        "budget counted after release",
        (
            ("runtime/proving/answer.py", "    artifact.budget.spend()\n", ""),
            ("runtime/proving/answer.py", "    return run(\n", "    found = run(\n"),
            (
                "runtime/proving/answer.py",
                "progress or Silent()\n    )\n\n\ndef security_bits",
                "progress or Silent()\n    )\n    artifact.budget.spend()\n"
                "    return found\n\n\ndef security_bits",
            ),
        ),
        BUDGET,
    ),
    Trap(
        "budget not counted",
        (("runtime/proving/answer.py", "    artifact.budget.spend()\n", ""),),
        BUDGET,
    ),
]

TRANSCRIPT = f"{PROTOCOL}/transcript.py"
FIAT_SHAMIR = [
    Trap(
        "labels are not absorbed",
        ((TRANSCRIPT, "len(name), len(data)) + name)", "0, len(data)))"),),
        SCRIPT,
    ),
    Trap(
        "lengths are not absorbed",
        ((TRANSCRIPT, "len(name), len(data)) + name)", "0, 0) + name)"),),
        SCRIPT,
    ),
    Trap(
        "challenges reduced modulo the prime",
        (
            (
                TRANSCRIPT,
                "words = (word for word in self._words() if word < P)",
                "words = (word % P for word in self._words())",
            ),
        ),
        SCRIPT,
    ),
    Trap(
        "challenges in F",
        ((TRANSCRIPT, "Ext(next(words), next(words))", "Ext(next(words), 0 * next(words))"),),
        SCRIPT,
    ),
    Trap(
        "challenges in the lower half of the field",
        ((TRANSCRIPT, "if word < P)", "if word < P // 2)"),),
        SCRIPT,
    ),
    Trap(
        "batching by powers of one challenge where they should be independent",
        (
            (
                TRANSCRIPT,
                "return [Ext(next(words), next(words)) for _ in range(count)]",
                "x = Ext(next(words), next(words))\n        return [x] * count",
            ),
        ),
        SCRIPT,
    ),
    Trap(
        "positions in the lower half only",
        ((TRANSCRIPT, "& (length - 1)", "& (length // 2 - 1)"),),
        SCRIPT,
    ),
    Trap(
        "work without a seed",
        ((TRANSCRIPT, "blake2b(seed + struct", "blake2b(struct"),),
        SCRIPT,
    ),
    Trap(
        "pads committed after the relations' challenges",
        (
            (
                f"{PROTOCOL}/conversation.py",
                '    pads_root = channel.raw("pads root", DIGEST)\n'
                "    claims = verify_circuit(channel, subject.plan, subject.expander)\n",
                "    claims = verify_circuit(channel, subject.plan, subject.expander)\n"
                '    pads_root = channel.raw("pads root", DIGEST)\n',
            ),
            (PROVER, '    channel.raw("pads root", pads.code.root)\n', ""),
            (
                PROVER,
                "    einsum_prover.prove(channel, plan, subject.expander, columns, deferred)\n",
                "    einsum_prover.prove(channel, plan, subject.expander, columns, deferred)\n"
                '    channel.raw("pads root", pads.code.root)\n',
            ),
        ),
        SCRIPT,
    ),
    Trap(
        "the witness committed after its relations' point",
        (
            (
                f"{PROTOCOL}/conversation.py",
                '    witness_root = channel.raw("witness root", DIGEST)\n',
                '    channel.challenge()\n    witness_root = channel.raw("witness root", DIGEST)\n',
            ),
            (
                PROVER,
                '    channel.raw("witness root", code.root)\n',
                '    channel.challenge()\n    channel.raw("witness root", code.root)\n',
            ),
        ),
        SCRIPT,
    ),
    Trap(
        "products are weighed before what is deferred to them",
        (
            (
                f"{PROTOCOL}/einsum/verifier.py",
                "    for claim, (scale, weights) in zip(plan.deferred, deferred, strict=True):\n",
                "    gammas = channel.challenges(len(plan.instances))\n"
                "    for claim, (scale, weights) in zip(plan.deferred, deferred, strict=True):\n",
            ),
            (
                f"{PROTOCOL}/einsum/verifier.py",
                "    claims = [lookups, *claims]\n    gammas = channel.challenges(len(plan.instances))\n",
                "    claims = [lookups, *claims]\n",
            ),
            (
                f"{PROTOCOL}/einsum/prover.py",
                "    for claim in plan.deferred:\n",
                "    weights = channel.challenges(len(plan.instances))\n    for claim in plan.deferred:\n",
            ),
            (
                f"{PROTOCOL}/einsum/prover.py",
                "    gammas = channel.challenges(len(plan.instances))\n",
                "    gammas = weights\n",
            ),
        ),
        SCRIPT,
    ),
    Trap(
        "a leaf readable as a node",
        ((f"{PROTOCOL}/commitment/merkle.py", 'LEAF = b"zklemma.leaf"', 'LEAF = b"zklemma.node"'),),
        TREES,
    ),
]

RELATION = [
    Trap(
        "tables without a tag",
        (
            (f"{PROTOCOL}/lookup/verifier.py", "tag = source.tag", "tag = 0"),
            (f"{PROTOCOL}/lookup/components.py", "tag = plan.sources[leaf.table].tag", "tag = 0"),
        ),
        COUNTS,
    ),
    Trap(
        "the identity of the first group only",
        (
            (
                f"{PROTOCOL}/lookup/verifier.py",
                "point = channel.challenges(plan.group_bits)",
                "point = [Ext.ZERO for _ in channel.challenges(plan.group_bits)]",
            ),
            (
                f"{PROTOCOL}/lookup/prover.py",
                "point = channel.challenges(plan.group_bits)",
                "point = [Ext.ZERO for _ in channel.challenges(plan.group_bits)]",
            ),
        ),
        LOOKUPS,
    ),
    Trap(
        "fingerprints by one component",
        (
            (
                f"{PROTOCOL}/lookup/shared.py",
                "LookupChallenges(alpha, [1, *rest[: arity - 1]], tag",
                "LookupChallenges(alpha, [1] + [Ext.ZERO] * (arity - 1), tag",
            ),
        ),
        LOOKUPS,
    ),
    Trap(
        "all components weigh the same",
        (
            (
                f"{PROTOCOL}/lookup/shared.py",
                "LookupChallenges(alpha, [1, *rest[: arity - 1]], tag",
                "LookupChallenges(alpha, [1] + [Ext.ONE] * (arity - 1), tag",
            ),
        ),
        LOOKUPS,
    ),
    Trap(
        "cells outside the columns count",
        (
            (
                f"{PROTOCOL}/axis_weights.py",
                "constant * prefix(weights[axis], self.size[axis])",
                "constant * prefix(weights[axis], 1 << self.bits[axis])",
            ),
            (
                f"{PROTOCOL}/axis_weights.py",
                "coefficient * prefix(weights[axis], self.size[axis])",
                "coefficient * prefix(weights[axis], 1 << self.bits[axis])",
            ),
        ),
        WHOLE,
    ),
    Trap(
        "block bits reversed",
        (
            (
                f"{PROTOCOL}/opening/forms.py",
                "_BITS[(i - offset) >> k & 1] for k in reversed(range(bits))",
                "_BITS[(i - offset) >> k & 1] for k in range(bits)",
            ),
        ),
        ("tests/protocol/test_forms.py",),
    ),
    Trap(
        "weights of one layer for all",
        (
            (
                f"{PROTOCOL}/opening/forms.py",
                "start += _BITS.index(pairs[at]) << (bits - 1 - at)",
                "start += 0",
            ),
        ),
        ("tests/protocol/test_forms.py", *WHOLE),
    ),
    Trap(
        "an array for each column of a slab in the first one's place",
        (
            (
                f"{PROTOCOL}/opening/forms.py",
                "one_hot(number, bits_of(columns))",
                "one_hot(0, bits_of(columns))",
            ),
        ),
        ("tests/protocol/test_forms.py",),
    ),
    Trap(
        "limbs in tables of 16 bits",
        (
            (
                "compiler/transforms/merge_tables.py",
                "bits = op.bits.value.data",
                "bits = 16",
            ),
        ),
        RELATIONS,
    ),
    Trap(
        "limbs without ranges",
        (
            (
                ROUND,
                'b.range(f"{name}{i}.range", width, limb)',
                "pass",
            ),
        ),
        RELATIONS,
    ),
    Trap(
        "the highest limb without a range",
        (
            (
                ROUND,
                'b.range(f"{name}{i}.range"',
                "if not i or i + 1 < len(limb_widths(bits)):\n"
                '            b.range(f"{name}{i}.range"',
            ),
        ),
        RELATIONS,
    ),
    Trap(
        "the norm's remainder is not below",
        ((NORMALISE, "    remainder.below(b, p4)\n", ""),),
        RELATIONS,
    ),
    Trap(
        "the norm's exponent is free",
        ((NORMALISE, '    look_up(b, f"{name}.exponent", powers, p2, p4)\n', ""),),
        RELATIONS,
    ),
    Trap(
        "the normaliser's remainder is not below",
        ((DIVMOD, "        self.remainder.below(b, divisor)\n", ""),),
        RELATIONS,
    ),
    Trap(
        "the normaliser is free",
        (
            (
                DIVMOD,
                '        contract(b, f"{name}.reciprocal", lhs, [(inverse, divisor)])\n',
                "",
            ),
        ),
        RELATIONS,
    ),
    Trap(
        "the softmax's maximum is not attained",
        ((MAXIMUM, '    b.zero(f"{name}.one_maximum", scaled(1, chosen, -1))\n', ""),),
        RELATIONS,
    ),
    Trap(
        "the selector is not boolean",
        (
            (
                MAXIMUM,
                'zk.RowsAttr.of(["x", expression, "1"], 0, 1)',
                'zk.RowsAttr.of(["x", expression, "1"], 0, 1), '
                'zk.RowsAttr.of(["x", expression, "2"], 0, 1)',
            ),
        ),
        RELATIONS,
    ),
    Trap(
        "the maximum is selected anywhere",
        (
            (
                MAXIMUM,
                'zk.RowsAttr.of(["x", expression, "1"], 0, 1)',
                'zk.RowsAttr.of(["x", expression, "1"], 0, span)',
            ),
        ),
        RELATIONS,
    ),
    Trap(
        "future tokens are seen",
        ((ATTENTION, ", *self.hidden(b, axes, windows, 2 * span)", ""),),
        RELATIONS,
    ),
    Trap(
        "the largest logit need not be the token's",
        ((MAXIMUM, '    b.zero(f"{name}.attained", affine((row,), terms))\n', ""),),
        RELATIONS,
    ),
    Trap(
        "ties go to any token",
        (
            (
                MAXIMUM,
                "lhs = added(cells, best, scaled(-1, gap), scaled(-1, below))",
                "lhs = added(cells, best, scaled(-1, gap))",
            ),
        ),
        RELATIONS,
    ),
    Trap(
        "logits are free",
        ((MAXIMUM, '    contract(b, f"{name}.maximum", lhs, values)\n', ""),),
        RELATIONS,
    ),
    Trap(
        "products are not rounded to their operands",
        (
            (
                ROUND,
                '        contract(b, f"{name}.requantize", total, products, limit)\n',
                "        pass\n",
            ),
        ),
        RELATIONS,
    ),
    Trap(
        "rows of the embedding are not rounded to the table's",
        ((ROUND, '        b.zero(f"{name}.requantize", total)\n', "        pass\n"),),
        ("tests/lowering/test_rounded_embedding.py",),
    ),
]


def unsaid(name: str, file: str, relation: str) -> Trap:
    """A line that states a relation is gone."""
    return Trap(name, ((file, f"{relation}\n", ""),), TOKEN_TESTS)


TOKEN_RELATIONS = [
    unsaid(
        "a position is before the prompt's end, after it or both",
        COLUMNS,
        '        b.range(f"{BEFORE}.range", 1, before)',
    ),
    unsaid(
        "the prompt ends anywhere", COLUMNS, '        b.range(f"{LENGTH}.range", bits, distance)'
    ),
    unsaid(
        "another prompt is shown",
        COLUMNS,
        '        contract(b, f"{PROMPT}.masked", prompt, [(before, ids)])',
    ),
    unsaid(
        "rows come from nowhere",
        f"{PRIMITIVES}/gather.py",
        '    gather(b, f"{name}.row", index, found, source)',
    ),
    unsaid(
        "the best logit is no token's",
        MAXIMUM,
        '    contract(b, f"{name}.attained", best, at_place)',
    ),
    unsaid(
        "the token's logit need not be the largest",
        MAXIMUM,
        '    contract(b, f"{name}.order", ahead, values, factor=count)',
    ),
    unsaid(
        "what was generated is not read",
        COLUMNS,
        '        gather(b, f"{OUTPUT}.fed", position_of_step(b, 0), token, read(IDS, ("token",)))',
    ),
    Trap(
        "ties go to any private token",
        (
            (
                MAXIMUM,
                "scaled(count, best), index, scaled(-1, place), scaled(-1, order))",
                "scaled(count, best), scaled(-1, order))",
            ),
            ("runtime/witness/steps.py", "scale * behind + ahead", "scale * behind"),
        ),
        TOKEN_TESTS,
    ),
    Trap(
        "equal logits and indices are ordered by one unit",
        (
            (
                MAXIMUM,
                "    ahead = added(cells, scaled(count, best), ",
                "    count = 1\n    ahead = added(cells, scaled(count, best), ",
            ),
        ),
        TOKEN_TESTS,
    ),
    Trap(
        "a row that generates is the prompt's next",
        (
            (
                COLUMNS,
                "position_of_step(b, -1), axes, c.expr(op.x)",
                "position_of_step(b, 0), axes, c.expr(op.x)",
            ),
            (
                "runtime/witness/steps.py",
                '    run.put(step, "rows", x[run.chosen])\n    return x[run.chosen]',
                '    rows = np.roll(x, -1, axis=0)[run.chosen]\n    run.put(step, "rows", rows)\n    return rows',
            ),
        ),
        TOKEN_TESTS,
    ),
]

LINKED = "tests/hiding/test_links.py"
ROTATED = "tests/hiding/test_rotate.py"
COUNTS_OF_LINKS = (
    f"{ROTATED}::test_what_a_rotation_uses",
    f"{ROTATED}::test_counted_before_the_link_is_begun",
)
KEYS = ("tests/formats/test_keys.py",)
LINK = "runtime/model/links.py"
ROTATE = "runtime/proving/rotation.py"
FRESH = "masks = WeightMasks.fresh(circuit, parameters)"
COUNTED = "    artifact.budget.spend(rotating=True)\n"
ROTATION = [
    *(
        Trap(
            f"the model id leaves out the {label}",
            (("runtime/model/keys.py", f"for part in (self._meta, {parts}):", loop),),
            KEYS,
        )
        for parts in ("*circuits, self.tokenizer_bytes",)
        for label, loop in (
            ("name and parameters", f"for part in ({parts}):"),
            ("circuits", "for part in (self._meta, self.tokenizer_bytes):"),
            ("tokenizer", "for part in (self._meta, *circuits):"),
        )
    ),
    Trap(
        "the model id leaves out the root",
        (
            (
                "runtime/model/keys.py",
                'digest.update(len(root).to_bytes(8, "little") + root)',
                "pass",
            ),
        ),
        KEYS,
    ),
    Trap(
        "the model id does not tell its parts apart",
        (("runtime/model/keys.py", 'digest.update(len(part).to_bytes(8, "little"))', "pass"),),
        KEYS,
    ),
    Trap(
        "an ancestor has the id of the key itself",
        (("runtime/model/keys.py", "Ancestor(self._digest_under(root)", "Ancestor(self.digest"),),
        KEYS,
    ),
    Trap(
        "a link compares the older weights with themselves",
        ((LINK, "Term(-1, NEW + column.name", "Term(-1, OLD + column.name"),),
        (f"{LINKED}::test_other_weights",),
    ),
    Trap(
        "a link compares the first weights only",
        ((LINK, "tuple(_same(column) for column in params)", "(_same(params[0]),)"),),
        (f"{LINKED}::test_other_weights",),
    ),
    Trap(
        "a link's columns take each other's names",
        ((LINK, 'OLD, NEW = "old ", "new "', 'OLD, NEW = "", "new "'),),
        (f"{LINKED}::test_names_can_not_meet",),
    ),
    *(
        Trap(
            name,
            (("runtime/verifying/verifier.py", old, new),),
            (
                "tests/hiding/test_rotate.py::test_broken_links",
                f"tests/hiding/test_rotate.py::{test}",
            ),
        )
        for name, old, new, test in (
            (
                "the first link is not checked",
                "check_links(key, chain.index(wanted))",
                "check_links(key, chain.index(wanted) + 1)",
                "test_a_model_that_claims_another_ones_id",
            ),
            (
                "the last link is not checked",
                "for number in range(first, len(key.ancestors)):",
                "for number in range(first, len(key.ancestors) - 1):",
                "test_missing_and_reordered_links",
            ),
        )
    ),
    Trap(
        "a rotation keeps the masks",
        ((ROTATE, FRESH, "masks = artifact.masks"),),
        (f"{ROTATED}::test_masks_and_salts_are_never_shared",),
    ),
    *(
        Trap(
            f"a rotation keeps the {part}",
            ((ROTATE, FRESH, f"{FRESH[:-1]})\n    masks.{part}[:] = artifact.masks.{part}"),),
            (f"{ROTATED}::test_masks_and_salts_are_never_shared",),
        )
        for part in ("cells", "salts")
    ),
    Trap("a link is not counted", ((ROTATE, COUNTED, ""),), COUNTS_OF_LINKS),
    Trap(
        "a link is counted when it is made",
        (
            (ROTATE, COUNTED, ""),
            (ROTATE, "    clock.stop()\n", f"    clock.stop()\n{COUNTED}"),
        ),
        COUNTS_OF_LINKS,
    ),
    Trap(
        "the ranges are not counted under the fresh masks",
        ((ROTATE, '    clock.start("ranges")\n    budget.spend(rotating=True)\n', ""),),
        COUNTS_OF_LINKS,
    ),
    Trap(
        "the link is not counted under the fresh masks",
        ((ROTATE, f"    budget.spend(rotating=True)\n{COUNTED}", COUNTED),),
        COUNTS_OF_LINKS,
    ),
    Trap(
        "proofs use up what is kept for rotations",
        (
            (
                "runtime/model/budget.py",
                "(self.capacity if rotating else self.for_proofs)",
                "self.capacity",
            ),
        ),
        ("tests/hiding/test_budget.py::test_refused_past_the_end_and_low_below_a_tenth",),
    ),
    Trap(
        "rotations go past the masks",
        (
            (
                "runtime/model/budget.py",
                "(self.capacity if rotating else self.for_proofs)",
                "(spent if rotating else self.for_proofs)",
            ),
        ),
        ("tests/hiding/test_budget.py::test_refused_past_the_end_and_low_below_a_tenth",),
    ),
    Trap(
        "a rotation takes the old model's place",
        (
            (
                "tools/cli/outputs.py",
                'used = {path.resolve(): "a file that is needed" for path in inputs}',
                "used: dict[Path, str] = {}",
            ),
        ),
        ("tests/tools/test_rotate.py::test_nothing_of_the_old_model_is_overwritten",),
    ),
]

DISCLOSURE = f"{PROTOCOL}/disclosure/verifier.py"
DISCLOSURE_SHARED = f"{PROTOCOL}/disclosure/shared.py"
DISCLOSURE_PROVER = f"{PROTOCOL}/disclosure/prover.py"
GATHERS = ("tests/hiding/traps/test_gathers.py",)
PRIVATE_RELATIONS = ("tests/lowering/test_private_tokens.py",)
PRIVATE = "tests/soundness/test_private.py"
LIES_ABOUT_TOKENS = (
    f"{PRIVATE}::test_true_statements_are_accepted",
    f"{PRIVATE}::test_what_is_shown_must_be_what_was_proved",
    f"{PRIVATE}::test_structured_lies",
)
OTHER_TOKENS = (
    f"{PRIVATE}::test_a_digest_of_other_tokens",
    f"{PRIVATE}::test_a_digest_of_other_tokens_whose_form_is_sent",
    f"{PRIVATE}::test_a_committed_vector_that_is_no_codeword",
)
DIGESTS = (
    f"{PRIVATE}::test_commitments_to_the_same_tokens_differ",
    "tests/hiding/test_distribution.py",
    "tests/hiding/test_private.py",
)
COMMANDS = "tests/tools/test_private.py"
SEALED = "masked[0, : code.cells] = field.to_field(cells)\n"
ROW_POINT = "tag, rest[arity - 1 :])"
GATHERED = "if plan.sources[leaf.table].entries is not None:"


def sealed(name: str, line: str, *more: Edit) -> Trap:
    """A line behind what fills the vectors of a digest."""
    edit = (DISCLOSURE_PROVER, SEALED, f"{SEALED}        {line}\n")
    return Trap(name, (edit, *more), DIGESTS)


PRIVATE_TOKENS = [
    Trap(
        "a gather's index left out of the fingerprint",
        (
            (
                f"{PROTOCOL}/lookup/verifier.py",
                "                q_public = q_public - chosen * _index_value(leaf.piece.offsets[0], low)\n",
                "",
            ),
            (
                f"{PROTOCOL}/lookup/verifier.py",
                "components += zip(challenges.betas, exprs, strict=False)",
                "betas = challenges.betas if source.entries is None else [0, challenges.betas[1]]\n"
                "                components += zip(betas, exprs, strict=False)",
            ),
            (
                f"{PROTOCOL}/lookup/components.py",
                "        flat = cells(values)\n",
                f"        {GATHERED}\n            values = [0 * values[0], *values[1:]]\n"
                "        flat = cells(values)\n",
            ),
        ),
        GATHERS,
    ),
    Trap(
        "all cells of a gathered row weigh the same",
        (
            (
                f"{PROTOCOL}/lookup/shared.py",
                ROW_POINT,
                "tag, [Ext.ONE / Ext(2) for _ in rest[arity - 1 :]])",
            ),
        ),
        GATHERS,
    ),
    Trap(
        "the first cell of a gathered row is compared",
        (
            (
                f"{PROTOCOL}/lookup/shared.py",
                ROW_POINT,
                "tag, [Ext.ZERO for _ in rest[arity - 1 :]])",
            ),
        ),
        GATHERS,
    ),
    Trap(
        "the sources of gathers share a tag",
        (
            (
                f"{PROTOCOL}/plan.py",
                "Source(len(found) + 1, rows, entries)",
                "Source(len(self.circuit.tables) + 1, rows, entries)",
            ),
        ),
        GATHERS,
    ),
    Trap(
        "gathers take part with no weight",
        (
            (
                f"{PROTOCOL}/lookup/verifier.py",
                "            if leaf.lookup < 0:\n                p_reads",
                "            if source.entries is not None:\n                pass\n"
                "            elif leaf.lookup < 0:\n                p_reads",
            ),
            (
                f"{PROTOCOL}/lookup/components.py",
                "            parts.append(own)\n",
                f"            {GATHERED}\n"
                "                none = Component(np.zeros(1 << leaf.piece.log_size, np.int64))\n"
                "                own = [*own[: len(own) - (leaf.lookup < 0)], none]\n"
                "            parts.append(own)\n",
            ),
            (
                f"{PROTOCOL}/lookup/components.py",
                "[leaf.lookup >= 0 for leaf in leaves]",
                "[leaf.lookup >= 0 and not plan.sources[leaf.table].entries for leaf in leaves]",
            ),
        ),
        GATHERS,
    ),
    Trap(
        "gathers are left out",
        (
            (
                f"{PROTOCOL}/plan.py",
                "return [*self.circuit.lookups, *gathers]",
                "return [*self.circuit.lookups]",
            ),
        ),
        LIES_ABOUT_TOKENS,
    ),
    Trap(
        "no position for the last token",
        (
            (
                f"{PROTOCOL}/statement.py",
                "Generation(self.prompt + bool(self.digests), self.generated)",
                "Generation(self.prompt, self.generated)",
            ),
        ),
        LIES_ABOUT_TOKENS,
    ),
    Trap(
        "a shown output is not tied to the columns",
        (
            (
                DISCLOSURE,
                "        claims.append(Claim(value, reads))",
                '        if what != "output" or what in digests:\n'
                "            claims.append(Claim(value, reads))",
            ),
        ),
        LIES_ABOUT_TOKENS,
    ),
    Trap(
        "the length of a shown prompt is free",
        (
            (
                DISCLOSURE_SHARED,
                "        over = np.asarray(power)[:, None]\n",
                "        factor = power if sizes else Ext.ZERO\n"
                "        over = np.asarray(factor)[:, None]\n",
            ),
            (
                DISCLOSURE_SHARED,
                "reads.append(Read(power, name, tuple(weights)))",
                "reads.append(Read(factor, name, tuple(weights)))",
            ),
        ),
        LIES_ABOUT_TOKENS,
    ),
    Trap(
        "the cells of a column weigh the same",
        (
            (
                DISCLOSURE_SHARED,
                "kappa, *point = challenges(1 + form_variables(plan, what))",
                "kappa, *point = challenges(1 + form_variables(plan, what))\n"
                "    point = [Ext.ONE / Ext(2) for _ in point]",
            ),
        ),
        (*LIES_ABOUT_TOKENS, *OTHER_TOKENS),
    ),
    Trap(
        "digests are ignored",
        (
            (f"{PROTOCOL}/subject.py", "tuple(self.digests)", "()"),
            (
                DISCLOSURE,
                "            value = _verify_private(channel, plan, what, form, digests[what])",
                "            continue",
            ),
            (DISCLOSURE_PROVER, "        if what not in sealed:\n", "        if True:\n"),
        ),
        OTHER_TOKENS,
    ),
    Trap(
        "a digest is not tied to the columns",
        (
            (
                DISCLOSURE,
                "        claims.append(Claim(value, reads))",
                "        if what not in digests:\n            claims.append(Claim(value, reads))",
            ),
        ),
        OTHER_TOKENS,
    ),
    Trap(
        "eta of a digest before its values",
        (
            (
                DISCLOSURE,
                '    y, tau = channel.masked(f"{said} values", 2)\n'
                "    return y, tau, channel.challenge()\n",
                "    eta = channel.challenge()\n"
                '    y, tau = channel.masked(f"{said} values", 2)\n'
                "    return y, tau, eta\n",
            ),
            (
                DISCLOSURE_PROVER,
                '        channel.masked(f"{said} values", [y, tau])\n'
                "        eta = as_pair(channel.challenge())\n",
                "        eta = as_pair(channel.challenge())\n"
                '        channel.masked(f"{said} values", [y, tau])\n',
            ),
        ),
        SCRIPT,
    ),
    Trap(
        "positions of a digest before Q*",
        (
            (
                DISCLOSURE,
                '    sent = channel.clear(f"{said} masked", code.dimension)\n',
                "    positions = draw_positions(channel, code.queries, plan.parameters.grind, code.log_code)\n"
                '    sent = channel.clear(f"{said} masked", code.dimension)\n',
            ),
            (
                DISCLOSURE,
                "    positions = draw_positions(channel, code.queries, plan.parameters.grind, code.log_code)\n"
                "    opened =",
                "    opened =",
            ),
            (
                DISCLOSURE_PROVER,
                '        channel.clear(f"{said} masked", [Ext(int(a), int(b)) for a, b in star.T])\n'
                "        code = Code.of(form.shape[1], plan.parameters)\n"
                "        p = plan.parameters\n"
                "        query(channel, sealed[what].code, code.queries, p.grind, code.log_code)\n",
                "        from ..commitment.prover import draw_positions, open_columns\n\n"
                "        code = Code.of(form.shape[1], plan.parameters)\n"
                "        drawn = draw_positions(channel, code.queries, plan.parameters.grind, code.log_code)\n"
                '        channel.clear(f"{said} masked", [Ext(int(a), int(b)) for a, b in star.T])\n'
                "        open_columns(channel, sealed[what].code, drawn)\n",
            ),
        ),
        SCRIPT,
    ),
    *(
        Trap(
            f"not absorbed: {what}",
            (
                (
                    "runtime/model/subjects.py",
                    "from typing import Protocol\n",
                    "from dataclasses import replace\nfrom typing import Protocol\n",
                ),
                (
                    "runtime/model/subjects.py",
                    '("statement", statement.encode())',
                    f'("statement", replace(statement, {field}=b"").encode())',
                ),
            ),
            IDENTITY,
        )
        for what, field in (
            ("the prompt's digest", "prompt_digest"),
            ("the output's digest", "output_digest"),
            ("the nonce", "nonce"),
        )
    ),
    *(
        Trap(
            f"{what} are sent as they are",
            (
                (
                    f"{PROTOCOL}/prover_channel.py",
                    "sent.append(value - Ext(int(pad[0]), int(pad[1])))",
                    f'bare = label == "{label}"\n'
                    "            sent.append(value - (0 if bare else Ext(int(pad[0]), int(pad[1]))))",
                ),
            ),
            DIGESTS,
        )
        for what, label in (
            ("a private prompt's values", "prompt values"),
            ("a private output's values", "output values"),
        )
    ),
    sealed("Q' is zero", "masked[1:] = 0"),
    sealed("Q' over F only", "masked[2] = 0"),
    sealed("Q' shorter than Q", "masked[1:, code.cells :] = 0"),
    sealed("Q without masks", "masked[0, code.cells :] = 0"),
    sealed("the last mask of Q is zero", "masked[0, -1] = 0"),
    *(
        sealed(
            f"{what} reused",
            f"{rows} = _KEPT.setdefault((randomness.hiding, code), {rows}.copy())",
            (DISCLOSURE_PROVER, "class Sealed:", "_KEPT = {}\n\n\nclass Sealed:"),
        )
        for what, rows in (("Q'", "masked[1:]"), ("Q's masks", "masked[0, code.cells :]"))
    ),
    *(
        Trap(
            name,
            (
                (
                    DISCLOSURE_PROVER,
                    "self.salts = randomness.elements(SALT_WORDS, 1 << code.log_code)",
                    f"self.salts = {salts}",
                ),
            ),
            DIGESTS,
        )
        for name, salts in (
            (
                "a digest's leaves without salt",
                "np.zeros((SALT_WORDS, 1 << code.log_code), np.uint64)",
            ),
            (
                "one salt for a digest's leaves",
                "np.repeat(randomness.elements(SALT_WORDS, 1), 1 << code.log_code, axis=1)",
            ),
        )
    ),
    Trap(
        "fewer masks of a digest than positions",
        (
            (DISCLOSURE_SHARED, "MASKS = 128", "MASKS = 64"),
            (
                DISCLOSURE_SHARED,
                "min(MASKS, queries(rate, TARGET_BITS - p.grind))",
                "queries(rate, TARGET_BITS - p.grind)",
            ),
        ),
        DIGESTS,
    ),
    Trap(
        "digests made without randomness",
        ((PROVER, "randomness = Randomness(request.hiding)", "randomness = Randomness(False)"),),
        DIGESTS,
    ),
    Trap(
        "a private output ends with its text",
        (
            (
                "runtime/proving/answer.py",
                "stop = frozenset() if privacy.output else artifact.eos",
                "stop = artifact.eos",
            ),
        ),
        (f"{COMMANDS}::test_where_a_text_ends",),
    ),
    Trap(
        "a private prompt's length is the bound",
        (
            (
                "runtime/proving/answer.py",
                "chosen = max(LEAST_BOUND, 1 << (prompt - 1).bit_length())",
                "chosen = prompt",
            ),
        ),
        (f"{COMMANDS}::test_bounds_tell_lengths_apart_by_powers_of_two_only",),
    ),
    Trap(
        "nothing is hidden where weights are public",
        (
            (
                "runtime/proving/answer.py",
                "private = artifact.key.private or bool(privacy.items)",
                "private = artifact.key.private",
            ),
        ),
        (f"{COMMANDS}::test_public_weights",),
    ),
    Trap(
        "anyone may read secrets",
        (
            (
                "tools/cli/prove.py",
                "files.atomic_write(secret, secret=True)",
                "files.atomic_write(secret)",
            ),
        ),
        (f"{COMMANDS}::test_only_the_owner_may_read_secrets",),
    ),
]

VERDICTS = [
    Trap(
        "the command checks no ranges",
        (("tools/cli/verify.py", "checker.check_ranges()", "pass"),),
        ("tests/tools/test_checked.py::test_a_key_without_a_valid_range_proof_is_invalid",),
    ),
    Trap(
        "the first engine checks no ranges",
        (("runtime/verifying/own.py", "self._key.check_ranges()", "pass"),),
        ("tests/tools/test_checked.py::test_a_key_without_a_valid_range_proof_is_invalid",),
    ),
    Trap(
        "a revealed prompt may be any tokens of its text",
        (("tools/cli/verify.py", 'if "prompt" in shown:', "if False:"),),
        (f"{COMMANDS}::test_a_revealed_prompt_must_be_that_of_its_text",),
    ),
    Trap(
        "text is printed as it is",
        (("runtime/visible.py", "found.append(c if shown else", "found.append(c if True else"),),
        ("tests/formats/test_visible.py",),
    ),
]

TRAPS = {
    "verdicts": VERDICTS,
    "zero knowledge": ZERO_KNOWLEDGE,
    "Fiat-Shamir": FIAT_SHAMIR,
    "relations": RELATION,
    "token relations": TOKEN_RELATIONS,
    "rotation": ROTATION,
    "private tokens": PRIVATE_TOKENS,
}
