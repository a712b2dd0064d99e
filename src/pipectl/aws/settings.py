"""botocore sessions and client settings, and the checks of the environment that they depend on."""

from __future__ import annotations

import os
import re
import ssl
from functools import cache
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import botocore.session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.configprovider import ConstantProvider
from botocore.httpsession import URLLib3Session
from botocore.regions import EndpointResolver
from botocore.utils import get_environ_proxies

from pipectl.aws.credentials import redact
from pipectl.aws.service_models import models
from pipectl.errors import UsageError

_PROXY_VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
_CONNECTIONS = 48
"""Connections of one client; 40 shards are read in parallel."""
_LONGEST_INVOCATION = 930
"""Seconds. An invocation answers when the function ends, after 900 seconds at the latest."""


def _config(read_timeout: float, connect_timeout: float = 5) -> Config:
    """Return settings for one attempt: `RetryingClient` repeats it, with a clock that Ctrl-C interrupts."""
    return Config(
        retries={"mode": "standard", "total_max_attempts": 1},
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        tcp_keepalive=True,
        max_pool_connections=_CONNECTIONS,
        user_agent_extra="pipectl",
    )


_ORDINARY = _config(read_timeout=70)
_INVOCATIONS = _config(read_timeout=_LONGEST_INVOCATION)


def client_config(
    endpoint_url: str | None, *, invokes: bool = False, timeout: float | None = None, unsigned: bool = False
) -> Config:
    """Return the settings of a client. A loopback endpoint is reached without a proxy.

    Args:
        endpoint_url: The endpoint, if it is not AWS's own.
        invokes: Wait for as long as a function may run.
        timeout: Seconds to connect, and seconds to wait for an answer, instead of the usual ones.
        unsigned: Send requests without credentials.
    """
    config = _config(timeout, timeout) if timeout else _INVOCATIONS if invokes else _ORDINARY
    if unsigned:
        config = config.merge(Config(signature_version=UNSIGNED))
    return config.merge(Config(proxies={})) if is_loopback(endpoint_url) else config


def is_loopback(endpoint_url: str | None) -> bool:
    """Return whether an endpoint is on this machine."""
    try:
        return urlsplit(endpoint_url or "").hostname in ("127.0.0.1", "localhost", "::1")
    except ValueError:
        return False


def new_session(profile: str | None = None) -> botocore.session.Session:
    """Return a session with a profile. Without one, AWS_PROFILE counts unless it is empty.

    botocore takes an empty AWS_PROFILE for a profile without a name, and fails.
    """
    session = botocore.session.Session(profile=profile)
    session.register_component("data_loader", models())
    if profile is None and "" in (os.environ.get("AWS_PROFILE"), os.environ.get("AWS_DEFAULT_PROFILE")):
        _ignore_profile(session)
    return session


def profileless_session() -> botocore.session.Session:
    """Return a session that ignores AWS_PROFILE: an unknown profile fails even where credentials are given."""
    session = botocore.session.Session()
    session.register_component("data_loader", models())
    _ignore_profile(session)
    return session


def _ignore_profile(session: botocore.session.Session) -> None:
    session.get_component("config_store").set_config_provider("profile", ConstantProvider(None))


@cache
def _endpoints() -> EndpointResolver:
    """Return the regions and partitions that the installed botocore knows; a session takes longer to create."""
    return EndpointResolver(models().load_data("endpoints"))


@cache
def regions() -> tuple[str, ...]:
    """Return every region that has Lambda."""
    known, partitions = _endpoints(), _endpoints().get_available_partitions()
    return tuple(sorted(name for each in partitions for name in known.get_available_endpoints("lambda", each)))


def proxies() -> dict[str, str]:
    """Return the environment variables that set a proxy."""
    names = [spelling for upper in _PROXY_VARIABLES for spelling in (upper, upper.lower())]
    return {name: value for name in names if (value := os.environ.get(name))}


@cache
def partition_of(region: str) -> str:
    """Return the partition of a region: ``aws``, ``aws-cn``."""
    return _endpoints().get_partition_for_region(region)


def check_network_settings(session: botocore.session.Session) -> str | None:
    """Refuse a malformed proxy and an unusable CA bundle, which botocore reports only as a lost connection.

    Returns:
        The CA bundle; ``None`` for the usual one.

    Raises:
        UsageError: it names the variable and, for a CA bundle, the file. A proxy's URL can hold a password, so the
            value of the variable is not shown.
    """
    for name, value in proxies().items():
        if not _is_proxy(value):
            raise UsageError(f"{name} is not a valid proxy URL", hint=f"write {name} as http://HOST:PORT, or unset it")
    if not (bundle := session.get_config_variable("ca_bundle")):
        return None
    _check_ca_bundle(str(bundle))
    return str(bundle)


def http_session(url: str, ca_bundle: str | None, timeout: int) -> URLLib3Session:
    """Return a session for one URL that is no API, with the proxies and the CA bundle that clients use.

    Args:
        url: The URL. One on this machine is reached without a proxy.
        ca_bundle: See `check_network_settings`.
        timeout: Seconds to connect, and seconds without an answer.
    """
    verify = ca_bundle or os.environ.get("REQUESTS_CA_BUNDLE") or True
    return URLLib3Session(
        verify=cast("bool", verify),  # a path, too, which its stubs do not say
        proxies={} if is_loopback(url) else get_environ_proxies(url),
        timeout=timeout,
    )


def invalid_setting(error: Exception) -> UsageError:
    """Return the error of a client that cannot be created: an endpoint that is no URL, or an invalid AWS setting."""
    text = redact(" ".join(str(error).split()))
    if isinstance(error, ValueError) and re.search("endpoint|URL", text):
        return UsageError(text, hint="correct --endpoint-url or AWS_ENDPOINT_URL")
    return UsageError(text, hint="correct the environment variable AWS_..., or the setting in ~/.aws/config")


def _is_proxy(value: str) -> bool:
    if not value.isprintable() or " " in value:
        return False
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        return bool(parts.hostname) and parts.scheme in ("http", "https") and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _check_ca_bundle(bundle: str) -> None:
    variable = next((name for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE") if name in os.environ), "ca_bundle")
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(**{"capath" if Path(bundle).is_dir() else "cafile": bundle})
    except ssl.SSLError:
        problem = "holds no certificate in PEM form"
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    else:
        return
    raise UsageError(f"the CA bundle {bundle} {problem}", hint=f"correct {variable}, or unset it")
