"""The end of a stream: the records that are written after it was opened."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Literal, TypeVar

from pipectl.aws.client import Aws
from pipectl.aws.stream_records import event_record
from pipectl.engine.parallel import parallel_map
from pipectl.errors import AwsError
from pipectl.failures.model import Record
from pipectl.failures.stream_reader import LOST_ITERATOR, Shard, shards_of_stream

if TYPE_CHECKING:
    from mypy_boto3_dynamodbstreams.type_defs import GetRecordsOutputTypeDef

T = TypeVar("T")

_SHARDS_AT_ONCE = 40


class StreamTail:
    """Reads the records that are written to a stream after `open`, in all its shards at once.

    Args:
        aws: The account and region of the stream.
        stream_arn: The stream.
        cancel: Called on Ctrl-C, see `walk`.
    """

    def __init__(self, aws: Aws, stream_arn: str, cancel: Callable[[], None] = lambda: None) -> None:
        self._aws = aws
        self._arn = stream_arn
        self._cancel = cancel
        self._known: dict[str, Shard] = {}
        self._iterators: dict[str, str] = {}

    def open(self) -> None:
        """Take the position behind the newest record of each open shard.

        Raises:
            CancelledError: the user pressed Ctrl-C.
            AwsError: the stream cannot be read.
        """
        self._known = {shard.shard_id: shard for shard in shards_of_stream(self._aws, self._arn)}
        still_open = [shard_id for shard_id, shard in self._known.items() if not shard.closed]
        # The first page fixes the position, whether AWS resolves LATEST when the iterator is made or when it is used.
        self._turn(self._parallel(lambda shard_id: self._page(self._iterator(shard_id, "LATEST")), still_open))

    def read(self) -> list[tuple[Shard, Record]]:
        """Return the records of the next page of each shard. Shards that appear meanwhile are read from their start.

        Raises:
            CancelledError: the user pressed Ctrl-C.
            AwsError: a shard cannot be read.
        """
        at = self._iterators
        pages = self._parallel(lambda shard_id: self._next_page(shard_id, at[shard_id]), at)
        self._turn(pages)
        arn = self._arn
        records = ((shard_id, raw) for shard_id, page in pages.items() for raw in page["Records"])
        return [(self._known[shard_id], Record.of(event_record(raw, arn))) for shard_id, raw in records]

    def _turn(self, pages: Mapping[str, GetRecordsOutputTypeDef]) -> None:
        """Note the position behind these pages. Where a shard has ended, its children get the further records."""
        following = {shard_id: page.get("NextShardIterator") for shard_id, page in pages.items()}
        self._iterators = {shard_id: iterator for shard_id, iterator in following.items() if iterator}
        if len(self._iterators) < len(pages) or not pages:
            new = {shard.shard_id: shard for shard in shards_of_stream(self._aws, self._arn)}
            new = {shard_id: shard for shard_id, shard in new.items() if shard_id not in self._known}
            self._known |= new
            self._iterators |= self._parallel(lambda shard_id: self._iterator(shard_id, "TRIM_HORIZON"), new)

    def _next_page(self, shard_id: str, iterator: str) -> GetRecordsOutputTypeDef:
        try:
            return self._page(iterator)
        except AwsError as error:  # an iterator lasts 15 minutes, for example while the machine sleeps
            if error.aws_code not in LOST_ITERATOR:
                raise
            return self._page(self._iterator(shard_id, "TRIM_HORIZON"))

    def _page(self, iterator: str) -> GetRecordsOutputTypeDef:
        return self._aws.streams.get_records(ShardIterator=iterator)

    def _iterator(self, shard_id: str, position: Literal["LATEST", "TRIM_HORIZON"]) -> str:
        answer = self._aws.streams.get_shard_iterator(StreamArn=self._arn, ShardId=shard_id, ShardIteratorType=position)
        return answer["ShardIterator"]

    def _parallel(self, read: Callable[[str], T], shard_ids: Iterable[str]) -> Mapping[str, T]:
        found = parallel_map(read, shard_ids, cancel=self._cancel, workers=_SHARDS_AT_ONCE)
        return found.require_done("interrupted while reading the stream")
