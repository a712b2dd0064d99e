"""Provision and operate a resilient event-driven pipeline on AWS."""

__version__ = "0.2.0"
