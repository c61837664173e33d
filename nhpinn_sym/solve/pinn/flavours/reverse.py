"""The streams of tanh(z), forward and back, in plain torch operations without autograd.

Streams are tensors (units, streams, points): points last, so that the weights of the operator at
the points broadcast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from torch import Tensor, add, addcmul, mul, tanh

from ....runtime.nets.native.tanh_taylor import Streams, Term, slopes


class Tape:
    """Makes calls, and remembers them: on arrays that stay they are repeated at once, without views
    and memory being made again.
    """

    def __init__(self) -> None:
        self._calls: list[Callable[[], Tensor]] = []

    def __call__(
        self, function: Callable[..., Tensor], *arguments: Any, out: Tensor, **options: Any
    ) -> Tensor:
        """out = function(*arguments, **options)."""
        self._calls.append(partial(function, *arguments, out=out, **options))
        return self._calls[-1]()

    def cut(self) -> Callable[[], None]:
        """What repeats all calls since the last cut."""
        calls, self._calls = self._calls, []

        def repeat() -> None:
            for call in calls:
                call()

        return repeat


class TanhStreams:
    """h = tanh(z) at some points, and the way back; w (derivatives, points): the weights of the
    operator, which joined streams need.

    The k-th derivative of tanh is f_1 r_k: f_1 is taken out of all sums, which leaves r_1 = 1 and
    r_2 = -2 t.
    """

    def __init__(self, streams: Streams, z: Tensor, w: Tensor, do: Tape) -> None:
        self._streams, self._z, self._w, self._do = streams, z, w, do
        self._products: dict[tuple[int | None, tuple[int, ...]], Tensor] = {}
        self._rates: dict[int, tuple[Tensor, int]] = {}
        self.h = z.new_empty(z.shape)
        self._t = do(tanh, z[:, 0], out=self.h[:, 0])
        self._f = do(addcmul, z.new_ones(()), self._t, self._t, value=-1, out=self._new())
        self._sums = [
            {k: self._sum(terms) for k, terms in table.items()} for table in streams.tables
        ]
        for s, sums in enumerate(self._sums, 1):
            self._write(self.h[:, s], sums)

    def _write(self, h: Tensor, sums: Mapping[int, Tensor]) -> None:
        """f_1 sum_k r_k S_k."""
        total = sums[1]
        for k, value in sums.items():
            if k > 1:
                rate, factor = self._rate(k)
                total = self._do(addcmul, total, rate, value, value=factor, out=h)
        self._do(mul, self._f, total, out=h)

    def prepare(self) -> None:
        """What every way back needs that the way forward did not."""
        for k in {k for sums in self._sums for k in sums}:
            self._rate(k + 1)
        for _, _, _, (_, weight, streams) in self._streams.products:
            self._product(weight, streams)

    def back(self, d: Tensor) -> Tensor:
        """The derivatives by z from those by h."""
        do, found = self._do, d.new_empty(d.shape)
        do(mul, self._f[:, None], d, out=found)
        for k in sorted({k for sums in self._sums for k in sums}):
            first, *rest = [
                (found[:, s], sums[k]) for s, sums in enumerate(self._sums, 1) if k in sums
            ]
            total = do(mul, *first, out=self._new())
            for part in rest:
                do(addcmul, total, *part, out=total)
            rate, factor = self._rate(k + 1)
            do(addcmul, found[:, 0], rate, total, value=factor, out=found[:, 0])
        seeds: dict[tuple[int, int], Tensor] = {}
        for (
            b,
            k,
            s,
            (factor, weight, streams),
        ) in (
            self._streams.products
        ):  # by rising b: what is read of a stream is read before it changes
            rate, slope = self._rate(k)
            if (k, s) not in seeds:
                seeds[k, s] = do(mul, rate, found[:, s], out=self._new())
            do(
                addcmul,
                found[:, b],
                seeds[k, s],
                self._product(weight, streams),
                value=slope * factor,
                out=found[:, b],
            )
        return found

    def _new(self) -> Tensor:
        return self._z.new_empty(len(self._z), self._z.shape[2])

    def _rate(self, k: int) -> tuple[Tensor, int]:
        """r_k as a tensor and a factor, k > 1: a polynomial in f_1 = 1 - t^2, times t where k is
        even.
        """
        if k not in self._rates:
            *rest, last = slopes(k)[-1]
            value, factor = self._t, last
            if rest:
                value, factor = self._do(mul, self._f, last, out=self._new()), 1
                for c in reversed(rest[1:]):
                    self._do(mul, self._do(add, value, c, out=value), self._f, out=value)
                self._do(add, value, rest[0], out=value)
                if k % 2 == 0:
                    self._do(mul, value, self._t, out=value)
            self._rates[k] = value, factor
        return self._rates[k]

    def _product(self, weight: int | None, streams: tuple[int, ...]) -> Tensor:
        """The product of some streams of z and a weight."""
        *head, last = streams
        if not head and weight is None:
            return self._z[:, last]
        if (weight, streams) not in self._products:
            before = self._w[weight] if not head else self._product(weight, tuple(head))
            self._products[weight, streams] = self._do(
                mul, before, self._z[:, last], out=self._new()
            )
        return self._products[weight, streams]

    def _sum(self, terms: Iterable[Term]) -> Tensor:
        """The sum of some monomials: a new array, or a stream of z itself."""
        (factor, weight, streams), *rest = terms
        if len(streams) == 1:
            return self._z[:, streams[0]]
        total, zero = self._new(), self._z.new_zeros(())
        self._do(
            addcmul,
            zero,
            self._product(weight, streams[:-1]),
            self._z[:, streams[-1]],
            value=factor,
            out=total,
        )
        for factor, weight, streams in rest:
            self._do(
                addcmul,
                total,
                self._product(weight, streams[:-1]),
                self._z[:, streams[-1]],
                value=factor,
                out=total,
            )
        return total
