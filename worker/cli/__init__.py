"""The `kadr` command."""

from worker.cli.main import build, main

__all__ = ["build", "main"]
