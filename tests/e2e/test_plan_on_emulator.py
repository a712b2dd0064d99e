"""The code in a plan on the local emulator, where the packages of all versions can be read."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest

from pipectl.commands.down import down
from pipectl.commands.plan import PlanReport, plan
from pipectl.commands.rollback import rollback
from pipectl.commands.up import up
from pipectl.local.home import LocalEmulator
from pipectl.packaging.build import build
from pipectl.pipeline import package_source
from pipectl.review.model import CodeChange, FileAction
from tests.review.zips import zipped
from tests.support import ROOT, Recorder, World, make_world, new_account, yes

pytestmark = [pytest.mark.emulator]

LINE = "from __future__ import annotations\n"
CHANGED = ("from __future__ import annotations  # changed", "# and another line")
FUNCTIONS = ("processor", "auditor")


@pytest.fixture(scope="module")
def world(emulator: LocalEmulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Return a pipeline whose handlers are copies; each test restores them."""
    folder = tmp_path_factory.mktemp("plan")
    sources = {name: {"source": str(folder / name)} for name in FUNCTIONS}
    restore(folder)
    world = make_world(folder, sources, endpoint_url=emulator.endpoint_url, account=new_account())
    up(world.context(), yes)
    yield world
    down(world.context(), yes, delete_data=True)


def restore(folder: Path) -> None:
    for name in FUNCTIONS:
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.copytree(ROOT / "lambda_src" / "python" / name, folder / name)


@pytest.fixture(autouse=True)
def restored(world: World) -> Iterator[None]:
    yield
    restore(world.file.parent)


def codes(report: PlanReport) -> dict[str, CodeChange]:
    return {review.change.resource: review.code for review in report.reviews if review.code}


def edit(world: World, function: str) -> None:
    """Add two lines to the handler and remove one; add a file of three lines."""
    handler = world.file.parent / function / "handler.py"
    text = handler.read_text()
    assert text.count(LINE) == 1
    handler.write_text(text.replace(LINE, "".join(f"{line}\n" for line in CHANGED)))
    (handler.parent / "lib").mkdir()
    (handler.parent / "lib" / "more.py").write_text("a = 1\nb = 2\nc = 3\n")


def test_a_plan_without_another_code_reads_no_package(world: World) -> None:
    world.calls.clear()
    assert codes(plan(world.context())) == {}
    assert len([call for call in world.calls if call.operation == "GetFunction"]) == len(FUNCTIONS)


def test_files_and_lines_of_both_functions_are_compared(world: World) -> None:
    for function in FUNCTIONS:
        edit(world, function)
    context = world.context()
    found = codes(plan(context))
    for function in FUNCTIONS:
        changed, added = found[function].files
        assert (changed.name, changed.action, changed.added, changed.removed) == ("handler.py", "changed", 2, 1)
        lines = [line for line in changed.lines if line[0] in "+-"]
        assert lines == [f"-{LINE.rstrip()}", *(f"+{line}" for line in CHANGED)]
        assert (added.name, added.action, added.added) == ("lib/more.py", FileAction.ADDED, 3)
    assert isinstance(context.reporter, Recorder)
    assert context.reporter.steps[-1] == "comparing the code of processor and auditor"


@pytest.mark.parametrize("compared", [True, False])
def test_up_compares_the_code_for_a_question_alone(world: World, compared: bool) -> None:
    edit(world, "auditor")
    seen: list[PlanReport] = []

    def decline(report: PlanReport) -> None:
        seen.append(report)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        up(world.context(), decline, details=compared)
    assert set(codes(seen[0])) == ({"auditor"} if compared else set())


def test_after_a_rollback_the_version_in_use_is_compared(world: World) -> None:
    edit(world, "processor")
    up(world.context(), yes)
    rollback(world.context(), yes, "ada")
    (review,) = [review for review in plan(world.context()).reviews if review.code]
    assert set(review.change.attributes) == {"live.code_sha256"}
    assert review.code is not None
    assert [(file.name, file.added, file.removed) for file in review.code.files] == [
        ("handler.py", 2, 1),
        ("lib/more.py", 3, 0),
    ]
    restore(world.file.parent)
    up(world.context(), yes)


@contextmanager
def uploaded(world: World, function: str, body: bytes | None = None) -> Iterator[dict[str, bytes]]:
    """Let another tool upload a zip, by default of the same files; yield the files of the config."""
    context = world.context()
    name = getattr(context.pipeline.physical, function)
    package = build(package_source(context.config, getattr(context.config, function), context.file)).body
    with zipfile.ZipFile(BytesIO(package)) as archive:
        files = {each: archive.read(each) for each in archive.namelist()}
    zip_file = zipped(files, method=zipfile.ZIP_DEFLATED) if body is None else body
    world.aws.lambda_.update_function_code(FunctionName=name, ZipFile=zip_file)
    yield files
    world.aws.lambda_.update_function_code(FunctionName=name, ZipFile=package)


def test_code_that_another_tool_uploaded_and_nobody_invokes_is_compared(world: World) -> None:
    with uploaded(world, "processor", zipped({"handler.py": b"evil = True\n"})) as files:
        (review,) = [review for review in plan(world.context()).reviews if review.code]
        assert set(review.change.attributes) == {"code_sha256"}
        assert review.code is not None
        assert [(file.name, file.removed) for file in review.code.files] == list(zip(files, (1, 0), strict=True))
        assert "-evil = True" in review.code.files[0].lines


def test_the_same_files_packed_by_another_tool_are_reported_as_such(world: World) -> None:
    with uploaded(world, "auditor"):
        assert codes(plan(world.context())) == {"auditor": CodeChange()}


def test_a_hostile_package_is_a_problem_and_the_plan_is_made(world: World) -> None:
    with uploaded(world, "auditor", zipped([("handler.py", b"a"), ("../../etc/passwd", b"b")])):
        report = plan(world.context())
        assert [change.resource for change in report.pending] == ["auditor"]
        problem = codes(report)["auditor"].problem
        assert problem is not None
        assert "invalid name" in problem
