"""cell_residual_phase_k.py: cell problems whose coefficients jump, one smooth file per phase, with
the flux for the rows at the interfaces.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

import sympy as sp

from ..lower.forms import LoweredCells, SourceTerm, StrongTerm
from ..lower.phases import cut_into_phases
from ..problem.errors import UnsupportedError
from .integrands import expression, source
from .source import Source
from .torch_cells import numbered_functions, phase_file, slots, stacked, stages
from .torch_coefficients import cell_scope
from .torch_text import CoefficientTables, Scope, collect, function


def cells(lowered: LoweredCells) -> Source:
    """One file per phase. UnsupportedError as `torch_cells.cells`, and where interfaces move, or
    the order is above two.
    """
    require_fluxes(lowered)
    phases = cut_into_phases(lowered, {}).cells
    made = [phase(cell, k, len(phases)) for k, cell in enumerate(phases)]
    return Source("torch", tuple(file for source in made for file in source.files))


def phase(lowered: LoweredCells, number: int, count: int) -> Source:
    """The file of one phase, whose smooth cell problems `lowered` are."""
    text = phase_file(lowered, _note(number, count), _fluxes(cell_scope(lowered), lowered))
    return Source("torch", ((f"cell_residual_phase_{number}.py", text),))


def require_fluxes(lowered: LoweredCells) -> None:
    """UnsupportedError where the conditions at an interface are not the continuity of u and of its
    conormal flux.
    """
    for term in (*lowered.bilinear, *(w for f in lowered.functions for w in f.weak)):
        if sum(term.left) > 1:
            raise UnsupportedError(
                "a fourth-order operator whose coefficients jump, in strong form",
                term=term.coefficient,
                remedy='use backend="fourier" or "skfem"',
            )


def _fluxes(scope: Scope, lowered: LoweredCells) -> list[str]:
    """flux_coefficients, the fluxes of sources, and flux."""
    summary = "{(equation, axis, component): the factor of each derivative in the flux}."
    parts = [scope.tables("flux_coefficients", _flux_tables(lowered), summary)]
    summary = "Fluxes of right-hand sides, by function, equation and axis."
    runs = stages(lowered)
    for number, (_, members) in enumerate(runs):
        columns = [_flux_source(lowered, *place) for place in _flux_columns(lowered, members)]
        parts.append(stacked(scope, f"flux_source_{number}", "points, known", summary, columns))
    parts.append(numbered_functions("FLUX_SOURCES", "flux_source", len(runs)))
    flux = function(
        f"flux(points, d, stage=0, known=None{scope.collect})",
        "The fluxes of the functions of a stage, (..., functions * equations, axes): n . flux is"
        " continuous across an interface.",
        [
            f"tables = flux_coefficients(points{scope.forward})",
            "sides = [{} for _ in INDICES[0]]",
            "for (i, axis, j), table in tables.items():",
            "    sides[axis][i, j] = table",
            f"source = FLUX_SOURCES[stage](points, known{scope.forward})",
            "left = torch.stack([system(side, d, COMPONENTS) for side in sides], -1)",
            "return left - source.reshape(left.shape)",
        ],
    )
    return [*parts, flux]


def _flux_columns(lowered: LoweredCells, members: Iterable[int]) -> Iterator[tuple[int, int, int]]:
    """(function, equation, axis) of each column of the fluxes of sources."""
    return product(members, range(lowered.components), range(len(lowered.coordinates)))


def _flux_tables(lowered: LoweredCells) -> CoefficientTables:
    """The terms of the bilinear form with one derivative on v; an entry for every equation and
    axis.
    """
    dim = len(lowered.coordinates)
    components = range(lowered.components)
    tables: CoefficientTables = {}
    for i, axis, j in product(components, range(dim), components):
        terms = [
            StrongTerm(t.coefficient, t.right)
            for t in lowered.bilinear
            if (t.equation, t.field) == (i, j) and t.left == _unit(axis, dim)
        ]
        table = collect(terms)
        if not table and i == j:
            table = {(0,) * dim: sp.Integer(0)}
        if table:
            tables[i, axis, j] = table  # type: ignore[index]
    return tables


def _flux_source(lowered: LoweredCells, k: int, equation: int, axis: int) -> sp.Expr:
    place = (equation, _unit(axis, len(lowered.coordinates)))
    held = [t for t in lowered.functions[k].weak if (t.equation, t.left) == place]
    sources = source(SourceTerm(t.coefficient, t.equation, t.factor) for t in held)
    return expression(sources, slots(lowered, "known"))


def _unit(axis: int, dim: int) -> tuple[int, ...]:
    return tuple(int(k == axis) for k in range(dim))


def _note(number: int, count: int) -> str:
    return f"""
This is phase {number} of {count}. The coefficients jump between the phases: no strong form holds
across an interface, so every phase has a net of its own, and the nets N, N' of two phases are tied
by rows at points of their interface, with a normal n:

    N - N' = 0   and   n . (flux of N - flux of N') = 0,

flux(points, d) being taken from the file of each phase. The energy formula holds for the sum over
the phases of effective(points, d, weights), the weights being those of a quadrature fitted to the
interfaces, divided by the volume of the cell.
"""
