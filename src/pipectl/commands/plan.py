"""`plan`: show what `up` would do."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from pipectl.commands.plan_code import code_changes
from pipectl.context import Context
from pipectl.engine.model import Action, Change, Facts
from pipectl.engine.planner import Plan, plan_up
from pipectl.monitoring.backlog import with_ended_backlog
from pipectl.orphans import OrphanSearch, Search
from pipectl.resource_keys import ResourceKey
from pipectl.resources.function import packages_of
from pipectl.review.flags import flags_of
from pipectl.review.model import Review
from pipectl.review.plan_id import Place, plan_id
from pipectl.review.renames import with_renames
from pipectl.text import pluralize, with_flags


@dataclass(frozen=True)
class PlanReport:
    """The changes that `up` would make, each with its review, and the outputs of the pipeline as far as known.

    Args:
        reviews: The changes.
        outputs: The outputs.
        id: Stands for everything that was seen; empty when a change is refused.
        apply: The command that makes exactly these changes, with the options of the plan; empty when there is none.
        orphans: Resources of earlier names that stay, if they were looked for. No part of the id: the index of tags
            that finds them lags by hours, so an id with them would change by itself.
    """

    reviews: tuple[Review, ...]
    outputs: dict[str, str]
    id: str = ""
    apply: str = ""
    orphans: Search | None = None

    @property
    def changes(self) -> tuple[Change, ...]:
        return tuple(review.change for review in self.reviews)

    @property
    def pending(self) -> list[Change]:
        return [change for change in self.changes if change.action not in (Action.KEEP, Action.REFUSE)]

    @property
    def refused(self) -> list[Change]:
        return [change for change in self.changes if change.action is Action.REFUSE]


Confirm = Callable[[PlanReport], None]
"""Shows the changes and asks. Returns on yes; raises `DeclinedError` on no, `UsageError` without a terminal."""


def package_warnings(context: Context) -> dict[str, tuple[str, ...]]:
    """Build the packages of the functions, which the plan then has. Return the warnings about each.

    Raises:
        PackageError: a handler's folder is missing or invalid, or a package that it needs cannot be installed.
    """
    return {key: package.warnings for key, package in packages_of(context.resources).items()}


def plan(context: Context, *, adopt: Collection[str] = (), allow_stream_replacement: bool = False) -> PlanReport:
    """Return what `up` would do; see `make_plan` for the arguments. Reads only."""
    made = make_plan(context, adopt=adopt, allow_stream_replacement=allow_stream_replacement)
    return report_of(context, made, adopt=adopt, allow_stream_replacement=allow_stream_replacement)


def report_of(
    context: Context,
    made: Plan,
    *,
    details: bool = True,
    adopt: Collection[str] = (),
    allow_stream_replacement: bool = False,
) -> PlanReport:
    """Return a plan with the review of each change.

    Args:
        context: The pipeline.
        made: The plan.
        details: Compare the code of functions with the deployed one, and look for orphans if something is created.
        adopt: See `make_plan`; repeated in the command that applies the plan.
        allow_stream_replacement: See there.
    """
    codes = code_changes(context, made) if details else {}
    orphans = _orphans(context, made) if details else None
    account = context.pipeline.names.account_id
    reviews = [
        Review(change, flags_of(change, made.observed.get(change.resource), account), codes.get(change.resource))
        for change in made.changes
    ]
    outputs = known_outputs(context, made)
    if made.refusals:
        return PlanReport(tuple(reviews), outputs, orphans=orphans)
    place = Place(account, context.aws.region, context.config.environment)
    found = plan_id(place, reviews, made.observed)
    command = with_flags(f"up --plan {found}", adopt=as_typed(adopt), allow_stream_replacement=allow_stream_replacement)
    return PlanReport(tuple(reviews), outputs, found, command if made.pending else "", orphans)


def _orphans(context: Context, made: Plan) -> Search | None:
    """Look for resources of earlier names. Only a plan that creates something can leave any behind."""
    if all(change.action is not Action.CREATE for change in made.changes):
        return None
    context.reporter.step("looking for resources with earlier names")
    return OrphanSearch(context).find()


def make_plan(context: Context, *, adopt: Collection[str] = (), allow_stream_replacement: bool = False) -> Plan:
    """Observe all resources and plan their changes.

    Args:
        context: The pipeline.
        adopt: Keys of the resources to take over, if they exist and are not managed.
        allow_stream_replacement: Replace a stream or a mapping even if records are missed meanwhile.
    """
    ownership = context.pipeline.ownership
    context.reporter.step(f"reading {pluralize(len(context.resources), 'resource')}")
    observed = with_ended_backlog(context, context.observe())
    context.reporter.step("comparing them with the config")
    made = plan_up(context.resources, observed, ownership, adopt=adopt, accept_loss=allow_stream_replacement)
    names = context.pipeline.names
    return replace(made, changes=with_renames(made.changes, f"{names.environment}-", f"-{names.team}"))


def as_typed(adopt: Collection[str]) -> list[str]:
    """Return the keys of resources to adopt as `--adopt` takes them: ``all`` for every resource."""
    return ["all"] if set(ResourceKey) <= set(adopt) else sorted(adopt)


def known_outputs(context: Context, made: Plan) -> dict[str, str]:
    """Return the outputs of the resources that exist and are not refused."""
    refused = {change.resource for change in made.refusals}
    facts: dict[str, Facts] = {key: found.facts for key, found in made.observed.items() if found and key not in refused}
    return context.pipeline.outputs(facts)
