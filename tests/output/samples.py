"""A result of every command, with a given text wherever data come from AWS, from files or from the environment."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from pipectl.aws.stream_records import Cause
from pipectl.aws.tagged import TaggedResource
from pipectl.commands.audit import (
    AuditDetail,
    AuditEntry,
    AuditPage,
    AuditSummary,
    ExpiryClock,
    FoundRecord,
    Origin,
)
from pipectl.commands.audit_resolve import ResolvedFailure
from pipectl.commands.audit_stats import AuditStats, CauseCount
from pipectl.commands.capture import CapturePreview, CaptureReport
from pipectl.commands.config import PackageSummary
from pipectl.commands.demo import DemoReport
from pipectl.commands.down import DownPreview, DownReport
from pipectl.commands.init import InitReport
from pipectl.commands.list import ListedPipeline, ListReport
from pipectl.commands.logs import LogReport, SearchedFailure
from pipectl.commands.logs import Search as LogSearch
from pipectl.commands.pause import PauseReport
from pipectl.commands.permissions import Published
from pipectl.commands.plan import PlanReport
from pipectl.commands.replay_dlq import IncompleteSave, Preview, SaveReport
from pipectl.commands.rollback import Rollback
from pipectl.commands.template import Template
from pipectl.commands.trace import Proof, Stage, Trace, TracedFailure
from pipectl.commands.up import UpReport
from pipectl.commands.up_watch import Deployment
from pipectl.commands.verify import VerifyReport
from pipectl.config.layers import Place
from pipectl.diagnosis import Diagnosis, failed, ok, problem, warning
from pipectl.diagnosis import Finding as Diagnosed
from pipectl.engine.model import UNKNOWN, Action, Change, Contents, Delta, RefusalKind
from pipectl.errors import (
    AccessDeniedError,
    AwsError,
    CancelledError,
    ConfigError,
    DataLossError,
    DeclinedError,
    IncompleteError,
    PipectlError,
    PlanChangedError,
    Problem,
    RefusedError,
    SavedFilesError,
)
from pipectl.failures.audit_table import Selection
from pipectl.failures.errors import NoSuchOrderError
from pipectl.failures.explanation import Explained, Explanation, FailedOrder, Safety, grouped
from pipectl.failures.model import FailedRecord, Failure, SequenceNumber
from pipectl.failures.order_events import TraceEvent
from pipectl.failures.outcomes import DoneFailure, ReplayReport
from pipectl.failures.processor_logs import Excerpt
from pipectl.failures.replay_preview import ProcessorVersions, RecordPlaces
from pipectl.failures.resolution import Resolution
from pipectl.failures.status import UNRESOLVED, ReplayStatus
from pipectl.failures.suspect_deploy import SuspectDeploy
from pipectl.failures.verification import LostRecord
from pipectl.local.home import LocalEmulator
from pipectl.monitoring.log_reader import LogLine
from pipectl.monitoring.pending_data import Loss, Resume
from pipectl.orphans import Orphan, Search
from pipectl.output import (
    audit,
    audit_show,
    audit_stats,
    capture,
    changes,
    config,
    demo,
    doctor,
    down,
    init,
    local,
    logs,
    outputs,
    pause,
    permissions,
    plan,
    replay_dlq,
    resume,
    rollback,
    template,
    trace,
    up,
    up_watch,
    verify,
)
from pipectl.output import list as list_
from pipectl.output.console import Screen
from pipectl.pause_tags import Pause
from pipectl.resources.versions import Version
from pipectl.review.code import NO_NEWLINE
from pipectl.review.model import CodeChange, FileAction, FileChange, PackageChange, Review
from tests.output.report_samples import report_samples
from tests.output.send_samples import send_samples
from tests.output.status_samples import status_samples

Sample: TypeAlias = Callable[[Screen], object]

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
NUMBER = SequenceNumber(111, "000000000000000000111")


def samples(text: str) -> dict[str, Sample]:
    """Return a call for each screen that prints it, with ``text`` as the data."""
    return {
        **_pipeline(text),
        **_failures(text),
        **report_samples(text),
        **_operation(text),
        **_diagnosis(text),
        **{name: partial(Screen.error, error=error) for name, error in _errors(text).items()},
    }


def samples_of(*words: str) -> dict[str, Sample]:
    """Return the samples whose names begin with one of the words, such as a command, with a fixed text as the data."""
    return {name: show for name, show in samples("DATA").items() if name.split()[0] in words}


def _changes(text: str) -> tuple[Change, ...]:
    return (
        Change("processor-role", "role", f"dev-role-{text}", Action.CREATE, {"arn": Delta(None, UNKNOWN)}),
        Change(
            "orders-table",
            "table",
            f"dev-table-{text}",
            Action.UPDATE,
            {"tags": Delta({text: text}, {"Team": "backend"}), "stream": Delta(text, None)},
            reason=f"on-demand; {text}",
        ),
        Change("errors-alarm", "alarm", "dev-alarm", Action.REPLACE, {"threshold": Delta(5, 3)}),
        Change("bucket", "bucket", text, Action.REFUSE, {}, reason=f"tags: {text}", refusal=RefusalKind.NOT_MANAGED),
        Change("auditor", "function", "dev-auditor", Action.KEEP, reason=f"paused by {text}"),
        Change("queue-mapping", "mapping", "dev-mapping", Action.DELETE),
    )


def _new_code(text: str) -> Change:
    new = Delta(text, "bmV3")
    deltas = {"code_sha256": new, "live.code_sha256": new, "live.memory": Delta(256, 512)}
    return Change("processor", "function", "dev-processor", Action.UPDATE, deltas, reason=f"rolled back by {text}")


def _code(text: str) -> PlanReport:
    lines = ("@@ -1,3 +1,3 @@", f" equal {text}", f"-old {text}", f"+new {text}", NO_NEWLINE)
    files = (
        FileChange("handler.py", FileAction.CHANGED, 1, 1, lines=lines, sizes=(20, 21)),
        FileChange(text, FileAction.ADDED, 2, lines=("@@ -0,0 +1,2 @@", "+a", "+b"), sizes=(None, 4)),
        FileChange("data.bin", FileAction.REMOVED, binary=True, sizes=(1024, None)),
    )
    change = _new_code(text)
    packages = (PackageChange(text, "1.0", "2.0", 40), PackageChange("numpy", None, text, 900))
    found = (
        CodeChange(files),
        CodeChange(files[:1], packages),
        CodeChange(),
        CodeChange(problem=text),
        CodeChange(files[1:2], new=True),
    )
    return PlanReport(tuple(Review(change, code=code) for code in found), {})


def _pipeline(text: str) -> dict[str, Sample]:
    made = _changes(text)
    names = {"OrdersTableName": text, "DeadLetterQueueUrl": "https://sqs/queue"}
    policy: Any = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": text}]}
    policies = {
        "processor": Published(f"role-{text}", (), policy),
        "reader": Published(None, ("plan", "status"), policy),
    }
    losses = (
        Loss("orders-table", Contents(66), unread=f"records wait: {text}"),
        Loss("bucket", Contents(1000, more=True)),
        Loss("audit-table", unreadable=text),
    )
    resumed = Resume(NOON, f"paused by {text}")
    planned = PlanReport(tuple(map(Review, made)), names)
    applicable = PlanReport(planned.reviews[:1], names, "3f2a91c07b4e", "up --plan 3f2a91c07b4e --adopt bucket")
    changed = PlanChangedError(f"the plan has changed: {text}")
    changed.report = applicable
    packages = {"processor": PackageSummary(1234, "c2hh")}
    described = Template({"Description": text, "Resources": {text: {"Type": text}}}, {f"{text}.zip": b""}, Path(text))
    return {
        "plan": partial(plan.result, report=planned),
        "plan new code": partial(plan.result, report=PlanReport((Review(_new_code(text)),), names)),
        "plan code": partial(plan.result, report=_code(text), code=True),
        "plan with an id": partial(plan.result, report=applicable),
        "plan orphans": partial(plan.result, report=replace(applicable, orphans=Search(_orphans(text)))),
        "plan without orphans": partial(plan.result, report=replace(applicable, orphans=Search(problem=text))),
        "plan refused": partial(plan.refused, report=planned),
        "up": partial(up.result, report=UpReport(made, names)),
        "up orphans": partial(up.result, report=UpReport(made, names, orphans=_orphans(text))),
        "up nothing": partial(up.result, report=UpReport(made[4:5], names)),
        "up catching up": partial(up.result, report=UpReport(made[4:5], names, catching_up=True)),
        "up of a changed plan": partial(up.incomplete, error=changed),
        "up asked": partial(changes.before_asking, report=planned),
        "up not asked": partial(changes.notes, report=planned),
        **{f"up watch {name}": partial(up_watch.deployed, deployment=it) for name, it in _deployments(text).items()},
        "down": partial(down.result, report=DownReport(made, losses, resumed)),
        "down asked": partial(
            down.preview,
            account_id="123456789012",
            region="us-east-1",
            preview=DownPreview(text, made, losses, protected=True),
        ),
        "down orphans asked": partial(
            down.preview,
            account_id="123456789012",
            region="us-east-1",
            preview=DownPreview(
                text, made, losses, protected=False, teams=(text,), orphans=True, missing=("processor", "bucket")
            ),
        ),
        "down orphans": partial(down.result, report=DownReport(made, orphans=_orphans(text))),
        "down nothing": partial(down.result, report=DownReport(())),
        **send_samples(text),
        **status_samples(text),
        **_listed(text),
        "outputs": partial(outputs.result, outputs=names),
        "permissions": partial(permissions.listing, policies=policies),
        "permissions reader": partial(permissions.document, policies=policies, name="reader"),
        "template": partial(template.result, template=described),
        "config check": partial(config.checked, files=[Path(text), Path(text)], packages=packages),
        "config show": partial(
            config.shown,
            config={"environment": text, "tags": {text: text}},
            places={("environment",): Place(Path(text), 2)},
        ),
    }


def _deployments(text: str) -> dict[str, Deployment]:
    changed, *_ = _code(text).reviews
    made = (changed.change, replace(_changes(text)[1], reason=None), *_changes(text)[4:5])
    question = RefusedError(f"{text} has a new risk", hint="run `pipectl up`", resources=(text,))
    question.report = PlanReport((changed,), {})
    code = {"processor": changed.code or CodeChange()}
    done = Deployment(NOON, 0.94, (Path(text),), UpReport(made, {}), code)
    done = replace(done, remarks={"processor": f"rolled back by {text}"}, warnings=(("auditor", f"{text}: too large"),))
    nothing = replace(done, report=UpReport(made[2:], {}), code={}, remarks={}, warnings=())
    refused = replace(nothing, report=None)
    return {
        "code": done,
        "nothing": nothing,
        "config": replace(refused, error=_errors(text)["error of the config"]),
        "question": replace(refused, error=question),
        "partly": replace(done, error=_errors(text)["error"]),
    }


def _orphans(text: str) -> tuple[Orphan, ...]:
    return (
        Orphan("table", text, "arn:aws:dynamodb:us-east-1:123456789012:table/t", team=text),
        Orphan(
            "mapping", f"{text} -> f", "arn:aws:lambda:us-east-1:123456789012:event-source-mapping:m", processes=True
        ),
        Orphan("queue", text, "arn:aws:sqs:us-east-1:123456789012:q", unreadable="sqs:GetQueueUrl"),
    )


def _listed(text: str) -> dict[str, Sample]:
    arn = f"arn:aws:sqs:us-east-1:123456789012:{text}"
    queue = TaggedResource(arn, "sqs", "queue", f"queue-{text}", {text: text, "ManagedBy": "pipectl"})
    orphan = Orphan("queue", text, arn, f"backend-{text}")
    other = replace(queue, arn=text, service="", kind=None, name=text)
    listed = (
        ListedPipeline("dev", text, {"backend": 1}, (Path("config/dev.yaml"),), (queue,), problem=text),
        ListedPipeline(
            "prod",
            "orders",
            {f"backend-{text}": 2, "": 1},
            (Path("config/prod.yaml"),),
            (queue, other, queue),
            (orphan, replace(orphan, team=None), replace(orphan, unreadable=text)),
        ),
        ListedPipeline("test", "orders", {"backend": 1}, (Path("config/test.yaml"),), (queue,), ()),
        ListedPipeline(None, text, {text: 8}, (), (other,) * 8),
    )
    several = replace(listed[1], configs=(Path("a.yaml"), Path("b.yaml")))
    report = ListReport("123456789012", "us-east-1", listed, Path("config/dev.yaml"), (Path(text), Path("b.yaml")))
    nothing = replace(report, pipelines=(), invalid_configs=())
    return {
        "list": partial(list_.result, report=report),
        "list several configs": partial(list_.result, report=replace(nothing, pipelines=(several,))),
        "list nothing": partial(list_.result, report=nothing),
        "list nothing without a config": partial(list_.result, report=replace(nothing, config=None)),
    }


def _entry(
    item: dict[str, object],
    orders: tuple[FailedOrder, ...],
    reason: str | None,
    safety: Safety,
    clock: ExpiryClock,
    *,
    at_most: bool = False,
) -> AuditEntry:
    until = NOON + HOUR if safety is Safety.STREAM else None
    explanation = Explanation(Failure(item), orders, reason, at_most, safety, until, 12 if at_most else None)
    return AuditEntry(explanation, clock)


def _failures(text: str) -> dict[str, Sample]:
    item = {
        "auditId": f"id-{text}",
        "timestamp": text,
        "failureType": text,
        "replayStatus": "FAILED",
        "approximateInvokeCount": Decimal(4),
        "stream": {"arn": text, "batchSize": Decimal("1.5")},
        "message": {"body": text, "attributes": {text: text}},
    }
    clock = ExpiryClock(NOON, NOON + HOUR, expiring=True, expired=False)
    cause = Cause(f"InvalidOrderError: {text}", NOON, text, text)
    order = FailedOrder(NUMBER, text, f"InvalidOrderError: {text}", cause, quarantined=True, url=f"s3://{text}")
    entry = _entry(item, (order,), f"InvalidOrderError: {text}", Safety.QUARANTINED, clock)
    opened = {**item, "replayStatus": "OPEN", "timestamp": "2026-01-31T11:45:00.000Z"}
    fresh = _entry(opened, (order, order), None, Safety.STREAM, ExpiryClock(NOON, NOON, False, False), at_most=True)
    never = replace(_entry(opened, (), text, Safety.UNKNOWN, clock), unreplayable=f"its records: {text}")
    closed = {"replayStatus": "RESOLVED", "resolvedBy": text, "resolvedReason": text}
    resolved = _entry({**item, **closed}, (order,), text, Safety.GONE, clock)
    entries = (entry, fresh, never, resolved)
    causes = tuple(grouped(each.explanation for each in entries))
    summary = AuditSummary(4, False, NOON - HOUR, NOON, causes)
    listed = AuditPage(
        entries, "dG9rZW4", NOON, summary, unexplained=7, problems=(text,), deploy=SuspectDeploy("2", NOON - HOUR)
    )
    excerpt = Excerpt((f"record failed: {text}", text))
    keys = {"orderId": {"S": text}}
    record: Any = {"eventID": text, "eventName": "INSERT", "dynamodb": {"Keys": keys, "SequenceNumber": NUMBER.text}}
    found = (FoundRecord(NUMBER, Origin.STREAM, record), FoundRecord(NUMBER, Origin.GONE, None))
    failed = FailedRecord(NUMBER, keys, f"InvalidOrderError: {text}")
    lost = LostRecord(text, text, NUMBER, "INSERT", text, keys, NOON, text)
    report = ReplayReport(
        {"REPLAYED": 2, "FAILED": 1},
        41,
        1,
        (failed,),
        (NUMBER,),
        (f"id-{text}: {text}",),
        claimed_elsewhere=1,
        done_elsewhere=2,
        unreplayable=1,
        audited=2,
        left_ids=("e767182" + "0" * 25,),
        beyond=70,
    )
    resolution = Resolution(NOON, text, text)
    preview = _replay_preview(text)
    saved = SaveReport(2, 3, (IncompleteSave(f"id-{text}", text),), 1)
    checked = VerifyReport(NOON, NOON - HOUR, 10, 7, 1, 1, 1, (lost,), 2, 0, (failed,), (f"shard-{text}",))
    uncertain = VerifyReport(NOON, NOON - HOUR, 3, 2, 0, 1, 0, (), 0, assumed=("a", "b"), uncertain=text)
    return {
        "audit list": partial(audit.page, found=listed, selection=Selection(NOON), limit=20),
        "audit list nothing": partial(
            audit.page, found=AuditPage((), None, NOON), selection=Selection(statuses=UNRESOLVED), limit=20
        ),
        "audit list next page": partial(
            audit.page, found=AuditPage((entry,), None, NOON), selection=Selection(statuses=UNRESOLVED), limit=20
        ),
        "audit show": partial(
            audit_show.details,
            found=[AuditDetail(each, NOON, excerpt if each is entry else None, (text,)) for each in entries],
        ),
        "audit show full": partial(
            audit_show.details,
            found=[
                AuditDetail(fresh, NOON, Excerpt(problem=text), (), found, True, text, SuspectDeploy("2", NOON - HOUR))
            ],
            full=True,
        ),
        "audit resolve": partial(
            audit.resolved, found=[ResolvedFailure(text, text, ReplayStatus.RESOLVED, resolution)]
        ),
        "audit resolve undo": partial(audit.resolved, found=[ResolvedFailure(text, text, ReplayStatus.PARTIAL, None)]),
        "audit resolve asked": partial(audit_show.before_asking, found=[entry, fresh, never]),
        **_stats(text),
        "replay-dlq": partial(replay_dlq.result, report=report),
        "replay-dlq nothing": partial(replay_dlq.result, report=ReplayReport()),
        "replay-dlq in flight": partial(replay_dlq.result, report=ReplayReport(waiting=3)),
        "replay-dlq dry run in flight": partial(replay_dlq.preview, found=Preview(NOON, in_flight=1)),
        "replay-dlq done": partial(replay_dlq.result, report=ReplayReport(done=preview.done)),
        "replay-dlq all": partial(replay_dlq.result, report=ReplayReport({"REPLAYED": 3}, 3, beyond=70)),
        "replay-dlq dry run expired": partial(replay_dlq.preview, found=_expired_to_replay(preview)),
        "replay-dlq dry run few": partial(replay_dlq.preview, found=_few_to_replay(preview)),
        "replay-dlq dry run done": partial(replay_dlq.preview, found=Preview(NOON, done=preview.done)),
        "replay-dlq dry run folder": partial(replay_dlq.preview, found=replace(preview, source=Path(text))),
        "replay-dlq dry run": partial(replay_dlq.preview, found=preview),
        "replay-dlq asked": partial(replay_dlq.before_asking, found=preview),
        "replay-dlq save": partial(replay_dlq.saved, report=saved, folder=Path(text)),
        "verify": partial(verify.result, report=checked),
        "verify uncertain": partial(verify.result, report=uncertain),
        "verify repaired": partial(verify.result, report=checked, asked=True),
        "verify asked": partial(verify.before_asking, report=checked),
    }


def _stats(text: str) -> dict[str, Sample]:
    types = {"RetryAttemptsExhausted": 29, text: 1}
    hours = {"2026-01-31T11:00:00Z": {"RetryAttemptsExhausted": 1}, "2026-01-31T09:00:00Z": {**types, "Other": 10}}
    by_hour = AuditStats(
        since=NOON - 24 * HOUR,
        until=None,
        read_at=NOON,
        total=41,
        by_type={**types, "Other": 10},
        by_status={"OPEN": 30, "REPLAYED": 10, "EXPIRED": 1},
        by_day={"2026-01-31": {**types, "Other": 11}},
        by_hour=hours,
        by_cause=(CauseCount(f"InvalidOrderError: {text}", 30), CauseCount("no reason found", 11)),
        explained=41,
        unresolved=33,
        oldest_unresolved="2026-01-28T12:00:00.000Z",
        problems=(text,),
    )
    days = {"2026-01-31": types, "2026-01-28": {"Other": 1000}, text: {"Other": 1}}
    by_day = replace(by_hour, since=NOON - 168 * HOUR, until=NOON, total=1031, by_day=days, by_hour={}, problems=())
    nothing = replace(by_hour, total=0, by_type={}, by_status={}, by_day={}, by_hour={}, by_cause=(), problems=())
    return {
        "audit stats": partial(audit_stats.result, found=by_hour),
        "audit stats by day": partial(audit_stats.result, found=by_day),
        "audit stats nothing": partial(audit_stats.result, found=nothing),
        "audit stats nothing at all": partial(
            audit_stats.result, found=replace(nothing, unresolved=0, oldest_unresolved=None)
        ),
    }


def _replay_preview(text: str) -> Preview:
    """Return a preview of failures of two causes, whose records are in all places."""
    stream = {"arn": "/stream/", "shardId": text, "startSequenceNumber": NUMBER.text, "endSequenceNumber": NUMBER.text}
    failure = Failure({"auditId": "e767182" + "0" * 25, "timestamp": text, "replayStatus": "FAILED", "stream": stream})

    def explanation(order: str, reason: str) -> Explanation:
        orders = (FailedOrder(NUMBER, order, reason, None, quarantined=False),)
        return Explanation(failure, orders, reason, False, Safety.STREAM, NOON + HOUR, 1)

    explanations = (
        explanation(f"{text}-0", f"InvalidOrderError: {text}"),
        explanation(f"{text}-1", f"InvalidOrderError: {text}"),
        explanation(f"{text}-2", f"KeyError: {text}"),
    )
    return Preview(
        NOON,
        4,
        by_status={"OPEN": 1, "FAILED": 3},
        by_type={"Other": 4},
        explained=Explained(explanations, 1, (text,)),
        places=RecordPlaces(3, 1, 1, 1, 1, NOON + HOUR, at_most=True),
        versions=ProcessorVersions("3", 2, 1, 0),
        deploy=SuspectDeploy("3", NOON - HOUR),
        records=4,
        first_to_expire=NOON,
        unreplayable=1,
        claimed=1,
        beyond=70,
        done=(DoneFailure(f"id-{text}", ReplayStatus.REPLAYED, NOON),),
        missing=(f"id-{text}",),
        waiting_in_queue=2,
        in_flight=1,
    )


def _expired_to_replay(found: Preview) -> Preview:
    """Return a preview of failures whose first records expired, with another processor."""
    few = _few_to_replay(found)
    places = RecordPlaces(2, 0, only_stream=2, neither=1, until=NOON - HOUR)
    return replace(few, by_status={"OPEN": 3}, places=places, versions=ProcessorVersions("4", changed=3))


def _few_to_replay(found: Preview) -> Preview:
    """Return a preview of the target screen: each failure is one order's, nothing can be lost."""
    return replace(
        found,
        failures=3,
        by_status={"OPEN": 1, "FAILED": 2},
        explained=Explained(found.explained.explanations),
        places=RecordPlaces(3, 3),
        versions=ProcessorVersions("3", 3),
        unreplayable=0,
        claimed=0,
        beyond=0,
        done=(),
        missing=(),
        waiting_in_queue=0,
        in_flight=0,
    )


