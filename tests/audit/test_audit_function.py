"""`zklemma audit` passes the key of a network that compiling makes, and names what is another network's."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import zklemma
from safetensors.numpy import save_file
from torch import nn
from typer.testing import CliRunner
from xdsl.rewriter import Rewriter
from zklemma.compiler.frontend import network
from zklemma.compiler.module_text import parse_module, print_module
from zklemma.compiler.modules import main_function
from zklemma.compiler.pipelines import lower
from zklemma.compiler.published import read_function, write_function
from zklemma.dialects import quant
from zklemma.dialects.nn import module_path
from zklemma.errors import UserError
from zklemma.runtime.circuit.encoding import decode_circuit, encode_circuit
from zklemma.runtime.model.keys import Artifact, VerifyingKey
from zklemma.runtime.model.masks import WeightMasks
from zklemma.runtime.proving.prover import CommittedWeights, prove_ranges
from zklemma.tools.audit import audit
from zklemma.tools.audit_function import NO_LABELS, NO_NETWORK, NO_WEIGHTS, UNCHECKED
from zklemma.tools.cli.app import app
from zklemma.tools.compiled import Compiled

LABELS = ("cat", "dog", "owl")


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.act: nn.Module = nn.ReLU()
        self.pool, self.head = nn.MaxPool2d(2), nn.Linear(36, 3)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.pool(self.act(self.norm(self.conv(image))))
        return self.head(x.flatten(1))


def small() -> Small:
    torch.manual_seed(5)
    return Small().eval()


IMAGES = np.random.default_rng(5).normal(size=(24, 1, 6, 6)).astype(np.float32)


@dataclass(frozen=True)
class Made:
    """The network with private weights, and with public ones."""

    private: Compiled
    public: Compiled


@pytest.fixture(scope="module")
def made() -> Made:
    def compiled(private: bool) -> Compiled:
        return zklemma.compile(
            small(), torch.from_numpy(IMAGES), batch=2, labels=LABELS, private=private
        )

    return Made(compiled(True), compiled(False))


def refused(key: Any, model: Any = None, **options: Any) -> list[str]:
    report = audit(key, model, **options)
    assert not report["valid"]
    return report["problems"]


def test_an_artifact_of_the_network_passes(made: Made) -> None:
    report = audit(made.private, small(), labels=LABELS, example_inputs=IMAGES)
    assert report["valid"] and not report["coarse"] and report["unchecked"] == ["the name"]
    params = made.private.artifact.params.values()
    assert report["weights_compared"] == sum(array.size for array in params)
    assert report["fidelity"]["outputs"]["output"]["relative_error"] < 1e-3
    assert report["bounds"] > 0 and report["max_examples"] == 2
    assert [t["name"] for t in report["tensors"]] == ["image", "output"]


def test_what_a_key_alone_shows(made: Made) -> None:
    bare = audit(made.private.key)
    assert bare["valid"] and bare["model"] is None
    assert bare["unchecked"] == [NO_NETWORK, NO_LABELS, UNCHECKED, "the name"]
    private = audit(made.private.key, small(), labels=LABELS)
    assert private["valid"] and private["weights_compared"] is None
    assert private["unchecked"] == [NO_WEIGHTS, UNCHECKED, "the name"]
    public = audit(made.public.key, small(), labels=LABELS)
    assert public["valid"] and public["weights_compared"]


# Another network


def test_one_weight_is_another(made: Made) -> None:
    other = small()
    with torch.no_grad():
        other.head.weight[1, 7] += 1e-3
    (line,) = refused(made.private, other)
    assert line.startswith(
        "the weight head.weight is not that of Small: 1 of 108 numbers differ, at [1, "
    )
    (line,) = refused(made.public.key, other)
    assert line == "the weights that the key commits to are not those of Small"


def test_one_bias_is_another(made: Made) -> None:
    other = small()
    with torch.no_grad():
        other.head.bias[2] -= 1e-3
    (line,) = refused(made.private, other)
    assert line.startswith("the weight head.bias is not that of Small: 1 of 3 numbers differ")
    assert refused(made.public.key, other)


def test_statistics_of_a_norm_are_weights_too(made: Made) -> None:
    other = small()
    assert other.norm.running_mean is not None
    other.norm.running_mean[0] += 0.01
    (line,) = refused(made.private, other)
    assert line.startswith("the weight conv.bias is not that of Small")


def test_an_activation_is_missing_or_another(made: Made) -> None:
    other = small()
    other.act = nn.Identity()
    (line,) = refused(made.private.key, other)
    assert line == "the function is not that of Small: act: this activation does not belong"
    other.act = nn.ReLU6()
    (line,) = refused(made.private.key, other)
    assert line.startswith("the function is not that of Small: act: quant.table: table is ")


def test_another_padding(made: Made) -> None:
    """Rows and columns of zeros on all sides of the image, and one window less of the pool's."""
    other = small()
    other.conv.padding = (0, 0)
    other.pool = nn.MaxPool2d(2, padding=1)
    lines = refused(made.private.key, other)
    start = "the function is not that of Small: "
    assert f"{start}conv: quant.conv2d: padding is [1, 1], not [0, 0]" in lines
    assert f"{start}pool: quant.max_pool: padding is [0, 0], not [1, 1]" in lines


