"""The energy of a boundary value problem as a functional of the net in u = lift + factor * net."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from ....emit.torch_ritz import equation as emit_energy
from ....lower.forms import LoweredEquation
from ....problem.domain import Face
from ....problem.errors import UnsupportedError
from ....runtime.nets.jets import product
from ...solution import Coefficients
from ..boundary_value import BoundaryValueProblem
from ..network import Jet, Network, Trial
from ..rows import Rows, concatenate, gauss_points, unit_jet
from .functional import Functional

_POINTS, _MORE = 5, 1.3
_FEWEST = {1: 256, 2: 80, 3: 20}
"""Points of a line: oscillating coefficients have to be seen by small nets too."""
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
        self.trial = Trial("equation_energy", source, self.problem.trial.axes, device)
        self.none = torch.zeros(0, 1, dtype=torch.float64, device=device)

    def functionals(self, size: int) -> tuple[Functional, Functional]:
        """The energy on a quadrature for `size` features, and on a finer one."""
        dim = len(self.problem.bounds)
        count = max(_FEWEST[dim], math.ceil((_POINTS * size) ** (1 / dim)))
        return self._functional(count), self._functional(math.ceil(_MORE * count))

    def finished(self, network: Network) -> Network:
        """The net for `problem`: what the problem leaves open has zero mean."""
        return self.problem.finished(network.multiplied(1 / self.problem.balance[1]), self.none)[0]

    def _functional(self, count: int) -> Functional:
        """On `count` Gauss points a line, of the faces with natural conditions too."""
        bounds, device = self.problem.bounds, self.problem.device
        points, weights = gauss_points(bounds, count, device)
        blocks = [self._inside(points, weights)]
        for face in self.trial.module.BOUNDARY:
            axis, end = face
            others, weights = gauss_points(
                [b for k, b in enumerate(bounds) if k != axis], count, device
            )
            there = torch.full_like(weights, bounds[axis][end])[:, None]
            blocks.append(
                self._on_face(
                    face, torch.cat([others[:, :axis], there, others[:, axis:]], 1), weights
                )
            )
        rows, loads = zip(*blocks, strict=True)
        return Functional(self.trial, concatenate(_padded(rows)), torch.cat(loads))

    def _inside(self, points: Tensor, weights: Tensor) -> tuple[Rows, Tensor]:
        module, given = self.trial.module, self.problem.given(points)
        operator, lifted = self._slots(points, module.SLOTS)
        return _block(
            points,
            weights,
            module.quadratic(points, **given),
            module.load(points, **given),
            operator,
            lifted,
        )

    def _on_face(self, face: Face, points: Tensor, weights: Tensor) -> tuple[Rows, Tensor]:
        (alpha, value), given = self.trial.module.BOUNDARY[face], self.problem.given(points)
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
        module, given, indices = self.trial.module, self.problem.given(points), self.trial.indices
        lift = self._by_component(module.lift(points, **given))
        factor = self._by_component(module.factor(points, **given))
        unit = unit_jet(points, indices)
        operator = points.new_zeros(len(points), len(slots), self.problem.components, len(indices))
        for row, (i, index) in enumerate(slots):
            operator[:, row, i] = product({a: value[:, i] for a, value in factor.items()}, unit)[
                index
            ]
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
    left, target = (
        torch.einsum("npq,nqci->npci", root, operator),
        -torch.einsum("npq,nq->np", root, lifted)[..., None],
    )
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
