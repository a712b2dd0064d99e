"""The outputs of the how-to pages: the tasks of a project whose last deploy makes orders fail."""

from __future__ import annotations

from pathlib import Path

from tools.pictures.session import Recorder, Recording

HANDLER = "lambda_src/python/processor/handler.py"
CONFIG = "config/dev.yaml"
ORDERS = ("order-2001", "order-2002", "order-2003")


def run(recorder: Recorder) -> dict[str, Recording]:
    """Run the tasks in the folder of a project without a pipeline. Return the recording of each by its name."""
    recordings: dict[str, Recording] = {}
    for part in (_bad_deploy, _failures, _rollback, _rename, _delete, _adopt):
        recordings |= part(recorder)
    return recordings


def _bad_deploy(recorder: Recorder) -> dict[str, Recording]:
    recorder.record("pipectl --local up --yes")
    line = '"country": order.get("address", {}).get("country")'
    _replace(recorder.folder / HANDLER, line, '"country": order["country"]')
    plan = recorder.record("pipectl --local plan --code")
    recorder.record("pipectl --local up --yes")
    return {"plan-code": plan}


def _failures(recorder: Recorder) -> dict[str, Recording]:
    for order in ORDERS:
        recorder.record(f"""pipectl --local send '{{"orderId": "{order}", "amount": 12.5}}'""", exit_code=1)
    return {
        "save": recorder.record("pipectl --local replay-dlq --save saved"),
        "resolve": recorder.record(f'pipectl --local audit resolve {ORDERS[0]} --reason "test order"', answers=("y",)),
    }


def _rollback(recorder: Recorder) -> dict[str, Recording]:
    return {
        "rollback": recorder.record("pipectl --local rollback", answers=("y",)),
        "pause": recorder.record("pipectl --local pause --by ada"),
        "resume": recorder.record("pipectl --local resume"),
    }


def _rename(recorder: Recorder) -> dict[str, Recording]:
    config = recorder.folder / CONFIG
    _replace(config, "team: backend", "team: shop")
    plan = recorder.record("pipectl --local plan")
    _replace(config, "team: shop", "team: backend")
    return {"plan-rename": plan}


def _delete(recorder: Recorder) -> dict[str, Recording]:
    refused = recorder.record("pipectl --local down --yes", exit_code=1)
    recorder.record("pipectl --local down --delete-data --yes")
    return {"down-refused": refused}


def _adopt(recorder: Recorder) -> dict[str, Recording]:
    """Create the bucket by hand, before the pipeline exists."""
    recorder.client("s3").create_bucket(Bucket="dev-processed-data-000000000000-backend")
    return {
        "plan-refused": recorder.record("pipectl --local plan", exit_code=1),
        "plan-adopt": recorder.record("pipectl --local plan --adopt bucket"),
    }


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in the file"
    file.write_text(text.replace(old, new))
