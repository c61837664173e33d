"""The numbers of one case: printed, here in the paper's way, by the library, and converged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...solve.solution import Array
from ..store import Arrays
from .cases import Case
from .experiments import report_of
from .settings import Training

MEANINGS = {
    "classical": "classical PINN on the multiscale equation",
    "energy": "its energy form (not in the paper; library: Ritz)",
    "cell_1 plain": "first cell function, without oversampling",
    "cell_1": "first cell function",
    "cell_2 plain": "second cell function, without oversampling",
    "cell_2": "second cell function",
    "a*": "effective coefficient a*(x)",
    "e1": "e1, NH-PINN against u_eps",
    "e2": "e2, PINN cells and FEM",
    "e3": "e3, PINN against FEM, PINN cells",
    "e4": "e4, FEM against u_eps",
    "transfer": "classical PINN from the weights of NH-PINN",
}
"""The quantities, in the order of the tables."""


@dataclass(frozen=True)
class Numbers:
    """Relative L2 errors by name (the keys of MEANINGS). `here`: in the paper's way; `start`: the
    error with which the transferred training began.

    trends    : by what part an error fell in the last epochs, against as many before (0.1: by 10
    %). medians   : medians over the last epochs, which single peaks of Adam do not change.
    boundary  : root mean square of boundary values that ought to be zero, relative to that of
    u_eps; of e1 and e3 the same. per_period: nodes of the classical PINN in one period of the
    coefficient.
    """

    printed: Mapping[str, float]
    here: Mapping[str, float]
    library: Mapping[str, float]
    truth: Mapping[str, float]
    start: float | None
    first_order: Mapping[str, float]
    trends: Mapping[str, float]
    medians: Mapping[str, float]
    boundary: Mapping[str, float]
    per_period: float

    @property
    def names(self) -> list[str]:
        return [name for name in MEANINGS if name in self.printed or name in self.here]

    def as_dict(self) -> dict[str, Any]:
        return {
            "printed": self.printed,
            "as the paper": self.here,
            "library": self.library,
            "converged": self.truth,
            "transfer starts at": self.start,
            "first order": self.first_order,
            "fell by": self.trends,
            "medians": self.medians,
            "boundary": self.boundary,
            "nodes per period": self.per_period,
        }


def collect(case: Case, parts: Mapping[str, Arrays], trainings: Mapping[str, Training]) -> Numbers:
    """The numbers of a case from its parts."""
    here, trends, medians, start = (
        {"e4": float(parts["reference"]["e4"])},
        dict[str, float](),
        dict[str, float](),
        None,
    )
    for name, history, training in _histories(parts, trainings):
        here[name], trends[name] = averaged(history, training), fall(history, training)
        medians[name] = float(np.median(history[-training.average :]))
    if "a* error" in parts.get("cells", {}):
        here["a*"] = float(parts["cells"]["a* error"])
    if "nh_pinn" in parts:
        here["e2"], start = float(parts["nh_pinn"]["e2"]), float(parts["nh_pinn"]["transfer"][0])
    owners = {"classical": "classical", "energy": "energy", "e1": "nh_pinn", "e3": "nh_pinn"}
    boundary = {
        name: float(parts[part]["boundary"]) for name, part in owners.items() if part in parts
    }
    own, report = parts["library"], report_of(parts["library"])
    best = {
        name.removesuffix(" error"): float(value)
        for name, value in own.items()
        if name.endswith(" error")
    } | report["errors"]
    if "energy" in parts:
        best["energy"] = float(parts["energy"]["library error"])
    period, (lower, upper) = float(case.eps * case.problem.cell.lengths[0]), case.bounds[0]
    per_period = period * (trainings["classical"].nodes - 1) / float(upper - lower)
    return Numbers(
        case.printed,
        here,
        best,
        {"e4": case.truth},
        start,
        report["first_order"],
        trends,
        medians,
        boundary,
        per_period,
    )


def _histories(
    parts: Mapping[str, Arrays], trainings: Mapping[str, Training]
) -> Iterator[tuple[str, Array, Training]]:
    """The errors of all trainings by the names of MEANINGS."""
    for name in ("classical", "energy"):
        if name in parts:
            yield name, parts[name]["error"], trainings[name]
    for name, suffix in (("plain", " plain"), ("cells", "")):
        for key, value in parts.get(name, {}).items():
            if key.endswith(" history"):
                yield key.removesuffix(" history") + suffix, value, trainings[name]
    if "nh_pinn" in parts:
        for name, training in (
            ("e1", "homogenized"),
            ("e3", "homogenized"),
            ("transfer", "classical"),
        ):
            yield name, parts["nh_pinn"][name], trainings[training]


def averaged(history: Array, training: Training) -> float:
    """The mean over the last epochs, as the captions of the paper take it."""
    return float(np.mean(history[-training.average :]))


def fall(history: Array, training: Training) -> float:
    """By what part the error fell over the last epochs, against as many before. Medians: single
    peaks of Adam do not count.
    """
    last, before = history[-training.average :], history[-2 * training.average : -training.average]
    return float(1 - np.median(last) / np.median(before)) if len(before) else 0.0
