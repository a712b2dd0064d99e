"""The function `enrich` in both languages: it gets plain values, and its result or error concerns one record only."""

import json
import math
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.lambda_src.fakes import FakeS3
from tests.lambda_src.languages import REQUEST_ID, Handlers, Ran
from tests.lambda_src.loading import Number, load
from tests.lambda_src.test_processor import IMAGES, NAMES, batch, blamed, key, poison, quarantine_key, record, reported

module = load("processor")
OWN = ["recordId", "processedAt", "eventName", "sequenceNumber", "createdAt", "source", "functionName", "requestId"]
EVERY_KIND: dict[str, Any] = {
    "large": {"N": "12345678901234567890123456789012345678"},
    "small": {"N": "1E-130"},
    "exponent": {"N": "1e5"},
    "zeros": {"N": "-0.000000100"},
    "price": {"N": "2.50"},
    "text": {"S": 'Zürich " \\ \n 🚚'},
    "binary": {"B": "AP8="},
    "flag": {"BOOL": False},
    "nothing": {"NULL": True},
    "names": {"SS": ["b", "a", "ä"]},
    "sizes": {"NS": ["10", "9", "1.5"]},
    "scans": {"BS": ["Ag==", "AQ=="]},
    "deep": {"M": {"list": {"L": [{"M": {}}, {"L": []}, {"N": "1"}]}}},
}


def stored(ran: Ran) -> Any:
    (content,) = ran.objects().values()
    return content


def enriched(rules: Any, handlers: Handlers, **image: Any) -> Any:
    return stored(handlers.process(batch(record(1, **image)), rules=rules))


class TestPlainValues:
    def test_in_python_are_those_of_python(self) -> None:
        given = list[Any]()

        def rules(order: object) -> dict[str, object]:
            given.append(order)
            return {}

        processor = module.Processor(FakeS3(), "orders", rules=rules)
        context = SimpleNamespace(function_name="f", aws_request_id="r")
        processor.process(batch(record(1, **EVERY_KIND)), context)
        assert given == [
            {
                "large": Decimal(12345678901234567890123456789012345678),
                "small": Decimal("1E-130"),
                "exponent": Decimal("1E+5"),
                "zeros": Decimal("-1.00E-7"),
                "price": Decimal("2.50"),
                "text": 'Zürich " \\ \n 🚚',
                "binary": b"\x00\xff",
                "flag": False,
                "nothing": None,
                "names": {"a", "b", "ä"},
                "sizes": {Decimal(10), Decimal(9), Decimal("1.5")},
                "scans": {b"\x01", b"\x02"},
                "deep": {"list": [{}, [], Decimal(1)]},
            }
        ]
        assert str(given[0]["price"]) == "2.50"

    def test_are_written_back_with_all_digits(self, handlers: Handlers) -> None:
        assert enriched({}, handlers, **EVERY_KIND)["newImage"] == {
            "large": Number("12345678901234567890123456789012345678"),
            "small": Number("1E-130"),
            "exponent": Number("1E+5"),
            "zeros": Number("-1.00E-7"),
            "price": Number("2.50"),
            "text": 'Zürich " \\ \n 🚚',
            "binary": "AP8=",
            "flag": False,
            "nothing": None,
            "names": ["a", "b", "ä"],
            "sizes": [Number("1.5"), Number("10"), Number("9")],
            "scans": ["AQ==", "Ag=="],
            "deep": {"list": [{}, [], Number("1")]},
        }

    def test_are_an_empty_map_without_a_new_image(self, handlers: Handlers) -> None:
        made = record(1)
        del made["dynamodb"]["NewImage"]
        assert stored(handlers.process(batch(made), rules={}))["newImage"] == {}
        assert stored(handlers.process(batch(made)))["newImage"] is None

    def test_keep_38_digits_in_calculations_of_python(self) -> None:
        s3 = FakeS3()
        processor = module.Processor(s3, "o", rules=lambda order: {"double": order["large"] * 2})
        processor.process(batch(record(1, **EVERY_KIND)), SimpleNamespace(function_name="f", aws_request_id="r"))
        assert b'"double": 24691357802469135780246913578024691356,' in s3.versions[key(1)][0]

    @pytest.mark.parametrize("text", ["?", "AP8", "AP9=", "AP-_", "AP8=\n", "ä"])
    def test_binary_that_is_not_base64_fails_the_record(self, handlers: Handlers, text: str) -> None:
        ran = handlers.process(batch(record(1), record(2, scan={"B": text})))
        assert ran.answer == reported(2)
        assert "not a DynamoDB value" in ran.logged()[0]["reason"]

    @given(st.dictionaries(NAMES, IMAGES, max_size=5))
    def test_are_written_with_the_same_bytes_by_both_languages(
        self, python: Handlers, nodejs: Handlers, image: dict[str, Any]
    ) -> None:
        ran = [each.process(batch(record(1, **image)), rules={}) for each in (python, nodejs)]
        assert ran[0].versions == ran[1].versions


