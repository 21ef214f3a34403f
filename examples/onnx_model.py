"""A classifier in an ONNX file: compile it, prove what it says of two examples that stay private, and verify that.

Needs ``pip install 'zklemma[onnx]'``. Each part between ``# %%`` is a cell of a notebook.
"""

# %% A file, as any framework exports it: rows of 8 numbers, one hidden layer, a softmax over 3 classes.
import tempfile
from pathlib import Path

import numpy as np
import onnx
import zklemma
from onnx import TensorProto, helper, numpy_helper

random = np.random.default_rng(0)
weights = {
    "hidden.weight": random.normal(size=(16, 8)) / 3,
    "hidden.bias": random.normal(size=16) / 3,
    "head.weight": random.normal(size=(3, 16)) / 4,
    "head.bias": random.normal(size=3) / 4,
}
graph = helper.make_graph(
    [
        helper.make_node("Gemm", ["x", "hidden.weight", "hidden.bias"], ["h"], transB=1),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "head.weight", "head.bias"], ["logits"], transB=1),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
    ],
    "classifier",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 8])],
    [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 3])],
    [numpy_helper.from_array(w.astype(np.float32), name) for name, w in weights.items()],
)
folder = Path(tempfile.mkdtemp())
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.save(model, folder / "classifier.onnx")

# %% Ranges are those of examples. Logits are proved in the place of probabilities, which cost more: the largest
# logit is the largest probability.
examples = random.normal(size=(200, 8)).astype(np.float32)
compiled = zklemma.compile(
    folder / "classifier.onnx",
    examples,
    batch=2,
    labels=["cat", "dog", "bird"],
    outputs=["logits"],
)
print("As ONNX's reference computes it:", compiled.report["fidelity"]["outputs"]["output"])

# %% Whoever has the compiled model proves, without showing the input or the weights.
proof = compiled.prove(examples[:2], visibility=zklemma.Visibility(private=["x"]))
print(f"A proof of {len(proof.proof) / 1024:.0f} KiB")

# %% Whoever has the key verifies, without ONNX, the weights or the input.
verified = zklemma.verify(compiled.key, proof)
assert isinstance(verified, zklemma.VerifiedFunction)
print("Labels:", verified.labels["output"])
