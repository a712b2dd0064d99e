"""The models of the config file, with every rule that needs no call to AWS.

One section per resource; the section's name is the resource's key everywhere else (``orders-table``). A field's
description, range and default are the config reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator
from pydantic.fields import FieldInfo

from pipectl.aws.stream_records import STREAM_RETENTION
from pipectl.config.names import NAME_RULES, SET_BY_PIPECTL, Names, action_problems, boundary_problem, tag_problem
from pipectl.config.regions import known_region
from pipectl.config.runtimes import RUNTIMES, newest, supported
from pipectl.resource_keys import ResourceKey

SHORTEST_RECORD_AGE = 60
LONGEST_RECORD_AGE = 604800
LARGEST_BATCH_WITHOUT_WINDOW = 10
LONGEST_SAFE_RECORD_AGE = int(STREAM_RETENTION.total_seconds()) // 2
LOG_RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
_ANY_ACCOUNT = "0" * 12


EXTRA_ALARMS: Mapping[ResourceKey, str] = {
    ResourceKey.FAILURES_ALARM: "order-failures-alarm",
    ResourceKey.ITERATOR_AGE_ALARM: "order-processor-iterator-age-alarm",
    ResourceKey.AUDITOR_ERRORS_ALARM: "audit-processor-errors-alarm",
    ResourceKey.LOST_FAILURES_ALARM: "order-lost-failures-alarm",
    ResourceKey.THROTTLES_ALARM: "order-processor-throttles-alarm",
}
"""Middle parts of the physical names of the extra alarms, by key."""


def _prefix(prefix: str) -> str:
    if {"", ".", ".."}.intersection(prefix.split("/")):
        raise ValueError(f"is {prefix!r}; it must not begin or end with '/', or have a part that is empty, '.' or '..'")
    return prefix


def _retention(days: int) -> int:
    if days not in LOG_RETENTION_DAYS:
        raise ValueError(f"is {days}; CloudWatch Logs allows {', '.join(map(str, LOG_RETENTION_DAYS))} days")
    return days


_LABEL = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"
_PREFIX = r"^[A-Za-z0-9!_./=-]+$"
_ARN = r"^arn:[a-z-]+:[a-z0-9-]+:[a-z0-9-]*:[0-9]{0,12}:.+$"
_POLICY = r"^arn:[a-z-]+:iam::([0-9]{12}|aws|\{account_id\}):policy/([!-~]+/)?[A-Za-z0-9_+=,.@-]{1,128}$"
_HANDLER = r"^[^\s/]+(/[^\s/]+)*\.[^\s./]+$"
_ACCOUNT = r"^[0-9]{12}$"
SHAPES: Mapping[str, str] = {
    _LABEL: "lowercase letters, digits and hyphens; no hyphen at the beginning or end",
    _PREFIX: "letters, digits and !_.=-, with / between parts; a wildcard would widen the policy of the role",
    _ARN: "an ARN, such as arn:aws:sns:us-east-1:123456789012:on-call",
    _POLICY: "the ARN of an IAM policy, such as arn:aws:iam::{account_id}:policy/boundary",
    _HANDLER: "<file>.<function>, such as handler.handler",
    _ACCOUNT: "12 digits",
}
"""The patterns below in words, for error messages."""

Label = Annotated[str, Field(pattern=_LABEL, max_length=32)]
ResourceName = Annotated[str, Field(min_length=1, description="middle part of the physical name")]
Prefix = Annotated[str, Field(pattern=_PREFIX, max_length=512), AfterValidator(_prefix)]
Arn = Annotated[str, Field(pattern=_ARN)]


class Section(BaseModel):
    """A section of the config: strict, immutable, and without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True)


class OrdersTableConfig(Section):
    resource: ResourceName = "orders-table"
    partition_key: str = Field(
        "orderId", min_length=1, max_length=255, description="name of the partition key; its type is string"
    )
    point_in_time_recovery: bool = Field(True, description="keep continuous backups")
    deletion_protection: bool = Field(False, description="block deletion, except by `pipectl down --delete-data`")


class AuditTableConfig(Section):
    resource: ResourceName = "audit-logs-table"
    point_in_time_recovery: bool = Field(True, description="keep continuous backups")
    deletion_protection: bool = Field(False, description="block deletion, except by `pipectl down --delete-data`")


class BucketConfig(Section):
    resource: ResourceName = Field(
        "processed-data-{account_id}",
        description="middle part of the physical name; {account_id} is replaced, because bucket names are global",
    )
    prefix: Prefix = Field("processed-data", description="prefix of processed records")
    failed_prefix: Prefix = Field("failed-data", description="prefix of raw records that failed (the quarantine)")


