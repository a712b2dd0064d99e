"""Load the handlers as modules, and the tables of their cases.

Both files are named handler.py, so they are loaded by path, each under its own module name. They find the modules of
their folder, as on Lambda. The cases are JSON and hold for both languages: an event, and the expected result.
"""

import json
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

SOURCES = Path(__file__).parents[2] / "lambda_src" / "python"
sys.path.append(str(SOURCES / "processor"))


def load(function: str) -> ModuleType:
    """Return a new copy of a function's handler, like a new execution environment."""
    spec = spec_from_file_location(f"{function}_handler", SOURCES / function / "handler.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Number(str):
    """The text of a number in JSON. Two are equal when every digit, the sign and the exponent are equal."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and str(self) == str(other)

    __hash__ = str.__hash__


def parse(text: str | bytes) -> Any:
    """Parse JSON and keep the text of each number."""
    return json.loads(text, parse_int=Number, parse_float=Number)


def cases(file: str, parse: Callable[[str], Any] = json.loads) -> dict[str, Any]:
    loaded: dict[str, Any] = parse(Path(__file__).with_name(file).read_text())
    return loaded
