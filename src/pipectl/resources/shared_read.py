"""An answer of AWS that several resources use, which are observed at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Generic, TypeVar

from pipectl.errors import PipectlError

T = TypeVar("T")


class SharedRead(Generic[T]):
    """A read whose answer each user gets once: a second look asks AWS again, and so does the first one after a change.

    Users that look while the read is in progress get its answer, or its error.

    Args:
        read: Asks AWS.
    """

    def __init__(self, read: Callable[[], T]) -> None:
        self._request = read
        self._lock = threading.Lock()
        self._answer: Future[T] | None = None
        self._had: set[str] = set()

    def get(self, user: str) -> T:
        """Return the answer for a user, such as the key of a resource."""
        with self._lock:
            answer = self._answer
            if answer is not None and user not in self._had:
                self._had.add(user)
            else:
                answer, own = None, Future[T]()
                self._answer, self._had = own, {user}
        if answer is None:
            return self._ask(own)
        try:
            return answer.result()
        except PipectlError as error:  # each user adds its own resource to the error
            raise error.copy() from error

    def expire(self) -> None:
        """Let every next look ask AWS: something was changed, or is about to be, or time has passed."""
        with self._lock:
            self._answer = None

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Let every look after the block ask AWS, also when the change fails: it may be done, or another one was."""
        try:
            yield
        finally:
            self.expire()

    def _ask(self, own: Future[T]) -> T:
        try:
            own.set_result(self._request())
        except BaseException as error:
            with self._lock:
                if self._answer is own:
                    self._answer = None
            own.set_exception(error)
            raise
        return own.result()