class TestMetadata:
    def test_has_a_status_of_its_own_or_the_default(self, handlers: Handlers) -> None:
        for returned, status in (({"status": "HELD"}, "HELD"), ({}, "PROCESSED"), ({"score": 5}, "PROCESSED")):
            assert enriched({"native": returned}, handlers)["metadata"]["status"] == status

    def test_has_all_fields_in_a_fixed_order(self, python: Handlers, nodejs: Handlers) -> None:
        rules = {"returns": {"M": {"b": {"N": "1.10"}, "10": {"S": "x"}, "a": {"NULL": True}}}}
        ran = [each.process(batch(record(1)), rules=rules) for each in (python, nodejs)]
        assert list(stored(ran[0])["metadata"]) == [*OWN[:2], "10", "a", "b", "status", *OWN[2:]]
        assert stored(ran[0])["metadata"]["b"] == Number("1.10")
        assert ran[0].versions == ran[1].versions

    def test_keeps_its_own_fields_whatever_enrich_returns(self, handlers: Handlers) -> None:
        usual = enriched({"native": {}}, handlers)["metadata"]
        odd = dict.fromkeys(OWN, "x") | {"status": "PROCESSED"}
        assert enriched({"native": odd}, handlers)["metadata"] == usual
        assert list(usual) == [*OWN[:2], "status", *OWN[2:]]

    @given(st.dictionaries(NAMES, IMAGES, max_size=4))
    def test_has_the_same_bytes_in_both_languages(
        self, python: Handlers, nodejs: Handlers, added: dict[str, Any]
    ) -> None:
        ran = [each.process(batch(record(1)), rules={"returns": {"M": added}}) for each in (python, nodejs)]
        assert ran[0].versions == ran[1].versions

    @given(st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False))
    @example(-0.0)
    @example(1e16)
    @example(1e21)
    @example(123456789012345680000.0)
    @example(1e-7)
    @example(5e-324)
    def test_has_numbers_of_the_language_spelled_alike(self, python: Handlers, nodejs: Handlers, number: float) -> None:
        ran = [each.process(batch(record(1)), rules={"native": {"score": number}}) for each in (python, nodejs)]
        assert ran[0].versions == ran[1].versions
        assert float(stored(ran[0])["metadata"]["score"]) == number


ANOTHER: dict[str, Any] = {"order": {"M": {"total": {"N": "0.10"}, "id": {"S": "x"}}}}


class TestAnotherOrder:
    def test_takes_the_place_of_the_new_image(self, python: Handlers, nodejs: Handlers) -> None:
        made = record(1, "MODIFY", amount={"N": "5"})
        made["dynamodb"]["OldImage"] = {"amount": {"N": "4"}}
        ran = [each.process(batch(made), rules=ANOTHER) for each in (python, nodejs)]
        content = stored(ran[0])
        assert content["newImage"] == {"id": "x", "total": Number("0.10")}
        assert content["oldImage"] == {"amount": Number("4")}
        assert content["keys"] == {"orderId": "order-1"}
        assert content["metadata"]["status"] == "PROCESSED"
        assert ran[0].versions == ran[1].versions

    def test_can_have_metadata(self, handlers: Handlers) -> None:
        metadata = {"M": {"status": {"S": "HELD"}, "recordId": {"S": "x"}}}
        content = enriched(ANOTHER | {"metadata": metadata}, handlers)
        assert content["newImage"]["id"] == "x"
        assert (content["metadata"]["status"], content["metadata"]["recordId"]) == ("HELD", "event-1")


