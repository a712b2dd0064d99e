"""What to do about each error: when it comes, and the next step. Its meaning is in the docstring of its class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Advice:
    """Advice about an error.

    Args:
        comes: The commands and the situation in which it comes.
        do: The next step.
    """

    comes: str
    do: str


ADVICE: Mapping[str, Advice] = {
    "Error": Advice(
        "any command. The message names the cause: a stream that is disabled, a file that cannot be written, "
        "a full disk, a resource that another process deleted meanwhile.",
        'Follow the hint. "A bug in pipectl" is a fault of the program: run the command again with `-v` and '
        "report the whole output.",
    ),
    "ConfigInvalid": Advice(
        "every command that reads the config, before it calls AWS.",
        "Correct the lines that the message names; all problems are listed at once. [config.md](config.md) "
        "has every key. `pipectl config check` checks the file again.",
    ),
    "Usage": Advice(
        "every command, before it changes anything: an unknown option, options that exclude one another, no "
        "region, or no terminal for a question.",
        'Correct the command line as the message says. `pipectl help COMMAND` has the options and examples. "no '
        'terminal": in a script or CI job, give `--yes` to commands that ask. "no region is set": put `region:` into '
        'the config. "several configs": name one with `-c FILE`.',
    ),
    "HandlerInvalid": Advice(
        "commands that package the functions, such as `config check`, `plan`, `up` and `template`.",
        "Correct the file that the message names, then run `pipectl config check`. [handlers.md](handlers.md)"
        " has the rules of handlers and their dependencies.",
    ),
    "ResourcesMissing": Advice(
        "commands that work with a pipeline, such as `send`, `replay-dlq`, `audit`, `pause`, `logs` and "
        "`rollback`, before the first `up`, after a `down`, or with another config.",
        "Check environment, account and region in the first line of the output. If they are right, `pipectl "
        "up` creates what is missing: [how-to/deploy.md](how-to/deploy.md).",
    ),
    "NoVersion": Advice(
        "`rollback`.",
        "`pipectl rollback --to VERSION` takes one of the versions in the hint. Without an earlier version, "
        "restore the code and run `pipectl up`. [how-to/rollback.md](how-to/rollback.md) has the steps.",
    ),
    "SavedFiles": Advice(
        "`replay-dlq --save`, `replay-dlq --from`, `report --html` and `init`.",
        "Check the folder and its permissions. Nothing on AWS was changed by this error. "
        "[how-to/save-records.md](how-to/save-records.md) saves and replays records.",
    ),
    "UnusableId": Advice(
        "`replay-dlq --save`, for a failure whose id is longer than a file name can be. The other failures are saved.",
        "Replay this failure without saving it: `pipectl replay-dlq --id ID`.",
    ),
    "Refused": Advice(
        "`up --watch`, when a change needs a confirmation or leads to another pipeline, and `down --orphans`,"
        " when the pipeline still uses an orphan.",
        "Review the change with `pipectl plan`, and make it with `pipectl up`.",
    ),
    "ForeignResource": Advice(
        "`up`, `plan` and `down`, when a resource of that name exists without the tags of this pipeline.",
        "If the resource belongs to something else, choose another name in the config. If it belongs to this "
        "pipeline, `pipectl up --adopt RESOURCE` takes it over; `pipectl plan --adopt RESOURCE` shows before "
        "what would change: [Adopt](how-to/adopt.md).",
    ),
    "Unreconcilable": Advice(
        "`up` and `plan`, when AWS cannot change an attribute of an existing resource, or only with a loss of records.",
        "Restore the value in the config. To get the new value, the resource has to be deleted and created "
        "again: save its data before.",
    ),
    "DataWouldBeLost": Advice(
        "`down`, `pause` and `down --orphans`. Nothing was changed, except where the message says that a "
        "resource received data during the command.",
        "Decide about the data: `--keep-data` keeps resources that have data, `--delete-data` deletes them "
        "with it. Replay open failures before: `pipectl replay-dlq`. [how-to/delete.md](how-to/delete.md) has the "
        "steps. For `pause`, use the option of the hint only when the records that wait may be skipped.",
    ),
    "PlanChanged": Advice(
        "`up --plan ID`, when the plan is no longer the one that was reviewed. Nothing was changed.",
        "Read the new plan, which is part of the output, and run the command of the hint. "
        "[The id of a plan](concepts/ownership.md#the-id-of-a-plan) says what it stands for.",
    ),
    "WrongAccount": Advice(
        "every command that calls AWS, when the config has `account_id`.",
        "Use the profile of the right account: `--profile NAME` or `AWS_PROFILE`. "
        "[credentials.md](credentials.md) says where credentials come from.",
    ),
    "Protected": Advice(
        "commands that change a protected environment (`protect: true`) without `--confirm`. "
        "[environments.md](environments.md#protected-environments) lists them.",
        "Check that this is the environment that you mean, then add `--confirm NAME`.",
    ),
    "Declined": Advice(
        "commands that ask, when the answer is no. Nothing was changed.",
        "Nothing. Run the command again to confirm.",
    ),
    "AwsCallFailed": Advice(
        "every command that calls AWS. Temporary errors were retried before. The message has the service, the"
        " call, AWS's own code and text; in JSON, `awsCode` has that code.",
        "Correct what AWS's text names, and run the command again: it continues where it stopped.",
    ),
    "Absent": Advice(
        "commands during which another process deletes a resource. Otherwise pipectl handles it.",
        "`pipectl status` shows what is missing, `pipectl up` creates it.",
    ),
    "Exists": Advice(
        "`up`, when another process creates the same resource, or another account has a bucket of that name.",
        "Run `pipectl up` again. If the error stays, choose another name in the config.",
    ),
    "AccessDenied": Advice(
        "every command that calls AWS. The message names the call, the hint the missing actions and a "
        "statement that allows them.",
        "Ask an administrator for the policy of the hint, such as `pipectl permissions on-call`. "
        "[security.md](security.md#permissions-of-people) has the groups of people.",
    ),
    "Credentials": Advice(
        "every command that calls AWS, at its first call. The message names the provider and its file or variable.",
        "Follow the hint. [credentials.md](credentials.md) has each situation of each provider. `pipectl "
        "doctor` checks credentials, clock and permissions.",
    ),
    "Unreachable": Advice(
        "every command that calls AWS: no answer from the endpoint, or an answer that is not from AWS, such "
        "as the login page of a network.",
        "Check network, VPN, proxy, region and `--endpoint-url`. `pipectl doctor` checks network, endpoint, "
        "credentials and clock.",
    ),
    "WaitTimedOut": Advice(
        "`up`, `down`, `pause` and `resume`, when AWS needs longer than usual.",
        "Run the same command again: it continues. If it happens twice, look at the AWS Health Dashboard.",
    ),
    "Interrupted": Advice(
        "every command, after Ctrl-C. Calls in progress have finished.",
        "Run the same command again: it continues where it stopped.",
    ),
    "Incomplete": Advice(
        "`up` and `down`, when some resources failed. The others were completed.",
        "Correct the causes that the message names, and run the same command again: it continues.",
    ),
    "LocalEmulator": Advice(
        "commands with `--local`, `demo`, `local` and `up --watch`.",
        "Follow the hint. `pipectl local status` shows the emulator, `pipectl local stop` ends it; its data "
        "are deleted. [local.md](local.md) has its folders and limits.",
    ),
    "NoSuchFailure": Advice(
        "`audit show`, `audit resolve`, `logs --failure` and `replay-dlq --id`.",
        "`pipectl audit list` shows ids and orders of unresolved failures, `pipectl audit list --status "
        "REPLAYED` those of replayed ones.",
    ),
    "NoSuchOrder": Advice(
        "`trace`, when no place has the key.",
        "Check the key, the environment and the account. An order that was written more than 24 hours ago and"
        " was deleted from the table is in the bucket only.",
    ),
    "AmbiguousId": Advice(
        "commands that take the beginning of an id: `audit show`, `audit resolve`, `logs --failure`, "
        "`replay-dlq --id`.",
        "Use more characters of the id.",
    ),
    "SeveralFailures": Advice(
        "`audit resolve` with the key of an order that failed more than once.",
        "`pipectl audit show KEY` shows all of them. Give the id of one.",
    ),
    "FailureStatus": Advice(
        "`audit resolve`, when the failure was replayed or resolved already, or `--undo` when it is not resolved.",
        "`pipectl audit show ID` shows the status: [the list](concepts/failures.md#statuses). Usually nothing is left "
        "to do.",
    ),
    "FailureClaimed": Advice(
        "`audit resolve` while a `replay-dlq` works on the failure.",
        "Wait for the end of that replay, and look at the failure again.",
    ),
    "OrderInvalid": Advice(
        "`send`, before the order is written.",
        "Correct the order at the place that the message names. An order is one JSON object.",
    ),
    "OrderUnchanged": Advice(
        "`send`, when the table already has exactly this order.",
        "Change a value, or leave out the key to get a new order. `pipectl trace KEY` follows the order of before.",
    ),
}
"""Advice by the code of the error."""

WORDS: Mapping[str, Sequence[str]] = {
    "AccessDenied": ("access denied", "is not authorized to perform"),
    "ConfigInvalid": (".yaml:",),
    "Credentials": ("no credentials", "security token", "ExpiredToken"),
    "DataWouldBeLost": ("Data would be lost",),
    "ForeignResource": ("not managed by",),
    "Incomplete": ("resources failed",),
    "NoSuchFailure": ("there is no failure",),
    "PlanChanged": ("the plan is",),
    "Protected": ("is protected",),
    "ResourcesMissing": ("missing: ",),
    "Unreachable": ("Could not connect to the endpoint",),
    "WaitTimedOut": ("waited for",),
    "WrongAccount": ("the credentials are of account",),
}
"""Words on the screen of frequent errors, by code."""

WITHOUT_MESSAGES = frozenset({"Usage", "Interrupted"})
"""Codes whose messages explain themselves, so that the page does not list them."""
