"""Linear claims on committed columns, to which every part of the conversation reduces its relations.

A claim on an expression becomes one on the committed columns that it reads: what it reads of public ones the
verifier evaluates by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..circuit.relations import Expr
from ..field import Ext
from .axis_weights import Expander, Read, Weight
from .channel import Affine, Channel
from .public import as_ext, evaluate


@dataclass(frozen=True)
class Claim:
    """The committed columns' reads sum to ``value``."""

    value: Affine
    reads: list[Read]


def split_public(expander: Expander, reads: list[Read]) -> tuple[Ext, list[Read]]:
    """Evaluate the reads of public columns; return their sum and the others."""
    total, rest = Ext.ZERO, []
    for read in reads:
        if expander.circuit.column[read.column].home == "public":
            total = total + evaluate(expander, read.column, read.weights) * as_ext(read.coefficient)
        else:
            rest.append(read)
    return total, rest


def claim_on(
    channel: Channel, expander: Expander, expr: Expr, weights: dict[str, Weight], value: Affine
) -> Claim:
    """``expr`` at ``weights`` equals ``value``, as a claim on committed columns."""
    constant, reads = expander.expand(expr, weights)
    public, reads = split_public(expander, reads)
    return Claim(channel.combine((1, value), (-1, Affine(public + constant))), reads)
