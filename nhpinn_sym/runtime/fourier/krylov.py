"""Krylov methods for many linear systems at once: vectors (..., N), with scalars and convergence of
their own per member of the leading axes.
"""

from __future__ import annotations

import numpy as np

from ..arrays import LinearMap

# A vector whose new direction is that much smaller than itself is rounding of the old ones.
_DEPENDENT = 1e-15


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The inner product of each pair of vectors, linear in b."""
    return np.einsum("...k,...k->...", a.conj(), b)


def norm(a: np.ndarray) -> np.ndarray:
    """The length of each column, as `dot` measures it."""
    return np.sqrt(dot(a, a).real)


def quotient(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a / b, and 0 where b is 0."""
    return np.divide(
        a,
        b,
        out=np.zeros(np.broadcast_shapes(a.shape, b.shape), dtype=np.result_type(a, b)),
        where=b != 0,
    )


def cg(
    apply: LinearMap,
    precondition: LinearMap,
    b: np.ndarray,
    x: np.ndarray,
    rtol: float,
    maxiter: int = 3000,
) -> tuple[np.ndarray, np.ndarray, int]:
    """Conjugate gradients for positive operators: (solutions, relative residuals, iterations), from
    the guess x.

    The residual is measured in the norm of the preconditioner, sqrt(r . P r). A member that has
    converged stays as it is.
    """
    bound = rtol**2 * dot(b, precondition(b))
    r = b - apply(x)
    p = z = precondition(r)
    size = dot(r, z)
    for iteration in range(maxiter):  # noqa: B007
        active = size > bound
        if not active.any():
            break
        image = apply(p)
        # Members that have converged take steps of 0: their directions are rounding.
        step = np.where(active, quotient(size, dot(p, image)), 0)[..., None]
        x = x + step * p
        r -= step * image
        z = precondition(r)
        after = dot(r, z)
        p = z + np.where(active, quotient(after, size), 0)[..., None] * p
        size = np.where(active, after, size)
    # The recursion drifts away from the residual: what is reported is computed anew.
    r = b - apply(x)
    return x, np.sqrt(np.abs(quotient(rtol**2 * dot(r, precondition(r)), bound))), iteration


def gmres(
    apply: LinearMap, b: np.ndarray, x: np.ndarray, rtol: float, restart: int = 60, cycles: int = 20
) -> tuple[np.ndarray, np.ndarray, int]:
    """Restarted GMRES: (solutions, relative residuals, iterations), from the guess x. It ends where
    no cycle helps any more.
    """
    scale = norm(b)
    before = np.full(b.shape[:-1], np.inf)
    iterations = 0
    for _ in range(cycles):
        r = b - apply(x)
        size = norm(r)
        # A cycle that does not halve the residual has stalled, and the next one would too.
        active = (size > rtol * scale) & (size < before / 2)
        if not active.any():
            break
        correction, steps = _cycle(apply, np.where(active[..., None], r, 0), rtol * scale, restart)
        candidate = x + correction
        x = np.where(active[..., None], candidate, x)
        before = size
        iterations = iterations + steps
    return x, quotient(norm(b - apply(x)), scale), iterations


def _cycle(
    apply: LinearMap, r: np.ndarray, bound: np.ndarray, restart: int
) -> tuple[np.ndarray, int]:
    """The correction of one cycle from residual r.

    `left` is the vector with left H = 0 and left[0] = 1: the least residual is |r| / |left|, known
    in each step without solving for it.
    """
    members = r.shape[:-1]
    size = norm(r)
    basis = np.zeros((*members, restart + 1, r.shape[-1]), dtype=r.dtype)
    basis[..., 0, :] = quotient(r, size[..., None])
    h = np.zeros((*members, restart + 1, restart), dtype=r.dtype)
    left = np.zeros((*members, restart + 1), dtype=r.dtype)
    left[..., 0] = 1
    for j in range(restart):
        image = apply(basis[..., j, :])
        w, h[..., : j + 1, j] = _orthogonalized(image, basis[..., : j + 1, :])
        rest = norm(w)
        rest = np.where(rest > _DEPENDENT * norm(image), rest, 0)
        h[..., j + 1, j] = rest
        basis[..., j + 1, :] = quotient(w, rest[..., None])
        known = np.einsum("...i,...i->...", left[..., : j + 1], h[..., : j + 1, j])
        left[..., j + 1] = -quotient(known, rest)
        done = (size <= bound * norm(left)) | (rest == 0)
        if done.all():
            break
    steps = j + 1
    # By the pseudoinverse, as members that ended before others have columns of zeros.
    inverse = np.linalg.pinv(h[..., : steps + 1, :steps], rcond=_DEPENDENT)
    y = inverse[..., :, 0] * size[..., None]
    return _combined(y, basis[..., :steps, :]), steps


def _orthogonalized(w: np.ndarray, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """w without its parts along an orthonormal basis (..., k, N), and these parts (..., k)."""
    parts = np.zeros(basis.shape[:-1], dtype=w.dtype)
    for _ in range(2):  # rounding leaves parts once, and twice is enough (Kahan, Parlett)
        part = (basis.conj() @ w[..., None])[..., 0]
        w = w - _combined(part, basis)
        parts += part
    return w, parts


def _combined(weights: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """The sum of the vectors of a basis (..., k, N), each times its weight (..., k)."""
    return (weights[..., None, :] @ basis)[..., 0, :]
