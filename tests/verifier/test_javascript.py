"""The npm package: it installs, says what the native program and Python say, and refuses what they refuse."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import unicodedata
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import differing
import engines
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from zklemma.runtime.model import files
from zklemma.runtime.model.tokenizer import compact
from zklemma.runtime.verifying import disclosure, native, reading
from zklemma.runtime.verifying.disclosure import Opened
from zklemma.runtime.visible import written
from zklemma.tools import tensors

SOURCES = engines.ROOT / "verifier" / "js"
corpora: Any = import_module("corpus")
KEY = differing.corpus().models[0].key
PROVED = differing.corpus().proved
FUNCTION = differing.corpus().function.key
INFERENCES = differing.corpus().inferences
NODE = shutil.which("node")
pytestmark = [
    pytest.mark.usefixtures("wasm"),
    pytest.mark.skipif(NODE is None, reason="Node is not installed"),
]
VERIFY = """
import { readFileSync } from "node:fs";
import { Refused, verify } from "zklemma-verifier";
const steps = [];
for (const [key, proof, opening, options] of JSON.parse(readFileSync("cases.json"))) {
  const read = (name) => name === null ? undefined : readFileSync(name);
  const onStep = (step) => steps.push(step);
  let said;
  try {
    said = await verify(read(key), read(proof), { ...options, opening: read(opening), onStep });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    said = { reason: error.message, usable: error.usable, valid: false };
  }
  console.log(JSON.stringify(said));
}
if (steps.slice(0, 2).join() !== "proof,text") throw new Error(steps);
"""


def framed(proof: bytes) -> bytes:
    return files.encode_proof(KEY.digest, proof)


def inference(number: int) -> bytes:
    return files.encode_proof(FUNCTION.digest, INFERENCES[number].result.proof)


def node(script: str, folder: Path) -> list[Any]:
    """The lines of JSON that a module prints."""
    (folder / "script.mjs").write_text(script)
    command = [str(NODE), "script.mjs"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def odd(kind: str = "Unknown") -> bytes:
    """A tokenizer with a decoder of a kind that there is not."""
    parts = {"added_tokens": [], "model": {"vocab": {"a": 3}}, "decoder": {"type": kind}}
    return json.dumps(parts).encode()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package, packed and installed."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("npm")
    for command in (
        ["pack", "--silent", "--pack-destination", folder, SOURCES],
        [
            "install",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--offline",
            "zklemma-verifier-0.1.0.tgz",
        ],
    ):
        done = subprocess.run([npm, *command], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return folder


def asked(folder: Path, *cases: tuple[bytes, bytes, bytes | None, dict[str, str]]) -> list[Any]:
    """What the package says of keys, proofs and openings."""
    named = []
    for number, (*contents, options) in enumerate(cases):
        names = [None if data is None else f"{number}.{i}" for i, data in enumerate(contents)]
        for name, data in zip(names, contents, strict=True):
            if name is not None and data is not None:
                (folder / name).write_bytes(data)
        named.append([*names, options])
    (folder / "cases.json").write_text(json.dumps(named))
    return node(VERIFY, folder)


@pytest.mark.usefixtures("native")
def test_says_what_the_program_and_python_say(installed: Path) -> None:
    cases = [
        (KEY.encode(), framed(proved.proof), disclosure.encode(proved.opened), {})
        for proved in PROVED
    ]
    cases = [
        (key, proof, opening if p.opened else None, {})
        for (key, proof, opening, _), p in zip(cases, PROVED, strict=True)
    ]
    for (key, proof, opening, _), said in zip(cases, asked(installed, *cases), strict=True):
        (wanted,) = native.verdicts(key, [proof], opening=opening)
        assert {name: said[name] for name in wanted} == wanted
        prompt, output = said["prompt_ids"], said["output_ids"]
        assert said["prompt"] == (None if prompt is None else KEY.text(prompt))
        if output is not None:
            found = reading.said(KEY, prompt or (), output)
            assert said["output"] == found.text
            assert said["ended"] == (found.end is not None)
            assert said["after_end"] == max(0, len(output) - found.length - 1)
            pieces = [(piece["id"], piece["text"]) for piece in said["pieces"]["output"]]
            assert pieces == KEY.pieces(output)


def test_types_name_what_there_is(installed: Path) -> None:
    generated, inferred = asked(
        installed,
        (KEY.encode(), framed(PROVED[0].proof), None, {}),
        (FUNCTION.encode(), inference(0), None, {}),
    )
    text = (SOURCES / "index.d.ts").read_text()

    def names(*interfaces: str) -> set[str]:
        bodies = [re.split(rf"interface {one}\b.*", text)[1].split("\n}")[0] for one in interfaces]
        return {name for body in bodies for name in re.findall(r"(?m)^  (\w+)\??:", body)}

    assert names("Proved", "Generation") == set(generated)
    assert names("Proved", "Inference") == set(inferred)
    assert names("Tensor") == set(inferred["tensors"][0])


@pytest.mark.usefixtures("native")
def test_says_what_a_function_gives(installed: Path) -> None:
    made = INFERENCES[1].result
    opened = {what: Opened(own.rows, own.salts) for what, own in made.sealed.items()}
    opening = disclosure.encode(opened)
    flipped = bytearray(inference(1))
    flipped[len(flipped) // 2] ^= 1
    pinned = {"modelId": FUNCTION.model_id, "nonce": b"n".hex()}
    public, sealed, revealed, *refused = asked(
        installed,
        (FUNCTION.encode(), inference(0), None, pinned),
        (FUNCTION.encode(), inference(1), None, {}),
        (FUNCTION.encode(), inference(1), opening, {}),
        (FUNCTION.encode(), bytes(flipped), None, {}),
        (FUNCTION.encode(), framed(PROVED[0].proof), None, {}),
        (FUNCTION.encode(), inference(0), opening, {}),
    )
    for found, number, shown in ((public, 0, None), (sealed, 1, None), (revealed, 1, opening)):
        (wanted,) = native.verdicts(FUNCTION.encode(), [inference(number)], opening=shown)
        assert found == wanted
    assert public["tensors"] == tensors.describe(FUNCTION, INFERENCES[0].result.statement, {})
    assert all(one["usable"] and not one["valid"] for one in refused)


def test_refuses_what_proves_nothing(installed: Path) -> None:
    key, proof = KEY.encode(), framed(PROVED[0].proof)
    flipped = bytearray(proof)
    flipped[len(flipped) // 2] ^= 1
    found = asked(
        installed,
        (key, proof, None, {"modelId": KEY.model_id, "nonce": PROVED[0].statement.nonce.hex()}),
        (key, bytes(flipped), None, {}),
        (key, proof[:-1], None, {}),
        (key, proof, None, {"modelId": "00" * 32}),
        (key, proof, None, {"modelId": "12"}),
        (key, proof, None, {"modelId": "--skip-ranges"}),
        (key, proof, None, {"nonce": "00"}),
        (replace(KEY, range_proof=b"").encode(), proof, None, {}),
        (proof, key, None, {}),
        (b"", b"", None, {}),
        (key, bytes(50 << 20), None, {}),
    )
    assert [(one["valid"], one["usable"]) for one in found] == [
        (True, True),
        *[(False, True)] * 3,
        *[(False, False)] * 2,
        *[(False, True)] * 2,
        *[(False, False)] * 3,
    ]
    assert all(one["reason"] for one in found[1:])


@pytest.mark.parametrize("contents", [b"", b"\1", b"{}", odd(), odd("constructor")])
def test_refuses_tokenizers_that_it_can_not_read(installed: Path, contents: bytes) -> None:
    """Behind a proof that is valid."""
    artifact = differing.corpus().models[0].artifact
    key = replace(KEY, tokenizer_bytes=contents)
    proof = corpora.Model(replace(artifact, key=key)).prove((), True).proof
    case = (key.encode(), files.encode_proof(key.digest, proof), None, {})
    (found,) = asked(installed, case)
    assert not found["usable"] and "tokenizer is malformed" in found["reason"]


def tokenizers() -> list[Tokenizer]:
    """One of each kind of decoder, with special tokens and bytes."""
    words = [
        "<unk>",
        "<s>",
        "▁",
        "a",
        "b",
        "▁a",
        "▁▁",
        "é",
        "Ġ",
        "Ã",
        "©",
        "Ċ",
        "🙂",
        "\ufeff",
        "日",
    ]
    vocabulary = {text: i for i, text in enumerate([*words, *(f"<0x{b:02X}>" for b in range(256))])}
    chains = [
        decoders.ByteLevel(),
        decoders.Metaspace(),
        decoders.Metaspace(prepend_scheme="never"),
        decoders.Sequence(
            [
                decoders.Replace("▁", " "),
                decoders.ByteFallback(),
                decoders.Fuse(),
                decoders.Strip(" ", 1, 0),
            ]
        ),
        decoders.Sequence([decoders.Replace("▁", "$&"), decoders.Strip("a", 0, 1)]),
        None,
    ]
    found = []
    for chain in chains:
        tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        if chain is not None:
            tokenizer.decoder = chain
        tokenizer.add_special_tokens(["<s>", "<turn>"])
        template = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
        tokenizer.post_processor = template
        found.append(tokenizer)
    return found


def test_decodes_as_the_library_does(tmp_path: Path) -> None:
    random, cases, keys = Random(1), [], []
    for made in tokenizers():
        text = made.to_str().encode()
        for contents in {compact(text), text}:
            key = replace(KEY, tokenizer_bytes=contents)
            (tmp_path / f"{len(keys)}.vk").write_bytes(key.encode())
            ids = range(made.get_vocab_size() + 2)
            samples = [random.choices(ids[:20], k=9) for _ in range(60)]
            samples += [random.choices(ids, k=random.randrange(1, 30)) for _ in range(200)]
            samples += [[1, *sample] for sample in samples[:20]]
            for number, sample in enumerate(samples):
                cases.append([f"{len(keys)}.vk", sample[: number % 5], sample])
            keys.append(key)
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    found = node(
        f"""
