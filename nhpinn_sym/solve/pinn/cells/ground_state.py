"""The principal eigenpair of a cell operator: inverse iteration with Newton's shifts, every step of
which is one least-squares problem.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
import scipy.linalg
import torch
from torch import Tensor

from ....lower.forms import MultiIndex
from ....problem.errors import SolveError
from ...solution import Array
from ..fields import pairs
from ..network import Layers, Network
from ..random_features import last_layer
from ..rows import combine_derivatives
from .averages import CellFunctions
from .smooth_rows import CellRows

_PER_AXIS = {1: 33, 2: 13, 3: 7}
"""Points of the coarse grid, odd, by the dimension of the cell: a dense eigenvalue problem."""
_STEPS = 8
"""Of the inverse iteration with Newton's shifts, which converges quadratically."""
_CONVERGED = 1e-13
"""Relative change of the eigenvalue that is rounding."""
_SAMPLES = 1000
"""Points at which the sign is looked at."""
_NEGATIVE = 0.1
"""Share of the largest value by which a ground state of poor accuracy may be negative."""


def ground_state(
    rows: CellRows, start: Tensor, layers: Layers, count: int
) -> tuple[CellFunctions, Network]:
    """The ground state in the span of a random layer; start (nodes,) is its eigenvalue roughly,
    from `first_eigenvalue`.

    A step solves (A - lambda M) phi = change * M phi_before with phi = 1 at a corner, phi_before =
    1 at first, and adds the change to lambda.
    Returns the family of phi = 1 + net, and the net as it came from its rows.
    """
    points = rows.points(count, rows.seed)
    value = start
    family = CellFunctions(rows.empty.nodes, eigenvalue=value)
    basis = rows.empty.basis(points)
    phi = {
        index: torch.full_like(points[:, :1], float(not any(index))) for index in rows.trial.indices
    }
    stage = rows.stages[0]
    for _ in range(_STEPS):
        left = rows.left(stage, points, family)
        mass = left - rows.left(stage, points, family, shift=1.0)
        extra = -(combine_derivatives(mass[:, 0, 0], phi) * basis)[:, None]
        right = rows.right(0, points, family, left)
        step = rows.assemble(points, rows.balance, left, extra, right, rows.seed)
        network, change = last_layer(rows.trial, step, layers)
        net = rows.unscale([0], network)
        value = value + change[:, 0]
        family = CellFunctions(family.nodes, (net,), value)
        phi = net.jet(points, rows.trial.indices)
        if float(change.abs().max()) <= _CONVERGED * float(value.abs().max()):
            break
    return family, network


def require_positive(rows: CellRows, family: CellFunctions) -> None:
    """SolveError where the ground state, the first function, changes its sign: it is another
    eigenfunction then.
    """
    values = family.raw(rows.points(_SAMPLES, rows.seed), [rows.means.zero])[rows.means.zero][:, 0]
    if not float(values.min()) >= -_NEGATIVE * float(values.abs().max()):
        raise SolveError(
            "the first eigenfunction changes its sign: it is not the ground state",
            term=rows.cells.functions[0].name,
            remedy='use backend="fourier", or more features',
        )


def first_eigenvalue(rows: CellRows) -> Tensor:
    """The eigenvalue of smallest real part at the slow nodes, (nodes,), by Fourier collocation on a
    coarse grid.
    """
    axes = rows.trial.axes[: rows.cells.cell.dim]
    n = _PER_AXIS[len(axes)]
    lines = [a + (b - a) / n * torch.arange(n, dtype=torch.float64) for _, a, b in axes]
    y = torch.cartesian_prod(*lines).reshape(-1, len(axes)).to(rows.device)
    lengths = [b - a for _, a, b in axes]
    derivatives = [_collocation(index, n, lengths) for index in rows.trial.indices]
    found = []
    for points in pairs(y, torch.as_tensor(rows.empty.nodes.points, device=rows.device)):
        without = _operator(rows, points, 0.0, derivatives)
        with_one = _operator(rows, points, 1.0, derivatives)
        values = scipy.linalg.eigvals(without, without - with_one)
        found.append(values.real[np.isfinite(values)].min())
    return torch.tensor(found, dtype=torch.float64, device=rows.device)


def _operator(
    rows: CellRows, points: Tensor, eigenvalue: float, derivatives: Sequence[Array]
) -> Array:
    """The matrix of the cell operator, less the eigenvalue times that of the mass, on the values at
    points, from the matrices of the derivatives.
    """
    nodes = rows.empty.nodes
    constant = points.new_full((len(nodes.points),), eigenvalue)
    family = CellFunctions(nodes, eigenvalue=constant)
    factors = rows.left(rows.stages[0], points, family)[:, 0, 0].cpu().numpy()
    terms = zip(factors.T, derivatives, strict=True)
    return np.asarray(sum(factor[:, None] * d for factor, d in terms))


def _collocation(index: MultiIndex, n: int, lengths: list[float]) -> Array:
    """D^index on the values at a uniform grid of n (odd) points per axis, the last axis fastest."""
    blocks = []
    for order, length in zip(index, lengths, strict=True):
        symbol = (2j * np.pi / length * np.fft.fftfreq(n, 1 / n)) ** order
        blocks.append(np.fft.ifft(symbol[:, None] * np.fft.fft(np.eye(n), axis=0), axis=0).real)
    return reduce(np.kron, blocks)
