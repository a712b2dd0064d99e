"""Text that no request can hold is refused before it is sent."""

from __future__ import annotations

import pytest

from pipectl.aws.requests import check_text
from pipectl.errors import AwsError


@pytest.mark.parametrize(
    ("parameters", "path"),
    [
        ({"TableName": "t\udcff"}, "TableName"),
        ({"Key": {"orderId": {"S": "\ud800"}}}, "Key.orderId.S"),
        ({"Names": ["a", "b\udfff"]}, "Names[1]"),
        ({"Item": {"k\udcff": {"N": "1"}}}, "Item"),
        ({"\udcff": 1}, "a parameter"),
    ],
)
def test_text_that_is_not_unicode_is_named_by_its_path(parameters: dict[str, object], path: str) -> None:
    with pytest.raises(AwsError) as caught:
        check_text("dynamodb", "GetItem", parameters)
    assert caught.value.aws_code == "RequestInvalid"
    assert caught.value.aws_message.startswith(f"{path} has an invalid character, U+D")
    caught.value.message.encode()


@pytest.mark.parametrize("text", ["", "order-1", "Größe", "\U0001f600", "\n\0"])
def test_unicode_text_is_accepted(text: str) -> None:
    check_text("dynamodb", "GetItem", {"Key": {"orderId": {"S": text}}, "Body": b"\xff", "Count": 1, "None": None})
