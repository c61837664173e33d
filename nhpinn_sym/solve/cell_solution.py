"""The solved cell problems of a model: cell functions, effective coefficients, and their file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..derive.model import HomogenizedModel
from ..derive.products import MacroscopicSource
from ..lower.forms import External, MultiIndex
from ..problem.errors import ProblemError
from ..problem.html_text import html_table
from ..problem.pictures import Drawing
from ..runtime.levels import error_text
from .arguments import as_index, as_indices, as_numbers, as_points
from .cell_mesh import CellMesh
from .effective import averaged_table, effective_dict
from .effective_entries import Entry, require
from .effective_view import EffectiveCoefficients, tensor_text
from .fields import CellField
from .interpolation import Nodes
from .solution import Array, EffectiveKey


@dataclass(frozen=True)
class FunctionDomain:
    """What every cell function of a model has in common: axes of the cell, dimension of x, names of
    the slow variables it depends on.
    """

    axes: int
    dim: int
    slow: tuple[str, ...]
    nodes: Nodes


@dataclass(frozen=True)
class CellFunction:
    """A cell function N(y), or N(y; x) where the coefficients depend on x; `components` of them for
    systems.

    sources: ((key, sign), ...): u_level contains sign * N D^alpha u_q for every key (q, alpha);
    `key` is the first.
    """

    name: str
    level: float
    sources: tuple[tuple[MacroscopicSource, int], ...]
    components: tuple[CellField, ...]
    shape: FunctionDomain

    @property
    def key(self) -> MacroscopicSource:
        """The first macroscopic source; ProblemError for a kernel, which has none."""
        if not self.sources:
            raise ProblemError(
                "a kernel of the cell operator has no macroscopic source",
                term=self.name,
                remedy="ask cells.functions instead",
            )
        return self.sources[0][0]

    def __repr__(self) -> str:
        slow = "".join(f", {name}" for name in self.shape.slow)
        return f"cell function {self.name}(y{slow})"

    def __call__(self, points: ArrayLike, x: ArrayLike | None = None, **others: float) -> Array:
        """Values at points y (n, d): (n,), or (n, m) of a system's m components.

        One point y (d,) has the value (), or (m,). `x` (n, d) or (d,) where the function depends on
        it; t=, tau= where it depends on those. With tau in the cell, points are (y, tau).
        """
        return self.derivative(points, None, x, None, **others)

    def derivative(
        self,
        points: ArrayLike,
        index: MultiIndex | None,
        x: ArrayLike | None = None,
        slow: MultiIndex | None = None,
        **others: float,
    ) -> Array:
        """D_y^index D_x^slow at points y."""
        chosen = as_index(index, self.shape.axes, self._what)
        found: Array = self.evaluate(points, [chosen], x, slow, **others)[0]
        return found

    def evaluate(
        self,
        points: ArrayLike,
        indices: Sequence[MultiIndex],
        x: ArrayLike | None = None,
        slow: MultiIndex | None = None,
        **others: float,
    ) -> Array:
        """`derivative` for each of `indices`, stacked; what they share is computed once."""
        y, shape = as_points(points, self.shape.axes, self._what)
        chosen = as_indices(indices, self.shape.axes, self._what)
        orders = {f"x{k + 1}": n for k, n in enumerate(slow or ())}
        if any(n and name not in self.shape.slow for name, n in orders.items()):
            count = len(self.components)
            components = () if count == 1 else (count,)
            return np.zeros((len(chosen), *shape, *components))
        slow_index = tuple(orders.get(name, 0) for name in self.shape.slow)
        values = self.at(y, self._slow_points(y, x, others), chosen, slow_index)
        return values.reshape(len(chosen), *shape, *values.shape[2:])

    def at(
        self, points: Array, slow: Array, indices: Sequence[MultiIndex], slow_index: MultiIndex
    ) -> Array:
        """D_y^index D_slow^slow_index, for each of `indices`, at pairs of y (n, axes) and slow
        points (n, s), in the order of their names: (indices, n), or (indices, n, m).
        """
        if self.shape.slow:
            nodes = self.shape.nodes
            columns = [f.between(nodes, points, slow, indices, slow_index) for f in self.components]
        else:
            columns = [f.evaluate(points, indices)[:, 0] for f in self.components]
        if len(columns) == 1:
            return columns[0]
        return np.stack(columns, axis=-1)

    @property
    def _what(self) -> str:
        return f"the cell function {self.name}"

    def _slow_points(self, y: Array, x: ArrayLike | None, others: Mapping[str, float]) -> Array:
        """(n, s): the slow variables, in the order of their names."""
        given: dict[str, Any] = dict(others)
        coordinates = [f"x{k + 1}" for k in range(self.shape.dim)]
        if x is not None:
            given |= zip(coordinates, self._columns(x, len(y)).T, strict=True)
        columns = []
        for name in self.shape.slow:
            if name in given:
                values = as_numbers(given[name], name, f"give one number, or {len(y)}")
                if values.shape not in ((), (1,), (len(y),)):
                    raise ProblemError(
                        f"{name} has the shape {values.shape} beside {len(y)} points",
                        term=name,
                        remedy="give one number, or one for each point",
                    )
                columns.append(np.broadcast_to(values, (len(y),)))
            else:
                label = "x" if name in coordinates else name
                raise ProblemError(
                    f"the cell function {self.name} depends on {label} too",
                    term=name,
                    remedy=f"call {self.name}(y, {label}=...)",
                )
        return np.array(columns).reshape(len(columns), len(y)).T

    def _columns(self, x: ArrayLike, count: int) -> Array:
        """Points x as (count, d): one for all, or one for each."""
        dim = self.shape.dim
        remedy = f"give x of shape ({count}, {self.shape.dim}) or ({self.shape.dim},)"
        values = as_numbers(x, "x", remedy)
        if values.size not in (dim, count * dim):
            raise ProblemError(
                f"x has the shape {values.shape} beside {count} points",
                term=f"shape {values.shape}",
                remedy=remedy,
            )
        return np.broadcast_to(values.reshape(-1, dim), (count, dim))

    @property
    def local(self) -> bool:
        """Whether the function depends on a slow variable."""
        return bool(self.shape.slow)


_EIGENVALUES = {
    "A": "eigenvalues of A",
    "Reuss": "  not below those of Reuss",
    "Voigt": "  not above those of Voigt",
    "Hashin-Shtrikman": "  if A is isotropic, in Hashin's and Shtrikman's",
}


@dataclass(frozen=True)
class FormInfo:
    """What is kept of a `CellForm`: its name, role, level and macroscopic sources."""

    name: str
    role: str
    level: float
    sources: tuple[tuple[MacroscopicSource, int], ...]


@dataclass(frozen=True)
class CellSolution:
    """Result of `solve_cells`: `functions`, `effective`, and `info` (method, size, seconds,
    residual, estimate, Fredholm multiplier).

    `effective` has "A" (d, d), "b" (d,), "c" (), "rho" (): arrays, or callables of points x (n, d)
    where coefficients depend on x; systems have axes for equation and unknown, A[i, k, j, l]; order
    is that of the homogenized operator (2, or 4). `bounds["A"]` is (lower, upper), where the solver
    encloses A: lower <= A <= upper as quadratic forms. `parameters` holds the numbers of those that
    the cell problems depend on, `cell` the ends of the cell along each of its axes, by name,
    `model` the one that was solved, None in copies from files and other processes.

    >>> s = nh.Scales(1)
    >>> u = s.unknown("u")
    >>> a = 2 + sp.sin(2 * sp.pi * s.y[0])
    >>> problem = nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)
    >>> model = nh.homogenize(problem)
    >>> cells = nh.solve_cells(model, "fourier")
    >>> print(cells.functions[0]([[0.1]]).round(6))  # at y = 0.1
    [0.05893]
    >>> cells.info["estimate"] < 1e-10
    True
    """

    backend: str
    dim: int
    axes: int
    order: int
    forms: tuple[FormInfo, ...]
    fields: tuple[tuple[CellField, ...], ...]
    nodes: Nodes
    slow: tuple[str, ...]
    entries: Mapping[EffectiveKey, Entry]
    info: Mapping[str, Any]
    components: int = 1
    bounds: Mapping[str, tuple[Array, Array]] = field(default_factory=dict)
    parameters: Mapping[str, float] = field(default_factory=dict)
    cell: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    model: HomogenizedModel | None = field(default=None, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy in another process is made from, without the model; `effective` is computed
        again.
        """
        held = {name: value for name, value in self.__dict__.items() if name != "effective"}
        return {**held, "model": None}

    def _all(self, role: str) -> tuple[CellFunction, ...]:
        shape = FunctionDomain(self.axes, self.dim, self.slow, self.nodes)
        pairs = zip(self.forms, self.fields, strict=True)
        return tuple(
            CellFunction(f.name, f.level, f.sources, fields, shape)
            for f, fields in pairs
            if f.role == role
        )

    @property
    def functions(self) -> tuple[CellFunction, ...]:
        """The correctors, in printed order."""
        return self._all("corrector")

    @property
    def ground_state(self) -> CellFunction | None:
        """phi of the factorization u = phi v, where there is one."""
        return next(iter(self._all("ground state")), None)

    @property
    def adjoints(self) -> tuple[CellFunction, ...]:
        """The adjoint kernel psi, one function per equation; empty where it is the constants."""
        return self._all("adjoint")

    @cached_property
    def effective(self) -> EffectiveCoefficients:
        """The effective coefficients by name, arrays or functions of x: see the class."""
        table = effective_dict(self.dim, self.components, self.order, self.entries)
        bounds = dict(zip(self.slow, self.nodes.bounds, strict=True))
        return EffectiveCoefficients(table, bounds, self.dim)

    @property
    def mesh(self) -> CellMesh | None:
        """The triangles of the finest mesh, where it fits the interfaces; None elsewhere."""
        mesh = self.fields[0][0].mesh if self.fields else None
        return None if mesh is None else CellMesh.of(mesh)

    @property
    def averaged(self) -> dict[int, dict[tuple[MultiIndex, MultiIndex], Array]]:
        """{n: {(left, right): (m, m)}}: the averaged operators h_n = sum D^left( . D^right U ),
        multi-indices over (x, t).
        """
        return averaged_table(self.components, self.order, self.entries)

    def coefficients(self, external: External, points: Array) -> Array:
        """Values of an external coefficient of the homogenized equation at points (n, d)."""
        return require(self.entries, (external.name, external.index))(points, external.derivative)

    def require_parameters(self, numbers: Mapping[str, float]) -> None:
        """ProblemError where the cells were solved for other numbers."""
        for name, value in self.parameters.items():
            if numbers[name] != value:
                raise ProblemError(
                    f"the cells were solved for another {name}: {value:g}",
                    term=f"{name} = {numbers[name]:g}",
                    remedy="give the number that solve_cells, or at() of a family, was given",
                )

    def __str__(self) -> str:
        lines = [
            f"{len(self.functions)} cell functions by {self.backend} ({self.method}), estimated"
            f" error {error_text(self.info['estimate'])}, Fredholm multiplier"
            f" {self.info['fredholm']:.1e}"
        ]
        lines += [
            f"  {name} = {'function of x' if callable(value) else tensor_text(value)}"
            for name, value in self.effective.items()
            if name != "h"
        ]
        for name, values in self.info.get("eigenvalues", {}).items():
            shown = ", ".join(f"{v:.6g}" for v in values)
            lines.append(f"  {_EIGENVALUES[name]} [{shown}]")
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = (
            ("backend", f"{self.backend} ({self.method})"),
            ("cell functions", ", ".join(f.name for f in self.functions)),
            ("estimated relative error", error_text(self.info["estimate"])),
            ("Fredholm multiplier", f"{self.info['fredholm']:.1e}"),
        )
        return html_table((), rows) + self.effective._repr_latex_()

    def plot(self, x: ArrayLike | None = None) -> Drawing:
        """The cell functions over two cells along each axis, at the point x where they depend on
        it (default: the middle): a notebook shows it, `.save("cells.svg")` writes it."""
        from .cell_picture import draw_cells

        return draw_cells(self, x)

    @property
    def method(self) -> str:
        """What solved them, in words."""
        return str(self.info["method"])

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write to one .npz file, atomically; `nhpinn_sym.load` reads it again."""
        from .cell_file import save  # which makes cell solutions again

        return save(self, path)

    def to_xarray(self, n: int | None = None) -> Any:
        """An `xarray.Dataset` with the cell functions over the cell, at n equally spaced points
        along each axis and at the slow nodes, and the effective coefficients.

        BackendMissingError without xarray.
        """
        from .cell_exports import to_xarray

        return to_xarray(self, n)

    def to_vti(
        self,
        path: str | os.PathLike[str],
        n: int | None = None,
        x: ArrayLike | None = None,
        model: HomogenizedModel | None = None,
    ) -> Path:
        """Write the cell functions as an image for ParaView, at n points along each axis of the
        cell; at the point x where they depend on it; with the coefficients of a `model`.
        """
        from .cell_exports import to_vti

        return to_vti(self, path, n, x, model)

    def to_json(self, path: str | os.PathLike[str] = "effective.json") -> Path:
        """Write the effective coefficients with conventions and units, as the mains of an emitted
        folder read them: numbers, or values at nine Chebyshev points of each slow coordinate.
        """
        from .cell_exports import to_json

        return to_json(self, path)

    def export(self, path: str | os.PathLike[str]) -> Path:
        """Write the nets of the PINN backend as one program of torch.export, see `pinn.export`;
        UnsupportedError for other backends.
        """
        from .pinn.export import export  # needs torch

        return export(self, path)
