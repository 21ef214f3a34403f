"""The second verifier, native and as WebAssembly: what it says of valid keys, proofs, links and openings, and of
what is none."""

from __future__ import annotations

import json
import secrets
import shutil
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import differing
import engines
import pytest
from typer.testing import CliRunner
from zklemma.errors import InvalidProof, UserError, ZklemmaError, expect
from zklemma.runtime.circuit.encoding import encode_circuit
from zklemma.runtime.circuit.relations import Column
from zklemma.runtime.model import files
from zklemma.runtime.proving.inference import prove as mlp_prove
from zklemma.runtime.verifying import disclosure, native, wasm
from zklemma.runtime.verifying.disclosure import Opened
from zklemma.runtime.verifying.function_verifier import VerifiedFunction
from zklemma.runtime.verifying.own import Own
from zklemma.runtime.verifying.second import Second, Verdicts
from zklemma.runtime.verifying.verifier import Verified
from zklemma.tools import tensors
from zklemma.tools.cli.app import app

cases: Any = import_module("cases")
mlp: Any = import_module("mlp")
random_model: Any = import_module("random_model")
MODELS = differing.corpus().models
PROVED = differing.corpus().proved
KEY = MODELS[0].key
FUNCTION = differing.corpus().function.key
INFERENCES = differing.corpus().inferences
DAMAGED = 40
RUNNERS = {"native": native.verdicts, "wasm": wasm.verdicts}


@pytest.fixture(params=RUNNERS)
def verdicts(request: pytest.FixtureRequest) -> Verdicts:
    """What either program says."""
    request.getfixturevalue(request.param)
    return RUNNERS[request.param]


def framed(proof: bytes) -> bytes:
    return files.encode_proof(KEY.digest, proof)


@pytest.mark.parametrize("number", range(len(PROVED)))
def test_both_engines_read_one_statement(number: int, verdicts: Verdicts) -> None:
    proof = PROVED[number].proof
    found = expect(Second(KEY, KEY.encode(), verdicts).verify(proof, True), Verified)
    assert found.statement == PROVED[number].statement
    own = expect(Own(KEY).verify(proof, True), Verified)
    assert (own.statement, own.security_bits) == (found.statement, found.security_bits)
    assert own.canonical_prompt == found.canonical_prompt


def test_says_what_it_did_not_check(verdicts: Verdicts) -> None:
    (found,) = verdicts(KEY.encode(), [framed(PROVED[0].proof)])
    assert found["ranges"] == "checked" and len(found["unchecked"]) == 1
    (found,) = verdicts(KEY.encode(), [framed(PROVED[2].proof)], "--skip-ranges")
    assert found["ranges"] is None and found["unchecked"] == []


@pytest.mark.parametrize("number", [2, 3])
def test_opens_digests(number: int, verdicts: Verdicts) -> None:
    proved = PROVED[number]
    proof, opening = framed(proved.proof), disclosure.encode(proved.opened)
    (found,) = verdicts(KEY.encode(), [proof], opening=opening)
    assert found["valid"] and found["revealed"] == [*proved.opened]
    for what, opened in proved.opened.items():
        p = KEY.parameters
        assert found[f"{what}_ids"] == disclosure.tokens(proved.statement, what, opened, p)
    (other,) = verdicts(KEY.encode(), [framed(PROVED[5 - number].proof)], opening=opening)
    assert other["usable"] and not other["valid"]
    what, opened = next(iter(proved.opened.items()))
    for changed in (
        replace(opened, rows=opened.rows ^ opened.rows.dtype.type(1)),
        replace(opened, salts=opened.salts ^ opened.salts.dtype.type(1)),
    ):
        damaged = disclosure.encode({**proved.opened, what: changed})
        (refused,) = verdicts(KEY.encode(), [proof], opening=damaged)
        assert refused["usable"] and not refused["valid"]


