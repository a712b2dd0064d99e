"""The code of functions behind presigned URLs, as S3 serves it for AWS Lambda.

The URLs of MiniStack 1.5.33 have no valid signature, and serve `$LATEST` for every version.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from pipectl.local.clients import Place
from pipectl.local.fronts import Answer, Forward
from pipectl.local.requests import Request

EXPIRES_SECONDS = 600
_PATH = re.compile(r"/_pipectl/function-code/([^/]+)/([^/]+)")

CodeOf = Callable[[Place, str, str], bytes | None]
"""Returns the zip of a version of a function; ``None`` when there is none."""


class FunctionCode:
    """Serves the code of functions.

    Args:
        secret: The secret access key of every root user: `Guard` checks the signatures of the URLs with it.
        code_of: Reads the code.
    """

    def __init__(self, secret: str, code_of: CodeOf) -> None:
        self._secret = secret
        self._code_of = code_of

    def location(self, host: str, configuration: dict[str, Any]) -> str:
        """Return a presigned URL of a version's code, given its configuration as ``GetFunction`` returns it."""
        region, account_id = configuration["FunctionArn"].split(":")[3:5]
        name, version = (quote(configuration[key], safe="") for key in ("FunctionName", "Version"))
        request = AWSRequest(method="GET", url=f"http://{host}/_pipectl/function-code/{name}/{version}")
        SigV4QueryAuth(Credentials(account_id, self._secret), "lambda", region, EXPIRES_SECONDS).add_auth(request)
        return str(request.url)

    def serves(self, request: Request) -> bool:
        return request.method == "GET" and _PATH.fullmatch(request.raw_path) is not None

    async def serve(self, request: Request, _forward: Forward) -> Answer:
        found = _PATH.fullmatch(request.raw_path)
        name, version = (unquote(part) for part in found.groups()) if found else ("", "")
        code = self._code_of(Place(request.access_key, request.region), name, version)
        if code is None:
            return Answer(404, [(b"content-type", b"application/xml")], b"<Error><Code>NoSuchKey</Code></Error>")
        return Answer(200, [(b"content-type", b"application/zip")], code)
