"""`report`: what is read, what is said of parts that cannot be read, and the file that is written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from pipectl.aws.calls import Call
from pipectl.commands.report import MARKER, Report, report, require_writable, write
from pipectl.commands.status import State, status
from pipectl.errors import AccessDeniedError, SavedFilesError
from pipectl.monitoring.checks import Finding
from pipectl.output import report as output
from pipectl.output.console import Screen
from pipectl.resource_keys import ResourceKey
from tests.commands.existing_pipeline import fail
from tests.commands.existing_pipeline import write as write_orders
from tests.support import FakeClock, World, make_world

PAGE = f"<!doctype html>\n{MARKER.decode()}\n"
WITH_POLICIES = {"processor-role", "auditor-role", "bucket", "dead-letter-queue", "processor", "auditor"}


def reported(world: World) -> Report:
    """Return a report, of which the page can be written, too."""
    context = world.context()
    found = report(context, context.aws.now() - timedelta(hours=48))
    assert output.page(Screen(), found).endswith("</html>\n")
    return found


def deny(world: World, *operations: str, tables: str = "") -> None:
    """Deny operations; with ``tables`` only those that name a table with this text, and an index."""

    def attempt(call: Call, parameters: Mapping[str, Any], send: Callable[[], Any]) -> Any:
        if call.operation in operations and (not tables or parameters.get("IndexName") == tables):
            error = AccessDeniedError(f"{call.service} {call.operation}: denied")
            error.actions = (f"{call.service}:{call.operation}",)
            raise error
        return send()

    world.aws.attempt = attempt


def test_failures_and_policies_are_read(world: World) -> None:
    (record,) = write_orders(world, "order-1")
    fail(world, record, record)
    found = reported(world)
    assert found.counts is not None
    assert (found.counts.total, found.counts.explained) == (1, 1)
    assert sum(sum(types.values()) for types in found.counts.by_hour.values()) == 1
    assert {each.resource for each in found.permissions} == WITH_POLICIES


def test_nothing_that_status_reads_is_read_twice(world: World) -> None:
    """Beside the reads of `status` there are only queries of the period. What is explained is not read again."""
    (record,) = write_orders(world, "order-1")
    fail(world, record, record)
    status(world.context())
    alone = Counter(call.operation for call in world.calls)
    world.calls.clear()
    reported(world)
    together = Counter(call.operation for call in world.calls)
    assert set(together - alone) == {"Query"}


def test_nothing_exists_yet(tmp_path: Path) -> None:
    with mock_aws():
        found = reported(make_world(tmp_path, clock=FakeClock()))
    assert {each.state for each in found.status.resources} == {State.MISSING}
    assert (found.counts, found.permissions, found.problems) == (None, (), ())


def test_without_the_audit_table_the_rest_is_reported(world: World) -> None:
    world.aws.dynamodb.delete_table(TableName=world.context().pipeline.physical.audit_table)
    found = reported(world)
    assert found.counts is None
    assert {each.resource for each in found.permissions} == WITH_POLICIES
    assert "The audit table is missing." in output.page(Screen(), found)


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        ("GetRole", "processor-role, auditor-role"),
        ("GetBucketPolicy", "bucket"),
        ("GetFunction", "processor, auditor"),
    ],
)
def test_policies_that_must_not_be_read_are_named(world: World, operation: str, words: str) -> None:
    deny(world, operation)
    found = reported(world)
    assert {each.resource for each in found.permissions} == WITH_POLICIES - set(words.split(", "))
    assert f"Cannot be read: {words}." in output.page(Screen(), found)


def test_metrics_that_must_not_be_read_are_a_finding(world: World) -> None:
    deny(world, "GetMetricData")
    found = reported(world)
    assert found.counts is not None
    assert Finding.UNREADABLE in {check.finding for check in found.status.health.checks}


def test_counts_that_must_not_be_read_are_named(world: World) -> None:
    deny(world, "Query", tables="failure-type-index")
    found = reported(world)
    assert found.counts is None
    assert "denied" in output.page(Screen(), found)


def test_drift_of_a_policy_is_shown_as_it_is_now(world: World) -> None:
    name = world.context().pipeline.physical.processor_role
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    world.aws.iam.put_role_policy(RoleName=name, PolicyName="extra", PolicyDocument=policy)
    found = {each.resource: each for each in reported(world).permissions}
    assert found[ResourceKey.PROCESSOR_ROLE].policies["extra"] == [
        {"Effect": "Allow", "Action": ["s3:*"], "Resource": ["*"]}
    ]


def test_a_function_that_others_may_invoke_is_shown(world: World) -> None:
    name = world.context().pipeline.physical.processor
    world.aws.lambda_.add_permission(
        FunctionName=name, StatementId="Others", Action="lambda:InvokeFunction", Principal="111122223333"
    )
    found = {each.resource: each for each in reported(world).permissions}
    assert "Others" in str(found[ResourceKey.PROCESSOR].policies)
    assert found[ResourceKey.AUDITOR].policies == {"policy": []}


# The file


def test_a_report_is_written_and_replaced(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    write(file, PAGE)
    file.chmod(0o640)
    write(file, PAGE + "newer")
    assert file.read_text() == PAGE + "newer"
    assert file.stat().st_mode & 0o777 == 0o640, "order data stay as private as they were"
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]


def test_the_mode_is_that_of_other_new_files(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    write(tmp_path / "report.html", PAGE)
    assert (tmp_path / "report.html").stat().st_mode == (tmp_path / "other").stat().st_mode


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _link(path: Path) -> Path:
    path.symlink_to(path.parent / "target")
    return path


def _pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def _other_file(path: Path) -> Path:
    path.write_text("environment: dev\n")
    return path


WRONG: Mapping[str, Callable[[Path], Path]] = {
    "a folder": _folder,
    "in a missing folder": lambda path: path / "report.html",
    "in a file": lambda path: _other_file(path) / "report.html",
    "a link": _link,
    "a pipe": _pipe,
    "another file": _other_file,
    "a name that is too long": lambda path: path.parent / ("r" * 300),
    "in a folder that takes no files": lambda _: Path("/proc/report.html"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_cannot_be_written_is_refused(name: str, tmp_path: Path) -> None:
    file = WRONG[name](tmp_path / "x")
    before = sorted(each.name for each in tmp_path.iterdir())
    with pytest.raises(SavedFilesError) as refused:
        write(file, PAGE)
    assert refused.value.hint
    assert sorted(each.name for each in tmp_path.iterdir()) == before


def test_an_empty_file_and_a_report_may_be_overwritten(tmp_path: Path) -> None:
    (tmp_path / "empty.html").touch()
    require_writable(tmp_path / "empty.html")
    require_writable(tmp_path / "new.html")


def test_a_folder_without_permission_is_found_before_anything_is_read(tmp_path: Path) -> None:
    """The user of the script may not write into its folder; root could."""
    (tmp_path / "former.html").write_text(PAGE)
    tmp_path.chmod(0o555)
    script = """
