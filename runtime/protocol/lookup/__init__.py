"""Lookups: every cell that is looked up is in its table (LogUp-GKR)."""
