"""`up` with the id of a plan: it makes exactly the changes that were reviewed, or none."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from moto.dynamodb import dynamodb_backends
from moto.sqs import sqs_backends

from pipectl.commands.pause import pause
from pipectl.commands.plan import PlanReport, plan
from pipectl.commands.resume import resume
from pipectl.commands.up import UpReport, up
from pipectl.engine.model import Action
from pipectl.errors import PlanChangedError, RefusedError
from pipectl.resource_keys import ResourceKey
from tests.commands.pausing import MAPPING, mapping, tags
from tests.resources.direct_access import DirectAccess, zipped
from tests.support import ACCOUNT, REGION, FakeClock, World

HOUR = 3600
MEMORY = {"processor": {"memory": 512}}


def asked(report: PlanReport) -> None:
    raise AssertionError("the plan was reviewed")


def apply(world: World, reviewed: str, **options: Any) -> UpReport:
    return up(world.context(), asked, reviewed=reviewed, **options)


def planned(direct: DirectAccess, **config: Any) -> PlanReport:
    return plan(direct.world.context(**config))


def memory(direct: DirectAccess) -> int:
    return int(direct.lambda_.get_function(FunctionName=direct.names.processor)["Configuration"]["MemorySize"])


def test_a_reviewed_plan_is_applied_without_a_question(direct: DirectAccess) -> None:
    reviewed = planned(direct, **MEMORY)
    assert reviewed.apply == f"up --plan {reviewed.id}"
    report = apply(direct.world, reviewed.id)
    assert (memory(direct), report.plan) == (512, reviewed.id)
    assert planned(direct).pending == []


def test_the_result_has_the_flags_of_the_plan(direct: DirectAccess) -> None:
    reviewed = planned(direct, **{"stream-mapping": {"bisect": False}})
    report = apply(direct.world, reviewed.id)
    found = {key: [flag.attribute for flag in flags] for key, flags in report.flags.items() if flags}
    assert found == {ResourceKey.STREAM_MAPPING: ["bisect"]}
    assert report.flags == {review.change.resource: review.flags for review in reviewed.reviews}


def test_a_plan_is_applied_in_an_empty_account(moto_world: World) -> None:
    reviewed = plan(moto_world.context())
    assert apply(moto_world, reviewed.id).plan == reviewed.id


def test_a_resource_that_somebody_changed_since_is_reported_and_nothing_changes(direct: DirectAccess) -> None:
    reviewed = planned(direct, **MEMORY)
    direct.lambda_.update_function_configuration(FunctionName=direct.names.auditor, Timeout=99)
    direct.world.writes()
    with pytest.raises(PlanChangedError) as raised:
        apply(direct.world, reviewed.id)
    now = raised.value.report
    assert isinstance(now, PlanReport)
    assert now.id == planned(direct).id != reviewed.id
    assert {change.resource for change in now.pending} == {ResourceKey.PROCESSOR, ResourceKey.AUDITOR}
    assert f"`pipectl up --plan {now.id}`" in str(raised.value.hint)
    assert (direct.world.writes(), memory(direct)) == ([], 256)
    apply(direct.world, now.id)
    assert planned(direct).pending == []


def test_a_config_that_changed_since_is_reported(direct: DirectAccess) -> None:
    reviewed = planned(direct, **MEMORY)
    direct.world.context(processor={"memory": 1024})
    direct.world.writes()
    with pytest.raises(PlanChangedError):
        apply(direct.world, reviewed.id)
    assert direct.world.writes() == []


def test_a_change_that_is_made_in_the_config_and_in_aws_is_reported(direct: DirectAccess) -> None:
    reviewed = planned(direct, **MEMORY)
    direct.lambda_.update_function_configuration(FunctionName=direct.names.auditor, Timeout=45)
    direct.world.context(auditor={"timeout": 45}, **{"dead-letter-queue": {"visibility_timeout": 270}})
    with pytest.raises(PlanChangedError):
        apply(direct.world, reviewed.id)


def test_nothing_left_to_do_is_a_success_so_that_a_job_can_run_again(direct: DirectAccess) -> None:
    reviewed = planned(direct, **MEMORY)
    apply(direct.world, reviewed.id)
    direct.world.writes()
    context = direct.world.context()
    report = up(context, asked, reviewed=reviewed.id)
    assert {change.action for change in report.changes} == {Action.KEEP}
    assert report.plan == planned(direct).id != reviewed.id
    assert any(reviewed.id in note for note in context.reporter.notes)  # type: ignore[attr-defined]
    assert direct.world.writes() == []


def test_the_id_of_a_plan_without_changes_is_no_surprise(direct: DirectAccess) -> None:
    reviewed = planned(direct)
    assert (reviewed.apply, reviewed.pending) == ("", [])
    context = direct.world.context()
    assert up(context, asked, reviewed=reviewed.id).plan == reviewed.id
    assert context.reporter.notes == []  # type: ignore[attr-defined]


def test_a_refused_plan_has_no_id_and_refuses_every_id(direct: DirectAccess) -> None:
    direct.untag(direct.resources[ResourceKey.DEAD_LETTER_QUEUE], ["ManagedBy"])
    reviewed = planned(direct)
    assert (reviewed.id, reviewed.apply) == ("", "")
    with pytest.raises(RefusedError) as raised:
        apply(direct.world, "3f2a91c07b4e")
    assert raised.value.resources == (ResourceKey.DEAD_LETTER_QUEUE,)


def test_the_command_repeats_the_options_of_the_plan(direct: DirectAccess) -> None:
    direct.untag(direct.resources[ResourceKey.DEAD_LETTER_QUEUE], ["ManagedBy"])
    adopt = [ResourceKey.DEAD_LETTER_QUEUE]
    reviewed = plan(direct.world.context(), adopt=adopt, allow_stream_replacement=True)
    assert reviewed.apply == f"up --plan {reviewed.id} --adopt dead-letter-queue --allow-stream-replacement"
    assert plan(direct.world.context(), adopt=list(ResourceKey)).id == reviewed.id
    assert apply(direct.world, reviewed.id, adopt=adopt).plan == reviewed.id


# the id


def test_traffic_time_alarms_and_pauses_do_not_change_the_id(direct: DirectAccess, clock: FakeClock) -> None:
    names = direct.names
    direct.s3.delete_bucket_policy(Bucket=names.bucket)  # moto takes every request for one without TLS
    before = planned(direct, **MEMORY).id
    dynamodb_backends[ACCOUNT][REGION].tables[names.orders_table].lambda_event_source_mappings.clear()
    sqs_backends[ACCOUNT][REGION].queues[names.queue].lambda_event_source_mappings.clear()
    for number in range(3):
        direct.dynamodb.put_item(TableName=names.orders_table, Item={"orderId": {"S": f"order-{number}"}})
        direct.s3.put_object(Bucket=names.bucket, Key=f"failed-data/{number}", Body=b"{}")
        direct.sqs.send_message(QueueUrl=direct.sqs.get_queue_url(QueueName=names.queue)["QueueUrl"], MessageBody="x")
    direct.logs.create_log_stream(logGroupName=names.processor_log_group, logStreamName="stream")
    direct.cloudwatch.set_alarm_state(AlarmName=names.errors_alarm, StateValue="ALARM", StateReason="test")
    clock.sleep(7 * HOUR)
    assert planned(direct).id == before
    pause(direct.world.context(), "ada")
    assert planned(direct).id == before
    clock.sleep(HOUR)
    assert planned(direct).id == before
    resume(direct.world.context())
    assert planned(direct).id == before
    apply(direct.world, before)


def test_the_begin_and_the_end_of_a_backlog_do_not_change_the_id(direct: DirectAccess, clock: FakeClock) -> None:
    before = planned(direct, **MEMORY).id
    pause(direct.world.context(), "ada")
    clock.sleep(13 * HOUR)
    resume(direct.world.context())
    assert mapping(direct)["MaximumRecordAgeInSeconds"] == -1
    assert planned(direct).id == before
    clock.sleep(25 * HOUR)
    now = planned(direct)
    assert {change.resource for change in now.pending} == {ResourceKey.PROCESSOR, MAPPING}
    assert now.id == before
    apply(direct.world, before)
    assert mapping(direct)["MaximumRecordAgeInSeconds"] == 12 * HOUR
    assert "CatchingUpSince" not in tags(direct)


def test_another_mapping_of_the_pipeline_changes_the_id(direct: DirectAccess) -> None:
    before = planned(direct).id
    found, its_tags = mapping(direct), tags(direct)
    other = direct.lambda_.create_event_source_mapping(
        EventSourceArn=found["EventSourceArn"], FunctionName=direct.names.auditor, StartingPosition="LATEST"
    )
    arn = found["EventSourceMappingArn"].replace(found["UUID"], other["UUID"])
    direct.lambda_.tag_resource(Resource=arn, Tags=its_tags)
    assert planned(direct).id != before


def test_a_changed_byte_of_code_changes_the_id_and_times_and_paths_do_not(direct: DirectAccess, tmp_path: Path) -> None:
    source = Path(str(direct.world.config.auditor.source).format(language="python"))
    ids = []
    for folder in ("one", "two"):
        copied = tmp_path / folder
        copied.mkdir()
        for file in source.iterdir():
            if file.is_file():
                (copied / file.name).write_bytes(file.read_bytes())
                os.utime(copied / file.name, (0, 10**9))
        ids.append(planned(direct, auditor={"source": str(copied)}).id)
    assert ids[0] == ids[1]
    handler = next(copied.glob("*.py"))
    handler.write_bytes(handler.read_bytes() + b"\n")
    assert planned(direct).id not in ids


def test_deployed_code_that_changed_changes_the_id(direct: DirectAccess) -> None:
    before = planned(direct, **MEMORY).id
    direct.lambda_.update_function_code(FunctionName=direct.names.auditor, ZipFile=zipped("x = 1\n"))
    assert planned(direct).id != before
