"""The softmax of a classifier's head: probabilities are proved, close to PyTorch's, and can not be others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import zklemma
from torch import nn
from witnesses import executor, integers, only_witness, proved_alone, undetermined
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from zklemma.compiler.analysis.calibrate_tensors import calibrate_tensors
from zklemma.compiler.frontend.network import of_module
from zklemma.compiler.interpret_circuit import check
from zklemma.compiler.interpret_quant import interpret_function
from zklemma.compiler.pipelines import to_quant
from zklemma.compiler.running import run_passes
from zklemma.compiler.weights import quantized_weights
from zklemma.dialects import quant
from zklemma.runtime.circuit.function import Batch
from zklemma.tools.compiled import Compiled

UNIT = 2.0**-14
"""Of the probabilities that are proved."""


class Head(nn.Module):
    """Rows, or positions, of a few classes, or of many at a temperature."""

    def __init__(self, width: int, classes: int, temperature: float = 1.0) -> None:
        super().__init__()
        self.hidden, self.head = nn.Linear(width, 16), nn.Linear(16, classes)
        self.temperature = temperature

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (self.head(torch.relu(self.hidden(x))) / self.temperature).softmax(-1)


FORMS: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "rows": ((6,), {"classes": 5, "temperature": 0.2}),
    "positions": ((4, 6), {"classes": 3}),
    "two classes": ((6,), {"classes": 2, "temperature": 0.01}),
}


def made(form: str) -> tuple[Head, torch.Tensor]:
    torch.manual_seed(7)
    shape, options = FORMS[form]
    return Head(shape[-1], **options).eval(), torch.randn(60, *shape)


@pytest.fixture(scope="module", params=FORMS)
def compiled(request: pytest.FixtureRequest) -> tuple[Compiled, Head, torch.Tensor]:
    network, x = made(request.param)
    return zklemma.compile(network, x[:40], batch=2), network, x


def test_probabilities_are_close_to_pytorch(compiled) -> None:
    """On examples that calibration has not seen. A logit is off by half a unit and what it was computed from; a
    probability by twice that at most times p (1 - p), and by half a unit of its own."""
    function, network, x = compiled
    (output,) = function.key.function_signature.outputs
    assert output.real(np.array(1)) == UNIT
    for start in range(40, 60, 2):
        found = function.run(x[start : start + 2]).values["output"]
        with torch.no_grad():
            wanted = network(x[start : start + 2]).numpy()
        assert np.abs(found - wanted).max() < 4e-3
        assert found.min() >= 0 and found.max() <= 1
        assert np.abs(found.sum(-1) - 1).max() <= found.shape[-1] * UNIT


def test_executors_agree_and_satisfy_the_circuit(compiled) -> None:
    function, network, x = compiled
    module, weights = quantised(network, x)
    run, params = executor(function), function.artifact.params
    for count in (1, 2):
        given = integers(function, x[:count])
        (wanted,) = interpret_function(module, weights, given)
        assert np.array_equal(run.run(given)["output"], wanted)
        witness = run.witness(given)
        assert check(function.key.circuit, Batch(count), {**witness, **params}) == []


def quantised(network: nn.Module, x: torch.Tensor) -> tuple[ModuleOp, dict[str, np.ndarray]]:
    """The integer function, by the passes of compiling."""
    found = of_module(network, (x[:2],), 2)
    calibrate_tensors(found.module, found.weight, {"x": x[:40].numpy()})
    run_passes(Context(), found.module, sum(to_quant({}), ()))
    return found.module, quantized_weights(found, found.module)


def test_equal_logits_and_ones_far_apart() -> None:
    """The largest may stand anywhere, and beyond the table's smallest exponential a probability is 0."""
    linear = nn.Linear(4, 4)
    with torch.no_grad():
        linear.weight.copy_(torch.eye(4))
        linear.bias.zero_()
    network = nn.Sequential(linear, nn.Softmax(1))
    x = torch.tensor([[3.0, 3, 3, 3], [-40, 40, 40, -40], [-40, -40, -40, 40]])
    found = zklemma.compile(network, x, batch=3).run(x).values["output"]
    assert found.tolist() == [[0.25] * 4, [0, 0.5, 0.5, 0], [0, 0, 0, 1]]


def test_many_small_probabilities_count() -> None:
    """A thousand classes at e^-12 of the best: with exponentials of 15 bits they would be 0."""
    linear = nn.Linear(1, 1001)
    with torch.no_grad():
        linear.weight.zero_()
        linear.bias.copy_(torch.tensor([0.0] + [-12.0] * 1000))
    network = nn.Sequential(linear, nn.Softmax(1))
    x = torch.ones(2, 1)
    found = zklemma.compile(network, x, batch=1).run(x[:1]).values["output"]
    assert abs(found[0, 0] - 1 / (1 + 1000 * np.exp(-12))) <= UNIT < 1 - found[0, 0]


def test_each_relation_leaves_one_witness(compiled) -> None:
    """Of equal maxima either may be selected."""
    assert undetermined(compiled[0]) == ["select"]


def own(witness: dict[str, np.ndarray]) -> list[str]:
    """The columns of the softmax and of what is rounded then."""
    found = [name for name in witness if "softmax" in name or "probabilities" in name]
    assert {n.rpartition(".")[2] for n in found} >= {"e", "select", "inv0", "top0", "limb0"}
    return found


def test_no_cell_can_be_another(compiled) -> None:
    function, _, x = compiled
    only_witness(function, x[:2], own)


def test_a_proof_says_probabilities_and_no_others() -> None:
    network, x = made("rows")
    found = proved_alone(zklemma.compile(network, x[:40], batch=2), x[:2], own)
    with torch.no_grad():
        assert np.abs(found.values["output"] - network(x[:2]).numpy()).max() < 4e-3


def test_a_smoother_softmax_is_refused(compiled) -> None:
    """Tops above the largest logit, with all that follows as it should be: no row has distance 0."""
    function, _, x = compiled
    circuit, run = function.key.circuit, executor(function)
    witness = run.witness(integers(function, x[:2]))
    (top,) = (name for name in witness if name.endswith(".top0"))
    raised = {**witness, top: witness[top].astype(np.int64) + 1}
    failed = check(circuit, Batch(2), {**raised, **function.artifact.params})
    assert failed and all("exp" in str(each) for each in failed)


def test_an_audit_takes_a_key_for_its_network_alone(compiled) -> None:
    function, network, x = compiled
    assert zklemma.audit(function, network, example_inputs=x[:2])["valid"]
    logits = nn.Sequential(network.hidden, nn.ReLU(), network.head)
    other = Head(x.shape[-1], network.head.out_features, 2 * network.temperature).eval()
    other.load_state_dict(network.state_dict())
    for wrong in (logits, other):
        assert not zklemma.audit(function, wrong, example_inputs=x[:2])["valid"]


def test_the_integer_operation_is_one_of_rows() -> None:
    module, _ = quantised(*made("rows"))
    (op,) = (each for each in module.walk() if isinstance(each, quant.ProbabilitiesOp))
    assert op.k.value.data == 46 and op.width.value.data == 24 + 3
