"""A case of drift for every managed attribute of every kind of resource.

A case changes the attribute with boto3 and returns the actual values that `plan` must show, by dotted path.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipectl.config.names import LIVE_ALIAS
from pipectl.engine.model import Action, Resource
from pipectl.resources.function import HIDDEN
from tests.resources.direct_access import ADMINISTRATOR, OPEN_TO_THE_WORLD, DirectAccess, policy, zipped

Found = dict[str, Any]
TOPIC = "arn:aws:sns:us-east-1:123456789012:somebody"


@dataclass(frozen=True)
class Drift:
    """A case of drift of one attribute.

    Args:
        do: Changes the attribute. Returns the actual values that `plan` must show.
        action: The action that `plan` must show.
        emulator: True when moto does not store the attribute, or does not allow the change.
    """

    do: Callable[[DirectAccess, Resource], Found]
    action: Action = Action.UPDATE
    emulator: bool = False


def retag(direct: DirectAccess, resource: Resource) -> Found:
    direct.tag(resource, {"Team": "sales"})
    return {"tags.Team": "sales"}


# roles


def _attach(direct: DirectAccess, role: Resource) -> Found:
    direct.iam.attach_role_policy(RoleName=role.name, PolicyArn=ADMINISTRATOR)
    return {"attached_policies": [ADMINISTRATOR]}


def _widen(direct: DirectAccess, role: Resource) -> Found:
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    (managed,) = role.desired({})["policies"]
    direct.iam.put_role_policy(RoleName=role.name, PolicyName=managed, PolicyDocument=policy(everything))
    direct.iam.put_role_policy(RoleName=role.name, PolicyName="extra", PolicyDocument=policy(everything))
    found = [{"Action": ["*"], "Effect": "Allow", "Resource": ["*"]}]
    return {f"policies.{managed}": found, "policies.extra": found}


def _open_trust(direct: DirectAccess, role: Resource) -> Found:
    anybody = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    direct.iam.update_assume_role_policy(RoleName=role.name, PolicyDocument=policy(anybody))
    return {"trust": [{"Action": ["sts:AssumeRole"], "Effect": "Allow", "Principal": "*"}]}


def delete_role(direct: DirectAccess, name: str) -> None:
    for inline in direct.iam.list_role_policies(RoleName=name)["PolicyNames"]:
        direct.iam.delete_role_policy(RoleName=name, PolicyName=inline)
    direct.iam.delete_role(RoleName=name)


def _elsewhere(direct: DirectAccess, role: Resource) -> Found:
    tags = direct.iam.list_role_tags(RoleName=role.name)["Tags"]
    trust = direct.iam.get_role(RoleName=role.name)["Role"]["AssumeRolePolicyDocument"]
    delete_role(direct, role.name)
    direct.iam.create_role(
        RoleName=role.name, Path="/elsewhere/", AssumeRolePolicyDocument=json.dumps(trust), Tags=tags
    )
    return {"path": "/elsewhere/"}


ROLE = {
    "path": Drift(_elsewhere, Action.REFUSE),
    "trust": Drift(_open_trust),
    "policies": Drift(_widen),
    "attached_policies": Drift(_attach, emulator=True),
}


# tables


def _provision(direct: DirectAccess, table: Resource) -> Found:
    capacity = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    described = direct.dynamodb.describe_table(TableName=table.name)["Table"]
    updates = [
        {"Update": {"IndexName": index["IndexName"], "ProvisionedThroughput": capacity}}
        for index in described.get("GlobalSecondaryIndexes", [])
    ]
    more = {"GlobalSecondaryIndexUpdates": updates} if updates else {}
    direct.dynamodb.update_table(
        TableName=table.name, BillingMode="PROVISIONED", ProvisionedThroughput=capacity, **more
    )
    return {"billing": "provisioned"}


def _switch_stream(direct: DirectAccess, table: Resource) -> Found:
    """Turn the stream of the orders table off, or that of the audit table on."""
    if table.key == "orders-table":
        direct.dynamodb.update_table(TableName=table.name, StreamSpecification={"StreamEnabled": False})
        return {"stream": None}
    on = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    direct.dynamodb.update_table(TableName=table.name, StreamSpecification=on)
    return {"stream": "KEYS_ONLY"}


def _protect(direct: DirectAccess, table: Resource) -> Found:
    direct.dynamodb.update_table(TableName=table.name, DeletionProtectionEnabled=True)
    return {"deletion_protection": True}


def _no_recovery(direct: DirectAccess, table: Resource) -> Found:
    off = {"PointInTimeRecoveryEnabled": False}
    direct.dynamodb.update_continuous_backups(TableName=table.name, PointInTimeRecoverySpecification=off)
    return {"point_in_time_recovery": False}


def _project_keys_only(direct: DirectAccess, table: Resource) -> Found:
    """Change the indexes of the audit table. The orders table has no managed index."""
    described = direct.dynamodb.describe_table(TableName=table.name)["Table"]
    found: dict[str, object] = {}
    for index in described["GlobalSecondaryIndexes"]:
        name, delete = index["IndexName"], {"Delete": {"IndexName": index["IndexName"]}}
        direct.dynamodb.update_table(TableName=table.name, GlobalSecondaryIndexUpdates=[delete])
        create = {"IndexName": name, "KeySchema": index["KeySchema"], "Projection": {"ProjectionType": "KEYS_ONLY"}}
        direct.dynamodb.update_table(
            TableName=table.name,
            AttributeDefinitions=described["AttributeDefinitions"],
            GlobalSecondaryIndexUpdates=[{"Create": create}],
        )
        found[f"indexes.{name}.projection"] = "KEYS_ONLY"
    return found


def _other_key(direct: DirectAccess, table: Resource) -> Found:
    wanted = table.desired({})
    sort = [(wanted["sort_key"], "S")] if wanted["sort_key"] else []
    _recreate(direct, table, [("number", "N"), *sort])
    return {"partition_key": {"name": "number", "type": "N"}}


def _other_sort_key(direct: DirectAccess, table: Resource) -> Found:
    _recreate(direct, table, [(table.desired({})["partition_key"], "S"), ("other", "S")])
    return {"sort_key": "other"}


def _recreate(direct: DirectAccess, table: Resource, keys: list[tuple[str, str]]) -> None:
    schema = zip(("HASH", "RANGE"), keys, strict=False)
    tags = direct.dynamodb.list_tags_of_resource(ResourceArn=direct.arn(table))["Tags"]
    direct.dynamodb.delete_table(TableName=table.name)
    direct.dynamodb.create_table(
        TableName=table.name,
        KeySchema=[{"AttributeName": name, "KeyType": kind} for kind, (name, _) in schema],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": type_} for name, type_ in keys],
        BillingMode="PAY_PER_REQUEST",
        Tags=tags,
    )


TABLE = {
    "partition_key": Drift(_other_key, Action.REFUSE),
    "sort_key": Drift(_other_sort_key, Action.REFUSE),
    "billing": Drift(_provision),
    "stream": Drift(_switch_stream, emulator=True),
    "indexes": Drift(_project_keys_only),
    "point_in_time_recovery": Drift(_no_recovery),
    "deletion_protection": Drift(_protect),
}


# bucket


def _unblock(direct: DirectAccess, bucket: Resource) -> Found:
    direct.s3.delete_public_access_block(Bucket=bucket.name)
    return {"public_access_block": None}


def _encrypt_otherwise(direct: DirectAccess, bucket: Resource) -> Found:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "somebodys"}}
    direct.s3.put_bucket_encryption(Bucket=bucket.name, ServerSideEncryptionConfiguration={"Rules": [rule]})
    return {"encryption": "aws:kms:somebodys"}


def _suspend(direct: DirectAccess, bucket: Resource) -> Found:
    direct.s3.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Suspended"})
    return {"versioning": "Suspended"}


def _disown(direct: DirectAccess, bucket: Resource) -> Found:
    controls = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    direct.s3.put_bucket_ownership_controls(Bucket=bucket.name, OwnershipControls=controls)
    return {"ownership": "ObjectWriter"}


def _no_bucket_policy(direct: DirectAccess, bucket: Resource) -> Found:
    direct.s3.delete_bucket_policy(Bucket=bucket.name)
    return {"policy": None}


BUCKET = {
    "public_access_block": Drift(_unblock),
    "encryption": Drift(_encrypt_otherwise),
    "versioning": Drift(_suspend),
    "ownership": Drift(_disown),
    "policy": Drift(_no_bucket_policy),
}


# queue


def _set_queue(attribute: str, name: str, value: str, found: Any) -> Callable[[DirectAccess, Resource], Found]:
    def do(direct: DirectAccess, queue: Resource) -> Found:
        direct.sqs.set_queue_attributes(QueueUrl=direct.queue_url(), Attributes={name: value})
        return {attribute: found}

    return do


def _encrypt_with_key(direct: DirectAccess, queue: Resource) -> Found:
    key = {"KmsMasterKeyId": "alias/aws/sqs", "SqsManagedSseEnabled": "false"}
    direct.sqs.set_queue_attributes(QueueUrl=direct.queue_url(), Attributes=key)
    return {"encryption": "SSE-KMS:alias/aws/sqs"}


def _open_queue(direct: DirectAccess, queue: Resource) -> Found:
    everybody = policy(OPEN_TO_THE_WORLD | {"Action": "sqs:*"})
    direct.sqs.set_queue_attributes(QueueUrl=direct.queue_url(), Attributes={"Policy": everybody})
    return {"policy": [{"Action": ["sqs:*"], "Effect": "Allow", "Principal": "*", "Resource": ["*"]}]}


def _redrive(direct: DirectAccess, queue: Resource) -> Found:
    direct.sqs.create_queue(QueueName="elsewhere")
    arn = f"arn:aws:sqs:us-east-1:{direct.account}:elsewhere"
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    direct.sqs.set_queue_attributes(QueueUrl=direct.queue_url(), Attributes={"RedrivePolicy": redrive})
    return {"redrive_policy": redrive}


# moto drops the policy of a queue when another attribute changes.
QUEUE = {
    "retention_days": Drift(_set_queue("retention_days", "MessageRetentionPeriod", "3600", 1 / 24), emulator=True),
    "maximum_message_size": Drift(
        _set_queue("maximum_message_size", "MaximumMessageSize", "1024", 1024), emulator=True
    ),
    "visibility_timeout": Drift(_set_queue("visibility_timeout", "VisibilityTimeout", "0", 0), emulator=True),
    "delay": Drift(_set_queue("delay", "DelaySeconds", "900", 900), emulator=True),
    "encryption": Drift(_encrypt_with_key, emulator=True),
    "redrive_policy": Drift(_redrive, emulator=True),
    "policy": Drift(_open_queue, emulator=True),
}


# log groups


def _keep_without_limit(direct: DirectAccess, group: Resource) -> Found:
    direct.logs.delete_retention_policy(logGroupName=group.name)
    return {"retention_days": None}


LOG_GROUP = {"retention_days": Drift(_keep_without_limit)}


# functions


def _configure(attribute: str, found: Any, **parameters: Any) -> Callable[[DirectAccess, Resource], Found]:
    def do(direct: DirectAccess, function: Resource) -> Found:
        direct.lambda_.update_function_configuration(FunctionName=function.name, **parameters)
        return {attribute: found}

    return do


def _add_variable(direct: DirectAccess, function: Resource) -> Found:
    found = direct.lambda_.get_function_configuration(FunctionName=function.name)
    variables = found["Environment"]["Variables"] | {"API_KEY": "sk-secret"}
    direct.lambda_.update_function_configuration(FunctionName=function.name, Environment={"Variables": variables})
    return {"environment.API_KEY": HIDDEN}


def _add_layer(direct: DirectAccess, function: Resource) -> Found:
    layer = direct.lambda_.publish_layer_version(LayerName="extra", Content={"ZipFile": zipped("")})
    arn = layer["LayerVersionArn"]
    direct.lambda_.update_function_configuration(FunctionName=function.name, Layers=[arn])
    return {"layers": [arn]}


def _hold(direct: DirectAccess, function: Resource) -> Found:
    direct.lambda_.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    return {"reserved_concurrency": 0}


def _other_code(direct: DirectAccess, function: Resource) -> Found:
    answer = direct.lambda_.update_function_code(FunctionName=function.name, ZipFile=zipped("def handler(*_): ..."))
    return {"code_sha256": answer["CodeSha256"]}


def _other_architecture(direct: DirectAccess, function: Resource) -> Found:
    url = direct.lambda_.get_function(FunctionName=function.name)["Configuration"]
    assert url["Architectures"] == ["arm64"]
    same = direct.resources[function.key].package.body  # type: ignore[attr-defined]
    direct.lambda_.update_function_code(FunctionName=function.name, ZipFile=same, Architectures=["x86_64"])
    return {"architecture": "x86_64"}


def _other_role(direct: DirectAccess, function: Resource) -> Found:
    mine = direct.names.processor_role if function.key == "processor" else direct.names.auditor_role
    others = direct.names.auditor_role if function.key == "processor" else direct.names.processor_role
    found = direct.lambda_.get_function_configuration(FunctionName=function.name)["Role"]
    role = found.replace(mine, others)
    direct.lambda_.update_function_configuration(FunctionName=function.name, Role=role)
    return {"role": role}


def _another_version(direct: DirectAccess, function: Resource) -> Found:
    """Let the alias name a version with more memory, and send a part of the events to the version before."""
    client, name = direct.lambda_, function.name
    before = client.get_alias(FunctionName=name, Name=LIVE_ALIAS)["FunctionVersion"]
    memory = client.get_function_configuration(FunctionName=name)["MemorySize"]
    client.update_function_configuration(FunctionName=name, MemorySize=1024)
    version = client.publish_version(FunctionName=name)["Version"]
    client.update_function_configuration(FunctionName=name, MemorySize=memory)
    weights = {"AdditionalVersionWeights": {before: 0.1}}
    client.update_alias(FunctionName=name, Name=LIVE_ALIAS, FunctionVersion=version, RoutingConfig=weights)
    return {"live.memory": 1024, f"live.weights.{before}": 0.1}


FUNCTION = {
    "role": Drift(_other_role),
    "role_id": Drift(_configure("role_id", None, Description="by hand")),
    "handler": Drift(_configure("handler", "other.handler", Handler="other.handler")),
    "runtime": Drift(_configure("runtime", "python3.12", Runtime="python3.12")),
    "architecture": Drift(_other_architecture, emulator=True),
    "memory": Drift(_configure("memory", 1024, MemorySize=1024)),
    "timeout": Drift(_configure("timeout", 1, Timeout=1)),
    "environment": Drift(_add_variable),
    "layers": Drift(_add_layer),
    "reserved_concurrency": Drift(_hold, emulator=True),
    "code_sha256": Drift(_other_code),
    "live": Drift(_another_version),
}


# mappings


def _map(attribute: str, found: Any, **parameters: Any) -> Callable[[DirectAccess, Resource], Found]:
    def do(direct: DirectAccess, mapping: Resource) -> Found:
        direct.lambda_.update_event_source_mapping(UUID=direct.mapping(mapping)["UUID"], **parameters)
        return {attribute: found}

    return do


def _functions(direct: DirectAccess, mapping: Resource) -> tuple[str, str]:
    """Return the names of the mapping's function and of the other one."""
    names = direct.names
    return (names.processor, names.auditor) if mapping.key == "stream-mapping" else (names.auditor, names.processor)


