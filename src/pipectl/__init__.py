"""Create and operate an event-driven pipeline on AWS."""

__version__ = "0.3.0"
