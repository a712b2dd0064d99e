"""Code by file and line: every kind of difference, texts of any form, and zips that nobody should trust."""

from __future__ import annotations

import stat
import time
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipectl.review import code
from pipectl.review.code import NO_NEWLINE, compare, created
from pipectl.review.model import FileAction, FileChange, FileMode
from tests.review.zips import with_field, zipped

HANDLER = b"".join(b"line %d\n" % number for number in range(1, 21))
CHANGED = HANDLER.replace(b"line 10\n", b"line ten\nand a half\n")


def only(old: bytes | None, new: bytes | None) -> FileChange:
    """Return the change of a file; ``None`` where it does not exist."""
    before, after = ({} if content is None else {"handler.py": content} for content in (old, new))
    change = compare(zipped(before), zipped(after))
    assert change.problem is None
    (file,) = change.files
    assert (file.name, file.sizes) == ("handler.py", tuple(None if each is None else len(each) for each in (old, new)))
    return file


def test_a_changed_line_is_shown_with_three_lines_of_context() -> None:
    change = only(HANDLER, CHANGED)
    assert (change.action, change.added, change.removed, change.mode) == (FileAction.CHANGED, 2, 1, None)
    assert not change.binary
    assert not change.omitted
    context = [" line 7", " line 8", " line 9"]
    expected = ["@@ -7,7 +7,8 @@", *context, "-line 10", "+line ten", "+and a half", " line 11", " line 12", " line 13"]
    assert list(change.lines) == expected


def test_changes_far_from_each_other_are_shown_in_parts() -> None:
    change = only(HANDLER, HANDLER.replace(b"line 2\n", b"").replace(b"line 18\n", b"line 18\nmore\n"))
    assert [line for line in change.lines if line.startswith("@")] == ["@@ -1,5 +1,4 @@", "@@ -16,5 +15,6 @@"]
    assert (change.added, change.removed) == (1, 1)


@pytest.mark.parametrize(
    ("old", "new", "action", "added", "removed", "lines"),
    [
        (None, b"a\nb\n", FileAction.ADDED, 2, 0, ["@@ -0,0 +1,2 @@", "+a", "+b"]),
        (b"a\n", None, FileAction.REMOVED, 0, 1, ["@@ -1 +0,0 @@", "-a"]),
        (None, b"", FileAction.ADDED, 0, 0, []),
        (b"", None, FileAction.REMOVED, 0, 0, []),
        (b"", b"a", FileAction.CHANGED, 1, 0, ["@@ -0,0 +1 @@", "+a", NO_NEWLINE]),
        (b"a\n", b"a", FileAction.CHANGED, 1, 1, ["@@ -1 +1 @@", "-a", "+a", NO_NEWLINE]),
        (b"a", b"a\n", FileAction.CHANGED, 1, 1, ["@@ -1 +1 @@", "-a", NO_NEWLINE, "+a"]),
        (b"a\r\nb\n", b"a\nb\n", FileAction.CHANGED, 1, 1, ["@@ -1,2 +1,2 @@", "-a\r", "+a", " b"]),
        (b"a\rb", b"a\rc", FileAction.CHANGED, 1, 1, ["@@ -1 +1 @@", "-a\rb", NO_NEWLINE, "+a\rc", NO_NEWLINE]),
        (
            "a\u2028b\n".encode(),
            "a\u2028c\n".encode(),
            FileAction.CHANGED,
            1,
            1,
            ["@@ -1 +1 @@", "-a\u2028b", "+a\u2028c"],
        ),
        (b"++ x\n", b"-- y\n", FileAction.CHANGED, 1, 1, ["@@ -1 +1 @@", "-++ x", "+-- y"]),
        (b"\xef\xbb\xbfa\n", b"a\n", FileAction.CHANGED, 1, 1, ["@@ -1 +1 @@", "-\ufeffa", "+a"]),
        (b"\\ No newline at end of file\n", b"", FileAction.CHANGED, 0, 1, ["@@ -1 +0,0 @@", f"-{NO_NEWLINE}"]),
    ],
)
def test_every_form_of_text(
    old: bytes | None, new: bytes | None, action: FileAction, added: int, removed: int, lines: list[str]
) -> None:
    change = only(old, new)
    assert (change.action, change.added, change.removed, list(change.lines)) == (action, added, removed, lines)
    assert not change.binary
    assert not change.omitted


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"a\0b", b"a\0c"),
        (b"text\n", b"\xff\xfe"),
        (b"\x80", None),
        (None, "utf-16 \n".encode("utf-16")),
        (b"\0" * 10_000_000, b"\0" * 9_999_999),
    ],
    ids=["zero byte", "text to binary", "removed", "utf-16", "10 MB"],
)
def test_a_binary_file_has_sizes_and_no_lines(old: bytes | None, new: bytes | None) -> None:
    change = only(old, new)
    assert (change.binary, change.added, change.removed, change.lines, change.omitted) == (True, 0, 0, (), False)