def _point_elsewhere(direct: DirectAccess, mapping: Resource) -> Found:
    found = direct.mapping(mapping)
    mine, other = _functions(direct, mapping)
    direct.lambda_.update_event_source_mapping(UUID=found["UUID"], FunctionName=other)
    return {"function": found["FunctionArn"].replace(mine, other).removesuffix(":live")}


def again(direct: DirectAccess, mapping: Resource, *, instead: bool = False, **changes: Any) -> str:
    """Create a second mapping like the first, with the same tags, or ``instead`` of it. Return its UUID."""
    first = direct.mapping(mapping)
    tags = direct.tags(mapping)
    if instead:
        direct.lambda_.delete_event_source_mapping(UUID=first["UUID"])
    start = {"StartingPosition": first["StartingPosition"]} if "StartingPosition" in first else {}
    created = direct.lambda_.create_event_source_mapping(
        **(
            {"EventSourceArn": first["EventSourceArn"], "FunctionName": first["FunctionArn"], "Tags": tags}
            | start
            | changes
        )
    )
    return str(created["UUID"])


def _second(direct: DirectAccess, mapping: Resource) -> Found:
    """Create a second managed mapping, of the other function: AWS refuses a second one of the same function."""
    _, other = _functions(direct, mapping)
    return {"superseded": [again(direct, mapping, FunctionName=other)]}


