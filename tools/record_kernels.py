"""Writes the list of the kernels that proofs call (`runtime.kernels.warm`), as a compile and proofs called them.

``python -m zklemma.tools.record_kernels CHECKPOINT [CHECKPOINT ..]`` compiles each checkpoint, for as many tokens
as ``--max-tokens`` says, makes a proof of each kind, and rotates the masks, all of it with an empty cache. With
``--add`` the list keeps what it has, and gets what is new.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import defaultdict
from importlib import import_module
from pathlib import Path
from typing import Any

from numba.core import config, event

PROMPT = "Once upon a time there was a little"


class Seconds(event.Listener):
    """The processor seconds that numba took to compile each function, by function and types, with what that calls
    and was not compiled yet. One thread compiles at a time."""

    def __init__(self) -> None:
        self.found: dict[tuple[Any, Any], float] = {}
        self._starts: list[float] = []

    def on_start(self, event: event.Event) -> None:
        self._starts.append(time.thread_time())

    def on_end(self, event: event.Event) -> None:
        data: Any = event.data
        seconds = time.thread_time() - self._starts.pop()
        self.found[data["dispatcher"], data["args"]] = seconds


def called(seconds: dict[tuple[Any, Any], float]) -> dict[tuple[str, str], float]:
    """The kernels that this process has called so far, by name and types as JSON, with their ``seconds``, 0 where
    there are none."""
    from ..runtime.kernels import warm
    from ..runtime.kernels.signatures import to_data

    found = {}
    for path in sorted(warm.FOLDER.glob("*.py")):
        module = import_module(f"..runtime.kernels.{path.stem}", __package__)
        for name, kernel in vars(module).items():
            # Those without a cache are parts of others.
            own = getattr(kernel, "py_func", None)
            if own and own.__module__ == module.__name__ and kernel.stats.cache_path:
                for kinds in kernel.signatures:
                    key = f"{path.stem}.{name}", json.dumps([to_data(kind) for kind in kinds])
                    found[key] = round(seconds.get((kernel, kinds), 0.0), 1)
    return found


def prove_everything(checkpoint: Path, max_tokens: int, folder: Path) -> None:
    """Compile, prove what is public, with and without hiding, and what is private, and rotate."""
    from .compiling import compile

    compiled = compile(checkpoint, max_tokens=max_tokens, least_fidelity=None)
    compiled.save(folder / f"{checkpoint.name}.zkl")
    prove_each_kind(folder / f"{checkpoint.name}.zkl", max_tokens // 2)


def prove_each_kind(model: Path, new_tokens: int) -> None:
    from ..runtime.model.keys import load_artifact
    from ..runtime.proving import answer, rotation

    artifact = load_artifact(model)
    both = answer.Privacy(prompt=True, output=True)
    for hiding, privacy in ((None, None), (False, None), (None, both)):
        answer.prove(artifact, PROMPT, new_tokens, hiding, privacy=privacy)
    rotation.rotate(artifact)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the list of the kernels that proofs call.")
    parser.add_argument("checkpoints", type=Path, nargs="+", metavar="CHECKPOINT")
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--add", action="store_true", help="keep what the list has")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["NUMBA_CACHE_DIR"] = scratch
        config.reload_config()  # Before modules of kernels are imported.
        from ..runtime.kernels import warm

        kept = {
            (name, json.dumps(kinds)): seconds
            for name, own in (warm.listed() if options.add else {}).items()
            for seconds, kinds in own
        }
        warm.needed = lambda: False  # Compiling must find its kernels by calling them.
        with event.install_listener("numba:compile", Seconds()) as seconds:
            for checkpoint in options.checkpoints:
                prove_everything(checkpoint, options.max_tokens, Path(scratch))
        write(called(seconds.found) | kept)


def write(found: dict[tuple[str, str], float]) -> None:
    """Write the list, a specialisation a line."""
    from ..runtime.kernels import warm

    lines: dict[str, list[str]] = defaultdict(list)
    for (name, kinds), seconds in sorted(found.items()):
        lines[name].append(f"  [{seconds}, {kinds}]")
    listed = ",\n".join(f'"{name}": [\n' + ",\n".join(own) + "\n]" for name, own in lines.items())
    warm.LIST.write_text(f"{{\n{listed}\n}}\n")


if __name__ == "__main__":
    main()
