"""Event source mappings, as ``ListEventSourceMappings`` describes them, and the threads that work on them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipectl.local.clients import Clients, Place
from pipectl.local.signal_counter import SignalCounter

logger = logging.getLogger("pipectl.mappings")

PROCESSED = "OK"
CALL_FAILED = "PROBLEM: Function call failed"
NO_FUNCTION = "PROBLEM: Function not found"


class EventSourceMapping:
    """A mapping. Its description is replaced when it changes; ``changed`` counts changes that concern its threads."""

    def __init__(self, place: Place, description: Mapping[str, Any]) -> None:
        self.place = place
        self.description = description
        self.uuid = str(description["UUID"])
        self.source_arn = str(description["EventSourceArn"])
        self.changed = SignalCounter()
        self.deleted = False
        self.policies = 0
        """Counts changes of IAM policies that may concern it: permissions are checked again after each."""
        self.last_result: str | None = None
        """``LastProcessingResult``, once there was one."""

    @property
    def enabled(self) -> bool:
        """False as soon as it is disabled or deleted."""
        return not self.deleted and self.description.get("State") in ("Enabled", "Enabling", "Updating", "Creating")

    @property
    def function_arn(self) -> str:
        """The ARN of its function, with the alias or version if it names one."""
        return str(self.description["FunctionArn"])

    @property
    def function_name(self) -> str:
        return self.function_arn.split(":")[6]

    def replace(self, description: Mapping[str, Any]) -> None:
        """Replace the description."""
        if description != self.description:
            self.description = description
            self.changed.set()

    def delete(self) -> None:
        """Let its threads end."""
        self.deleted = True
        self.changed.set()


Work = Callable[[EventSourceMapping], None]
"""Works on a mapping until it is deleted."""


class Mappings:
    """All mappings of the refreshed places, each with its own thread."""

    def __init__(self, clients: Clients, workers: Mapping[str, Work]) -> None:
        """Start with none.

        Args:
            clients: For ``ListEventSourceMappings``.
            workers: What works on a mapping, by the service in the ARN of its source; others are left alone.
        """
        self._clients = clients
        self._workers = workers
        self._lock = threading.Lock()
        self._mappings: dict[str, EventSourceMapping] = {}

    def refresh(self, place: Place) -> None:
        """Ask which mappings a place has now; start threads for new ones, notify those that have changed."""
        with self._lock:
            try:
                pages = self._clients.of_root("lambda", place).get_paginator("list_event_source_mappings").paginate()
                described = {found["UUID"]: found for page in pages for found in page["EventSourceMappings"]}
            except (ClientError, BotoCoreError) as error:
                logger.warning("Cannot list the mappings of %s: %s", place, error)
                return
            for uuid, description in described.items():
                if known := self._mappings.get(uuid):
                    known.replace(description)
                else:
                    self._add(EventSourceMapping(place, description))
            for mapping in [m for m in self._mappings.values() if m.place == place and m.uuid not in described]:
                del self._mappings[mapping.uuid]
                mapping.delete()

    def _add(self, mapping: EventSourceMapping) -> None:
        self._mappings[mapping.uuid] = mapping
        work = self._workers.get(mapping.source_arn.split(":")[2])
        if work is not None:
            threading.Thread(target=work, args=(mapping,), name=f"mapping-{mapping.uuid}", daemon=True).start()

    def get(self, uuid: str) -> EventSourceMapping | None:
        """Return a mapping by its UUID."""
        return self._mappings.get(uuid)

    def wake(self, service: str, region: str = "", name: str = "") -> None:
        """Let the mappings of a source look for work at once; of all sources of the service without a name."""
        for mapping in self._of(service):
            parts = mapping.source_arn.split(":", 5)
            source = parts[5].split("/")[1] if "/" in parts[5] else parts[5]
            if (not region or parts[3] == region) and (not name or source == name):
                mapping.changed.set()

    def policies_changed(self, account_id: str) -> None:
        """Let the mappings of an account check their permissions again."""
        for mapping in list(self._mappings.values()):
            if mapping.place.account_id == account_id:
                mapping.policies += 1
                mapping.changed.set()

    def _of(self, service: str) -> Iterator[EventSourceMapping]:
        for mapping in list(self._mappings.values()):
            if mapping.source_arn.split(":")[2] == service:
                yield mapping
