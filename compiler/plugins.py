"""What other packages add: their xDSL universes, which the entry-point group `xdsl.universe` names.

A universe that can not be loaded is left out, and so is a name of one that is there already; each is said in a
line, and nothing else stops for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import TypeAlias, TypeVar

from xdsl.ir import Dialect
from xdsl.universe import Universe

from .transforms.registry import UNIVERSE

GROUP = "xdsl.universe"
Dialects: TypeAlias = dict[str, Callable[[], Dialect]]
"""By name, functions that import them."""
Warn: TypeAlias = Callable[[str], None]
FoundT = TypeVar("FoundT")


def universes(warn: Warn) -> Iterator[tuple[str, Universe]]:
    """Names and tables: ours whether or not the package is installed, xDSL's, then plug-ins."""
    yield "zklemma", UNIVERSE
    plugins = sorted(entry_points(group=GROUP), key=lambda p: (p.name != "xdsl", p.name))
    for plugin in plugins:
        try:
            found = plugin.load()
            if not isinstance(found, Universe):
                raise TypeError(f"{plugin.value} is no xDSL universe")
        except Exception as error:  # whatever a stranger's code raises
            warn(
                f"plug-in {plugin.name} is left out, it can not be loaded: "
                f"{type(error).__name__}: {error}"
            )
            continue
        if found is not UNIVERSE:
            yield plugin.name, found


def merge(
    plugin: str, kind: str, table: dict[str, FoundT], more: dict[str, FoundT], warn: Warn
) -> None:
    """Adds a plug-in's names to a table, unless they are there."""
    for name, factory in more.items():
        if table.setdefault(name, factory) is not factory:
            warn(f"plug-in {plugin}: there is a {kind} {name} already; its own is left out")


def dialects(warn: Warn) -> Dialects:
    """Our dialects, xDSL's, and those of plug-ins."""
    found: Dialects = {}
    for plugin, universe in universes(warn):
        merge(plugin, "dialect", found, universe.all_dialects, warn)
    return found
