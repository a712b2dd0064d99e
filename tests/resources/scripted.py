"""moto with scripted answers: each step replaces, changes or refuses the answer of one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pipectl.aws.calls import Call
from pipectl.aws.client import Aws, Credentials
from pipectl.engine.model import Resource
from pipectl.pipeline import Pipeline
from tests.resources.direct_access import DirectAccess
from tests.support import ACCOUNT, REGION

Step = Exception | Callable[[Any], Any]
"""An error instead of the call, or a change of its answer."""


def as_it_is(answer: Any) -> Any:
    return answer


def resource(direct: DirectAccess, key: str, steps: Mapping[str, list[Step]]) -> Resource:
    """Return a resource of the pipeline whose calls meet ``steps``, by operation, and moto after them."""
    left = {operation: list(scripted) for operation, scripted in steps.items()}

    def attempt(call: Call, _parameters: object, send: Callable[[], object]) -> object:
        if not left.get(call.operation):
            return send()
        step = left[call.operation].pop(0)
        if isinstance(step, Exception):
            raise step
        return step(send())

    aws = Aws(REGION, credentials=Credentials(ACCOUNT, "test"), clock=direct.world.aws.clock, attempt=attempt)
    context = direct.world.context()
    return Pipeline(context.config, context.file, aws).resources()[key]


def changed(path: str, value: object) -> Step:
    """Return a step that sets one member of the answer: ``Table.TableStatus``."""

    def change(answer: Any) -> Any:
        *parents, last = path.split(".")
        member = answer
        for name in parents:
            member = member[name]
        member[last] = value
        return answer

    return change
