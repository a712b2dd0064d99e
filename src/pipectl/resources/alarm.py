"""CloudWatch alarms on one metric."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pipectl.aws.calls import Request
from pipectl.aws.client import Aws
from pipectl.config.names import action_problems
from pipectl.engine.model import Attributes, Facts, Observation, Refusal, RefusalKind, Resource
from pipectl.errors import AbsentError, ExistsError, UsageError
from pipectl.facts import AlarmFacts
from pipectl.resources.shared_read import SharedRead
from pipectl.resources.tagging import differing, from_list, to_list
from pipectl.resources.unmanaged import note

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricAlarmTypeDef

AT_LEAST = "GreaterThanOrEqualToThreshold"
MORE_THAN = "GreaterThanThreshold"
_MOST = 100
"""Alarms in one answer of DescribeAlarms."""


@dataclass(frozen=True)
class Metric:
    """A metric with its statistic and period, such as ``AWS/Lambda`` ``Errors`` of one function."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    statistic: str = "Sum"
    period: int = 300


@dataclass(frozen=True)
class ListedAlarms:
    """Alarms at one moment, by name: metric alarms, and the names of composite ones."""

    metric: Mapping[str, MetricAlarmTypeDef]
    composite: Collection[str]


class AlarmList(SharedRead[ListedAlarms]):
    """The alarms of a pipeline, read with one DescribeAlarms for all that are observed at the same time.

    Args:
        aws: Where the alarms are.
        names: Their physical names.
    """

    def __init__(self, aws: Aws, names: Collection[str]) -> None:
        super().__init__(self._read)
        self._aws = aws
        self._names = list(names)

    def find(self, name: str) -> tuple[MetricAlarmTypeDef | None, bool]:
        """Return the metric alarm of a name, and whether there is a composite one; see `SharedRead`."""
        listed = self.get(name)
        return listed.metric.get(name), name in listed.composite

    def _read(self) -> ListedAlarms:
        answer = self._aws.cloudwatch.describe_alarms(
            AlarmNames=self._names, AlarmTypes=["MetricAlarm", "CompositeAlarm"], MaxRecords=_MOST
        )
        return ListedAlarms(
            {alarm["AlarmName"]: alarm for alarm in answer["MetricAlarms"]},
            {alarm["AlarmName"] for alarm in answer.get("CompositeAlarms", [])},
        )


