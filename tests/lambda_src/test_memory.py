"""The largest batch that Lambda hands to a function fits into the smallest memory that a function can have."""

import json
import sys

import pytest
from bench.handlers import LARGEST_EVENT, measure, record

MOST_MB = 128


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Lambda runs Linux; other systems count memory in another way")
@pytest.mark.parametrize("language", ["python", "nodejs"])
def test_a_batch_of_six_megabytes_is_processed_within_128_mb(language: str) -> None:
    records = [record(number) for number in range(LARGEST_EVENT // len(json.dumps(record(1000))))]
    _, peak = measure("processor", language, records, 1)
    assert peak / 2**20 < MOST_MB
