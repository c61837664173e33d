"""{name}_energy.py: the energy (Ritz) of a symmetric boundary value problem for torch; first
derivatives of a solution, none of a coefficient.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..lower.energy import EquationEnergy, equation_energy
from ..lower.forms import LoweredEquation, MultiIndex
from ..problem.errors import UnsupportedError
from .hard_constraints import constrain
from .source import Source
from .torch_energy import symmetric
from .torch_text import NET, Scope, assemble, closure, commented, function, given_names, header
from .unknown_functions import function_names


def equation(lowered: LoweredEquation, name: str, derivatives: Iterable[MultiIndex] = ()) -> Source:
    """{name}_energy.py: the energy of a boundary value problem, and the ansatz that satisfies its
    essential data; `derivatives` beyond the first
    are provided where they are asked for.

    UnsupportedError where it has no energy, or where essential data contradict each other (they
    would be soft).
    """
    energy, constraints = (
        equation_energy(lowered),
        [constrain(lowered, j) for j in range(lowered.components)],
    )
    soft = next((face for c in constraints for face in c.soft), None)
    if soft is not None:
        raise UnsupportedError(
            "an energy with Dirichlet data that contradict those of a neighbouring face",
            term=lowered.essential[0],
            remedy='use method="residual"',
        )
    scope = Scope(
        lowered.coordinates,
        (*lowered.parameters, *(e.symbol for e in lowered.externals)),
        function_names(lowered),
    )
    dim, components, size = lowered.domain.dim, lowered.components, len(energy.slots)
    indices = closure([(0,) * dim, *(index for _, index in energy.slots), *derivatives])
    axes = [
        ("periodic" if i in lowered.periodic else "scaled", a, b)
        for i, (a, b) in enumerate(lowered.domain.intervals)
    ]
    vector = f"return stack(points{', {}' * size})"
    values = ", ".join(f"d[{index}][..., {i}]" for i, index in energy.slots)
    parts = [
        (
            f"{header(scope, {'INDICES': indices}, axes)}\nCOMPONENTS = {components}\nSLOTS ="
            f" {energy.slots}  # (component, multi-index)"
        ),
        symmetric(
            scope,
            "quadratic",
            "points",
            f"The symmetric C of 1/2 slots . C slots, (..., {size}, {size}).",
            energy.quadratic,
        ),
        scope.function(
            "load", "points", "The factors of the slots in l(u).", energy.linear, vector
        ),
        function(
            "slots(d)",
            "The derivatives of u in SLOTS, for its jet.",
            [f"return torch.stack([{values}], -1)"],
        ),
        function(
            f"energy(points, d{scope.collect})",
            "The integrand of 1/2 B(u, u) - l(u) inside.",
            [
                "s = slots(d)",
                (
                    "return 0.5 * torch.einsum('...p,...pq,...q->...', s,"
                    f" quadratic(points{scope.forward}), s) - (load(points{scope.forward}) *"
                    " s).sum(-1)"
                ),
            ],
        ),
        *_faces(scope, energy, dim),
        scope.jet(
            "lift",
            [c.lift for c in constraints],
            indices,
            "The jet of a function that takes the essential data.",
            columns=True,
        ),
        scope.jet(
            "factor",
            [c.factor for c in constraints],
            indices,
            "The jet of a function that vanishes where essential data are taken.",
            columns=True,
        ),
        function(
            f"solution({NET}{scope.collect})",
            "The jet of lift + factor * net on a net of these layers.",
            [
                "net = network(points, layers, indices, axes)",
                (
                    f"return add(lift(points{scope.forward}),"
                    f" product(factor(points{scope.forward}), net))"
                ),
            ],
        ),
    ]
    text = assemble(_equation_docstring(lowered, energy, given_names(scope.given)), parts)
    return Source("torch", ((f"{name}_energy.py", text),))


def _faces(scope: Scope, energy: EquationEnergy, dim: int) -> list[str]:
    """{face: (alpha, g)} of the natural conditions."""
    parts, rows = [], []
    for (axis, end), alpha, value in energy.natural:
        for name, summary, entries in (
            ("alpha", "The factors of u^2 / 2", alpha),
            ("value", "The factors of u, with a minus sign,", value),
        ):
            parts.append(
                scope.function(
                    f"{name}_{axis}_{end}",
                    "points",
                    f"{summary} in the energy of face {(axis, end)}, by component.",
                    entries,
                    f"return stack(points{', {}' * len(entries)})",
                )
            )
        rows.append(f"    {(axis, end)}: (alpha_{axis}_{end}, value_{axis}_{end}),\n")
    parts.append(f"BOUNDARY = {{\n{''.join(rows)}}}" if rows else "BOUNDARY = {}")
    zero = (0,) * dim
    parts.append(
        function(
            f"boundary_energy(points, d, face{scope.collect})",
            "The integrand on a face in BOUNDARY.",
            [
                "alpha, value = BOUNDARY[face]",
                (
                    f"return ((0.5 * alpha(points{scope.forward}) * d[{zero}] -"
                    f" value(points{scope.forward})) * d[{zero}]).sum(-1)"
                ),
            ],
        )
    )
    return parts


def _equation_docstring(lowered: LoweredEquation, energy: EquationEnergy, given: str) -> str:
    rows = range(len(energy.slots))
    listed = [f"slot {p}: D^{index} u[{i}]" for p, (i, index) in enumerate(energy.slots)]
    listed += [
        f"C[{p}, {q}] = {energy.quadratic[p, q]}"
        for p in rows
        for q in range(p + 1)
        if energy.quadratic[p, q] != 0
    ]
    listed += [f"l[{p}] = {energy.linear[p]}" for p in rows if energy.linear[p] != 0]
    return f"""{lowered.title}: its energy.

u minimizes the integral of 1/2 slots . C slots - l . slots over {lowered.domain}, and what `boundary_energy` adds on faces, among all
functions with its essential data:

{chr(10).join(commented(line, 4) for line in listed)}

Training a net of your own, with points and weights of a quadrature:

    layers = mlp(width=24, depth=2, outputs={lowered.components}, axes=AXES)
    loss = weights @ energy(points, solution(points, layers{given}){given})

A trained net can exploit the errors of a quadrature: compare with a second one.
"""