def test_follows_links(verdicts: Verdicts) -> None:
    rotated = MODELS[1].key
    engine, older = Second(rotated, rotated.encode(), verdicts), rotated.ancestors[0].digest.hex()
    engine.check_identity(rotated.model_id)
    engine.check_identity(older)
    with pytest.raises(InvalidProof, match="or one rotated from it"):
        engine.check_identity(KEY.model_id)
    with pytest.raises(UserError, match="64 hexadecimal digits"):
        engine.check_identity("12")
    link = bytearray(rotated.links[0][1])
    link[len(link) // 2] ^= 1
    damaged = replace(rotated, links=((rotated.links[0][0], bytes(link)),))
    with pytest.raises(InvalidProof, match="link 1 of 1"):
        Second(damaged, damaged.encode(), verdicts).check_identity(older)


def test_insists_on_ranges(verdicts: Verdicts) -> None:
    for model in MODELS:
        Second(model.key, model.key.encode(), verdicts).check_ranges()
    damaged = replace(KEY, range_proof=MODELS[2].key.range_proof)
    with pytest.raises(InvalidProof, match="ranges of the weights"):
        Second(damaged, damaged.encode(), verdicts).check_ranges()


def test_insists_on_a_nonce(verdicts: Verdicts) -> None:
    proof, nonce = framed(PROVED[0].proof), PROVED[0].statement.nonce.hex()
    found = [verdicts(KEY.encode(), [proof], "--nonce", x) for x in (nonce, "00")]
    assert [verdict["valid"] for (verdict,) in found] == [True, False]


def test_damaged_proofs_and_keys_get_one_verdict_from_both(verdicts: Verdicts) -> None:
    seed = secrets.randbits(32)
    for tally in (
        differing.compare_proofs(seed, range(DAMAGED), verdicts),
        differing.compare_keys(seed, range(DAMAGED), verdicts),
    ):
        assert not tally.differences, "\n".join(tally.differences)
        assert sum(tally.verdicts.values()) == DAMAGED and tally.verdicts["invalid"]


@pytest.mark.parametrize("engine", RUNNERS)
def test_the_command_takes_an_engine(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(engine)
    (tmp_path / "model.vk").write_bytes(KEY.encode())
    (tmp_path / "a.proof").write_bytes(framed(PROVED[0].proof))
    command = ["verify", str(tmp_path / "model.vk"), str(tmp_path / "a.proof"), "--json"]
    command += ["--model-id", KEY.model_id, "--no-cache", "--allow-noncanonical-prompt"]
    said: list[dict[str, Any]] = []
    for name in ("python", engine):
        done = CliRunner().invoke(app, [*command, "--engine", name])
        assert done.exit_code == 0, done.output
        said.append(json.loads(done.stdout))
    timing = {"seconds", "stages"}
    first, second = ({k: v for k, v in one.items() if k not in timing} for one in said)
    assert first == second and first["valid"] and first["ranges"] == "checked"
    (tmp_path / "a.proof").write_bytes(framed(PROVED[0].proof[:-1]))
    done = CliRunner().invoke(app, [*command, "--engine", engine])
    assert done.exit_code == 1 and json.loads(done.stdout)["reason"]


def test_names_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(native.VARIABLE, "/nowhere")
    monkeypatch.setattr(wasm, "BUILT", tmp_path / "nothing.wasm")
    for verdicts in RUNNERS.values():
        with pytest.raises(UserError, match="make verifier"):
            Second(KEY, KEY.encode(), verdicts).check_ranges()


@pytest.mark.usefixtures("wasm")
@pytest.mark.skipif(shutil.which("wasm-opt") is None, reason="wasm-opt is not installed")
def test_webassembly_is_small() -> None:
    assert len(wasm.contents()) < 400 * 1024


@pytest.mark.usefixtures("wasm")
def test_says_what_webassembly_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wasmtime", None)
    with pytest.raises(UserError, match=r"wasmtime is not installed.*zklemma\[wasm\]"):
        wasm.verdicts(KEY.encode(), [])


@pytest.mark.usefixtures("wasm")
def test_a_program_that_stops_is_no_verdict(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stopping = tmp_path / "stopping.wasm"
    monkeypatch.setattr(wasm, "BUILT", stopping)
    for body, said in ((b"\x00\x00\x0b", "stopped"), (b"\x00\x0b", "0 verdicts, not 1")):
        # A module whose `_start` is unreachable code, or does nothing.
        stopping.write_bytes(
            b"\0asm\1\0\0\0\1\4\1\x60\0\0\3\2\1\0\7\x0a\1\6_start\0\0\x0a"
            + bytes([len(body) + 2, 1, len(body)])
            + body
        )
        with pytest.raises(ZklemmaError, match=said):
            wasm.verdicts(KEY.encode(), [])


def test_rows_by_position(verdicts: Verdicts) -> None:
    """A model that adds an embedding of positions, and takes means off before its norms."""
    key, prover = random_model.made(random_model.sizes(positions=True, layer_norms=True))
    tokens = (1, 2, 3, *prover.executor.generate([1, 2, 3], 2))
    data, proof = engines.framed(key.encode(), random_model.prove(prover, tokens[:3], tokens))
    assert (
        engines.of_rust(data, [proof], verdicts=verdicts)
        == [engines.of_python(data, proof)]
        == ["valid"]
    )


def test_names_that_proofs_give_are_refused(verdicts: Verdicts) -> None:
    """A column more is another circuit, but one that is a count of a proof is none for either verifier."""
    proof, said = PROVED[0].proof, []
    for name in ("another", "multiplicity.0.another"):
        column = Column(name, ("token",), "witness", 0, 1)
        circuit = replace(KEY.circuit, columns=(*KEY.circuit.columns, column))
        key = replace(KEY, circuit_bytes=encode_circuit(circuit))
        data, file = engines.framed(key.encode(), proof)
        said += [engines.of_python(data, file), *engines.of_rust(data, [file], verdicts=verdicts)]
    assert said == ["invalid", "invalid", "unusable", "unusable"]


def test_sizes_of_32_bits_are_enough_to_refuse(verdicts: Verdicts) -> None:
    """A key of more cells than they count gets a verdict all the same, and does not stop the program."""
    key, proof = engines.framed(*cases.over["an axis read twice"]())
    assert engines.of_rust(key, [proof], "--skip-ranges", verdicts=verdicts) == ["unusable"]


@pytest.mark.parametrize("number", range(len(INFERENCES)))
def test_both_engines_read_one_statement_of_a_function(number: int, verdicts: Verdicts) -> None:
    made = INFERENCES[number].result
    engine = Second(FUNCTION, FUNCTION.encode(), verdicts)
    engine.check_identity(FUNCTION.model_id)
    engine.check_ranges()
    found = expect(engine.verify(made.proof), VerifiedFunction)
    own = expect(Own(FUNCTION).verify(made.proof), VerifiedFunction)
    assert (found.statement, found.security_bits) == (own.statement, own.security_bits)
    assert found.statement == made.statement
    (said,) = verdicts(FUNCTION.encode(), [files.encode_proof(FUNCTION.digest, made.proof)])
    assert said["tensors"] == tensors.describe(FUNCTION, made.statement, {})
    assert said["visibility"] == tensors.visibilities(FUNCTION, made.statement)
    assert said["unchecked"] == [] and said["ranges"] == "checked"
    damaged = made.proof[:-1] + bytes([made.proof[-1] ^ 1])
    with pytest.raises(InvalidProof):
        engine.verify(damaged)


def test_opens_digests_of_tensors(verdicts: Verdicts) -> None:
    made = INFERENCES[1].result
    opened = {what: Opened(own.rows, own.salts) for what, own in made.sealed.items()}
    proof = files.encode_proof(FUNCTION.digest, made.proof)
    assert len(opened) == 2
    for some in (opened, dict([*opened.items()][:1])):
        (said,) = verdicts(FUNCTION.encode(), [proof], opening=disclosure.encode(some))
        cells = {
            what: disclosure.cells(made.statement, what, own, FUNCTION)
            for what, own in some.items()
        }
        assert said["tensors"] == tensors.describe(FUNCTION, made.statement, cells)
        assert said["revealed"] == [*some]
    what, own = next(iter(opened.items()))
    (other,) = (name for name in opened if name != what)
    for wrong in (
        {what: replace(own, rows=own.rows ^ own.rows.dtype.type(1))},
        {what: opened[other]},
        {"input left": own},
        {"prompt": own},
    ):
        (said,) = verdicts(FUNCTION.encode(), [proof], opening=disclosure.encode(wrong))
        assert said["usable"] and not said["valid"], wrong


def test_numbers_of_all_scales(verdicts: Verdicts) -> None:
    """An integer stands for the same real number in both, whatever its fraction bits."""
    made, scaled = INFERENCES[0].result, []
    for frac in (-64, -3, 0, 1, 40, 64):
        outputs = tuple(replace(tensor, frac=frac) for tensor in mlp.SIGNATURE.outputs)
        key = replace(FUNCTION, signature=replace(mlp.SIGNATURE, outputs=outputs))
        artifact = replace(differing.corpus().function, key=key)
        proof = mlp_prove(artifact, mlp.examples(2)).result
        (said,) = verdicts(key.encode(), [files.encode_proof(key.digest, proof.proof)])
        assert said["tensors"] == tensors.describe(key, proof.statement, {})
        scaled.append(said["tensors"][2]["values"])
    assert len(made.statement.shown) == 4 and len({json.dumps(x) for x in scaled}) == 6


def test_keys_of_functions_must_fit(verdicts: Verdicts) -> None:
    """Signatures that are of no function, of another one, or beside what is a language model's."""
    proof, signature = INFERENCES[0].result.proof, mlp.SIGNATURE
    first = signature.inputs[0]
    said = []
    for key in (
        replace(FUNCTION, signature=None),
        replace(KEY, signature=signature, eos=(), private_circuit_bytes=b"", tokenizer_bytes=b""),
        *(
            replace(FUNCTION, signature=replace(signature, inputs=(other, signature.inputs[1])))
            for other in (
                replace(first, name="other"),
                replace(first, shape=(first.shape[1], first.shape[0])),
                replace(first, bits=7),
            )
        ),
    ):
        data, file = engines.framed(key.encode(), proof)
        said += [engines.of_python(data, file), *engines.of_rust(data, [file], verdicts=verdicts)]
    assert said == ["unusable"] * 10
    # That more bits would be enough is no reason to refuse; the key is another one.
    wider = replace(signature, inputs=(replace(first, bits=9), signature.inputs[1]))
    data, file = engines.framed(replace(FUNCTION, signature=wider).encode(), proof)
    assert engines.of_rust(data, [file], verdicts=verdicts) == [engines.of_python(data, file)]


@pytest.mark.parametrize("kind", ["function", "images"])
def test_damaged_proofs_and_keys_of_functions_get_one_verdict_from_both(
    kind: str, verdicts: Verdicts
) -> None:
    seed = secrets.randbits(32)
    for compare in (differing.compare_proofs, differing.compare_keys):
        tally = compare(seed, range(DAMAGED), verdicts, kind)
        assert not tally.differences, "\n".join(tally.differences)
        assert sum(tally.verdicts.values()) == DAMAGED and len(tally.verdicts) > 1


@pytest.mark.parametrize("engine", RUNNERS)
def test_the_command_takes_an_engine_for_functions(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(engine)
    made = INFERENCES[1].result
    opened = {what: Opened(own.rows, own.salts) for what, own in made.sealed.items()}
    contents = {"model.vk": FUNCTION.encode(), "a.secret": disclosure.encode(opened)}
    contents["a.proof"] = files.encode_proof(FUNCTION.digest, made.proof)
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    command = ["verify", str(tmp_path / "model.vk"), str(tmp_path / "a.proof"), "--json"]
    command += ["--model-id", FUNCTION.model_id, "--no-cache", "--nonce", b"n".hex()]
    command += ["--reveal", str(tmp_path / "a.secret")]
    said: list[dict[str, Any]] = []
    for name in ("python", engine):
        done = CliRunner().invoke(app, [*command, "--engine", name])
        assert done.exit_code == 0, done.output
        said.append(json.loads(done.stdout))
    timing = {"seconds", "stages"}
    first, second = ({k: v for k, v in one.items() if k not in timing} for one in said)
    assert first == second and first["valid"] and len(first["revealed"]) == 2
    (tmp_path / "a.proof").write_bytes(contents["a.proof"][:-1])
    done = CliRunner().invoke(app, [*command, "--engine", engine])
    assert done.exit_code == 1 and json.loads(done.stdout)["reason"]


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize("field", ["examples", "digests", "nonce", "values", "shape"])
def test_another_statement_of_a_function_is_no_verdict(field: str) -> None:
    def other(*arguments: Any, **options: Any) -> list[dict[str, Any]]:
        (found,) = native.verdicts(*arguments, **options)
        if field in ("values", "shape"):
            found["tensors"][-1][field][0] = 7
        else:
            found[field] = {"examples": 9, "digests": {}, "nonce": ""}[field]
        return [found]

    engine = Second(FUNCTION, FUNCTION.encode(), other)
    with pytest.raises(ZklemmaError, match="read another statement"):
        engine.verify(INFERENCES[1].result.proof)
