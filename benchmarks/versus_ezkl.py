"""The same small models proved by EZKL and by this project, on one machine and in one run.

    pip install ezkl onnx
    python benchmarks/versus_ezkl.py [--models mlp cnn decoder-32-1 ...] [--runs N] [--json]

An MLP, a small CNN and decoder layers (`decoder-H-T`: hidden size H, T positions) with random weights. EZKL proves
the ONNX export with a private input, a public output and weights that are fixed in its key, the least work that it
offers, with the settings that its own calibration finds. Here the input is private, the output public, and weights
are committed to and hidden. Of a decoder layer EZKL proves the layer alone, from hidden states to hidden states;
here it is a whole model of one layer, with embedding, final norm, output layer and greedy choice of the next token.

Each side runs in a process of its own, models in turn. Seconds of a proof include the witness and reading the
key, with warm kernels here; the reference string of EZKL and compiling circuits are "setup" with its keys.
Errors are the largest difference of an output from PyTorch's in proportion to the largest output; of decoders, the
Kullback-Leibler divergence of next tokens in nats, where EZKL's hidden states go through PyTorch's output layer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from tokenizers import Tokenizer, decoders
from tokenizers.models import BPE
from torch import nn
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, PreTrainedTokenizerFast
from zklemma.errors import UserError
from zklemma.runtime.kernels.memory import keep_freed_memory
from zklemma.runtime.proving.inference import Visibility
from zklemma.runtime.verifying.verify import verify
from zklemma.tools import console, measuring
from zklemma.tools.compiling import compile

SIDES = ("ezkl", "zklemma")
DECODERS = [f"decoder-{hidden}-{length}" for hidden in (32, 64) for length in (1, 2, 4)]
MODELS = ["mlp", "cnn", *DECODERS]
LETTERS = ("<pad>", "<eos>", "<unk>", *string.ascii_letters, " ", ".", ",", "\n")
EXAMPLES = 256


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def cnn() -> nn.Module:
    """For images of 8x8, as scikit-learn's digits are."""
    return nn.Sequential(
        *(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(32, 10)),
    )


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "mlp": (mlp, (64,)),
    "cnn": (cnn, (1, 8, 8)),
}
"""What makes each, and the shape of an example."""


class DecoderLayer(nn.Module):
    """A layer of `Gemma3ForCausalLM`, written in operations that EZKL reads: its own masks are not among them."""

    cos: torch.Tensor
    sin: torch.Tensor
    mask: torch.Tensor

    def __init__(self, model: Gemma3ForCausalLM, length: int):
        super().__init__()
        self.layer: Any = model.model.layers[0]
        self.config: Any = model.config
        positions = torch.arange(length)[None]
        kind = self.config.layer_types[0]
        hidden = torch.zeros(1, length, self.config.hidden_size)
        cos, sin = model.model.rotary_emb(hidden, positions, kind)
        self.register_buffer("cos", cos[0])
        self.register_buffer("sin", sin[0])
        # Of a masked score the exponential is below fp32's unit roundoff.
        self.register_buffer("mask", torch.triu(torch.full((length, length), -20.0), 1))

    def norm(self, x: torch.Tensor, norm: Any) -> torch.Tensor:
        scale = torch.sqrt((x * x).mean(-1, keepdim=True) + self.config.rms_norm_eps)
        return x / scale * (1 + norm.weight)

    def rotated(self, x: torch.Tensor) -> torch.Tensor:
        half = x.shape[-1] // 2
        return x * self.cos + torch.cat((-x[..., half:], x[..., :half]), -1) * self.sin

    def attention(self, x: torch.Tensor) -> torch.Tensor:
        attention, width = self.layer.self_attn, self.config.head_dim
        key = self.rotated(self.norm(attention.k_proj(x), attention.k_norm))
        value = attention.v_proj(x)
        queries = attention.q_proj(x)
        heads = []
        for head in range(self.config.num_attention_heads):
            query = queries[:, :, head * width : (head + 1) * width]
            query = self.rotated(self.norm(query, attention.q_norm))
            scores = torch.matmul(query, key.transpose(1, 2)) * attention.scaling
            heads.append(torch.matmul(torch.softmax(scores + self.mask, -1), value))
        return attention.o_proj(torch.cat(heads, -1))

    def gated(self, x: torch.Tensor) -> torch.Tensor:
        mlp = self.layer.mlp
        gate = mlp.gate_proj(x)
        tanh = torch.tanh(0.7978845608 * (gate + 0.044715 * gate * gate * gate))
        return mlp.down_proj(0.5 * gate * (1 + tanh) * mlp.up_proj(x))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        layer = self.layer
        y = self.attention(self.norm(x, layer.input_layernorm))
        x = x + self.norm(y, layer.post_attention_layernorm)
        y = self.gated(self.norm(x, layer.pre_feedforward_layernorm))
        return x + self.norm(y, layer.post_feedforward_layernorm)


