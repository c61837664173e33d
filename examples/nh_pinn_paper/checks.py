"""What agrees with the paper and what does not: rules on numbers. The sentences stand in the page's
template, which knows every claim and every cause by its code.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cases import Case
from settings import Training

FACTOR = 2.0
"""Errors of two trainings within this factor agree: seeds alone change them as much."""
FAILS = 0.5
"""A relative error above this is a failure."""
GAIN = 2.0
"""Oversampling helps where it divides the error by this, or more."""
SAME = 0.02
"""Numbers that no training enters agree within this."""
NEAR = 0.15
"""Within this a number is explained by another."""
FALLING = 0.02
"""A training whose error falls by more over its last epochs is not at its end."""
SEEN = 2.0
"""Nodes in a period, below which a grid does not see the coefficient."""
PLATEAU = 9 / 17
"""The printed error of linear elements that see the mean 17/2 for the harmonic mean 4."""

QUANTITIES = (
    "classical",
    "energy",
    "cell_1 plain",
    "cell_1",
    "cell_2 plain",
    "cell_2",
    "a*",
    "e1",
    "e2",
    "e3",
    "e4",
    "transfer",
)
"""The errors, in the order of the tables."""
FAILURES = ("classical", "transfer")
"""Those that the paper prints as failures: a smaller one is another result, not a better one."""
_PART_OF = {"e1": "homogenized", "e2": "homogenized", "e3": "homogenized", "e4": "reference"}
_PART_OF |= {"a*": "cells", "classical": "classical", "energy": "energy", "transfer": "transfer"}


@dataclass(frozen=True)
class Cause:
    """Why a number differs, as far as the numbers show it; the template says what a code means."""

    code: str
    value: float = math.nan


@dataclass(frozen=True)
class Number:
    """One printed or measured error. reached: None where it was not run, or nothing is printed."""

    case: Case
    quantity: str
    printed: float | None
    here: float | None
    library: float | None
    converged: float | None
    reached: bool | None
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True)
class Check:
    """One statement of the paper, on one case (None: section 2.2), with the numbers it rests on."""

    claim: str
    case: Case | None
    agrees: bool
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class CaseResults:
    """What has been run of a case: the content of its results files by part, and the settings."""

    case: Case
    parts: Mapping[str, Mapping[str, Any]]
    trainings: Mapping[str, Training]

    @cached_property
    def here(self) -> dict[str, float]:
        return self._collected("errors")

    @property
    def library(self) -> Mapping[str, float]:
        return self.parts.get("library", {}).get("errors", {})

    @property
    def arguments(self) -> Mapping[str, Any]:
        return self.parts.get("arguments", {}).get("values", {})

    def start(self) -> float:
        """The error with which the transferred training begins."""
        return float(self.parts["transfer"]["values"]["start"])

    def causes(self, quantity: str) -> list[Cause]:
        """What the numbers show of an error of training."""
        error = self.here[quantity]
        usual = self._collected("medians").get(quantity, error)
        fall = self._collected("falls").get(quantity, 0.0)
        values = self.parts.get(_PART_OF.get(quantity, "cells"), {}).get("values", {})
        boundary = values.get("boundary", 0.0) if quantity != "e2" else 0.0
        found = []
        if usual < error / FACTOR:
            found.append(Cause("peaks", usual))
        if boundary > usual / FACTOR:
            found.append(Cause("boundary", boundary))
        if quantity in ("e1", "e2") and self.case.converged_e4 > usual / FACTOR:
            found.append(Cause("homogenization", self.case.converged_e4))
        if fall > FALLING:
            found.append(Cause("falling", fall))
        return found

    def _collected(self, entry: str) -> dict[str, float]:
        """By quantity, from all parts but the library's own."""
        found: dict[str, float] = {}
        for name, content in self.parts.items():
            if name != "library":
                found |= content.get(entry, {})
        return found


def numbers(results: CaseResults) -> Iterator[Number]:
    """Every error that is printed or was measured, in order."""
    for quantity in QUANTITIES:
        printed = results.case.printed.get(quantity)
        here = results.here.get(quantity)
        if printed is None and here is None:
            continue
        reached = None
        causes: tuple[Cause, ...] = ()
        if printed is not None and here is not None:
            reached, causes = _compared(results, quantity, printed, here)
        yield Number(
            case=results.case,
            quantity=quantity,
            printed=printed,
            here=here,
            library=results.library.get(quantity),
            converged=results.case.converged_e4 if quantity == "e4" else None,
            reached=reached,
            causes=causes,
        )


def _compared(
    results: CaseResults, quantity: str, printed: float, here: float
) -> tuple[bool, tuple[Cause, ...]]:
    if quantity == "e4":
        if abs(here - printed) <= SAME * printed:
            return True, ()
        return False, tuple(explanations_of_e4(results, printed))
    if here < printed / FACTOR:
        return quantity not in FAILURES, (Cause("smaller", printed / here),)
    if here <= FACTOR * printed:
        return True, ()
    causes = results.causes(quantity)
    return False, tuple(causes) or (Cause("stands"),)


