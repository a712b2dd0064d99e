"""Settings that pipectl reads and does not manage."""

from __future__ import annotations

from collections.abc import Mapping


def note(settings: Mapping[str, object]) -> str | None:
    """Return a note on the settings that have a value; those with AWS's default are given without one."""
    found = ", ".join(f"{name} {value}" for name, value in settings.items() if value)
    return f"set, and not managed by pipectl: {found}" if found else None
