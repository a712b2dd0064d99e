"""A base class of botocore's clients that retries temporary errors (`retry_rules`), and raises `pipectl.errors`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from botocore.client import BaseClient

from pipectl.aws import requests, responses
from pipectl.aws.calls import Call, Parameters
from pipectl.aws.errors import BOTO_ERRORS, translate
from pipectl.aws.retry_rules import RetryRule, given_up, rule_for
from pipectl.aws.waits import shown

if TYPE_CHECKING:
    from pipectl.aws.client import Aws

    class _Client(BaseClient):
        def _make_api_call(self, operation_name: str, api_params: Parameters) -> dict[str, object]: ...

else:
    _Client = BaseClient


class RetryingClient(_Client):
    """A base class of every client that botocore builds (event ``creating-client-class``)."""

    _aws: Aws

    def _make_api_call(self, operation_name: str, api_params: Parameters) -> dict[str, object]:
        model = self.meta.service_model
        call, operation = Call(model.service_name, operation_name), model.operation_model(operation_name)
        requests.check_text(call.service, call.operation, api_params)
        clock = self._aws.clock
        started, tries = clock.monotonic(), 0
        since: dict[RetryRule, float] = {}

        def send() -> object:
            parsed = super(RetryingClient, self)._make_api_call(operation_name, api_params)
            responses.read_stream(operation, parsed)
            return parsed

        with shown(self._aws.awaits, clock) as show:
            while True:
                tries, begun = tries + 1, clock.monotonic()
                self._aws.on_call(call)
                try:
                    answer = self._aws.attempt(call, api_params, send)
                    return cast("dict[str, object]", responses.named(answer, call.service, call.operation))
                except BOTO_ERRORS as raised:
                    error = translate(raised, call.service, call.operation)
                    rule, now = None if self._aws.timeout else rule_for(error), clock.monotonic()
                    if rule is None:
                        self._aws.name_source(error)
                        raise error from raised
                    if rule not in since:
                        since[rule] = now
                        show(rule.reason)
                        self._aws.say(f"waiting: {rule.reason} ({call.service} {call.operation})")
                    waited = now - since[rule]
                    if waited >= rule.bound:
                        raise given_up(error, rule, tries, now - started) from raised
                clock.sleep(max(0.001, min(rule.pause(tries, waited, now - begun), rule.bound - waited)))
