"""All shards of a table's streams, read in parallel."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipectl.aws.client import Aws
from pipectl.aws.stream_records import STREAM_RETENTION
from pipectl.engine.parallel import walk
from pipectl.errors import AwsError
from pipectl.facts import TableFacts
from pipectl.failures.model import End, Record, written_at
from pipectl.failures.stream_reader import LOST_ITERATOR, ROUNDING, Shard, StreamReader, shards_of

_SHARDS_AT_ONCE = 40


@dataclass(frozen=True)
class StreamReading:
    """Ids of the shards of which not all records are known to be read.

    Attributes:
        unread: Shards that could not be read to their end.
        assumed: Open shards that were left after many empty pages; they are assumed to be read.
    """

    unread: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()


class TableReader:
    """Reads all shards of a table's streams in parallel, each once, in no order.

    Args:
        aws: The table's account and region.
        table: Its physical name.
        facts: Its stream, and the time of its creation.
        until: Leave a shard at the first record written after this time; a busy one has no end.
        since: Shards that were closed before need not be read. Where this is known, they are left out.
        order: Returns whether a record is of the one order that is looked for. All versions of an order are in one
            shard, its ancestors and its descendants; when one is found, the other shards of that stream are left.
        report: Called with the number of shards that are read, and the number of all.
        cancel: Called on Ctrl-C, see `walk`.
    """

    def __init__(
        self,
        aws: Aws,
        table: str,
        facts: TableFacts,
        until: datetime,
        *,
        since: datetime | None = None,
        order: Callable[[Record], bool] | None = None,
        report: Callable[[int, int], None] = lambda _read, _all: None,
        cancel: Callable[[], None] = lambda: None,
    ) -> None:
        self._aws = aws
        self._table = table
        self._facts = facts
        self._until = until
        self._since = since if since and since > until - STREAM_RETENTION + ROUNDING else None
        self._order = order
        self._report = report
        self._cancel = cancel
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], Shard] = {}
        self._read: set[Shard] = set()
        self._home: Shard | None = None
        self._oldest: dict[Shard, datetime] = {}
        self._unread: set[str] = set()
        self._assumed: set[str] = set()
        self._rolled = False

    def read(self, take: Callable[[Shard, Record], None]) -> StreamReading:
        """Call ``take`` with every record, from several threads. Shards that appear while reading are read, too.

        Raises:
            CancelledError: the user pressed Ctrl-C.
            AwsError: a shard cannot be read.
        """
        known = self._known
        while new := [each for each in shards_of(self._aws, self._table, self._facts) if each.place not in known]:
            known |= {shard.place: shard for shard in new}
            self._rolled = False
            self._read_all(new, take)
            if not self._rolled:
                break
        return StreamReading(tuple(sorted(self._unread)), tuple(sorted(self._assumed)))

    def _read_all(self, shards: Sequence[Shard], take: Callable[[Shard, Record], None]) -> None:
        """Read shards; with a start time the children first, because their oldest record dates their parent's end."""
        nodes = {f"{shard.stream_arn}/{shard.shard_id}": shard for shard in shards}
        children: dict[str, list[str]] = {node: [] for node in nodes}
        for node, shard in nodes.items():
            if self._since and (parent := f"{shard.stream_arn}/{shard.parent}") in nodes:
                children[parent].append(node)

        def visit(node: str) -> None:
            oldest = [self._oldest[shard] for shard in map(nodes.__getitem__, children[node]) if shard in self._oldest]
            if self._since and oldest and min(oldest) < self._since:
                self._oldest[nodes[node]] = min(oldest)
            else:
                self._read_one(nodes[node], take)
            with self._lock:
                self._read.add(nodes[node])
                self._report(len(self._read), len(self._known))

        self._report(len(self._read), len(self._known))
        walked = walk(children, visit, cancel=self._cancel, workers=_SHARDS_AT_ONCE)
        walked.require_done("interrupted while reading the stream")

    def _read_one(self, shard: Shard, take: Callable[[Shard, Record], None]) -> None:
        try:
            for reading in StreamReader(self._aws, shard, lambda: self._is_elsewhere(shard)).read():
                if isinstance(reading, Record):
                    if self._order and self._order(reading):
                        self._home = shard
                    time = written_at(reading.event)
                    self._oldest.setdefault(shard, time)
                    if time > self._until:
                        return
                    take(shard, reading)
                elif isinstance(reading, End):
                    self._note_end(shard, reading)
        except AwsError as error:
            if error.aws_code not in LOST_ITERATOR:
                raise
            with self._lock:
                self._unread.add(shard.shard_id)

    def _is_elsewhere(self, shard: Shard) -> bool:
        """Return whether no record of the order can be in a shard, because one was found in another line of shards."""
        home = self._home
        if home is None or home.stream_arn != shard.stream_arn:
            return False
        return shard not in self._line(home) and home not in self._line(shard)

    def _line(self, shard: Shard) -> Iterator[Shard]:
        """Yield a shard and its ancestors, as far as they are listed."""
        seen: Shard | None = shard
        while seen:
            yield seen
            seen = self._known.get((seen.stream_arn, seen.parent or ""))

    def _note_end(self, shard: Shard, end: End) -> None:
        with self._lock:
            if self._is_elsewhere(shard):
                return
            if not end.complete:
                self._assumed.add(shard.shard_id)
            elif not shard.closed:
                self._rolled = True
