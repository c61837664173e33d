"""A run of two epochs of every experiment: page, Markdown, results, resumption, and the table of
the README.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nhpinn_sym.problem.errors import OutputPathError, ProblemError
from nhpinn_sym.solve import data_file
from nhpinn_sym.validate.paper import SECTIONS
from nhpinn_sym.validate.paper.cases import Case, cases
from nhpinn_sym.validate.paper.reproduce import Reproduction, reproduce
from nhpinn_sym.validate.paper.results import (
    BEGIN,
    COLUMNS,
    END,
    STATIC,
    block,
    read,
    rows,
    write_readme,
)
from nhpinn_sym.validate.paper.settings import Training, trainings

README = Path(__file__).parents[3] / "README.md"


def tiny(case: Case, quick: bool) -> Mapping[str, Training]:
    return {
        name: training.shortened(2, 7, 5 if training.slow_nodes else None)
        for name, training in trainings(case, quick).items()
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("paper")


@pytest.fixture(scope="module")
def run(folder: Path) -> Reproduction:
    """All sections, from the parts that the tests of single sections have done."""
    return reproduce(folder, quick=True, settings=tiny, processes=1)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_figure_and_table_of_a_section(section: str, folder: Path) -> None:
    run = reproduce(folder, section, quick=True, settings=tiny, processes=1)
    page, markdown = run.page.read_text(), run.markdown.read_text()
    assert "What agrees, what does not, and why" in page
    for case in cases(section):
        titles = [f"Figure {number} of the paper" for number in case.figures.values()]
        for title in [*titles, *([f"Table {case.table} of the paper"] if case.table else [])]:
            assert title in page and title in markdown
    assert not re.search(r'(src|href)="(?!data:|#)', page), "the page stands alone"
    assert (
        page.count("<figure>")
        == page.count("</figure>")
        == len(re.findall(r"!\[[^\]]*\]\(", markdown))
        > 0
    )
    for name in re.findall(r"\]\((figures/[^)]*)\)", markdown):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")


def test_all_figures_have_a_case() -> None:
    assert {number for case in cases() for number in case.figures.values()} == set(range(1, 24))
    assert {case.table for case in cases()} - {None} == {2, 3, 4, 5}


def test_results(run: Reproduction) -> None:
    results = json.loads((run.page.parent / "results.json").read_text())
    assert list(results["cases"]) == [case.key for case in cases()]
    for case in cases():
        entry = results["cases"][case.key]
        assert entry["library"]["e4"] == pytest.approx(case.truth, rel=1e-3)
        assert entry["library"]["e1"] == pytest.approx(case.truth, rel=1e-3)
        assert entry["printed"] == dict(case.printed)
        assert entry["as the paper"].keys() >= case.printed.keys() - {"e4"}
        assert all(
            finding["mark"] in ("agrees", "differs", "note") for finding in entry["findings"]
        )
        shown = html.unescape(run.page.read_text())
        assert all(finding["text"] in shown for finding in entry["findings"])


def part(path: Path) -> Mapping[str, np.ndarray]:
    found: Mapping[str, np.ndarray] = data_file.read(
        path, data_file.Kind("a part of a validation", "validate")
    )
    return found


def test_a_run_goes_on_from_its_parts(run: Reproduction) -> None:
    folder = run.page.parent
    before = (folder / "results.json").read_bytes()
    parts = sorted((folder / "parts").glob("elliptic_1d_*"))
    lost = next(path for path in parts if "classical" in path.name)
    arrays = part(lost)
    lost.unlink()
    again = reproduce(folder, "2.1", quick=True, settings=tiny, processes=1)
    assert set(again.resumed) == {"elliptic_1d_reference", "elliptic_1d_library"}
    found = part(lost)
    for name in ("loss", "error", "u"):
        np.testing.assert_allclose(
            found[name], arrays[name], rtol=1e-6, atol=1e-9
        )  # the same steps again
    assert (folder / "results.json").read_bytes() == before, "the results of the whole run stay"
    assert (folder / "paper_2.1.html").is_file()


def test_another_setting_is_another_training(run: Reproduction) -> None:
    def longer(case: Case, quick: bool) -> Mapping[str, Training]:
        return {name: replace(training, epochs=3) for name, training in tiny(case, quick).items()}

    again = reproduce(run.page.parent, "2.1", quick=True, settings=longer, processes=1)
    assert set(again.resumed) == {"elliptic_1d_reference", "elliptic_1d_library"}


def test_another_seed_is_another_run(run: Reproduction) -> None:
    again = reproduce(run.page.parent, "2.1", quick=True, seed=1, settings=tiny, processes=1)
    assert "elliptic_1d_classical" not in again.resumed
    assert (
        again.results["cases"]["elliptic_1d"]["as the paper"]["classical"]
        != run.results["cases"]["elliptic_1d"]["as the paper"]["classical"]
    )


def test_wrong_input(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match=r"9\.9"):
        reproduce(tmp_path, "9.9")
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(OutputPathError):
        reproduce(file, "2.2")


def test_the_block_of_a_readme_is_replaced(run: Reproduction, tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_readme(readme, read(run.page.parent / "results.json"))
    assert readme.read_text() == f"before\n{BEGIN}\n{block(run.results)}\n{END}\nafter\n"
    with pytest.raises(ProblemError, match="marks"):
        write_readme(run.markdown, run.results)


def test_the_readme_holds_what_the_generator_writes(run: Reproduction) -> None:
    """Its static columns: problems, periods, printed and converged numbers."""
    text = README.read_text()
    written = [
        line for line in text.split(BEGIN)[1].split(END)[0].splitlines() if line.startswith("|")
    ]
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in written]
    assert tuple(lines[0]) == COLUMNS
    static = [COLUMNS.index(name) for name in STATIC]
    assert [[line[k] for k in static] for line in lines[2:]] == [
        [row[k] for k in static] for row in rows(run.results["cases"])
    ]
