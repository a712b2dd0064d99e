"""The steps and the result of `demo`."""

from __future__ import annotations

from collections.abc import Mapping

from pipectl.commands.demo import INVALID_ORDERS, DemoReport, Step
from pipectl.json_types import JsonValue
from pipectl.output import looks
from pipectl.output.console import Screen
from pipectl.output.serializer import dumps

STEPS: Mapping[Step, str] = {
    "up": "1. `pipectl up` creates the pipeline on a local emulator, with IAM enforced",
    "orders": "2. {orders} orders are written, {updates} of them are updated, and every version is stored",
    "failures": "3. {invalid} orders are invalid: they are retried, put in quarantine and audited",
    "alarm": "4. The alarm fires",
    "fix": "5. `pipectl up` deploys a fixed processor",
    "replay": "6. `pipectl replay-dlq` replays the failed orders",
    "down": "7. `pipectl down` deletes the resources and checks that none remain",
}


class Progress:
    """Shows the steps of a demo of so many orders."""

    def __init__(self, screen: Screen, orders: int) -> None:
        self._screen = screen
        self._orders = orders

    def step(self, step: Step) -> None:
        updates = (self._orders + 2) // 3
        sentence = STEPS[step].format(orders=self._orders, updates=updates, invalid=INVALID_ORDERS)
        self._screen.progress.end_step()  # of `up`, which prints no result here
        self._screen.note(sentence, commands=True, look=looks.ATTENTION)

    def stored(self, key: str, order: JsonValue) -> None:
        self._screen.note(f"   object  {key}")
        self._screen.note(f"   order   {dumps(order, indent=None)}")

    def failed(self, order: str, reason: str) -> None:
        self._screen.note(f"   {order}  {reason}")


def result(screen: Screen, report: DemoReport, *, carried: bool = False) -> None:
    if screen.json_output:
        screen.document(report)
        return
    versions = report.orders + report.updates
    seconds = report.seconds
    saving = seconds["fix"] + seconds["replay"]
    failures = f"{report.audited} failures audited, {report.quarantined} records in quarantine"
    screen.line("")
    screen.line(("Result:", looks.ATTENTION))
    for line in (
        f"  {report.resources} resources created in {seconds['up']:.1f} s; a second `up` changed nothing",
        f"  {versions} order versions written, {report.objects} objects stored, in {seconds['orders']:.1f} s",
        f"  {report.invalid} invalid orders: {failures}, in {seconds['failures']:.1f} s",
        f"  errors alarm: {report.errors_alarm}",
        f"  {report.replayed} orders replayed after the fix, in {saving:.1f} s: {report.objects_after_replay} objects",
        f"  deleted in {seconds['down']:.1f} s; {report.left} resources left",
        f"  {seconds['total']:.1f} s in total",
    ):
        screen.line(line)
    if carried:
        screen.line("Next: `pipectl init` writes this pipeline as a project of your own.")
