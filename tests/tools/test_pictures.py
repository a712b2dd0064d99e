"""The pictures of docs/pictures are those that `python -m tools.pictures` draws."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from tools.pictures.__main__ import main
from tools.pictures.drawn import PICTURES, files

DRAWN = [(path, drawn) for name in sorted(PICTURES) for path, drawn in files(name)]


def ids(case: object) -> str:
    return case.name if isinstance(case, Path) else ""


@pytest.mark.parametrize(("path", "drawn"), DRAWN, ids=ids)
def test_each_drawn_picture_is_up_to_date(path: Path, drawn: str) -> None:
    assert path.read_text(encoding="utf-8") == drawn, f"run: python -m tools.pictures {path.stem.rpartition('-')[0]}"


@pytest.mark.parametrize(("path", "drawn"), DRAWN, ids=ids)
def test_each_drawn_picture_is_self_contained_and_described(path: Path, drawn: str) -> None:
    root = ElementTree.fromstring(drawn)
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}

    assert root.get("role") == "img"
    assert (root.findtext("{*}title") or "").strip()
    assert (root.findtext("{*}desc") or "").strip()
    assert not tags & {"script", "image", "foreignObject", "a", "use"}
    assert "url(" not in drawn
    assert "@import" not in drawn


def test_an_unknown_picture_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["of-nothing"]) == 2
    assert "unknown: of-nothing" in capsys.readouterr().err
