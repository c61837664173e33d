"""The torch operations of a chunk as one program, made by torch.compile."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch._dynamo.exc import BackendCompilerFailed
from torch.nn.functional import pad

from ....problem.errors import BackendMissingError
from .eager import Eager, chunk_gradient
from .reverse import Scratch
from .task import Task

_PROGRAMS = 64


class Compiled(Eager):
    """Loss and gradient by torch.compile, which keeps its programs on disk; the rest is eager."""

    name = "compile"

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._program = torch.compile(lambda x, *part: chunk_gradient(task, x, part, _Fresh()), fullgraph=True, dynamic=False)

    def _chunk_gradient(self, x: Tensor, *part: Tensor) -> tuple[Tensor, Tensor]:
        missing = self._chunks[0][0].shape[-1] - part[0].shape[-1]
        try:
            with torch._dynamo.config.patch(recompile_limit=_PROGRAMS):
                return self._program(x, *(pad(tensor, (0, missing)) for tensor in part) if missing else part)
        except BackendCompilerFailed as cause:
            raise BackendMissingError("torch.compile fails", term=str(cause).splitlines()[0], remedy='use flavour="torch"') from cause


class _Fresh(Scratch):
    """torch.compile plans the memory itself, and refuses parts of arrays as outputs."""

    def restart(self) -> None:
        pass

    def empty(self, like: Tensor, *shape: int) -> Tensor:
        return like.new_empty(shape)

    def write(self, part: Tensor, function: Callable[..., Tensor], *arguments: Tensor) -> Tensor:
        return part.copy_(function(*arguments))
