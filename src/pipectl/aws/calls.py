"""A call of AWS as data, and the types of its parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Parameters = Mapping[str, object]

Request = dict[str, Any]
"""Parameters of a call that are put together at run time, so that their types cannot be checked before."""


@dataclass(frozen=True)
class Call:
    """A call: ``lambda`` ``CreateFunction``."""

    service: str
    operation: str


Attempt = Callable[[Call, Parameters, Callable[[], object]], object]
"""Makes one attempt of a call, given its parameters and what sends it. Answers or raises as botocore does."""
