"""The result of `doctor`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pipectl.diagnosis import Check, Diagnosis, Finding, Verdict
from pipectl.errors import ConfigError
from pipectl.output import looks
from pipectl.output.console import Screen
from pipectl.output.serializer import serialize
from pipectl.text import pluralize
from pipectl.timestamps import relative, rfc3339

_LOOK = {Verdict.OK: looks.GOOD, Verdict.WARNING: looks.WARN, Verdict.PROBLEM: looks.BAD}
_INDENT = " " * 9
_REASONS = {
    "credentials": "there are no valid credentials",
    "account": "the account is not known",
    "network": "the network settings are invalid",
    "emulator": "the local emulator is not running",
    "endpoint": "the endpoint does not answer",
    "config": "the config is not valid",
}
_TEXTS: Mapping[Finding, str] = {
    Finding.FAILED: "{message}",
    Finding.NOT_CHECKED: "not checked: {reason}",
    Finding.PIPECTL: "pipectl {version}, Python {python} ({path})",
    Finding.LIBRARIES: "boto3 {boto3}, botocore {botocore}",
    Finding.LIBRARIES_OLD: "boto3 {boto3} is too old",
    Finding.LIBRARIES_DIFFER: "boto3 {boto3} does not match botocore {botocore}",
    Finding.GIT: "{version}, commit of the config: {commit}",
    Finding.GIT_MISSING: "not installed: published versions of the processor do not name a commit",
    Finding.CONFIG: "{file} is valid (environment {environment})",
    Finding.REGION: "{region}",
    Finding.PROXIES: "proxies: {used}",
    Finding.NO_PROXY: "no proxy is set",
    Finding.CREDENTIALS_LOCAL: "of the local emulator",
    Finding.ACCESS_KEY: "access key from {source}; it does not expire",
    Finding.SESSION: "session from {source}; it expires {end}",
    Finding.SESSION_ENDS: "session from {source}; it expires {end}",
    Finding.ACCOUNT: "{account}, as {arn}",
    Finding.ACCOUNT_ROOT: "{account}, as the root user",
    Finding.ACCOUNT_DIFFERS: "the credentials are of account {account}, the config has account_id {expected}",
    Finding.ENDPOINT: "{endpoint} answers",
    Finding.CLOCK: "differs by {seconds} s from AWS's clock",
    Finding.CLOCK_DIFFERS: "differs by {seconds} s from AWS's clock; AWS refuses requests from 300 s on",
    Finding.NO_CLOCK: "the endpoint does not report the time",
    Finding.PERMISSIONS: "enough for {groups}",
    Finding.PERMISSIONS_READ: "`pipectl status` can read every resource; other permissions could not be checked",
    Finding.PERMISSIONS_DENIED: "enough for {groups}",
    Finding.RUNTIMES: "the local emulator has the versions of the config",
    Finding.RUNTIMES_DIFFER: "the local emulator runs {different}",
    Finding.EMULATOR_RUNNING: "MiniStack {version} is running at {endpoint}, home {home}",
    Finding.EMULATOR_STOPPED: "MiniStack {version} is installed and not running, home {home}",
    Finding.EMULATOR_MISSING: "MiniStack is not installed",
    Finding.EMULATOR_VERSION: "MiniStack {version} is not supported",
    Finding.NODE: "{version} ({path}), with the AWS SDK",
    Finding.NODE_UNUSED: "not installed; no function of the config needs it",
    Finding.INSTALLER: "{version} ({path}) installs packages of the {names}",
}
_HINTS: Mapping[Finding, str] = {
    Finding.LIBRARIES_OLD: "pip install --upgrade boto3",
    Finding.LIBRARIES_DIFFER: "pip install --upgrade boto3 botocore",
    Finding.GIT_MISSING: "install git",
    Finding.SESSION_ENDS: "log in again before you start a long command",
    Finding.ACCOUNT_ROOT: "use a role or a user; `pipectl permissions deployer` prints a policy",
    Finding.ACCOUNT_DIFFERS: "use the right --profile, or correct account_id in the config",
    Finding.CLOCK_DIFFERS: "set the clock of this machine",
    Finding.PERMISSIONS_DENIED: "`pipectl permissions` lists the policies",
    Finding.RUNTIMES_DIFFER: "for Python, install pipectl with that version; or test on AWS what depends on it",
    Finding.EMULATOR_STOPPED: "`pipectl local start` starts it",
    Finding.EMULATOR_MISSING: "pip install 'pipectl-aws[local]'",
    Finding.EMULATOR_VERSION: "pip install 'pipectl-aws[local]'",
}


def result(screen: Screen, diagnosis: Diagnosis, now: datetime) -> None:
    if screen.json_output:
        checks = [_document(screen, check, now) for check in diagnosis.checks]
        screen.document({"ok": diagnosis.ok, "checks": checks})
        return
    width = max(len(check.name) for check in diagnosis.checks)
    for check in diagnosis.checks:
        first, *others = _lines(screen, check, now)
        verdict = (f"{check.verdict:<8}", _LOOK[check.verdict])
        screen.hanging((verdict, (f" {check.name:<{width}}", "bold"), "  "), (first,))
        for line in others:
            screen.hanging((f"{_INDENT}{'':<{width}}  ",), (line,))
    screen.line(_summary(diagnosis))


def _summary(diagnosis: Diagnosis) -> str:
    found = {verdict: sum(check.verdict is verdict for check in diagnosis.checks) for verdict in Verdict}
    problems, warnings = found[Verdict.PROBLEM], found[Verdict.WARNING]
    return f"{pluralize(problems, 'problem')}, {pluralize(warnings, 'warning')}."


def _lines(screen: Screen, check: Check, now: datetime) -> list[str]:
    problems = check.error.problems if isinstance(check.error, ConfigError) else ()
    lines = [str(problem) for problem in problems] or [_text(screen, check, now)]
    denied = check.facts.get("denied")
    if isinstance(denied, Mapping):
        lines += [f"{group} lacks {', '.join(actions)}" for group, actions in denied.items()]
    hint = _hint(screen, check)
    return [*lines, f"Hint: {hint}"] if hint else lines


def _text(screen: Screen, check: Check, now: datetime) -> str:
    facts = dict(check.facts)
    words = {
        "reason": _REASONS.get(str(facts.get("because")), ""),
        "end": _end(facts.get("expires"), now),
        "groups": ", ".join(_texts(facts.get("enough"))) or "none of the groups of callers",
        "used": ", ".join(f"{name}={value}" for name, value in _pairs(facts.get("proxies"))),
        "different": ", ".join("{runtime} on {used}".format_map(each) for each in _members(facts.get("differences"))),
        "names": " and the ".join(_texts(facts.get("functions"))),
        "commit": facts.get("commit") or "none",
    }
    template = _TEXTS[check.finding]
    # Only the template is a sentence of pipectl; the values are data.
    return screen.completed(template).format_map({**facts, **words})


def _hint(screen: Screen, check: Check) -> str | None:
    if check.verdict is Verdict.OK and check.finding is not Finding.EMULATOR_STOPPED:
        return None
    hint = check.error.hint if check.error else _HINTS.get(check.finding)
    return screen.completed(hint) if hint else None


def _end(expires: object, now: datetime) -> str:
    if not isinstance(expires, datetime):
        return "at a time that is not known"
    return f"at {rfc3339(expires)} ({relative(expires, now)})"


def _texts(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []


def _members(value: object) -> list[Mapping[str, object]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _pairs(value: object) -> list[tuple[str, str]]:
    return [(str(name), str(each)) for name, each in value.items()] if isinstance(value, Mapping) else []


def _document(screen: Screen, check: Check, now: datetime) -> dict[str, object]:
    return {
        "name": check.name,
        "verdict": check.verdict,
        "finding": check.finding,
        "facts": serialize(check.facts),
        "detail": _text(screen, check, now),
        "hint": _hint(screen, check),
    }
