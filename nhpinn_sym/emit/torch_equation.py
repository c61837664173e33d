"""Emission for PyTorch: strong residuals by forward jets, in files that import torch and math only
and stand alone.

- `cells`: cell_residual.py, the cell problems of a model and its effective coefficients;
- `equation`: {name}_residual.py, a boundary value problem and an ansatz that satisfies its
  essential data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import sympy as sp

from ..lower.forms import Essential, LoweredEquation, MultiIndex, Natural, StrongTerm
from ..operator.zero import jumps
from ..problem.domain import Face
from ..problem.errors import UnsupportedError
from .hard_constraints import Constraints, constrain
from .source import Source
from .torch_cells import cells
from .torch_text import (
    NET,
    Scope,
    Tables,
    assemble,
    at_points,
    closure,
    commented,
    formulas,
    function,
    given_names,
    header,
    tabulated,
)
from .unknown_functions import function_names

__all__ = ["cells", "equation"]


def equation(lowered: LoweredEquation, name: str, derivatives: Iterable[MultiIndex] = ()) -> Source:
    """{name}_residual.py; columns of its `points` are the coordinates, then the time; so are the
    entries of its multi-indices.

    derivatives: what the file is to provide beyond what it needs itself. In the files of systems
    values have one more axis, the components, and coefficients are tables by (equation, component).
    UnsupportedError where a coefficient jumps, or where one or a datum has no counterpart in torch.
    """
    _require_strong_form(lowered)
    scope, several = _scope(lowered), lowered.components > 1
    blocks, constraints = (
        tabulated(_evolution(lowered)),
        [constrain(lowered, j) for j in range(lowered.components)],
    )
    axes = [
        ("periodic" if i in lowered.periodic else "scaled", a, b)
        for i, (a, b) in enumerate(lowered.domain.intervals)
    ]
    if lowered.final_time is not None:
        axes.append(("graded", sp.Integer(0), lowered.final_time))
    conormal = (
        [t for row in lowered.flux for component in row for t in component]
        if lowered.natural
        else []
    )
    conormal += [t for n in lowered.natural for t in n.terms]
    fluxes = [_extended(lowered, t.right) for t in conormal]
    indices = closure(
        [*derivatives, *(index for table in blocks.values() for index in table), *fluxes]
    )
    net, outputs = (
        "network(points, layers, indices, axes)",
        f"{lowered.components} outputs" if several else "one output",
    )
    parts = [
        header(scope, {"INDICES": indices}, axes)
        + (f"\nCOMPONENTS = {lowered.components}" if several else ""),
        *_strong_part(scope, blocks, lowered.sources),
        scope.jet(
            "lift",
            [c.lift for c in constraints],
            indices,
            "The jet of a function that takes the essential data.",
        ),
        scope.jet(
            "factor",
            [c.factor for c in constraints],
            indices,
            "The jet of a function that vanishes where essential data are taken.",
        ),
        function(
            f"ansatz(points, net{scope.collect})",
            f"The jet of lift + factor * net, for the jet of a net with {outputs}.",
            [
                f"return add(lift(points{scope.forward}), product(factor(points{scope.forward}),"
                " net))"
            ],
        ),
        function(
            f"solution({NET}{scope.collect})",
            "The jet of the ansatz on a net of these layers.",
            [f"return ansatz(points, {net if several else f'column({net}, 0)'}{scope.forward})"],
        ),
        *_boundary(scope, lowered, constraints),
    ]
    return Source(
        "torch",
        (
            (
                f"{name}_residual.py",
                assemble(_equation_docstring(lowered, blocks, constraints), parts),
            ),
        ),
    )


def _require_strong_form(lowered: LoweredEquation) -> None:
    if lowered.jumps:
        jumping = (t.coefficient for t in lowered.bilinear if jumps(t.coefficient))
        raise UnsupportedError(
            "a coefficient jumps: the strong form, which the PINN residual is, is not defined"
            " across the jump",
            term=next(jumping, lowered.title),
            remedy='finite elements hold across it: "dolfinx" or "skfem"',
        )


def _scope(lowered: LoweredEquation) -> Scope:
    """Variables and arguments of the emitted functions."""
    variables = (
        lowered.coordinates if lowered.time is None else (*lowered.coordinates, lowered.time)
    )
    return Scope(
        variables,
        (*lowered.parameters, *(e.symbol for e in lowered.externals)),
        function_names(lowered),
    )


def _extended(lowered: LoweredEquation, index: MultiIndex, time: int = 0) -> MultiIndex:
    return index if lowered.time is None else (*index, time)


def _evolution(lowered: LoweredEquation) -> list[StrongTerm]:
    """The strong terms over coordinates and time, the time derivative among them."""
    rate = _extended(lowered, (0,) * len(lowered.coordinates), 1)
    terms = [replace(t, right=_extended(lowered, t.right)) for t in lowered.strong]
    return [*terms, *(StrongTerm(t.coefficient, rate, t.equation, t.field) for t in lowered.mass)]


def _strong_part(scope: Scope, blocks: Tables, sources: Sequence[sp.Expr]) -> list[str]:
    """coefficients, source, operator and residual."""
    several = len(sources) > 1
    return [
        (
            scope.tables("coefficients", blocks)
            if several
            else scope.table("coefficients", blocks.get((0, 0), {}))
        ),
        scope.function(
            "source", "points", "The right-hand side.", sources, f"return {at_points(len(sources))}"
        ),
        function(
            f"operator(points, d{scope.collect})",
            (
                "The left-hand sides; d: {multi-index: derivatives of the components}."
                if several
                else (
                    "The left-hand side; d: {multi-index: derivatives}, feature axes may follow"
                    " those of the points."
                )
            ),
            [f"return {_applied('coefficients', several, scope)}"],
        ),
        function(
            f"residual(points, d{scope.collect})",
            "Zero for the solution.",
            [f"return operator(points, d{scope.forward}) - source(points{scope.forward})"],
        ),
    ]


def _applied(coefficients: str, several: bool, scope: Scope) -> str:
    """The text of a differential operator on the jet d."""
    return (
        f"system({coefficients}(points{scope.forward}), d, COMPONENTS)"
        if several
        else f"combine({coefficients}(points{scope.forward}), d)"
    )


def _boundary(
    scope: Scope, lowered: LoweredEquation, constraints: Sequence[Constraints]
) -> list[str]:
    """`boundary` for natural conditions, and for essential ones that contradict their neighbours; a
    row 0 = 0 for components without.
    """
    parts, rows, several = [], [], lowered.components > 1
    for face, conditions in _open_faces(lowered, constraints).items():
        blocks, suffix, name = (
            _boundary_tables(lowered, face, conditions),
            f"{face[0]}_{face[1]}",
            _face_name(lowered, face),
        )
        coefficients, summary = (
            f"boundary_coefficients_{suffix}",
            f"Where {name}: the factor of each derivative.",
        )
        values = [
            _boundary_value(lowered, face, conditions[i]) if i in conditions else sp.Integer(0)
            for i in range(lowered.components)
        ]
        parts.append(
            scope.tables(coefficients, blocks, summary)
            if several
            else scope.table(coefficients, blocks.get((0, 0), {}), summary)
        )
        parts.append(
            scope.function(
                f"boundary_value_{suffix}",
                "points",
                f"Where {name}: the right-hand side.",
                values,
                f"return {at_points(lowered.components)}",
            )
        )
        rows.append(f"    {face}: (boundary_coefficients_{suffix}, boundary_value_{suffix}),\n")
    parts.append(f"BOUNDARY = {{\n{''.join(rows)}}}" if rows else "BOUNDARY = {}")
    body = [
        "coefficients, value = BOUNDARY[face]",
        f"return {_applied('coefficients', several, scope)} - value(points{scope.forward})",
    ]
    parts.append(
        function(
            f"boundary(points, d, face{scope.collect})",
            "Zero for the solution at points of a face in BOUNDARY: what the ansatz leaves open.",
            body,
        )
    )
    return parts


def _open_faces(
    lowered: LoweredEquation, constraints: Sequence[Constraints]
) -> dict[Face, dict[int, Natural | Essential]]:
    """The faces on which the ansatz does not satisfy all conditions by itself, and these conditions
    by component.
    """
    found: dict[Face, dict[int, Natural | Essential]] = {}
    for condition in lowered.natural:
        for face in condition.faces:
            found.setdefault(face, {})[condition.equation] = condition
    for j, constraint in enumerate(constraints):
        for face, value in constraint.soft.items():
            found.setdefault(face, {})[j] = Essential((face,), value, j)
    return found


def _boundary_tables(
    lowered: LoweredEquation, face: Face, conditions: Mapping[int, Natural | Essential]
) -> Tables:
    zero, terms, (axis, end) = _extended(lowered, (0,) * len(lowered.coordinates)), [], face
    for i, condition in conditions.items():
        if isinstance(condition, Essential):
            terms.append(StrongTerm(sp.Integer(1), zero, i, i))
            continue
        terms += [
            StrongTerm((2 * end - 1) * t.coefficient, _extended(lowered, t.right), i, t.field)
            for t in lowered.flux[i][axis]
        ]
        terms.append(StrongTerm(condition.alpha, zero, i, i))
        terms += [replace(t, right=_extended(lowered, t.right)) for t in condition.terms]
    empty: Tables = {
        (i, i): {zero: sp.Integer(0)} for i in range(lowered.components) if i not in conditions
    }
    return tabulated(terms) | empty


def _boundary_value(
    lowered: LoweredEquation, face: Face, condition: Natural | Essential
) -> sp.Expr:
    """The datum; less n . g where the equation holds -div(flux + g), g being what the load pairs
    with the gradient of a test function.
    """
    if isinstance(condition, Essential):
        return condition.value
    axis, end = face
    normal = tuple(int(k == axis) for k in range(len(lowered.coordinates)))
    return condition.value + (2 * end - 1) * sp.Add(
        *[
            w.coefficient
            for w in lowered.linear
            if w.equation == condition.equation and w.left == normal
        ]
    )


def _face_name(lowered: LoweredEquation, face: Face) -> str:
    return f"{lowered.coordinates[face[0]]} = {lowered.domain.intervals[face[0]][face[1]]}"


def _natural_sum(n: Natural, labels: Sequence[str]) -> str:
    """The left-hand side of a natural condition."""
    more = "".join(f" + ({t.coefficient}) D^{t.right} u{labels[t.field]}" for t in n.terms)
    return f"n . flux{labels[n.equation]} + ({n.alpha}) u{labels[n.equation]}{more}"


def _equation_docstring(
    lowered: LoweredEquation, blocks: Tables, constraints: Sequence[Constraints]
) -> str:
    labels = [f"[{j}]" for j in range(lowered.components)] if lowered.components > 1 else [""]
    variables = ", ".join(map(str, _scope(lowered).variables))
    conditions = [
        f"u{labels[e.field]} = {e.value}  where {_face_name(lowered, face)}"
        for e in lowered.essential
        for face in e.faces
    ]
    conditions += [
        f"{_natural_sum(n, labels)} = {n.value}  where {_face_name(lowered, face)}"
        for n in lowered.natural
        for face in n.faces
    ]
    conditions += [f"u periodic in {lowered.coordinates[axis]}" for axis in lowered.periodic]
    conditions += [
        f"u{label} = {start}  at {lowered.time} = 0"
        for label, start in zip(labels, lowered.initial)
    ]
    listed, given = (
        "\n".join(commented(c, 4) for c in conditions),
        given_names(_scope(lowered).given),
    )
    ansatz = [
        f"{name}{label} = {expr}"
        for name in ("lift", "factor")
        for label, expr in zip(labels, (getattr(c, name) for c in constraints))
    ]
    satisfied = "\n".join(commented(line, 4) for line in ansatz)
    return f"""{lowered.title}.

For u({variables}) on {lowered.domain}{f", 0 < {lowered.time} < {lowered.final_time}" if lowered.time is not None else ""}:

{formulas(blocks, "u", lowered.sources)}

where D^(a, b, ...) counts derivatives per variable, with the conditions

{listed}

The ansatz u = lift + factor * net satisfies by itself what it can (periodicity by the inputs of the net):

{satisfied}

What is left is `boundary(points, d, face)` for the faces in BOUNDARY. Training a net of your own:

    layers = mlp(width=24, depth=2, outputs={lowered.components}, axes=AXES)
    loss = residual(points, solution(points, layers{given}){given}).square().mean()
"""
