"""report.html: what it holds, that nothing of it is taken from elsewhere, and how Chromium shows it.

The browser is Debian's: apt-get install --no-install-recommends chromium (tests/run.sh does so).
"""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.derive.prose import Prose, formula
from nhpinn_sym.emit.emit import emit
from nhpinn_sym.validate.mathml import mathml, sentence
from nhpinn_sym.validate.page import _FORMULAS, Content, _matrices, page, require_page_libraries
from nhpinn_sym.validate.page_blocks import Picture
from nhpinn_sym.validate.report import _FIRST_ORDER, _MEANINGS, _SHARES, Report, Verdict
from nhpinn_sym.validate.settings import Settings

HOSTILE = '<script>alert("&")</script> {{ 7 * 7 }}'
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c63f8ffff3f0300080002fee4a9a5b80000000049454e44ae426082"
)


def made(name: str = "two phases") -> Content:
    """A page's content as `validate` fills it, from numbers written down here."""
    s = nh.Scales(2)
    u = s.unknown("u")
    a = 2 + sp.sin(2 * sp.pi * s.y[0]) * sp.cos(2 * sp.pi * s.y[1])
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(u)), sp.sin(s.x[0])),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1), (0, 1)),
        boundary=[
            nh.Dirichlet(1, on="left"),
            nh.Dirichlet(0, on="right", unknown=[u]),
            nh.Neumann(0, on=["bottom", "top"]),
        ],
        name=name,
    )
    model = nh.homogenize(problem)
    tensor = np.array([[1.9353592, 9.1e-12], [2.5e-17, 1.9353592]])
    cells = {
        "A": {
            "skfem": tensor,
            "pinn": tensor,
            "bounds": (1.8 * np.eye(2), 2.0 * np.eye(2)),
            "closed form": None,
        },
        "estimates": {"skfem": 1e-7, "pinn": 5e-8},
        "seconds": {"skfem": 0.5, "pinn": 1.25},
        "fredholm": {"skfem": 0.0, "pinn": 3e-6},
    }
    expansion = {
        "rate": 2.001,
        "expected": 2,
        "eps": [0.25, 0.125],
        "errors": [4e-4, 1e-4],
        "floor": [1e-13, 1e-13],
        "cells": "fourier",
    }
    report = Report(
        name,
        "1/8",
        {"e1": 0.0123, "e2": 0.0122, "e3": 1e-7, "e4": 0.0121},
        {"homogenization": 0.0121, "cell": 1e-11, "macro": 7e-8, "reference": 9e-5},
        {"L2": 0.004, "H1": 0.05},
        {},
        {"PINN u0": "pinn: random-features"},
        {"estimates": {"u_eps": 9e-5}, "seconds": {"u_eps": 3.25}},
        {},
        Verdict.AGREEMENT,
        evidence=("the domain holds 8 periods", HOSTILE),
        cells=cells,
        expansion=expansion,
    )
    settings = Settings.read(problem, "skfem", {"seed": 3, "width": 40}, None, 1e-5, None, None)
    picture = Picture("error.png", "the error", PNG)
    return Content(report, problem, settings, model, [picture], [emit(model, "numpy")])


