"""Coefficients given as functions of tensors: seen as functions of arrays, and their derivatives
checked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp
import torch
from torch import Tensor

from ...lower.forms import MultiIndex
from ...operator.sampling import slow_samples
from ...operator.table import Operator
from ...problem.errors import ProblemError
from ...problem.numeric import lambdified
from ...runtime.nets.derivatives import derivative
from ..solution import Array

# Random lines through the cell and the slow variables.
_LINES = 8
# Points of a line: the trapezoid rule sees features of a thousandth.
_STEPS = 2048
# Defect of the integrated derivatives, relative to the range of the values, that the rule has.
_AGREES = 3e-3
# The same relative to the values, which may be nearly constant.
_ROUNDING = 1e-6


def without_own_graph(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The function, whose values carry the graph of its arguments alone: a trainable net may stand
    behind it.
    """

    def values(*arguments: Tensor) -> Tensor:
        found = torch.as_tensor(function(*arguments))
        if any(a.requires_grad for a in arguments):
            return found
        return found.detach()

    return values


def on_arrays(function: Callable[..., Tensor], index: MultiIndex = ()) -> Callable[..., Array]:
    """D^index of the function, for numpy arrays."""

    def values(*arguments: Array) -> Array:
        with torch.no_grad():
            tensors = tuple(torch.tensor(a) for a in arguments)
            found: Array = (
                torch.as_tensor(
                    derivative(function, tensors, index) if any(index) else function(*tensors)
                )
                .cpu()
                .numpy()
            )
        return found

    return values


def require_derivatives(function: Callable[..., Tensor], node: sp.Expr, op: Operator) -> None:
    """ProblemError where what autograd takes for derivatives of `node`, computed by `function`,
    does not integrate to its values.

    So it is with values that are detached, computed outside torch, or that jump. Sampled along
    random lines through the cell and the slow variables.
    """
    arguments = _along_lines(node, op)
    units = np.eye(len(arguments), dtype=int)
    try:
        slopes = [on_arrays(function, tuple(map(int, unit)))(*arguments) for unit in units]
    except (RuntimeError, TypeError, AttributeError) as cause:
        raise ProblemError(
            f"torch cannot differentiate the function {node.func}: {cause}",
            term=node,
            remedy=_REMEDY,
        ) from cause
    values = on_arrays(function)(*arguments).reshape(_LINES, -1)
    rise = np.cumsum(
        sum(_rises(slope, a) for slope, a in zip(slopes, arguments, strict=True)), axis=1
    )
    defect = float(np.abs(values[:, 1:] - values[:, :1] - rise).max())
    if not defect <= _AGREES * float(np.ptp(values)) + _ROUNDING * float(np.abs(values).max()):
        raise ProblemError(
            f"the derivatives of the function {node.func} by torch's autograd are not those of its"
            f" values: off by {defect:.1e}",
            term=node,
            remedy=_REMEDY,
        )


_REMEDY = (
    "compute it from its arguments by differentiable functions of torch, without detaching, and"
    ' write jumps as sp.Piecewise or nh.phases; backend="fourier" or FEM take functions of arrays'
    " that need no derivatives"
)


def _along_lines(node: sp.Expr, op: Operator) -> list[Array]:
    """The arguments of the node along lines, (lines * steps,) each."""
    slow = slow_samples(op, [node])
    count = _LINES * _STEPS
    ranges = {v: (min(p[v] for p in slow), max(p[v] for p in slow)) for v in slow[0]} | dict(
        zip(op.fast, op.cell.bounds, strict=True)
    )
    symbols = sorted(node.free_symbols, key=str)
    ends = np.random.default_rng(0).random((2, _LINES, 1, len(symbols)))
    way = np.linspace(0, 1, _STEPS)[:, None]
    places = (ends[0] + way * (ends[1] - ends[0])).reshape(count, len(symbols))
    columns = [
        a + (b - a) * place
        for (a, b), place in zip((ranges[v] for v in symbols), places.T, strict=True)
    ]
    return [
        np.array(np.broadcast_to(a, (count,)), dtype=float)
        for a in lambdified(symbols, node.args, "numpy")(*columns)
    ]


def _rises(slope: Array, argument: Array) -> Array:
    """What a function rises by over the steps of each line, by the trapezoid rule."""
    a = argument.reshape(_LINES, -1)
    s = slope.reshape(_LINES, -1)
    return np.asarray((s[:, 1:] + s[:, :-1]) / 2 * np.diff(a))


def differentiable(
    field: Callable[[MultiIndex, Array], Array],
) -> Callable[..., Tensor]:
    """A function of tensors, one for each coordinate, with the values of `field`, (index, points
    (n, d)) -> D^index (n,): autograd takes its derivatives, of any order, from there.
    """

    def values(*arguments: Tensor) -> Tensor:
        index = (0,) * len(arguments)
        found: Tensor = _Field.apply(field, index, *torch.broadcast_tensors(*arguments))
        return found

    return values


class _Field(torch.autograd.Function):
    """D^index of a field at tensors of one shape."""

    @staticmethod
    def forward(
        ctx: Any, field: Callable[[MultiIndex, Array], Array], index: MultiIndex, *arguments: Tensor
    ) -> Tensor:
        ctx.field = field
        ctx.index = index
        ctx.save_for_backward(*arguments)
        points = torch.stack([a.detach().flatten() for a in arguments], dim=-1)
        found = np.array(field(index, points.cpu().numpy()), dtype=float)
        return torch.from_numpy(found).to(points).reshape(arguments[0].shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (gradient,) = gradients
        slopes: list[Tensor | None] = []
        for k, needed in enumerate(ctx.needs_input_grad[2:]):
            raised = tuple(n + (axis == k) for axis, n in enumerate(ctx.index))
            slope = _Field.apply(ctx.field, raised, *ctx.saved_tensors) if needed else None
            slopes.append(None if slope is None else gradient * slope)
        return None, None, *slopes
