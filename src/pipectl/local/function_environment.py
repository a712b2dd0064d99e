"""The environment variables of a function: the ones that Lambda sets, and the function's own.

Of the caller's environment nothing is passed on. "Defined runtime environment variables" in the AWS Lambda Developer
Guide lists Lambda's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pipectl.local.processes import WINDOWS

SYSTEM = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
"""Variables of this machine that an interpreter may need to start."""
FROM_MINISTACK = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("AWS_REGION", "AWS_DEFAULT_REGION", "LAMBDA_TASK_ROOT"),
)
EMULATOR = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""Settings without which an SDK would read the user's AWS settings. On Lambda there are none."""


def environment_of(
    function: Mapping[str, Any], given: Mapping[str, str], system: Mapping[str, str], *, port: int, temporary: str
) -> dict[str, str]:
    """Return the environment of a function's process.

    Args:
        function: Its configuration, as ``GetFunctionConfiguration`` returns it.
        given: The environment that MiniStack would give it.
        system: The environment of the emulator.
        port: The port of the emulator.
        temporary: The folder for temporary files; on Lambda it is ``/tmp``.
    """
    name, version = function["FunctionName"], function.get("Version", "$LATEST")
    group = (function.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{name}"
    of_lambda = {
        "_HANDLER": function["Handler"],
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function['Runtime']}",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.get("MemorySize", 128)),
        "AWS_LAMBDA_FUNCTION_VERSION": version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": group,
        "AWS_LAMBDA_LOG_STREAM_NAME": given["AWS_LAMBDA_LOG_STREAM_NAME"],
        "LANG": "en_US.UTF-8",
        "TZ": "UTC" if WINDOWS else ":UTC",
        "PATH": system.get("PATH", os.defpath) if WINDOWS else "/usr/local/bin:/usr/bin:/bin:/opt/bin",
    }
    local = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), temporary)}
    own = (function.get("Environment") or {}).get("Variables") or {}
    kept = {key: system[key] for key in SYSTEM if key in system}
    # Lambda refuses a function's own variable with the name of one of these.
    reserved = {key: given[key] for key in FROM_MINISTACK} | of_lambda
    return (
        kept | EMULATOR | local | reserved | {key: str(own[key]) for key in own if key not in reserved or key in _FREE}
    )


_FREE = ("LANG", "TZ", "PATH")
"""Lambda's variables that a function may set."""