class DeadLetterQueueConfig(Section):
    resource: ResourceName = "order-processor-dlq"
    retention_days: int = Field(14, ge=1, le=14, description="days that a message is kept")
    maximum_message_size: int = Field(262144, ge=1024, le=1048576, description="bytes")
    visibility_timeout: int = Field(
        180,
        ge=0,
        le=43200,
        description="seconds; at least 6 x the auditor's timeout plus the batching window of the queue mapping",
    )


class ProcessorRoleConfig(Section):
    resource: ResourceName = "order-processor-role"


class AuditorRoleConfig(Section):
    resource: ResourceName = "audit-processor-role"


class FunctionConfig(Section):
    resource: ResourceName
    source: str = Field(
        min_length=1, description="folder of the handler, relative to this file; {language} is replaced"
    )
    handler: str = Field(
        "handler.handler", pattern=_HANDLER, max_length=128, description="<file>.<function> in that folder"
    )
    runtime: str = Field(
        description="Lambda runtime, such as python3.14 or nodejs24.x; it selects the language of the handler"
    )
    architecture: Literal["arm64", "x86_64"] = Field("arm64", description="instruction set")
    memory: int = Field(ge=128, le=10240, description="MB")
    timeout: int = Field(ge=1, le=900, description="seconds")

    @field_validator("runtime")
    @classmethod
    def _supported(cls, runtime: str) -> str:
        known = RUNTIMES.get(runtime)
        allowed = f"allowed are {', '.join(supported())}; the newest are {newest('nodejs')} and {newest('python')}"
        if known is None:
            raise ValueError(f"{runtime!r} is not a known runtime; {allowed}")
        if not known.supported:
            raise ValueError(f"{runtime!r} is deprecated since {known.deprecated}; {allowed}")
        return runtime

    @property
    def language(self) -> str:
        """Return the folder under ``lambda_src`` for this runtime."""
        return RUNTIMES[self.runtime].language


class ProcessorConfig(FunctionConfig):
    resource: ResourceName = "order-processor-lambda"
    memory: int = Field(256, ge=128, le=10240, description="MB")
    timeout: int = Field(60, ge=1, le=900, description="seconds")


class AuditorConfig(FunctionConfig):
    resource: ResourceName = "audit-processor-lambda"
    memory: int = Field(128, ge=128, le=10240, description="MB")
    timeout: int = Field(30, ge=1, le=900, description="seconds")


class StreamMappingConfig(Section):
    enabled: bool = Field(True, description="process records")
    batch_size: int = Field(100, ge=1, le=10000, description="maximum number of records in one invocation")
    batching_window: int = Field(0, ge=0, le=300, description="seconds to wait for a batch to fill")
    parallelization_factor: int = Field(1, ge=1, le=10, description="batches of one shard that are processed at once")
    retry_attempts: int = Field(
        3, ge=-1, le=10000, description="retries of a failing batch; -1: until the record age is reached"
    )
    bisect: bool = Field(True, description="split a failing batch to isolate the record that fails")
    maximum_record_age: int = Field(
        LONGEST_SAFE_RECORD_AGE,
        ge=-1,
        le=LONGEST_RECORD_AGE,
        json_schema_extra={"anyOf": [{"const": -1}, {"minimum": SHORTEST_RECORD_AGE, "maximum": LONGEST_RECORD_AGE}]},
        description="seconds; -1 for no limit. Older records go to the dead-letter queue without being processed, but "
        "those that waited during a long pause, or before the mapping existed, are processed",
    )
    allow_expiry: bool = Field(
        False,
        description="allow a maximum_record_age at which the stream can expire a record before its failure arrives",
    )
    starting_position: Literal["TRIM_HORIZON", "LATEST"] = Field(
        "TRIM_HORIZON",
        description="position at which a new mapping starts; LATEST can skip records that are written while it is "
        "created, updated, paused or resumed",
    )


class QueueMappingConfig(Section):
    enabled: bool = Field(True, description="audit failures")
    batch_size: int = Field(10, ge=1, le=10000, description="maximum number of messages in one invocation")
    batching_window: int = Field(0, ge=0, le=300, description="seconds to wait for a batch to fill")
    maximum_concurrency: int | None = Field(None, ge=2, le=1000, description="maximum number of invocations at once")


