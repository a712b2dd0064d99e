"""The results of `template`."""

from __future__ import annotations

from pipectl.commands.template import Template
from pipectl.output.console import Screen


def result(screen: Screen, template: Template) -> None:
    """Print the template as CloudFormation takes it: YAML, or JSON without a schema version."""
    if screen.json_output:
        screen.json(template.document)
        return
    screen.verbatim(template.as_yaml())
    if template.folder:
        screen.note(f"Wrote {' and '.join(template.packages)} to {template.folder}.")
        screen.note(f"Upload them: aws s3 cp --recursive {template.folder} s3://BUCKET/")
