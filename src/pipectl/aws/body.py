"""Bodies of answers come after the call is over, so what goes wrong then has to be put in our words here."""

from __future__ import annotations

from typing import Protocol

from botocore.exceptions import BotoCoreError

from pipectl.aws.errors import translate


class Body(Protocol):
    """What is used of botocore's `StreamingBody`."""

    def read(self) -> bytes: ...


def read_body(body: Body, service: str, operation: str) -> bytes:
    """All of it.

    Raises:
        UnreachableError: the connection broke while it came.
    """
    try:
        return body.read()
    except BotoCoreError as error:
        raise translate(error, service, operation) from error
