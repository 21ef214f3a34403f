"""What people do with the command and the package: prompts in files, names of outputs, pipes, help."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import zklemma
from zklemma.errors import UserError
from zklemma.runtime.kernels.warm import listed
from zklemma.runtime.proving.answer import prove
from zklemma.runtime.verifying.verifier import verify
from zklemma.tools import console
from zklemma.tools.cli.outputs import check_outputs
from zklemma.tools.cli.prove import _prompt

COMMAND = [sys.executable, "-m", "zklemma"]
TINY = Path(__file__).parents[2] / "checkpoints" / "tiny-gemma3"


def refused(done: subprocess.CompletedProcess, text: str) -> None:
    assert done.returncode == 2 and done.stdout == "" and text in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a\r\nb\r\n", "a\r\nb"),
        (b"a\rb\n\n", "a\rb\n"),
        ("\u00e9\u6cb3".encode(), "\u00e9\u6cb3"),
        (b"\xef\xbb\xbfa", "\ufeffa"),
    ],
)
def test_the_bytes_of_a_file_are_the_prompt(tmp_path, data, text):
    path = tmp_path / "prompt.txt"
    path.write_bytes(data)
    assert _prompt(None, path) == text
    code = "from zklemma.tools.cli.prove import _prompt; from pathlib import Path\n"
    code += "print(ascii(_prompt(None, Path('-'))))"
    # A locale that reads bytes as something else.
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    found = subprocess.run(
        [sys.executable, "-c", code], input=data, capture_output=True, check=True, env=environment
    )
    assert found.stdout.decode().strip() == ascii(text)


def test_other_bytes_are_no_prompt(tmp_path):
    path = tmp_path / "prompt.txt"
    path.write_bytes(b"caf\xe9")
    for given in ((None, path), ("caf\udce9", None)):
        with pytest.raises(UserError, match="UTF-8"):
            _prompt(*given)


def test_an_answer_that_ends_inside_a_character_is_shown(make, monkeypatch):
    artifact = make()
    shown: list[str] = []
    key = type(artifact.key)
    decode = key.continuation
    monkeypatch.setattr(
        key, "continuation", lambda *given: decode(*given) + "\N{REPLACEMENT CHARACTER}"
    )
    zklemma.prove(artifact, "once upon a time", 3, on_text=shown.append)
    said = "".join(shown)
    assert said.startswith("once upon a time ") and said.endswith("\N{REPLACEMENT CHARACTER}")


def test_no_output_takes_the_place_of_an_input(run, tmp_path):
    names = ("config.json", "tokenizer.json", "model.safetensors", "model.gguf")
    for name in names:
        (tmp_path / name).write_bytes(b"what it was")
    (tmp_path / "link").symlink_to(tmp_path / "model.safetensors")
    (tmp_path / "folder").symlink_to(tmp_path)
    for name in (*names, "link", "folder/config.json"):
        path = tmp_path / name
        refused(run("compile", tmp_path, "-o", path), "would take the place")
        refused(
            run("compile", tmp_path, "-o", tmp_path / "m.zkl", "--vk", path), "would take the place"
        )
        refused(run("export", tmp_path, "-o", path), "would take the place")
        assert path.read_bytes() == b"what it was"
    gguf = tmp_path / "model.gguf"
    refused(run("compile", gguf, "-o", gguf), "would take the place")


def test_no_output_takes_the_place_of_another_kind_of_file(toy, run, tmp_path):
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("once upon a time")
    rest = ("--prompt-file", prompt, "--max-new-tokens", "2")
    before = {path: path.read_bytes() for path in (toy.key, toy.proof, toy.model, prompt)}
    refused(run("prove", toy.model, *rest, "-o", prompt), "would take the place")
    refused(run("prove", toy.model, *rest, "-o", toy.key), "there is a verifying key already")
    secret = tmp_path / "a.secret"
    private = ("--prompt-visibility", "private", "--secret", secret, "-q")
    assert run("prove", toy.model, *rest, *private, "-o", tmp_path / "a").returncode == 0
    refused(run("reveal", secret, "-o", toy.proof), "there is a proof already")
    refused(run("reveal", secret, "-o", toy.key), "there is a verifying key already")
    refused(run("compile", TINY, "-o", toy.proof), "there is a proof already")
    refused(run("export", TINY, "-o", toy.model), "there is a model artifact already")
    assert before == {path: path.read_bytes() for path in before}
    with pytest.raises(UserError, match="another output"):
        check_outputs({tmp_path / "x": None, tmp_path / "." / "y" / ".." / "x": None}, [])


def test_proofs_are_files_contents_or_answers(make, run, tmp_path):
    artifact = make()
    answer = prove(artifact, "once upon a time", 2)
    path, key = tmp_path / "answer.proof", tmp_path / "model.vk"
    assert answer.save(path) == path.stat().st_size
    zklemma.save_key(key, artifact.key)
    wanted = verify(artifact.key, answer.proof)
    for given in (path, str(path), path.read_bytes(), answer.result.proof):
        assert zklemma.verify(artifact.key, given) == wanted
    assert run("verify", key, path).returncode == 0
    other = make(seed=1)
    with pytest.raises(zklemma.InvalidProof, match="not of this key's"):
        zklemma.verify(other.key, path)


def test_a_proof_may_come_through_a_pipe(toy):
    script = f'{sys.executable} -m zklemma verify "$0" <(cat "$1")'
    done = subprocess.run(
        ["bash", "-c", script, toy.key, toy.proof], capture_output=True, text=True
    )
    assert done.returncode == 0 and done.stdout.startswith("VALID"), done.stderr


def test_status_of_a_closed_pipe_and_of_a_crash(toy):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([*COMMAND, "verify", toy.key, toy.proof], stdout=write, stderr=-1)
    os.close(write)
    assert done.returncode == 141 and done.stderr == b""
    code = "from zklemma.tools import cli\nfrom zklemma.runtime.model import files\n"
    code += "files.read = lambda *_: 1 / 0\ncli.main()"
    command = [sys.executable, "-c", code, "verify", toy.key, toy.proof]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and "ZeroDivisionError" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "closed"),
    [(["--help"], "stdout"), (["verify", "-h"], "stdout"), (["nonsense"], "stderr")],
)
def test_help_and_usage_that_nobody_reads_are_no_invalid_proof(arguments, closed):
    read, write = os.pipe()
    os.close(read)
    out, err = (write if stream == closed else subprocess.PIPE for stream in ("stdout", "stderr"))
    done = subprocess.run([*COMMAND, *arguments], stdout=out, stderr=err)
    os.close(write)
    assert done.returncode == 141 and not done.stdout and not done.stderr


def test_the_first_run_says_what_it_waits_for(tmp_path):
    """Where no bar is drawn."""
    kinds = ["uint64:2C", "int64", "uint64:1C", "uint64:1C", "int64", "int64"]
    code = f"from zklemma.runtime.kernels import warm\nwarm.listed = lambda: {{'tensor._double': [[1, {kinds}]]}}\n"
    code += "from zklemma.tools.cli.warm import ready; print([ready({quiet}), ready(False)])"
    for quiet, lines in ((False, 1), (True, 0)):
        environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / str(quiet))}
        command = [sys.executable, "-c", code.replace("{quiet}", str(quiet))]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout == "[1, 0]\n"
        assert done.stderr.count("note: compiling kernels") == lines == done.stderr.count("\n")


def test_warm_reports(run):
    first = json.loads(run("warm", "--json", "--quiet").stdout)
    assert first["kernels"] == sum(map(len, listed().values())) >= first["compiled"]
    assert list(Path(first["cache"]).glob("*.warm"))
    done = run("warm", "--json")
    assert json.loads(done.stdout)["compiled"] == 0 and done.stderr == ""
    assert run("warm", "-q").stdout == "" and "compiled" in run("warm").stdout


def test_version_and_help(run):
    assert run("--version").stdout == f"zklemma {zklemma.__version__}\n"
    assert run("verify", "-h").stdout == run("verify", "--help").stdout
    assert "--install-completion" in run("-h").stdout


def test_zk_opt_reads_standard_input():
    code = "from zklemma.tools.cli import zk_opt; zk_opt()"
    done = subprocess.run(
        [sys.executable, "-c", code, "-"], input="builtin.module {}", capture_output=True, text=True
    )
    assert done.returncode == 0 and "builtin.module" in done.stdout


def test_quiet_prints_nothing(toy, run, tmp_path):
    rest = ("--prompt", "once upon a time", "--max-new-tokens", "2", "-q", "-o")
    assert run("prove", toy.model, *rest, tmp_path / "a.proof").stdout == ""
    assert run("rotate", toy.model, "-q", "-o", tmp_path / "b.zkl").stdout == ""


def test_inspect_needs_no_count(make, run, tmp_path):
    zklemma.save_artifact(tmp_path / "model.zkl", make())
    (tmp_path / "model.zkl.budget").unlink()
    done = run("inspect", tmp_path / "model.zkl")
    assert done.returncode == 0 and "model.zkl.budget: missing" in done.stdout


def test_numbers_in_words():
    assert console.value([1234, 5]) == "1234, 5" and console.value(1234) == "1,234"
    assert console.tokens(1) == "1 token" and console.tokens(2) == "2 tokens"


def test_a_light_install_is_told_what_it_lacks():
    code = "import sys; sys.modules['numba'] = None; sys.modules['torch'] = None; import zklemma\n"
    for name, extra in (("prove", "prove"), ("rotate", "prove"), ("compile", "compile")):
        code += (
            f"try: zklemma.{name}\nexcept zklemma.UserError as e: assert '[{extra}]' in str(e)\n"
        )
        code += f"else: raise SystemExit('{name}')\n"
    subprocess.run([sys.executable, "-c", code], check=True)
