"""Nets whose hidden layer is random and whose last layer is fitted: the linear problems of emitted
files as least squares, or as a minimum of their energy.

A problem is given as the emitted module. Everything is in double precision, on the processor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from .inputs import Axes
from .jets import Jet, MultiIndex, column, combine, product, system, total
from .least_squares import RIDGE, least_squares
from .networks import Layers, features, hidden

Given = Mapping[str, Any]
Matrix = tuple[torch.Tensor, torch.Tensor]
"""(rows, unknowns) and (rows, right-hand sides)."""

SCALES = (0.5, 0.7, 1.4, 2.8, 5.6, 11.0, 22.0)
"""Standard deviations of the weights that are tried, the best residual being taken."""
TRIED = 2
"""The scale is sought with that part of the features."""
ROWS = 4
"""Points for each feature."""
MIDPOINTS = {1: 8192, 2: 192, 3: 32}
"""Of each axis in the quadrature of an energy, by the dimension."""
MEANS = {1: 2048, 2: 96, 3: 24}
"""Points of each axis for means over the cell, by the dimension."""
GRID = {1: 257, 2: 65, 3: 17}
"""Points of each axis on which a solution is written, by the number of columns."""
BLOCK = 4096
"""Points that are taken at once there."""


@dataclass(frozen=True)
class Fit:
    """The coefficients (features, functions, components) of a last layer behind `layers`.

    residual: relative, at points that were not used.
    """

    layers: Layers
    axes: Axes
    coefficients: torch.Tensor
    residual: float
    scale: float

    def jet(self, points: torch.Tensor, indices: tuple[MultiIndex, ...]) -> Jet:
        """The jet of the functions, (n, functions * components)."""
        columns = self.coefficients.flatten(1)
        values = hidden(points, self.layers, indices, self.axes)
        return {a: _with_constant(value, a) @ columns for a, value in values.items()}


def box_points(count: int, axes: Axes, seed: int = 0) -> torch.Tensor:
    """Sobol points (count, d) of the box of the axes."""
    engine = torch.quasirandom.SobolEngine(len(axes), scramble=True, seed=seed)
    low, high = torch.tensor([(a, b) for _, a, b in axes], dtype=torch.float64).T
    return low + (high - low) * engine.draw(count, dtype=torch.float64)


def uniform_points(count: int, axes: Axes) -> torch.Tensor:
    """A uniform grid (count^d, d) for means over periodic axes."""
    lines = [a + (b - a) * torch.arange(count, dtype=torch.float64) / count for _, a, b in axes]
    return torch.stack(torch.meshgrid(*lines, indexing="ij"), -1).flatten(0, -2)


def fitted(
    count: int,
    axes: Axes,
    assemble: Callable[[Layers, torch.Tensor], Matrix],
    shape: tuple[int, int],
    scale: float | None = None,
) -> Fit:
    """The least-squares fit with `count` features of the best scale, if none is given; `assemble`
    makes the rows of a layer at points, for the constant and the features of every component.
    """
    few = max(20, count // TRIED)
    if scale is None:
        scale = min(SCALES, key=lambda s: _fit(few, axes, s, assemble, shape).residual)
    return _fit(count, axes, scale, assemble, shape)


def _fit(
    count: int,
    axes: Axes,
    scale: float,
    assemble: Callable[[Layers, torch.Tensor], Matrix],
    shape: tuple[int, int],
) -> Fit:
    layers = features(count, axes, scale)
    functions, components = shape
    x = least_squares(*assemble(layers, box_points(ROWS * count, axes)))
    a, b = assemble(layers, box_points(2 * count, axes, seed=1))
    residual = float((a @ x - b).norm() / b.norm().clamp(min=torch.finfo(b.dtype).tiny))
    kept = x[: (count + 1) * components].reshape(count + 1, components, functions)
    return Fit(layers, axes, kept.permute(0, 2, 1).contiguous(), residual, scale)


def trials(jet: Jet, components: int, vanish: bool = False) -> Jet:
    """The jets of all trial functions, a constant or a feature in one component: (n, trials *
    components), by feature, then by component.

    vanish: the constant has no part in a cell problem.
    """
    unit = torch.eye(components, dtype=torch.float64)
    found = {}
    for a, value in jet.items():
        every = _with_constant(value, a)
        if vanish:
            every = torch.cat([0 * every[:, :1], every[:, 1:]], 1)
        found[a] = (every[:, :, None, None] * unit).flatten(1)
    return found


def _with_constant(value: torch.Tensor, index: MultiIndex) -> torch.Tensor:
    """A first feature that is 1."""
    one = torch.full_like(value[:, :1], float(not any(index)))
    return torch.cat([one, value], 1)


class CellFits:
    """The effective coefficients of an emitted cell_residual.py at slow points, by name; the scales
    of the features are those that were best at the first one.

    The relative residual is printed for the first one, and where it is ten times larger. SystemExit
    for ground states.
    """

    def __init__(self, forms: Any, given: Given, count: int) -> None:
        self.forms = forms
        self.given = dict(given)
        self.count = count
        self.scales: dict[int, float] = {}
        self.residual = -1.0
        for kind, members in forms.STAGES:
            if kind == "ground state":
                raise SystemExit("a ground state: take the target numpy, skfem or dolfinx")
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
        grid = uniform_points(MEANS[dim], axes)
        jet = cells.jet(grid, forms.MEAN_INDICES)
        values = forms.effective(cells.full(grid), jet, **cells.given)
        if self.residual < 0 or cells.residual > 10 * self.residual:
            self.residual = cells.residual
            print(f"{self.count} features: relative residual {self.residual:.1e}")
        return {**cells.constants, **{key: float(value) for key, value in values.items()}}


class _Cells:
    """The cell problems at one slow point, stage after stage."""

    def __init__(
        self, forms: Any, axes: Axes, slow: list[float], given: dict[str, Any], count: int
    ) -> None:
        self.forms = forms
        self.axes = axes
        self.slow = slow
        self.count = count
        self.given = {**given, **dict.fromkeys(forms.CONSTANTS.values(), 0.0)}
        self.components = int(forms.COMPONENTS)
        self.fits: list[Fit] = []
        self.constants: dict[Any, float] = {}
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
        """The functions of one stage; the mean of each is removed, or normalized. Returns the scale
        of the features.
        """
        m = self.components
        fit = fitted(
            self.count,
            self.axes,
            lambda layers, points: self._rows(number, kind, functions, layers, points),
            (functions, m),
            scale,
        )
        grid = uniform_points(MEANS[len(self.axes)], self.axes)
        zero = (0,) * len(self.axes)
        means = fit.jet(grid, (zero,))[zero].mean(0).reshape(functions, m)
        coefficients = fit.coefficients.clone()
        if kind == "adjoint":
            coefficients[0] += torch.eye(functions, m, dtype=torch.float64)
            whole = means + torch.eye(functions, m, dtype=torch.float64)
            coefficients = torch.einsum("pq,fqc->fpc", torch.linalg.inv(whole), coefficients)
        else:
            coefficients[0] -= means
        self.fits.append(replace(fit, coefficients=coefficients))
        self.residual = max(self.residual, fit.residual)
        return fit.scale

    def settle_constants(self) -> None:
        """The constants in later coefficients, from means with the kernels that are solved."""
        if self.constants or not self.forms.CONSTANTS:
            return
        grid = uniform_points(MEANS[len(self.axes)], self.axes)
        jet = self.jet(grid, self.forms.MEAN_INDICES)
        values = self.forms.constants(self.full(grid), jet, **self.given)
        self.constants = {key: float(value) for key, value in values.items()}
        self.given |= {self.forms.CONSTANTS[key]: v for key, v in self.constants.items()}

    def _rows(
        self, number: int, kind: str, functions: int, layers: Layers, points: torch.Tensor
    ) -> Matrix:
        """The equations at points; as many more unknowns as equations are the means of sources."""
        m = self.components
        places = self.full(points)
        forms = self.forms
        operator = forms.adjoint_operator if kind == "adjoint" else forms.operator
        jet = trials(hidden(points, layers, forms.INDICES, self.axes), m, vanish=True)
        left = operator(places, jet, **self.given).unflatten(-1, (-1, m))
        if kind == "adjoint":
            right = -operator(places, self._constants(len(points), functions), **self.given)
        else:
            known = self.jet(points, forms.KNOWN_INDICES)
            right = forms.SOURCES[number](places, known, **self.given)
        right = right.unflatten(-1, (functions, m)).transpose(1, 2).flatten(0, 1)
        mean = torch.eye(m, dtype=torch.float64).expand(len(points), m, m).flatten(0, 1)
        matrix = torch.cat([left.transpose(1, 2).flatten(0, 1), mean], 1)
        return matrix, right

    def _constants(self, count: int, functions: int) -> Jet:
        """The jets of functions that are 1 in one component each, (count, functions *
        components).
        """
        unit = torch.eye(self.components, dtype=torch.float64)[:functions].flatten()
        return {a: float(not any(a)) * unit.expand(count, -1) for a in self.forms.INDICES}


def fit_equation(
    forms: Any, data: Any, given: Callable[[torch.Tensor], Given], count: int
) -> tuple[Callable[[torch.Tensor], torch.Tensor], float]:
    """The solution of an emitted {name}_residual.py, points (n, columns) -> (n, components), and
    its relative residual; `data` is the emitted {name}_coefficients.py.

    given: the keyword arguments at points.
    """
    problem = _Equation(forms, data, given)
    fit = fitted(count, data.AXES, problem.rows, (1, problem.components))
    zero = (0,) * len(forms.INDICES[0])

    def solution(points: torch.Tensor) -> torch.Tensor:
        values = fit.jet(points, (zero,))[zero]
        numbers = given(points)
        shape = (len(points), problem.components)
        lift = data.lift(points, **numbers)[zero].reshape(shape)
        return lift + data.factor(points, **numbers)[zero].reshape(shape) * values

    return solution, fit.residual


def write_fit(
    name: str,
    forms: Any,
    data: Any,
    given: Given,
    externals: Mapping[str, Any],
    field: Callable[[Any, Any], Any],
) -> None:
    """Print the range of the solution of {name}_residual.py with given["n"] features, with its
    change from half of them, and write its values on a grid (at the final time) to {name}.npz.

    externals: the keys of effective coefficients by argument, which `field` gives at points.
    """

    def arguments(points: torch.Tensor) -> Given:
        values = {s: torch.tensor(field(key, points.numpy())) for s, key in externals.items()}
        return {argument: values.get(argument, given.get(argument)) for argument in data.GIVEN}

    count = int(given["n"])
    lines = _grid_lines(data.AXES)
    grid = torch.stack(torch.meshgrid(*lines, indexing="ij"), -1)
    points = grid.flatten(0, -2)
    solution, residual = fit_equation(forms, data, arguments, count)
    coarse, _ = fit_equation(forms, data, arguments, max(1, count // 2))
    values = solution(points)
    change = float((values - coarse(points)).norm() / values.norm())
    print(f"{count} features: relative residual {residual:.1e}, change from half {change:.1e}")
    print(f"{values.min():.9g} <= u <= {values.max():.9g}")
    table = {f"lines_{axis}": line.numpy() for axis, line in enumerate(lines)}
    shape = (*grid.shape[:-1], values.shape[1])
    np.savez(f"{name}.npz", values=values.reshape(shape).numpy(), **table)


def _grid_lines(axes: Axes) -> list[torch.Tensor]:
    """The points of every axis of a grid; of the time, the last one alone."""
    lines = []
    for kind, a, b in axes:
        count = 1 if kind == "graded" else GRID[len(axes)]
        lines.append(torch.linspace(b if count == 1 else a, b, count, dtype=torch.float64))
    return lines


class _Equation:
    """A boundary value problem as rows: the equation inside, and what the ansatz leaves open."""

    def __init__(self, forms: Any, data: Any, given: Callable[[torch.Tensor], Given]) -> None:
        self.forms = forms
        self.data = data
        self.given = given
        self.components = int(getattr(forms, "COMPONENTS", 1))

    def rows(self, layers: Layers, points: torch.Tensor) -> Matrix:
        """All rows, those of each face and of the inside with the same weight in the mean."""
        blocks = [self._block(layers, points, self.data.coefficients, self.data.source)]
        for (axis, end), (coefficients, value) in self.forms.BOUNDARY.items():
            face = points[: max(20, len(points) // 4)].clone()
            face[:, axis] = self.data.AXES[axis][1 + end]
            blocks.append(self._block(layers, face, coefficients, value))
        return torch.cat([a for a, _ in blocks]), torch.cat([b for _, b in blocks])

    def _block(self, layers: Layers, points: torch.Tensor, coefficients: Any, value: Any) -> Matrix:
        """Rows of (equations, unknowns), scaled to size one."""
        m = self.components
        given = self.given(points)
        tables = coefficients(points, **given)
        if m == 1:
            tables = {(0, 0): tables}
        lift = self._parts(self.data.lift(points, **given))
        left = system(tables, self._trials(layers, points, given), m).unflatten(-1, (-1, m))
        target = value(points, **given).reshape(len(points), m).clone()
        for (i, j), table in tables.items():
            target[:, i] -= combine(table, lift[j])
        weight = 1 / (left.square().mean().sqrt() * len(points) ** 0.5)
        matrix = left.transpose(1, 2).flatten(0, 1)
        return weight * matrix, weight * target.flatten()[:, None]

    def _trials(self, layers: Layers, points: torch.Tensor, given: Given) -> Jet:
        """The jets of factor * feature in one component: (n, trials * components), by feature, then
        by component.
        """
        inner = hidden(points, layers, self.forms.INDICES, self.data.AXES)
        inner = {a: _with_constant(v, a) for a, v in inner.items()}
        factor = self._parts(self.data.factor(points, **given))
        free = [product(part, inner) for part in factor]
        unit = torch.eye(self.components, dtype=torch.float64)
        found = {}
        for a in inner:
            # Trial (k, c) has component c alone.
            parts = [
                part[a][:, :, None, None] * unit[c] * unit[:, c, None]
                for c, part in enumerate(free)
            ]
            found[a] = total(parts).flatten(1)
        return found

    def _parts(self, jet: Jet) -> list[Jet]:
        if self.components == 1:
            return [jet]
        return [column(jet, j) for j in range(self.components)]


def fit_energies(energy: Any, dual: Any, given: Given, count: int) -> dict[Any, float]:
    """The effective coefficients of an emitted cell_energy.py and cell_dual.py: A between its
    bounds, whose largest distance is printed, and the other entries of the law.

    Jumps are heeded as far as a midpoint rule sees them.
    """
    upper, solution = _minimum(energy, energy.strain, energy.stiffness, given, count)

    def compliance(points: torch.Tensor, **numbers: Any) -> torch.Tensor:
        return torch.linalg.pinv(dual.stiffness(points, **numbers), hermitian=True)

    complement, _ = _minimum(dual, dual.flux, compliance, given, count)
    lower = torch.linalg.pinv(complement, hermitian=True)
    gap = float((upper - lower).abs().max())
    print(f"{count} features: upper less lower bound of A at most {gap:.2g}")
    law = _law(energy, solution, given) if hasattr(energy, "law") else {}
    return {**_entries((upper + lower) / 2, int(energy.COMPONENTS), len(energy.AXES)), **law}


def _entries(matrix: torch.Tensor, components: int, dim: int) -> dict[Any, float]:
    """A[k, l], or A[i, k, j, l] of a system; row i * dim + k belongs to component i and axis k."""
    rows = [(i, k) for i in range(components) for k in range(dim)]
    first = 1 if components == 1 else 0
    return {
        ("A", (*rows[p][first:], *rows[q][first:])): float(value)
        for p, line in enumerate(matrix.tolist())
        for q, value in enumerate(line)
    }


@dataclass(frozen=True)
class _Solution:
    """Coefficients (features * components, rows) of the functions N_row."""

    layers: Layers
    coefficients: torch.Tensor

    def trials(self, forms: Any, points: torch.Tensor) -> Jet:
        """The jets of every feature in every component, (n, features * components, components)."""
        jet = hidden(points, self.layers, forms.INDICES, forms.AXES, getattr(forms, "KINKS", None))
        unit = torch.eye(int(forms.COMPONENTS), dtype=torch.float64)
        return {a: (v[:, :, None, None] * unit).flatten(1, 2) for a, v in jet.items()}


def _midpoints(axes: Axes) -> torch.Tensor:
    count = MIDPOINTS[len(axes)]
    step = torch.tensor([(b - a) / 2 / count for _, a, b in axes], dtype=torch.float64)
    return uniform_points(count, axes) + step


def _minimum(
    forms: Any, strain: Any, weight: Any, given: Given, count: int
) -> tuple[torch.Tensor, _Solution]:
    """The matrix of min <(E + strain(N)) . W (E + strain(N))> over nets N with `count` random
    features, and the minimizers; `weight` is W (n, rows, rows) at points.
    """
    layers = features(count, forms.AXES, kinks=getattr(forms, "KINKS", None))
    points = _midpoints(forms.AXES)
    mean = sum(weight(p, **given).sum(0) for p in points.split(BLOCK)) / len(points)
    size = count * int(forms.COMPONENTS)
    rows = len(mean)
    solution = _Solution(layers, torch.zeros(size, rows, dtype=torch.float64))
    if not size:
        return mean, solution
    gram = torch.zeros(size, size, dtype=torch.float64)
    load = torch.zeros(size, rows, dtype=torch.float64)
    for p in points.split(BLOCK):
        slopes = strain(solution.trials(forms, p))
        w = weight(p, **given) / len(points)
        flux = torch.einsum("nkp,npq->nkq", slopes, w)
        gram += torch.einsum("nkq,nlq->kl", flux, slopes)
        load += flux.sum(0)
    values, vectors = torch.linalg.eigh(gram)
    kept = values > RIDGE * torch.finfo(gram.dtype).eps * values.max()
    parts = vectors[:, kept].T @ load
    x = -vectors[:, kept] @ (parts / values[kept, None])
    return mean + load.T @ x, _Solution(layers, x)


def _law(forms: Any, solution: _Solution, given: Given) -> dict[Any, float]:
    """The means of the other entries of the law; every function is sign * N_row, without its
    mean.
    """
    columns = [sign * solution.coefficients[:, row] for row, sign in forms.FUNCTIONS.values()]
    chosen = torch.stack(columns, 1)
    points = _midpoints(forms.AXES)
    zero = (0,) * len(forms.AXES)

    def jet(p: torch.Tensor) -> Jet:
        trial = solution.trials(forms, p)
        return {a: torch.einsum("nkc,kf->nfc", v, chosen).flatten(1) for a, v in trial.items()}

    mean = sum(jet(p)[zero].sum(0) for p in points.split(BLOCK)) / len(points)
    found: dict[Any, float] = {}
    for p in points.split(BLOCK):
        d = jet(p)
        d[zero] = d[zero] - mean
        for key, value in forms.law(p, d, **given).items():
            found[key] = found.get(key, 0.0) + float(value.sum()) / len(points)
    return found
