"""Provision and operate a resilient event-driven pipeline on AWS."""

from importlib.metadata import version

__version__ = version("pipectl")
