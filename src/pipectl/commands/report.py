"""`report`: everything that is known about a pipeline, for one page."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from secrets import token_hex

from pipectl.commands.audit_stats import FailureCounts, counted, with_causes
from pipectl.commands.status import StatusReport, read_status
from pipectl.config.models import Config
from pipectl.config.names import Names
from pipectl.context import Context
from pipectl.engine.model import Observation
from pipectl.errors import AwsError, SavedFilesError
from pipectl.monitoring.unresolved import Unresolved
from pipectl.policy_document import statements
from pipectl.resource_keys import ResourceKey

MARKER = b'<meta name="generator" content="pipectl">'
"""Stands at the beginning of each report, so that another file is not overwritten by mistake."""
_BEGINNING = 1000
"""Bytes of a file in which the marker is looked for."""


@dataclass(frozen=True)
class Permissions:
    """The policies of a resource, as AWS reports them.

    Attributes:
        resource: Its key.
        kind: Its kind.
        name: Its physical name.
        policies: The statements of each policy, by the name of the policy; of a resource policy by ``policy``, of a
            function's by the version or alias that it is for.
        attached: The ARNs of managed policies that are attached to a role.
    """

    resource: str
    kind: str
    name: str
    policies: Mapping[str, Sequence[object]]
    attached: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """A pipeline with its health, its failures and its policies.

    Attributes:
        config: The config.
        names: The names and ARNs of its resources.
        file: The config file.
        local: The pipeline is on the local emulator.
        status: The report of `status`.
        counts: The failures of the period; ``None`` where they cannot be read.
        permissions: The policies of the resources that could be read, in the order of the resources.
        problems: Reasons why failures or their causes could not be read.
    """

    config: Config
    names: Names
    file: Path
    local: bool
    status: StatusReport
    counts: FailureCounts | None
    permissions: tuple[Permissions, ...]
    problems: tuple[str, ...] = ()


def report(context: Context, since: datetime) -> Report:
    """Read everything that the page shows. Reads only.

    What cannot be read is named in the report. Failures are counted since ``since``; the unresolved ones have any age.
    """
    context.reporter.step("reading the resources")
    status, observed = read_status(context)
    counts, problems = _counts(context, status.health.unresolved, since)
    return Report(
        context.config,
        context.pipeline.names,
        context.file,
        context.local,
        status,
        counts,
        tuple(_permissions(context, observed)),
        problems,
    )


def _counts(
    context: Context, unresolved: Unresolved | None, since: datetime
) -> tuple[FailureCounts | None, tuple[str, ...]]:
    """Count the failures of the period. Without an audit table that can be read there are no counts."""
    if unresolved is None:  # the check of the unresolved failures says why
        return None, ()
    context.reporter.step("counting failures")
    try:
        return with_causes(context, counted(context, since), unresolved.explanations)
    except AwsError as error:
        return None, (error.message,)


def _permissions(context: Context, observed: Mapping[str, Observation | None]) -> Iterator[Permissions]:
    for key, found in observed.items():
        if found is None:
            continue
        resource, policies = context.resources[key], dict(_policies(key, found))
        if policies:
            attached = tuple(map(str, found.attributes.get("attached_policies") or ()))
            yield Permissions(key, resource.kind, resource.name, policies, attached)


def _policies(key: str, found: Observation) -> Iterator[tuple[str, Sequence[object]]]:
    if key in (ResourceKey.PROCESSOR_ROLE, ResourceKey.AUDITOR_ROLE):
        yield "trust", found.attributes.get("trust") or ()
        yield from (found.attributes.get("policies") or {}).items()
    elif key in (ResourceKey.BUCKET, ResourceKey.DEAD_LETTER_QUEUE):
        yield "policy", found.attributes.get("policy") or ()
    elif key in (ResourceKey.PROCESSOR, ResourceKey.AUDITOR):
        policies = found.unmanaged.get("resource_policies") or {"policy": []}
        yield from ((name, statements(policy)) for name, policy in policies.items())


def require_writable(file: Path) -> None:
    """Check that a report can be written to a file, before anything is read.

    Raises:
        SavedFilesError: it cannot be written, or is another file than a report.
    """
    try:
        found = file.lstat()
    except FileNotFoundError:
        if not file.parent.is_dir():
            raise SavedFilesError(f"cannot write {file}: no folder {file.parent}", hint="create the folder") from None
        _require_writable_folder(file)
        return
    except OSError as error:
        raise _not_written(file, error) from error
    if stat.S_ISDIR(found.st_mode):
        raise SavedFilesError(f"cannot write {file}: it is a folder", hint="name a file in it, such as report.html")
    if not stat.S_ISREG(found.st_mode):
        kind = "a link" if stat.S_ISLNK(found.st_mode) else "not a regular file"
        raise SavedFilesError(f"cannot write {file}: it is {kind}", hint="name a file; `-` is stdout")
    if found.st_size and not _is_report(file):
        raise SavedFilesError(
            f"{file} exists and is not a report of pipectl. It was not overwritten.",
            hint="choose another file, or delete this one",
        )
    _require_writable_folder(file)


def _require_writable_folder(file: Path) -> None:
    """Check the folder of a report, in which a new file takes the place of a former report."""
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise SavedFilesError(f"cannot write {file}: no permission", hint="choose another file for --html")


def _is_report(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return MARKER in opened.read(_BEGINNING)
    except OSError as error:
        raise _not_written(file, error) from error


def write(file: Path, text: str) -> None:
    """Write a report, whole or not at all. A former report is replaced; its permissions are kept.

    Raises:
        SavedFilesError: it cannot be written.
    """
    require_writable(file)
    partial = file.with_name(f".pipectl-{token_hex(8)}.partial")
    try:
        mode = stat.S_IMODE(file.lstat().st_mode) if file.exists() else None
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as opened:
            try:
                if mode is not None:
                    partial.chmod(mode)
                opened.write(text.encode("utf-8", errors="replace"))
                opened.flush()
                os.fsync(opened.fileno())
                partial.replace(file)
            except BaseException:
                partial.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise _not_written(file, error) from error


def _not_written(file: Path, error: OSError) -> SavedFilesError:
    return SavedFilesError(f"cannot write {file}: {error.strerror or error}", hint="choose another file for --html")
