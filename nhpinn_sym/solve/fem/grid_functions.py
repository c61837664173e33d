"""What both finite element backends share: fields on lattices, and solutions on any mesh.

The values of every finite element function are sorted into a `LagrangeGrid`, so that cell
functions, u0 and u_eps are evaluated by numpy alone, the same on every rank, and can be kept on
disk without the library that computed them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from ...lower.forms import MultiIndex
from ...problem.domain import Box, Domain
from ...problem.errors import ProblemError
from ...runtime.broken_grid import BrokenGrid
from ...runtime.fitted.cell_mesh import CellMesh
from ...runtime.fitted.domain_mesh import DomainMesh, RegionMesh
from ...runtime.fitted.elements import nodes
from ...runtime.fitted.functions import FittedMesh, SimplexFunction
from ...runtime.hermite_grid import HermiteGrid, grid_of
from ...runtime.lagrange_grid import LagrangeGrid
from ...runtime.lattice import Lattice
from ...runtime.mesh import MeshFunction
from ...runtime.quadrature import Quadrature, rule_on
from ..exports import COUNTS, SolutionExtent, equally_spaced
from ..fields import CellField
from ..solution import Array, CellBatch, EffectiveKey, Solution, Told
from ..time_levels import time_weights
from ..vtk_files import VTK_NODES

LEVELS_LIMIT = 200e6
"""Bytes of time levels that a solution keeps; beyond them only the final level is there."""

# Share of the largest component, or of the largest time, that differences are relative to at least.
_SMALL = 1e-6


@dataclass(frozen=True)
class LagrangeField(CellField):
    """A cell function at m slow points: `grid` has the batch shape (m,) and is continued
    periodically.
    """

    kind: ClassVar[str] = "lagrange"

    grid: LagrangeGrid

    def evaluate(self, points: Array, indices: Sequence[MultiIndex]) -> Array:
        return np.stack([self.grid.evaluate(points, index, periodic=True) for index in indices])

    @property
    def lines(self) -> tuple[Array, ...]:
        return self.grid.lattice.lines

    def state(self) -> dict[str, Any]:
        return _grid_state(self.grid)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> LagrangeField:
        """ValueError or KeyError where the arrays do not fit together."""
        return cls(_read_grid(state))


def _grid_state(grid: LagrangeGrid) -> dict[str, Any]:
    lines = {f"lines_{axis}": values for axis, values in enumerate(grid.lattice.lines)}
    kind = {"elements": "hermite"} if isinstance(grid, HermiteGrid) else {}
    return {**lines, **kind, "degree": grid.degree, "values": grid.values}


def _read_grid(state: Mapping[str, Any]) -> LagrangeGrid:
    kind = str(state.get("elements", "lagrange"))
    degree = int(state["degree"])
    return grid_of(kind, _lattice(state), degree, np.asarray(state["values"]))


def _lattice(state: Mapping[str, Any]) -> Lattice:
    """From the lines of each axis; files of before hold the bounds and the numbers of equal
    cells.
    """
    if "cells" in state:
        bounds = [(float(a), float(b)) for a, b in state["bounds"]]
        return Lattice.uniform(bounds, [int(n) for n in state["cells"]])
    names = [f"lines_{axis}" for axis in range(3)]
    return Lattice(tuple(np.asarray(state[name], dtype=float) for name in names if name in state))


@dataclass(frozen=True)
class BrokenField(CellField):
    """A cell function that jumps across interfaces, on a lattice, at m slow points."""

    kind: ClassVar[str] = "broken lattice"

    grid: BrokenGrid

    def evaluate(self, points: Array, indices: Sequence[MultiIndex]) -> Array:
        return np.stack(_evaluated(self.grid, points, indices))

    @property
    def lines(self) -> tuple[Array, ...]:
        return self.grid.lattice.lines

    def state(self) -> dict[str, Any]:
        grid = self.grid
        lines = {f"lines_{axis}": values for axis, values in enumerate(grid.lattice.lines)}
        return {**lines, "degree": grid.degree, "sides": grid.sides, "values": grid.values}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> BrokenField:
        """ValueError or KeyError where the arrays do not fit together."""
        lattice = _lattice(state)
        sides = np.asarray(state["sides"], dtype=np.int64)
        values = np.asarray(state["values"], dtype=float)
        degree = int(state["degree"])
        shape = (sides.max(initial=0) + 1, *(n * degree + 1 for n in lattice.cells))
        if sides.shape != lattice.cells or sides.min() < 0 or values.shape[1:] != shape:
            raise ValueError("values do not fit the sides of the lattice")
        return cls(BrokenGrid(lattice, degree, sides, values))


@dataclass(frozen=True)
class SimplexField(CellField):
    """A cell function on triangles or tetrahedra at m slow points: `function` has the batch shape
    (m,)."""

    kind: ClassVar[str] = "triangles"

    function: SimplexFunction

    def evaluate(self, points: Array, indices: Sequence[MultiIndex]) -> Array:
        return np.stack(_evaluated(self.function, points, indices))

    @property
    def fitted(self) -> FittedMesh:
        assert isinstance(self.function.mesh, FittedMesh)
        return self.function.mesh

    @property
    def mesh(self) -> CellMesh:
        return self.fitted.mesh

    def state(self) -> dict[str, Any]:
        function = self.function
        arrays = {name: getattr(self.mesh, name) for name in CellMesh.__dataclass_fields__}
        held = {"degree": function.degree, "values": function.values}
        return {**arrays, **held, "origin": np.array(self.fitted.origin)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> SimplexField:
        """ValueError or KeyError where the arrays do not fit together."""
        mesh = CellMesh(*(np.asarray(state[name]) for name in CellMesh.__dataclass_fields__))
        mesh.check()
        origin = tuple(map(float, state["origin"]))
        degree = int(state["degree"])
        values = np.asarray(state["values"])
        if values.shape[-2:] != (len(mesh.cells), len(nodes(degree, mesh.dim))):
            raise ValueError("values do not fit the elements")
        return cls(SimplexFunction(FittedMesh(mesh, origin), degree, values))


def _field(function: MeshFunction) -> CellField:
    if isinstance(function, SimplexFunction):
        return SimplexField(function)
    if isinstance(function, BrokenGrid):
        return BrokenField(function)
    assert isinstance(function, LagrangeGrid)
    return LagrangeField(function)


def cell_batch(
    functions: Sequence[Any],
    effective: Sequence[Mapping[EffectiveKey, float]],
    multipliers: Sequence[Mapping[str, float]],
    info: Mapping[str, Any],
) -> CellBatch:
    """The results at m slow points, one of each per point; the functions, `LagrangeGrid`s or
    `SimplexFunction`s, hold batches (functions, components).
    """
    count, components = functions[0].values.shape[:2]
    fields = tuple(
        tuple(
            _field(
                replace(functions[0], values=np.stack([grid.values[k, i] for grid in functions]))
            )
            for i in range(components)
        )
        for k in range(count)
    )
    largest = {name: max(at[name] for at in multipliers) for name in multipliers[0]}
    info = {**info, "fredholm": max(largest.values(), default=0.0), "multipliers": largest}
    return CellBatch(
        fields, {key: np.array([at[key] for at in effective]) for key in effective[0]}, info
    )


@dataclass(frozen=True, eq=False, repr=False)
class GridSolution(Solution):
    """The solution of an equation on a mesh; derivatives are exact inside the elements.

    A stationary solution has times = None and a grid without batch axes. With time, the grid's
    first batch axis runs along `times`: all from 0 to the final time, or the final time alone where
    the levels were too large to keep. Between equal steps it is cubic in time.
    Solutions of systems have one more batch axis, the last one: that of the components.
    `largest` is, with time, the largest absolute value of each component at any time.
    """

    kind: ClassVar[str] = "elements"

    grid: MeshFunction
    times: Array | None = None
    largest: Array | None = None

    @property
    def extent(self) -> SolutionExtent:
        """The nodes of a lattice, equally spaced points elsewhere; the times that were kept."""
        mesh = self.grid.mesh
        if isinstance(mesh, Lattice):
            lines = tuple(mesh.nodes(axis, self.grid.degree) for axis in range(mesh.dim))
            return SolutionExtent(lines, self.times)
        lines = equally_spaced(mesh.bounds, COUNTS[mesh.dim])
        if isinstance(mesh, RegionMesh):
            drawn = (mesh.mesh.points, mesh.mesh.cells[:, VTK_NODES[mesh.dim]])
            return SolutionExtent(lines, self.times, mesh.holds, drawn)
        return SolutionExtent(lines, self.times)

    @property
    def lines(self) -> tuple[Array, ...]:
        return self.grid.mesh.lines

    @property
    def components(self) -> int:
        """How many there are; 1 for scalars."""
        batch = self.grid.batch
        if len(batch) == (self.times is not None):
            return 1
        return batch[-1]

    def _values(self, points: Array, indices: Sequence[MultiIndex], t: float | None) -> Array:
        """SolveError for a time that was not kept."""
        if t is None or self.times is None:
            return np.stack([found.T for found in _evaluated(self.grid, points, indices)])
        first, weights = time_weights(self.times, t)
        window = self.grid[first : first + len(weights)]
        found = _evaluated(window, points, indices)
        return np.stack([np.tensordot(weights, levels, 1).T for levels in found])

    def state(self) -> dict[str, Any]:
        grid = self.grid
        kept = {"times": self.times, "largest": self.largest}
        if isinstance(grid, LagrangeGrid):
            return {**kept, "grid": _grid_state(grid)}
        if isinstance(grid, SimplexFunction) and isinstance(grid.mesh, RegionMesh):
            return {**kept, "simplices": _simplices_state(grid.mesh, grid)}
        return super().state()

    @classmethod
    def from_state(cls, told: Told, state: Mapping[str, Any]) -> GridSolution:
        """ValueError or KeyError where the arrays do not fit together."""
        if "grid" in state:
            grid: MeshFunction = _read_grid(state["grid"])
        else:
            grid = _read_simplices(state["simplices"])
        times, largest = state["times"], state["largest"]
        levels = () if times is None else np.shape(times)
        if len(levels) > 1 or grid.batch[: len(levels)] != levels:
            raise ValueError("the levels of a solution do not fit its times")
        return cls(*told, grid, times, largest)


def _simplices_state(mesh: RegionMesh, function: SimplexFunction) -> dict[str, Any]:
    arrays = {name: getattr(mesh.mesh, name) for name in DomainMesh.__dataclass_fields__}
    own = {"gap": mesh.gap, "own_degree": mesh.degree}
    return {**arrays, **own, "degree": function.degree, "values": function.values}


def _read_simplices(state: Mapping[str, Any]) -> SimplexFunction:
    names = tuple(map(str, state["names"]))
    arrays = [name for name in DomainMesh.__dataclass_fields__ if name != "names"]
    mesh = DomainMesh(**{name: np.asarray(state[name]) for name in arrays}, names=names)
    mesh.check()
    degree = int(state["degree"])
    own = state["own_degree"]
    values = np.asarray(state["values"])
    if values.shape[-2:] != (len(mesh.cells), len(nodes(degree, mesh.dim))):
        raise ValueError("values do not fit the elements")
    found = RegionMesh(mesh, float(state["gap"]), None if own is None else int(own))
    return SimplexFunction(found, degree, values)


def _evaluated(grid: MeshFunction, points: Array, indices: Sequence[MultiIndex]) -> list[Array]:
    """Derivatives of the grid function, with its complaints as errors of the package."""
    try:
        if isinstance(grid, SimplexFunction):
            return grid.derivatives(points, indices)
        return [grid.evaluate(points, index) for index in indices]
    except ValueError as cause:
        raise ProblemError(
            str(cause),
            term=f"{len(points)} points, indices {', '.join(map(str, map(tuple, indices)))}",
            remedy=f"points have shape (n, {grid.mesh.dim}) and lie in the domain",
        ) from cause


def element_name(degree: int, domain: Domain, smooth: bool = False) -> str:
    """How tables call the elements: Q on quadrilaterals and hexahedra, P elsewhere; `smooth`: those
    with continuous derivatives.
    """
    if smooth and domain.dim == 1:
        return "cubic Hermite elements"
    if smooth:
        return "Bogner-Fox-Schmit elements"
    if domain.dim > 1 and isinstance(domain, Box):
        return f"Q{degree} finite elements"
    return f"P{degree} finite elements"


def keeps_levels(nodes: int, times: Array | None) -> bool:
    """Whether the levels of a solution with that many nodes are kept, at all times or at the only
    one.
    """
    return times is None or 8.0 * nodes * len(times) < LEVELS_LIMIT


def relative_difference(
    fine: MeshFunction, coarse: MeshFunction, largest: Array | None = None
) -> float:
    """||fine - coarse|| / ||fine|| in L2, by Gauss quadrature on the cells of `fine`; the largest
    one of the components, a batch axis.

    A component that is smaller than its own difference, or than _SMALL of the largest one, is
    measured by that: unknowns of a system may have different units, but some vanish up to rounding.
    `largest` are the largest values that a function of time ever had, by component: a norm is not
    taken to be less than _SMALL of theirs, as of what has decayed only rounding is left.
    """
    difference = np.zeros(fine.batch)
    norm = np.zeros(fine.batch)
    for some in rule_on(fine.mesh, fine.degree + 1).blocks():
        values = _at(fine, some)
        difference += (values - _at(coarse, some)) ** 2 @ some.weights
        norm += values**2 @ some.weights
    norms = np.sqrt(norm)
    if largest is not None:
        volume = np.prod([high - low for low, high in fine.mesh.bounds])
        norms = np.maximum(norms, _SMALL * np.sqrt(volume) * largest.reshape(norms.shape))
    top = norms.max()
    if top == 0:
        return float(np.max(np.sqrt(difference)))
    scale = np.where(norms**2 > difference, np.maximum(norms, _SMALL * top), top)
    return float(np.max(np.sqrt(difference) / scale))


def _at(function: MeshFunction, some: Quadrature) -> Array:
    """The values (*batch, n) at points of a quadrature."""
    if isinstance(function, SimplexFunction):
        return function.at(some)
    return function.evaluate(some.points, (0,) * function.mesh.dim)
