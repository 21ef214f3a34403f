"""`zklemma audit` passes the key that the compiler makes and says why it refuses others."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small import TOKENS, function_of, rekeyed
from typer.testing import CliRunner
from xdsl.dialects.builtin import ModuleOp
from zklemma.compiler.analysis.requantise import requantise
from zklemma.compiler.gemma3 import FULL, SLIDING, Gemma3
from zklemma.compiler.published import SECRET, publish, read_function, write_function
from zklemma.dialects import quant
from zklemma.dialects.quant import TableAttr
from zklemma.errors import UserError
from zklemma.runtime.keys import MOST_FUNCTION, VerifyingKey, save_key
from zklemma.schema.circuit import Circuit
from zklemma.schema.encoding import decode_circuit, encode_circuit
from zklemma.tools.audit import audit
from zklemma.tools.cli.app import app

CIRCUITS = {"circuit": "circuit_bytes", "private circuit": "private_circuit_bytes"}


def refused(key: VerifyingKey, *starts: str) -> list[str]:
    """The problems of a key that an audit refuses, one of which begins so for each of ``starts``."""
    report = audit(key)
    assert not report["valid"]
    for start in starts:
        assert any(problem.startswith(start) for problem in report["problems"]), report["problems"]
    return report["problems"]


def test_an_honest_key_passes(honest, config):
    report = audit(honest)
    assert report["valid"] and report["problems"] == []
    assert report["family"] == "gemma3_text" and report["configuration"] == config.fields()
    assert report["max_tokens"] == TOKENS and report["parameters"] == honest.weights
    formats = {(f["module"], f["kind"]): (f["bits"], f["fraction"]) for f in report["formats"]}
    assert formats["model.layers.*.self_attn.q_proj", "linear layer"] == (16, 11)
    circuits = [decode_circuit(bytes(getattr(honest, name))) for name in CIRCUITS.values()]
    assert report["bounds"] == sum(len(c.einsums) + len(c.linears) for c in circuits)


def without_argmax(circuit: Circuit) -> Circuit:
    lookups = tuple(each for each in circuit.lookups if not each.name.startswith("lm_head."))
    assert len(lookups) < len(circuit.lookups)
    return replace(circuit, lookups=lookups)


def without_bounds(circuit: Circuit) -> Circuit:
    return replace(
        circuit,
        einsums=tuple(replace(each, bound=1) for each in circuit.einsums),
        linears=tuple(replace(each, bound=1) for each in circuit.linears),
    )


def wider_lookup(circuit: Circuit) -> Circuit:
    """A remainder of 14 bits may have 15."""
    name = "mlp.down_proj.rem0.range"
    lookups = [replace(x, table="u15") if x.name == name else x for x in circuit.lookups]
    return replace(circuit, lookups=tuple(lookups))


def wider_column(circuit: Circuit) -> Circuit:
    name = "mlp.down_proj.rem0"
    columns = [replace(x, high=2 * x.high + 1) if x.name == name else x for x in circuit.columns]
    return replace(circuit, columns=tuple(columns))


def another_row(circuit: Circuit) -> Circuit:
    """The table of the activation, off by one in one row."""
    table = circuit.data["act_fn"].copy()
    table[123, 1] += 1
    return replace(circuit, data={**circuit.data, "act_fn": table})


FORGED: dict[str, tuple[Callable[[Circuit], Circuit], str]] = {
    "argmax": (without_argmax, "lookup lm_head.limb0.range is missing"),
    "bounds": (without_bounds, "einsum lm_head.{} bound is 1, not "),
    "lookup": (wider_lookup, "lookup mlp.down_proj.rem0.range: table is 'u15', not 'u14'"),
    "column": (wider_column, "column mlp.down_proj.rem0: high is 32767, not 16383"),
    "table": (another_row, "act_fn: its contents at (123, 1) are "),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_circuits_are_refused(honest, name):
    forge, line = FORGED[name]
    circuits = [decode_circuit(bytes(getattr(honest, part))) for part in CIRCUITS.values()]
    forged = [encode_circuit(forge(circuit)) for circuit in circuits]
    key = replace(honest, **dict(zip(CIRCUITS.values(), forged, strict=True)))
    problems = refused(
        key,
        f"the circuit is not the function's: {line.format('maximum:')}",
        f"the private circuit is not the function's: {line.format('order:')}",
    )
    if name == "bounds":
        assert len(problems) == sum(len(c.einsums) + len(c.linears) - _ones(c) for c in circuits)


@pytest.mark.parametrize("noun", CIRCUITS)
def test_one_forged_circuit_is_enough(honest, noun):
    circuit = decode_circuit(bytes(getattr(honest, CIRCUITS[noun])))
    key = replace(honest, **{CIRCUITS[noun]: encode_circuit(without_argmax(circuit))})
    problems = refused(key)
    assert all(problem.startswith(f"the {noun} is not the function's: ") for problem in problems)


def _ones(circuit: Circuit) -> int:
    return sum(each.bound == 1 for each in (*circuit.einsums, *circuit.linears))


def warmer(function: ModuleOp) -> ModuleOp:
    """The function whose scores count half: a softmax of another temperature."""
    function = function.clone()
    for op in function.walk():
        if isinstance(op, quant.SoftmaxOp):
            text = op.table.expression.data.replace("2^12", "2^13")
            assert text != op.table.expression.data
            op.properties["table"] = TableAttr.of(text, *op.table.domain)
    return function


CHANGED: dict[str, tuple[Callable[[Gemma3], ModuleOp], str]] = {
    "layers": (
        lambda config: function_of(replace(config, layer_types=(SLIDING, FULL))),
        "axis layer: size is 2, not 3",
    ),
    "eps": (
        lambda config: function_of(replace(config, rms_norm_eps=1e-5)),
        "einsum input_layernorm.square_sum: lhs is ",
    ),
    "window": (
        lambda config: function_of(replace(config, sliding_window=4)),
        "column mask: windows is (4, 4, 0), not (3, 3, 0)",
    ),
    "theta": (
        lambda config: function_of(replace(config, rope={**config.rope, SLIDING: (2e4, 1.0)})),
        "rope.cos: its contents at (0, 1, ",
    ),
    "scores": (
        lambda config: warmer(function_of(config)),
        "exp: its contents at (2, 1) are ",
    ),
}


@pytest.mark.parametrize("name", CHANGED)
def test_circuits_of_another_function_are_refused(honest, config, name):
    make, line = CHANGED[name]
    key = replace(rekeyed(honest, make(config)), function_bytes=honest.function_bytes)
    refused(key, *(f"the {noun} is not the function's: {line}" for noun in CIRCUITS))


def test_a_function_of_no_family_is_refused_with_its_own_circuits(honest, config):
    """Nothing is wrong with the circuits: it is the function that no model of the family computes."""
    (problem,) = refused(rekeyed(honest, warmer(function_of(config))))
    start = "the function is no gemma3_text model's: model.layers.*.self_attn: quant.softmax: table"
    assert problem.startswith(start)


def test_another_model_of_the_family_is_refused_with_a_configuration(honest, config, write_config):
    key, path = rekeyed(honest, function_of(replace(config, sliding_window=4))), write_config()
    assert audit(key)["valid"] and audit(key, write_config(sliding_window=4))["valid"]
    found = audit(key, path)["problems"]
    line = "model.layers.{}.self_attn: quant.softmax: windows is 4, not 3"
    assert found == [
        f"the function is not that of {path}: {line.format(layer)}" for layer in (0, 1)
    ]


def test_more_positions_than_the_configuration_has(honest, write_config):
    report = audit(honest, write_config(max_position_embeddings=8))
    (problem,) = report["problems"]
    assert problem.endswith("it is for 16 positions, the configuration has 8")


def test_other_claims_of_a_key(honest):
    (problem,) = refused(replace(honest, weights=honest.weights + 1))
    assert problem == (
        f"the key says {honest.weights + 1} parameters, its function has {honest.weights}"
    )
    damaged = bytearray(honest.range_proof)
    damaged[len(damaged) // 2] ^= 1
    (problem,) = refused(replace(honest, range_proof=bytes(damaged)))
    assert problem.startswith("the ranges of the weights: ")
    (problem,) = refused(replace(honest, links=((b"r" * 32, b"proof"),)))
    assert "link 1 of 1" in problem


def test_a_function_that_does_not_lower(honest, config, function):
    """No circuit serves nine positions."""
    other = requantise(config.module(9), function)
    problems = refused(replace(honest, function_bytes=write_function(other)))
    assert len(problems) == 2
    assert problems[0].startswith("the function has no circuit: at most 9 tokens")
    assert problems[1].startswith("the function has no private circuit: at most 9 tokens")


# What the function says of the weights.


def test_the_published_function_does_not_depend_on_the_weights(function):
    """Digests, and the exponents by which channels were equalised, are left out."""
    texts = []
    for seed in (0, 1):
        random, private = np.random.default_rng(seed), function.clone()
        for op in private.walk():
            if isinstance(op, quant.ParamOp):
                names = len(op.names)
                rows = random.integers(-9, 9, names).tolist()
                digests = [random.bytes(32).hex() for _ in range(names)]
                op.properties["sha256"] = quant.ArrayAttr(map(quant.StringAttr, digests))
                op.properties["rows"] = quant.DenseArrayBase.from_list(quant.i64, rows)
        private.verify()
        assert write_function(private) != write_function(function)
        texts.append(write_function(publish(private)))
    assert texts[0] == texts[1] == write_function(function)


def test_only_known_properties_are_published(function):
    known = {"names", "offset", "factor", "stacked"}
    for op in function.walk():
        if isinstance(op, quant.ParamOp):
            assert set(op.properties) <= known and not known & set(SECRET)
        assert set(op.attributes) <= {"module"}


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"",
        lambda data: data[:-3],
        lambda data: data + b"\n",
        lambda data: data.replace(b"quant.merge_heads", b"quant.merge"),
        lambda data: data.replace(b"heads 4", b"heads 5"),
        lambda data: data.replace(b" offset 1.0", b' sha256 ["0", "0", "0"] offset 1.0', 1),
        lambda data: data.replace(b" factor 1.0", b" factor 1.00"),
        lambda data: b"\xff" + data,
        lambda data: b"(" * 100_000,
        lambda data: data.replace(b'"model.norm"', b'"model.norm', 1),
        lambda data: data.replace(b'"model.norm"', b'"model.norm\f"', 1),
    ],
    ids=[
        *("none", "cut", "line end", "no op", "shape", "digest", "number", "no text", "deep"),
        *("open string", "form feed"),
    ],
)
def test_a_malformed_function_is_bad_input(honest, function, change):
    data = change(write_function(function))
    with pytest.raises(UserError, match="the function is malformed: ") as error:
        read_function(data)
    assert "\n" not in str(error.value)
    with pytest.raises(UserError, match=r"^small\.vk: the function is malformed"):
        audit(replace(honest, function_bytes=data))


def test_a_function_has_a_largest_size(honest):
    key = replace(honest, function_bytes=b" " * (MOST_FUNCTION + 1))
    with pytest.raises(UserError, match="malformed"):
        VerifyingKey.decode(key.encode())


# The command.


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)


@pytest.fixture(scope="module")
def keys(honest, config, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    save_key(folder / "good.vk", honest)
    circuit = decode_circuit(bytes(honest.circuit_bytes))
    forged = replace(honest, circuit_bytes=encode_circuit(without_bounds(circuit)))
    save_key(folder / "bad.vk", forged)
    return folder


def test_the_command_says_which_function_it_is(keys, honest, write_config):
    done = run("audit", keys / "good.vk", "--config", write_config())
    assert done.exit_code == 0 and done.stdout.startswith("PASSED\n") and not done.stderr
    for text in (
        honest.model_id,
        "gemma3_text",
        "num_hidden_layers",
        "sliding_window",
        "not shown",
    ):
        assert text in done.stdout
    assert run("audit", keys / "good.vk", "--quiet").stdout == ""


def test_the_command_lists_problems(keys):
    done = run("audit", keys / "bad.vk", "--quiet")
    assert done.exit_code == 1 and done.stdout.startswith("FAILED\n")
    assert "  the circuit is not the function's: einsum " in done.stdout
    lines = done.stdout.splitlines()
    assert len(lines) == 22 and "more, which --json lists" in lines[-1]
    found = json.loads(run("audit", keys / "bad.vk", "--json").stdout)
    assert found["valid"] is False and len(found["problems"]) > 20


def test_the_command_refuses_bad_input(keys, write_config, tmp_path):
    bad = tmp_path / "bad.vk"
    bad.write_bytes(b"no key")
    for arguments, text in (
        ((bad,), "bad.vk"),
        ((keys / "good.vk", "--config", tmp_path / "none.json"), "none.json"),
        ((keys / "good.vk", "--config", write_config(model_type="llama")), "llama"),
    ):
        done = run("audit", *arguments)
        assert done.exit_code == 2 and done.stdout == ""
        assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
        assert text in done.stderr


@pytest.mark.parametrize(
    ("blocked", "options", "status"),
    [
        ("torch transformers safetensors", (), 0),
        ("torch transformers", ("--config",), 2),
        ("xdsl", (), 2),
    ],
)
def test_what_must_be_installed(keys, write_config, blocked, options, status):
    code = f"""
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked.split()!r}:
            raise ModuleNotFoundError(f"blocked: {{name}}", name=name)
sys.meta_path.insert(0, Blocked())
from zklemma.tools.cli import main
main()
"""
    arguments = [str(keys / "good.vk"), *options, *[str(write_config()) for _ in options]]
    done = subprocess.run(
        [sys.executable, "-c", code, "audit", "-q", *arguments], capture_output=True, text=True
    )
    assert done.returncode == status, done.stderr
    if status:
        assert done.stderr.count("\n") == 1 and "pip install 'zklemma[compile]'" in done.stderr