def test_an_equal_file_is_not_listed_and_files_are_sorted() -> None:
    before = {"b.py": b"1\n", "a.py": b"1\n", "same.py": b"x\n", "z/c.py": b"1\n"}
    after = {"same.py": b"x\n", "z/c.py": b"2\n", "new.py": b"1\n", "a.py": b"2\n"}
    change = compare(zipped(before), zipped(after))
    assert [(file.name, file.action) for file in change.files] == [
        ("a.py", FileAction.CHANGED),
        ("b.py", FileAction.REMOVED),
        ("new.py", FileAction.ADDED),
        ("z/c.py", FileAction.CHANGED),
    ]


@pytest.mark.parametrize(
    ("old", "new", "mode"),
    [
        (stat.S_IFREG | 0o644, stat.S_IFREG | 0o755, FileMode.EXECUTABLE),
        (stat.S_IFREG | 0o755, stat.S_IFREG | 0o644, FileMode.ORDINARY),
        (stat.S_IFLNK | 0o777, stat.S_IFREG | 0o644, FileMode.ORDINARY),
        (0, stat.S_IFREG | 0o755, FileMode.EXECUTABLE),
    ],
)
def test_another_mode_is_a_change_without_lines(old: int, new: int, mode: FileMode) -> None:
    files = {"bootstrap": b"#!/bin/sh\n"}
    change = compare(zipped(files, modes={"bootstrap": old}), zipped(files, modes={"bootstrap": new}))
    (file,) = change.files
    assert (file.action, file.mode, file.lines, file.binary) == (FileAction.CHANGED, mode, (), False)


def test_the_mode_of_a_changed_file_is_a_part_of_its_change() -> None:
    executable = {"run": stat.S_IFREG | 0o755}
    (file,) = compare(zipped({"run": b"a\n"}), zipped({"run": b"b\n"}, modes=executable)).files
    assert (file.mode, file.added, file.removed) == (FileMode.EXECUTABLE, 1, 1)


@pytest.mark.parametrize("mode", [0, 0o600, stat.S_IFREG | 0o664])
def test_the_same_files_can_be_packed_differently(mode: int) -> None:
    files = {"lib/x.py": b"x\n", "handler.py": HANDLER}
    packed = zipped(
        [("./handler.py", HANDLER), ("lib/", b""), ("lib//x.py", b"x\n")],
        modes={"./handler.py": mode},
        method=zipfile.ZIP_DEFLATED,
    )
    change = compare(packed, zipped(files))
    assert (change.files, change.problem, change.new) == ((), None, False)


def test_a_new_package_has_all_files_with_their_numbers_of_lines() -> None:
    files = {"handler.py": HANDLER, "data.bin": b"\0\1", "last.py": b"a\nb", "empty.py": b""}
    change = created(zipped(files))
    found = [(file.name, file.added, file.binary, file.sizes, file.lines) for file in change.files]
    assert found == [
        ("data.bin", 0, True, (None, 2), ()),
        ("empty.py", 0, False, (None, 0), ()),
        ("handler.py", 20, False, (None, len(HANDLER)), ()),
        ("last.py", 2, False, (None, 3), ()),
    ]
    assert change.new
    assert {file.action for file in change.files} == {FileAction.ADDED}


LINES = st.lists(st.sampled_from(["a\n", "\n", "c\r\n", "+\n", "-\n", "@@\n", "\u2028\n", "\\ x\n"]), max_size=30)
TEXTS = st.builds(lambda lines, end: ("".join(lines) + end).encode(), LINES, st.sampled_from(["", "end"]))


@given(old=TEXTS, new=TEXTS)
def test_a_diff_applied_to_the_old_text_gives_the_new_one(old: bytes, new: bytes) -> None:
    files = compare(zipped({"f": old}), zipped({"f": new})).files
    assert bool(files) == (old != new)
    assert applied(old, files[0].lines if files else ()) == new
    if files:
        signs = [line[0] for line in files[0].lines]
        assert (files[0].added, files[0].removed) == (signs.count("+"), signs.count("-"))


def applied(old: bytes, diff: tuple[str, ...]) -> bytes:
    """Apply a unified diff as `patch` does: every line of context has to be there, at the given place."""
    left = [f"{line}\n" for line in old.decode().split("\n")]
    left[-1] = left[-1][:-1]
    made: list[str] = []
    position = 0
    for index, line in enumerate(diff):
        text = line[1:] + ("" if diff[index + 1 : index + 2] == (NO_NEWLINE,) else "\n")
        if line.startswith("@@"):
            first, _, length = line.split()[1][1:].partition(",")
            start = int(first) - (length != "0")
            made += left[position:start]
            position = start
        elif line.startswith("+"):
            made.append(text)
        elif line != NO_NEWLINE:
            assert left[position] == text
            position += 1
            made += [text] if line.startswith(" ") else []
    return "".join(made + left[position:]).encode()


