"""Emission for PyTorch: strong residuals by forward jets, in files that import torch and math only and stand alone.

- `cells`: cell_residual.py, the cell problems of a model and its effective coefficients;
- `equation`: {name}_residual.py, a boundary value problem and an ansatz that satisfies its essential data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sympy as sp

from ..lower.forms import Essential, LoweredEquation, MultiIndex, Natural, StrongTerm
from ..operator.zero import jumps
from ..problem.domain import Face
from ..problem.errors import UnsupportedError
from .constraints import Constraints, constrain
from .source import Source
from .torch_cells import cells
from .torch_text import NET, Scope, assemble, closure, collect, commented, formula, function, given_names, header, strong_part

__all__ = ["boundary_faces", "cells", "equation", "equation_scope"]


def equation(lowered: LoweredEquation, name: str, derivatives: Iterable[MultiIndex] = ()) -> Source:
    """{name}_residual.py; columns of its `points` are the coordinates, then the time; so are the entries of its multi-indices.

    derivatives: what the file is to provide beyond what it needs itself.
    UnsupportedError where a coefficient jumps, or where one or a datum has no counterpart in torch.
    """
    _require_strong_form(lowered)
    scope = equation_scope(lowered)
    terms, constraints = collect(_evolution(lowered)), constrain(lowered)
    axes = [("periodic" if i in lowered.periodic else "scaled", a, b) for i, (a, b) in enumerate(lowered.domain.intervals)]
    if lowered.final_time is not None:
        axes.append(("graded", sp.Integer(0), lowered.final_time))
    fluxes = [_extended(lowered, t.right) for component in lowered.flux[0] for t in component] if lowered.natural else []
    indices = closure([*derivatives, *terms, *fluxes])
    parts = [
        header(scope, {"INDICES": indices}, axes),
        *strong_part(scope, terms, [lowered.sources[0]], "The right-hand side.", "full(points, {})"),
        scope.jet("lift", constraints.lift, indices, "The jet of a function that takes the essential data."),
        scope.jet("factor", constraints.factor, indices, "The jet of a function that vanishes where essential data are taken."),
        function(f"ansatz(points, net{scope.collect})", "The jet of lift + factor * net, for the jet of a net with one output.",
                 [f"return add(lift(points{scope.forward}), product(factor(points{scope.forward}), net))"]),
        function(f"solution({NET}{scope.collect})", "The jet of the ansatz on a net of these layers.",
                 [f"return ansatz(points, column(network(points, layers, indices, axes), 0){scope.forward})"]),
        *_boundary(scope, lowered, constraints),
    ]
    return Source("torch", ((f"{name}_residual.py", assemble(_equation_docstring(lowered, terms, constraints), parts)),))


def _require_strong_form(lowered: LoweredEquation) -> None:
    if lowered.jumps:
        jumping = (t.coefficient for t in lowered.bilinear if jumps(t.coefficient))
        raise UnsupportedError("a coefficient jumps: the strong form, which the PINN residual is, is not defined across the jump",
                               term=next(jumping, lowered.title), remedy='use a finite element target, "dolfinx" or "skfem"')


def equation_scope(lowered: LoweredEquation) -> Scope:
    """Variables and arguments of the emitted functions of an equation."""
    variables = lowered.coordinates if lowered.time is None else (*lowered.coordinates, lowered.time)
    return Scope(variables, (*lowered.parameters, *(e.symbol for e in lowered.externals)))


def boundary_faces(lowered: LoweredEquation, constraints: Constraints) -> dict[Face, Natural | Essential]:
    """The faces whose condition the ansatz does not satisfy by itself."""
    natural = {face: condition for condition in lowered.natural for face in condition.faces}
    return {**natural, **{face: Essential((face,), value) for face, value in constraints.soft.items()}}


def _extended(lowered: LoweredEquation, index: MultiIndex, time: int = 0) -> MultiIndex:
    return index if lowered.time is None else (*index, time)


def _evolution(lowered: LoweredEquation) -> list[StrongTerm]:
    """The strong terms over coordinates and time, the time derivative among them."""
    terms = [StrongTerm(t.coefficient, _extended(lowered, t.right)) for t in lowered.strong]
    if lowered.mass:
        terms.append(StrongTerm(lowered.mass[0].coefficient, _extended(lowered, (0,) * len(lowered.coordinates), 1)))
    return terms


def _boundary(scope: Scope, lowered: LoweredEquation, constraints: Constraints) -> list[str]:
    """`boundary` for natural conditions, and for essential ones that contradict their neighbours."""
    parts, rows = [], []
    for face, condition in boundary_faces(lowered, constraints).items():
        table, suffix, name = collect(_boundary_terms(lowered, face, condition)), f"{face[0]}_{face[1]}", _face_name(lowered, face)
        entries = "".join(f"    {index}: {{}},\n" for index in table)
        parts.append(scope.function(f"boundary_coefficients_{suffix}", "points", f"Where {name}: the factor of each derivative.",
                                    list(table.values()), f"return {{{{\n{entries}}}}}"))
        parts.append(scope.function(f"boundary_value_{suffix}", "points", f"Where {name}: the right-hand side.",
                                    [condition.value], "return full(points, {})"))
        rows.append(f"    {face}: (boundary_coefficients_{suffix}, boundary_value_{suffix}),\n")
    parts.append(f"BOUNDARY = {{\n{''.join(rows)}}}" if rows else "BOUNDARY = {}")
    body = ["coefficients, value = BOUNDARY[face]",
            f"return combine(coefficients(points{scope.forward}), d) - value(points{scope.forward})"]
    parts.append(function(f"boundary(points, d, face{scope.collect})",
                          "Zero for the solution at points of a face in BOUNDARY: what the ansatz leaves open.", body))
    return parts


def _boundary_terms(lowered: LoweredEquation, face: Face, condition: Natural | Essential) -> list[StrongTerm]:
    zero = _extended(lowered, (0,) * len(lowered.coordinates))
    if isinstance(condition, Essential):
        return [StrongTerm(sp.Integer(1), zero)]
    axis, end = face
    flux = [StrongTerm((2 * end - 1) * t.coefficient, _extended(lowered, t.right)) for t in lowered.flux[0][axis]]
    return [*flux, StrongTerm(condition.alpha, zero)]


def _face_name(lowered: LoweredEquation, face: Face) -> str:
    return f"{lowered.coordinates[face[0]]} = {lowered.domain.intervals[face[0]][face[1]]}"


def _equation_docstring(lowered: LoweredEquation, terms: Mapping[MultiIndex, sp.Expr], constraints: Constraints) -> str:
    variables = ", ".join(map(str, equation_scope(lowered).variables))
    conditions = [f"u = {e.value}  where {_face_name(lowered, face)}" for e in lowered.essential for face in e.faces]
    conditions += [f"n . flux + ({n.alpha}) u = {n.value}  where {_face_name(lowered, face)}" for n in lowered.natural for face in n.faces]
    conditions += [f"u periodic in {lowered.coordinates[axis]}" for axis in lowered.periodic]
    conditions += [f"u = {lowered.initial[0]}  at {lowered.time} = 0"] if lowered.time is not None else []
    listed, given = "\n".join(commented(c, 4) for c in conditions), given_names(equation_scope(lowered).given)
    return f"""{lowered.title}.

For u({variables}) on {lowered.domain}{f", 0 < {lowered.time} < {lowered.final_time}" if lowered.time is not None else ""}:

{formula(terms, "u")}
{commented(f"= {lowered.sources[0]}", 4)}

where D^(a, b, ...) counts derivatives per variable, with the conditions

{listed}

The ansatz u = lift + factor * net satisfies by itself what it can (periodicity by the inputs of the net):

{commented(f"lift = {constraints.lift}", 4)}
{commented(f"factor = {constraints.factor}", 4)}

What is left is `boundary(points, d, face)` for the faces in BOUNDARY. Training a net of your own:

    layers = mlp(width=24, depth=2, outputs=1, axes=AXES)
    loss = residual(points, solution(points, layers{given}){given}).square().mean()
"""