import os
from pathlib import Path
from pipectl.commands.report import require_writable
from pipectl.errors import SavedFilesError
if os.getuid() == 0:
    os.setgroups([])
    os.setuid(65534)
for name in ("report.html", "former.html"):
    try:
        require_writable(Path(name))
    except SavedFilesError as error:
        print(error.code)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "SavedFiles\nSavedFiles\n"


def test_a_full_disk_leaves_the_former_report(tmp_path: Path) -> None:
    """A limit of the size of files stands for a full disk."""
    file = tmp_path / "report.html"
    write(file, PAGE)
    script = f"""
import resource, signal
from pathlib import Path
from pipectl.commands.report import write
from pipectl.errors import SavedFilesError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write(Path({str(file)!r}), {PAGE!r} + "x" * 5000)
except SavedFilesError as error:
    print(error.code)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "SavedFiles\n"
    assert file.read_text() == PAGE
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]


class _Interrupted(str):
    """A text during whose writing the user presses Ctrl-C."""

    def encode(self, *_: object, **__: object) -> bytes:
        raise KeyboardInterrupt


def test_ctrl_c_leaves_the_former_report(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    write(file, PAGE)
    with pytest.raises(KeyboardInterrupt):
        write(file, _Interrupted("newer"))
    assert file.read_text() == PAGE
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]