class Alarm(Resource):
    """An alarm; missing data never breaches.

    It has no unit: with a unit that the metric does not have, an alarm never fires.

    Args:
        key: Its section in the config.
        name: Its physical name.
        aws: Where it is.
        listing: Reads it, together with the pipeline's other alarms.
        arn: Its ARN.
        needs: The resource of its metric.
        description: The meaning of the alarm when it fires.
        metric: The metric.
        comparison: `AT_LEAST` or `MORE_THAN`.
        threshold: In the metric's unit.
        actions: ARNs to notify when it fires and when it returns to OK.
        tags: Tags of the resource.
    """

    kind = "alarm"

    def __init__(
        self,
        key: str,
        name: str,
        aws: Aws,
        *,
        listing: AlarmList,
        arn: str,
        needs: Collection[str],
        description: str,
        metric: Metric,
        comparison: str,
        threshold: float,
        actions: Collection[str],
        tags: Mapping[str, str],
    ) -> None:
        super().__init__(key, name, needs)
        self._aws = aws
        self._listing = listing
        self._arn = arn
        self._desired: Attributes = {
            "description": description,
            "namespace": metric.namespace,
            "metric": metric.name,
            "dimensions": dict(metric.dimensions),
            "statistic": metric.statistic,
            "period": metric.period,
            "unit": None,
            "evaluation_periods": 1,
            "threshold": threshold,
            "comparison": comparison,
            "missing_data": "notBreaching",
            "actions_enabled": True,
            "actions": sorted(actions),
            "ok_actions": sorted(actions),
            "tags": dict(tags),
        }

    def desired(self, facts: Mapping[str, Facts]) -> Attributes:
        """Return the settings.

        Raises:
            UsageError: an action is in another region than the alarm, which `--region` can cause: CloudWatch refuses
                it, but only when most other resources are changed.
        """
        del facts
        for _, problem in action_problems(self._desired["actions"], self._aws.region):
            raise UsageError(f"errors-alarm.actions {problem}", hint="correct the actions, or use another --region")
        return self._desired

    def observe(self) -> Observation | None:
        alarm, composite = self._listing.find(self.name)
        if composite:
            return Observation({}, {}, unmanageable=Refusal(RefusalKind.OTHER_OWNER, "exists and is a composite alarm"))
        if alarm is None:
            return None
        tags = from_list(self._aws.cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"])
        attributes: Attributes = {
            "description": alarm.get("AlarmDescription"),
            "namespace": alarm.get("Namespace"),
            "metric": alarm.get("MetricName"),
            "dimensions": {d["Name"]: d["Value"] for d in alarm.get("Dimensions", [])},
            "statistic": alarm.get("Statistic") or alarm.get("ExtendedStatistic"),
            "period": alarm.get("Period"),
            "unit": alarm.get("Unit"),
            "evaluation_periods": alarm.get("EvaluationPeriods"),
            "threshold": _whole(alarm.get("Threshold")),
            "comparison": alarm.get("ComparisonOperator"),
            "missing_data": alarm.get("TreatMissingData", "missing"),
            "actions_enabled": alarm.get("ActionsEnabled", True),
            "actions": sorted(alarm.get("AlarmActions", [])),
            "ok_actions": sorted(alarm.get("OKActions", [])),
        }
        uncertain = sorted(alarm.get("InsufficientDataActions", []))
        return Observation(
            attributes,
            tags,
            AlarmFacts(alarm["StateValue"], _state_since(alarm)),
            note=note({"actions on insufficient data": ", ".join(uncertain)}),
            unmanaged={"insufficient_data_actions": uncertain},
        )

    def create(self, desired: Attributes) -> Facts:
        """Look first, then create: PutMetricAlarm overwrites an existing alarm without an error."""
        self._listing.expire()
        found = self._listing.find(self.name)
        self._listing.expire()
        if any(found):
            raise ExistsError(f"alarm {self.name} exists already")
        self._put(desired, desired["tags"])
        return Facts()

    def update(self, desired: Attributes, observed: Observation, differs: Collection[str]) -> Facts:
        if set(differs) - {"tags"}:
            self._put(desired)  # replaces every setting, but not the tags of an existing alarm
        if "tags" in differs:
            tags = to_list(differing(desired["tags"], observed.tags))
            self._aws.cloudwatch.tag_resource(ResourceARN=self._arn, Tags=tags)
        return observed.facts

    def delete(self, observed: Observation, *, delete_data: bool = False) -> None:
        del observed, delete_data
        try:
            with self._listing.changing():
                self._aws.cloudwatch.delete_alarms(AlarmNames=[self.name])
        except AbsentError:
            return

    def _put(self, desired: Attributes, tags: Mapping[str, str] | None = None) -> None:
        more: Request = {"Tags": to_list(tags)} if tags is not None else {}
        with self._listing.changing():
            self._aws.cloudwatch.put_metric_alarm(
                AlarmName=self.name,
                AlarmDescription=desired["description"],
                Namespace=desired["namespace"],
                MetricName=desired["metric"],
                Dimensions=[{"Name": name, "Value": value} for name, value in desired["dimensions"].items()],
                Statistic=desired["statistic"],
                Period=desired["period"],
                EvaluationPeriods=desired["evaluation_periods"],
                Threshold=desired["threshold"],
                ComparisonOperator=desired["comparison"],
                TreatMissingData=desired["missing_data"],
                ActionsEnabled=desired["actions_enabled"],
                AlarmActions=desired["actions"],
                OKActions=desired["ok_actions"],
                **more,
            )


def _whole(number: float | None) -> float | None:
    """Return a number as the config has it: CloudWatch returns 5 as 5.0."""
    return int(number) if number is not None and float(number).is_integer() else number


def _state_since(alarm: MetricAlarmTypeDef) -> datetime | None:
    return alarm.get("StateTransitionedTimestamp") or alarm.get("StateUpdatedTimestamp")
