"""Loss, gradient and Jacobian rows in torch operations, on any device; a hand-written reverse pass
in place of autograd.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import pad

from .reverse import TanhStreams, Tape
from .task import Task

_ON_DEVICE = 2**22
Pairs = list[tuple[Tensor, Tensor]]
Chunk = tuple[Tensor, ...]
"""inputs (inputs, streams, points), weights (derivatives, points) of a joined stream, factors
(equations, components, streams, points) of
the outputs in the residual, extra (equations, known, points), target (equations, points)."""


class Eager:
    """Points are taken in chunks that stay in the cache, all of one size: the last one is filled up
    with rows 0 = 0.
    """

    name = "torch"
    cached = 2**14

    def __init__(self, task: Task) -> None:
        self._task, points = task, task.rows.points
        largest = max(
            16, (self.cached if points.device.type == "cpu" else _ON_DEVICE) // max(task.sizes)
        )
        size = math.ceil(len(points) / math.ceil(len(points) / largest))
        self._counts = [min(size, len(points) - k) for k in range(0, len(points), size)]
        self._chunks = [chunk(task, slice(k, k + size), size) for k in range(0, len(points), size)]

    @torch.no_grad()
    def sum_of_squares(self, x: Tensor) -> float:
        repeated, value = self._repeated, x.new_zeros(())
        for part in self._chunks:
            repeated.forward(x, part, and_back=False)
            value += repeated.done.residual.square().sum()
        return float(value)

    @torch.no_grad()
    def gradient(self, x: Tensor) -> tuple[float, Tensor]:
        value, total = x.new_zeros(()), torch.zeros_like(x)
        for part in self._chunks:
            square, gradient = self._chunk_gradient(x, *part)
            value += square
            total += gradient
        return float(value), total

    @torch.no_grad()
    def jacobian(self, x: Tensor) -> tuple[Tensor, Tensor]:
        equations, repeated = self._task.rows.target.shape[1], self._repeated
        residual, rows = (
            x.new_empty(sum(self._counts), equations),
            x.new_empty(sum(self._counts), equations, len(x)),
        )
        for part, count, values, out in zip(
            self._chunks, self._counts, residual.split(self._counts), rows.split(self._counts)
        ):
            repeated.forward(x, part)
            values.copy_(repeated.done.residual[:, :count].T)
            for e, (pairs, repeat) in enumerate(repeated.rows):
                repeat()
                write_rows(pairs, part[3][e], out[:, e])
        return residual.flatten(), rows.flatten(0, 1)

    def _chunk_gradient(self, x: Tensor, *part: Tensor) -> tuple[Tensor, Tensor]:
        self._repeated.forward(x, part)
        gradient, repeat = self._repeated.gradient
        repeat()
        return self._repeated.done.residual.square().sum(), gradient

    @cached_property
    def _repeated(self) -> Repeated:
        return Repeated(self._task, self._chunks[0])


class Repeated:
    """A pass on arrays that stay, into which the parameters and the numbers of a chunk are
    copied.
    """

    def __init__(self, task: Task, like: Chunk) -> None:
        self._x, self._part, self._tape = (
            task.rows.points.new_zeros(task.parameters),
            tuple(map(torch.clone, like)),
            Tape(),
        )
        self.done = Pass(task, self._x, self._part, self._tape)
        self._forward = self._tape.cut()
        self.done.prepare()
        self._prepare = self._tape.cut()

    def forward(self, x: Tensor, part: Chunk, and_back: bool = True) -> None:
        """The residual, and what is needed for `gradient` and `rows`."""
        for mine, given in zip((self._x, *self._part), (x, *part), strict=True):
            mine.copy_(given)
        self._forward()
        if and_back:
            self._prepare()

    @cached_property
    def gradient(self) -> tuple[Tensor, Callable[[], None]]:
        """Where the gradient stands once the second is called."""
        return self.done.gradient(), self._tape.cut()

    @cached_property
    def rows(self) -> list[tuple[Pairs, Callable[[], None]]]:
        """The same for what the Jacobian of each equation is made of."""
        return [(self.done.back(factors), self._tape.cut()) for factors in self._part[2]]


class Pass:
    """A chunk sent through the net; `residual` (equations, points)."""

    def __init__(self, task: Task, x: Tensor, part: Chunk, do: Tape) -> None:
        inputs, weights, self._factors, self._extra, target = part
        self._do, self._parameters = do, task.parameters
        (*self._inner, (self._last, bias)), coefficients = task.split(x)
        self._before, self._states = [inputs], []
        for weight, shift in self._inner:
            z = self._affine(weight, shift, self._before[-1])
            self._states.append(TanhStreams(task.streams, z, weights, do))
            self._before.append(self._states[-1].h)
        outputs = self._affine(self._last, bias, self._before[-1])
        self.residual = self._contracted(self._factors, outputs, (1, 2))
        do(torch.sub, self.residual, target, out=self.residual)
        if len(coefficients):
            do(
                torch.add,
                self.residual,
                self._contracted(self._extra, coefficients, (1,)),
                out=self.residual,
            )

    def prepare(self) -> None:
        """What `back` and `gradient` need and `residual` does not."""
        for state in self._states:
            state.prepare()

    def back(self, seed: Tensor) -> Pairs:
        """(d, h) of every layer for the derivatives `seed` by the streams of the outputs: d the
        derivatives by the streams of its
        products, h the streams it acted on; the first layer comes first."""
        found, d = [(seed, self._before[-1])], self._times(self._last.T, seed)
        for k in range(len(self._states) - 1, -1, -1):
            d = self._states[k].back(d)
            found.append((d, self._before[k]))
            if k:
                d = self._times(self._inner[k][0].T, d)
        return found[::-1]

    def gradient(self) -> Tensor:
        """Of the sum of the squared residuals."""
        do, out, begin = self._do, self.residual.new_empty(self._parameters), 0
        twice = do(torch.mul, self.residual, 2, out=torch.empty_like(self.residual))
        for d, h in self.back(self._contracted(self._factors, twice[:, None, None], (0,))):
            weight, bias = (
                out[begin : begin + len(d) * len(h)],
                out[begin + len(d) * len(h) : begin + len(d) * (len(h) + 1)],
            )
            do(torch.mm, d.flatten(1), h.flatten(1).T, out=weight.view(len(d), len(h)))
            do(torch.sum, d[:, 0], -1, out=bias)
            begin += len(d) * (len(h) + 1)
        if begin < len(out):
            do(
                torch.sum,
                do(torch.mul, self._extra, twice[:, None], out=torch.empty_like(self._extra)),
                (0, 2),
                out=out[begin:],
            )
        return out

    def _affine(self, matrix: Tensor, shift: Tensor, streams: Tensor) -> Tensor:
        out = self._times(matrix, streams)
        self._do(torch.add, out[:, 0], shift[:, None], out=out[:, 0])
        return out

    def _times(self, matrix: Tensor, streams: Tensor) -> Tensor:
        out = streams.new_empty(len(matrix), *streams.shape[1:])
        self._do(torch.mm, matrix, streams.flatten(1), out=out.flatten(1))
        return out

    def _contracted(self, a: Tensor, b: Tensor, axes: tuple[int, ...]) -> Tensor:
        """The sum of a b over some axes of a."""
        product = self._do(torch.mul, a, b, out=torch.empty_like(a))
        return self._do(
            torch.sum,
            product,
            axes,
            out=a.new_empty([n for k, n in enumerate(a.shape) if k not in axes]),
        )


def write_rows(pairs: Pairs, extra: Tensor, out: Tensor) -> None:
    """Jacobian rows of one equation, into `out` (points, parameters)."""
    begin, points = 0, len(out)
    for d, h in pairs:
        for part in (
            torch.einsum("osn,isn->noi", d[..., :points], h[..., :points]),
            d[:, 0, :points].T,
        ):
            count = part[0].numel()
            out[:, begin : begin + count].view(part.shape).copy_(part)
            begin += count
    out[:, begin:] = extra[:, :points].T


def chunk_gradient(task: Task, x: Tensor, part: Chunk, do: Tape) -> tuple[Tensor, Tensor]:
    """The sum of the squared residuals of a chunk, and its derivative."""
    done = Pass(task, x, part, do)
    return done.residual.square().sum(), done.gradient()


def chunk(task: Task, part: slice, size: int) -> Chunk:
    """What a pass needs at some of the points, `size` of them with those that are added."""
    rows = task.rows.part(part)
    kept = rows.weights[..., list(task.streams.kept)]
    factors = torch.cat([kept, torch.ones_like(kept[..., :1])], -1) if task.streams.joined else kept
    moved = (
        task.inputs[:, part].permute(2, 0, 1),
        rows.weights[:, 0, 0].T,
        factors.permute(1, 2, 3, 0),
        rows.extra.permute(1, 2, 0),
        rows.target[..., 0].T,
    )
    return tuple(pad(t, (0, size - len(rows.points))).contiguous() for t in moved)
