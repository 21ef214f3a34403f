"""Trains a small network on handwritten digits, and proves what it takes one of them for without showing the image.

    pip install -e '.[digits]'
    python training/digits.py [--out DIRECTORY]

The digits are scikit-learn's (Alpaydin and Kaynak 1998): 1,797 images of 8x8, a fifth of them kept for the test.
Two convolutions and a linear layer are trained by Adam in seconds on one core. Then the network is compiled, the
integers' answers are compared with PyTorch's on all test images, and a proof is made and verified whose image is
private and whose label is public. With --out the artifact, its verifying key and the proof are left in a directory.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import zklemma
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from zklemma.runtime.verifying.function_verifier import VerifiedFunction

SEED = 1
EPOCHS, BATCH, RATE = 30, 64, 3e-3
BRIGHTEST = 16.0
LABELS = [str(digit) for digit in range(10)]


@dataclass(frozen=True)
class Split:
    """Images (N, 1, 8, 8) of 0 to 1, and their digits (N)."""

    images: torch.Tensor
    digits: torch.Tensor


def digits() -> tuple[Split, Split]:
    """For training and for the test, each with the same share of every digit."""
    found = load_digits()
    images = torch.tensor(found.images, dtype=torch.float32)[:, None] / BRIGHTEST  # type: ignore
    wanted = torch.tensor(found.target)  # type: ignore
    rows = np.arange(len(wanted))
    parts = train_test_split(rows, test_size=0.2, random_state=SEED, stratify=wanted)
    training, test = (Split(images[part], wanted[part]) for part in parts)
    return training, test


class Digits(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 16, 3, padding=1)
        self.second = nn.Conv2d(16, 32, 3, padding=1)
        self.head = nn.Linear(128, len(LABELS))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = nn.functional.max_pool2d(torch.relu(self.first(image)), 2)
        x = nn.functional.max_pool2d(torch.relu(self.second(x)), 2)
        return self.head(x.flatten(1))


def train(split: Split, epochs: int = EPOCHS) -> Digits:
    """The rate falls along a cosine."""
    torch.manual_seed(SEED)
    network = Digits()
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        for rows in torch.randperm(len(split.images)).split(BATCH):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(network(split.images[rows]), split.digits[rows])
            loss.backward()
            optimizer.step()
        schedule.step()
    return network.eval()


def in_fp32(network: Digits, split: Split) -> torch.Tensor:
    """The digits that PyTorch takes images for."""
    with torch.no_grad():
        return network(split.images).argmax(1)


def in_integers(compiled: zklemma.Compiled, split: Split) -> torch.Tensor:
    """Those that proofs would show."""
    return torch.from_numpy(compiled.run(split.images).values["output"]).argmax(1)


def accuracy(found: torch.Tensor, split: Split) -> float:
    return float((found == split.digits).float().mean())


def prove_one(compiled: zklemma.Compiled, image: torch.Tensor) -> tuple[bytes, str]:
    """A proof about one image, which it keeps private, and the label that it shows to whoever verifies it."""
    visibility = zklemma.Visibility(private=["image"])
    proof = compiled.prove(image[None], visibility=visibility).proof
    verified = zklemma.verify(compiled.key, proof)
    if not isinstance(verified, VerifiedFunction) or "image" in verified.values:
        raise SystemExit("the proof shows the image")
    (label,) = verified.labels["output"]
    return proof, label


def main() -> None:
    parser = argparse.ArgumentParser(description="Train on digits, and prove what one is.")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)  # Of layers this small threads make no more haste.
    training, test = digits()
    network = train(training)
    compiled = zklemma.compile(network, training.images, labels=LABELS)
    exact, integers = in_fp32(network, test), in_integers(compiled, test)
    print(f"test images: {len(test.images)}")
    print(f"accuracy in fp32: {accuracy(exact, test):.2%}")
    print(f"accuracy in integers: {accuracy(integers, test):.2%}")
    print(f"answers that are the same: {int((exact == integers).sum())}")
    proof, label = prove_one(compiled, test.images[0])
    print(f"proved of a private image: it is a {label} ({len(proof):,} bytes)")
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        compiled.save(options.out / "digits.zkl")
        (options.out / "one.proof").write_bytes(proof)


if __name__ == "__main__":
    main()
