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
from small import TOKENS, function_of, honest_key, rekeyed, varied
from typer.testing import CliRunner
from xdsl.dialects.builtin import ArrayAttr, DenseArrayBase, IntegerAttr, ModuleOp, StringAttr, i64
from xdsl.ir import Operation
from xdsl.rewriter import Rewriter
from zklemma.compiler.analysis.coarse import formats
from zklemma.compiler.analysis.requantise import differences, requantise
from zklemma.compiler.families.base import FULL, SLIDING
from zklemma.compiler.families.decoder import Decoder
from zklemma.compiler.families.gemma3 import GEMMA3
from zklemma.compiler.frontend.checkpoint import without_weights
from zklemma.compiler.module_text import parse_module
from zklemma.compiler.published import SECRET, publish, read_function, write_function
from zklemma.dialects import quant
from zklemma.dialects.nn import module_path
from zklemma.dialects.quant import TableAttr
from zklemma.dialects.rotation import Rotation
from zklemma.errors import UserError
from zklemma.runtime.circuit.encoding import decode_circuit, encode_circuit
from zklemma.runtime.circuit.relations import Circuit
from zklemma.runtime.model.keys import MOST_FUNCTION, VerifyingKey, save_key
from zklemma.tools.audit import audit, other_ends
from zklemma.tools.cli.app import app
from zklemma.tools.cli.audit import print_findings

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
    assert report["family"] == "gemma3_text" and report["configuration"] == GEMMA3.config_fields(
        config
    )
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


