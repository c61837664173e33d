"""The mean field U_1 of a nonlinear problem: the law linearized at U_0, driven by what it has at
order eps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp

from ...derive.nonlinear.model import NonlinearModel
from ...lower.forms import LoweredEquation
from ...lower.nonlinear_reference import reference_homogenized
from ...problem.errors import UnsupportedError
from ...runtime.arrays import MultiIndex
from ..derivative_recovery import recover_derivatives
from ..mean_field import ZeroSolution
from ..progress import Progress
from ..solution import Array, Solution
from .equations import equation_problem, symmetric_law
from .given_functions import functions_of
from .law_solution import LawSolution
from .macro_law import ROUNDS
from .second_law import SecondLaw

# Size of U_1, beside U_0, that is rounding; random points of the domain where it is looked at, at
# one of how many times.
_ROUNDING = 1e-9
_PROBES = 64
_EVERY = 4


def mean_fields(
    model: NonlinearModel,
    law: LawSolution,
    leading: Solution,
    numbers: Mapping[str, float],
    progress: Progress,
    options: Mapping[str, Any],
) -> tuple[Solution, ...]:
    """(U_0, U_1) from U_0, with homogeneous conditions for U_1. In time an initial layer takes the
    corrector away without any storage: what U_1 begins with makes up for <db/du N>.
    """
    functions = functions_of(law.forms)
    if functions:
        raise UnsupportedError(
            "mean fields beyond U_0 with functions without a formula",
            term=", ".join(sorted(functions)),
            remedy="write these as formulas",
        )
    reference = _homogeneous(reference_homogenized(model.state))
    first = recover_derivatives(leading, reference.periodic)
    own = {**{k: v for k, v in options.items() if k != "tolerance"}, **_resolution(leading)}
    solver = equation_problem(leading.backend, reference, model.state, numbers, progress, own)
    driven = DrivenLaw(SecondLaw(law, solver.gathered), first)
    least = max(_ROUNDING, law.tolerance)
    if driven.size(*_probes(first)) <= least:
        info = {"seconds": 0.0, "size": 0, "second_corrector": driven.second.error}
        return first, _nothing(leading, info)
    found = solver.solve(
        driven, symmetric_law(model), grown=driven.grown, rounds=ROUNDS, empty=True
    )
    info = {**found.info, "second_corrector": driven.second.error}
    info["estimate"] = max(info["estimate"], driven.second.error)
    if _size(found, first) <= least * _size(first, first):
        return first, _nothing(leading, info)
    return first, recover_derivatives(replace(found, info=info), reference.periodic)


def _resolution(leading: Solution) -> dict[str, Any]:
    """The options with which U_1 is resolved as U_0: where it vanishes, its relative error says
    nothing.
    """
    times = leading.extent.times
    steps = {} if times is None else {"steps": len(times) - 1}
    if "cells" in leading.info:
        return {"mesh": leading.info["cells"], **steps}
    return {**{name: leading.info[name] for name in ("features", "scale")}, **steps}


def _nothing(leading: Solution, info: Mapping[str, Any]) -> ZeroSolution:
    """U_1 that vanishes."""
    return ZeroSolution(leading.backend, "zero data", {**info, "estimate": 0.0}, leading.extent)


def _probes(like: Solution) -> tuple[Array, Sequence[float | None]]:
    """Points (n, d) of the domain, and times."""
    lines, times, holds = like.extent.lines, like.extent.times, like.extent.holds
    points = np.random.default_rng(0).random((_PROBES, len(lines)))
    low, high = np.array([(line[0], line[-1]) for line in lines]).T
    points = low + (high - low) * points
    inside = points if holds is None else points[holds(points)]
    return inside, [None] if times is None else times[::_EVERY].tolist()


def _size(u: Solution, like: Solution) -> float:
    """The largest of some values."""
    points, times = _probes(like)
    return max(float(np.abs(u(points, t=t)).max()) for t in times)


class DrivenLaw:
    """`Law` of the linear problem for U_1: the tangent of the law at U_0, and what the law has at
    order eps.
    """

    def __init__(self, second: SecondLaw, leading: Solution) -> None:
        self.second = second
        self.leading = leading
        self.timely = leading.extent.times is not None
        self._known: dict[tuple[float, bytes], dict[str, Array]] = {}

    def __call__(self, points: Array, t: float, values: Array, slopes: Array) -> dict[str, Array]:
        held = self._held(points, t)
        arrays = {name: a for name, a in held.items() if "_" in name}
        for name in ("flux", "reaction", "storage"):
            by_values = np.einsum("...jn,jn->...n", held[f"{name}_u"], values)
            by_slopes = np.einsum("...jkn,jkn->...n", held[f"{name}_p"], slopes)
            arrays[name] = held[name] + by_values + by_slopes
        return arrays

    def size(self, points: Array, times: Sequence[float | None]) -> float:
        """Of what the law has at order eps, beside the largest flux: at points (n, d) and times."""
        driving = whole = 0.0
        for t in times:
            jets = jets_of(self.leading, points, t)
            added = self.second.solved(points.T, t or 0.0, *jets).arrays
            flux = self.second.macro(points.T, t or 0.0, jets[0], jets[1])["flux"]
            driving = max(driving, *(float(np.abs(a).max()) for a in added.values()))
            whole = max(whole, float(np.abs(flux).max()))
        return driving / whole if driving else 0.0

    def grown(self) -> bool:
        """Whether the second corrector was not known well enough, and has been made better."""
        if not self.second.grown():
            return False
        self._known.clear()
        return True

    def _held(self, points: Array, t: float) -> dict[str, Array]:
        """Networks ask at several sets of points, in turns; evolutions never go back."""
        place = t, points.tobytes()
        if place not in self._known:
            if any(before != t for before, _ in self._known):
                self._known.clear()
            self._known[place] = self._arrays(points, t)
        return self._known[place]

    def _arrays(self, points: Array, t: float) -> dict[str, Array]:
        """The derivatives of the law at U_0, and its values at order eps."""
        jets = jets_of(self.leading, points.T, t if self.timely else None)
        added = self.second(points, t, *jets)
        law = self.second.macro(points, t, jets[0], jets[1])
        return {**{name: a for name, a in law.items() if "_" in name}, **added.arrays}


def jets_of(u: Solution, points: Array, t: float | None = None) -> tuple[Array, Array, Array]:
    """Values (m, n), slopes (m, d, n) and second derivatives (m, d, d, n) at points (n, d)."""
    d = points.shape[1]
    units = [tuple(int(k == axis) for k in range(d)) for axis in range(d)]
    pairs = [_sum(one, other) for one in units for other in units]
    found = u.evaluate(points, [(0,) * d, *units, *pairs], t)
    found = found.reshape(1 + d + d * d, len(points), -1)
    rows = np.moveaxis(found, (0, 1, 2), (1, 2, 0))
    return rows[:, 0], rows[:, 1 : 1 + d], rows[:, 1 + d :].reshape(len(rows), d, d, -1)


def _sum(one: MultiIndex, other: MultiIndex) -> MultiIndex:
    return tuple(p + q for p, q in zip(one, other, strict=True))


def _homogeneous(reference: LoweredEquation) -> LoweredEquation:
    """The same problem without data."""
    none = sp.Integer(0)
    return replace(
        reference,
        title="Mean field U_1",
        sources=(none,) * len(reference.sources),
        linear=(),
        essential=tuple(replace(e, value=none) for e in reference.essential),
        natural=tuple(replace(n, value=none) for n in reference.natural),
    )
