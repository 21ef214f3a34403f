"""What the bytes of a verifying key are, and how small its circuit is once compressed.

Usage: python benchmarks/key_size.py model.vk
"""

from __future__ import annotations

import argparse
import zlib
from pathlib import Path
from typing import Any

from zklemma.runtime.circuit.packed import pack, unpack
from zklemma.runtime.model.files import KEY
from zklemma.runtime.model.files import unpack as sections
from zklemma.runtime.model.keys import VerifyingKey

# Far more than a circuit may have.
MOST = 1 << 22


def arrays(key: VerifyingKey) -> dict[str, int]:
    """The bytes that the first circuit's encoding takes for each array, by name."""
    circuit: Any = unpack(bytes(key.circuit_bytes), MOST)
    return {name: len(pack(array)) for name, array in circuit[-1]}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("key", type=Path)
    path = parser.parse_args().key
    data = path.read_bytes()
    key = VerifyingKey.decode(data, str(path))
    found, tables = arrays(key), {table.name for table in key.circuit.tables}
    of_tables = sum(size for name, size in found.items() if name in tables)
    circuit = len(key.circuit_bytes)
    rows = {
        "all": len(data),
        "tokenizer": len(key.tokenizer_bytes),
        "ranges of the weights": len(key.range_proof),
        "function": len(key.function_bytes),
        "second circuit": len(sections(KEY, data, str(path))[b"CIRP"]),
        "first circuit": circuit,
        "  values of tables": of_tables,
        "  values of public columns": sum(found.values()) - of_tables,
        "  else": circuit - sum(found.values()),
        "  by zlib": len(zlib.compress(bytes(key.circuit_bytes), 9)),
    }
    for name, size in rows.items():
        print(f"{name:<28}{size:>12,}")


if __name__ == "__main__":
    main()
