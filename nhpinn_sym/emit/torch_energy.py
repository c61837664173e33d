"""cell_energy.py and cell_dual.py: the minimum problems of symmetric cell operators for torch;
coefficients may jump.

Only first derivatives of a net are needed (second ones of Airy's function), none of a coefficient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import sympy as sp

from ..lower.energy import CellEnergy, Map, cell_energy
from ..lower.forms import LoweredCells, MultiIndex
from ..lower.level_functions import kinks
from ..lower.phases import cut_into_phases
from .fem_scope import known_entries
from .integrands import expression, mean
from .source import Source
from .torch_cells import returned_table, slots
from .torch_coefficients import CoefficientsFile, FileFunctions, cell_coefficients
from .torch_inputs import KinkInputs, kinks_constant, levels_function
from .torch_text import (
    NET,
    Scope,
    assemble,
    closure,
    commented,
    constant,
    function,
    given_names,
    index_constants,
)
from .unknown_functions import function_names

_OWN = "A"


def cells(lowered: LoweredCells, values: Mapping[str, Any] = MappingProxyType({})) -> Source:
    """cell_coefficients.py, cell_energy.py (gradients) and cell_dual.py (fluxes); columns of
    `points` are the fast coordinates.

    Where coefficients jump the nets have kinks. values: of the parameters, which interfaces may
    depend on.
    UnsupportedError where the cell problems are no minimum problems, or interfaces move.
    """
    energy = cell_energy(lowered)
    bends = inputs(lowered, values)
    held = [found for found in bends.values() if found is not None]

    def level_parts(parts: FileFunctions) -> None:
        if held:
            highest = max(found.order for found in held)
            parts.add("levels", levels_function(replace(held[0], order=highest)))

    shared = cell_coefficients(lowered, level_parts)
    gradients = _Writer(lowered, energy, shared, bends["cell_energy.py"])
    fluxes = _Writer(lowered, energy, shared, bends["cell_dual.py"])
    return Source(
        "torch",
        (
            shared.file,
            ("cell_energy.py", gradients.energy_file()),
            ("cell_dual.py", fluxes.dual_file()),
        ),
    )


def inputs(lowered: LoweredCells, values: Mapping[str, Any]) -> dict[str, KinkInputs | None]:
    """The kinks of the nets of cell_energy.py and of cell_dual.py, by file name; None where they
    are smooth.
    """
    energy = cell_energy(lowered)
    levels = _levels(lowered, values)
    return {
        "cell_energy.py": _kinks(lowered, energy, levels, energy.strain, dual=False),
        "cell_dual.py": _kinks(lowered, energy, levels, energy.flux, dual=True),
    }


def _levels(lowered: LoweredCells, values: Mapping[str, Any]) -> tuple[sp.Expr, ...]:
    if lowered.jumps:
        return kinks(cut_into_phases(lowered, values), lowered.cell)
    return ()


def _kinks(
    lowered: LoweredCells, energy: CellEnergy, levels: Sequence[sp.Expr], rows: Map, dual: bool
) -> KinkInputs | None:
    power = energy.order if dual else 1
    if levels:
        return KinkInputs.reaching(
            lowered.coordinates, levels, power, _indices(rows, lowered.cell.dim)
        )
    return None


def _indices(rows: Map, dim: int) -> tuple[MultiIndex, ...]:
    return closure([(0,) * dim, *(index for row in rows for _, index, _ in row)])


class _Writer:
    """Writes one of the two files."""

    def __init__(
        self,
        lowered: LoweredCells,
        energy: CellEnergy,
        shared: CoefficientsFile,
        kinks: KinkInputs | None,
    ) -> None:
        self.lowered = lowered
        self.energy = energy
        self.shared = shared
        self.kinks = kinks
        self.scope = Scope(lowered.coordinates, lowered.parameters, function_names(lowered))

    def energy_file(self) -> str:
        """cell_energy.py."""
        parts = [
            self._constants("STRAIN", self.energy.strain, self.lowered.components),
            self._rows("strain", "The derivatives D_k N_i", self.energy.strain),
            *_gradient_energy(self.scope, self.lowered),
            self._cell_functions(),
        ]
        text = _docstring(self.lowered, self.energy, self.kinks, dual=False)
        return assemble(text, parts, self.shared.siblings)

    def dual_file(self) -> str:
        """cell_dual.py."""
        parts = [
            self._constants("FLUX", self.energy.flux, self.energy.potentials),
            self._rows(
                "flux", "The fluxes that are divergence-free by construction", self.energy.flux
            ),
            *_complementary(self.scope),
            self._cell_functions(),
        ]
        text = _docstring(self.lowered, self.energy, self.kinks, dual=True)
        return assemble(text, parts, self.shared.siblings)

    def _constants(self, name: str, rows: Map, components: int) -> str:
        places = {f.name: place for f, place in zip(self.lowered.functions, self.energy.functions)}
        indices = _indices(rows, self.lowered.cell.dim)
        lines = [
            index_constants({"INDICES": indices}),
            f"COMPONENTS = {components}",
            *constant("FUNCTIONS", places, "(row of the macroscopic strain, sign)"),
            *constant(
                "KNOWN", known_entries(self.lowered), "effective coefficients without a solve"
            ),
            f"{name} = (  # (component, multi-index, factor) of the terms of each row",
            *(f"    {row}," for row in rows),
            ")",
        ]
        if self.kinks is not None:
            lines.append(kinks_constant(self.kinks))
        return "\n".join(lines)

    def _rows(self, name: str, meaning: str, rows: Map) -> str:
        value = f"d[{(0,) * self.lowered.cell.dim}]"
        zero = f"torch.zeros_like({value}[..., 0])" if rows != ((),) * len(rows) else ""
        return function(
            f"{name}(d)",
            f"{meaning}, numbered as in {name.upper()}, for the jet of one function:"
            f" (..., {len(rows)}).",
            [
                f"zero = {zero or f'{value}.new_zeros(())'}",
                "rows = [",
                f"    sum((factor * d[a][..., i] for i, a, factor in row), zero) for row in"
                f" {name.upper()}",
                "]",
                "return torch.stack(rows, -1)",
            ],
        )

    def _cell_functions(self) -> str:
        kinks = "" if self.kinks is None else ", KINKS"
        return function(
            f"cell_functions({NET})",
            "The jet of a net, periodic by its inputs.",
            [f"return network(points, layers, indices, axes{kinks})"],
        )


def _gradient_energy(scope: Scope, lowered: LoweredCells) -> list[str]:
    given = scope.forward
    return [
        function(
            f"energy(points, d, mean{scope.collect})",
            "The integrand of 1/2 E . A* E, which the cell function of the macroscopic strain E ="
            " mean minimizes; d: its jet.",
            [
                "total = strain(d) + torch.as_tensor(mean, dtype=points.dtype,"
                " device=points.device)",
                f"c = stiffness(points{given})",
                'return 0.5 * torch.einsum("...p,...pq,...q->...", total, c, total)',
            ],
        ),
        function(
            f"bilinear(points, u, v{scope.collect})",
            "The integrand of the weak form B(u, v), for the jets of u and v.",
            [
                f"c = stiffness(points{given})",
                'return torch.einsum("...p,...pq,...q->...", strain(v), c, strain(u))',
            ],
        ),
        function(
            f"loads(points, v{scope.collect})",
            "The integrands of the right-hand sides l(v) of FUNCTIONS, a column for each.",
            [
                f'fluxes = torch.einsum("...p,...pq->...q", strain(v), stiffness(points{given}))',
                "held = [-sign * fluxes[..., row] for row, sign in FUNCTIONS.values()]",
                "return torch.stack(held, -1)",
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
    return [
        scope.function(
            "law",
            "points, d",
            "The integrands of the effective coefficients beside A; d: the jet of all functions.",
            [expression(mean(f), slots(lowered)) for f in others],
            returned_table(f"{(f.name, f.index)}: full(points, {{}})" for f in others),
        )
    ]


_GRADIENTS = (
    "E . A* E = min <(E + strain(N)) . C (E + strain(N))> over periodic N, for every macroscopic"
    " strain\nE: any net gives an upper bound of A*. Row i * dim + k of the strain is D_k N_i."
)
_FLUXES = (
    "S . A*^-1 S = min <(S + flux(psi)) . C^-1 (S + flux(psi))> over periodic potentials psi, for"
    " every\nmean flux S: any net gives a lower bound of A*. flux(psi) is divergence-free for every"
    " psi."
)


def _docstring(
    lowered: LoweredCells, energy: CellEnergy, kinks: KinkInputs | None, dual: bool
) -> str:
    size = energy.stiffness.rows
    lower = [(p, q) for p in range(size) for q in range(p + 1)]
    held = [(p, q) for p, q in lower if energy.stiffness[p, q] != 0]
    entries = "\n".join(commented(f"C[{p}, {q}] = {energy.stiffness[p, q]}", 4) for p, q in held)
    given = given_names(lowered.parameters)
    if dual:
        meaning = _FLUXES
        kind = "flux"
        name = "complementary energy"
        outputs = energy.potentials
    else:
        meaning = _GRADIENTS
        kind = "strain"
        name = "energy"
        outputs = lowered.components
    direction = (1.0, *[0.0] * (size - 1))
    bends = "" if kinks is None else ", kinks=KINKS"
    return f"""{lowered.title}: the {name} of the cell problems.

{meaning}
<.> is the mean over the cell, and the symmetric C has the entries

{entries}

Training a net of your own for one macroscopic {kind}; points and weights (of sum 1) of a quadrature
that heeds the jumps:

    from nhpinn_sym.runtime.nets.networks import mlp

    layers = mlp(width=24, depth=2, outputs={outputs}, axes=AXES{bends})
    d = cell_functions(points, layers)
    loss = weights @ energy(points, d, mean={direction}{given})

A trained net can exploit the errors of a quadrature: compare with a second one.
"""
