"""The page of the errors: their codes, meanings and messages from the source, and what to do from `error_guide`."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator, Sequence

from tools.reference.error_examples import examples
from tools.reference.error_guide import ADVICE, WITHOUT_MESSAGES, WORDS
from tools.reference.error_sources import PROBLEMS, VALUE, Raised, error_classes, raised
from tools.reference.markdown import DO_NOT_EDIT, shown, table

from pipectl.aws.credentials import Fault
from pipectl.aws.errors import BAD_CREDENTIALS
from pipectl.errors import PipectlError

_UNWORDED = "(the cause)"
"""Stands for a message whose words come from elsewhere, such as a parser."""
_WIDTH = 92
"""Characters of a line of code in the column of GitHub."""

_INTRODUCTION = f"""\
A command that fails prints `Error:` with the message and `Hint:` with the next step, on stderr. Each error has a code,
which does not change when the message does. Run the command again with `-v`, or with `-o json`, to see the code and the
address of its section here. Without running it again, look for the words of the message:

{{words}}

A message that begins with a service and a call, such as `lambda CreateFunction:`, is AWS's own answer: where no row
fits, it is [`AwsCallFailed`](#awscallfailed). With a line `Usage:` above it, the error is [`Usage`](#usage). Else
search this page for a part of the message that names nothing of yours. `{VALUE}` stands for a name, number or reason.

With `-o json` the error is an object `error`: on stderr, or in the result where a part was done.

| key | meaning |
| --- | --- |
| `code` | the code, such as `ConfigInvalid`: for scripts |
| `message` | the text, which can change in any version |
| `hint` | the next step, or `null` |
| `resource` | the key of the resource in the config, such as `orders-table`, or `null` |
| `documentation` | the address of the section on this page |
| `resources` | only refusals, such as `ForeignResource`: the keys of all refused resources |
| `missing`, `unmanaged` | only `ResourcesMissing`: the keys of these resources |
| `problems` | only `ConfigInvalid`: a list with `file`, `line`, `key` and `message` of each problem |
| `problem`, `path` | only `HandlerInvalid`: the reason, and the file or folder that has it |
| `problem`, `place` | only `OrderInvalid`: the reason, and the attribute that has it, such as `items[0].count` |
| `awsCode` | only errors of AWS calls: AWS's own code, such as `AccessDeniedException` |

[exit-codes.md](exit-codes.md) has the exit codes of the commands.
"""


def page() -> str:
    """Return the page of the errors: an index, and a section for each code."""
    classes = sorted(error_classes().values(), key=lambda kind: kind.code)
    rows = [(_link(kind.code), str(kind.exit_code), meaning(kind)) for kind in classes]
    introduction = _INTRODUCTION.format(words="\n".join(_by_words()))
    parts = [DO_NOT_EDIT, "# Errors\n", introduction, *table(("code", "exit code", "meaning"), rows)]
    found = examples()
    for kind in classes:
        parts += ["", *_section(kind, found.get(kind.code))]
    return "\n".join(parts) + "\n"


def _by_words() -> Iterator[str]:
    rows = ((", ".join(f"`{word}`" for word in words), _link(code)) for code, words in WORDS.items())
    yield from table(("the message has", "code"), rows)


def _link(code: str) -> str:
    return f"[`{code}`](#{code.lower()})"


def meaning(kind: type[PipectlError]) -> str:
    """Return the first sentence of a class's docstring."""
    first = inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].replace("\n", " ").replace("``", "`")
    return re.split(r"(?<=\.) ", first)[0]


def _section(kind: type[PipectlError], example: str | None) -> Iterator[str]:
    advice = ADVICE[kind.code]
    yield f"## {kind.code}\n"
    yield f"{meaning(kind)} Exit code {kind.exit_code}.\n"
    if example:
        yield f"```text\n{_wrapped(example.rstrip())}\n```\n"
    yield f"- **Comes from**: {advice.comes}"
    yield f"- **Do**: {advice.do}"
    found = [each for each in raised() if error_classes()[each.error] is kind and not _is_of_demo(each)]
    problems = next((enum for name, enum in PROBLEMS.items() if name.removesuffix("Problem") in kind.__name__), None)
    if problems:
        reasons = {member.name: f"`{member.value}`" for member in problems}
        worded = {each.problem for each in found if each.message}
        rows = [
            (reasons[each.problem], *_words(each))
            for each in _sorted(found)
            if each.message or each.problem not in worded
        ]
        yield from _messages(("`problem`", "message", "hint"), rows)
    elif kind.code not in WITHOUT_MESSAGES:
        yield from _messages(("message", "hint"), [_words(each) for each in found if each.message])
    if kind.code == "Credentials":
        yield from _credentials()


def _wrapped(text: str) -> str:
    """Return the text in lines that fit on the page."""
    return "\n".join(
        textwrap.fill(line, _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        for line in text.splitlines()
    )


def _is_of_demo(each: Raised) -> bool:
    """Return whether the error is a failed check of `demo`, which no other command makes."""
    return each.module == "commands/demo.py"


def _sorted(found: list[Raised]) -> list[Raised]:
    order = [member.name for problems in PROBLEMS.values() for member in problems]
    return sorted((each for each in found if each.problem), key=lambda each: order.index(each.problem))


def _messages(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    if rows:
        yield ""
        yield from table(head, dict.fromkeys(rows))


def _words(each: Raised) -> tuple[str, str]:
    words = (each.message or _UNWORDED, each.hint)
    message, hint = (shown(text).replace("|", "\\|").replace("*", "\\*") for text in words)
    return message, hint


def _credentials() -> Iterator[str]:
    yield "\n`awsCode` is one of these, or the name of botocore's error:\n"
    kinds = ", ".join(f"`{fault}`" for fault in Fault)
    rows = [(kinds, "a provider of credentials has none, or fails: [credentials.md](credentials.md) has each case")]
    by_hint: dict[str, list[str]] = {}
    for code, hint in BAD_CREDENTIALS.items():
        by_hint.setdefault(hint, []).append(f"`{code}`")
    rows += [(", ".join(codes), hint) for hint, codes in by_hint.items()]
    yield from table(("`awsCode`", "meaning, next step"), rows)
