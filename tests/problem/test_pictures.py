"""Names in mathematics, scales, and files of pictures."""

from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from nhpinn_sym.problem.errors import OutputPathError
from nhpinn_sym.problem.pictures import (
    Sheet,
    curves,
    escaped_text,
    field,
    rates,
    real_parts,
    symbol,
)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("u", "$u$"),
        ("N_1", "$N_{1}$"),
        ("N_12", "$N_{12}$"),
        ("N_1_2", "$N_{1,2}$"),
        ("x1", "$x_{1}$"),
        ("psi", r"$\psi$"),
        ("N_2_v1", "$N_{2,v_{1}}$"),
        ("N_1_phi", r"$N_{1,\phi}$"),
        ("temperature", r"$\mathrm{temperature}$"),
        ("a$b", r"a\$b"),
        ("\\input{x}", r"\\input{x}"),
    ],
)
def test_names(name: str, shown: str) -> None:
    assert symbol(name) == shown


@pytest.mark.parametrize("name", ["$", r"\frac", "a_b_c^{", "u\nv", "${}^", "N_{", "%$#"])
def test_every_name_can_be_drawn(name: str) -> None:
    sheet = Sheet(1, 1, (2, 2))
    curves(
        sheet.at(0, 0), np.arange(3.0), {symbol(name): np.ones(3)}, escaped_text(name), symbol(name)
    )
    assert sheet.drawing("p", "").png().startswith(b"\x89PNG")


def test_a_signed_field_has_zero_in_the_middle_of_its_scale() -> None:
    sheet = Sheet(1, 2, (2, 2))
    lines = [np.linspace(0, 1, 5), np.linspace(0, 2, 4)]
    values = np.linspace(-1, 3, 20).reshape(5, 4)
    signed = field(sheet.at(0, 0), lines, values, "", ("", ""), signed=True)
    shared = field(sheet.at(0, 1), lines, values, "", ("", ""), limits=(0, 9))
    assert signed.get_clim() == (-3, 3) and signed.get_cmap().name == "RdBu_r"
    assert shared.get_clim() == (0, 9) and shared.get_cmap().name == "viridis"
    assert np.array_equal(signed.get_array(), values.T)  # x along the first axis of the picture


def test_files_are_the_same_each_time(tmp_path: Path) -> None:
    sheet = Sheet(1, 1, (2, 2))
    rates(sheet.at(0, 0), {"e": ([0.25, 0.125], [0.2, 0.1])}, 1, "rate")
    drawing = sheet.drawing("rate", "a rate")
    drawing.save(tmp_path / "rate.svg")
    drawing.save(tmp_path / "rate.png")
    text = (tmp_path / "rate.svg").read_text()
    assert (
        ET.fromstring(text).tag.endswith("svg") and drawing.svg() == drawing.svg() == text.encode()
    )
    assert drawing._repr_png_() == (tmp_path / "rate.png").read_bytes()
    ticks = [label.get_text() for label in sheet.figure.axes[0].get_xticklabels()]
    assert ticks == ["1/8", "1/4"]
    with pytest.raises(OutputPathError, match=r"rate\.svg"):
        drawing.save(tmp_path / "rate.doc")


def test_a_picture_keeps_its_size_when_it_is_written_as_svg() -> None:
    """Images in SVG have fewer points than those in PNG; the figure stays as it is."""
    sheet = Sheet(1, 1, (3, 2))
    lines = [np.linspace(0, 1, 40), np.linspace(0, 1, 30)]
    field(sheet.at(0, 0), lines, np.random.default_rng(0).random((40, 30)), "", ("", ""))
    drawing = sheet.drawing("field", "")
    png, svg = drawing.png(), drawing.svg()
    with Image.open(io.BytesIO(png)) as image:
        assert image.size == (330, 220) and image.mode == "RGB"
    assert drawing.png() == png and drawing.svg() == svg and drawing.figure.dpi == 110


def test_complex_values_are_drawn_by_their_parts() -> None:
    assert list(real_parts("u", np.array([1 + 2j]))) == ["Re u", "Im u"]
    assert list(real_parts("u", np.array([1 + 0j]))) == ["u"]
