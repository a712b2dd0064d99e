"""Changes by hand: raw boto3 calls that bypass pipectl."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from pipectl.config.loading import load
from pipectl.config.models import Config
from pipectl.config.names import Names
from pipectl.config.physical import PhysicalNames
from pipectl.context import Context
from pipectl.engine.model import Resource
from pipectl.iam.roles import POLICY_NAMES
from pipectl.pipeline import Pipeline
from tests.support import ACCOUNT, REGION, Recorder, World, boto3_session

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
OPEN_TO_THE_WORLD = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
TAKES_OVER_UNTAGGED = ("log-group",)


@dataclass
class DirectAccess:
    """Raw clients of one account, and the names of the pipeline in it."""

    world: World
    account: str = ACCOUNT
    _clients: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def _pipeline(self) -> Pipeline:
        return self.world.context().pipeline

    @property
    def names(self) -> PhysicalNames:
        return self._pipeline.physical

    @cached_property
    def resources(self) -> dict[str, Resource]:
        """Return all resources of the config."""
        return self._pipeline.resources()

    def __getattr__(self, service: str) -> Any:
        if service.startswith("_"):
            raise AttributeError(service)
        if service not in self._clients:
            endpoint = self.world.aws.endpoint_url
            session = boto3_session(self.account, "test") if endpoint else boto3_session()
            self._clients[service] = session.client(service.rstrip("_"), endpoint_url=endpoint)  # type: ignore[call-overload]
        return self._clients[service]

    # reading

    def queue_url(self) -> str:
        return str(self.sqs.get_queue_url(QueueName=self.names.queue)["QueueUrl"])

    def arn(self, resource: Resource) -> str:
        """Return the ARN that the tagging calls of the service take."""
        names: Names = self._pipeline.names
        if resource.kind == "mapping":
            return f"arn:aws:lambda:{REGION}:{names.account_id}:event-source-mapping:{self.mapping(resource)['UUID']}"
        of = {
            "table": names.table_arn,
            "alarm": names.alarm_arn,
            "log-group": names.log_group_arn,
            "function": names.function_arn,
            "role": names.role_arn,
        }
        return of[resource.kind](resource.name)

    def mappings(self, resource: Resource) -> list[Any]:
        source = self.names.orders_table if resource.key == "stream-mapping" else self.names.queue
        listed = self.lambda_.list_event_source_mappings()["EventSourceMappings"]
        return [m for m in listed if source in m["EventSourceArn"]]

    def mapping(self, resource: Resource) -> Any:
        (found,) = self.mappings(resource)
        return found

    def delete_mappings_of_earlier_streams(self) -> None:
        """Delete what `up` keeps for a day after a stream was replaced; most tests know one mapping."""
        *earlier, _ = sorted(self.mappings(self.resources["stream-mapping"]), key=lambda each: each["EventSourceArn"])
        for each in earlier:
            self.lambda_.delete_event_source_mapping(UUID=each["UUID"])

    # permissions

    def revoke(self, function: str, sid: str) -> None:
        """Remove one statement from the policy of a function's role."""
        role = self.names.processor_role if function == "processor" else self.names.auditor_role
        policy_name = POLICY_NAMES[function]
        body = self.iam.get_role_policy(RoleName=role, PolicyName=policy_name)["PolicyDocument"]
        left = [statement for statement in body["Statement"] if statement["Sid"] != sid]
        self.iam.put_role_policy(RoleName=role, PolicyName=policy_name, PolicyDocument=policy(*left))

    # tags

    def tag(self, resource: Resource, tags: Mapping[str, str]) -> None:
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        if resource.kind == "role":
            self.iam.tag_role(RoleName=resource.name, Tags=pairs)
        elif resource.kind == "table":
            # moto stores the tag twice otherwise, and its pages of tags never end
            self.dynamodb.untag_resource(ResourceArn=self.arn(resource), TagKeys=list(tags))
            self.dynamodb.tag_resource(ResourceArn=self.arn(resource), Tags=pairs)
        elif resource.kind == "bucket":
            self._set_bucket_tags(resource, {**self.tags(resource), **tags})
        elif resource.kind == "queue":
            self.sqs.tag_queue(QueueUrl=self.queue_url(), Tags=dict(tags))
        elif resource.kind == "alarm":
            self.cloudwatch.tag_resource(ResourceARN=self.arn(resource), Tags=pairs)
        elif resource.kind == "log-group":
            self.logs.tag_resource(resourceArn=self.arn(resource), tags=dict(tags))
        else:
            self.lambda_.tag_resource(Resource=self.arn(resource), Tags=dict(tags))

    def untag(self, resource: Resource, keys: Collection[str]) -> None:
        gone = list(keys)
        if resource.kind == "role":
            self.iam.untag_role(RoleName=resource.name, TagKeys=gone)
        elif resource.kind == "table":
            self.dynamodb.untag_resource(ResourceArn=self.arn(resource), TagKeys=gone)
        elif resource.kind == "bucket":
            self._set_bucket_tags(resource, {k: v for k, v in self.tags(resource).items() if k not in keys})
        elif resource.kind == "queue":
            self.sqs.untag_queue(QueueUrl=self.queue_url(), TagKeys=gone)
        elif resource.kind == "alarm":
            self.cloudwatch.untag_resource(ResourceARN=self.arn(resource), TagKeys=gone)
        elif resource.kind == "log-group":
            self.logs.untag_resource(resourceArn=self.arn(resource), tagKeys=gone)
        else:
            self.lambda_.untag_resource(Resource=self.arn(resource), TagKeys=gone)

    def tags(self, resource: Resource) -> dict[str, str]:
        if resource.kind == "queue":
            return dict(self.sqs.list_queue_tags(QueueUrl=self.queue_url()).get("Tags", {}))
        if resource.kind in ("function", "mapping"):
            return dict(self.lambda_.list_tags(Resource=self.arn(resource))["Tags"])
        if resource.kind == "log-group":
            return dict(self.logs.list_tags_for_resource(resourceArn=self.arn(resource))["tags"])
        if resource.kind == "role":
            pairs = self.iam.list_role_tags(RoleName=resource.name)["Tags"]
        elif resource.kind == "table":
            pages = self.dynamodb.get_paginator("list_tags_of_resource").paginate(ResourceArn=self.arn(resource))
            pairs = [pair for page in pages for pair in page["Tags"]]
        elif resource.kind == "bucket":
            pairs = self._bucket_tags(resource)
        else:
            pairs = self.cloudwatch.list_tags_for_resource(ResourceARN=self.arn(resource))["Tags"]
        return {pair["Key"]: pair["Value"] for pair in pairs}

    def _bucket_tags(self, resource: Resource) -> list[Any]:
        try:
            return list(self.s3.get_bucket_tagging(Bucket=resource.name)["TagSet"])
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchTagSet":  # which is how S3 says that there are none
                raise
            return []

    def _set_bucket_tags(self, resource: Resource, tags: Mapping[str, str]) -> None:
        if not tags:
            self.s3.delete_bucket_tagging(Bucket=resource.name)
            return
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        self.s3.put_bucket_tagging(Bucket=resource.name, Tagging={"TagSet": pairs})


