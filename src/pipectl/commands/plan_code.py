"""The code of functions that a plan changes, compared with the deployed packages file by file."""

from __future__ import annotations

from functools import partial

from pipectl.aws.function_code import deployed_package
from pipectl.context import Context
from pipectl.engine.model import Action, Change, Observation
from pipectl.engine.parallel import parallel_map
from pipectl.engine.planner import Plan
from pipectl.errors import CancelledError, PipectlError
from pipectl.facts import FunctionFacts
from pipectl.resources.function import Function
from pipectl.review.code import compare, created
from pipectl.review.model import CodeChange

_CODE = "code_sha256"
_LIVE_CODE = "live.code_sha256"


def code_changes(context: Context, made: Plan) -> dict[str, CodeChange]:
    """Return the files in which each function of a plan differs, by its key, if its code differs.

    The version in use is what is compared, else `$LATEST`. A package that cannot be read is a problem in the result.

    Raises:
        CancelledError: the user pressed Ctrl-C.
    """
    changed = {
        each.resource: each for each in made.pending if _CODE in each.attributes or _LIVE_CODE in each.attributes
    }
    if any(each.action is not Action.CREATE for each in changed.values()):
        context.reporter.step(f"comparing the code of {' and '.join(changed)}")
    results = parallel_map(partial(_code_change, context, made, changed), changed, cancel=context.cancel)
    return results.require_done("Interrupted. Nothing was changed.")


def _code_change(context: Context, made: Plan, changed: dict[str, Change], key: str) -> CodeChange:
    function, observed = context.resources[key], made.observed[key]
    if not isinstance(function, Function):
        raise TypeError(f"{key} has no code")
    if observed is None:
        return created(function.package.body)
    try:
        deployed = deployed_package(context.aws, function.name, _version(changed[key], observed))
    except CancelledError:
        raise
    except PipectlError as error:
        return CodeChange(problem=error.message)
    return compare(deployed, function.package.body)


def _version(change: Change, observed: Observation) -> str | None:
    """Return the version whose code differs; ``None`` for `$LATEST`."""
    return observed.facts_as(FunctionFacts).live_version if _LIVE_CODE in change.attributes else None
