"""The Lambda runtimes that pipectl knows, with AWS's dates.

Source: "Lambda runtimes" in the AWS Lambda Developer Guide. A release of pipectl moves this table; nothing here is
computed from today's date except by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

NOTICE = timedelta(days=183)
"""How long before a runtime's end its users are told."""


@dataclass(frozen=True)
class Runtime:
    """One managed runtime.

    ``deprecated`` is the day AWS stops patching it, ``None`` while AWS has announced none. ``supported`` says whether
    pipectl's handlers are written for its language and version.
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
    """The names that the config may use, by language and version."""
    return [name for name, runtime in RUNTIMES.items() if runtime.supported]


def newest(language: str) -> str:
    """The newest runtime of a language."""
    return [name for name, runtime in RUNTIMES.items() if runtime.language == language][-1]
