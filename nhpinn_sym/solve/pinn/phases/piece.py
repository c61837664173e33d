"""What a net of one phase is given: the emitted file of the phase, and the part of the cell that it
sees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....emit.torch_phases import phase
from ....problem.errors import SolveError
from ...partition import Partition
from ...solution import Array
from ..network import Axes, Layers, Trial
from .poles import Pole, poles

_GRID = {1: 1024, 2: 128, 3: 40, 4: 16}
_GAP, _COARSE, _FINE, _PLACES = 2, 4, 12, 9
_MARGIN = 0.05
_SOFT = 0.5
"""Scale of the weights, by that for nets over a whole cell: what is cut at an interface is smooth
beyond it.
"""


@dataclass(frozen=True)
class Piece:
    """Phase `number`: `trial` is over its window: the whole period of an axis that it goes round,
    else the interval that it lies in.

    Nets are evaluated at unfolded points, in the window; coefficients at the points of the cell.
    Behind the axes of the window stand those of poles in the inclusions that it touches, with the
    `radii` of these.
    """

    number: int
    trial: Trial
    parameters: Mapping[str, Any]
    share: float
    radii: tuple[float, ...] = ()

    @property
    def window(self) -> Axes:
        return self.trial.axes[: len(self.trial.indices[0])]

    @property
    def _cell(self) -> Axes:
        return self.trial.module.AXES[: len(self.trial.indices[0])]

    def unfolded(self, points: Tensor) -> Tensor:
        """The images of points that lie in the window."""
        return unfolded(points, self.window, tuple(b - a for _, a, b in self._cell))

    def with_poles(self, poles: Sequence[Pole]) -> Piece:
        """With inputs for these poles."""
        axes, dim = self.trial.axes, len(self.window)
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
        """Of `size`, what the net takes: half, where the phase is an inclusion."""
        return size if any(kind == "periodic" for kind, _, _ in self.window) else max(1, size // 2)

    def layers(self, partition: Partition, size: int, scale: float, seed: int) -> Layers:
        """A random hidden layer; every feature changes sign at a point of the phase. Inclusions of
        one material get different ones.
        """
        count, soft, zero = self.features(size), _SOFT * scale, (0,) * len(self.window)
        ((weight, _),) = self.trial.features(
            count,
            (*(soft,) * len(self.window), *(soft * r for r in self.radii)),
            seed + self.number,
        )
        centre = self.trial.embed(self.unfolded(self.draw(partition, count, seed)), (zero,))[zero]
        return [(weight, -(weight * centre).sum(-1))]

    def draw(self, partition: Partition, count: int, seed: int) -> Tensor:
        """Sobol points of the cell that lie in the phase, (count, d)."""
        engine = torch.quasirandom.SobolEngine(len(self.window), scramble=True, seed=seed)
        low, high = (np.array([axis[k] for axis in self.window]) for k in (1, 2))
        found, held = list[Array](), 0
        while held < count:
            unit = engine.draw(max(256, 2 * count), dtype=torch.float64).numpy()
            points = partition.labels.folded(low + unit * (high - low))
            found.append(points[partition.labels(points) == self.number])
            held += len(found[-1])
        return torch.as_tensor(np.concatenate(found)[:count], device=self.trial.device)


def unfolded(points: Tensor, axes: Axes, periods: tuple[float, ...]) -> Tensor:
    """Points moved by whole periods into the windows of the "scaled" axes."""
    columns = [
        p if kind == "periodic" else a + torch.remainder(p - a, period)
        for p, (kind, a, _), period in zip(points.T, axes, periods, strict=True)
    ]
    return torch.stack(columns, -1)


def pieces(partition: Partition, parameters: Mapping[str, Any], device: str) -> tuple[Piece, ...]:
    """One per phase, in the order of the phases."""
    dim = partition.dim
    n, bounds = _GRID[dim], partition.labels.bounds
    lines = [a + (b - a) * (np.arange(n) + 0.5) / n for a, b in bounds]
    grid = partition.labels(
        np.stack([g.ravel() for g in np.meshgrid(*lines, indexing="ij")], -1)
    ).reshape((n,) * dim)
    out = []
    rule = partition.quadrature(_FINE)
    for k, cells in enumerate(partition.cells):
        inside_k, held = rule.points[rule.labels == k], grid == k
        if not len(inside_k):
            raise SolveError(
                "a phase is too small, or too thin, to be told from a point",
                term=f"phase {k}",
                remedy='use backend="fourier" or FEM',
            )
        occupied = [held.any(tuple(j for j in range(dim) if j != axis)) for axis in range(dim)]
        for axis, (a, b) in enumerate(bounds):  # a phase between the points of the grid
            occupied[axis][
                np.clip(((inside_k[:, axis] - a) / (b - a) * n).astype(int), 0, n - 1)
            ] = True
        axes = tuple(
            _narrow(column, ends, n) or _window(row, *ends)
            for column, row, ends in zip(inside_k.T, occupied, bounds, strict=True)
        )
        share = float(rule.weights[rule.labels == k].sum() / rule.weights.sum())
        out.append(
            Piece(
                k,
                Trial(f"cell_residual_phase_{k}", phase(cells, k, partition.count), axes, device),
                parameters,
                share,
            )
        )
    inside = {p.number: poles(partition, p.number, p.window) for p in out}
    touching = partition.interfaces(_COARSE)
    pairs = {
        pair
        for a, b in zip(touching.minus.tolist(), touching.plus.tolist(), strict=True)
        for pair in ((a, b), (b, a))
    }
    return tuple(p.with_poles(_beside(p.number, inside, pairs, partition)) for p in out)


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
    low, high = float(column.min()), float(column.max())
    width = high - low
    return (
        ("scaled", low - _MARGIN * width, high + _MARGIN * width)
        if 0 < width < 3 * (ends[1] - ends[0]) / n
        else None
    )


def _window(occupied: Any, a: float, b: float) -> tuple[str, float, float]:
    """The axis of a net that sees only the occupied part of (a, b), which may go on beyond b."""
    places, n = np.flatnonzero(occupied), len(occupied)
    gaps = np.diff(np.append(places, places[0] + n))
    widest = int(gaps.argmax())
    if gaps[widest] <= _GAP:
        return "periodic", a, b
    step = (b - a) / n
    first = int(places[(widest + 1) % len(places)])
    length = n - int(gaps[widest]) + 1
    return "scaled", a + (first - 0.5) * step, a + (first + length + 0.5) * step
