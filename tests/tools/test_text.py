"""Text is tied to tokens, and nothing in it passes for a verdict: attacks on what people read."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import zklemma
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from zklemma.errors import InvalidProof, UserError
from zklemma.runtime.model import files
from zklemma.runtime.model.keys import Artifact, load_artifact, save_key
from zklemma.runtime.model.tokenizer import compact
from zklemma.runtime.proving import answer
from zklemma.runtime.verifying import disclosure
from zklemma.runtime.verifying.verifier import verify
from zklemma.runtime.witness.executor import Executor

CHECKPOINT = Path(__file__).parents[2] / "checkpoints" / "tiny-gemma3"
WORDS = Tokenizer.from_file(str(CHECKPOINT / "tokenizer.json"))
VOCABULARY = WORDS.get_vocab()
TEXT = "Once upon a time there was a little"
ALLOW = "--allow-noncanonical-prompt"
# A whole verdict, about another answer, with what would close the text before it.
FORGED = (
    'x"\nanswers greedily, 1 token long,\n    "yes"\nSecurity: 101 bits. Private: weights.\n\x1b[8m'
)


@pytest.fixture(scope="module")
def artifact(shipped) -> Artifact:
    return load_artifact(shipped.model)


def proved(artifact: Artifact, ids: list[int], path: Path, count: int = 4, **how) -> list[int]:
    """A proof about these ids, as no command makes it; the generated ones."""
    executor = Executor(artifact.key.circuit, artifact.program, artifact.params)
    generated = executor.generate(ids, count, lambda token: None, frozenset())
    how = {"allow_noncanonical_prompt": True, **how}
    made = answer.prove_tokens(artifact, ids, generated, **how)
    path.write_bytes(files.encode_proof(artifact.key.digest, made.proof))
    opened = {w: disclosure.Opened(s.rows, s.salts) for w, s in made.sealed.items()}
    path.with_suffix(".secret").write_bytes(disclosure.encode(opened))
    return generated


def letters(text: str) -> list[int]:
    return [VOCABULARY[c] for c in text.replace(" ", "\u0120")]


def quoted(printed: str) -> list[str]:
    """The texts of a verdict, read back from its JSON strings."""
    texts, inside = [], False
    for line in printed.splitlines():
        if line.startswith('    "'):
            texts += [] if inside else [""]
            texts[-1] += json.loads(line)
        inside = line.startswith('    "')
    return texts


BOS_AND_TEXT = WORDS.encode(TEXT).ids


@pytest.mark.parametrize(
    "ids",
    [
        BOS_AND_TEXT[1:],
        [*BOS_AND_TEXT[:1], *letters(TEXT[:9]), *WORDS.encode(TEXT[9:]).ids[1:]],
        [*BOS_AND_TEXT, *letters("<eos>")],
    ],
    ids=["no start", "another cut", "a special token in letters"],
)
def test_another_prompt_of_the_same_text_is_invalid(artifact, shipped, run, tmp_path, ids):
    proof = tmp_path / "a.proof"
    proved(artifact, ids, proof)
    done = run("verify", shipped.key, proof)
    assert done.returncode == 1 and done.stdout.count("\n") == 1 and done.stderr == ""
    assert done.stdout.startswith("INVALID: the prompt's tokens are not those that the tokenizer")
    with pytest.raises(InvalidProof, match="not those that the tokenizer makes of its text"):
        zklemma.verify(artifact.key, proof)
    assert verify(artifact.key, proof, None, True).canonical_prompt is False

    done = run("verify", shipped.key, proof, ALLOW)
    assert done.returncode == 0 and done.stdout.startswith("VALID\n")
    note = "    (its tokens are not those that the tokenizer makes of this text:)\n    "
    assert f"{note}{ids[0]} " in done.stdout
    found = json.loads(run("verify", shipped.key, proof, ALLOW, "--json").stdout)
    assert found["pieces"]["prompt"] == [[x, WORDS.decode([x], False)] for x in ids]
    for number, text in found["pieces"]["prompt"]:
        assert f"{number} {json.dumps(text)}" in done.stdout


def test_prompts_of_ids_must_be_canonical(artifact):
    left = artifact.budget.proofs_left()
    with pytest.raises(UserError, match=r"number 1 is \d+, not 2; nobody could tell from the text"):
        answer.prove_tokens(artifact, BOS_AND_TEXT[1:], [5])
    assert artifact.budget.proofs_left() == left


def test_a_text_that_its_tokens_do_not_say_is_refused(make, run, tmp_path):
    """A tokenizer that reads what it makes in another way."""
    tokenizer = Tokenizer(models.WordLevel({"a b": 0, "a": 1, "b": 2}, unk_token="a b"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    toy = make()
    toy = replace(toy, key=replace(toy.key, tokenizer_bytes=tokenizer.to_str().encode()))
    zklemma.save_artifact(tmp_path / "m.zkl", toy)
    asked = ("--prompt", "c", "--max-new-tokens", 2, "-o", tmp_path / "a.proof")
    done = run("prove", tmp_path / "m.zkl", *asked)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1
    assert '("a b"): number 1 is 0, not 1' in done.stderr and not (tmp_path / "a.proof").exists()


def test_a_text_that_is_read_as_another_one_is_warned_of(make, run, tmp_path):
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="a"))
    toy = make()
    toy = replace(toy, key=replace(toy.key, tokenizer_bytes=tokenizer.to_str().encode()))
    zklemma.save_artifact(tmp_path / "m.zkl", toy)
    save_key(tmp_path / "m.vk", toy.key)
    for text, warned in (("c", 1), ("a", 0)):
        asked = ("--prompt", text, "--max-new-tokens", 2, "-o", tmp_path / "a.proof", "-q")
        done = run("prove", tmp_path / "m.zkl", *asked)
        assert done.returncode == 0 and done.stderr.count("reads the prompt as another") == warned
        assert quoted(run("verify", tmp_path / "m.vk", tmp_path / "a.proof").stdout)[0] == "a"


def test_special_tokens_are_text(shipped, run, tmp_path):
    """One in the middle, and a second start: the text says so."""
    proof = tmp_path / "a.proof"
    asked = ("--prompt", "<bos>Once<eos> upon", "--max-new-tokens", 3, "-o", proof)
    done = run("prove", shipped.model, *asked)
    assert done.returncode == 0 and done.stdout.startswith('"<bos>Once<eos> upon')
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith('warning: the tokenizer puts "<bos>" before every prompt')
    assert quoted(run("verify", shipped.key, proof).stdout)[0] == "<bos>Once<eos> upon"


def test_private_prompts_are_checked_when_they_are_revealed(artifact, shipped, run, tmp_path):
    proof, secret, opened = (tmp_path / f"a.{name}" for name in ("proof", "secret", "opened"))
    proved(artifact, BOS_AND_TEXT[1:], proof, privacy=answer.Privacy(prompt=True))
    done = run("verify", shipped.key, proof)
    assert done.returncode == 0
    assert "(whether these are the tokens of a text is checked with its opening)" in done.stdout
    assert verify(artifact.key, proof).canonical_prompt is None
    done = run("verify", shipped.key, proof, "--reveal", secret)
    assert done.returncode == 1 and done.stdout.startswith("INVALID: the prompt's tokens are not")
    done = run("verify", shipped.key, proof, "--reveal", secret, ALLOW)
    assert done.returncode == 0 and "(its tokens are not those" in done.stdout

    asked = ("reveal", secret, "-o", opened, "--key", shipped.key)
    done = run(*asked)
    assert done.returncode == 2 and not opened.exists() and done.stdout == ""
    assert f"{secret}: the prompt's tokens are not those" in done.stderr
    done = run(*asked, ALLOW)
    assert done.returncode == 0 and opened.exists() and quoted(done.stdout) == [TEXT]


def test_reveal_shows_what_it_reveals(shipped, run, tmp_path):
    proof, opened = tmp_path / "a.proof", tmp_path / "opened"
    private = ("--prompt-visibility", "private", "--output-visibility", "private", "--json", "-q")
    asked = ("--prompt", f"{TEXT}\n", "--max-new-tokens", 3, "-o", proof, *private)
    said = json.loads(run("prove", shipped.model, *asked).stdout)
    reveal = ("reveal", said["secret"], "-o", opened, "--key", shipped.key)
    done = run(*reveal)
    assert done.returncode == 0 and quoted(done.stdout) == [f"{TEXT}\n", said["text"]]
    assert "(cut by the limit of 3 tokens)" in done.stdout
    assert quoted(run(*reveal, "--what", "output").stdout) == [said["text"]]


@pytest.fixture(scope="module")
def ending(artifact, shipped, tmp_path_factory) -> tuple[Path, Path, list[int]]:
    """A key under which the second token of an answer of six ends it, and a proof whose output is private."""
    folder = tmp_path_factory.mktemp("ending")
    executor = Executor(artifact.key.circuit, artifact.program, artifact.params)
    said = executor.generate(BOS_AND_TEXT, 6, lambda token: None, frozenset())
    assert said[1] != said[0]
    changed = replace(artifact, key=replace(artifact.key, eos=(said[1],)))
    save_key(folder / "model.vk", changed.key)
    proved(changed, BOS_AND_TEXT, folder / "a.proof", 6, privacy=answer.Privacy(output=True))
    return folder / "model.vk", folder / "a.proof", said


def test_an_answer_stops_at_its_end(run, ending):
    """Whatever the model went on to say, revealed or not."""
    key, proof, said = ending
    assert "ended" not in run("verify", key, proof).stdout
    shown = ("verify", key, proof, "--reveal", proof.with_suffix(".secret"))
    found = json.loads(run(*shown, "--json").stdout)
    first, end = (WORDS.decode([x], False) for x in said[:2])
    assert found["output"] == first and found["ended"] is True and found["end"] == [said[1], end]
    assert found["after_end"] == 4 and found["token_ids"][-6:] == said
    done = run(*shown)
    assert quoted(done.stdout) == [TEXT, first]
    ended = f"    (ended by {said[1]} {json.dumps(end)}; what follows, 4 tokens, is no part of the answer)\n"
    assert ended in done.stdout


def test_the_ends_are_in_the_model_id(artifact, ending, run):
    key, proof, _ = ending
    assert zklemma.load_key(key).model_id != artifact.key.model_id
    with pytest.raises(InvalidProof, match="not of this key's"):
        zklemma.verify(artifact.key, proof)


def test_a_verdict_in_a_prompt_stays_in_its_text(shipped, run, tmp_path):
    proof = tmp_path / "a.proof"
    done = run("prove", shipped.model, "--prompt", FORGED, "--max-new-tokens", 3, "-o", proof)
    assert (
        done.returncode == 0 and '\n"answers greedily' in done.stdout and "\x1b" not in done.stdout
    )
    done = run("verify", shipped.key, proof)
    assert done.returncode == 0 and quoted(done.stdout)[0] == FORGED
    rest = [line for line in done.stdout.splitlines() if not line.startswith('    "')]
    assert [line.split()[0] for line in rest] == [
        *("VALID", "The", "given", "answers", "(cut", "Security:", "Proof:", "Ranges")
    ]
    assert done.stdout.replace("\n", "").isprintable()


def test_a_verdict_wider_than_the_terminal_stays_in_its_text(shipped, run, tmp_path, monkeypatch):
    """Lines are broken before the terminal does it, so that no text comes to stand at a line's start."""
    proof, text = tmp_path / "a.proof", f"{'x' * 20}{' ' * 30}INVALID"
    run("prove", shipped.model, "--prompt", text, "--max-new-tokens", 1, "-o", proof, "-q")
    monkeypatch.setenv("COLUMNS", "40")
    printed = run("verify", shipped.key, proof).stdout
    assert quoted(printed)[0] == text
    assert all(len(line) <= 40 for line in printed.splitlines() if line.startswith(" " * 4))


