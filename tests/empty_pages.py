"""Empty pages at the end of a stream, which a reader asks for a hundred times, repeated without a request for each."""

from __future__ import annotations

from typing import Any

from pipectl.aws.calls import Attempt, Call, Parameters

MOST_BEFORE_RECORDS = 3
"""The largest number of empty pages that precede records on the harsh emulator."""
REPEATED = 100


def repeating_empty_pages(attempt: Attempt) -> Attempt:
    """Return an ``attempt`` that repeats an empty page once more of them came than can precede records."""
    streaks, left = dict[str, int](), dict[str, int]()

    def repeating(call: Call, parameters: Parameters, send: Any) -> object:
        if call.operation != "GetRecords":
            return attempt(call, parameters, send)
        iterator = str(parameters["ShardIterator"])
        if left.get(iterator):
            left[iterator] -= 1
            return {"Records": [], "NextShardIterator": iterator}
        answer: Any = attempt(call, parameters, send)
        following = answer.get("NextShardIterator")
        if following and not answer["Records"]:
            streaks[following] = streaks.pop(iterator, 0) + 1
            if streaks[following] > MOST_BEFORE_RECORDS:
                left[following] = REPEATED
        return answer

    return repeating
