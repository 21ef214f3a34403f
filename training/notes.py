"""Short technical notes in the style of reference documentation, from a seeded generator.

Harvested documentation names thousands of things once each, which a small model cannot keep
apart. A note describes one invented function in three to six sentences that agree with each other
(what it takes, what it returns, when it fails), so that technical prompts have a learnable
continuation. `note(rng)` returns one note as one line.
"""

from __future__ import annotations

import random

# noun, plural, what it holds
SUBJECTS = (
    ("list", "lists", "items"),
    ("table", "tables", "rows"),
    ("file", "files", "lines"),
    ("string", "strings", "characters"),
    ("array", "arrays", "values"),
    ("graph", "graphs", "nodes"),
    ("message", "messages", "bytes"),
    ("queue", "queues", "jobs"),
    ("matrix", "matrices", "entries"),
    ("tree", "trees", "leaves"),
    ("cache", "caches", "keys"),
    ("buffer", "buffers", "bytes"),
    ("tensor", "tensors", "elements"),
    ("image", "images", "pixels"),
    ("document", "documents", "words"),
)
RESULTS = (
    "the number of {items} in the {noun}",
    "the sum of all {items}",
    "the largest of the {items}",
    "a copy of the {noun}",
    "a new {noun} with the same {items}",
    "a sorted {noun}",
    "true if the {noun} is empty",
    "the first of the {items}",
    "the index of the last match",
    "the size of the {noun} in bytes",
    "a list of the {items} that were found",
    "the {noun} without the empty {items}",
)
ERRORS = (
    "an error is raised",
    "a ValueError is raised",
    "the function raises an exception",
    "the result is None",
    "an empty {noun} is returned",
    "a warning is printed",
)
CONDITIONS = (
    "If the {noun} is empty",
    "If the {noun} is too large",
    "If the {noun} does not exist",
    "If no {items} are found",
    "If the input is not a {noun}",
    "When the {noun} has been closed",
    "If one of the {items} is missing",
)
OPTIONS = (
    "By default, all {items} are used.",
    "By default, the order of the {items} is kept.",
    "The second argument is optional and gives the maximum number of {items}.",
    "If the flag is set, the {items} are checked first.",
    "The option has no effect when the {noun} is empty.",
    "Set the limit to zero to read all of the {items}.",
)
REMARKS = (
    "The {noun} itself is not changed.",
    "The {noun} is changed in place.",
    "This is faster than a loop over the {items}.",
    "The running time is linear in the number of {items}.",
    "It is safe to call this function from several threads.",
    "The {items} must be of the same type.",
    "Note that the {items} are not copied.",
    "Each of the {items} is visited exactly once.",
    "For large {nouns}, use the streaming version instead.",
    "The memory is released when the {noun} is no longer used.",
)
SEE = (
    "See the example below for how it is used.",
    "This function is part of the public interface.",
    "It may be removed in a future version.",
    "For example, it can be used to compare two {nouns}.",
    "For example, it is used to read {nouns} from disk.",
)


def note(rng: random.Random) -> str:
    noun, nouns, items = rng.choice(SUBJECTS)
    result = rng.choice(RESULTS)
    opening = rng.choice(
        (
            "The function returns {result}.",
            "The function takes a {noun} and returns {result}.",
            "This function returns {result}.",
            "This method returns {result}.",
            "Returns {result}.",
            "Given a {noun}, the function returns {result}.",
            "The method computes {result}.",
            "To get {result}, call this function with a {noun}.",
        )
    )
    body = [
        rng.choice(OPTIONS),
        rng.choice(CONDITIONS) + ", " + rng.choice(ERRORS) + ".",
        rng.choice(REMARKS),
        rng.choice(SEE),
    ]
    keep = sorted(rng.sample(range(len(body)), rng.choice((2, 3, 3, 4))))
    text = " ".join([opening, *(body[i] for i in keep)]).replace("{result}", result)
    text = text.replace("{nouns}", nouns).replace("{noun}", noun).replace("{items}", items)
    for word in ("array", "image", "index"):
        text = text.replace(f" a {word}", f" an {word}")
    return text
