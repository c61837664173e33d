"""The data of cell problems and of boundary value problems, and what they ask of a mesh."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import sympy as sp

from ..lower.forms import LoweredCells, LoweredEquation
from ..operator.domain_filter import DomainFilter
from ..operator.numbers.data import DataAxis, Interval
from ..operator.table import FastAxis
from ..runtime.arrays import Array, Integers
from .images import external_images, with_images
from .resolve import AxisResolution, Resolution, Value, resolve

# Lines of an axis, over all periods, that are written out.
_MOST_LINES = 200_000
# Share of the panel of either scale that lines of the two have between them at least.
_APART = 0.5
# Share of a piece of a boundary over which data vary sharply.
_SHARP = 1 / 32
# Of an interval: places that differ by less are one.
_ROUNDING = 1e-11


def resolve_cells(
    cells: LoweredCells, parameters: Mapping[str, Any], slow_box: Sequence[Interval] = ()
) -> Resolution:
    """What the coefficients and sources of cell problems ask of a mesh of the cell, along
    `cells.coordinates`.

    parameters : numbers by name; functions, and those that are missing, count as 1.
    slow_box   : one interval for each of `cells.slow`; the answer holds for all slow points in
                 it. A point is (x, x).
    The effective coefficients of a finer level ask for what its own data ask for.
    """
    axes = [
        (v, interval, k not in cells.free)
        for k, (v, interval) in enumerate(zip(cells.coordinates, cells.cell.bounds, strict=True))
    ]
    slow = dict(zip(cells.slow, slow_box, strict=True))
    values = _values(parameters, _parameters(cells)) | slow | _finer(cells)
    found = resolve(_all_data(cells), axes, values)
    found = with_images(found, list(external_images(cells).values()))
    if cells.finer is None:
        return found
    own = set(cells.coordinates)
    return replace(found, curved=tuple(c for c in found.curved if c.free_symbols & own))


def resolve_slow(
    cells: LoweredCells,
    parameters: Mapping[str, Any],
    slow_box: Sequence[Interval],
    periodic: Sequence[bool] = (),
    domain: DomainFilter | None = None,
) -> Resolution:
    """What the same data ask of points along `cells.slow`, for all points of the cell;
    `periodic`: which of them are (default: none); domain: what of their box counts."""
    known = periodic or (False,) * len(cells.slow)
    axes = [(v, interval, p) for v, interval, p in zip(cells.slow, slow_box, known, strict=True)]
    fast: dict[sp.Symbol, Value] = dict(zip(cells.coordinates, cells.cell.bounds, strict=True))
    fast |= _finer(cells)
    values = _values(parameters, _parameters(cells)) | fast
    return resolve(_all_data(cells), axes, values, domain)


def resolve_equation(equation: LoweredEquation, parameters: Mapping[str, Any]) -> Resolution:
    """What coefficients, sources, boundary and initial data ask of a mesh along the x
    coordinates, at all times.

    parameters : numbers by name, eps among them where the equation has it. One period is
                 resolved, and repeated.
    """
    whole = equation.domain.bounds
    axes = [
        (v, interval, k in equation.periodic)
        for k, (v, interval) in enumerate(zip(equation.coordinates, whole, strict=True))
    ]
    return _over_periods(equation, parameters, axes, _time_range(equation))


def resolve_time(equation: LoweredEquation, parameters: Mapping[str, Any]) -> Resolution:
    """What the same data ask of time steps: one axis, the time. The equation must have one."""
    assert equation.time is not None
    space: dict[sp.Symbol, Value] = dict(
        zip(equation.coordinates, equation.domain.bounds, strict=True)
    )
    span = _time_range(equation)[equation.time]
    assert isinstance(span, tuple)
    return _over_periods(equation, parameters, [(equation.time, span, False)], space)


def cell_data(cells: LoweredCells) -> tuple[sp.Expr, ...]:
    """Every coefficient of the cell problems and of the effective law."""
    terms = chain(cells.bilinear, cells.mass, *(f.weak for f in cells.functions))
    data = [t.coefficient for t in terms] + [c.inside for c in cells.contacts]
    functionals = [*cells.effective, *cells.higher]
    for c in cells.constants:
        functionals += [c.numerator, c.denominator]
    for functional in functionals:
        data += [functional.constant, *(t.coefficient for t in functional.terms)]
    return tuple(dict.fromkeys(data))


def constant_axes(cells: LoweredCells) -> frozenset[int]:
    """The axes along which all data are constant, and so all cell functions; none where a datum has
    no formula, or nothing varies at all."""
    if cells.externals or cells.contacts:
        return frozenset()
    held = set().union(*(datum.free_symbols for datum in cell_data(cells)))
    places = zip(cells.coordinates, cells.middles or cells.coordinates, strict=True)
    axes = {k for k, place in enumerate(places) if not held & {*place}} - {*cells.free}
    if len(axes) == len(cells.coordinates):
        return frozenset()
    return frozenset(axes)


def _all_data(cells: LoweredCells) -> tuple[sp.Expr, ...]:
    """Those of the finer level as well."""
    return cell_data(cells) + (() if cells.finer is None else cell_data(cells.finer))


def _parameters(cells: LoweredCells) -> tuple[sp.Symbol, ...]:
    return cells.parameters + (() if cells.finer is None else cells.finer.parameters)


def _finer(cells: LoweredCells) -> dict[sp.Symbol, Value]:
    """The ranges of the coordinates of the finer level."""
    if cells.finer is None:
        return {}
    return dict(zip(cells.finer.coordinates, cells.finer.cell.bounds, strict=True))


def equation_data(equation: LoweredEquation) -> tuple[sp.Expr, ...]:
    """Coefficients and sources, in both scales where they have two, and boundary and initial
    data.
    """
    given = [value for _, value in _boundary_data(equation)]
    return tuple(dict.fromkeys([*_inner_data(equation), *given, *equation.initial]))


def _inner_data(equation: LoweredEquation) -> list[sp.Expr]:
    """Coefficients and sources."""
    data = [*equation.two_scale, *equation.averaged]
    if not equation.two_scale:
        terms = chain(equation.bilinear, equation.mass, equation.linear)
        data += [t.coefficient for t in terms]
    return data


def _boundary_data(equation: LoweredEquation) -> list[tuple[tuple[str, ...], sp.Expr]]:
    """Each datum with the parts that it is given on."""
    found = [(e.parts, e.value) for e in equation.essential]
    for n in equation.natural:
        found += [(n.parts, value) for value in (*n.factors, n.value)]
    return found


def _data_of_region(equation: LoweredEquation, values: Mapping[sp.Symbol, Value]) -> list[sp.Expr]:
    """The same for a domain that is no box. What is given on its boundary may be anything inside of
    it: it is asked for where it varies sharply along the parts that it is given on."""
    sharp = []
    for parts, value in _boundary_data(equation):
        along = resolve_along(value, parts, equation, values)
        if any(found.jumps or found.feature < _SHARP * found.axes[0].length for found in along):
            sharp.append(value)
    return list(dict.fromkeys([*_inner_data(equation), *sharp, *equation.initial]))


def resolve_along(
    value: sp.Expr,
    parts: Sequence[str],
    equation: LoweredEquation,
    values: Mapping[sp.Symbol, Value],
    more: Sequence[DataAxis] = (),
) -> list[Resolution]:
    """What a boundary datum asks of each piece of some parts of a domain that is no box: along a
    coordinate of its own, or else in the box around the part; and along `more` axes."""
    x = equation.coordinates
    domain = DomainFilter.of(equation.domain, x)
    found = []
    for name in parts:
        for chart in equation.domain.part(name).charts(x):
            axes = [(v, ends, False) for v, ends in chart.ranges.items()]
            axes = axes or [(v, e, False) for v, e in zip(x, equation.domain.bounds, strict=True)]
            own = None if chart.places else domain
            datum = sp.sympify(value).subs(chart.places)
            found.append(resolve([datum], [*axes, *more], values, own))
    return found


def averaged_ranges(equation: LoweredEquation) -> dict[sp.Symbol, Value]:
    """The periods of the coordinates that effective coefficients are averages over."""
    return {axis.symbol: _interval(axis) for axis in equation.averaged_axes}


def _values(parameters: Mapping[str, Any], symbols: Iterable[sp.Symbol]) -> dict[sp.Symbol, Value]:
    return {
        v: float(parameters[str(v)])
        for v in symbols
        if isinstance(parameters.get(str(v)), (int, float))
    }


def _time_range(equation: LoweredEquation) -> dict[sp.Symbol, Value]:
    if equation.time is None or equation.final_time is None:
        return {}
    return {equation.time: (0.0, float(equation.final_time))}


def _over_periods(
    equation: LoweredEquation,
    parameters: Mapping[str, Any],
    axes: Sequence[tuple[sp.Symbol, Interval, bool]],
    others: Mapping[sp.Symbol, Value],
) -> Resolution:
    """The resolution of both scales together, the fast one repeated over all periods of an axis."""
    symbols = [v for v, _, _ in axes]
    physical = (*equation.coordinates, equation.time)
    fast = [axis for axis in equation.fast if physical[axis.slow] in symbols]
    values = _values(parameters, equation.parameters) | dict(others) | averaged_ranges(equation)
    values |= {a.symbol: _interval(a) for a in equation.fast if a not in fast}
    both = [*axes, *((a.symbol, _interval(a), True) for a in fast)]
    domain = DomainFilter.of(equation.domain, equation.coordinates)
    data = equation_data(equation) if domain is None else _data_of_region(equation, values)
    found = resolve(data, both, values, domain)
    if not fast:
        return found
    eps = float(parameters["epsilon"])
    merged = list(found.axes[: len(axes)])
    failures = [] if found.unresolved is None else [found.unresolved]
    for axis, inner in zip(fast, found.axes[len(axes) :], strict=True):
        k = symbols.index(physical[axis.slow])
        try:
            merged[k] = _with_images(merged[k], inner, eps ** float(axis.power))
        except OverflowError as cause:
            failures.append(str(cause))
    return Resolution(tuple(merged), found.jumps, found.curved, "; ".join(failures) or None)


def _interval(axis: FastAxis) -> Interval:
    return float(axis.interval[0]), float(axis.interval[1])


def _with_images(slow: AxisResolution, fast: AxisResolution, scale: float) -> AxisResolution:
    """The lines of a coordinate x with those of y = x/scale in every period. OverflowError where
    they are too many."""
    if fast.harmonics == 0 and not fast.breaks:
        return slow
    a, b = slow.interval
    low = fast.interval[0]
    period = fast.length
    first = int(np.floor((a / scale - low) / period))
    last = int(np.ceil((b / scale - low) / period))
    if (last - first) * len(fast.lines) > _MOST_LINES:
        raise OverflowError(
            f"{last - first} periods of {len(fast.lines) - 1} panels along {slow.symbol}"
        )
    numbers = np.arange(first, last)
    fast_breaks = _images(fast.breaks, numbers, scale, period, slow.interval)
    fast_lines = _images(fast.lines, numbers, scale, period, slow.interval)
    breaks = _apart(np.concatenate([fast_breaks, slow.breaks]), slow.interval)
    lines = combined_lines(np.array(slow.lines), fast_lines, breaks)
    waves = None
    if slow.harmonics is not None and fast.harmonics is not None and not len(breaks):
        periods = (b - a) / (period * scale)
        # In periods of the whole interval, as those of the slow coordinate are.
        waves = max(slow.harmonics, int(np.ceil(fast.harmonics * periods - 1e-9)))
    return replace(
        slow, breaks=tuple(breaks.tolist()), lines=tuple(lines.tolist()), harmonics=waves
    )


def _images(
    points: Sequence[float],
    numbers: Integers,
    scale: float,
    period: float,
    interval: Interval,
) -> Array:
    """Points of a period in all periods, those inside the interval."""
    return _apart(scale * (np.asarray(points)[None, :] + period * numbers[:, None]), interval)


def _apart(points: Array, interval: Interval) -> Array:
    """The points inside the interval: those that two periods or scales share, and those on the
    ends, differ by rounding."""
    a, b = interval
    margin = _ROUNDING * (b - a)
    found = np.unique(points)
    found = found[(found > a + margin) & (found < b - margin)]
    return found[np.diff(found, prepend=-np.inf) > margin]


def combined_lines(one: Array, other: Array, breaks: Array) -> Array:
    """The lines of two sources where they are not much closer than the panels of both; all
    breaks, and the ends of `one`."""
    ends = one[[0, -1]]
    fixed = np.unique(np.concatenate([ends, breaks]))
    candidates = np.unique(np.concatenate([one, other, breaks]))
    widths = _panel_widths(one, candidates)
    other_widths = _panel_widths(np.concatenate([ends[:1], other, ends[1:]]), candidates)
    # Close lines of two scales would make cells that neither asks for.
    gaps = _APART * np.minimum(widths, other_widths)
    following = fixed[np.minimum(np.searchsorted(fixed, candidates, side="right"), len(fixed) - 1)]
    standing = np.isin(candidates, fixed)
    kept = [float(candidates[0])]
    columns = (candidates[1:], gaps[1:], following[1:], standing[1:])
    for v, gap, after, always in zip(*(c.tolist() for c in columns), strict=True):
        if always or (v - kept[-1] >= gap and after - v >= gap):
            kept.append(v)
    return np.array(kept)


def _panel_widths(lines: Array, points: Array) -> Array:
    """The width of the narrower of the panels that meet at each point."""
    widths = np.diff(lines)
    right = np.clip(np.searchsorted(lines, points, side="right") - 1, 0, len(widths) - 1)
    left = np.clip(np.searchsorted(lines, points, side="left") - 1, 0, len(widths) - 1)
    return np.minimum(widths[left], widths[right])
