"""The command line: parse, call one command, render, exit code."""

from pipectl.cli import failures, operate, pipeline  # registers the commands
from pipectl.cli.root import main

__all__ = ["failures", "main", "operate", "pipeline"]
