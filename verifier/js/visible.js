/**
 * Text from elsewhere, cut up so that each character of it is seen: as `runtime/visible.py` writes it, for text that
 * stands alone in an element of its own.
 */

// Three marks stand on a letter at most; more would reach into other lines.
const MOST_MARKS = 3;
const SPECIAL = /[\p{C}\p{Z}\p{Me}]/u;
const MARK = /\p{M}/u;
const LETTER = /\p{L}/u;
// What Unicode says is not to be seen, and beyond that fillers, blanks, overlays, jamo without a width of their own
// and what is drawn as if it were something else.
const SHAPELESS = new RegExp(
  "[\\p{Default_Ignorable_Code_Point}\\p{Emoji_Modifier}\\u0334-\\u0338\\u115f-\\u11ff\\u20d2\\u20d3\\u20d8-\\u20da" +
    "\\u20e5\\u20e6\\u20ea\\u20eb\\u2400\\u2422\\u2800\\u2d7f\\u3164\\ua74a\\ua74b\\ua7c7-\\ua7ca\\ua8f9\\ud7b0-\\ud7fb" +
    "\\uffa0\\ufffc\\u{10af6}\\u{1107f}\\u{1144e}\\u{11945}\\u{11c44}\\u{11c45}\\u{16fe4}\\u{1bc9d}\\u{1d159}\\u{1f502}]",
  "u",
);
const SHORT = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** The runs of a text: each what is written, and whether it is escaped. */
export function runs(text) {
  const found = [];
  let marks = MOST_MARKS;
  let cluster = "";
  for (const c of text) {
    const mark = MARK.test(c);
    if (mark) {
      marks += 1;
    } else {
      marks = LETTER.test(c) ? 0 : MOST_MARKS;
    }
    let shown = c === " " || (!SPECIAL.test(c) && marks <= MOST_MARKS);
    if (shown && c > "\x7f") {
      const together = cluster + c;
      shown = !SHAPELESS.test(c) && together.normalize("NFC") === together;
    }
    // A letter and the marks on it so far; what is escaped gets none.
    cluster = shown ? (mark ? cluster : "") + c : "";
    if (!shown) {
      marks = MOST_MARKS;
    }
    const written = shown ? c : (SHORT[c] ?? escaped(c));
    if (shown && found.length && !found[found.length - 1].escaped) {
      found[found.length - 1].text += written;
    } else {
      found.push({ text: written, escaped: !shown });
    }
  }
  return found;
}

/** A text in one line. */
export function visible(text) {
  return runs(text)
    .map((run) => run.text)
    .join("");
}

function escaped(c) {
  const units = Array.from({ length: c.length }, (_, i) => c.charCodeAt(i));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
}
