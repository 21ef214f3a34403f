"""What a proof will cost on this machine: seconds, memory and bytes, and which module costs what.

Bytes are those of the messages and of the expected openings, memory is what the prover itself predicts. Seconds are
the proof's operations (`operations`) over this machine's rates (`ceilings`), stage by stage, divided by the part of
a stage that they explain: what `zklemma bench gemma3-270m --tokens 512` prints as fractions. So they are for proofs
of that size, and up to a few tenths off for much smaller ones, whose seconds are not those of kernels.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from ..runtime.circuit import function
from ..runtime.circuit.generation import longest
from ..runtime.model.keys import VerifyingKey, load_artifact
from ..runtime.model.subjects import subject_of
from ..runtime.protocol.commitment.merkle import DIGEST, SALT_WORDS
from ..runtime.protocol.function_statement import FunctionStatement
from ..runtime.protocol.opening.verifier import verify_masked
from ..runtime.protocol.pads.shared import cells as pad_cells
from ..runtime.protocol.pads.verifier import ROWS as PAD_ROWS
from ..runtime.protocol.statement import Statement
from ..runtime.protocol.subject import Subject
from ..runtime.proving.footprint import prove_bytes
from .breakdown import MEMORY
from .ceilings import ceilings
from .operations import Work, claims_of, modules, operations, zeros

# The part of a stage's seconds that its operations explain, by the rates of kernels in cache.
EXPLAINED = {
    "load": 0.24,
    "execute": 0.24,
    "commit": 0.40,
    "lookup": 0.57,
    "einsum": 0.20,
    "open": 0.64,
}
# Bytes of an element of K, and of a word.
ELEMENT, WORD = 16, 8


def cost(
    path: Path,
    tokens: int | None = None,
    generated: int | None = None,
    examples: int | None = None,
) -> dict[str, Any]:
    """The prediction for a proof of ``tokens`` tokens, of which ``generated``, one unless given, are the model's;
    or of ``examples`` of a function, all shown. Unless given they are as many as the model takes."""
    artifact = load_artifact(path)
    key = artifact.key
    if key.kind == "function":
        if tokens is not None or generated is not None:
            raise UserError("a function has no tokens: say how many --examples")
        statement = _examples(key, examples)
        about = {"examples": statement.batch}
    else:
        if examples is not None:
            raise UserError("a language model has no examples: say how many --tokens")
        statement = _tokens(key, tokens, 1 if generated is None else generated)
        about = {"tokens": len(statement.tokens), "generated": statement.generated}
    subject = subject_of(key, statement)
    plan, labels = subject.plan, modules(subject.plan)
    works = operations(subject, artifact.program, artifact.masks.tree is not None, labels)
    cells, lookups = Counter[str](), Counter[str]()
    for name, count in plan.witness_cells.items():
        cells[labels.name(name)] += count
    for group in plan.groups:
        for leaf in group.leaves:
            if leaf.lookup >= 0:
                lookups[labels.leaf(leaf)] += 1 << leaf.piece.log_size
    stages, by_module = seconds(works, ceilings())
    return {
        "model": key.name,
        **about,
        "seconds": sum(stages.values()),
        "stages": stages,
        "peak_bytes": max(prove_bytes(plan).values()),
        "proof_bytes": len(statement.encode()) + round(proof_bytes(subject)),
        "committed_cells": plan.committed_cells,
        "lookups": plan.lookup_cells,
        "modules": {
            name: {"seconds": taken, "cells": cells[name], "lookups": lookups[name]}
            for name, taken in sorted(by_module.items(), key=lambda item: -item[1])
        },
    }


def _tokens(key: VerifyingKey, tokens: int | None, generated: int) -> Statement:
    """A statement of that size."""
    most = longest(key.circuit)
    tokens = most if tokens is None else tokens
    if not 1 <= generated < tokens <= most:
        raise UserError(
            f"{tokens} tokens of which {generated} are generated: this model takes 2 to {most}, and at least "
            "one of them is the prompt's"
        )
    hiding = bool(key.parameters.hiding)
    return Statement(tokens - generated, generated, (0,) * tokens, hiding)


def _examples(key: VerifyingKey, examples: int | None) -> FunctionStatement:
    """A statement that shows zeros."""
    most = function.most(key.circuit)
    shape = function.Batch(most if examples is None else examples)
    if not 1 <= shape.examples <= most:
        raise UserError(f"{shape.examples} examples: this function takes 1 to {most}")
    shown = {
        what: np.zeros(function.cells(key.circuit, what, shape), np.int64)
        for what in key.circuit.reveals
    }
    return FunctionStatement(shape.examples, shown, bool(key.parameters.hiding))


def seconds(
    works: list[Work], rates: Mapping[str, float]
) -> tuple[dict[str, float], dict[str, float]]:
    """By stage, and by label."""
    stages: dict[str, float] = defaultdict(float)
    labels: dict[str, float] = defaultdict(float)
    for work in works:
        # Memory is read and written meanwhile.
        if work.unit != MEMORY:
            taken = work.count / rates[work.unit] / EXPLAINED[work.stage]
            stages[work.stage] += taken
            labels[work.kind] += taken
    return dict(stages), dict(labels)


def proof_bytes(subject: Subject) -> float:
    """The expected bytes of a proof behind its statement."""
    plan, p = subject.plan, subject.plan.parameters
    channel = zeros()
    verify_masked(channel, plan, claims_of(subject, channel))
    # Roots of the witness and of the pads, and of each folded vector; a nonce for each opening.
    found = channel.count + (2 + len(p.levels)) * DIGEST + (2 + len(p.levels)) * WORD
    rows = [*plan.rows[:-1], plan.rows[-1] + 2]
    found += sum(_opened(p.queries, p.log_code, count) for count in rows)
    for level in p.levels:
        found += 2 * ELEMENT * level.fold
        found += _opened(level.queries, level.log_code, 2 << level.fold)
    last = p.levels[-1].log_cells - p.levels[-1].fold
    found += ELEMENT * ((1 << last) + 2 * last)
    found += ELEMENT * (3 + pad_cells(plan))
    return found + _opened(p.pads_queries, p.pads_log_code, PAD_ROWS)


def _opened(queries: int, log_code: int, words: int) -> float:
    """The expected bytes of columns at so many positions, and of the siblings on the paths to the root."""

    def nodes(level: int) -> float:
        size = 1 << log_code - level
        return size * (1 - (1 - 1 / size) ** queries)

    siblings = sum(2 * nodes(level + 1) - nodes(level) for level in range(log_code))
    return WORD * (words + SALT_WORDS) * nodes(0) + DIGEST * siblings
