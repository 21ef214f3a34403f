"""What a proof of images takes: networks of papers with random weights, for images of 32x32.

    python benchmarks/images.py [--model vgg16] [--batch N] [--runs N] [--json]

Each network is compiled for random images and proved, hiding on. Times are medians of proofs with warm kernels, and
beside them of a batch, the seconds of each image. For one core run it under `taskset -c 0` with
NUMBA_NUM_THREADS=1. Random weights say nothing of fidelity.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import nn
from zklemma.runtime.kernels.memory import keep_freed_memory
from zklemma.runtime.verifying.verify import verify
from zklemma.tools import console
from zklemma.tools.compiling import compile

VGG16 = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0)
"""Channels of its convolutions (Simonyan and Zisserman 2014, table 1, D); 0 is a pool."""
CLASSES = 10


def vgg16() -> nn.Module:
    """With batch norms, and the one linear layer that versions for small images end in."""
    layers: list[nn.Module] = []
    channels = 3
    for made in VGG16:
        if made:
            layers += [nn.Conv2d(channels, made, 3, padding=1), nn.BatchNorm2d(made), nn.ReLU()]
            channels = made
        else:
            layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels, CLASSES))


def lenet() -> nn.Module:
    """LeCun et al. 1998, figure 2, with ReLU and the largest of windows."""
    return nn.Sequential(
        *(nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, CLASSES)),
    )


class Residual(nn.Module):
    """He et al. 2015, figure 2: two convolutions, and what enters beside them."""

    def __init__(self, channels: int, made: int, stride: int):
        super().__init__()
        self.first = nn.Conv2d(channels, made, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(made)
        self.second = nn.Conv2d(made, made, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(made)
        self.beside = nn.Sequential()
        if stride > 1 or channels != made:
            self.beside = nn.Sequential(
                nn.Conv2d(channels, made, 1, stride, bias=False), nn.BatchNorm2d(made)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.first_norm(self.first(x)))
        return torch.relu(self.second_norm(self.second(y)) + self.beside(x))


def resnet18() -> nn.Module:
    """He et al. 2015, table 1, with the first convolution that versions for small images have."""
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    channels = 64
    for made, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers += [Residual(channels, made, stride), Residual(made, made, 1)]
        channels = made
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, CLASSES)
    )


MOBILENET_V2 = (
    *((1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2)),
    *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
)
"""Factor, channels, blocks and step of its stages (Sandler et al. 2018, table 2); the second one does not step,
as in versions for small images."""


class Inverted(nn.Module):
    """Sandler et al. 2018, table 1: wider by a factor, a convolution of each channel, narrow again."""

    def __init__(self, channels: int, factor: int, made: int, stride: int):
        super().__init__()
        wide = factor * channels
        layers: list[nn.Module] = []
        if factor > 1:
            layers = [nn.Conv2d(channels, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6()]
        self.layers = nn.Sequential(
            *layers,
            *(nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False), nn.BatchNorm2d(wide)),
            *(nn.ReLU6(), nn.Conv2d(wide, made, 1, bias=False), nn.BatchNorm2d(made)),
        )
        self.residual = stride == 1 and channels == made

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x) if self.residual else self.layers(x)


def mobilenet_v2() -> nn.Module:
    """Sandler et al. 2018."""
    layers: list[nn.Module] = [nn.Conv2d(3, 32, 3, 1, 1, bias=False), nn.BatchNorm2d(32)]
    layers.append(nn.ReLU6())
    channels = 32
    for factor, made, blocks, stride in MOBILENET_V2:
        for number in range(blocks):
            layers.append(Inverted(channels, factor, made, 1 if number else stride))
            channels = made
    layers += [nn.Conv2d(channels, 1280, 1, bias=False), nn.BatchNorm2d(1280), nn.ReLU6()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, CLASSES))


class Vit(nn.Module):
    """Dosovitskiy et al. 2020 in the smallest size of Touvron et al. 2020, table 1, for patches of 4x4."""

    WIDTH, DEPTH, HEADS, PATCH = 192, 12, 3, 4

    def __init__(self) -> None:
        super().__init__()
        width, positions = self.WIDTH, (32 // self.PATCH) ** 2 + 1
        self.cut = nn.Conv2d(3, width, self.PATCH, self.PATCH)
        self.first = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.place = nn.Parameter(0.02 * torch.randn(1, positions, width))
        made = {"dropout": 0.0, "activation": "gelu", "batch_first": True, "norm_first": True}
        layers = (
            nn.TransformerEncoderLayer(width, self.HEADS, 4 * width, **made)
            for _ in range(self.DEPTH)
        )
        self.layers = nn.Sequential(*layers)
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = self.cut(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.first.expand(len(parts), -1, -1), parts], 1) + self.place
        return self.head(self.norm(self.layers(x))[:, 0])


MODELS: dict[str, Callable[[], nn.Module]] = {
    "lenet": lenet,
    "vgg16": vgg16,
    "resnet18": resnet18,
    "mobilenet_v2": mobilenet_v2,
    "vit": Vit,
}


def measure(name: str, batch: int, runs: int) -> dict[str, Any]:
    torch.manual_seed(0)
    model = MODELS[name]().eval()
    images = torch.rand(max(8, batch), 3, 32, 32)
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, nn.BatchNorm2d):  # Else activations fade layer after layer.
                layer.momentum = None
        model.train()(images)
        model.eval()
    start = time.perf_counter()
    compiled = compile(model, images, batch=batch, name=name)
    found: dict[str, Any] = {
        "model": name,
        "parameters": compiled.report["parameters"],
        "compile_seconds": time.perf_counter() - start,
        "proofs": [],
    }
    for count in sorted({1, batch}):
        seconds, verifying = [], []
        for turn in range(runs + 1):
            begun = time.perf_counter()
            made = compiled.prove(images[:count])
            middle = time.perf_counter()
            verify(compiled.key, made)
            if turn:  # The first one also warms up.
                seconds.append(middle - begun)
                verifying.append(time.perf_counter() - middle)
        found["proofs"].append(
            {
                "images": count,
                "seconds": statistics.median(seconds),
                "seconds_per_image": statistics.median(seconds) / count,
                "verify_seconds": statistics.median(verifying),
                "proof_bytes": len(made.proof),
                "committed_cells": made.result.committed_cells,
                "lookups": made.result.lookups,
            }
        )
    return found | {"peak_rss_bytes": console.peak_rss_bytes()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time proofs of images.")
    parser.add_argument("--model", choices=MODELS, default="vgg16")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    keep_freed_memory()
    report = measure(options.model, options.batch, options.runs)
    report["machine"] = console.machine()
    if options.json:
        return print(json.dumps(report))
    table = Table(
        title=f"{report['model']} ({report['parameters']:,} parameters), {report['machine']['cpu']}"
    )
    columns = {
        "images": "images",
        "seconds": "prove, s",
        "seconds_per_image": "s an image",
        "verify_seconds": "verify, s",
        "proof_bytes": "bytes",
        "committed_cells": "cells",
        "lookups": "lookups",
    }
    for title in columns.values():
        table.add_column(title, justify="right")
    for proof in report["proofs"]:
        table.add_row(*(f"{proof[c]:.3f}" if "second" in c else f"{proof[c]:,}" for c in columns))
    Console().print(table)
    return None


if __name__ == "__main__":
    main()
