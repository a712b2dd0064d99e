"""The picture of the pipeline as Mermaid: its structure, and hostile names."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from syrupy.assertion import SnapshotAssertion

from pipectl.output.diagram import Diagram, Part
from pipectl.output.mermaid import mermaid
from tests.output.diagrams import dev, drawn

NODE = re.compile(r'    (\w+)(\(\[|\[\(|\[\[|\{\{|\[)"([^"]*)"(\]\)|\)\]|\]\]|\}\}|\])')
ARROW = re.compile(r'    (\w+) (-->|-\.->|-\.-)(?:\|"([^"|]*)"\|)? (\w+)')
LABEL = re.compile(r"(?:[\w .,:/-]|#\d+;|<br/>)*")
HOSTILE = """"]; <img src=x onerror=alert(1)> `**b**` #quot; %% {x} | end\nclick processor "javascript:alert(1)" """


def read(text: str) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Return the labels of the nodes and the arrows of a flowchart. Each line must be one of them."""
    first, *lines = text.splitlines()
    assert first == "flowchart TB"
    assert [line.split(":")[0] for line in lines[:2]] == ["    accTitle", "    accDescr"]
    nodes, arrows = {}, []
    for line in lines[2:]:
        if node := NODE.fullmatch(line):
            nodes[node[1]] = node[3]
        else:
            arrow = ARROW.fullmatch(line)
            assert arrow, line
            arrows.append((arrow[1], arrow[4]))
    return nodes, arrows


def named(text: str) -> Diagram:
    """Return the picture of a pipeline whose names and folders are all the same text."""
    plain = dev()
    nodes = {part: replace(node, name=node.name and text, notes=(text,)) for part, node in plain.nodes.items()}
    alarms = tuple(replace(alarm, name=text) for alarm in plain.alarms)
    return replace(plain, nodes=nodes, alarms=alarms, processed=text, quarantine=text)


def test_the_text_for_a_readme(snapshot: SnapshotAssertion) -> None:
    assert mermaid(dev()) == snapshot


def test_every_part_is_a_node_and_every_arrow_joins_two() -> None:
    nodes, arrows = read(mermaid(dev()))

    assert set(nodes) == {part.replace("-", "_") for part in Part} | {"alarms"}
    assert {end for arrow in arrows for end in arrow} == set(nodes)


def test_every_physical_name_is_shown() -> None:
    text = mermaid(drawn(environment="staging-europe", team="fulfilment"))

    assert all(
        node.name in text for node in drawn(environment="staging-europe", team="fulfilment").nodes.values() if node.name
    )
    assert "staging-europe-order-failures-alarm-fulfilment" in text


@pytest.mark.parametrize("text", [HOSTILE, "end", "1. first", "</script>", "a\r\nb", "\u202eevil", "日本"])
def test_no_text_can_end_its_label(text: str) -> None:
    nodes, arrows = read(mermaid(named(text)))

    assert (set(nodes), arrows) == (set(read(mermaid(dev()))[0]), read(mermaid(dev()))[1])
    assert [label for label in nodes.values() if not LABEL.fullmatch(label)] == []


def test_a_partition_key_of_the_config_is_escaped() -> None:
    text = mermaid(drawn(**{"orders-table": {"partition_key": 'id"]<b>'}}))

    assert "key: id#34;#93;#60;b#62;" in text
