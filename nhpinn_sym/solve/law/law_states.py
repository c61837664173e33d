"""`LawStates`: the states of a law, solved where they are asked for, remembered and judged."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...derive.nonlinear.model import NonlinearModel
from ...emit.source import Source
from ...problem.errors import (
    SolvabilityError,
    SolveError,
    warn_tolerance,
)
from ...problem.html_text import html_lines
from ...problem.pictures import Drawing
from ...runtime.element_bloch import ElementStrains
from ...runtime.fourier.bloch_stability import GridStrains
from ...runtime.fourier.grid import Grid
from ...runtime.fourier.law_levels import FIRST, LawLevel, law_at
from ...runtime.fourier.refinement import grid_sizes
from ...runtime.fourier.states import MacroState, StateSolver
from ...runtime.nonlinear_arrays import BY, LAW_AXES
from ...runtime.strain_branch import StrainSpace
from ..interpolation import Array
from ..result_pictures import draw_law
from .cell_frame import CellFrame
from .element_levels import ElementLaw, ElementLevel
from .inverted_law import InvertedLaw, InvertedLevel
from .macro_states import Asked, Question, read_states
from .net_levels import NetLaw
from .strain_branches import stable_start

SolvedLevel = LawLevel | ElementLevel | InvertedLevel
_KEPT = 32
"""States that are remembered."""
_MULTIPLIER = 1e-6
"""Relative mean of the source of a state problem above which it has no solution."""


@dataclass(frozen=True, eq=False)
class LawStates:
    """The states of a nonlinear model on one backend: on Fourier grids, in finite element functions
    (`elements`) or features of networks (`nets`), or without states by roots (`inverted`), by an
    emitted text (`forms`).

    n     : points per axis of the finest grid, None for as many as the tolerance needs, and `least`
            of them
    fixed : the user gave n and no tolerance, so that the estimate is no reason for a warning
    """

    model: NonlinearModel
    backend: str
    tolerance: float
    parameters: Mapping[str, float]
    forms: Any = field(repr=False)
    source: Source = field(repr=False)
    info: dict[str, Any]
    n: int | None = None
    least: int = 1
    fixed: bool = False
    elements: ElementLaw | None = field(default=None, repr=False)
    nets: NetLaw | None = field(default=None, repr=False)
    inverted: InvertedLaw | None = field(default=None, repr=False)

    def plot(self, reach: float = 1.0, **known: ArrayLike) -> Drawing:
        """The flux at gradients up to `reach` along x_1; known: u=, x= where it depends on them."""
        return draw_law(self, reach, known)

    def _repr_html_(self) -> str:
        return html_lines(str(self))

    _levels: OrderedDict[bytes, Any] = field(default_factory=OrderedDict, repr=False)

    @property
    def frame(self) -> CellFrame:
        """Of the cell: states are solved, and asked for here, in its shares."""
        return CellFrame.of(self.model.problem.cell)

    @property
    def strain_spaces(self) -> Sequence[StrainSpace]:
        """The two coarsest ones for states of finite strain, whose branches are followed in the
        first.
        """
        if self.elements is not None:
            return [ElementStrains(space) for space in self.elements.first_spaces]
        return [GridStrains(solver) for solver in self._first_solvers]

    @property
    def _first_solvers(self) -> Sequence[StateSolver]:
        sizes = grid_sizes(self.forms, self.n, self.least, FIRST)[:2]
        return [StateSolver(self.forms, Grid(self.forms.CELL, size)) for size in sizes]

    def solved(self, macro: MacroState) -> SolvedLevel:
        """States that are solved now; warnings and errors as for `flux`."""
        level: SolvedLevel
        start = None
        if self.model.finite_strain:
            start = stable_start(self.strain_spaces[0], macro)
        if self.elements is not None:
            near = None if start is None else (self.elements.first_spaces[0], start)
            level = self.elements(macro, near)
        elif self.inverted is not None:
            level = self.inverted(macro)
        elif self.nets is not None:
            level = self.nets(macro)
        else:
            guess = None if start is None else (start, self._first_solvers[0].grid)
            level = law_at(self.forms, macro, self.tolerance, self.n, self.least, guess)
        check_level(level, self.frame.along_axes(macro), self.tolerance, self.fixed)
        known = float(self.info.get("estimate", 0.0))
        self.info["estimate"] = max(known, float(level.estimate.max()))
        return level

    def _level(self, macro: MacroState) -> Any:
        """The solved states, remembered; ToleranceWarning where they are known less well than
        asked for, SolveError where one is not found.
        """
        arrays = [macro.values, macro.slopes]
        arrays += [np.asarray(v) for _, v in sorted(macro.others.items())]
        key = b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)
        if key in self._levels:
            self._levels.move_to_end(key)
            return self._levels[key]
        level = self.solved(macro)
        self._levels[key] = level
        if len(self._levels) > _KEPT:
            self._levels.popitem(last=False)
        return level

    def _asked(
        self,
        question: Question,
        *,
        needs_grad: bool,
        needs_value: bool | None = None,
        whole: bool = False,
    ) -> Asked:
        """needs_value : None where it is the state problem alone that says so; whole : the load as
        well.
        """
        if needs_value is None:
            needs_value = self.model.state.cell_depends_on_values
        asked = read_states(
            self.model,
            self.parameters,
            self.forms.SLOW,
            question,
            needs_grad=needs_grad,
            needs_value=needs_value,
            needs_places=self.forms.SLOW if whole else tuple(map(str, self.model.state.places)),
        )
        return Asked(self.frame.in_shares(asked.macro), asked.shape)

    def _arranged(self, asked: Asked, name: str) -> Array:
        """An array of the law with the states in front and, for scalars, without the axes of
        equation and unknown.
        """
        array = self.frame.array(name, self._level(asked.macro).values.arrays[name])
        array = np.moveaxis(array, -1, 0)
        m = self.model.components
        d = self.model.problem.scales.dim
        integrand, _, letter = name.partition("_")
        own = LAW_AXES[integrand] + BY.get(letter, "")
        kept = [c for c in own if c == "d" or m > 1]
        shape = [m if c == "m" else d for c in kept]
        return np.asarray(array.reshape((*asked.shape, *shape)))


def check_level(level: SolvedLevel, macro: MacroState, tolerance: float, fixed: bool) -> None:
    """SolveError, SolvabilityError or ToleranceWarning for states that are not what was asked
    for.
    """
    if not np.all(level.states.solved):
        lost = int(np.argmax(level.states.residual))
        raise SolveError(
            f"Newton's method did not find the state, nor by continuation in the gradient:"
            f" relative residual {level.states.residual[lost]:.1e} on {level.sizes[-1]} points or"
            " cells per axis",
            term=f"u = {macro.values[:, lost]}, grad = {macro.slopes[:, :, lost].tolist()}",
            remedy="try a smaller gradient; regularise a law that is degenerate or localizes",
        )
    if level.states.multiplier > _MULTIPLIER:
        raise SolvabilityError(
            f"the source of the state problem has the mean {level.states.multiplier:.1e} relative"
            " to its size, and must have none",
            term=f"u = {macro.values[:, 0]}",
            remedy="subtract the mean of terms of order 1/eps over the cell",
        )
    worst = float(level.estimate.max())
    if not worst <= tolerance and not fixed:
        place = int(np.argmax(level.estimate))
        warn_tolerance(
            f"the law at grad = {macro.slopes[:, :, place].tolist()} has an estimated relative"
            f" error of {worst:.1e} on {level.sizes[-1]} points or cells per axis, asked for was"
            f" {tolerance:.1e}: data jump, the state localizes, or these are too few;"
            " take finite elements where data jump, regularise a law that localizes, or accept a"
            " larger tolerance="
        )
