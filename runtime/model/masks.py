"""The random cells beside the committed weights: mask cells in every row, and salts of the leaves.

A codeword column of the weights is opened at a few random positions in each proof. As long as the distinct
positions of all proofs are no more than the mask cells of a row, what they show is uniform and tells
nothing about the weights; `budget` counts them. Masks are secrets of the prover like the weights themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..circuit.extents import Shape
from ..circuit.layout import pieces
from ..circuit.relations import Circuit
from ..protocol.commitment.merkle import SALT_WORDS
from ..protocol.parameters import Parameters
from ..protocol.plan import place
from ..randomness import Randomness


@dataclass(frozen=True)
class WeightMasks:
    """``cells`` (rows, mask columns) and ``salts`` (words, codeword length), of F.

    ``tree``, if known, is the hash tree of the weights under them, (4, n) words from leaves to root.
    """

    cells: np.ndarray
    salts: np.ndarray
    tree: Sequence[np.ndarray] | None = None

    @staticmethod
    def shapes(circuit: Circuit, p: Parameters) -> tuple[tuple[int, ...], tuple[int, ...]]:
        params = circuit.home("param")
        tensors = ((c.name, pieces(circuit.sizes(c, Shape()))) for c in params)
        _, slabs = place(tensors, p.data_columns, p.row_bits)
        rows = sum(1 << bits for bits in slabs)
        return (rows, p.mask_columns), (SALT_WORDS, 1 << p.log_code)

    @staticmethod
    def fresh(circuit: Circuit, parameters: Parameters) -> WeightMasks:
        """Drawn from the operating system if the parameters say that weights are hidden, else zero."""
        randomness = Randomness(bool(parameters.hiding))
        cells, salts = WeightMasks.shapes(circuit, parameters)
        return WeightMasks(randomness.elements(*cells), randomness.elements(*salts))
