"""What is in a file: the facts that ``zklemma inspect`` prints, and which of them are claims of the file that
nothing here has checked."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

from ..errors import InvalidProof, UserError
from ..runtime.circuit import band, function, kinds
from ..runtime.circuit.extents import Shape
from ..runtime.circuit.generation import longest
from ..runtime.circuit.relations import Circuit
from ..runtime.model import files
from ..runtime.model.keys import VerifyingKey, load_artifact
from ..runtime.model.lowered import LoweredModel
from ..runtime.model.lowered_file import load_lowered
from ..runtime.protocol.statement import Statement
from ..runtime.protocol.statements import AnyStatement, read_any_statement
from ..runtime.verifying import disclosure
from ..runtime.verifying.verifier import check_links
from .uniqueness.bounds import false_bound, false_bounds


def describe(path: Path, check: bool = False) -> dict[str, Any]:
    """The facts about a .zkl, .vk, proof or opening file, by name; ``kind`` says which it is, ``unchecked`` names
    those that the file merely says.

    With ``check`` a key's proof of the weights' ranges and its links are verified, and the bounds of its
    relations computed again; `InvalidProof` if one does not hold.
    """
    data = files.read(path)
    kind = files.identify(None, data, str(path))
    report: dict[str, Any] = {
        "file": str(path),
        "kind": kind.noun,
        "format_version": kind.version,
        "bytes": len(data),
    }
    if kind is files.PROOF:
        model_id, proof = files.decode_proof(data, str(path))
        said = {"model_id": model_id.hex(), **_statement(read_any_statement(proof))}
        sha256 = hashlib.sha256(proof).hexdigest()
        return report | {"sha256": sha256} | said | {"unchecked": list(said)}
    if kind is files.OPENING:
        opened = disclosure.decode(data, str(path))
        said = {what: f"{found.rows.shape[1]} cells" for what, found in opened.items()}
        return report | said | {"unchecked": list(said)}
    if kind is files.KEY:
        return report | _key(VerifyingKey.decode(data, str(path)), check)
    if kind is files.LOWERED:
        lowered = load_lowered(path)
        key = lowered.key
        said = {"name": key.name, "parameters": key.weights, **_model(key), **lowered.meta}
        return report | said | {"unchecked": list(said)}
    artifact = load_artifact(path)
    facts: dict[str, Any] = {
        "weight_bytes": sum(array.nbytes for array in artifact.params.values())
    }
    try:
        facts["proofs_left"] = artifact.budget.proofs_left()
    except UserError as error:
        # All else that there is to say needs no count.
        facts |= {"proofs_left": None, "count": str(error)}
    found = _key(artifact.key, check)
    found["unchecked"] += list(artifact.meta)
    return report | found | facts | dict(artifact.meta)


def _statement(statement: AnyStatement) -> dict[str, Any]:
    digests = {what: digest.hex() for what, digest in statement.digests.items()}
    ends = {"hiding": statement.hiding, "private": digests, "nonce": statement.nonce.hex()}
    if isinstance(statement, Statement):
        lengths = {"prompt_tokens": statement.prompt, "generated_tokens": statement.generated}
        return {**lengths, **ends, "token_ids": list(statement.tokens)}
    return {
        "examples": statement.batch,
        "public": {what: len(cells) for what, cells in statement.shown.items()},
        "nothing_said": list(statement.silent),
        **ends,
    }


def _key(key: VerifyingKey, check: bool) -> dict[str, Any]:
    if check:
        key.check_ranges()
        check_links(key)
        _check_bounds(key)
    unchecked = ["name", "parameters", "circuits"]
    return {
        "model_id": key.model_id,
        "name": key.name,
        "parameters": key.weights,
        "weights": "private" if key.private else "public",
        "weight_root": key.weight_root.hex(),
        "weight_ranges": "proved" if check else "there is a proof: inspect --check",
        "bounds": "none is false" if check else "not computed again: inspect --check",
        "links": len(key.ancestors),
        "ancestors": [ancestor.digest.hex() for ancestor in key.ancestors],
        "circuits": "whether they are a model's: zklemma audit",
        **_model(key),
        "unchecked": unchecked
        + (["weight_ranges", "bounds", "links", "ancestors"] if not check else []),
    }


def _model(key: LoweredModel) -> dict[str, Any]:
    return {
        **digests(key),
        "circuit_bytes": len(key.circuit_bytes),
        **({} if key.signature else {"eos": list(key.eos)}),
        **_signature(key),
        **_circuit(key.circuit),
    }


def _signature(key: LoweredModel) -> dict[str, Any]:
    """The tensors of a function."""
    if key.signature is None:
        return {}
    return {
        f"{role}s": {
            tensor.name: {
                "shape": list(tensor.shape),
                "bits": tensor.bits,
                "fraction_bits": tensor.frac,
                **({"ids": tensor.ids} if tensor.ids else {}),
                "labels": len(tensor.labels),
            }
            for tensor in tensors
        }
        for role, tensors in (("input", key.signature.inputs), ("output", key.signature.outputs))
    }


def _check_bounds(key: VerifyingKey) -> None:
    """`InvalidProof` where a relation of either circuit has a bound that its sides may exceed."""
    circuits = {"circuit": key.circuit}
    if key.kind == "language model":
        circuits["private circuit"] = key.private_circuit
    for name, circuit in circuits.items():
        for relation, most in false_bounds(circuit):
            raise InvalidProof(f"the {name}: {false_bound(relation, most)}")


def digests(key: LoweredModel) -> dict[str, str]:
    """The SHA-256 of a key's larger parts, by what they are."""
    parts = {
        "circuit": key.circuit_bytes,
        "private_circuit": key.private_circuit_bytes,
        "function": key.function_bytes,
        "tokenizer": key.tokenizer_bytes,
    }
    if key.kind == "function":
        parts = {name: parts[name] for name in ("circuit", "function")}
    return {f"{name}_sha256": hashlib.sha256(part).hexdigest() for name, part in parts.items()}


def _circuit(circuit: Circuit) -> dict[str, Any]:
    """Counts of a circuit's parts, and of its cells in the largest proof."""
    most = {"max_tokens": longest(circuit)}
    if kinds.of(circuit.extents) is function:
        most = {"max_examples": function.most(circuit)}
    (unit,) = most
    shape = Shape(circuit.extents)

    def cells(axes: tuple[str, ...]) -> int:
        return math.prod(shape.size(circuit.axis[name]) for name in axes)

    def held(axes: tuple[str, ...]) -> int:
        """Those of them that a band leaves."""
        return band.cells(circuit.bands, axes, [shape.size(circuit.axis[name]) for name in axes])

    witness = sum(held(column.axes) for column in circuit.committed)
    lookups = sum(held(lookup.exprs[0].axes) for lookup in circuit.lookups)
    lookups += sum(cells(gather.index.axes) for gather in circuit.gathers)
    return {
        **most,
        "axes": {axis.name: axis.size for axis in circuit.axes if isinstance(axis.size, int)},
        "columns": {home: len(circuit.home(home)) for home in ("param", "witness", "public")},
        "defined_columns": len(circuit.defined),
        "einsums": len(circuit.einsums),
        "lookup_relations": len(circuit.lookups),
        "linears": len(circuit.linears),
        "gathers": len(circuit.gathers),
        "tables": {table.name: table.rows for table in circuit.tables},
        "weight_cells": sum(cells(column.axes) for column in circuit.home("param")),
        f"witness_cells_at_{unit}": witness,
        f"lookups_at_{unit}": lookups,
    }
