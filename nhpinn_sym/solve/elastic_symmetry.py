"""How near a stiffness is to each class of symmetry, over all axes.

A class is a group of rotations. The nearest stiffness that has it is the mean over the group, and
the distance, in the norm of C_ijkl that no rotation changes, is what is left. (Forte and Vianello,
J. Elasticity 43 (1996); Moakher and Norris, J. Elasticity 85 (2006).)
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.optimize
from scipy.spatial.transform import Rotation

from .solution import Array
from .tensors import PAIRS

CONSTANTS = {
    3: {
        "isotropic": 2,
        "cubic": 3,
        "transversely isotropic": 5,
        "tetragonal": 6,
        "trigonal": 6,
        "orthotropic": 9,
        "monoclinic": 13,
        "triclinic": 21,
    },
    2: {"isotropic": 2, "square": 3, "orthotropic": 4, "anisotropic": 6},
}
"""The classes by dimension, the most symmetric first, and their numbers of constants."""

# Axes, of a fixed seed, that are tried besides those of the cell and of the tensor.
_STARTS = 60
# The best of them from which the nearest ones are looked for.
_IMPROVED = 4
# Relative; the distance has an error of its square where it is not zero.
_STEP = 1e-10


@dataclass(frozen=True)
class Nearest:
    """distance: to the nearest stiffness of the class, relative to the norm; axes: (d, d), in rows,
    in which that one has the class's form."""

    distance: float
    axes: Array


def nearest_classes(mandel: Array, tolerance: float) -> dict[str, Nearest]:
    """The distance to every class but the last one, which all belong to.

    mandel: (6, 6) or (3, 3). Axes of the cell are kept where they are as good as any, up to the
    tolerance.
    """
    dim = 3 if len(mandel) == 6 else 2
    size = float(np.linalg.norm(mandel)) or 1.0
    found = {}
    for name in list(CONSTANTS[dim])[:-1]:
        group = _GROUPS[dim][name]
        residual = _Residual(mandel / size, _mandel_rotations(group(), dim), dim)
        found[name] = _nearest(residual, mandel, tolerance)
    return found


class _Residual:
    """What a class leaves of a stiffness whose axes are turned: (6, 6) or (3, 3), flat."""

    def __init__(self, mandel: Array, group: Array, dim: int) -> None:
        self.mandel = mandel
        self.dim = dim
        size = mandel.size
        mean = np.einsum("gij,gkl->ikjl", group, group).reshape(size, size) / len(group)
        self.left = np.eye(size) - mean

    def __call__(self, axes: Array) -> Array:
        turn = _mandel_rotations(axes[None], self.dim)[0]
        return np.asarray(self.left @ (turn @ self.mandel @ turn.T).ravel())


def _nearest(residual: _Residual, mandel: Array, tolerance: float) -> Nearest:
    found = []
    for start in _starts(mandel, residual.dim):
        own = Nearest(float(np.linalg.norm(residual(start))), start)
        if own.distance <= tolerance:
            return own
        found.append(own)
    found.sort(key=lambda nearest: nearest.distance)
    return min(
        (_improved(residual, nearest.axes) for nearest in found[:_IMPROVED]),
        key=lambda nearest: nearest.distance,
    )


def _improved(residual: _Residual, start: Array) -> Nearest:
    """The best axes near the ones given, by Gauss's and Newton's method on the angles."""

    def turned(angles: Array) -> Array:
        return _rotation(angles, residual.dim) @ start

    angles = 3 if residual.dim == 3 else 1
    found = scipy.optimize.least_squares(
        lambda v: residual(turned(v)), np.zeros(angles), xtol=_STEP, ftol=_STEP, gtol=_STEP
    )
    return Nearest(float(np.linalg.norm(found.fun)), turned(found.x))


def _rotation(angles: Array, dim: int) -> Array:
    if dim == 3:
        return np.asarray(Rotation.from_rotvec(angles).as_matrix())
    cos, sin = np.cos(angles[0]), np.sin(angles[0])
    return np.array([[cos, sin], [-sin, cos]])


def _starts(mandel: Array, dim: int) -> Iterator[Array]:
    """Axes of the cell and of the tensor, each with every axis as the last one, then some more."""
    order = [np.roll(np.arange(dim), k) for k in range(dim)]
    for axes in (np.eye(dim), *_own_axes(mandel, dim)):
        for permutation in order:
            yield _right_handed(axes[permutation])
    if dim == 3:
        yield from Rotation.random(_STARTS, random_state=0).as_matrix()
    else:
        yield from (_rotation(np.array([angle]), 2) for angle in np.linspace(0.2, 1.4, _STARTS))


