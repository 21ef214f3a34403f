"""The page that checks proofs as one file, which needs no server: modules joined to scripts, the program in base64.

Its policy lets it run these scripts, and talk to nobody but the host that it came from.
"""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from ..runtime.verifying import wasm

SOURCES = wasm.BUILT.parent
_FOLDER = SOURCES / "page"
_IMPORT = re.compile(r'^import \{[^}]*\} from "([^"]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)


def page() -> str:
    """The page; `UserError` where the program was not built."""
    style = (_FOLDER / "style.css").read_text()
    script, worker = joined(_FOLDER / "page.js"), joined(_FOLDER / "worker.js")
    program = b64encode(wasm.contents()).decode()
    rules = (
        "default-src 'none'",
        f"script-src '{_hash(script)}' 'wasm-unsafe-eval'",
        f"style-src '{_hash(style)}'",
        "worker-src blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
    )
    policy = f'<meta http-equiv="Content-Security-Policy" content="{"; ".join(rules)}">'
    scripts = (
        f'<script type="text/plain" id="program">{program}</script>',
        f'<script type="text/plain" id="worker">{worker}</script>',
        f"<script>{script}</script>",
    )
    text = (_FOLDER / "index.html").read_text()
    for mark, what in (
        ("POLICY", policy),
        ("STYLE", f"<style>{style}</style>"),
        ("SCRIPTS", "\n".join(scripts)),
    ):
        text = text.replace(f"<!--{mark}-->", what)
    return text


def joined(module: Path) -> str:
    """A module with all that it imports, as one script; names at the top of these are all different."""
    parts: dict[Path, str] = {}

    def add(path: Path) -> None:
        if path not in parts:
            text = path.read_text()
            for other in _IMPORT.findall(text):
                add((path.parent / other).resolve())
            parts[path] = _EXPORT.sub("", _IMPORT.sub("", text))

    add(module.resolve())
    return '"use strict";\n{\n' + "\n".join(parts.values()) + "}\n"


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
