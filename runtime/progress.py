"""How long work reports where it is: named stages, each with the fraction of it that is done."""

from __future__ import annotations

import time
from typing import Protocol


class Progress(Protocol):
    """Receives ``stage(name, fraction)`` with 0 <= fraction <= 1; called from one thread, often."""

    def stage(self, name: str, fraction_done: float) -> None: ...


class Silent:
    """A `Progress` that reports to nobody."""

    def stage(self, name: str, fraction_done: float) -> None:
        pass


class Clock:
    """Times stages that follow each other, and reports where each begins and ends."""

    def __init__(self, progress: Progress):
        self.seconds: dict[str, float] = {}
        self._progress = progress
        self._stage = ""
        self._since = 0.0

    def start(self, stage: str) -> None:
        self.stop()
        self._stage, self._since = stage, time.perf_counter()
        self._progress.stage(stage, 0.0)

    def at(self, fraction: float) -> None:
        """Report how much of the present stage is done."""
        self._progress.stage(self._stage, fraction)

    def stop(self) -> None:
        if self._stage:
            spent = time.perf_counter() - self._since
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + spent
            self._progress.stage(self._stage, 1.0)
            self._stage = ""