def test_a_terminal_without_the_characters(shipped, run, tmp_path):
    proof, text = tmp_path / "a.proof", "caf\u00e9 \u6cb3 \U0001f98a"
    run("prove", shipped.model, "--prompt", text, "--max-new-tokens", 1, "-o", proof, "-q")
    plain = {
        "LC_ALL": "C",
        "PYTHONIOENCODING": "ascii",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    }
    command = [sys.executable, "-m", "zklemma", "verify", str(shipped.key), str(proof)]
    for more in ([], ["--json"]):
        done = subprocess.run([*command, *more], capture_output=True, env={**os.environ, **plain})
        assert done.returncode == 0 and done.stderr == b"" and done.stdout.isascii()
        shown = done.stdout.decode()
        assert (json.loads(shown)["prompt"] if more else quoted(shown)[0]) == text


def test_json_hides_no_characters(shipped, run, tmp_path):
    proof, text = tmp_path / "a.proof", "a\u202eb\u200bc\x9b1m\u3164"
    run("prove", shipped.model, "--prompt", text, "--max-new-tokens", 1, "-o", proof, "-q")
    for more in ([], ["--json"]):
        done = run("verify", shipped.key, proof, *more)
        assert done.stdout.replace("\n", "").isascii()
        assert (json.loads(done.stdout)["prompt"] if more else quoted(done.stdout)[0]) == text


