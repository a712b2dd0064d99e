"""The process of the local emulator: ``python -m pipectl.local.server``.

``lifecycle`` starts it and sets its environment. MiniStack serves behind a `Gateway`; the pollers and the alarms call
it like any other client.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipectl.local import home as home_folder
from pipectl.local import processes
from pipectl.local.harshness import VARIABLE as HARSHNESS_VARIABLE
from pipectl.local.harshness import Harshness

if TYPE_CHECKING:
    from pipectl.local.clients import Clients
    from pipectl.local.gateway import Gateway
    from pipectl.local.mappings import Mappings
    from pipectl.local.metrics import Metrics


def main() -> None:
    """Serve on 127.0.0.1 until a signal comes, or, when tethered, until standard input ends."""
    home, port = Path(os.environ["PIPECTL_HOME"]), int(os.environ["GATEWAY_PORT"])
    os.umask(0o077)
    lock = home_folder.hold_alive(home)
    home_folder.write_record(home, port)
    if os.environ.get("PIPECTL_LOCAL_TETHERED") == "1":
        threading.Thread(target=_end_with_parent, args=(home,), name="tether", daemon=True).start()
    try:
        _serve(home, port, Harshness.from_text(os.environ.get(HARSHNESS_VARIABLE, "")))
    except Exception:
        logging.getLogger("pipectl.server").exception("The local emulator ends")
    finally:
        lock.release()
        processes.kill_own_group()  # with the functions


def _serve(home: Path, port: int, harshness: Harshness) -> None:
    import uvicorn

    _end_with_signals()
    _raise_file_limit()
    _isolate_functions(home, port)
    config = uvicorn.Config(
        _gateway(home_folder.secret_of(home), port, harshness),
        host="127.0.0.1",
        port=port,
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,  # MiniStack sends it
        timeout_keep_alive=75,
        timeout_graceful_shutdown=0,
    )
    uvicorn.Server(config).run()


def _isolate_functions(home: Path, port: int) -> None:
    """Let functions see what Lambda gives them, and nothing of this process."""
    from pipectl.local import ministack
    from pipectl.local.function_environment import environment_of
    from pipectl.local.function_programs import program_of

    environment = partial(environment_of, system=dict(os.environ), port=port, temporary=str(home / "tmp"))
    ministack.start_functions_with(partial(program_of, home=home), environment)


def _gateway(secret: str, port: int, harshness: Harshness) -> Gateway:
    """Return the emulator as an application, with its mappings and metrics at work."""
    from pipectl.local import ministack
    from pipectl.local.alarms import Alarms
    from pipectl.local.clients import Clients
    from pipectl.local.fronts import Inside
    from pipectl.local.function_code import FunctionCode
    from pipectl.local.functions import Functions
    from pipectl.local.gateway import Gateway
    from pipectl.local.guard import Guard
    from pipectl.local.lambda_fronts import FunctionAnswers, Invocations, MappingAnswers
    from pipectl.local.log_filters import LogFilters
    from pipectl.local.mappings import Mappings
    from pipectl.local.metrics import Metrics
    from pipectl.local.observer import Observer
    from pipectl.local.queue_counts import QueueCounts
    from pipectl.local.queue_mapping import QueueMappings
    from pipectl.local.queue_metrics import QueueMetrics
    from pipectl.local.stream_front import StreamFront
    from pipectl.local.stream_mapping import StreamMappings
    from pipectl.local.tag_index import TagIndex

    clients = Clients(f"http://127.0.0.1:{port}", secret)
    functions, metrics = Functions(clients, ministack.role_session), Metrics(clients, harshness.metric_delay)
    streams = StreamMappings(clients, functions, metrics, harshness)
    queues = QueueMappings(clients, functions)
    mappings = Mappings(clients, {"dynamodb": streams.work, "sqs": queues.work})
    _change_ministack(clients, mappings, metrics, late=harshness.metric_delay > 0)
    queue_metrics = QueueMetrics(clients, metrics)
    queue_metrics.start()
    observer = Observer(clients, mappings, metrics, Alarms(clients), queue_metrics)
    application = ministack.application()
    inside = Inside(application)
    counts, index = QueueCounts(inside, harshness.count_age), TagIndex(inside, harshness)
    code = FunctionCode(secret, ministack.function_code)
    answers = (MappingAnswers(inside, mappings), FunctionAnswers(code), code, counts, LogFilters(inside), index)
    fronts = (StreamFront(inside, harshness), Invocations(), *answers)
    return Gateway(application, Guard(secret), observer, fronts)


def _change_ministack(clients: Clients, mappings: Mappings, metrics: Metrics, *, late: bool) -> None:
    """Make MiniStack behave as AWS where it does not by itself."""
    from pipectl.local import ministack
    from pipectl.local.function_logs import FunctionLogs
    from pipectl.local.request_permissions import Naming

    def function_of(uuid: str) -> str | None:
        mapping = mappings.get(uuid)
        return mapping.function_arn if mapping else None

    ministack.switch_off_pollers()
    ministack.write_logs_with(FunctionLogs(clients, ministack.role_session).write)
    ministack.name_requests_with(Naming(function_of, ministack.may_pass_role, ministack.may_list_tags))
    ministack.shorten_updates()
    ministack.evict_metrics_each_minute()
    ministack.use_unguessable_sessions()
    ministack.share_processes()
    ministack.share_reserved_concurrency()
    ministack.publish_metrics_with(metrics.of_function, late=late)


def _end_with_signals() -> None:
    """Let a signal end the process with its `finally` blocks. The server raises its signals again when it has ended."""
    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        if number := getattr(signal, name, None):
            signal.signal(number, lambda *_: sys.exit())


def _raise_file_limit() -> None:
    """Allow as many open connections as the system does."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _end_with_parent(home: Path) -> None:
    """Leave nothing behind when the process that holds the other end of standard input has ended, however it ended."""
    sys.stdin.buffer.read()
    shutil.rmtree(home, ignore_errors=True)
    processes.kill_own_group()


if __name__ == "__main__":
    main()
