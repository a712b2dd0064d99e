"""The chain of credential providers. Each error names the provider, its file or variable, and the fix.

botocore looks for credentials in a fixed order. Each provider fails in its own way: with botocore's exceptions, with
those of `json`, `subprocess` or `open`, or with those of an AWS call.
"""

from __future__ import annotations

import getpass
import json
import os
import re
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar, cast

import botocore.session
from botocore import exceptions as boto
from botocore.config import Config
from botocore.credentials import CredentialProvider, create_credential_resolver
from botocore.exceptions import BotoCoreError, ClientError
from botocore.utils import JSONFileCache

from pipectl.clock import Say
from pipectl.errors import CredentialsError

T = TypeVar("T")
_SHORTEST_SECRET = 8
"""Characters. Shorter values would be found in every text."""
_PATIENCE = 2.0
"""Seconds after which a wait is reported."""
_LONGEST_CALL = 10.0
"""Seconds."""
LOGIN = "set AWS_PROFILE or --profile, or log in with `aws configure` or `aws sso login`; --local needs no credentials"
_CLI_CACHE = Path("~/.aws/cli/cache")
"""The cache of the AWS CLI, which the two share: an MFA code is asked for once an hour, not once a command."""


class Fault(StrEnum):
    """The kinds of what can be wrong with credentials: the error's ``aws_code``."""

    MISSING = "CredentialsMissing"
    MALFORMED = "CredentialsMalformed"
    EXPIRED = "CredentialsExpired"
    DENIED = "CredentialsDenied"
    SLOW = "CredentialsSlow"


@dataclass(frozen=True)
class Provider:
    """A provider as users know it.

    Args:
        name: The setting that selects it. ``{profile}``, ``{config}`` and ``{credentials}`` are filled in.
        fix: The hint when it fails.
    """

    name: str
    fix: str


PROVIDERS: Mapping[str, Provider] = {
    "env": Provider(
        "environment variables",
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_SESSION_TOKEN for temporary credentials",
    ),
    "shared-credentials-file": Provider("profile {profile} in {credentials}", "correct the profile in {credentials}"),
    "config-file": Provider("profile {profile} in {config}", "correct the profile in {config}"),
    "custom-process": Provider(
        "credential_process of profile {profile} in {config}",
        "run the credential_process by hand: it prints JSON with Version 1, AccessKeyId and SecretAccessKey",
    ),
    "sso": Provider("IAM Identity Center, profile {profile} in {config}", "`aws sso login --profile {profile}`"),
    "login": Provider("login session of profile {profile} in {config}", "`aws login --profile {profile}`"),
    "assume-role": Provider(
        "role_arn of profile {profile} in {config}",
        "check role_arn and source_profile of the profile, and the trust policy of the role",
    ),
    "assume-role-with-web-identity": Provider(
        "web identity of AWS_WEB_IDENTITY_TOKEN_FILE or profile {profile} in {config}",
        "check that the token file exists and is fresh, and the trust policy of the role",
    ),
    "container-role": Provider(
        "container credentials (AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI)",
        "run in the container or pod that has the role, or unset the variable",
    ),
    "iam-role": Provider("instance metadata (IMDS)", "give the instance an instance profile, or use --profile"),
}
_MFA_FIX = "run the command once at a terminal; the session is then kept, and no code is needed until it expires"
_OTHER = Provider("credentials of {profile}", "set AWS_PROFILE or --profile")
_VARIABLES = {"access_key": "AWS_ACCESS_KEY_ID", "secret_key": "AWS_SECRET_ACCESS_KEY", "token": "AWS_SESSION_TOKEN"}
_PARTS = {"access_key": "access key ID", "secret_key": "secret access key", "token": "session token"}


class Frozen(NamedTuple):
    """The credentials of one moment, as botocore has them."""

    access_key: str
    secret_key: str
    token: str | None


class Found(Protocol):
    """The part of botocore's credentials that is used here."""

    method: str

    def get_frozen_credentials(self) -> Frozen: ...

    def get_deferred_property(self, property_name: str) -> Callable[[], object]: ...


class _Named(Protocol):
    """Calls a provider, and names it in its errors."""

    def __call__(self, method: str, load: Callable[[], T]) -> T: ...