def _operation(text: str) -> dict[str, Sample]:
    version = (1, NUMBER)
    events = (
        TraceEvent(NOON - HOUR, "failed", None, None, audit_id=text, failure_type="Other", status=ReplayStatus.OPEN),
        TraceEvent(NOON, "inserted", *version, event_id=text, shard_id=text),
        TraceEvent(NOON, "stored", *version, object=f"s3://{text}"),
        TraceEvent(NOON, "quarantined", *version, object=f"s3://{text}", error=text),
        TraceEvent(
            NOON,
            "failed",
            *version,
            audit_id=text,
            failure_type="RetryAttemptsExhausted",
            tries=4,
            status=ReplayStatus.RESOLVED,
        ),
        TraceEvent(NOON + HOUR, "replayed", *version, audit_id=text, status=ReplayStatus.FAILED, error=text),
        TraceEvent(NOON + HOUR, "resolved", *version, audit_id=text, by=text, error=text),
    )
    failure = TracedFailure("3f1c8a", "Other", ReplayStatus.FAILED, True, Proof.QUARANTINED, text, NOON)
    followed = Trace(
        text, NOON + HOUR, {"orderId": {"S": text}}, Stage.FAILED, 2, 1, failure=failure, events=events, stopped=text
    )
    unknown = Trace(
        text,
        NOON,
        None,
        Stage.WAITING,
        versions=1,
        at_stage=1,
        unknown=text,
        error=text,
        more=True,
        unread=("a",),
        assumed=("b",),
        unexplained=3,
        gap=text,
        period=2 * HOUR,
    )
    paused = PauseReport(paused=True, changed=True, pause=Pause(NOON, text), left=23 * HOUR)
    newer, older = Version("7", text, {}), Version("6", f"commit 0123456789ab, {text}", {})
    back = Rollback("dev-processor", newer, older, text)
    running = LocalEmulator("http://127.0.0.1:4566", 4566, 77, Path(text), Path(text), python="3.11.7")
    seconds = dict.fromkeys(("up", "orders", "failures", "alarm", "fix", "replay", "down", "total"), 1.25)
    story = DemoReport(17, 20, 7, 27, 2, 2, 2, "ALARM", 2, 29, 0, seconds)
    return {
        "trace": partial(trace.result, found=followed),
        "trace --full": partial(trace.result, found=followed, full=True),
        "trace not certain": partial(trace.result, found=unknown),
        **_logs(text),
        "pause": partial(pause.result, report=paused),
        "pause again": partial(pause.result, report=replace(paused, changed=False)),
        "resume": partial(resume.result, report=PauseReport(False, True, Pause(NOON, text), -2 * HOUR)),
        "resume catching up": partial(
            resume.result, report=PauseReport(False, True, Pause(NOON, text), HOUR, catching_up=True)
        ),
        "resume age restored": partial(resume.result, report=PauseReport(False, True, None, None, age_restored=True)),
        "rollback": partial(rollback.result, report=back),
        "rollback asked": partial(rollback.before_asking, plan=back),
        "rollback nothing": partial(rollback.result, report=Rollback("dev-processor", older, older, text)),
        "local status": partial(local.status, running=running, languages={"python": "3.11.7", "nodejs": "24.1.0"}),
        "local status env": partial(local.environment, variables={"AWS_SECRET_ACCESS_KEY": text}),
        "local status stopped": partial(local.status, running=None, languages={}),
        "local stop": partial(local.stopped, was_running=True),
        **_init(text),
        "demo": partial(demo.result, report=story),
        "demo without a project": partial(demo.result, report=story, carried=True),
    }


