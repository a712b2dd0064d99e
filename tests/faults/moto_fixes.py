"""Corrections for differences between moto and AWS that every deployment would meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from botocore.exceptions import ClientError
from moto.awslambda.models import lambda_backends
from moto.dynamodb import dynamodb_backends
from moto.s3 import s3_backends
from moto.sqs import sqs_backends

from pipectl.aws.calls import Call
from tests.support import ACCOUNT, REGION

_creating = Lock()


def send_fixed(call: Call, params: Mapping[str, Any], send: Callable[[], Any]) -> Any:
    """Send a call to moto.

    CreateBucket keeps its tags and sets what AWS sets, SetQueueAttributes keeps a policy that it does not name, a
    disabled stream can be enabled again, and an existing stream, index or mapping is refused with AWS's message.
    """
    if call.operation == "CreateEventSourceMapping":
        return _create_mapping(params, send)
    if call.operation == "CreateBucket":
        return _new_bucket(params, send)
    if call.operation == "SetQueueAttributes" and "Policy" not in params["Attributes"]:
        return _keeping_the_policy(params, send)
    if call.operation == "UpdateTable":
        return _update_table(params, send)
    return send()


def _new_bucket(params: Mapping[str, Any], send: Callable[[], Any]) -> Any:
    """Create a bucket with its tags, encrypted and without public access, as AWS does since 2023."""
    answer = send()
    backend = s3_backends[ACCOUNT]["aws"]
    blocks = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    backend.put_public_access_block(params["Bucket"], dict.fromkeys(blocks, "true"))
    encryption = {"Rule": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}}
    backend.put_bucket_encryption(params["Bucket"], encryption)
    tags = params.get("CreateBucketConfiguration", {}).get("Tags", [])
    backend.put_bucket_tagging(params["Bucket"], {tag["Key"]: tag["Value"] for tag in tags})
    return answer


def _keeping_the_policy(params: Mapping[str, Any], send: Callable[[], Any]) -> Any:
    queue = sqs_backends[ACCOUNT][REGION].queues[params["QueueUrl"].rpartition("/")[2]]
    policy = queue.policy
    answer = send()
    queue.policy = policy
    return answer


def _create_mapping(params: Mapping[str, Any], send: Callable[[], Any]) -> Any:
    """Refuse a second mapping of the same source and function."""
    source, function = params["EventSourceArn"], params["FunctionName"]
    with _creating:
        for found in lambda_backends[ACCOUNT][REGION]._event_source_mappings.values():
            if (found.event_source_arn, found.function_name) == (source, function):
                name = function.rpartition("function:")[2]
                text = (
                    f'The event source arn (" {source} ") and function (" {name} ") provided mapping already exists. '
                    f"Please update or delete the existing mapping with UUID {found.uuid}"
                )
                raise ClientError(
                    {"Error": {"Code": "ResourceConflictException", "Message": text}}, "CreateEventSourceMapping"
                )
        return send()


def _update_table(params: Mapping[str, Any], send: Callable[[], Any]) -> Any:
    if params.get("StreamSpecification", {}).get("StreamEnabled"):
        table = dynamodb_backends[ACCOUNT][REGION].tables[params["TableName"]]
        if table.stream_specification["StreamEnabled"]:
            raise _invalid(f"Table already has an enabled stream: TableName: {params['TableName']}")
        table.latest_stream_label = None
    try:
        return send()
    except ValueError as wrong:  # moto's own, of an index that is there
        raise _invalid("Attempting to create an index which already exists") from wrong


def _invalid(text: str) -> ClientError:
    return ClientError({"Error": {"Code": "ValidationException", "Message": text}}, "UpdateTable")
