"""The state of a running pipeline: metrics, health, stream progress, unprocessed data."""
