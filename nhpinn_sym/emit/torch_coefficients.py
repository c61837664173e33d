"""{name}_coefficients.py: the coefficients and the data of one problem, which its residual and its
energy share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import sympy as sp

from ..lower.energy import CellEnergy, EquationEnergy, cell_energy, equation_energy
from ..lower.forms import LoweredCells, LoweredEquation, MultiIndex, StrongTerm, WeakTerm
from ..lower.term_forms import strong_terms
from ..problem.errors import UnsupportedError
from .boundary_parts import normals_text
from .hard_constraints import Constraints, constrain
from .torch_text import (
    CoefficientTables,
    Scope,
    assemble,
    at_points,
    closure,
    constant,
    layout_constants,
    tabulated,
)
from .unknown_functions import function_names

E = TypeVar("E")


@dataclass(frozen=True)
class CoefficientsFile:
    """One emitted file of coefficients: its name (without .py), its text, and what others may
    import from it.
    """

    name: str
    text: str
    names: tuple[str, ...]

    @property
    def file(self) -> tuple[str, str]:
        return f"{self.name}.py", self.text

    @property
    def siblings(self) -> dict[str, tuple[str, ...]]:
        """As `torch_text.assemble` takes it."""
        return {self.name: self.names}


class FileFunctions:
    """The functions of a file, by name, in order."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.names: list[str] = []

    def add(self, name: str, text: str) -> None:
        self.names.append(name)
        self.texts.append(text)


def cell_coefficients(
    lowered: LoweredCells, more: Callable[[FileFunctions], None] = lambda parts: None
) -> CoefficientsFile:
    """cell_coefficients.py: the strong operators where nothing jumps, the symmetric stiffness where
    there is an energy, and what `more` adds.
    """
    scope = cell_scope(lowered)
    parts = FileFunctions()
    if not lowered.jumps:
        operator_coefficients(parts, scope, lowered)
    energy = _where_supported(lambda: cell_energy(lowered))
    if energy is not None:
        parts.add("stiffness", _stiffness(lowered, energy))
    more(parts)
    doc = f"{lowered.title}: the coefficients of the cell problems."
    return _file("cell_coefficients", doc, layout_constants(scope, cell_axes(lowered)), parts)


def cell_scope(lowered: LoweredCells) -> Scope:
    """What the functions of the cell problems know."""
    variables = (*lowered.coordinates, *lowered.slow)
    return Scope(variables, given_symbols(lowered), function_names(lowered))


def cell_axes(lowered: LoweredCells) -> list[tuple[str, sp.Expr, sp.Expr]]:
    """(kind, lower end, upper end) of each column: slow coordinates are in (-1, 1) by default."""
    slow = [("scaled", sp.Integer(-1), sp.Integer(1))] * len(lowered.slow)
    return [*(("periodic", a, b) for a, b in lowered.cell.intervals), *slow]


def given_symbols(lowered: LoweredCells) -> tuple[sp.Symbol, ...]:
    """The keyword arguments of the emitted functions: parameters, the eigenvalue, the constants."""
    eigenvalue = [] if lowered.eigenvalue is None else [lowered.eigenvalue]
    return (*lowered.parameters, *eigenvalue, *(c.symbol for c in lowered.constants))


def operator_coefficients(parts: FileFunctions, scope: Scope, lowered: LoweredCells) -> None:
    """The factors of the derivatives in the strong operators."""
    for prefix, side in left_sides(lowered).items():
        parts.add(f"{prefix}coefficients", scope.tables(f"{prefix}coefficients", side))


def left_sides(lowered: LoweredCells) -> dict[str, CoefficientTables]:
    """The tables of A_0, and of A_0^T where there are adjoints, by the prefix of their names."""
    sides = {"": tabulated(lowered.strong)}
    if any(f.role == "adjoint" for f in lowered.functions):
        sides["adjoint_"] = tabulated(transposed(lowered.bilinear, lowered.coordinates))
    return sides


def transposed(
    terms: Iterable[WeakTerm], coordinates: tuple[sp.Symbol, ...]
) -> tuple[StrongTerm, ...]:
    """The strong form of A_0^T from the weak form of A_0: the sum of (-1)^|right| D^right( c D^left
    psi ).
    """
    mirrored = [
        (t.field, t.right, (-1) ** sum(t.right) * t.coefficient, t.equation, t.left) for t in terms
    ]
    return strong_terms(mirrored, coordinates)


def _stiffness(lowered: LoweredCells, energy: CellEnergy) -> str:
    size = energy.stiffness.rows
    scope = Scope(lowered.coordinates, lowered.parameters, function_names(lowered))
    summary = f"The symmetric coefficients C of the energy, (..., {size}, {size})."
    return symmetric(scope, "stiffness", "points", summary, energy.stiffness)


def equation_coefficients(
    lowered: LoweredEquation,
    name: str,
    doc: str,
    derivatives: Iterable[MultiIndex],
) -> CoefficientsFile:
    """{name}_coefficients.py: the strong operator, the quadratic and the linear part of the energy
    where there is one, and the jets, up to `derivatives`, that make an ansatz satisfy the essential
    data.
    """
    scope = equation_scope(lowered)
    constraints = equation_constraints(lowered)
    energy = energy_of(lowered, constraints)
    slots = [] if energy is None else [index for _, index in energy.slots]
    indices = closure([(0,) * len(scope.variables), *derivatives, *slots])
    parts = FileFunctions()
    _strong_coefficients(parts, scope, lowered)
    if energy is not None:
        _energy_coefficients(parts, scope, lowered, energy)
    lifts, factors = ([getattr(c, part) for c in constraints] for part in ("lift", "factor"))
    parts.add(
        "lift", scope.jet("lift", lifts, indices, "A function that takes the essential data.")
    )
    vanishing = "A function that vanishes where essential data are taken."
    parts.add("factor", scope.jet("factor", factors, indices, vanishing))
    constants = [
        layout_constants(scope, equation_axes(lowered)),
        *constant(
            "PARTS", normals_text(lowered), "the parts of the boundary, with outward normals"
        ),
    ]
    return _file(f"{name}_coefficients", doc, "\n".join(constants), parts)


