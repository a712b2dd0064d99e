"""The examples of docs/handlers.md work."""

import json
import re
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from pipectl.aws.stream_records import kept_record
from pipectl.failures.model import object_key, quarantine_key
from pipectl.failures.reasons import reason_in
from tests.lambda_src.fakes import FakeS3
from tests.lambda_src.loading import load
from tests.support import ROOT

PAGE = (ROOT / "docs" / "handlers.md").read_text()
PYTHON: list[str] = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
EVENT = json.loads((ROOT / "scaffold" / "events" / "stream-event.json").read_text())
CONTEXT = SimpleNamespace(aws_request_id="request-1")


def _run(example: str, names: dict[str, Any] | None = None) -> dict[str, Any]:
    found = names or {}
    exec(compile(example, "docs/handlers.md", "exec"), found)  # noqa: S102
    return found


def _example(begins: str) -> str:
    (example,) = [each for each in PYTHON if begins in each]
    return example


def test_every_example_is_run() -> None:
    assert len(PYTHON) == 4


@pytest.mark.parametrize(
    ("begins", "order", "result"),
    [
        ('"LARGE"', {"customer": "Ada", "amount": Decimal(2000)}, {"status": "LARGE"}),
        ('"PRICED"', {"price": Decimal("1.10"), "count": Decimal(3)}, {"status": "PRICED"}),
    ],
)
def test_the_examples_of_enrich(begins: str, order: Any, result: Any) -> None:
    module = load("processor")
    enrich = _run(_example(begins), vars(module).copy())["enrich"]
    found = enrich(order)
    assert getattr(found, "metadata", found) == result
    if begins == '"LARGE"':
        with pytest.raises(module.InvalidOrderError):
            enrich({})
    else:
        assert found.order["total"] == Decimal("3.30")


def test_the_example_of_unit_tests() -> None:
    tests = _run(_example("def test_a_batch"), {"__name__": "example"})
    run = [test() for name, test in tests.items() if name.startswith("test_")]
    assert len(run) == 3


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, FakeS3]:
    """The handler of the page, and its bucket."""
    for name in ("PROCESSED_PREFIX", "FAILED_PREFIX", "BUCKET_NAME", "BUCKET_OWNER"):
        monkeypatch.setenv(name, name.lower())
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    names = _run(_example("def keep"))
    names["s3"] = s3 = FakeS3()
    return names["handler"], s3


def test_the_own_handler_stores_each_version_where_the_commands_look_for_it(own: tuple[Any, FakeS3]) -> None:
    handler, s3 = own
    records = EVENT["Records"][:3]
    for event in ({"Records": records}, {"Records": records}):
        assert handler(event, CONTEXT) == {"batchItemFailures": []}
    keys = [object_key("processed_prefix", record) for record in records[:2]]
    assert {key: len(versions) for key, versions in s3.versions.items()} == dict.fromkeys(keys, 1)
    handler({"Records": records, "overwrite": True}, CONTEXT)
    assert {len(versions) for versions in s3.versions.values()} == {2}


def test_the_own_handler_reports_keeps_and_logs_a_failure(
    own: tuple[Any, FakeS3], capsys: pytest.CaptureFixture[str]
) -> None:
    handler, s3 = own
    good, bad = EVENT["Records"][0], EVENT["Records"][3]
    bad = bad | {"dynamodb": {name: value for name, value in bad["dynamodb"].items() if name != "NewImage"}}
    number = bad["dynamodb"]["SequenceNumber"]
    assert handler({"Records": [good, bad]}, CONTEXT) == {"batchItemFailures": [{"itemIdentifier": number}]}
    with pytest.raises(RuntimeError, match="KeyError: 'NewImage'") as raised:
        handler({"Records": [bad, good]}, CONTEXT)
    assert "NewImage" in reason_in(str(raised.value))
    kept = kept_record(s3.versions[quarantine_key("failed_prefix", bad)][0])
    assert kept
    assert kept.event == bad
    assert kept.cause
    assert (kept.cause.reason, kept.cause.request_id) == ("KeyError: 'NewImage'", "request-1")
    line = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (line["keys"], line["sequenceNumber"]) == ({"orderId": {"S": "order-2"}}, number)