def _start_at_latest(direct: DirectAccess, mapping: Resource) -> Found:
    again(direct, mapping, instead=True, StartingPosition="LATEST")
    return {"starting_position": "LATEST"}


def _read_elsewhere(direct: DirectAccess, mapping: Resource) -> Found:
    """Recreate the mapping with another source, because a source cannot be changed."""
    found = direct.mapping(mapping)
    direct.sqs.create_queue(QueueName="elsewhere")
    again(direct, mapping, EventSourceArn=f"arn:aws:sqs:us-east-1:{direct.account}:elsewhere")
    direct.lambda_.delete_event_source_mapping(UUID=found["UUID"])
    return {"source": None}


def _new_stream(direct: DirectAccess, mapping: Resource) -> Found:
    found = direct.mapping(mapping)["EventSourceArn"]
    on = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    for specification in ({"StreamEnabled": False}, on):
        direct.dynamodb.update_table(TableName=direct.names.orders_table, StreamSpecification=specification)
    return {"source": found}


_ONLY_REMOVES = {"Filters": [{"Pattern": '{"eventName": ["REMOVE"]}'}]}

QUEUE_MAPPING = {
    "source": Drift(_read_elsewhere, Action.CREATE),
    "function": Drift(_point_elsewhere),
    "enabled": Drift(_map("enabled", False, Enabled=False)),
    "batch_size": Drift(_map("batch_size", 3, BatchSize=3)),
    "batching_window": Drift(_map("batching_window", 5, MaximumBatchingWindowInSeconds=5)),
    "maximum_concurrency": Drift(_map("maximum_concurrency", 2, ScalingConfig={"MaximumConcurrency": 2})),
    "response_types": Drift(_map("response_types", [], FunctionResponseTypes=[])),
    "filter": Drift(_map("filter", ['{"eventName": ["REMOVE"]}'], FilterCriteria=_ONLY_REMOVES)),
    "superseded": Drift(_second),
}

