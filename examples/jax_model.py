"""A convolutional network in JAX: lower it to StableHLO, compile that, prove an output, and verify it.

Needs ``pip install 'zklemma[jax]'``. Each part between ``# %%`` is a cell of a notebook.
"""

# %% A network of images with their channels last, as usual in JAX. Its weights are arguments before the images.
import tempfile
from pathlib import Path

import jax
import numpy as np
import zklemma
from jax import lax

random = np.random.default_rng(0)
weights = {
    0: (random.normal(size=(3, 3, 1, 4)) / 3).astype(np.float32),
    1: (random.normal(size=4) / 4).astype(np.float32),
    2: (random.normal(size=(4, 3)) / 2).astype(np.float32),
}


def network(kernel: jax.Array, bias: jax.Array, head: jax.Array, images: jax.Array) -> jax.Array:
    x = lax.conv_general_dilated(
        images, kernel, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return jax.nn.gelu(x + bias).mean((1, 2)) @ head


# %% The text that JAX lowers it to, for one image.
shapes = [jax.ShapeDtypeStruct(w.shape, np.float32) for w in weights.values()]
image = jax.ShapeDtypeStruct((1, 8, 8, 1), np.float32)
text = jax.jit(network).lower(*shapes, image).as_text()
path = Path(tempfile.mkdtemp()) / "network.stablehlo.mlir"
path.write_text(text)

# %% Compiling reads the text, and needs no JAX. Ranges are those of examples.
images = random.normal(size=(50, 8, 8, 1)).astype(np.float32)
compiled = zklemma.compile(path, images, batch=2, weights=weights)

# %% An input is called as its argument's number; images of proofs are (N, C, H, W).
proof = compiled.prove({"arg3": images[:2].transpose(0, 3, 1, 2)})
verified = zklemma.verify(compiled.key, proof)
assert isinstance(verified, zklemma.VerifiedFunction)

# %% What is proved is what JAX computes, to three digits.
wanted = np.asarray(network(*weights.values(), images[:2]))  # type: ignore[arg-type]
difference = float(np.abs(verified.values["output"] - wanted).max())
print(f"Largest difference from JAX: {difference:.1e}")
assert difference < 1e-3 * np.abs(wanted).max() + 1e-3
