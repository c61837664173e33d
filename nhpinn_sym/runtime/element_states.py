"""State problems of nonlinear cells in finite element functions of any backend, and the law that
they give with its derivatives: for data that jump where elements meet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from .arrays import Array, MultiIndex
from .assembly import MeshAssembly
from .fourier.energies import energy_density, total_slopes
from .fourier.states import LawValues, MacroState, States
from .newton import Linearized, newton
from .nonlinear_arrays import (
    CONTINUATION,
    CORRECTOR,
    LAW_AXES,
    MACRO,
    SLOPE,
    VALUE,
    by_values_and_slopes,
    dense,
    law_arrays,
    named,
    off_zero,
)
from .reduced_basis import ReducedBasis, principal, snapshots_of

# Of steps in the slopes by which a state is approached, relative to these.
_SHORTEST = 0.02


class ElementStates:
    """The state problem of an emitted text (`forms`) in the functions of an assembly, periodic and
    with zero mean.
    """

    def __init__(self, forms: Any, assembly: MeshAssembly) -> None:
        self.forms = forms
        self.assembly = assembly
        self.m = assembly.m
        self.d = assembly.d

    def law(self, macro: MacroState, start: Array | None = None) -> tuple[LawValues, States]:
        """The law at n states, and these with their columns: modes (n, m, nodes) are the values at
        the nodes of this process, residuals of states that are not found infinite; start: modes
        near them.
        """
        parts = []
        modes = []
        columns = []
        residuals = []
        steps = 0
        for k in range(macro.count):
            own = macro.part(slice(k, k + 1))
            first = np.zeros(self.assembly.size) if start is None else start[k].T.ravel()
            u, residual, used = self._approached(own, first)
            u = self.assembly.centred(u)
            values, by_state = self._values(own, u)
            parts.append(values)
            modes.append(self._by_component(u))
            columns.append([self._by_component(column) for column in by_state])
            residuals.append(residual)
            steps = max(steps, used)
        names = parts[0]
        values = {name: np.stack([part[name] for part in parts], axis=-1) for name in names}
        moved = np.moveaxis(np.array(columns), 1, 0)
        return LawValues(values), States(np.array(modes), np.array(residuals), steps, 0.0, moved)

    def _by_component(self, u: Array) -> Array:
        return u.reshape(-1, self.m).T

    def energy(self, macro: MacroState, states: States) -> Array:
        """f* at n states, see `fourier.energies`: (n,)."""
        found = []
        for k in range(macro.count):
            u = states.modes[k].T.ravel()
            data = self.data(macro.part(slice(k, k + 1)), u)
            density = energy_density(self.forms, data, total_slopes(self.forms, data))
            source = self.array(self.forms.values(data), "source", "m")
            driven = np.sum(source * self.assembly.fields(u)[0], axis=0)
            found.append(float(self.assembly.mean(density + driven)))
        return np.array(found)

    def basis(self, states: States, spread: Array) -> ReducedBasis:
        """The principal modes of correctors and their derivatives, see `snapshots_of`, at the
        quadrature points of all processes.
        """
        assembly = self.assembly
        modes = snapshots_of(states, spread)
        fields = [assembly.fields(mode.T.ravel()) for mode in modes]
        points, middles, weights, values, slopes = (
            assembly.gathered(array)
            for array in (
                assembly.points,
                assembly.middles,
                assembly.weights,
                np.array([v for v, _ in fields]),
                np.array([s for _, s in fields]),
            )
        )
        held = ReducedBasis(values, slopes, points, weights / weights.sum(), middles, modes)
        return principal(held, mixed=self.m > 1 and not self.forms.SYMMETRIC)

    def evaluate(self, modes: Array, points: Array, index: MultiIndex) -> Array:
        """D^index of functions (k, m, nodes) at points (n, d), periodically: (k, m, n)."""
        low, high = np.transpose(self.forms.CELL)
        inside = low + np.mod(points - low, high - low)
        return self.assembly.function(modes).evaluate(inside, index)

    def sampled(self, coarser: ElementStates, modes: Array) -> Array:
        """The modes (n, m, nodes) of other functions, at the nodes of these."""
        nodes = self.assembly.nodes
        return coarser.evaluate(modes, nodes, (0,) * self.d)

    def _approached(self, macro: MacroState, start: Array) -> tuple[Array, float, int]:
        """The corrector, its residual relative to its parts, and the number of Newton steps; by
        continuation in the slopes where it is not found at once.
        """
        try:
            return self._solve(macro, start)
        except RuntimeError:  # a matrix on the way may be as good as singular, too
            pass
        u = np.zeros(self.assembly.size)
        found = 0.0
        waiting = list(CONTINUATION[::-1])
        while waiting:
            share = waiting[-1]
            try:
                nearer, rest, steps = self._solve(macro.with_slopes(share * macro.slopes), u)
            except RuntimeError:
                if share - found < _SHORTEST:
                    return u, np.inf, 0
                waiting.append((found + share) / 2)
                continue
            u = nearer
            found = waiting.pop()
        return u, rest, steps

    def _solve(self, macro: MacroState, u: Array) -> tuple[Array, float, int]:
        assembly = self.assembly

        def linearized(u: Array) -> Linearized:
            data = self.data(macro, u)
            tables = self.forms.values(data)
            flux = self.array(tables, "flux", "md")
            vector, size = assembly.load(flux, self.array(tables, "source", "m"))

            def derivative() -> Any:
                return self._matrix(self.forms.slopes(data))

            return Linearized(assembly.restricted(vector), size, derivative)

        found = newton(assembly, linearized, u, symmetric=bool(self.forms.SYMMETRIC))
        return found.u, found.rest, found.steps

    def data(self, macro: MacroState, u: Array) -> dict[str, Any]:
        """What the text is called with, at the quadrature points and one state."""
        values, slopes = self.assembly.fields(u)
        total = macro.slopes[:, :, :1] + slopes
        others = {k: np.ravel(v)[0] if np.ndim(v) else v for k, v in macro.others.items()}
        return {
            **dict(zip(self.forms.COORDINATES, self.assembly.points)),
            **dict(zip(getattr(self.forms, "MIDDLES", ()), self.assembly.middles)),
            **others,
            **named(VALUE, macro.values[:, 0], 1),
            **named(MACRO, macro.slopes[:, :, 0], 2),
            **named(CORRECTOR, values, 1),
            **named(SLOPE, off_zero(total), 2),
        }

    def array(self, tables: Any, name: str, axes: str) -> Array:
        """One array (*axes, points); axes of m and d."""
        shape = [self.m if axis == "m" else self.d for axis in axes]
        return dense(tables, name, shape, self.assembly.weights.shape)

    def _matrix(self, slopes: Any) -> Any:
        count = self.assembly.weights.size
        arrays = {
            "flux_p": self.array(slopes, "flux_p", "mdmd"),
            "flux_u": self.array(slopes, "flux_N", "mdm"),
            "source_p": np.zeros((self.m, self.m, self.d, count)),
            "source_u": np.zeros((self.m, self.m, count)),
        }
        return self.assembly.matrix(arrays, "flux", "source")

    def _values(self, macro: MacroState, u: Array) -> tuple[dict[str, Array], list[Array]]:
        """The arrays of the law at one state, and the derivatives of the corrector."""
        mean = self.assembly.mean
        data = self.data(macro, u)
        values = self.forms.values(data)
        slopes = self.forms.slopes(data)
        columns = self._columns(slopes)
        fields = [self.assembly.fields(column) for column in columns]
        arrays: dict[str, Array] = {}
        for name, axes in LAW_AXES.items():
            total = mean(self._explicit(slopes, name))
            by_slopes = self.array(slopes, f"{name}_p", f"{axes}md")
            by_values = self.array(slopes, f"{name}_N", f"{axes}m")
            for c, (n, grad) in enumerate(fields):
                implied = np.einsum("...jkq,jkq->...q", by_slopes, grad)
                implied = implied + np.einsum("...jq,jq->...q", by_values, n)
                total[..., c] += mean(implied)
            arrays |= law_arrays(name, mean(self.array(values, name, axes)), total, self.m)
        return arrays, columns

    def _explicit(self, slopes: Any, name: str) -> Array:
        return by_values_and_slopes(partial(self.array, slopes), name)

    def _columns(self, slopes: Mapping[str, Any]) -> list[Array]:
        """The derivatives of the corrector by the values and slopes of u0."""
        flux = self._explicit(slopes, "flux")
        source = self._explicit(slopes, "source")
        inverse = self.inverse(slopes)
        count = self.m + self.m * self.d
        return [inverse(flux[:, :, c], source[:, c]) for c in range(count)]

    def inverse(self, slopes: Mapping[str, Any]) -> Callable[[Array, Array], Array]:
        """w, L w = div flux - source, of flux (m, d, q) and source (m, q), for the derivative L of
        the problem at the state of these tables.
        """
        assembly = self.assembly
        solve, _ = assembly.solver(self._matrix(slopes), bool(self.forms.SYMMETRIC), many=True)

        def response(flux: Array, source: Array) -> Array:
            right = assembly.restricted(assembly.load(flux, source)[0])
            if not assembly.total(np.abs(right)):
                return np.zeros(assembly.size)
            return assembly.centred(assembly.extended(-solve(right)))

        return response
