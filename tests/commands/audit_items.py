"""Audit items in the form of the auditor, and a server that generates a large table of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from pipectl.failures.status import FAILURE_TYPES, UNRESOLVED
from pipectl.timestamps import rfc3339_milliseconds
from tests.support import ACCOUNT, POLL_SECONDS, REGION

STREAM = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/dev-orders-table-backend/stream/2026-01-01T00:00:00.000"
NEWEST = datetime(2026, 1, 1, tzinfo=UTC)


def audit_item(
    audit_id: str,
    at: datetime,
    failure_type: str = "RetryAttemptsExhausted",
    status: str = "OPEN",
    *,
    first: str | None = "100000000000000000001",
    last: str | None = None,
    arrival: datetime | None = None,
    last_arrival: datetime | None = None,
    stream: str = STREAM,
    shard: str = "shardId-00000000000000000001",
    body: str = "{}",
    marked: bool = True,
) -> dict[str, Any]:
    """Return a failure in DynamoDB's typed form. Without ``first`` its message names no stream range.

    While it is unresolved it has the mark of the sparse index, unless ``marked`` is false, as in older items.
    """
    where = {
        "arn": {"S": stream},
        "shardId": {"S": shard},
        "startSequenceNumber": {"S": first or ""},
        "endSequenceNumber": {"S": last or first or ""},
        "firstArrival": {"S": rfc3339_milliseconds(arrival or at)},
        "lastArrival": {"S": rfc3339_milliseconds(last_arrival or arrival or at)},
        "batchSize": {"N": "1"},
    }
    return {
        "auditId": {"S": audit_id},
        "timestamp": {"S": rfc3339_milliseconds(at)},
        "failureType": {"S": failure_type},
        "replayStatus": {"S": status},
        "approximateInvokeCount": {"N": "4"},
        "stream": {"M": where if first else {}},
        "message": {"M": {"body": {"S": body}}},
        **({"unresolved": {"S": "yes"}} if marked and status in UNRESOLVED else {}),
    }


class PagingTable(BaseHTTPRequestHandler):
    """A server that answers the queries of `audit` like a table of ``count`` failures, one a minute.

    Every fourth is of the same type. Queries are newest first, in pages of at most a megabyte, as DynamoDB's are.
    """

    count = 100_000
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        request = self.rfile.read(int(self.headers["Content-Length"]))
        target = self.headers.get("X-Amz-Target", "")
        if not target:
            answer = f"<GetCallerIdentityResponse><GetCallerIdentityResult><Account>{ACCOUNT}</Account>"
            self._send((answer + "</GetCallerIdentityResult></GetCallerIdentityResponse>").encode(), "text/xml")
            return
        self._send(json.dumps(self._answer(target.split(".")[1], json.loads(request))).encode(), "application/json")

    def _answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        if operation == "DescribeTable":
            name = request["TableName"]
            arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"
            keys = [{"AttributeName": "auditId", "KeyType": "HASH"}, {"AttributeName": "timestamp", "KeyType": "RANGE"}]
            described = {"TableName": name, "TableArn": arn, "TableStatus": "ACTIVE", "KeySchema": keys}
            return {"Table": {**described, "AttributeDefinitions": []}}
        if operation == "ListTagsOfResource":
            tags = {"ManagedBy": "pipectl", "Project": "order-pipeline", "Environment": "dev"}
            return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        if operation == "Query":
            return self._query(request)
        return {"ContinuousBackupsDescription": {}, "TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}

    def _query(self, request: dict[str, Any]) -> dict[str, Any]:
        values = request["ExpressionAttributeValues"]
        if request["IndexName"] == "unresolved-index":
            return {"Items": [], "Count": 0, "ScannedCount": 0}
        place = FAILURE_TYPES.index(values[":partition"]["S"])
        if "ExclusiveStartKey" in request:
            place = int(request["ExclusiveStartKey"]["auditId"]["S"]) + len(FAILURE_TYPES)
        items: list[dict[str, Any]] = []
        size = 0
        projected, earliest = "ProjectionExpression" in request, values.get(":since", {"S": ""})["S"]
        while place < self.count and len(items) < request.get("Limit", self.count) and size < 1_000_000:
            moment = NEWEST - timedelta(minutes=place)
            if (written := rfc3339_milliseconds(moment)) < earliest:
                return {"Items": items, "Count": len(items), "ScannedCount": len(items)}
            if projected:
                items.append({"timestamp": {"S": written}, "replayStatus": {"S": "OPEN"}})
            else:
                items.append(audit_item(str(place), moment, FAILURE_TYPES[place % 4], body="x" * 1000))
            size += 1600
            last = {
                "failureType": {"S": FAILURE_TYPES[place % 4]},
                "timestamp": {"S": written},
                "auditId": {"S": str(place)},
            }
            place += len(FAILURE_TYPES)
        more = {"LastEvaluatedKey": last} if place < self.count else {}
        return {"Items": items, "Count": len(items), "ScannedCount": len(items), **more}

    def _send(self, body: bytes, content_type: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def paging_table() -> Iterator[str]:
    """Start a `PagingTable` and yield its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), PagingTable)
    server.daemon_threads = True
    Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
