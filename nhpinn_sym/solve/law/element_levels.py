"""The law of a nonlinear cell by finite elements: meshes are refined until it stays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...problem.errors import SolveError
from ...runtime.arrays import MultiIndex
from ...runtime.element_states import ElementStates
from ...runtime.fourier.law_levels import law_entries
from ...runtime.fourier.states import LawValues, MacroState, States
from ...runtime.levels import by_name, estimate_entries, relative_estimate
from ...runtime.mesh import Mesh
from ..fem.fitted_layout import CellLayout
from ..fem.layout import Layout
from ..fem.nonlinear import Elements
from ..interpolation import Array

DEGREE = 2
FITTED = 3
"""Degree of elements on triangles that fit interfaces."""
_MOST_NODES = {1: 20_000, 2: 20_000, 3: 6_000}
"""Nodes of the finest mesh, by the dimension of the cell: every state is solved on each."""
_FEWEST = 3


@dataclass(frozen=True)
class ElementLevel:
    """The law at n states on the last of the `meshes`, and on each of them; see `LawLevel`."""

    values: LawValues
    states: States
    estimate: Array
    sizes: tuple[int, ...]
    meshes: tuple[tuple[Mesh, LawValues, States], ...]
    space: ElementStates

    def corrector(self, k: int, points: Array, index: MultiIndex) -> Array:
        """D^index of the corrector of state k at points (q, d): (m, q)."""
        return self.space.evaluate(self.states.modes[k], points, index)

    def energy(self, macro: MacroState) -> Array:
        """f* at the states: (n,)."""
        return self.space.energy(macro, self.states)


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
        """Whether the meshes are triangles that fit interfaces."""
        return not isinstance(self.layout, Layout)

    @property
    def degree(self) -> int:
        return FITTED if self.fitted else DEGREE

    def __call__(self, macro: MacroState) -> ElementLevel:
        """SolveError where a linear system of Newton's method is not solved."""
        self.elements.agree(macro.values.tolist(), macro.slopes.tolist(), str(macro.others))
        rate = 2.0 if self.layout.erratic else 2.0 ** (2 * self.degree)
        history: list[list[dict[Any, Array]]] = [[] for _ in range(macro.count)]
        meshes: list[tuple[Mesh, LawValues, States]] = []
        most = _MOST_NODES[int(self.forms.DIM)] // int(self.forms.COMPONENTS)
        for mesh in self.layout.levels(self.degree, most):
            values, states = self.on_mesh(mesh, macro)
            meshes.append((mesh, values, states))
            estimates = []
            for k, levels in enumerate(history):
                levels.append(law_entries(values, k))
                errors = estimate_entries(self._resolved(levels), rate)
                estimates.append(relative_estimate(errors, levels[-1], by_name(errors)))
            sizes = tuple(max(mesh.cells) for mesh, _, _ in meshes)
            found = values, states, np.array(estimates), sizes, tuple(meshes), self.space(mesh)
            level = ElementLevel(*found)
            settled = len(meshes) >= _FEWEST and level.estimate.max() <= self.tolerance
            if not np.all(states.solved) or settled:
                break
        return level

    def _resolved(self, levels: list[dict[Any, Array]]) -> list[dict[Any, Array]]:
        """Without the first mesh of triangles where there are enough others, as for linear
        cells."""
        return levels[1:] if self.fitted and len(levels) > _FEWEST else levels

    def space(self, mesh: Mesh) -> ElementStates:
        """The states on a mesh."""
        if mesh not in self._spaces:
            assembly = self.elements.cells(mesh, self.degree, int(self.forms.COMPONENTS))
            self._spaces[mesh] = ElementStates(self.forms, assembly)
        return self._spaces[mesh]

    def on_mesh(self, mesh: Mesh, macro: MacroState) -> tuple[LawValues, States]:
        """The law at n states on one mesh."""
        try:
            with self.elements.errors():
                return self.space(mesh).law(macro)
        except RuntimeError as cause:
            raise SolveError(
                f"a state problem on {mesh} cells: {cause}",
                term=f"grad = {macro.slopes[..., 0].tolist()}",
                remedy="regularise a law that is degenerate",
            ) from cause
