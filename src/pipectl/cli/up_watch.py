"""`up --watch`: deploy each change until Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING

from pipectl.cli.confirming import check_name, confirm_protected
from pipectl.cli.plan import begin
from pipectl.errors import CancelledError

if TYPE_CHECKING:
    from pathlib import Path

    from pipectl.cli.session import Session
    from pipectl.commands.up import UpReport
    from pipectl.commands.up_watch import Connect
    from pipectl.config.models import Config
    from pipectl.context import Context
    from pipectl.file_watcher import WatchedPaths
    from pipectl.local.home import LocalEmulator


def up_and_watch(session: Session, confirm: str | None, up: Callable[[], UpReport]) -> int:
    """Deploy once, then each change until Ctrl-C, and return the exit code.

    The config is watched before it is read, so a change during the first deployment, or its question, is deployed
    after it.

    Args:
        session: The session.
        confirm: The value of ``--confirm``.
        up: Deploys once.
    """
    from pipectl.commands.up_watch import config_paths, watched_paths
    from pipectl.file_watcher import FileWatcher, WatchedPaths

    watcher = FileWatcher()
    try:
        watcher.aim(WatchedPaths(config_paths([session.file])))
        watcher.aim(watched_paths(session.config, session.layers))
        check_name(session, confirm)
        begin(session)
        confirm_protected(session, confirm, "Each file that is saved is deployed to it.")
        return follow(session, up(), watcher, watcher.aim)
    finally:
        watcher.close()


def follow(
    session: Session,
    report: UpReport,
    changes: Iterable[Collection[Path]],
    aim: Callable[[WatchedPaths], None],
) -> int:
    """Print the result of the first `up`, then deploy each change until Ctrl-C, and return the exit code.

    Args:
        session: The session of the first `up`.
        report: Its result.
        changes: Yields the files that changed.
        aim: Watches other paths from now on.
    """
    from pipectl.commands.up_watch import Watch
    from pipectl.output import up_watch

    screen = session.screen
    up_watch.first(screen, report)
    screen.progress.summarize()
    up_watch.watching(screen, session.file)
    try:
        for deployment in Watch(session.context, _connection(session), aim).deployments(changes):
            up_watch.deployed(screen, deployment)
    except CancelledError as error:
        up_watch.interrupted(screen, error)
        raise
    except KeyboardInterrupt:  # nothing is in progress: the normal end
        screen.note("Stopped watching.")
        return CancelledError.exit_code
    return 0


def _connection(session: Session) -> Connect:
    """Return the function that makes contexts: with the AWS clients of the last one, while their endpoint lives."""

    def emulator(config: Config) -> LocalEmulator | None:
        if not session.options.local:
            return None
        from pipectl.commands import local

        return local.start(config)

    aws, running = session.context.aws, emulator(session.config)

    def connect(config: Config, again: bool) -> Context:
        nonlocal aws, running
        earlier, running = running, emulator(config)
        if again or running != earlier:
            context = session.connected(config)
            aws = context.aws
            return context
        return session.context_of(config, session.file, aws)

    return connect