class ErrorsAlarmConfig(Section):
    resource: ResourceName = "order-processor-errors-alarm"
    threshold: int = Field(5, ge=1, description="errors of the processor in one period that fire the alarm")
    period: int = Field(
        300,
        ge=60,
        le=86400,
        json_schema_extra={"multipleOf": 60},
        description="seconds; Lambda reports its metrics once a minute",
    )
    actions: tuple[Arn, ...] = Field((), max_length=5, strict=False, description="ARNs that every alarm notifies")

    @field_validator("period")
    @classmethod
    def _whole_minutes(cls, period: int) -> int:
        if period % 60:
            raise ValueError(f"is {period}; it must be a multiple of 60, because Lambda reports metrics once a minute")
        return period


class LogGroupConfig(Section):
    retention_days: Annotated[int, AfterValidator(_retention)] = Field(
        30, json_schema_extra={"enum": list(LOG_RETENTION_DAYS)}, description="days that log lines are kept"
    )


class Config(Section):
    """The config file."""

    environment: Label = Field(description="first part of every name, and a tag")
    team: Label = Field(description="last part of every name, and a tag")
    project: Label = Field(description="a tag; marks managed resources, together with the environment")
    region: Annotated[str, AfterValidator(known_region)] | None = Field(
        None, description="AWS region; without it --region or AWS_REGION is used"
    )
    account_id: str | None = Field(
        None, pattern=_ACCOUNT, description="all other accounts are refused; 12 digits in quotes"
    )
    protect: bool = Field(
        False,
        description="`down` deletes nothing until the environment's name is typed, or given with --confirm",
    )
    permissions_boundary: str | None = Field(
        None,
        pattern=_POLICY,
        max_length=2048,
        description="ARN of the IAM policy that limits both roles, with {account_id} or aws as its account; without "
        "it, a boundary on a role is left alone",
    )
    tags: dict[str, str] = Field(default_factory=dict, max_length=44, description="additional tags for every resource")
    extra_alarms: bool = Field(
        False,
        description="five additional alarms for conditions that the errors alarm does not cover; `false` deletes them",
    )
    orders_table: OrdersTableConfig = Field(alias="orders-table", default_factory=OrdersTableConfig)
    audit_table: AuditTableConfig = Field(alias="audit-table", default_factory=AuditTableConfig)
    bucket: BucketConfig = Field(default_factory=BucketConfig)
    dead_letter_queue: DeadLetterQueueConfig = Field(alias="dead-letter-queue", default_factory=DeadLetterQueueConfig)
    processor_role: ProcessorRoleConfig = Field(alias="processor-role", default_factory=ProcessorRoleConfig)
    auditor_role: AuditorRoleConfig = Field(alias="auditor-role", default_factory=AuditorRoleConfig)
    processor: ProcessorConfig
    auditor: AuditorConfig
    stream_mapping: StreamMappingConfig = Field(alias="stream-mapping", default_factory=StreamMappingConfig)
    queue_mapping: QueueMappingConfig = Field(alias="queue-mapping", default_factory=QueueMappingConfig)
    errors_alarm: ErrorsAlarmConfig = Field(alias="errors-alarm", default_factory=ErrorsAlarmConfig)
    processor_log_group: LogGroupConfig = Field(alias="processor-log-group", default_factory=LogGroupConfig)
    auditor_log_group: LogGroupConfig = Field(alias="auditor-log-group", default_factory=LogGroupConfig)

    def running_in(self, runtime: str) -> Config:
        """Return the config with another runtime for both functions."""
        functions = {"processor": self.processor, "auditor": self.auditor}
        return self.model_copy(
            update={key: function.model_copy(update={"runtime": runtime}) for key, function in functions.items()}
        )

    def source_of(self, function: FunctionConfig, file: Path) -> Path:
        """Return the folder of a handler. ``source`` is relative to the config file."""
        folder = file.parent / function.source.replace("{language}", function.language)
        try:
            return folder.resolve()
        except (OSError, RuntimeError):  # links in a circle: reported where the folder is read
            return folder


Problems = Iterator[tuple[tuple[str | int, ...], str]]
"""The path of a key, and the problem in words."""


def cross_problems(config: Config) -> Problems:
    """Return the problems between keys that are each valid alone."""
    yield from _tag_problems(config.tags)
    yield from _prefix_problems(config.bucket)
    yield from _queue_problems(config)
    yield from _stream_problems(config.stream_mapping)
    yield from _name_problems(config)
    if config.account_id and (problem := boundary_problem(config.permissions_boundary, config.account_id)):
        yield ("permissions_boundary",), problem
    if config.region:
        for index, problem in action_problems(config.errors_alarm.actions, config.region):
            yield ("errors-alarm", "actions", index), problem


