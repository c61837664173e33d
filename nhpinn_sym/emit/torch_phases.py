"""cell_residual_phase_k.py: cell problems whose coefficients jump, one smooth file per phase, with
the flux for the rows at the interfaces.
"""

from __future__ import annotations

import sympy as sp

from ..lower.forms import LoweredCells, StrongTerm
from ..lower.phases import cut
from ..problem.errors import UnsupportedError
from .source import Source
from .torch_cells import phase_file, slot, stages
from .torch_coefficients import cell_scope
from .torch_text import Scope, Tables, collect, function


def cells(lowered: LoweredCells) -> Source:
    """One file per phase. UnsupportedError as `torch_cells.cells`, and where interfaces move, or
    the order is above two.
    """
    require_fluxes(lowered)
    phases = cut(lowered, {}).cells
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
    dim, parts = len(lowered.coordinates), []
    summary = "{(equation, axis, component): the factor of each derivative in the flux}."
    parts.append(scope.tables("flux_coefficients", _flux_tables(lowered), summary))
    for number, (_, members) in enumerate(stages(lowered)):
        columns = [
            _flux_source(lowered, k, i, axis)
            for k in members
            for i in range(lowered.components)
            for axis in range(dim)
        ]
        parts.append(
            scope.function(
                f"flux_source_{number}",
                "points, known",
                "Fluxes of right-hand sides, by function, equation and axis.",
                columns,
                f"return stack(points{', {}' * len(columns)})",
            )
        )
    names = "".join(f"flux_source_{k}, " for k in range(len(parts) - 1)).rstrip(
        " " if len(parts) == 2 else ", "
    )
    parts.append(f"FLUX_SOURCES = ({names})")
    parts.append(
        function(
            f"flux(points, d, stage=0, known=None{scope.collect})",
            "The fluxes of the functions of a stage, (..., functions * equations, axes): n . flux"
            " is continuous across an interface.",
            [
                f"tables = flux_coefficients(points{scope.forward})",
                "sides = [{} for _ in INDICES[0]]",
                "for (i, axis, j), table in tables.items():",
                "    sides[axis][i, j] = table",
                "source = FLUX_SOURCES[stage](points, known" + scope.forward + ")",
                "left = torch.stack([system(side, d, COMPONENTS) for side in sides], -1)",
                "return left - source.reshape(left.shape)",
            ],
        )
    )
    return parts


def _flux_tables(lowered: LoweredCells) -> Tables:
    """The terms of the bilinear form with one derivative on v; an entry for every equation and
    axis.
    """
    dim, m = len(lowered.coordinates), lowered.components
    tables: Tables = {}
    for i in range(m):
        for axis in range(dim):
            for j in range(m):
                terms = [
                    StrongTerm(t.coefficient, t.right)
                    for t in lowered.bilinear
                    if (t.equation, t.field) == (i, j) and t.left == _unit(axis, dim)
                ]
                table = collect(terms) or ({(0,) * dim: sp.Integer(0)} if i == j else {})
                if table:
                    tables[i, axis, j] = table  # type: ignore[index]
    return tables


def _flux_source(lowered: LoweredCells, k: int, equation: int, axis: int) -> sp.Expr:
    left = _unit(axis, len(lowered.coordinates))
    return sp.Add(
        *[
            t.coefficient * slot(lowered, t.factor, "known")
            for t in lowered.functions[k].weak
            if (t.equation, t.left) == (equation, left)
        ]
    )


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
