"""The handlers as modules, and the tables of cases they have to meet.

Both files are called handler.py, as Lambda has it, so they are loaded by path and under names of their own. The cases
are JSON: they say what a handler does with an event, in whatever language it is written.
"""

import json
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

SOURCES = Path(__file__).parents[2] / "lambda_src" / "python"


def load(function: str) -> ModuleType:
    """A fresh copy of a function's handler, as a new execution environment would have it."""
    spec = spec_from_file_location(f"{function}_handler", SOURCES / function / "handler.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Number(str):
    """A number as the JSON text spells it, so that equal means equal to the last digit, sign and exponent."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and str(self) == str(other)

    __hash__ = str.__hash__


def parse(text: str | bytes) -> Any:
    """JSON with its numbers as they are written."""
    return json.loads(text, parse_int=Number, parse_float=Number)


def cases(file: str, parse: Callable[[str], Any] = json.loads) -> dict[str, Any]:
    loaded: dict[str, Any] = parse(Path(__file__).with_name(file).read_text())
    return loaded
