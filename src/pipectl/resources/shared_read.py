"""An answer of AWS that several resources use, which are observed at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedRead(Generic[T]):
    """A read whose answer each user gets once: a second look asks AWS again, and so does the first one after a change.

    Args:
        read: Asks AWS.
    """

    def __init__(self, read: Callable[[], T]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._answers: list[T] = []
        self._had: set[str] = set()

    def get(self, user: str) -> T:
        """Return the answer for a user, such as the key of a resource."""
        with self._lock:
            if not self._answers or user in self._had:
                self._answers.clear()
                self._answers.append(self._read())
                self._had.clear()
            self._had.add(user)
            return self._answers[0]

    def expire(self) -> None:
        """Let every next look ask AWS: something was changed, or is about to be, or time has passed."""
        with self._lock:
            self._answers.clear()
