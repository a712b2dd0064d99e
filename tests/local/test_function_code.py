"""The code of functions on the local emulator: of the version that was asked for, and behind a signature alone."""

from __future__ import annotations

from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from pipectl.aws.client import Aws, Credentials
from pipectl.aws.function_code import deployed_package
from pipectl.errors import AwsError
from pipectl.local.home import REGION, LocalEmulator
from tests.local.small_pipeline import Pipeline, zipped
from tests.support import PATIENCE

pytestmark = pytest.mark.emulator

OTHER = "def handler(event, context):\n    return 2\n"


@pytest.fixture
def pipeline(emulator: LocalEmulator) -> Pipeline:
    return Pipeline(emulator, mapping={"Enabled": False})


def status(url: str, method: str = "GET") -> int:
    parts = urlsplit(url)
    with closing(HTTPConnection(parts.netloc, timeout=PATIENCE)) as connection:
        connection.request(method, f"{parts.path}?{parts.query}")
        return connection.getresponse().status


def test_each_version_has_its_own_code(pipeline: Pipeline) -> None:
    functions = pipeline.client("lambda")
    version = functions.publish_version(FunctionName="processor")["Version"]
    functions.update_function_code(FunctionName="processor", ZipFile=zipped(OTHER))
    credentials = Credentials(pipeline.account_id, pipeline.aws.secret)
    aws = Aws(REGION, endpoint_url=pipeline.aws.endpoint_url, credentials=credentials)
    latest = deployed_package(aws, "processor")
    assert (latest, deployed_package(aws, "processor", "$LATEST")) == (zipped(OTHER), zipped(OTHER))
    assert deployed_package(aws, "processor", version) not in (latest, b"")
    functions.delete_function(FunctionName="processor", Qualifier=version)
    with pytest.raises(AwsError):
        deployed_package(aws, "processor", version)


def test_a_url_is_for_one_version_of_one_function_of_one_account(pipeline: Pipeline) -> None:
    url = pipeline.client("lambda").get_function(FunctionName="processor")["Code"]["Location"]
    path, query = urlsplit(url).path, urlsplit(url).query
    assert status(url) == 200
    changed = [
        url.replace(f"{path}?", f"{path.removesuffix('%24LATEST')}1?"),
        url.replace("processor", "auditor"),
        url.replace(pipeline.account_id, "0" * 12),
        url.replace("X-Amz-Expires=600", "X-Amz-Expires=9999"),
        url.removesuffix(f"?{query}"),
        url.replace(pipeline.account_id, "AKIAABCDEFGHIJKLMNOP"),
    ]
    assert [status(each) for each in changed[:-1]] == [403] * 5
    assert status(changed[-1]) == 404  # MiniStack checks the signatures of users, whose account has no such function
    assert status(url, "POST") != 200
    assert status(f"{pipeline.aws.endpoint_url}/_ministack/lambda-code/{pipeline.account_id}/x/processor") == 403