CHANGED: dict[str, tuple[Callable[[Decoder], ModuleOp], str]] = {
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
        lambda config: function_of(varied(config, {SLIDING: Rotation(2e4)})),
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
    assert problems[0].startswith(
        "the function has no circuit: convert-quant-to-zk: at most 9 tokens"
    )
    assert problems[1].startswith(
        "the function has no private circuit: convert-quant-to-zk: at most 9 tokens"
    )


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
                op.properties["sha256"] = ArrayAttr(map(StringAttr, digests))
                op.properties["rows"] = DenseArrayBase.from_list(i64, rows)
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


# How answers end.


@pytest.fixture(scope="module")
def passed(honest) -> dict[str, Any]:
    return audit(honest)


def test_the_tokens_that_end_an_answer_are_shown(honest, passed):
    assert passed["end_tokens"] == [[1, "<eos>"]]
    report = audit(replace(honest, eos=(1, 2, 39, 1 << 40)))
    assert report["end_tokens"] == [[1, "<eos>"], [2, " the"], [39, None], [1 << 40, None]]
    assert report["valid"] and any("end an answer" in each for each in report["unchecked"])


@pytest.fixture
def write_ends(write_config, tmp_path) -> Callable[..., Path]:
    """A config.json in a directory of its own, and a generation_config.json beside it if there is to be one."""

    def write(config: object = ..., generation: dict[str, object] | None = None) -> Path:
        path = tmp_path / "config.json"
        fields = {} if config is ... else {"eos_token_id": config}
        path.write_text(write_config(**fields).read_text())
        if generation is not None:
            (tmp_path / "generation_config.json").write_text(json.dumps(generation))
        return path

    return write


ENDS: list[tuple[object, dict[str, object] | None, tuple[int, ...]]] = [
    (1, None, (1,)),
    ([2, 1], None, (1, 2)),
    (None, None, ()),
    (..., None, (1,)),  # The default of transformers, which compiling takes too.
    (1, {"eos_token_id": [2, 7]}, (2, 7)),
    (1, {}, ()),
]
TEXTS = {1: '"<eos>"', 2: '" the"', 7: "(no token)"}


@pytest.mark.parametrize(("field", "generation", "eos"), ENDS)
def test_answers_end_as_the_configurations_do(honest, write_ends, field, generation, eos):
    path = write_ends(field, generation)
    model = without_weights(path)
    assert other_ends(replace(honest, eos=eos), model.end_tokens, model.end_file) == []
    wanted = ", ".join(f"{x} {TEXTS[x]}" for x in eos) or "none"
    file = path if generation is None else path.with_name("generation_config.json")
    (problem,) = other_ends(replace(honest, eos=(5,)), model.end_tokens, model.end_file)
    said = f"the tokens that end an answer are 5 (no token), not {wanted} as {file} has it"
    assert problem == said


def test_of_many_ends_some_are_named(honest):
    (problem,) = other_ends(replace(honest, eos=tuple(range(1, 40))), (1,), Path("c.json"))
    assert '2 " the", ' in problem and "8 (no token), 31 more, not 1 " in problem


def test_another_end_fails_the_audit(honest, write_ends):
    path = write_ends(2, {"eos_token_id": 1})
    said = path.with_name("generation_config.json")
    report = audit(replace(honest, eos=(2,)), path)
    assert report["problems"] == [
        f'the tokens that end an answer are 2 " the", not 1 "<eos>" as {said} has it'
    ]
    assert not report["valid"] and not any("end an answer" in each for each in report["unchecked"])


def test_ends_that_are_no_ids_are_bad_input(write_ends):
    for config, generation in (("end", None), (1, {"eos_token_id": [-1]})):
        with pytest.raises(UserError, match="eos_token_id"):
            without_weights(write_ends(config, generation))


def test_a_key_whose_tokenizer_can_not_be_read_is_bad_input(honest):
    with pytest.raises(UserError, match=r"^small\.vk: .*tokenizer"):
        audit(replace(honest, tokenizer_bytes=b"{}"))


# Formats.


def path_of(op: Operation) -> str:
    return op.param_names[0] if isinstance(op, quant.ParamOp) else module_path(op)


def coarser(
    config: Decoder, function: ModuleOp, path: str, kind: type, bits: int, lost: int
) -> ModuleOp:
    """The function with other bits at a path, of which so many fewer are fraction."""
    function = function.clone()
    (op,) = (op for op in function.walk() if isinstance(op, kind) and path_of(op) == path)
    for use in op.results[0].uses:
        op = use.operation if isinstance(use.operation, quant.RequantizeOp) else op
    found = quant.type_of(op.results[0])
    type = quant.QuantTensorType.of(found.shape, bits, found.fraction - lost)
    Rewriter.replace_value_with_new_type(op.results[0], type)
    return requantise(config.module(TOKENS), function)


LAYER = "model.layers.{layer}"
COARSE: dict[str, tuple[str, type, int, int, str]] = {
    "final norm": (
        "model.norm",
        quant.RmsNormOp,
        1,
        14,
        "model.norm: this norm has 1 bit, fewer than 16",
    ),
    "weights": (
        *("model.layers.0.self_attn.q_proj.weight", quant.ParamOp, 2, 14),
        "model.layers.*.self_attn.q_proj.weight: this weight has 2 bits, fewer than 16",
    ),
    "linear": (
        *(f"{LAYER}.self_attn.q_proj", quant.MatmulOp, 16, 18),
        "model.layers.*.self_attn.q_proj: this linear layer can use only 2 of its 16 bits",
    ),
}


@pytest.mark.parametrize("name", COARSE)
def test_coarse_formats_are_warned_of(config, function, name):
    path, kind, bits, lost, line = COARSE[name]
    made = coarser(config, function, path, kind, bits, lost)
    assert differences(config.module(TOKENS), made) == []
    assert line in [f"{each.module}: {what}" for each in formats(made) for what in each.coarse]


def test_no_format_of_an_honest_key_is_coarse(passed):
    assert passed["coarse"] == [] and all(each["used"] >= 16 for each in passed["formats"])


def test_the_real_models_formats_are_not_coarse():
    path = Path(__file__).parents[1] / "soundness" / "gemma3-270m.mlir"
    found = formats(parse_module(path.read_text()))
    assert len(found) > 30 and not any(each.coarse for each in found)
    assert min(each.used for each in found) == 16


@pytest.mark.parametrize(
    ("kind", "name", "value", "line"),
    [
        (quant.RmsNormOp, "root", 8, "its reciprocal root has 8 bits of fraction, fewer than 12"),
        (
            quant.SoftmaxOp,
            "scores",
            1,
            "exp is taken of numbers with 1 bit of fraction, fewer than 2",
        ),
        (quant.SoftmaxOp, "inv", 12, "reciprocals have 12 bits of fraction, fewer than 13"),
        (
            quant.TableOp,
            "x",
            -3,
            "an activation is taken of numbers with -3 bits of fraction, fewer than 2",
        ),
        (quant.TableOp, "table", 40, "this activation can use only 1 of its 16 bits"),
        (quant.ParamOp, "result", -20, "its unit is 2^20, larger than 2^-2"),
    ],
)
def test_what_else_is_coarse(function, kind, name, value, line):
    made = function.clone()
    op = next(op for op in made.walk() if isinstance(op, kind))
    if name == "root":
        op.properties["root"] = IntegerAttr(value, i64)
    elif name == "table":
        op.properties["table"] = TableAttr.of(f"round(x / 2^{value})", *op.table.domain)
    else:
        found = quant.type_of(getattr(op, name))
        type = quant.QuantTensorType.of(found.shape, found.width, value)
        Rewriter.replace_value_with_new_type(getattr(op, name), type)
    assert [what for each in formats(made) for what in each.coarse] == [line]


def test_eps_is_known_between_two_numbers(passed, config, function):
    low, high = passed["eps_range"]
    assert low < 1e-6 < high < 1.0001e-6
    width = high - low
    for eps, inside in (
        (low + width / 3, True),
        (low - width / 3, False),
        (high + width / 3, False),
    ):
        other = replace(config, rms_norm_eps=eps)
        assert (differences(other.module(TOKENS), function) == []) == inside


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
        '    1 "<eos>"\n',
        'The key of "small" holds its circuits\n',
        "rms_norm_eps           1e-06 (integers tell it to be from ",
        "coarsest formats  16 bits: ",
    ):
        assert text in done.stdout
    assert run("audit", keys / "good.vk", "--quiet").stdout == ""


