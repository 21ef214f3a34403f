"""The verifier of this package as an engine, with the same methods as `second.Second`."""

from __future__ import annotations

from ..model.keys import VerifyingKey
from .function_verifier import VerifiedFunction
from .verifier import Verified, check_identity
from .verify import verify


class Own:
    """Each method raises `InvalidProof` with the reason where what it checks does not hold."""

    def __init__(self, key: VerifyingKey):
        self._key = key

    def check_identity(self, model_id: str) -> None:
        """That the key is of the model with this id, or was rotated from it."""
        check_identity(self._key, model_id)

    def check_ranges(self) -> None:
        """That all weights lie in their ranges."""
        self._key.check_ranges()

    def verify(
        self, content: bytes, allow_noncanonical_prompt: bool = False
    ) -> Verified | VerifiedFunction:
        """The statement that the content of a proof file proves, with ranges as checked."""
        allowed = allow_noncanonical_prompt
        return verify(self._key, content, None, allowed, check_ranges=False)
