"""The page in headless Chromium, from a file: what it says of proofs, of what is none, and of texts that spoof."""

from __future__ import annotations

import shutil
import threading
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import differing
import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.decoders import Fuse
from tokenizers.models import BPE, WordLevel
from typer.testing import CliRunner
from zklemma.runtime.model import files
from zklemma.runtime.model.tokenizer import compact
from zklemma.runtime.verifying import disclosure, wasm
from zklemma.runtime.verifying.disclosure import Opened
from zklemma.tools import tensors
from zklemma.tools.cli.app import app

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.usefixtures("wasm"),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]
corpora: Any = import_module("corpus")
mlp: Any = import_module("mlp")
KEY = differing.corpus().models[0].key
PROVED = differing.corpus().proved
# Milliseconds.
PATIENCE = 60_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, wasm: None) -> Path:
    """The page, and beside it a key and a proof."""
    found = tmp_path_factory.mktemp("page")
    done = CliRunner().invoke(app, ["page", "-o", str(found)])
    assert done.exit_code == 0, done.output
    (found / "model.vk").write_bytes(KEY.encode())
    (found / "a.proof").write_bytes(framed(PROVED[0].proof))
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu"]
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=options)


@pytest.fixture
def page(browser: Any, folder: Path) -> Iterator[Any]:
    """The page from its file; at the end nothing may have gone wrong in it that it did not tell."""
    context = browser.new_context()
    found, faults = context.new_page(), []
    found.set_default_timeout(PATIENCE)
    found.on("pageerror", lambda error: faults.append(str(error)))
    found.on(
        "console", lambda message: faults.append(message.text) if message.type == "error" else 0
    )
    found.goto((folder / "index.html").as_uri())
    yield found
    context.close()
    assert faults == []


def framed(proof: bytes) -> bytes:
    return files.encode_proof(KEY.digest, proof)


def said(page: Any, key: bytes, proof: bytes, **fields: str) -> tuple[str, str]:
    """The heading and the text of what the page says of a key and a proof."""
    # By their paths, as playwright passes on no more than 50 MB.
    with TemporaryDirectory() as name:
        for what, data in (("key", key), ("proof", proof)):
            path = Path(name, f"a.{what}")
            path.write_bytes(data)
            page.set_input_files(f"#{what}", path)
        for field, value in fields.items():
            page.fill(f"#{field}", value)
        page.click("#check")
        return verdict(page)


def verdict(page: Any) -> tuple[str, str]:
    page.wait_for_selector("#verdict:not([hidden])")
    return page.inner_text("#heading"), page.inner_text("#said")


def test_says_the_statement(page: Any) -> None:
    heading, text = said(page, KEY.encode(), framed(PROVED[0].proof), model=KEY.model_id)
    statement = PROVED[0].statement
    assert heading == "VALID"
    for part in (
        KEY.model_id,
        "that you pinned",
        KEY.text(statement.prompt_tokens or ()),
        f"answers greedily, {statement.generated} tokens long",
        "Private: weights.",
        "What is not claimed",
    ):
        assert part in text, part
    assert page.evaluate("document.activeElement.id") == "verdict"
    assert page.inner_text("#status") == "VALID"
    assert page.url.endswith(f"#model={KEY.model_id}")


def test_says_whether_a_prompt_is_canonical(page: Any) -> None:
    """A prompt of which the tokenizer makes one token, and not two."""
    vocabulary = {text: i for i, text in enumerate(["<unk>", "b", "a", "ab", "c", "d"])}
    tokenizer = Tokenizer(BPE(vocabulary, [("a", "b")], unk_token="<unk>"))
    tokenizer.decoder = Fuse()
    contents = compact(tokenizer.to_str().encode())
    artifact = differing.corpus().models[0].artifact
    key = replace(KEY, tokenizer_bytes=contents)
    model = corpora.Model(replace(artifact, key=key))
    proof = files.encode_proof(key.digest, model.prove((), True).proof)
    heading, text = said(page, key.encode(), proof)
    assert heading == "INVALID" and "number 1 is 2, not 3" in text
    page.click("summary")
    page.check("#noncanonical")
    heading, text = said(page, key.encode(), proof)
    assert heading == "VALID" and "are not the tokens that the tokenizer makes" in text
    heading, text = said(page, KEY.encode(), framed(PROVED[0].proof))
    assert heading == "VALID" and "does not read the model WordLevel" in text


def test_warns_where_no_id_is_pinned(page: Any) -> None:
    heading, text = said(page, KEY.encode(), framed(PROVED[0].proof))
    assert heading == "VALID" and "No model id was pinned" in text and "#" not in page.url


def test_a_link_pins_an_id(page: Any) -> None:
    page.goto(page.url + "#model=" + "00" * 32)
    page.reload()
    heading, text = said(page, KEY.encode(), framed(PROVED[0].proof))
    assert heading == "INVALID" and f"not of {'00' * 32}" in text


