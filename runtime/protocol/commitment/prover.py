"""Columns of a commitment at positions that are drawn after work: the prover's side."""

from __future__ import annotations

from ...kernels.blake2b import grind
from ..prover_channel import ProverChannel
from .codeword import Codeword, Committed


def draw_positions(channel: ProverChannel, count: int, bits: int, log_code: int) -> list[int]:
    """The distinct positions of ``count`` draws, in rising order, after ``bits`` bits of work."""
    nonce = grind(channel.transcript.seed(), bits)
    channel.raw("work", nonce.to_bytes(8, "little"))
    return sorted(set(channel.transcript.positions(count, 1 << log_code)))


def open_columns(channel: ProverChannel, code: Committed, positions: list[int]) -> None:
    channel.raw("columns", code.open(positions))


def query(channel: ProverChannel, code: Codeword, queries: int, bits: int, log_code: int) -> None:
    """Work, positions, columns: for a commitment that is opened at one place only."""
    open_columns(channel, code, draw_positions(channel, queries, bits, log_code))
