"""L-stable, stiffly accurate SDIRK methods of order 4 for M(t) w' + K(t) w = F(t), written over
callables; both have five implicit stages and gamma = 1/4, and one matrix serves for both.

The first has stage order 1: data at a boundary that depend on time reduce its order to 2. The other
has stage order 2, and 3.25 or more is left; but its first stage is explicit and needs w' at the
start of a step. So the first one makes the first step, and after data may have jumped; the other
one goes on from the w' with which the step before has ended.

Sources: E. Hairer, G. Wanner, Solving Ordinary Differential Equations II, table IV.6.5; C. A.
Kennedy, M. H. Carpenter, Appl. Numer. Math. 44 (2003) 139, the implicit part of ARK4(3)6L[2]SA;
A. Ostermann, M. Roche, Math. Comp. 59 (1992) 403, for the orders that are left.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from .arrays import Array

GAMMA = 1 / 4


class _Stages(NamedTuple):
    """Of implicit stages: the times within a step, and the weights of the slopes before each, where
    GAMMA is that of its own. A step ends with its last stage.
    """

    nodes: tuple[float, ...]
    rows: tuple[tuple[float, ...], ...]


_FIRST = _Stages(
    (1 / 4, 3 / 4, 11 / 20, 1 / 2, 1.0),
    (
        (),
        (1 / 2,),
        (17 / 50, -1 / 25),
        (371 / 1360, -137 / 2720, 15 / 544),
        (25 / 24, -49 / 48, 125 / 16, -85 / 12),
    ),
)
# The first weight of every row is that of the slope at the start.
_FURTHER = _Stages(
    (1 / 2, 83 / 250, 31 / 50, 17 / 20, 1.0),
    (
        (1 / 4,),
        (8611 / 62500, -1743 / 31250),
        (5012029 / 34652500, -654441 / 2922500, 174375 / 388108),
        (
            15267082809 / 155376265600,
            -71443401 / 120774400,
            730878875 / 902184768,
            2285395 / 8070912,
        ),
        (82889 / 524892, 0.0, 15625 / 83664, 69875 / 102672, -2260 / 8211),
    ),
)

FIRST_STEPS = 16
"""Steps at which a span has one step at least."""
# So that a span of a whole number of steps does not get one more.
_ROUNDING = 1e-12
# Of a period, by which the last of its repetitions may be off.
_SAME_PHASE = 1e-11
# Rows of all factors that are kept together: about half a gigabyte of them.
_MOST_ROWS = 1_000_000
# Within a step, by which its stages are told apart.
_PLACES = 2**20
# Steps that differ by this share are one: their matrices are factorized once.
_SAME = 1e-9
# Share of the whole time: the places of jumps are rounded.
_BEFORE = 1e-12


def time_lines(spans: Sequence[float], steps: int) -> Array:
    """The ends t_0 < ... < t_n of time steps, about `steps` in all: equal ones in each of the spans
    a < ... < b, on which data are smooth and resolved, and twice as many for twice the `steps`.
    """
    whole = spans[-1] - spans[0]
    lines = [np.array([float(spans[0])])]
    for a, b in pairwise(spans):
        first = math.ceil(FIRST_STEPS * (b - a) / whole * (1 - _ROUNDING))
        count = math.ceil(first * steps / FIRST_STEPS)
        lines.append(a + (b - a) * np.arange(1, count) / count)
        lines.append(np.array([float(b)]))
    return np.concatenate(lines)


def lagrange_weights(nodes: Array, t: float) -> Array:
    """By which values at the nodes make that of the polynomial through them at t."""
    others = [np.delete(nodes, k) for k in range(len(nodes))]
    return np.array(
        [np.prod((t - rest) / (node - rest)) for node, rest in zip(nodes, others, strict=True)]
    )


M = TypeVar("M")
S = TypeVar("S")
StagePhase = tuple[int, int]
"""The number of a step within the period, and the place of a stage in it."""


def stage_phases(times: Array, period: float | None) -> Callable[[float], StagePhase] | None:
    """The phase of the time of a stage, by which matrices of this period in time are kept; None
    where the steps do not repeat with it.
    """
    if period is None:
        return None
    steps = np.diff(times)
    dt = float(times[-1] - times[0]) / len(steps)
    count = round(period / dt)
    drift = len(steps) * abs(dt / period - 1 / max(count, 1))
    if not 0 < count < len(steps) or drift > _SAME_PHASE or np.ptp(steps) > _SAME * dt:
        return None
    first = float(times[0])

    def phase(t: float) -> StagePhase:
        step = math.floor((t - first) / dt)
        return step % count, round(_PLACES * ((t - first) / dt - step))

    return phase


class KeptStages(Generic[M, S]):
    """Matrices at the times of stages, and the solvers of stages, which are kept as long as they
    are the same: always where they do not depend on time (`moving`), by phase where they have a
    `period` in which steps repeat and their factors fit into memory, else those of one time.

    `size`: rows of a matrix. `drop` is called when solvers are no longer kept.
    """

    def __init__(
        self,
        times: Array,
        period: float | None,
        size: int,
        moving: bool,
        drop: Callable[[], None] = lambda: None,
    ) -> None:
        self._moving, self._drop = moving, drop
        self._phase = stage_phases(times, period) if moving else None
        if self._phase is not None and period is not None:
            stages = len(_FURTHER.nodes) * period / (times[1] - times[0])
            if stages * size > _MOST_ROWS:
                self._phase = None
        self._matrices: dict[Any, M] = {}
        self._solvers: dict[Any, S] = {}

    def matrices(self, t: float, make: Callable[[float], M]) -> M:
        """Those at t."""
        key = self._key(t)
        if key not in self._matrices:
            if self._phase is None:
                self._matrices.clear()
            self._matrices[key] = make(t)
        return self._matrices[key]

    def solver(self, dt: float, t: float, make: Callable[[float, float], S]) -> S:
        """That of a stage at t of a step dt."""
        key = self._key(t)
        if self._phase is None or key not in self._solvers:
            if self._phase is None:
                self._solvers.clear()
                self._drop()
            self._solvers[key] = make(dt, t)
        return self._solvers[key]

    def _key(self, t: float) -> Any:
        if not self._moving:
            return 0
        return t if self._phase is None else self._phase(t)


def sdirk4(
    solver: Callable[[float, float], Callable[[Array], Array]],
    stiffness: Callable[[Array, float], Array],
    load: Callable[[float], Array],
    w0: Array,
    times: Array,
    on_step: Callable[[int, float, Array], None] | None = None,
    moving: bool = False,
    breaks: Sequence[float] = (),
) -> Array:
    """w(times[-1]) of M w' + K w = F(t), w(times[0]) = w0, by a step between each two times.

    `solver(dt, t)(b)` returns k with (M + GAMMA dt K) k = b, `stiffness(w, t)` returns K w,
    `load(t)` returns F(t), with the matrices at t; `moving`: these depend on time, and are asked
    for at every stage. Where w is given by data g(t), k is g'(t). `breaks`: times at which data
    may jump; so they may where steps are no longer equal. After each step `on_step(step, t, w)` is
    called, step = 1, 2, ...; w is a new array each time.
    """
    w = w0
    slopes: list[Array] = []
    solve: Callable[[Array], Array] | None = None
    for step, (start, end, equal, smooth) in enumerate(_steps(times, breaks), start=1):
        dt = end - start
        stages, slopes = (_FURTHER, slopes[-1:]) if smooth else (_FIRST, [])
        if not equal and not moving:
            solve = solver(dt, start)
        for t, row in zip(_stage_times(stages, start, end, times), stages.rows, strict=True):
            weighted = (a * k for a, k in zip(row, slopes, strict=True))
            stage = w + dt * sum(weighted, start=np.zeros_like(w))
            # A matrix of the step's start for all stages would cost the order.
            if solve is None or moving:
                solve = solver(dt, t)
            # The unknown is the rate k of a stage, of (M + gamma dt K) k = F - K (w + dt sum_j a_j
            # k_j): F alone is evaluated at the time of the stage, and M is never inverted.
            slopes.append(solve(load(t) - stiffness(stage, t)))
        w = stage + dt * GAMMA * slopes[-1]
        if on_step is not None:
            on_step(step, end, w)
    return w


def sdirk4_of_storage(
    stage: Callable[[float, Array, float], Array],
    start: Array,
    times: Array,
    on_step: Callable[[int, float], None],
    breaks: Sequence[float] = (),
) -> None:
    """b(w)' + f(w, t) = 0 by the same methods, for a storage b that may be nonlinear or degenerate:
    every stage is a problem for w alone, and the last one ends the step.

    `stage(t, known, weight)` solves b(w) + weight f(w, t) = known for w, which it keeps, and
    returns f(w, t); `start` is b at times[0]. `on_step(step, t)` is called when w is that of t.
    `breaks`: as for `sdirk4`.
    """
    storage = start
    rates: list[Array] = []
    for step, (begin, end, _, smooth) in enumerate(_steps(times, breaks), start=1):
        dt = end - begin
        stages, rates = (_FURTHER, rates[-1:]) if smooth else (_FIRST, [])
        for t, row in zip(_stage_times(stages, begin, end, times), stages.rows, strict=True):
            known = storage - dt * sum(
                (a * f for a, f in zip(row, rates, strict=True)), start=np.zeros_like(storage)
            )
            rates.append(stage(t, known, dt * GAMMA))
        # The last stage is the end of the step: its known part has the others already.
        storage = known - dt * GAMMA * rates[-1]
        on_step(step, end)


def _steps(times: Array, breaks: Sequence[float]) -> Iterator[tuple[float, float, bool, bool]]:
    """The start and the end of each step, whether it is as long as the one before, and whether the
    slope with which that one has ended is the one with which it starts.
    """
    known = 0.0
    for start, end in pairwise(times):
        dt = end - start
        equal = abs(dt - known) <= _SAME * dt
        jumps = any(abs(start - t) < _SAME * dt for t in breaks)
        yield start, end, equal, equal and not jumps
        known = dt


def _stage_times(stages: _Stages, start: float, end: float, times: Array) -> list[float]:
    """Data may jump where a step ends: its last stage sees those before."""
    dt = end - start
    latest = end - min(_BEFORE * (times[-1] - times[0]), _SAME * dt)
    return [min(start + node * dt, latest) for node in stages.nodes]