def test_lines_that_are_too_many_are_counted_and_not_shown() -> None:
    old = b"".join(b"old %d\n" % number for number in range(code.MOST_COMPARED + 1))
    new = b"".join(b"new %d\n" % number for number in range(code.MOST_COMPARED + 2))
    change = only(old, new)
    assert (change.omitted, change.lines) == (True, ())
    assert (change.added, change.removed) == (code.MOST_COMPARED + 2, code.MOST_COMPARED + 1)


def test_a_small_change_of_a_long_file_is_shown() -> None:
    old = b"".join(b"line %d\n" % number for number in range(50_000))
    change = only(old, old.replace(b"line 25000\n", b"changed\n"))
    assert not change.omitted
    assert [line for line in change.lines if line[0] != " "] == ["@@ -24998,7 +24998,7 @@", "-line 25000", "+changed"]


def test_lines_of_many_files_are_limited_together_and_each_file_is_named() -> None:
    text = b"".join(b"%d\n" % number for number in range(code.MOST_COMPARED))
    names = [f"{number}.py" for number in range(8)]
    files = compare(zipped({"7.py": b""}), zipped(dict.fromkeys(names, text))).files
    assert [file.name for file in files] == names
    assert [file.omitted for file in files] == [False] * 5 + [True] * 2 + [False]  # changed files come first
    assert {file.added for file in files} == {code.MOST_COMPARED}


@pytest.mark.parametrize("text", [b"\n" * 9_000_000, b"x" * 9_000_000, b"\n" * 900_000], ids=["lines", "bytes", "most"])
def test_a_huge_text_has_its_sizes_alone(text: bytes) -> None:
    change = only(text, text + b"x")
    assert (change.omitted, change.lines, change.added, change.removed) == (True, (), 0, 0)


@pytest.mark.parametrize("letters", [1, 2, 3, 30, 3_000])
def test_the_worst_texts_are_compared_quickly(letters: int) -> None:
    """difflib takes seconds for such texts of 20,000 lines."""
    old = b"".join(b"%d\n" % (number * number % letters) for number in range(code.MOST_COMPARED))
    new = b"".join(b"%d\n" % (number * number * number % letters) for number in range(code.MOST_COMPARED - 1))
    start = time.process_time()
    only(old, new)
    assert time.process_time() - start < 2


SMALL = zipped({"handler.py": HANDLER})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not a valid zip"),
        (b"\x7fELF", "not a valid zip"),
        (SMALL[:-30], "not a valid zip"),
        (SMALL.replace(b"line 7", b"line 8"), "handler.py is damaged"),
        (zipped([("handler.py", b"a"), ("handler.py", b"b")]), "two files named handler.py"),
        (zipped([("handler.py", b"a"), ("./handler.py", b"b")]), "two files named handler.py"),
        (zipped({"/etc/passwd": b""}), "invalid name '/etc/passwd'"),
        (zipped({"../handler.py": b""}), "invalid name '../handler.py'"),
        (zipped({"lib\\..\\..\\x.py": b""}), "invalid name"),
        (with_field(SMALL, 8, b"\x01\x00"), "handler.py is encrypted"),
        (zipped({"handler.py": HANDLER}, method=zipfile.ZIP_BZIP2), "unknown method"),
        (zipped({"handler.py": HANDLER}, method=zipfile.ZIP_LZMA), "unknown method"),
        (with_field(SMALL, 24, (300 * 2**20).to_bytes(4, "little")), "more than the 250 MB"),
        (with_field(zipped({"a": b"\0" * 11 * 2**20, "b": b""}), 24, (240 * 2**20).to_bytes(4, "little")), "250 MB"),
        (b"PK\x01\x02" * 100_001 + SMALL, "more than 100,000 entries"),
        (with_field(SMALL, 42, b"\xff\xff\xff\x7f"), ""),
    ],
    ids=lambda value: value if isinstance(value, str) else "zip",
)
def test_a_hostile_package_is_a_problem_in_words(body: bytes, words: str) -> None:
    change = compare(body, SMALL)
    assert change.files == ()
    assert change.problem is not None
    assert words in change.problem


def test_an_understated_size_is_read_no_further() -> None:
    """The directory of a zip bomb can say that a file is small."""
    bomb = zipped({"handler.py": b"\0" * 50_000_000}, method=zipfile.ZIP_DEFLATED)
    change = compare(with_field(bomb, 24, (10).to_bytes(4, "little")), SMALL)
    assert change.problem is not None or change.files[0].sizes[0] == 10


def test_names_with_control_characters_are_names() -> None:
    change = compare(zipped({"\x1b[2J\r.py": b"a\n"}), zipped({}))
    assert [file.name for file in change.files] == ["\x1b[2J\r.py"]


@given(st.binary(max_size=300), st.integers(0, len(SMALL)))
def test_no_bytes_are_an_uncaught_error(noise: bytes, at: int) -> None:
    for body in (noise, SMALL[:at] + noise + SMALL[at + len(noise) :]):
        change = compare(body, SMALL)
        assert change.problem is None or change.files == ()
