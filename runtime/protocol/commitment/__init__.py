"""Commitments: cells in slabs, rows in a code, columns in a tree."""