STREAM_MAPPING = {
    **{key: drift for key, drift in QUEUE_MAPPING.items() if key != "maximum_concurrency"},
    "source": Drift(_new_stream, Action.REPLACE, emulator=True),
    "starting_position": Drift(_start_at_latest, Action.REPLACE),
    "parallelization_factor": Drift(_map("parallelization_factor", 10, ParallelizationFactor=10)),
    "retry_attempts": Drift(_map("retry_attempts", 0, MaximumRetryAttempts=0)),
    "bisect": Drift(_map("bisect", False, BisectBatchOnFunctionError=False)),
    "maximum_record_age": Drift(_map("maximum_record_age", 60, MaximumRecordAgeInSeconds=60)),
    "tumbling_window": Drift(_map("tumbling_window", 30, TumblingWindowInSeconds=30)),
    "on_failure": Drift(_map("on_failure", None, DestinationConfig={})),
}


# alarms

_SETTINGS = (
    *("AlarmName", "AlarmDescription", "ActionsEnabled", "OKActions", "AlarmActions", "MetricName", "Namespace"),
    *("Statistic", "Dimensions", "Period", "Unit", "EvaluationPeriods", "Threshold", "ComparisonOperator"),
    "TreatMissingData",
)


def _alarm(attribute: str, found: Any, **changes: Any) -> Callable[[DirectAccess, Resource], Found]:
    def do(direct: DirectAccess, alarm: Resource) -> Found:
        (present,) = direct.cloudwatch.describe_alarms(AlarmNames=[alarm.name])["MetricAlarms"]
        direct.cloudwatch.put_metric_alarm(**({k: present[k] for k in _SETTINGS if k in present} | changes))
        return {attribute: found}

    return do


