"""The importer: the same text every time, and one line for what it does not know."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers.models.gemma3.modeling_gemma3 import Gemma3MLP
from zklemma.compiler.frontend.checkpoint import load_checkpoint
from zklemma.compiler.frontend.importer import import_model
from zklemma.errors import UserError

TEXT = """
import sys
from zklemma.compiler.frontend.checkpoint import load_checkpoint
from zklemma.compiler.frontend.importer import import_model
print(next(iter({"full_attention", "sliding_attention"})))
print(import_model(load_checkpoint(sys.argv[1]), 7))
"""


def test_text_does_not_depend_on_the_hash_seed(small: Path) -> None:
    """transformers iterates a set of layer types; another process meets it in the other order."""
    here = next(iter({"full_attention", "sliding_attention"}))
    seed = "1" if here == "full_attention" else "0"
    environment = os.environ | {"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", TEXT, str(small)]
    other = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    there, _, text = other.stdout.partition("\n")
    assert there != here
    assert text.rstrip() == str(import_model(load_checkpoint(small), 7)).rstrip()


@pytest.mark.parametrize("tokens", [0, -1, 65])
def test_number_of_tokens_must_fit(small: Path, tokens: int) -> None:
    with pytest.raises(UserError, match="between 1 and 64"):
        import_model(load_checkpoint(small), tokens)


@pytest.mark.parametrize(
    ("activation", "operation"),
    [
        (torch.nn.functional.mish, "aten.mish.default"),
        (torch.nn.functional.elu, "aten.elu.default"),
        (lambda x: torch.cat([x, x, x], dim=-1)[..., :48], "aten.cat.default"),
        (lambda x: torch.softmax(x, dim=1), "aten.softmax.int"),
        (lambda x: torch.dropout(x, 0.5, True), "aten.dropout.default"),
        (lambda x: x.pow(2).mean(1, keepdim=True) + x, "aten.mean.dim"),
        (lambda x: x[:, ::2].repeat(1, 2, 1) + x, "aten.slice.Tensor"),
        (lambda x: torch.add(x, x, alpha=2), "aten.add.Tensor"),
        (lambda x: x.double().float(), "aten.to.dtype"),
    ],
)
def test_unsupported_operation_is_named(
    small: Path, monkeypatch: Any, activation: Any, operation: str
) -> None:
    """A model changed behind the configuration's back."""
    monkeypatch.setattr(
        Gemma3MLP, "forward", lambda self, x: self.down_proj(activation(self.gate_proj(x)))
    )
    with pytest.raises(UserError) as caught:
        import_model(load_checkpoint(small), 8)
    message = str(caught.value)
    assert message.startswith("model.layers.0.mlp: ")
    assert operation in message
    assert "\n" not in message