def test_right_to_left_text_is_alone_in_its_lines(shipped, run, tmp_path):
    proof, text = tmp_path / "a.proof", "\u05e9\u05dc\u05d5\u05dd 12, \u0634\u0661 7"
    done = run("prove", shipped.model, "--prompt", text, "--max-new-tokens", 1, "-o", proof, "-q")
    assert done.returncode == 0
    found = run("verify", shipped.key, proof, "--json").stdout
    assert found.isascii() and json.loads(found)["prompt"] == text
    printed = run("verify", shipped.key, proof).stdout
    assert quoted(printed)[0] == text
    for line in printed.splitlines():
        assert line.isascii() or isinstance(json.loads(line), str)
    folder = tmp_path / text
    folder.mkdir()
    for arguments in (("verify", folder / "no.vk", proof), ("inspect", folder)):
        assert run(*arguments).stderr.isascii()


def test_names_and_paths_stay_in_their_line(toy, run, tmp_path):
    folder = tmp_path / 'x"\nVALID\n\u202e'
    folder.mkdir()
    for arguments in (
        ("verify", folder / "no.vk", toy.proof),
        ("verify", toy.key, folder / "no.proof"),
        ("verify", toy.key, toy.key, "--reveal", folder / "no"),
        ("inspect", folder),
        ("reveal", folder / "no", "-o", tmp_path / "out"),
        ("compile", folder, "-o", tmp_path / "m.zkl"),
        ("prove", folder / "no", "--prompt", "a", "--max-new-tokens", 1, "-o", tmp_path / "out"),
    ):
        done = run(*arguments)
        assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1
        assert r'x"\nVALID\n\u202e' in done.stderr and done.stderr.startswith("error: ")
    key = folder / "model.vk"
    key.write_bytes(toy.key.read_bytes())
    lines = run("inspect", key).stdout.splitlines()
    assert r'x"\nVALID\n\u202e/model.vk: verifying key' in lines[0] and "VALID" not in lines
    # An invalid proof's reason may name its file.
    cut = folder / "cut.proof"
    cut.write_bytes(toy.proof.read_bytes()[:-1])
    done = run("verify", toy.key, cut)
    assert done.returncode == 1 and done.stdout.count("\n") == 1
    assert done.stdout.startswith("INVALID: ") and r'x"\nVALID\n\u202e/cut.proof' in done.stdout