_WITH_FACTS = ("orders-table", "processor-role", "auditor-role")


@dataclass
class Narrow(Context):
    """A context of few resources: as `up` sees them, without the time that all the others cost."""

    only: str = ""
    existing: bool = False

    @cached_property
    def resources(self) -> dict[str, Resource]:
        everything = self.pipeline.resources()
        if self.existing:
            for resource in everything.values():
                resource.needs = tuple(key for key in resource.needs if key in _WITH_FACTS)
        wanted = set(_with_needs(everything, self.only))
        return {key: resource for key, resource in everything.items() if key in wanted}


def narrow(world: World, key: str, *, existing: bool = False) -> Narrow:
    """Return a context of one resource and those it needs.

    When all exist (``existing``), only those whose facts it needs: the stream's table, and the role of a function.
    """
    config = _config(world.file, world.file.read_text())
    return Narrow(config, world.file, world.aws, Recorder(), only=key, existing=existing)


@lru_cache
def _config(file: Path, text: str) -> Config:
    """Load a config once for each text of the file: loading takes most of the time of a small case."""
    del text
    return load(file)


def _with_needs(resources: Mapping[str, Resource], key: str) -> Iterator[str]:
    yield key
    for need in resources[key].needs:
        yield from _with_needs(resources, need)


def policy(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def zipped(text: str) -> bytes:
    """Return a zip file with other code."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("handler.py", text)
    return buffer.getvalue()
