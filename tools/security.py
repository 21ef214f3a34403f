"""What a key's proofs rest on: every soundness term, their sum, and what hiding assumes."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from ..errors import UserError
from ..runtime.circuit import function, generation
from ..runtime.model.keys import VerifyingKey
from ..runtime.protocol.disclosure.shared import axis_sizes, revealed
from ..runtime.protocol.plan import Plan
from ..runtime.protocol.soundness import claims_at_most, sum_bits, terms

HIDING = (
    "random oracle BLAKE2b, randomness of the operating system, distinct opened columns of the weights "
    "within their masks (counted)"
)


def security(
    key: VerifyingKey,
    prompt: int | None,
    generated: int | None,
    private: bool = False,
    examples: int | None = None,
) -> dict[str, Any]:
    """Bits of each term for proofs of that shape; by default the largest that the key allows. ``private``: of
    statements that show neither prompt nor output, or of a function have digests of all tensors."""
    if key.kind == "function":
        if prompt is not None or generated is not None:
            raise UserError("a function has no tokens: say how many examples")
        return _of_function(key, examples, private)
    if examples is not None:
        raise UserError("a language model has no examples: say how many tokens")
    longest = generation.longest(key.circuit)
    generated = longest // 2 if generated is None else generated
    prompt = longest - generated if prompt is None else prompt
    shape = generation.Generation(prompt + private, generated)
    if prompt < 1 or generated < 1 or max(shape.rows, prompt + generated) > longest:
        raise UserError(
            f"{prompt} + {generated} tokens: the key allows at least 1 + 1, at most {longest}"
        )
    circuit = key.private_circuit if private else key.circuit
    plan = Plan(circuit, key.parameters, shape, tuple(circuit.reveals))
    lengths = {"prompt_tokens": prompt, "generated_tokens": generated}
    return _report(key, plan, {**lengths, "tokens": "private" if private else "public"}, private)


def _of_function(key: VerifyingKey, examples: int | None, private: bool) -> dict[str, Any]:
    circuit, most = key.circuit, function.most(key.circuit)
    shape = function.Batch(most if examples is None else examples)
    if not 1 <= shape.examples <= most:
        raise UserError(f"{shape.examples} examples: the key allows 1 to {most}")
    sealed = function.sealable(circuit, shape) if private else ()
    plan = Plan(circuit, key.parameters, shape, sealed)
    seen = {"examples": shape.examples, "tensors": "digests" if private else "public"}
    return _report(key, plan, seen, private)


def _report(key: VerifyingKey, plan: Plan, about: dict[str, Any], private: bool) -> dict[str, Any]:
    found = terms(plan, claims_at_most(plan))
    masks = key.parameters.mask_columns
    return {
        "model_id": key.model_id,
        **about,
        "terms": {name: round(bits, 2) for name, bits in sorted(found.items(), key=lambda x: x[1])},
        "round_by_round_bits": round(min(found.values()), 2),
        "sum_bits": round(sum_bits(found), 2),
        "regime": "unique decoding, no conjecture about codes",
        "hiding": HIDING
        if key.private or private
        else "none: the weights are committed without masks",
        "mask_columns": masks if key.private else 0,
        "columns_opened_per_proof": key.parameters.queries,
        "numbers": numbers(plan),
    }


def numbers(plan: Plan) -> dict[str, Any]:
    """What the terms are counted from, so that anyone can count them again. A product's are its factors, the
    distinct ones, those that are not public, and the distinct ones of these. Of each thing that is revealed as it
    is, and of each behind a digest, there are the sizes of its columns, a list where one has several axes."""
    open_ones = [what for what in revealed(plan) if what not in plan.private]
    shown = {"shown": {what: _sizes(plan, what) for what in open_ones}} if open_ones else {}
    products = []
    for instance in plan.instances:
        hidden = [f for f in instance.product.factors if not plan.is_public(f)]
        factors = instance.product.factors
        products.append([len(factors), len(set(factors)), len(hidden), len(set(hidden))])
    return {
        "parameters": asdict(plan.parameters),
        "slab_variables": plan.slab_bits,
        "lookup_degree": max(map(plan.degree, plan.groups), default=1),
        "lookup_depth": plan.lookup_depth,
        "group_variables": plan.group_bits,
        "point_variables": sum(plan.bits(axis) for axis in plan.point_axes),
        "einsum_rounds": plan.einsum_rounds,
        "einsums": len(plan.relations),
        "linears": len(plan.circuit.linears),
        "products": products,
        "revealed": len(plan.circuit.reveals),
        **shown,
        "private": {what: _sizes(plan, what) for what in plan.private},
    }


def _sizes(plan: Plan, what: str) -> list[Any]:
    return [math.prod(sizes) if len(sizes) < 2 else list(sizes) for sizes in axis_sizes(plan, what)]
