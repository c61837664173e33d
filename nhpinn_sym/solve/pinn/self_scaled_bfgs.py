"""Self-scaled BFGS with a dense inverse Hessian (Al-Baali 1998; for PINNs: arXiv 2405.04230), for nets of up to a few thousand weights."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import torch
from scipy.optimize import line_search
from torch import Tensor

from ..solution import Array
from .objective import Objective

ITERATIONS = 2000


def minimize(objective: Objective, iterations: int) -> Iterator[tuple[Tensor, float]]:
    """Yields (parameters, loss) after every step; ends when steepest descent finds no lower point either, or at rounding."""
    wolfe, x = _Wolfe(objective), objective.start
    loss, gradient = wolfe.at(x)
    inverse, before, fresh = _steepest(gradient), None, True
    for _ in range(iterations):
        direction = -(inverse @ gradient)
        length = wolfe.length(x, direction, gradient, loss, before)
        if length is None:
            if fresh:
                return
            inverse, before, fresh = _steepest(gradient), None, True
            continue
        moved, before, old = x + length * direction, loss, gradient
        loss, gradient = wolfe.at(moved)
        x = moved
        yield x, loss
        if not float(direction @ (gradient - old)) > 0:
            return
        inverse, fresh = _updated(inverse, length, direction, old, gradient, fresh), False


class _Wolfe:
    """SciPy's line search for the strong Wolfe conditions, over values that are computed once per point."""

    def __init__(self, objective: Objective) -> None:
        self.objective, self.known = objective, dict[bytes, tuple[float, Tensor]]()

    def at(self, x: Tensor) -> tuple[float, Tensor]:
        key = x.cpu().numpy().tobytes()
        if key not in self.known:
            self.known[key] = self.objective.value_and_gradient(x)
        return self.known[key]

    def length(self, x: Tensor, direction: Tensor, gradient: Tensor, loss: float, before: float | None) -> float | None:
        """The step length along `direction`, None where the search finds none."""
        self.known = {key: value for key, value in self.known.items() if value[1] is gradient}

        def value(p: Array) -> float:
            return self.at(torch.as_tensor(p, device=x.device))[0]

        def slope(p: Array) -> Array:
            return self.at(torch.as_tensor(p, device=x.device))[1].cpu().numpy()

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SciPy warns where it returns None as well
            found = line_search(value, slope, x.cpu().numpy(), direction.cpu().numpy(), gradient.cpu().numpy(), loss, before, maxiter=20)
        return found[0]


def _steepest(gradient: Tensor) -> Tensor:
    return torch.eye(len(gradient), dtype=gradient.dtype, device=gradient.device) / max(1.0, float(gradient.norm()))


def _updated(inverse: Tensor, length: float, direction: Tensor, old: Tensor, new: Tensor, fresh: bool) -> Tensor:
    """The BFGS update in its difference form, after dividing the part that is carried over by tau = min(1, s.y / s.B s)."""
    step, change = length * direction, new - old
    curvature = float(step @ change)
    if fresh:
        inverse = torch.eye(len(step), dtype=step.dtype, device=step.device) * (curvature / float(change @ change))
    tau = 1.0 if fresh else min(1.0, curvature / float(-length * (step @ old)))
    image = inverse @ change
    norm = float(change @ image)
    ortho = max(norm, 0.0) ** 0.5 * (step / curvature - image / norm)
    inverse = inverse.addr(image, image, alpha=-1 / norm).addr_(ortho, ortho)
    return inverse.div_(tau).addr_(step, step, alpha=1 / curvature)
