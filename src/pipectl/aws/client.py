"""AWS clients with one set of settings, retries, waits and errors.

Every call of every client goes through `RetryingClient`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import boto3
from botocore.config import Config as BotoConfig
from botocore.exceptions import BotoCoreError
from botocore.model import OperationModel

from pipectl.aws import responses, settings
from pipectl.aws.caller import Answered, Caller, read_caller
from pipectl.aws.calls import Attempt, Call, Parameters
from pipectl.aws.credentials import LOGIN, CredentialChain, Fault, FoundCredentials, described, parts_of
from pipectl.aws.retrying_client import RetryingClient
from pipectl.aws.waits import Awaits, shown
from pipectl.clock import Clock, Say, SystemClock, poll
from pipectl.errors import (
    AbsentError,
    AwsError,
    CredentialsError,
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

    from pipectl.aws.tagged import TagIndex

TOLERATED_CLOCK_DIFFERENCE = 60
"""Seconds. AWS itself refuses requests only after five minutes."""
_CORRECTED_CLOCK_DIFFERENCE = 360
"""Seconds. A larger difference is not one that AWS accepts, so the date of the response is not trusted."""


def _send(_call: Call, _parameters: Parameters, send: Callable[[], object]) -> object:
    return send()


@dataclass(frozen=True)
class Credentials:
    """Explicit credentials; they win over profile and environment."""

    aws_access_key_id: str
    aws_secret_access_key: str


class Aws:
    """AWS in one account and region.

    Args:
        region: The region of the pipeline.
        profile: A profile of the AWS config; otherwise the default chain of credentials.
        endpoint_url: The endpoint of every service, instead of AWS's own.
        credentials: Explicit credentials, for the local emulator.
        clock: The time; tests pass their own.
        say: Called with the awaited state, and the reason, once for each wait.
        awaits: See `Awaits`.
        warn: Called at most once, when the local clock differs from AWS's.
        on_call: Called for each call before it is sent.
        attempt: Makes each attempt of a call; tests inject faults there.
        timeout: Seconds after which a call fails, without another attempt; ``None`` for the usual waits and retries.
        prepared: Services whose clients a thread creates while the call for the account waits for its response.
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
        awaits: Awaits = lambda _: None,
        warn: Say = lambda _: None,
        on_call: Callable[[Call], None] = lambda _: None,
        attempt: Attempt = _send,
        timeout: float | None = None,
        prepared: Sequence[str] = (),
    ) -> None:
        self.region = region
        self.endpoint_url = endpoint_url
        self.clock = clock or SystemClock()
        self.say = say
        self.awaits = awaits
        self.on_call = on_call
        self.attempt = attempt
        self.timeout = timeout
        self._prepared = prepared
        self._warn = warn
        self._lock = threading.RLock()
        self._caller_lock = threading.Lock()
        self._clients: dict[tuple[str, bool], object] = {}
        self._clock_checked = False
        self._clock_ahead: float | None = None
        self.ca_bundle: str | None = None
        self._session = self._explicit(credentials) if credentials else self._chained(profile)
        self._session.events.register("creating-client-class", self._add_retries)
        self._session.events.register("before-parse", self._check_response)

    def _explicit(self, credentials: Credentials) -> boto3.Session:
        return boto3.Session(
            region_name=self.region,
            aws_access_key_id=credentials.aws_access_key_id,
            aws_secret_access_key=credentials.aws_secret_access_key,
            botocore_session=settings.profileless_session(),
        )

    def _chained(self, profile: str | None) -> boto3.Session:
        """Return a session whose credentials come from botocore's chain, with errors that name the provider."""
        session = settings.new_session(profile)
        try:
            session.get_scoped_config()  # fails now, not at the first call, where the profile is unknown
        except BotoCoreError as error:
            files = " and ".join(str(session.get_config_variable(name)) for name in ("config_file", "credentials_file"))
            hint = f"check --profile and AWS_PROFILE against {files}"
            raise CredentialsError(str(error), hint=hint) from error
        longest = {"timeout": self.timeout} if self.timeout else {}
        chain = CredentialChain(settings.new_session(profile), self.region, self.say, **longest)
        session.register_component("credential_provider", chain)
        self.ca_bundle = settings.check_network_settings(session)
        return boto3.Session(region_name=self.region, botocore_session=session)

    @cached_property
    def partition(self) -> str:
        """The partition of the region: ``aws``, ``aws-cn``."""
        return self._session.get_partition_for_region(self.region)

    @cached_property
    def caller(self) -> Caller:
        """The owner of the credentials.

        Raises:
            AwsError: AWS does not accept the credentials, or does not answer.
        """
        with self._caller_lock:
            sts = self.sts
            if self._prepared:
                threading.Thread(target=self._prepare, daemon=True).start()
            return read_caller(sts)

    def _prepare(self) -> None:
        for service in self._prepared:
            with suppress(Exception):  # raised again where the client is used
                self._client(service)

    @property
    def account_id(self) -> str:
        """The account of the credentials; see `caller`."""
        return self.caller.account_id

    def require_account(self, expected: str | None) -> None:
        """Refuse any account but the expected one.

        Raises:
            WrongAccountError: the credentials belong to another account.
        """
        if expected and self.account_id != expected:
            raise WrongAccountError(
                f"the credentials are of account {self.account_id}, the config has account_id {expected}. "
                "Nothing was changed.",
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
    def invoker(self) -> LambdaClient:
        """A client of Lambda for Invoke alone, which waits for as long as a function may run."""
        return cast("LambdaClient", self._client("lambda", invokes=True))

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

    @property
    def tagging(self) -> TagIndex:
        return cast("TagIndex", self._client("resourcegroupstaggingapi"))

    def credentials(self) -> FoundCredentials:
        """Return where the credentials come from, and when they expire. Without a call unless a provider needs one.

        Raises:
            CredentialsError: no provider has credentials, or one is configured and fails.
        """
        found = self._session.get_credentials()
        if found is None:
            raise CredentialsError("no credentials are configured", aws_code=Fault.MISSING, hint=LOGIN)
        return described(found)

    def secrets(self) -> list[str]:
        """Return every part of the credentials that is long enough to be one, to keep it out of what is written."""
        return parts_of(self._session.get_credentials())

    def knock(self) -> Answered:
        """Send one request without credentials. AWS denies it, which shows that AWS answers.

        Raises:
            UnreachableError: the endpoint does not answer, or its answer is not from AWS.
        """
        config = settings.client_config(self.endpoint_url, timeout=self.timeout, unsigned=True)
        with self._lock:
            client = self._create("sts", config)
        try:
            client.get_caller_identity()
        except AwsError as error:
            if not error.status:
                raise  # there was no answer
        return Answered(client.meta.endpoint_url, self._clock_ahead)

    def now(self) -> datetime:
        """Return the time of AWS's clock, as far as the first response reported it; else that of the local clock."""
        ahead = self._clock_ahead or 0.0
        ahead = ahead if abs(ahead) <= _CORRECTED_CLOCK_DIFFERENCE else 0.0
        return self.clock.now() - timedelta(seconds=ahead)

    def wait(self, ready: Callable[[], bool], what: str, bound: float) -> None:
        """Poll until ``ready`` returns true.

        Args:
            ready: Reads the state; an `AbsentError` counts as not ready.
            what: The state that is awaited: ``"table dev-orders-table-backend to become ACTIVE"``.
            bound: Seconds after which to give up.

        Raises:
            WaitTimeoutError: the state was not reached in time.
        """
        tries, last_error = 0, ""
        for _ in self.poll(what, bound):
            tries += 1
            try:
                if ready():
                    return
                last_error = ""
            except AbsentError as error:
                last_error = f": {error.message}"
        raise WaitTimeoutError(
            f"waited for {what}{last_error} (tried {tries} times in {bound:.0f} seconds)",
            hint="run the same command again: it continues where this one stopped",
        )

    def poll(self, what: str, bound: float) -> Iterator[float]:
        """Yield as `pipectl.clock.poll` does, and report a wait that is longer than two seconds."""
        tries, reported = 0, False
        with shown(self.awaits, self.clock) as show:
            for waited in poll(self.clock, bound):
                if (tries := tries + 1) == 2:
                    show(what)
                if waited > 2 and not reported:
                    self.say(f"waiting for {what}")
                    reported = True
                yield waited

    def _client(self, service: str, *, invokes: bool = False) -> object:
        with self._lock:
            if (service, invokes) not in self._clients:
                config = settings.client_config(self.endpoint_url, invokes=invokes, timeout=self.timeout)
                self._clients[service, invokes] = self._create(service, config)
            return self._clients[service, invokes]

    def _create(self, service: str, config: BotoConfig) -> Any:
        create = cast("Callable[..., object]", self._session.client)
        try:
            return create(service, endpoint_url=self.endpoint_url, config=config)
        except (BotoCoreError, ValueError) as error:
            raise settings.invalid_setting(error) from error

    def _add_retries(self, base_classes: list[type], **_: object) -> None:
        base_classes.insert(0, type("Retrying", (RetryingClient,), {"_aws": self}))

    def _check_response(
        self, operation_model: OperationModel, response_dict: responses.RawResponse, **_: object
    ) -> None:
        responses.check_body(operation_model, response_dict)
        if not self._clock_checked:
            self._clock_checked = True
            self._clock_ahead = responses.clock_difference(response_dict, self.clock.now())
            self._check_clock(self._clock_ahead or 0.0)

    def _check_clock(self, ahead: float) -> None:
        if abs(ahead) > TOLERATED_CLOCK_DIFFERENCE:
            self._warn(
                f"the clock of this machine is {abs(ahead) / 60:.0f} min {'ahead of' if ahead > 0 else 'behind'} "
                "AWS's: correct it. Times that are shown are wrong by as much, and AWS refuses more than 5 min."
            )

    def name_source(self, error: AwsError) -> None:
        """Add to an error about credentials where they come from; a request without any can fail, too."""
        if not isinstance(error, CredentialsError):
            return
        with suppress(CredentialsError):
            if source := getattr(self._session.get_credentials(), "source", None):
                error.hint = f"{error.hint or 'correct the credentials'} (used: {source})"