def _init(text: str) -> dict[str, Sample]:
    new = InitReport(Path(), "dev", "config/dev.yaml", ("README.md", "config/dev.yaml"), ())
    again = replace(new, folder=Path(text), written=new.written[1:], existing=new.written[:1])
    other = InitReport(Path(), "prod", "config/prod.yaml", ("config/prod.yaml",), (), f"{text}.yaml", True, True)
    failed = SavedFilesError(f"{text}: No space left on device")
    failed.report = again
    return {
        "init": partial(init.result, report=new),
        "init again": partial(init.result, report=again),
        "init of another environment": partial(init.result, report=other),
        "init incomplete": partial(init.incomplete, error=failed),
        "init wrong answer asked": partial(init.wrong, problem=f"is {text!r}; it must be lowercase letters"),
    }


def _logs(text: str) -> dict[str, Sample]:
    failed = {"level": "ERROR", "message": "record failed", "keys": {"orderId": {"S": text}}, "reason": f"E: {text}"}
    lines = (
        LogLine(NOON, "processor", json.dumps(failed), "1"),
        LogLine(NOON, "processor", f"[ERROR] ValueError: {text}\nTraceback\n  File handler.py\tline 3", "2"),
        LogLine(NOON, "processor", json.dumps(failed), "3"),
        LogLine(NOON, "processor", f"[ERROR] TypeError: {text}\nTraceback\n  File handler.py\tline 3", "4"),
        LogLine(NOON, "auditor", text, "5"),
        LogLine(NOON + HOUR, "processor", json.dumps(failed | {"requestId": "2"}), "6"),
        LogLine(NOON - 24 * HOUR, "auditor", json.dumps({"level": "WARN", "message": text, text: 1}), "7"),
    )
    search = LogSearch(("processor", "auditor"), NOON - HOUR, pattern=text)
    failure = SearchedFailure(text, (NUMBER,), (text,), more=3, problems=(text,))
    whole = LogReport(lines, search, 2, NOON + HOUR)
    raw = replace(whole, search=replace(search, routine=True))
    cut = LogReport(lines[:1], replace(search, order=text), 120, NOON, complete=False)
    part = replace(cut, complete=True, whole_invocations=False, failure=failure)
    nothing = LogReport((), search, 1, NOON)
    of_order = replace(nothing, search=replace(search, order=text))
    errors = replace(nothing, search=replace(search, errors=True, pattern=None))
    return {
        "logs": partial(logs.result, report=whole),
        "logs raw": partial(logs.result, report=raw),
        "logs cut": partial(logs.result, report=cut),
        "logs of a failure": partial(logs.result, report=part),
        "logs nothing": partial(logs.result, report=nothing),
        "logs nothing about a failure": partial(logs.result, report=replace(nothing, failure=failure)),
        "logs nothing about an order": partial(logs.result, report=of_order),
        "logs no errors": partial(logs.result, report=errors),
    }