def test_opens_what_is_private(page: Any) -> None:
    proved = PROVED[2]
    heading, text = said(page, KEY.encode(), framed(proved.proof))
    assert heading == "VALID" and "private, with the digest" in text
    assert "Private: weights, prompt, output." in text
    page.click("summary")
    opening = disclosure.encode(proved.opened)
    page.set_input_files("#opening", [{"name": "o", "mimeType": "", "buffer": opening}])
    heading, text = said(page, KEY.encode(), framed(proved.proof))
    assert heading == "VALID" and text.count("revealed: it opens") == 2


def test_says_what_a_function_gives(page: Any) -> None:
    function, (shown, hidden) = differing.corpus().function.key, differing.corpus().inferences
    files_of = [
        files.encode_proof(function.digest, found.result.proof) for found in (shown, hidden)
    ]
    heading, text = said(page, function.encode(), files_of[0], model=function.model_id)
    assert heading == "VALID"
    wanted = tensors.describe(function, shown.result.statement, {})
    labels = [tensor["labels"] for tensor in wanted if tensor["labels"]]
    for part in (
        "The function that calls itself",
        "was given the inputs, of 2 examples",
        "and gives the outputs, of 2 examples",
        "left 3 x 2",
        "score 3",
        "multiples of 2^-5",
        "Private: weights.",
        "only that this function gives them",
        *labels[0],
    ):
        assert part in text, part
    found = page.evaluate(
        """[...document.querySelectorAll("table")].map((table) =>
          [...table.querySelectorAll("tbody tr")].map((row) => row.lastChild.innerText))"""
    )
    for rows, tensor in zip(found, wanted, strict=True):
        for row, example in zip(rows, tensor["values"], strict=True):
            flat = np.ravel(example)
            numbers, _, more = row.partition(" and ")
            assert [float(x) for x in numbers.split()] == pytest.approx(flat[:12], rel=1e-5)
            assert more == (f"{len(flat) - 12} more" if len(flat) > 12 else "")

    heading, text = said(page, function.encode(), files_of[1])
    statement = hidden.result.statement
    assert heading == "VALID" and "Private: weights, left, right, score." in text
    assert "left 3 x 2, private\n" in text and "of 3 examples" in text
    assert text.count("private, with the digest") == 2
    assert all(digest.hex() in text for digest in statement.digests.values())
    page.click("summary")
    sealed = hidden.result.sealed.items()
    opening = disclosure.encode({what: Opened(own.rows, own.salts) for what, own in sealed})
    page.set_input_files("#opening", [{"name": "o", "mimeType": "", "buffer": opening}])
    heading, text = said(page, function.encode(), files_of[1])
    assert heading == "VALID" and text.count("revealed: it opens") == 2


def test_labels_of_functions_stay_in_their_boxes(page: Any) -> None:
    labels = ("<b>VALID</b>", "\u05d0\u05d1", "x" * 96)
    outputs = tuple(
        replace(tensor, labels=labels if tensor.labels else ())
        for tensor in differing.corpus().function.key.signature.outputs
    )
    signature = replace(differing.corpus().function.key.signature, outputs=outputs)
    key = replace(differing.corpus().function.key, signature=signature)
    artifact = replace(differing.corpus().function, key=key)
    made = corpora.prove(artifact, mlp.examples(6), corpora.Visibility())
    heading, text = said(page, key.encode(), made.proof)
    boxes = page.evaluate(
        """[...document.querySelectorAll("#said td > .theirs")].map((box) =>
          [box.innerText, getComputedStyle(box).unicodeBidi])"""
    )
    said_labels = tensors.describe(key, made.result.statement, {})[2]["labels"]
    assert heading == "VALID" and boxes == [[label, "isolate"] for label in said_labels]
    assert page.query_selector("#said b") is None and "and of labels, can be seen" in text


@pytest.mark.parametrize(
    ("change", "heading"),
    [
        (lambda proof: proof[:-1], "INVALID"),
        (lambda proof: proof[:200] + bytes([proof[200] ^ 1]) + proof[201:], "INVALID"),
        (lambda proof: b"", "Refused"),
        (lambda proof: KEY.encode(), "Refused"),
        (lambda proof: proof[:8] + bytes(50 << 20), "Refused"),
    ],
)
def test_refuses(page: Any, change: Any, heading: str) -> None:
    found, text = said(page, KEY.encode(), change(framed(PROVED[0].proof)))
    assert found == heading and "The reason" in text
    assert page.inner_text("#status") == heading


def test_refuses_what_is_malformed(page: Any) -> None:
    for fields, reason in (({"model": "12"}, "64 hexadecimal"), ({"nonce": "xy"}, "hexadecimal")):
        page.click("summary") if "nonce" in fields else None
        heading, text = said(page, KEY.encode(), framed(PROVED[0].proof), **fields)
        assert heading == "Refused" and reason in text
        page.fill("#model", "")


