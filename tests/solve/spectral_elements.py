"""An independent reference: spectral elements on a grid whose lines end where the data break.

-div(a grad u) + b . grad u + c u = f, systems with a scalar a for each unknown; Dirichlet values,
or
n . a grad u + alpha u = g on a face. Everything is a function of points (n, d).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sps
import scipy.sparse.linalg as spl
from numpy.typing import NDArray

Array = NDArray[np.float64]
Function = Callable[[Array], Array]
DEGREE = 5


@dataclass(frozen=True)
class System:
    """stiffness and mass matrices, load, nodes (n, d), their quadrature weights, and which are
    free;
    unknowns are numbered node by node."""

    stiffness: sps.csr_matrix
    mass: sps.csr_matrix
    load: Array
    nodes: Array
    held: Array
    free: NDArray[np.bool_]

    def solve(self) -> Array:
        """(n, m)."""
        values = self.held.copy()
        right = (self.load - self.stiffness @ self.held)[self.free]
        values[self.free] = spl.spsolve(self.stiffness[self.free][:, self.free].tocsc(), right)
        return values.reshape(len(self.nodes), -1)

    def evolve(self, time: float, steps: int = 400) -> Array:
        """The values at `time` from rest, by the trapezoid rule in the last of `steps` that grow
        from 0."""
        m, k = (a[self.free][:, self.free].tocsc() for a in (self.mass, self.stiffness))
        values, right = np.zeros(int(self.free.sum())), self.load[self.free]
        step = time / steps
        start = spl.factorized(m + step / 4 * k)
        for _ in range(4):  # implicit Euler takes what is stiff out of the data
            values = start(m @ values + step / 4 * right)
        go = spl.factorized(m + step / 2 * k)
        for _ in range(steps - 1):
            values = go(m @ values - step / 2 * (k @ values) + step * right)
        full = np.zeros(len(self.load))
        full[self.free] = values
        return full.reshape(len(self.nodes), -1)


def assemble(
    lines: Sequence[Array],
    a: Sequence[Function],
    b: Callable[[Array], Array] | None,
    c: Mapping[tuple[int, int], Function],
    f: Sequence[Function],
    conditions: Mapping[tuple[int, int], tuple[object, ...]],
) -> System:
    """conditions: {(axis, end): ("u", value) or ("q", alpha, g)}, for all unknowns alike."""
    count, dim = len(a), len(lines)
    local, gauss = _basis()
    axes = [_Axis(np.asarray(line)) for line in lines]
    shape = [axis.count for axis in axes]
    rows, columns, stiff, mass = [], [], [], []
    load = np.zeros((int(np.prod(shape)), count))

    def numbers(element: Sequence[int]) -> Array:
        parts = [axis.numbers(e) for axis, e in zip(axes, element, strict=True)]
        return np.ravel_multi_index(np.meshgrid(*parts, indexing="ij"), shape).ravel()

    for element in itertools.product(*(range(axis.elements) for axis in axes)):
        placed = [axis.quadrature(e, gauss) for axis, e in zip(axes, element, strict=True)]
        x = np.stack([g.ravel() for g in np.meshgrid(*(p for p, _ in placed), indexing="ij")], -1)
        w = placed[0][1]
        for _, more in placed[1:]:
            w = np.multiply.outer(w, more).ravel()
        widths = [axis.width(e) for axis, e in zip(axes, element, strict=True)]
        v = _product([local[0]] * dim)
        d = [
            _product([local[1] / widths[k] if k == j else local[0] for k in range(dim)])
            for j in range(dim)
        ]
        own = numbers(element)
        for i in range(count):
            block = sum(t.T @ ((w * a[i](x))[:, None] * t) for t in d)
            if b is not None:
                block = block + sum(v.T @ ((w * b(x)[:, j])[:, None] * t) for j, t in enumerate(d))
            for j in range(count):
                whole = block if i == j else 0 * block
                if (i, j) in c:
                    whole = whole + v.T @ ((w * c[i, j](x))[:, None] * v)
                rows.append(np.repeat(own * count + i, len(own)))
                columns.append(np.tile(own * count + j, len(own)))
                stiff.append(whole.ravel())
                mass.append((v.T @ (w[:, None] * v)).ravel() * (i == j))
            np.add.at(load[:, i], own, v.T @ (w * f[i](x)))
    size = load.size
    index = np.concatenate(rows), np.concatenate(columns)
    stiffness, masses = (
        sps.csr_matrix((np.concatenate(v), index), (size, size)) for v in (stiff, mass)
    )
    nodes = np.stack(
        [g.ravel() for g in np.meshgrid(*(axis.nodes for axis in axes), indexing="ij")], -1
    )
    free, held = np.ones(size, dtype=bool), np.zeros(size)
    for (axis, end), (kind, *data) in conditions.items():
        on = np.flatnonzero(nodes[:, axis] == axes[axis].lines[-end])
        if kind == "u":
            for i in range(count):
                free[on * count + i], held[on * count + i] = False, data[0]
            continue
        others = [x for k, x in enumerate(axes) if k != axis]
        weights = np.ones(1)
        for other in others:
            weights = np.multiply.outer(weights, other.weights).ravel()
        stiffness = (
            stiffness
            + sps.csr_matrix(  # nodal quadrature along the face: data are constant there
                (np.tile(data[0] * weights, count), ([*_each(on, count)],) * 2), (size, size)
            )
        )
        for i in range(count):
            load[on, i] += data[1] * weights
    return System(stiffness.tocsr(), masses, load.ravel(), nodes, held, free)


def _each(on: Array, count: int) -> Array:
    return np.concatenate([on * count + i for i in range(count)])


def _points() -> Array:
    """Chebyshev-Lobatto nodes of (0, 1)."""
    return (1 - np.cos(np.pi * np.arange(DEGREE + 1) / DEGREE)) / 2


def _basis() -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """(values, derivatives) of the Lagrange polynomials at Gauss points of (0, 1), and these with
    weights."""
    points, weights = np.polynomial.legendre.leggauss(DEGREE + 3)
    points = (points + 1) / 2
    inverse = np.linalg.inv(np.vander(_points(), increasing=True))
    powers = np.vander(points, DEGREE + 1, increasing=True)
    slopes = np.zeros_like(powers)
    slopes[:, 1:] = powers[:, :-1] * np.arange(1, DEGREE + 1)
    return (powers @ inverse, slopes @ inverse), (points, weights / 2)


def _product(parts: Sequence[Array]) -> Array:
    result = parts[0]
    for part in parts[1:]:
        result = np.einsum("qi,rj->qrij", result, part).reshape(len(result) * len(part), -1)
    return result


class _Axis:
    def __init__(self, lines: Array) -> None:
        self.lines, self.elements = lines, len(lines) - 1
        self.count = self.elements * DEGREE + 1
        inner = lines[:-1, None] + np.diff(lines)[:, None] * _points()[:-1]
        self.nodes = np.append(inner.ravel(), lines[-1])
        values, points = _basis()
        self.weights = np.zeros(self.count)
        for e in range(self.elements):
            self.weights[self.numbers(e)] += self.width(e) * points[1] @ values[0]

    def width(self, e: int) -> float:
        return float(self.lines[e + 1] - self.lines[e])

    def numbers(self, e: int) -> Array:
        return np.arange(DEGREE + 1) + DEGREE * e

    def quadrature(self, e: int, gauss: tuple[Array, Array]) -> tuple[Array, Array]:
        return self.lines[e] + self.width(e) * gauss[0], self.width(e) * gauss[1]
