"""The owner of the credentials, and the endpoint that answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipectl.errors import UnreachableError

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient


@dataclass(frozen=True)
class Caller:
    """The account of the credentials, and the ARN of their owner."""

    account_id: str
    arn: str


@dataclass(frozen=True)
class Answered:
    """An endpoint that answers; the seconds that the local clock is ahead of its clock, if it reports the time."""

    endpoint_url: str
    clock_ahead: float | None


def read_caller(sts: STSClient) -> Caller:
    """Return the owner of a client's credentials.

    Raises:
        AwsError: AWS does not accept the credentials, or does not answer.
    """
    identity = sts.get_caller_identity()
    if not identity.get("Account"):
        raise UnreachableError(
            "sts GetCallerIdentity: the response names no account",
            hint="the endpoint is not AWS: check --endpoint-url, AWS_ENDPOINT_URL and proxies",
        )
    return Caller(identity["Account"], identity.get("Arn", ""))
