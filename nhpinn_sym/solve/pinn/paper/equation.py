"""Boundary value problems by the classical PINN: equation (3) of the NH-PINN paper, on the
homogenized or on the multiscale equation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....lower.forms import LoweredEquation
from ....problem.errors import ProblemError
from ...progress import Progress, silent
from ...solution import Coefficients
from ..equation import POOR, NetworkSolution
from ..random_features import HELD_OUT, held_out_residual
from .grids import uniform
from .history import History, epoch_average
from .nets import Nets
from .options import EquationOptions, read
from .ritz import Ritz
from .soft_problem import SoftProblem
from .terms import Match, Residual, Term
from .training import NOTHING, Measures, Trained, train

_METHOD = "classical"
_LAST = 500
"""Epochs over which the paper averages most of its errors."""
_NODES = {1: 101, 2: 21, 3: 9}
_TIME_NODES = 100
_TEST_NODES = {1: 401, 2: 101, 3: 21}
_TIME_TEST_NODES = 201
_WEIGHTS = {
    "strong": (1 / 11, 10 / 11),
    "energy": (1 / 101, 100 / 101),
    "time": (1 / 7, 5 / 7, 1 / 7),
}


@dataclass(frozen=True)
class ClassicalSolution(NetworkSolution):
    """A `NetworkSolution` whose net is the solution itself, and the `History` of its training."""

    history: History = field(kw_only=True)

    __repr__ = NetworkSolution.__repr__


def solve_classical(
    equation: LoweredEquation,
    coefficients: Coefficients,
    parameters: Mapping[str, float],
    progress: Progress = silent,
    *,
    tolerance: float | None = None,
    **options: Any,
) -> ClassicalSolution:
    """Train a plain net on w1 * residual + w2 * boundary (+ w3 * initial condition); options:
    `EquationOptions`.

    info["estimate"] is the larger one of two numbers: the relative L2 change over the second half
    of the training, and the relative residual at points that are no nodes (form="energy": the
    relative change of the energy on another grid). info["errors"] holds the mean errors of the last
    500 epochs, by reference.
    UnsupportedError where a coefficient jumps, or a mean is free; ProblemError for options that do
    not fit.
    """
    begin, o = (
        time.perf_counter(),
        read(EquationOptions, options, lambda o: 3 if equation.time is not None else 2),
    )
    problem = SoftProblem(equation, coefficients, parameters, o.device)
    nets, start = _start(problem, o)
    terms = _terms(problem, nets, o)
    with progress(f"{equation.title} (pinn, {_METHOD})") as task:
        trained = train(start[None], terms, o, _measures(problem, nets, o), task.update)
    history, network, info = (
        trained.history.of_one_net(),
        nets.networks(trained.x)[0],
        _quality(problem, nets, terms[0], trained, o),
    )
    info["tolerance"] = tolerance or POOR
    if history.errors:
        info["errors"] = {
            name: epoch_average(values, _LAST) for name, values in history.errors.items()
        }
    info |= {
        "method": _METHOD,
        "form": o.form,
        "size": network.size,
        "width": nets.sizes[1],
        "depth": len(nets.sizes) - 2,
        "epochs": o.epochs,
        "seed": o.seed,
        "seconds": time.perf_counter() - begin,
    }
    return ClassicalSolution(
        problem, network, network.layers[0][0].new_zeros(0, 1), _METHOD, info, history=history
    )


def _start(problem: SoftProblem, o: EquationOptions) -> tuple[Nets, Tensor]:
    """Random weights, or those of a solution."""
    if o.start is None:
        nets = problem.nets(o.width, o.depth)
        return nets, nets.start(o.seed)
    if not isinstance(o.start, ClassicalSolution):
        raise ProblemError(
            "training starts from a solution of the same kind",
            term=type(o.start).__name__,
            remedy='solve that one with method="nh-pinn" (or "classical")',
        )
    layers = o.start.network.layers
    nets = problem.nets(len(layers[0][1]), len(layers) - 1)
    if [(n, m) for m, n in zip(nets.sizes, nets.sizes[1:], strict=False)] != [
        tuple(weight.shape) for weight, _ in layers
    ]:
        raise ProblemError(
            "the solution to start from has other coordinates or components",
            term=o.start.problem.equation.title,
        )
    return nets, nets.flat(layers)


def _terms(problem: SoftProblem, nets: Nets, o: EquationOptions) -> list[Term]:
    timely = problem.equation.time is not None
    weights, nodes = o.weights or _WEIGHTS["time" if timely else o.form], _nodes(problem, o)
    boundary, pairs = problem.boundary(nodes, essential=o.form == "energy"), problem.periodic(nodes)
    terms: list[Term] = [
        (
            Ritz(weights[0], problem, nets, nodes)
            if o.form == "energy"
            else Residual("residual", weights[0], nets, [problem.equations(nodes)], o.flavour)
        )
    ]
    if boundary is not None:
        terms.append(Residual("boundary", weights[1], nets, [boundary], o.flavour))
    if pairs is not None:
        terms.append(Match("periodicity", weights[1], nets, pairs))
    if timely:
        terms.append(Residual("initial", weights[2], nets, [problem.initial(nodes)], o.flavour))
    return terms


def _nodes(problem: SoftProblem, o: EquationOptions) -> int:
    return o.nodes or (
        _TIME_NODES if problem.equation.time is not None else _NODES[problem.equation.domain.dim]
    )


def _measures(problem: SoftProblem, nets: Nets, o: EquationOptions) -> Measures:
    """The relative L2 errors against the references on a uniform grid, at the final time."""
    references = (
        o.reference
        if isinstance(o.reference, Mapping)
        else {}
        if o.reference is None
        else {"error": o.reference}
    )
    if not references:
        return NOTHING
    points = _grid(problem, o.test_nodes)
    where = points[:, : problem.equation.domain.dim].cpu().numpy()

    def values(reference: Callable[..., Any]) -> Tensor:
        found = torch.as_tensor(np.asarray(reference(where), dtype=float), device=o.device)
        if found.numel() != len(points) * problem.components:
            raise ProblemError(
                f"a reference gives {len(points)} values", term=f"shape {tuple(found.shape)}"
            )
        return found.reshape(len(points), -1)

    exact = torch.stack([values(reference) for reference in references.values()])
    return Measures(
        tuple(references),
        lambda x: (
            (nets.values(x, points) - exact[:, None]).norm(dim=(2, 3))
            / exact.norm(dim=(1, 2))[:, None]
        ),
    )


def _grid(problem: SoftProblem, nodes: int | None) -> Tensor:
    """The test points, at the final time."""
    dim, timely = problem.equation.domain.dim, problem.equation.time is not None
    points = uniform(
        problem.bounds[:dim],
        nodes or (_TIME_TEST_NODES if timely and dim == 1 else _TEST_NODES[dim]),
    )
    if timely:
        points = torch.cat([points, points.new_full((len(points), 1), problem.bounds[-1][1])], 1)
    return points.to(problem.device)


def _quality(
    problem: SoftProblem, nets: Nets, first: Term, trained: Trained, o: EquationOptions
) -> dict[str, Any]:
    """The estimate, and what it is made of beside the change over the second half of the
    training.
    """
    points = _grid(problem, None)
    values, half = nets.values(trained.x, points), nets.values(trained.half_way, points)
    if isinstance(first, Ritz):
        name, doubt = "energy_change", first.doubt(trained.x, _nodes(problem, o))
    else:
        rows = problem.unseen(HELD_OUT, o.seed + 1)
        rows = replace(rows, size=rows.target.square().mean((0, 1)).sqrt())
        name, doubt = (
            "residual",
            held_out_residual(nets.networks(trained.x)[0], rows.points.new_zeros(0, 1), rows),
        )
    return {
        name: doubt,
        "estimate": max(doubt, float((values - half).norm() / (values.norm() or 1.0))),
    }
