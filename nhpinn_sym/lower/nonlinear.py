"""Nonlinear operators as tables of expressions: the integrands of the state problem and of the law,
and those of the equation at a given eps, each with its derivatives by what it depends on.

The symbols are `VALUE`_j (u_j, in a cell the constant u0_j), `SLOPE`_j_l (d_l u_j; in a cell
d_l u0_j + d_l N_j), and in a cell `CORRECTOR`_j (N_j) and `MACRO`_j_l (d_l u0_j); names that no
parameter can have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from ..derive.nonlinear.checks import jets_as_parameters
from ..derive.nonlinear.degenerate import held_in_range
from ..derive.nonlinear.state import StateProblem
from ..operator.sampling import folded
from ..operator.table import Operator
from ..operator.zero_test import jumps_with
from ..problem.domain import Cell, LatticeCell
from .interfaces import in_middles, middle_symbols
from .lattice_cells import share_symbols

VALUE = "N_u"
SLOPE = "N_p"
CORRECTOR = "N_N"
MACRO = "N_xi"

Index = tuple[int, ...]
IndexTable = Mapping[Index, sp.Expr]
"""The entries of an array that are not zero."""


@dataclass(frozen=True)
class Integrands:
    """Arrays by name, and under name_u, name_p, name_N, name_xi their derivatives by values, total
    slopes, correctors and macroscopic slopes.

    flux[i, k]  : of -div( flux ) + source = 0 in a cell, of d_t storage - div( flux ) + reaction =
                  0 in an equation; in a cell its mean is the effective flux
    source[i]   : in a cell alone
    reaction[i], storage[i] : in a cell their means are those of the law
    load[i]     : in a cell alone, the right-hand side of the law; in an equation it is in reaction
    Correctors of order 2 need in a cell also name_x, the derivatives by the coordinates x,
    storage_t, and name_Nu, those by correctors and values.
    """

    values: Mapping[str, IndexTable]
    derivatives: Mapping[str, IndexTable]


@dataclass(frozen=True)
class LoweredState:
    """The state problem of one cell: -div_y flux + source = 0, <N> = 0. On the cell of a lattice
    coordinates are shares of its vectors, slopes those along them.

    slow : the coordinates x and t that it holds; symmetric : the derivative of the problem is;
           jumps: across the cell (those by u or x are constant there);
           frozen: it is linear at fixed values; ergodic: the source counts without its mean;
           middles: coordinates of the middle of an element, which conditions hold on fitted meshes.
    """

    title: str
    cell: Cell
    coordinates: tuple[sp.Symbol, ...]
    slow: tuple[sp.Symbol, ...]
    parameters: tuple[sp.Symbol, ...]
    components: int
    integrands: Integrands
    symmetric: bool
    frozen: bool
    jumps: bool
    ergodic: bool = False
    middles: tuple[sp.Symbol, ...] = ()

    @property
    def dim(self) -> int:
        return len(self.coordinates)


@dataclass(frozen=True)
class LoweredNonlinearEquation:
    """The equation at a given eps, in the coordinates x; eps is a parameter where it is held."""

    title: str
    coordinates: tuple[sp.Symbol, ...]
    time: sp.Symbol
    parameters: tuple[sp.Symbol, ...]
    components: int
    integrands: Integrands


class _Names:
    """The symbols of an emitted text for those of a state problem."""

    def __init__(self, state: StateProblem) -> None:
        m = state.components
        d = state.dim
        self.values = [symbol(VALUE, j) for j in range(m)]
        self.slopes = [[symbol(SLOPE, j, k) for k in range(d)] for j in range(m)]
        self.correctors = [symbol(CORRECTOR, j) for j in range(m)]
        self.macro = [[symbol(MACRO, j, k) for k in range(d)] for j in range(m)]
        self.swap: dict[sp.Expr, sp.Expr] = dict(zip(state.values, self.values))
        for own, row in zip(self.slopes, state.slopes):
            self.swap |= dict(zip(row, own))

    def arguments(self) -> dict[str, dict[Index, sp.Symbol]]:
        """What arrays are differentiated by, by the last letter of the derivative's name."""
        return {
            "u": {(j,): v for j, v in enumerate(self.values)},
            "p": {(j, k): v for j, row in enumerate(self.slopes) for k, v in enumerate(row)},
            "N": {(j,): v for j, v in enumerate(self.correctors)},
            "xi": {(j, k): v for j, row in enumerate(self.macro) for k, v in enumerate(row)},
        }


