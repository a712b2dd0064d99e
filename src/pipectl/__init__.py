"""Provision and operate a resilient event-driven pipeline on AWS."""

__version__ = "0.3.0"
