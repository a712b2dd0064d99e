"""The code of a function in a plan, in one line: every file is named, whatever differs."""

from __future__ import annotations

import json

import pytest

from pipectl.output import plan_code
from pipectl.review.code import NO_NEWLINE
from pipectl.review.model import CodeChange, FileAction, FileChange, FileMode, PackageChange

ADDED, REMOVED, CHANGED = FileAction.ADDED, FileAction.REMOVED, FileAction.CHANGED


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (FileChange("f", CHANGED, 2, 1, lines=("@@ -1 +1 @@",)), "f +2 -1"),
        (FileChange("f", CHANGED, 0, 3, lines=("@@ -1 +1 @@",)), "f -3"),
        (FileChange("f", CHANGED, 3, 0, lines=("@@ -1 +1 @@",)), "f +3"),
        (
            FileChange("f", CHANGED, 1234, 3, omitted=True, sizes=(10, 20)),
            "f +1,234 -3 (10 -> 20 bytes, too many lines to show)",
        ),
        (FileChange("f", CHANGED, omitted=True, sizes=(10, 10)), "f changed (10 -> 10 bytes, too many lines to show)"),
        (FileChange("f", CHANGED, binary=True, sizes=(1000, 999)), "f changed (binary, 1,000 -> 999 bytes)"),
        (FileChange("f", CHANGED, mode=FileMode.EXECUTABLE), "f changed (now executable)"),
        (FileChange("f", CHANGED, mode=FileMode.ORDINARY), "f changed (now not executable)"),
        (FileChange("f", CHANGED, 1, 1, lines=("@@",), mode=FileMode.LINK), "f +1 -1 (now symbolic link)"),
        (FileChange("f", ADDED, 40, sizes=(None, 9), lines=("@@",)), "f added (+40 lines)"),
        (FileChange("f", ADDED, 1, sizes=(None, 9), mode=FileMode.EXECUTABLE), "f added (+1 line, executable)"),
        (FileChange("f", ADDED, sizes=(None, 0), mode=FileMode.ORDINARY), "f added (empty)"),
        (FileChange("f", ADDED, binary=True, sizes=(None, 5)), "f added (binary, 5 bytes)"),
        (
            FileChange("f", ADDED, omitted=True, sizes=(None, 9_000_000)),
            "f added (9,000,000 bytes, too many lines to show)",
        ),
        (FileChange("f", REMOVED, 0, 12, sizes=(9, None)), "f removed (-12 lines)"),
        (FileChange("f", REMOVED, binary=True, sizes=(5, None)), "f removed (binary, 5 bytes)"),
        (
            FileChange("f", REMOVED, 0, 5000, omitted=True, sizes=(5, None)),
            "f removed (-5,000 lines, too many lines to show)",
        ),
    ],
)
def test_each_difference_of_a_file_has_words(file: FileChange, words: str) -> None:
    assert plan_code.entries(CodeChange((file,))) == [words]


@pytest.mark.parametrize("name", ["a.py +1 -1, b.py", "größe.py", "a\n.py", "", 'a"b', "`x`"])
def test_a_name_that_could_be_read_as_more_is_in_quotes(name: str) -> None:
    (words,) = plan_code.entries(CodeChange((FileChange(name, CHANGED, 1, 1, lines=("@@",)),)))
    assert words == f"{json.dumps(name, ensure_ascii=False)} +1 -1"


@pytest.mark.parametrize("name", ["lib/x.py", "@scope/a-b_c+d~1.mjs", "[id].js"])
def test_an_ordinary_name_is_not_in_quotes(name: str) -> None:
    assert plan_code.named(FileChange(name, CHANGED)) == name


def new_file(number: int) -> FileChange:
    return FileChange(f"{number}.py", ADDED, 1000, omitted=True, sizes=(None, 9))


def test_a_new_package_names_its_files_or_counts_them() -> None:
    assert plan_code.entries(CodeChange((new_file(1), new_file(2)), new=True)) == [
        "1.py (1,000 lines)",
        "2.py (1,000 lines)",
    ]
    many = CodeChange(tuple(map(new_file, range(13))), new=True)
    assert plan_code.entries(many) == ["13 files (13,000 lines)"]
    assert list(plan_code.file_lines(many)) == []


def test_every_file_that_differs_is_named_however_many_there_are() -> None:
    code = CodeChange(tuple(FileChange(f"{number}.py", CHANGED, 1, 1, lines=("@@",)) for number in range(200)))
    assert plan_code.entries(code) == [f"{number}.py +1 -1" for number in range(200)]