def _diagnosis(text: str) -> dict[str, Sample]:
    session = {"source": text, "expires": NOON + HOUR}
    caller = {"account": text, "arn": text}
    healthy = (
        ok("pipectl", Diagnosed.PIPECTL, version=text, python=text, path=Path(text)),
        ok("libraries", Diagnosed.LIBRARIES, boto3=text, botocore=text),
        ok("git", Diagnosed.GIT, version=text, commit=None),
        ok("config", Diagnosed.CONFIG, file=Path(text), environment=text),
        ok("region", Diagnosed.REGION, region=text),
        ok("network", Diagnosed.NO_PROXY),
        ok("credentials", Diagnosed.ACCESS_KEY, source=text),
        ok("credentials", Diagnosed.CREDENTIALS_LOCAL),
        ok("credentials", Diagnosed.SESSION, **session),
        ok("account", Diagnosed.ACCOUNT, **caller),
        ok("endpoint", Diagnosed.ENDPOINT, endpoint=text),
        ok("clock", Diagnosed.CLOCK, seconds=-2),
        ok("permissions", Diagnosed.PERMISSIONS, enough=["reader", "on-call"]),
        ok("permissions", Diagnosed.PERMISSIONS_READ),
        ok("emulator", Diagnosed.EMULATOR_RUNNING, version=text, endpoint=text, home=Path(text)),
        ok("emulator", Diagnosed.EMULATOR_STOPPED, version=text, home=Path(text)),
        ok("node.js", Diagnosed.NODE, path=Path(text), version="24.1.0"),
        ok("runtimes", Diagnosed.RUNTIMES),
        warning("runtimes", Diagnosed.RUNTIMES_DIFFER, differences=[{"runtime": "python3.14", "used": "Python 3.11"}]),
        ok("node.js", Diagnosed.NODE_UNUSED),
        ok("uv", Diagnosed.INSTALLER, version="0.9.1", path=text, functions=["processor", "auditor"]),
    )
    ill = (
        problem("libraries", Diagnosed.LIBRARIES_OLD, boto3=text, botocore=text),
        warning("libraries", Diagnosed.LIBRARIES_DIFFER, boto3=text, botocore=text),
        warning("git", Diagnosed.GIT_MISSING),
        failed("config", ConfigError([Problem(text, 3, "team", text)], hint="correct the file")),
        warning("permissions", Diagnosed.NOT_CHECKED, because="config"),
        ok("network", Diagnosed.PROXIES, proxies={"HTTPS_PROXY": text}),
        warning("credentials", Diagnosed.SESSION_ENDS, **session),
        warning("account", Diagnosed.ACCOUNT_ROOT, **caller),
        problem("account", Diagnosed.ACCOUNT_DIFFERS, expected=text, **caller),
        problem("clock", Diagnosed.CLOCK_DIFFERS, seconds=600),
        warning("clock", Diagnosed.NO_CLOCK),
        warning("permissions", Diagnosed.PERMISSIONS_DENIED, enough=["reader"], denied={"on-call": [text]}),
        problem("permissions", Diagnosed.PERMISSIONS_DENIED, enough=[], denied={"reader": [text]}),
        warning("emulator", Diagnosed.EMULATOR_MISSING),
        warning("emulator", Diagnosed.EMULATOR_VERSION, version=text),
    )
    return {
        "doctor": partial(doctor.result, diagnosis=Diagnosis(healthy), now=NOON),
        "doctor capture asked": partial(capture.before_asking, preview=CapturePreview(text, text, Path(text))),
        "doctor capture": partial(
            capture.result,
            report=CaptureReport(
                Path(text), text, Stage.STORED, 257, 49, failed={"verify": text}, remains={"order": text}
            ),
        ),
        "doctor problems": partial(doctor.result, diagnosis=Diagnosis(ill), now=NOON),
    }


def _errors(text: str) -> dict[str, PipectlError]:
    problem = Problem(text, 3, "team", f"is {text}")
    denied = AccessDeniedError(f"lambda GetFunction: {text}", hint="`pipectl permissions deployer` prints the policy")
    return {
        "AWS error": AwsError(f"lambda GetFunction: {text}", service="lambda", operation="GetFunction"),
        "error": PipectlError(f"the table says {text}", hint=f"run `pipectl up`; {text}", resource="orders-table"),
        "error of the config": ConfigError([problem, problem], hint="correct the file"),
        "error of several resources": IncompleteError(f"some resources failed:\nbucket: {text}", {"bucket": denied}),
        "error of data": DataLossError(f"data would be lost:\norders-table: {text}", hint="use --keep-data"),
        "error of an order": NoSuchOrderError(text, "24.0 h", (text,), text),
        "error declined": DeclinedError("Cancelled. Nothing was changed."),
        "error interrupted": CancelledError("interrupted: 3 resources done, not done: bucket"),
    }
