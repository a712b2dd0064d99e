"""AWS clients that the server's threads use to call the local emulator itself, over HTTP."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from botocore.config import Config
from botocore.session import Session

INVOKE_SECONDS = 930
"""A function runs for 15 minutes at most; the answer to ``Invoke`` takes as long."""
CACHED = 128
OWN_AGENT = "pipectl-local"
"""The part of the user agent by which the server recognises its own calls."""


@dataclass(frozen=True)
class Place:
    """An account in a region."""

    account_id: str
    region: str


@dataclass(frozen=True)
class RoleSession:
    """Temporary credentials of a role."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)


class Clients:
    """Clients by service, place and credentials, created once and used by many threads."""

    def __init__(self, endpoint_url: str, root_secret: str) -> None:
        self.endpoint_url = endpoint_url
        self._root_secret = root_secret
        self._session = Session()
        self._lock = threading.Lock()
        self._made: OrderedDict[Hashable, Any] = OrderedDict()

    def of_root(self, service: str, place: Place) -> Any:
        """Return a client with the root credentials of an account: for what Lambda and CloudWatch do themselves."""
        return self._client(service, place.region, RoleSession(place.account_id, self._root_secret, ""))

    def of_role(self, service: str, region: str, session: RoleSession) -> Any:
        """Return a client with the credentials of a role, about whose calls IAM decides."""
        return self._client(service, region, session)

    def _client(self, service: str, region: str, credentials: RoleSession) -> Any:
        key = (service, region, credentials)
        with self._lock:  # botocore's sessions cannot be shared by threads
            if key not in self._made:
                self._made[key] = self._create(service, region, credentials)
                while len(self._made) > CACHED:
                    self._made.popitem(last=False)
            self._made.move_to_end(key)
            return self._made[key]

    def _create(self, service: str, region: str, credentials: RoleSession) -> Any:
        return self._session.create_client(
            service,
            endpoint_url=self.endpoint_url,
            region_name=region,
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            aws_session_token=credentials.session_token or None,
            config=Config(
                proxies={},
                user_agent_extra=OWN_AGENT,
                connect_timeout=5,
                read_timeout=INVOKE_SECONDS if service == "lambda" else 30,
                max_pool_connections=50,
                # An invocation whose answer is lost must not run twice.
                retries={"total_max_attempts": 1 if service == "lambda" else 3, "mode": "standard"},
            ),
        )
