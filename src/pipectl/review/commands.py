"""Commands of the AWS CLI that remove a setting which pipectl does not manage."""

from __future__ import annotations

import shlex


def command(operation: str, **options: str) -> str:
    """Return a command in backticks, safely quoted: ``aws lambda remove-permission --function-name orders``.

    Names come from AWS. A name with a backtick or a control character gets no command that somebody could paste.

    Args:
        operation: The service and the operation.
        **options: The options, with ``_`` for ``-``.
    """
    words = ["aws", *operation.split()]
    for name, value in options.items():
        words += [f"--{name.replace('_', '-')}", value]
    line = shlex.join(words)
    safe = line.isprintable() and "`" not in line
    return f"remove it with `{line}`" if safe else f"remove it with `aws {operation}`; its name is not shown here"
