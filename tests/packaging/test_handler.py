"""The handler's file and function, found without running the code."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pipectl.errors import PackageProblem
from tests.packaging.folders import FILES, names, packaged, refusal, refused, write

PYTHON = "def handle(event, context): ...\n"
NODEJS = "export const handle = async () => ({});\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "source", FILES)


@pytest.mark.parametrize(
    ("language", "file", "handler"),
    [
        ("python", "app.py", "app.handle"),
        ("python", "app/__init__.py", "app.handle"),
        ("python", "app/orders.py", "app/orders.handle"),
        ("python", "app/orders.py", "app.orders.handle"),
        ("nodejs", "app.mjs", "app.handle"),
        ("nodejs", "app.cjs", "app.handle"),
        ("nodejs", "app.js", "app.handle"),
        ("nodejs", "app/orders.mjs", "app/orders.handle"),
        ("nodejs", "app/orders.mjs", "app/orders.handle.of.today"),
    ],
)
def test_the_file_is_found(language: str, file: str, handler: str, tmp_path: Path) -> None:
    text = PYTHON if language == "python" else NODEJS
    assert names(packaged(write(tmp_path, {file: text}), handler, language)) == [file]


@pytest.mark.parametrize(
    ("language", "file", "expected"), [("python", "handler.mjs", "handler.py"), ("nodejs", "handler.py", "handler.mjs")]
)
def test_a_file_of_the_other_language_is_refused(language: str, file: str, expected: str, tmp_path: Path) -> None:
    error = refused(write(tmp_path, {file: ""}), language=language)
    assert (error.problem, error.path) == (PackageProblem.NO_HANDLER, str(tmp_path))
    assert expected in str(error.hint)
    assert "{language}" in str(error.hint)


@pytest.mark.parametrize("file", ["other.py", "handler.md", "handler.json", "lib/handler.py", "handler", "Handler.py"])
def test_a_folder_without_the_file_is_refused(file: str, tmp_path: Path) -> None:
    assert refusal(write(tmp_path, {file: ""})) == (PackageProblem.NO_HANDLER, str(tmp_path))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path) == (PackageProblem.NO_HANDLER, str(tmp_path))


# the function


@pytest.mark.parametrize(
    "text",
    [
        "def handler(event, context): ...",
        "handler = lambda event, context: None",
        "handler: object = print",
        "(handler := print)",
        "first, handler = print, print",
        "from lib.a import A as handler",
        "from lib.a import *",
        "import handler",
        "class handler: ...",
        "try:\n    import fast as handler\nexcept ImportError:\n    def handler(*_): ...",
        "if True:\n    pass\nelse:\n    def handler(*_): ...",
        "with open('x') as handler:\n    pass",
        "for handler in [print]:\n    pass",
        "match 1:\n    case 1:\n        def handler(*_): ...",
        "globals()['handler'] = print",
        "exec('def handler(*_): ...')",
        "def __getattr__(name): ...",
    ],
)
def test_a_definition_of_the_function_is_found(text: str, tmp_path: Path) -> None:
    assert packaged(write(tmp_path, {"handler.py": text}))


@pytest.mark.parametrize(
    "text", ["", "def other(event, context): ...", "def other():\n    def handler(): ...", "handler"]
)
def test_a_file_without_the_function_is_refused(text: str, tmp_path: Path) -> None:
    error = refused(write(tmp_path, {"handler.py": text}))
    assert (error.problem, error.path) == (PackageProblem.NO_FUNCTION, f"{tmp_path}/handler.py")
    assert ("other" if "other" in text else "no function") in str(error.hint)


def test_an_async_function_is_refused_in_python(tmp_path: Path) -> None:
    folder = write(tmp_path, {"handler.py": "async def handler(event, context): ..."})
    assert refusal(folder) == (PackageProblem.ASYNC_FUNCTION, f"{tmp_path}/handler.py")


@pytest.mark.parametrize(
    "text",
    [
        "export const handler = async () => ({});",
        "export async function handler() {}",
        "export function* handler() {}",
        "export class handler {}",
        "const f = 1; export { f as handler };",
        "export{a as b,c as handler}",
        "export const first = 1, handler = 2;",
        "exports.handler = async () => {};",
        "module.exports.handler = 1;",
        "exports['handler'] = 1;",
        "module.exports = { first: 1, handler };",
        "Object.defineProperty(exports, 'handler', { get: () => 1 });",
        "export * from './lib.mjs';",
        "module.exports = require('./lib');",
        "__export(out, { handler: () => handler }); module.exports = __toCommonJS(out);",
    ],
)
def test_an_export_of_the_function_is_found(text: str, tmp_path: Path) -> None:
    assert packaged(write(tmp_path, {"handler.mjs": text}), language="nodejs")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "const handler = 1;",
        "export const handlers = 1;",
        "// export const handler = 1;",
        "/* exports.handler = 1 */",
    ],
)
def test_a_file_without_the_export_is_refused(text: str, tmp_path: Path) -> None:
    folder = write(tmp_path, {"handler.mjs": text})
    assert refusal(folder, language="nodejs") == (PackageProblem.NO_FUNCTION, f"{tmp_path}/handler.mjs")


def test_the_code_is_not_run(tmp_path: Path) -> None:
    text = f"open({str(tmp_path / 'ran')!r}, 'w')\nraise SystemExit\ndef handler(*_): ..."
    assert packaged(write(tmp_path, {"handler.py": text}))
    assert not (tmp_path / "ran").exists()


# syntax


@pytest.mark.parametrize(
    ("content", "line"),
    [(b"B = 1\n\ndef broken(:\n    pass\n", 3), (b"B = '\xff'\n", 1), (b"B = 1\x00\n", 1), (b"(" * 100_000, 1)],
)
def test_a_handler_that_does_not_parse_is_refused_with_its_line(content: bytes, line: int, source: Path) -> None:
    (source / "handler.py").write_bytes(content)
    error = refused(source)
    assert (error.problem, error.path) == (PackageProblem.SYNTAX, f"{source}/handler.py")
    assert error.message.startswith(f"{source}/handler.py:{line}: ")
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in str(error.hint)


def test_another_file_that_does_not_parse_is_a_warning(source: Path) -> None:
    write(source, {"lib/b.py": "def broken(:\n", "lib/c.py": "print 1\n"})
    (warning,) = packaged(source).warnings
    assert warning.startswith("lib/b.py:1: does not parse")
    assert "1 more" in warning


def test_a_file_of_an_installed_package_that_does_not_parse_is_no_warning(source: Path) -> None:
    write(
        source,
        {"six/old.py": "print 1\n", "six-1.dist-info/RECORD": "six/old.py,sha256=x,8\nsix-1.dist-info/RECORD,,\n"},
    )
    assert packaged(source).warnings == ()


def test_a_syntax_warning_is_no_error(source: Path) -> None:
    write(source, {"lib/b.py": "B = '\\d'\nassert (1, 'x')\n"})
    assert packaged(source).warnings == ()