# Lies of a key


def test_a_lie_about_what_an_integer_stands_for(made: Made) -> None:
    key = made.private.key
    (output,) = key.function_signature.outputs
    lying = replace(
        key, signature=replace(key.function_signature, outputs=(replace(output, frac=3),))
    )
    for model in (None, small()):
        (line,) = refused(lying, model)
        assert line == (
            f"the signature says of the output output that its fraction bits are 3, not {output.frac}"
        )


def committed(key: VerifyingKey, artifact: Artifact, params: dict[str, np.ndarray]) -> Artifact:
    """An artifact whose key commits to such weights, with all that follows from it."""
    circuit, parameters = key.circuit, key.parameters
    masks = WeightMasks(artifact.masks.cells, artifact.masks.salts)
    weights = CommittedWeights(circuit, parameters, params, masks)
    proof = prove_ranges(circuit, parameters, weights)
    made = replace(key, weight_root=weights.root, range_proof=proof)
    return replace(artifact, key=made, params=params, masks=weights.masks)


def test_a_lie_about_the_scale_of_weights(made: Made) -> None:
    """Head and output count twice as much, and no relation between integers shows it."""
    artifact = made.private.artifact
    key = artifact.key
    function = read_function(bytes(key.function_bytes))
    for op in function.walk():
        head = isinstance(op, quant.ParamOp) and op.param_names[0].startswith("head.")
        if head or (module_path(op) == "head" and not isinstance(op, quant.ParamOp)):
            type = quant.type_of(op.results[0])
            twice = quant.QuantTensorType.of(type.shape, type.width, type.fraction - 1)
            Rewriter.replace_value_with_new_type(op.results[0], twice)
    main_function(function).update_function_type()
    function.verify()
    circuit, _ = lower(function)
    (output,) = key.function_signature.outputs
    said = replace(key.function_signature, outputs=(replace(output, frac=output.frac - 1),))
    lying = replace(
        key,
        circuit_bytes=encode_circuit(circuit),
        function_bytes=write_function(function),
        signature=said,
    )
    found = committed(lying, artifact, dict(artifact.params))
    assert audit(found.key)["valid"] and audit(found.key, small())["valid"]
    lines = refused(found, small())
    assert [line.split(" is not ")[0] for line in lines] == [
        "the weight head.weight",
        "the weight head.bias",
    ]


def test_labels_in_another_order(made: Made) -> None:
    (line,) = refused(made.private.key, labels=("dog", "cat", "owl"))
    assert line == 'the labels of the output output are 0 "cat", not "dog"; 1 "dog", not "cat"'
    (line,) = refused(made.private.key, labels=("cat",))
    assert line == "the output output has 3 labels, not 1"


def test_another_circuit(made: Made) -> None:
    key = made.private.key
    circuit = decode_circuit(bytes(key.circuit_bytes))
    dropped = next(each for each in circuit.lookups if each.name.startswith("head."))
    lookups = tuple(each for each in circuit.lookups if each is not dropped)
    forged = replace(key, circuit_bytes=encode_circuit(replace(circuit, lookups=lookups)))
    for model in (None, small()):
        assert f"the circuit is not the function's: lookup {dropped.name} is missing" in refused(
            forged, model
        )


