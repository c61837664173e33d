"""What a study found: errors, observed and expected rates, as a table, CSV, JSON and a plot."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..problem.escaping import printable
from ..problem.pictures import COLOURS, Drawing, Sheet
from .report import html_of

RATE_TOLERANCE = 0.1
"""How far an observed rate may lie below the expected one."""
# An error tells of a rate where it is so many times that of the reference.
_ABOVE = 10.0
# Errors below are rounding, and have no rate.
_ROUNDING = 1e-12
# Of a column of the table: 0.000123 and 1.23e-05 are not cut.
_DIGITS = 8
_WIDTH = 120
_NAME = 10
_MARKERS = "osD^vPX*<>"


@dataclass(frozen=True)
class Study:
    """Result of `study`.

    kind     : "eps", "h" or "features". labels: the values as they were given, `values` as floats.
    errors   : {name: relative errors, one for each value}; see `study`.
    floors   : likewise, the errors of what they were measured against.
    expected : {name: order that theory gives}, in eps or h; names without one are left out.
    at_most  : likewise, the largest power that has a part in the error: slopes of values that are
               not small lie between the two.
    notes    : of each point, such as the verdict of `validate`. seconds: of each point.
    """

    title: str
    kind: str
    labels: tuple[str, ...]
    values: tuple[float, ...]
    errors: Mapping[str, tuple[float, ...]]
    floors: Mapping[str, tuple[float, ...]]
    expected: Mapping[str, float]
    notes: tuple[str, ...]
    seconds: tuple[float, ...]
    info: Mapping[str, Any]
    out: Path | None = None
    at_most: Mapping[str, float] = field(default_factory=dict)

    @property
    def rates(self) -> dict[str, float]:
        """{name: slope of the least-squares line through log(error) over log(value)}; of features
        over their inverse. nan where fewer than two errors stand above their floors.
        """
        return {name: _slope(*self.usable(name)) for name in self.errors}

    @property
    def last_rates(self) -> dict[str, float]:
        """{name: slope between the last two of these values}: theory is about small ones."""
        return {name: _slope(*(part[-2:] for part in self.usable(name))) for name in self.errors}

    @property
    def below(self) -> tuple[str, ...]:
        """The errors whose rates, over all values and over the last two, lie more than
        `RATE_TOLERANCE` below the expected one.
        """
        found = (self.rates, self.last_rates)
        return tuple(
            name
            for name, order in self.expected.items()
            if all(rates[name] < order - RATE_TOLERANCE for rates in found)
        )

    @property
    def agrees(self) -> bool:
        """Whether no rate is below what theory gives."""
        return not self.below

    def usable(self, name: str) -> tuple[list[float], list[float]]:
        """The values, and the errors there, that tell of a rate."""
        kept = [
            (size, error)
            for size, error, floor in zip(self.sizes, self.errors[name], self.floors[name])
            if math.isfinite(error) and error > max(_ABOVE * floor, _ROUNDING)
        ]
        return [size for size, _ in kept], [error for _, error in kept]

    @property
    def sizes(self) -> tuple[float, ...]:
        """What errors are powers of: eps, h, and for features their inverse."""
        if self.kind == "features":
            return tuple(1 / value for value in self.values)
        return self.values

    def table(self) -> Table:
        """A row for every error: at each value, and its rates."""
        table = Table(title=Text(printable(self.title)), title_justify="left")
        table.add_column(f"error at {self.kind} =", min_width=_NAME)
        for heading in (*self.labels, "rate", "last two", "expected"):
            table.add_column(heading, justify="right", min_width=_DIGITS)
        rates = (self.rates, self.last_rates)
        for name, errors in self.errors.items():
            numbers = (f"{error:.3g}" for error in errors)
            slopes = (_written(found[name]) for found in rates)
            table.add_row(name, *numbers, *slopes, self._order(name) or "-")
        return table

    def as_dict(self) -> dict[str, Any]:
        """The content of study.json."""
        return {
            "problem": self.title,
            "kind": self.kind,
            "labels": list(self.labels),
            "values": list(self.values),
            "errors": {name: list(errors) for name, errors in self.errors.items()},
            "floors": {name: list(floors) for name, floors in self.floors.items()},
            "rates": self.rates,
            "last_rates": self.last_rates,
            "expected": dict(self.expected),
            "at_most": dict(self.at_most),
            "agrees": self.agrees,
            "notes": list(self.notes),
            "seconds": list(self.seconds),
            "info": dict(self.info),
        }

    def csv(self) -> str:
        """One line for each value."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow([self.kind, "value", *self.errors, "seconds", "note"])
        rows = zip(self.labels, self.values, self.seconds, self.notes)
        for k, (label, value, seconds, note) in enumerate(rows):
            row = [repr(errors[k]) for errors in self.errors.values()]
            writer.writerow([label, repr(value), *row, f"{seconds:.3g}", note])
        return buffer.getvalue()

    def pictures(self) -> Iterator[tuple[str, bytes]]:
        """(file name, data) of `plot`."""
        drawing = self.plot()
        yield "study.png", drawing.png()
        yield "study.svg", drawing.svg()

    def plot(self) -> Drawing:
        """Errors over eps, h or the number of features, with their slopes."""
        sheet = Sheet(1, 2, (5.2, 4.6))
        axes = sheet.at(0, 0)
        rates = self.rates
        for k, (name, errors) in enumerate(self.errors.items()):
            colour = COLOURS[k % len(COLOURS)]
            axes.loglog(
                self.values,
                errors,
                marker=_MARKERS[k % len(_MARKERS)],
                ms=11 - k if k < len(_MARKERS) else 3,  # one that lies upon another shows it
                mfc="none",
                lw=0,
                color=colour,
                label=self._label(name, rates[name]),
            )
            x, y = self._fitted(name, rates[name])
            axes.loglog(x, y, lw=1.2, color=colour)
        axes.set_xlabel({"eps": r"$\varepsilon$"}.get(self.kind, self.kind))
        axes.set_ylabel("relative error")
        axes.set_xticks(self.values, self.labels, minor=False)
        axes.set_xticks([], minor=True)
        axes.set_title(printable(self.title), fontsize=10, parse_math=False)
        axes.grid(alpha=0.3, which="both")
        # Beside the curves, which go from corner to corner.
        beside = sheet.at(0, 1)
        beside.axis("off")
        place = {"loc": "center left", "bbox_to_anchor": (-0.18, 0.5)}
        beside.legend(*axes.get_legend_handles_labels(), fontsize=9, **place)
        return sheet.drawing("study", self.title)

    def _label(self, name: str, rate: float) -> str:
        slope = "no slope" if math.isnan(rate) else f"slope {rate:.2f}"
        order = self._order(name)
        return f"{name}: {slope}" + (f" (expected {order})" if order else "")

    def _order(self, name: str) -> str:
        """What theory expects; "" where it says nothing."""
        if name not in self.expected:
            return ""
        least = self.expected[name]
        most = self.at_most.get(name, least)
        if most > least:
            return f"{least:g} to {most:g}"
        return f"{least:g}"

    def _fitted(self, name: str, rate: float) -> tuple[list[float], list[float]]:
        """The line of the observed rate."""
        sizes, errors = self.usable(name)
        if math.isnan(rate):
            return [], []
        middle = np.exp(np.mean(np.log(errors)) - rate * np.mean(np.log(sizes)))
        shown = [1 / size if self.kind == "features" else size for size in sizes]
        return shown, [float(middle * size**rate) for size in sizes]

    def _repr_html_(self) -> str:
        return html_of(self.table())

    def __str__(self) -> str:
        buffer = io.StringIO()
        self.print_to(Console(file=buffer, width=_WIDTH))
        return buffer.getvalue()

    def print_to(self, console: Console) -> None:
        """The table; where nobody looks at a terminal, as wide as its numbers need."""
        table = self.table()
        needed = console.measure(table).minimum
        if not console.is_terminal and needed > console.width:
            console.width = needed
        console.print(table)

    __repr__ = __str__


def _slope(sizes: Sequence[float], errors: Sequence[float]) -> float:
    if len(set(sizes)) < 2:
        return math.nan
    slope, _ = np.polyfit(np.log(sizes), np.log(errors), 1)
    return float(slope)


def _written(rate: float) -> str:
    if math.isnan(rate):
        return "-"
    return f"{rate:.2f}"
