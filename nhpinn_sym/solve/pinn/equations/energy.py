"""Boundary value problems by their energy (Ritz): the energy form of the PINN, with hard essential
data u = lift + factor * net.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from ....emit.torch_ritz import equation as emit_energy
from ....lower.forms import LoweredEquation
from ....problem.errors import UnsupportedError
from ....runtime.nets.jets import product
from ...progress import Progress, Task, silent
from ...solution import Array, Coefficients
from .. import adaptive
from ..adaptive import PATIENCE, Fit, Formulation, Outcome, norm_change
from ..collocation import FeatureScales, Rows, concatenate, random_layer, unit_jet
from ..energy_functional import EnergyFunctional, energy_options
from ..minimize import Result, history_info
from ..network import Axes, Jet, Network, TrialSpace
from ..options import Options
from .boundary_value import BoundaryValueProblem
from .solution import GOAL, NetworkSolution, probe, require_balanced_data, solution

# Of the quadrature, by the features.
_POINTS = 5
# Points of a line of the finer quadrature, by those of the one that is fitted to.
_MORE = 1.3
# Points of a line: oscillating coefficients have to be seen by small nets too.
_FEWEST = {1: 256, 2: 80, 3: 20}
# Relative eigenvalue of an energy density that is rounding.
_NEGATIVE = 1e-10


class Ritz:
    """1/2 B(u, u) - l(u) on Gauss points; `problem` evaluates u. UnsupportedError where there is no
    energy, or a negative one.
    """

    def __init__(
        self,
        equation: LoweredEquation,
        coefficients: Coefficients,
        parameters: Mapping[str, float],
        device: str,
    ) -> None:
        source = emit_energy(equation, "equation")
        self.problem = BoundaryValueProblem(equation, coefficients, parameters, device)
        self.trial = TrialSpace("equation_energy", source, self.problem.trial.axes, device)
        self.none = torch.zeros(0, 1, dtype=torch.float64, device=device)

    def functionals(self, size: int) -> tuple[EnergyFunctional, EnergyFunctional]:
        """The energy on a quadrature for `size` features, and on a finer one."""
        dim = len(self.problem.bounds)
        count = max(_FEWEST[dim], math.ceil((_POINTS * size) ** (1 / dim)))
        return self._functional(count), self._functional(math.ceil(_MORE * count))

    def unscale(self, network: Network) -> Network:
        """The net for `problem`: what the problem leaves open has zero mean."""
        return self.problem.unscale(network.scale_outputs(1 / self.problem.balance[1]), self.none)[
            0
        ]

    def _functional(self, count: int) -> EnergyFunctional:
        """On `count` Gauss points a line, of the parts with natural conditions too."""
        blocks = [self._inside(*self.problem.quadrature(count))]
        for name in self.trial.module.BOUNDARY:
            blocks.append(self._on_part(name, *self.problem.quadrature_on(name, count)))
        rows, loads = zip(*blocks, strict=True)
        return EnergyFunctional(self.trial, concatenate(_padded(rows)), torch.cat(loads))

    def _inside(self, points: Tensor, weights: Tensor) -> tuple[Rows, Tensor]:
        module = self.trial.module
        given = self.problem.arguments(points)
        operator, lifted = self._slots(points, module.SLOTS)
        return _block(
            points,
            weights,
            module.quadratic(points, **given),
            module.load(points, **given),
            operator,
            lifted,
        )

    def _on_part(self, name: str, points: Tensor, weights: Tensor) -> tuple[Rows, Tensor]:
        (alpha, value) = self.trial.module.BOUNDARY[name]
        given = self.problem.arguments(points)
        zero = (0,) * points.shape[1]
        operator, lifted = self._slots(points, [(i, zero) for i in range(self.problem.components)])
        return _block(
            points,
            weights,
            torch.diag_embed(alpha(points, **given)),
            value(points, **given),
            operator,
            lifted,
        )

    def _slots(
        self, points: Tensor, slots: list[tuple[int, tuple[int, ...]]]
    ) -> tuple[Tensor, Tensor]:
        """Derivatives of u: factors of those of the net (n, slots, components, derivatives), and
        what the lift has (n, slots).
        """
        module = self.trial.module
        given = self.problem.arguments(points)
        indices = self.trial.indices
        lift = self._by_component(module.lift(points, **given))
        factor = self._by_component(module.factor(points, **given))
        unit = unit_jet(points, indices)
        operator = points.new_zeros(len(points), len(slots), self.problem.components, len(indices))
        for row, (i, index) in enumerate(slots):
            part = {a: value[:, i] for a, value in factor.items()}
            operator[:, row, i] = product(part, unit)[index]
        return operator, torch.stack([lift[index][:, i] for i, index in slots], 1)

    def _by_component(self, jet: Jet) -> Jet:
        """(n, components): the emitted files of scalar problems have no axis for them."""
        return {a: value.reshape(len(value), self.problem.components) for a, value in jet.items()}


def _block(
    points: Tensor,
    weights: Tensor,
    quadratic: Tensor,
    linear: Tensor,
    operator: Tensor,
    lifted: Tensor,
) -> tuple[Rows, Tensor]:
    """Rows and load of weights . (1/2 s . C s - l . s) for s = operator(net) + lifted."""
    values, vectors = torch.linalg.eigh(quadratic)
    if bool((values < -_NEGATIVE * values.abs().amax().clamp(min=1.0)).any()):
        where = points[(values.amin(-1)).argmin()].tolist()
        raise UnsupportedError(
            "the energy density is negative: the solution is no minimum of it",
            term=f"at x = {where}",
            remedy='use method="residual"',
        )
    root = (vectors * values.clamp(min=0).sqrt()[:, None]).mT * weights.sqrt()[:, None, None]
    left = torch.einsum("npq,nqci->npci", root, operator)
    target = -torch.einsum("npq,nq->np", root, lifted)[..., None]
    rows = Rows(points, left, points.new_zeros(*target.shape[:2], 0), target, points.new_ones(1))
    return rows, torch.einsum("n,np,npci->nci", weights, linear, operator)


def _padded(blocks: tuple[Rows, ...]) -> list[Rows]:
    """Blocks with the same number of equations."""
    most = max(rows.weights.shape[1] for rows in blocks)

    def pad(tensor: Tensor) -> Tensor:
        return torch.cat(
            [tensor, tensor.new_zeros(len(tensor), most - tensor.shape[1], *tensor.shape[2:])], 1
        )

    return [
        Rows(rows.points, pad(rows.weights), pad(rows.extra), pad(rows.target), rows.size)
        for rows in blocks
    ]


# Features beyond which no scale is sought: an energy does not say whether another would help.
_TUNED = 800


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
    chosen = energy_options(options)
    ritz = Ritz(equation, coefficients, parameters, chosen.device)
    require_balanced_data(ritz.problem)
    if ritz.problem.null_space.turns:
        raise UnsupportedError(
            "the energy of a problem that leaves a rigid rotation of its solution open",
            term=equation.title,
            remedy=(
                'use method="residual", or fix the solution by a Dirichlet condition somewhere'
            ),
        )
    found = adaptive.solve(RitzEquation(ritz, chosen, tolerance or GOAL), progress)
    pair = (ritz.unscale(found.solved.network), ritz.none)
    return solution(ritz.problem, pair, found.info, tolerance)


@dataclass(frozen=True)
class Minimizer:
    """A net that makes the energy `own` least among those of its size, and its energy on the other
    quadrature.
    """

    network: Network
    own: EnergyFunctional
    held_out: float


class RitzEquation(Formulation[Minimizer]):
    """The energy on a quadrature; fits are compared by their energy on a finer one."""

    method = "energy"

    def __init__(self, ritz: Ritz, options: Options, tolerance: float) -> None:
        self.ritz = ritz
        self.options = options
        self.tolerance = tolerance
        self.title = ritz.problem.equation.title
        self.per_feature = ritz.problem.components
        self._functionals = lru_cache(maxsize=1)(ritz.functionals)

    @property
    def axes(self) -> Axes:
        return self.ritz.trial.axes

    def fit(self, size: int, scales: FeatureScales) -> Fit[Minimizer]:
        own, unseen = self._functionals(max(self.options.points or 0, size))
        network = own.minimizer(random_layer(self.ritz.trial, size, scales, self.options.seed))
        found = Minimizer(network, own, unseen.value(network))
        return Fit(found, found.held_out, size, scales)

    def values(self, solved: Minimizer) -> Array:
        return self._probe(solved.network)

    def change(self, values: Array, before: Array) -> float:
        return norm_change(values, before)

    def doubt(self, fit: Fit[Minimizer]) -> float:
        """An energy does not say how far from the minimum it is."""
        return 0.0

    def patience(self, fit: Fit[Minimizer], before: float) -> int:
        if fit.size <= _TUNED:
            return PATIENCE
        return 0

    def keeps_scales(self, fit: Fit[Minimizer]) -> bool:
        return True

    def residual(self, fit: Fit[Minimizer]) -> float | None:
        return None

    def result(self, reached: bool, held_out: Sequence[float]) -> Result:
        if reached:
            return Result.CONVERGED
        return Result.MAX_FEATURES

    def more_info(self, solved: Minimizer) -> dict[str, Any]:
        return {"energy": solved.own.value(solved.network), "held_out_energy": solved.held_out}

    def train(self, task: Task) -> Outcome[Minimizer]:
        """All weights of one net; the estimate is the change from what it started from."""
        width, depth = self.options.net
        own, unseen = self._functionals(self.options.points or width**2 * depth)
        found = own.train(unseen, self.options, task.update)
        return Outcome(
            Minimizer(found.network, own, unseen.value(found.network)),
            norm_change(self._probe(found.network), self._probe(found.start)),
            None,
            found.result,
            found.network.size,
            {
                "width": width,
                "depth": depth,
                "iterations": found.iterations,
                "history": history_info(found.history),
            },
        )

    def _probe(self, network: Network) -> Array:
        return probe(self.ritz.problem, self.ritz.unscale(network), self.ritz.none)
