"""A quadratic functional of a net at the points of a quadrature, minimized over the last layer or
over all weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ...problem.errors import SolveError, UnsupportedError
from ...runtime.nets.least_squares import safe_divisor
from ..resources import require_affordable
from .adaptive import SCALES, Fit, best_scales
from .collocation import FeatureScales, Rows, matrix, random_layer
from .minimize import Result, Steps
from .network import Layers, Network, TrialSpace, with_last_layer
from .optimizers import OPTIMIZERS, make_optimizer
from .options import RANDOM_FEATURES, Options, read_options, require_unused

# Relative to columns of length one. The rows of a minimum problem keep large residuals, to which
# the rounding errors of dependent features would be fitted; a residual that vanishes bears a
# smaller ridge.
_RIDGE = 1e-9
# Checks in a row without a lower energy on the other quadrature that end a training.
_PATIENCE = 20
# Scales that may be worse in a row before the search for the first layer ends.
_SCALES_TRIED = 3
# Relative rise of the energy on the other quadrature that shows an exploited quadrature.
_RISEN = 1e-9
# Optimizers that ask for a gradient alone.
_GRADIENTS = tuple(name for name, row in OPTIMIZERS.items() if not row.dense)
_UNUSED = ("flavour", "dtype", "checkpoint", "group")


def energy_options(given: Mapping[str, Any]) -> Options:
    """The options, with a solver that minimizes energies where a trained net is asked for, and none
    is named; UnsupportedError for unused ones.
    """
    options = read_options(given)
    require_unused(options, _UNUSED, "the energy form")
    if options.solver == "auto" and options.trains:
        return replace(options, solver="ssbfgs")
    return options


def _require_gradient(options: Options) -> None:
    """UnsupportedError for a solver of least-squares problems."""
    if options.chosen not in _GRADIENTS:
        raise UnsupportedError(
            f"an energy is no sum of squares that vanish: the solver {options.chosen} does not"
            " minimize it",
            term=f"solver={options.chosen!r}",
            remedy=f"use solver= one of {', '.join((RANDOM_FEATURES, *_GRADIENTS))}",
        )


@dataclass(frozen=True)
class TrainedEnergy:
    """The best net, the one that the training started from, why it was over, and after how many
    steps.
    """

    network: Network
    start: Network
    result: Result
    iterations: int
    history: Steps = ()


@dataclass(frozen=True)
class EnergyFunctional:
    """J(v) = 1/2 sum (rows v - target)^2 - sum load . jet(v): rows and load hold the roots of the
    weights of the quadrature, and the weights.

    load: (n, components, derivatives), None for none.
    """

    trial: TrialSpace
    rows: Rows
    load: Tensor | None = None

    def minimizer(self, layers: Layers) -> Network:
        """The net with these hidden layers that makes J least, by QR: no digits are lost to normal
        equations.
        """
        components = self.rows.weights.shape[2]
        columns = components * len(layers[-1][1])
        require_affordable(
            f"{columns} unknowns of random features",
            3.0 * columns * self.rows.target.shape[0] * self.rows.target.shape[1],
            remedy="ask for fewer features= or points=, or a larger tolerance",
        )
        left, right, size = self._triangular(layers)
        if self.load is not None:
            loads = (self._loads(layers) / size)[:, None]
            right = right + torch.linalg.solve_triangular(left.T, loads, upper=False)
        solution = torch.linalg.solve_triangular(left, right, upper=True) / size[:, None]
        return with_last_layer(self.trial, layers, solution, components)

    def _triangular(self, layers: Layers) -> tuple[Tensor, Tensor, Tensor]:
        """R and Q^T target of the rows over a ridge, by QR of columns of length one, and what their
        lengths were.
        """
        a = matrix(self.trial, self.rows, layers)
        size = safe_divisor(a.norm(dim=0))
        target = self.rows.target.flatten(0, 1)
        ridge = _RIDGE * torch.eye(a.shape[1], dtype=a.dtype, device=a.device)
        below = torch.nn.functional.pad(ridge, (0, target.shape[1]))
        system = torch.cat([torch.cat([a / size, target], 1), below])
        if not system.isfinite().all():
            raise SolveError(
                "a coefficient is not finite at some point of the quadrature",
                remedy="look for a singularity in the domain",
            )
        triangle = torch.linalg.qr(system, mode="r").R[: a.shape[1]]
        return triangle[:, : a.shape[1]], triangle[:, a.shape[1] :], size

    def value(self, network: Network) -> float:
        """J."""
        return float(self.of(network.jet(self.rows.points, self.trial.indices)))

    def train(
        self, unseen: EnergyFunctional, options: Options, report: Callable[[float, str], None]
    ) -> TrainedEnergy:
        """All weights of a net of one right-hand side by a gradient solver, from the best last
        layer; the net that is best on the quadrature
        `unseen`, and why it was over: when J rises there, the net exploits the errors of its own
        quadrature (OVERFITTED)."""
        _require_gradient(options)
        loss = _Loss(self, self._first_layers(unseen, options))
        optimizer, iterations = make_optimizer(options.chosen, options.iterations)
        state = optimizer.begin(loss)
        best = state.x
        lowest = value = unseen.value(loss.network(state.x))
        since = count = 0
        steps = [(0, state.loss * loss.unit, lowest)]
        while state.result is None and count < iterations and since < _PATIENCE:
            state = optimizer.step(loss, state)
            count += 1
            if state.result is None and count % optimizer.every and count < iterations:
                continue
            value = unseen.value(loss.network(state.x))
            since += 1
            steps.append((count, state.loss * loss.unit, value))
            if options.callback is not None:
                options.callback(*steps[-1])
            if value < lowest:
                best = state.x
                lowest = value
                since = 0
            report(
                count / iterations,
                f"step {count}, energy {state.loss * loss.unit:.8g}, on the other quadrature"
                f" {value:.8g}",
            )
        result = state.result or (Result.STALLED if since >= _PATIENCE else Result.MAX_ITERATIONS)
        if result is not Result.MAX_ITERATIONS and value - lowest > _RISEN * abs(lowest):
            result = Result.OVERFITTED
        return TrainedEnergy(
            loss.network(best), loss.network(loss.start), result, count, tuple(steps)
        )

    def _first_layers(self, unseen: EnergyFunctional, options: Options) -> Layers:
        """What a training starts from: the best last layer, or nothing, where that has exploited
        the errors of the quadrature already.
        """
        width, depth = options.net
        inner = self.trial.mlp(width, depth, 1, options.seed)[1:-1]

        def fit(size: int, scales: FeatureScales) -> Fit[Network]:
            first = random_layer(self.trial, size, scales, options.seed)
            network = self.minimizer([*first, *inner])
            return Fit(network, unseen.value(network), size, scales)

        scale = options.scale or SCALES[0]
        patience = 0 if options.scale else _SCALES_TRIED
        found = best_scales(fit, self.trial.axes, width, (scale, scale), lambda first: patience)
        nothing = found.solved.scale_outputs(torch.zeros_like(found.solved.layers[-1][1]))
        return (found.solved if found.held_out < unseen.value(nothing) else nothing).layers

    def _loads(self, layers: Layers) -> Tensor:
        """l of every feature of every component."""
        assert self.load is not None
        empty = self.load.new_zeros(len(self.load), 1, 0)
        return matrix(
            self.trial,
            Rows(self.rows.points, self.load[:, None], empty, empty, self.rows.size),
            layers,
        ).sum(0)

    def of(self, jet: dict[tuple[int, ...], Tensor]) -> Tensor:
        """J for the jet of a net at the points."""
        nothing = self.rows.points.new_zeros(0, self.rows.target.shape[2])
        total = 0.5 * self.rows.residual(jet, nothing).square().sum()
        if self.load is None:
            return total
        return total - torch.einsum("nci,nci->", self.load, torch.stack(list(jet.values()), -1))


class _Loss:
    """J / unit as a function of all weights in one flat vector; what `minimize.Loss` asks
    for.
    """

    def __init__(self, functional: EnergyFunctional, layers: Layers) -> None:
        self.functional = functional
        self._shapes = [tensor.shape for layer in layers for tensor in layer]
        self.start = torch.cat([tensor.flatten() for layer in layers for tensor in layer])
        self.unit = max(
            abs(functional.value(Network(functional.trial, layers))),
            torch.finfo(torch.float64).tiny,
        )

    def network(self, x: Tensor) -> Network:
        parts = x.detach().split([math.prod(shape) for shape in self._shapes])
        return Network(self.functional.trial, self._layers(parts))

    def value(self, x: Tensor) -> float:
        return self.functional.value(self.network(x)) / self.unit

    def value_and_gradient(self, x: Tensor) -> tuple[float, Tensor]:
        variable = x.detach().requires_grad_()
        trial = self.functional.trial
        layers = self._layers(variable.split([math.prod(shape) for shape in self._shapes]))
        value = (
            self.functional.of(trial.network(self.functional.rows.points, layers, trial.indices))
            / self.unit
        )
        return float(value.detach()), torch.autograd.grad(value, variable)[0]

    def _layers(self, parts: tuple[Tensor, ...]) -> Layers:
        tensors = [part.reshape(shape) for part, shape in zip(parts, self._shapes, strict=True)]
        return list(zip(tensors[::2], tensors[1::2], strict=True))
