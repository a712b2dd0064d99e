"""The physical names of a config's resources in one account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipectl.config.models import EXTRA_ALARMS, Config
from pipectl.config.names import Names, log_group_of


@dataclass(frozen=True)
class PhysicalNames:
    """The physical name of every resource that has one; mappings have a UUID instead."""

    orders_table: str
    audit_table: str
    bucket: str
    queue: str
    processor: str
    auditor: str
    processor_role: str
    auditor_role: str
    errors_alarm: str
    extra_alarms: Mapping[str, str]

    @classmethod
    def of(cls, config: Config, names: Names) -> PhysicalNames:
        """Return the names that ``config`` gives in the account of ``names``."""
        physical = names.from_template
        return cls(
            orders_table=physical(config.orders_table.resource),
            audit_table=physical(config.audit_table.resource),
            bucket=physical(config.bucket.resource),
            queue=physical(config.dead_letter_queue.resource),
            processor=physical(config.processor.resource),
            auditor=physical(config.auditor.resource),
            processor_role=physical(config.processor_role.resource),
            auditor_role=physical(config.auditor_role.resource),
            errors_alarm=physical(config.errors_alarm.resource),
            extra_alarms={key: physical(resource) for key, resource in EXTRA_ALARMS.items()},
        )

    @classmethod
    def in_account(cls, config: Config, account_id: str) -> PhysicalNames:
        """Return the names in an account. They are the same in every region."""
        return cls.of(config, Names(config.environment, config.team, config.project, config.region or "", account_id))

    @property
    def processor_log_group(self) -> str:
        return log_group_of(self.processor)

    @property
    def auditor_log_group(self) -> str:
        return log_group_of(self.auditor)

    @property
    def alarms(self) -> tuple[str, ...]:
        """All alarms, those that the config has switched off included: `up` deletes them."""
        return (self.errors_alarm, *self.extra_alarms.values())
