"""Tokens as the second verifier makes them of texts: those of the library, and whether a prompt is canonical."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import tempfile
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import differing
import engines
import pytest
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from zklemma.errors import InvalidProof
from zklemma.runtime.model import files
from zklemma.runtime.model.keys import VerifyingKey
from zklemma.runtime.model.tokenizer import compact, load
from zklemma.runtime.model.tokenizer_parts import _EXPRESSIONS
from zklemma.runtime.verifying import native, wasm
from zklemma.runtime.verifying.reading import fault
from zklemma.runtime.verifying.second import Second
from zklemma.runtime.verifying.verifier import Verified

corpora: Any = import_module("corpus")
GPT2, LLAMA, QWEN = _EXPRESSIONS
LEARNT = (
    engines.ROOT / "README.md"
).read_text() + "\u00e9t\u00e9 \u6cb3\u6d41 \u0440\u0435\u043a\u0430 12 345 " * 9
# Letters, numbers and spaces of many kinds, marks, what is seen in no text, parts of tokens, and cuts of words.
LETTERS = [
    *map(chr, range(0x250)),
    *" \n\t\r" * 40,
    *"abcdefgstmrvl'SDMT" * 12,
    *"0123456789" * 4,
    *"\u017f\u212a\u00bd\u00b2\u2462\u0663\u096b\u2167\ufb01\u4e2d\u6587\u304b\ud55c\u1112\u1161\u0928\u093f\u0e01",
    *"\u200b\u200d\ufeff\u2028\u3000\x85\x1f\xa0\u1680\u0301\u2581\ufffd\U0010ffff\U0001f600",
    *(
        "e\u0301",
        "\U0001f469\u200d\U0001f467",
        "\u2581\u2581",
        "<0x0A>",
        "<bos>",
        "<turn>",
        "<both>",
        "<unk>",
        "  ",
    ),
]
TEXTS = 700


def trained(tokenizer: Tokenizer, special: list[str], alphabet: list[str]) -> dict[str, Any]:
    trainer = trainers.BpeTrainer(
        vocab_size=900, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([LEARNT], trainer)
    tokenizer.add_special_tokens(["<turn>"])
    tokenizer.add_tokens(
        [AddedToken("<both", normalized=False), AddedToken("<both>", normalized=False)]
    )
    template = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 1)])
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(), template])
    return json.loads(tokenizer.to_str())


def of_bytes(*cuts: Any, space: bool = False, regex: bool = True) -> dict[str, Any]:
    """As GPT-2's and those of its kind."""
    tokenizer = Tokenizer(models.BPE())
    last = pre_tokenizers.ByteLevel(add_prefix_space=space, use_regex=regex)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*cuts, last])
    tokenizer.decoder = decoders.ByteLevel()
    return trained(tokenizer, ["<unk>", "<bos>"], pre_tokenizers.ByteLevel.alphabet())


def of_expression(expression: str) -> dict[str, Any]:
    return of_bytes(pre_tokenizers.Split(Regex(expression), "isolated"), regex=False)


def of_pieces(normalizer: Any, fuse: bool = True, fallback: bool = True) -> dict[str, Any]:
    """As Gemma's and Llama 2's: bytes stand for what has no token."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=fallback, fuse_unk=fuse))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    # Not all bytes, so that some stand for what is unknown.
    names = [f"<0x{byte:02X}>" for byte in range(0xF0)]
    parts = [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*parts, decoders.Strip(" ", 1, 0)])
    whole = trained(tokenizer, ["<unk>", "<bos>", *names], [])
    whole["added_tokens"] = [x for x in whole["added_tokens"] if "0x" not in x["content"]]
    # Every way to make a token, in the order of the tokens.
    known = whole["model"]["vocab"]
    whole["model"]["merges"] = [
        [token[:i], token[i:]]
        for token in sorted(known, key=known.__getitem__)
        for i in range(1, len(token))
        if token[:i] in known and token[i:] in known
    ]
    return whole


def without_merges() -> dict[str, Any]:
    """As Llama 3's: a word that is a token needs none."""
    whole = of_expression(LLAMA)
    merges = whole["model"]["merges"]
    whole["model"] |= {"ignore_merges": True, "merges": merges[::2][::-1]}
    return whole


def old() -> dict[str, Any]:
    """With merges as texts, and some given twice."""
    whole = of_bytes()
    merges = [" ".join(pair) for pair in whole["model"]["merges"]]
    whole["model"] |= {"merges": [*merges, *merges[3:9]]}
    return whole


