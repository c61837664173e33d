"""Pictures of reports are printed beside the process that computes on."""

from __future__ import annotations

from pathlib import Path

from nhpinn_sym.problem.pictures import Drawing, Sheet
from nhpinn_sym.solve.progress import silent
from nhpinn_sym.validate.picture_files import PictureFiles
from nhpinn_sym.validate.stored_parts import Store


def drawings() -> list[Drawing]:
    return [Sheet(1, 1, (1, 1)).drawing(name, f"{name}.") for name in ("first", "second")]


def test_pictures_are_kept_in_the_folder_of_a_store(tmp_path: Path) -> None:
    given = drawings()
    with PictureFiles(Store(tmp_path, "key"), silent) as files:
        files.add(given[:1])
        files.add(given[1:])
        kept = files.kept()
    assert [drawing.caption for drawing, _ in kept] == ["first.", "second."]
    for drawing, png in kept:
        assert png == drawing.png() == (tmp_path / f"{drawing.name}.png").read_bytes()
        assert (tmp_path / f"{drawing.name}.svg").read_bytes() == drawing.svg()


def test_nothing_is_drawn_without_a_folder() -> None:
    def never() -> object:
        raise AssertionError

    with PictureFiles(Store(None, "key"), silent) as files:
        files.add(never() for _ in range(1))  # type: ignore[misc]
        assert files.kept() == []
