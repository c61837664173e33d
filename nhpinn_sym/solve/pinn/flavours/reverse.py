"""The streams of tanh(z), forward and back, in plain torch operations without autograd.

Streams are tensors (units, streams, points): points last, so that the weights of the operator at the points broadcast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import torch
from torch import Tensor

from ....emit.tanh_jet import Streams, Term, slopes


class Scratch:
    """Memory for the arrays of a pass, given out in the order in which the pass asks: freshly allocated memory would be paged in every time."""

    def __init__(self) -> None:
        self._given: list[Tensor] = []
        self._next = 0

    def restart(self) -> None:
        self._next = 0

    def empty(self, like: Tensor, *shape: int) -> Tensor:
        """An array whose entries are anything."""
        if self._next == len(self._given):
            self._given.append(like.new_empty(shape))
        elif self._given[self._next].shape != shape:
            self._given[self._next] = like.new_empty(shape)
        self._next += 1
        return self._given[self._next - 1]

    def write(self, part: Tensor, function: Callable[..., Tensor], *arguments: Tensor) -> Tensor:
        """function(*arguments), into a part of an array."""
        return function(*arguments, out=part)


class TanhStreams:
    """h = tanh(z) at some points, and the way back; w (derivatives, points): the weights of the operator, which joined streams need.

    The k-th derivative of tanh is f_1 r_k: f_1 is taken out of all sums, which leaves r_1 = 1 and r_2 = -2 t.
    """

    def __init__(self, streams: Streams, z: Tensor, w: Tensor, scratch: Scratch) -> None:
        self._streams, self._z, self._w, self._scratch = streams, z, w, scratch
        self._products: dict[tuple[int | None, tuple[int, ...]], Tensor] = {}
        self._rates: dict[int, tuple[Tensor, int]] = {}
        self.h = scratch.empty(z, *z.shape)
        self._t = scratch.write(self.h[:, 0], torch.tanh, z[:, 0])
        self._f = torch.addcmul(z.new_ones(()), self._t, self._t, value=-1, out=self._new())
        self._sums = [{k: self._sum(terms) for k, terms in table.items()} for table in streams.tables]
        for s, sums in enumerate(self._sums, 1):
            self._write(self.h[:, s], sums)

    def _write(self, h: Tensor, sums: Mapping[int, Tensor]) -> None:
        """f_1 sum_k r_k S_k."""
        before = sums[1]
        for k, value in sums.items():
            if k > 1:
                rate, factor = self._rate(k)
                before = self._scratch.write(h, partial(torch.addcmul, value=factor), before, rate, value)
        self._scratch.write(h, torch.mul, self._f, before)

    def back(self, d: Tensor) -> Tensor:
        """The derivatives by z from those by h."""
        found = torch.mul(self._f[:, None], d, out=self._scratch.empty(d, *d.shape))
        for k in sorted({k for sums in self._sums for k in sums}):
            first, *rest = [(found[:, s], sums[k]) for s, sums in enumerate(self._sums, 1) if k in sums]
            total = torch.mul(*first, out=self._new())
            for part in rest:
                total.addcmul_(*part)
            rate, factor = self._rate(k + 1)
            found[:, 0].addcmul_(rate, total, value=factor)
        seeds: dict[tuple[int, int], Tensor] = {}
        for b, k, s, (factor, weight, streams) in self._streams.reverse:  # by rising b: what is read of a stream is read before it changes
            rate, slope = self._rate(k)
            if (k, s) not in seeds:
                seeds[k, s] = torch.mul(rate, found[:, s], out=self._new())
            found[:, b].addcmul_(seeds[k, s], self._product(weight, streams), value=slope * factor)
        return found

    def _new(self) -> Tensor:
        return self._scratch.empty(self._z, len(self._z), self._z.shape[2])

    def _rate(self, k: int) -> tuple[Tensor, int]:
        """r_k as a tensor and a factor, k > 1: a polynomial in f_1 = 1 - t^2, times t where k is even."""
        if k not in self._rates:
            *rest, last = slopes(k)[-1]
            if not rest:
                return self._t, last
            value = torch.mul(self._f, last, out=self._new())
            for c in reversed(rest[1:]):
                value.add_(c).mul_(self._f)
            value.add_(rest[0])
            self._rates[k] = value.mul_(self._t) if k % 2 == 0 else value, 1
        return self._rates[k]

    def _product(self, weight: int | None, streams: tuple[int, ...]) -> Tensor:
        """The product of some streams of z and a weight."""
        *head, last = streams
        if not head and weight is None:
            return self._z[:, last]
        if (weight, streams) not in self._products:
            before = self._w[weight] if not head else self._product(weight, tuple(head))
            self._products[weight, streams] = torch.mul(before, self._z[:, last], out=self._new())
        return self._products[weight, streams]

    def _sum(self, terms: Iterable[Term]) -> Tensor:
        """The sum of some monomials: a new array, or a stream of z itself."""
        (factor, weight, streams), *rest = terms
        if len(streams) == 1:
            return self._z[:, streams[0]]
        first, last = self._product(weight, streams[:-1]), self._z[:, streams[-1]]
        total = torch.addcmul(first.new_zeros(()), first, last, value=factor, out=self._new())
        for factor, weight, streams in rest:
            total.addcmul_(self._product(weight, streams[:-1]), self._z[:, streams[-1]], value=factor)
        return total
