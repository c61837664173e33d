"""cell_energy.py and cell_dual.py: the minimum problems of symmetric cell operators for torch;
coefficients may jump.

Only first derivatives of a net are needed (second ones of Airy's function), none of a coefficient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import sympy as sp

from ..lower.energy import CellEnergy, Map, cell_energy
from ..lower.forms import FunctionalTerm, LoweredCells, MultiIndex
from ..lower.kinks import kinks
from ..lower.phases import cut
from .source import Source
from .torch_inputs import Kinks, with_kinks
from .torch_printer import Slot
from .torch_text import NET, Scope, assemble, closure, commented, function, given_names, header
from .unknown_functions import function_names

_OWN = "A"


def cells(lowered: LoweredCells, values: Mapping[str, Any] = MappingProxyType({})) -> Source:
    """cell_energy.py (gradients) and cell_dual.py (fluxes); columns of `points` are the fast
    coordinates.

    Where coefficients jump the nets have kinks. values: of the parameters, which interfaces may
    depend on.
    UnsupportedError where the cell problems are no minimum problems, or interfaces move.
    """
    energy = cell_energy(lowered)
    levels = _levels(lowered, values)
    return Source(
        "torch",
        (
            (
                "cell_energy.py",
                _file(lowered, energy, levels, energy.strain, lowered.components, dual=False),
            ),
            (
                "cell_dual.py",
                _file(lowered, energy, levels, energy.flux, energy.potentials, dual=True),
            ),
        ),
    )


def inputs(lowered: LoweredCells, values: Mapping[str, Any]) -> dict[str, Kinks | None]:
    """The kinks of the nets of cell_energy.py and of cell_dual.py, by file name; None where they
    are smooth.
    """
    energy, levels = cell_energy(lowered), _levels(lowered, values)
    return {
        "cell_energy.py": _kinks(lowered, energy, levels, energy.strain, dual=False),
        "cell_dual.py": _kinks(lowered, energy, levels, energy.flux, dual=True),
    }


def _levels(lowered: LoweredCells, values: Mapping[str, Any]) -> tuple[sp.Expr, ...]:
    return kinks(cut(lowered, values), lowered.cell) if lowered.jumps else ()


def _kinks(
    lowered: LoweredCells, energy: CellEnergy, levels: Sequence[sp.Expr], rows: Map, dual: bool
) -> Kinks | None:
    power = energy.order if dual else 1
    return (
        Kinks.reaching(lowered.coordinates, levels, power, _indices(rows, lowered.cell.dim))
        if levels
        else None
    )


def _indices(rows: Map, dim: int) -> tuple[MultiIndex, ...]:
    return closure([(0,) * dim, *(index for row in rows for _, index, _ in row)])


def _file(
    lowered: LoweredCells,
    energy: CellEnergy,
    levels: Sequence[sp.Expr],
    rows: Map,
    components: int,
    dual: bool,
) -> str:
    scope, dim = (
        Scope(lowered.coordinates, lowered.parameters, function_names(lowered)),
        lowered.cell.dim,
    )
    indices = _indices(rows, dim)
    axes = [("periodic", a, b) for a, b in lowered.cell.intervals]
    name, zero = (
        ("flux", "the fluxes that are divergence-free by construction")
        if dual
        else ("strain", "the derivatives D_k N_i")
    )
    parts = [
        (
            f"{header(scope, {'INDICES': indices}, axes)}\n{_names(lowered, energy, rows, components, name)}"
        ),
        symmetric(
            scope,
            "stiffness",
            "points",
            f"The symmetric coefficients C, (..., {energy.stiffness.rows},"
            f" {energy.stiffness.rows}).",
            energy.stiffness,
        ),
        function(
            f"{name}(d)",
            f"{zero[0].upper()}{zero[1:]}, numbered as in {name.upper()}, for the jet of one"
            f" function: (..., {len(rows)}).",
            [
                (
                    f"zero = torch.zeros_like(d[{(0,) * dim}][..., 0])"
                    if components
                    else f"zero = d[{(0,) * dim}].new_zeros(())"
                ),
                (
                    "return torch.stack([sum((factor * d[index][..., i] for i, index, factor in"
                    f" row), zero) for row in {name.upper()}], -1)"
                ),
            ],
        ),
        *(_complementary(scope) if dual else _gradient_energy(scope, lowered)),
        function(
            f"cell_functions({NET})",
            "The jet of a net, periodic by its inputs.",
            ["return network(points, layers, indices, axes)"],
        ),
    ]
    text = assemble(_docstring(lowered, energy, dual), parts)
    kinks = _kinks(lowered, energy, levels, rows, dual)
    return text if kinks is None else with_kinks(text, kinks)


def _names(lowered: LoweredCells, energy: CellEnergy, rows: Map, components: int, name: str) -> str:
    return "\n".join(
        [
            f"COMPONENTS = {components}",
            (
                "FUNCTIONS ="
                f" { ({f.name: place for f, place in zip(lowered.functions, energy.functions)}) } "
                " # (row of the macroscopic strain, sign)"
            ),
            f"{name.upper()} = (  # (component, multi-index, factor) of the terms of each row",
            *(f"    {row}," for row in rows),
            ")",
        ]
    )


def symmetric(scope: Scope, name: str, arguments: str, summary: str, matrix: sp.Matrix) -> str:
    """A function that returns a symmetric matrix at every point."""
    size = matrix.rows
    entries = [matrix[p, q] for p in range(size) for q in range(p + 1)]
    order = ", ".join(
        str(max(p, q) * (max(p, q) + 1) // 2 + min(p, q)) for p in range(size) for q in range(size)
    )
    return scope.function(
        name,
        arguments,
        summary,
        entries,
        f"lower = stack(points{', {}' * len(entries)})\nreturn lower[..., ({order},)].unflatten(-1,"
        f" ({size}, {size}))",
    )


def _gradient_energy(scope: Scope, lowered: LoweredCells) -> list[str]:
    given = scope.forward
    return [
        function(
            f"energy(points, d, mean{scope.collect})",
            "The integrand of 1/2 E . A* E, which the cell function of the macroscopic strain E ="
            " mean minimizes; d: its jet.",
            [
                (
                    "total = strain(d) + torch.as_tensor(mean, dtype=points.dtype,"
                    " device=points.device)"
                ),
                (
                    'return 0.5 * torch.einsum("...p,...pq,...q->...", total,'
                    f" stiffness(points{given}), total)"
                ),
            ],
        ),
        function(
            f"bilinear(points, u, v{scope.collect})",
            "The integrand of the weak form B(u, v), for the jets of u and v.",
            [
                f'return torch.einsum("...p,...pq,...q->...", strain(v), stiffness(points{given}),'
                " strain(u))"
            ],
        ),
        function(
            f"loads(points, v{scope.collect})",
            "The integrands of the right-hand sides l(v) of FUNCTIONS, a column for each.",
            [
                f'fluxes = torch.einsum("...p,...pq->...q", strain(v), stiffness(points{given}))',
                (
                    "return torch.stack([-sign * fluxes[..., row] for row, sign in"
                    " FUNCTIONS.values()], -1)"
                ),
            ],
        ),
        *_law(scope, lowered),
    ]


def _complementary(scope: Scope) -> list[str]:
    return [
        function(
            f"energy(points, d, mean{scope.collect})",
            "The integrand of 1/2 S . A*^-1 S, which the potentials of the mean flux S minimize; d:"
            " their jet.",
            [
                "total = flux(d) + torch.as_tensor(mean, dtype=points.dtype, device=points.device)",
                f"compliance = torch.linalg.pinv(stiffness(points{scope.forward}), hermitian=True)",
                'return 0.5 * torch.einsum("...p,...pq,...q->...", total, compliance, total)',
            ],
        )
    ]


def _law(scope: Scope, lowered: LoweredCells) -> list[str]:
    """The other effective coefficients: those of lower order."""
    others = [f for f in lowered.effective if f.name != _OWN]
    if not others:
        return []

    def written(t: FunctionalTerm) -> sp.Expr:
        slots = [
            Slot(f"d[{f.derivative}][..., {f.function * lowered.components + f.component}]")
            for f in t.factors
        ]
        return t.coefficient * sp.Mul(*slots)

    rows = "".join(f"    {(f.name, f.index)}: full(points, {{}}),\n" for f in others)
    return [
        scope.function(
            "law",
            "points, d",
            "The integrands of the effective coefficients beside A; d: the jet of all functions.",
            [f.constant + sp.Add(*map(written, f.terms)) for f in others],
            f"return {{{{\n{rows}}}}}",
        )
    ]


def _docstring(lowered: LoweredCells, energy: CellEnergy, dual: bool) -> str:
    rows = range(energy.stiffness.rows)
    entries = "\n".join(
        commented(f"C[{p}, {q}] = {energy.stiffness[p, q]}", 4)
        for p in rows
        for q in range(p + 1)
        if energy.stiffness[p, q] != 0
    )
    given = given_names(lowered.parameters)
    if dual:
        meaning = """S . A*^-1 S = min <(S + flux(psi)) . C^-1 (S + flux(psi))> over periodic potentials psi, for every mean flux S:
any net gives a lower bound of A*. flux(psi) is divergence-free for every psi."""
        outputs = energy.potentials
    else:
        meaning = """E . A* E = min <(E + strain(N)) . C (E + strain(N))> over periodic N, for every macroscopic strain E:
any net gives an upper bound of A*. Row i * dim + k of the strain is D_k N_i."""
        outputs = lowered.components
    return f"""{lowered.title}: the {"complementary " if dual else ""}energy of the cell problems.

{meaning}
<.> is the mean over the cell, and the symmetric C has the entries

{entries}

Training a net of your own for one macroscopic {"flux" if dual else "strain"}; points and weights (of sum 1) of a quadrature that heeds the jumps:

    layers = mlp(width=24, depth=2, outputs={outputs}, axes=AXES)
    loss = weights @ energy(points, cell_functions(points, layers), mean={(1.0, *[0.0] * (len(rows) - 1))}{given})

A trained net can exploit the errors of a quadrature: compare with a second one.
"""
