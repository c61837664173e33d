"""Where the macroscopic law takes solved states from: Fourier grids, networks or finite elements;
what they cost, and how far they are right.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from typing import Any

import numpy as np

from ...problem.errors import SolveError
from ...runtime.arrays import MultiIndex
from ...runtime.element_states import ElementStates
from ...runtime.fourier.grid import Grid, evaluate_modes
from ...runtime.fourier.law_levels import FIRST, solve_states
from ...runtime.fourier.refinement import GROWTH, grid_sizes
from ...runtime.fourier.states import LawValues, MacroState, States, StateSolver
from ...runtime.levels import SAFETY
from ...runtime.mesh import Mesh
from ...runtime.nonlinear_arrays import MEASURED
from ...runtime.reduced_basis import ReducedBasis, basis_of
from ...runtime.second_corrector import (
    CellSpace,
    ElementSpace,
    FeatureSpace,
    GridSpace,
    SolvedSpace,
)
from ..interpolation import Array
from .cell_frame import CellFrame
from .element_levels import ElementLaw
from .law_states import LawStates
from .net_levels import NetLaw

_MARGIN = 0.1
"""Share of the tolerance that the grid, or mesh, of the modes may cost."""


class StateSource(ABC):
    """Solved states of a law.

    n     : points or cells per axis that they are solved on, None before the first of them
    error : of the law at them, relative; 0 where it is below the share of the tolerance
    """

    frame: CellFrame
    n: int | None = None
    error: float = 0.0

    def __init__(self, law: LawStates) -> None:
        self.frame = law.frame

    def solved(self, macro: MacroState, near: Array | None = None) -> tuple[LawValues, States]:
        """The law at n states, and these with their columns; near: modes of the states solved last
        that are near them. SolveError where one is not found.
        """
        values, states = self._solved(macro, near)
        require_found(states, macro)
        return values, states

    @abstractmethod
    def _solved(self, macro: MacroState, near: Array | None) -> tuple[LawValues, States]: ...

    @abstractmethod
    def basis(self, states: States, spread: Array) -> ReducedBasis:
        """Of states that were solved here last, see `snapshots_of`."""

    @abstractmethod
    def space(self, forms: Any, macro: MacroState) -> CellSpace:
        """The states with a text of order 2, solved as they were last."""

    @abstractmethod
    def beside(self, forms: Any, macro: MacroState) -> SolvedSpace:
        """The same in other functions: finer ones, or coarser than the finest there are."""

    def refine(self) -> bool:
        """Whether states are solved in finer functions from now on."""
        return False

    def evaluate(self, basis: ReducedBasis, points: Array, index: MultiIndex) -> Array:
        """D^index of its modes at points (n, d) of the cell: (k, m, n)."""
        return self.frame.derivative(partial(self._evaluate, basis), points, index)

    @abstractmethod
    def _evaluate(self, basis: ReducedBasis, points: Array, index: MultiIndex) -> Array:
        """The same in shares of a lattice."""


def source_of(law: LawStates) -> StateSource:
    """The one of the backend of a law."""
    if law.elements is not None:
        return ElementSource(law, law.elements)
    if law.nets is not None:
        return NetSource(law, law.nets)
    return GridSource(law)


class _SpectralSource(StateSource):
    """Functions on a Fourier grid."""

    solver: Any

    def basis(self, states: States, spread: Array) -> ReducedBasis:
        return basis_of(self.solver, states, spread)

    def _evaluate(self, basis: ReducedBasis, points: Array, index: MultiIndex) -> Array:
        grid = self.solver.grid
        values = basis.values.reshape(*basis.values.shape[:2], *grid.shape)
        modes = np.fft.fftn(values, axes=grid.axes, norm="forward")
        return np.asarray(evaluate_modes(modes, grid.bounds, points, index))


class NetSource(_SpectralSource):
    """The whole span of the largest hidden layer."""

    def __init__(self, law: LawStates, nets: NetLaw) -> None:
        super().__init__(law)
        self.nets = nets

    def _solved(self, macro: MacroState, near: Array | None) -> tuple[LawValues, States]:
        if self.n is not None:  # the first states only say what is to be trained
            self.error = float(self.nets(macro).estimate.max())
        self.solver, values, states = self.nets.solved(macro)
        self.n = self.solver.grid.n
        return values, states

    def space(self, forms: Any, macro: MacroState) -> CellSpace:
        return FeatureSpace(forms, self.solver, macro)

    def beside(self, forms: Any, macro: MacroState) -> SolvedSpace:
        return _on_grid(forms, 2 * self.solver.grid.n + 1, macro)


class GridSource(_SpectralSource):
    """The coarsest grid on which the law stays."""

    def __init__(self, law: LawStates) -> None:
        super().__init__(law)
        self.law = law

    def _solved(self, macro: MacroState, near: Array | None) -> tuple[LawValues, States]:
        if self.n is None:
            self.n = self._grid_size(macro)
            self.solver = self._solver(self.n)
        return solve_states(self.solver, macro, near)

    def space(self, forms: Any, macro: MacroState) -> CellSpace:
        assert self.n is not None
        return _on_grid(forms, self.n, macro)

    def beside(self, forms: Any, macro: MacroState) -> SolvedSpace:
        assert self.n is not None
        return _on_grid(forms, 2 * self.n + 1, macro)

    def refine(self) -> bool:
        assert self.n is not None
        if self.law.n is not None or self.error:  # a grid that is given, or the finest one
            return False
        self.n = 2 * self.n + 1
        self.solver = self._solver(self.n)
        return True

    def _solver(self, n: int) -> StateSolver:
        return StateSolver(self.law.forms, Grid(self.law.forms.CELL, n))

    def _grid_size(self, macro: MacroState) -> int:
        """The points per axis from which on the law stays; where it does on none, the finest, and
        what is known of the error there, which falls like 1/n with jumps, counts from then on.
        """
        law = self.law
        sizes = grid_sizes(law.forms, law.n, law.least, FIRST)
        before: LawValues | None = None
        for k, n in enumerate(sizes):
            values, states = solve_states(self._solver(n), macro)
            require_found(states, macro)
            change = 0.0 if before is None else law_difference(before, values)
            if before is not None and change <= _MARGIN * law.tolerance:
                return sizes[k - 1]
            before = values
        self.error = SAFETY * change / (GROWTH - 1)
        return sizes[-1]


class ElementSource(StateSource):
    """The coarsest mesh on which the law differs little from that on the finest that the tolerance
    needs.
    """

    def __init__(self, law: LawStates, elements: ElementLaw) -> None:
        super().__init__(law)
        self.elements = elements
        self._space: ElementStates | None = None
        self._mesh: Mesh | None = None

    def _solved(self, macro: MacroState, near: Array | None) -> tuple[LawValues, States]:
        if self._mesh is not None:
            found = self.elements.on_mesh(self._mesh, macro, start=near)
            return found.values, found.states
        level = self.elements(macro)
        require_found(level.states, macro)
        self.error = float(level.estimate.max())
        goal = self.elements.tolerance
        left = self.error if self.error > goal else min(self.error, goal - self.error)
        wanted = max(_MARGIN * goal, left)
        for found in self.elements.finer(level, macro):
            missed = law_difference(found.values, level.values)
            if missed <= wanted:
                break
        self.error += missed
        self.n = max(found.mesh.cells)
        self._mesh = found.mesh
        self._space = found.space
        return found.values, found.states

    def basis(self, states: States, spread: Array) -> ReducedBasis:
        assert self._space is not None
        return self._space.basis(states, spread)

    def refine(self) -> bool:
        assert self._mesh is not None
        finer = self.elements.beside(self._mesh)
        if finer.count(1) < self._mesh.count(1):
            return False
        self._mesh = finer
        self._space = self.elements.space(finer)
        self.n = max(finer.cells)
        return True

    def space(self, forms: Any, macro: MacroState) -> CellSpace:
        assert self._mesh is not None
        return self._on_mesh(forms, self._mesh, macro)

    def beside(self, forms: Any, macro: MacroState) -> SolvedSpace:
        assert self._mesh is not None
        return self._on_mesh(forms, self.elements.beside(self._mesh), macro)

    def _on_mesh(self, forms: Any, mesh: Mesh, macro: MacroState) -> SolvedSpace:
        found = self.elements.on_mesh(mesh, macro)
        require_found(found.states, macro)
        return ElementSpace(forms, found.space, macro, found.states.modes)

    def _evaluate(self, basis: ReducedBasis, points: Array, index: MultiIndex) -> Array:
        assert self._space is not None
        return self._space.evaluate(basis.modes, points, index)


def _on_grid(forms: Any, n: int, macro: MacroState) -> SolvedSpace:
    solver = StateSolver(forms, Grid(forms.CELL, n))
    states = solve_states(solver, macro)[1]
    require_found(states, macro)
    return GridSpace(forms, solver, macro, states.modes)


def require_found(states: States, macro: MacroState) -> None:
    """SolveError where a state was not found."""
    if not np.all(states.solved):
        lost = int(np.argmin(states.solved))
        raise SolveError(
            "a state of the cell was not found at a point of the macroscopic problem",
            term=state_text(macro, lost),
            remedy="regularise a law that is degenerate or localizes",
        )


def state_text(macro: MacroState, place: int) -> str:
    """One of the states in words."""
    return f"u = {macro.values[:, place]}, grad = {macro.slopes[:, :, place].tolist()}"


def law_difference(found: LawValues, exact: LawValues) -> float:
    """The largest difference of an array, relative to its largest entry over all states."""
    worst = 0.0
    whole = float(np.abs(exact.flux).max(initial=0.0))
    for name in MEASURED:
        wanted = exact.arrays[name]
        size = float(np.abs(wanted).max(initial=0.0))
        own = float(np.abs(found.arrays[name] - wanted).max(initial=0.0))
        if not np.isfinite(own):
            return np.inf
        worst = max(worst, own / max(size, 1e-6 * whole)) if own else worst
    return worst
