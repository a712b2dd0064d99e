"""The pipeline as a CloudFormation template, derived from the desired state of each resource."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipectl.config.names import LIVE_ALIAS
from pipectl.engine.model import Attributes, Facts, Resource
from pipectl.facts import QueueFacts, RoleFacts, TableFacts
from pipectl.policy_document import Statement, document

Properties = dict[str, Any]
Translate = Callable[[Any, str], Properties]
"""Returns the properties of an attribute, given its value and the physical name of its resource."""

MANAGED_BY = "CloudFormation"
"""The tag `ManagedBy` of a resource in a stack, so that pipectl does not change it, except with `up --adopt`."""
CODE_BUCKET = "CodeBucket"
_REFERENCE = re.compile(r"\$\{(\w+)(?:\.(\w+))?\}")


@dataclass(frozen=True)
class Part:
    """A second resource, for an attribute that CloudFormation takes for a resource of its own.

    Args:
        suffix: The end of its logical id; its beginning is that of the whole.
        type: The type of resource.
        properties: Returns its properties, given the value and the logical id of the whole.
    """

    suffix: str
    type: str
    properties: Callable[[Any, str], Properties]


@dataclass(frozen=True)
class Kind:
    """A kind of resource as CloudFormation describes it.

    Args:
        type: The type of resource.
        name: The property with the physical name; ``None`` where AWS chooses the name.
        attributes: How each attribute is written. The value that is the default of CloudFormation gives nothing.
        parts: The attributes that are resources of their own.
    """

    type: str
    name: str | None
    attributes: Mapping[str, Translate]
    parts: Mapping[str, tuple[Part, ...]] = field(default_factory=dict)


def _as(name: str) -> Translate:
    """Write the value under ``name``, unless it is empty."""
    return lambda value, _: {} if value is None or value in ([], {}) else {name: value}


def _each(name: str, entry: Callable[[str, Any], Properties]) -> Translate:
    """Write a mapping as a list of entries under ``name``."""
    return lambda value, _: {name: [entry(key, member) for key, member in value.items()]} if value else {}


def _wrapped(wrap: Callable[[Any], Properties]) -> Translate:
    return lambda value, _: wrap(value)


def _nothing(_value: object, _name: str) -> Properties:
    """Write nothing: a stack never has it."""
    return {}


def _tags(tags: Mapping[str, str], _name: str) -> Properties:
    return {"Tags": [{"Key": key, "Value": value} for key, value in {**tags, "ManagedBy": MANAGED_BY}.items()]}


def _keys(keys: list[str]) -> Properties:
    """Return the key schema of ``["auditId S", "timestamp S"]``."""
    kinds = zip(keys, ("HASH", "RANGE"), strict=False)
    return {"KeySchema": [{"AttributeName": key.split()[0], "KeyType": kind} for key, kind in kinds]}


def _key(kind: str) -> Translate:
    """Write a key of a table, whose type is string."""

    def write(name: str | None, _: str) -> Properties:
        if name is None:
            return {}
        schema = [{"AttributeName": name, "KeyType": kind}]
        return {"KeySchema": schema, "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"}]}

    return write


def _definitions(keys: list[str]) -> Properties:
    pairs = [key.split() for key in keys]
    return {"AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in pairs]}


def _indexes(indexes: Mapping[str, Any], _name: str) -> Properties:
    written: Properties = {}
    for name, index in indexes.items():
        projection = {"ProjectionType": index["projection"]}
        entry = {"IndexName": name, **_keys(index["keys"]), "Projection": projection}
        written = _merged(written, {"GlobalSecondaryIndexes": [entry], **_definitions(index["keys"])})
    return written


def code_file(function: str, sha256: str) -> str:
    """Return the name of the file with a function's code: new code has a new name, so that a stack is updated."""
    return f"{function}-{base64.b64decode(sha256).hex()[:16]}.zip"


def _code(sha256: str, name: str) -> Properties:
    return {"Code": {"S3Bucket": {"Ref": CODE_BUCKET}, "S3Key": code_file(name, sha256)}}


def _version(live: Attributes, own: str) -> Properties:
    """Return a version whose description has a digest: whatever changes, CloudFormation publishes another version."""
    published = json.dumps(live, sort_keys=True, default=str)
    digest = hashlib.sha256(published.encode()).hexdigest()[:16]
    return {"FunctionName": _ref(own), "Description": f"contents {digest}, role {live['role_id']}"}


def _alias(_live: Attributes, own: str) -> Properties:
    return {"FunctionName": _ref(own), "FunctionVersion": _ref(f"{own}Version.Version"), "Name": LIVE_ALIAS}


def _ref(target: str) -> str:
    """Return a reference to a logical id, or to an attribute of it; `template` makes an intrinsic function of it."""
    return f"${{{target}}}"


def _policy(body: list[Statement]) -> Properties:
    return {"PolicyDocument": document(body)}


