"""The page of a run, RESULTS.md, and the table of results in a README: from the results files that
there are. What has not been run yet is said to be so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cases import Case, cases
from checks import CaseResults, Check, Number, checks, coarse_checks, numbers
from figures import draw, draw_coarse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from parts import COARSE, Part, load
from settings import trainings

BEGIN = "<!-- results -->"
END = "<!-- /results -->"
NOT_RUN = "not run yet"
COLUMNS = (
    "problem",
    "eps",
    "classical PINN",
    "classical, printed",
    "NH-PINN as the paper: e1",
    "e1, printed",
    "library: e1",
    "e4",
    "e4, converged",
    "e4, printed",
    "u0 + eps N.u0: L2, H1",
)
STATIC = ("problem", "eps", "classical, printed", "e1, printed", "e4, converged", "e4, printed")
"""The columns in which no number of a run stands."""


def write_page(out: Path, parts: Mapping[str, Part], quick: bool) -> Path:
    """RESULTS.md and figures/ in `out`; the path of the page."""
    results = collect(parts, out / "results", quick)
    coarse = _coarse(parts, out / "results")
    if coarse is not None:
        draw_coarse(coarse, out / "figures" / "coarse_elements.png")
    found = {r.case.key: list(numbers(r)) for r in results}
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["digits"] = digits
    environment.filters["percent"] = percent
    text = environment.get_template("page.md.j2").render(
        quick=quick,
        results=results,
        coarse=coarse,
        numbers=found,
        checks=statements(results, coarse),
        totals=totals(found.values()),
        figures={r.case.key: list(draw(r, out / "figures")) for r in results},
        trainings={c.key: trainings(c.key, quick) for c in cases().values()},
        seconds=seconds(parts, out / "results"),
        not_run=NOT_RUN,
    )
    page = out / "RESULTS.md"
    page.write_text(text, encoding="utf-8")
    return page


def collect(parts: Mapping[str, Part], results: Path, quick: bool) -> list[CaseResults]:
    """What has been run, by case."""
    return [
        CaseResults(case, _done(parts, results, case), trainings(case.key, quick))
        for case in cases().values()
    ]


def _done(parts: Mapping[str, Part], results: Path, case: Case) -> dict[str, dict[str, Any]]:
    found = {part.name: load(part, results) for part in parts.values() if part.case == case.key}
    return {name: content for name, content in found.items() if content is not None}


def _coarse(parts: Mapping[str, Part], results: Path) -> Mapping[str, Any] | None:
    content = load(parts[COARSE], results)
    return None if content is None else content["values"]


def statements(
    results: Iterable[CaseResults], coarse: Mapping[str, Any] | None
) -> dict[str, list[Check]]:
    """The checks by claim, those of section 2.2 first."""
    found = list(coarse_checks(coarse)) if coarse is not None else []
    for own in results:
        found += checks(own)
    table: dict[str, list[Check]] = {}
    for check in found:
        table.setdefault(check.claim, []).append(check)
    return table


def totals(found: Iterable[Sequence[Number]]) -> str:
    """How many printed numbers are reached, are not, and were not run."""
    printed = [n for own in found for n in own if n.printed is not None]
    reached = [n.reached for n in printed]
    text = (
        f"Of {len(printed)} printed numbers {reached.count(True)} are reached,"
        f" {reached.count(False)} are not"
    )
    left = reached.count(None)
    return f"{text}, {left} are {NOT_RUN}" if left else text


def seconds(parts: Mapping[str, Part], results: Path) -> list[tuple[str, dict[str, float] | None]]:
    """Wall and CPU seconds of every training; None where it was not run."""
    found = [(part, load(part, results)) for part in parts.values() if part.training is not None]
    return [(part.key, content and content["seconds"]) for part, content in found]


def readme_rows(results: Iterable[CaseResults]) -> list[tuple[str, ...]]:
    """The rows of the table in the README, in the order of COLUMNS."""
    rows: list[tuple[str, ...]] = []
    for own in results:
        case = own.case
        first = own.parts.get("library", {}).get("values", {}).get("first_order")
        both = NOT_RUN if first is None else f"{digits(first['L2'])}, {digits(first['H1'])}"
        has_e1 = "e1" in case.printed
        rows.append(
            (
                f"{case.title} ({case.section})",
                str(case.eps),
                digits(own.here.get("classical")),
                digits(case.printed["classical"]),
                digits(own.here.get("e1")) if has_e1 else "-",
                digits(case.printed["e1"]) if has_e1 else "-",
                digits(own.library.get("e1"), 5),
                digits(own.library.get("e4"), 5),
                digits(case.converged_e4, 5),
                digits(case.printed["e4"], 5) if has_e1 else "-",
                both,
            )
        )
    return rows


def readme_block(parts: Mapping[str, Part], results: Path, quick: bool) -> str:
    """What stands between the marks of a README."""
    collected = collect(parts, results, quick)
    rows = [COLUMNS, ["---"] * len(COLUMNS), *readme_rows(collected)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    way = "shorter trainings than the paper's" if quick else "the paper's epochs where printed"
    head = f"Written by `examples/nh_pinn_paper/run.py`, {way}. Relative L2 errors."
    count = totals([list(numbers(r)) for r in collected])
    tail = f"{count}; [RESULTS.md](examples/nh_pinn_paper/RESULTS.md) says why."
    return f"{BEGIN}\n{head}\n\n{table}\n\n{tail}\n{END}"


def write_readme(path: Path, parts: Mapping[str, Part], results: Path, quick: bool) -> None:
    """Replace what stands between the marks. ValueError where there are none."""
    before, rest = path.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    block = readme_block(parts, results, quick)
    path.write_text(f"{before}{block}{after}", encoding="utf-8")


def percent(share: float) -> str:
    return f"{100 * share:.{0 if share >= 0.1 else 1}f} %"


def digits(value: float | None, count: int = 3) -> str:
    return NOT_RUN if value is None else f"{value:.{count}g}"
