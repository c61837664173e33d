"""The enclosure of A* from the energies of gradients and fluxes on two quadratures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

_ROUNDING = 1e-13


@dataclass(frozen=True)
class Bounds:
    """(D + d)^-1 <= A* <= U + u as quadratic forms, U and D the tensors of `upper_unseen` and
    `dual_unseen`.

    A minimum over fewer functions is larger: U >= A* and D >= A*^-1, but for the errors of the
    quadrature. These are taken to be at most the changes u and d from the quadrature that the nets
    were fitted to, which they exploit, to the finer one that they have not seen.
    """

    upper_fitted: Tensor
    upper_unseen: Tensor
    dual_fitted: Tensor
    dual_unseen: Tensor

    @cached_property
    def upper(self) -> Tensor:
        return self._ends[1]

    @cached_property
    def lower(self) -> Tensor:
        return self._ends[0]

    @cached_property
    def _ends(self) -> tuple[Tensor, Tensor]:
        """Widened once more where they are not ordered: by what the quadrature has erred at
        least.
        """
        upper, lower = (
            _widened(self.upper_fitted, self.upper_unseen),
            _inverse(_widened(self.dual_fitted, self.dual_unseen)),
        )
        crossed = max(0.0, -float(torch.linalg.eigvalsh(upper - lower).min()))
        shift = (
            (1 + _ROUNDING)
            * crossed
            * torch.eye(len(upper), dtype=upper.dtype, device=upper.device)
        )
        return lower - shift, upper + shift

    @cached_property
    def middle(self) -> Tensor:
        """The best estimate: half-way between the bounds before they are widened."""
        return (self.upper_unseen + _inverse(self.dual_unseen)) / 2

    @property
    def width(self) -> float:
        """The largest eigenvalue of upper - lower."""
        return float(torch.linalg.matrix_norm(self.upper - self.lower, 2))

    @property
    def relative(self) -> float:
        return self.width / float(torch.linalg.matrix_norm(self.upper, 2))

    @property
    def energies(self) -> dict[str, float]:
        """The traces of the energies, on the quadrature that was fitted and on the other one."""
        names = ("energy", "held_out_energy", "dual_energy", "held_out_dual_energy")
        return {
            name: float(tensor.trace()) / 2
            for name, tensor in zip(
                names,
                (self.upper_fitted, self.upper_unseen, self.dual_fitted, self.dual_unseen),
                strict=True,
            )
        }


def _widened(fitted: Tensor, unseen: Tensor) -> Tensor:
    size = torch.linalg.matrix_norm(unseen - fitted, 2) + _ROUNDING * torch.linalg.matrix_norm(
        unseen, 2
    )
    return (unseen + unseen.T) / 2 + size * torch.eye(
        len(unseen), dtype=unseen.dtype, device=unseen.device
    )


def _inverse(tensor: Tensor) -> Tensor:
    inverse = torch.linalg.inv(tensor)
    return (inverse + inverse.T) / 2
