"""A plan as markdown: what GitHub makes of it, whatever is in names, values, notes and code."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from pipectl.commands.plan import PlanReport
from pipectl.engine.model import Action, Change, Delta, RefusalKind
from pipectl.orphans import Orphan, Search
from pipectl.output.console import Screen
from pipectl.output.plan_markdown import MOST_CHARACTERS, Place, result
from pipectl.review.model import CodeChange, FileAction, FileChange, Flag, FlagKind, Review, When

PLACE = Place("dev", "123456789012", "us-east-1", "config/dev.yaml")
ID = "3f2a91c07b4e"
HOSTILE = [
    "```",
    "`````` ~~~ ```diff",
    "`",
    "` <b>bold</b> `",
    "<!-- --> <img src=x onerror=alert(1)>",
    "--> <script>alert(1)</script>",
    "</code></summary></details><h1>",
    "@octocat please",
    "https://example.com www.example.com",
    "[link](https://example.com) ![image](https://example.com/x.png)",
    "# title\n\n- list\n\n***",
    "\n```\n# title\n",
    "&lt;b&gt; &amp;",
    "| a | b |\n|---|---|",
    "\x1b[31m\u202e\r",
    "password=secret`",
    "",
    "   ",
]


def with_orphan(report: PlanReport, name: str) -> PlanReport:
    return replace(report, orphans=Search((Orphan("table", name, f"arn {name}", team=name),), problem=f"a {name}"))


def printed(
    report: PlanReport, capsys: pytest.CaptureFixture[str], notes: Sequence[str] = (), place: Place = PLACE
) -> str:
    screen = Screen(options=(("-c", "config/it's.yaml"), ("--local", None)))
    result(screen, report, place, notes)
    return capsys.readouterr().out


def update(text: str, code: CodeChange | None = None) -> Review:
    deltas = {"description": Delta(text, f"{text}2"), "memory": Delta(128, 256)}
    flag = Flag(
        FlagKind.EVERYBODY, When.OPENED, f"anybody may read {text}", "policy", hint=f"see `pipectl plan` {text}"
    )
    change = Change("processor", "function", f"name {text}", Action.UPDATE, deltas, reason=f"a note {text}")
    return Review(change, (flag,), code)


def changed_file(name: str, *lines: str) -> CodeChange:
    return CodeChange((FileChange(name, FileAction.CHANGED, 1, 1, lines=("@@ -1,2 +1,2 @@", *lines), sizes=(1, 2)),))


def report_of(*reviews: Review) -> PlanReport:
    return PlanReport(reviews, {}, ID, f"up --plan {ID} --adopt bucket")


class Tags(HTMLParser):
    """The tags of a page with their attributes, and the text that is not in code."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.bare = ""
        self.code = ""
        self.comments: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "code" in self.open:
            self.code += data
        else:
            self.bare += data

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def rendered(text: str) -> Tags:
    """Return the page that a parser of GitHub-flavored markdown makes, which allows HTML."""
    page = Tags()
    page.feed(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text))
    assert page.open == []
    return page


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_breaks_out_of_its_place(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    harmless = report_of(update("text", changed_file("handler.py", "-text", "+text")))
    hostile = report_of(update(text, changed_file(f"{text}.py", f"-{text}", f"+{text}")))
    place = Place(text, "1", "r", text)
    harmless, hostile = with_orphan(harmless, "text"), with_orphan(hostile, text)
    expected = rendered(printed(harmless, capsys, ["a text"], Place("text", "1", "r", "text")))
    page = rendered(printed(hostile, capsys, [f"a {text}"], place))
    assert page.tags == expected.tags
    assert page.bare == expected.bare
    assert len(page.comments) == len(expected.comments) == 2


def test_what_stays_under_earlier_names_is_said_before_the_changes(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(with_orphan(report_of(update("x")), "dev-orders-backend"), capsys)
    begin, _, rest = text.partition("### Stays under earlier names\n")
    assert "### Risks" in begin
    said, _, changes = rest.partition("####")
    assert "processor" in changes
    assert "table dev-orders-backend" in said
    assert "down --orphans" in said


def test_a_job_finds_its_comment_and_the_id(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(report_of(update("x")), capsys)
    first, second, *_ = text.splitlines()
    assert first == "<!-- pipectl plan dev -->"
    assert re.findall(r"<!-- pipectl plan-id: ([0-9a-f]{12}) -->", text) == [ID]
    assert second == f"<!-- pipectl plan-id: {ID} -->"
    assert rendered(text).comments == [" pipectl plan dev ", f" pipectl plan-id: {ID} "]


def test_the_command_can_be_pasted(capsys: pytest.CaptureFixture[str]) -> None:
    command = f"pipectl -c 'config/it'\"'\"'s.yaml' --local up --plan {ID} --adopt bucket"
    assert f"```sh\n{command}\n```\n" in printed(report_of(update("x")), capsys)


def test_a_refused_plan_says_so_and_has_no_id(capsys: pytest.CaptureFixture[str]) -> None:
    change = Change("bucket", "bucket", "b", Action.REFUSE, reason="exists", refusal=RefusalKind.NOT_MANAGED)
    text = printed(PlanReport((Review(change),), {}), capsys)
    assert "This plan cannot be applied" in text
    assert "exists" in text
    assert "plan-id" not in text
    assert "up --plan" not in text


def test_a_plan_without_changes_has_an_id_and_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(PlanReport((Review(Change("bucket", "bucket", "b", Action.KEEP)),), {}, ID), capsys)
    assert "Nothing to do" in text
    assert f"plan-id: {ID}" in text
    assert "up --plan" not in text


def test_warnings_and_notes_are_part_of_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(report_of(update("x")), capsys, ["Runtime python3.9 is deprecated."])
    assert "open to everybody**" in text
    assert "Runtime python3.9 is deprecated." in text


def test_code_is_left_out_where_a_comment_would_be_too_long(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"+line {number}" for number in range(9000)]
    text = printed(report_of(update("the description", changed_file("handler.py", *lines))), capsys)
    assert len(text) < MOST_CHARACTERS
    assert "+line 1" not in text
    assert "left out" in text
    assert "plan --code" in text
    assert "the description -> the description2" in text


def test_changed_lines_begin_with_the_sign_that_github_colours(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(report_of(update("x", changed_file("handler.py", "-old", "+new"))), capsys)
    assert "\n! memory: 128 MB -> 256 MB\n" in text
    assert "\n-old\n+new\n" in text


def test_a_risk_that_the_change_fixes_comes_last_with_a_check_mark_and_no_colour(
    capsys: pytest.CaptureFixture[str],
) -> None:
    new = update("x")
    fixed = replace(new, flags=tuple(replace(flag, when=When.CLOSED) for flag in new.flags))
    text = printed(report_of(fixed, new), capsys)
    assert text.index("- **NEW RISK: open to everybody**") < text.index("- ✓ **FIXES A RISK: open to everybody**")
    assert "\n ✓ FIXES A RISK: anybody may read x\n" in text


def test_differences_are_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen()
    value = "x" * 70_000
    result(screen, report_of(update(value, changed_file("handler.py", "+line 1"))), PLACE, [])
    shown = capsys.readouterr()
    assert shown.out.count(value) >= 2
    assert "+line 1" not in shown.out
    assert "65,536" in shown.err
