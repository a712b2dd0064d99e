"""Risks of functions: other code that runs in them, another role, and invocations that do not happen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipectl.config.names import BUCKET_OWNER
from pipectl.facts import FunctionFacts
from pipectl.review.case import Case, Risk
from pipectl.review.commands import command
from pipectl.review.model import Flag, FlagKind, When
from pipectl.review.policy_flags import granted, statements_in
from pipectl.review.words import account_in, listed, text, texts

_RUNS_CODE = (
    "AWS_LAMBDA_EXEC_WRAPPER",
    "BASH_ENV",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "NODE_OPTIONS",
    "NODE_PATH",
    "PATH",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONUSERBASE",
)
"""Environment variables that make a runtime load or run other code."""
_REDIRECTS = ("AWS_ENDPOINT_URL", "AWS_CONFIG_FILE", "AWS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "AWS_USE_DUALSTACK")
"""Beginnings of variables that send the SDK's requests to another place."""
_PLACES = ("BUCKET_NAME", "AUDIT_TABLE_NAME")
"""Variables that name the place that a function writes to."""
_LATEST = "$LATEST"


def risks(values: Mapping[str, Any], case: Case) -> Iterator[Risk]:
    """Yield the risks of one state of a function: of `$LATEST`, and of the version in use."""
    yield from _version_risks(values, case, f"function {case.name}", "")
    live = values.get("live")
    if isinstance(live, Mapping):
        yield from _version_risks(live, case, f"function {case.name}", "live")
        for version, share in _mapping(live.get("weights")).items():
            reason = f"version {version} of function {case.name} handles {_percent(share)} of the invocations"
            yield Risk(FlagKind.PERMISSIONS, f"{reason}, with code that is not reviewed here", "live")
    elif "live" in values and not isinstance(live, str):
        reason = f"function {case.name} has no alias live, so the stream mapping cannot invoke it"
        yield Risk(FlagKind.DATA_LOSS, reason, "live")
    elif isinstance(live, str):
        reason = f"the alias live of function {case.name} names {live}, so code is in use without a published version"
        yield Risk(FlagKind.PERMISSIONS, reason, "live")
    if values.get("reserved_concurrency") == 0:
        reason = f"the reserved concurrency of function {case.name} is 0, so Lambda never invokes it and records expire"
        yield Risk(FlagKind.DATA_LOSS, reason, "reserved_concurrency")


def _version_risks(values: Mapping[str, Any], case: Case, what: str, attribute: str) -> Iterator[Risk]:
    for layer in texts(values.get("layers") or []):
        owner = account_in(layer)
        if owner == case.account_id:
            yield Risk(FlagKind.PERMISSIONS, f"layer {layer} runs code in {what}", attribute or "layers")
        else:
            account = "an unknown account" if owner is None else owner
            reason = f"layer {layer} of account {account} runs code in {what}, with its role and its orders"
            yield Risk(FlagKind.OTHER_ACCOUNT, reason, attribute or "layers")
    variables = _mapping(values.get("environment"))
    for name in sorted(map(str, variables)):
        if name in _RUNS_CODE:
            reason = f"variable {name} can make {what} run other code, with its role and its orders"
            yield Risk(FlagKind.PERMISSIONS, reason, attribute or "environment")
        elif name.upper().startswith(_REDIRECTS):
            reason = f"variable {name} can send the requests of {what}, with its orders, to another place"
            yield Risk(FlagKind.OTHER_ACCOUNT, reason, attribute or "environment")
    bucket_owner = variables.get(BUCKET_OWNER)
    if isinstance(bucket_owner, str) and bucket_owner != case.account_id:
        reason = f"{what} expects the bucket of its objects in account {bucket_owner} ({BUCKET_OWNER})"
        yield Risk(FlagKind.OTHER_ACCOUNT, reason, attribute or "environment")


