"""Emission for PyTorch: strong residuals by forward jets.

- `cells`: cell_coefficients.py and cell_residual.py, the cell problems of a model and its effective
  coefficients;
- `equation`: {name}_coefficients.py and {name}_residual.py, a boundary value problem and an ansatz
  that satisfies its essential data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import sympy as sp

from ..lower.forms import Essential, LoweredEquation, MultiIndex, Natural, StrongTerm
from ..operator.zero_test import jumps
from ..problem.errors import UnsupportedError
from .boundary_parts import describe_part
from .hard_constraints import Constraints
from .source import Source
from .torch_cells import cells
from .torch_coefficients import (
    CoefficientsFile,
    coefficient_function,
    equation_coefficients,
    equation_constraints,
    equation_scope,
    extended,
    operator_tables,
)
from .torch_text import (
    NET,
    CoefficientTables,
    Scope,
    assemble,
    at_points,
    closure,
    commented,
    formulas,
    function,
    given_names,
    index_constants,
    tabulated,
)

__all__ = ["cells", "coefficients", "equation"]


def equation(lowered: LoweredEquation, name: str, derivatives: Iterable[MultiIndex] = ()) -> Source:
    """{name}_coefficients.py and {name}_residual.py; columns of `points` are the coordinates, then
    the time; so are the entries of multi-indices.

    derivatives: what the files are to provide beyond what they need themselves. In those of systems
    values have one more axis, the components, and coefficients are tables by (equation, component).
    UnsupportedError where a coefficient jumps, or where one or a datum has no counterpart in torch.
    """
    shared = coefficients(lowered, name, derivatives)
    scope = equation_scope(lowered)
    constraints = equation_constraints(lowered)
    indices = residual_indices(lowered, derivatives)
    constants = [index_constants({"INDICES": indices})]
    if lowered.components > 1:
        constants.append(f"COMPONENTS = {lowered.components}")
    parts = [
        "\n".join(constants),
        *_operator(scope, lowered.components > 1),
        *ansatz(scope, lowered.components),
        *_boundary(scope, lowered, constraints),
    ]
    text = assemble(_residual_docstring(lowered, name), parts, shared.siblings)
    return Source("torch", (shared.file, (f"{name}_residual.py", text)))


def coefficients(
    lowered: LoweredEquation, name: str, derivatives: Iterable[MultiIndex] = ()
) -> CoefficientsFile:
    """{name}_coefficients.py, for the residual and for the energy."""
    _require_strong_form(lowered)
    doc = _equation_docstring(lowered, operator_tables(lowered), equation_constraints(lowered))
    return equation_coefficients(lowered, name, doc, residual_indices(lowered, derivatives))


def residual_indices(
    lowered: LoweredEquation, derivatives: Iterable[MultiIndex] = ()
) -> tuple[MultiIndex, ...]:
    """The derivatives in the residual and in the boundary conditions, and those asked for."""
    conormal = [t for n in (*lowered.natural, *lowered.moments) for t in n.terms]
    if lowered.natural:
        conormal += [t for row in lowered.flux for component in row for t in component]
    fluxes = [extended(lowered, t.right) for t in conormal]
    inside = [index for table in operator_tables(lowered).values() for index in table]
    return closure([*derivatives, *inside, *fluxes])


def ansatz(scope: Scope, components: int) -> list[str]:
    """The functions that make a net satisfy the essential data."""
    net = "network(points, layers, indices, axes)"
    held = f"column({net}, 0)"
    outputs = "one output"
    if components > 1:
        held = net
        outputs = f"{components} outputs"
    given = scope.forward
    return [
        function(
            f"ansatz(points, net{scope.collect})",
            f"The jet of lift + factor * net, for the jet of a net with {outputs}.",
            [f"return add(lift(points{given}), product(factor(points{given}), net))"],
        ),
        function(
            f"solution({NET}{scope.collect})",
            "The jet of the ansatz on a net of these layers.",
            [f"return ansatz(points, {held}{given})"],
        ),
    ]


def _require_strong_form(lowered: LoweredEquation) -> None:
    if lowered.jumps:
        jumping = (t.coefficient for t in lowered.bilinear if jumps(t.coefficient))
        raise UnsupportedError(
            "a coefficient jumps: the strong form, which the PINN residual is, is not defined"
            " across the jump",
            term=next(jumping, lowered.title),
            remedy='finite elements hold across it: "dolfinx" or "skfem"',
        )


def _operator(scope: Scope, several: bool) -> list[str]:
    """operator and residual."""
    summary = "The left-hand side; d: {multi-index: derivatives}, feature axes may follow."
    if several:
        summary = "The left-hand sides; d: {multi-index: derivatives of the components}."
    applied = _applied("coefficients", several, scope)
    given = scope.forward
    return [
        function(f"operator(points, d{scope.collect})", summary, [f"return {applied}"]),
        function(
            f"residual(points, d{scope.collect})",
            "Zero for the solution.",
            [f"return operator(points, d{given}) - source(points{given})"],
        ),
    ]


def _applied(coefficients: str, several: bool, scope: Scope) -> str:
    """The text of a differential operator on the jet d."""
    if several:
        return f"system({coefficients}(points{scope.forward}), d, COMPONENTS)"
    return f"combine({coefficients}(points{scope.forward}), d)"


def _boundary(
    scope: Scope, lowered: LoweredEquation, constraints: Sequence[Constraints]
) -> list[str]:
    """`boundary` for natural conditions, and for essential ones that contradict their neighbours; a
    row 0 = 0 for components without.
    """
    parts = list[str]()
    rows = list[str]()
    several = lowered.components > 1
    for part, conditions in _open_parts(lowered, constraints).items():
        parts += _part_functions(scope, lowered, part, conditions)
        rows.append(f'    "{part}": (boundary_coefficients_{part}, boundary_value_{part}),\n')
    parts.append(f"BOUNDARY = {{\n{''.join(rows)}}}" if rows else "BOUNDARY = {}")
    body = [
        "coefficients, value = BOUNDARY[part]",
        f"return {_applied('coefficients', several, scope)} - value(points{scope.forward})",
    ]
    parts.append(
        function(
            f"boundary(points, d, part{scope.collect})",
            "Zero for the solution on a part in BOUNDARY: what the ansatz leaves open.",
            body,
        )
    )
    return parts


def _part_functions(
    scope: Scope,
    lowered: LoweredEquation,
    part: str,
    conditions: Mapping[int, Natural | Essential],
) -> list[str]:
    """The factors and the right-hand side of the conditions on one part of the boundary."""
    where = f"On {describe_part(lowered, part)}:"
    tables = boundary_tables(lowered, part, conditions)
    values = [
        boundary_value(lowered, part, conditions[i]) if i in conditions else sp.Integer(0)
        for i in range(lowered.components)
    ]
    return [
        coefficient_function(
            scope,
            f"boundary_coefficients_{part}",
            tables,
            lowered.components > 1,
            f"{where} the factor of each derivative.",
        ),
        scope.function(
            f"boundary_value_{part}",
            "points",
            f"{where} the right-hand side.",
            values,
            f"return {at_points(lowered.components)}",
        ),
    ]


def _open_parts(
    lowered: LoweredEquation, constraints: Sequence[Constraints]
) -> dict[str, dict[int, Natural | Essential]]:
    """The parts on which the ansatz does not satisfy all conditions by itself, and these conditions
    by component.
    """
    found: dict[str, dict[int, Natural | Essential]] = {}
    for condition in (*lowered.natural, *lowered.moments):
        for part in condition.parts:
            found.setdefault(part, {})[condition.equation] = condition
    for j, constraint in enumerate(constraints):
        for part, value in constraint.soft.items():
            found.setdefault(part, {})[j] = Essential((part,), value, j)
    return found


def boundary_tables(
    lowered: LoweredEquation, name: str, conditions: Mapping[int, Natural | Essential]
) -> CoefficientTables:
    """The factor of each derivative in the conditions on a part; 0 for components without one."""
    zero = extended(lowered, (0,) * len(lowered.coordinates))
    terms = []
    for i, condition in conditions.items():
        if isinstance(condition, Essential):
            terms.append(StrongTerm(sp.Integer(1), zero, i, i))
            continue
        normal = lowered.domain.part(name).normal_at(lowered.coordinates)
        terms += [
            StrongTerm(n * t.coefficient, extended(lowered, t.right), i, t.field)
            for n, component in zip(normal, lowered.flux[i], strict=True)
            for t in component
            if n != 0 and condition not in lowered.moments
        ]
        terms.append(StrongTerm(condition.alpha, zero, i, i))
        terms += [replace(t, right=extended(lowered, t.right)) for t in condition.terms]
    empty: CoefficientTables = {
        (i, i): {zero: sp.Integer(0)} for i in range(lowered.components) if i not in conditions
    }
    return tabulated(terms) | empty


def boundary_value(lowered: LoweredEquation, name: str, condition: Natural | Essential) -> sp.Expr:
    """The datum; less n . g where the equation holds -div(flux + g), g being what the load pairs
    with the gradient of a test function.
    """
    if isinstance(condition, Essential) or condition in lowered.moments:
        return condition.value
    normal = lowered.domain.part(name).normal_at(lowered.coordinates)
    paired = [
        normal[w.left.index(1)] * w.coefficient
        for w in lowered.linear
        if w.equation == condition.equation and any(w.left)
    ]
    return condition.value + sp.Add(*paired)


def _natural_sum(n: Natural, labels: Sequence[str]) -> str:
    """The left-hand side of a natural condition."""
    more = "".join(f" + ({t.coefficient}) D^{t.right} u{labels[t.field]}" for t in n.terms)
    return f"n . flux{labels[n.equation]} + ({n.alpha}) u{labels[n.equation]}{more}"


def _moment_sum(n: Natural, labels: Sequence[str]) -> str:
    """The left-hand side of a condition without bending moment."""
    return " + ".join(f"({t.coefficient}) D^{t.right} u{labels[t.field]}" for t in n.terms)


def _equation_docstring(
    lowered: LoweredEquation, blocks: CoefficientTables, constraints: Sequence[Constraints]
) -> str:
    labels = [f"[{j}]" for j in range(lowered.components)] if lowered.components > 1 else [""]
    variables = ", ".join(map(str, equation_scope(lowered).variables))
    conditions = [
        f"u{labels[e.field]} = {e.value}  on {describe_part(lowered, part)}"
        for e in lowered.essential
        for part in e.parts
    ]
    conditions += [
        f"du{labels[e.field]}/dn as of {e.value}  on {describe_part(lowered, part)}"
        for e in lowered.essential
        if e.clamped
        for part in e.parts
    ]
    conditions += [
        f"{_moment_sum(n, labels)} = 0  on {describe_part(lowered, part)}"
        for n in lowered.moments
        for part in n.parts
    ]
    conditions += [
        f"{_natural_sum(n, labels)} = {n.value}  on {describe_part(lowered, part)}"
        for n in lowered.natural
        for part in n.parts
    ]
    conditions += [f"u periodic in {lowered.coordinates[axis]}" for axis in lowered.periodic]
    conditions += [
        f"u{labels[j]} = {start}  at {lowered.time} = 0" for j, start in lowered.starts.items()
    ]
    listed = "\n".join(commented(c, 4) for c in conditions)
    satisfied = [
        commented(f"{name}{label} = {expr}", 4)
        for name in ("lift", "factor")
        for label, expr in zip(labels, (getattr(c, name) for c in constraints))
    ]
    span = f", 0 < {lowered.time} < {lowered.final_time}" if lowered.time is not None else ""
    return f"""{lowered.title}: coefficients and data.

For u({variables}) on {lowered.domain}{span}:

{formulas(blocks, "u", lowered.sources)}

where D^(a, b, ...) counts derivatives per variable, with the conditions

{listed}

The ansatz u = lift + factor * net satisfies by itself what it can (periodicity by the inputs of
the net):

{chr(10).join(satisfied)}
"""


def _residual_docstring(lowered: LoweredEquation, name: str) -> str:
    given = given_names(equation_scope(lowered).given)
    return f"""{lowered.title}: the residual of what {name}_coefficients.py says.

What the ansatz leaves open is `boundary(points, d, part)` for the parts in BOUNDARY. Training a net
of your own:

    from nhpinn_sym.runtime.nets.networks import mlp

    layers = mlp(width=24, depth=2, outputs={lowered.components}, axes=AXES)
    d = solution(points, layers{given})
    loss = residual(points, d{given}).square().mean()
"""
