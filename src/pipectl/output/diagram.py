"""The picture of the pipeline as data: its parts and the ways of an order between them. Pure.

`diagram_svg` draws it, `mermaid` writes it as Mermaid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pipectl.config.models import Config, FunctionConfig, StreamMappingConfig
from pipectl.config.physical import PhysicalNames
from pipectl.output.svg import Tone
from pipectl.resource_keys import ResourceKey
from pipectl.text import measured, pluralize


class Part(StrEnum):
    """A part of the pipeline, as the picture shows it."""

    CLIENT = "client"
    ORDERS_TABLE = "orders-table"
    STREAM_MAPPING = "stream-mapping"
    PROCESSOR = "processor"
    BUCKET = "bucket"
    DEAD_LETTER_QUEUE = "dead-letter-queue"
    QUEUE_MAPPING = "queue-mapping"
    AUDITOR = "auditor"
    AUDIT_TABLE = "audit-table"
    REPLAY = "replay"


class Look(StrEnum):
    """The drawn sign of a node."""

    CLIENT = "client"
    TABLE = "table"
    MAPPING = "mapping"
    FUNCTION = "function"
    BUCKET = "bucket"
    QUEUE = "queue"
    ALARM = "alarm"
    REPLAY = "replay"


@dataclass(frozen=True)
class Node:
    """A part of the pipeline.

    Args:
        key: The part.
        service: The AWS service.
        title: Its name in the documents, such as ``orders table``.
        name: Its physical name; mappings, the client and the replay have none.
        look: Its sign.
        notes: Short facts from the config.
        tone: Its health, as a colour; plain without health.
        state: Its health in a word or two.
        figures: Figures of the last hour.
        absent: It is missing, or cannot be read: drawn with dashes.
    """

    key: Part
    service: str
    title: str
    name: str | None
    look: Look
    notes: tuple[str, ...] = ()
    tone: Tone = Tone.PLAIN
    state: str = ""
    figures: tuple[str, ...] = ()
    absent: bool = False


@dataclass(frozen=True)
class AlarmLine:
    """An alarm in the picture: its physical name, and its state in a word."""

    key: str
    name: str
    tone: Tone = Tone.PLAIN
    state: str = ""


@dataclass(frozen=True)
class Diagram:
    """All parts, the alarms, and the two folders of the bucket.

    Args:
        environment: The environment.
        nodes: The parts.
        alarms: The alarms that the config wants.
        processed: The folder of the processed records.
        quarantine: The folder of the raw records that failed.
        failing: The colour of the way to the queue; with health it shows whether failures arrive.
    """

    environment: str
    nodes: Mapping[Part, Node]
    alarms: tuple[AlarmLine, ...]
    processed: str
    quarantine: str
    failing: Tone = Tone.ATTENTION

    @property
    def title(self) -> str:
        return f"The pipeline {self.environment}"

    def description(self) -> str:
        """Describe the picture in sentences, for people who do not see it."""
        return " ".join(_sentences(self))


def diagram(config: Config, names: PhysicalNames) -> Diagram:
    """Return the picture of the pipeline of a config, without its health."""
    wanted = {ResourceKey.ERRORS_ALARM: names.errors_alarm, **(names.extra_alarms if config.extra_alarms else {})}
    alarms = tuple(AlarmLine(key, name) for key, name in wanted.items())
    nodes = {node.key: node for node in _nodes(config, names)}
    return Diagram(config.environment, nodes, alarms, f"{config.bucket.prefix}/", f"{config.bucket.failed_prefix}/")


def _nodes(config: Config, names: PhysicalNames) -> Iterator[Node]:
    """Yield all parts, in the order in which an order passes them."""
    key, mapping = config.orders_table.partition_key, config.stream_mapping
    messages = pluralize(config.queue_mapping.batch_size, "message")
    kept = pluralize(config.dead_letter_queue.retention_days, "day")
    yield Node(Part.CLIENT, "", "client", None, Look.CLIENT, ("writes orders",))
    yield Node(
        Part.ORDERS_TABLE,
        "DynamoDB",
        "orders table",
        names.orders_table,
        Look.TABLE,
        (f"key: {key}", "stream of changes"),
    )
    yield Node(Part.STREAM_MAPPING, "Lambda", "stream mapping", None, Look.MAPPING, tuple(_retries(mapping)))
    yield Node(
        Part.PROCESSOR, "Lambda", "processor", names.processor, Look.FUNCTION, tuple(_settings(config.processor))
    )
    yield Node(Part.BUCKET, "S3", "bucket", names.bucket, Look.BUCKET)
    yield Node(Part.DEAD_LETTER_QUEUE, "SQS", "dead-letter queue", names.queue, Look.QUEUE, (f"kept for {kept}",))
    yield Node(Part.QUEUE_MAPPING, "Lambda", "queue mapping", None, Look.MAPPING, (f"up to {messages}",))
    yield Node(Part.AUDITOR, "Lambda", "auditor", names.auditor, Look.FUNCTION, tuple(_settings(config.auditor)))
    yield Node(Part.AUDIT_TABLE, "DynamoDB", "audit table", names.audit_table, Look.TABLE, ("one item per failure",))
    yield Node(Part.REPLAY, "", "pipectl replay-dlq", None, Look.REPLAY)


def _retries(mapping: StreamMappingConfig) -> Iterator[str]:
    yield f"up to {pluralize(mapping.batch_size, 'record')}"
    if mapping.retry_attempts >= 0:
        yield f"{mapping.retry_attempts:,} retries" if mapping.retry_attempts != 1 else "1 retry"
    elif mapping.maximum_record_age >= 0:
        yield f"retries for {measured(mapping.maximum_record_age / 86_400, 'days')}"
    else:
        yield "retries until expiry"
    if mapping.bisect:
        yield "splits failing batches"


def _settings(function: FunctionConfig) -> Iterator[str]:
    yield function.runtime
    yield f"{function.memory:,} MB, {function.timeout} s"


def _sentences(drawn: Diagram) -> Iterator[str]:
    named = {part: _named(node) for part, node in drawn.nodes.items()}
    yield f"A client writes orders to the {named[Part.ORDERS_TABLE]}, which has a stream."
    yield f"The {named[Part.STREAM_MAPPING]} reads the stream and invokes the {named[Part.PROCESSOR]}."
    yield f"The processor stores each order in {drawn.processed} of the {named[Part.BUCKET]},"
    yield f"and keeps each record that fails in {drawn.quarantine}, the quarantine."
    yield f"After the last retry the stream mapping sends a message to the {named[Part.DEAD_LETTER_QUEUE]}."
    yield f"The {named[Part.QUEUE_MAPPING]} invokes the {named[Part.AUDITOR]}, which writes the failure"
    yield f"to the {named[Part.AUDIT_TABLE]}."
    yield "pipectl replay-dlq reads failed records again and sends them to the processor."
    alarms = ", ".join(f"{alarm.name}{f' ({alarm.state})' if alarm.state else ''}" for alarm in drawn.alarms)
    yield f"CloudWatch alarms: {alarms}."


def _named(node: Node) -> str:
    """Return title, physical name and health of a part, such as ``processor dev-processor (healthy, 12 ok/h)``."""
    name = f" {node.name}" if node.name else ""
    health = ", ".join([*filter(None, [node.state]), *node.figures])
    return f"{node.title}{name}{f' ({health})' if health else ''}"
