"""IAM roles. Policies are attributes of their role; every other policy on it is drift.

A permissions boundary of the config is an attribute, too. Without one in the config, a boundary is left alone: the
account may demand it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pipectl.aws.calls import Request
from pipectl.aws.client import Aws
from pipectl.config.names import REGION_TAG
from pipectl.engine.model import Attributes, Facts, Observation, Refusal, RefusalKind, Resource
from pipectl.engine.parallel import at_once
from pipectl.errors import AbsentError, PipectlError
from pipectl.facts import RoleFacts
from pipectl.policy_document import Statement, document, read, statements
from pipectl.resources.tagging import differing, from_list, to_list
from pipectl.resources.unmanaged import note

if TYPE_CHECKING:
    from mypy_boto3_iam.type_defs import RoleTypeDef

_ROOT_PATH = "/"
_SESSION = 3600
"""Longest session of a role by default, in seconds."""


class Role(Resource):
    """A role that Lambda assumes.

    IAM has no regions, so pipelines of two regions can have roles of the same name. A tag holds the region of the
    pipeline that a role serves; the role of another region is not managed.

    Args:
        key: Its section in the config.
        name: Its physical name.
        aws: Where it is.
        trust: The statements of its trust policy.
        policies: Its inline policies, by name.
        boundary: The ARN of the policy that is its permissions boundary; ``None`` to leave a boundary alone.
        ownership: The tags that mark a managed resource.
        home_region: The region of a role without a `REGION_TAG`: roles did not always have it.
        tags: Tags of the resource, besides `REGION_TAG`.
    """

    kind = "role"
    fixed = ("path",)

    def __init__(
        self,
        key: str,
        name: str,
        aws: Aws,
        *,
        trust: list[Statement],
        policies: Mapping[str, list[Statement]],
        boundary: str | None,
        ownership: Mapping[str, str],
        home_region: str,
        tags: Mapping[str, str],
    ) -> None:
        super().__init__(key, name)
        self._aws = aws
        self._ownership = ownership
        self._home_region = home_region
        self._desired: Attributes = {
            "path": _ROOT_PATH,
            "trust": statements({"Statement": trust}),
            "policies": {policy: statements({"Statement": body}) for policy, body in policies.items()},
            "attached_policies": [],
            **({"permissions_boundary": boundary} if boundary else {}),
            "tags": {**tags, REGION_TAG: aws.region},
        }

    def desired(self, facts: Mapping[str, Facts]) -> Attributes:
        del facts
        return self._desired

    def identify(self) -> Observation | None:
        """Read also which policies there are: a role is deleted after them. Their documents are left out."""
        role = self._role()
        return self._identified(role, lambda: {name: [] for name in self._policy_names()}) if role else None

    def observe(self) -> Observation | None:
        role = self._role()
        if role is None:
            return None
        found = self._identified(role, self._policies)
        boundary = role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
        session = role.get("MaxSessionDuration", _SESSION)
        others = {
            "permissions boundary": boundary if "permissions_boundary" not in self._desired else None,
            "session in seconds": session if session != _SESSION else None,
        }
        return replace(
            found,
            attributes={
                **found.attributes,
                "path": role["Path"],
                "trust": _read(role["AssumeRolePolicyDocument"]),
                "permissions_boundary": boundary,
            },
            note=note(others),
            unmanaged={name.replace(" ", "_"): value for name, value in others.items() if value},
        )

    def _role(self) -> RoleTypeDef | None:
        try:
            return self._aws.iam.get_role(RoleName=self.name)["Role"]
        except AbsentError:
            return None

    def _policy_names(self) -> list[str]:
        pages = self._aws.iam.get_paginator("list_role_policies").paginate(RoleName=self.name)
        return [name for page in pages for name in page["PolicyNames"]]

    def _policies(self) -> dict[str, list[Statement]]:
        iam = self._aws.iam
        return {
            name: _read(iam.get_role_policy(RoleName=self.name, PolicyName=name)["PolicyDocument"])
            for name in self._policy_names()
        }

    def _attached(self) -> list[str]:
        pages = self._aws.iam.get_paginator("list_attached_role_policies").paginate(RoleName=self.name)
        return sorted(str(policy.get("PolicyArn")) for page in pages for policy in page["AttachedPolicies"])

    def _identified(self, role: RoleTypeDef, policies: Callable[[], dict[str, list[Statement]]]) -> Observation:
        with at_once() as start:
            inline, attached = start(policies), start(self._attached)
        tags = from_list(role.get("Tags", []))
        return Observation(
            {"policies": inline(), "attached_policies": attached()},
            tags,
            RoleFacts(role["RoleId"]),
            unmanageable=self._other_region(tags),
        )

    def _other_region(self, tags: Mapping[str, str]) -> Refusal | None:
        region = tags.get(REGION_TAG, self._home_region)
        if region == self._aws.region or not self._ownership.items() <= tags.items():
            return None
        return Refusal(RefusalKind.OTHER_REGION, f"exists and belongs to the pipeline in {region}")

    def create(self, desired: Attributes) -> Facts:
        boundary = desired.get("permissions_boundary")
        bounded: Request = {"PermissionsBoundary": boundary} if boundary else {}
        with self._explained(boundary):
            created = self._aws.iam.create_role(
                RoleName=self.name,
                Path=_ROOT_PATH,
                AssumeRolePolicyDocument=json.dumps(document(desired["trust"])),
                Tags=to_list(desired["tags"]),
                **bounded,
            )
        return RoleFacts(created["Role"]["RoleId"])

    def complete(self, desired: Attributes) -> None:
        """Add the policies, which a function needs only when it is invoked."""
        self._put_policies(desired["policies"], stale=())

    def update(self, desired: Attributes, observed: Observation, differs: Collection[str]) -> Facts:
        iam = self._aws.iam
        if "permissions_boundary" in differs:
            boundary = desired["permissions_boundary"]
            with self._explained(boundary):
                iam.put_role_permissions_boundary(RoleName=self.name, PermissionsBoundary=boundary)
        if "trust" in differs:
            iam.update_assume_role_policy(RoleName=self.name, PolicyDocument=json.dumps(document(desired["trust"])))
        if "policies" in differs:
            found = observed.attributes["policies"]
            wanted = {name: body for name, body in desired["policies"].items() if found.get(name) != body}
            self._put_policies(wanted, stale=found.keys() - desired["policies"].keys())
        if "attached_policies" in differs:  # last, so that a role in use never lacks a permission
            self._detach(observed)
        if "tags" in differs:
            iam.tag_role(RoleName=self.name, Tags=to_list(differing(desired["tags"], observed.tags)))
        return observed.facts

    def delete(self, observed: Observation, *, delete_data: bool = False) -> None:
        del delete_data
        try:
            self._detach(observed)
            self._put_policies({}, stale=observed.attributes["policies"])
            self._aws.iam.delete_role(RoleName=self.name)
        except AbsentError:
            return

    @contextmanager
    def _explained(self, boundary: str | None) -> Iterator[None]:
        """Explain the error of IAM for a permissions boundary that does not exist: it names the policy's ARN only."""
        try:
            yield
        except AbsentError as error:
            if boundary is None or boundary not in error.message:
                raise
            raise PipectlError(
                f"the permissions boundary of role {self.name} does not exist: {boundary}",
                hint="create that policy, or correct `permissions_boundary` in the config",
            ) from error

    def _detach(self, observed: Observation) -> None:
        for arn in observed.attributes["attached_policies"]:
            try:
                self._aws.iam.detach_role_policy(RoleName=self.name, PolicyArn=arn)
            except AbsentError:
                continue

    def _put_policies(self, wanted: Mapping[str, list[Statement]], stale: Collection[str]) -> None:
        for name, body in wanted.items():
            policy = json.dumps(document(body))
            self._aws.iam.put_role_policy(RoleName=self.name, PolicyName=name, PolicyDocument=policy)
        for name in stale:
            try:
                self._aws.iam.delete_role_policy(RoleName=self.name, PolicyName=name)
            except AbsentError:
                continue


def _read(policy: str | Mapping[str, object]) -> list[Statement]:
    """Return the statements of a policy: botocore decodes it to a dict, or leaves it as URL-encoded JSON."""
    return statements(read(unquote(policy)) if isinstance(policy, str) else policy)