class TestErrors:
    @pytest.mark.parametrize("returned", [None, [], [["status", "x"]], "PROCESSED", 7, True])
    def test_a_result_that_is_no_map_fails_its_record(self, handlers: Handlers, returned: Any) -> None:
        ran = handlers.process(batch(record(1)), rules={"native": returned})
        assert "InvalidResultError: enrich must return " in blamed(ran)
        assert json.loads(ran.versions[quarantine_key(1)][0])["record"] == record(1)

    @pytest.mark.parametrize("place", ["order", "metadata"])
    @pytest.mark.parametrize("odd", [{"L": []}, {"S": "x"}, {"NULL": True}, {"SS": ["a"]}])
    def test_enriched_of_something_else_fails_its_record(
        self, handlers: Handlers, place: str, odd: dict[str, Any]
    ) -> None:
        rules = {"order": {"M": {}}, "metadata": {"M": {}}} | {place: odd}
        assert "InvalidResultError: enrich must return " in blamed(handlers.process(batch(record(1)), rules=rules))

    @pytest.mark.parametrize(
        ("raises", "message", "reason"),
        [
            ("InvalidOrderError", "no customer", "InvalidOrderError: no customer"),
            ("KeyError2", "a\nb \ud800", "KeyError2: a\nb \ud800"),
            ("Odd", "", "Odd: "),
            ("Long", "🚚" * 5000, f"Long: {'🚚' * 994}..."),
        ],
    )
    def test_an_error_is_the_reason(self, handlers: Handlers, raises: str, message: str, reason: str) -> None:
        ran = handlers.process(batch(record(1), record(2)), rules={"raises": raises, "message": message})
        assert [line["reason"] for line in ran.logged()] == [reason] * 2
        kept = ran.objects()[quarantine_key(2)]["failure"]
        assert (kept["reason"], kept["requestId"], kept["functionVersion"]) == (reason, REQUEST_ID, "7")

    def test_the_first_reason_stays_in_the_quarantine(self, handlers: Handlers) -> None:
        events = batch(poison(1)), batch(poison(1) | {"eventName": "UNKNOWN"})
        ran = handlers.process(*events)
        (kept,) = ran.versions[quarantine_key(1)]
        assert json.loads(kept)["failure"]["reason"] == 'InvalidOrderError: amount must be a number, got "twelve"'

    @pytest.mark.parametrize("amount", [{"S": "🚚" * 400}, {"L": [{"N": "1.10"}]}, {"B": "AP8="}, {"NULL": True}])
    def test_a_refused_amount_is_shown_alike(self, python: Handlers, nodejs: Handlers, amount: Any) -> None:
        ran = [each.process(batch(record(1, amount=amount))) for each in (python, nodejs)]
        assert ran[0] == ran[1]


class OddError(Exception):
    """An error whose message cannot be read, and that is false."""

    def __str__(self) -> str:
        raise ValueError

    def __len__(self) -> int:
        return 0


class TestInPython:
    def reason(self, rules: Any) -> str:
        s3 = FakeS3()
        context = SimpleNamespace(function_name="f", aws_request_id="r")
        with pytest.raises(module.BatchError):
            module.Processor(s3, "orders", rules=rules).process(batch(record(1)), context)
        (kept,) = s3.objects().values()
        assert kept["failure"]["functionVersion"] is None
        return str(kept["failure"]["reason"])

    @pytest.mark.parametrize("error", [OddError(), SystemExit(3), KeyboardInterrupt(), RecursionError("too much")])
    def test_every_error_fails_its_record(self, error: BaseException) -> None:
        def rules(_: object) -> None:
            raise error

        assert self.reason(rules).startswith(f"{type(error).__name__}: ")

    @pytest.mark.parametrize(
        "value",
        [
            math.nan,
            math.inf,
            Decimal("NaN"),
            Decimal("-Infinity"),
            datetime(2026, 1, 1, tzinfo=UTC),
            object(),
            1j,
            {1: 2},
        ],
    )
    def test_a_value_that_json_cannot_express_fails_its_record(self, value: object) -> None:
        assert self.reason(lambda _: {"x": [value]}).startswith("InvalidResultError: a ")
        assert self.reason(lambda _: module.Enriched({"x": value})).startswith("InvalidResultError: a ")

    def test_a_result_that_holds_itself_fails_its_record(self) -> None:
        endless: dict[str, Any] = {}
        endless["x"] = endless
        assert self.reason(lambda _: endless) == "InvalidResultError: nested too deep to be written"


class TestInNodejs:
    @pytest.mark.parametrize(
        ("odd", "reason"),
        [
            ("throws null", "Error: null"),
            ("throws text", "Error: just text"),
            ("throws an odd error", "OddError: its message cannot be read"),
            ("throws a range error", "RangeError: toFixed() digits argument must be between 0 and 100"),
            ("returns a date", "InvalidResultError: a value of type Date cannot be stored"),
            (
                "returns nothing",
                "InvalidResultError: enrich must return an object or Enriched of objects, got undefined",
            ),
            ("returns NaN", "InvalidResultError: a number must be finite"),
            ("returns itself", "InvalidResultError: nested too deep to be written"),
        ],
    )
    def test_an_odd_result_or_error_fails_its_record(self, nodejs: Handlers, odd: str, reason: str) -> None:
        ran = nodejs.process(batch(record(1), record(2)), rules={"odd": odd})
        assert [line["reason"] for line in ran.logged()] == [reason] * 2

    def test_the_function_can_be_async(self, nodejs: Handlers) -> None:
        assert enriched({"odd": "is async"}, nodejs)["metadata"]["status"] == "LATER"

    def test_numbers_compare_and_calculate_as_numbers_of_javascript(self, nodejs: Handlers) -> None:
        metadata = enriched({"odd": "calculates"}, nodejs, amount={"N": "2.50"})["metadata"]
        assert (metadata["double"], metadata["large"], metadata["text"]) == (Number("5"), True, "2.50")
