"""Responses of any content end in an answer or in an error of pipectl, never in a bug."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from botocore.model import OperationModel, Shape
from hypothesis import given
from hypothesis import strategies as st

from pipectl.aws.settings import new_session
from pipectl.errors import PipectlError
from tests.aws.fakes import Wire, answer
from tests.iam.source_actions import source_calls

WIRE = Wire()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 10**20) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=8), inner, max_size=2),
    max_leaves=4,
)


def _operation(service: str, operation: str) -> OperationModel:
    return new_session().get_service_model(service).operation_model(operation)


def _member(shape: Shape, draw: st.DrawFn, depth: int = 0) -> Any:
    """Return a value for a member of a response: mostly of its type, sometimes of any other."""
    if depth > 4 or draw(st.integers(0, 9)) == 0:
        return draw(JSON)
    if shape.type_name == "structure":
        members: Any = shape
        names = draw(st.lists(st.sampled_from(sorted(members.members)), max_size=4)) if members.members else []
        return {name: _member(members.members[name], draw, depth + 1) for name in names}
    if shape.type_name == "list":
        items: Any = shape
        return [_member(items.member, draw, depth + 1) for _ in range(draw(st.integers(0, 2)))]
    return draw(JSON)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, str, bytes, int]:
    """Return a call, a body, and a status: whole, cut, changed in one byte, or of anything."""
    service, operation = draw(st.sampled_from(sorted(source_calls())))
    model = _operation(service, operation)
    whole = json.dumps(_member(model.output_shape, draw) if model.output_shape else {}).encode()
    if model.service_model.resolved_protocol in ("query", "rest-xml"):
        name = model.name
        inside = draw(st.sampled_from([b"", b"<a>1</a>", b"<ResponseMetadata/>", whole]))
        wrapper = f"{name}Response".encode(), f"{name}Result".encode()
        whole = b"<%s><%s>%s</%s></%s>" % (wrapper[0], wrapper[1], inside, wrapper[1], wrapper[0])
    kind = draw(st.sampled_from(["whole", "cut", "changed", "anything"]))
    if kind == "cut":
        whole = whole[: draw(st.integers(0, len(whole)))]
    if kind == "changed" and whole:
        at = draw(st.integers(0, len(whole) - 1))
        whole = whole[:at] + draw(st.binary(min_size=1, max_size=1)) + whole[at + 1 :]
    if kind == "anything":
        whole = draw(st.binary(max_size=40) | st.text(max_size=40).map(lambda text: text.encode("utf-8", "replace")))
    return service, operation, whole, draw(st.sampled_from([200, 200, 200, 204, 400, 403, 404, 500]))


@pytest.mark.timeout(3600)
@given(bodies())
def test_a_response_of_any_content_is_an_answer_or_an_error(body: tuple[str, str, bytes, int]) -> None:
    service, operation, content, status = body
    WIRE.reset()
    WIRE.meets = lambda: answer(content, status)
    with suppress(PipectlError):
        WIRE.call(service, operation)
