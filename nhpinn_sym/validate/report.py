"""What a cross-validation found: errors, budget, verdict, as a table and as results.json."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..problem.escaping import printable
from ..problem.html_text import html_line, html_table
from .cell_tables import cells_table
from .verdict import Verdict as Verdict
from .verdict import verdict_text


@dataclass(frozen=True)
class Report:
    """Result of `validate`. Without eps only `cells` and `expansion` are filled, `eps` is "".

    cells       : {"A": {backend: array, ..., "bounds": (lower, upper) or None, "closed form": array
                  or None}, "c": ...}: the effective coefficients of every backend and what judges
                  them (functions of x at places "x"); "functions": differences of the cell
                  functions; "checks", "differences".
    expansion   : the observed "rate" of the expansion against exact solutions, and the "expected".
    errors      : "e1".."e4" of NH-PINN and of homogenization (Leung, Lin, Zhang), relative L2. Of a
                  problem without fast variables "pinn" and "fem", against the exact solution or the
                  finest FEM, and their "difference".
    budget   : relative to ||u_eps||: "homogenization" ||u0* - u_eps||, "cell" ||u0(A pinn) - u0*||,
               "macro" ||u0 pinn - u0(A pinn)||, "reference": the fine solution's own error
               estimate; of a nonlinear problem "law", the error of the reduced law at states of u0.
    first_order  : relative "L2" and "H1" (seminorm) errors of u0 + eps N.u0; "L2 with layers" and
                   "H1 with layers" where boundary layers are added.
    second_order : "L2 with layers" and "H1 with layers" of u0 + eps (N.u0 + U_1) + eps^2 (N_2.u0 +
                   N.U_1), where that is derived.
    effective   : per backend, the effective coefficients (values at sample points where they depend
                  on x).
    methods     : which backend and method each part used.
    paper       : errors printed in the paper for this problem and eps, where there are any.
    evidence    : what the verdict rests on, in sentences.
    """

    title: str
    eps: str
    errors: Mapping[str, float]
    budget: Mapping[str, float]
    first_order: Mapping[str, float]
    effective: Mapping[str, Any]
    methods: Mapping[str, str]
    info: Mapping[str, Any]
    paper: Mapping[str, float]
    verdict: Verdict
    out: Path | None = None
    evidence: tuple[str, ...] = ()
    cells: Mapping[str, Any] = field(default_factory=dict)
    expansion: Mapping[str, Any] = field(default_factory=dict)
    findings: Mapping[str, Any] = field(default_factory=dict)
    second_order: Mapping[str, float] = field(default_factory=dict)

    @property
    def verdict_text(self) -> str:
        """What the verdict means, and the next step."""
        return verdict_text(self.verdict, self.findings)

    def as_dict(self) -> dict[str, Any]:
        """The content of results.json."""
        return {
            "problem": self.title,
            "eps": self.eps or None,
            "errors": dict(self.errors),
            "paper": dict(self.paper),
            "budget": dict(self.budget),
            "first_order": dict(self.first_order),
            "second_order": dict(self.second_order),
            "effective": dict(self.effective),
            "methods": dict(self.methods),
            "info": dict(self.info),
            "verdict": self.verdict.name,
            "verdict_text": self.verdict_text,
            "evidence": list(self.evidence),
            "cells": dict(self.cells),
            "expansion": dict(self.expansion),
            "findings": dict(self.findings),
        }

    def tables(self) -> list[Table]:
        """The report as rich tables."""
        cells = [cells_table(self.title, self.cells)] if self.cells else []
        if "pinn" in self.errors:
            return [plain_table(self.title, self.errors, self.info["convergence"])]
        return [*cells, *(self._boundary_value_tables() if self.errors else [])]

    def _boundary_value_tables(self) -> list[Table]:
        errors = Table(
            title=Text(printable(f"{self.title}, eps = {self.eps}")), title_justify="left"
        )
        columns = ("error", "meaning", "here", *(("paper",) if self.paper else ()))
        for column in columns:
            errors.add_column(column, justify="right" if column in ("here", "paper") else "left")
        for name, meaning in _MEANINGS.items():
            row = (name, meaning, f"{self.errors[name]:.5g}", _number(self.paper.get(name)))
            errors.add_row(*row[: len(columns)])
        if "converged_e4" in self.paper:
            errors.add_row("e4", "converged value", "", _number(self.paper["converged_e4"]))
        if "classical_pinn" in self.paper:
            errors.add_row(
                "-",
                "classical PINN on the multiscale equation",
                "",
                _number(self.paper["classical_pinn"]),
            )
        budget = Table(
            title="where the error comes from, relative to ||u_eps||", title_justify="left"
        )
        for column in ("share", "meaning", "value"):
            budget.add_column(column, justify="right" if column == "value" else "left")
        for name, meaning in _SHARES.items():
            if name not in self.budget:
                continue
            budget.add_row(name, meaning, f"{self.budget[name]:.3g}")
        for title, found, meanings in (
            ("first order", self.first_order, _FIRST_ORDER),
            ("second order", self.second_order, _SECOND_ORDER),
        ):
            for name, value in found.items():
                budget.add_row(f"{title}, {name}", meanings[name], f"{value:.5g}")
        methods = Table(title="solved by", title_justify="left")
        methods.add_column("part")
        methods.add_column("method")
        for part, method in self.methods.items():
            methods.add_row(Text(part), Text(printable(method)))
        return [errors, budget, methods]

    def __str__(self) -> str:
        buffer = io.StringIO()
        console = Console(file=buffer, width=100)
        for table in self.tables():
            console.print(table)
        console.print(f"{self.verdict.name}: {self.verdict_text}", markup=False)
        for line in self.evidence:
            console.print(f"- {line}", markup=False)
        return buffer.getvalue()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        verdict = html_line(f"{self.verdict.name}: {self.verdict_text}")
        evidence = "".join(f"<li>{escape(printable(line))}</li>" for line in self.evidence)
        tables = (html_of(table) for table in self.tables())
        return f"{verdict}<ul>{evidence}</ul>{''.join(tables)}"


def html_of(table: Table) -> str:
    """A table for terminals as HTML."""
    columns = [[_text(cell) for cell in column.cells] for column in table.columns]
    header = [_text(column.header) for column in table.columns]
    return html_table(header, zip(*columns, strict=True), _text(table.title or ""))


def _text(cell: object) -> str:
    if isinstance(cell, Text):
        return cell.plain
    return str(cell)


_MEANINGS = {
    "e1": "||PINN u0 - u_eps|| / ||u_eps||",
    "e2": "||FEM u0, PINN cells - u_eps|| / ||u_eps||",
    "e3": "||PINN u0 - FEM u0|| / ||FEM u0||, PINN cells",
    "e4": "||FEM u0 - u_eps|| / ||u_eps||",
}
_FIRST_ORDER = {
    "L2": "||u_eps - (u0 + eps N.u0)||, L2",
    "H1": "||u_eps - (u0 + eps N.u0)||, H1 seminorm",
    "L2 with layers": "the same with the boundary layers theta, L2",
    "H1 with layers": "the same with the boundary layers theta, H1 seminorm",
}
_SECOND_ORDER = {
    "L2 with layers": "||u_eps - (u0 + eps u1 + eps^2 u2 + theta)||, L2",
    "H1 with layers": "||u_eps - (u0 + eps u1 + eps^2 u2 + theta)||, H1 seminorm",
}
_SHARES = {
    "homogenization": "||u0* - u_eps||",
    "cell": "||u0(A pinn) - u0*||",
    "macro": "||u0 pinn - u0(A pinn)||",
    "law": "error of the law at states of u0",
    "reference": "estimated error of the fine solution u_eps",
}


def plain_table(title: str, errors: Mapping[str, float], convergence: Mapping[str, Any]) -> Table:
    """Errors of the solutions of one PDE, and how FEM converges to it."""
    table = Table(title=Text(printable(title)), title_justify="left")
    for column in ("relative L2 error", "value"):
        table.add_column(column, justify="right" if column == "value" else "left")
    for name, meaning in _PLAIN.items():
        table.add_row(meaning, f"{errors[name]:.3g}")
    for cells, error in convergence["fem"].items():
        table.add_row(f"FEM, {cells} cells along an axis", f"{error:.3g}")
    if convergence["rate"] is not None:
        table.add_row("observed rate of FEM", f"{convergence['rate']:.2f}")
    if "pinn" in convergence:
        table.add_row("PINN to a loose tolerance", f"{convergence['pinn']['loose']:.3g}")
    return table


_PLAIN = {"pinn": "PINN", "fem": "FEM", "difference": "PINN against FEM"}


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.5g}"
