"""Cell problems that depend on slow variables: their ranges, and the interpolation between
solutions at nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, runtime_checkable

import numpy as np

from ..derive.model import HomogenizedModel
from ..lower.forms import LoweredCells
from ..operator.domain_filter import DomainFilter
from ..problem.errors import ProblemError, SolveError, UnsupportedError
from ..resolution import AxisResolution, Resolution
from .interpolation import Bounds, Nodes
from .solution import Array, CellBatch, EffectiveKey

# Degrees of the interpolation to try, by the number of slow variables.
_DEGREES = {
    1: (8, 12, 16, 24, 32, 48, 64, 96, 128),
    2: (4, 6, 9, 12, 16, 20, 24),
    3: (3, 5, 7, 9, 12),
    4: (3, 4, 6, 8),
}
# The same on the pieces of axes that are cut.
_PIECE_DEGREES = (4, 6, 8, 12, 16)
# Share of an axis below which a panel of the data is a piece of its own: one polynomial would need
# too high a degree.
_SMALLEST_PANEL = {1: 1 / 16, 2: 1 / 6, 3: 1 / 3, 4: 1 / 2}
# Coefficients smaller than this, beside the largest, are measured by it: they may be rounding.
_VANISHING = 1e-6
# Errors of entries beside the largest of all that are rounding: a mean drift that vanishes has no
# other.
_ROUNDING = 1e-13
# Cell problems that are solved for one model, and points at which the interpolant is checked.
_MOST_NODES = 8192
_MOST_CHECKS = 256
# The error between the points at which it is looked for may be that much larger.
_SAFETY = 10.0
HIGHER = "h"
"""Name of the entries of the law beyond the homogenized equation."""
Entries = Mapping[EffectiveKey, Array]
"""The effective entries at slow points."""


class Solver(Protocol):
    """What is asked for the cell problems at slow points (m, k)."""

    def solve(self, slow_points: Array) -> CellBatch: ...


@runtime_checkable
class MeshSolver(Solver, Protocol):
    """One whose numbers are those of a mesh: what is compared has to come from one mesh."""

    def entries(self, slow_points: Array, coarse: bool = False) -> Entries:
        """The effective entries on the first mesh, or on that of the last `solve`."""


def slow_box(model: HomogenizedModel, lowered: LoweredCells) -> tuple[Bounds, tuple[bool, ...]]:
    """The ranges of the slow variables that the cell problems depend on, parameters among them, and
    which are periodic.

    ProblemError where the problem gives no range.
    """
    problem = model.problem
    free = {v: (float(a), float(b)) for v, (a, b) in problem.parameters.items()}
    axes = model.cell_operator.frozen
    frozen = {axis.symbol: (float(axis.interval[0]), float(axis.interval[1])) for axis in axes}
    if problem.domain is None and any(v not in frozen and v not in free for v in lowered.slow):
        raise ProblemError(
            "the coefficients depend on x, and the problem has no domain",
            term=lowered.slow[0],
            remedy="give domain=Box(...)",
        )
    ranges = dict(free)
    if problem.domain:
        ranges |= dict(zip(problem.scales.x, problem.domain.bounds, strict=True))
    if problem.scales.time and problem.final_time is not None:
        ranges[problem.scales.t] = (0.0, float(problem.final_time))
    if any(v not in ranges and v not in frozen for v in lowered.slow):
        raise ProblemError(
            "the coefficients depend on t, and the problem has no final time",
            term="t",
            remedy="give final_time=...",
        )
    return tuple((ranges | frozen)[v] for v in lowered.slow), tuple(
        v in frozen for v in lowered.slow
    )


def solve_on_nodes(
    solver: Solver,
    box: Bounds,
    periodic: tuple[bool, ...],
    tolerance: float,
    resolution: Resolution,
    domain: DomainFilter | None = None,
) -> tuple[Nodes, CellBatch, float]:
    """(nodes, the cell problems at them, interpolation error): the degree rises until the
    interpolant predicts the effective
    coefficients at points that are no nodes, at least one in every panel of the data along every
    axis.

    The error is relative to the largest entry of the coefficient, and a cautious multiple of what
    was found at these points. Axes are cut where the data jump, kink or change sharply.
    domain: what of the box counts. SolveError where that needs too many nodes.
    """
    if len(box) not in _DEGREES:
        raise UnsupportedError(
            f"cell problems that depend on {len(box)} slow variables",
            term=[axis.symbol for axis in resolution.axes],
            remedy=(
                f"at most {max(_DEGREES)}, coordinates and parameters together: fix some by"
                " parameters={...}"
            ),
        )
    cuts = tuple(_cuts(axis, len(box)) for axis in resolution.axes)
    ladder = list(_ladder(box, periodic, cuts))
    if not ladder:
        pieces = [len(own) + 1 for own in cuts]
        raise SolveError(
            "the coefficients change too sharply with the slow variables: interpolation on"
            f" {pieces} pieces needs more than {_MOST_NODES} cell problems",
            term=[axis.symbol for axis in resolution.axes],
            remedy="smooth the coefficients in x, or take a smaller domain",
        )
    checks = _check_points(resolution)
    if domain is not None:
        checks = domain.within([axis.symbol for axis in resolution.axes], checks)
    if isinstance(solver, MeshSolver):
        ladder = _promising(solver, ladder, checks, tolerance)
    known = _known_at(solver, checks)
    for nodes in ladder:
        batch = solver.solve(nodes.points)
        exact, estimate = known(batch)
        error = _SAFETY * _largest_difference(nodes.weights(checks), batch.effective, exact)
        # No interpolation is better than what it interpolates.
        if error <= max(tolerance, estimate):
            break
    return nodes, batch, error


def _known_at(solver: Solver, checks: Array) -> Callable[[CellBatch], tuple[Entries, float]]:
    """What is known at the check points once a batch is solved, and how well."""
    if isinstance(solver, MeshSolver):
        return lambda batch: (solver.entries(checks), float(batch.info["estimate"]))
    checked = solver.solve(checks)
    return lambda batch: (checked.effective, float(checked.info["estimate"]))


def _promising(
    solver: MeshSolver, ladder: list[Nodes], checks: Array, tolerance: float
) -> list[Nodes]:
    """The ladder from where interpolation is accurate on a coarse mesh: on the finest one
    coefficients depend on the slow variables about as much. All of it where it nowhere is."""
    exact = solver.entries(checks, coarse=True)
    for k, nodes in enumerate(ladder):
        values = solver.entries(nodes.points, coarse=True)
        error = _largest_difference(nodes.weights(checks), values, exact)
        if _SAFETY * error <= tolerance:
            return ladder[k:]
    return ladder


def _ladder(
    box: Bounds, periodic: tuple[bool, ...], cuts: tuple[tuple[float, ...], ...]
) -> Iterator[Nodes]:
    """The nodes to try, few first."""
    cut = any(cuts)
    for degree in _PIECE_DEGREES if cut else _DEGREES[len(box)]:
        nodes = Nodes(box, degree, periodic, cuts if cut else ())
        if np.prod([float(len(nodes.axis_nodes(k))) for k in range(len(box))]) > _MOST_NODES:
            break
        yield nodes


def _cuts(axis: AxisResolution, dim: int) -> tuple[float, ...]:
    """The points inside an axis at which its interpolation is cut."""
    low, high = axis.interval
    panels = np.diff(axis.lines)
    # One polynomial over a narrow panel would need a degree of about the number of such panels.
    sharp = np.min(panels) < _SMALLEST_PANEL[dim] * (high - low)
    chosen = axis.lines if sharp else axis.breaks
    return tuple(float(v) for v in chosen if low < v < high)


def _check_points(resolution: Resolution) -> Array:
    """(n, k) generic points, a few at least and one in every panel along every axis.

    Small panels meet small ones first, since what is local is small along all axes at once; then
    they are mixed.
    """
    random = np.random.default_rng(7)
    panels = [np.stack([axis.lines[:-1], axis.lines[1:]], axis=-1) for axis in resolution.axes]
    count = int(np.clip(max(len(own) for own in panels), 4, _MOST_CHECKS))
    rounds = 2 if len(panels) > 1 else 1
    columns = []
    for own in panels:
        by_size = own[np.argsort(own[:, 1] - own[:, 0], kind="stable")]
        mixed = by_size[random.permutation(np.arange(count) % len(by_size))]
        chosen = np.concatenate([by_size[np.arange(count) % len(by_size)], mixed])[: rounds * count]
        places = random.uniform(0.1, 0.9, len(chosen))
        columns.append(chosen[:, 0] + places * (chosen[:, 1] - chosen[:, 0]))
    return np.stack(columns, axis=-1)


def _largest_difference(
    weights: Array, values: Mapping[EffectiveKey, Array], exact: Mapping[EffectiveKey, Array]
) -> float:
    """The largest error of the interpolated entries (those of the higher law apart), over the
    largest entry of their coefficient.
    """
    keys = [key for key in exact if key[0] != HIGHER]
    sizes: dict[str, float] = {}
    for key in keys:
        sizes[key[0]] = max(sizes.get(key[0], 0.0), float(np.max(np.abs(exact[key]))))
    largest = max(sizes.values(), default=0.0) or 1.0
    worst = 0.0
    for key in keys:
        # What is below rounding of the largest entry is no error of the interpolation.
        error = float(np.max(np.abs(weights @ values[key] - exact[key]))) - _ROUNDING * largest
        worst = max(worst, error / max(sizes[key[0]], _VANISHING * largest))
    return worst
