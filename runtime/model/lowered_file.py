"""A lowered model as a file (.zkl): what targets prove that keep nothing of their own (`lowered`).

Errors: `UserError` naming the file.
"""

from __future__ import annotations

from pathlib import Path

from ...errors import UserError
from ..circuit.packed import pack as pack_values
from ..circuit.packed import unpack as unpack_values
from .files import LOWERED, atomic_write, pack, read, unpack
from .keys import MOST_FACTS, pack_weights, unpack_facts, unpack_weights
from .lowered import Executable, LoweredModel
from .signature import Signature


def save_lowered(path: str | Path, found: Executable) -> int:
    """Write it, weights in the dtype of their column; return its size in bytes."""
    key = found.key
    signature = [key.signature.to_list()] if key.signature else []
    parts = [
        [pack_values([key.name, key.weights, list(key.eos), *signature])],
        [key.circuit_bytes],
        [key.private_circuit_bytes],
        [key.function_bytes],
        [key.tokenizer_bytes],
        [found.program_bytes],
        [found.private_program_bytes],
        [pack_values(dict(found.meta))],
        pack_weights(key.circuit, found.params),
    ]
    with atomic_write(path, secret=True) as file:
        for part in pack(LOWERED, parts):
            file.write(part)
        file.flush()
        return file.tell()


def load_lowered(path: str | Path) -> Executable:
    """Map a file. Its circuits are decoded when they are used, its arrays are read-only views of it."""
    source = str(path)
    sections = unpack(LOWERED, read(path), source)
    try:
        name, weights, eos, *more = unpack_values(sections[b"MODL"], MOST_FACTS)
        if not isinstance(name, str) or type(weights) is not int or len(more) > 1:
            raise ValueError("malformed")
        signature = Signature.from_list(*more) if more else None
        key = LoweredModel(
            name=name,
            weights=weights,
            eos=tuple(eos),
            circuit_bytes=sections[b"CIRC"],
            private_circuit_bytes=sections[b"CIRP"],
            function_bytes=sections[b"FUNC"],
            tokenizer_bytes=sections[b"TOKN"],
            signature=signature,
            source=source,
        )
    except (ValueError, TypeError):
        raise UserError(f"{source}: the lowered model is malformed") from None
    params = unpack_weights(key.circuit, sections[b"PARM"], source)
    programs = sections[b"PROG"], sections[b"PRGP"]
    return Executable(key, *programs, params, unpack_facts(sections[b"META"], source))
