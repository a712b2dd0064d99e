"""The id of a plan: a hash of everything that a reviewer saw and that decides what `up` does.

Two machines that see the same config, code and actual state compute the same id; file times, paths, the order of
lines and the hash seed of the process do not matter. Values that change by themselves are not part of it: alarm states,
times, counts, a pause, and the attributes that `Observation.passing` names. The options of `up` are no part either:
their effect, such as an adoption in the place of a refusal, is.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime

from pipectl import __version__
from pipectl.engine.diff import top_level
from pipectl.engine.model import UNKNOWN, Action, AttributeValue, Change, Delta, Observation, Observations
from pipectl.json_types import JsonValue
from pipectl.review.model import Review
from pipectl.timestamps import rfc3339_milliseconds

LENGTH = 12
"""Characters of an id."""
_ID = re.compile(rf"[0-9a-f]{{{LENGTH}}}")


@dataclass(frozen=True)
class Place:
    """The pipeline that a plan is for, and the version of pipectl that plans."""

    account_id: str
    region: str
    environment: str
    version: str = __version__


def plan_id(place: Place, reviews: Sequence[Review], observed: Observations) -> str:
    """Return the id of a plan.

    Args:
        place: The pipeline.
        reviews: All changes, and the resources that are kept.
        observed: The actual state that the plan is based on.
    """
    seen = [_seen(review, observed.get(review.change.resource)) for review in reviews]
    everything = [place.version, place.account_id, place.region, place.environment, sorted(seen, key=canonical)]
    return hashlib.sha256(canonical(everything).encode()).hexdigest()[:LENGTH]


def is_plan_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def canonical(value: AttributeValue) -> str:
    """Return a value as text that is equal for equal values, and for no others.

    The order of mappings and sets does not matter, nor does the type of a number: ``5`` equals ``5.0``.

    Raises:
        TypeError: the value is of a kind that no attribute has.
    """
    return json.dumps(_tagged(value), ensure_ascii=True, separators=(",", ":"))


def _seen(review: Review, found: Observation | None) -> list[AttributeValue]:
    change = review.change
    passing = found.passing if found else {}
    deltas = {path: delta for path, delta in change.attributes.items() if not top_level({path: delta}) & passing.keys()}
    flags = [flag for flag in review.flags if flag.attribute not in passing]
    return [
        [change.resource, change.kind, change.name, _action(change, deltas), change.refusal],
        {path: [delta.before, delta.after] for path, delta in deltas.items()},
        {**found.attributes, **passing} if found else None,
        _unordered(found.unmanaged) if found else None,
        sorted(([flag.kind, flag.when, flag.reason, flag.attribute] for flag in flags), key=canonical),
    ]


def _unordered(value: AttributeValue) -> AttributeValue:
    """Return a value with its lists sorted: AWS reports settings that pipectl does not normalise in any order."""
    if isinstance(value, Mapping):
        return {key: _unordered(each) for key, each in value.items()}
    return sorted(map(_unordered, value), key=canonical) if isinstance(value, list) else value


def _action(change: Change, deltas: Mapping[str, Delta]) -> Action:
    """Return the action without the differences that begin by themselves."""
    return Action.KEEP if change.action is Action.UPDATE and not deltas else change.action


def _tagged(value: AttributeValue) -> JsonValue:
    """Return a value as JSON in which each list begins with the kind of value that it stands for."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int | float):
        return ["number", str(int(value)) if value == value // 1 else repr(value)]
    if isinstance(value, Mapping):
        return ["mapping", *sorted(([_tagged(key), _tagged(each)] for key, each in value.items()), key=json.dumps)]
    if isinstance(value, list | tuple):
        return ["list", *map(_tagged, value)]
    if isinstance(value, Set):
        return ["set", *sorted(map(_tagged, value), key=json.dumps)]
    if isinstance(value, datetime):
        return ["time", rfc3339_milliseconds(value)]
    if value is UNKNOWN:
        return ["unknown"]
    raise TypeError(f"{type(value).__name__} cannot be part of the id of a plan")