def test_texts_that_spoof_stay_in_their_boxes(page: Any) -> None:
    """A proof of a model whose tokens are markup, verdicts, and characters that turn the order around."""
    words = [
        '<img src=x onerror="document.title=1">',
        "\nVALID\u202e\u200b\x1b[1m",
        "</script>\u05d0",
    ]
    names = ["<pad>", "<eos>", "<bos>", *words, "moon"]
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(names)}, unk_token="moon"))
    contents = compact(tokenizer.to_str().encode())
    key = replace(KEY, name="<b>VALID</b>", tokenizer_bytes=contents)
    model = corpora.Model(replace(differing.corpus().models[0].artifact, key=key))
    proof = files.encode_proof(key.digest, model.prove((), True).proof)
    assert said(page, key.encode(), proof)[0] == "VALID"
    boxes = page.evaluate(
        """[...document.querySelectorAll("#said > .theirs")].map((box) =>
          [box.innerText, getComputedStyle(box).unicodeBidi])"""
    )
    shown = (
        ' <img src=x onerror="document.title=1"> \\n\nVALID\\u202e\\u200b\\u001b[1m </script>\u05d0'
    )
    assert [[box, "isolate"] for box in ("<b>VALID</b>", "<bos> <eos>", shown)] == boxes
    assert page.query_selector("#said img, #said b") is None
    assert page.title() == "Check a zklemma proof"


def test_names_of_files_are_text(page: Any, tmp_path: Path) -> None:
    evil = tmp_path / "<b>\u202ekv.vk"
    evil.write_bytes(b"")
    page.set_input_files("#key", str(evil))
    assert page.inner_text("#key-name") == "<b>\\u202ekv.vk"


def test_what_is_dropped_is_told_apart(page: Any) -> None:
    page.evaluate(
        """async ([key, proof]) => {
          const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
          const data = new DataTransfer();
          data.items.add(new File([bytes(proof)], "second"));
          data.items.add(new File([bytes(key)], "first"));
          document.dispatchEvent(new DragEvent("drop", { dataTransfer: data, cancelable: true }));
        }""",
        [encoded(KEY.encode()), encoded(framed(PROVED[0].proof))],
    )
    page.wait_for_function(
        "document.querySelector('#status').textContent.startsWith('Files taken')"
    )
    assert page.inner_text("#key-name") == "first" and page.inner_text("#proof-name") == "second"
    page.focus("#check")
    page.keyboard.press("Enter")
    assert verdict(page)[0] == "VALID"


def encoded(data: bytes) -> str:
    return b64encode(data).decode()


def test_stops_when_told(page: Any) -> None:
    page.evaluate("Worker.prototype.postMessage = () => {}")
    for what, data in (("key", KEY.encode()), ("proof", framed(PROVED[0].proof))):
        page.set_input_files(f"#{what}", [{"name": what, "mimeType": "", "buffer": data}])
    page.click("#check")
    page.click("#stop")
    heading, text = verdict(page)
    assert heading == "Refused" and "no verdict" in text


def test_each_field_has_a_name_and_its_turn(page: Any) -> None:
    page.click("summary")
    page.focus("#key")
    order = ["key"]
    for _ in range(7):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.id || document.activeElement.localName"))
    assert order == [
        "key",
        "proof",
        "model",
        "summary",
        "nonce",
        "opening",
        "noncanonical",
        "check",
    ]
    unnamed = page.evaluate(
        "[...document.querySelectorAll('input, progress')].filter((x) => !x.labels.length).map((x) => x.id)"
    )
    assert unnamed == []


def test_takes_addresses_of_its_own_host(browser: Any, folder: Path) -> None:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found = browser.new_page()
    found.set_default_timeout(PATIENCE)
    try:
        at = f"http://127.0.0.1:{server.server_port}/index.html"
        found.goto(f"{at}?key=model.vk&proof=a.proof#model={KEY.model_id}")
        heading, text = verdict(found)
        assert heading == "VALID" and "that you pinned" in text
        for bad, reason in (
            ("?key=http://example.org/model.vk&proof=a.proof", "own host"),
            ("?key=model.vk&proof=nothing", "404"),
        ):
            found.goto(at + bad)
            heading, text = verdict(found)
            assert heading == "Refused" and reason in text
    finally:
        found.close()
        server.shutdown()
        server.server_close()


def test_needs_the_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(wasm, "BUILT", tmp_path / "nothing.wasm")
    done = CliRunner().invoke(app, ["page", "-o", str(tmp_path)])
    assert done.exit_code == 2 and not [*tmp_path.iterdir()]
    assert "make verifier" in done.stderr


def test_is_one_file_that_asks_for_nothing(folder: Path) -> None:
    text = (folder / "index.html").read_text()
    for mark in ("http:", "https:", " src=", "<link", "innerHTML", "<!--"):
        assert mark not in text, mark
    assert text.count("</script") == 3
