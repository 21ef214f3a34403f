"""Prompt and output, shown or behind a digest."""
