"""Recorded calls: one of each form, and the command gets the same answers."""

from __future__ import annotations

import pytest
from moto import mock_aws

from pipectl.aws.client import Aws, Credentials
from pipectl.aws.recording import Recording
from pipectl.errors import AbsentError
from tests.support import REGION


def test_calls_are_recorded_within_the_block_alone() -> None:
    with mock_aws():
        recording = _recorded(Aws(REGION, credentials=Credentials("AKIA", "secret")))
    assert recording.made == 5
    assert [(call.call.operation, call.case) for call in recording.calls] == [
        ("PutObject", "success"),
        ("GetObject", "success"),
        ("GetBucketPolicy", "NoSuchBucketPolicy"),
    ]
    assert recording.calls[1].answer["Body"] == b"a"


def _recorded(aws: Aws) -> Recording:
    """Make two calls of one form, two of another, one that fails, and one after the recording."""
    recording = Recording()
    aws.s3.create_bucket(Bucket="one")
    with recording.of(aws):
        for key in ("a", "b"):
            aws.s3.put_object(Bucket="one", Key=key, Body=key.encode())
            assert aws.s3.get_object(Bucket="one", Key=key)["Body"].read() == key.encode()
        with pytest.raises(AbsentError):
            aws.s3.get_bucket_policy(Bucket="one")
    aws.s3.delete_object(Bucket="one", Key="a")
    return recording