@cache
def made() -> dict[str, dict[str, Any]]:
    space = normalizers.Replace(" ", "\u2581")
    return {
        "GPT-2": of_bytes(),
        "old": old(),
        "a space": of_bytes(space=True),
        "SmolLM": of_bytes(pre_tokenizers.Digits(individual_digits=True)),
        "digits": of_bytes(
            pre_tokenizers.Digits(), pre_tokenizers.Split("e", "removed"), regex=False
        ),
        "Qwen": of_expression(QWEN),
        "Llama 3": of_expression(LLAMA),
        "without merges": without_merges(),
        "Gemma": of_pieces(space),
        "Llama 2": of_pieces(normalizers.Sequence([normalizers.Prepend("\u2581"), space])),
        "unknown": of_pieces(normalizers.Replace("e", ""), fuse=False, fallback=False),
    }


def texts(random: Random) -> list[str]:
    words = LEARNT.split(" ")

    def text() -> str:
        match random.randrange(4):
            case 0:
                return " ".join(random.choices(words, k=random.randrange(1, 20)))
            case 1:
                return "".join(random.choices(" \n\r\t'sS\u017f1a.", k=random.randrange(20)))
            case 2:
                return random.choice(LETTERS) * random.randrange(200)
        return "".join(random.choices(LETTERS, k=random.randrange(40)))

    return ["", " ", *(text() for _ in range(TEXTS))]


def program() -> Path:
    subprocess.run(engines.cargo("build", "--release", "--example", "tokenize"), check=True)
    return engines.TARGET / "release" / "examples" / "tokenize"


def answers(contents: bytes, lines: list[str]) -> list[str]:
    """What the second verifier answers to lines about a tokenizer; see `verifier/examples/tokenize.rs`."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(contents)
        file.flush()
        asked = "".join(f"{line}\n" for line in lines)
        command = [str(program()), file.name]
        done = subprocess.run(command, input=asked, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def line(kind: str, ids: list[int]) -> str:
    return " ".join([kind, *map(str, ids)])


def canonical_prompt(checker: Second, proof: bytes, allowed: bool = False) -> bool | None:
    found = checker.verify(proof, allowed)
    assert isinstance(found, Verified)
    return found.canonical_prompt


def key_of(contents: bytes) -> VerifyingKey:
    return VerifyingKey(
        name="tiny",
        weights=1,
        eos=(),
        code=[],
        weight_root=bytes(32),
        circuit_bytes=b"",
        private_circuit_bytes=b"",
        function_bytes=b"",
        tokenizer_bytes=contents,
        range_proof=b"",
    )


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize("name", made())
def test_makes_the_tokens_and_texts_that_the_library_makes(name: str) -> None:
    random, whole = Random(name), json.dumps(made()[name]).encode()
    forms = {compact(whole), whole}
    # Which have the compact form.
    assert (len(forms) == 2) == (name not in ("old", "without merges"))
    for contents in forms:
        key, found = load(contents), texts(random)
        wanted = [key.encode(text) for text in found]
        said = answers(contents, [f"text {text.encode().hex()}" for text in found])
        assert said == [" ".join(map(str, ids)) for ids in wanted]
        # Those, and others: cut in another way, without their start, with ids that no token has.
        prompts = [
            random.choices([*ids, *range(2, 260), 10**6], k=len(ids)) for ids in wanted if ids
        ]
        prompts = [*wanted, *(ids[1:] for ids in wanted[::9]), *prompts]
        known = key_of(contents)
        said = answers(contents, [line("ids", ids) for ids in prompts])
        assert said == [known.text(ids).encode().hex() for ids in prompts]
        said = answers(contents, [line("fault", ids) for ids in prompts])
        for ids, one in zip(prompts, said, strict=True):
            first = fault(known, ids)
            assert (one == "none") == (first is None)
            assert first is None or first.endswith(one[one.rindex(": number ") + 2 :])


def changed(**parts: Any) -> bytes:
    whole = made()["GPT-2"]
    model = {**whole["model"], **parts.pop("model", {})}
    return json.dumps({**whole, "model": model, **parts}).encode()


def added(**flags: bool) -> bytes:
    token = {**made()["GPT-2"]["added_tokens"][0], **flags}
    return changed(added_tokens=[token])


BYTES = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True, "trim_offsets": True}
UNREAD = {
    "the normalizer NFC": lambda: changed(normalizer={"type": "NFC"}),
    "the pre-tokenizer Metaspace": lambda: changed(pre_tokenizer={"type": "Metaspace"}),
    "the pre-tokenizer Split": lambda: changed(
        pre_tokenizer={
            "type": "Split",
            "pattern": {"Regex": "a+"},
            "behavior": "Isolated",
            "invert": False,
        }
    ),
    "the decoder WordPiece": lambda: changed(decoder={"type": "WordPiece"}),
    "the post-processor BertProcessing": lambda: changed(post_processor={"type": "BertProcessing"}),
    "the model WordLevel": lambda: changed(model={"type": "WordLevel"}),
    "the model's dropout": lambda: changed(model={"dropout": 1}),
    "added tokens that take spaces": lambda: added(lstrip=True),
    "numbers of tokens": lambda: changed(model={"vocab": {"a": 1, "b": 2}, "merges": []}),
    "numbers of added tokens": lambda: changed(
        added_tokens=[{**made()["GPT-2"]["added_tokens"][0], "id": 10**5}]
    ),
    "a malformed tokenizer": lambda: changed(model={"merges": [["a", "no token"]]}),
}


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize("what", UNREAD)
def test_names_what_it_does_not_read(what: str) -> None:
    (said,) = answers(UNREAD[what](), ["text"])
    assert said.startswith(f"unread {what}")


@pytest.mark.usefixtures("native")
def test_reads_nothing_that_is_malformed() -> None:
    whole = json.dumps(made()["Gemma"]).encode()
    small, random = compact(whole), Random(1)
    twice = b'{"version":1,' + whole[1:]
    cut = [x[: random.randrange(len(x))] for x in (whole, small) for _ in range(5)]
    for contents in (b"", b"\1", b"{}", b"[" * 99, twice, whole + b"1", small + b"1", *cut):
        assert answers(contents, ["text"]) == ["unread a malformed tokenizer"]
    for _ in range(20):
        flipped = bytearray(small)
        flipped[random.randrange(len(small))] ^= 1 << random.randrange(8)
        # Which it may read as another tokenizer.
        assert len(answers(bytes(flipped), ["text 6162"])) == 1


@pytest.mark.usefixtures("native")
def test_a_long_word_takes_no_time() -> None:
    """Of Gemma's, where a text is one word; and texts that are too long are not read."""
    contents = compact(json.dumps(made()["Gemma"]).encode())
    long = [load(contents).encode("a" * 20_000), [300] * (1 << 20)]
    first, second = answers(contents, [line("fault", ids) for ids in long])
    assert first == "none" and second.startswith("unread texts of ")


