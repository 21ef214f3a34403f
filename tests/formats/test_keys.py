"""The verifying key and the artifact: canonical bytes, and damage that is noticed."""

import dataclasses
import hashlib
import json
import os
import struct

import msgpack
import pytest
from tokenizers import Tokenizer, models, processors
from zklemma.errors import UserError
from zklemma.runtime.model import files
from zklemma.runtime.model.difference import restore
from zklemma.runtime.model.keys import (
    MOST_ENDS,
    MOST_FUNCTION,
    MOST_LINKS,
    VerifyingKey,
    load_key,
    save_key,
)

CODE = [5, 12, [[1, 2], [3, 4]]]
PARTS = b"circuit", b"private", b"function", b"{}"
KEY = VerifyingKey(
    name="toy",
    weights=1234,
    code=CODE,
    eos=(1, 7),
    weight_root=b"w" * 32,
    circuit_bytes=PARTS[0],
    private_circuit_bytes=PARTS[1],
    function_bytes=PARTS[2],
    tokenizer_bytes=PARTS[3],
    range_proof=b"ranges",
)


def test_key_round_trip_and_model_id(tmp_path):
    path = tmp_path / "model.vk"
    assert save_key(path, KEY) == path.stat().st_size
    found = load_key(path)
    assert found == KEY and found.encode() == KEY.encode() and found.model_id == KEY.model_id
    assert found.links == () and found.ancestors == ()


def test_the_model_id_is_the_documented_hash():
    meta = msgpack.packb([KEY.name, KEY.weights, KEY.code, [1, 7]])
    assert meta is not None
    data = b"zklemma model 1"
    for part in (meta, *PARTS, b"w" * 32):
        data += struct.pack("<Q", len(part)) + part
    assert KEY.digest == hashlib.sha256(data).digest() and KEY.model_id == KEY.digest.hex()


def test_links_round_trip_and_tell_the_ancestors_ids(tmp_path):
    links = ((b"u" * 32, b"first"), (b"v" * 32, b"second"))
    key, path = dataclasses.replace(KEY, links=links), tmp_path / "model.vk"
    save_key(path, key)
    found = load_key(path)
    assert found == key and found.links == links and found.encode() == key.encode()
    for ancestor, (root, proof) in zip(found.ancestors, links, strict=True):
        assert (ancestor.weight_root, ancestor.link) == (root, proof)
        older = dataclasses.replace(KEY, weight_root=root)
        assert ancestor.digest == older.digest != key.digest


@pytest.mark.parametrize(
    "change",
    [{"range_proof": b"other"}, {"links": ((b"u" * 32, b"proof"),)}],
    ids=["ranges", "links"],
)
def test_proofs_about_the_parts_are_not_in_the_model_id(change):
    other = dataclasses.replace(KEY, **change)
    assert other.model_id == KEY.model_id and other.encode() != KEY.encode()


def test_parts_can_not_be_moved_into_each_other():
    for change in (
        {"circuit_bytes": b"circuitp", "private_circuit_bytes": b"rivate"},
        {"function_bytes": b"function{", "tokenizer_bytes": b"}"},
    ):
        assert dataclasses.replace(KEY, **change).model_id != KEY.model_id


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"weights": 1235},
        {"code": [5, 12, [[1, 2], [3, 5]]]},
        {"eos": (1,)},
        {"weight_root": b"v" * 32},
        {"circuit_bytes": b"circuiT"},
        {"private_circuit_bytes": b"Private"},
        {"function_bytes": b"Function"},
        {"tokenizer_bytes": b"{ }"},
    ],
)
def test_every_part_is_in_the_model_id(change):
    assert dataclasses.replace(KEY, **change).model_id != KEY.model_id


