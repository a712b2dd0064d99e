"""Requests before they are sent: text that no request can hold is refused by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipectl.errors import AwsError


def check_text(service: str, operation: str, parameters: Mapping[str, object]) -> None:
    """Refuse text that is not Unicode, such as half of a surrogate pair or a byte of another encoding.

    Services answer such requests with an internal error, which looks temporary.

    Raises:
        AwsError: it names the parameter, not its value.
    """
    for path, text in _texts(parameters, ""):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            problem = f"{path} has an invalid character, U+{ord(text[error.start]):04X}"
            raise AwsError(
                f"{service} {operation}: {problem}",
                service=service,
                operation=operation,
                aws_code="RequestInvalid",
                aws_message=problem,
                hint="write the value in UTF-8",
            ) from None


def _texts(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Yield each text in a value with its path; a key of a mapping has the path of the mapping."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, member in value.items():
            yield path or "a parameter", str(key)
            yield from _texts(member, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for index, member in enumerate(value):
            yield from _texts(member, f"{path}[{index}]")
