"""A raised Gemma-3 module made directly, without PyTorch, with random weights."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr, SymbolRefAttr, TensorType, f32, i64
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue
from zklemma.compiler.analysis.calibrate import calibrate
from zklemma.compiler.transforms.convert_nn_to_quant import ConvertNNToQuant
from zklemma.compiler.transforms.equalize_layers import EqualizeLayers
from zklemma.compiler.transforms.plan_scales import PlanScales
from zklemma.dialects import nn


@dataclass
class Model:
    """A raised module and its weights, which have the interface of a checkpoint."""

    tokens: int = 12
    layers: int = 3
    hidden: int = 16
    heads: int = 4
    kv: int = 2
    dim: int = 8
    intermediate: int = 24
    vocabulary: int = 40
    windows: tuple[int, ...] = (5, 5, 0)
    seed: int = 0
    outliers: float = 1.0
    activation: type[nn.ActivationOp] = nn.GeluTanhOp
    weights: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.block = Block()
        self.params: dict[str, SSAValue] = {}
        self.module = self.build()

    def tensor(self, name: str) -> np.ndarray:
        return self.weights[name]

    def sha256(self, name: str) -> str:
        return hashlib.sha256(self.weights[name].astype("<f4").tobytes()).hexdigest()

    def sequences(self, count: int = 6) -> list[list[int]]:
        return self.rng.integers(0, self.vocabulary, (count, self.tokens)).tolist()

    def add(self, op: Operation, path: str) -> SSAValue:
        self.block.add_op(nn.with_path(op, path))
        return op.results[0]

    def param(self, name: str, *shape: int, spread: float = 0.0) -> SSAValue:
        if name not in self.params:
            spread = spread or shape[-1] ** -0.5
            self.weights[name] = self.rng.normal(0, spread, shape).astype(np.float32)
            self.params[name] = self.add(
                nn.ParamOp(
                    TensorType(f32, shape),
                    param=SymbolRefAttr(name),
                    sha256=StringAttr(self.sha256(name)),
                ),
                "",
            )
        return self.params[name]

    def norm(self, x: SSAValue, path: str) -> SSAValue:
        size = nn.shape_of(x)[-1]
        weight = self.param(f"{path}.weight", size, spread=0.3)
        return self.add(nn.RMSNormOp(x, weight, eps=1e-6), path)

    def linear(self, x: SSAValue, path: str, size: int) -> SSAValue:
        weight = self.param(f"{path}.weight", size, nn.shape_of(x)[-1])
        return self.add(nn.LinearOp(x, weight), path)

    def build(self) -> ModuleOp:
        ids = self.add(nn.TokensOp(TensorType(i64, [self.tokens])), "model.embed_tokens")
        table = self.param("model.embed_tokens.weight", self.vocabulary, self.hidden)
        embedding = nn.EmbeddingOp(ids, table, scale=float(np.float32(self.hidden**0.5)))
        x = self.add(embedding, "model.embed_tokens")
        for layer in range(self.layers):
            x = self.layer(x, f"model.layers.{layer}", self.windows[layer])
        x = self.norm(x, "model.norm")
        logits = self.add(nn.LinearOp(x, table), "lm_head")
        self.block.add_op(ReturnOp(logits))
        self.blow_up()
        module = ModuleOp([FuncOp("main", ((), [logits.type]), Region(self.block))])
        for op in module.walk():
            if isinstance(op, nn.ParamOp):
                op.properties["sha256"] = StringAttr(self.sha256(op.param_name))
        module.verify()
        return module

    def layer(self, x: SSAValue, path: str, window: int) -> SSAValue:
        attention, mlp = f"{path}.self_attn", f"{path}.mlp"
        y = self.norm(x, f"{path}.input_layernorm")
        parts = []
        for name, heads in (("q", self.heads), ("k", self.kv), ("v", self.kv)):
            part = self.linear(y, f"{attention}.{name}_proj", heads * self.dim)
            part = self.add(nn.SplitHeadsOp(part, heads=heads), attention)
            if name != "v":
                part = self.norm(part, f"{attention}.{name}_norm")
                theta = 1e4 if window else 1e6
                part = self.add(nn.RopeOp(part, theta=theta, factor=1.0), attention)
            parts.append(part)
        q, k, v = parts
        scores = self.add(nn.ScoresOp(q, k, scale=self.dim**-0.5), attention)
        options = {"window": window} if window else {}
        p = self.add(nn.MaskedSoftmaxOp(scores, **options), attention)
        y = self.add(nn.MergeHeadsOp(self.add(nn.AttendOp(p, v), attention)), attention)
        y = self.linear(y, f"{attention}.o_proj", self.hidden)
        y = self.norm(y, f"{path}.post_attention_layernorm")
        x = self.add(nn.AddOp(x, y), path)
        y = self.norm(x, f"{path}.pre_feedforward_layernorm")
        gate = self.linear(y, f"{mlp}.gate_proj", self.intermediate)
        gate = self.add(self.activation(gate), f"{mlp}.act_fn")
        up = self.linear(y, f"{mlp}.up_proj", self.intermediate)
        y = self.linear(self.add(nn.MulOp(gate, up), mlp), f"{mlp}.down_proj", self.hidden)
        y = self.norm(y, f"{path}.post_feedforward_layernorm")
        return self.add(nn.AddOp(x, y), path)

    def blow_up(self) -> None:
        """Multiplies some channels by `outliers` and their consumers by the inverse."""
        if self.outliers == 1.0:
            return
        for layer in range(self.layers):
            path = f"model.layers.{layer}"
            for norm, users in (
                ("input_layernorm", [f"self_attn.{n}_proj" for n in "qkv"]),
                ("pre_feedforward_layernorm", ["mlp.gate_proj", "mlp.up_proj"]),
            ):
                channels = self.rng.choice(self.hidden, 2, replace=False)
                gain = self.weights[f"{path}.{norm}.weight"]
                gain[channels] = (1 + gain[channels]) * self.outliers - 1
                for user in users:
                    self.weights[f"{path}.{user}.weight"][:, channels] /= self.outliers
            channels = self.rng.choice(self.intermediate, 2, replace=False)
            self.weights[f"{path}.mlp.up_proj.weight"][channels] *= self.outliers
            self.weights[f"{path}.mlp.down_proj.weight"][:, channels] /= self.outliers

    def quantized(self, equalized: bool = True, **options: float) -> ModuleOp:
        """The module, calibrated on its own sequences and quantised."""
        module = self.module.clone()
        calibrate(module, self.tensor, self.sequences(), equalized)
        if equalized:
            EqualizeLayers().apply(Context(), module)
        PlanScales(**options).apply(Context(), module)  # type: ignore[arg-type]
        ConvertNNToQuant().apply(Context(), module)
        module.verify()
        return module


@pytest.fixture
def make_model() -> Callable[..., Model]:
    return Model


@pytest.fixture(scope="session")
def model() -> Model:
    return Model()


@pytest.fixture(scope="session")
def quantized(model: Model) -> ModuleOp:
    return model.quantized()
