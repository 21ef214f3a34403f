"""The shipped checkpoint as integers against fp32 PyTorch, as it is and with outlier channels."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer
from xdsl.context import Context
from zklemma.compiler.analysis.calibrate import calibrate, calibration_sequences, text_windows
from zklemma.compiler.analysis.fidelity import (
    POSITIONS,
    READING,
    WORK,
    Window,
    affordable,
    fidelity,
    logits_scale,
    pytorch_logits,
)
from zklemma.compiler.emit import param_arrays
from zklemma.compiler.frontend.checkpoint import Checkpoint, load_checkpoint
from zklemma.compiler.frontend.importer import import_model
from zklemma.compiler.interpret_quant import interpret
from zklemma.compiler.pipelines import lower
from zklemma.compiler.texts import CALIBRATION, HELD_OUT, kinds
from zklemma.compiler.transforms.batch_decode import BatchDecode
from zklemma.compiler.transforms.convert_nn_to_quant import ConvertNNToQuant
from zklemma.compiler.transforms.plan_scales import PlanScales
from zklemma.compiler.transforms.raise_to_nn import RaiseToNN
from zklemma.compiler.transforms.stack_layers import StackLayers
from zklemma.compiler.weights import quantized_weights
from zklemma.runtime.witness.executor import Executor

ROOT = Path(__file__).parents[2]
TOKENS = 64
WINDOWS = 16


class Outliers:
    """The checkpoint with channels a hundred times larger; the function is the same.

    Channels of norms, whose gain grows and whose consumers' columns shrink, and rows of up
    projections, for which columns of the down projection shrink.
    """

    def __init__(self, base: Checkpoint, factor: float = 100.0):
        self.path, self.config, self.names, self.shapes = (
            base.path,
            base.config,
            base.names,
            base.shapes,
        )
        self.family, self.canonical, self.parts = base.family, base.canonical, base.parts
        self.transposed = base.transposed
        self.weights = {name: base.tensor(name).copy() for name in base.names}
        rng = np.random.default_rng(0)
        for layer in range(base.config.num_hidden_layers):
            path = f"model.layers.{layer}"
            for norm, users in (
                ("input_layernorm", [f"self_attn.{n}_proj" for n in "qkv"]),
                ("pre_feedforward_layernorm", ["mlp.gate_proj", "mlp.up_proj"]),
            ):
                gain = self.weights[f"{path}.{norm}.weight"]
                chosen = rng.choice(len(gain), len(gain) // 16, replace=False)
                gain[chosen] = (1 + gain[chosen]) * factor - 1
                for user in users:
                    self.weights[f"{path}.{user}.weight"][:, chosen] /= factor
            up = self.weights[f"{path}.mlp.up_proj.weight"]
            chosen = rng.choice(len(up), len(up) // 16, replace=False)
            up[chosen] *= factor
            self.weights[f"{path}.mlp.down_proj.weight"][:, chosen] /= factor

    def tensor(self, name: str) -> np.ndarray:
        return self.weights[self.canonical(name)]

    def state(self) -> dict[str, np.ndarray]:
        return self.weights

    def sha256(self, name: str) -> str:
        return hashlib.sha256(self.tensor(name).astype("<f4").tobytes()).hexdigest()


@pytest.fixture(scope="module")
def texts() -> dict[str, list[int]]:
    tokenizer = Tokenizer.from_file(str(ROOT / "checkpoints/tiny-gemma3/tokenizer.json"))
    return {
        name: tokenizer.encode(kinds(name)["stories"], add_special_tokens=False).ids
        for name in (CALIBRATION, HELD_OUT)
    }


@pytest.mark.parametrize("outliers", [False, True])
def test_greedy_agreement(texts: dict[str, list[int]], outliers: bool) -> None:
    checkpoint = load_checkpoint(ROOT / "checkpoints/tiny-gemma3")
    if outliers:
        checkpoint = Outliers(checkpoint)
    vocabulary, start = checkpoint.config.vocab_size, [2]
    module = import_model(checkpoint, TOKENS)  # type: ignore[arg-type]
    RaiseToNN().apply(Context(), module)
    sequences = calibration_sequences(texts[CALIBRATION], TOKENS, vocabulary, start)
    calibrate(module, checkpoint.tensor, sequences)
    for each in (PlanScales(), ConvertNNToQuant(), StackLayers()):
        each.apply(Context(), module)
        module.verify()
    batched = module.clone()
    BatchDecode().apply(Context(), batched)
    weights = quantized_weights(checkpoint, batched)
    circuit, program = lower(batched)
    executor = Executor(circuit, program, param_arrays(circuit, weights))

    windows = text_windows(texts[HELD_OUT], TOKENS, start)[:WINDOWS]
    assert np.array_equal(executor.logits(windows[0]), interpret(module, weights, windows[0]))
    measured = fidelity(
        pytorch_logits(checkpoint),  # type: ignore[arg-type]
        executor.logits,
        logits_scale(batched),
        windows,
    )
    assert measured["positions"] > 900
    assert measured["greedy_agreement"] >= 0.99
    assert abs(measured["delta_nats"]) < 2e-3


def test_a_report_compares_what_there_is_time_for() -> None:
    windows = [Window("text", [token] * TOKENS) for token in range(POSITIONS)]
    assert affordable(windows, 1) == windows[: POSITIONS // TOKENS]
    assert affordable(windows, WORK // (5 * (READING + TOKENS))) == windows[:5]
    assert affordable(windows, WORK) == windows[:1]
