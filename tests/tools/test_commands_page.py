"""The page of the commands links to pages that show a command at work."""

from __future__ import annotations

from tools.reference.commands import PAGES

from tests.cli.commands import all_commands


def test_links_are_for_commands_that_exist() -> None:
    assert PAGES.keys() <= {" ".join(path) for path, _ in all_commands()}
