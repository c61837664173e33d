"""Steps of damped least squares, in the space of unknowns or in that of samples, whichever is
smaller.
"""

from __future__ import annotations

import torch
from torch import Tensor


class Damped:
    """min over d of |r + J d|^2 + damping |d|^2.

    With fewer rows than columns by the identity of Woodbury: d = -J^T (J J^T + damping)^-1 r (for
    PINNs: arXiv 2505.12149).
    """

    def __init__(self, residual: Tensor, jacobian: Tensor) -> None:
        self.jacobian, self.in_samples = jacobian, jacobian.shape[0] < jacobian.shape[1]
        self.gradient = jacobian.T @ residual
        self.gram = jacobian @ jacobian.T if self.in_samples else jacobian.T @ jacobian
        self._right = residual if self.in_samples else self.gradient

    def step(self, damping: float) -> Tensor | None:
        """d, or None where the matrix is not positive definite to rounding."""
        shifted = self.gram.clone()
        shifted.diagonal().add_(damping)
        factor, failed = torch.linalg.cholesky_ex(shifted)
        if failed:
            return None
        solved = torch.cholesky_solve(-self._right[:, None], factor)[:, 0]
        return self.jacobian.T @ solved if self.in_samples else solved

    @property
    def scale(self) -> float:
        """The mean of the diagonal, to which a damping is to be compared."""
        return float(self.gram.diagonal().mean())
