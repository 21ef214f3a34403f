"""The decoder layer that EZKL is given is the one that is proved here."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parents[2]


def benchmark() -> Any:
    path = ROOT / "benchmarks" / "versus_ezkl.py"
    spec = importlib.util.spec_from_file_location("benchmarks_versus_ezkl", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_layer_is_the_models() -> None:
    versus = benchmark()
    torch.manual_seed(0)
    model = versus.decoder(32)
    ids = torch.randint(3, 60, (1, 4))
    with torch.no_grad():
        hidden = versus.DecoderLayer(model, 4)(model.model.embed_tokens(ids))
        found = model.lm_head(model.model.norm(hidden))
        wanted = model(ids).logits
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
