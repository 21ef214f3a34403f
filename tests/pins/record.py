"""Writes the pins anew, after a change that is meant to change circuits, programs or proofs, and says what
changed: ``python tests/pins/record.py``."""

from __future__ import annotations

from tempfile import TemporaryDirectory

import pinning


def main() -> None:
    with TemporaryDirectory() as folder:
        found = pinning.measure(pinning.Path(folder))
    before = pinning.read() if pinning.PINS.exists() else {}
    print("\n".join(pinning.changes(before, found)) or "nothing changed")
    pinning.write(found)


if __name__ == "__main__":
    main()
