"""Fluid in the pores of an elastic skeleton: what its pressure does, as an elastic problem with one
more unknown.

With pressure p in the pores, sigma n = -p n at their walls. Then sigma' = sigma + p I is free of
traction there and has the divergence of sigma, as p varies from cell to cell alone: the strain
follows p as it follows a temperature, with thermal stress -I in the solid,

    -div(C e(u)) - d_i(chi p) = f_i,    chi div u - div(chi grad p) = 0,    chi = 1 in the solid.

Its mean is <sigma> + p I, so that Biot's coefficient is alpha = I + beta, beta the effective
thermal stress; the mean of the second equation is that of div u over the solid. The pressure has a
flux to have an equation of second order; a reaction chi u_1 in the first equation has the share of
the solid for its mean (Auriault, Sanchez-Palencia 1977, J. Mecanique 16:575; Burridge, Keller 1981,
J. Acoust. Soc. Am. 70:1140).
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from ..operator.table import Operator, Term, unit
from ..problem.errors import ProblemError, UnsupportedError
from ..problem.pores import solid_pixels
from ..problem.problem import MultiscaleProblem
from .homogenize import homogenize_operator
from .model import HomogenizedModel

_FORM = (
    "give the model of -s.div(stress), as many unknowns as axes, with holes={shape: nh.Neumann(0)},"
    " or images in which pores have the value 0"
)


def with_pore_pressure(model: HomogenizedModel) -> HomogenizedModel:
    """The model of the displacements of `model` and the pressure, the last unknown.

    ProblemError for a model that is not elastic, or has no pores.
    """
    op = model.operator
    dim = op.problem.scales.dim
    if op.components != dim or model.inner is not None or model.order > 1:
        raise ProblemError(
            "pores of something else than an elastic solid, or correctors of higher order",
            term=f"{op.problem.unknown}, order={model.order}",
            remedy=_FORM,
        )
    table = _stresses(op, dim)
    slow = next((c for c in table.values() if c.has(*op.coordinates)), None)
    if slow is not None:
        raise UnsupportedError(
            "pores of a skeleton that depends on x", term=slow, remedy="put numbers for s.x"
        )
    solid = op.problem.solid
    if solid is None:
        solid = solid_pixels(table.values())
    if solid is None:
        raise ProblemError("an elastic solid without pores", term=op.problem, remedy=_FORM)
    zero = (0,) * (dim + 1)
    for i in range(dim):
        along = unit(i, dim + 1)
        table[Term(i, along, dim, zero, 0)] = -solid
        table[Term(dim, zero, i, along, 0)] = solid
        table[Term(dim, along, dim, along, 0)] = -solid
    table[Term(0, zero, 0, zero, 0)] = solid
    return homogenize_operator(replace(op, problem=_coupled(op.problem), table=table), 1)


def _stresses(op: Operator, dim: int) -> dict[Term, sp.Expr]:
    """The terms of the stress; UnsupportedError for others that act on the displacements."""
    found: dict[Term, sp.Expr] = {}
    for term, coefficient in op.terms():
        axes = sum(term.left[:dim]), sum(term.right[:dim])
        if axes == (1, 1) and term.power == 0 and not term.right[dim]:
            found[term] = coefficient
        elif any(axes) or not term.right[dim]:
            raise UnsupportedError(
                "a term beside stress and inertia, where pores hold a fluid",
                term=op.show(term),
                remedy=_FORM,
            )
    return found


def _coupled(problem: MultiscaleProblem) -> MultiscaleProblem:
    """The problem of the displacements and the pressure, without what is macroscopic."""
    scales = problem.scales
    pressure = scales.unknown("p_pores")
    equations = [
        (scales.laplacian(u) + sp.Derivative(pressure, x), 0)
        for u, x in zip(problem.unknowns, scales.x, strict=True)
    ]
    flow = (scales.div(sp.Matrix(problem.unknowns)) - scales.laplacian(pressure), 0)
    return problem.replaced(
        [*equations, flow],
        unknown=[*problem.unknowns, pressure],
        domain=None,
        boundary=(),
        initial=(),
        final_time=None,
    )
