"""How long work reports where it is: named stages, each with the fraction of it that is done."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives ``stage(name, fraction)`` with 0 <= fraction <= 1; called from one thread, often."""

    def stage(self, name: str, fraction_done: float) -> None: ...


class Silent:
    """A `Progress` that reports to nobody."""

    def stage(self, name: str, fraction_done: float) -> None:
        pass
