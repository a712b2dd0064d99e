"""The index of tags on the local emulator: what it lists, in pages, and for whom."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from pipectl.local.clients import Place
from pipectl.local.fronts import Answer, Inside
from pipectl.local.harshness import Harshness
from pipectl.local.home import LocalEmulator
from pipectl.local.requests import Request
from pipectl.local.tag_index import TARGET, TagIndex
from tests.support import REGION, boto3_session, new_account

ACCOUNT = "123456789012"
ARN = f"arn:aws:{{}}:{REGION}:{ACCOUNT}:{{}}"


class Account:
    """An account with some queues, two log groups and an alarm, behind the front."""

    def __init__(self, harshness: Harshness, queues: int = 5) -> None:
        self.queues = queues
        self.now = 0.0
        self.front = TagIndex(cast(Inside, self), harshness, lambda: self.now)

    async def account_of(self, access_key: str, region: str) -> str:
        assert (access_key, region) == (ACCOUNT, REGION)
        return ACCOUNT

    async def json(self, place: Place, _: str, target: str, parameters: Mapping[str, Any]) -> Answer:
        assert place == Place(ACCOUNT, REGION)
        tags = [{"Key": "Team", "Value": "a"}]
        queues = [{"ResourceARN": ARN.format("sqs", f"q{number}"), "Tags": tags} for number in range(self.queues)]
        group = "second" if parameters else "first"
        documents = {
            TARGET: {"ResourceTagMappingList": queues},
            "Logs_20140328.DescribeLogGroups": {
                "logGroups": [{"arn": ARN.format("logs", f"log-group:{group}:*")}],
                **({} if parameters else {"nextToken": "more"}),
            },
            "Logs_20140328.ListTagsForResource": {"tags": {"Team": "b"}},
            "GraniteServiceVersion20100801.DescribeAlarms": {
                "MetricAlarms": [{"AlarmArn": ARN.format("cloudwatch", "alarm:errors")}]
            },
            "GraniteServiceVersion20100801.ListTagsForResource": {"Tags": []},
        }
        return Answer(200, [], json.dumps(documents[target]).encode())

    def ask(self, **parameters: Any) -> Answer:
        scope = f"Credential={ACCOUNT}/20260101/{REGION}/tagging/aws4_request"
        headers = {"x-amz-target": TARGET, "authorization": scope}
        request = Request("POST", "/", "/", "", headers, json.dumps(parameters).encode())
        assert self.front.serves(request)

        async def forward() -> Answer:
            return Answer(200, [], b"{}")

        return asyncio.run(self.front.serve(request, forward))

    def pages(self, **parameters: Any) -> list[list[str]]:
        """Return the last parts of the ARNs in each page."""
        pages: list[list[str]] = []
        token: dict[str, str] = {}
        while True:
            document = self.ask(**parameters, **token).document
            pages.append([each["ResourceARN"].rsplit(":", 1)[1] for each in document["ResourceTagMappingList"]])
            if not document["PaginationToken"]:
                return pages
            token = {"PaginationToken": document["PaginationToken"]}


def test_log_groups_are_listed_and_what_has_no_tags_is_not() -> None:
    (page,) = Account(Harshness()).pages()
    assert sorted(page) == ["first", "q0", "q1", "q2", "q3", "q4", "second"]
    assert page != sorted(page)


def test_filters_select_by_key_and_value() -> None:
    account = Account(Harshness())
    assert [len(page) for page in account.pages(TagFilters=[{"Key": "Team"}])] == [7]
    assert len(account.pages(TagFilters=[{"Key": "Team", "Values": ["b", "c"]}])[0]) == 2
    assert account.pages(TagFilters=[{"Key": "Team"}, {"Key": "team"}]) == [[]]


def test_pages_have_the_size_that_is_asked_for_and_empty_ones_come_first() -> None:
    assert [len(page) for page in Account(Harshness()).pages(ResourcesPerPage=3)] == [3, 3, 1]
    pages = Account(Harshness(empty_pages=2)).pages(ResourcesPerPage=3)
    assert [len(page) for page in pages] == [0, 0, 3, 3, 1]
    assert len({name for page in pages for name in page}) == 7


@pytest.mark.parametrize("parameters", [{"ResourcesPerPage": 101}, {"PaginationToken": "not mine"}])
def test_an_invalid_parameter_is_refused(parameters: dict[str, Any]) -> None:
    answer = Account(Harshness()).ask(**parameters)
    assert (answer.status, answer.document["__type"]) == (400, "InvalidParameterException")


def test_the_index_can_be_old() -> None:
    account = Account(Harshness(index_age=60))
    before = account.pages()
    account.queues = 1  # four were deleted
    account.now = 59
    assert account.pages() == before
    account.now = 60
    assert sorted(account.pages()[0]) == ["first", "q0", "second"]


@pytest.mark.emulator
def test_only_tagged_resources_of_the_account_and_region_are_listed_to_whoever_may(emulator: LocalEmulator) -> None:
    account = new_account()

    def client(service: str, region: str = REGION, owner: str = account) -> Any:
        session: Any = boto3_session(owner, emulator.secret)
        return session.client(service, region_name=region, endpoint_url=emulator.endpoint_url)

    tags = {"Team": "orders"}
    for region in (REGION, "eu-west-1"):
        client("sqs", region).create_queue(QueueName=f"in-{region}", tags=tags)
    client("sqs", owner=new_account()).create_queue(QueueName="of-another-account", tags=tags)
    client("sqs").create_queue(QueueName="without-tags")
    client("iam").create_role(RoleName="role", AssumeRolePolicyDocument="{}", Tags=[{"Key": "Team", "Value": "orders"}])
    client("dynamodb").create_table(
        TableName="deleted",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=[{"Key": "Team", "Value": "orders"}],
    )
    client("dynamodb").delete_table(TableName="deleted")
    listed = client("resourcegroupstaggingapi").get_resources(TagFilters=[{"Key": "Team", "Values": ["orders"]}])
    arns = [each["ResourceARN"] for each in listed["ResourceTagMappingList"]]
    assert arns == [f"arn:aws:sqs:{REGION}:{account}:in-{REGION}"]

    client("iam").create_user(UserName="nobody")
    key = client("iam").create_access_key(UserName="nobody")["AccessKey"]
    session: Any = boto3_session(key["AccessKeyId"], key["SecretAccessKey"])
    tagging = session.client("resourcegroupstaggingapi", endpoint_url=emulator.endpoint_url)
    with pytest.raises(ClientError, match="tag:GetResources"):
        tagging.get_resources()
    allow = {"Effect": "Allow", "Action": "tag:GetResources", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    client("iam").put_user_policy(UserName="nobody", PolicyName="list", PolicyDocument=document)
    assert len(tagging.get_resources()["ResourceTagMappingList"]) == 1
