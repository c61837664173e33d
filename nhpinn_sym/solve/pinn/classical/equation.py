"""Boundary value problems by the classical PINN, on the homogenized or on the multiscale equation:
every condition is a term of the loss, the initial one too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....lower.forms import LoweredEquation
from ....problem.domain import require_box
from ....problem.errors import ProblemError
from ...progress import Progress, Task, silent
from ...solution import Array, Coefficients
from .. import adaptive
from ..adaptive import Choice, NetProblem, Outcome
from ..collocation import (
    HELD_OUT,
    Rows,
    held_out_residual,
)
from ..equations.solution import POOR, NetworkSolution
from ..equations.strong import require_second_order
from ..minimize import Result
from .losses import (
    BatchedMlp,
    EnergyLoss,
    LossTerm,
    PeriodicityLoss,
    ResidualLoss,
    uniform,
)
from .soft_problem import SoftProblem
from .training import (
    NOTHING,
    AdamResult,
    EquationOptions,
    ErrorMeasures,
    History,
    epoch_average,
    train_batch,
    training_options,
)

# Epochs over which info["errors"] averages.
_LAST = 500
# Of the grid along an axis, by the dimension; _TIME_NODES in space and time: as printed.
_NODES = {1: 101, 2: 21, 3: 9}
_TIME_NODES = 100
# Of the grid on which errors are measured; _TIME_TEST_NODES at the final time in 1D.
_TEST_NODES = {1: 401, 2: 101, 3: 21}
_TIME_TEST_NODES = 201
# Of the terms of the loss, in their order: as printed, but for the energy.
_WEIGHTS = {
    "strong": (1 / 11, 10 / 11),
    "energy": (1 / 101, 100 / 101),
    "time": (1 / 7, 5 / 7, 1 / 7),
}


@dataclass(frozen=True, eq=False, repr=False)
class ClassicalSolution(NetworkSolution):
    """A `NetworkSolution` whose net is the solution itself, and the `History` of its training."""

    history: History

    @property
    def weights(self) -> Array:
        """All weights and biases in one row, from which another training can start."""
        tensors = [tensor.flatten() for layer in self.network.layers for tensor in layer]
        return torch.cat(tensors).cpu().numpy()


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
    require_second_order(equation)
    chosen = training_options(
        EquationOptions, options, lambda o: 3 if equation.time is not None else 2
    )
    require_box(equation.domain, "the classical PINN")
    problem = SoftProblem(equation, coefficients, parameters, chosen.device)
    training = ClassicalEquation(problem, chosen, tolerance or POOR)
    found = adaptive.solve(training, progress)
    network = training.nets.networks(found.solved.x)[0]
    nothing = network.layers[0][0].new_zeros(0, 1)
    history = found.solved.history.of_one_net()
    return ClassicalSolution("pinn", training.name, found.info, problem, network, nothing, history)


class ClassicalEquation(NetProblem[AdamResult]):
    """One training of a net for so many epochs."""

    name = "classical"
    where_not_finite = "lower learning_rate"

    def __init__(self, problem: SoftProblem, options: EquationOptions, tolerance: float) -> None:
        self.problem = problem
        self.options = options
        self.tolerance = tolerance
        self.title = problem.equation.title
        self.nets, self._start = _start(problem, options)

    def find(self, task: Task, before: Choice | None) -> Outcome[AdamResult]:
        options = self.options
        terms = self._terms()
        found = train_batch(
            self._start[None], terms, options, self._measures(), task.update, self.title
        )
        name, doubt = self._doubt(terms[0], found.x)
        points = _test_grid(self.problem, None)
        values = self.nets.values(found.x, points)
        half = self.nets.values(found.half_way, points)
        estimate = max(doubt, float((values - half).norm() / (values.norm() or 1.0)))
        network = self.nets.networks(found.x)[0]
        shape = {"width": self.nets.sizes[1], "depth": len(self.nets.sizes) - 2}
        return Outcome(
            found,
            estimate,
            None,
            Result.CONVERGED if estimate <= self.tolerance else Result.MAX_ITERATIONS,
            network.size,
            {"form": options.form, **options.sizes, **shape, name: doubt},
        )

    def solver_info(self, result: Result) -> dict[str, Any]:
        return {"result": result.name, "seed": self.options.seed}

    def more_info(self, solved: AdamResult) -> dict[str, Any]:
        info: dict[str, Any] = {"tolerance": self.tolerance}
        info |= {"seconds": solved.seconds, "cpu_seconds": solved.cpu_seconds}
        info["history"] = solved.history.of_one_net()
        errors = solved.history.of_one_net().errors
        if errors:
            info["errors"] = {name: epoch_average(v, _LAST) for name, v in errors.items()}
        return info

    @property
    def _nodes(self) -> int:
        """Of the grid, along each axis."""
        equation = self.problem.equation
        usual = _NODES[equation.domain.dim] if equation.time is None else _TIME_NODES
        return self.options.nodes or usual

    def _terms(self) -> list[LossTerm]:
        """The terms of the loss: the equation, the boundary, the start."""
        problem = self.problem
        timely = problem.equation.time is not None
        energy = self.options.form == "energy"
        flavour = self.options.flavour
        nodes = self._nodes
        weights = self.options.weights or _WEIGHTS["time" if timely else self.options.form]
        terms: list[LossTerm] = []

        def add(name: str, weight: float, rows: Rows) -> None:
            terms.append(ResidualLoss(name, weight, self.nets, [rows], flavour))

        if energy:
            terms.append(EnergyLoss(weights[0], problem, self.nets, nodes))
        else:
            add("residual", weights[0], problem.equations(nodes))
        boundary = problem.boundary(nodes, essential=energy)
        if boundary is not None:
            add("boundary", weights[1], boundary)
        pairs = problem.periodic(nodes)
        if pairs is not None:
            terms.append(PeriodicityLoss("periodicity", weights[1], self.nets, pairs))
        if timely:
            add("initial", weights[2], problem.initial(nodes))
        return terms

    def _measures(self) -> ErrorMeasures:
        """The relative L2 errors against the references on a uniform grid, at the final time."""
        problem = self.problem
        device = self.options.device
        references = self.options.references
        if not references:
            return NOTHING
        points = _test_grid(problem, self.options.test_nodes)
        where = points[:, : problem.equation.domain.dim].cpu().numpy()

        def values(reference: Callable[..., Any]) -> Tensor:
            found = torch.as_tensor(np.asarray(reference(where), dtype=float), device=device)
            if found.numel() != len(points) * problem.components:
                raise ProblemError(
                    f"a reference gives {len(points)} values", term=f"shape {tuple(found.shape)}"
                )
            return found.reshape(len(points), -1)

        exact = torch.stack([values(reference) for reference in references.values()])
        sizes = exact.norm(dim=(1, 2))[:, None]

        def errors(x: Tensor) -> Tensor:
            return (self.nets.values(x, points) - exact[:, None]).norm(dim=(2, 3)) / sizes

        return ErrorMeasures(tuple(references), errors)

    def _doubt(self, first: LossTerm, x: Tensor) -> tuple[str, float]:
        """What the loss says of the error where the training does not see it, and its name."""
        if isinstance(first, EnergyLoss):
            return "energy_change", first.doubt(x, self._nodes)
        rows = self.problem.unseen(HELD_OUT, self.options.seed + 1)
        rows = replace(rows, size=rows.target.square().mean((0, 1)).sqrt())
        nothing = rows.points.new_zeros(0, 1)
        return "residual", held_out_residual(self.nets.networks(x)[0], nothing, rows)


def _start(problem: SoftProblem, options: EquationOptions) -> tuple[BatchedMlp, Tensor]:
    """Random weights, those of a solution, or given ones."""
    start = options.start
    if start is None or isinstance(start, np.ndarray):
        nets = problem.nets(options.width, options.depth)
        weights = nets.start(options.seed)
        if start is None:
            return nets, weights
        if start.shape != tuple(weights.shape):
            raise ProblemError(
                f"the net has {len(weights)} weights and biases",
                term=f"start of shape {start.shape}",
                remedy="give the weights of a solution with the same width and depth",
            )
        return nets, torch.as_tensor(start, dtype=weights.dtype, device=weights.device)
    if not isinstance(start, ClassicalSolution):
        raise ProblemError(
            "training starts from a solution of the same kind",
            term=type(start).__name__,
            remedy='solve that one with method="nh-pinn" (or "classical")',
        )
    layers = start.network.layers
    nets = problem.nets(len(layers[0][1]), len(layers) - 1)
    shapes = [(n, m) for m, n in zip(nets.sizes, nets.sizes[1:], strict=False)]
    if shapes != [tuple(weight.shape) for weight, _ in layers]:
        raise ProblemError(
            "the solution to start from has other coordinates or components",
            term=start.problem.equation.title,
        )
    return nets, nets.flat(layers)


def _test_grid(problem: SoftProblem, nodes: int | None) -> Tensor:
    """The test points, at the final time."""
    dim = problem.equation.domain.dim
    timely = problem.equation.time is not None
    usual = _TIME_TEST_NODES if timely and dim == 1 else _TEST_NODES[dim]
    points = uniform(problem.bounds[:dim], nodes or usual)
    if timely:
        points = torch.cat([points, points.new_full((len(points), 1), problem.bounds[-1][1])], 1)
    return points.to(problem.device)
