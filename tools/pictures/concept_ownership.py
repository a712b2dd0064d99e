"""The picture of the decision of `up` about one resource. Each answer is that of the planner itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from tools.pictures.blocks import Card, quiet, title

from pipectl.config.names import MANAGED_BY, OWNERSHIP_TAGS
from pipectl.engine.model import Action, Attributes, Facts, Observation, Resource
from pipectl.engine.planner import plan_up
from pipectl.output.svg import Theme, Tone, arrow, document, label

WIDTH = 600
KEY = "example"
MANAGED = dict(zip(OWNERSHIP_TAGS, (MANAGED_BY, "order-pipeline", "dev"), strict=True))
LOOKS = {
    Action.CREATE: (Tone.GOOD, "create"),
    Action.KEEP: (Tone.GOOD, "keep"),
    Action.UPDATE: (Tone.GOOD, "update"),
    Action.ADOPT: (Tone.ATTENTION, "adopt"),
    Action.REPLACE: (Tone.ATTENTION, "replace"),
    Action.DELETE: (Tone.ATTENTION, "delete"),
    Action.REFUSE: (Tone.BAD, "refuse"),
}


class _Example(Resource):
    """A resource whose attribute ``key`` is fixed, and whose attribute ``source`` only a new resource can have."""

    kind = "example"
    fixed = ("key",)
    replaces = ("source",)

    def desired(self, facts: Mapping[str, Facts]) -> Attributes:
        del facts
        return {"key": 1, "source": 1, "setting": 1}

    def observe(self) -> Observation | None:
        raise NotImplementedError

    def create(self, desired: Attributes) -> Facts:
        raise NotImplementedError

    def update(self, desired: Attributes, observed: Observation, differs: Collection[str]) -> Facts:
        raise NotImplementedError

    def delete(self, observed: Observation, *, delete_data: bool = False) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class Case:
    """A state of a resource, and the options of `up`.

    Attributes:
        differs: Attributes that differ; ``None`` for a resource that does not exist.
        managed: It has the tags of the pipeline.
        adopted: It is named with ``--adopt``.
        wanted: The config does not switch it off.
    """

    differs: tuple[str, ...] | None = ()
    managed: bool = True
    adopted: bool = False
    wanted: bool = True

    def action(self) -> Action | None:
        """Ask the planner; ``None`` when it does nothing."""
        resource = _Example(KEY, KEY)
        resource.wanted = self.wanted
        found = None
        if self.differs is not None:
            attributes = resource.desired({}) | dict.fromkeys(self.differs, 2)
            found = Observation(attributes, MANAGED if self.managed else {})
        adopt = [KEY] if self.adopted else []
        changes = plan_up({KEY: resource}, {KEY: found}, MANAGED, adopt=adopt).changes
        return changes[0].action if changes else None


@dataclass(frozen=True)
class Question:
    """A question with the answer that leaves the way down, and the cases that are decided then."""

    words: str
    answer: str
    cases: tuple[tuple[str, Case], ...]
    detail: str = ""


QUESTIONS = (
    Question(
        "Does the config switch it off?",
        "yes",
        (("if it is managed", Case(wanted=False)),),
        "such as extra_alarms: false",
    ),
    Question("Does a resource of its name exist?", "no", (("", Case(differs=None)),)),
    Question(
        "Do its tags match the config?",
        "no",
        (("", Case(managed=False)), ("with --adopt", Case(managed=False, adopted=True))),
        ", ".join(OWNERSHIP_TAGS),
    ),
    Question("Does it differ from the config?", "no", (("", Case()),)),
    Question("Is a change impossible, or would it lose data?", "yes", (("", Case(differs=("key",))),)),
    Question("Can AWS change it in place?", "no", (("", Case(differs=("source",))),)),
)
LAST = Case(differs=("setting",))


def draw(theme: Theme) -> str:
    """Return the picture."""
    left, question_width, answer_x, y = 10, 316, 414, 10.0
    drawn, words = list[str](), list[str]()
    above: Card | None = None
    for at, question in enumerate(QUESTIONS, 1):
        texts = [title(f"{at}  {question.words}"), *([quiet(question.detail)] if question.detail else [])]
        asked = Card(left, y, question_width, texts, least=56)
        answers, bottom = list[Card](), y
        for condition, case in question.cases:
            answers.append(_answer(answer_x, bottom, case, condition))
            bottom = answers[-1].bottom + 8
        start, branch = answers[0].middle[1], answer_x - 26
        drawn += [arrow([(branch, start), (branch, each.middle[1]), (each.x, each.middle[1])]) for each in answers[1:]]
        drawn.append(arrow([(asked.right, start), (answer_x, start)]))
        drawn.append(label(asked.right + 14, start - 7, question.answer, size=14))
        drawn += [element for card in (asked, *answers) for element in card.drawn()]
        if above:
            drawn += _down(above, asked, QUESTIONS[at - 2].answer)
        words.append(
            f"{at}. {question.words} If {question.answer}: {', '.join(_said(*each) for each in question.cases)}."
        )
        above, y = asked, max(asked.bottom, bottom - 8) + 34
    assert above
    last = _answer(left, y, LAST, "")
    drawn += [*_down(above, last, QUESTIONS[-1].answer), *last.drawn()]
    return document(
        WIDTH,
        last.bottom + 10,
        drawn,
        theme=theme,
        title="The decision of up about a resource",
        description=f"{' '.join(words)} Otherwise: {_said('', LAST)}.",
        name="concept-ownership",
    )


def _answer(x: float, y: float, case: Case, condition: str) -> Card:
    action = case.action()
    assert action
    tone, word = LOOKS[action]
    texts = [title(word, tone), *([quiet(condition)] if condition else [])]
    return Card(x, y, 176, texts, tone, least=44, signed=True)


def _said(condition: str, case: Case) -> str:
    return f"{case.action()} {condition}".strip()


def _down(above: Card, below: Card, answer: str) -> list[str]:
    x = above.x + 40
    other = "no" if answer == "yes" else "yes"
    return [arrow([(x, above.bottom), (x, below.y)]), label(x + 12, below.y - 12, other, size=14)]


def actions() -> set[Action]:
    """Return the actions that the picture shows."""
    cases = [LAST, *(case for question in QUESTIONS for _, case in question.cases)]
    return {action for case in cases if (action := case.action())}
