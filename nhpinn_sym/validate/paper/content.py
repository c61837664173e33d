"""What the page says: settings, figures, tables and findings of every section."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..store import Arrays
from . import SECTIONS
from .argued import judge_coarse, judge_effective
from .cases import Case
from .experiments import report_of
from .figures import Picture, draw, draw_coarse, draw_effective
from .finding import CLAIMS, Finding
from .findings import judge
from .numbers import MEANINGS, Numbers, collect
from .page import Block, Findings, Heading, Table, Text
from .parts import Parts
from .settings import Training

_NAMES = {
    "classical": "classical PINN, transfer learning",
    "energy": "its energy form",
    "plain": "cell problems, no oversampling",
    "cells": "cell problems",
    "homogenized": "homogenized equation",
}


@dataclass(frozen=True)
class CaseResult:
    """A case with everything that was computed for it; full: the trainings of a run that is not
    quick.
    """

    case: Case
    computed: Parts
    trainings: Mapping[str, Training]
    full: Mapping[str, Training]

    @cached_property
    def numbers(self) -> Numbers:
        return collect(self.case, self.computed.trained, self.trainings)

    @property
    def findings(self) -> list[Finding]:
        """On the case itself."""
        return judge(self.case, self.numbers, self.computed.arguments)

    @property
    def argued(self) -> list[Finding]:
        """On what needs no training."""
        return (
            judge_effective(self.computed.arguments["effective"])
            if "effective" in self.computed.arguments
            else []
        )

    def as_dict(self) -> dict[str, Any]:
        """The entry of results.json."""
        return {
            "title": self.case.title,
            "section": self.case.section,
            "eps": str(self.case.eps),
            **self.numbers.as_dict(),
            "settings": {name: asdict(t) for name, t in self.trainings.items()},
            "findings": [{"mark": f.mark, "text": f.text} for f in (*self.findings, *self.argued)],
        }


def title(quick: bool) -> str:
    return "The experiments of the NH-PINN paper, run again" + " (quick)" * quick


def document(
    results: Sequence[CaseResult], coarse: Arrays | None, quick: bool, seed: int
) -> list[Block]:
    """The whole page."""
    blocks: list[Block] = [*_introduction(quick, seed), *_overview(results, coarse)]
    for section in SECTIONS:
        own = [result for result in results if result.case.section == section]
        if own or (section == "2.2" and coarse is not None):
            blocks.append(Heading(2, f"Section {section}: {_SECTION[section]}"))
        if section == "2.2" and coarse is not None:
            blocks += [draw_coarse(coarse), Findings(tuple(judge_coarse(coarse)))]
        for result in own:
            blocks += [Heading(3, result.case.title)] if len(own) > 1 else []
            blocks += _case(result)
    return blocks


_SECTION = {
    "2.1": "failure of the classical PINN",
    "2.2": "coarse elements",
    "5.2": "2D elliptic equation",
    "5.3": "slowly varying coefficient",
    "5.4": "diffusion and reaction",
}


def _introduction(quick: bool, seed: int) -> Iterator[Block]:
    yield Text(
        "The neural homogenization-based PINN of Leung, Lin and Zhang: every experiment in the"
        " paper's own way (tanh nets 64-64-64, Adam at a fixed rate, soft conditions, its weights"
        " and grids where they are printed), and beside it the library's best, the printed values"
        " and converged ones. Errors are relative, in L2: in the paper's way on its uniform test"
        " grids, as means over the last epochs; of the library by quadrature. All judgements on"
        " this page are made by rules from the numbers of this run."
    )
    if quick:
        yield Text(
            "This is a quick run: trainings are shorter and grids are coarser than in the paper."
            " The tables of settings give the numbers."
        )
    yield Text(f"Random seed: {seed}.")


def _overview(results: Sequence[CaseResult], coarse: Arrays | None) -> Iterator[Block]:
    """What agrees, what does not, and why; then all numbers."""
    found = {result.case.short: [*result.findings, *result.argued] for result in results}
    if coarse is not None:
        found["2.2"] = judge_coarse(coarse)
    rows = [
        _claim(claim, found)
        for claim in CLAIMS
        if any(f.claim == claim for findings in found.values() for f in findings)
    ]
    yield Heading(2, "What agrees, what does not, and why")
    yield Table(
        "Statements of the paper by section (5.4p: section 5.4 with r as it is printed there)",
        ("statement", "agrees", "differs", "why"),
        tuple(rows),
    )
    rows = []
    for result in results:
        n = result.numbers
        rows += [
            (
                result.case.title,
                MEANINGS[name],
                _number(n.printed.get(name)),
                _number(n.here.get(name)),
                _number(n.library.get(name)),
                _number(n.truth.get(name)),
            )
            for name in n.names
        ]
    if rows:
        yield Heading(2, "All numbers")
        yield Table(
            "Relative errors",
            ("problem", "quantity", "printed", "as the paper, here", "library", "converged"),
            tuple(rows),
        )


def _case(result: CaseResult) -> Iterator[Block]:
    case, n = result.case, result.numbers
    if case.note:
        yield Text(case.note)
    yield _settings(result.trainings, result.full)
    yield from draw(case, result.computed.trained, n, result.trainings)
    if case.table is not None:
        rows = [
            (label, *(_number(values.get(f"e{k}")) for k in (1, 2, 3, 4)))
            for label, values in (
                ("printed", n.printed),
                ("as the paper, here", n.here),
                ("library", n.library),
                ("converged", n.truth),
            )
        ]
        yield Table(f"Table {case.table} of the paper", ("", "e1", "e2", "e3", "e4"), tuple(rows))
    yield _library(result)
    yield Findings(tuple(result.findings))
    yield from _arguments(result.computed.arguments, result.argued)


def _claim(claim: str, found: Mapping[str, Sequence[Finding]]) -> tuple[str, ...]:
    """A row: where a statement agrees with this run, where not, and the causes."""
    marks: dict[bool, list[str]] = {True: [], False: []}
    causes: dict[str, list[str]] = {}
    for where, findings in found.items():
        own = [f for f in findings if f.claim == claim and f.agrees is not None]
        if own:
            marks[all(f.agrees for f in own)].append(where)
        for cause in dict.fromkeys(f.why for f in own if f.why):
            causes.setdefault(cause, []).append(where)
    why = "; ".join(f"{cause} ({', '.join(where)})" for cause, where in causes.items())
    return CLAIMS[claim], ", ".join(marks[True]), ", ".join(marks[False]), why


def _settings(trainings: Mapping[str, Training], full: Mapping[str, Training]) -> Table:
    """In a quick run with the numbers of the full one in brackets."""
    rows = []
    for name, t in trainings.items():
        weights = "equal" if t.weights is None else ", ".join(f"{w:.3g}" for w in t.weights)
        layers = "" if t.oversampling is None else str(t.oversampling)
        counts = [
            (getattr(t, entry), getattr(full[name], entry))
            for entry in ("epochs", "average", "nodes")
        ]
        epochs, average, nodes = (
            str(own) if own == whole else f"{own} ({whole})" for own, whole in counts
        )
        rows.append(
            (
                _NAMES[name],
                epochs,
                average,
                f"{t.learning_rate:g}",
                nodes,
                layers,
                weights,
                ", ".join(t.chosen),
            )
        )
    columns = (
        "training",
        "epochs",
        "averaged",
        "rate",
        "nodes per axis",
        "oversampling",
        "weights",
        "not printed in the paper",
    )
    return Table("Settings of this run", columns, tuple(rows))


def _library(result: CaseResult) -> Table:
    report = report_of(result.computed.trained["library"])
    seconds = {name: report["info"]["seconds"].get(name) for name in ("p", "w", "v", "u_eps")}
    spent = {"cells": report["info"]["cells"]["pinn"]["seconds"], **seconds}
    rows = [(part, method) for part, method in report["methods"].items()]
    timed = ", ".join(f"{name} {value:.2g} s" for name, value in spent.items() if value is not None)
    return Table(f"How the library solves it: {timed}", ("part", "method"), tuple(rows))


def _arguments(arguments: Mapping[str, Arrays], argued: Sequence[Finding]) -> Iterator[Block]:
    if "effective" in arguments:
        table = arguments["effective"]
        yield Heading(3, "e2 < e4")
        yield draw_effective(table)
        names = [
            (slope, rule) for slope in ("differences", "exact") for rule in ("sum", "trapezoid")
        ]
        ways = tuple(
            (
                slope,
                rule,
                f"{float(table[f'a {slope} {rule}']):.7g}",
                f"{float(table[f'e {slope} {rule}']):.6g}",
            )
            for slope, rule in names
        )
        yield Table(
            "a* from converged cell functions on 101 x 101 nodes (exact:"
            f" {float(table['true']):.10g}), and the error of its solution",
            ("derivatives", "mean", "a*", "error"),
            ways,
        )
        yield Findings(tuple(argued))
    if "elements" in arguments:
        table = arguments["elements"]
        rows = tuple(
            (str(n), f"{a:.5g}", f"{b:.5g}")
            for n, a, b in zip(table["elements"], table["ends"], table["gauss"], strict=True)
        )
        yield Table(
            "e4 with a reference u_eps by linear elements",
            ("elements", "coefficient at their ends", "exact integrals"),
            rows,
        )
    if "differences" in arguments:
        table = arguments["differences"]
        row = (
            f"{float(table['r*']):.6g}",
            f"{float(table['e4']):.6g}",
            f"{float(table['floor']):.3g}",
        )
        yield Table("Finite differences on the test points", ("r*", "e4", "eps rms(N)"), (row,))


def pictures(blocks: Sequence[Block]) -> list[Picture]:
    return [block for block in blocks if isinstance(block, Picture)]


def _number(value: float | None) -> str:
    return "" if value is None or not np.isfinite(value) else f"{value:.5g}"
