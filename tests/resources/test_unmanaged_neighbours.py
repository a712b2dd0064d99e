"""Unmanaged resources beside managed ones, and a bucket of another account."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from pipectl.commands.down import down
from pipectl.commands.status import State, status
from pipectl.commands.up import up
from pipectl.engine.model import Action, RefusalKind
from pipectl.errors import ForeignError
from pipectl.resource_keys import ResourceKey
from tests.resources.direct_access import DirectAccess, narrow
from tests.resources.standard import OTHER_TAGS
from tests.resources.unmanaged import KEYS, named_in, replace_tags, snapshot, with_data
from tests.support import World, yes


@pytest.mark.parametrize("first", [0, 1])
def test_down_keeps_unmanaged_resources_and_their_data(tmp_path: Path, first: int) -> None:
    """Each resource is unmanaged in one of the two cases; the others are managed and deleted."""
    with with_data(tmp_path) as direct:
        others = {key: direct.resources[key] for key in KEYS[first::2]}
        for resource in others.values():
            replace_tags(direct, resource, OTHER_TAGS)
        before = {key: snapshot(direct, resource) for key, resource in others.items()}
        report = down(direct.world.context(), yes, delete_data=True)
        assert {each.resource: each.action for each in report.changes} == {
            key: Action.KEEP if key in others else Action.DELETE for key in KEYS
        }
        assert {key: snapshot(direct, resource) for key, resource in others.items()} == before
        there = {key for key, resource in direct.resources.items() if resource.observe() is not None}
        assert there == others.keys()


# a bucket of another account, whose tags cannot be read


def answering(world: World, operation: str, *statuses: int, body: str = "") -> None:
    """Answer the next calls of an operation with these statuses. Later calls go to moto."""
    left = list(statuses)

    def answer(request: Any, **_: Any) -> AWSResponse | None:
        return AWSResponse(request.url, left.pop(0), HTTPHeaders(), Raw(body.encode())) if left else None

    # a before-send handler can answer instead of the network; the type stubs do not know it
    world.aws.s3.meta.events.register_first(f"before-send.s3.{operation}", answer)  # type: ignore[arg-type]


class Raw:
    """A body that botocore can read."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        yield self._body
        self._body = b""


def test_a_bucket_that_answers_403_belongs_to_another_account(direct: DirectAccess) -> None:
    answering(direct.world, "HeadBucket", *[403] * 10)
    with pytest.raises(ForeignError, match="belongs to another account") as refused:
        up(direct.world.context(), yes, adopt=tuple(ResourceKey))
    assert named_in(refused.value.message, direct) == {"bucket"}
    (found,) = [each for each in status(direct.world.context()).resources if each.resource == "bucket"]
    assert found.state is State.FOREIGN
    (kept,) = down(direct.world.context(), yes, delete_data=True).changes
    assert (kept.resource, kept.action, kept.refusal) == ("bucket", Action.KEEP, RefusalKind.OTHER_OWNER)
    assert direct.world.writes() == []


def test_a_bucket_that_another_account_creates_first_is_refused(direct: DirectAccess) -> None:
    """The answers are 404 to both reads of `up`, then BucketAlreadyExists."""
    taken = (
        "<Error><Code>BucketAlreadyExists</Code><Message>The requested bucket name is not available.</Message></Error>"
    )
    answering(direct.world, "HeadBucket", 404, 404, 403)
    answering(direct.world, "CreateBucket", 409, body=taken)
    bucket = direct.resources["bucket"]
    with pytest.raises(ForeignError, match="belongs to another account") as refused:
        up(narrow(direct.world, "bucket"), yes, adopt=tuple(ResourceKey))
    assert f"bucket ({bucket.name})" in refused.value.message
    assert "Nothing was changed" not in refused.value.message
    assert direct.world.writes() == ["s3:CreateBucket"]


def test_a_bucket_that_exists_but_is_never_reported_is_refused(direct: DirectAccess) -> None:
    taken = (
        "<Error><Code>BucketAlreadyExists</Code><Message>The requested bucket name is not available.</Message></Error>"
    )
    answering(direct.world, "HeadBucket", *[404] * 500)
    answering(direct.world, "CreateBucket", *[409] * 500, body=taken)
    with pytest.raises(ForeignError, match="this account cannot see") as refused:
        up(narrow(direct.world, "bucket"), yes)
    assert direct.resources["bucket"].name in refused.value.message
    assert set(direct.world.writes()) == {"s3:CreateBucket"}
