"""Text from elsewhere, written so that every character of it is seen, and none passes for text of ours.

Prompts, answers, names and paths come from strangers. They are written as JSON writes strings, and beyond that
everything is escaped that has no shape of its own or changes how its neighbours are shown: control, formatting,
private, unassigned, enclosing and separating characters, by their Unicode category; fillers, joiners, blanks,
selectors, overlays and letters without a width of their own, by their Unicode name; and marks, unless few of them
stand on a letter. Of texts that Unicode calls equivalent, which look alike, only the composed one (NFC) is
written as it is.

Right-to-left letters, and the digits of such scripts, reorder what stands beside them in their line: digits and
quotes between two of them change places, ours too, as each terminal sees fit. So they stay letters only in a text
that is alone in its line, where they move nothing but the text itself (lines are paragraphs to the bidirectional
algorithm, which moves nothing out of one). In a line with words of ours they are escaped. Isolating controls around
them would not do: many terminals show or drop these, and they would become part of what people copy.
"""

from __future__ import annotations

import re
import unicodedata

from ..errors import UserError

# Columns.
MOST_NAME = 96
# Real scripts put up to three on a letter; more would reach into other lines.
MOST_MARKS = 3
_SHAPELESS = re.compile(
    r"\b(BLANK|FILLER|FITZPATRICK|INHERENT|INVISIBLE|JOINER|JONGSEONG|JUNGSEONG|NULL|OBJECT REPLACEMENT|OVERLAY"
    r"|SELECTOR)\b"
)
# Bidirectional classes of letters and digits that turn the order around.
_RIGHT_TO_LEFT = ("R", "AL", "AN")
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def written(text: str, encoding: str = "utf-8", alone: bool = False) -> list[str]:
    """How each character of ``text`` is written: as it is, or escaped. ``encoding`` is of where it goes: what it
    has not is escaped too. ``alone``: whether nothing else is in its lines but quotes."""
    found, marks, cluster = [], MOST_MARKS, ""
    for c in text:
        category = unicodedata.category(c)
        marks = marks + 1 if category[0] == "M" else MOST_MARKS * (category[0] != "L")
        shown = c == " " or (category[0] not in "CZ" and category != "Me" and marks <= MOST_MARKS)
        if shown and not c.isascii():
            shown = not _SHAPELESS.search(unicodedata.name(c, "")) and _has(encoding, c)
            shown = shown and unicodedata.is_normalized("NFC", cluster + c)
            shown = shown and (alone or unicodedata.bidirectional(c) not in _RIGHT_TO_LEFT)
        # A letter and the marks on it so far; what is escaped gets none.
        cluster = (cluster if category[0] == "M" else "") + c if shown else ""
        marks = marks if shown else MOST_MARKS
        found.append(c if shown else _SHORT.get(c) or _escaped(c))
    return found


def visible(text: str, encoding: str = "utf-8", alone: bool = False) -> str:
    """``text`` in one line. Quotes and backslashes stay: what must be told from text around it is `quote`d."""
    return "".join(written(text, encoding, alone))


def quote(text: str, encoding: str = "utf-8", alone: bool = False) -> str:
    """``text`` as a JSON string in one line, which JSON decodes to the same text."""
    return f'"{"".join(inside(text, encoding, alone))}"'


def inside(text: str, encoding: str = "utf-8", alone: bool = False) -> list[str]:
    """How each character of ``text`` is written inside a JSON string."""
    return [rf"\{w}" if w in ('"', "\\") else w for w in written(text, encoding, alone)]


def columns(text: str) -> int:
    """How many columns of a terminal a visible text takes, at most: two for a wide character."""
    return sum(1 + (unicodedata.east_asian_width(c) in "FW") for c in text)


def require_name(name: str, where: str, what: str = "model's name") -> None:
    """`UserError`, about ``where``, unless a model can be called so: by few characters, each of which is seen."""
    # A longer name is not what is shown of it, so that no more of it is looked at.
    shown = visible(name[:MOST_NAME], alone=True)
    if not name or shown != name or columns(name) > MOST_NAME:
        raise UserError(
            f"{where}: a {what} has 1 to {MOST_NAME} printable characters, of which wide ones count twice, "
            f"unlike {quote(name[:MOST_NAME])}"
        )


def _has(encoding: str, c: str) -> bool:
    try:
        c.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _escaped(c: str) -> str:
    units = c.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))