def test_a_directory_that_no_model_can_be_called_by(run, tmp_path):
    folder = tmp_path / "gemma\nVALID"
    folder.mkdir()
    for file in CHECKPOINT.iterdir():
        (folder / file.name).symlink_to(file)
    done = run("compile", folder, "-o", tmp_path / "m.zkl")
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1
    assert "a model's name has 1 to 96 printable characters" in done.stderr
    assert not (tmp_path / "m.zkl").exists()


def test_a_name_is_quoted(make, run, tmp_path):
    toy = make()
    toy = replace(toy, key=replace(toy.key, name='gemma", id 00, "x'))
    zklemma.save_artifact(tmp_path / "m.zkl", toy)
    save_key(tmp_path / "m.vk", toy.key)
    proof = tmp_path / "a.proof"
    asked = ("--prompt", "once upon", "--max-new-tokens", 1, "-o", proof, "-q")
    assert run("prove", tmp_path / "m.zkl", *asked).returncode == 0
    said = run("verify", tmp_path / "m.vk", proof).stdout.splitlines()[1]
    assert said == f'The model "gemma\\", id 00, \\"x", id {toy.key.model_id},'


def test_ids_beyond_the_tokenizer_are_shown(make, run, tmp_path):
    """In a prompt, and in an answer: the model has rows that the tokenizer has no word for."""
    tokenizer = Tokenizer(models.WordLevel({"once": 0, "upon": 1, "<bos>": 2}, unk_token="once"))
    tokenizer.add_special_tokens(["<bos>"])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", 2)]
    )
    toy = make()
    data = compact(tokenizer.to_str().encode())
    toy = replace(toy, key=replace(toy.key, tokenizer_bytes=data, eos=()))
    save_key(tmp_path / "m.vk", toy.key)
    said = proved(toy, [2, 0, 1, 7], tmp_path / "a.proof")
    assert "INVALID" in run("verify", tmp_path / "m.vk", tmp_path / "a.proof").stdout
    shown = ("verify", tmp_path / "m.vk", tmp_path / "a.proof", ALLOW)
    found = json.loads(run(*shown, "--json").stdout)
    assert found["pieces"]["prompt"] == [[2, "<bos>"], [0, "once"], [1, "upon"], [7, None]]
    printed = run(*shown).stdout
    assert '    2 "<bos>", 0 "once", 1 "upon", 7 (no token)\n' in printed
    assert max(said) > 2 and [x for x, _ in found["pieces"]["output"]] == said
    for number in {x for x in said if x > 2}:
        assert f"{number} (no token)" in printed
