"""What MiniStack's workers lack: to outlive an exception of their function.

On Lambda an execution environment is used again after its function has raised, and makes room only for one that has
died or run out of time. MiniStack starts a new process after every error, half a second for each retry of each poison
record. Here a process whose function raised goes back to its worker.

Not modelled: Lambda runs a function's initialisation again after some kinds of errors of the runtime itself.
"""

from __future__ import annotations

import subprocess
import threading
from typing import Any

from ministack.core import lambda_runtime


def install() -> None:
    """Put it in place; call once, before serving."""
    invoke, signal, collect = lambda_runtime.Worker.invoke, lambda_runtime._signal, lambda_runtime._collect
    of_this_thread = threading.local()

    def postpone(process: subprocess.Popen[Any] | None) -> None:
        if process is not None and getattr(of_this_thread, "invoking", False):
            of_this_thread.ended = process
        else:
            signal(process)

    def collect_if_signalled(process: subprocess.Popen[Any] | None, deadline: float) -> None:
        if process is not getattr(of_this_thread, "ended", None):
            collect(process, deadline)

    def invoke_again_later(worker: Any, *args: Any, **named: Any) -> dict[str, Any]:
        of_this_thread.invoking, of_this_thread.ended = True, None
        try:
            answer: dict[str, Any] = invoke(worker, *args, **named)
        finally:
            process, of_this_thread.invoking, of_this_thread.ended = of_this_thread.ended, False, None
        if process is not None:
            if "trace" in answer and process.poll() is None:  # only what the function itself raised comes with one
                worker._proc = process
            else:
                signal(process)
        return answer

    lambda_runtime._signal = postpone
    lambda_runtime._collect = collect_if_signalled
    lambda_runtime.Worker.invoke = invoke_again_later
