"""Filter patterns of CloudWatch Logs.

MiniStack 1.5.33 takes ``?term`` for a wildcard, splits quoted phrases at their blanks, and ignores the case of letters.
"""

from __future__ import annotations

import re

from pipectl.local.clients import Place
from pipectl.local.fronts import Answer, Forward, Inside, json_object
from pipectl.local.requests import Request

_TERM = re.compile(r'([?-]?)(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))')


def matches(pattern: str, message: str) -> bool:
    """Return whether a message matches a pattern of terms.

    All terms have to be in the message, and none with a minus before it. Where every term has a question mark before
    it, one is enough.
    """
    terms = [
        (sign, re.sub(r"\\(.)", r"\1", quoted) if quoted else term) for sign, quoted, term in _TERM.findall(pattern)
    ]
    if any(sign == "-" and term in message for sign, term in terms):
        return False
    needed = [term in message for sign, term in terms if not sign]
    optional = [term in message for sign, term in terms if sign == "?"]
    return all(needed) if needed else any(optional) or not optional


class LogFilters:
    """Answers ``FilterLogEvents`` with a pattern of terms. MiniStack lets patterns for JSON match every line.

    Not modelled: regular expressions, and patterns of fields that are separated by blanks.
    """

    def __init__(self, inside: Inside) -> None:
        self._inside = inside

    def serves(self, request: Request) -> bool:
        return request.operation == "FilterLogEvents" and b"filterPattern" in request.body

    async def serve(self, request: Request, forward: Forward) -> Answer:
        parameters = json_object(request.body)
        pattern = str(parameters.pop("filterPattern", ""))
        answer = await forward()  # it checks the permission
        if not answer.succeeded or pattern.lstrip()[:1] in ("{", "[", "%"):
            return answer
        account = await self._inside.account_of(request.access_key, request.region)
        place = Place(account, request.region)
        found = await self._inside.json(place, "logs", "Logs_20140328.FilterLogEvents", parameters)
        events = [event for event in found.document.get("events", []) if matches(pattern, event["message"])]
        return answer.with_document({"events": events, "searchedLogStreams": []})