def _encryption(algorithm: str) -> Properties:
    rule = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}}
    return {"BucketEncryption": {"ServerSideEncryptionConfiguration": [rule]}}


_MAPPING: Mapping[str, Translate] = {
    "source": _as("EventSourceArn"),
    "function": _as("FunctionName"),
    "enabled": _as("Enabled"),
    "batch_size": _as("BatchSize"),
    "batching_window": _as("MaximumBatchingWindowInSeconds"),
    "response_types": _as("FunctionResponseTypes"),
    "filter": _wrapped(lambda p: {"FilterCriteria": {"Filters": [{"Pattern": each} for each in p]}} if p else {}),
    "superseded": _nothing,
    "maximum_concurrency": _wrapped(lambda most: {"ScalingConfig": {"MaximumConcurrency": most}} if most else {}),
    "parallelization_factor": _as("ParallelizationFactor"),
    "retry_attempts": _as("MaximumRetryAttempts"),
    "bisect": _as("BisectBatchOnFunctionError"),
    "maximum_record_age": _as("MaximumRecordAgeInSeconds"),
    "starting_position": _as("StartingPosition"),
    "tumbling_window": _as("TumblingWindowInSeconds"),
    "on_failure": _wrapped(lambda arn: {"DestinationConfig": {"OnFailure": {"Destination": arn}}}),
    "tags": _tags,
}

KINDS: Mapping[str, Kind] = {
    "role": Kind(
        "AWS::IAM::Role",
        "RoleName",
        {
            "path": _as("Path"),
            "trust": _wrapped(lambda body: {"AssumeRolePolicyDocument": document(body)}),
            "policies": _each("Policies", lambda name, body: {"PolicyName": name, **_policy(body)}),
            "attached_policies": _as("ManagedPolicyArns"),
            "permissions_boundary": _as("PermissionsBoundary"),
            "tags": _tags,
        },
    ),
    "table": Kind(
        "AWS::DynamoDB::Table",
        "TableName",
        {
            "partition_key": _key("HASH"),
            "sort_key": _key("RANGE"),
            "billing": _wrapped(lambda _: {"BillingMode": "PAY_PER_REQUEST"}),
            "stream": _wrapped(lambda view: {"StreamSpecification": {"StreamViewType": view}} if view else {}),
            "indexes": _indexes,
            "point_in_time_recovery": _wrapped(
                lambda on: {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": on}}
            ),
            "deletion_protection": _as("DeletionProtectionEnabled"),
            "tags": _tags,
        },
    ),
    "bucket": Kind(
        "AWS::S3::Bucket",
        "BucketName",
        {
            "public_access_block": _as("PublicAccessBlockConfiguration"),
            "encryption": _wrapped(_encryption),
            "versioning": _wrapped(lambda status: {"VersioningConfiguration": {"Status": status}}),
            "ownership": _wrapped(lambda rule: {"OwnershipControls": {"Rules": [{"ObjectOwnership": rule}]}}),
            "tags": _tags,
        },
        {
            "policy": (
                Part("Policy", "AWS::S3::BucketPolicy", lambda body, own: {"Bucket": _ref(own), **_policy(body)}),
            )
        },
    ),
    "queue": Kind(
        "AWS::SQS::Queue",
        "QueueName",
        {
            "retention_days": _wrapped(lambda days: {"MessageRetentionPeriod": days * 24 * 3600}),
            "maximum_message_size": _as("MaximumMessageSize"),
            "visibility_timeout": _as("VisibilityTimeout"),
            "delay": _as("DelaySeconds"),
            "encryption": _wrapped(lambda kind: {"SqsManagedSseEnabled": kind == "SSE-SQS"}),
            "redrive_policy": _as("RedrivePolicy"),
            "tags": _tags,
        },
        {
            "policy": (
                Part("Policy", "AWS::SQS::QueuePolicy", lambda body, own: {"Queues": [_ref(own)], **_policy(body)}),
            )
        },
    ),
    "log-group": Kind("AWS::Logs::LogGroup", "LogGroupName", {"retention_days": _as("RetentionInDays"), "tags": _tags}),
    "function": Kind(
        "AWS::Lambda::Function",
        "FunctionName",
        {
            "role": _as("Role"),
            "role_id": _wrapped(lambda role: {"Description": f"managed by a stack, role {role}"}),
            "handler": _as("Handler"),
            "runtime": _as("Runtime"),
            "architecture": _wrapped(lambda name: {"Architectures": [name]}),
            "memory": _as("MemorySize"),
            "timeout": _as("Timeout"),
            "environment": _wrapped(lambda variables: {"Environment": {"Variables": variables}}),
            "layers": _as("Layers"),
            "reserved_concurrency": _as("ReservedConcurrentExecutions"),
            "code_sha256": _code,
            "tags": _tags,
        },
        {"live": (Part("Version", "AWS::Lambda::Version", _version), Part("Alias", "AWS::Lambda::Alias", _alias))},
    ),
    "mapping": Kind("AWS::Lambda::EventSourceMapping", None, _MAPPING),
    "alarm": Kind(
        "AWS::CloudWatch::Alarm",
        "AlarmName",
        {
            "description": _as("AlarmDescription"),
            "namespace": _as("Namespace"),
            "metric": _as("MetricName"),
            "dimensions": _each("Dimensions", lambda name, value: {"Name": name, "Value": value}),
            "statistic": _as("Statistic"),
            "period": _as("Period"),
            "unit": _as("Unit"),
            "evaluation_periods": _as("EvaluationPeriods"),
            "threshold": _as("Threshold"),
            "comparison": _as("ComparisonOperator"),
            "missing_data": _as("TreatMissingData"),
            "actions_enabled": _as("ActionsEnabled"),
            "actions": _as("AlarmActions"),
            "ok_actions": _as("OKActions"),
            "tags": _tags,
        },
    ),
}
"""Every kind of resource of pipectl."""


def template(
    description: str, resources: Mapping[str, Resource], outputs: Callable[[Mapping[str, Facts]], Mapping[str, str]]
) -> dict[str, Any]:
    """Return the template of a pipeline.

    Args:
        description: The description of the stack.
        resources: Every resource, by its key.
        outputs: Returns the pipeline's outputs, given the facts of its resources.
    """
    wanted = {key: resource for key, resource in resources.items() if resource.wanted}
    facts = {key: _facts(resource) for key, resource in wanted.items()}
    parameter = {"Type": "String", "Description": "The bucket with the code of the functions."}
    bodies = {key: _bodies(resource, resource.desired(facts)) for key, resource in wanted.items()}
    for key, resource in wanted.items():
        needs = [each for need in resource.needs for each in bodies[need]]
        whole = bodies[key][logical_id(key)]
        if depends := [each for each in needs if each not in set(_referred(whole))]:
            whole["DependsOn"] = depends
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": description,
        "Parameters": {CODE_BUCKET: parameter},
        "Resources": {own: body for each in bodies.values() for own, body in each.items()},
        "Outputs": {name: {"Value": _resolved(value)} for name, value in outputs(facts).items()},
    }


