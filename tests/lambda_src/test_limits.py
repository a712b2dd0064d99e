"""Values that can be parsed but not written: nested too deep, or a number out of range."""

import math

import pytest

from tests.fuzz.strategies import Deep, Endless, json_of
from tests.lambda_src.languages import Handlers
from tests.lambda_src.test_auditor import ALL_GOOD, assert_audited, assert_fits, failure, message, only_item
from tests.lambda_src.test_processor import batch, blamed, key, poison, record, replaced, reported

TOO_DEEP = "nested too deep to be written"
DEEPEST = 100_000
DEPTHS = [*range(900, 1_100, 20), *range(2_000, 12_000, 250), DEEPEST]
"""Depths that both languages can write, that neither can, and those around the limit of each."""
NAMED = [(("eventID",), "eventId"), (("dynamodb", "Keys"), "keys")]


class TestProcessor:
    @pytest.mark.parametrize("depth", [1_000, 5_000, 10_000, DEEPEST])
    def test_a_deep_image_fails_only_its_own_record(self, handlers: Handlers, depth: int) -> None:
        records = record(1), record(2, deep={"M": Deep(depth, "M")}), record(3, deep={"L": Deep(depth)}), record(4)
        ran = handlers.process(batch(*records))
        assert ran.answer == reported(2, 3)
        assert {key(1), key(4)} <= ran.versions.keys()

    def test_at_every_depth_a_record_is_written_or_reported(self, handlers: Handlers) -> None:
        odd = [replaced(record(depth), ("eventSourceARN",), Deep(depth, "name")) for depth in DEPTHS]
        ran = handlers.process(batch(record(1), *odd))
        written = sum(name.startswith("processed-data/") for name in ran.versions)
        assert written + len(ran.answer["batchItemFailures"]) == 1 + len(odd)
        assert str(DEEPEST) in str(ran.answer)

    @pytest.mark.parametrize(("place", "name"), NAMED)
    def test_deep_keys_or_event_ids_are_logged_as_too_deep(
        self, python: Handlers, nodejs: Handlers, place: tuple[str, ...], name: str
    ) -> None:
        odd = replaced(poison(2), place, Deep(DEEPEST))
        ran = nodejs.process(batch(record(1), odd), batch(odd))
        assert ran.answers[0] == reported(2)
        assert "sequence number 2 failed" in ran.answers[1].message
        assert {line[name] for line in ran.logged()} == {TOO_DEEP}
        assert ran.logged()[1]["reason"] == f"InvalidRecordError: {TOO_DEEP}"
        assert ran == python.process(batch(record(1), odd), batch(odd))

    @pytest.mark.parametrize("place", [("eventName",), ("eventSourceARN",), ("dynamodb", "SequenceNumber")])
    def test_a_deep_value_in_the_metadata_fails_the_record(
        self, python: Handlers, nodejs: Handlers, place: tuple[str, ...]
    ) -> None:
        event = batch(replaced(record(1), place, Deep(DEEPEST)), record(2))
        ran = nodejs.process(event)
        assert TOO_DEEP in blamed(ran)
        assert set(ran.versions) == {key(2)}
        assert ran == python.process(event)

    def test_deep_records_are_not_a_list(self, handlers: Handlers) -> None:
        ran = handlers.process({"Records": Deep(DEEPEST, "M")})
        assert blamed(ran) == f'Records must be a list, got "{TOO_DEEP}"'

    def test_a_number_out_of_range_is_not_stored(self, handlers: Handlers) -> None:
        ran = handlers.process(batch(record(1), replaced(record(2), ("eventSourceARN",), Endless())))
        assert ran.answer == reported(2)
        assert set(ran.versions) == {key(1)}

    @pytest.mark.parametrize(("place", "name"), NAMED)
    def test_nan_is_logged_as_text(self, python: Handlers, place: tuple[str, ...], name: str) -> None:
        odd = replaced(poison(2), place, math.nan)
        ran = python.process(batch(record(1), odd), batch(odd))
        assert ran.logged()[0][name] == "nan"
        assert ran.answers[0] == reported(2)
        assert "sequence number 2 failed" in ran.answers[1].message


class TestAuditor:
    @pytest.mark.parametrize("name", ["messageId", "attributes", "messageAttributes", "md5OfBody"])
    def test_a_deep_field_is_replaced_and_the_other_fields_are_kept(
        self, python: Handlers, nodejs: Handlers, name: str
    ) -> None:
        sent = message("?") | {name: Deep(DEEPEST)}
        kept = only_item(nodejs.audit(batch(sent)))["message"]
        assert kept.pop(name) == TOO_DEEP
        assert kept.items() <= (message("?") | {"sentTimestamp": kept["sentTimestamp"]}).items()
        assert_audited(python, nodejs, sent, message(failure()))

    @pytest.mark.parametrize("depth", [5, 6, 7, 8, 500])
    def test_both_languages_store_the_same_for_depths_within_the_limit(
        self, python: Handlers, nodejs: Handlers, depth: int
    ) -> None:
        deep = Deep(depth, "name")
        body = json_of(failure(responseContext={"functionError": deep}))
        assert_audited(python, nodejs, message(body, attributes={"1": 1, "deep": deep}))

    def test_at_every_depth_a_message_is_audited_once(self, handlers: Handlers) -> None:
        for depth in DEPTHS:
            body = json_of(failure(responseContext={"functionError": Deep(depth)}))
            messages = message(body, attributes={"1": 1, "deep": Deep(depth)}), message("?", "other")
            ran = handlers.audit(batch(*messages), batch(*messages))
            assert ran.answers == [ALL_GOOD] * 2
            assert len(ran.items) == 2
            assert_fits(ran.items)

    def test_a_number_out_of_range_is_stored_as_the_text_infinity(self, python: Handlers, nodejs: Handlers) -> None:
        sent = message("?", md5OfBody=Endless(), attributes={"SentTimestamp": Endless(), "": 1})
        assert only_item(nodejs.audit(batch(sent)))["message"]["md5OfBody"] == "Infinity"
        assert_audited(python, nodejs, sent)
