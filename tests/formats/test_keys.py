"""The verifying key and the artifact: canonical bytes, and damage that is noticed."""

import dataclasses

import pytest
from zklemma.errors import UserError
from zklemma.runtime import files
from zklemma.runtime.keys import VerifyingKey, load_key, save_key

CODE = [5, 12, [[1, 2], [3, 4]]]
KEY = VerifyingKey("toy", 1234, CODE, b"w" * 32, b"circuit", b"private", b"{}", b"ranges")


def test_key_round_trip_and_model_id(tmp_path):
    path = tmp_path / "model.vk"
    assert save_key(path, KEY) == path.stat().st_size
    found = load_key(path)
    assert found == KEY and found.encode() == KEY.encode() and found.model_id == KEY.model_id
    assert path.read_bytes()[-32:].hex() == KEY.model_id


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"weights": 1235},
        {"code": [5, 12, [[1, 2], [3, 5]]]},
        {"weight_root": b"v" * 32},
        {"circuit_bytes": b"circuiT"},
        {"private_circuit_bytes": b"Private"},
        {"tokenizer_json": b"{ }"},
    ],
)
def test_every_part_is_in_the_model_id(change):
    assert dataclasses.replace(KEY, **change).model_id != KEY.model_id


@pytest.mark.parametrize(
    ("meta", "root"),
    [
        (b"\x93\xa3toy\xcd\x04\xd2\x90", b"w" * 31),
        (b"\x93\xa3toy\xcd\x04\xd2", b"w" * 32),
        (b"\x92\xa3toy\xcd\x04\xd2", b"w" * 32),
        (b"\x93\xa3toy\xce\x00\x00\x04\xd2\x90", b"w" * 32),
        (b"\x93\x01\x01\x90", b"w" * 32),
        (b"\x93\xa3toy\xc3\x90", b"w" * 32),
    ],
    ids=["short root", "truncated", "two fields", "not canonical", "name", "weights"],
)
def test_malformed_contents_are_refused(meta, root):
    data = b"".join(files.pack(files.KEY, [[meta], [root], *[[b""]] * 4]))
    with pytest.raises(UserError, match="malformed"):
        VerifyingKey.decode(data)


def test_malformed_parts_are_user_errors():
    key = VerifyingKey.decode(KEY.encode(), "model.vk")
    with pytest.raises(UserError, match=r"model.vk: the tokenizer is malformed"):
        key.text([1])
    with pytest.raises(UserError, match=r"model.vk: the code parameters are malformed"):
        _ = key.parameters
