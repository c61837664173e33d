"""Boundary value problems by their energy (Ritz): the energy form of the PINN, with hard essential
data.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from ....lower.forms import LoweredEquation
from ....problem.errors import UnsupportedError
from ...progress import Progress, Task, silent
from ...solution import Coefficients
from ..balance import require_balance
from ..equation import POOR, NetworkSolution, probed
from ..levels import LEVELS, Levels, norm_change
from ..network import Network
from ..options import Options
from ..random_features import SCALES, Fit, Scales, climb, random_layer
from ..solvers.results import Result
from .functional import energy_options
from .ritz import Ritz

_GOAL, _SMALLEST, _PATIENCE, _TUNED = 1e-5, 100, 2, 800


def solve_energy(
    equation: LoweredEquation,
    coefficients: Coefficients,
    parameters: Mapping[str, float],
    progress: Progress = silent,
    *,
    tolerance: float | None = None,
    **options: Any,
) -> NetworkSolution:
    """Minimize the energy of `equation`; options: `pinn.options.Options`, with solver
    "random-features", "ssbfgs", "lbfgs" or "adam".

    tolerance: for the estimated relative L2 error, which is the change over the last doubling of
    the features, or that from the start of a training. The energies on a second, finer quadrature
    decide which net is best. UnsupportedError where there is no energy to minimize.
    """
    start, o = time.perf_counter(), energy_options(options)
    ritz = Ritz(equation, coefficients, parameters, o.device)
    require_balance(ritz.problem)
    if ritz.problem.turns.shape[-1]:
        raise UnsupportedError(
            "the energy of a problem that leaves a rigid rotation of its solution open",
            term=equation.title,
            remedy=(
                'use method="residual", or fix the solution by a Dirichlet condition on some face'
            ),
        )
    with progress(f"{equation.title} (pinn, energy)") as task:
        network, result, info = (
            _trained(ritz, o, task) if o.trains else _fitted(ritz, o, tolerance or _GOAL, task)
        )
    info["tolerance"] = tolerance or POOR
    return NetworkSolution(
        ritz.problem,
        network,
        ritz.none,
        "energy",
        {
            **info,
            "known_functions": "none",
            "method": "energy",
            **o.told(result),
            "seconds": time.perf_counter() - start,
        },
    )


def _fitted(
    ritz: Ritz, o: Options, goal: float, task: Task
) -> tuple[Network, Result, dict[str, Any]]:
    """Random features, twice as many until the solution stands: the net, and what is known about
    it.
    """
    largest = max(1, o.features // ritz.problem.components)
    sizes = [largest]
    while sizes[0] > _SMALLEST or len(sizes) < LEVELS:
        sizes.insert(0, max(1, sizes[0] // 2))
    levels, result = Levels(norm_change), Result.MAX_FEATURES
    scales = ((o.scale or SCALES[0]),) * 2
    for size in sizes:
        ours, unseen = ritz.functionals(max(o.points or 0, size))

        def fit(size: int, scales: Scales) -> Fit[Network]:
            network = ours.minimizer(random_layer(ritz.trial, size, scales, o.seed))  # noqa: B023 (called in this turn)
            return Fit(network, unseen.value(network), size, scales)  # noqa: B023

        best = fit(size, scales)
        if o.scale is None and size <= _TUNED:
            best = climb(fit, ritz.trial.axes, best, _PATIENCE)
        scales = best.scales
        task.update(size / largest, f"{size} features, energy {best.held_out:.8g}")
        network = ritz.finished(best.solved)
        estimate = levels.estimate(probed(ritz.problem, network, ritz.none), 0.0)
        if estimate <= goal:
            result = Result.CONVERGED
            break
    info = {
        "size": best.size * ritz.problem.components,
        "features": best.size,
        "scale": best.scales[0],
        "energy": ours.value(best.solved),
        "held_out_energy": best.held_out,
        "estimate": estimate,
    }
    return network, result, info


def _trained(ritz: Ritz, o: Options, task: Task) -> tuple[Network, Result, dict[str, Any]]:
    """All weights of one net: the net, and what is known about it; the estimate is the change from
    what it started from.
    """
    ours, unseen = ritz.functionals(o.points or math.prod(o.net) * o.net[0])
    found = ours.trained(unseen, o, task.update)
    network = ritz.finished(found.network)
    ends = [probed(ritz.problem, net, ritz.none) for net in (network, ritz.finished(found.start))]
    info = {
        "size": found.network.size,
        "width": o.net[0],
        "depth": o.net[1],
        "iterations": found.iterations,
        "energy": ours.value(found.network),
        "held_out_energy": unseen.value(found.network),
        "estimate": norm_change(*ends),
    }
    return network, found.result, info
