"""What moto gets wrong and every deployer would stumble over, made right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from moto.dynamodb import dynamodb_backends
from moto.s3 import s3_backends
from moto.sqs import sqs_backends

from pipectl.aws import Call
from tests.support import ACCOUNT, REGION


def made_right(call: Call, params: Mapping[str, Any], send: Callable[[], Any]) -> Any:
    """Send a call to moto.

    CreateBucket keeps its tags, SetQueueAttributes the policy that it is not about, and a stream that was switched off
    can be switched on again.
    """
    if call.operation == "CreateBucket":
        answer = send()
        tags = params.get("CreateBucketConfiguration", {}).get("Tags", [])
        backend = s3_backends[ACCOUNT]["aws"]
        backend.put_bucket_tagging(params["Bucket"], {tag["Key"]: tag["Value"] for tag in tags})
        return answer
    if call.operation == "SetQueueAttributes" and "Policy" not in params["Attributes"]:
        queue = sqs_backends[ACCOUNT][REGION].queues[params["QueueUrl"].rpartition("/")[2]]
        policy = queue.policy
        answer = send()
        queue.policy = policy
        return answer
    if params.get("StreamSpecification", {}).get("StreamEnabled") and call.operation == "UpdateTable":
        table = dynamodb_backends[ACCOUNT][REGION].tables[params["TableName"]]
        if not table.stream_specification["StreamEnabled"]:
            table.latest_stream_label = None
    return send()
