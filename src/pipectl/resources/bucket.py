"""S3 buckets: private, encrypted, versioned, and over TLS alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from pipectl.aws.client import Aws
from pipectl.engine.model import Attributes, Facts, Observation, Refusal, RefusalKind, Resource
from pipectl.errors import AbsentError, AccessDeniedError, AwsError, ExistsError
from pipectl.policy_document import deny_plain_http, document, statements
from pipectl.resources.tagging import from_list, to_list
from pipectl.text import pluralize

_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_PASSING = ("InternalError", "ServiceUnavailable", "SlowDown")
"""What S3 says of single objects that it could not delete just now."""
_LONGEST = 300
"""Seconds."""
_US_EAST_1 = "us-east-1"  # CreateBucket has no LocationConstraint for it


class Bucket(Resource):
    """A bucket.

    Every call but CreateBucket, which has no such parameter, says whose bucket it must be (``ExpectedBucketOwner``).
    Its settings are written one after the other: S3 refuses two at once on the same bucket.
    """

    kind = "bucket"
    holds_data = True

    def __init__(self, key: str, name: str, aws: Aws, *, arn: str, tags: Mapping[str, str]) -> None:
        super().__init__(key, name)
        self._aws = aws
        self._arn = arn
        self._desired: Attributes = {
            "public_access_block": dict.fromkeys(_BLOCKS, True),
            "encryption": "AES256",
            "versioning": "Enabled",
            "ownership": "BucketOwnerEnforced",
            "policy": statements(document([deny_plain_http(["s3:*"], [arn, f"{arn}/*"])])),
            "tags": dict(tags),
        }

    def desired(self, facts: Mapping[str, Facts]) -> Attributes:
        del facts
        return self._desired

    def observe(self) -> Observation | None:
        s3, ours = self._aws.s3, self._ours
        try:
            region = s3.head_bucket(**ours).get("BucketRegion", self._aws.region)
        except AbsentError:
            return None
        except AccessDeniedError:
            return _unmanageable("exists and belongs to another account, or the caller needs s3:ListBucket on it")
        except AwsError as error:
            if error.aws_code == "301":
                return _unmanageable("exists in another region")
            raise
        if region != self._aws.region:  # botocore follows S3 there by itself
            return _unmanageable(f"exists in another region, {region}")
        attributes: Attributes = {
            "public_access_block": _or_none(lambda: _blocks(s3.get_public_access_block(**ours))),
            "encryption": _or_none(lambda: _encryption(s3.get_bucket_encryption(**ours))),
            "versioning": s3.get_bucket_versioning(**ours).get("Status"),
            "ownership": _or_none(lambda: _ownership(s3.get_bucket_ownership_controls(**ours))),
            "policy": _or_none(lambda: statements(json.loads(s3.get_bucket_policy(**ours)["Policy"]))),
        }
        tags = _or_none(lambda: from_list(s3.get_bucket_tagging(**ours)["TagSet"]))
        return Observation(attributes, tags or {})

    def create(self, desired: Attributes) -> Facts:
        """CreateBucket on a bucket of one's own answers 200 in us-east-1 and resets its ACLs: hence the look before."""
        configuration: dict[str, Any] = {"Tags": to_list(desired["tags"])}
        if self._aws.region != _US_EAST_1:
            configuration["LocationConstraint"] = self._aws.region
        if self._taken():
            raise ExistsError(f"bucket {self.name} exists already")
        self._aws.s3.create_bucket(
            Bucket=self.name,
            ObjectOwnership=desired["ownership"],
            CreateBucketConfiguration=configuration,  # type: ignore[arg-type]
        )
        return self.update(desired, Observation({}, {}), desired.keys())

    def update(self, desired: Attributes, observed: Observation, differs: Collection[str]) -> Facts:
        s3, ours = self._aws.s3, self._ours
        rule: Any = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": desired["encryption"]}}
        steps: dict[str, Callable[[], Any]] = {
            "public_access_block": lambda: s3.put_public_access_block(
                **ours, PublicAccessBlockConfiguration=desired["public_access_block"]
            ),
            "ownership": lambda: s3.put_bucket_ownership_controls(
                **ours, OwnershipControls={"Rules": [{"ObjectOwnership": desired["ownership"]}]}
            ),
            "encryption": lambda: s3.put_bucket_encryption(
                **ours,
                ServerSideEncryptionConfiguration={"Rules": [rule]},
            ),
            "versioning": lambda: s3.put_bucket_versioning(
                **ours, VersioningConfiguration={"Status": desired["versioning"]}
            ),
            "policy": lambda: s3.put_bucket_policy(**ours, Policy=json.dumps(document(desired["policy"]))),
            # PutBucketTagging replaces the whole set, so that of others goes along.
            "tags": lambda: s3.put_bucket_tagging(
                **ours, Tagging={"TagSet": to_list({**observed.tags, **desired["tags"]})}
            ),
        }
        for attribute, step in steps.items():
            if attribute in differs:
                step()
        return Facts()

    def delete(self, observed: Observation) -> None:
        del observed
        try:
            self._abort_uploads()
            for last in (False, False, True):
                self._empty()
                if self._deleted(last):
                    return
        except AbsentError:
            return

    def contents(self, observed: Observation) -> str | None:
        del observed
        page = self._aws.s3.list_object_versions(**self._ours, MaxKeys=1000)
        count = len(page.get("Versions", [])) + len(page.get("DeleteMarkers", []))
        if not count:
            return None
        return f"{'more than ' if page['IsTruncated'] else ''}{pluralize(count, 'object version')}"

    @property
    def _ours(self) -> Any:
        return {"Bucket": self.name, "ExpectedBucketOwner": self._aws.account_id}

    def _deleted(self, last: bool) -> bool:
        """False when something was written since the bucket was emptied, and there is another try."""
        try:
            self._aws.s3.delete_bucket(**self._ours)
        except AwsError as error:
            if last or error.aws_code != "BucketNotEmpty":
                raise
            return False
        return True

    def _taken(self) -> bool:
        try:
            self._aws.s3.head_bucket(**self._ours)
        except AbsentError:
            return False
        except AccessDeniedError:
            return True  # another account's: `observe` says so
        return True

    def _empty(self) -> None:
        """Versions and delete markers, a page of 1,000 at a time, which is what DeleteObjects takes.

        Always the first page: an invocation that ends late may have written to one that was read already.
        """
        patience = self._aws.pauses(f"objects of {self.name} to be deleted", _LONGEST)
        next(patience)
        while batch := self._first_page():
            answer = self._aws.s3.delete_objects(**self._ours, Delete={"Objects": batch, "Quiet": True})
            errors = answer.get("Errors")
            if errors and all(each.get("Code") in _PASSING for each in errors) and next(patience, _LONGEST) < _LONGEST:
                continue
            if errors:
                first = errors[0]
                raise AwsError(
                    f"s3 DeleteObjects: {len(errors)} of {len(batch)} objects of {self.name} stay, "
                    f"the first {first.get('Key')!r}: {first.get('Code')}: {first.get('Message')}",
                    service="s3",
                    operation="DeleteObjects",
                    aws_code=str(first.get("Code")),
                )

    def _first_page(self) -> list[Any]:
        page = self._aws.s3.list_object_versions(**self._ours)
        entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        return [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in entries]

    def _abort_uploads(self) -> None:
        for page in self._aws.s3.get_paginator("list_multipart_uploads").paginate(**self._ours):
            for upload in page.get("Uploads", []):
                self._aws.s3.abort_multipart_upload(**self._ours, Key=upload["Key"], UploadId=upload["UploadId"])


def _unmanageable(reason: str) -> Observation:
    return Observation({}, {}, unmanageable=Refusal(RefusalKind.OTHER_OWNER, reason))


def _or_none(read: Callable[[], Any]) -> Any:
    """``None`` where S3 says by name that this setting is not there."""
    try:
        return read()
    except AbsentError:
        return None


def _blocks(answer: Any) -> dict[str, bool]:
    configuration = answer["PublicAccessBlockConfiguration"]
    return {block: bool(configuration.get(block)) for block in _BLOCKS}


def _encryption(answer: Any) -> str | None:
    rules = answer["ServerSideEncryptionConfiguration"]["Rules"]
    default = next(filter(None, (rule.get("ApplyServerSideEncryptionByDefault") for rule in rules)), None)
    if default is None:
        return None
    key = default.get("KMSMasterKeyID")
    return f"{default['SSEAlgorithm']}:{key}" if key else str(default["SSEAlgorithm"])


def _ownership(answer: Any) -> str:
    return str(answer["OwnershipControls"]["Rules"][0]["ObjectOwnership"])