class CredentialChain:
    """botocore's chain, for the component ``credential_provider`` of the session that makes the clients.

    Args:
        session: A separate session, because the providers make clients too.
        region: The region that they call.
        say: Called when a provider is slow.
        timeout: Seconds for a call of a provider.
    """

    def __init__(
        self, session: botocore.session.Session, region: str, say: Say, *, timeout: float = _LONGEST_CALL
    ) -> None:
        self._session = session
        session.set_default_client_config(
            Config(connect_timeout=timeout, read_timeout=timeout, retries={"total_max_attempts": 2})
        )
        self._region = region
        self._say = say

    def load_credentials(self) -> CheckedCredentials:
        """Return the credentials of the first provider that has any.

        Raises:
            CredentialsError: no provider has credentials, or one is configured and fails.
        """
        for provider in self._providers():
            method = str(provider.METHOD)
            if method == "assume-role":
                vars(provider)["_prompter"] = _ask_for_mfa_code  # botocore has no other way to replace it in a chain
            name = self.describe(method).name
            watch = threading.Timer(_PATIENCE, self._say, [f"waiting for credentials: {name}"])
            watch.daemon = True
            watch.start()
            try:
                found = self._named(method, provider.load)
                if found is not None:
                    credentials = CheckedCredentials(cast("Found", found), self._named, name)
                    credentials.get_frozen_credentials()  # fails now, where the error has a name
                    return credentials
            finally:
                watch.cancel()
        reason = "no credentials are configured"
        raise CredentialsError(reason, aws_code=Fault.MISSING, aws_message=reason, hint=LOGIN)

    def _providers(self) -> list[CredentialProvider]:
        cache = cast("dict[str, object]", _session_cache())
        try:
            return create_credential_resolver(self._session, cache=cache, region_name=self._region).providers
        except ValueError as error:
            reason = "metadata_service_timeout or metadata_service_num_attempts is not a whole number"
            hint = "correct AWS_METADATA_SERVICE_TIMEOUT or AWS_METADATA_SERVICE_NUM_ATTEMPTS, or the profile"
            raise CredentialsError(reason, aws_code=Fault.MALFORMED, aws_message=reason, hint=hint) from error

    def describe(self, method: str) -> Provider:
        """Return a provider with the profile and the files of this session."""
        provider, of = PROVIDERS.get(method, _OTHER), self._session.get_config_variable
        names = {
            "profile": of("profile") or "default",
            "config": of("config_file"),
            "credentials": of("credentials_file"),
        }
        return Provider(provider.name.format(**names), provider.fix.format(**names))

    def _named(self, method: str, load: Callable[[], T]) -> T:
        """Call a provider, and name it in its errors."""
        try:
            return load()
        except CredentialsError:
            raise
        except Exception as error:
            raise self._error(method, error) from error

    def _error(self, method: str, error: Exception) -> CredentialsError:
        fault, reason = classify(error)
        provider = self.describe(method)
        fix = _MFA_FIX if isinstance(error, EOFError) else provider.fix
        return CredentialsError(f"{provider.name}: {reason}", aws_code=fault, aws_message=reason, hint=fix)


@dataclass(frozen=True)
class FoundCredentials:
    """Credentials, described without a secret.

    Args:
        source: The provider, as users know it.
        temporary: They are a session that expires.
        expires: The end of the session, where the provider reports it.
    """

    source: str
    temporary: bool
    expires: datetime | None


def described(credentials: object) -> FoundCredentials:
    """Return the source, the type and the end of botocore's credentials."""
    found = cast("Found", credentials)
    source = getattr(credentials, "source", None) or str(found.method)
    expires = getattr(credentials, "_expiry_time", None)  # botocore has no public name for it
    return FoundCredentials(
        source, found.get_frozen_credentials().token is not None, expires if isinstance(expires, datetime) else None
    )


def parts_of(credentials: object) -> list[str]:
    """Return the parts of botocore's credentials, without short ones, which would be found in every text."""
    frozen = cast("Found", credentials).get_frozen_credentials() if credentials else Frozen("", "", None)
    parts = (frozen.access_key, frozen.secret_key, frozen.token or "")
    return [part for part in parts if len(part) >= _SHORTEST_SECRET]


