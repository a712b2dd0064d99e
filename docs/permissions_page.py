"""`docs/permissions.md`: what the functions may do and why, and what the people who run pipectl need."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

from operator_policies import COMMANDS, LOOK, NOT_SEEN, PEOPLE, places, policy
from role_actions import CONFIG, NOT_PROVEN, USES, granted, role_policies

from pipectl.config.loading import load
from pipectl.pipeline import Pipeline

ACCOUNT, REGION = "123456789012", "us-east-1"

_ROLES = """Two roles, which Lambda alone can assume, and only for functions of this account. No managed policies, no
`*` resources; `pipectl up` removes whatever else it finds on them. With `config/dev.yaml`, in account {account}:"""

_PROOF = """A test takes each action away from the running pipeline, sees it break in the way that stands beside it,
gives it back, and sees it work again. {proven} of {all} are proven so. The others break nothing when they are taken
away, which is tested, too: {unproven}.

IAM is that of the local emulator. That Lambda asks it about the queue and the logs, pipectl supplies there
(`local/lambda_permissions.py`), for MiniStack does not; about everything else MiniStack asks by itself."""

_PEOPLE = """Three policies to copy, with the names of `config/dev.yaml`, for account {account} in {region}. Each fits
into one managed policy."""

_COMMANDS = """What a command asks AWS for, and where. To look at a resource is to ask what it is and how it is set; the
second table says what that takes, the third where everything is."""

_HOW = """A test runs each command as an IAM user who may do nothing at first, and allows one action after the
other, each only once an error of a command has named it. At the end the actions are these and no others, and the
recorded calls say the same. Every policy of this page passes the linter `parliament`."""

_NOTES = """- `iam:PassRole` shows in no call: Lambda asks for it when a function is given its role. The condition lets
  the two roles pass to Lambda alone.
- What is made with tags needs the action that tags it as well. The local emulator asks for it only when tags change.
- AWS knows no narrower resource than `*` for {starred}.
- A condition keeps the making, changing and removing of mappings, which AWS names by a UUID, to our functions. So a
  mapping that somebody has pointed to another function is denied: to have `up` mend that, allow
  `lambda:UpdateEventSourceMapping` without the condition.
- `cloudwatch:DescribeAlarms` is allowed on all alarms of the region: CloudWatch asks about all, whichever are named.
- Whoever runs `up` writes the bucket's policy and those of the two roles, and so could allow themselves what these
  allow. Where that is too much, put a permissions boundary on them."""


def page() -> str:
    """The whole page."""
    lines = ["<!-- Made by docs/generate.py. -->\n", "# Permissions\n", "## What the functions may do\n"]
    lines += [_ROLES.format(account=ACCOUNT), *_roles(), "\n### How this is known\n"]
    proven = sum(action not in NOT_PROVEN for _, action in granted())
    lines.append(_PROOF.format(proven=proven, all=len(granted()), unproven=_code(NOT_PROVEN)))
    pipeline = _pipeline()
    lines += ["\n## What you need\n", _PEOPLE.format(account=ACCOUNT, region=REGION)]
    for person, commands in PEOPLE.items():
        lines += [f"\n### {person}\n", f"For {_code(commands)}.\n"]
        lines += ["```json", json.dumps(policy(commands, pipeline), indent=2), "```"]
    lines += [
        "\n### Command by command\n",
        _COMMANDS,
        "\n| command | looks at | and beyond that |",
        "| --- | --- | --- |",
    ]
    lines += [*_commands(), "\n| to look at | is |", "| --- | --- |", *_looks()]
    lines += ["\n| where | is | if |", "| --- | --- | --- |", *_places(pipeline)]
    lines += ["\n### What to know\n", _NOTES.format(starred=_code(_starred()))]
    lines += ["\n### How these are known\n", _HOW]
    lines += ["\n| action | why the test does not see these need it | commands |", "| --- | --- | --- |"]
    lines += [f"| `{action}` | {each.because} | {_code(each.commands)} |" for action, each in NOT_SEEN.items()]
    return "\n".join(lines) + "\n"


def _pipeline() -> Pipeline:
    aws: Any = SimpleNamespace(region=REGION, account_id=ACCOUNT, partition="aws")
    return Pipeline(load(CONFIG), CONFIG, aws)


def _roles() -> Iterator[str]:
    for role, policies in role_policies(ACCOUNT, REGION).items():
        yield f"\n### `{role}`\n"
        yield "| policy | on |"
        yield "| --- | --- |"
        for name, statements in policies.items():
            yield f"| {name} | {'<br>'.join(f'`{arn}`' for each in statements for arn in each['Resource'])} |"
        yield "\n| action | policy | what for | once it is taken away |"
        yield "| --- | --- | --- | --- |"
        for name, statements in policies.items():
            for action in (action for each in statements for action in each["Action"]):
                use = USES[action]
                yield f"| `{action}` | {name} | {use.why} | {use.without or f'nothing breaks; {use.because}'} |"


def _commands() -> Iterator[str]:
    """A row for each command: which resources it looks at, as the table of looks says, and what it does beyond that."""
    for command, grants in COMMANDS.items():
        looks = [where for where, actions in LOOK.items() if _set(actions) <= _set(grants.get(where, ""))]
        more = {where: _set(actions) - _set(LOOK[where] if where in looks else "") for where, actions in grants.items()}
        beyond = "<br>".join(f"{where}: {_code(sorted(of))}" for where, of in more.items() if of)
        yield f"| `{command}` | {'everything' if len(looks) == len(LOOK) else ', '.join(looks)} | {beyond} |"


def _looks() -> Iterator[str]:
    for where, actions in LOOK.items():
        yield f"| {where} | {_code(sorted(_set(actions)))} |"


def _places(pipeline: Pipeline) -> Iterator[str]:
    for where, (arns, condition) in places(pipeline).items():
        shown = f"`{json.dumps(condition)}`" if condition else ""
        yield f"| {where} | {'<br>'.join(f'`{arn}`' for arn in arns)} | {shown} |"


def _starred() -> list[str]:
    """The actions that are granted on ``*``."""
    grants = [_set(each.get(where, "")) for each in COMMANDS.values() for where in ("anything", "new-mappings")]
    return sorted(set().union(*grants))


def _set(actions: str) -> set[str]:
    return set(actions.split())


def _code(texts: Iterable[str]) -> str:
    return ", ".join(f"`{text}`" for text in texts)
