"""A word about the first run: kernels are compiled for the machine once, which takes a minute or so."""

from __future__ import annotations

import sys


def announce(quiet: bool) -> None:
    """Say on stderr when numba begins to compile a kernel that is not in its cache, the first time that it does."""
    if quiet:
        return
    from numba.core import event

    class Once(event.Listener):
        def on_start(self, event: event.Event) -> None:
            global _said
            if not _said:
                _said = True
                print(
                    "note: kernels are compiled for this machine, which takes a minute; later runs find them "
                    "in numba's cache",
                    file=sys.stderr,
                )

        def on_end(self, event: event.Event) -> None:
            pass

    event.register("numba:compile", Once())


_said = False
