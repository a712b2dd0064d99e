"""A handler imports its own folder, the standard library and the SDK of Lambda's runtime: its zip has no packages."""

import ast
import re
import sys

import pytest

from tests.lambda_src.loading import SOURCES


@pytest.mark.parametrize("function", ["processor", "auditor"])
def test_a_python_handler_imports_the_standard_library_and_boto3_only(function: str) -> None:
    imported: set[str] = set()
    files = list((SOURCES / function).glob("*.py"))
    for node in (node for file in files for node in ast.walk(ast.parse(file.read_text()))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module or "")
    top = {name.partition(".")[0] for name in imported if not name.startswith("mypy_boto3_")}
    assert top <= sys.stdlib_module_names | {"boto3", "botocore"} | {file.stem for file in files}


@pytest.mark.parametrize("function", ["processor", "auditor"])
def test_a_nodejs_handler_imports_node_modules_and_the_aws_sdk_only(function: str) -> None:
    files = list((SOURCES.parent / "nodejs" / function).glob("*.mjs"))
    source = "".join(file.read_text() for file in files)
    imported = re.findall(r"""(?:from|import|require\()\s*["']([^"']+)["']""", source)
    assert any(name.startswith("@aws-sdk/") for name in imported)
    beside = {f"./{file.name}" for file in files}
    assert all(name.startswith(("node:", "@aws-sdk/client-")) for name in {*imported} - beside)
