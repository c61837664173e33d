"""Viscosity solutions of b u_t + H(grad u) + c(x, t, u) = 0 by monotone schemes, which converge to
them (G. Barles, P. E. Souganidis, Convergence of approximation schemes for fully nonlinear second
order equations, 1991): for convex H the largest of v . p - L(v) with differences against v (H. J.
Kushner, P. G. Dupuis, Numerical methods for stochastic control problems, 1992), elsewhere that of
Lax and Friedrichs. Errors are of first order in the mesh size where u is smooth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import spsolve

from .arrays import Array
from .convex_faces import Face

_COURANT = 0.9
_SETTLED = 1e-11
_MOST_STEPS = 200
_MOST_TIME_STEPS = 200_000


@dataclass(frozen=True)
class Terms:
    """What the equation holds, as functions of arrays.

    hamiltonian : slopes (d, n) -> values (n,) and slopes of them (d, n)
    low, high   : (d,), slopes between which the Hamiltonian is least
    faces       : `convex_faces` of a convex Hamiltonian: walls are met in the sense of viscosity
                  solutions; None elsewhere
    rest        : (points (d, n), t, u (n,)) -> c and dc/du, (n,) each
    mass        : (points (d, n), t) -> b > 0, (n,)
    walls       : (points (d, n), t) -> the values at the ends of the axes that are not periodic
    """

    hamiltonian: Callable[[Array], tuple[Array, Array]]
    rest: Callable[[Array, float, Array], tuple[Array, Array]]
    mass: Callable[[Array, float], Array]
    walls: Callable[[Array, float], Array]
    low: Array
    high: Array
    faces: Mapping[tuple[int, ...], Face] | None = None


class MonotoneScheme:
    """The equation at the nodes of a uniform lattice, flat (n,); both ends of an axis are nodes,
    and one point where it is periodic.
    """

    def __init__(self, lines: Sequence[Array], periodic: Sequence[int], terms: Terms) -> None:
        self.terms = terms
        self.periodic = tuple(periodic)
        self.own = [line[:-1] if k in periodic else line for k, line in enumerate(lines)]
        self.shape = tuple(map(len, self.own))
        self.h = [float(line[1] - line[0]) for line in lines]
        self.points = np.stack([p.ravel() for p in np.meshgrid(*self.own, indexing="ij")])
        self.forward = [self._difference(k, 1) for k in range(len(lines))]
        self.backward = [self._difference(k, -1) for k in range(len(lines))]
        self.inner = self._inner()

    def whole(self, u: Array) -> Array:
        """Values with both ends of every axis."""
        values = u.reshape(self.shape)
        return np.pad(values, [(0, int(k in self.periodic)) for k in range(len(self.h))], "wrap")

    def evolve(self, u: Array, times: Array, report: Callable[[float], None]) -> list[Array]:
        """Solutions at all times from one at the first; RuntimeError where slopes grow without
        bound, or steps are too many. Steps shrink with the lattice even where nothing moves: what
        is estimated from two lattices has to see their error.
        """
        found = [u]
        longest = float(times[-1] - times[0]) / max(self.shape)
        steps = 0
        for start, end in pairwise(times.tolist()):
            t = start
            while t < end:
                mass = self.terms.mass(self.points, t)
                rate, _, matrix = self._rate(u, t)
                # Monotone: no value of before enters with the other sign.
                falling = (matrix.diagonal() / mass)[self.inner].max()
                step = min(end - t, longest, _COURANT / max(falling, 1e-12))
                if end - t - step < 1e-9 * (end - start):
                    step = end - t
                t = end if step == end - t else t + step
                u = u - step * rate / mass
                u[~self.inner] = self.terms.walls(self.points[:, ~self.inner], t)
                steps += 1
                if not np.all(np.isfinite(u)):
                    raise RuntimeError("the slopes grow without bound")
                if steps > _MOST_TIME_STEPS:
                    raise RuntimeError(f"it needs more than {_MOST_TIME_STEPS} steps in time")
            found.append(u)
            report(end / float(times[-1]))
        return found

    def stationary(self, u: Array) -> Array:
        """The solution without u_t, by Newton's method, which goes through the policies that convex
        Hamiltonians are maxima of; RuntimeError where it does not converge.
        """
        u = u.copy()
        u[~self.inner] = self.terms.walls(self.points[:, ~self.inner], 0.0)
        speeds = [0.0] * len(self.h)
        for _ in range(_MOST_STEPS):
            residual, speeds, matrix = self._rate(u, 0.0, speeds)
            residual[~self.inner] = 0.0
            change = spsolve(self._with_walls(matrix), residual)
            u = u - change
            if np.abs(change).max() <= _SETTLED * max(np.abs(u).max(), 1e-300):
                return u
        raise RuntimeError("Newton's method does not converge")

    def _rate(
        self, u: Array, t: float, least: Sequence[float] = ()
    ) -> tuple[Array, list[float], Any]:
        """H + c, the largest speeds along the axes (the numerical viscosity of Lax and Friedrichs,
        not below `least`), and the derivative by u.
        """
        ahead = np.stack([d @ u for d in self.forward])
        behind = np.stack([d @ u for d in self.backward])
        ahead[:, ~self.inner] = behind[:, ~self.inner] = 0.0
        rest, by_u = self.terms.rest(self.points, t, u)
        if self.terms.faces is None:
            value, speeds, matrix = self._lax_friedrichs(ahead, behind, least)
        else:
            value, speeds, matrix = self._upwind(ahead, behind, self.terms.faces)
        return value + rest, speeds, matrix + sparse.diags(by_u)

    def _upwind(
        self, ahead: Array, behind: Array, faces: Mapping[tuple[int, ...], Face]
    ) -> tuple[Array, list[float], Any]:
        """The largest of v . p - L(v), p from behind where v > 0 and from ahead where v < 0: of
        those that a face takes at one-sided slopes with a derivative v of their signs.
        """
        count = ahead.shape[1]
        value = np.full(count, -np.inf)
        velocity = np.zeros_like(ahead)
        # What lies beyond the box on the far side has a derivative of the other sign.
        ahead = np.minimum(ahead, self.terms.high[:, None])
        behind = np.maximum(behind, self.terms.low[:, None])
        for axes, face in faces.items():
            for signs in product((1, -1), repeat=len(axes)):
                chosen = [behind[k] if s > 0 else ahead[k] for k, s in zip(axes, signs)]
                slopes = np.stack(chosen) if chosen else np.zeros((0, count))
                found, v = face(slopes)
                fits = np.all([s * v[i] >= 0 for i, s in enumerate(signs)], axis=0)
                better = fits & (found > value)
                value = np.where(better, found, value)
                for k in range(len(velocity)):
                    own = v[axes.index(k)] if k in axes else 0.0
                    velocity[k] = np.where(better, own, velocity[k])
        matrix = sparse.csr_matrix((count, count))
        for k, v in enumerate(velocity):
            matrix = matrix + sparse.diags(np.maximum(v, 0)) @ self.backward[k]
            matrix = matrix + sparse.diags(np.minimum(v, 0)) @ self.forward[k]
        return value, [float(np.abs(v).max()) for v in velocity], matrix

    def _lax_friedrichs(
        self, ahead: Array, behind: Array, least: Sequence[float]
    ) -> tuple[Array, list[float], Any]:
        """H at the mean slope, with as much viscosity as makes it monotone."""
        speeds = self._viscosity(ahead, behind)
        if least:
            speeds = [max(a, b) for a, b in zip(speeds, least)]
        value, slope = self.terms.hamiltonian((ahead + behind) / 2)
        matrix = sparse.csr_matrix((len(value), len(value)))
        for k, a in enumerate(speeds):
            value = value - a * (ahead[k] - behind[k]) / 2
            central = (self.forward[k] + self.backward[k]) / 2
            spread = (self.forward[k] - self.backward[k]) * (a / 2)
            matrix = matrix + sparse.diags(slope[k]) @ central - spread
        return value, speeds, matrix

    def _viscosity(self, ahead: Array, behind: Array) -> list[float]:
        """The largest |dH/dp_k| at all corners of the one-sided slopes."""
        largest = np.zeros(len(self.h))
        for sides in product((0, 1), repeat=len(self.h)):
            corner = np.stack([(ahead, behind)[side][k] for k, side in enumerate(sides)])
            _, slope = self.terms.hamiltonian(corner)
            largest = np.maximum(largest, np.abs(slope).max(axis=1))
        return [float(a) for a in largest]

    def _difference(self, axis: int, side: int) -> Any:
        """(u(x + side h) - u(x)) / (side h) as a matrix; at ends that are not periodic rows that
        are not used.
        """
        n = self.shape[axis]
        one = sparse.lil_matrix(sparse.diags([np.full(n, -1.0 * side)], [0]))
        for i in range(n):
            j = i + side
            if 0 <= j < n or axis in self.periodic:
                one[i, j % n] += side
        factors = [sparse.identity(m) for m in self.shape]
        factors[axis] = one / self.h[axis]
        total = factors[0]
        for factor in factors[1:]:
            total = sparse.kron(total, factor)
        return total.tocsr()

    def _inner(self) -> Array:
        """Which nodes are not on a wall."""
        masks = []
        for k, n in enumerate(self.shape):
            mask = np.ones(n, dtype=bool)
            if k not in self.periodic:
                mask[[0, -1]] = False
            masks.append(mask)
        return np.logical_and.reduce(np.meshgrid(*masks, indexing="ij")).ravel()

    def _with_walls(self, matrix: Any) -> Any:
        """Identity rows for the nodes on walls."""
        keep = sparse.diags(self.inner.astype(float))
        return (keep @ matrix + sparse.diags((~self.inner).astype(float))).tocsc()