def equation_scope(lowered: LoweredEquation) -> Scope:
    """Variables and arguments of the emitted functions."""
    time = () if lowered.time is None else (lowered.time,)
    externals = (e.symbol for e in lowered.externals)
    return Scope(
        (*lowered.coordinates, *time), (*lowered.parameters, *externals), function_names(lowered)
    )


def equation_axes(lowered: LoweredEquation) -> list[tuple[str, sp.Expr, sp.Expr]]:
    """(kind, lower end, upper end) of each column."""
    axes = [
        ("periodic" if i in lowered.periodic else "scaled", a, b)
        for i, (a, b) in enumerate(lowered.domain.intervals)
    ]
    if lowered.final_time is not None:
        axes.append(("graded", sp.Integer(0), lowered.final_time))
    return axes


def equation_constraints(lowered: LoweredEquation) -> list[Constraints]:
    """What holds exactly of every component."""
    return [constrain(lowered, j) for j in range(lowered.components)]


def energy_of(
    lowered: LoweredEquation, constraints: Sequence[Constraints]
) -> EquationEnergy | None:
    """The energy that an ansatz with these constraints minimizes, where there is one."""
    return _where_supported(lambda: required_energy(lowered, constraints))


def required_energy(lowered: LoweredEquation, constraints: Sequence[Constraints]) -> EquationEnergy:
    """UnsupportedError where there is no energy, or where essential data contradict each other
    (they would be soft).
    """
    energy = equation_energy(lowered)
    if any(c.soft for c in constraints):
        raise UnsupportedError(
            "an energy with Dirichlet data that contradict those of a neighbouring part",
            term=lowered.essential[0],
            remedy='use method="residual"',
        )
    return energy


def operator_tables(lowered: LoweredEquation) -> CoefficientTables:
    """The strong terms over coordinates and time, the time derivative among them."""
    terms = [replace(t, right=extended(lowered, t.right)) for t in lowered.strong]
    rates = [
        StrongTerm(t.coefficient, extended(lowered, t.right, 1), t.equation, t.field)
        for t in lowered.mass
    ]
    return tabulated([*terms, *rates])


def extended(lowered: LoweredEquation, index: MultiIndex, time: int = 0) -> MultiIndex:
    """The multi-index over coordinates and, where there is one, the time."""
    if lowered.time is None:
        return index
    return (*index, time)


def coefficient_function(
    scope: Scope, name: str, tables: CoefficientTables, several: bool, summary: str = ""
) -> str:
    """A function that returns tables by (equation, component), or the one table of a scalar
    problem.
    """
    if several:
        return scope.tables(name, tables, *([summary] if summary else []))
    return scope.table(name, tables.get((0, 0), {}), *([summary] if summary else []))


def symmetric(scope: Scope, name: str, arguments: str, summary: str, matrix: sp.Matrix) -> str:
    """A function that returns a symmetric matrix at every point."""
    size = matrix.rows
    entries = [matrix[p, q] for p in range(size) for q in range(p + 1)]
    numbers = [
        max(p, q) * (max(p, q) + 1) // 2 + min(p, q) for p in range(size) for q in range(size)
    ]
    order = ", ".join(map(str, numbers))
    result = [
        f"lower = stack(points{', {}' * len(entries)})",
        f"return lower[..., ({order},)].unflatten(-1, ({size}, {size}))",
    ]
    return scope.function(name, arguments, summary, entries, "\n".join(result))


def _strong_coefficients(parts: FileFunctions, scope: Scope, lowered: LoweredEquation) -> None:
    several = lowered.components > 1
    tables = operator_tables(lowered)
    parts.add("coefficients", coefficient_function(scope, "coefficients", tables, several))
    result = f"return {at_points(lowered.components)}"
    parts.add(
        "source",
        scope.function("source", "points", "The right-hand side.", lowered.sources, result),
    )


def _energy_coefficients(
    parts: FileFunctions, scope: Scope, lowered: LoweredEquation, energy: EquationEnergy
) -> None:
    size = len(energy.slots)
    summary = (
        f"The symmetric C of the energy 1/2 slots . C slots - l . slots, (..., {size}, {size})."
    )
    parts.add("quadratic", symmetric(scope, "quadratic", "points", summary, energy.quadratic))
    vector = f"return stack(points{', {}' * size})"
    parts.add("load", scope.function("load", "points", "The l there.", energy.linear, vector))
    for part, alpha, value in energy.natural:
        result = f"return stack(points{', {}' * len(alpha)})"
        there = f'in the energy of the part "{part}", by component.'
        named = (
            (f"alpha_{part}", f"The factors of u^2 / 2 {there}", alpha),
            (f"value_{part}", f"The factors of u, with a minus sign, {there}", value),
        )
        for name, summary, entries in named:
            parts.add(name, scope.function(name, "points", summary, entries, result))


def _file(name: str, doc: str, constants: str, parts: FileFunctions) -> CoefficientsFile:
    text = assemble(doc, [constants, *parts.texts], {})
    return CoefficientsFile(name, text, ("AXES", "COORDINATES", "GIVEN", *parts.names))


def _where_supported(made: Callable[[], E]) -> E | None:
    try:
        return made()
    except UnsupportedError:
        return None
