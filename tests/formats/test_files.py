"""Containers and proof frames: exact round trip, and one clear error for every other file."""

import errno
import hashlib
import os
import signal
import struct
import subprocess
import sys
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zklemma.errors import InvalidProof, UserError, ZklemmaError
from zklemma.runtime.model import files

SECTIONS = [[b"meta"], [b"r" * 32], [b"c" * 61, b"c"], [b"private"], [b"function"], [b""]]
SECTIONS += [[b"ranges"], [b"links"]]
KEY = b"".join(files.pack(files.KEY, SECTIONS))
PROOF = files.encode_proof(b"m" * 32, b"proof bytes")


def test_container_round_trip():
    found = files.unpack(files.KEY, KEY, "x.vk")
    assert [bytes(found[tag]) for tag in files.KEY.tags] == [b"".join(s) for s in SECTIONS]
    offsets = [KEY.index(part) for part in (b"meta", b"r" * 32, b"c" * 62)]
    assert all(offset % files.ALIGNMENT == 0 for offset in offsets)


def one_line(error: BaseException, name: str) -> None:
    assert str(error).startswith(f"{name}: ") and "\n" not in str(error)


def test_container_of_any_other_length_is_refused():
    for end in range(len(KEY)):
        with pytest.raises(UserError) as error:
            files.unpack(files.KEY, KEY[:end], "x.vk")
        one_line(error.value, "x.vk")
    with pytest.raises(UserError, match="extra bytes"):
        files.unpack(files.KEY, KEY + b"\0", "x.vk")


def test_container_with_any_bit_flipped_is_refused():
    for position in range(len(KEY)):
        for bit in (0, 3, 7):
            damaged = bytearray(KEY)
            damaged[position] ^= 1 << bit
            with pytest.raises(UserError) as error:
                files.unpack(files.KEY, bytes(damaged), "x.vk")
            one_line(error.value, "x.vk")


@given(st.binary(max_size=200), st.sampled_from([b"", b"ZKLV\2\0\7\0", b"ZKLP\1\0\0\0"]))
@settings(max_examples=200, deadline=None)
def test_arbitrary_bytes_are_refused(data, start):
    for decode in (lambda d: files.unpack(files.KEY, d, "x"), lambda d: files.decode_proof(d, "x")):
        with pytest.raises(ZklemmaError):
            decode(start + data)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "empty file"),
        (b"PK\3\4 a zip", "this is no verifying key"),
        (PROOF, "this is a proof, but a verifying key is needed here"),
        (KEY[:4] + b"\4\0" + KEY[6:], "format version 4, this program reads version 3: update"),
    ],
)
def test_foreign_files_are_named(data, text):
    with pytest.raises(UserError, match=text):
        files.unpack(files.KEY, data, "x.vk")


def test_proof_round_trip_and_damage():
    assert files.decode_proof(PROOF, "a.proof") == (b"m" * 32, b"proof bytes")
    for end in range(8, len(PROOF)):
        with pytest.raises(InvalidProof, match="truncated"):
            files.decode_proof(PROOF[:end], "a.proof")
    with pytest.raises(InvalidProof, match="extra bytes"):
        files.decode_proof(PROOF + b"\0", "a.proof")
    with pytest.raises(UserError, match="format version 9"):
        files.decode_proof(PROOF[:4] + b"\x09" + PROOF[5:], "a.proof")


HEADER, ENTRY = 8, 16
FIRST = HEADER + ENTRY * len(SECTIONS)


@pytest.mark.parametrize(
    ("at", "new", "text"),
    [
        (HEADER, b"ATEM", "the table of sections is damaged"),
        (HEADER + 4, b"\1", "the table of sections is damaged"),
        (6, b"\6", "the table of sections is damaged"),
        (FIRST, b"\1", "damaged before section META"),
        (HEADER + 8, b"\xff\xff", "truncated in section META"),
    ],
)
def test_damage_under_a_checksum_that_fits_is_named(at, new, text):
    """A tag, the zero beside it, the number of sections, padding, lengths."""
    assert files.padding(FIRST) and KEY[FIRST] == 0
    damaged = KEY[:at] + new + KEY[at + len(new) : -32]
    with pytest.raises(UserError, match=f"^x.vk: .*({text})"):
        files.unpack(files.KEY, damaged + hashlib.sha256(damaged).digest(), "x.vk")


def test_headers_that_end_too_early_or_hold_too_much():
    with pytest.raises(UserError, match="truncated"):
        files.identify(files.KEY, memoryview(KEY[:6]), "x.vk")
    with pytest.raises(InvalidProof, match="header of the proof is damaged"):
        files.decode_proof(PROOF[:6] + b"\1" + PROOF[7:], "a.proof")


@pytest.mark.parametrize("kind", [files.KEY, files.PROOF, files.OPENING], ids=lambda k: k.noun)
def test_files_that_are_too_large_are_told_by_their_start(tmp_path, kind):
    path = tmp_path / "x"
    path.write_bytes(kind.magic + struct.pack("<HH", kind.version, len(kind.tags)))
    os.truncate(path, kind.most)
    assert files.identify(kind, files.read(path), "x") is kind
    os.truncate(path, kind.most + 1)
    with pytest.raises(UserError, match=f"^x: an? {kind.noun} of more than {kind.most >> 20} MiB"):
        files.identify(kind, files.read(path), "x")


def test_read_names_the_problem(tmp_path):
    with pytest.raises(UserError, match=r"none.vk: cannot read: No such file"):
        files.read(tmp_path / "none.vk")
    with pytest.raises(UserError, match="Is a directory"):
        files.read(tmp_path)
    (tmp_path / "empty").touch()
    assert len(files.read(tmp_path / "empty")) == 0


def test_atomic_write_replaces_the_file(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with files.atomic_write(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new" and os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("problem", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_atomic_write_leaves_nothing_on_failure(tmp_path, problem):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises((UserError, KeyboardInterrupt)) as error, files.atomic_write(path) as file:
        file.write(b"new")
        raise problem
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["a"]
    if isinstance(problem, OSError):
        one_line(error.value, str(path))


def test_atomic_write_refuses_what_it_must_not_replace(tmp_path):
    for path in (tmp_path, tmp_path / "no" / "such", "/dev/null"):
        with pytest.raises(UserError, match="cannot write"):
            files.require_writable(path)
    files.require_writable(tmp_path / "new")
    assert os.listdir(tmp_path) == []


def test_full_disk_leaves_nothing(tmp_path):
    """A file size limit fails a write in the middle, as a full disk does."""
    script = textwrap.dedent("""
        import resource, signal, sys
        from zklemma.runtime.model.files import atomic_write
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
        with atomic_write(sys.argv[1]) as file:
            file.write(bytes(1 << 20))
    """)
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "a")], capture_output=True, text=True
    )
    assert done.returncode not in (0, -signal.SIGXFSZ) and "cannot write: File too" in done.stderr
    assert os.listdir(tmp_path) == []


def test_memory_that_runs_out_is_no_fault_of_the_file(tmp_path, monkeypatch):
    path = tmp_path / "x"
    path.write_bytes(b"x")
    for number, kind in ((errno.ENOMEM, MemoryError), (errno.ENODEV, UserError)):

        def fail(*_, number=number, **__):
            raise OSError(number, "no")

        monkeypatch.setattr(files.mmap, "mmap", fail)
        with pytest.raises(kind):
            files.read(path)
