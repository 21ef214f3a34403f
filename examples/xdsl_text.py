"""A network written as text in the dialect `nn`, with weights of its own: a compiler of yours may end in such text.

python examples/xdsl_text.py
"""

# %% Up to four rows of three numbers go in. A digest of zeros is that of any weight.
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
import zklemma

TEXT = """
func.func @main() -> tensor<4x2xf32> {
  %x = nn.input "x" : tensor<4x3xf32>
  %w = nn.param @weight {sha256 = "DIGEST"} : tensor<2x3xf32>
  %b = nn.param @bias {sha256 = "DIGEST"} : tensor<2xf32>
  %y = nn.linear %x, %w bias %b : (tensor<4x3xf32>, tensor<2x3xf32>, tensor<2xf32>) -> tensor<4x2xf32>
  %z = nn.relu %y : (tensor<4x2xf32>) -> tensor<4x2xf32>
  func.return %z : tensor<4x2xf32>
}
""".replace("DIGEST", "0" * 64)
weight = np.array([[1.0, -2.0, 0.5], [0.25, 1.0, -1.0]])
bias = np.array([0.125, -0.5])

# %% Compile the file of the text with arrays by name; examples calibrate its ranges.
examples = 2 * torch.rand(100, 3) - 1
with TemporaryDirectory() as folder:
    path = Path(folder) / "network.mlir"
    path.write_text(TEXT)
    compiled = zklemma.compile(path, examples, weights={"weight": weight, "bias": bias})

# %% What it gives is close to what NumPy gives, and proved.
x = np.array([[0.5, -0.25, 1.0]])
print(compiled.run(x).values["output"], np.maximum(x @ weight.T + bias, 0))
verified = zklemma.verify(compiled.key, compiled.prove(x))
print(f"proved with {verified.security_bits} bits: {verified.values}")
