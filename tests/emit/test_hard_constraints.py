"""Lift and factor of the ansatz take every essential datum to rounding, whatever the net: on random
boxes, with random data.
"""

from __future__ import annotations

import math

import pytest
import sympy as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nhpinn_sym.emit.hard_constraints import constrain
from nhpinn_sym.emit.torch_equation import equation as emit_equation
from nhpinn_sym.lower.forms import Essential, LoweredEquation
from nhpinn_sym.problem.domain import Box
from nhpinn_sym.runtime.nets.inputs import embed
from nhpinn_sym.runtime.nets.networks import mlp, network

from ..emitted import emitted
from ..pinn_samples import equation, t, whole, x1, x2

ends = st.fractions(-3, 3, max_denominator=7)
boxes = (
    st.tuples(ends, ends)
    .filter(lambda e: e[0] != e[1])
    .map(lambda e: tuple(map(sp.Rational, sorted(e))))
)
numbers = st.integers(-3, 3)
Interval = tuple[sp.Rational, sp.Rational]


def datum(a: int, b: int, c: int) -> sp.Expr:
    return a + b * x1 * x2 + sp.sin(c * x1 + x2) + x2**2


def taken(
    lowered: LoweredEquation, name: str | None, value: sp.Expr, seed: int, moment: float = 0.3
) -> float:
    """How far the ansatz on a random net is from `value` at random points of a part (None: at t =
    0), relative to the net and the data.
    """
    module = emitted(emit_equation(lowered, "constraints"), "constraints_residual")
    unit = torch.rand(
        20, len(module.AXES), generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    low, high = unit.new_tensor([[a, b] for _, a, b in module.AXES]).T
    points = low + (high - low) * unit
    if lowered.time is not None:
        points[:, -1] = moment
    if name is None:
        points[:, -1] = 0.0
    else:
        part = lowered.domain.part(name)
        points[:, part.axis] = (low, high)[part.end][part.axis]
    layers = mlp(10, 2, 1, module.AXES, seed)
    zero = (0,) * len(module.AXES)
    found = module.solution(points, layers)[zero].detach()
    variables = (*lowered.coordinates, *((lowered.time,) if lowered.time is not None else ()))
    wanted = [float(value.subs(dict(zip(variables, row)))) for row in points.tolist()]
    return float((found - found.new_tensor(wanted)).abs().max()) / (1 + max(map(abs, wanted)))


@settings(max_examples=12)
@given(
    boxes,
    boxes,
    numbers,
    numbers,
    numbers,
    st.sets(st.sampled_from(["left", "right", "bottom", "top"]), min_size=1),
)
def test_dirichlet_data_on_any_sides_of_any_rectangle(
    first: Interval, second: Interval, a: int, b: int, c: int, parts: set[str]
) -> None:
    box, value = Box(first, second), datum(a, b, c)
    lowered = equation(sp.eye(2), sp.S.Zero, box, [Essential(tuple(parts), value)])
    assert constrain(lowered, 0).hard == tuple(parts)
    assert max(taken(lowered, name, value, 1 + abs(a)) for name in parts) < 1e-12


@settings(max_examples=6)
@given(boxes, boxes, numbers, numbers)
def test_initial_and_boundary_data_together(
    first: Interval, second: Interval, a: int, b: int
) -> None:
    box, value = Box(first, second), datum(a, b, 1) + t * sp.cos(x1 + b * x2)
    lowered = equation(
        sp.eye(2),
        sp.S.Zero,
        box,
        [Essential(whole(box), value)],
        mass=sp.S.One,
        initial=value.subs(t, 0),
        final_time=sp.Rational(1, 2),
    )
    assert max(taken(lowered, name, value, abs(b)) for name in (None, *whole(box))) < 1e-12


@settings(max_examples=20)
@given(st.floats(-50, 50), st.floats(0.01, 50), st.integers(1, 3), st.integers(0, 100))
def test_nets_are_periodic_with_all_their_derivatives(
    start: float, length: float, depth: int, seed: int
) -> None:
    """At any period: the inputs are, and nothing else sees the coordinate."""
    axes = (("periodic", start, start + length), ("scaled", 0.0, 2.0))
    layers = mlp(8, depth, 2, axes, seed)
    unit = torch.rand(10, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    p = unit * torch.tensor([length, 2.0]) + torch.tensor([start, 0.0])
    indices = ((0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (3, 0))
    with torch.no_grad():
        here, beyond = (
            network(points, layers, indices, axes)
            for points in (p, p + torch.tensor([length, 0.0], dtype=torch.float64))
        )
    lost = 1e-14 * (1 + (abs(start) + 2 * length) / length)  # digits of the points themselves
    for index in indices:
        scale = (2 * math.pi / length) ** index[0]
        assert float((here[index] - beyond[index]).abs().max()) <= 1e3 * lost * (
            scale + float(here[index].abs().max())
        )


@pytest.mark.parametrize("length", [1.0, 2 * math.pi, 0.3])
def test_both_ends_of_a_period_are_one_point(length: float) -> None:
    ends = torch.tensor([[0.5], [0.5 + length]], dtype=torch.float64)
    inputs = embed(ends, ((0,), (1,), (2,)), (("periodic", 0.5, 0.5 + length),))
    assert all(
        float((value[0] - value[1]).abs().max()) < 1e-12 * (2 * math.pi / length) ** order
        for (order,), value in inputs.items()
    )