def proved_with(tokenizer: Tokenizer) -> tuple[VerifyingKey, Any]:
    """The key of a model with another tokenizer, and a proof of the prompt 2, 1."""
    artifact = differing.corpus().models[0].artifact
    key = replace(artifact.key, tokenizer_bytes=compact(tokenizer.to_str().encode()))
    return key, corpora.Model(replace(artifact, key=key)).prove((), True)


@pytest.mark.parametrize("engine", ["native", "wasm"])
def test_a_prompt_must_be_canonical(engine: str, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(engine)
    verdicts = {"native": native, "wasm": wasm}[engine].verdicts
    vocabulary = {text: i for i, text in enumerate(["<unk>", "b", "a", "ab", "c", "d"])}
    for merges, canonical in (([], True), ([("a", "b")], False)):
        tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>"))
        tokenizer.decoder = decoders.Fuse()
        key, proved = proved_with(tokenizer)
        checker = Second(key, key.encode(), verdicts)
        assert canonical_prompt(checker, proved.proof, allowed=True) is canonical
        proof = files.encode_proof(key.digest, proved.proof)
        options = ["--allow-noncanonical-prompt"]
        (allowed,) = verdicts(key.encode(), [proof], *options)
        assert allowed["valid"] and allowed["canonical_prompt"] is canonical
        assert allowed["unchecked"] == []
        if canonical:
            assert canonical_prompt(checker, proved.proof)
        else:
            with pytest.raises(
                InvalidProof, match="not those that the tokenizer makes of its text"
            ):
                checker.verify(proved.proof)


@pytest.mark.usefixtures("native")
def test_what_is_not_read_is_left_to_python_and_said() -> None:
    key, proved = differing.corpus().models[0].key, differing.corpus().proved[0]
    (found,) = native.verdicts(key.encode(), [files.encode_proof(key.digest, proved.proof)])
    assert found["valid"] and found["canonical_prompt"] is None
    assert found["unchecked"][0].endswith("does not read the model WordLevel")
    checker = Second(key, key.encode(), native.verdicts)
    assert canonical_prompt(checker, proved.proof, allowed=True) is (
        fault(key, proved.statement.prompt_tokens or ()) is None
    )


def test_classes_are_what_the_script_writes() -> None:
    path = engines.MANIFEST.with_name("write_classes.py")
    spec = importlib.util.spec_from_file_location("write_classes", path)
    assert spec and spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.text() == script.WHERE.read_text()
