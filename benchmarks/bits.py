"""What fidelity costs: limbs a token against the predicted loss, for the formats of a compiled model.

``python benchmarks/bits.py model.zkl [NATS ...]`` chooses formats (`choose-bits`) for each loss that is
allowed, from the ranges and sensitivities that the artifact keeps, and prints the limbs of a token that
rounding commits, and the divergence that it is predicted to cost; then the scales that cost most of it
in the model as it was compiled.
"""

from __future__ import annotations

import sys

from zklemma.compiler.analysis.scales import Scales
from zklemma.compiler.modules import main_function
from zklemma.compiler.plan_text import read_plan
from zklemma.compiler.transforms.choose_bits import ChooseBits, choose
from zklemma.compiler.transforms.plan_scales import default_fracs, scales_of
from zklemma.runtime.model.keys import load_artifact
from zklemma.tools import bench, console

NATS = (1e-7, 5e-6, 1.2e-5, 2e-5, 4e-5, 1e-4, 1e-3)
LISTED = 10


def rows(scales: Scales, allowed: list[float]) -> list[list[str]]:
    """A row for 16 bits everywhere but before norms, and for each loss that is allowed."""
    found = [("plan-scales alone", default_fracs(scales))]
    found += [(f"{nats:.0e}", choose(scales, nats)) for nats in allowed]
    return [[n, f"{scales.cells(f):.0f}", f"{scales.error(f):.1e}"] for n, f in found]


def main() -> None:
    model, *allowed = sys.argv[1:]
    scales = scales_of(main_function(read_plan(load_artifact(model).meta["plan"])))
    table = rows(scales, [float(nats) for nats in allowed] or list(NATS))
    console.grid("Formats by what they may lose", ["nats", "limbs a token", "predicted"], table)
    chosen = choose(scales, ChooseBits().nats)
    worst = sorted(scales.all, key=lambda scale: -scale.error(chosen[scale]))[:LISTED]
    console.grid(
        "What loses most with the formats of least cost for the default",
        ["nats", "bits", "of which fraction", "value or weight"],
        [
            [
                f"{scale.error(chosen[scale]):.1e}",
                str(scale.bits(chosen[scale])),
                str(chosen[scale]),
                scale.path,
            ]
            for scale in worst
        ],
    )


if __name__ == "__main__":
    bench.script(main)
