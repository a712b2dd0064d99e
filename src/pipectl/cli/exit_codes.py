"""Exit codes beyond those of the errors (`pipectl.errors`): 0 done, 1 failed or refused, 2 usage, 130 interrupted."""

from __future__ import annotations

CHANGES_PENDING = 3
"""Changes are pending, or something is not healthy; only with ``--exit-code``."""
UNCERTAIN = 3
"""Nothing is known to be lost, but not everything could be checked."""
PARTLY_DONE = 4
"""Failures are left behind, or records are lost."""
