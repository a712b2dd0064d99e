"""AWS clients with one set of settings, retries, waits and errors.

Every call of every client goes through `RetryingClient`: it retries temporary errors (`retry_rules`) and raises the
errors of `pipectl.errors`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import boto3
import botocore.session
from boto3.dynamodb.types import TypeDeserializer
from botocore.config import Config
from botocore.configprovider import ConstantProvider
from botocore.exceptions import BotoCoreError
from botocore.loaders import Loader, create_loader

from pipectl.aws.errors import BOTO_ERRORS, translate
from pipectl.aws.retry_rules import Fact, rule_for
from pipectl.clock import Clock, Say, SystemClock, pauses
from pipectl.errors import (
    AbsentError,
    AwsError,
    CredentialsError,
    UnreachableError,
    UsageError,
    WaitTimeoutError,
    WrongAccountError,
)

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sts import STSClient


@dataclass(frozen=True)
class Call:
    """One call as it left: ``lambda`` ``CreateFunction`` and its parameters."""

    service: str
    operation: str

    @property
    def reads(self) -> bool:
        """Whether the operation, going by its name, changes nothing."""
        return self.operation.startswith(("Get", "List", "Describe", "Head", "Scan", "Query", "Filter"))


Attempt = Callable[[Call, Mapping[str, Any], Callable[[], Any]], Any]
"""Makes one attempt of a call, given its parameters and what sends it; answers or raises as botocore does."""


def _as_it_is(_call: Call, _parameters: Mapping[str, Any], send: Callable[[], Any]) -> Any:
    return send()


@dataclass(frozen=True)
class Credentials:
    """Credentials given outright; they win over profile and environment."""

    aws_access_key_id: str
    aws_secret_access_key: str


@cache
def regions() -> tuple[str, ...]:
    """Every region that has Lambda, as the installed botocore knows them."""
    session = _profileless()
    return tuple(
        sorted(
            region
            for partition in session.get_available_partitions()
            for region in session.get_available_regions("lambda", partition_name=partition)
        )
    )


def known_runtimes() -> list[str]:
    """The runtimes in the installed botocore's model of Lambda."""
    model = _models().load_service_model("lambda", "service-2")
    return list(model["shapes"]["Runtime"]["enum"])


class Aws:
    """AWS in one account and region.

    Args:
        region: Where the pipeline is.
        profile: A profile of the AWS config, else the default chain.
        endpoint_url: Another address for every service.
        credentials: Given outright, for the local emulator.
        clock: Time; tests pass their own.
        say: Called with what is awaited and why, when something has to be.
        on_call: Called for each call before it leaves.
        attempt: Makes each attempt of a call; tests put an AWS with bad weather there.
    """

    def __init__(
        self,
        region: str,
        *,
        profile: str | None = None,
        endpoint_url: str | None = None,
        credentials: Credentials | None = None,
        clock: Clock | None = None,
        say: Say = lambda _: None,
        on_call: Callable[[Call], None] = lambda _: None,
        attempt: Attempt = _as_it_is,
    ) -> None:
        self.region = region
        self.endpoint_url = endpoint_url
        self.clock = clock or SystemClock()
        self.say = say
        self.on_call = on_call
        self.attempt = attempt
        self._lock = threading.RLock()
        self._clients: dict[str, Any] = {}
        session = _profileless() if credentials else _session()
        try:
            self._session = boto3.Session(
                region_name=region,
                profile_name=profile,
                aws_access_key_id=credentials.aws_access_key_id if credentials else None,
                aws_secret_access_key=credentials.aws_secret_access_key if credentials else None,
                botocore_session=session,
            )
            session.get_scoped_config()  # fails now, not at the first call, where the profile is unknown
        except BotoCoreError as error:
            raise CredentialsError(str(error), hint="check --profile and AWS_PROFILE against ~/.aws/config") from error
        self._session.events.register("creating-client-class", self._add_retries)

    @cached_property
    def partition(self) -> str:
        return self._session.get_partition_for_region(self.region)

    @cached_property
    def account_id(self) -> str:
        with self._lock:
            account: str | None = self.sts.get_caller_identity().get("Account")
        if not account:
            raise UnreachableError(
                "sts GetCallerIdentity: the answer names no account",
                hint="what answers there is not AWS: check --endpoint-url, AWS_ENDPOINT_URL and proxies",
            )
        return account

    def require_account(self, expected: str | None) -> None:
        """Refuse any account but the expected one.

        Raises:
            WrongAccountError: the credentials belong to another account.
        """
        if expected and self.account_id != expected:
            raise WrongAccountError(
                f"these credentials are of account {self.account_id}, the config says {expected}; nothing was touched",
                hint="use the right --profile, or correct account_id in the config",
            )

    @property
    def cloudwatch(self) -> CloudWatchClient:
        return cast("CloudWatchClient", self._client("cloudwatch"))

    @property
    def dynamodb(self) -> DynamoDBClient:
        return cast("DynamoDBClient", self._client("dynamodb"))

    @property
    def streams(self) -> DynamoDBStreamsClient:
        return cast("DynamoDBStreamsClient", self._client("dynamodbstreams"))

    @property
    def iam(self) -> IAMClient:
        return cast("IAMClient", self._client("iam"))

    @property
    def lambda_(self) -> LambdaClient:
        return cast("LambdaClient", self._client("lambda"))

    @property
    def logs(self) -> CloudWatchLogsClient:
        return cast("CloudWatchLogsClient", self._client("logs"))

    @property
    def s3(self) -> S3Client:
        return cast("S3Client", self._client("s3"))

    @property
    def sqs(self) -> SQSClient:
        return cast("SQSClient", self._client("sqs"))

    @property
    def sts(self) -> STSClient:
        return cast("STSClient", self._client("sts"))

    def wait(self, ready: Callable[[], bool], what: str, bound: float) -> None:
        """Poll until ``ready`` says so.

        Args:
            ready: Asks AWS; an `AbsentError` that it raises is a no.
            what: What is awaited: ``"table dev-orders-table-backend to become ACTIVE"``.
            bound: Seconds after which to give up.

        Raises:
            WaitTimeoutError: it did not come about in time.
        """
        asked, last_words = 0, ""
        for _ in self.pauses(what, bound):
            asked += 1
            try:
                if ready():
                    return
                last_words = ""
            except AbsentError as error:
                last_words = f": {error.message}"
        raise WaitTimeoutError(
            f"waited for {what}{last_words} (tried {asked} times in {bound:.0f} seconds)",
            hint="run the same command again: it goes on where this one stopped",
        )

    def pauses(self, what: str, bound: float) -> Iterator[float]:
        """The pauses of one wait, with a line about it once it is longer than a moment; see `pipectl.clock.pauses`."""
        said = False
        for waited in pauses(self.clock, bound):
            if waited > 2 and not said:
                self.say(f"waiting for {what}")
                said = True
            yield waited

    def _client(self, service: str) -> Any:
        with self._lock:
            if service not in self._clients:
                try:
                    settings = _SETTINGS.get(service, _SETTINGS[""])
                    if _is_this_machine(self.endpoint_url):
                        settings = settings.merge(Config(proxies={}))
                    self._clients[service] = cast(Any, self._session).client(
                        service, endpoint_url=self.endpoint_url, config=settings
                    )
                except ValueError as error:  # not a URL, says botocore
                    raise UsageError(str(error), hint="correct --endpoint-url or AWS_ENDPOINT_URL") from error
                except BotoCoreError as error:  # credentials are looked for here
                    raise translate(error, service, "client") from error
            return self._clients[service]

    def _add_retries(self, base_classes: list[type], **_: Any) -> None:
        base_classes.insert(0, type("Door", (RetryingClient,), {"_aws": self}))