@dataclass(frozen=True)
class CellCoordinates:
    """The coordinates of a cell: on a lattice the shares of its vectors, see `lattice_cells`, along
    which slopes are taken then; `swap` puts them in, `inverse` is that of the vectors.
    """

    cell: Cell
    coordinates: tuple[sp.Symbol, ...]
    swap: Mapping[sp.Basic, sp.Basic]
    inverse: sp.Matrix | None = None

    @classmethod
    def of(cls, op: Operator) -> CellCoordinates:
        cell = op.cell
        if not isinstance(cell, LatticeCell):
            return cls(cell, op.fast, {})
        shares = share_symbols(cell.dim)
        swap = dict(zip(op.fast, cell.point(shares), strict=True))
        return cls(Cell.unit(cell.dim), shares, swap, sp.Matrix(cell.vectors).inv())

    def arrays(self, arrays: Mapping[str, IndexTable], names: _Names) -> Mapping[str, IndexTable]:
        """The same integrands of slopes along the vectors, with the flux through their faces."""
        if self.inverse is None:
            return arrays
        inverse = self.inverse
        axes = range(len(self.coordinates))
        swap = {
            row[axis]: sum(inverse[axis, k] * row[k] for k in axes)
            for row in (*names.slopes, *names.macro)
            for axis in axes
        }
        flux = arrays["flux"]
        through: dict[Index, sp.Expr] = {
            (i, k): sum(inverse[axis, k] * flux[i, axis] for axis in axes) for i, k in flux
        }
        found: dict[str, IndexTable] = {**arrays, "flux": through}
        return {
            name: {index: e.xreplace(swap) for index, e in table.items()}
            for name, table in found.items()
        }

    def along(self, gradients: IndexTable) -> IndexTable:
        """Derivatives along the vectors, of those (*index, axis) along the axes."""
        if self.inverse is None:
            return gradients
        vectors = self.inverse.inv()
        found: dict[Index, sp.Expr] = {}
        for (*index, axis), e in gradients.items():
            for k in range(len(self.coordinates)):
                place = (*index, k)
                found[place] = found.get(place, sp.Integer(0)) + vectors[k, axis] * e
        return _nonzero(found)


def lower_state(
    state: StateProblem, title: str, fitted: bool = False, order: int = 1
) -> LoweredState:
    """The integrands of a cell; `fitted`: for meshes that fit its interfaces; `order` of the
    correctors.
    """
    state = held_in_range(state)
    op = state.operator
    names = _Names(state)
    frame = CellCoordinates.of(op)
    middles = middle_symbols(frame.coordinates) if fitted else ()

    def put(e: sp.Expr) -> sp.Expr:
        own = e.xreplace(frame.swap)
        return (in_middles(own, frame.coordinates) if fitted else own).xreplace(names.swap)

    m = state.components
    flux: dict[Index, sp.Expr] = {}
    source: dict[Index, sp.Expr] = {}
    reaction: dict[Index, sp.Expr] = {}
    for i in range(m):
        source[i,] = put(state.cell_source[i])
        reaction[i,] = put(state.reaction[i])
        for j, u in enumerate(state.values):
            carried = put(sp.diff(state.cell_source[i], u)) * names.correctors[j]
            reaction[i,] += carried
        if state.ergodic:
            source[i,] = reaction[i,]
        for k, x in enumerate(op.coordinates[: state.dim]):
            b = state.transport[i][k]
            flux[i, k] = put(state.flux[i][k])
            source[i,] -= put(sp.diff(b, x))
            for j, u in enumerate(state.values):
                slope = put(sp.diff(b, u))
                flux[i, k] += slope * names.correctors[j]
                source[i,] -= slope * names.macro[j][k]
    arrays: dict[str, IndexTable] = {
        "flux": flux,
        "source": source,
        "reaction": reaction,
        "storage": {(i,): put(b) for i, b in enumerate(state.storage)},
        "load": {(i,): put(f) for i, f in enumerate(state.load)},
    }
    integrands = _with_derivatives(frame.arrays(arrays, names), names)
    if order > 1:
        integrands = _with_slow_derivatives(integrands, names, op.coordinates, frame)
    held = _held(integrands)
    moving = (
        *frame.coordinates,
        *middles,
        *names.correctors,
        *(p for r in names.slopes for p in r),
    )
    return LoweredState(
        title,
        frame.cell,
        frame.coordinates,
        tuple(v for v in op.coordinates if v in held),
        tuple(v for v in op.problem.parameters if v in held),
        m,
        integrands,
        state.potential,
        state.frozen,
        any(jumps_with(e, moving) for table in arrays.values() for e in table.values()),
        state.ergodic,
        middles,
    )


