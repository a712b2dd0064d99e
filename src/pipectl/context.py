"""What every command is given, and what it tells while it works."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from pipectl.aws.client import Aws
from pipectl.config.models import Config
from pipectl.engine.executor import Walked
from pipectl.engine.model import Change, Facts, Observation, Resource
from pipectl.engine.planner import is_ours, observe
from pipectl.errors import CancelledError, IncompleteError, PipectlError
from pipectl.pipeline import Pipeline


class Reporter(Protocol):
    """Progress, for people; the result of a command goes another way."""

    def started(self, change: Change) -> None: ...

    def finished(self, change: Change, seconds: float) -> None: ...

    def failed(self, change: Change, error: PipectlError) -> None: ...

    def note(self, text: str) -> None: ...


Confirm = Callable[[Sequence[Change]], None]
"""Shows the changes and asks: returns on yes; `DeclinedError` on no, `UsageError` where nobody can answer."""


@dataclass
class Context:
    """A config, the AWS it is about, and somebody to report to."""

    config: Config
    file: Path
    aws: Aws
    reporter: Reporter
    cancel: Callable[[], None] = field(default=lambda: None)

    @cached_property
    def pipeline(self) -> Pipeline:
        """The system; refuses a wrong account before anything else is asked."""
        self.aws.require_account(self.config.account_id)
        return Pipeline(self.config, self.file, self.aws)

    @cached_property
    def resources(self) -> dict[str, Resource]:
        return self.pipeline.resources()

    def observe(self, keys: Collection[str] | None = None) -> dict[str, Observation | None]:
        """What AWS shows of these resources, of all of them unless told."""
        wanted = self.resources if keys is None else {key: self.resources[key] for key in keys}
        return observe(wanted, self.aws.pauses, self.cancel)

    def ours(self, observed: Mapping[str, Observation | None]) -> dict[str, Observation]:
        """Of what was observed, what is there and is ours."""
        ownership = self.pipeline.ownership
        return {key: found for key, found in observed.items() if found and is_ours(found, ownership)}

    def facts(self, observed: Mapping[str, Observation | None]) -> dict[str, Facts]:
        """Of what was observed, the facts of what is there and is ours."""
        return {key: found.facts for key, found in self.ours(observed).items()}

    def require(self, keys: Collection[str], or_absent: Collection[str] = ()) -> dict[str, Observation]:
        """The resources that a command works with, as they are; those of ``or_absent`` need not be there.

        Raises:
            PipectlError: one of them is not there, or is not ours.
        """
        observed = self.observe([*keys, *or_absent])
        ours = self.ours(observed)
        lacking = [key for key in observed if key not in ours and (key in keys or observed[key])]
        if missing := [unusable(self.resources[key], observed[key]) for key in lacking]:
            raise PipectlError(f"not there, or not ours: {', '.join(missing)}", hint="`pipectl up` makes the pipeline")
        return ours

    def around(self, change: Change, work: Callable[[], Facts]) -> Facts:
        """Do one change and report how it went."""
        start = self.aws.clock.monotonic()
        self.reporter.started(change)
        try:
            facts = work()
        except PipectlError as error:
            self.reporter.failed(change, error)
            raise
        self.reporter.finished(change, self.aws.clock.monotonic() - start)
        return facts


def unusable(resource: Resource, found: Observation | None) -> str:
    """Its name, and why it cannot be ours where something says so."""
    return f"{resource.key} ({resource.name}{f' {found.foreign}' if found and found.foreign else ''})"


def raise_if_incomplete(walked: Walked[Any], done: int, command: str) -> None:
    """One error for all that went wrong; an interrupted walk is one even where all came to its end.

    Raises:
        CancelledError: the user interrupted.
        PipectlError: the one error there was.
        IncompleteError: there were several.
    """
    failed, blocked = walked.failed, walked.blocked
    if not failed and not walked.interrupted:
        return
    hint = f"what is done stays; `pipectl {command}` goes on from here"
    if walked.interrupted or any(isinstance(error, CancelledError) for error in failed.values()):
        unfinished = ", ".join(sorted(failed.keys() | blocked.keys())) or "nothing"
        raise CancelledError(f"interrupted: {done} resources done, not done: {unfinished}", hint=hint)
    if len(failed) == 1 and not blocked:
        raise next(iter(failed.values()))
    lines = [f"{key}: {error.message}" for key, error in sorted(failed.items())]
    lines += [f"{key}: not begun, it needs {', '.join(sorted(needs))}" for key, needs in sorted(blocked.items())]
    hints = {error.hint for error in failed.values() if error.hint}
    raise IncompleteError(
        "\n".join(["some resources failed:", *lines]), dict(failed), hint="; ".join([*sorted(hints), hint])
    )
