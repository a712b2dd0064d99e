"""Read a config and the files that it extends. All errors of all files are reported at once."""

from __future__ import annotations

from pathlib import Path

from pipectl.config.layers import Layers, Place, read_layers
from pipectl.config.models import Config
from pipectl.config.validation import Finding, validate
from pipectl.config.yaml_document import Value, dotted, printable, problem_of
from pipectl.errors import ConfigError, Problem
from pipectl.text import documentation

_REFERENCE = f"every key: {documentation('config.md')}, or `pipectl config schema`"
_IS_BASE = "if it is a base, use a config that extends it"


def load(file: Path) -> Config:
    """Return the config in ``file``, merged over the files that it extends.

    Raises:
        ConfigError: A file cannot be read or is invalid. The error has every problem, with file, line and key.
    """
    return config_of(read_layers(file))


def config_of(layers: Layers) -> Config:
    """Return the config of files that were read.

    Raises:
        ConfigError: A file cannot be read or is invalid.
    """
    config, findings = validate(layers.values)
    if not layers.complete:  # the values of a base are unknown
        findings = [finding for finding in findings if not finding.missing and not finding.related]
    unreadable = {(problem.file, problem.key) for problem in layers.problems}
    found = [_problem(layers, finding) for finding in findings]
    problems = [*layers.problems, *(each for each in found if (each.file, each.key) not in unreadable)]
    if problems or config is None:
        order = {printable(str(file)): index for index, file in enumerate(layers.files)}
        problems.sort(key=lambda problem: (order.get(problem.file, len(order)), problem.line))
        only_missing = len(layers.files) == 1 and bool(findings) and all(finding.missing for finding in findings)
        hint = f"{_REFERENCE}; {_IS_BASE}" if only_missing else _REFERENCE
        raise ConfigError(problems, hint=layers.hint or hint)
    return config


def problems(values: dict[str, Value]) -> list[tuple[str, str]]:
    """Return the dotted key and the words of each problem of a config that is no file."""
    return [(dotted(finding.path), finding.message) for finding in validate(values)[1]]


def _problem(layers: Layers, finding: Finding) -> Problem:
    """Return a finding with the place where the value is written."""
    if finding.missing:
        place, words = _missing(layers, finding)
    else:
        place, words = _written(layers, finding)
    return problem_of(place.file, place.line, dotted(finding.path), words)


def _missing(layers: Layers, finding: Finding) -> tuple[Place, str]:
    for end in range(len(finding.path), 0, -1):
        if found := layers.removed.get(finding.path[:end]):
            null, earlier = found
            return null, f"{finding.message}: null removes the value of {earlier}"
    bases = " and ".join(printable(str(file)) for file in layers.files[1:])
    words = f"{finding.message}, also in {bases}" if bases else finding.message
    return layers.nearest_on_top(finding.path), words


def _written(layers: Layers, finding: Finding) -> tuple[Place, str]:
    """Return the place of a wrong value, and the problem with the places of other files that it depends on.

    The value of a key that is not written is a default: then a key that it contradicts is the wrong one.
    """
    own = layers.places.get(finding.path)
    related = {path: layers.places[path] for path in finding.related if path in layers.places}
    if own is None and related:
        own = min(related.values(), key=lambda place: layers.files.index(place.file))
    place = own or layers.nearest(finding.path)
    others = [f"{dotted(path)} is in {at}" for path, at in related.items() if at.file != place.file]
    return place, "; ".join([finding.message, *others])
