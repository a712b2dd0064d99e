"""`doctor --capture`: send one throwaway order, read everything that the commands read, and record AWS's answers.

The emulator and the simulated AWS of the tests answer as AWS is believed to answer. The record shows how it does.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipectl import __version__
from pipectl.aws.recording import SUCCESS, RecordedCall, Recording
from pipectl.aws.redaction import Redactor, leaks
from pipectl.commands.audit import audit_list, audit_show
from pipectl.commands.audit_stats import audit_stats
from pipectl.commands.logs import Search, logs
from pipectl.commands.replay_dlq import preview
from pipectl.commands.status import status
from pipectl.commands.trace import Stage, Trace, trace
from pipectl.commands.verify import verify
from pipectl.context import Context
from pipectl.errors import CancelledError, PipectlError, UsageError
from pipectl.failures.audit_table import Selection
from pipectl.json_types import JsonObject
from pipectl.resource_keys import ResourceKey

SCHEMA_VERSION = 1
LONGEST_WAIT = 180
"""Seconds. A new mapping of a real stream reads its first record after a minute or two."""
PERIOD = timedelta(hours=1)
FUNCTIONS = (ResourceKey.PROCESSOR, ResourceKey.AUDITOR)
_FINISHED = (Stage.STORED, Stage.FAILED)


@dataclass(frozen=True)
class CapturePreview:
    """An order about to be written to a table, and the file of the record."""

    table: str
    key: str
    file: Path


@dataclass(frozen=True)
class CaptureReport:
    """A written record.

    Attributes:
        file: The record.
        key: The key of the throwaway order.
        stage: Its progress when the capture ended.
        calls: Number of calls made.
        recorded: Number of calls in the record, one of each form.
        failed: The commands that could not read everything, each with the error.
        remains: What of the throwaway order could not be deleted, each with the error.
    """

    file: Path
    key: str
    stage: Stage
    calls: int
    recorded: int
    failed: Mapping[str, str]
    remains: Mapping[str, str]

    @property
    def complete(self) -> bool:
        """Return whether the order was stored and deleted, and everything was read."""
        return self.stage is Stage.STORED and not self.failed and not self.remains


def capture(
    context: Context,
    file: Path,
    confirm: Callable[[CapturePreview], None],
    *,
    bound: float = LONGEST_WAIT,
) -> CaptureReport:
    """Send a throwaway order, read everything, delete the order and its object, and write the record.

    Args:
        context: The pipeline.
        file: The record; it must not exist.
        confirm: Called before the order is sent.
        bound: Seconds to wait for the order's object.

    Raises:
        DeclinedError: the user said no; nothing was sent.
        RequirementError: a resource is missing, or is not managed by this pipeline.
        UsageError: the file exists, or cannot be written.
    """
    if file.exists():
        raise UsageError(f"{file} exists", hint="name another file")
    context.require(list(context.resources))
    key = f"pipectl-doctor-{secrets.token_hex(8)}"
    confirm(CapturePreview(context.pipeline.physical.orders_table, key, file))
    recording = Recording()
    with recording.of(context.aws):
        captured = _Capture(context, key).run(bound)
    _write(file, _document(context, key, recording.calls))
    return CaptureReport(
        file, key, captured.stage, recording.made, len(recording.calls), captured.failed, captured.remains
    )


class _Capture:
    def __init__(self, context: Context, key: str) -> None:
        self._context = context
        self._names = context.pipeline.physical
        self._key: Any = {context.config.orders_table.partition_key: {"S": key}}
        self._id = key
        self._found: Trace | None = None
        self.failed: dict[str, str] = {}
        self.remains: dict[str, str] = {}

    @property
    def stage(self) -> Stage:
        return self._found.stage if self._found else Stage.UNSEEN

    def run(self, bound: float) -> _Capture:
        """Send the order, follow it, and delete it, whatever happens in between."""
        context = self._context
        context.reporter.note("sending one order")
        context.aws.dynamodb.put_item(TableName=self._names.orders_table, Item={**self._key, "amount": {"N": "1"}})
        try:
            self._follow(bound)
            context.reporter.note("reading everything that the commands read")
            for name, read in self._reads():
                try:
                    read()
                except CancelledError:
                    raise
                except PipectlError as error:
                    self.failed[name] = error.message
        finally:
            self._delete()
        return self

    def _follow(self, bound: float) -> None:
        for _ in self._context.aws.poll("the order to be stored", bound):
            try:
                self._found = trace(self._context, self._id)
            except CancelledError:
                raise
            except PipectlError as error:
                self.failed["trace"] = error.message
                return
            if self._found.stage in _FINISHED:
                return

    def _reads(self) -> Iterator[tuple[str, Callable[[], object]]]:
        context = self._context
        now = context.aws.now()
        period = Selection(now - PERIOD, now)
        yield "status", lambda: status(context)
        yield "verify", lambda: verify(context, now - PERIOD)
        yield "logs", lambda: logs(context, Search(FUNCTIONS, now - PERIOD))
        yield "audit", lambda: self._audit(now)
        yield "replay-dlq --dry-run", lambda: preview(context, period)

    def _audit(self, now: datetime) -> None:
        audit_stats(self._context, now - PERIOD, now)
        for entry in audit_list(self._context, Selection(now - PERIOD, now)).entries[:1]:
            audit_show(self._context, entry.failure.audit_id)

    def _delete(self) -> None:
        """Delete the order, and every version of its object."""
        for name, delete in (("order", self._delete_order), ("object", self._delete_object)):
            try:
                delete()
            except PipectlError as error:
                self.remains[name] = error.message

    def _delete_order(self) -> None:
        self._context.aws.dynamodb.delete_item(TableName=self._names.orders_table, Key=self._key)

    def _delete_object(self) -> None:
        s3, bucket = self._context.aws.s3, self._names.bucket
        for event in self._found.events if self._found else ():
            if event.kind != "stored" or not event.object:
                continue
            key = event.object.removeprefix(f"s3://{bucket}/")
            owned: Any = {"Bucket": bucket, "ExpectedBucketOwner": self._context.aws.account_id}
            pages = s3.get_paginator("list_object_versions").paginate(**owned, Prefix=key)
            # a longer key can begin with this one
            found = [each for page in pages for each in page.get("Versions", []) if each["Key"] == key]
            versions: Any = [{"Key": key, "VersionId": each["VersionId"]} for each in found]
            for error in s3.delete_objects(**owned, Delete={"Objects": versions}).get("Errors", []) if versions else ():
                raise PipectlError(f"s3 DeleteObjects: {error.get('Code')}: {error.get('Message')}")


def _document(context: Context, key: str, recorded: Iterable[RecordedCall]) -> str:
    """Return the redacted record: service, operation, and its cases, which are successes and codes of errors.

    Raises:
        PipectlError: something in it could still identify the account; nothing is written then.
    """
    redactor = Redactor(_known(context, key))
    calls: dict[str, dict[str, list[JsonObject]]] = {}
    for each in sorted(recorded, key=_order):
        cases = calls.setdefault(each.call.service, {}).setdefault(each.call.operation, [])
        cases.append(_case(redactor, each))
    document = {
        "schemaVersion": SCHEMA_VERSION,
        "pipectl": __version__,
        "region": context.aws.region,
        "emulator": context.aws.endpoint_url is not None,
        "calls": calls,
    }
    text = json.dumps(document, indent=1)
    if leaks(text, [context.aws.account_id, *context.aws.secrets()]):
        raise PipectlError("the record would name the account or a credential, so it was not written", hint="report it")
    return text


def _case(redactor: Redactor, recorded: RecordedCall) -> JsonObject:
    case: JsonObject = {"case": recorded.case, "request": redactor.members(recorded.request)}
    if recorded.case == SUCCESS:
        return case | {"answer": redactor.members(recorded.answer)}
    return case | {"error": redactor.error(recorded.answer)}


def _order(recorded: RecordedCall) -> tuple[str, str, bool, str]:
    return recorded.call.service, recorded.call.operation, recorded.case != SUCCESS, recorded.case


def _known(context: Context, key: str) -> dict[str, str]:
    """Return the placeholders of the names of the pipeline, its caller and its order."""
    config, caller = context.config, context.aws.caller
    known = {resource.name: f"<{key}>" for key, resource in context.resources.items() if resource.kind != "mapping"}
    _, _, owner = caller.arn.rpartition(":")
    known |= dict.fromkeys(owner.split("/")[1:], "<caller>")
    known |= dict.fromkeys(config.tags.values(), "<tag>")
    known |= {config.project: "<project>", config.team: "<team>", key: "<order>"}
    known |= dict.fromkeys(context.aws.secrets(), "<secret>")
    return known | {caller.account_id: "<account>"}


def _write(file: Path, text: str) -> None:
    """Write a new file that no other user can read.

    Raises:
        UsageError: the file exists, or cannot be written.
    """
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(text)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}", hint="name another file") from error
