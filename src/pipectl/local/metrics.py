"""CloudWatch for what the pollers do: the metrics MiniStack 1.5 does not publish, and alarms that heed dimensions.

Supplied: ``AWS/Lambda`` ``Invocations``, ``Errors``, ``Throttles`` and ``Duration`` of invocations by stream and queue
mappings (MiniStack publishes them for API calls alone); ``AWS/SQS`` ``NumberOfMessagesSent``; alarms that count only
the metric of their own dimensions, treat missing data as configured, and are evaluated twice a second (MiniStack does
so at ``PutMetricData`` alone, over all dimensions together).

Not modelled: the alignment of periods to the clock, ``DatapointsToAlarm``, metric math, and every other metric.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ministack.core import responses
from ministack.services import cloudwatch, lambda_svc, sqs

EVALUATION_INTERVAL = 0.5

_by_poller: ContextVar[bool] = ContextVar("by_poller", default=False)

COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}
WHEN_MISSING = {"breaching": "ALARM", "notBreaching": "OK", "missing": "INSUFFICIENT_DATA"}


def install() -> None:
    """Put the supplement in place. Call once, before the server serves."""
    lambda_svc._execute_function = _counted(lambda_svc._execute_function)
    lambda_svc._run_sqs_batch = _queue_batches(lambda_svc._run_sqs_batch)
    sqs._act_send_message = sqs._HANDLERS["SendMessage"] = _counted_sends(sqs._act_send_message)
    cloudwatch._evaluate_alarm = evaluate_alarm
    threading.Thread(target=_evaluate_forever, name="alarms", daemon=True).start()


@contextmanager
def scope(account_id: str, region: str) -> Iterator[None]:
    """Act in an account and region, as MiniStack does while it serves a request."""
    account_token = responses._request_account_id.set(account_id)
    region_token = responses._request_region.set(region)
    try:
        yield
    finally:
        responses._request_account_id.reset(account_token)
        responses._request_region.reset(region_token)


@contextmanager
def by_poller() -> Iterator[None]:
    """Invocations in here come from a mapping, so that nobody else counts them."""
    token = _by_poller.set(True)
    try:
        yield
    finally:
        _by_poller.reset(token)


def record(name: str, value: float, unit: str, function_name: str) -> None:
    """Publish one ``AWS/Lambda`` data point of a function, in the current account and region."""
    cloudwatch.record_metric("AWS/Lambda", name, value, unit, {"FunctionName": function_name})


def _counted(execute: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    def execute_function(func: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
        if not _by_poller.get():
            return execute(func, event)
        # It calls itself again when the function lives in another scope, which is still one invocation.
        token = _by_poller.set(False)
        started = time.monotonic()
        try:
            result = execute(func, event)
        finally:
            _by_poller.reset(token)
        if not result.get("throttle"):  # a throttle has been counted where it was decided
            milliseconds = (time.monotonic() - started) * 1000
            name = (func.get("config") or func)["FunctionName"]
            lambda_svc._emit_lambda_metrics(name, milliseconds, error=bool(result.get("error")), throttle=False)
        return result

    return execute_function


def _queue_batches(run: Callable[..., None]) -> Callable[..., None]:
    def run_sqs_batch(mapping: dict[str, Any], *args: Any) -> None:
        with by_poller():
            run(mapping, *args)
        failed = mapping.get("LastProcessingResult") == "FAILED"
        mapping["LastProcessingResult"] = "PROBLEM: Function call failed" if failed else "OK"

    return run_sqs_batch


def _counted_sends(send: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    def send_message(data: dict[str, Any], queue_url: str) -> dict[str, Any]:
        result = send(data, queue_url)
        name = data.get("QueueUrl", queue_url).rstrip("/").rsplit("/", 1)[-1]
        cloudwatch.record_metric("AWS/SQS", "NumberOfMessagesSent", 1, "Count", {"QueueName": name})
        return result

    return send_message


def _evaluate_forever() -> None:
    while True:
        time.sleep(EVALUATION_INTERVAL)
        for account_id, region in {key[:2] for key in list(cloudwatch._alarms._data)}:
            with scope(account_id, region):
                cloudwatch._evaluate_all_alarms()


def evaluate_alarm(alarm: dict[str, Any]) -> None:
    """Bring the state of a metric alarm up to date."""
    if not alarm.get("MetricName"):
        return
    state, reason = _state(alarm)
    old = alarm["StateValue"]
    if state == old:
        return
    alarm.update(StateValue=state, StateReason=reason, StateUpdatedTimestamp=int(time.time()))
    cloudwatch._record_history(alarm["AlarmName"], old, state, reason)
    cloudwatch._dispatch_alarm_actions(alarm, old, state, reason)
    cloudwatch._evaluate_parent_alarms(alarm)


def _state(alarm: Mapping[str, Any]) -> tuple[str, str]:
    points = _recent_points(alarm)
    if not points:
        treatment = alarm.get("TreatMissingData") or "missing"
        return WHEN_MISSING.get(treatment, alarm["StateValue"]), f"no datapoints were received, treated as {treatment}"
    statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic", "Average")
    value = cloudwatch._stat_value(cloudwatch._calc_stats(points), statistic, points)
    threshold = float(alarm.get("Threshold", 0))
    comparison = alarm.get("ComparisonOperator", "")
    if value is None or comparison not in COMPARISONS:
        return alarm["StateValue"], alarm.get("StateReason", "")
    crossed = COMPARISONS[comparison](value, threshold)
    verb = "was" if crossed else "was not"
    return "ALARM" if crossed else "OK", f"Threshold Crossed: {statistic} {value} {verb} {comparison} {threshold}"


def _recent_points(alarm: Mapping[str, Any]) -> list[dict[str, Any]]:
    dimensions = {item["Name"]: item["Value"] for item in alarm.get("Dimensions") or ()}
    key = (alarm["Namespace"], alarm["MetricName"], cloudwatch._dims_key(dimensions))
    since = time.time() - alarm.get("Period", 60) * alarm.get("EvaluationPeriods", 1)
    return [point for point in list(cloudwatch._metrics.get(key) or ()) if point["Timestamp"] >= since]
