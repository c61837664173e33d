"""An L-stable, stiffly accurate SDIRK method of order 4 for M w' + K w = F(t), written over
callables.

Source: E. Hairer, G. Wanner, Solving Ordinary Differential Equations II, table IV.6.5 (five stages,
gamma = 1/4).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .arrays import Array

GAMMA = 1 / 4
# Below the diagonal GAMMA; the last row is also that of the weights, so that a step ends with its
# last stage.
_NODES = (1 / 4, 3 / 4, 11 / 20, 1 / 2, 1.0)
_STAGES = (
    (),
    (1 / 2,),
    (17 / 50, -1 / 25),
    (371 / 1360, -137 / 2720, 15 / 544),
    (25 / 24, -49 / 48, 125 / 16, -85 / 12),
)


def sdirk4(
    solve: Callable[[Array], Array],
    stiffness: Callable[[Array], Array],
    load: Callable[[float], Array],
    w0: Array,
    t_end: float,
    steps: int,
    on_step: Callable[[int, float, Array], None] | None = None,
) -> Array:
    """w(t_end) of M w' + K w = F(t), w(0) = w0, by `steps` equal steps dt = t_end / steps.

    `solve(b)` returns k with (M + GAMMA dt K) k = b, `stiffness(w)` returns K w, `load(t)` returns
    F(t). The matrices must not depend on time; for time-dependent Dirichlet data G the caller puts
    - K G(t) - M G'(t) into F. After each step `on_step(step, t, w)` is called, step = 1 .. steps; w
    is a new array each time.
    """
    dt = t_end / steps
    w = w0
    for step in range(steps):
        slopes: list[Array] = []
        for node, row in zip(_NODES, _STAGES, strict=True):
            weighted = (a * k for a, k in zip(row, slopes, strict=True))
            stage = w + dt * sum(weighted, start=np.zeros_like(w))
            t = t_end * (step + node) / steps  # exact at the end, unlike a sum of steps
            slopes.append(solve(load(t) - stiffness(stage)))
        w = stage + dt * GAMMA * slopes[-1]
        if on_step is not None:
            on_step(step + 1, t_end * (step + 1) / steps, w)
    return w


def sdirk4_of_storage(
    stage: Callable[[float, Array, float], Array],
    start: Array,
    t_end: float,
    steps: int,
    on_step: Callable[[int, float], None],
) -> None:
    """b(w)' + f(w, t) = 0 by the same method, for a storage b that may be nonlinear or degenerate:
    every stage is a problem for w alone, and the last one ends the step.

    `stage(t, known, weight)` solves b(w) + weight f(w, t) = known for w, which it keeps, and
    returns f(w, t); `start` is b at t = 0. `on_step(step, t)` is called when w is that of t.
    """
    dt = t_end / steps
    storage = start
    for step in range(steps):
        rates: list[Array] = []
        for node, row in zip(_NODES, _STAGES, strict=True):
            known = storage - dt * sum(
                (a * f for a, f in zip(row, rates, strict=True)), start=np.zeros_like(storage)
            )
            t = t_end * (step + node) / steps
            rates.append(stage(t, known, dt * GAMMA))
        storage = known - dt * GAMMA * rates[-1]
        on_step(step + 1, t_end * (step + 1) / steps)
