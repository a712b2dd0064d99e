"""Figures and judgements about a running pipeline: metrics, health, stream progress, pending data."""
