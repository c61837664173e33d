"""What a net of one phase is given: the emitted file of the phase, the part of the cell that it
sees, and poles in the inclusions beside it.

The field outside a disk is a series in 1/z about its center; outside an ellipse it is singular
between the foci, which the centers of the inscribed circles at its ends come near to. Poles are
such centers: the largest inscribed ball first, then those that touch what is far from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....emit.torch_phases import phase
from ....problem.errors import SolveError
from ....runtime.kd_tree import kd_tree
from ....runtime.tensor_grids import tensor_points
from ...level_set_quadrature import Partition
from ...solution import Array
from ..fields import unfold
from ..network import Axes, Layers, TrialSpace

# Of the quadrature whose points are candidates for poles.
_ORDER = 12
# Points of a line in a part of an interface, from which distances are measured.
_INTERFACE = 16
# Poles in an inclusion: each adds inputs to the nets around it.
_MOST = 3
# Distance of the interface from all poles, in radii of their balls, that asks for another pole.
_FAR = 1.6
# Distance, in radii, at which the ball of a further pole touches what is far from the others.
_TOUCHING = 1.15
# Radius of the ball of a further pole, relative to that of the first one, at least.
_SMALL = 0.15
# Radius of the ball about the centroid, relative to the largest inscribed one, from which the
# centroid is the first pole.
_ROUND = 0.93


@dataclass(frozen=True)
class Pole:
    """center: a coordinate per axis, None where the inclusion goes on along the axis; radius: of
    the inscribed ball.
    """

    center: tuple[float | None, ...]
    radius: float


def poles(partition: Partition, number: int, window: Axes) -> list[Pole]:
    """Those of phase `number`; none where it is no inclusion in at least two directions."""
    axes = [k for k, (kind, _, _) in enumerate(window) if kind == "scaled"]
    if len(axes) < 2:
        return []
    rule = partition.quadrature(_ORDER)
    found = partition.interfaces(_INTERFACE)
    beside = (found.minus == number) | (found.plus == number)
    inner = _unfold(rule.points[rule.labels == number], partition, window)[:, axes]
    outer = _unfold(found.points[beside], partition, window)[:, axes]
    weights = rule.weights[rule.labels == number, None]
    centroid = (weights * inner).sum(0, keepdims=True) / weights.sum()
    candidates = np.concatenate([centroid, inner])
    radii = kd_tree(outer).query(candidates)[0]
    found_poles = []
    for k in _choose_balls(candidates, radii, outer):
        places = dict(zip(axes, candidates[k], strict=True))
        center = tuple(float(places[j]) if j in places else None for j in range(len(window)))
        found_poles.append(Pole(center, float(radii[k])))
    return found_poles


def _choose_balls(candidates: Array, radii: Array, outer: Array) -> list[int]:
    """Numbers of the inscribed balls, first the centroid's or the largest, then those that touch
    what of the interface, `outer`, is far from all before.
    """
    chosen = [0 if radii[0] >= _ROUND * radii.max() else int(radii.argmax())]
    while len(chosen) < _MOST:
        distances = [np.linalg.norm(outer - candidates[k], axis=1) / radii[k] for k in chosen]
        nearest = np.min(distances, axis=0)
        farthest = outer[nearest.argmax()]
        touching = np.linalg.norm(candidates - farthest, axis=1) <= _TOUCHING * radii
        best = int(np.where(touching, radii, 0).argmax())
        small = radii[best] < _SMALL * radii[chosen[0]]
        if nearest.max() < _FAR or small or not touching.any():
            break
        chosen.append(best)
    return chosen


def _unfold(points: Array, partition: Partition, window: Axes) -> Array:
    """The images of points in the window."""
    out = points.copy()
    for k, ((kind, start, _), (a, b)) in enumerate(
        zip(window, partition.labels.bounds, strict=True)
    ):
        if kind == "scaled":
            out[:, k] = start + np.mod(points[:, k] - start, b - a)
    return out


# Points a line at which the phases are looked at, by the dimension of the cell.
_GRID = {1: 1024, 2: 128, 3: 40, 4: 16}
# Empty steps of this grid between occupied ones that are no gap: the phase goes round.
_GAP = 2
# Steps of this grid below which it does not say where a phase ends.
_NARROW = 3
# Points of a line in a part of an interface, to see which phases touch.
_COARSE = 4
# Order of the quadrature that finds phases between the points of the grid, and their shares.
_FINE = 12
# Digits in which two poles at one place agree.
_PLACES = 9
# By which the window of a thin phase is wider than the phase, relative to it.
_MARGIN = 0.05
# Scale of the weights, by that for nets over a whole cell: what is cut at an interface is smooth
# beyond it.
_SOFT = 0.5


@dataclass(frozen=True)
class Subdomain:
    """Phase `number`: `trial` is over its window: the whole period of an axis that it goes round,
    else the interval that it lies in.

    Nets are evaluated at unfolded points, in the window; coefficients at the points of the cell.
    Behind the axes of the window stand those of poles in the inclusions that it touches, with the
    `radii` of these. The net of a void, where no equation holds, has no features.
    """

    number: int
    trial: TrialSpace
    parameters: Mapping[str, Any]
    share: float
    void: bool
    radii: tuple[float, ...] = ()

    @property
    def window(self) -> Axes:
        return self.trial.axes[: len(self.trial.indices[0])]

    @property
    def _cell(self) -> Axes:
        return self.trial.module.AXES[: len(self.trial.indices[0])]

    def unfold(self, points: Tensor) -> Tensor:
        """The images of points that lie in the window."""
        return unfold(points, self.window, tuple(b - a for _, a, b in self._cell))

    def with_poles(self, poles: Sequence[Pole]) -> Subdomain:
        """With inputs for these poles."""
        axes = self.trial.axes
        dim = len(self.window)
        for pole in poles:
            axes = (
                *axes,
                *(
                    ("along", 0.0, 1.0) if c is None else ("pole", c, c + b - a)
                    for c, (_, a, b) in zip(pole.center, self._cell, strict=True)
                ),
            )
        return replace(
            self,
            trial=replace(self.trial, axes=axes),
            radii=tuple(pole.radius for pole in poles for _ in range(dim)),
        )

    def features(self, size: int) -> int:
        """Of `size`, what the net takes: half, where the phase is an inclusion; none in a void."""
        if self.void:
            return 0
        if any(kind == "periodic" for kind, _, _ in self.window):
            return size
        return max(1, size // 2)

    def layers(self, partition: Partition, size: int, scale: float, seed: int) -> Layers:
        """A random hidden layer; every feature changes sign at a point of the phase. Inclusions of
        one material get different ones.
        """
        count = self.features(size)
        soft = _SOFT * scale
        zero = (0,) * len(self.window)
        ((weight, _),) = self.trial.features(
            count,
            (*(soft,) * len(self.window), *(soft * r for r in self.radii)),
            seed + self.number,
        )
        centre = self.trial.embed(self.unfold(self.draw(partition, count, seed)), (zero,))[zero]
        return [(weight, -(weight * centre).sum(-1))]

    def draw(self, partition: Partition, count: int, seed: int) -> Tensor:
        """Sobol points of the cell that lie in the phase, (count, d)."""
        engine = torch.quasirandom.SobolEngine(len(self.window), scramble=True, seed=seed)
        low = np.array([a for _, a, _ in self.window])
        high = np.array([b for _, _, b in self.window])
        found = [np.empty((0, len(self.window)))]
        held = 0
        while held < count:
            unit = engine.draw(max(256, 2 * count), dtype=torch.float64).numpy()
            points = partition.labels.folded(low + unit * (high - low))
            found.append(points[partition.labels(points) == self.number])
            held += len(found[-1])
        return torch.as_tensor(np.concatenate(found)[:count], device=self.trial.device)


def make_subdomains(
    partition: Partition, parameters: Mapping[str, Any], device: str
) -> tuple[Subdomain, ...]:
    """One per phase, in the order of the phases."""
    rule = partition.quadrature(_FINE)
    grid = _label_grid(partition)
    found = []
    for k, cells in enumerate(partition.cells):
        here = rule.labels == k
        if not here.any():
            raise SolveError(
                "a phase is too small, or too thin, to be told from a point",
                term=f"phase {k}",
                remedy='use backend="fourier" or FEM',
            )
        axes = _window_of_phase(partition, grid == k, rule.points[here])
        source = phase(cells, k, partition.count)
        trial = TrialSpace(f"cell_residual_phase_{k}", source, axes, device)
        share = float(rule.weights[here].sum() / rule.weights.sum())
        found.append(Subdomain(k, trial, parameters, share, cells.void))
    inside = {p.number: poles(partition, p.number, p.window) for p in found}
    touching = partition.interfaces(_COARSE)
    pairs = set(zip(touching.minus.tolist(), touching.plus.tolist(), strict=True))
    pairs |= {(b, a) for a, b in pairs}
    return tuple(p.with_poles(_beside(p.number, inside, pairs, partition)) for p in found)


def _label_grid(partition: Partition) -> NDArray[np.int64]:
    """The phases at the middles of a uniform grid, (n, ..., n)."""
    n = _GRID[partition.dim]
    lines = [a + (b - a) * (np.arange(n) + 0.5) / n for a, b in partition.labels.bounds]
    points = tensor_points(lines)
    return partition.labels(points).reshape((n,) * partition.dim)


def _window_of_phase(partition: Partition, held: NDArray[np.bool_], inside: Array) -> Axes:
    """What the net of a phase sees of every axis, from the points of the grid that it holds, (n,
    ..., n), and points inside it, which may lie between them.
    """
    n = len(held)
    axes = []
    for axis, (a, b) in enumerate(partition.labels.bounds):
        occupied = held.any(tuple(j for j in range(partition.dim) if j != axis))
        steps = ((inside[:, axis] - a) / (b - a) * n).astype(int)
        occupied[np.clip(steps, 0, n - 1)] = True
        axes.append(_narrow(inside[:, axis], (a, b), n) or _window(occupied, a, b))
    return tuple(axes)


def _beside(
    number: int,
    inside: Mapping[int, Sequence[Pole]],
    pairs: set[tuple[int, int]],
    partition: Partition,
) -> list[Pole]:
    """The poles for the net of a phase: those in inclusions that touch it, and in what these
    enclose, each place once.

    A pole in the phase itself is none for its net: the centre of a coating lies in the core.
    """
    touching = [k for k in inside if (number, k) in pairs]
    enclosed = [
        k
        for k in inside
        if k != number and k not in touching and any((k, j) in pairs for j in touching)
    ]
    found: dict[tuple[float | None, ...], Pole] = {}
    for pole in (pole for k in (*touching, *enclosed) for pole in inside[k]):
        place = tuple(None if c is None else round(c, _PLACES) for c in pole.center)
        if _phase_at(pole, partition) != number and place not in found:
            found[place] = pole
    return list(found.values())


def _phase_at(pole: Pole, partition: Partition) -> int:
    """The phase at the centre of a pole."""
    centre = [
        (a + b) / 2 if c is None else c
        for c, (a, b) in zip(pole.center, partition.labels.bounds, strict=True)
    ]
    return int(partition.labels(np.array([centre]))[0])


def _narrow(column: Array, ends: tuple[float, float], n: int) -> tuple[str, float, float] | None:
    """The axis of a net that sees no more than a few steps of the grid: from the points of the
    phase themselves.
    """
    low = float(column.min())
    high = float(column.max())
    width = high - low
    if not 0 < width < _NARROW * (ends[1] - ends[0]) / n:
        return None
    return "scaled", low - _MARGIN * width, high + _MARGIN * width


def _window(occupied: Any, a: float, b: float) -> tuple[str, float, float]:
    """The axis of a net that sees only the occupied part of (a, b), which may go on beyond b."""
    places = np.flatnonzero(occupied)
    n = len(occupied)
    gaps = np.diff(np.append(places, places[0] + n))
    widest = int(gaps.argmax())
    if gaps[widest] <= _GAP:
        return "periodic", a, b
    step = (b - a) / n
    first = int(places[(widest + 1) % len(places)])
    length = n - int(gaps[widest]) + 1
    return "scaled", a + (first - 0.5) * step, a + (first + length + 0.5) * step
