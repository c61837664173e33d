"""The native engine: loss, gradient and Jacobian rows of a tanh net on the processor, by libraries
that are compiled once for each set of derivatives.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from .kernel import ROWS, kernel
from .library import CompilationError, library
from .tanh_taylor import Streams

_REAL = {torch.float64: "double", torch.float32: "float"}
# Points that are worth a thread.
_PER_THREAD = 256
Returned = TypeVar("Returned")
_TYPES: dict[str, Any] = {
    "long": ctypes.c_long,
    "const long*": ctypes.POINTER(ctypes.c_long),
    "const T*": ctypes.c_void_p,
}


class RowData(Protocol):
    """A linear residual at points (n, columns): weights (n, equations, components, derivatives) of
    the net, extra (n, equations, known functions) beside it, target (n, equations, 1).
    """

    @property
    def points(self) -> Tensor: ...

    @property
    def weights(self) -> Tensor: ...

    @property
    def extra(self) -> Tensor: ...

    @property
    def target(self) -> Tensor: ...


class NetResiduals(Protocol):
    """The rows, and the net behind them: the sizes of its inputs and layers, the number of all
    parameters, the derivatives that go through it, and these of its inputs, (streams, n, inputs).
    """

    @property
    def rows(self) -> RowData: ...

    @property
    def sizes(self) -> list[int]: ...

    @property
    def parameters(self) -> int: ...

    @property
    def streams(self) -> Streams: ...

    @property
    def inputs(self) -> Tensor: ...


class _Rows(ctypes.Structure):
    """`Rows` of the C++ text."""

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

    def __init__(self, residuals: NetResiduals) -> None:
        """CompilationError where no C++ compiler does it, and for tensors elsewhere than in the
        memory of the processor.
        """
        if residuals.rows.points.device.type != "cpu":
            raise CompilationError(
                f"it runs on the processor, not on {residuals.rows.points.device}"
            )
        self._residuals = residuals
        self._dtype = residuals.rows.points.dtype
        self._library = library(kernel(residuals.streams), _REAL[self._dtype])
        self._library.sum_of_squares.argtypes = (ctypes.POINTER(_Rows), *(ctypes.c_void_p,) * 2)
        self._library.jacobian_rows.argtypes = (ctypes.POINTER(_Rows), *(ctypes.c_void_p,) * 3)
        self._library.sum_of_squares.restype = ctypes.c_double
        self._library.jacobian_rows.restype = None
        *inner, _ = residuals.sizes
        self._sizes = (ctypes.c_long * len(inner))(*inner)
        threads = max(1, min(torch.get_num_threads(), len(residuals.rows.points) // _PER_THREAD))
        self._parts = [
            self._part(chunk) for chunk in torch.arange(len(residuals.rows.points)).chunk(threads)
        ]

    def sum_of_squares(self, x: Tensor) -> float:
        x = self._require_size(x)
        return sum(self._map(lambda k: self._run(k, x, None)))

    def gradient(self, x: Tensor) -> tuple[float, Tensor]:
        x = self._require_size(x)
        gradients = x.new_empty(len(self._parts), len(x))
        total = sum(self._map(lambda k: self._run(k, x, gradients[k])))
        return total, gradients.sum(0) if len(self._parts) > 1 else gradients[0]

    def jacobian(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self._require_size(x)
        counts = [part.count for part in self._parts]
        residual = x.new_empty(sum(counts))
        jacobian = x.new_empty(sum(counts), len(x))
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

    def _map(self, call: Callable[[int], Returned]) -> list[Returned]:
        if len(self._parts) == 1:
            return [call(0)]
        with ThreadPoolExecutor(len(self._parts)) as pool:
            return list(pool.map(call, range(len(self._parts))))

    def _require_size(self, x: Tensor) -> Tensor:
        """Memory that the library may read: it does not know how many numbers there are."""
        if x.shape != (self._residuals.parameters,):
            raise ValueError(
                f"{self._residuals.parameters} parameters are needed, not {tuple(x.shape)}"
            )
        return x.detach().to(self._dtype).contiguous()

    def _part(self, chunk: Tensor) -> _Part:
        part = slice(int(chunk[0]), int(chunk[-1]) + 1)
        rows = self._residuals.rows
        held = tuple(
            t.contiguous()
            for t in (
                self._residuals.inputs[:, part],
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
