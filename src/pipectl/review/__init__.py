"""Reviewed changes: their risks, the lines of code that differ, and the id of a plan."""