class Reader(HTMLParser):
    """The elements of a page: (tag, attributes), and the text outside of style."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def written() -> str:
    return page(made(HOSTILE)).decode()


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    return reader


def test_the_page_holds_what_was_found(written: str) -> None:
    shown = read(written).text
    for part in (
        "AGREEMENT",
        "the domain holds 8 periods",
        "0.0123",  # e1
        "homogenization",
        "1.9353592",
        "observed rate 2.001, expected 2",
        "Order",  # the derivation
        "seed 3, width = 40",
        "eps=sp.Rational(1, 8)",
        "tolerance=1e-05",
        "numpy/cell_fourier.py",
        "scikit-fem",
        "A as a quadratic form",
        "Dirichlet(value=1, on=left)",
        "Dirichlet(value=0, on=right, unknown=[u(x1, x2)])",
    ):
        assert part in shown
    assert written.count("<math") > 20
    assert len(written) < 3e6


def test_errors_of_a_paper_have_a_column_where_there_are_such(written: str) -> None:
    content = made()
    found = page(replace(content, report=replace(content.report, paper={"e1": 0.5}))).decode()
    assert "<th>paper" not in written and ">paper</th>" not in written
    assert ">paper</th>" in found and re.search(r">0\.5\d*</td>", found)


def test_nothing_is_fetched_and_nothing_runs(written: str) -> None:
    """Every address is in the page itself; what users name is text."""
    elements = read(written).elements
    addresses = [a[k] or "" for _, a in elements for k in ("src", "href") if k in a]
    assert addresses and all(a.startswith(("data:", "#")) for a in addresses)
    targets = {a.get("id") for _, a in elements}
    assert {a[1:] for a in addresses if a.startswith("#")} <= targets
    assert "script" not in {tag for tag, _ in elements}
    assert HOSTILE in read(written).text  # as it is, not 49
    assert not any(name.startswith("on") for _, a in elements for name in a)


def test_numbers_that_are_rounding_are_zero_in_a_matrix(written: str) -> None:
    matrices = re.findall(r"<mtable>.*?</mtable>", written)
    assert matrices and not any("e-" in m or "10" in m for m in matrices)


def test_every_meaning_of_the_tables_is_a_formula() -> None:
    meanings = {*_MEANINGS.values(), *_SHARES.values(), *_FIRST_ORDER.values()}
    assert meanings - {*_FORMULAS} == {_SHARES["reference"], _SHARES["law"]}


def test_bounds_of_an_eigenvalue_are_an_interval() -> None:
    """And no column of two numbers."""
    (line,) = _matrices("A", {"Hashin-Shtrikman": (1.25, 1.5)})
    assert "1.25" in line and "1.5]" in line.replace(" ", "") and "pmatrix" not in line
    assert mathml(line)


@pytest.mark.parametrize(
    ("latex", "texts"),
    [
        (r"\bigl\langle a \bigr\rangle", "\u27e8a\u27e9"),
        (r"a \\[1ex] b", "ab"),
        (r"\text{p \& q\textbackslash{}\{\^{}}x", "p\xa0&\xa0q\\{^x"),
        (r"\epsilon^{-2}\partial_{x_{1}} u", "\u03f5\u22122\u2202x1u"),
        (r"\text{<b>}", "<b>"),
    ],
)
def test_mathml_of_what_the_package_writes(latex: str, texts: str) -> None:
    tree = ET.fromstring(str(mathml(rf"\begin{{align*}}& {latex}\end{{align*}}", True)))
    assert "".join(tree.itertext()) == texts


def test_sentences_keep_their_words_and_formulas() -> None:
    x = sp.Symbol("x")
    assert sentence("a < b") == "a &lt; b"
    found = sentence(Prose("where ", formula(x**2), " & more"))
    assert found.startswith("where <math") and found.endswith("</math> &amp; more")


def test_several_panels_scroll_on_a_phone() -> None:
    """By the width that the PNG says it has; one panel fits."""
    wide = PNG[:16] + (1400).to_bytes(4, "big") + PNG[20:]
    found = page(replace(made(), pictures=[Picture("error.png", "the errors", wide)])).decode()
    assert '<figure class="panels">' in found and "<figure>" not in found


def test_missing_libraries_are_named_before_anything_is_solved(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "latex2mathml", None)
    with pytest.raises(nh.BackendMissingError, match="latex2mathml"):
        require_page_libraries()
    with pytest.raises(nh.BackendMissingError, match="pip install jinja2 latex2mathml"):
        nh.validate(made().problem, eps=sp.Rational(1, 8), out=tmp_path / "never")
    assert not (tmp_path / "never").exists()


def chromium(folder: Path, address: str, *options: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.fail(
            "there is no chromium; install it: apt-get install --no-install-recommends chromium"
        )
    given = (
        "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run"
        " --enable-logging=stderr --log-level=0"
    )
    command = [program, *given.split(), f"--user-data-dir={folder}", *options, address]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def test_chromium_shows_the_page_at_every_width_and_prints_it(tmp_path: Path, written: str) -> None:
    """Nothing on the console; nothing but the boxes that scroll is wider than a phone; formulas
    have a size, so they are rendered."""
    source = html.escape(written)
    frames = "".join(f'<iframe width="{w}" srcdoc="{source}"></iframe>' for w in (390, 1280))
    script = """<script>onload = () => {
      const seen = [...document.querySelectorAll("iframe")].map(f => {
        const page = f.contentDocument, root = page.documentElement;
        const heights = [...page.querySelectorAll("main math")].map(
          m => m.getBoundingClientRect().height);
        return `${root.scrollWidth} ${root.clientWidth} ${Math.min(...heights) > 4}`;
      });
      document.body.innerHTML = `<p>seen: ${seen.join("; ")}</p>`;
    }</script>"""
    frame = tmp_path / "frame.html"
    frame.write_text(f"<!DOCTYPE html><meta charset=utf-8><body>{frames}{script}</body>")
    shown = chromium(tmp_path / "profile", frame.as_uri(), "--dump-dom")
    (found,) = re.findall("<p>seen: (.*)</p>", shown.stdout)
    for width, line in zip((390, 1280), found.split("; "), strict=True):
        scroll, client, rendered = line.split()
        assert int(scroll) <= int(client) <= width and rendered == "true"
    assert "CONSOLE" not in shown.stderr, shown.stderr
    (tmp_path / "report.html").write_text(written)
    pdf = tmp_path / "report.pdf"
    address = (tmp_path / "report.html").as_uri()
    printed = chromium(tmp_path / "profile", address, f"--print-to-pdf={pdf}")
    assert pdf.read_bytes().startswith(b"%PDF") and "CONSOLE" not in printed.stderr


def test_chromium_tells_of_errors_on_the_console(tmp_path: Path) -> None:
    """What the test above rests on."""
    broken = tmp_path / "broken.html"
    broken.write_text('<body><img src="missing.png"><script>nothing()</script></body>')
    seen = chromium(tmp_path / "profile", broken.as_uri(), "--dump-dom")
    assert "CONSOLE" in seen.stderr
