"""The law of a nonlinear cell by finite elements: meshes are refined until it stays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...problem.errors import SolveError
from ...runtime.arrays import MultiIndex
from ...runtime.element_bloch import ElementStrains
from ...runtime.element_bounds import element_bounds
from ...runtime.element_states import ElementStates
from ...runtime.fourier.law_levels import law_entries
from ...runtime.fourier.states import LawValues, MacroState, States
from ...runtime.levels import FEWEST, by_name, extrapolated, relative_estimate
from ...runtime.mesh import Mesh
from ..fem.fitted_layout import CellLayout
from ..fem.layout import Layout
from ..fem.nonlinear import Elements
from ..fem.refine import entry_errors
from ..interpolation import Array

DEGREE = 2
_FITTED = {2: 3, 3: 2}
"""Degree of elements that fit interfaces, by the dimension of the cell."""
_MOST_NODES = {1: 20_000, 2: 20_000, 3: 6_000}
"""Nodes of the finest lattice, by the dimension of the cell: every state is solved on each. Of what
is not extrapolated a system has fewer, by the number of its unknowns.
"""
_MOST_FITTED = {2: 26_000, 3: 40_000}
"""Nodes of the finest mesh that fits interfaces: in the plane four of one disk, the first of which
only serves the others; in space two.
"""
FIRST_FITTED = {2: None, 3: _MOST_FITTED[3] // 2**3}
"""Nodes of the first of them beyond which a lattice is taken: in space two are needed."""


Near = tuple[ElementStates, Array]
"""Functions on a mesh, and the modes of n states there."""


@dataclass(frozen=True)
class MeshLaw:
    """The law at n states on one mesh, before any extrapolation."""

    mesh: Mesh
    space: ElementStates
    values: LawValues
    states: States


@dataclass(frozen=True)
class ElementLevel:
    """The law at n states, from all of the `meshes`; see `LawLevel`. order: of the errors on them
    where it is known which powers they are of, see `extrapolated`.
    """

    values: LawValues
    estimate: Array
    meshes: tuple[MeshLaw, ...]
    order: int | None

    @property
    def states(self) -> States:
        """Those on the last mesh."""
        return self.meshes[-1].states

    @property
    def space(self) -> ElementStates:
        """Of these."""
        return self.meshes[-1].space

    @property
    def strains(self) -> ElementStrains:
        """What states of finite strain are solved in."""
        return ElementStrains(self.space)

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(max(tried.mesh.cells) for tried in self.meshes)

    def corrector(self, k: int, points: Array, index: MultiIndex) -> Array:
        """D^index of the corrector of state k at points (q, d): (m, q)."""
        return self.space.evaluate(self.states.modes[k], points, index)

    def energy(self, macro: MacroState) -> Array:
        """f* at the states: (n,)."""
        chosen = self.meshes if self.order is not None else self.meshes[-1:]
        found: list[Mapping[str, Array]] = [
            {"energy": tried.space.energy(macro, tried.states)} for tried in chosen
        ]
        if self.order is not None:
            found, _ = extrapolated(found, self.order)
        return found[-1]["energy"]

    def bounds(self, macro: MacroState) -> tuple[Array, Array]:
        """Lower and upper ones of it on the last mesh, (n,) each."""
        return element_bounds(self.space, macro, self.states)


@dataclass
class ElementLaw:
    """The law of an emitted text (`forms`) on the meshes that its data ask for."""

    forms: Any
    layout: CellLayout
    tolerance: float
    elements: Elements
    _spaces: dict[Mesh, ElementStates] = field(default_factory=dict)

    @property
    def fitted(self) -> bool:
        """Whether the meshes fit interfaces."""
        return not isinstance(self.layout, Layout)

    @property
    def degree(self) -> int:
        return _FITTED[int(self.forms.DIM)] if self.fitted else DEGREE

    @property
    def order(self) -> int | None:
        """Of the errors on halved lattices that hold all lines of the data; None on others."""
        return None if self.fitted or self.layout.erratic else 2 * self.degree

    def __call__(self, macro: MacroState, near: Near | None = None) -> ElementLevel:
        """SolveError where a linear system of Newton's method is not solved; near: states close to
        those that are sought.
        """
        self.elements.agree(macro.values.tolist(), macro.slopes.tolist(), str(macro.others))
        tried: list[MeshLaw] = []
        meshes, fewest = self._meshes()
        for mesh in meshes:
            tried.append(self.on_mesh(mesh, macro, near))
            near = tried[-1].space, tried[-1].states.modes
            level = self._level(tried, macro.count)
            settled = len(tried) >= fewest and level.estimate.max() <= self.tolerance
            if not np.all(level.states.solved) or settled:
                break
        return level

    def finer(self, level: ElementLevel, macro: MacroState) -> Iterator[MeshLaw]:
        """The same states on the meshes of a level, and on finer ones than those."""
        yield from level.meshes
        last = level.meshes[-1]
        for mesh in self._meshes()[0][len(level.meshes) :]:
            last = self.on_mesh(mesh, macro, (last.space, last.states.modes))
            yield last

    def beside(self, mesh: Mesh) -> Mesh:
        """The next finer one of a mesh, of the finest one the one before."""
        meshes, _ = self._meshes()
        k = list(meshes).index(mesh)
        return meshes[k + 1] if k + 1 < len(meshes) else meshes[k - 1]

    def _meshes(self) -> tuple[Sequence[Mesh], int]:
        """Coarse to fine, and how many are solved on at least; the first of those that are
        extrapolated only serves the others.
        """
        most = _MOST_NODES[int(self.forms.DIM)]
        if self.fitted:
            return self.layout.levels(self.degree, _MOST_FITTED[int(self.forms.DIM)]), FEWEST
        if self.order is None:
            return self.layout.levels(self.degree, most // int(self.forms.COMPONENTS)), FEWEST
        assert isinstance(self.layout, Layout)
        lattices = self.layout.levels(self.degree, most)
        coarser = self.layout.merged(lattices[0])
        if coarser.halved() != lattices[0]:
            return lattices, FEWEST
        return [coarser, *lattices], FEWEST + 1

    @property
    def first_spaces(self) -> list[ElementStates]:
        """Those of the two coarsest meshes that a law is judged by."""
        meshes, fewest = self._meshes()
        first = fewest - FEWEST
        return [self.space(mesh) for mesh in meshes[first : first + 2]]

    def _level(self, tried: list[MeshLaw], count: int) -> ElementLevel:
        history: list[Mapping[str, Array]] = [mesh.values.arrays for mesh in tried]
        order = 2 * self.degree
        if self.order is not None:
            history, order = extrapolated(history, self.order)
        laws = [LawValues(dict(arrays)) for arrays in history]
        estimates = []
        for k in range(count):
            levels = self._resolved([law_entries(law, k) for law in laws])
            errors = entry_errors(levels, order / 2, self.layout.erratic)
            estimates.append(relative_estimate(errors, levels[-1], by_name(errors)))
        return ElementLevel(laws[-1], np.array(estimates), tuple(tried), self.order)

    def _resolved(self, levels: list[dict[Any, Array]]) -> list[dict[Any, Array]]:
        """Without the first mesh of triangles where there are enough others, as for linear
        cells."""
        return levels[1:] if self.fitted and len(levels) > FEWEST else levels

    def space(self, mesh: Mesh) -> ElementStates:
        """The states on a mesh."""
        if mesh not in self._spaces:
            assembly = self.elements.cells(mesh, self.degree, int(self.forms.COMPONENTS))
            self._spaces[mesh] = ElementStates(self.forms, assembly)
        return self._spaces[mesh]

    def on_mesh(
        self,
        mesh: Mesh,
        macro: MacroState,
        near: Near | None = None,
        start: Array | None = None,
    ) -> MeshLaw:
        """The law at n states on one mesh, from where another one has them, or from modes."""
        space = self.space(mesh)
        if near is not None:
            start = space.sampled(*near)
        try:
            with self.elements.errors():
                return MeshLaw(mesh, space, *space.law(macro, start))
        except RuntimeError as cause:
            raise SolveError(
                f"a state problem on {mesh} cells: {cause}",
                term=f"grad = {macro.slopes[..., 0].tolist()}",
                remedy="regularise a law that is degenerate",
            ) from cause
