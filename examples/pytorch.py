"""A network of PyTorch from training to a proof: somebody proves what it says of an input that stays private.

The cells run in a notebook, and as a whole: python examples/pytorch.py
"""

# %% A network, trained to tell the inside of a circle from its outside.
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import zklemma
from torch import nn

torch.manual_seed(0)
points = 2 * torch.rand(2000, 2) - 1
inside = (points.square().sum(1) < 0.6).long()

network = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))
optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
for _ in range(200):
    optimizer.zero_grad()
    nn.functional.cross_entropy(network(points), inside).backward()
    optimizer.step()

# %% Compile it. Ranges of integers are those of the examples; a proof has up to four of them.
compiled = zklemma.compile(network, points, batch=4, labels=["outside", "inside"], name="circle")
print(compiled)  # A notebook shows more of it: `compiled` as the last line of a cell.

# %% The integer function says what the network says.
found = compiled.run(points)
agree = (torch.tensor(found.values["output"]).argmax(1) == network(points).argmax(1)).float().mean()
print(f"{agree:.2%} of labels as in PyTorch")

# %% Prove two labels. The points stay private, and so do the weights.
proof = compiled.prove(points[:2], visibility=zklemma.Visibility(private=["input"]))

# %% Whoever has the key checks that, without PyTorch: these are the network's labels of points that the prover has.
with TemporaryDirectory() as folder:
    compiled.save(Path(folder) / "circle.zkl")
    proof.save(Path(folder) / "labels.proof")
    verified = zklemma.verify(Path(folder) / "circle.vk", Path(folder) / "labels.proof")
assert isinstance(verified, zklemma.VerifiedFunction)  # Not of a language model.
print(f"proved with {verified.security_bits} bits: {verified.labels['output']}")

# %% The same by torch.compile: every call within the block is proved.
options: Any = {"calibration": points, "name": "circle"}
module = torch.compile(network, backend="zklemma", fullgraph=True, options=options)
with zklemma.proofs() as proofs:
    print(module(points[:1]))
print(f"{len(proofs)} call proved with {zklemma.verify(*proofs[0]).security_bits} bits")