def decoder(hidden: int) -> Gemma3ForCausalLM:
    """A Gemma 3 of one layer."""
    config = Gemma3TextConfig(
        vocab_size=64,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=hidden // 2,
        query_pre_attn_scalar=hidden // 2,
        max_position_embeddings=64,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=None,
    )
    model = Gemma3ForCausalLM(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            spread = 0.3 if "norm" in name else parameter.shape[-1] ** -0.5
            parameter.normal_(std=spread)
    return model


def letters() -> PreTrainedTokenizerFast:
    """A token for each letter."""
    tokenizer = Tokenizer(BPE({word: i for i, word in enumerate(LETTERS)}, [], unk_token="<unk>"))
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>"
    )


class Timed:
    """Seconds by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    def __call__(self, name: str, work: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        made = work()
        self.seconds.setdefault(name, []).append(time.perf_counter() - start)
        return made


def by_ezkl(name: str, runs: int) -> dict[str, Any]:
    """EZKL's side of a model."""
    ezkl = import_module("ezkl")
    torch.manual_seed(0)
    if name in NETWORKS:
        make, shape = NETWORKS[name]
        module, x = make().eval(), torch.rand(1, *shape)
        kl = None
    else:
        hidden, length = map(int, name.split("-")[1:])
        model = decoder(hidden)
        module = DecoderLayer(model, length).eval()
        ids = torch.randint(3, len(LETTERS), (1, length))
        x = model.model.embed_tokens(ids).detach()
        exact = torch.log_softmax(model(ids).logits[0].double(), -1)
        kl = (model, exact)
    timed = Timed()
    with tempfile.TemporaryDirectory(prefix="zklemma.ezkl.") as folder:
        os.chdir(folder)
        torch.onnx.export(module, (x,), "model.onnx", dynamo=False, opset_version=17)
        Path("input.json").write_text(json.dumps({"input_data": [x.flatten().tolist()]}))
        options = ezkl.PyRunArgs()
        options.input_visibility, options.output_visibility = "private", "public"
        options.param_visibility = "fixed"

        def setup() -> None:
            ezkl.gen_settings("model.onnx", "settings.json", py_run_args=options)
            _wait(
                lambda: ezkl.calibrate_settings(
                    "input.json", "model.onnx", "settings.json", "resources"
                )
            )
            ezkl.compile_circuit("model.onnx", "model.ezkl", "settings.json")
            rows = json.loads(Path("settings.json").read_text())["run_args"]["logrows"]
            ezkl.gen_srs("srs", rows)
            ezkl.setup("model.ezkl", "vk", "pk", "srs")

        def proof() -> None:
            _wait(lambda: ezkl.gen_witness("input.json", "model.ezkl", "witness.json"))
            ezkl.prove("witness.json", "model.ezkl", "pk", "proof.json", "srs")

        def verifies() -> None:
            if not ezkl.verify("proof.json", "settings.json", "vk", "srs"):
                raise UserError("EZKL refuses its own proof")

        timed("setup", setup)
        for _ in range(runs):
            timed("prove", proof)
            timed("verify", verifies)
        proved = json.loads(Path("proof.json").read_text())
        os.chdir("/")
    with torch.no_grad():
        wanted = module(x).flatten().double()
        found = torch.tensor(
            [float(n) for n in proved["pretty_public_inputs"]["rescaled_outputs"][0]]
        )
        if kl:
            model, exact = kl
            logits = model.lm_head(model.model.norm(found.view(x.shape).float()))[0]
            found_log = torch.log_softmax(logits.double(), -1)
            error = float((exact.exp() * (exact - found_log)).sum(-1).mean())
        else:
            error = float((found - wanted).abs().max() / wanted.abs().max())
    return _report(timed, len(proved["proof"]), error)


