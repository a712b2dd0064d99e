"""Notify pollers of new work, and the evaluator of new metrics and alarms, after each request."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipectl.local.alarms import Alarms
from pipectl.local.clients import Clients, Place
from pipectl.local.fronts import json_object
from pipectl.local.lambda_fronts import INVOCATIONS_PATH, MAPPINGS_PATH
from pipectl.local.mappings import Mappings
from pipectl.local.metrics import Metrics
from pipectl.local.queue_metrics import QueueMetrics
from pipectl.local.requests import Request

logger = logging.getLogger("pipectl.observer")

_PLACE_IN_ARN = re.compile(rb"arn:aws:(?:lambda|cloudformation):([a-z0-9-]+):([0-9]{12}):")
_TABLE_WRITES = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}
_OTHER_WRITES = {"ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction", "UpdateTable"}
_QUEUE_WRITES = {"SendMessage", "SendMessageBatch", "ChangeMessageVisibility", "ChangeMessageVisibilityBatch"}
_POLICY_WRITES = {
    *("PutRolePolicy", "DeleteRolePolicy", "AttachRolePolicy", "DetachRolePolicy"),
    *("CreatePolicyVersion", "SetDefaultPolicyVersion", "PutRolePermissionsBoundary", "DeleteRolePermissionsBoundary"),
}
_STACK_WRITES = {"CreateStack", "UpdateStack", "DeleteStack", "ExecuteChangeSet", "DescribeStacks"}


class Observer:
    """Notifies the pollers and the evaluator that a request concerns."""

    def __init__(
        self, clients: Clients, mappings: Mappings, metrics: Metrics, alarms: Alarms, queues: QueueMetrics
    ) -> None:
        self._clients = clients
        self._mappings = mappings
        self._metrics = metrics
        self._alarms = alarms
        self._queues = queues
        self._lock = threading.Lock()
        self._accounts: dict[str, str] = {}

    def waits(self, request: Request) -> bool:
        """Return whether `changed` has to be called with the answer, before the caller gets it."""
        if MAPPINGS_PATH.fullmatch(request.path):
            return request.method != "GET"
        return request.operation in _STACK_WRITES

    def changed(self, request: Request, answer: bytes) -> None:
        """Look for new mappings and alarms where a request has changed some. Blocks."""
        if self.waits(request) and (found := _PLACE_IN_ARN.search(answer)):
            place = Place(found[2].decode(), found[1].decode())
            self._mappings.refresh(place)
            if request.operation in _STACK_WRITES:
                self._alarms.add(place)

    def served(self, request: Request) -> None:
        """Notify the others of a request that succeeded. Does not block."""
        operation = request.operation
        if operation in _TABLE_WRITES:
            self._tables_written(request)
        elif operation in _OTHER_WRITES:
            self._mappings.wake("dynamodb", request.region)
        elif operation in _QUEUE_WRITES:
            self._queue_written(request)
        elif operation in _POLICY_WRITES:
            self._with_place(request, lambda place: self._mappings.policies_changed(place.account_id))
        elif operation == "PutMetricAlarm":
            self._with_place(request, self._alarms.add)
        elif operation == "PutMetricData" or INVOCATIONS_PATH.fullmatch(request.path):
            self._with_place(request, self._alarms.touch)

    def _tables_written(self, request: Request) -> None:
        for table in {name.rsplit("/", 1)[-1] for name in _tables(json_object(request.body))}:
            self._mappings.wake("dynamodb", request.region, table)
            count = partial(self._metrics.of_table, table=table, operation=request.operation)
            self._with_place(request, count)

    def _queue_written(self, request: Request) -> None:
        document = json_object(request.body)
        account_id, name = ["", "", *str(document.get("QueueUrl", request.path)).split("/")][-2:]
        self._mappings.wake("sqs", request.region, name)
        if request.operation.startswith("SendMessage"):
            entries = document.get("Entries")
            sent = len(entries) if isinstance(entries, list) else 1
            place = Place(account_id, request.region)
            self._metrics.of_queue(place, "NumberOfMessagesSent", sent, name)
            self._queues.note(place, name)

    def _with_place(self, request: Request, act: Callable[[Place], None]) -> None:
        """Find out the account of the caller, which may take a call, and act."""
        key, region = request.access_key, request.region
        with self._lock:
            account_id = key if re.fullmatch("[0-9]{12}", key) else self._accounts.get(key)
        if account_id is not None:
            act(Place(account_id, region))
        else:
            threading.Thread(target=self._ask_place, args=(key, region, act), daemon=True).start()

    def _ask_place(self, key: str, region: str, act: Callable[[Place], None]) -> None:
        try:
            sts = self._clients.of_root("sts", Place("000000000000", region))
            account_id = sts.get_access_key_info(AccessKeyId=key)["Account"]
        except (ClientError, BotoCoreError) as error:
            logger.warning("The account of access key %s is not known: %s", key, error)
            return
        with self._lock:
            self._accounts[key] = account_id
        act(Place(account_id, region))


def _tables(written: Mapping[str, Any]) -> list[str]:
    """Return the tables that a request writes to, by name or ARN: of one item, a batch, or a transaction."""
    if "TableName" in written:
        return [str(written["TableName"])]
    parts = [part for item in written.get("TransactItems", []) for part in item.values()]
    return [*written.get("RequestItems", {}), *(str(part["TableName"]) for part in parts)]
