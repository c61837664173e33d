"""Several processes that share the rows of one problem, by torch.distributed: gloo on CPUs, nccl on
GPUs.

Every process holds all weights and some of the rows. What is summed or factored over rows is
combined so that each process gets the same numbers, those of one process up to rounding.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from ...problem.errors import ProblemError
from ...runtime.nets.least_squares import triangular
from .minimize import SeparableLoss


@dataclass(frozen=True)
class Ranks:
    """The processes of `group`; None is this process alone."""

    group: dist.ProcessGroup | None = None

    @property
    def count(self) -> int:
        if self.group is None:
            return 1
        return dist.get_world_size(self.group)

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files."""
        return self.group is None or dist.get_rank(self.group) == 0

    def require_agreement(self, *given: object) -> None:
        """ProblemError, in every process, where they were `given` different things: their sums
        would be of different problems.
        """
        if self.group is None:
            return
        found: list[str] = [""] * self.count
        dist.all_gather_object(
            found, hashlib.sha256(repr(given).encode()).hexdigest(), group=self.group
        )
        if len(set(found)) > 1:
            raise ProblemError(
                "the processes of the group were given different problems, parameters or options",
                remedy="give each the same, or leave group= out",
            )

    @property
    def own(self) -> slice:
        """Every count-th of the points: each process has some of all blocks."""
        if self.group is None:
            return slice(None)
        return slice(dist.get_rank(self.group), None, self.count)

    def total(self, value: Tensor) -> Tensor:
        """The sum over the processes."""
        if self.group is not None:
            dist.all_reduce(value, group=self.group)
        return value

    def factor(self, blocks: Iterable[Tensor]) -> Tensor:
        """R of the blocks of rows of all processes, (columns, columns): a TSQR (Demmel, Grigori,
        Hoemmen and Langou 2012).
        """
        own = triangular(blocks)
        if self.group is None:
            return own
        size = own.shape[1]
        padded = torch.cat([own, own.new_zeros(size - len(own), size)]).contiguous()
        factors = [torch.empty_like(padded) for _ in range(self.count)]
        dist.all_gather(factors, padded, group=self.group)
        return triangular([torch.cat(factors)])


ALONE = Ranks()


def torchrun_group(device: str) -> dist.ProcessGroup | None:
    """The processes that torchrun has started this one with, None where it has not."""
    if not dist.is_torchelastic_launched():
        return None
    if not dist.is_initialized():
        if device == "cuda":
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return dist.group.WORLD


@dataclass(frozen=True)
class SharedLoss:
    """A mean square over rows that are spread over processes; `own` is that of the rows of this
    one, `share` their part of all rows.
    """

    own: SeparableLoss
    ranks: Ranks
    share: float

    @property
    def start(self) -> Tensor:
        return self.own.start

    @property
    def linear(self) -> slice:
        return self.own.linear

    def value(self, x: Tensor) -> float:
        return float(self.ranks.total(x.new_tensor(self.share * self.own.value(x))))

    def value_and_gradient(self, x: Tensor) -> tuple[float, Tensor]:
        value, gradient = self.own.value_and_gradient(x)
        both = self.ranks.total(self.share * torch.cat([gradient, gradient.new_tensor([value])]))
        return float(both[-1]), both[:-1]

    def residual_and_jacobian(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The rows of all processes after an orthogonal transformation that leaves one more than
        there are unknowns.
        """
        residual, jacobian = self.own.residual_and_jacobian(x)
        factor = self._compress(jacobian, residual)
        return factor[:, -1], factor[:, :-1]

    def linear_rows(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The same of the rows of the linear unknowns."""
        factor = self._compress(*self.own.linear_rows(x))
        return factor[:, :-1], factor[:, -1]

    def _compress(self, matrix: Tensor, column: Tensor) -> Tensor:
        return self.ranks.factor([self.share**0.5 * torch.cat([matrix, column[:, None]], 1)])
