"""The numbers of one case: printed, here in the paper's way, by the library, and converged."""

from __future__ import annotations

from collections.abc import Mapping
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
    """Relative L2 errors by name (the keys of MEANINGS). `here`: in the paper's way; `start`: the error with which the transferred training began."""

    printed: Mapping[str, float]
    here: Mapping[str, float]
    library: Mapping[str, float]
    truth: Mapping[str, float]
    start: float | None
    first_order: Mapping[str, float]

    @property
    def names(self) -> list[str]:
        return [name for name in MEANINGS if name in self.printed or name in self.here]

    def as_dict(self) -> dict[str, Any]:
        return {"printed": self.printed, "as the paper": self.here, "library": self.library, "converged": self.truth,
                "transfer starts at": self.start, "first order": self.first_order}


def collect(case: Case, parts: Mapping[str, Arrays], trainings: Mapping[str, Training]) -> Numbers:
    """The numbers of a case from its parts."""
    here = {"e4": float(parts["reference"]["e4"]), "classical": averaged(parts["classical"]["error"], trainings["classical"])}
    start = None
    for name, suffix in (("plain", " plain"), ("cells", "")):
        for key, value in parts.get(name, {}).items():
            if key.endswith(" history"):
                here[key.removesuffix(" history") + suffix] = averaged(value, trainings[name])
            elif key == "a* error":
                here["a*"] = float(value)
    if "nh_pinn" in parts:
        p = parts["nh_pinn"]
        here |= {name: averaged(p[name], trainings["homogenized"]) for name in ("e1", "e3")} | {"e2": float(p["e2"])}
        here["transfer"], start = averaged(p["transfer"], trainings["classical"]), float(p["transfer"][0])
    own, report = parts["library"], report_of(parts["library"])
    best = {name.removesuffix(" error"): float(value) for name, value in own.items() if name.endswith(" error")}
    return Numbers(case.printed, here, best | report["errors"], {"e4": case.truth}, start, report["first_order"])


def averaged(history: Array, training: Training) -> float:
    """The mean over the last epochs, as the captions of the paper take it."""
    return float(np.mean(history[-training.average:]))
