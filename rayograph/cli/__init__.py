"""The command line; ``main`` is the entry point."""

from rayograph.cli.root import main

__all__ = ["main"]
