"""Notes in `plan` on resources without a difference, and values that it hides."""

from __future__ import annotations

import pytest

from pipectl.commands.plan import plan
from pipectl.commands.status import status
from pipectl.commands.up import up
from pipectl.engine.model import Action
from tests.cli_support import pipectl
from tests.resources.direct_access import DirectAccess, zipped
from tests.support import yes

SECRET = "sk-live-0123456789"


@pytest.fixture
def pipeline(direct: DirectAccess) -> DirectAccess:
    up(direct.world.context(), yes)
    return direct


def test_another_mapping_that_reads_the_dead_letter_queue_is_shown(pipeline: DirectAccess) -> None:
    role = pipeline.lambda_.get_function_configuration(FunctionName=pipeline.names.auditor)["Role"]
    function = pipeline.lambda_.create_function(
        FunctionName="another", Role=role, Runtime="python3.12", Handler="handler.handler", Code={"ZipFile": zipped("")}
    )
    queue = pipeline.mapping(pipeline.resources["queue-mapping"])["EventSourceArn"]
    other = pipeline.lambda_.create_event_source_mapping(FunctionName="another", EventSourceArn=queue)
    changes = {change.resource: change for change in plan(pipeline.world.context()).changes}
    assert {change.action for change in changes.values()} == {Action.KEEP}
    noted = {key for key, change in changes.items() if change.reason}
    assert noted == {"queue-mapping"}
    assert other["UUID"] in str(changes["queue-mapping"].reason)
    assert function["FunctionArn"] in str(changes["queue-mapping"].reason)


def test_values_of_variables_that_pipectl_does_not_set_are_hidden(pipeline: DirectAccess) -> None:
    name = pipeline.names.processor
    variables = pipeline.lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    changed = {**variables, "API_KEY": SECRET, "BUCKET_NAME": "another-bucket"}
    pipeline.lambda_.update_function_configuration(FunctionName=name, Environment={"Variables": changed})
    (change,) = plan(pipeline.world.context()).pending
    assert change.attributes["environment.API_KEY"].before == "(hidden)"
    assert change.attributes["environment.BUCKET_NAME"].before == "another-bucket"
    (found,) = [each for each in status(pipeline.world.context()).resources if each.resource == "processor"]
    assert found.drift["environment.API_KEY"].before == "(hidden)"
    for words in (("plan",), ("status",), ("-o", "json", "plan"), ("-o", "json", "status")):
        assert SECRET not in pipectl("-c", pipeline.world.file, *words).output


def test_variables_that_pipectl_does_not_set_are_removed(pipeline: DirectAccess) -> None:
    name = pipeline.names.processor
    variables = pipeline.lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    changed = {**variables, "API_KEY": SECRET}
    pipeline.lambda_.update_function_configuration(FunctionName=name, Environment={"Variables": changed})
    up(pipeline.world.context(), yes)
    assert pipeline.lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"] == variables