def _is_this_machine(endpoint_url: str | None) -> bool:
    """No proxy leads to where one is already."""
    return urlsplit(endpoint_url or "").hostname in ("127.0.0.1", "localhost", "::1")


@cache
def _models() -> Loader:
    """botocore's JSON, parsed once for all sessions of this process: half a second for each otherwise."""
    return create_loader()


def _session() -> botocore.session.Session:
    session = botocore.session.Session()
    session.register_component("data_loader", _models())
    return session


def _profileless() -> botocore.session.Session:
    """A session that no profile can break: an unknown AWS_PROFILE fails even where credentials are given outright."""
    session = _session()
    session.get_component("config_store").set_config_provider("profile", ConstantProvider(None))
    return session


def _settings(read_timeout: int) -> Config:
    """One attempt: `RetryingClient` tries again, with a clock that Ctrl-C stops."""
    return Config(
        retries={"mode": "standard", "total_max_attempts": 1},
        connect_timeout=5,
        read_timeout=read_timeout,
        tcp_keepalive=True,
        max_pool_connections=32,
        user_agent_extra="pipectl",
    )


_SETTINGS = {
    "": _settings(read_timeout=70),
    "lambda": _settings(read_timeout=930),  # an invocation answers when the function ends: 900 seconds at most
}


class RetryingClient:
    """Mixed into every client that botocore builds (event ``creating-client-class``)."""

    _aws: Aws

    def _make_api_call(self, operation_name: str, api_params: dict[str, Any]) -> Any:
        service: str = self.meta.service_model.service_name  # type: ignore[attr-defined]
        call = Call(service, operation_name)
        send = partial(super()._make_api_call, operation_name, api_params)  # type: ignore[misc]
        clock = self._aws.clock
        start, tries = clock.monotonic(), 0
        since: dict[Fact, float] = {}
        while True:
            tries += 1
            self._aws.on_call(call)
            try:
                return self._aws.attempt(call, api_params, send)
            except BOTO_ERRORS as error:
                ours = translate(error, service, operation_name)
                fact, now = rule_for(ours), clock.monotonic()
                if fact is None:
                    raise ours from error
                if fact not in since:
                    since[fact] = now
                    self._aws.say(f"waiting: {fact.why} ({service} {operation_name})")
                waited = now - since[fact]
                if waited >= fact.bound:
                    raise _given_up(ours, fact, tries, now - start) from error
            clock.sleep(max(0.001, min(fact.pause(tries, waited), fact.bound - waited)))


def _given_up(error: AwsError, fact: Fact, tries: int, waited: float) -> AwsError:
    error.args = (f"{error.message} (tried {tries} times in {waited:.0f} seconds)",)
    error.message = error.args[0]
    error.hint = (
        error.hint or f"{fact.why}: if that is not so, this error is permanent; correct its cause and run again"
    )
    return error


class _Plain(TypeDeserializer):
    def _deserialize_b(self, value: bytes) -> bytes:
        return value  # boto3's own Binary fails wherever it is made text


def plain_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item as DynamoDB's client answers it (``{"auditId": {"S": ...}}``), in plain Python; numbers are Decimals."""
    read = _Plain().deserialize
    return {name: read(value) for name, value in item.items()}
