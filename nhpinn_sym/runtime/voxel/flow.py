"""Stokes' equations around obstacles of voxels, on staggered grids, by forces that hold the walls.

Velocities stand on the faces of the boxes, pressures in their centres (Harlow, Welch 1965, Phys.
Fluids 8:2182). On a periodic grid without obstacles FFTs invert Stokes' equations, u = G f. Walls
are forces f there: those at faces of obstacles such that u = 0, and at velocities half a box beside
walls f = -u/h^2, which makes them vanish at the wall. As G is symmetric and positive, so is the
system for the forces, and conjugate gradients solve it with two FFTs an iteration; their number
grows slowly with the boxes along an axis, but to thousands in narrow pores, which `pores` solves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import fft

from ..arrays import AnyArray, Array, Flags
from ..fourier.krylov import cg
from .elements import BoxElements
from .pores import PoreFlow

MOST_ITERATIONS = 5000
# Of a load, relative to the velocity that a unit force makes in a box.
_ROUNDING = 1e-10
# Faces of walls for each box of fluid, from which on pores are narrow: channels of N boxes across
# have 4/N, or 2/N between plates; and boxes of fluid whose factors take a gigabyte.
_NARROW = 0.9
_MOST_OF_PORES = 400_000


@dataclass(frozen=True)
class StaggeredFlow:
    """`tensor` (d, d) with K_ij = <w^j_i>, the `velocities` w^j_i on the lower faces across axis i
    of the boxes (d, d, n_1, ..., n_d), the relative `residual` and the `iterations`.
    """

    tensor: Array
    velocities: Array
    residual: float
    iterations: int


class ObstacleForces:
    """The forces that hold the walls of `solid` boxes (n_1, ..., n_d): unknowns (m,) at the faces
    of walls and beside them.
    """

    def __init__(self, elements: BoxElements, solid: Flags) -> None:
        self.elements = elements
        axes = range(elements.dim)
        below = [np.roll(solid, 1, axis) for axis in axes]
        self.held = np.stack([solid | other for other in below])
        within = np.stack([solid & other for other in below])
        pairs = zip(within, self.held, strict=True)
        surrounded = np.stack([own & _neighbours(held) for own, held in pairs])
        self.drag = np.stack([self._drag(i, within[i]) for i in axes]) * ~self.held
        walls = self.held & ~surrounded
        self.places = walls | (self.drag > 0)
        self.axis = np.nonzero(self.places)[0]
        self.counts = np.bincount(self.axis, minlength=elements.dim)
        with np.errstate(divide="ignore"):
            self.softness = np.where(walls, 0.0, 1 / self.drag)[self.places]
        self.pushed = (~surrounded).astype(float)

    def _drag(self, component: int, within: Flags) -> Array:
        """1/h^2 for each neighbour in a wall: how much more it holds than u = 0 there."""
        found = np.zeros(within.shape)
        for axis, h in enumerate(self.elements.sizes):
            if axis != component:
                neighbours = np.roll(within, 1, axis).astype(int) + np.roll(within, -1, axis)
                found += neighbours / h**2
        return found

    @cached_property
    def _slopes(self) -> list[AnyArray]:
        """The symbols of differences from boxes to their lower faces, for each axis."""
        dim = self.elements.dim
        found = []
        for axis, (n, h) in enumerate(zip(self.elements.shape, self.elements.sizes, strict=True)):
            waves = np.fft.rfftfreq(n) if axis == dim - 1 else np.fft.fftfreq(n)
            shape = [-1 if k == axis else 1 for k in range(dim)]
            found.append((1 - np.exp(-2j * np.pi * waves.reshape(shape))) / h)
        return found

    @cached_property
    def _inverse(self) -> Array:
        """That of the negative Laplacian, 0 for constants."""
        symbol = np.asarray(sum(np.abs(slope) ** 2 for slope in self._slopes))
        symbol.flat[0] = np.inf
        return 1 / symbol

    def flow(self, forces: Array) -> Array:
        """Velocities (d, n_1, ..., n_d) of no mean, without divergence, that forces drive."""
        axes = tuple(range(1, forces.ndim))
        modes = fft.rfftn(forces, axes=axes)
        modes *= self._inverse
        pairs = zip(self._slopes, modes, strict=True)
        pressure = sum(slope.conj() * mode for slope, mode in pairs) * self._inverse
        for slope, mode in zip(self._slopes, modes, strict=True):
            mode -= slope * pressure
        return np.asarray(fft.irfftn(modes, s=forces.shape[1:], axes=axes, overwrite_x=True))

    def spread(self, forces: Array) -> Array:
        """Those at the unknowns, on all faces."""
        found = np.zeros(self.places.shape)
        found[self.places] = forces
        return found

    def response(self, forces: Array) -> Array:
        """How far velocities are from what walls want, less a mean flow."""
        return self.flow(self.spread(forces))[self.places] + self.softness * forces

    def means(self, values: Array) -> Array:
        """Of each component, (d,)."""
        return np.bincount(self.axis, weights=values, minlength=len(self.counts)) / self.counts

    def balanced(self, values: Array) -> Array:
        """Less the mean of each component."""
        return values - self.means(values)[self.axis]

    def driven(self, component: int, rtol: float) -> tuple[Array, float, int]:
        """(velocities, relative residual, iterations) of a unit force along one axis everywhere in
        the fluid: forces of the walls balance it, and the mean flow is what makes them do so.
        """
        push = np.zeros(self.places.shape)
        push[component] = self.pushed[component]
        held = np.where(self.axis == component, -push.sum() / self.counts[component], 0.0)
        missed = self.flow(push)[self.places] + self.response(held)
        load = -self.balanced(missed)
        if np.abs(load).max() < _ROUNDING * min(self.elements.sizes) ** 2:
            load[:] = 0.0
        found, residual, iterations = cg(
            lambda v: self.balanced(self.response(v)),
            lambda v: v,
            load,
            np.zeros_like(load),
            rtol,
            MOST_ITERATIONS,
        )
        forces = held + found
        velocities = self.flow(push + self.spread(forces))
        missed = velocities[self.places] + self.softness * forces
        mean = -self.means(missed).reshape(-1, *[1] * self.elements.dim)
        return np.where(self.held, 0.0, velocities + mean), float(residual), int(iterations)


def permeability(elements: BoxElements, solid: Flags, rtol: float) -> StaggeredFlow:
    """Flow through the boxes that are not solid, driven along each axis."""
    walls = ObstacleForces(elements, solid)
    flow = PoreFlow(elements, solid, walls.held, walls.drag) if _narrow(solid) else walls
    found = [flow.driven(axis, rtol) for axis in range(elements.dim)]
    velocities = np.stack([w for w, _, _ in found])
    tensor = velocities.mean(axis=tuple(range(2, velocities.ndim))).T
    return StaggeredFlow(
        tensor, velocities, max(r for _, r, _ in found), max(n for _, _, n in found)
    )


def _narrow(solid: Flags) -> bool:
    """Whether most boxes of the fluid touch walls, and are not too many."""
    fluid = int(np.sum(~solid))
    faces = sum(int(np.sum(solid != np.roll(solid, 1, axis))) for axis in range(solid.ndim))
    return faces >= _NARROW * fluid and fluid <= _MOST_OF_PORES


def at_corners(velocities: Array) -> Array:
    """Velocities on faces (loads, d, n_1, ..., n_d), as means at the lower corners of boxes."""
    dim = velocities.ndim - 2
    found = []
    for component in range(dim):
        values = velocities[:, component]
        for axis in range(dim):
            if axis != component:
                values = (values + np.roll(values, 1, axis + 1)) / 2
        found.append(values)
    return np.stack(found, axis=1)


def _neighbours(held: Flags) -> Flags:
    """Whether all faces that share a difference with one are held."""
    found = np.ones_like(held)
    for axis in range(held.ndim):
        found &= np.roll(held, 1, axis) & np.roll(held, -1, axis)
    return found