def _wait(call: Callable[[], Any]) -> Any:
    """The result of what may be a coroutine, and may need a running loop to make one."""

    async def run() -> Any:
        made = call()
        return await made if hasattr(made, "__await__") else made

    return asyncio.run(run())


def by_zklemma(name: str, runs: int) -> dict[str, Any]:
    """Our side of a model."""
    keep_freed_memory()
    torch.manual_seed(0)
    timed = Timed()
    if name in NETWORKS:
        make, shape = NETWORKS[name]
        examples = torch.rand(EXAMPLES, *shape)
        compiled = timed("setup", lambda: compile(make().eval(), examples))
        (name,) = (tensor.name for tensor in compiled.key.function_signature.inputs)
        (output,) = compiled.report["fidelity"]["outputs"].values()
        error = output["relative_error"]

        def proof() -> bytes:
            return compiled.prove(examples[:1], visibility=Visibility(private=[name])).proof
    else:
        size, length = map(int, name.split("-")[1:])
        options = {"max_tokens": length + 1, "tokenizer": letters(), "least_fidelity": 0}
        compiled = timed("setup", lambda: compile(decoder(size), **options))
        error = compiled.report["fidelity"]["kl"]
        prompt = "once"[:length]

        def proof() -> bytes:
            hidden = Visibility(private=["prompt"])
            return compiled.prove(prompt, max_new_tokens=1, visibility=hidden).proof

    made = b""
    for turn in range(runs + 1):
        made = timed("warm-up" if not turn else "prove", proof)
        timed("warm-up" if not turn else "verify", lambda made=made: verify(compiled.key, made))
    return _report(timed, len(made), error)


def _report(timed: Timed, size: int, error: float) -> dict[str, Any]:
    seconds = {name: statistics.median(each) for name, each in timed.seconds.items()}
    return {
        "setup_seconds": seconds["setup"],
        "prove_seconds": seconds["prove"],
        "verify_seconds": seconds["verify"],
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "proof_bytes": size,
        "error": error,
    }


def compare(models: list[str], runs: int, quiet: bool) -> dict[str, Any]:
    """Both sides of all models."""
    if find_spec("ezkl") is None:
        raise UserError("EZKL is not installed: pip install ezkl onnx")
    rows = []
    with measuring.steps(24, quiet) as bar:
        task = bar.add_task("", total=2 * len(models))
        for name in models:
            row: dict[str, Any] = {"model": name}
            for side in SIDES:
                bar.update(task, description=f"{name}, {side}", advance=1)
                command = [sys.executable, __file__, "--side", side, "--models", name]
                done = subprocess.run([*command, "--runs", str(runs)], capture_output=True)
                if done.returncode:
                    last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
                    raise UserError(f"{side} failed on {name}: {''.join(last)}")
                row[side] = json.loads(done.stdout.splitlines()[-1])
            rows.append(row)
    return {"machine": console.machine(), "runs": runs, "rows": rows}


COLUMNS = {
    "setup_seconds": "setup, s",
    "prove_seconds": "prove, s",
    "verify_seconds": "verify, s",
    "peak_rss_bytes": "memory",
    "proof_bytes": "proof, bytes",
    "error": "error",
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare with EZKL.")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quiet", action="store_true")
    options = parser.parse_args()
    if options.side:
        side = {"ezkl": by_ezkl, "zklemma": by_zklemma}[options.side]
        return print(json.dumps(side(options.models[0], options.runs)))
    report = compare(options.models, options.runs, options.quiet)
    if options.json:
        return print(json.dumps(report))
    table = Table(title=f"EZKL / zklemma, {report['machine']['cpu']}")
    for title in ("model", "", *COLUMNS.values()):
        table.add_column(title, justify="right")
    for row in report["rows"]:
        for side in SIDES:
            table.add_row(row["model"], side, *(_shown(key, row[side][key]) for key in COLUMNS))
        ratios = [row["ezkl"][key] / max(row["zklemma"][key], 1e-12) for key in COLUMNS]
        table.add_row("", "ratio", *(f"{ratio:,.3g}" for ratio in ratios))
    Console().print(table)
    return None


def _shown(key: str, value: float) -> str:
    if key == "peak_rss_bytes":
        return f"{value / 2**20:,.0f} MiB"
    if key == "proof_bytes":
        return f"{value:,}"
    return f"{value:.3g}"


if __name__ == "__main__":
    measuring.script(main)