import {{ readFileSync }} from "node:fs";
import {{ describe, readTokenizer }} from {json.dumps(str(SOURCES / "tokenizer.js"))};
for (const [key, prompt_ids, output_ids] of JSON.parse(readFileSync("cases.json"))) {{
  const tokenizer = readTokenizer(readFileSync(key));
  console.log(JSON.stringify(describe(tokenizer, {{ prompt_ids, output_ids, ends: [] }})));
}}
""",
        tmp_path,
    )
    for (name, prompt, output), said in zip(cases, found, strict=True):
        key = keys[int(name.partition(".")[0])]
        assert said["prompt"] == key.text(prompt)
        assert said["output"] == key.continuation(prompt, output)
        assert [(x["id"], x["text"]) for x in said["pieces"]["output"]] == key.pieces(output)


def test_what_is_escaped_is_what_python_escapes(tmp_path: Path) -> None:
    """Of the characters that both know; and marks, and texts that look like others."""
    known = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) != "Cn"]
    texts = [*known, *(f"e{c}" for c in known if unicodedata.category(c)[0] == "M")]
    texts += [
        "a" + "\u0300" * 5,
        "e\u0301",
        "\u0301",
        "\t\r\n",
        "abc\u202edef",
        "שלום 12",
        " \u0323\u0323",
    ]
    (tmp_path / "texts.json").write_text(json.dumps(texts))
    (found,) = node(
        f"""
import {{ readFileSync }} from "node:fs";
import {{ runs, visible }} from {json.dumps(str(SOURCES / "visible.js"))};
const texts = JSON.parse(readFileSync("texts.json"));
console.log(JSON.stringify(texts.map((text) => visible(text))));
""",
        tmp_path,
    )
    differing = [
        (text, one, wanted)
        for text, one in zip(texts, found, strict=True)
        if one != (wanted := "".join(written(text, alone=True)))
    ]
    assert differing == []
