"""The process of the local emulator: ``python -m pipectl.local.server``.

``lifecycle`` starts it and sets its environment. MiniStack serves; what it lacks is put in place before it does.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from pipectl.local import lifecycle


def main() -> None:
    """Serve on 127.0.0.1 until a signal comes, or, when tethered, until standard input ends."""
    home, port = Path(os.environ["PIPECTL_HOME"]), int(os.environ["GATEWAY_PORT"])
    lifecycle.write_record(home, port)
    if os.environ.get("PIPECTL_LOCAL_TETHERED") == "1":
        threading.Thread(target=_end_with_parent, args=(home,), name="tether", daemon=True).start()

    from ministack import app

    from pipectl.local import lambda_permissions, metrics, request_permissions, streams, workers

    app.pin_request_origin = trusting_loopback(app.pin_request_origin)
    request_permissions.install()
    lambda_permissions.install()
    metrics.install()
    workers.install()
    streams.install(f"http://127.0.0.1:{port}", consolidate=os.environ.get("PIPECTL_LOCAL_CONSOLIDATE") == "1")
    app.main()


def trusting_loopback(pin_request_origin: Callable[[str, bool], None]) -> Callable[[str, bool], None]:
    """Let plain HTTP from this machine to itself count as TLS, and nothing else.

    Bucket and queue policies that deny ``aws:SecureTransport = false`` stay exactly as they are on AWS, and are
    enforced; without this they would refuse the functions, which reach the server over loopback.
    """

    def pin(source_ip: str, secure_transport: bool) -> None:
        pin_request_origin(source_ip, secure_transport or _is_loopback(source_ip))

    return pin


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _end_with_parent(home: Path) -> None:
    """Leave nothing behind when the process that holds the other end of standard input is gone, however it went."""
    sys.stdin.buffer.read()
    shutil.rmtree(home, ignore_errors=True)
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
