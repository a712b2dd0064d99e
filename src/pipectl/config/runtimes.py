"""The known Lambda runtimes, with AWS's dates of deprecation.

Source: "Lambda runtimes" in the AWS Lambda Developer Guide. A release of pipectl updates this table. Only the caller
knows today's date.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

NOTICE = timedelta(days=183)
"""The warning period before a runtime is deprecated."""


@dataclass(frozen=True)
class Runtime:
    """A managed runtime.

    ``deprecated`` is the day on which AWS stops patching it, ``None`` when AWS has announced none. ``supported`` is
    true when pipectl's handlers run on it.
    """

    name: str
    language: str
    deprecated: date | None
    supported: bool = True

    def ends_soon(self, today: date) -> bool:
        return self.deprecated is not None and self.deprecated - today < NOTICE


RUNTIMES = {
    runtime.name: runtime
    for runtime in (
        Runtime("nodejs18.x", "nodejs", date(2025, 9, 1), supported=False),
        Runtime("nodejs20.x", "nodejs", date(2026, 4, 30), supported=False),
        Runtime("nodejs22.x", "nodejs", date(2027, 4, 30)),
        Runtime("nodejs24.x", "nodejs", date(2028, 4, 30)),
        Runtime("nodejs26.x", "nodejs", None),
        Runtime("python3.9", "python", date(2025, 12, 15), supported=False),
        Runtime("python3.10", "python", date(2026, 10, 31), supported=False),
        Runtime("python3.11", "python", date(2027, 6, 30)),
        Runtime("python3.12", "python", date(2028, 10, 31)),
        Runtime("python3.13", "python", date(2029, 6, 30)),
        Runtime("python3.14", "python", date(2029, 6, 30)),
        Runtime("python3.15", "python", None),
    )
}


def supported() -> list[str]:
    """Return the names of supported runtimes, by language and version."""
    return [name for name, runtime in RUNTIMES.items() if runtime.supported]


def newest(language: str) -> str:
    """Return the name of a language's newest runtime for which AWS has announced dates."""
    return [name for name, runtime in RUNTIMES.items() if runtime.language == language and runtime.deprecated][-1]