def explanations_of_e4(results: CaseResults, printed: float) -> Iterator[Cause]:
    """The nearest of what may lie behind a printed e4, where it is near."""
    table = results.arguments
    tried = {}
    if "e differences sum" in table:
        tried["end lines twice"] = table["e differences sum"]
        tried["finite differences"] = table["e differences trapezoid"]
    if "elements" in table:
        for rule, text in (("ends", "coefficient at their ends"), ("gauss", "exact integrals")):
            for count, value in zip(table["elements"], table[rule], strict=True):
                tried[f"{count} linear elements, {text}"] = value
    if "points per period" in table:
        aliased = table["points per period"] < SEEN
        tried["aliased differences" if aliased else "coarse differences"] = table["e4"]
    code = min(tried, key=lambda name: abs(math.log(tried[name] / printed)), default=None)
    if code is None or abs(tried[code] / printed - 1) > NEAR:
        yield Cause("unexplained")
    else:
        yield Cause(code, tried[code])
    if table.get("floor", 0.0) > FACTOR * printed:
        yield Cause("out of reach", table["floor"])


def checks(results: CaseResults) -> Iterator[Check]:
    """The statements of the paper on one case, as far as their parts have been run."""
    for rule in (_fails, _oversampling, _better, _share, _order, _transfer, _arguments, _energy):
        yield from rule(results)


def _fails(results: CaseResults) -> Iterator[Check]:
    if "classical" in results.here:
        here = results.here["classical"]
        nodes = results.trainings["classical"].nodes
        (lower, upper) = results.case.bounds[0]
        per_period = results.case.period * (nodes - 1) / (upper - lower)
        values = {"here": here, "per_period": per_period}
        yield Check("classical PINN fails", results.case, here > FAILS, values)


def _energy(results: CaseResults) -> Iterator[Check]:
    """Of the authors of this example: the paper says that the classical PINN fails."""
    if "energy" in results.here and "energy" in results.library:
        values = {"here": results.here["energy"], "library": results.library["energy"]}
        fails = min(values.values()) > FAILS
        yield Check("every network fails", results.case, fails, values)


def _oversampling(results: CaseResults) -> Iterator[Check]:
    for name in ("cell_1", "cell_2"):
        if name in results.here and f"{name} plain" in results.here:
            gain = results.here[f"{name} plain"] / results.here[name]
            printed = results.case.printed[f"{name} plain"] / results.case.printed[name]
            values = {"gain": gain, "printed": printed}
            yield Check("oversampling helps", results.case, gain >= GAIN, values)


def _better(results: CaseResults) -> Iterator[Check]:
    here = results.here
    if "e1" in here and "classical" in here:
        values = {"e1": here["e1"], "classical": here["classical"]}
        yield Check("NH-PINN is better", results.case, here["e1"] < here["classical"], values)


def _share(results: CaseResults) -> Iterator[Check]:
    here = results.here
    printed = results.case.printed
    if "e3" in here and "e4" in here:
        agrees = (here["e3"] > here["e4"]) == (printed["e3"] > printed["e4"])
        yield Check("the larger share", results.case, agrees, {k: here[k] for k in ("e3", "e4")})


def _order(results: CaseResults) -> Iterator[Check]:
    here = results.here
    printed = results.case.printed
    if "e2" in here and "e4" in here and printed["e2"] < printed["e4"]:
        values = {"e2": here["e2"], "e4": here["e4"]}
        yield Check("e2 < e4", results.case, here["e2"] < here["e4"], values)


def _transfer(results: CaseResults) -> Iterator[Check]:
    if "transfer" in results.here:
        end = results.here["transfer"]
        start = results.start()
        lost = end > min(FAILS, FACTOR * start)
        yield Check("transfer loses", results.case, lost, {"start": start, "end": end})


def _arguments(results: CaseResults) -> Iterator[Check]:
    """e2 < e4 where it has nothing to do with networks, and the lower bound."""
    table = results.arguments
    if "e exact sum" in table:
        for rule in ("sum", "trapezoid"):
            exact = table[f"e exact {rule}"]
            differences = table[f"e differences {rule}"]
            values = {"exact": exact, "differences": differences}
            yield Check(f"exact derivatives, {rule}", results.case, exact < differences, values)
        best = table["e of best factor"]
        values = {
            "factor": table["best factor"],
            "best": best,
            "true": table["e exact trapezoid"],
        }
        yield Check("e4 is a lower bound", results.case, best >= values["true"], values)


def coarse_checks(table: Mapping[str, Any]) -> Iterator[Check]:
    """Section 2.2: means, and the plateau of elements that hold whole periods."""
    means = {name: table[name] for name in ("mean", "harmonic")}
    as_printed = abs(means["mean"] - 8.5) < 1e-9 and abs(means["harmonic"] - 4) < 1e-9
    yield Check("means", None, as_printed, means)
    errors = dict(zip(table["elements"], table["errors"], strict=True))
    values = {"coarse": errors[64], "fine": errors[2048]}
    agrees = abs(errors[64] - PLATEAU) < 1e-3 and errors[2048] < PLATEAU / 10
    yield Check("coarse elements see the mean", None, agrees, values)
