"""The whole pipeline on one page: the graph of resources for a config, an account and a region."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from pipectl.aws.client import Aws
from pipectl.config.models import Config, FunctionConfig
from pipectl.config.names import BUCKET_OWNER, FAILURE_TYPE_INDEX, UNRESOLVED_INDEX, UNRESOLVED_INDEX_TAG, Names
from pipectl.config.physical import PhysicalNames
from pipectl.engine.model import Facts, Resource, facts_of
from pipectl.facts import QueueFacts, TableFacts
from pipectl.iam import roles
from pipectl.packaging.build import Source, build
from pipectl.packaging.dependencies.target import Target
from pipectl.packaging.dependencies.tools import Tools, silent
from pipectl.packaging.revision import describe
from pipectl.packaging.tree import from_here
from pipectl.resource_keys import LOG_GROUP_OF, ROLE_OF, USED_BY, ResourceKey
from pipectl.resources.alarm import AT_LEAST, MORE_THAN, Alarm, AlarmList, Metric
from pipectl.resources.bucket import Bucket
from pipectl.resources.function import Function, Settings
from pipectl.resources.log_group import LogGroup, LogGroupList
from pipectl.resources.mapping_list import MappingList
from pipectl.resources.queue import Queue
from pipectl.resources.queue_mapping import QueueMapping
from pipectl.resources.role import Role
from pipectl.resources.stream_mapping import LONGEST_USUAL_WAIT, StreamMapping
from pipectl.resources.table import NEW_AND_OLD_IMAGES, Table
from pipectl.resources.table_keys import Keys


def package_source(config: Config, function: FunctionConfig, file: Path, *, local: bool = False) -> Source:
    """Return the folder of a function's handler, and how and where the function runs. ``file`` is the config file."""
    return Source(
        from_here(config.source_of(function, file)),
        function.handler,
        function.language,
        Target(function.runtime, function.architecture, local),
    )


