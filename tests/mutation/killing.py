"""Runs tests against the verifier without one of its checks, check after check.

All happens inside one run of pytest (`Killing` is a plugin of it). First each test runs on the verifier as it is,
which tells what sites it comes to: no other test can notice that a site is gone. Then a fork of the process takes
one site out and runs the tests that came to it until the first fails. Tests go first in which the site refused
something, then those that have noticed a like site, then quick ones. Where no test comes to a site, nothing needs
to be run: it survives. A test that fails must pass by itself, in a fork with all checks in place.

Values that were computed before the fork stay in caches, so a site may survive that fresh processes would kill, not
the other way round.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any
from unittest.mock import patch

import pytest
from _pytest.runner import runtestprotocol
from sites import ROOT, Site, listen, remove

# Without a check a test may run for ever: seconds of processor time.
PATIENCE = 60
# Tells `tests/soundness` to leave the second verifier out.
ONE_VERIFIER = "ZKLEMMA_ONE_VERIFIER"
SURVIVED = ""
DONE = "done"


class Killing:
    """``found``: for each site's name the test that noticed, or `SURVIVED`. ``doing`` hears what is being done,
    with its number and their count; ``told`` what is found."""

    def __init__(
        self,
        sites: Sequence[Site],
        doing: Callable[[str, int, int], object] = lambda *_: None,
        told: Callable[[str, str], object] = lambda *_: None,
    ):
        self.sites, self.doing, self.told = sites, doing, told
        self.found: dict[str, str] = {}
        self._seconds: dict[str, float] = {}
        self._reach: dict[str, dict[int, bool]] = defaultdict(dict)
        self._current = -1
        self._trusted: set[str] = set()
        self._kills: Counter[tuple[str, str]] = Counter()
        listen(sites, self._listen)

    def _listen(self, name: str, refused: bool) -> None:
        reach = self._reach[name]
        reach[self._current] = reach.get(self._current, False) or refused

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = session.items
        for number, item in enumerate(items):
            # What the last module has set up stays; the last test is over, so that forks can run it again.
            following: Any = items[number + 1] if number + 1 < len(items) else item.parent
            self.doing(f"with all checks: {item.nodeid}", number, len(items))
            start = time.perf_counter()
            self._current = number
            if _fails(item, following):
                raise pytest.UsageError(f"{item.nodeid} fails with all checks in place")
            self._seconds[item.nodeid] = time.perf_counter() - start
        for number, site in enumerate(self.sites):
            self.doing(site.name, number, len(self.sites))
            killer = self._killer(session, site)
            self.found[site.name] = killer
            self.told(site.name, killer)
            for kind in (site.kind, site.module, site.name.rpartition(": ")[0]):
                self._kills[kind, killer] += 1
        return True

    def _killer(self, session: pytest.Session, site: Site) -> str:
        def order(number: int) -> tuple[float, ...]:
            name = session.items[number].nodeid
            kinds = (site.name.rpartition(": ")[0], site.module, site.kind)
            like = (-self._kills[kind, name] for kind in kinds)
            return (not self._reach[site.name][number], *like, self._seconds[name])

        numbers = sorted(self._reach[site.name], key=order)
        if not numbers:
            return SURVIVED
        killer = _forked(session, [session.items[n] for n in numbers], site)
        if killer and killer not in self._trusted:
            (item,) = (item for item in session.items if item.nodeid == killer)
            if _forked(session, [item]):
                raise pytest.UsageError(f"{killer} fails by itself with all checks in place")
            self._trusted.add(killer)
        return killer


def _forked(session: pytest.Session, items: Sequence[pytest.Item], site: Site | None = None) -> str:
    """The first of the tests that fails, without the site, in a process of its own."""
    inward, outward = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if not child:
        try:
            _in_child(session, items, site, outward)
        finally:
            os._exit(0)
    os.close(outward)
    with os.fdopen(inward) as pipe:
        said = pipe.read().splitlines()[-1]
    os.waitpid(child, 0)
    # A test that came to no end, or took the process with it, has failed.
    return SURVIVED if said == DONE else said


def _in_child(
    session: pytest.Session, items: Sequence[pytest.Item], site: Site | None, outward: int
) -> None:
    """Write the name of each test before it is run, and `DONE` if all have passed."""
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    session._setupstate.teardown_exact(items[0])
    if site:
        remove(site)
    for number, item in enumerate(items):
        os.write(outward, f"{item.nodeid}\n".encode())
        # Processor time: others may keep this machine busy.
        signal.setitimer(signal.ITIMER_PROF, PATIENCE)
        if _fails(item, items[(number + 1) % len(items)]):
            return
    os.write(outward, f"{DONE}\n".encode())


def _fails(item: pytest.Item, following: pytest.Item) -> bool:
    return any(report.failed for report in runtestprotocol(item, log=False, nextitem=following))


def kill(sites: Sequence[Site], tests: Sequence[str], **hearing: Any) -> dict[str, str]:
    """`Killing.found` after these tests; ``hearing`` are its callbacks."""
    plugin = Killing(sites, **hearing)
    options = ["-o", "addopts=", "--import-mode=importlib", f"--rootdir={ROOT}"]
    for name in ("cacheprovider", "terminal", "xdist"):
        options += ["-p", f"no:{name}"]
    # The second verifier would notice any difference at once; what is asked is what the first one's tests notice.
    with patch.dict(os.environ, {ONE_VERIFIER: "1"}):
        status = pytest.main([*options, *(str(ROOT / test) for test in tests)], plugins=[plugin])
    if len(plugin.found) != len(sites):
        raise SystemExit(f"the tests did not run (pytest's exit status is {status})")
    return plugin.found
