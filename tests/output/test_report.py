"""The page of `report`, and the line that names its file."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cache
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from pipectl.commands.audit_stats import FailureCounts
from pipectl.commands.report import MARKER, Permissions, Report
from pipectl.failures.explanation import Safety
from pipectl.output import report, report_failures, report_policies
from pipectl.output.console import Screen
from tests.monitoring.figures import NOON, failed, unresolved
from tests.output import status_samples
from tests.output.page_reader import Page
from tests.output.report_samples import counts, healthy, incident, reports
from tests.output.samples import samples_of
from tests.output.screens import LOCAL, printed

SAMPLES = samples_of("report")
REPORTS = reports("DATA")
HOSTILE: Mapping[str, str] = {
    "script": "<script>alert(1)</script>",
    "attribute": '"><img src=x onerror=alert(1)>',
    "single quote": "' onmouseover='alert(1)",
    "link": "javascript:alert(1)",
    "end of the style": "</style></title></svg><svg onload=alert(1)>",
    "comment": "<!--",
    "reference": "&#60;script&#62;&lt;b&gt;",
    "template": "{{ 7*7 }}{% for x in y %}{# #}",
    "right to left": "abc\u202edef\u2066ghi\u200fjkl",
    "control characters": "a\x00b\x1b[31mc\x08d\re\nf\x85g\u2028h",
    "surrogate": "a\ud800b",
}
HIDING = "\u202e\u2066\u200f\x00\x1b\x08\r\x85\u2028"
ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "section", "article", "nav", "footer"),
    *("h1", "h2", "h3", "h4", "p", "ul", "li", "dl", "div", "dt", "dd", "span", "strong", "code", "time", "a"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "details", "summary", "figure"),
    *("svg", "desc", "g", "path", "rect", "text", "tspan", "polygon", "circle", "line", "ellipse"),
}
"""Elements of a page. None of them runs or loads anything."""


def page(found: Report) -> Page:
    return Page(report.page(Screen(options=LOCAL), found))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_screen(name: str, snapshot: SnapshotAssertion) -> None:
    assert printed(SAMPLES[name]) == snapshot


@pytest.mark.parametrize("name", REPORTS)
def test_the_text_of_a_page(name: str, snapshot: SnapshotAssertion) -> None:
    assert page(REPORTS[name]).text == snapshot


@pytest.mark.parametrize("name", REPORTS)
def test_a_page_has_the_marker_in_its_beginning(name: str) -> None:
    assert MARKER.decode() in report.page(Screen(), REPORTS[name])[:1000]


@cache
def harmless(name: str) -> Page:
    return page(reports("data")[name])


@pytest.mark.parametrize("text", HOSTILE.values(), ids=list(HOSTILE))
def test_hostile_data_are_text(text: str) -> None:
    """Elements and attributes are those of harmless data, whatever the data are."""
    for name, hostile in reports(text).items():
        found, expected = page(hostile), harmless(name)
        assert [each.tag for each in found.elements] == [each.tag for each in expected.elements]
        assert {each.tag for each in found.elements} <= ALLOWED
        assert [each.attributes.keys() for each in found.elements] == [
            each.attributes.keys() for each in expected.elements
        ]
        assert not set(HIDING) & set(found.html)
        found.html.encode()


def test_long_data_are_text() -> None:
    """A long value of a difference has a line of its own, so the elements are others."""
    for found in map(page, reports("k" * 2048).values()):
        assert {each.tag for each in found.elements} <= ALLOWED


def test_data_are_shown_as_they_are() -> None:
    text = page(incident("{{ 7*7 }} <b> \u202e `x` `pipectl down`")).text
    assert "{{ 7*7 }} <b> \\u202e `x` `pipectl down`" in text


def test_secrets_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "abcdefghijklmnopqrstuvwxyz0123456789ABCD"
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    assert secret not in report.page(Screen(), incident(f"the key {secret}"))


@pytest.mark.parametrize("name", REPORTS)
def test_nothing_is_loaded_and_only_the_own_style_is_allowed(name: str) -> None:
    found = page(REPORTS[name])
    (style,) = found.styles
    (policy,) = [each.attributes["content"] for each in found.all("meta") if "http-equiv" in each.attributes]
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "url(" not in style
    assert "@import" not in style
    for each in found.elements:
        assert not {"style", "src", "srcset"} & each.attributes.keys()
        assert not [key for key in each.attributes if key.startswith("on")]
        assert each.attributes.get("href", "#").startswith("#")


@pytest.mark.parametrize("name", REPORTS)
def test_headings_ids_and_tables_are_in_order(name: str) -> None:
    found = page(REPORTS[name])
    levels = [int(each.tag[1]) for each in found.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = found.ids()
    assert len(ids) == len(set(ids))
    named = [each.attributes.get("aria-labelledby", "").split() for each in found.elements]
    links = [each.attributes["href"][1:] for each in found.all("a")]
    assert {name for names in named for name in names} | set(links) <= set(ids)
    assert len(found.all("table")) == len(found.all("caption"))
    assert all(each.attributes.get("scope") in ("col", "row") for each in found.all("th"))


def test_the_most_urgent_failure_is_the_first() -> None:
    found = unresolved(
        failed("safe"),
        failed("gone", safety=Safety.GONE),
        failed("later", safety=Safety.STREAM, until=NOON + timedelta(hours=9)),
        failed("perhaps", safety=Safety.UNKNOWN, until=NOON + timedelta(hours=4)),
        failed("soon", safety=Safety.STREAM, until=NOON + timedelta(hours=2)),
        failed("unknown", safety=Safety.UNKNOWN),
    )
    rows = report_failures.rows(found, NOON)
    assert [row.orders for row in rows] == ["soon", "perhaps", "later", "unknown", "gone", "safe"]


def test_a_thousand_failures_are_bounded_and_the_others_counted() -> None:
    found = incident("DATA")
    many = unresolved(*(failed(f"o-{number}") for number in range(1000)), more=True)
    health = replace(found.status.health, unresolved=many)
    read = page(replace(found, status=replace(found.status, health=health)))
    assert "190 more unresolved failures" in read.text
    assert "More than 800 others are not listed here." in read.text
    assert len(read.html) < 400_000


def test_each_hour_of_a_short_period_has_a_bar() -> None:
    found = report_failures.times(counts("DATA"))
    assert (found.unit, len(found.bars), found.earlier) == ("hour", 49, 0)
    assert found.bars[-1].time == "2026-01-31T12:00:00Z"
    assert sum(bar.count for bar in found.bars) == counts("DATA").total
    assert found.highest == max(bar.count for bar in found.bars) > 0


def test_a_period_of_years_has_the_newest_days() -> None:
    short = counts("DATA")
    by_day = {**short.by_day, "2024-02-29": {"Other": 7}}
    long = replace(short, since=NOON - timedelta(days=4000), by_hour={}, by_day=by_day, total=short.total + 7)
    found = report_failures.times(long)
    assert (found.unit, len(found.bars), found.earlier) == ("day", report_failures.MOST_BARS, 7)
    assert found.bars[-1].time == "2026-01-31"


def test_a_single_day_and_nothing() -> None:
    nothing = FailureCounts(NOON, None, NOON, 0, {}, {}, {}, {}, (), 0)
    assert [bar.count for bar in report_failures.times(nothing).bars] == [0]


@pytest.mark.parametrize("age", [timedelta(hours=48), timedelta(days=9), -timedelta(hours=1), -timedelta(days=9)])
def test_failures_without_a_bar_are_counted(age: timedelta) -> None:
    """Their time is after the report, or invalid; the clock of the user can be ahead, so that the period is."""
    times = {"2031-01-01": {"Other": 2}, "2026-01-31T99:00:00Z": {"Other": 1}, "2020-01-01": {"Other": 4}}
    shown = FailureCounts(NOON - age, None, NOON, 8, {"Other": 8}, {"OPEN": 8}, times, times, (), 0)
    found = report_failures.times(shown)
    assert (found.earlier, found.others, len(found.bars) > 0) == (4, 4, True)
    text = page(replace(REPORTS["incident"], counts=shown)).text
    assert "4 failures are earlier than the chart." in text
    assert (" UTC to 2026-01-31 12:00 UTC (" in text) == (age > timedelta(0)), "a period has its start before its end"
    assert "4 are not shown: their time is after the report, or invalid." in text


def test_policies_in_words() -> None:
    role, _, bucket, queue, processor, auditor = report_policies.holders(incident("Extra"))
    read = role.policies[1].sentences[0]
    assert (read.who, read.verb, read.rest) == ("processor-role", "may", "on orders-table/stream/*")
    assert read.actions == ("dynamodb:GetRecords", "dynamodb:GetShardIterator")
    (trust,) = role.policies[0].sentences
    assert (trust.who, trust.actions) == ("service lambda.amazonaws.com", ("sts:AssumeRole",))
    (tls,) = bucket.policies[0].sentences
    assert (tls.who, tls.verb, tls.rest) == ("Nobody", "may", "on bucket, bucket/* unless TLS")
    (invoke,) = processor.policies[0].sentences
    assert (invoke.who, invoke.actions) == ("111122223333", ("lambda:InvokeFunction",))
    assert [each.policies[0].sentences for each in (queue, auditor)] == [(), ()]
    assert role.attached == ("arn:aws:iam::aws:policy/Extra",)


def test_a_resource_of_others_keeps_its_arn() -> None:
    arn = "arn:aws:s3:::dev-processed-data-123456789012-backend-copy/*"
    statement = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": [arn]}
    found = replace(healthy(), permissions=(Permissions("auditor-role", "role", "r", {"p": [statement]}),))
    (holder,) = report_policies.holders(found)
    assert holder.policies[0].sentences[0].rest == f"on {arn}"


STATUSES = {
    "after a clean replay": status_samples.replayed(),
    "not proven": status_samples.not_proven(),
    "without resources": replace(status_samples.healthy(), resources=()),
}


@pytest.mark.parametrize("name", STATUSES)
def test_other_kinds_of_health_have_a_page(name: str) -> None:
    found = page(replace(healthy(), status=STATUSES[name], counts=None, permissions=()))
    verdict = STATUSES[name].health.verdict.name.lower()
    assert f"dev is {verdict}" in found.text


def test_commands_have_the_options_that_were_used() -> None:
    text = page(incident("DATA")).text
    assert "pipectl --local audit list" in text
    assert "pipectl audit list" not in text


def test_a_page_on_stdout_is_the_same_in_any_encoding() -> None:
    text = "é 漢 ✓"
    shown = printed(lambda screen: report.print_page(screen, report.page(screen, incident(text))))
    assert shown.isascii()
    assert text in Page(shown).text


def test_a_folder_in_the_config_is_no_markup() -> None:
    assert "<b>" not in report.page(Screen(), replace(healthy(), file=Path("<b>")))
