"""Targets of `compile`: proof systems, ours, the reference, and those of other packages (`target`)."""
