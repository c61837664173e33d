"""The law of a nonlinear cell by finite elements: meshes are refined until it stays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...problem.errors import SolveError
from ...runtime.element_states import ElementStates
from ...runtime.fourier.law_levels import law_entries
from ...runtime.fourier.states import LawValues, MacroState, States
from ...runtime.lattice import Lattice
from ...runtime.levels import by_name, estimate_entries, relative_estimate
from ..fem.layout import Layout
from ..fem.nonlinear import Elements
from ..interpolation import Array

DEGREE = 2
_MOST_NODES = {1: 20_000, 2: 20_000, 3: 6_000}
"""Nodes of the finest mesh, by the dimension of the cell: every state is solved on each."""
_FEWEST = 3


@dataclass(frozen=True)
class ElementLevel:
    """The law at n states on the last of the meshes; see `LawLevel`."""

    values: LawValues
    states: States
    estimate: Array
    sizes: tuple[int, ...]


@dataclass
class ElementLaw:
    """The law of an emitted text (`forms`) on the meshes that its data ask for."""

    forms: Any
    layout: Layout
    tolerance: float
    elements: Elements
    _spaces: dict[Lattice, ElementStates] = field(default_factory=dict)

    def __call__(self, macro: MacroState) -> ElementLevel:
        """SolveError where a linear system of Newton's method is not solved."""
        self.elements.agree(macro.values.tolist(), macro.slopes.tolist(), str(macro.others))
        rate = 2.0 if self.layout.erratic else 2.0 ** (2 * DEGREE)
        history: list[list[dict[Any, Array]]] = [[] for _ in range(macro.count)]
        sizes: list[int] = []
        most = _MOST_NODES[int(self.forms.DIM)] // int(self.forms.COMPONENTS)
        for lattice in self.layout.levels(DEGREE, most):
            values, states = self._solved(lattice, macro)
            sizes.append(max(lattice.cells))
            estimates = []
            for k, levels in enumerate(history):
                levels.append(law_entries(values, k))
                errors = estimate_entries(levels, rate)
                estimates.append(relative_estimate(errors, levels[-1], by_name(errors)))
            level = ElementLevel(values, states, np.array(estimates), tuple(sizes))
            settled = len(sizes) >= _FEWEST and level.estimate.max() <= self.tolerance
            if not np.all(states.solved) or settled:
                break
        return level

    def _solved(self, lattice: Lattice, macro: MacroState) -> tuple[LawValues, States]:
        if lattice not in self._spaces:
            assembly = self.elements.cells(lattice, DEGREE, int(self.forms.COMPONENTS))
            self._spaces[lattice] = ElementStates(self.forms, assembly)
        try:
            with self.elements.errors():
                values, residual, steps = self._spaces[lattice].law(macro)
        except RuntimeError as cause:
            raise SolveError(
                f"a state problem on {lattice} cells: {cause}",
                term=f"grad = {macro.slopes[..., 0].tolist()}",
                remedy="regularise a law that is degenerate",
            ) from cause
        return values, States(np.zeros(0), residual, steps, 0.0)
