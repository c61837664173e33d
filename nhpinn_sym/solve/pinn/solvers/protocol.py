"""What a solver is given, and what it is.

A solver is an iterator whose state is a value: `step` depends on nothing but the loss and the
state, so that a state that was written to disk and read again is continued to the same result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from torch import Tensor

from .results import Result


class Loss(Protocol):
    """A function to minimize over one flat vector of unknowns."""

    @property
    def start(self) -> Tensor: ...

    def value(self, x: Tensor) -> float: ...

    def value_and_gradient(self, x: Tensor) -> tuple[float, Tensor]: ...


class LeastSquaresLoss(Loss, Protocol):
    """The sum of squares of residuals."""

    @property
    def linear(self) -> slice:
        """The unknowns in which the residuals are affine: the last of them."""

    def residual_and_jacobian(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(n,) and (n, unknowns)."""


class SeparableLoss(LeastSquaresLoss, Protocol):
    """One that knows the linear part of its residuals without the rest of the Jacobian."""

    def linear_rows(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(n, linear unknowns) and (n,): the residual is matrix @ x[linear] - target, or has the
        same norm for all x[linear].
        """


@dataclass(frozen=True)
class State:
    """All that the next step depends on, in fields of tensors, numbers and None. result: why no
    step follows.
    """

    x: Tensor
    loss: float
    result: Result | None = None


S = TypeVar("S", bound=State)
L = TypeVar("L", contravariant=True)


class Solver(Protocol[L, S]):
    """iterations: usually enough; every: how many steps are worth a look at unseen points."""

    @property
    def iterations(self) -> int: ...

    @property
    def every(self) -> int: ...

    @property
    def state(self) -> type[S]: ...

    def begin(self, loss: L) -> S: ...

    def step(self, loss: L, state: S) -> S: ...


AnySolver = Solver[Any, Any]