def _another_dimension(direct: DirectAccess, alarm: Resource) -> Found:
    (present,) = direct.cloudwatch.describe_alarms(AlarmNames=[alarm.name])["MetricAlarms"]
    (dimension,) = present["Dimensions"]
    other = [{"Name": dimension["Name"], "Value": "other"}]
    return _alarm(f"dimensions.{dimension['Name']}", "other", Dimensions=other)(direct, alarm)


def _silence(direct: DirectAccess, alarm: Resource) -> Found:
    direct.cloudwatch.disable_alarm_actions(AlarmNames=[alarm.name])
    return {"actions_enabled": False}


ALARM = {
    "description": Drift(_alarm("description", "?", AlarmDescription="?")),
    "namespace": Drift(_alarm("namespace", "Other", Namespace="Other")),
    "metric": Drift(_alarm("metric", "Other", MetricName="Other")),
    "dimensions": Drift(_another_dimension),
    "statistic": Drift(_alarm("statistic", "Minimum", Statistic="Minimum")),
    "period": Drift(_alarm("period", 60, Period=60)),
    "unit": Drift(_alarm("unit", "Bytes", Unit="Bytes")),
    "evaluation_periods": Drift(_alarm("evaluation_periods", 9, EvaluationPeriods=9)),
    "threshold": Drift(_alarm("threshold", 999.5, Threshold=999.5)),
    "comparison": Drift(_alarm("comparison", "LessThanThreshold", ComparisonOperator="LessThanThreshold")),
    "missing_data": Drift(_alarm("missing_data", "breaching", TreatMissingData="breaching")),
    "actions_enabled": Drift(_silence),
    "actions": Drift(_alarm("actions", [TOPIC], AlarmActions=[TOPIC])),
    "ok_actions": Drift(_alarm("ok_actions", [TOPIC], OKActions=[TOPIC])),
}

BY_KIND = {
    "role": ROLE,
    "table": TABLE,
    "bucket": BUCKET,
    "queue": QUEUE,
    "log-group": LOG_GROUP,
    "function": FUNCTION,
    "alarm": ALARM,
}
BY_KEY = {"stream-mapping": STREAM_MAPPING, "queue-mapping": QUEUE_MAPPING}

WANTED_EMPTY = {("orders-table", "indexes")}
"""Attributes that cannot drift: the desired value is empty, and values of others are ignored."""


def has_drift(resource: Resource, attribute: str) -> bool:
    """Return whether the attribute has a case."""
    return attribute == "tags" or attribute in _table_of(resource)


def drift_of(resource: Resource, attribute: str) -> Drift:
    """Return the case of an attribute."""
    return Drift(retag) if attribute == "tags" else _table_of(resource)[attribute]


def _table_of(resource: Resource) -> dict[str, Drift]:
    return BY_KEY.get(resource.key) or BY_KIND[resource.kind]
