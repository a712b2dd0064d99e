"""S3 buckets: private, encrypted, versioned, and only over TLS."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

from pipectl.aws.calls import Request
from pipectl.aws.client import Aws
from pipectl.engine.model import (
    Attributes,
    AttributeValue,
    Contents,
    Facts,
    Observation,
    Refusal,
    RefusalKind,
    Resource,
)
from pipectl.engine.parallel import at_once
from pipectl.errors import AbsentError, AccessDeniedError, AwsError, DataLossError, ExistsError
from pipectl.policy_document import deny_plain_http, document, read, statements
from pipectl.resources.emptying import Owned, abort_uploads, empty
from pipectl.resources.tagging import from_list, to_list
from pipectl.resources.unmanaged import note
from pipectl.text import pluralize

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import (
        CreateBucketConfigurationTypeDef,
        GetBucketEncryptionOutputTypeDef,
        GetBucketOwnershipControlsOutputTypeDef,
        GetPublicAccessBlockOutputTypeDef,
        LifecycleRuleOutputTypeDef,
        ServerSideEncryptionRuleTypeDef,
    )

T = TypeVar("T")
_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_PRESET = ("public_access_block", "encryption")
"""Settings that AWS gives a new bucket."""
_WITH_TAGS = "aws"
"""The partition in which CreateBucket takes tags."""
_US_EAST_1 = "us-east-1"  # CreateBucket has no LocationConstraint for it


class Bucket(Resource):
    """A bucket.

    Every call but CreateBucket, which has no such parameter, names the owner (``ExpectedBucketOwner``). The settings
    are written one after the other: S3 refuses two concurrent writes to one bucket. Lifecycle rules are not managed;
    those that delete objects under ``prefixes`` are noted.
    """

    kind = "bucket"
    holds_data = True

    def __init__(
        self, key: str, name: str, aws: Aws, *, arn: str, prefixes: Collection[str], tags: Mapping[str, str]
    ) -> None:
        super().__init__(key, name)
        self._aws = aws
        self._prefixes = prefixes
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

    def identify(self) -> Observation | None:
        found = self._found()
        if found is None or found.unmanageable:
            return found
        return replace(found, tags=self._tags())

    def observe(self) -> Observation | None:
        found = self._found()
        if found is None or found.unmanageable:
            return found
        with at_once() as start:
            settings = {name: start(read) for name, read in self._settings().items()}
            tags, found_rules = start(self._tags), start(self._rules)
        rules = found_rules()
        deleting = [each for rule in rules if (each := _deletion(rule, self._prefixes))]
        notes = [f"lifecycle rule {rule['id']!r} deletes {rule['deletes']}" for rule in deleting]
        return replace(
            found,
            attributes={name: value() for name, value in settings.items()},
            tags=tags(),
            note=note({"data loss:": "; ".join(notes)}),
            unmanaged={"lifecycle_rules": deleting, "lifecycle_rules_in_total": len(rules)} if deleting else {},
        )

    def _found(self) -> Observation | None:
        """Return an empty observation of a bucket of this account and region.

        The name is the same in all regions of the account. botocore follows redirects to another region by itself, and
        no other answer has the region.
        """
        try:
            region = self._aws.s3.head_bucket(**self._owned).get("BucketRegion", self._aws.region)
        except AbsentError:
            return None
        except AccessDeniedError:
            return _unmanageable(
                RefusalKind.OTHER_OWNER,
                "exists and belongs to another account, or the caller needs s3:ListBucket on it",
            )
        except AwsError as error:
            if error.aws_code == "301":
                return _unmanageable(RefusalKind.OTHER_REGION, "exists in another region")
            raise
        if region != self._aws.region:
            return _unmanageable(RefusalKind.OTHER_REGION, f"exists in another region, {region}")
        return Observation({}, {})

    def _settings(self) -> dict[str, Callable[[], AttributeValue]]:
        """Return the reads of the settings. Without a bucket the one of versioning fails, the others are ``None``."""
        s3, owned = self._aws.s3, self._owned
        optional: dict[str, Callable[[], AttributeValue]] = {
            "public_access_block": lambda: _blocks(s3.get_public_access_block(**owned)),
            "encryption": lambda: _encryption(s3.get_bucket_encryption(**owned)),
            "ownership": lambda: _ownership(s3.get_bucket_ownership_controls(**owned)),
            "policy": lambda: statements(read(s3.get_bucket_policy(**owned)["Policy"])),
        }
        return {
            "versioning": lambda: s3.get_bucket_versioning(**owned).get("Status"),
            **{name: partial(_or_none, each) for name, each in optional.items()},
        }

    def _tags(self) -> dict[str, str]:
        return _or_none(lambda: from_list(self._aws.s3.get_bucket_tagging(**self._owned)["TagSet"])) or {}

    def _rules(self) -> list[LifecycleRuleOutputTypeDef]:
        return _or_none(lambda: self._aws.s3.get_bucket_lifecycle_configuration(**self._owned).get("Rules", [])) or []

    def create(self, desired: Attributes) -> Facts:
        """Create the bucket, and write the settings that AWS has not set already: it may not allow to write the others.

        Look first: in us-east-1, CreateBucket of an existing bucket answers 200 and resets its ACLs.
        """
        # The other partitions refuse tags in CreateBucket; there they are written right after it.
        configuration: Request = {"Tags": to_list(desired["tags"])} if self._aws.partition == _WITH_TAGS else {}
        if self._aws.region != _US_EAST_1:
            configuration["LocationConstraint"] = self._aws.region
        if self._taken():
            raise ExistsError(f"bucket {self.name} exists already")
        self._aws.s3.create_bucket(
            Bucket=self.name,
            ObjectOwnership=desired["ownership"],
            CreateBucketConfiguration=cast("CreateBucketConfigurationTypeDef", configuration),
        )
        # The other settings are written, whatever a read that lags reports: a new bucket is not visible everywhere yet.
        reads = self._settings()
        preset = {key for key in _PRESET if reads[key]() == desired[key]}
        return self.update(desired, Observation({}, {}), desired.keys() - preset - {"ownership"})

    def update(self, desired: Attributes, observed: Observation, differs: Collection[str]) -> Facts:
        s3, owned = self._aws.s3, self._owned
        rule: ServerSideEncryptionRuleTypeDef = {
            "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": desired["encryption"]}
        }
        steps: dict[str, Callable[[], object]] = {
            "public_access_block": lambda: s3.put_public_access_block(
                **owned, PublicAccessBlockConfiguration=desired["public_access_block"]
            ),
            "ownership": lambda: s3.put_bucket_ownership_controls(
                **owned, OwnershipControls={"Rules": [{"ObjectOwnership": desired["ownership"]}]}
            ),
            "encryption": lambda: s3.put_bucket_encryption(
                **owned,
                ServerSideEncryptionConfiguration={"Rules": [rule]},
            ),
            "versioning": lambda: s3.put_bucket_versioning(
                **owned, VersioningConfiguration={"Status": desired["versioning"]}
            ),
            "policy": lambda: s3.put_bucket_policy(**owned, Policy=json.dumps(document(desired["policy"]))),
            # PutBucketTagging replaces the whole set, so the tags of others are sent, too.
            "tags": lambda: s3.put_bucket_tagging(
                **owned, Tagging={"TagSet": to_list({**observed.tags, **desired["tags"]})}
            ),
        }
        for attribute, step in steps.items():
            if attribute in differs:
                step()
        return Facts()

    def delete(self, observed: Observation, *, delete_data: bool = False) -> None:
        """Delete the bucket; only with ``delete_data`` it is emptied first."""
        del observed
        try:
            abort_uploads(self._aws, self._owned)
            if not delete_data:
                self._delete_empty()
                return
            for last in (False, False, True):
                empty(self._aws, self._owned)
                if self._deleted(last):
                    return
        except AbsentError:
            return

    def _delete_empty(self) -> None:
        try:
            self._aws.s3.delete_bucket(**self._owned)
        except AwsError as error:
            if error.aws_code != "BucketNotEmpty":
                raise
            raise DataLossError(
                f"bucket {self.name} holds data now and was not deleted",
                hint="stop the writer, then run the same command again with --keep-data or --delete-data",
            ) from error

    def contents(self, observed: Observation) -> Contents | None:
        del observed
        page = self._aws.s3.list_object_versions(**self._owned, MaxKeys=1000)
        count = len(page.get("Versions", [])) + len(page.get("DeleteMarkers", []))
        if not count:
            return None
        return Contents(count, more=page["IsTruncated"])

    @property
    def _owned(self) -> Owned:
        return {"Bucket": self.name, "ExpectedBucketOwner": self._aws.account_id}

    def _deleted(self, last: bool) -> bool:
        """Delete the bucket; return false when an object was written since it was emptied, and another try is left."""
        try:
            self._aws.s3.delete_bucket(**self._owned)
        except AwsError as error:
            if error.aws_code != "BucketNotEmpty":
                raise
            if last:
                error.hint = "objects are written while the bucket is emptied: stop the writer, then run it again"
                raise
            return False
        return True

    def _taken(self) -> bool:
        try:
            self._aws.s3.head_bucket(**self._owned)
        except AbsentError:
            return False
        except AccessDeniedError:
            return True  # another account's: `observe` reports it
        return True


def _unmanageable(kind: RefusalKind, reason: str) -> Observation:
    return Observation({}, {}, unmanageable=Refusal(kind, reason))


def _or_none(read: Callable[[], T]) -> T | None:
    """Read a setting; ``None`` where S3 reports by name that it is absent."""
    try:
        return read()
    except AbsentError:
        return None


def _deletion(rule: LifecycleRuleOutputTypeDef, prefixes: Collection[str]) -> dict[str, str] | None:
    """Return the id of a lifecycle rule that deletes objects under the prefixes, and in words what it deletes."""
    selected = rule.get("Filter", {})
    of_rule = selected.get("Prefix") or selected.get("And", {}).get("Prefix") or rule.get("Prefix") or ""
    touched = [each for each in prefixes if each.startswith(of_rule) or of_rule.startswith(each)]
    expiration, older = rule.get("Expiration", {}), rule.get("NoncurrentVersionExpiration", {})
    place, deletes = f"under {', '.join(touched)}", []
    if "Days" in expiration:
        deletes.append(f"objects {place} after {pluralize(expiration['Days'], 'day')}")
    elif "Date" in expiration:
        deletes.append(f"objects {place} on a date")
    if days := older.get("NoncurrentDays"):
        deletes.append(f"replaced versions of objects {place} after {pluralize(days, 'day')}")
    if rule["Status"] != "Enabled" or not deletes or not touched:
        return None
    return {"id": rule.get("ID", ""), "deletes": " and ".join(deletes)}


def _blocks(answer: GetPublicAccessBlockOutputTypeDef) -> dict[str, bool]:
    configuration = answer["PublicAccessBlockConfiguration"]
    return {block: bool(configuration.get(block)) for block in _BLOCKS}


def _encryption(answer: GetBucketEncryptionOutputTypeDef) -> str | None:
    rules = answer["ServerSideEncryptionConfiguration"]["Rules"]
    default = next(filter(None, (rule.get("ApplyServerSideEncryptionByDefault") for rule in rules)), None)
    if default is None:
        return None
    key = default.get("KMSMasterKeyID")
    return f"{default['SSEAlgorithm']}:{key}" if key else str(default["SSEAlgorithm"])


def _ownership(answer: GetBucketOwnershipControlsOutputTypeDef) -> str:
    return str(answer["OwnershipControls"]["Rules"][0]["ObjectOwnership"])
