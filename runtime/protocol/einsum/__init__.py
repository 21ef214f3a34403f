"""Einsums and linear relations, reduced to linear claims by sumcheck."""
