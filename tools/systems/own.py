"""Our own target: the proof system of `runtime`, over Goldilocks, with weights committed under masks."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from ...errors import UserError
from ...runtime.circuit.relations import PRIME
from ...runtime.model.keys import Artifact, VerifyingKey
from ...runtime.model.lowered import Executable, LoweredModel
from ...runtime.progress import Clock
from .target import Given, Limits

if TYPE_CHECKING:
    from ...compiler.levels import Level
    from ...runtime.proving.answer import Answer, Privacy
    from ...runtime.proving.inference import Inference, Visibility

TEXTS = ("prompt", "output")


class Own:
    """LogUp-GKR, sumchecks and one hash-based opening; what is private is hidden."""

    name = "zklemma"
    summary = "sumchecks and lookups over Goldilocks, one hash-based opening, no trusted setup"
    field = PRIME
    limits = Limits()

    def legalize(self, level: Level) -> Level:
        return level

    def setup(self, lowered: Executable, private: bool, clock: Clock) -> Artifact:
        """Choose code parameters, commit to the weights, and prove that they are in their ranges."""
        from ...runtime.model.budget import MemoryBudget
        from ...runtime.model.choose_parameters import choose_parameters
        from ...runtime.model.masks import WeightMasks
        from ...runtime.proving.prover import CommittedWeights, prove_ranges

        model = lowered.key
        circuit = model.circuit
        circuits = [circuit] if model.signature else [circuit, model.private_circuit]
        parameters = choose_parameters(circuits, private)
        clock.start("commit")
        masks = WeightMasks.fresh(circuit, parameters)
        weights = CommittedWeights(circuit, parameters, lowered.params, masks)
        clock.start("ranges")
        known: dict[str, Any] = {
            part.name: getattr(model, part.name)
            for part in fields(LoweredModel)
            if part.name != "source"
        }
        key = VerifyingKey(
            **known,
            code=parameters.to_list(),
            weight_root=weights.root,
            range_proof=prove_ranges(circuit, parameters, weights),
        )
        budget = MemoryBudget(key)
        budget.spend()  # What the range proof opened.
        programs = lowered.program_bytes, lowered.private_program_bytes
        return Artifact(key, *programs, lowered.params, lowered.meta, weights.masks, budget)

    def prove(
        self,
        artifact: Artifact,
        given: Given,
        *,
        visibility: Visibility | None = None,
        prompt_bound: int | None = None,
        **options: Any,
    ) -> Answer | Inference:
        """See `Compiled.prove`."""
        from ...runtime.proving import answer, inference

        if isinstance(given, str):
            privacy = _privacy(visibility or inference.Visibility(), prompt_bound)
            return answer.prove(artifact, given, privacy=privacy, **options)
        return inference.prove(artifact, given, visibility, **options)

    def verify(self, key: VerifyingKey, proof: Any, **options: Any) -> Any:
        """See `runtime.verifying.verify.verify`."""
        from ...runtime.verifying.verify import verify

        return verify(key, proof, **options)


OWN = Own()


def _privacy(visibility: Visibility, prompt_bound: int | None) -> Privacy:
    """What is private of a text."""
    from ...runtime.proving.answer import Privacy

    for name in (*visibility.private, *visibility.digest):
        if name not in TEXTS:
            raise UserError(f"a language model has no {name}, only {' and '.join(TEXTS)}")
    if prompt_bound is not None and visibility.of("prompt") == "public":
        raise UserError("prompt_bound is for private prompts")
    prompt, output = (visibility.of(name) != "public" for name in TEXTS)
    return Privacy(prompt, output, prompt_bound)
