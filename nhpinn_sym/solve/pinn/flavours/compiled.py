"""The torch operations of a chunk as one program, made by torch.compile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._dynamo.exc import BackendCompilerFailed

from ....problem.errors import BackendMissingError
from .eager import Eager, chunk_gradient
from .reverse import Tape
from .task import Task

_PROGRAMS = 64


class Compiled(Eager):
    """Loss and gradient by torch.compile, which keeps its programs on disk; the rest is eager."""

    name = "compile"

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._program = torch.compile(
            lambda x, *part: chunk_gradient(task, x, part, _Functional()),
            fullgraph=True,
            dynamic=False,
        )

    def _chunk_gradient(self, x: Tensor, *part: Tensor) -> tuple[Tensor, Tensor]:
        try:
            with torch._dynamo.config.patch(recompile_limit=_PROGRAMS):
                return self._program(x, *part)
        except BackendCompilerFailed as cause:
            raise BackendMissingError(
                "torch.compile fails", term=str(cause).splitlines()[0], remedy='use flavour="torch"'
            ) from cause


class _Functional(Tape):
    """torch.compile refuses parts of arrays as outputs, and remembers the calls itself."""

    def __call__(
        self, function: Callable[..., Tensor], *arguments: Any, out: Tensor, **options: Any
    ) -> Tensor:
        return out.copy_(function(*arguments, **options))
