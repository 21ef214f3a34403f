"""Proving with an artifact of either kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ..model.keys import Artifact
    from ..progress import Progress
    from .answer import Answer, Privacy
    from .inference import Inference, Visibility


@overload
def prove(
    artifact: Artifact,
    given: str,
    max_new_tokens: int,
    hiding: bool | None = None,
    progress: Progress | None = None,
    on_text: Callable[[str], None] | None = None,
    privacy: Privacy | None = None,
    nonce: bytes = b"",
) -> Answer: ...


@overload
def prove(
    artifact: Artifact,
    given: Mapping[str, ArrayLike],
    visibility: Visibility | None = None,
    hiding: bool | None = None,
    progress: Progress | None = None,
    nonce: bytes = b"",
) -> Inference: ...


def prove(artifact: Artifact, given: Any, *options: Any, **named: Any) -> Answer | Inference:
    """Prove what a language model says after a prompt, ``answer.prove``, or what a function gives for inputs by
    name, ``inference.prove``; both say what the options are."""
    if isinstance(given, str):
        from . import answer

        artifact.key.require("language model")
        return answer.prove(artifact, given, *options, **named)
    from . import inference

    return inference.prove(artifact, given, *options, **named)
