"""Nonlinear boundary (and initial) value problems, d_t storage - div( flux ) + reaction = 0, by
Newton's method on the finite elements of any backend.

Boundary and initial data are those of an emitted linear problem, whose solution is where the
iteration starts; flux, reaction and storage come from a function of values and slopes at quadrature
points, with their derivatives.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .arrays import Array
from .assembly import Assembly
from .least_stiffness import least_stiffness
from .newton import Linearized, NewtonError, NewtonResult, newton
from .nonlinear_arrays import diffused
from .time_stepping import lagrange_weights, sdirk4_of_storage

Law = Callable[[Array, float, Array, Array], Mapping[str, Array]]
"""(points (d, n), time, values (m, n), slopes (m, d, n)) -> arrays (*axes, n) by name: flux,
reaction, storage, and their derivatives by values and slopes, such as flux_p.
"""

# Levels in time from which the next one is guessed.
_AHEAD = 4
# Diffusion, beside the largest of the law, with which a level is looked for that is not found at
# once: fronts of degenerate laws are found from where there are none.
_DIFFUSIONS = (*(10.0 ** (-k / 2) for k in range(9)), 1e-5, 1e-6, 0.0)


class NonlinearResult(NamedTuple):
    """As `EquationResult`: `grid` is what the problem makes of the unknowns, of those at each of
    `times`; `largest` is by component.

    rest : the largest residual, relative to its parts, at which Newton's method found no step that
           lowers it; 0 where it always converged
    stiffness : where it is asked for, the least energy of a disturbance of the solution, relative
           to that of the same one without any gradient; and how far it may be lower
    """

    grid: Any
    times: Array | None
    method: str
    largest: Array | None
    rest: float
    stiffness: tuple[float, float] | None = None


class BoundaryProblem(ABC):
    """The domain, the boundary and initial data of a problem in one space: those of a linear one.

    robin : the matrix of the natural conditions, None without any
    spans : times between which the data are smooth
    """

    assembly: Assembly
    robin: Any = None
    spans: Sequence[float] = ()

    @abstractmethod
    def start(self) -> Array:
        """All unknowns of the solution of the linear problem."""

    @abstractmethod
    def initial(self) -> Array:
        """All unknowns of the initial values."""

    @abstractmethod
    def with_essential(self, u: Array, t: float) -> Array:
        """The function with the essential data of time t put in."""

    @abstractmethod
    def natural_load(self, t: float) -> Array:
        """The vector of the natural conditions, of all unknowns."""

    @abstractmethod
    def robin_times(self, u: Array) -> Array:
        """`robin` applied to a function; 0 without any."""

    @abstractmethod
    def grid(self, values: Array) -> Any:
        """The function (or batch) with the unknowns (..., n)."""


def solve_nonlinear_problem(
    problem: BoundaryProblem,
    law: Law,
    symmetric: bool,
    start: Array | None,
    times: Array | None,
    keep: bool,
    report: Callable[[float], None],
    stored: Sequence[bool] = (),
    stiffness: bool = False,
    empty: bool = False,
) -> NonlinearResult:
    """The solution; NewtonError where Newton's method does not converge.

    symmetric : whether the derivative of the stationary problem is
    start : all unknowns of a guess, in the place of the linear problem's solution
    times, keep, report : as for `solve_equation`
    stored : which of the equations have a time derivative (default: all); the others hold at all
             times
    stiffness : whether that of a stationary solution, with a symmetric derivative, is asked for
    empty : whether the storage begins with 0, whatever the initial values
    """
    system = _System(problem, law, symmetric, stored)
    if times is None:
        values = system.stationary(start)
        least = system.least_stiffness(values) if stiffness else None
        return NonlinearResult(problem.grid(values), None, system.method, None, system.rest, least)
    levels, largest = system.evolution(times, keep, report, empty)
    kept = times if keep else times[-1:]
    method = f"{system.method}, sdirk4"
    return NonlinearResult(problem.grid(levels), kept, method, largest, system.rest)


class _System:
    """Residual and derivative of the discrete problem."""

    def __init__(
        self, problem: BoundaryProblem, law: Law, symmetric: bool, stored: Sequence[bool]
    ) -> None:
        self.problem = problem
        self.stored_rows = np.array(stored or [True] * problem.assembly.m)
        self.assembly = problem.assembly
        self.law = law
        self.symmetric = symmetric
        self.method = "Newton"
        self.rest = 0.0
        self._load: tuple[float, Array] | None = None

    def arrays(self, u: Array, t: float, more: float = 0.0) -> Mapping[str, Array]:
        """The law at the quadrature points, with so much more diffusion."""
        values, slopes = self.assembly.fields(u)
        arrays = self.law(self.assembly.points, t, values, slopes)
        return arrays if more == 0.0 else diffused(arrays, slopes, more)

    def residual(
        self, u: Array, t: float, arrays: Mapping[str, Array], weight: float = 1.0
    ) -> tuple[Array, float]:
        """int flux . grad v + reaction v, with the natural conditions, times the weight of each
        equation, and its size.
        """
        weights = self._weights(weight)
        flux, reaction = (_weighted(arrays[name], weights) for name in ("flux", "reaction"))
        vector, size = self.assembly.load(flux, reaction)
        walls = self.problem.robin_times(u) - self._natural_load(t)
        return self.assembly.restricted(vector + walls * self._by_unknown(weights)), size

    def _natural_load(self, t: float) -> Array:
        """That of the time it was asked for last is kept: a stage asks for one alone."""
        if self._load is None or self._load[0] != t:
            self._load = (t, self.problem.natural_load(t))
        return self._load[1]

    def _by_unknown(self, weights: Array) -> Any:
        """Those of the equations, for vectors of all unknowns."""
        if self.stored_rows.all():
            return weights[0]
        return self.assembly.of_unknowns(weights)

    def _weights(self, weight: float) -> Array:
        """Equations that hold at all times keep the weight 1."""
        return np.where(self.stored_rows, weight, 1.0)

    def jacobian(self, arrays: Mapping[str, Array], weight: float = 1.0) -> Any:
        """The derivative of the residual."""
        weights = self._weights(weight)
        own = {name: _weighted(a, weights) for name, a in arrays.items() if "_" in name}
        total = self.assembly.matrix(own, "flux", "reaction")
        return total if self.problem.robin is None else total + weight * self.problem.robin

    def stored(self, arrays: Mapping[str, Array]) -> tuple[Array, float]:
        """int storage v, and its size."""
        vector, size = self.assembly.load(None, arrays["storage"])
        return self.assembly.restricted(vector), size

    def stationary(self, start: Array | None) -> Array:
        u = self.problem.start() if start is None else start

        def linearized(u: Array) -> Linearized:
            arrays = self.arrays(u, 0.0)
            residual, size = self.residual(u, 0.0, arrays)
            return Linearized(residual, size, lambda: self.jacobian(arrays), arrays)

        return self._newton(self.problem.with_essential(u, 0.0), linearized).u

    def least_stiffness(self, u: Array) -> tuple[float, float]:
        """See `NonlinearResult`."""
        arrays = self.arrays(u, 0.0)
        still = self.jacobian(self.arrays(np.zeros_like(u), 0.0))
        solve, _ = self.assembly.solver(still, True, many=True)
        return least_stiffness(self.assembly, lambda free: self._along(arrays, free), solve)

    def _along(self, arrays: Mapping[str, Array], free: Array) -> Array:
        """The derivative of the residual along a function with these free unknowns."""
        change = self.assembly.extended(free)
        values, slopes = self.assembly.fields(change)
        flux, reaction = (
            np.einsum("...jkq,jkq->...q", arrays[f"{name}_p"], slopes)
            + np.einsum("...jq,jq->...q", arrays[f"{name}_u"], values)
            for name in ("flux", "reaction")
        )
        vector, _ = self.assembly.load(flux, reaction)
        return self.assembly.restricted(vector + self.problem.robin_times(change))

    def _newton(
        self,
        u: Array,
        linearized: Callable[[Array], Linearized],
        before: NewtonResult | None = None,
    ) -> NewtonResult:
        found = newton(self.assembly, linearized, u, symmetric=self.symmetric, before=before)
        if found.method:
            self.method = f"Newton, {found.method}"
        if found.stalled:
            self.rest = max(self.rest, found.rest)
        return found

    def _approached(
        self, guess: Array, t: float, linearized: Callable[[float, Array], Linearized]
    ) -> NewtonResult:
        """From a guess at once, or else from solutions with more diffusion."""
        try:
            return self._newton(guess, partial(linearized, 0.0))
        except NewtonError:
            tangent = np.abs(self.arrays(guess, t)["flux_p"]).max(initial=0.0)
        whole = float(self.assembly.largest(np.array([tangent]))[0])
        for share in _DIFFUSIONS:
            found = self._newton(guess, partial(linearized, share * whole))
            guess = found.u
        return found

    def evolution(
        self, times: Array, keep: bool, report: Callable[[float], None], empty: bool
    ) -> tuple[Array, Array]:
        assembly = self.assembly
        u = self.problem.with_essential(self.problem.initial(), 0.0)
        current = [u]
        last = _LastLevels()
        levels: list[Array] = []
        largest = np.zeros(assembly.m)
        before: list[NewtonResult] = []

        def stage(t: float, known: Array, weight: float) -> Array:
            def linearized(more: float, u: Array) -> Linearized:
                arrays = self.arrays(u, t, more)
                residual, size = self.residual(u, t, arrays, weight)
                stored, held = self.stored(arrays)

                def derivative() -> Any:
                    mass = assembly.matrix(arrays, None, "storage")
                    return mass + self.jacobian(arrays, weight)

                return Linearized(stored + residual - known, size + held, derivative, arrays)

            try:
                guess = self.problem.with_essential(last.ahead(t), t)
                found = self._newton(guess, partial(linearized, 0.0), *before)
            except NewtonError:  # values ahead may be where the law has none
                guess = self.problem.with_essential(current[0], t)
                found = self._approached(guess, t, linearized)
            current[0] = found.u
            before[:] = [found]
            return self.residual(found.u, t, found.at.arrays)[0]

        def on_step(step: int, t: float) -> None:
            level = current[0]
            last.add(t, level)
            if not keep:
                levels.clear()
            levels.append(level.copy())
            largest[:] = np.maximum(largest, assembly.largest(assembly.sizes(level)))
            report(step / (len(times) - 1))

        first, _ = self.stored(self.arrays(u, 0.0))
        first *= not empty
        last.add(0.0, u)
        # What is not given, or determined by equations that hold at all times.
        if empty or not self.stored_rows.all():
            stage(0.0, first, 0.0)
        on_step(0, 0.0)
        sdirk4_of_storage(stage, first, times, on_step, self.problem.spans)
        return np.array(levels), largest


class _LastLevels:
    """The last levels in time, which say where the next one is to be looked for."""

    def __init__(self) -> None:
        self._held: list[tuple[float, Array]] = []

    def add(self, t: float, u: Array) -> None:
        before = [held for held in self._held if held[0] != t]
        self._held = [*before[1 - _AHEAD :], (t, u)]

    def ahead(self, t: float) -> Array:
        """The value at t of the polynomial through them."""
        weights = lagrange_weights(np.array([at for at, _ in self._held]), t)
        return np.asarray(sum(w * u for w, (_, u) in zip(weights, self._held, strict=True)))


def _weighted(array: Array, weights: Array) -> Array:
    """An array (equations, ...) times a number for each equation."""
    return array * weights.reshape(-1, *[1] * (array.ndim - 1))
