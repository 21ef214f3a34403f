"""``python -m zklemma`` is the command."""

from .tools.cli import main

main()
