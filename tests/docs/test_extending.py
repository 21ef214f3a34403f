"""The worked example of docs/extending.md: its class, as it stands there, is all that a compile needs."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.dialects.func import Func
from xdsl.parser import Parser
from zklemma.compiler.analysis.calibrate import calibrate
from zklemma.compiler.analysis.sensitivity import sensitivities
from zklemma.compiler.emit import param_arrays
from zklemma.compiler.families.base import SLIDING
from zklemma.compiler.families.decoder import Decoder
from zklemma.compiler.families.gemma3 import GEMMA3
from zklemma.compiler.frontend.evaluate import evaluate
from zklemma.compiler.levels import EVERYTHING
from zklemma.compiler.module_text import print_module
from zklemma.compiler.pipelines import lower, to_quant
from zklemma.compiler.plan_text import read_plan, write_plan
from zklemma.compiler.resumed import read_model
from zklemma.compiler.running import run_passes
from zklemma.compiler.weights import quantized_weights
from zklemma.dialects import nn
from zklemma.dialects.rotation import Rotation
from zklemma.errors import UserError
from zklemma.runtime.witness.executor import Executor

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
TOKENS = 8
CONFIG = Decoder(
    style=GEMMA3.style,
    vocab_size=40,
    hidden_size=16,
    intermediate_size=24,
    num_attention_heads=2,
    num_key_value_heads=1,
    head_dim=8,
    hidden_activation="silu",
    rms_norm_eps=1e-6,
    score_scale=8**-0.5,
    layer_types=(SLIDING,),
    sliding_window=4,
    rotations=(Rotation(1e4),),
    embedding_scale=4.0,
    tie_word_embeddings=True,
)


@pytest.fixture
def example(tmp_path: Path) -> ModuleType:
    """The page's file, imported."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    path = tmp_path / "example_package.py"
    path.write_text(code)
    spec = importlib.util.spec_from_file_location("example_package", path)
    assert spec and spec.loader
    module = sys.modules["example_package"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Weights(dict[str, np.ndarray]):
    """Random ones, with the interface of a checkpoint."""

    def __init__(self, module: ModuleOp):
        random = np.random.default_rng(0)
        for op in module.walk():
            if isinstance(op, nn.ParamOp):
                shape = nn.shape_of(op.result)
                spread = shape[-1] ** -0.5 if len(shape) > 1 else 0.3
                self[op.param_name] = random.normal(0, spread, shape).astype(np.float32)

    def tensor(self, name: str) -> np.ndarray:
        return self[name]

    def sha256(self, name: str) -> str:
        return "0" * 64


def test_the_worked_example_compiles_and_predicts_what_floats_do(example: ModuleType) -> None:
    text = print_module(CONFIG.module(TOKENS)).replace("nn.silu", "example.softsign")
    context = Context()
    for dialect in (Builtin, Func, nn.NN, example.EXAMPLE):
        context.load_dialect(dialect)
    module = Parser(context, text).parse_module()
    module.verify()
    weights = Weights(module)
    ids = np.random.default_rng(1).integers(0, CONFIG.vocab_size, (60, TOKENS))
    floats = evaluate(module, ids, weights.tensor)
    calibrate(module, weights.tensor, ids.tolist())
    sensitivities(module, weights.tensor, ids)
    planning, converting = to_quant({})
    run_passes(Context(), module, planning + converting)
    circuit, program = lower(module)
    executor = Executor(circuit, program, param_arrays(circuit, quantized_weights(weights, module)))
    same = [
        executor.logits(row.tolist()).argmax(-1) == logits.argmax(-1)
        for row, logits in zip(ids[:20], floats, strict=False)
    ]
    assert np.mean(same) > 0.99


UNIVERSE = """
from xdsl.universe import Universe

UNIVERSE = Universe(all_dialects={"example": lambda: EXAMPLE})
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page's file in a package whose entry point is that of the page."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (entry,) = re.findall(r'example = "example_package:UNIVERSE"', PAGE.read_text())
    path = tmp_path / "example_package.py"
    path.write_text(code + UNIVERSE)
    info = tmp_path / "example_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: example_package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[xdsl.universe]\n" + entry.replace('"', "") + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "example_package", raising=False)
    return path


def test_what_was_written_with_a_plug_in_is_read_back(installed: Path, tmp_path: Path) -> None:
    text = print_module(CONFIG.module(TOKENS)).replace("nn.silu", "example.softsign")
    source = tmp_path / "model.mlir"
    source.write_text(text)
    module, *_ = read_model(source, {}, EVERYTHING)
    assert "example.softsign" in {op.name for op in module.walk()}
    assert print_module(read_plan(write_plan(module))) == print_module(module) == text


def test_a_plug_in_that_can_not_be_loaded_is_named(installed: Path, tmp_path: Path) -> None:
    source = tmp_path / "model.mlir"
    source.write_text(print_module(CONFIG.module(TOKENS)).replace("nn.silu", "example.softsign"))
    installed.write_text("raise RuntimeError('no licence')")
    reason = "plug-in example is left out, it can not be loaded: RuntimeError: no licence"
    with pytest.raises(UserError, match=rf"model\.mlir: .*example\.softsign.*; {reason}$"):
        read_model(source, {}, EVERYTHING)
