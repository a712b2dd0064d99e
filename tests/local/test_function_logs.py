"""Functions that cannot be started are reported as Lambda reports them."""

from __future__ import annotations

import pytest

from pipectl.local.function_logs import init_error


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("No module named 'absent'", "ImportModuleError", "Unable to import module 'index': No module named 'absent'"),
        ("Cannot find module 'absent'", "ImportModuleError", "Unable to import module 'index': Cannot find module"),
        ("invalid syntax (index.py, line 3)", "UserCodeSyntaxError", "Syntax error in module 'index': invalid syntax"),
        ("module 'index' has no attribute 'run'", "HandlerNotFound", "Handler 'run' missing on module 'index'"),
        ("Handler run is not a function in index", "HandlerNotFound", "Handler 'run' missing on module 'index'"),
        ("foo is not a function", "ImportModuleError", "Unable to import module 'index': foo is not a function"),
    ],
)
def test_error_at_the_start(text: str, kind: str, message: str) -> None:
    found, reason = init_error("index.run", f"Worker init failed: {text}")
    assert found == f"Runtime.{kind}"
    assert reason.startswith(message)


def test_a_process_that_ends_at_once() -> None:
    found, _ = init_error("index.run", "Worker process exited immediately. stderr: ")
    assert found == "Runtime.ExitError"