def test_files_that_are_added_to_a_folder_are_counted_when_they_are_many() -> None:
    added = [FileChange(f"boto3/{number}.py", ADDED, 10, lines=("@@",), sizes=(None, 9)) for number in range(30)]
    removed = [FileChange(f"boto3/x/{number}.py", REMOVED, 0, 1, lines=("@@",), sizes=(9, None)) for number in range(6)]
    changed = FileChange("boto3/core.py", CHANGED, 1, 0, lines=("@@",))
    few = [FileChange(f"six/{number}.py", ADDED, 1, lines=("@@",), sizes=(None, 9)) for number in range(2)]
    assert plan_code.entries(CodeChange((*added, changed, *removed, *few))) == [
        "boto3/: 30 files added (+300 lines)",
        "boto3/core.py +1",
        "boto3/: 6 files removed (-6 lines)",
        "six/0.py added (+1 line)",
        "six/1.py added (+1 line)",
    ]


PACKAGES = (
    PackageChange("a", "1", "2", 30),
    PackageChange("b", None, "1", 3),
    PackageChange("c", "", None, 3),
    PackageChange("d", "1", "1", 2),
    PackageChange("e, f", "1", "\u202e2", 2),
)


def test_installed_packages_are_one_entry_each_with_their_versions() -> None:
    assert plan_code.entries(CodeChange((), PACKAGES)) == [
        "a 1 -> 2",
        "b 1 added",
        "c unknown removed",
        "d 1 (the same version, 2 files changed)",
        '"e, f" 1 -> "\\u202e2"',
    ]
    assert plan_code.entries(CodeChange((new_file(1),), PACKAGES[1:2], new=True))[1:] == ["b 1"]
    assert plan_code.document(CodeChange((), PACKAGES[:1])) == {
        "files": [],
        "packages": [{"name": "a", "from": "1", "to": "2", "files": 30}],
        "repacked": False,
    }


def test_of_many_installed_packages_the_others_are_counted() -> None:
    code = CodeChange((new_file(1),), PACKAGES[:1] * 300)
    assert plan_code.entries(code)[-2:] == ["a 1 -> 2", "280 more packages"]
    assert plan_code.count(code) == "1 file, 300 packages"


def test_other_results_are_sentences() -> None:
    assert plan_code.entries(CodeChange()) == [plan_code.REPACKED]
    assert plan_code.entries(CodeChange(problem="S3 answered 403")) == ["cannot be compared: S3 answered 403"]


def test_lines_keep_their_text_behind_their_sign() -> None:
    lines = ("@@ -1 +1 @@", " same", "-- old", "++ new", " ", NO_NEWLINE)
    ((_, shown),) = plan_code.file_lines(CodeChange((FileChange("f", CHANGED, 1, 1, lines=lines),)))
    words = [(sign, "".join(part if isinstance(part, str) else part[0] for part in line)) for sign, line in shown]
    assert words == [(" ", "@@ -1 +1 @@"), (" ", "same"), ("-", "- old"), ("+", "+ new"), (" ", ""), (" ", NO_NEWLINE)]


def test_lines_that_are_not_shown_are_never_left_out_silently() -> None:
    files = [
        FileChange(f"lib/{number}", ADDED, 1, omitted=number > 8, lines=("@@",) * (number < 9)) for number in range(21)
    ]
    code = CodeChange(tuple(files))
    assert plan_code.entries(code) == ["lib/: 21 files added (+21 lines, too many lines to show)"]
    assert [file.name for file, _ in plan_code.file_lines(code)] == [file.name for file in files]
    assert list(plan_code.file_lines(code))[20][1][0][1][0][0] == "(too many lines to show)"


def test_the_document_has_files_counts_and_lines() -> None:
    file = FileChange("f", CHANGED, 1, 2, lines=("@@ -1 +1 @@",), sizes=(3, 4))
    assert plan_code.document(CodeChange((file,))) == {
        "files": [
            {
                "name": "f",
                "action": "changed",
                "binary": False,
                "added": 1,
                "removed": 2,
                "bytes": {"from": 3, "to": 4},
                "mode": None,
                "lines": ("@@ -1 +1 @@",),
                "linesOmitted": False,
            }
        ],
        "packages": [],
        "repacked": False,
    }
    assert plan_code.document(CodeChange()) == {"files": [], "packages": [], "repacked": True}
    assert plan_code.document(CodeChange(problem="broken")) == {"problem": "broken"}