def logical_id(key: str) -> str:
    """Return ``OrdersTable`` for ``orders-table``."""
    return "".join(word.capitalize() for word in key.split("-"))


def _facts(resource: Resource) -> Facts:
    """Return references in place of the values that AWS will choose."""
    own = logical_id(resource.key)
    if resource.kind == "table":
        return TableFacts(arn=_ref(f"{own}.Arn"), stream_arn=_ref(f"{own}.StreamArn"))
    if resource.kind == "role":
        return RoleFacts(role_id=_ref(f"{own}.RoleId"))
    if resource.kind == "queue":
        return QueueFacts(url=_ref(own), arn=_ref(f"{own}.Arn"))
    return Facts()


def _bodies(resource: Resource, desired: Attributes) -> dict[str, Any]:
    """Return a resource, and its parts, by their logical ids.

    Raises:
        KeyError: an attribute has no translation.
    """
    kind, own = KINDS[resource.kind], logical_id(resource.key)
    properties: Properties = {kind.name: resource.name} if kind.name else {}
    bodies: dict[str, Any] = {own: {"Type": kind.type}}
    if resource.holds_data:
        bodies[own] |= {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
    for attribute, value in desired.items():
        if attribute not in kind.parts:
            properties = _merged(properties, kind.attributes[attribute](value, resource.name))
        for part in kind.parts.get(attribute, ()):
            written = _resolved(part.properties(value, own))
            bodies[own + part.suffix] = {"Type": part.type, "Properties": written}
    bodies[own]["Properties"] = _resolved(properties)
    return bodies


def _merged(properties: Properties, more: Properties) -> Properties:
    """Return the union of both; two lists become one without duplicates."""
    union = dict(properties)
    for name, value in more.items():
        found = union.get(name)
        union[name] = found + [each for each in value if each not in found] if isinstance(found, list) else value
    return union


def _resolved(value: Any) -> Any:
    """Return the value with an intrinsic function in place of each text that is, or has, a reference."""
    if isinstance(value, dict):
        return {key: _resolved(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_resolved(member) for member in value]
    if isinstance(value, str) and (found := _REFERENCE.fullmatch(value)):
        return {"Fn::GetAtt": [found[1], found[2]]} if found[2] else {"Ref": found[1]}
    if isinstance(value, str) and _REFERENCE.search(value):
        return {"Fn::Sub": value}
    return value


def _referred(value: Any) -> Iterator[str]:
    """Yield the logical ids in the intrinsic functions of ``value``."""
    if isinstance(value, dict):
        if "Fn::GetAtt" in value:
            yield value["Fn::GetAtt"][0]
        if "Fn::Sub" in value:
            yield from (found[1] for found in _REFERENCE.finditer(value["Fn::Sub"]))
        for member in value.values():
            yield from _referred(member)
    elif isinstance(value, list):
        for member in value:
            yield from _referred(member)
