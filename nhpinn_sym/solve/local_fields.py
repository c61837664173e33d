"""Gradient and flux, strain and stress, in the cell of a composite under a macroscopic gradient."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike

from ..derive.model import HomogenizedModel
from ..lower.cells import lower_cells
from ..lower.forms import LoweredCells
from ..lower.interfaces import in_middles, middle_symbols
from ..problem.errors import ProblemError, UnsupportedError
from ..problem.html_text import html_lines
from ..problem.images import images_in
from ..problem.numeric import lambdified
from ..problem.pictures import Drawing
from ..problem.user_input import instance
from ..runtime.arrays import AnyArray, Integers
from .arguments import as_numbers
from .cell_points import CellPoints, points_of
from .cell_solution import CellSolution
from .exports import arrays
from .provenance import warn_of_other_operator
from .result_pictures import draw_local_fields
from .solution import Array

# Values of a coefficient that count as phases; where there are more, it varies.
_MOST_PHASES = 32
# Digits in which the coefficients of a phase are alike.
_DIGITS = 12


@dataclass(frozen=True)
class PhaseFields:
    """What a phase has of the fields.

    share    : of the cell
    gradient, flux : their means in the phase, of the shape of those of a point
    largest  : the largest |flux|, the root of the sum of the squares of its entries
    place    : the point of the cell where that is, (d,)
    """

    share: float
    gradient: AnyArray
    flux: AnyArray
    largest: float
    place: Array


@dataclass(frozen=True, eq=False)
class LocalFields:
    """Fields at points inside of every element; see `local_fields`.

    points, weights : (n, d) and (n,), which add up to 1
    gradient, flux  : (n, d), of systems (n, m, d): [:, i, k] is that of unknown or equation i along
                      axis k; in elasticity the displacement's gradient and the stress
    phase           : (n,) the number of the phase
    phases          : what each has; one where the coefficient is not constant in phases

    >>> s = nh.Scales(2)
    >>> u = s.unknown("u")
    >>> a = nh.image(s, [[1], [0]], {0: 1, 1: 4})
    >>> problem = nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)
    >>> fields = nh.local_fields(nh.solve_cells(nh.homogenize(problem)), grad=[0, 1])
    >>> fields
    local fields at 2 points, 2 phases
      phase 0: share 0.5, mean flux [0. 1.], largest |flux| 1 at [0.75 0.5 ]
      phase 1: share 0.5, mean flux [0. 4.], largest |flux| 4 at [0.25 0.5 ]
    >>> fields.to_vtu("cell.vtu").name
    'cell.vtu'
    """

    cell: CellPoints
    gradient: AnyArray
    flux: AnyArray
    phase: Integers
    phases: tuple[PhaseFields, ...]

    @property
    def points(self) -> Array:
        """(n, d): the points of the cell at which fields are known."""
        return self.cell.points

    @property
    def weights(self) -> Array:
        """(n,): the weights of the points in means over the cell."""
        return self.cell.weights

    @property
    def strain(self) -> AnyArray:
        """The symmetric part of the gradient; ProblemError where that has none."""
        self._require_elastic()
        return (self.gradient + self.gradient.swapaxes(1, 2)) / 2

    @property
    def stress(self) -> AnyArray:
        """The flux of the displacement; ProblemError for other problems."""
        self._require_elastic()
        return self.flux

    @property
    def mean_flux(self) -> AnyArray:
        """That of the homogenized equation, A times the macroscopic gradient."""
        return np.einsum("n,n...->...", self.weights, self.flux)

    def to_vtu(self, path: str | os.PathLike[str]) -> Path:
        """Write the elements with the mean fields and the phase of each, for ParaView."""
        means = self.cell.means
        values: dict[str, Array] = {"phase": np.rint(means(self.phase.astype(float)))}
        for name, field in (("gradient", self.gradient), ("flux", self.flux)):
            values |= arrays(name, means(field.reshape(len(field), -1)))
        return self.cell.write(path, values)

    def plot(self) -> Drawing:
        """The size of the flux in one plane cell; ProblemError for other cells."""
        return draw_local_fields(self)

    def _repr_html_(self) -> str:
        return html_lines(repr(self))

    def __repr__(self) -> str:
        lines = [f"local fields at {len(self.points)} points, {len(self.phases)} phases"]
        for k, p in enumerate(self.phases):
            mean = np.array2string(p.flux, precision=5).replace("\n", "")
            place = np.array2string(p.place, precision=3)
            lines.append(
                f"  phase {k}: share {p.share:.4g}, mean flux {mean}, largest |flux|"
                f" {p.largest:.5g} at {place}"
            )
        return "\n".join(lines)

    def _require_elastic(self) -> None:
        if self.gradient.ndim != 3 or self.gradient.shape[1] != self.gradient.shape[2]:
            raise ProblemError(
                "strain and stress need a displacement, with as many components as axes",
                term=f"{self.gradient.shape[1:]} entries a point",
                remedy="ask for gradient and flux",
            )


def local_fields(
    cells: CellSolution,
    *,
    grad: ArrayLike | None = None,
    strain: ArrayLike | None = None,
    x: ArrayLike | None = None,
    model: HomogenizedModel | None = None,
) -> LocalFields:
    """The fields of first order in the cell, where the macroscopic gradient is given: gradient
    G + grad_y N G, and its flux a (G + grad_y N G).

    grad   : (d,), of systems (m, d): grad[j, l] is d u_j / d x_l
    strain : in its place for elasticity, (d, d), symmetric
    x      : the point of the domain, where the coefficients depend on it
    model  : the one that `cells` were solved for; needed where they come from a file

    Points lie inside of the elements: triangles that fit, the pixels of an image (their centres),
    boxes of a lattice or of a grid. Terms of lower order have no part in the flux.
    Errors: ProblemError for gradients of another shape, UnsupportedError for other equations than
    such of second order whose correctors are the only cell functions.

    >>> s = nh.Scales(2)
    >>> u = s.unknown("u")
    >>> a = nh.image(s, [[1], [0]], {0: 1, 1: 4})
    >>> problem = nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)
    >>> cells = nh.solve_cells(nh.homogenize(problem))
    >>> fields = nh.local_fields(cells, grad=[1, 0])
    >>> fields.mean_flux.round(6)  # across the layers the flux is the same in both
    array([1.6, 0. ])
    >>> [float(p.gradient[0].round(6)) for p in fields.phases]
    [1.6, 0.4]
    """
    instance(cells, CellSolution, "the cells", "write cells = solve_cells(model)")
    given = cells.model if model is None else model
    remedy = "write nh.local_fields(cells, model=homogenize(problem), grad=...)"
    chosen = instance(given, HomogenizedModel, "the model", remedy)
    lowered = lower_cells(chosen)
    warn_of_other_operator(cells.info, chosen.operator)
    _require_fields(cells, lowered)
    gradient = _macroscopic(cells, grad, strain)
    where = points_of(cells, np.array(lowered.vectors, dtype=float))
    total = np.broadcast_to(gradient, (len(where.points), *gradient.shape)).copy()
    for weight, function in _weighted(cells, gradient):
        indices = [tuple(int(k == j) for k in range(cells.dim)) for j in range(cells.dim)]
        found = function.evaluate(where.points, indices, x)
        total = total + weight * np.moveaxis(found, 0, -1).reshape(total.shape)
    flux, kinds = _flux(lowered, cells, where, total, x)
    phase = _phases(kinds)
    if len(gradient) == 1:
        total, flux = total[:, 0], flux[:, 0]
    parts = tuple(
        _part(where, total, flux, np.flatnonzero(phase == k)) for k in range(phase.max() + 1)
    )
    return LocalFields(where, total, flux, phase, parts)


def _require_fields(cells: CellSolution, lowered: LoweredCells) -> None:
    second = all(sum(t.left) <= 1 and sum(t.right) <= 1 for t in lowered.bilinear)
    plain = cells.ground_state is None and not cells.adjoints and cells.axes == cells.dim
    if not (second and plain) or lowered.externals or lowered.free:
        raise UnsupportedError(
            "local fields of equations that are no -div(a grad u), or have kernels or more scales",
            term=lowered.title,
            remedy="evaluate cells.functions yourself",
        )


def _macroscopic(cells: CellSolution, grad: ArrayLike | None, strain: ArrayLike | None) -> AnyArray:
    """(m, d)."""
    remedy = "give grad=(d,), of systems (m, d), or of elasticity strain=(d, d)"
    given = grad if strain is None else strain
    if given is None or (grad is not None and strain is not None):
        raise ProblemError("one of grad and strain is needed", term="grad, strain", remedy=remedy)
    found = as_numbers(given, "the macroscopic gradient", remedy)
    shape = (cells.components, cells.dim)
    if found.shape != shape and (cells.components > 1 or found.shape != shape[1:]):
        raise ProblemError(
            f"the macroscopic gradient of {shape[0]} unknowns along {shape[1]} axes",
            term=f"shape {found.shape}",
            remedy=remedy,
        )
    if strain is not None and not (shape[0] == shape[1] and np.allclose(found, found.T)):
        raise ProblemError(
            "a strain is a symmetric matrix, of a displacement", term=found.tolist(), remedy=remedy
        )
    return found.reshape(shape)


def _weighted(cells: CellSolution, gradient: AnyArray) -> list[tuple[Any, Any]]:
    """(factor, cell function) of grad_y u_1."""
    found = []
    for function in cells.functions:
        weight = 0.0
        for (unknown, alpha), sign in function.sources:
            if unknown is not None and sum(alpha) == 1 and 1 in alpha[: cells.dim]:
                weight += sign * gradient[unknown, alpha.index(1)]
        if weight:
            found.append((weight, function))
    return found


def _flux(
    lowered: LoweredCells,
    cells: CellSolution,
    where: CellPoints,
    gradient: AnyArray,
    x: ArrayLike | None,
) -> tuple[AnyArray, AnyArray]:
    """(a times the gradient (n, m, d), the coefficients (n, terms))."""
    numbers = dict(cells.parameters)
    if x is not None:
        numbers |= {f"x{k + 1}": float(v) for k, v in enumerate(np.ravel(np.asarray(x)))}
    terms = lowered.physical or lowered.bilinear
    leading = [t for t in terms if sum(t.left) == 1 and sum(t.right) == 1]
    known: dict[sp.Expr, AnyArray] = {}
    flux = np.zeros(gradient.shape, dtype=np.result_type(gradient, float))
    for term in leading:
        c = term.coefficient
        if c not in known:
            known[c] = _values(c, lowered.coordinates, numbers, where)
        part = known[c] * gradient[:, term.field, term.right.index(1)]
        if np.iscomplexobj(part) and not np.iscomplexobj(flux):
            flux = flux.astype(complex)
        flux[:, term.equation, term.left.index(1)] += part
    return flux, np.stack(list(known.values()), axis=1)


def _values(
    coefficient: sp.Expr,
    coordinates: Sequence[sp.Symbol],
    numbers: dict[str, float],
    where: CellPoints,
) -> AnyArray:
    """A coefficient at points of the cell, images by their own numbers."""
    points = where.coordinates
    images = images_in(coefficient)
    swap = {node: sp.Dummy(f"image_{k}") for k, node in enumerate(images)}
    expr = coefficient.xreplace(swap)
    own = {*coordinates, *swap.values()}
    missing = [v for v in expr.free_symbols - own if str(v) not in numbers]
    if missing:
        raise ProblemError(
            "a coefficient depends on more than the cell",
            term=coefficient,
            remedy="give x=, a point of the domain",
        )
    expr = expr.xreplace({v: sp.Float(numbers[str(v)], 17) for v in expr.free_symbols - own})
    expr = in_middles(expr, coordinates)
    names = (*coordinates, *middle_symbols(coordinates), *swap.values())
    pictures = (node.func.image(*points.T) for node in images)
    found = lambdified(names, expr, "numpy")(*points.T, *where.middles.T, *pictures)
    return np.broadcast_to(np.asarray(found), len(points))


def _phases(coefficients: AnyArray) -> Integers:
    """(n,) the number of the phase of each point: of equal coefficients, where these are few."""
    size = np.abs(coefficients).max() or 1.0
    rounded = np.round(coefficients / size, _DIGITS)
    found, places = np.unique(rounded, axis=0, return_inverse=True)
    if len(found) > _MOST_PHASES:
        return np.zeros(len(coefficients), dtype=np.int64)
    return places.ravel().astype(np.int64)


def _part(where: CellPoints, gradient: AnyArray, flux: AnyArray, own: Integers) -> PhaseFields:
    weights = where.weights[own]
    share = float(weights.sum())
    sizes = np.sqrt((np.abs(flux[own].reshape(len(own), -1)) ** 2).sum(axis=1))
    most = int(np.argmax(sizes))
    return PhaseFields(
        share,
        np.einsum("n,n...->...", weights, gradient[own]) / share,
        np.einsum("n,n...->...", weights, flux[own]) / share,
        float(sizes[most]),
        where.points[own[most]],
    )