@pytest.mark.parametrize(
    ("meta", "root"),
    [
        (b"\x94\xa3toy\xcd\x04\xd2\x90\x90", b"w" * 31),
        (b"\x94\xa3toy\xcd\x04\xd2\x90", b"w" * 32),
        (b"\x93\xa3toy\xcd\x04\xd2\x90", b"w" * 32),
        (b"\x94\xa3toy\xce\x00\x00\x04\xd2\x90\x90", b"w" * 32),
        (b"\x94\x01\x01\x90\x90", b"w" * 32),
        (b"\x94\xa3toy\x01\x01\x90", b"w" * 32),
        (b"\x94\xa3toy\xc3\x90\x90", b"w" * 32),
        (b"\x94\xa3toy\x01\x90\x01", b"w" * 32),
        (b"\x94\xa3toy\x01\x90\x91\xc3", b"w" * 32),
        (b"\x94\xa3toy\x01\x90\x91\xff", b"w" * 32),
        (b"\x94\xa3toy\x01\x90\x92\x02\x01", b"w" * 32),
        (b"\x94\xa3toy\x01\x90\x92\x01\x01", b"w" * 32),
    ],
    ids=[
        *("short root", "truncated", "three fields", "not canonical", "name", "code", "weights"),
        *("no list of ends", "end no id", "negative end", "ends not in order", "end twice"),
    ],
)
def test_malformed_contents_are_refused(meta, root):
    parts = [[b""], [b"\x91\xc4\x00"], [b""], [b""], [b""], [b"\x90"]]
    data = b"".join(files.pack(files.KEY, [[meta], [root], *parts]))
    with pytest.raises(UserError, match="malformed"):
        VerifyingKey.decode(data)


NAMES = ["", "a\nVALID", "a\u202eb", "a\u200bb", "a\u3164", "a\x7f", "a\x9b1m", "\u0301a", "a" * 97]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_can_not_be_seen_are_refused(name):
    """When a key is made, so none is written, and when one is read."""
    with pytest.raises(UserError, match=r"^verifying key: a model's name has 1 to 96 printable"):
        dataclasses.replace(KEY, name=name)
    meta = msgpack.packb([name, 1, CODE, []]) or b""
    data = b"".join(
        files.pack(
            files.KEY,
            [[meta], [b"w" * 32], [b""], [b"\x91\xc4\x00"], [b""], [b""], [b""], [b"\x90"]],
        )
    )
    with pytest.raises(
        UserError, match=r"^model.vk: a model's name has 1 to 96 printable"
    ) as error:
        VerifyingKey.decode(data, "model.vk")
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    "name", ["gemma3-270m", "google/gemma-3", "my model", "\u6a21\u578b", "a" * 96]
)
def test_other_names_are_kept(name):
    assert VerifyingKey.decode(dataclasses.replace(KEY, name=name).encode()).name == name


@pytest.mark.parametrize(
    "links",
    [
        b"",
        b"\x91",
        b"\xc0",
        b"\x80",
        b"\x91\x90",
        b"\x91\x82\xc4\x20" + b"r" * 32 + b"\x01\xc4\x01p\x01",
        b"\x91\x01",
        b"\x91\xa2ab",
        b"\x91\x92\xc4\x1f" + b"r" * 31 + b"\xc4\x01p",
        b"\x91\x92\xd9\x20" + b"r" * 32 + b"\xc4\x01p",
        b"\x91\x92\xc4\x20" + b"r" * 32 + b"\xa1p",
        b"\x91\x92\xc4\x20" + b"r" * 32 + b"\xc5\x00\x01p",
        b"\x91\x93\xc4\x20" + b"r" * 32 + b"\xc4\x01p\x01",
        b"\x90\x90",
    ],
)
def test_malformed_links_are_refused(links):
    parts = {**files.unpack(files.KEY, KEY.encode(), ""), b"LINK": links}
    with pytest.raises(UserError, match="malformed"):
        VerifyingKey.decode(b"".join(files.pack(files.KEY, [[part] for part in parts.values()])))


