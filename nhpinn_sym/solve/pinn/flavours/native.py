"""The emitted C++ file of a residual, compiled: for tanh nets on the processor."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from ....problem.errors import BackendMissingError
from ....runtime.nets.native.kernel import ROWS, kernel
from .compiler import library
from .task import Task

_REAL = {torch.float64: "double", torch.float32: "float"}
_PER_THREAD = 256
Result = TypeVar("Result")
_TYPES: dict[str, Any] = {
    "long": ctypes.c_long,
    "const long*": ctypes.POINTER(ctypes.c_long),
    "const T*": ctypes.c_void_p,
}


class _Rows(ctypes.Structure):
    """`Rows` of the emitted file."""

    _fields_ = [(name, _TYPES[kind]) for name, kind in ROWS.items()]


@dataclass(frozen=True)
class _Part:
    """The points of one thread; `held` are the tensors that `rows` points to."""

    rows: _Rows
    held: tuple[Tensor, ...]
    count: int


class Native:
    """Points are shared out to as many threads as torch uses."""

    name = "native"

    def __init__(self, task: Task) -> None:
        """BackendMissingError where no C++ compiler does it, and for tensors elsewhere than in the
        memory of the processor.
        """
        if task.rows.points.device.type != "cpu":
            raise BackendMissingError(
                "compiled residuals run on the processor",
                term=task.rows.points.device,
                remedy='use flavour="torch"',
            )
        self._task, self._dtype = task, task.rows.points.dtype
        self._library = library(kernel(task.streams), _REAL[self._dtype])
        self._library.sum_of_squares.argtypes = (ctypes.POINTER(_Rows), *(ctypes.c_void_p,) * 2)
        self._library.jacobian_rows.argtypes = (ctypes.POINTER(_Rows), *(ctypes.c_void_p,) * 3)
        self._library.sum_of_squares.restype, self._library.jacobian_rows.restype = (
            ctypes.c_double,
            None,
        )
        *inner, _ = task.sizes
        self._sizes = (ctypes.c_long * len(inner))(*inner)
        threads = max(1, min(torch.get_num_threads(), len(task.rows.points) // _PER_THREAD))
        self._parts = [
            self._part(chunk) for chunk in torch.arange(len(task.rows.points)).chunk(threads)
        ]

    def sum_of_squares(self, x: Tensor) -> float:
        x = self._checked(x)
        return sum(self._map(lambda k: self._run(k, x, None)))

    def gradient(self, x: Tensor) -> tuple[float, Tensor]:
        x = self._checked(x)
        gradients = x.new_empty(len(self._parts), len(x))
        total = sum(self._map(lambda k: self._run(k, x, gradients[k])))
        return total, gradients.sum(0) if len(self._parts) > 1 else gradients[0]

    def jacobian(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x, counts = self._checked(x), [part.count for part in self._parts]
        residual, jacobian = x.new_empty(sum(counts)), x.new_empty(sum(counts), len(x))
        pieces = list(zip(residual.split(counts), jacobian.split(counts)))

        def run(k: int) -> None:
            self._library.jacobian_rows(
                self._parts[k].rows, x.data_ptr(), *(piece.data_ptr() for piece in pieces[k])
            )

        self._map(run)
        return residual, jacobian

    def _run(self, k: int, x: Tensor, gradient: Tensor | None) -> float:
        return self._library.sum_of_squares(
            self._parts[k].rows, x.data_ptr(), None if gradient is None else gradient.data_ptr()
        )

    def _map(self, call: Callable[[int], Result]) -> list[Result]:
        if len(self._parts) == 1:
            return [call(0)]
        with ThreadPoolExecutor(len(self._parts)) as pool:
            return list(pool.map(call, range(len(self._parts))))

    def _checked(self, x: Tensor) -> Tensor:
        """Memory that the library may read: it does not know how many numbers there are."""
        if x.shape != (self._task.parameters,):
            raise ValueError(f"{self._task.parameters} parameters are needed, not {tuple(x.shape)}")
        return x.detach().to(self._dtype).contiguous()

    def _part(self, chunk: Tensor) -> _Part:
        part, rows = slice(int(chunk[0]), int(chunk[-1]) + 1), self._task.rows
        held = tuple(
            t.contiguous()
            for t in (
                self._task.inputs[:, part],
                rows.weights[part],
                rows.extra[part],
                rows.target[part],
            )
        )
        equations, components = rows.weights.shape[1:3]
        numbers = (len(chunk), len(self._sizes) - 1, equations, components, rows.extra.shape[2])
        return _Part(
            _Rows(*numbers, self._sizes, *(t.data_ptr() for t in held)),
            held,
            len(chunk) * equations,
        )
