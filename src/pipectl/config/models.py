"""The models of the config file. The rules between its keys are in `config.cross_checks`.

One section per resource; the section's name is the resource's key everywhere else (``orders-table``). A field's
description, range and default are the config reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetJsonSchemaHandler, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema

from pipectl.aws.stream_records import STREAM_RETENTION
from pipectl.config.regions import known_region
from pipectl.config.runtimes import RUNTIMES, newest, supported
from pipectl.resource_keys import ResourceKey

SHORTEST_RECORD_AGE = 60
LONGEST_RECORD_AGE = 604800
LONGEST_SAFE_RECORD_AGE = int(STREAM_RETENTION.total_seconds()) // 2
LOG_RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)


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


@dataclass(frozen=True)
class Unit:
    """The unit of a number in the config. Its description in the config reference begins with it."""

    name: str


Days = Annotated[int, Unit("days")]
Seconds = Annotated[int, Unit("seconds")]
Bytes = Annotated[int, Unit("bytes")]
Megabytes = Annotated[int, Unit("MB")]


class Section(BaseModel):
    """A section of the config: strict, immutable, and without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True, defer_build=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the JSON Schema, with the unit of each number in its description."""
        written = handler(schema)
        properties = handler.resolve_ref_schema(written).get("properties", {})
        for key, field in _by_key(cls).items():
            if unit := field_unit(field):
                properties[key]["description"] = "; ".join(filter(None, [unit, properties[key].get("description")]))
        return written


class OrdersTableConfig(Section):
    resource: ResourceName = "orders-table"
    partition_key: str = Field(
        "orderId", min_length=1, max_length=255, description="name of the partition key; its type is string"
    )
    billing: Literal["on-demand", "keep"] = Field(
        "on-demand",
        description="`keep` leaves the billing mode and the capacity of a table that exists; a new table is on-demand",
    )
    point_in_time_recovery: bool = Field(True, description="keep continuous backups")
    deletion_protection: bool = Field(False, description="block deletion, except by `pipectl down --delete-data`")


class AuditTableConfig(Section):
    resource: ResourceName = "audit-logs-table"
    billing: Literal["on-demand", "keep"] = Field(
        "on-demand",
        description="`keep` leaves the billing mode and the capacity of a table that exists; a new table is on-demand",
    )
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
    retention_days: Days = Field(14, ge=1, le=14, description="time that a message is kept")
    maximum_message_size: Bytes = Field(262144, ge=1024, le=1048576, description="size of the largest message")
    visibility_timeout: Seconds = Field(
        180,
        ge=0,
        le=43200,
        description="time that a received message stays hidden; at least 6 x the auditor's timeout plus the batching "
        "window of the queue mapping",
    )


class ProcessorRoleConfig(Section):
    resource: ResourceName = "order-processor-role"


class AuditorRoleConfig(Section):
    resource: ResourceName = "audit-processor-role"


_MEMORY = "memory of one invocation"
_TIMEOUT = "longest time of one invocation"


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
    memory: Megabytes = Field(ge=128, le=10240, description=_MEMORY)
    timeout: Seconds = Field(ge=1, le=900, description=_TIMEOUT)

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
    memory: Megabytes = Field(256, ge=128, le=10240, description=_MEMORY)
    timeout: Seconds = Field(60, ge=1, le=900, description=_TIMEOUT)


class AuditorConfig(FunctionConfig):
    resource: ResourceName = "audit-processor-lambda"
    memory: Megabytes = Field(128, ge=128, le=10240, description=_MEMORY)
    timeout: Seconds = Field(30, ge=1, le=900, description=_TIMEOUT)


class StreamMappingConfig(Section):
    enabled: bool = Field(True, description="process records")
    batch_size: int = Field(100, ge=1, le=10000, description="maximum number of records in one invocation")
    batching_window: Seconds = Field(0, ge=0, le=300, description="time to wait for a batch to fill")
    parallelization_factor: int = Field(1, ge=1, le=10, description="batches of one shard that are processed at once")
    retry_attempts: int = Field(
        3, ge=-1, le=10000, description="retries of a failing batch; -1: until the record age is reached"
    )
    bisect: bool = Field(True, description="split a failing batch to isolate the record that fails")
    maximum_record_age: Seconds = Field(
        LONGEST_SAFE_RECORD_AGE,
        ge=-1,
        le=LONGEST_RECORD_AGE,
        json_schema_extra={"anyOf": [{"const": -1}, {"minimum": SHORTEST_RECORD_AGE, "maximum": LONGEST_RECORD_AGE}]},
        description="-1 for no limit. Older records go to the dead-letter queue without being processed, but "
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
    batching_window: Seconds = Field(0, ge=0, le=300, description="time to wait for a batch to fill")
    maximum_concurrency: int | None = Field(None, ge=2, le=1000, description="maximum number of invocations at once")


class ErrorsAlarmConfig(Section):
    resource: ResourceName = "order-processor-errors-alarm"
    threshold: int = Field(5, ge=1, description="errors of the processor in one period that fire the alarm")
    period: Seconds = Field(
        300,
        ge=60,
        le=86400,
        json_schema_extra={"multipleOf": 60},
        description="time over which errors are added up; Lambda reports its metrics once a minute",
    )
    actions: tuple[Arn, ...] = Field((), max_length=5, strict=False, description="ARNs that every alarm notifies")

    @field_validator("period")
    @classmethod
    def _whole_minutes(cls, period: int) -> int:
        if period % 60:
            raise ValueError(f"is {period}; it must be a multiple of 60, because Lambda reports metrics once a minute")
        return period


class LogGroupConfig(Section):
    retention_days: Annotated[Days, AfterValidator(_retention)] = Field(
        30, json_schema_extra={"enum": list(LOG_RETENTION_DAYS)}, description="time that log lines are kept"
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
        description="`down`, `send`, `up --watch` and what can lose data need the environment's name, typed or given "
        "with --confirm",
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


def unit_of(resource: str, attribute: str) -> str | None:
    """Return the unit of an attribute that a key of the config sets; ``None`` for one without a unit.

    Args:
        resource: The key of the resource. An extra alarm has the units of the errors alarm.
        attribute: The top-level attribute, which has the name of the config's key.
    """
    section = ResourceKey.ERRORS_ALARM if resource in EXTRA_ALARMS else resource
    field = fields_of((section,)).get(attribute)
    return field_unit(field) if field else None


def field_unit(field: FieldInfo) -> str | None:
    """Return the unit of a key."""
    return next((each.name for each in field.metadata if isinstance(each, Unit)), None)


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
