"""The session of one command: the warning of a wrong clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from tests.aws.servers import Reply, server
from tests.cli_support import error, pipectl
from tests.support import write_config

CALLER = (
    b"<GetCallerIdentityResponse><GetCallerIdentityResult><Account>111122223333</Account></GetCallerIdentityResult>"
    b"</GetCallerIdentityResponse>"
)


@pytest.mark.parametrize(("minutes", "count"), [(4, 1), (-4, 1), (0, 0)])
@pytest.mark.parametrize("options", [("-o", "json"), ("-o", "json", "-q")], ids=" ".join)
def test_one_warning_when_the_clock_is_wrong(
    minutes: int, count: int, options: tuple[str, ...], tmp_path: Path
) -> None:
    file = write_config(tmp_path, {"account_id": "444455556666"})
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True)
    with server(Reply(CALLER, headers={"Date": date})) as (url, _):
        result = pipectl("-c", file, "--endpoint-url", url, *options, "status")
    assert error(result)["code"] == "WrongAccount"
    assert result.stderr.count("Warning: the clock") == count
    assert result.stdout == ""
