"""Benchmarks: `python -m bench [--write] [NAME ...]`. Each module yields sections, which `report` and `chart` draw."""

MODULES = ("startup", "calls", "critical_path", "deploy", "replay", "large", "verify", "soak", "handlers")
"""The modules that have `sections`, in the order of the page."""