def test_tokens_that_end_a_text_are_few():
    key = dataclasses.replace(KEY, eos=tuple(range(MOST_ENDS)))
    assert VerifyingKey.decode(key.encode()).eos == key.eos
    with pytest.raises(UserError, match="malformed"):
        VerifyingKey.decode(dataclasses.replace(KEY, eos=tuple(range(MOST_ENDS + 1))).encode())


def test_links_are_few():
    link = b"u" * 32, b"proof"
    key = dataclasses.replace(KEY, links=(link,) * MOST_LINKS)
    assert VerifyingKey.decode(key.encode()) == key
    key = dataclasses.replace(KEY, links=(link,) * (MOST_LINKS + 1))
    with pytest.raises(UserError, match=f"more than {MOST_LINKS} links"):
        VerifyingKey.decode(key.encode())


def test_functions_are_short():
    key = dataclasses.replace(KEY, function_bytes=bytes(MOST_FUNCTION))
    assert VerifyingKey.decode(key.encode()) == key
    key = dataclasses.replace(KEY, function_bytes=bytes(MOST_FUNCTION + 1))
    with pytest.raises(UserError, match="malformed"):
        VerifyingKey.decode(key.encode())


@pytest.mark.parametrize("told", [[b"pri", b"vate"], [b"private", b""]])
def test_a_circuit_is_told_in_one_way(told):
    data = msgpack.packb(told) or b""
    assert restore(data, PARTS[0]) == PARTS[1]
    parts = {**files.unpack(files.KEY, KEY.encode(), ""), b"CIRP": data}
    with pytest.raises(UserError, match="malformed"):
        VerifyingKey.decode(b"".join(files.pack(files.KEY, [[part] for part in parts.values()])))


def test_a_file_that_is_too_large_is_not_copied(tmp_path, monkeypatch):
    path = tmp_path / "model.vk"
    save_key(path, KEY)
    os.truncate(path, (files.KEY.most or 0) + 1)
    monkeypatch.setattr(VerifyingKey, "decode", lambda *_: pytest.fail("it was copied"))
    with pytest.raises(UserError, match="verifying key of more than 128 MiB"):
        load_key(path)


def test_malformed_parts_are_user_errors():
    key = VerifyingKey.decode(KEY.encode(), "model.vk")
    with pytest.raises(UserError, match=r"model.vk: the tokenizer is malformed"):
        key.text([1])
    with pytest.raises(UserError, match=r"model.vk: the code parameters are malformed"):
        _ = key.parameters


def words(**changes):
    """A tokenizer of two words, and what is to be changed in its file."""
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="b"))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="a $A", special_tokens=[("a", 0)]
    )
    return json.dumps({**json.loads(tokenizer.to_str()), **changes}).encode()


def test_a_tokenizer_that_fails_when_it_is_used():
    good = json.loads(words())
    model = {**good["model"], "unk_token": "c"}
    processor = {**good["post_processor"], "special_tokens": {}}
    for change in ({"model": model}, {"post_processor": processor}):
        key = dataclasses.replace(KEY, tokenizer_bytes=words(**change), source="model.vk")
        with pytest.raises(UserError, match=r"^model.vk: the tokenizer is malformed: \w"):
            key.tokenize("b z")


def test_a_text_that_is_too_long_is_not_the_tokenizers_fault():
    key = dataclasses.replace(KEY, tokenizer_bytes=words(), source="model.vk")
    with pytest.raises(UserError, match=r"^model.vk: a text of 2097152 bytes is too long: "):
        key.tokenize("a" * (1 << 21))


def test_a_tokenizer_neither_pads_nor_cuts():
    key = dataclasses.replace(
        KEY,
        tokenizer_bytes=words(
            padding={
                "strategy": {"Fixed": 2**60},
                "direction": "Right",
                "pad_to_multiple_of": None,
                "pad_id": 0,
                "pad_type_id": 0,
                "pad_token": "a",
            },
            truncation={
                "direction": "Right",
                "max_length": 1,
                "strategy": "LongestFirst",
                "stride": 0,
            },
        ),
    )
    assert key.tokenize("b") == [0, 1]
