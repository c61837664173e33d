"""The limit of a Hamilton-Jacobi equation: a viscosity solution by a monotone scheme, the law from
a table of effective Hamiltonians.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp

from ...derive.nonlinear.model import NonlinearModel
from ...lower.forms import LoweredEquation
from ...lower.nonlinear_reference import reference_homogenized
from ...problem.domain import require_box
from ...problem.errors import (
    BoundaryConditionError,
    ProblemError,
    SolveError,
    UnsupportedError,
    shortened,
)
from ...problem.numeric import lambdified
from ...problem.user_input import positive_integer, positive_number
from ...runtime.chebyshev_table import ChebyshevTable
from ...runtime.convex_faces import Face, convex_faces
from ...runtime.lagrange_grid import LagrangeGrid
from ...runtime.lattice import Lattice
from ...runtime.level_table import LevelTable
from ...runtime.levels import FEWEST, error_of_halving
from ...runtime.monotone_scheme import MonotoneScheme, Terms
from ..backends import equation_solver
from ..fem.grid_functions import GridSolution
from ..progress import Progress
from ..solution import Array
from .law_solution import LawSolution
from .macro_law import ROUNDS, MacroLaw

Faces = Mapping[tuple[int, ...], Face]
Table = ChebyshevTable | LevelTable
OPTIONS = ("mesh", "tolerance")
TOLERANCE = 1e-2
_FIRST = {1: 64, 2: 16}
_LAST = {1: 4096, 2: 256}
"""Cells along an axis of the first lattice, and of the last one."""
_KEPT = 33
"""Times at which the solution is kept."""
_TABLE = 1e-6
_KINKS = "the effective Hamiltonian has kinks that polynomials do not follow: accept a tolerance="
_ASKED = 48
"""Slopes along each axis at which the table is compared with the law in the end."""


def solve_hamilton_jacobi(
    model: NonlinearModel,
    law: LawSolution,
    numbers: Mapping[str, float],
    progress: Progress,
    backend: str,
    options: Mapping[str, Any],
) -> tuple[GridSolution, LoweredEquation]:
    """b u0_t + Hbar(grad u0) + c(x, t, u0) = f on a box, lattices halved until the estimate is
    below the tolerance (default .01: the scheme is of first order).

    info["law"] is what the table of Hbar costs, relative to u0. UnsupportedError for
    Hamiltonians whose cells depend on x, t or u, three dimensions, natural conditions, and
    stationary equations that do not grow with u; SolveError where slopes do not stay bounded.
    """
    mesh, tolerance = _options(backend, options)
    equation = reference_homogenized(model.state)
    reader = _Reader(model, law, numbers, equation)
    d = model.state.dim
    last = _LAST[d] if mesh is None else int(mesh)
    first = _FIRST[d] if mesh is None else max(4, last // 4)
    table = reader.table()
    terms = reader.terms(table, _faces(table))
    start = time.perf_counter()
    found: list[GridSolution] = []
    changes: list[float] = []
    with progress(f"homogenized equation ({law.backend}, monotone scheme)") as task:
        n = first
        while True:
            found.append(_solved(reader, terms, n, found, task.update))
            if len(found) > 1:
                changes.append(_change(found[-2], found[-1]))
            estimate = _estimate(changes)
            wanted = TOLERANCE if tolerance is None else tolerance
            if 2 * n > last or (mesh is None and estimate <= wanted):
                break
            n *= 2
    known = reader.error(table, found[-1])
    info = {
        **found[-1].info,
        "estimate": max(estimate, known),
        "law": known,
        "seconds": time.perf_counter() - start,
        "data_error": 0.0,
        "advice": _KINKS if known > estimate else "give a finer mesh=, or a larger tolerance=",
    }
    if mesh is None:
        info["tolerance"] = wanted
    return replace(found[-1], info=info), equation


class _Reader:
    """The data of the homogenized equation as functions of arrays."""

    def __init__(
        self,
        model: NonlinearModel,
        law: LawSolution,
        numbers: Mapping[str, float],
        equation: LoweredEquation,
    ) -> None:
        self.model = model
        self.law = law
        self.equation = equation
        self.numbers = {v: sp.Float(numbers[str(v)]) for v in model.problem.parameters}
        state = model.state
        op = state.operator
        self.d = state.dim
        self.macro = MacroLaw(law)
        self.arguments = (*op.coordinates, state.values[0])
        self.box = _box(equation, self.d)
        jets = (*state.all_slopes, *op.fast)
        parts = sp.Add.make_args(sp.expand(state.reaction[0]))
        # d_t(b u) is b u_t and the rest, which moves nothing.
        rate = sp.diff(state.storage[0], op.coordinates[self.d])
        self.still = sp.Add(rate, *[part for part in parts if not part.has(*jets)])
        self._require_cells([part for part in parts if part.has(*jets)])
        self.mass = sp.diff(state.storage[0], state.values[0])
        self._require_terms()

    def _require_cells(self, parts: Sequence[sp.Expr]) -> None:
        for part in (*parts, *self.model.state.all_fluxes):
            if part.has(*self.arguments):
                raise UnsupportedError(
                    "a Hamiltonian whose cells depend on the place, the time or u",
                    term=part,
                    remedy="law.hamiltonian(grad=, u=, x=) gives its values",
                )

    def _require_terms(self) -> None:
        state = self.model.state
        if self.mass.has(state.values[0]):
            raise UnsupportedError(
                "a storage that is not linear in u in a Hamilton-Jacobi equation",
                term=state.storage[0],
                remedy="divide the equation by its derivative",
            )
        growth = sp.diff(self.still, state.values[0])
        if not state.timely and not self._least(growth) > 0:
            raise UnsupportedError(
                "a stationary Hamilton-Jacobi equation that does not grow with u: its viscosity"
                " solution is not unique, or found by no monotone scheme",
                term=state.reaction[0],
                remedy="add a term lam*u with lam > 0, or a time derivative",
            )

    def _least(self, e: sp.Expr) -> float:
        """The least value on samples of the box and of the range of u."""
        rng = np.random.default_rng(3)
        low, high = (float(end) for end in self._range())
        lower, upper = np.array(self.box).T[:, :, None]
        x = lower + (upper - lower) * rng.random((self.d, 200))
        u = rng.uniform(low, high, size=200)
        return float(np.min(self.function(e)(x, 0.0, u)))

    def _range(self) -> tuple[Any, Any]:
        problem = self.model.problem
        return problem.ranges.get(problem.unknowns[0], (-1, 1))

    def function(self, e: sp.Expr) -> Callable[[Array, float, Array], Array]:
        """(x (d, n), t, u (n,)) -> (n,)."""
        call = lambdified(self.arguments, sp.sympify(e).xreplace(self.numbers), ["scipy", "numpy"])

        def values(x: Array, t: float, u: Array) -> Array:
            return np.broadcast_to(np.asarray(call(*x, t, u), dtype=float), x.shape[1:])

        return values

    def table(self) -> Table:
        """Hbar of the part that holds the gradient, on the slopes of the data and beyond."""
        low, high = (float(end) for end in self._range())
        u = (low + high) / 2
        x = np.array(self.box).mean(axis=1)[:, None]
        rest = self.function(self.still - self.model.state.load[0])
        still = float(rest(x, 0.0, np.array([u]))[0])
        macro = self.macro
        size = max(1.0, self._steepest())
        if self.law.inverted is not None:
            macro_state = macro.macro(x, 0.0, np.full((1, 1), u), np.zeros((1, 1, 1)))
            exact = self.law.inverted.at(macro_state)
            zero = self.function(self.still)(x, 0.0, np.array([u]))
            return LevelTable(exact, size, float(zero[0]))

        def values(slopes: Array) -> Array:
            n = len(slopes)
            points = np.broadcast_to(x, (self.d, n))
            given = (points, 0.0, np.full((1, n), u), slopes.T[None])
            found = macro(*given)
            for _ in range(ROUNDS):
                if not macro.grown():
                    break
                found = macro(*given)
            return np.asarray(found["reaction"][0]) - still

        return ChebyshevTable(values, -size * np.ones(self.d), size * np.ones(self.d), _TABLE)

    def error(self, table: Table, found: GridSolution) -> float:
        """What an error of Hbar at the slopes of a solution makes of its values, relative to them:
        by comparison, as much as a source of that size.
        """
        slopes = _slopes_of(found)
        off = float(table.off(slopes).max())
        if self.law.inverted is None:
            off += self.macro.error * float(np.abs(table(slopes)[0]).max())
        held = _nodal_values(found)
        values = held if found.times is None else held[-1]
        return off * self._reach() / (float(np.sqrt(np.mean(values**2))) or 1.0)

    def _reach(self) -> float:
        """The largest solution for the source 1."""
        growth = self._least(sp.diff(self.still, self.model.state.values[0]))
        if self.equation.final_time is None:
            return 1 / growth
        time = float(self.equation.final_time)
        mass = self._least(self.mass)
        return time / mass * math.exp(max(0.0, -growth / mass) * time)

    def _steepest(self) -> float:
        """The largest slope of the initial data along an axis."""
        if not self.equation.initial:
            return 1.0
        points = [np.linspace(a, b, 41) for a, b in self.box]
        grid = np.stack([p.ravel() for p in np.meshgrid(*points, indexing="ij")])
        found = 0.0
        for axis, step in enumerate(p[1] - p[0] for p in points):
            ahead = grid.copy()
            ahead[axis] = np.minimum(ahead[axis] + step / 8, self.box[axis][1])
            change = self.start(ahead) - self.start(grid)
            gap = np.maximum(ahead[axis] - grid[axis], 1e-300)
            found = max(found, float(np.abs(change / gap)[gap > 1e-12].max()))
        return 1.1 * found

    def start(self, x: Array) -> Array:
        if not self.equation.initial:
            return np.zeros(x.shape[1])
        return self.function(self.equation.initial[0])(x, 0.0, np.zeros(x.shape[1])).copy()

    def terms(self, table: Table, faces: Faces | None) -> Terms:
        state = self.model.state
        still = self.function(self.still - state.load[0])
        by_u = self.function(sp.diff(self.still, state.values[0]))
        mass = self.function(self.mass)
        walls = [
            (name, self.function(condition.value))
            for condition in self.equation.essential
            for name in condition.parts
        ]

        def values_at(points: Array, t: float) -> Array:
            found = np.zeros(points.shape[1])
            zero = np.zeros(points.shape[1])
            for name, value in walls:
                part = self.equation.domain.part(name)
                there = np.isclose(points[part.axis], float(part.place), rtol=0, atol=1e-12)
                found = np.where(there, value(points, t, zero), found)
            return found

        if walls and faces is None:
            raise UnsupportedError(
                "a wall beside a Hamiltonian that is not convex",
                term=self.equation.essential[0].value,
                remedy="Periodic conditions are covered for those",
            )
        return Terms(
            table,
            lambda x, t, u: (still(x, t, u), by_u(x, t, u)),
            lambda x, t: mass(x, t, np.zeros(x.shape[1])),
            values_at,
            table.low,
            table.high,
            faces,
        )


def _options(backend: str, options: Mapping[str, Any]) -> tuple[int | None, float | None]:
    """Cells along the longest axis and tolerance; the scheme is the same on every backend."""
    equation_solver(backend)
    for name in options:
        if name not in OPTIONS:
            raise ProblemError(
                f"the monotone scheme of a Hamilton-Jacobi equation has no option {name!r}",
                term=f"{name}={shortened(options[name])}",
                remedy=f"its options are {', '.join(OPTIONS)}",
            )
    mesh = options.get("mesh")
    wanted = options.get("tolerance")
    if mesh is not None:
        mesh = positive_integer(mesh, "mesh", least=4)
    if wanted is not None:
        wanted = float(positive_number(wanted, ProblemError, "tolerance", "write 1e-2"))
    return mesh, wanted


def _faces(table: Table) -> Faces | None:
    return table.faces if isinstance(table, LevelTable) else convex_faces(table)


def _box(equation: LoweredEquation, d: int) -> list[tuple[float, float]]:
    domain = require_box(equation.domain, "a Hamilton-Jacobi equation")
    if d not in _FIRST:
        raise UnsupportedError(
            "a Hamilton-Jacobi equation in three dimensions",
            term=domain,
            remedy="its law is there: law.hamiltonian(grad=)",
        )
    if equation.natural:
        raise BoundaryConditionError(
            "a natural condition for an equation of first order",
            term=equation.natural[0],
            remedy="Dirichlet (in the sense of viscosity solutions) and Periodic are covered",
        )
    return [(float(a), float(b)) for a, b in domain.bounds]


def _solved(
    reader: _Reader,
    terms: Terms,
    n: int,
    before: Sequence[GridSolution],
    report: Callable[[float], None],
) -> GridSolution:
    equation = reader.equation
    longest = max(b - a for a, b in reader.box)
    cells = [max(4, round(n * (b - a) / longest)) for a, b in reader.box]
    lattice = Lattice.uniform(reader.box, cells)
    scheme = MonotoneScheme(lattice.lines, equation.periodic, terms)
    first = reader.start(scheme.points)
    times = None
    try:
        if equation.final_time is None:
            guess = before[-1](scheme.points.T) if before else first
            values = scheme.whole(scheme.stationary(guess))
        else:
            times = np.linspace(0, float(equation.final_time), _KEPT)
            found = scheme.evolve(first, times, report)
            values = np.stack([scheme.whole(u) for u in found])
    except RuntimeError as cause:
        raise SolveError(
            f"homogenized equation: {cause}",
            term=reader.model.title,
            remedy="the Hamiltonian must be coercive, or bounded slopes be given by the data; terms"
            " that are stiff in time need a shorter final time",
        ) from cause
    largest = None if times is None else np.array([np.abs(values).max()])
    info = {"cells": tuple(cells), "size": int(np.prod(scheme.shape)), "defect": 0.0}
    scheme_of = "Lax and Friedrichs" if terms.faces is None else "upwind differences"
    method = f"monotone scheme of {scheme_of}"
    return GridSolution("skfem", method, info, LagrangeGrid(lattice, 1, values), times, largest)


def _nodal_values(found: GridSolution) -> Array:
    assert isinstance(found.grid, LagrangeGrid)
    return found.grid.values


def _slopes_of(found: GridSolution) -> Array:
    """Some of the slopes (d, n) of a solution, the extreme ones among them."""
    lines = found.grid.mesh.lines
    axes = range(-len(lines), 0)
    steps = [float(line[1] - line[0]) for line in lines]
    parts = np.gradient(_nodal_values(found), *steps, axis=tuple(axes))
    slopes = np.stack([np.ravel(p) for p in (parts if len(lines) > 1 else [parts])])
    chosen = [np.argsort(p)[np.linspace(0, len(p) - 1, _ASKED).astype(int)] for p in slopes]
    return np.asarray(slopes[:, np.unique(chosen)])


def _change(coarse: GridSolution, fine: GridSolution) -> float:
    """Relative difference in L2 at the nodes of the coarser lattice, at the final time."""
    own = np.meshgrid(*coarse.grid.mesh.lines, indexing="ij")
    points = np.stack([p.ravel() for p in own], axis=1)
    wanted = fine(points)
    size = float(np.linalg.norm(wanted)) or 1.0
    return float(np.linalg.norm(coarse(points) - wanted)) / size


def _estimate(changes: Sequence[float]) -> float:
    if len(changes) < FEWEST - 1:
        return float("inf")
    return error_of_halving(changes, 1.0)
