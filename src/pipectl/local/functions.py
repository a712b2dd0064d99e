"""Lambda functions, as the pollers use them: their role's session, and ``Invoke``."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipectl.local.clients import Clients, Place, RoleSession

LATEST = "$LATEST"
SESSION_SECONDS = 30.0
"""Seconds for which the session of a role is used; then Lambda is asked again for the function's role."""


class NoFunctionError(Exception):
    """The function does not exist, or not under this alias or version."""


@dataclass(frozen=True)
class Answer:
    """The result of an invocation that was accepted, or the fact that it was throttled."""

    payload: object = None
    raised: bool = False
    throttled: bool = False
    version: str = LATEST
    request_id: str = ""

    @property
    def succeeded(self) -> bool:
        return not self.raised and not self.throttled


class Functions:
    """Reads and invokes functions through the Lambda API."""

    def __init__(self, clients: Clients, role_session: Callable[[Mapping[str, Any]], RoleSession]) -> None:
        """Start with nothing known.

        Args:
            clients: For the calls.
            role_session: Returns the session of a function's role, from the function's configuration.
        """
        self._clients = clients
        self._role_session = role_session
        self._lock = threading.Lock()
        self._sessions: dict[str, tuple[float, RoleSession]] = {}

    def session(self, place: Place, function_arn: str) -> RoleSession:
        """Return credentials of the function's role.

        Raises:
            NoFunctionError: There is no such function.
            ClientError: It cannot be read.
        """
        with self._lock:
            until, session = self._sessions.get(function_arn, (0.0, None))
        if session is not None and time.monotonic() < until:
            return session
        try:
            configuration = self._lambda(place).get_function_configuration(FunctionName=function_arn)
        except ClientError as error:
            raise _translated(error) from error
        session = self._role_session(configuration)
        with self._lock:
            self._sessions[function_arn] = (time.monotonic() + SESSION_SECONDS, session)
        return session

    def drop_session(self, function_arn: str) -> None:
        """Ask the function for its role before the next call: the role may have been replaced."""
        with self._lock:
            self._sessions.pop(function_arn, None)

    def invoke(self, place: Place, function_arn: str, event: Mapping[str, Any]) -> Answer:
        """Invoke a function and wait for its result.

        Raises:
            NoFunctionError: There is no such function.
        """
        try:
            answer = self._lambda(place).invoke(FunctionName=function_arn, Payload=json.dumps(event).encode())
            payload = json.loads(answer["Payload"].read() or b"null")
        except ClientError as error:
            translated = _translated(error)
            if isinstance(translated, NoFunctionError):
                raise translated from error
            return Answer(throttled=True)
        except (BotoCoreError, ValueError):
            return Answer(throttled=True)
        return Answer(
            payload,
            raised="FunctionError" in answer,
            version=answer.get("ExecutedVersion", LATEST),
            request_id=answer["ResponseMetadata"].get("RequestId", ""),
        )

    def _lambda(self, place: Place) -> Any:
        return self._clients.of_root("lambda", place)


def _translated(error: ClientError) -> Exception:
    missing = error.response["Error"]["Code"] == "ResourceNotFoundException"
    return NoFunctionError(str(error)) if missing else error