def test_what_is_printed_of_ends_and_eps(passed, capsys):
    text = "An answer ends with one of these tokens, "
    for change, said in (
        ({}, f"{text}unchecked: --config config.json compares them\n"),
        ({"config": "a.json"}, f"{text}as a.json has them\n"),
        ({"end_tokens": []}, "compares them\n    (none)\n"),
        (
            {"eps_range": [0.0, 3e-5]},
            "1e-06 (any up to 3e-05 makes the least integer that there is",
        ),
    ):
        print_findings(passed | change)
        assert said in capsys.readouterr().out


def test_the_command_warns_of_coarse_formats(config, function, tmp_path):
    path, kind, bits, lost, line = COARSE["final norm"]
    save_key(tmp_path / "k.vk", honest_key(coarser(config, function, path, kind, bits, lost)))
    done = run("audit", tmp_path / "k.vk")
    assert done.exit_code == 0 and f"warning: coarse: {line}; " in done.stderr
    assert "coarsest formats  1 bit: model.norm (norm)\n" in done.stdout
    (row,) = (each for each in done.stdout.splitlines() if each.endswith("  coarse"))
    assert row.split()[0] == "model.norm"
    done = run("audit", tmp_path / "k.vk", "--json")
    assert line in json.loads(done.stdout)["coarse"] and not done.stderr


NAMES = {
    'x" holds': r'The key of "x\" holds" holds its circuits',
    "x" * 95: f'The key of\n    "{"x" * 74}"\n    "{"x" * 21}"\nholds its circuits',
    "\u05e9\u05dc": 'The key of\n    "\u05e9\u05dc"\nholds its circuits',
}


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names_are_quoted(honest, passed, tmp_path, capsys, name):
    print_findings(passed | {"name": name})
    assert f"\n{NAMES[name]}\n" in capsys.readouterr().out
    save_key(tmp_path / "k.vk", replace(honest, name=name))
    printed = run("inspect", tmp_path / "k.vk").stdout.splitlines()
    (row,) = (each.split(None, 1)[1] for each in printed if each.startswith("  name "))
    assert json.loads(row.removesuffix(" (unchecked)")) == name and row.isascii()


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
        ((keys / "good.vk", "--config", write_config(model_type="bloom")), "bloom"),
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
