"""The law of a Hamilton-Jacobi equation without diffusion, in one dimension: by the roots of its
Hamiltonian, see `runtime.inverted_hamiltonian`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...problem.errors import SolveError
from ...runtime.fourier.states import LawValues, MacroState, States
from ...runtime.inverted_hamiltonian import InvertedHamiltonian
from ...runtime.nonlinear_arrays import CORRECTOR, MACRO, SLOPE, VALUE
from ..interpolation import Array

_MARGIN = 0.1
"""Share of the tolerance that a mean over the cell may cost."""
_MIDDLE = 0.37
"""Point of the cell at which storage and load are read, which are constant there."""


@contextmanager
def _coercive(data: Mapping[str, float]) -> Iterator[None]:
    """SolveError in the place of the runtime's."""
    try:
        yield
    except RuntimeError as cause:
        raise SolveError(
            f"law: {cause}",
            term=", ".join(f"{name} = {v:g}" for name, v in data.items()),
            remedy="a Hamiltonian without diffusion must be coercive at every point of the cell",
        ) from cause


@dataclass(frozen=True)
class InvertedLevel:
    """The law at n states, which have no functions; see `LawLevel`."""

    values: LawValues
    states: States
    estimate: Array
    sizes: tuple[int, ...]


@dataclass
class InvertedLaw:
    """The law of an emitted text (`forms`). lines : both ends of the cell and where data jump or
    kink; samples : points per cell that the data need; varied : what of value, place and time the
    Hamiltonian depends on.
    """

    forms: Any
    lines: tuple[float, ...]
    samples: int
    varied: frozenset[str]
    tolerance: float
    _known: dict[bytes, InvertedHamiltonian] = field(default_factory=dict)

    def __call__(self, macro: MacroState) -> InvertedLevel:
        """The law at n states; sizes are quadrature points. SolveError where the Hamiltonian does
        not grow with the slope.
        """
        rows = [np.zeros(macro.count)]
        held = {VALUE: macro.values[0], **macro.others}
        rows += [np.broadcast_to(held[name], macro.count) for name in sorted(self.varied)]
        _, groups = np.unique(np.stack(rows), axis=1, return_inverse=True)
        arrays = self._constants(macro)
        estimate = np.zeros(macro.count)
        nodes = 0
        for group in range(groups.max() + 1):
            own = np.flatnonzero(groups.ravel() == group)
            exact = self.at(macro.part(own[:1]))
            with _coercive({"grad": float(macro.slopes[0, 0, own[0]])}):
                found = exact(macro.slopes[0, 0, own])
            arrays["reaction"][0, own] = found.values
            arrays["reaction_p"][0, 0, 0, own] = found.slopes
            arrays["reaction_u"][0, 0, own] = found.by_value
            size = np.maximum(np.abs(found.values), exact.size)
            relative = found.errors / np.where(size > 0, size, 1)
            estimate[own] = np.maximum(relative, found.slope_errors)
            nodes = max(nodes, exact.nodes)
        states = States(np.zeros(0), np.zeros(macro.count), 0, 0.0)
        return InvertedLevel(LawValues(arrays), states, estimate, (nodes,))

    def at(self, macro: MacroState) -> InvertedHamiltonian:
        """For the value, place and time of one state."""
        data = {name: float(np.ravel(v)[0]) for name, v in macro.others.items()}
        data |= {f"{VALUE}_0": float(macro.values[0, 0]), f"{CORRECTOR}_0": 0.0}
        data[f"{MACRO}_0_0"] = 0.0
        held = {VALUE: macro.values[0, 0], **data}
        key = np.array([held[name] for name in sorted(self.varied)]).tobytes()
        if key not in self._known:
            self._known[key] = self._inverted(data)
        return self._known[key]

    def _inverted(self, data: dict[str, float]) -> InvertedHamiltonian:
        def hamiltonian(y: Array, p: Array) -> tuple[Array, Array, Array]:
            held = {**data, self.forms.COORDINATES[0]: y, f"{SLOPE}_0_0": p}
            slopes = self.forms.slopes(held)
            tables = {**self.forms.values(held), **slopes}
            entries = (("reaction", (0,)), ("reaction_p", (0, 0, 0)), ("reaction_u", (0, 0)))
            value, slope, by_value = (
                np.broadcast_to(np.asarray(tables.get(name, {}).get(index, 0.0), float), p.shape)
                for name, index in entries
            )
            return value, slope, by_value

        tolerance = _MARGIN * self.tolerance
        with _coercive(data):
            return InvertedHamiltonian(hamiltonian, self.lines, self.samples, tolerance)

    def _constants(self, macro: MacroState) -> dict[str, Array]:
        """The arrays of the law, those of the Hamiltonian still zero."""
        n = macro.count
        shapes = {
            "flux": (1, 1, n),
            "flux_p": (1, 1, 1, 1, n),
            "reaction": (1, n),
            "reaction_u": (1, 1, n),
            "reaction_p": (1, 1, 1, n),
            "storage": (1, n),
            "storage_u": (1, 1, n),
            "load": (1, n),
        }
        arrays = {name: np.zeros(shape) for name, shape in shapes.items()}
        data = {self.forms.COORDINATES[0]: np.full(n, _MIDDLE), **macro.others}
        data |= {f"{VALUE}_0": macro.values[0], f"{CORRECTOR}_0": np.zeros(n)}
        data |= {f"{MACRO}_0_0": macro.slopes[0, 0], f"{SLOPE}_0_0": np.ones(n)}
        tables = {**self.forms.values(data), **self.forms.slopes(data)}
        for name in ("storage", "storage_u", "load"):
            for index, value in tables.get(name, {}).items():
                arrays[name][index] = value
        return arrays