def _tag_problems(tags: Mapping[str, str]) -> Problems:
    reserved = {key.lower() for key in SET_BY_PIPECTL}
    seen: dict[str, str] = {}
    for key, value in tags.items():
        if key.lower() in reserved:
            yield ("tags", key), f"is set by pipectl; so are {', '.join(SET_BY_PIPECTL)}"
        elif problem := tag_problem(key, value):
            yield ("tags", key), problem
        elif (other := seen.setdefault(key.lower(), key)) != key:
            yield ("tags", key), f"equals {other!r} in IAM, which ignores upper and lower case"


def _prefix_problems(bucket: BucketConfig) -> Problems:
    prefix, failed = f"{bucket.prefix}/", f"{bucket.failed_prefix}/"
    if prefix.startswith(failed) or failed.startswith(prefix):
        failed = f"failed_prefix {bucket.failed_prefix!r}"
        yield ("bucket", "prefix"), f"is {bucket.prefix!r}; neither it nor {failed} may contain the other"


def _queue_problems(config: Config) -> Problems:
    mapping, visibility = config.queue_mapping, config.dead_letter_queue.visibility_timeout
    needed = 6 * config.auditor.timeout + mapping.batching_window
    if visibility < needed:
        words = (
            f"is {visibility} seconds; at least {needed} are needed: 6 x the auditor's timeout of "
            f"{config.auditor.timeout} plus the queue mapping's window of {mapping.batching_window}. "
            "Otherwise messages are delivered again while they are being audited"
        )
        yield ("dead-letter-queue", "visibility_timeout"), words
    if mapping.batch_size > LARGEST_BATCH_WITHOUT_WINDOW and mapping.batching_window < 1:
        above = f"above {LARGEST_BATCH_WITHOUT_WINDOW} Lambda requires a batching_window of at least 1 second"
        yield ("queue-mapping", "batch_size"), f"is {mapping.batch_size}; {above}"


def _stream_problems(mapping: StreamMappingConfig) -> Problems:
    age = mapping.maximum_record_age
    key = ("stream-mapping", "maximum_record_age")
    if 0 <= age < SHORTEST_RECORD_AGE:
        yield key, f"is {age}; Lambda allows -1, or {SHORTEST_RECORD_AGE} to 604800 seconds"
    elif (age == -1 or age > LONGEST_SAFE_RECORD_AGE) and not mapping.allow_expiry:
        words = (
            f"is {age}; with -1, or more than {LONGEST_SAFE_RECORD_AGE} seconds, a failure can arrive when its records "
            "are no longer in the stream (24 h limit); lower it, or set allow_expiry: true"
        )
        yield key, words


def _name_problems(config: Config) -> Problems:
    names = Names(config.environment, config.team, config.project, "us-east-1", config.account_id or _ANY_ACCOUNT)
    taken: dict[tuple[str, str], str] = {}
    if config.extra_alarms:
        taken = {("alarm", names.from_template(resource)): key for key, resource in EXTRA_ALARMS.items()}
    for key, kind, resource in named_resources(config):
        name = names.from_template(resource)
        if problem := NAME_RULES[kind].problem(name):
            yield (key, "resource"), f"the {kind} name {problem}"
        elif (other := taken.setdefault((kind, name), key)) != key:
            yield (key, "resource"), f"the {kind} name {name!r} is already the name of {other}"


def named_resources(config: Config) -> list[tuple[str, str, str]]:
    """Return key, kind and configured name of every resource that is named in the config."""
    return [
        (ResourceKey.ORDERS_TABLE, "table", config.orders_table.resource),
        (ResourceKey.AUDIT_TABLE, "table", config.audit_table.resource),
        (ResourceKey.BUCKET, "bucket", config.bucket.resource),
        (ResourceKey.DEAD_LETTER_QUEUE, "queue", config.dead_letter_queue.resource),
        (ResourceKey.PROCESSOR_ROLE, "role", config.processor_role.resource),
        (ResourceKey.AUDITOR_ROLE, "role", config.auditor_role.resource),
        (ResourceKey.PROCESSOR, "function", config.processor.resource),
        (ResourceKey.AUDITOR, "function", config.auditor.resource),
        (ResourceKey.ERRORS_ALARM, "alarm", config.errors_alarm.resource),
    ]


def fields_of(path: tuple[str | int, ...]) -> Mapping[str, FieldInfo]:
    """Return the allowed keys of the section at ``path``; none when there is no such section."""
    model: type[BaseModel] = Config
    for part in path:
        field = _by_key(model).get(str(part))
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return {}
        model = field.annotation
    return _by_key(model)


def _by_key(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}