class Pipeline:
    """The pipeline of an environment in one account and region.

    Args:
        config: The config.
        file: Its file; the folders of the handlers are relative to it.
        aws: The account and region.
        account_id: The account, where it is known without a call.
        local: The functions run in the local emulator, so their packages are built for this machine.
        work: Shows long work while it lasts, such as the installation of packages.
    """

    def __init__(
        self,
        config: Config,
        file: Path,
        aws: Aws,
        account_id: str | None = None,
        *,
        local: bool = False,
        work: Callable[[str], AbstractContextManager[None]] = silent,
    ) -> None:
        self.config = config
        account = account_id or aws.account_id
        self.names = Names(config.environment, config.team, config.project, aws.region, account, aws.partition)
        self.ownership = self.names.ownership()
        self._file = file
        self._local = local
        self._tools = Tools(work=work)
        self._aws = aws
        self._tags = self.names.tags(config.tags)
        self.physical = PhysicalNames.of(config, self.names)
        self._alarm_list = AlarmList(aws, self.physical.alarms)
        self._mapping_list = MappingList(aws)
        self._log_group_list = LogGroupList(aws, [self.physical.processor_log_group, self.physical.auditor_log_group])

    def resources(self) -> dict[str, Resource]:
        """Return every resource by its key. Each names the resources it needs; the engine finds the order."""
        made = [
            *self._roles(),
            *self._tables(),
            self._bucket(),
            self._queue(),
            *self._log_groups(),
            *self._functions(),
            *self._mappings(),
            *self._alarms(),
        ]
        return {resource.key: resource for resource in made}

    def expire_reads(self) -> None:
        """Let what several resources read together be read again: time has passed since they were observed."""
        for each in (self._alarm_list, self._mapping_list, self._log_group_list):
            each.expire()

    def _roles(self) -> list[Resource]:
        names, physical = self.names, self.physical
        return [
            Role(
                ROLE_OF[function],
                name,
                self._aws,
                trust=[roles.trust_lambda(self.names.account_id)],
                policies={roles.POLICY_NAMES[function]: statements},
                boundary=names.policy_arn(self.config.permissions_boundary),
                ownership=self.ownership,
                home_region=self.config.region or self.names.region,
                tags=self._tags,
            )
            for function, name, statements in (
                (ResourceKey.PROCESSOR, physical.processor_role, roles.processor_statements(self.config, names)),
                (ResourceKey.AUDITOR, physical.auditor_role, roles.auditor_statements(self.config, names)),
            )
        ]

    def _tables(self) -> list[Resource]:
        orders, audit = self.config.orders_table, self.config.audit_table
        return [
            Table(
                ResourceKey.ORDERS_TABLE,
                self.physical.orders_table,
                self._aws,
                keys=Keys(orders.partition_key),
                stream=NEW_AND_OLD_IMAGES,
                indexes={},
                keep_billing=orders.billing == "keep",
                point_in_time_recovery=orders.point_in_time_recovery,
                deletion_protection=orders.deletion_protection,
                tags=self._tags,
            ),
            Table(
                ResourceKey.AUDIT_TABLE,
                self.physical.audit_table,
                self._aws,
                keys=Keys("auditId", "timestamp"),
                stream=None,
                indexes={
                    FAILURE_TYPE_INDEX: Keys("failureType", "timestamp"),
                    UNRESOLVED_INDEX: Keys("unresolved", "timestamp"),
                },
                filled_tag=UNRESOLVED_INDEX_TAG,
                keep_billing=audit.billing == "keep",
                point_in_time_recovery=audit.point_in_time_recovery,
                deletion_protection=audit.deletion_protection,
                tags=self._tags,
            ),
        ]

    def _bucket(self) -> Resource:
        name, config = self.physical.bucket, self.config.bucket
        return Bucket(
            ResourceKey.BUCKET,
            name,
            self._aws,
            arn=self.names.bucket_arn(name),
            prefixes=(f"{config.prefix}/", f"{config.failed_prefix}/"),
            tags=self._tags,
        )

    def _queue(self) -> Resource:
        config = self.config.dead_letter_queue
        return Queue(
            ResourceKey.DEAD_LETTER_QUEUE,
            self.physical.queue,
            self._aws,
            arn=self.names.queue_arn(self.physical.queue),
            retention_days=config.retention_days,
            maximum_message_size=config.maximum_message_size,
            visibility_timeout=config.visibility_timeout,
            tags=self._tags,
        )

    def _log_groups(self) -> list[Resource]:
        names = self.physical
        return [
            LogGroup(
                LOG_GROUP_OF[key],
                name,
                self._aws,
                listing=self._log_group_list,
                arn=self.names.log_group_arn(name),
                function=function,
                retention_days=config.retention_days,
                ownership=self.ownership,
                tags=self._tags,
            )
            for key, function, name, config in (
                (ResourceKey.PROCESSOR, names.processor, names.processor_log_group, self.config.processor_log_group),
                (ResourceKey.AUDITOR, names.auditor, names.auditor_log_group, self.config.auditor_log_group),
            )
        ]

    def _functions(self) -> list[Resource]:
        bucket = self.config.bucket
        processor_environment = {
            "BUCKET_NAME": self.physical.bucket,
            BUCKET_OWNER: self.names.account_id,
            "PROCESSED_PREFIX": bucket.prefix,
            "FAILED_PREFIX": bucket.failed_prefix,
        }
        auditor_environment = {"AUDIT_TABLE_NAME": self.physical.audit_table}
        return [
            self._function(
                ResourceKey.PROCESSOR, self.physical.processor, self.config.processor, processor_environment
            ),
            self._function(ResourceKey.AUDITOR, self.physical.auditor, self.config.auditor, auditor_environment),
        ]

    def _function(self, key: ResourceKey, name: str, config: FunctionConfig, environment: dict[str, str]) -> Resource:
        role = self.physical.processor_role if key == ResourceKey.PROCESSOR else self.physical.auditor_role
        source = package_source(self.config, config, self._file, local=self._local)
        return Function(
            key,
            name,
            self._aws,
            arn=self.names.function_arn(name),
            role=ROLE_OF[key],
            needs=(LOG_GROUP_OF[key],),
            uses=USED_BY[key],
            settings=Settings(
                role_arn=self.names.role_arn(role),
                runtime=config.runtime,
                handler=config.handler,
                architecture=config.architecture,
                memory=config.memory,
                timeout=config.timeout,
                environment=environment,
            ),
            package=partial(build, source, self._tools),
            tags=self._tags,
            release=(lambda: describe(source.folder, self._aws.clock.now())) if key == ResourceKey.PROCESSOR else None,
        )

    def _mappings(self) -> list[Resource]:
        stream, queue = self.config.stream_mapping, self.config.queue_mapping
        queue_arn = self.names.queue_arn(self.physical.queue)
        return [
            StreamMapping(
                ResourceKey.STREAM_MAPPING,
                self._aws,
                listing=self._mapping_list,
                name=f"{self.physical.orders_table} -> {self.physical.processor}",
                needs=(
                    ResourceKey.ORDERS_TABLE,
                    ResourceKey.DEAD_LETTER_QUEUE,
                    ResourceKey.BUCKET,
                    ResourceKey.PROCESSOR,
                ),
                needs_whole=(ResourceKey.PROCESSOR_ROLE,),
                function_arn=self.names.live_arn(self.physical.processor),
                arn_of=self.names.mapping_arn,
                ownership=self.ownership,
                tags=self._tags,
                table=ResourceKey.ORDERS_TABLE,
                stream_prefix=self.names.stream_prefix(self.physical.orders_table),
                queue_arn=queue_arn,
                settings=stream.model_dump(exclude={"allow_expiry"}),
            ),
            QueueMapping(
                ResourceKey.QUEUE_MAPPING,
                self._aws,
                listing=self._mapping_list,
                name=f"{self.physical.queue} -> {self.physical.auditor}",
                needs=(ResourceKey.DEAD_LETTER_QUEUE, ResourceKey.AUDIT_TABLE, ResourceKey.AUDITOR),
                needs_whole=(ResourceKey.AUDITOR_ROLE,),
                function_arn=self.names.function_arn(self.physical.auditor),
                arn_of=self.names.mapping_arn,
                ownership=self.ownership,
                tags=self._tags,
                queue_arn=queue_arn,
                settings=queue.model_dump(),
            ),
        ]

    def _alarms(self) -> list[Resource]:
        alarm = self.config.errors_alarm
        errors = self._alarm(
            ResourceKey.ERRORS_ALARM,
            self.physical.errors_alarm,
            ResourceKey.PROCESSOR,
            "The processor fails, so orders are not stored. Run `pipectl logs processor --since 1h --filter ERROR`.",
            Metric("AWS/Lambda", "Errors", {"FunctionName": self.physical.processor}, period=alarm.period),
            AT_LEAST,
            alarm.threshold,
        )
        return [errors, *self._extra_alarms()]

    def _extra_alarms(self) -> list[Resource]:
        """Return alarms on what the errors alarm misses.

        An invalid order in a batch of 100 makes 9 or 10 errors while it is isolated, but one that is alone makes 4. A
        function that is throttled makes none.
        """
        processor = {"FunctionName": self.physical.processor}
        return [
            self._extra_alarm(
                ResourceKey.FAILURES_ALARM,
                ResourceKey.DEAD_LETTER_QUEUE,
                "An order failed all retries. Run `pipectl audit list`. The stream keeps its records for 24 hours.",
                Metric("AWS/SQS", "NumberOfMessagesSent", {"QueueName": self.physical.queue}),
            ),
            self._extra_alarm(
                ResourceKey.ITERATOR_AGE_ALARM,
                ResourceKey.PROCESSOR,
                "Records wait for more than an hour: the processor is blocked or too slow. Run `pipectl status`.",
                Metric("AWS/Lambda", "IteratorAge", processor, statistic="Maximum"),
                MORE_THAN,
                int(LONGEST_USUAL_WAIT.total_seconds() * 1000),
            ),
            self._extra_alarm(
                ResourceKey.AUDITOR_ERRORS_ALARM,
                ResourceKey.AUDITOR,
                "The auditor fails: failures stay in the dead-letter queue, unaudited. Run `pipectl logs auditor`.",
                Metric("AWS/Lambda", "Errors", {"FunctionName": self.physical.auditor}),
            ),
            self._extra_alarm(
                ResourceKey.LOST_FAILURES_ALARM,
                ResourceKey.PROCESSOR,
                "A failure was not delivered to the dead-letter queue and is lost. Run `pipectl verify`.",
                Metric("AWS/Lambda", "DestinationDeliveryFailures", processor),
            ),
            self._extra_alarm(
                ResourceKey.THROTTLES_ALARM,
                ResourceKey.PROCESSOR,
                "The processor is throttled, so orders wait. Run `pipectl status`.",
                Metric("AWS/Lambda", "Throttles", processor),
            ),
        ]

    def _extra_alarm(
        self,
        key: ResourceKey,
        about: ResourceKey,
        description: str,
        metric: Metric,
        comparison: str = AT_LEAST,
        threshold: float = 1,
    ) -> Resource:
        name = self.physical.extra_alarms[key]
        alarm = self._alarm(key, name, about, description, metric, comparison, threshold)
        alarm.wanted = self.config.extra_alarms
        return alarm

    def _alarm(
        self, key: str, name: str, about: str, description: str, metric: Metric, comparison: str, threshold: float
    ) -> Resource:
        return Alarm(
            key,
            name,
            self._aws,
            listing=self._alarm_list,
            arn=self.names.alarm_arn(name),
            needs=(about,),
            description=description,
            metric=metric,
            comparison=comparison,
            threshold=threshold,
            actions=self.config.errors_alarm.actions,
            tags=self._tags,
        )

    def outputs(self, facts: Mapping[str, Facts]) -> dict[str, str]:
        """Return names, ARNs and URLs that applications need, of the resources in ``facts`` only."""
        outputs: dict[str, str] = {}
        for key, named in self._named_outputs().items():
            if key in facts:
                outputs |= named
        table = facts_of(facts, ResourceKey.ORDERS_TABLE, TableFacts)
        if table and table.stream_arn:
            outputs["OrdersTableStreamArn"] = table.stream_arn
        if queue := facts_of(facts, ResourceKey.DEAD_LETTER_QUEUE, QueueFacts):
            outputs["DeadLetterQueueUrl"] = queue.url
        return outputs

    @property
    def output_resources(self) -> list[str]:
        """The resources that have outputs."""
        return list(self._named_outputs())

    def _named_outputs(self) -> dict[str, dict[str, str]]:
        names, physical = self.names, self.physical
        return {
            ResourceKey.ORDERS_TABLE: _output("OrdersTable", physical.orders_table, names.table_arn),
            ResourceKey.PROCESSOR: _output("ProcessorFunction", physical.processor, names.function_arn),
            ResourceKey.BUCKET: _output("ProcessedBucket", physical.bucket, names.bucket_arn),
            ResourceKey.AUDIT_TABLE: _output("AuditTable", physical.audit_table, names.table_arn),
            ResourceKey.AUDITOR: _output("AuditFunction", physical.auditor, names.function_arn),
            ResourceKey.DEAD_LETTER_QUEUE: {"DeadLetterQueueArn": names.queue_arn(physical.queue)},
            ResourceKey.ERRORS_ALARM: _output("Alarm", physical.errors_alarm, names.alarm_arn),
        }


def _output(subject: str, name: str, arn_of: Callable[[str], str]) -> dict[str, str]:
    """Return the outputs ``<subject>Name`` and ``<subject>Arn``."""
    return {f"{subject}Name": name, f"{subject}Arn": arn_of(name)}
