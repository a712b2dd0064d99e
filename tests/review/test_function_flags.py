"""Flags of functions: their code, their alias, their resource policies and their keys."""

from __future__ import annotations

from typing import Any

import pytest

from pipectl.facts import FunctionFacts
from pipectl.pipeline import Pipeline
from pipectl.review.model import FlagKind
from tests.review.rows import CLOSED, LOSS, OPENED, OTHER, OUTSIDE, STAYS, WIDER, Row, check, flags_in, named
from tests.support import ACCOUNT

LAYER = f"arn:aws:lambda:us-east-1:{OTHER}:layer:agent:1"
OWN_LAYER = f"arn:aws:lambda:us-east-1:{ACCOUNT}:layer:agent:1"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"
FOREIGN_KEY = f"arn:aws:kms:us-east-1:{OTHER}:key/1"
INVOKE = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Sid": "open"}


def of_live(statement: dict[str, Any]) -> dict[str, Any]:
    return {"resource_policies": {"live": [{**INVOKE, **statement}]}}


ROLLBACK = FunctionFacts("4", rollback="rolled back from version 5 to version 4")
ROWS = [
    Row("layer of another account", "auditor", {"layers": [LAYER]}, flags=((OUTSIDE, CLOSED, "layers"),)),
    Row("layer of this account", "auditor", {"layers": [OWN_LAYER]}, flags=((WIDER, CLOSED, "layers"),)),
    Row("layer of the version in use", "processor", {"live/layers": [LAYER]}, flags=((OUTSIDE, CLOSED, "live"),)),
    Row(
        "layer of $LATEST and of the version in use is one warning",
        "processor",
        {"layers": [LAYER], "live/layers": [LAYER]},
        flags=((OUTSIDE, CLOSED, "layers"),),
    ),
    *(
        Row(
            variable,
            "auditor",
            {f"environment/{variable}": "(hidden)"},
            flags=((kind, CLOSED, "environment"),),
            words=(variable,),
        )
        for variable, kind in {
            "AWS_ENDPOINT_URL": OUTSIDE,
            "AWS_ENDPOINT_URL_S3": OUTSIDE,
            "https_proxy": OUTSIDE,
            "AWS_CA_BUNDLE": OUTSIDE,
            "PYTHONPATH": WIDER,
            "NODE_OPTIONS": WIDER,
            "LD_PRELOAD": WIDER,
            "API_KEY": WIDER,
        }.items()
    ),
    Row(
        "owner of the bucket",
        "processor",
        {"live/environment/BUCKET_OWNER": OTHER},
        flags=((OUTSIDE, CLOSED, "live"),),
        words=(OTHER,),
    ),
    Row(
        "share of another version",
        "processor",
        {"live/weights": {"3": 0.1}},
        flags=((WIDER, CLOSED, "live"),),
        words=("version 3", "10%"),
    ),
    Row("no alias", "processor", {"live": None}, flags=((LOSS, CLOSED, "live"),)),
    Row("alias of $LATEST", "processor", {"live": "$LATEST"}, flags=((WIDER, CLOSED, "live"),)),
    Row("no concurrency", "auditor", {"reserved_concurrency": 0}, flags=((LOSS, CLOSED, "reserved_concurrency"),)),
    Row("some concurrency", "auditor", {"reserved_concurrency": 5}),
    Row(
        "another role",
        "auditor",
        {"role": "arn:old"},
        flags=((WIDER, CLOSED, "role"),),
        words=("arn:old", "audit-processor-role"),
    ),
    Row(
        "another handler of the same code",
        "auditor",
        {"handler": "old.main"},
        flags=((WIDER, CLOSED, "handler"),),
        words=("old.main",),
    ),
    Row("another handler of other code", "auditor", {"handler": "old.main", "code_sha256": "old"}),
    Row(
        "rollback that is undone",
        "processor",
        {"live/code_sha256": "earlier"},
        flags=((LOSS, OPENED, "live"),),
        facts=ROLLBACK,
    ),
    Row(
        "rollback that is followed by new code",
        "processor",
        {"live/code_sha256": "earlier", "code_sha256": "failed"},
        facts=ROLLBACK,
    ),
    Row("rollback to what the config has", "processor", {}, facts=ROLLBACK),
    Row(
        "everybody may invoke the alias",
        "processor",
        {},
        unmanaged=of_live({"Principal": "*"}),
        flags=((FlagKind.EVERYBODY, STAYS, None),),
        words=("lambda:InvokeFunction", "function n:live"),
    ),
    Row(
        "another account may invoke the alias",
        "processor",
        {},
        unmanaged=of_live({"Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"}}),
        flags=((OUTSIDE, STAYS, None),),
    ),
    Row(
        "a service may invoke the alias for this account",
        "processor",
        {},
        unmanaged=of_live(
            {
                "Principal": {"Service": "sns.amazonaws.com"},
                "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
            }
        ),
        flags=((WIDER, STAYS, None),),
    ),
    Row("a Deny of the alias", "processor", {}, unmanaged=of_live({"Effect": "Deny", "Principal": "*"})),
    Row("KMS key of this account", "auditor", {}, unmanaged={"KMS_key": KEY}),
    Row(
        "KMS key of another account",
        "auditor",
        {},
        unmanaged={"KMS_key": FOREIGN_KEY},
        flags=((OUTSIDE, STAYS, None),),
        words=(OTHER,),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_a_change_has_the_flags_of_its_risks(pipeline: Pipeline, row: Row) -> None:
    check(pipeline, row)


def test_the_alias_is_named_in_the_command_that_removes_a_permission(pipeline: Pipeline) -> None:
    (flag,) = flags_in(pipeline, Row("", "processor", {}, unmanaged=of_live({"Principal": "*"})))
    assert flag.hint == (
        "remove it with `aws lambda remove-permission --function-name n --statement-id open --qualifier live`"
    )