def lower_nonlinear_fine(state: StateProblem, title: str) -> LoweredNonlinearEquation:
    """The integrands of the multiscale equation, y = x/eps put in."""
    state = held_in_range(state)
    op = jets_as_parameters(state)
    eps = op.problem.scales.eps
    names = _Names(state)
    fast: dict[sp.Expr, sp.Expr] = {
        axis.symbol: op.coordinates[axis.slow] / eps**axis.power for axis in op.axes
    }

    def put(e: sp.Expr) -> sp.Expr:
        return folded(e, op).xreplace(fast).xreplace(names.swap)

    m = range(state.components)
    factor = eps if state.ergodic else 1
    arrays: dict[str, IndexTable] = {
        "flux": {
            (i, k): factor * put(state.flux[i][k]) + put(state.transport[i][k]) / eps
            for i in m
            for k in range(state.dim)
        },
        "reaction": {
            (i,): put(state.reaction[i]) + put(state.cell_source[i]) / eps - put(state.load[i])
            for i in m
        },
        "storage": {(i,): put(state.storage[i]) for i in m},
    }
    integrands = _with_derivatives(arrays, names)
    held = _held(integrands)
    return LoweredNonlinearEquation(
        title,
        op.coordinates[: state.dim],
        op.coordinates[state.dim],
        tuple(v for v in (eps, *state.operator.problem.parameters) if v in held),
        state.components,
        integrands,
    )


def _with_derivatives(arrays: Mapping[str, IndexTable], names: _Names) -> Integrands:
    values = {name: _nonzero(table) for name, table in arrays.items()}
    derivatives: dict[str, IndexTable] = {}
    for name, table in values.items():
        for letter, arguments in names.arguments().items():
            held = _derivatives(table, arguments)
            if held:
                derivatives[f"{name}_{letter}"] = held
    return Integrands(values, derivatives)


def _with_slow_derivatives(
    integrands: Integrands,
    names: _Names,
    coordinates: Sequence[sp.Symbol],
    frame: CellCoordinates,
) -> Integrands:
    """What correctors of order 2 need beside the derivatives that there are."""
    *x, t = coordinates
    places: dict[Index, sp.Symbol] = {(k,): v for k, v in enumerate(x)}
    arguments = names.arguments()
    found = dict(integrands.derivatives)
    for name, table in integrands.values.items():
        found[f"{name}_x"] = frame.along(_derivatives(table, places))
        by_correctors = integrands.derivatives.get(f"{name}_N", {})
        found[f"{name}_Nu"] = _derivatives(by_correctors, arguments["u"])
    found["storage_t"] = _derivatives(integrands.values["storage"], {(): t})
    return Integrands(integrands.values, {name: t for name, t in found.items() if t})


def _derivatives(table: IndexTable, arguments: Mapping[Index, sp.Symbol]) -> dict[Index, sp.Expr]:
    """The entries differentiated by each of the arguments, whose index comes last."""
    return _nonzero(
        {
            (*index, *other): sp.diff(e, v)
            for index, e in table.items()
            for other, v in arguments.items()
        }
    )


def _nonzero(table: IndexTable) -> dict[Index, sp.Expr]:
    return {index: e for index, e in table.items() if e != 0}


def _held(integrands: Integrands) -> set[sp.Symbol]:
    tables = (*integrands.values.values(), *integrands.derivatives.values())
    return {v for table in tables for e in table.values() for v in e.free_symbols}


def symbol(name: str, *index: int) -> sp.Symbol:
    """One of the symbols above."""
    return sp.Symbol("_".join([name, *map(str, index)]), real=True)
