"""What the curves that a file shows by parabolas cost a solution: no more is known of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..problem.domain import Domain
from ..problem.mesh_domain import Mesh
from .domains import quadrature_rule
from .solution import Solution

# Of the quadrature along the longest side, and its points in each direction.
_CELLS = 8
_COUNT = 3


def with_shape_error(solution: Solution, domain: Domain) -> Solution:
    """With info["shape_error"], which the estimate includes, on the mesh of a file that has curved
    parts."""
    if not isinstance(domain, Mesh) or not any(domain.deviations.values()):
        return solution
    error = _shape_error(solution, domain)
    estimate = float(solution.info["estimate"])
    info = {**solution.info, "estimate": estimate + error, "shape_error": error}
    if error > estimate:
        info["advice"] = (
            f"curves are known to {error:.1e} of the solution from {domain.name}: save a finer mesh"
            " of order 2"
        )
    return replace(solution, info=info)


def _shape_error(solution: Solution, domain: Mesh) -> float:
    """A boundary that moves by a distance changes the values next to it by that times the gradient
    (Hadamard), and values inside by no more; relative to the norm, as the estimate is."""
    rule = quadrature_rule(domain, (_CELLS,) * domain.dim, _COUNT)
    inside = rule.inside()
    slopes = [tuple(row) for row in np.eye(domain.dim, dtype=int).tolist()]
    moved = 0.0
    for name, deviation in domain.deviations.items():
        if deviation:
            gradients = np.abs(solution.evaluate(rule.on(name).points, slopes))
            moved = max(moved, deviation * float(np.linalg.norm(gradients, axis=0).max()))
    size = inside.norm(solution(inside.points)) / np.sqrt(inside.weights.sum())
    return moved / size if size else 0.0