def flags(case: Case) -> Iterator[Flag]:
    """Yield the flags of a function that changes, without those of one state."""
    if case.before is None or case.after is None:
        return
    yield from _version_flags(case.before, case.after, case, "")
    before, after = case.before.get("live"), case.after.get("live")
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _version_flags(before, after, case, "live")
    facts = case.observed.facts if case.observed else None
    same_code = case.before.get("code_sha256") == case.after.get("code_sha256")  # of `$LATEST`: `rollback` leaves it
    if before != after and same_code and isinstance(facts, FunctionFacts) and facts.rollback:
        reason = f"the rollback of function {case.name} is undone, and code that failed can be in use again"
        yield Flag(FlagKind.DATA_LOSS, When.OPENED, reason, "live")


def _version_flags(before: Mapping[str, Any], after: Mapping[str, Any], case: Case, attribute: str) -> Iterator[Flag]:
    if before.get("role") != after.get("role"):
        reason = f"function {case.name} runs with role {before.get('role')}; the config names {after.get('role')}"
        yield Flag(FlagKind.PERMISSIONS, When.CLOSED, reason, attribute or "role")
    same_code = before.get("code_sha256") == after.get("code_sha256")
    if before.get("handler") != after.get("handler") and same_code:
        reason = f"function {case.name} runs {before.get('handler')}; the config names {after.get('handler')}"
        yield Flag(FlagKind.PERMISSIONS, When.CLOSED, reason, attribute or "handler")
    found, wanted = _mapping(before.get("environment")), _mapping(after.get("environment"))
    known = {*_RUNS_CODE, BUCKET_OWNER}
    extra = sorted(
        name for name in map(str, found) if name not in wanted and name not in known and not _redirects(name)
    )
    yield from _other_places(found, wanted, case, attribute)
    if extra:
        reason = f"function {case.name} has environment variables that the config does not set: {listed(extra)}"
        yield Flag(FlagKind.PERMISSIONS, When.CLOSED, reason, attribute or "environment")


def _other_places(found: Mapping[Any, Any], wanted: Mapping[Any, Any], case: Case, attribute: str) -> Iterator[Flag]:
    for name in _PLACES:
        now, then = found.get(name), wanted.get(name)
        if now and then and now != then:
            foreign = account_in(text(now)) not in (None, "", case.account_id)
            reason = f"function {case.name} writes to {text(now)} ({name}), which is not the one in the config"
            kind = FlagKind.OTHER_ACCOUNT if foreign else FlagKind.DATA_LOSS
            yield Flag(kind, When.CLOSED, reason, attribute or "environment")


def unmanaged(settings: Mapping[str, Any], case: Case) -> Iterator[Flag]:
    """Yield the flags of the resource policies of a function and of its alias, and of its KMS key."""
    for qualifier, policy in _mapping(settings.get("resource_policies")).items():
        alias = None if qualifier == _LATEST else str(qualifier)
        named = f"function {case.name}" + (f":{alias}" if alias else "")
        for statement in statements_in(policy):
            if statement.get("Effect") == "Deny":
                continue
            hint = _remove_permission(case.name, alias, statement.get("Sid"))
            for kind, reason in granted({**statement, "Resource": named}, case.account_id, named):
                yield Flag(kind, When.STAYS, reason, hint=hint)
    if key := settings.get("KMS_key"):
        owner = account_in(text(key))
        if owner not in (None, case.account_id):
            reason = f"a key of account {owner} encrypts the environment of function {case.name}, and can stop it"
            yield Flag(FlagKind.OTHER_ACCOUNT, When.STAYS, reason)


def _remove_permission(function: str, alias: str | None, sid: object) -> str | None:
    if not isinstance(sid, str):
        return None
    options = {"function_name": function, "statement_id": sid} | ({"qualifier": alias} if alias else {})
    return command("lambda remove-permission", **options)


def _redirects(name: str) -> bool:
    return name.upper().startswith(_REDIRECTS)


def _mapping(value: object) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}


def _percent(share: object) -> str:
    return f"{share:.0%}" if isinstance(share, int | float) else f"{share}"
