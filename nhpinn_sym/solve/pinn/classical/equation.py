"""Boundary value problems by the classical PINN, on the homogenized or on the multiscale
equation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....lower.forms import LoweredEquation
from ....problem.errors import ProblemError
from ...progress import Progress, silent
from ...solution import Array, Coefficients
from ..equations.solution import POOR, NetworkSolution
from ..random_features import HELD_OUT, held_out_residual
from .batched_mlp import BatchedMlp
from .energy_loss import EnergyLoss
from .grids import uniform
from .history import History, epoch_average
from .loss_terms import LossTerm, PeriodicityLoss, ResidualLoss
from .options import EquationOptions, read
from .soft_problem import SoftProblem
from .training import NOTHING, ErrorMeasures, TrainingResult, train

_METHOD = "classical"
_LAST = 500
"""Epochs over which info["errors"] averages."""
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

    @property
    def weights(self) -> Array:
        """All weights and biases in one row, from which another training can start."""
        tensors = [tensor.flatten() for layer in self.network.layers for tensor in layer]
        return torch.cat(tensors).cpu().numpy()

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
    o = read(EquationOptions, options, lambda o: 3 if equation.time is not None else 2)
    problem = SoftProblem(equation, coefficients, parameters, o.device)
    nets, start = _start(problem, o)
    terms = _terms(problem, nets, o)
    with progress(f"{equation.title} (pinn, {_METHOD})") as task:
        trained = train(
            start[None], terms, o, _measures(problem, nets, o), task.update, equation.title
        )
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
        "seconds": trained.seconds,
        "cpu_seconds": trained.cpu_seconds,
    }
    return ClassicalSolution(
        problem, network, network.layers[0][0].new_zeros(0, 1), _METHOD, info, history=history
    )


def _start(problem: SoftProblem, o: EquationOptions) -> tuple[BatchedMlp, Tensor]:
    """Random weights, those of a solution, or given ones."""
    if o.start is None or isinstance(o.start, np.ndarray):
        nets = problem.nets(o.width, o.depth)
        weights = nets.start(o.seed)
        if o.start is None:
            return nets, weights
        if o.start.shape != tuple(weights.shape):
            raise ProblemError(
                f"the net has {len(weights)} weights and biases",
                term=f"start of shape {o.start.shape}",
                remedy="give the weights of a solution with the same width and depth",
            )
        return nets, torch.as_tensor(o.start, dtype=weights.dtype, device=weights.device)
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


def _terms(problem: SoftProblem, nets: BatchedMlp, o: EquationOptions) -> list[LossTerm]:
    timely = problem.equation.time is not None
    weights, nodes = o.weights or _WEIGHTS["time" if timely else o.form], _nodes(problem, o)
    boundary, pairs = problem.boundary(nodes, essential=o.form == "energy"), problem.periodic(nodes)
    terms: list[LossTerm] = [
        (
            EnergyLoss(weights[0], problem, nets, nodes)
            if o.form == "energy"
            else ResidualLoss("residual", weights[0], nets, [problem.equations(nodes)], o.flavour)
        )
    ]
    if boundary is not None:
        terms.append(ResidualLoss("boundary", weights[1], nets, [boundary], o.flavour))
    if pairs is not None:
        terms.append(PeriodicityLoss("periodicity", weights[1], nets, pairs))
    if timely:
        terms.append(ResidualLoss("initial", weights[2], nets, [problem.initial(nodes)], o.flavour))
    return terms


def _nodes(problem: SoftProblem, o: EquationOptions) -> int:
    return o.nodes or (
        _TIME_NODES if problem.equation.time is not None else _NODES[problem.equation.domain.dim]
    )


def _measures(problem: SoftProblem, nets: BatchedMlp, o: EquationOptions) -> ErrorMeasures:
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
    return ErrorMeasures(
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
    problem: SoftProblem,
    nets: BatchedMlp,
    first: LossTerm,
    trained: TrainingResult,
    o: EquationOptions,
) -> dict[str, Any]:
    """The estimate, and what it is made of beside the change over the second half of the
    training.
    """
    points = _grid(problem, None)
    values, half = nets.values(trained.x, points), nets.values(trained.half_way, points)
    if isinstance(first, EnergyLoss):
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
