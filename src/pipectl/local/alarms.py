"""Evaluates CloudWatch alarms: those of MiniStack 1.5.33 ignore dimensions and missing data.

It speaks public APIs alone: ``DescribeAlarms``, ``GetMetricStatistics``, ``SetAlarmState``. Alarms are evaluated twice
a second while their place is active, and rarely when it is idle.

Not modelled: the alignment of periods to the clock, ``DatapointsToAlarm``, percentiles, metric math. The periods of an
alarm are taken together.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipectl.local.clients import Clients, Place
from pipectl.local.signal_counter import SignalCounter

logger = logging.getLogger("pipectl.alarms")

ACTIVE_SECONDS = 1.5
"""Seconds after the last metric for which a place counts as active."""
INTERVAL = 0.5
IDLE_INTERVAL = 20.0
STATISTICS = ["SampleCount", "Sum", "Minimum", "Maximum"]

COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}
WHEN_MISSING = {"breaching": "ALARM", "notBreaching": "OK", "missing": "INSUFFICIENT_DATA"}


class Alarms:
    """Evaluates the alarms of the places that have some."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._changed = SignalCounter()
        self._lock = threading.Lock()
        self._active_until: dict[Place, float] = {}
        threading.Thread(target=self._evaluate_forever, name="alarms", daemon=True).start()

    def add(self, place: Place) -> None:
        """Evaluate the alarms of a place from now on."""
        with self._lock:
            self._active_until[place] = time.monotonic() + ACTIVE_SECONDS
        self._changed.set()

    def touch(self, place: Place) -> None:
        """Evaluate the alarms of a place soon, if it has any: its metrics have changed."""
        with self._lock:
            known = place in self._active_until
        if known:
            self.add(place)

    def _evaluate_forever(self) -> None:
        evaluated: dict[Place, float] = {}
        while True:
            seen, now = self._changed.count, time.monotonic()
            with self._lock:
                active = dict(self._active_until)
            for place, until in active.items():
                interval = INTERVAL if now < until else IDLE_INTERVAL
                if now - evaluated.get(place, 0.0) >= interval * 0.9:
                    evaluated[place] = now
                    self._evaluate(place)
            if any(now < until for until in active.values()):
                time.sleep(INTERVAL)
            else:
                self._changed.wait(seen, IDLE_INTERVAL if active else None)

    def _evaluate(self, place: Place) -> None:
        cloudwatch = self._clients.of_root("cloudwatch", place)
        try:
            pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm"])
            alarms = [alarm for page in pages for alarm in page["MetricAlarms"] if "MetricName" in alarm]
            for alarm in alarms:
                state, reason = alarm_state(alarm, _datapoints(cloudwatch, alarm))
                if state != alarm["StateValue"]:
                    cloudwatch.set_alarm_state(AlarmName=alarm["AlarmName"], StateValue=state, StateReason=reason)
        except (ClientError, BotoCoreError) as error:
            logger.warning("Cannot evaluate the alarms of %s: %s", place, error)
            return
        if not alarms:
            with self._lock:
                self._active_until.pop(place, None)


def _datapoints(cloudwatch: Any, alarm: Mapping[str, Any]) -> list[dict[str, float]]:
    now = time.time()
    answer = cloudwatch.get_metric_statistics(
        Namespace=alarm["Namespace"],
        MetricName=alarm["MetricName"],
        Dimensions=alarm.get("Dimensions") or [],
        StartTime=now - alarm["Period"] * alarm["EvaluationPeriods"],
        EndTime=now + 1,
        Period=alarm["Period"],
        Statistics=STATISTICS,
    )
    points: list[dict[str, float]] = answer["Datapoints"]
    return points


def alarm_state(alarm: Mapping[str, Any], points: Sequence[Mapping[str, float]]) -> tuple[str, str]:
    """Return the state that an alarm should have, and the reason."""
    if not points:
        treatment = alarm.get("TreatMissingData") or "missing"
        return WHEN_MISSING.get(treatment, alarm["StateValue"]), f"no datapoints were received, treated as {treatment}"
    compare = COMPARISONS.get(alarm["ComparisonOperator"])
    statistic = alarm.get("Statistic")
    value = _folded(statistic, points)
    if compare is None or value is None:
        return alarm["StateValue"], alarm.get("StateReason", "")
    crossed = compare(value, alarm["Threshold"])
    verb = "was" if crossed else "was not"
    operator, threshold = alarm["ComparisonOperator"], alarm["Threshold"]
    return "ALARM" if crossed else "OK", f"Threshold Crossed: {statistic} {value} {verb} {operator} {threshold}"


def _folded(statistic: str | None, points: Sequence[Mapping[str, float]]) -> float | None:
    if statistic == "Average":
        return sum(point["Sum"] for point in points) / sum(point["SampleCount"] for point in points)
    if statistic in ("Sum", "SampleCount"):
        return sum(point[statistic] for point in points)
    if statistic in ("Maximum", "Minimum"):
        fold = max if statistic == "Maximum" else min
        return fold(point[statistic] for point in points)
    return None