def test_an_artifact_that_holds_other_weights_than_its_key(made: Made) -> None:
    """What an artifact says of weights, and of a hash tree, is nothing: the root counts."""
    artifact = made.private.artifact
    params = {name: array.copy() for name, array in artifact.params.items()}
    next(iter(params.values())).reshape(-1)[0] ^= 1
    other = committed(artifact.key, artifact, params)
    lying = replace(other, params=artifact.params)
    assert lying.masks.tree is not None
    (line,) = refused(lying, small())
    assert line == "the weights that the key commits to are not those of Small"


def test_other_claims_of_a_key(made: Made) -> None:
    key = made.private.key
    (line,) = refused(replace(key, weights=7), small())
    assert line.startswith("the key says 7 parameters, Small has ")
    damaged = bytearray(key.range_proof)
    damaged[len(damaged) // 2] ^= 1
    (line,) = refused(replace(key, range_proof=bytes(damaged)))
    assert line.startswith("the ranges of the weights: ")
    code = [*key.code]
    code[4] += 1
    artifact = replace(made.private.artifact, key=replace(key, code=code))
    assert "the code parameters are not those that compiling chooses" in refused(artifact, small())


def test_a_network_that_does_not_take_the_inputs(made: Made) -> None:
    with pytest.raises(UserError, match="can not be traced"):
        audit(made.private.key, nn.Linear(5, 3))
    with pytest.raises(UserError, match="no network"):
        audit(made.private.key, 7)


IMAGE = "!quant.tensor<[2, 1, {0}, {0}], bits = 16, frac = 12>"


def text(size: int, result: int, *lines: str) -> bytes:
    """A function of images of a size, by lines that end in ``%r``."""
    given, returned = IMAGE.format(size), IMAGE.format(result)
    body = "\n".join([f'%x = quant.input "image" : {given}', *lines])
    made = f"func.func @main() -> {returned} {{\n{body}\nfunc.return %r : {returned}\n}}"
    return write_function(parse_module(f"builtin.module {{\n{made}\n}}"))


def test_functions_that_a_few_bytes_make_large(made: Made) -> None:
    """Whoever audits a stranger's key is told at once."""
    key, a, b = made.private.key, IMAGE.format(3000), IMAGE.format(2001)
    window = f"quant.max_pool %t kernel [1000, 1000] stride [1, 1] padding [0, 0] : ({a}) -> {b}"
    pools = [f"%{name} = {window}" for name in (*range(8), "r")]
    relu = f'%t = quant.table %x table <"max(x, 0)", -32768 to 32768> : ({a}) -> {a}'
    pool = text(3000, 2001, relu, *pools)
    (line,) = refused(replace(key, function_bytes=pool))
    assert line == "the function's windows have 18,000 elements, more than 16,384"
    c, count = IMAGE.format(6), 400
    steps = [
        f"%{'r' if i + 1 == count else i} = quant.table %{i - 1 if i else 'x'} "
        f'table <"max(x, {i})", -32768 to 32768> : ({c}) -> {c}'
        for i in range(count)
    ]
    (line,) = refused(replace(key, function_bytes=text(6, 6, *steps)))
    assert line == "the function's tables have 52,428,800 cells, more than 16,777,216"


# Other sources


def write_onnx(path: Path, shift: float = 0.0) -> Path:
    onnx = pytest.importorskip("onnx")
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(6, 5)), rng.normal(size=(3, 6))
    first[2, 3] += shift
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("Gemm", ["x", "w", "b"], ["h"], name="hidden", transB=1),
            onnx.helper.make_node("Relu", ["h"], ["r"], name="act"),
            onnx.helper.make_node("Gemm", ["r", "v"], ["y"], name="head", transB=1),
        ],
        "small",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 5])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["N", 3])],
        [
            onnx.numpy_helper.from_array(array.astype(np.float32), name)
            for name, array in (("w", first), ("b", first[:, 0]), ("v", second))
        ],
    )
    opsets = [onnx.helper.make_opsetid("", 17)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.save(model, str(path))
    return path


ROWS = np.random.default_rng(2).normal(size=(20, 5)).astype(np.float32)
STABLEHLO = """
func.func public @main(%arg0: tensor<1x5xf32>) -> tensor<1x2xf32> {
  %w = stablehlo.constant dense<[[1.0, -0.5], [0.25, 2.0], [-1.5, 0.5], [0.75, 1.0], [0.5, 0.5]]> : tensor<5x2xf32>
  %0 = stablehlo.dot_general %arg0, %w, contracting_dims = [1] x [0]
    : (tensor<1x5xf32>, tensor<5x2xf32>) -> tensor<1x2xf32>
  return %0 : tensor<1x2xf32>
}
"""


def test_files_of_onnx(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "small.onnx")
    compiled = zklemma.compile(path, ROWS, batch=2)
    report = audit(compiled, path, example_inputs=ROWS)
    assert report["valid"] and report["weights_compared"] == 54 and report["model"] == str(path)
    (line,) = refused(compiled, write_onnx(tmp_path / "other.onnx", 1e-2))
    assert line.startswith("the weight w is not that of ") and "1 of 30 numbers differ" in line
    hidden = zklemma.compile(path, ROWS, outputs=["r"])
    assert audit(hidden, path, outputs=["r"])["valid"]
    assert refused(hidden, path)


def test_texts_of_stablehlo(tmp_path: Path) -> None:
    path, other = tmp_path / "small.mlir", tmp_path / "other.mlir"
    path.write_text(STABLEHLO)
    other.write_text(STABLEHLO.replace("-1.5", "-1.25"))
    compiled = zklemma.compile(path, ROWS)
    assert audit(compiled, path, example_inputs=ROWS)["weights_compared"] == 10
    (line,) = refused(compiled, other)
    assert "1 of 10 numbers differ" in line


def test_modules_of_xdsl_and_their_texts(tmp_path: Path) -> None:
    made = network.of_module(small(), [torch.from_numpy(IMAGES)], 2)
    weights = {
        name: made.tensor(name) for name in ("conv.weight", "conv.bias", "head.weight", "head.bias")
    }
    (tmp_path / "small.mlir").write_text(print_module(made.module))
    save_file(weights, tmp_path / "model.safetensors")
    compiled = zklemma.compile(made.module, torch.from_numpy(IMAGES), weights=weights)
    assert audit(compiled, made.module, weights=weights)["weights_compared"]
    assert audit(compiled, tmp_path / "small.mlir", weights=tmp_path)["weights_compared"]
    weights["head.bias"] = weights["head.bias"] + np.float32(1e-3)
    with pytest.raises(UserError, match="needs its weights"):
        audit(compiled, made.module)
    assert refused(compiled, made.module, weights=weights)


# The command


def run(*arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["audit", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == code, (done.stdout, done.stderr)
    return done.stderr if code == 2 else done.stdout


def test_the_command(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "small.onnx")
    zklemma.compile(path, ROWS, labels=LABELS).save(tmp_path / "small.zkl")
    np.save(tmp_path / "rows.npy", ROWS)
    labels = [part for label in LABELS for part in ("--label", label)]
    given = path, *labels, "--examples", tmp_path / "rows.npy"
    said = run(tmp_path / "small.zkl", *given)
    assert said.startswith("PASSED\n") and f"those of {path}" in said.replace("\n", "")
    assert "output: relative error" in said and "not shown         the name" in said
    report = json.loads(run(tmp_path / "small.vk", path, "--json"))
    assert report["valid"] and report["unchecked"][0] == NO_WEIGHTS
    other = write_onnx(tmp_path / "other.onnx", 1e-2)
    said = run(tmp_path / "small.zkl", other, code=1)
    assert said.startswith("FAILED\n  the weight w is not that of ")
    assert "no such file" in run(tmp_path / "small.vk", tmp_path / "none.onnx", code=2)
    assert "give one of both" in run(tmp_path / "small.vk", path, "--config", "x", code=2)
    assert "no file of ONNX" in run(tmp_path / "small.vk", "--config", "x", code=2)


def test_a_function_of_python(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made.private.save(tmp_path / "small.zkl")
    (tmp_path / "of_small.py").write_text(
        "import test_audit_function as t, torch\ndef make():\n"
        "    return t.small(), torch.from_numpy(t.IMAGES)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    report = json.loads(run(tmp_path / "small.zkl", "of_small:make", "--json"))
    assert report["weights_compared"] and report["fidelity"]["examples"] == len(IMAGES)
