"""The same model under fresh masks: a new artifact whose key is linked to the old one.

Masks serve a number of proofs. A rotation commits the same integer weights under masks and salts that are
drawn anew, and proves that both commitments hold the same (`links`), so that the old model id stays
meaningful. Each rotation opens one proof's worth of columns of the old commitment. A key keeps its latest links.
"""

from __future__ import annotations

from dataclasses import replace

from ...errors import UserError
from ..model.budget import MemoryBudget
from ..model.keys import MOST_LINKS, Artifact
from ..model.links import link_subject
from ..model.masks import WeightMasks
from ..progress import Clock, Progress, Silent
from ..protocol.soundness import LEAST_BITS, security_bits
from .prover import CommittedWeights, prove_link, prove_ranges

STAGES = ("old weights", "new weights", "ranges", "link")


def rotate(artifact: Artifact, progress: Progress | None = None) -> Artifact:
    """``artifact`` under fresh masks, which nothing but its range proof and its link has used."""
    key, clock = artifact.key, Clock(progress or Silent())
    if not key.private:
        raise UserError(f"{key.source}: public weights have no masks, so there are none to renew")
    artifact.budget.require(rotating=True)
    circuit, parameters = key.circuit, key.parameters
    bits = security_bits(link_subject(circuit, parameters, key.weight_root, b"").plan)
    if bits < LEAST_BITS:
        raise UserError(f"{key.source}: a link of this model has only {bits} bits of security")
    clock.start("old weights")
    old = CommittedWeights(circuit, parameters, artifact.params, artifact.masks)
    old.check(key)
    clock.start("new weights")
    masks = WeightMasks.fresh(circuit, parameters)
    new = CommittedWeights(circuit, parameters, artifact.params, masks)
    fresh = replace(key, weight_root=new.root, source="verifying key")
    budget = MemoryBudget(fresh)
    clock.start("ranges")
    budget.spend(rotating=True)
    ranges = prove_ranges(circuit, parameters, new)
    clock.start("link")
    # Last, so that what may fail before has used nothing up.
    budget.spend(rotating=True)
    artifact.budget.spend(rotating=True)
    link = prove_link(circuit, parameters, old, new)
    clock.stop()
    links = (*key.links, (key.weight_root, link))[-MOST_LINKS:]
    return replace(
        artifact,
        key=replace(fresh, range_proof=ranges, links=links),
        masks=new.masks,
        budget=budget,
    )
