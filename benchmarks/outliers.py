"""The same function in other weights: does a model lose fidelity when its weights are of odd sizes?

``python benchmarks/outliers.py CHECKPOINT [VARIANT ...]`` compiles a checkpoint as it is and in forms that
compute the same but for a norm's eps, and prints the greedy agreement of each with fp32 PyTorch on
held-out text of all kinds. In "channels" every 64th channel after a norm and of the gated product is some
times larger, and its consumers' columns smaller; in "q", "k", "v", "o", "up", "down" that linear layer of
layer 0 is 2^10 times larger, and what reads it takes the factor back, if that is no norm; in "row" the head
is not tied, and the embedding of one token is 1000 times larger. Nothing is proved.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Annotated

import numpy as np
import typer
from xdsl.context import Context
from zklemma.compiler.analysis.fidelity import compare, logits_scale, pytorch_logits
from zklemma.compiler.calibrated import Texts, calibrated_model
from zklemma.compiler.emit import param_arrays
from zklemma.compiler.families.base import EMBEDDING, LM_HEAD
from zklemma.compiler.frontend.checkpoint import Checkpoint, Tensors, load_checkpoint
from zklemma.compiler.pipelines import lower, to_quant
from zklemma.compiler.running import run_passes
from zklemma.compiler.texts import HELD_OUT
from zklemma.compiler.weights import quantized_weights
from zklemma.runtime.witness.executor import Executor
from zklemma.tools import console, measuring

STRIDE = 64
FACTOR = 2.0**10
PLACES = {
    "q": ("self_attn.q_proj", None),
    "k": ("self_attn.k_proj", None),
    "v": ("self_attn.v_proj", "self_attn.o_proj"),
    "o": ("self_attn.o_proj", None),
    "up": ("mlp.up_proj", "mlp.down_proj"),
    "down": ("mlp.down_proj", None),
}
READERS = {
    "input_layernorm": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "pre_feedforward_layernorm": ("mlp.gate_proj", "mlp.up_proj"),
}
Change = Callable[[np.ndarray, int], np.ndarray]
"""From rows of a weight, the first of which has the number, to those of another."""


@dataclass
class Changed:
    """Weights some of which are changed; ``stored`` has the names of those that lie under another."""

    tensors: Tensors
    changes: dict[str, Change]
    stored: dict[str, str] = field(default_factory=dict)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return self.tensors.shapes

    def rows(self, name: str, count: int) -> Iterator[np.ndarray]:
        first, change = 0, self.changes.get(name)
        for chunk in self.tensors.rows(self.stored.get(name, name), count):
            yield chunk if change is None else change(chunk, first).astype(np.float32)
            first += len(chunk)


def times(factor: float) -> Change:
    return lambda rows, first: rows * np.float32(factor)


def some_rows(factor: float) -> Change:
    def change(rows: np.ndarray, first: int) -> np.ndarray:
        large = (np.arange(first, first + len(rows)) % STRIDE == 0).astype(np.float32)
        return rows * (1 + (factor - 1) * large).reshape(-1, *[1] * (rows.ndim - 1))

    return change


def some_gains(factor: float) -> Change:
    """Gains are stored less one."""
    scaled = some_rows(factor)
    return lambda rows, first: scaled(1 + rows, first) - 1


def some_columns(factor: float) -> Change:
    return lambda rows, first: rows * np.where(np.arange(rows.shape[1]) % STRIDE, 1.0, factor)


def one_row(number: int, factor: float) -> Change:
    def change(rows: np.ndarray, first: int) -> np.ndarray:
        rows = rows.copy()
        rows[number - first : number - first + 1] *= factor if number >= first else 1
        return rows

    return change


def channels(factor: float, layers: int) -> dict[str, Change]:
    changes: dict[str, Change] = {}
    for layer in (f"model.layers.{number}." for number in range(layers)):
        for norm, readers in READERS.items():
            changes[f"{layer}{norm}.weight"] = some_gains(factor)
            for name in readers:
                changes[f"{layer}{name}.weight"] = some_columns(1 / factor)
        columns = changes[f"{layer}mlp.up_proj.weight"]
        rows = some_rows(factor)
        changes[f"{layer}mlp.up_proj.weight"] = lambda x, first, rows=rows, columns=columns: rows(
            columns(x, first), first
        )
        changes[f"{layer}mlp.down_proj.weight"] = some_columns(1 / factor)
    return changes


def one_layer(place: str) -> dict[str, Change]:
    larger, reader = PLACES[place]
    changes = {f"model.layers.0.{larger}.weight": times(FACTOR)}
    if reader:
        changes[f"model.layers.0.{reader}.weight"] = times(1 / FACTOR)
    return changes


def variant(checkpoint: Checkpoint, name: str) -> Checkpoint:
    """The checkpoint in other weights."""
    changes: dict[str, Change] = {}
    stored, shapes, config, elsewhere = checkpoint.stored, checkpoint.shapes, checkpoint.config, {}
    if name.startswith("channels"):
        changes = channels(float(name.removeprefix("channels")), config.num_hidden_layers)
    elif name in PLACES:
        changes = one_layer(name)
    elif name == "row":
        config = copy.deepcopy(config)
        config.tie_word_embeddings = False
        shapes = shapes | {LM_HEAD: shapes[EMBEDDING]}
        stored = stored | {LM_HEAD: LM_HEAD}
        elsewhere = {LM_HEAD: stored[EMBEDDING]}
        changes = {EMBEDDING: one_row(config.vocab_size // 2, 1000.0)}
    named = {stored[each]: change for each, change in changes.items()}
    tensors = Changed(checkpoint.tensors, named, elsewhere)
    return replace(
        checkpoint, config=config, shapes=shapes, tensors=tensors, stored=stored, digests={}
    )


VARIANTS = ["channels1", "channels100", "channels1000", *PLACES, "row"]


def main(
    source: str,
    names: Annotated[list[str] | None, typer.Argument()] = None,
    tokens: int = 256,
    positions: int = 2048,
) -> None:
    rows = []
    for name in names or VARIANTS:
        checkpoint = variant(load_checkpoint(source), name)
        planning, converting = to_quant({})
        module = calibrated_model(checkpoint, tokens)
        run_passes(Context(), module, planning + converting)
        circuit, program = lower(module)
        params = param_arrays(circuit, quantized_weights(checkpoint, module))
        windows = Texts(checkpoint).windows(HELD_OUT, tokens)[: max(1, positions // tokens)]
        found = compare(
            pytorch_logits(checkpoint),
            Executor(circuit, program, params).logits,
            logits_scale(module),
            windows,
        ).whole()
        rows.append(
            [
                name,
                f"{found['greedy_agreement']:.2%}",
                f"{found['kl']:.1e}",
                f"{found['delta_nats']:+.5f}",
                str(found["positions"]),
            ]
        )
        print(*rows[-1], flush=True)
    console.grid(
        "The same function in other weights",
        ["weights", "same next token", "divergence, nats", "change, nats", "positions"],
        rows,
    )


if __name__ == "__main__":
    measuring.script(lambda: typer.run(main))
