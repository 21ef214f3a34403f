"""How faithful an artifact is to its checkpoint in PyTorch: predictions, and the error of each value.

Predictions are compared on the shipped held-out texts, kind by kind, or on a user's (`fidelity`); the
errors of values on the first windows of them (`value_errors`). Weights are checked to be those that were
compiled, by their digests.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..compiler.analysis.fidelity import compare, pytorch_logits
from ..compiler.calibrated import Texts
from ..compiler.frontend.checkpoint import Checkpoint, load_checkpoint
from ..compiler.plan_text import read_plan
from ..compiler.texts import HELD_OUT, read_text
from ..dialects import nn
from ..errors import UserError
from ..runtime.circuit.generation import longest
from ..runtime.model.keys import Artifact
from ..runtime.progress import Clock, Progress, Silent
from ..runtime.witness.executor import Executor
from .value_errors import value_errors

STAGES = ("load", "values", "predictions")
# Windows whose values are compared.
VALUES = 2
# Positions at which predictions differ that are listed, and the values of largest error.
LISTED = 20


def report(
    artifact: Artifact,
    checkpoint: str | Path | None = None,
    texts: Sequence[Path] = (),
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Plain data: ``fidelity`` of all, ``kinds`` by kind of text, ``differences`` where the most likely
    tokens differ, ``errors`` of values by module, kind and layer. ``checkpoint`` is by default the one
    that was compiled."""
    clock = Clock(progress or Silent())
    clock.start("load")
    source = checkpoint or artifact.meta["source"]
    loaded = load_checkpoint(source)
    plan = artifact.meta["plan"]
    if plan is None:
        raise UserError(
            "the artifact was compiled from integers (--from-ir): nothing says their scales"
        )
    module = read_plan(plan)
    _require_same(loaded, module, str(source))
    key = artifact.key
    executor = Executor(key.circuit, artifact.program, artifact.params)
    tokens = Texts(loaded)
    limit = longest(key.circuit)
    windows = [w for path in texts for w in tokens.of_text(path.name, read_text(path), limit)]
    windows = windows or tokens.windows(HELD_OUT, limit)
    clock.start("values")
    found = [value_errors(module, loaded.tensor, executor, w.ids) for w in windows[:VALUES]]
    clock.start("predictions")
    result = compare(
        pytorch_logits(loaded),
        executor.logits,
        artifact.meta["logits_scale"],
        windows,
        clock.at,
        loaded.family.logits_cap(loaded.config),
    )
    clock.stop()
    errors = [
        {
            "module": same[0].path,
            "kind": same[0].kind,
            "layer": same[0].layer,
            "error": float(np.mean([each.error for each in same])),
        }
        for same in zip(*found, strict=True)
    ]
    return {
        "name": key.name,
        "model_id": key.model_id,
        "seconds": sum(clock.seconds.values()),
        "fidelity": dict(result.whole()),
        "kinds": {kind: dict(averages) for kind, averages in result.kinds().items()},
        "differences": sorted(result.margins, key=lambda margin: -margin["nats"]),
        "errors": errors,
    }


def worst(errors: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The values of largest error, largest first."""
    return sorted(errors, key=lambda each: -each["error"])[:LISTED]


def plot(errors: Sequence[dict[str, Any]], path: Path) -> None:
    """A picture of the errors: a row for each role in the order of the program, a column for each layer."""
    from matplotlib import pyplot
    from matplotlib.colors import LogNorm

    roles = list(dict.fromkeys((e["module"], e["kind"]) for e in errors if e["layer"] is not None))
    layers = 1 + max(e["layer"] for e in errors if e["layer"] is not None)
    grid = np.full((len(roles), layers), np.nan)
    for each in errors:
        if each["layer"] is not None:
            row = roles.index((each["module"], each["kind"]))
            grid[row, each["layer"]] = np.fmax(grid[row, each["layer"]], each["error"])
    figure, axes = pyplot.subplots(figsize=(4 + layers / 3, 1.5 + len(roles) / 3))
    image = axes.imshow(np.maximum(grid, 1e-9), norm=LogNorm(), aspect="auto", cmap="viridis")
    names = [f"{module.split('{layer}.')[-1]} ({kind})" for module, kind in roles]
    axes.set_yticks(range(len(roles)), names, fontsize=7)
    axes.set_xlabel("layer")
    figure.colorbar(image, label="relative error")
    figure.tight_layout()
    figure.savefig(path, format="png", dpi=120, bbox_inches="tight")
    pyplot.close(figure)


def _require_same(checkpoint: Checkpoint, module: Any, source: str) -> None:
    for op in module.walk():
        if isinstance(op, nn.ParamOp) and checkpoint.sha256(op.param_name) != op.sha256.data:
            raise UserError(
                f"{source}: its weight {op.param_name} is not the one that was compiled"
            )
