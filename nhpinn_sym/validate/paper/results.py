"""The table of results in a README, between its marks, from the results.json of a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...emit.source import write_atomic
from ...problem.errors import ProblemError
from .page import markdown_table

BEGIN, END = "<!-- results -->", "<!-- /results -->"
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


def rows(cases: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """One row for every case of results.json."""
    table = list[tuple[str, ...]]()
    for entry in cases.values():
        printed, here, best, first = (
            entry[name] for name in ("printed", "as the paper", "library", "first order")
        )
        table.append(
            (
                f"{entry['title']} ({entry['section']})",
                entry["eps"],
                _short(here.get("classical")),
                _short(printed.get("classical")),
                _short(here.get("e1")),
                _short(printed.get("e1")),
                _long(best["e1"]),
                _long(best["e4"]),
                _long(entry["converged"]["e4"]),
                _long(printed.get("e4")),
                f"{first['L2']:.3g}, {first['H1']:.3g}",
            )
        )
    return table


def block(results: Mapping[str, Any]) -> str:
    """The text between the marks."""
    way = (
        "shorter trainings than the paper's,"
        if results["quick"]
        else "the paper's epochs where it prints them,"
    )
    return (
        f"Written by `nhpinn paper{' --quick' * results['quick']} --readme README.md`: {way} seed"
        f" {results['seed']}. Relative L2"
        f" errors.\n\n{markdown_table(COLUMNS, rows(results['cases']))}\n\n{_summary(results)}"
    )


def write_readme(path: Path, results: Mapping[str, Any]) -> None:
    """Replace what stands between the marks of `path`. ProblemError where there are none."""
    try:
        text = path.read_text(encoding="utf-8")
        before, rest = text.split(BEGIN)
        _, after = rest.split(END)
    except (OSError, ValueError) as cause:
        raise ProblemError(
            "there are no marks for the results in this file",
            term=path,
            remedy=f"write {BEGIN} and {END} into it",
        ) from cause
    write_atomic(path, f"{before}{BEGIN}\n{block(results)}\n{END}{after}".encode())


def read(path: Path) -> dict[str, Any]:
    """The results.json of a run."""
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def _summary(results: Mapping[str, Any]) -> str:
    """How often this run and the paper agree."""
    marks = [
        finding["mark"] for entry in results["cases"].values() for finding in entry["findings"]
    ]
    agree, differ = marks.count("agrees"), marks.count("differs")
    return (
        f"Of {agree + differ} comparisons with printed statements and numbers {agree} agree; the"
        " page says why the others do not."
    )


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _long(value: float | None) -> str:
    return "-" if value is None else f"{value:.5g}"
