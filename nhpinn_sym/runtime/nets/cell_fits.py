"""Cell problems of an emitted cell_residual.py by least squares of random features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial, reduce
from typing import Any

import numpy as np
import scipy.linalg
import torch

from ..arrays import MultiIndex
from .fits import FormArguments, LastLayerFit, RowsAndTargets, fit_features, trials, uniform_points
from .inputs import Axes
from .jets import Jet
from .networks import Layers, hidden

MEANS = {1: 2048, 2: 96, 3: 24}
"""Points of each axis for means over the cell, by the dimension."""
DENSE = {1: 33, 2: 13, 3: 7}
"""Points of each axis, odd, of the dense eigenvalue problem with which a ground state begins."""
# From a dense eigenvalue with a few digits two or three are enough.
_NEWTON_STEPS = 8
# Relative step of an eigenvalue that is rounding.
_SETTLED = 1e-13
# Part of its largest value by which a ground state of poor accuracy may be negative.
_NEGATIVE = 0.1


class CellFits:
    """The effective coefficients of an emitted cell_residual.py at slow points, by name; the scales
    of the features are those that were best at the first one.

    The relative residual is printed for the first one, and where it is ten times larger. SystemExit
    for some adjoint kernels alone, and where no ground state is found.
    """

    def __init__(self, forms: Any, given: FormArguments, count: int) -> None:
        self.forms = forms
        self.given = dict(given)
        self.count = count
        self.scales: dict[int, float] = {}
        self.residual = -1.0
        for kind, members in forms.STAGES:
            if kind == "adjoint" and len(members) != forms.COMPONENTS:
                raise SystemExit("some adjoints alone: take the target numpy, skfem or dolfinx")

    def __call__(self, slow: Mapping[str, float]) -> dict[Any, float]:
        forms = self.forms
        dim = len(forms.INDICES[0])
        axes = tuple(forms.AXES[:dim])
        cells = _Cells(forms, axes, list(slow.values()), self.given, self.count)
        for number, (kind, members) in enumerate(forms.STAGES):
            if kind == "corrector":
                cells.settle_constants()
            self.scales[number] = cells.solve(number, kind, len(members), self.scales.get(number))
        cells.settle_constants()
        if self.residual < 0 or cells.residual > 10 * self.residual:
            self.residual = cells.residual
            print(f"{self.count} features: relative residual {self.residual:.1e}")
        return {**cells.constants, **cells.means(forms.effective)}


class _Cells:
    """The cell problems at one slow point, stage after stage.

    Beside a ground state all functions have its layer, so that multiples of it can be added to
    them.
    """

    def __init__(
        self, forms: Any, axes: Axes, slow: list[float], given: dict[str, Any], count: int
    ) -> None:
        self.forms = forms
        self.axes = axes
        self.slow = slow
        self.count = count
        self.eigenvalue = getattr(forms, "EIGENVALUE", None)
        unknown = [*forms.CONSTANTS.values()]
        if self.eigenvalue is not None:
            unknown.append(self.eigenvalue)
        self.given = {**given, **dict.fromkeys(unknown, 0.0)}
        self.components = int(forms.COMPONENTS)
        self.zero = (0,) * len(axes)
        self.fits: list[LastLayerFit] = []
        self.constants: dict[Any, float] = {}
        self.settled = not forms.CONSTANTS
        self.residual = 0.0

    def full(self, points: torch.Tensor) -> torch.Tensor:
        """The columns of the slow coordinates behind those of the points."""
        constant = torch.tensor(self.slow, dtype=torch.float64).expand(len(points), -1)
        return torch.cat([points, constant], 1)

    def jet(self, points: torch.Tensor, indices: tuple[MultiIndex, ...]) -> Jet:
        """The jet of all functions that are solved."""
        parts = [fit.jet(points, indices) for fit in self.fits]
        empty = points.new_zeros(len(points), 0)
        return {a: torch.cat([empty, *(part[a] for part in parts)], 1) for a in indices}

    def solve(self, number: int, kind: str, functions: int, scale: float | None) -> float:
        """The functions of one stage, with the conditions on their means. Returns the scale of the
        features.
        """
        if kind == "ground state":
            fit = self._ground_state(scale)
        else:
            if self.eigenvalue is not None:
                scale = self.fits[0].scale
            rows = partial(self._rows, number, kind, functions)
            fit = fit_features(self.count, self.axes, rows, (functions, self.components), scale)
            fit = replace(fit, coefficients=self._unique(fit, kind, functions))
        self.fits.append(fit)
        self.residual = max(self.residual, fit.residual)
        return fit.scale

    def _unique(self, fit: LastLayerFit, kind: str, functions: int) -> torch.Tensor:
        """The coefficients with means 0; of kernels with the unit vectors as means, or of mean 1
        with the ground state.
        """
        coefficients = fit.coefficients.clone()
        unit = torch.eye(functions, self.components, dtype=torch.float64)
        if kind == "adjoint":  # what was fitted is a kernel less the unit vectors
            coefficients[0] += unit
        values = replace(fit, coefficients=coefficients).jet(self._grid, (self.zero,))[self.zero]
        if self.eigenvalue is None:
            means = values.mean(0).reshape(functions, self.components)
            if kind == "adjoint":
                # Combinations of the kernels, such that kernel p has the mean e_p.
                return torch.einsum("pq,fqc->fpc", torch.linalg.inv(means), coefficients)
            coefficients[0] -= means
            return coefficients
        ground = self.fits[0]
        if kind == "adjoint":
            phi = ground.jet(self._grid, (self.zero,))[self.zero]
            return coefficients / (values * phi).mean()
        return coefficients - values.mean(0)[:, None] * ground.coefficients

    @property
    def _grid(self) -> torch.Tensor:
        return uniform_points(MEANS[len(self.axes)], self.axes)

    def settle_constants(self) -> None:
        """The constants in later coefficients, from means with the kernels that are solved."""
        if self.settled:
            return
        self.settled = True
        values = self.means(self.forms.constants)
        self.constants |= values
        self.given |= {self.forms.CONSTANTS[key]: v for key, v in values.items()}

    def means(self, functionals: Callable[..., Mapping[Any, Any]]) -> dict[Any, float]:
        """Emitted functionals of all functions that are solved, on a uniform grid."""
        jet = self.jet(self._grid, self.forms.MEAN_INDICES)
        values = functionals(self.full(self._grid), jet, **self.given)
        return {key: float(value) for key, value in values.items()}

    def _rows(
        self, number: int, kind: str, functions: int, layers: Layers, points: torch.Tensor
    ) -> RowsAndTargets:
        """The equations at points; as many more unknowns as equations are the means of sources, or
        one the part of the ground state.
        """
        m = self.components
        forms = self.forms
        places = self.full(points)
        operator = forms.adjoint_operator if kind == "adjoint" else forms.operator
        # Correctors are known up to constants, which the means decide: their column would be zero.
        jet = trials(hidden(points, layers, forms.INDICES, self.axes), m, vanish=True)
        left = operator(places, jet, **self.given).unflatten(-1, (-1, m))
        if kind == "adjoint":
            right = -operator(places, self._units(functions, len(points)), **self.given)
        else:
            known = self.jet(points, forms.KNOWN_INDICES)
            right = forms.SOURCES[number](places, known, **self.given)
        right = right.unflatten(-1, (functions, m)).transpose(1, 2).flatten(0, 1)
        lost = torch.eye(m, dtype=torch.float64).expand(len(points), m, m).flatten(0, 1)
        if kind == "corrector" and self.eigenvalue is not None:
            lost = self.fits[0].jet(points, (self.zero,))[self.zero]
        return torch.cat([left.transpose(1, 2).flatten(0, 1), lost], 1), right

    def _units(self, functions: int, count: int) -> Jet:
        """The jet of the unit vectors, as functions."""
        unit = torch.eye(self.components, dtype=torch.float64)[:functions].flatten()
        return {a: float(not any(a)) * unit.expand(count, -1) for a in self.forms.INDICES}

    def _ground_state(self, scale: float | None) -> LastLayerFit:
        """Inverse iteration with Newton's shifts: (A - lambda M) phi = change M phi_before, phi = 1
        + net, and the change is added to lambda. phi_before = 1 at first.
        """
        value = self._dense_eigenvalue()
        rows = partial(self._ground_rows, value, None)
        for _ in range(_NEWTON_STEPS):
            net = fit_features(self.count, self.axes, rows, (1, 1), scale)
            # The multiplier of M phi_before is by how much the eigenvalue was wrong.
            change = float(net.multipliers)
            value += change
            coefficients = net.coefficients.clone()
            coefficients[0] += 1.0
            fit = replace(net, coefficients=coefficients)
            if abs(change) <= _SETTLED * abs(value):
                break
            scale = fit.scale
            rows = partial(self._ground_rows, value, fit)
        values = fit.jet(self._grid, (self.zero,))[self.zero]
        mean = values.mean()
        phi = values / mean
        if float(phi.min()) < -_NEGATIVE * float(phi.max()):
            raise SystemExit("the eigenfunction changes its sign: it is not the ground state")
        self.given[self.eigenvalue] = value
        self.constants["lambda0", ()] = value
        return replace(fit, coefficients=fit.coefficients / mean)

    def _ground_rows(
        self, value: float, before: LastLayerFit | None, layers: Layers, points: torch.Tensor
    ) -> RowsAndTargets:
        indices = self.forms.INDICES
        one = self._units(1, len(points))
        operator, mass = self._pencil(self.full(points), value)
        net = trials(hidden(points, layers, indices, self.axes), 1, vanish=True)
        phi = one if before is None else before.jet(points, indices)
        return torch.cat([operator(net), -mass(phi)], 1), -operator(one)

    def _pencil(
        self, points: torch.Tensor, value: float
    ) -> tuple[Callable[[Jet], torch.Tensor], Callable[[Jet], torch.Tensor]]:
        """A - value M, and M: the emitted operator is linear in the eigenvalue."""

        def shifted(number: float, d: Jet) -> torch.Tensor:
            given = {**self.given, self.eigenvalue: number}
            return torch.as_tensor(self.forms.operator(points, d, **given))

        def mass(d: Jet) -> torch.Tensor:
            return shifted(0.0, d) - shifted(1.0, d)

        return partial(shifted, value), mass

    def _dense_eigenvalue(self) -> float:
        """The eigenvalue of least real part of the operator on a coarse grid, by collocation."""
        n = DENSE[len(self.axes)]
        points = uniform_points(n, self.axes)
        lengths = [b - a for _, a, b in self.axes]
        d = {a: torch.as_tensor(_collocation(a, n, lengths)) for a in self.forms.INDICES}
        operator, mass = self._pencil(self.full(points), 0.0)
        # The ground state belongs to the eigenvalue of least real part; nets alone would find any.
        values = scipy.linalg.eigvals(operator(d).numpy(), mass(d).numpy())
        return float(values.real[np.isfinite(values)].min())


def _collocation(index: MultiIndex, n: int, lengths: list[float]) -> np.ndarray:
    """D^index on the values at a uniform grid of n (odd) points per axis, the last axis fastest."""
    blocks = []
    for order, length in zip(index, lengths, strict=True):
        symbol = (2j * np.pi / length * np.fft.fftfreq(n, 1 / n)) ** order
        blocks.append(np.fft.ifft(symbol[:, None] * np.fft.fft(np.eye(n), axis=0), axis=0).real)
    return reduce(np.kron, blocks)
