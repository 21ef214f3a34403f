"""Runs tests against the verifier without one of its checks, check after check.

All happens inside one run of pytest (`Killing` is a plugin of it). First each test runs on the verifier as it is,
which tells what sites it comes to: no other test can notice that a site is gone. Then a fork of the process takes
one site out and runs the tests that came to it until the first fails. Tests go first in which the site refused
something, then those that have noticed a like site, then quick ones. Where no test comes to a site, nothing needs
to be run: it survives.

Values that were computed before the fork stay in caches, so a site may survive that fresh processes would kill, not
the other way round.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from sites import ROOT, Site, listen, remove

# Without a check a test may run for ever.
PATIENCE = 60
SURVIVED = ""


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
        self._kills: Counter[tuple[str, str]] = Counter()
        listen(sites, self._listen)

    def _listen(self, name: str, refused: bool) -> None:
        reach = self._reach[name]
        reach[self._current] = reach.get(self._current, False) or refused

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = session.items
        for number, item in enumerate(items):
            # What the last module has set up stays.
            following = items[min(number + 1, len(items) - 1)]
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
        inward, outward = os.pipe()
        sys.stdout.flush()
        child = os.fork()
        if not child:
            os.close(inward)
            killer = _in_child(session, site, [session.items[n] for n in numbers], outward)
            os.write(outward, pickle.dumps(killer))
            os._exit(0)
        os.close(outward)
        with os.fdopen(inward, "rb") as pipe:
            said = pipe.read()
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            return f"{said.decode()} (killed by signal {os.WTERMSIG(status)})"
        return pickle.loads(said)


def _in_child(
    session: pytest.Session, site: Site, items: Sequence[pytest.Item], outward: int
) -> str:
    """The first of the tests that fails without the site, in a process of its own."""
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    session._setupstate.teardown_exact(items[0])
    remove(site)
    for number, item in enumerate(items):
        signal.alarm(PATIENCE)
        if _fails(item, items[(number + 1) % len(items)]):
            return item.nodeid
    return SURVIVED


def _fails(item: pytest.Item, following: pytest.Item) -> bool:
    return any(report.failed for report in runtestprotocol(item, log=False, nextitem=following))


def kill(sites: Sequence[Site], tests: Sequence[str], **hearing: Any) -> dict[str, str]:
    """`Killing.found` after these tests; ``hearing`` are its callbacks."""
    plugin = Killing(sites, **hearing)
    options = ["-o", "addopts=", "--import-mode=importlib", f"--rootdir={ROOT}"]
    for name in ("cacheprovider", "terminal", "xdist"):
        options += ["-p", f"no:{name}"]
    status = pytest.main([*options, *(str(ROOT / test) for test in tests)], plugins=[plugin])
    if len(plugin.found) != len(sites):
        raise SystemExit(f"the tests did not run (pytest's exit status is {status})")
    return plugin.found