def _right_handed(axes: Array) -> Array:
    if np.linalg.det(axes) > 0:
        return axes
    if len(axes) == 3:
        return -axes
    return axes[::-1]


def _own_axes(mandel: Array, dim: int) -> list[Array]:
    """Eigenvectors of C_ijkk and of C_ikjk, in rows: normals of planes of symmetry are among both
    (Cowin and Mehrabadi, Q. J. Mech. Appl. Math. 40 (1987)).
    """
    weights = np.array([1.0 if i == j else np.sqrt(2.0) for i, j in PAIRS[dim]])
    plain = mandel / np.outer(weights, weights)
    place = np.zeros((dim, dim), int)
    for k, (i, j) in enumerate(PAIRS[dim]):
        place[i, j] = place[j, i] = k
    stiffness = plain[place[:, :, None, None], place[None, None]]
    contractions = (np.einsum("ijkk", stiffness), np.einsum("ikjk", stiffness))
    return [np.linalg.eigh((c + c.T) / 2)[1].T for c in contractions]


def _mandel_rotations(rotations: Array, dim: int) -> Array:
    """(n, d, d) -> (n, 6, 6) or (n, 3, 3): how they turn symmetric matrices in Mandel's basis."""
    left = np.array([i for i, _ in PAIRS[dim]])
    right = np.array([j for _, j in PAIRS[dim]])
    weights = np.where(left == right, 1.0, np.sqrt(2.0))
    straight = rotations[:, left][:, :, left] * rotations[:, right][:, :, right]
    crossed = rotations[:, left][:, :, right] * rotations[:, right][:, :, left]
    both = (straight + crossed) / 2
    return both * (weights[:, None] * weights)


def _about(axis: Sequence[float], share: float) -> Array:
    """The rotation by a share of a turn."""
    vector = np.asarray(axis, float) / np.linalg.norm(axis)
    return np.asarray(Rotation.from_rotvec(2 * np.pi * share * vector).as_matrix())


def _generated(*generators: Array) -> Array:
    """The group of all products."""
    group = [np.eye(len(generators[0]))]
    for member in group:
        for generator in generators:
            product = generator @ member
            if not any(np.allclose(product, other, atol=1e-9) for other in group):
                group.append(product)
    return np.array(group)


_X, _Z, _DIAGONAL = (1, 0, 0), (0, 0, 1), (1, 1, 1)


def _plane(share: float) -> Array:
    return _rotation(np.array([2 * np.pi * share]), 2)


def _icosahedral() -> Array:
    """Sixty rotations: the mean of a tensor of rank four over them is the one over all."""
    golden = (1 + np.sqrt(5)) / 2
    return _generated(_about((0, 1, golden), 1 / 5), _about(_DIAGONAL, 1 / 3))


_MIRROR = np.diag([1.0, -1.0])
# Five-fold axes do for isotropic planes: a tensor of rank four has no waves of order five.
_GROUPS = {
    3: {
        "isotropic": _icosahedral,
        "cubic": lambda: _generated(_about(_Z, 1 / 4), _about(_DIAGONAL, 1 / 3)),
        "transversely isotropic": lambda: _generated(_about(_Z, 1 / 5), _about(_X, 1 / 2)),
        "tetragonal": lambda: _generated(_about(_Z, 1 / 4), _about(_X, 1 / 2)),
        "trigonal": lambda: _generated(_about(_Z, 1 / 3), _about(_X, 1 / 2)),
        "orthotropic": lambda: _generated(_about(_Z, 1 / 2), _about(_X, 1 / 2)),
        "monoclinic": lambda: _generated(_about(_Z, 1 / 2)),
    },
    2: {
        "isotropic": lambda: _generated(_plane(1 / 5), _MIRROR),
        "square": lambda: _generated(_plane(1 / 4), _MIRROR),
        "orthotropic": lambda: _generated(_MIRROR),
    },
}


def all_pairs(dim: int) -> list[tuple[int, int]]:
    """The planes (i, j), i < j, in the order 12, 13, 23."""
    return list(itertools.combinations(range(dim), 2))
