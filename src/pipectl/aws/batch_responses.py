"""Partial batch responses of functions, read as Lambda reads them. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

_LONGEST_QUOTE = 200


def failed_positions(response: object, identifiers: Sequence[str]) -> list[int]:
    """Return the positions of the items that a response names as failed, in order.

    Lambda accepts an empty or null response, and an empty or null list, as success. An identifier that is empty, null,
    under another name or not in the batch fails the whole batch.
    https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html

    Args:
        response: The function's answer.
        identifiers: The identifier of each item of the batch.

    Raises:
        ValueError: it is not a partial batch response, or names an item that is not in the batch. Lambda then takes
            the whole batch as failed.
    """
    if response is None:
        return []
    failures = (response.get("batchItemFailures") or []) if isinstance(response, Mapping) else None
    if not isinstance(failures, list):
        raise ValueError("the function returned an invalid partial batch response")  # noqa: TRY004 - it is data
    named = [failure.get("itemIdentifier") if isinstance(failure, Mapping) else None for failure in failures]
    return sorted({identifiers.index(identifier) for identifier in named})


def read_failed_positions(payload: bytes, identifiers: Sequence[str]) -> list[int]:
    """Return the failed positions of a response that is still JSON text; see `failed_positions`.

    Raises:
        ValueError: see `failed_positions`. The message quotes the beginning of the response.
    """
    try:
        return failed_positions(json.loads(payload or b"null"), identifiers)
    except (ValueError, RecursionError):
        quote = payload[:_LONGEST_QUOTE].decode(errors="replace")
        raise ValueError(f"the function returned an invalid partial batch response: {quote}") from None