class CheckedCredentials:
    """Credentials that are looked at before they are sent, and whose renewal has errors with names."""

    def __init__(self, found: Found, named: _Named, source: str) -> None:
        self._found = found
        self._named = named
        self.source = source

    def __getattr__(self, name: str) -> object:
        return getattr(self._found, name)

    def get_frozen_credentials(self) -> Frozen:
        """Return the credentials of this moment, renewed where they have to be.

        Raises:
            CredentialsError: they cannot be renewed, or hold a character that no credential has.
        """
        frozen = self._named(self._found.method, self._found.get_frozen_credentials)
        for part in _PARTS:
            self._check(part, getattr(frozen, part))
        return frozen

    def get_deferred_property(self, property_name: str) -> Callable[[], object]:
        """Return what botocore calls for one property, such as the account."""
        deferred = self._found.get_deferred_property(property_name)
        return lambda: self._named(self._found.method, deferred)

    def _check(self, part: str, value: str | None) -> None:
        """Refuse line breaks and the like: they break the request, and botocore's error shows the value."""
        wrong = next((character for character in value or "" if not "!" <= character <= "~"), None)
        if wrong is None:
            return
        name = _VARIABLES[part] if self._found.method == "env" else f"the {_PARTS[part]} of {self.source}"
        reason = f"{name} contains {_character(wrong)}"
        raise CredentialsError(
            reason, aws_code=Fault.MALFORMED, aws_message=reason, hint="remove the character; no credential has it"
        )


def _character(character: str) -> str:
    known = {"\n": "a line break", "\r": "a carriage return", "\t": "a tab", " ": "a space"}
    return known.get(character, f"the character U+{ord(character):04X}")


class _Cache(JSONFileCache):
    """A cache that does without a folder that cannot be written, and without files that cannot be read."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder))

    def __setitem__(self, key: str, value: object) -> None:
        with suppress(OSError):
            super().__setitem__(key, value)


def _session_cache() -> _Cache | dict[str, object]:
    """Return the cache of the AWS CLI; a user without a home folder has one for this process only."""
    try:
        return _Cache(_CLI_CACHE.expanduser())
    except RuntimeError:
        return {}


def _ask_for_mfa_code(prompt: str) -> str:
    """Ask at the terminal.

    Raises:
        EOFError: there is no terminal.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        raise EOFError("an MFA code is needed, and there is no terminal to ask for it")
    return getpass.getpass(prompt)


def classify(error: Exception) -> tuple[Fault, str]:
    """Return the kind of a provider's error and the reason, without any value that could be a secret."""
    text = redact(" ".join(str(error).split()))
    if isinstance(error, ClientError):
        detail = error.response.get("Error", {})
        code, text = str(detail.get("Code", "")), redact(f"{detail.get('Code')}: {detail.get('Message')}")
        return (Fault.EXPIRED if "Expired" in code else Fault.DENIED), text
    if isinstance(error, OSError) and error.strerror:
        path = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else "a file"
        return Fault.MISSING, f"{path}: {error.strerror}"
    if isinstance(error, json.JSONDecodeError):
        return Fault.MALFORMED, "the response is not JSON"
    if "xpired" in text or isinstance(error, _EXPIRED):
        return Fault.EXPIRED, "the credentials have expired"
    if isinstance(error, boto.PartialCredentialsError):
        return Fault.MISSING, f"{error.kwargs['cred_var']} is missing"
    if isinstance(error, boto.CredentialRetrievalError):
        return _of_program_or_server(text.partition(": ")[2].removeprefix("Error retrieving metadata: "))
    for types, fault in _FAULTS:
        if isinstance(error, types):
            return fault, "no response in time" if fault is Fault.SLOW else text
    return Fault.MALFORMED, "the response has an unexpected form"


def _of_program_or_server(text: str) -> tuple[Fault, str]:
    """Classify the text of a credential process or of the container's server: botocore has one class for all."""
    if re.search("timed? ?out", text, re.IGNORECASE):
        return Fault.SLOW, "no response in time"
    malformed = re.search("version|required key|parse JSON|not JSON", text)
    return (Fault.MALFORMED if malformed else Fault.DENIED), text or "it failed without a message"


_EXPIRED = (boto.UnauthorizedSSOTokenError, boto.LoginRefreshRequired)
_FAULTS: tuple[tuple[tuple[type[Exception], ...], Fault], ...] = (
    ((boto.ConnectTimeoutError, boto.ReadTimeoutError), Fault.SLOW),
    ((EOFError, boto.SSOError, boto.LoginError, boto.TokenRetrievalError, boto.ProfileNotFound), Fault.MISSING),
    ((BotoCoreError, ValueError), Fault.MALFORMED),
)


def redact(text: str) -> str:
    """Return the text without the secrets of the environment."""
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN"):
        for secret in (os.environ.get(name, ""), os.environ.get(name, "").strip()):
            if len(secret) >= _SHORTEST_SECRET:
                text = text.replace(secret, "***")
    return text
