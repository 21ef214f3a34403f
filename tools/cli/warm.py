"""``zklemma warm``: compile the prover's kernels for this machine, which proving does where it was not done."""

from __future__ import annotations

import sys
import time

from .. import console
from .options import AsJson, Quiet, emit


def warm(as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Compile the prover's kernels for this machine, so that the first proof need not."""
    start = time.perf_counter()
    compiled = ready(quiet)
    from ...runtime.kernels.warm import cache_folder, listed

    report = {
        "kernels": sum(map(len, listed().values())),
        "compiled": compiled,
        "cache": str(cache_folder()),
        "seconds": time.perf_counter() - start,
    }
    if as_json:
        return emit(report)
    if quiet:
        return None
    console.table(
        "Kernels are ready",
        {
            "compiled": f"{compiled} of {report['kernels']}",
            "cache": report["cache"],
            "time": f"{report['seconds']:.1f} s",
        },
    )


def ready(quiet: bool) -> int:
    """Compile what kernels are not yet, and return how many those were."""
    from ...runtime.kernels.warm import needed
    from ...runtime.kernels.warm import warm as compile_all

    if not needed():
        return 0
    if not quiet and not sys.stderr.isatty():
        print("note: compiling kernels for this machine, which is done once", file=sys.stderr)
    with console.Bar(["kernels"], not quiet) as bar:
        return compile_all(lambda fraction: bar.stage("kernels", fraction))
