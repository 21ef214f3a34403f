"""Writes `src/classes.rs`: which characters are letters and numbers for the regular expressions of tokenizers.

Usage: python verifier/write_classes.py

The tokenizers' library says it of every character, so that both verifiers cut words at the same places.
"""

from __future__ import annotations

from pathlib import Path

from tokenizers import Regex
from tokenizers.normalizers import Replace

WHERE = Path(__file__).parent / "src" / "classes.rs"
CLASSES = (("LETTERS", r"\p{L}"), ("NUMBERS", r"\p{N}"))
CHARACTERS = [*range(0xD800), *range(0xE000, 0x110000)]
# Of a line.
NUMBERS = 24
HEADER = """\
//! Which characters are letters (L) and numbers (N), as `write_classes.py` wrote it: runs in rising order, each as
//! its distance from the end of the one before and its length, in bytes of seven bits, low ones first.
"""


def members(expression: str) -> list[int]:
    """The characters that it matches, in order."""
    others = Replace(Regex(expression), "").normalize_str("".join(map(chr, CHARACTERS)))
    return sorted({*CHARACTERS} - {*map(ord, others)})


def packed(characters: list[int]) -> bytes:
    found, end = bytearray(), 0
    while characters:
        start = characters[0]
        length = next((i for i, c in enumerate(characters) if c != start + i), len(characters))
        for number in (start - end, length):
            while number >> 7:
                found.append(number & 0x7F | 0x80)
                number >>= 7
            found.append(number)
        end, characters = start + length, characters[length:]
    return bytes(found)


def text() -> str:
    parts = [HEADER]
    for name, expression in CLASSES:
        data = packed(members(expression))
        rows = [data[at : at + NUMBERS] for at in range(0, len(data), NUMBERS)]
        lines = "".join("    " + ", ".join(map(str, row)) + ",\n" for row in rows)
        parts.append(f"#[rustfmt::skip]\npub const {name}: [u8; {len(data)}] = [\n{lines}];\n")
    return "\n".join(parts)


if __name__ == "__main__":
    WHERE.write_text(text())
