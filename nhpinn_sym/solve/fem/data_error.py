"""How much of the data the quadrature of a mesh misses.

Two meshes that both miss a narrow feature agree. So the means of every datum by the quadrature of
the mesh are compared with those by a finer one, between the lines that the data ask for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import sympy as sp

from ...lower.interfaces import in_middles, middle_symbols
from ...operator.numbers.data import DataSpace
from ...operator.numbers.integrate import mean_of_function
from ...operator.numbers.panels import evaluator
from ...runtime.arrays import PointFunction
from ...runtime.fitted.functions import FittedMesh, SimplexRule
from ...runtime.lattice import Lattice
from ...runtime.mesh import Mesh
from ...runtime.quadrature import GaussRule, Quadrature, QuadratureRule, rule_on
from ..solution import Array
from .fitted_layout import FittedLayout, GivenLayout
from .layout import Layout, Meshes

# Parts of a cell along each axis between which the finer quadrature stands, where no lines can be
# at jumps.
_FINER = {1: 8, 2: 5, 3: 3}
# The same where lines stand at all breaks of the data.
_SMOOTH_PARTS = 2
# Size of a datum, beside the largest of a few, below which it may be rounding.
_VANISHING = 1e-6
# Share of an axis within which two lines are one.
_SAME = 1e-13
# Periods that are a whole number of them.
_WHOLE = 1e-9
# In the period, along each axis.
_PLACES = sp.symbols("place1:4", cls=sp.Dummy, real=True)
# Points of the finer quadrature, of formulas and of fields; above, cells are cut into fewer parts.
_MOST = 20_000_000
# Points of the finer quadrature where an external field has to be asked at each.
_MOST_OF_A_FIELD = 300_000


def data_error(
    data: Sequence[sp.Expr],
    symbols: Sequence[sp.Symbol],
    values: Mapping[sp.Symbol, float],
    layout: Meshes | FittedLayout | GivenLayout,
    mesh: Mesh,
    degree: int,
    sources: Collection[sp.Expr] = (),
) -> float:
    """The largest relative error of the means of the data, and of their inverses where they are
    positive, but for those that are `sources`: these may vanish somewhere.

    values: a number for each symbol of the data that is no coordinate; functions without a formula
    and symbols that have none are left out.
    """
    if not isinstance(layout, (FittedLayout, GivenLayout)) and layout.resolves(mesh):
        return 0.0
    worst = 0.0
    parts: list[tuple[sp.Expr, tuple[int, ...]]] = []
    vanishing: set[sp.Expr] = set()
    for datum in data:
        put = datum.xreplace({v: sp.Float(x, 17) for v, x in values.items()})
        axes = tuple(k for k, v in enumerate(symbols) if v in put.free_symbols)
        if axes and put.free_symbols <= set(symbols):
            own = put.as_real_imag() if put.has(sp.I) else (put,)
            parts += [(part, axes) for part in own if part != 0]
            vanishing.update(own if datum in sources else ())
    for axes in dict.fromkeys(axes for _, axes in parts):
        some = [part for part, own in parts if own == axes]
        inverses = [part not in vanishing for part in some]
        if isinstance(mesh, FittedMesh):
            worst = max(worst, _missed_by_triangles(some, inverses, symbols, mesh, degree))
            continue
        if isinstance(layout, Layout) and isinstance(mesh, Lattice):
            worst = max(worst, _missed(some, inverses, symbols, axes, layout, mesh, degree))
            continue
        calls = [evaluator(part, tuple(symbols)) for part in some]
        worst = max(worst, _beside_finer(calls, inverses, mesh, degree))
    return worst


def _beside_finer(
    calls: Sequence[Callable[[Array], Array]], inverses: Sequence[bool], mesh: Mesh, degree: int
) -> float:
    """By the quadrature of the elements against one with twice as many points."""
    own, fine = (
        [_means(f, rule_on(mesh, n).blocks(), wanted) for f, wanted in zip(calls, inverses)]
        for n in (degree + 1, 2 * degree + 2)
    )
    return _worst(own, fine)


def _missed_by_triangles(
    data: Sequence[sp.Expr],
    inverses: Sequence[bool],
    symbols: Sequence[sp.Symbol],
    mesh: FittedMesh,
    degree: int,
) -> float:
    """Of triangles that fit the interfaces, whose conditions are asked in their middles: against
    means between the interfaces."""
    rule = SimplexRule(mesh, (mesh.degree or degree) + 1).inside()
    middles = np.repeat(mesh.middles, len(rule.points) // len(mesh.middles), axis=0)
    both = Quadrature(np.concatenate([rule.points, middles], axis=1), rule.weights)
    known = (*symbols, *middle_symbols(symbols))
    calls = [evaluator(in_middles(datum, symbols), known) for datum in data]
    own = [_means(call, [both], wanted) for call, wanted in zip(calls, inverses, strict=True)]
    space = DataSpace(tuple(symbols), mesh.bounds, len(symbols))
    return _beside_adaptive(list(zip(data, own, strict=True)), space)


class FieldData(NamedTuple):
    """An external field: points (n, d) -> values (n,), of which nothing else is known.

    inverse: whether the mean of its inverse counts too, as of what fluxes are made of: a reaction
             may vanish somewhere.
    parts  : of the boundary, where it stands on these alone.
    """

    values: PointFunction
    inverse: bool = True
    parts: tuple[str, ...] = ()

    def means(self, rule: QuadratureRule) -> _Means:
        """By the points of the rule where the field stands."""
        blocks = [_joined([rule.on(part) for part in self.parts])] if self.parts else rule.blocks()
        return _means(self.values, blocks, self.inverse)


def _joined(parts: Sequence[Quadrature]) -> Quadrature:
    """All points at once: functions are asked once."""
    points = np.concatenate([part.points for part in parts])
    return Quadrature(points, np.concatenate([part.weights for part in parts]))


def fields_error(
    fields: Sequence[FieldData],
    layout: Meshes | FittedLayout | GivenLayout,
    mesh: Mesh,
    degree: int,
    normals: Mapping[str, tuple[float, ...]] = MappingProxyType({}),
) -> float:
    """The same of fields; what vanishes beside the largest of them is measured by that.

    normals: of the parts of the boundary of a box, by their names.
    """
    rules: tuple[QuadratureRule, QuadratureRule]
    if isinstance(layout, Layout) and isinstance(mesh, Lattice):
        axes = range(mesh.dim)
        finer = _finer(layout, mesh, axes, degree, _FINER[mesh.dim], _MOST_OF_A_FIELD)
        own, fine = mesh, Lattice(tuple(finer))
        rules = GaussRule(own, degree + 1, normals), GaussRule(fine, degree + 1, normals)
    else:
        rules = rule_on(mesh, degree + 1), rule_on(mesh, 2 * degree + 2)
    return _worst(*([field.means(rule) for field in fields] for rule in rules))


def _missed(
    data: Sequence[sp.Expr],
    inverses: Sequence[bool],
    symbols: Sequence[sp.Symbol],
    axes: Sequence[int],
    layout: Layout,
    lattice: Lattice,
    degree: int,
) -> float:
    """Of real data that hold the coordinates of these axes."""
    held = tuple(symbols[k] for k in axes)
    calls = [evaluator(datum, held) for datum in data]
    lines = [lattice.lines[k] for k in axes]
    own = _all_means(calls, inverses, _rule(lines, degree))
    cut = _FINER[len(axes)] if layout.erratic else _SMOOTH_PARTS
    # Between the same lines, and those that the data ask for: both rules see the same jumps.
    finer = _finer(layout, lattice, axes, degree, cut, _MOST)
    missed = _worst(own, _all_means(calls, inverses, _rule(finer, degree)))
    if not layout.erratic:
        return missed
    return max(missed, _unseen(data, own, held, lines))


def _unseen(
    data: Sequence[sp.Expr],
    means: Sequence[_Means],
    symbols: Sequence[sp.Symbol],
    lines: Sequence[Array],
) -> float:
    """The same against means between the interfaces: a thin layer across the axes lies between the
    points of both meshes. What is not integrated within the limits says nothing.
    """
    found = [_one_period(datum, symbols, lines) for datum in data]
    worst = 0.0
    for space in dict.fromkeys(space for _, space in found):
        chosen = [
            (part, mesh)
            for (part, own), mesh in zip(found, means, strict=True)
            if own == space and not part.has(sp.floor)
        ]
        if chosen:
            worst = max(worst, _beside_adaptive(chosen, space))
    return worst


def _beside_adaptive(chosen: Sequence[tuple[sp.Expr, _Means]], space: DataSpace) -> float:
    """The largest relative difference of means from those of an adaptive quadrature."""
    means, errors = _adaptive_means(tuple(part for part, _ in chosen), space)
    worst = 0.0
    for k, (_, mesh) in enumerate(chosen):
        difference = abs(mesh.value - means[k]) - errors[k]
        worst = max(worst, difference / (mesh.size or 1.0))
        if mesh.inverse > 0:
            other = len(chosen) + k
            difference = abs(mesh.inverse - means[other]) - errors[other]
            worst = max(worst, difference / mesh.inverse)
    return float(worst)


@lru_cache(maxsize=256)
def _adaptive_means(parts: tuple[sp.Expr, ...], space: DataSpace) -> tuple[Array, Array]:
    """The means of data, then those of their inverses where they are positive, and bounds on their
    errors: the same for every mesh.
    """
    values = [evaluator(part, space.symbols) for part in parts]

    def columns(points: Array) -> Array:
        with np.errstate(divide="ignore"):
            own = np.array([call(points) for call in values])
            inverse = np.where(own > 0, 1 / own, 0.0)
        return np.concatenate([own, inverse]).T

    means, errors = mean_of_function(columns, parts, space)
    return means, np.broadcast_to(errors, means.shape)


def _one_period(
    datum: sp.Expr, symbols: Sequence[sp.Symbol], lines: Sequence[Array]
) -> tuple[sp.Expr, DataSpace]:
    """The datum and its box, with the place in the period for each coordinate in which it repeats
    itself by a floor, and which holds whole periods: the mean is the same.
    """
    names = list(symbols)
    box = [(float(line[0]), float(line[-1])) for line in lines]
    for k, (symbol, place) in enumerate(zip(symbols, _PLACES, strict=False)):
        floors = [step for step in datum.atoms(sp.floor) if step.has(symbol)]
        within = datum.xreplace({step: step.args[0] - place for step in floors})
        periods = [step.args[0].diff(symbol) * (box[k][1] - box[k][0]) for step in floors]
        whole = len(floors) == 1 and abs(periods[0] - round(periods[0])) < _WHOLE
        if whole and not within.has(symbol):
            datum = within
            names[k] = place
            box[k] = (0.0, 1.0)
    return datum, DataSpace(tuple(names), tuple(box), len(box))


def _worst(own: Sequence[_Means], finer: Sequence[_Means]) -> float:
    """The largest relative difference of the means by the rule of the mesh and by a finer one;
    means that are not finite say nothing.
    """
    known = [pair for pair in zip(own, finer, strict=True) if np.isfinite(pair).all()]
    largest = max((fine.size for _, fine in known), default=0.0)
    worst = 0.0
    for coarse, fine in known:
        size = max(fine.size, _VANISHING * largest) or 1.0
        worst = max(worst, abs(coarse.value - fine.value) / size)
        if fine.inverse > 0:
            worst = max(worst, abs(coarse.inverse - fine.inverse) / fine.inverse)
    return worst


def _finer(
    layout: Layout, lattice: Lattice, axes: Sequence[int], degree: int, parts: int, most: int
) -> list[Array]:
    """The lines of the mesh and of the panels, each interval cut into `parts`, fewer where that
    would be more than `most` points.
    """
    panels = layout.panels or ((),) * lattice.dim
    found = [_merged(lattice.lines[k], panels[k]) for k in axes]
    count = np.prod([(len(lines) - 1.0) * (degree + 1) for lines in found])
    while parts > 1 and count * parts ** len(axes) > most:
        parts -= 1
    return [_divided(lines, parts) for lines in found]


def _merged(lines: Array, others: Sequence[float]) -> Array:
    """Both, and those once that are the same up to rounding."""
    both = np.union1d(lines, others)
    apart = np.diff(both) > _SAME * (both[-1] - both[0])
    return both[np.concatenate([[True], apart])]


def _divided(lines: Array, parts: int) -> Array:
    steps = np.arange(parts) / parts
    return np.append((lines[:-1, None] + np.diff(lines)[:, None] * steps).ravel(), lines[-1])


class _Means(NamedTuple):
    """The means of f, |f| and 1/f (0 where f is not positive everywhere)."""

    value: float
    size: float
    inverse: float


def _rule(lines: Sequence[Array], degree: int) -> QuadratureRule:
    """The Gauss rule of elements of that degree between lines."""
    return rule_on(Lattice(tuple(lines)), degree + 1)


def _all_means(
    calls: Sequence[Callable[[Array], Array]], inverses: Sequence[bool], rule: QuadratureRule
) -> list[_Means]:
    pairs = zip(calls, inverses, strict=True)
    return [_means(call, rule.blocks(), wanted) for call, wanted in pairs]


def _means(
    call: Callable[[Array], Array], blocks: Iterable[Quadrature], positive: bool = True
) -> _Means:
    """positive: whether it may be, and its inverse is asked for."""
    volume = 0.0
    value = 0.0
    size = 0.0
    inverse = 0.0
    for some in blocks:
        values = call(some.points)
        volume += float(some.weights.sum())
        value += float(values @ some.weights)
        size += float(np.abs(values) @ some.weights)
        positive = positive and bool((values > 0).all())
        if positive:
            with np.errstate(divide="ignore"):
                inverse += float((1 / values) @ some.weights)
    if not positive:
        inverse = 0.0
    return _Means(value / volume, size / volume, inverse / volume)
