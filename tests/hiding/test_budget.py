"""The count that guards the masks: exact under crashes and at once, never lost, never started anew."""

import hashlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from zklemma.errors import UserError, ZklemmaError
from zklemma.runtime.model import files, keys
from zklemma.runtime.model.budget import ROTATIONS, FileBudget, MemoryBudget
from zklemma.runtime.model.choose_parameters import choose_parameters
from zklemma.runtime.model.keys import Artifact, load_artifact, save_artifact
from zklemma.runtime.proving import answer, prover

# A key of which budgets see no more; the scripts below make the same.
KEY: Any = SimpleNamespace(
    weight_root=b"r" * 32,
    parameters=SimpleNamespace(hiding=1, mask_columns=600, queries=10),
)
SCRIPT = """
    import os, signal, sys, time
    from pathlib import Path
    from types import SimpleNamespace
    from zklemma.errors import UserError
    from zklemma.runtime.model import budget, files
    code = SimpleNamespace(hiding=1, mask_columns=600, queries=10)
    key = SimpleNamespace(weight_root=b"r" * 32, parameters=code)
    count = budget.FileBudget(Path(sys.argv[1]), key)
"""


@pytest.fixture(scope="module")
def tools() -> Any:
    """What the commands' tests make their toy model with."""
    path = Path(__file__).parents[1] / "tools" / "conftest.py"
    spec = importlib.util.spec_from_file_location("toy_tools", path)
    assert spec and spec.loader
    module = sys.modules["toy_tools"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def compiled(tools: Any) -> Artifact:
    return tools.toy_artifact()


@pytest.fixture
def model(compiled: Artifact, tmp_path: Path) -> Path:
    """An artifact on disk of which nothing is used up."""
    path = tmp_path / "model.zkl"
    save_artifact(path, with_new_count(compiled))
    return path


@pytest.fixture
def count(tmp_path: Path) -> FileBudget:
    budget = FileBudget(tmp_path / "count", KEY)
    budget.create(0)
    return budget


def with_new_count(artifact: Artifact) -> Artifact:
    """As if it had just been compiled."""
    return replace(artifact, budget=MemoryBudget(artifact.key))


def script(body: str, *arguments: object) -> subprocess.Popen[str]:
    code = textwrap.dedent(SCRIPT) + textwrap.dedent(body)
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def refused(budget: FileBudget, match: str) -> None:
    """Everything that asks for the count says why it can not be told, in one line, and what to do."""
    for ask in (budget.spend, budget.spent, budget.proofs_left, budget.low):
        with pytest.raises(UserError, match=match) as error:
            ask()
        text = str(error.value)
        assert text.startswith(f"{budget.path}: ") and "\n" not in text
        assert "compile the model again" in text


def test_refused_past_the_end_and_low_below_a_tenth(count: FileBudget) -> None:
    for done in range(58):
        assert count.spent() == 10 * done and count.proofs_left() == 58 - done
        assert count.low() == (done > 52)
        count.require()
        count.spend()
    used_up = r"count: the masks .* used up \(600 columns\)"
    for done in range(58, 61):
        for ask in (count.require, count.spend):
            remedy = "zklemma rotate" if done < 60 else "compile it again"
            with pytest.raises(UserError, match=f"{used_up}.*{remedy}"):
                ask()
        assert count.spent() == 10 * done and count.proofs_left() == 0 and count.low()
        # The rest is for rotations.
        if done < 60:
            count.require(rotating=True)
            count.spend(rotating=True)
    for ask in (count.require, count.spend):
        with pytest.raises(UserError, match=f"{used_up}.*compile it again"):
            ask(rotating=True)
    assert count.spent() == 600


def test_a_rest_too_small_for_a_proof_stays(tmp_path: Path) -> None:
    count = FileBudget(tmp_path / "count", KEY)
    for spent, rotating in ((571, False), (591, True)):
        count.create(spent)
        assert count.proofs_left() == 0
        with pytest.raises(UserError, match="used up"):
            count.spend(rotating)
        assert count.spent() == spent


def test_commands_warn_and_then_refuse(tools: Any, model: Path) -> None:
    budget = load_artifact(model).budget
    assert isinstance(budget, FileBudget)
    budget.create(budget.for_proofs - budget.columns)
    out = model.with_name("answer.proof")
    command = (
        "prove",
        model,
        "--prompt",
        "once upon",
        "--max-new-tokens",
        2,
        "-o",
        out,
        "--json",
        "-q",
    )

    last = tools.zklemma(*command)
    assert last.returncode == 0 and json.loads(last.stdout)["proofs_left"] == 0
    assert last.stderr.startswith("warning: ") and "masks for 0 more proofs" in last.stderr
    assert "zklemma rotate" in last.stderr
    out.unlink()

    past = tools.zklemma(*command)
    assert past.returncode == 2 and not past.stdout and not out.exists()
    assert past.stderr.startswith("error: ") and past.stderr.count("\n") == 1
    for text in ("model.zkl.budget", "used up", "zklemma rotate"):
        assert text in past.stderr


@pytest.mark.parametrize("hiding", [None, True, False])
def test_counted_before_the_proof_is_begun(
    model: Path, monkeypatch: pytest.MonkeyPatch, hiding: bool | None
) -> None:
    artifact, seen = load_artifact(model), []
    monkeypatch.setattr(prover, "prove", lambda *_: seen.append(artifact.budget.spent()))
    answer.prove_tokens(artifact, [2, 3], [4], hiding)
    assert seen == [artifact.budget.columns]


def test_a_proof_that_fails_is_counted(model: Path) -> None:
    artifact = load_artifact(model)
    tokens, generated = answer.generate(artifact, "once upon", 2)
    with pytest.raises(ZklemmaError):
        answer.prove_tokens(artifact, tokens, [(t + 1) % 8 for t in generated])
    assert artifact.budget.spent() == artifact.budget.columns


def test_a_proof_that_is_killed_is_counted(model: Path) -> None:
    body = """
        from zklemma.runtime.model import keys
        from zklemma.runtime.proving import answer

        class Killer:
            def stage(self, name, done):
                if name == "einsum":
                    os.kill(os.getpid(), signal.SIGKILL)

        answer.prove(keys.load_artifact(sys.argv[1]), "once upon", 2, progress=Killer())
    """
    process = script(body, model)
    assert process.wait() == -signal.SIGKILL
    budget = load_artifact(model).budget
    assert budget.spent() == budget.columns
    budget.spend()
    assert budget.spent() == 2 * budget.columns


def test_killed_at_any_line_of_the_write(count: FileBudget) -> None:
    """A process for every line that a spend runs, killed there: the count before or after, no other; and
    what was left behind stops nobody."""
    body = """
        stop = 0
        while True:
            stop += 1
            before = count.spent()
            child = os.fork()
            if not child:
                lines = 0

                def trace(frame, event, argument):
                    global lines
                    if frame.f_code.co_filename not in (budget.__file__, files.__file__):
                        return None
                    lines += event == "line"
                    if lines == stop:
                        os.kill(os.getpid(), signal.SIGKILL)
                    return trace

                sys.settrace(trace)
                count.spend()
                os._exit(0)
            _, status = os.waitpid(child, 0)
            print(count.spent() - before)
            if os.WIFEXITED(status):
                sys.exit(os.WEXITSTATUS(status))
            # Begin anew, so that the masks last for all lines.
            count._write(0)
    """
    process = script(body, count.path)
    raised = list(map(int, process.communicate(timeout=60)[0].split()))
    assert process.returncode == 0 and len(raised) > 25
    first = raised.index(10)
    assert first > 10 and raised == [0] * first + [10] * (len(raised) - first)
    assert count.spent() == 10
    count.spend()
    assert count.spent() == 20


def test_killed_at_any_time(count: FileBudget) -> None:
    """What was reported as spent is in the count, and at most the one that was under way beside it."""
    body = """
        while True:
            count.spend()
            print("spent", flush=True)
    """
    for milliseconds in (0, 3, 7, 19):
        before = count.spent()
        process = script(body, count.path)
        assert process.stdout and process.stdout.readline() == "spent\n"
        time.sleep(milliseconds / 1000)
        process.kill()
        reported = 1 + process.communicate()[0].count("spent\n")
        assert count.spent() - before in (10 * reported, 10 * reported + 10)


def test_processes_at_once(count: FileBudget, tmp_path: Path) -> None:
    """Three want 30 proofs each of the 58 that there are: exactly 58 are granted, and counted."""
    body = """
        print("ready", flush=True)
        while not os.path.exists(sys.argv[2]):
            time.sleep(0.001)
        granted = 0
        for _ in range(30):
            try:
                count.spend()
                granted += 1
            except UserError as error:
                assert "used up" in str(error)
        print(granted)
    """
    start = tmp_path / "start"
    rivals = [script(body, count.path, start) for _ in range(3)]
    for rival in rivals:
        assert rival.stdout and rival.stdout.readline() == "ready\n"
    start.touch()
    granted = [int(rival.communicate(timeout=60)[0]) for rival in rivals]
    assert sum(granted) == 58 and max(granted) <= 30 and count.spent() == 580


@pytest.mark.parametrize("kind", ["file", "memory", "saved"])
def test_threads_at_once(count: FileBudget, kind: str) -> None:
    memory = MemoryBudget(KEY)
    if kind == "saved":
        memory.keep_in(count)
    budget = count if kind == "file" else memory
    with ThreadPoolExecutor(4) as pool:
        for result in [pool.submit(budget.spend) for _ in range(40)]:
            result.result()
    assert budget.spent() == 400
    assert count.spent() == (0 if kind == "memory" else 400)


def test_missing(tools: Any, model: Path) -> None:
    budget = load_artifact(model).budget
    assert isinstance(budget, FileBudget)
    budget.path.unlink()
    refused(budget, "missing")
    out = model.with_name("answer.proof")
    done = tools.zklemma(
        *("prove", model, "--prompt", "once", "--max-new-tokens", 1, "-o", out, "--json", "-q")
    )
    assert done.returncode == 2 and not done.stdout and not out.exists()
    assert done.stderr.startswith(f"error: {budget.path}: missing")
    assert done.stderr.count("\n") == 1
    assert not budget.path.exists()


def test_renamed_without_its_count(model: Path) -> None:
    model.rename(model.with_name("new.zkl"))
    budget = load_artifact(model.with_name("new.zkl")).budget
    assert isinstance(budget, FileBudget)
    refused(budget, "missing")
    model.with_name("model.zkl.budget").rename(budget.path)
    budget.spend()


def test_under_another_name_the_same_count(model: Path) -> None:
    link = model.with_name("link.zkl")
    link.symlink_to(model)
    load_artifact(link).budget.spend()
    assert load_artifact(model).budget.spent() == load_artifact(model).budget.columns
    assert not link.with_name("link.zkl.budget").exists()


def test_every_damage_is_noticed(count: FileBudget) -> None:
    count.spend()
    data = count.path.read_bytes()
    damaged = [data[:length] for length in range(len(data))] + [data + b"\0", bytes(len(data))]
    for i in range(len(data)):
        flipped = bytearray(data)
        flipped[i] ^= 1 << i % 8
        damaged.append(bytes(flipped))
    for wrong in damaged:
        count.path.write_bytes(wrong)
        with pytest.raises(UserError, match="damaged"):
            count.spent()
    refused(count, "damaged")
    assert count.path.read_bytes() == damaged[-1]
    count.path.write_bytes(data)
    assert count.spent() == 10


@pytest.mark.parametrize(
    "body",
    [
        b"\x93\x01\xc4\x20" + b"r" * 32 + b"\xcc\x0a",
        b"\x93\xcb\x3f\xf0" + bytes(6) + b"\xc4\x20" + b"r" * 32 + b"\x0a",
        b"\x93\xc3\xc4\x20" + b"r" * 32 + b"\x0a",
        b"\x93\x01\xc4\x20" + b"r" * 32 + b"\xc3",
        b"\x93\x01\xc4\x20" + b"r" * 32 + b"\xff",
    ],
    ids=["a longer integer", "1.0", "true for the version", "true for the count", "-1"],
)
def test_no_other_encoding(count: FileBudget, body: bytes) -> None:
    count.create(10)
    honest = b"\x93\x01\xc4\x20" + b"r" * 32 + b"\x0a"
    assert count.path.read_bytes() == honest + hashlib.sha256(honest).digest()
    count.path.write_bytes(body + hashlib.sha256(body).digest())
    refused(count, "does not belong")


def test_a_folder_in_its_place(count: FileBudget) -> None:
    count.path.unlink()
    count.path.mkdir()
    refused(count, "cannot be read")


def test_foreign(count: FileBudget) -> None:
    other: Any = SimpleNamespace(**{**vars(KEY), "weight_root": b"s" * 32})
    foreign = FileBudget(count.path, other)
    refused(foreign, "does not belong to this model")
    assert count.spent() == 0


def test_where_no_lock_can_be_had(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"count\.lock: cannot lock: No such file"):
        FileBudget(tmp_path / "nowhere" / "count", KEY).spend()


def test_saving_again_never_lowers_the_count(compiled: Artifact, model: Path) -> None:
    artifact = load_artifact(model)
    for _ in range(3):
        artifact.budget.spend()
    spent = artifact.budget.spent()
    assert spent == 3 * artifact.budget.columns
    for again in (with_new_count(compiled), artifact, load_artifact(model)):
        save_artifact(model, again)
        assert load_artifact(model).budget.spent() == again.budget.spent() == spent


def test_masks_are_counted_in_one_place(model: Path) -> None:
    artifact = load_artifact(model)
    elsewhere = model.with_name("elsewhere.zkl")
    with pytest.raises(UserError, match="two counts would not know of each other"):
        save_artifact(elsewhere, artifact)
    assert not elsewhere.exists() and artifact.budget.spent() == 0


def test_what_is_in_memory_and_in_its_file_share_a_count(
    compiled: Artifact, tmp_path: Path
) -> None:
    artifact, path = with_new_count(compiled), tmp_path / "model.zkl"
    columns = artifact.budget.columns
    artifact.budget.spend()
    save_artifact(path, artifact)
    saved = load_artifact(path)
    assert saved.budget.spent() == columns
    artifact.budget.spend()
    saved.budget.spend()
    assert saved.budget.spent() == artifact.budget.spent() == 3 * columns

    # The count in the file is the only one from now on.
    (tmp_path / "model.zkl.budget").unlink()
    with pytest.raises(UserError, match="missing"):
        artifact.budget.spend()
    with pytest.raises(UserError, match="missing"):
        save_artifact(path, artifact)


def test_damage_is_not_mended_by_saving(model: Path) -> None:
    artifact = load_artifact(model)
    path = model.with_name("model.zkl.budget")
    path.write_bytes(b"damaged")
    with pytest.raises(UserError, match="damaged"):
        save_artifact(model, artifact)
    assert path.read_bytes() == b"damaged"


def test_a_model_compiled_again_has_masks_and_a_count_of_its_own(tools: Any, model: Path) -> None:
    old = load_artifact(model)
    old.budget.spend()
    save_artifact(model, tools.toy_artifact())
    assert load_artifact(model).budget.spent() == 0
    # A process that still has the old model must not use the new one's count, nor make one up.
    with pytest.raises(UserError, match="does not belong to this model"):
        old.budget.spend()
    assert load_artifact(model).budget.spent() == 0


def test_a_model_that_can_not_be_saved_leaves_the_old_one_its_count(
    tools: Any, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_artifact(model).budget.spend()
    before = {path.name: path.read_bytes() for path in model.parent.iterdir()}

    def full(kind: files.Kind, sections: Any) -> Any:
        yield from files.pack(kind, sections)
        if kind is files.MODEL:
            raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(keys, "pack", full)
        with pytest.raises(UserError, match="No space left"):
            save_artifact(model, tools.toy_artifact())
    assert {path.name: path.read_bytes() for path in model.parent.iterdir()} == before


def test_in_memory(compiled: Artifact) -> None:
    budget = with_new_count(compiled).budget
    assert budget.proofs_left() == budget.capacity // budget.columns - ROTATIONS
    left = budget.proofs_left() or 0
    for _ in range(left):
        budget.spend()
    with pytest.raises(UserError, match=r"the model in memory: the masks .* used up"):
        budget.spend()
    assert budget.proofs_left() == 0 and budget.low()


def test_in_memory_of_a_forked_process(
    compiled: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The masks are there twice then, and the count as well: only one of the two may go on."""
    artifact = with_new_count(compiled)
    saved = with_new_count(compiled)
    save_artifact(tmp_path / "saved.zkl", saved)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    for ask in (artifact.budget.spend, lambda: save_artifact(tmp_path / "model.zkl", artifact)):
        with pytest.raises(UserError, match="another process"):
            ask()
    assert not (tmp_path / "model.zkl").exists()
    saved.budget.spend()


def test_public_weights_count_nothing(
    tools: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        tools, "choose_parameters", lambda circuits, hiding: choose_parameters(circuits, False)
    )
    artifact = tools.toy_artifact()
    path = tmp_path / "model.zkl"
    save_artifact(path, artifact)
    for public in (artifact, load_artifact(path)):
        assert public.budget.proofs_left() is None and not public.budget.low()
        for _ in range(100):
            public.budget.spend()
        assert public.budget.spent() == 0
    assert [file.name for file in tmp_path.iterdir()] == ["model.zkl"]
    with pytest.raises(UserError, match="public weights"):
        answer.prove_tokens(load_artifact(path), [2, 3], [4], hiding=True)
