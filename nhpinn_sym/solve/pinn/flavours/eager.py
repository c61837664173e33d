"""Loss, gradient and Jacobian rows in torch operations, on any device; a hand-written reverse pass in place of autograd."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .reverse import Scratch, TanhStreams
from .task import Task

_ON_DEVICE = 2**22
Chunk = tuple[Tensor, ...]
"""inputs (inputs, streams, points), weights (derivatives, points) of a joined stream, factors (equations, components, streams, points) of
the outputs in the residual, extra (equations, known, points), target (equations, points)."""


class Eager:
    """Points are taken in chunks that stay in the cache."""

    name = "torch"
    cached = 2**16

    def __init__(self, task: Task) -> None:
        self._task, self._scratch, points = task, Scratch(), task.rows.points
        largest = max(16, (self.cached if points.device.type == "cpu" else _ON_DEVICE) // max(task.sizes))
        size = math.ceil(len(points) / math.ceil(len(points) / largest))
        self._chunks = [chunk(task, slice(k, k + size)) for k in range(0, len(points), size)]

    @torch.no_grad()
    def sum_of_squares(self, x: Tensor) -> float:
        return float(sum(Pass(self._task, x, part, self._scratch).residual.square().sum() for part in self._chunks))

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
        counts, equations = [part[0].shape[2] for part in self._chunks], self._task.rows.target.shape[1]
        residual, rows = x.new_empty(sum(counts), equations), x.new_empty(sum(counts), equations, len(x))
        for part, values, out in zip(self._chunks, residual.split(counts), rows.split(counts)):
            done = Pass(self._task, x, part, self._scratch)
            values.copy_(done.residual.T)
            done.jacobian(out)
        return residual.flatten(), rows.flatten(0, 1)

    def _chunk_gradient(self, x: Tensor, *part: Tensor) -> tuple[Tensor, Tensor]:
        return chunk_gradient(self._task, x, part, self._scratch)


class Pass:
    """A chunk sent through the net; `residual` (equations, points)."""

    def __init__(self, task: Task, x: Tensor, part: Chunk, scratch: Scratch) -> None:
        scratch.restart()
        self._scratch = scratch
        inputs, weights, self._factors, self._extra, target = part
        (*self._inner, (self._last, bias)), coefficients = task.split(x)
        self._before, self._states = [inputs], []
        for weight, shift in self._inner:
            z = self._times(weight, self._before[-1])
            z[:, 0] += shift[:, None]
            self._states.append(TanhStreams(task.streams, z, weights, scratch))
            self._before.append(self._states[-1].h)
        outputs = self._times(self._last, self._before[-1])
        outputs[:, 0] += bias[:, None]
        known = torch.einsum("ekn,k->en", self._extra, coefficients[:, 0])
        self.residual = (self._factors * outputs).sum((1, 2)) + known - target

    def back(self, seed: Tensor) -> list[tuple[Tensor, Tensor]]:
        """(d, h) of every layer for the derivatives `seed` by the streams of the outputs: d the derivatives by the streams of its
        products, h the streams it acted on; the last layer comes first."""
        found, d = [(seed, self._before[-1])], self._times(self._last.T, seed)
        for k in range(len(self._states) - 1, -1, -1):
            d = self._states[k].back(d)
            found.append((d, self._before[k]))
            if k:
                d = self._times(self._inner[k][0].T, d)
        return found

    def gradient(self) -> Tensor:
        """Of the sum of the squared residuals."""
        twice = 2 * self.residual
        pairs = self.back(torch.einsum("en,ecsn->csn", twice, self._factors))
        parts = [part for d, h in reversed(pairs) for part in (d.flatten(1) @ h.flatten(1).T, d[:, 0].sum(-1))]
        return torch.cat([*(part.flatten() for part in parts), torch.einsum("en,ekn->k", twice, self._extra)])

    def jacobian(self, out: Tensor) -> None:
        """Of the residuals, into `out` (points, equations, parameters)."""
        for e, (factors, extra) in enumerate(zip(self._factors, self._extra)):
            begin = 0
            for d, h in reversed(self.back(factors)):
                for part in (torch.einsum("osn,isn->noi", d, h), d[:, 0].T):
                    count = part[0].numel()
                    out[:, e, begin:begin + count].view(part.shape).copy_(part)
                    begin += count
            out[:, e, begin:] = extra.T

    def _times(self, matrix: Tensor, streams: Tensor) -> Tensor:
        out = self._scratch.empty(streams, len(matrix), *streams.shape[1:])
        torch.mm(matrix, streams.flatten(1), out=out.flatten(1))
        return out


def chunk_gradient(task: Task, x: Tensor, part: Chunk, scratch: Scratch) -> tuple[Tensor, Tensor]:
    """The sum of the squared residuals of a chunk, and its derivative."""
    done = Pass(task, x, part, scratch)
    return done.residual.square().sum(), done.gradient()


def chunk(task: Task, part: slice) -> Chunk:
    """What a pass needs at some of the points."""
    rows = task.rows.part(part)
    kept = rows.weights[..., list(task.streams.kept)]
    factors = torch.cat([kept, torch.ones_like(kept[..., :1])], -1) if task.streams.joined else kept
    moved = (task.inputs[:, part].permute(2, 0, 1), rows.weights[:, 0, 0].T, factors.permute(1, 2, 3, 0), rows.extra.permute(1, 2, 0),
             rows.target[..., 0].T)
    return tuple(t.contiguous() for t in moved)

