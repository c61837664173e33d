"""{name}_energy.py: the energy (Ritz) of a symmetric boundary value problem for torch; first
derivatives of a solution, none of a coefficient.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..lower.energy import EquationEnergy
from ..lower.forms import LoweredEquation, MultiIndex
from .source import Source
from .torch_coefficients import (
    equation_constraints,
    equation_scope,
    required_energy,
)
from .torch_equation import ansatz, coefficients
from .torch_text import (
    Scope,
    assemble,
    closure,
    commented,
    constant,
    function,
    given_names,
    index_constants,
)


def equation(lowered: LoweredEquation, name: str, derivatives: Iterable[MultiIndex] = ()) -> Source:
    """{name}_coefficients.py, which the residual has too, and {name}_energy.py, the energy of a
    boundary value problem; `derivatives` beyond the first are provided where they are asked for.

    UnsupportedError where it has no energy, or where essential data contradict each other (they
    would be soft).
    """
    energy = required_energy(lowered, equation_constraints(lowered))
    shared = coefficients(lowered, name, derivatives)
    scope = equation_scope(lowered)
    dim = lowered.domain.dim
    indices = closure([(0,) * dim, *(index for _, index in energy.slots), *derivatives])
    constants = [
        index_constants({"INDICES": indices}),
        f"COMPONENTS = {lowered.components}",
        *constant("SLOTS", energy.slots, "(component, multi-index)"),
    ]
    several = lowered.components > 1
    values = [f"d[{index}]{f'[..., {i}]' if several else ''}" for i, index in energy.slots]
    given = scope.forward
    parts = [
        "\n".join(constants),
        function(
            "slots(d)",
            "The derivatives of u in SLOTS, for its jet.",
            [f"return torch.stack([{', '.join(values)}], -1)"],
        ),
        function(
            f"energy(points, d{scope.collect})",
            "The integrand of 1/2 B(u, u) - l(u) inside.",
            [
                "s = slots(d)",
                'half = 0.5 * torch.einsum("...p,...pq,...q->...", s,'
                f" quadratic(points{given}), s)",
                f"return half - (load(points{given}) * s).sum(-1)",
            ],
        ),
        *_boundary(scope, energy, lowered),
        *ansatz(scope, lowered.components),
    ]
    text = assemble(_docstring(lowered, energy, name), parts, shared.siblings)
    return Source("torch", (shared.file, (f"{name}_energy.py", text)))


def _boundary(scope: Scope, energy: EquationEnergy, lowered: LoweredEquation) -> list[str]:
    """{part: (alpha, value)} of the natural conditions, and what they add."""
    rows = [f'    "{part}": (alpha_{part}, value_{part}),\n' for part, _, _ in energy.natural]
    value = f"d[{(0,) * lowered.domain.dim}]"
    given = scope.forward
    return [
        f"BOUNDARY = {{\n{''.join(rows)}}}" if rows else "BOUNDARY = {}",
        function(
            f"boundary_energy(points, d, part{scope.collect})",
            "The integrand on a part of the boundary in BOUNDARY.",
            [
                "alpha, value = BOUNDARY[part]",
                f"u = {value if lowered.components > 1 else f'{value}[..., None]'}",
                f"return ((0.5 * alpha(points{given}) * u - value(points{given})) * u).sum(-1)",
            ],
        ),
    ]


def _docstring(lowered: LoweredEquation, energy: EquationEnergy, name: str) -> str:
    rows = range(len(energy.slots))
    listed = [f"slot {p}: D^{index} u[{i}]" for p, (i, index) in enumerate(energy.slots)]
    listed += [
        f"C[{p}, {q}] = {energy.quadratic[p, q]}"
        for p in rows
        for q in range(p + 1)
        if energy.quadratic[p, q] != 0
    ]
    listed += [f"l[{p}] = {energy.linear[p]}" for p in rows if energy.linear[p] != 0]
    formulas = "\n".join(commented(line, 4) for line in listed)
    given = given_names(equation_scope(lowered).given)
    return f"""{lowered.title}: the energy of what {name}_coefficients.py says.

u minimizes the integral of 1/2 slots . C slots - l . slots over {lowered.domain}, and what
`boundary_energy` adds on parts of the boundary, among all functions with its essential data:

{formulas}

Training a net of your own, with points and weights of a quadrature:

    from nhpinn_sym.runtime.nets.networks import mlp

    layers = mlp(width=24, depth=2, outputs={lowered.components}, axes=AXES)
    d = solution(points, layers{given})
    loss = weights @ energy(points, d{given})

A trained net can exploit the errors of a quadrature: compare with a second one.
"""
