"""Sparse LU factors of finite element matrices, which several solves may share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import scipy.sparse as sps
import scipy.sparse.linalg as sla

# Columns factored together: a tenth faster than by SuperLU's default, in the plane and in space.
_PANEL = 4
# Of one solve: two meshes, with small pivots, and with larger ones where these are not accurate.
_MOST = 4
_Key = tuple[float, bytes]
_kept: ContextVar[dict[_Key, sla.SuperLU] | None] = ContextVar("kept factors", default=None)


@contextmanager
def shared_factors() -> Iterator[None]:
    """Inside, a matrix with the numbers of one of the last few is not factored again."""
    token = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(token)


def factored(matrix: sps.csr_matrix, pivot: float) -> sla.SuperLU:
    """The pattern is symmetric: an ordering of A + A^T fills in least, if pivots stay on the
    diagonal, where they are larger than the share `pivot` of their columns."""
    kept = _kept.get()
    if kept is None:
        return _factored(matrix, pivot)
    key = (pivot, _digest(matrix))
    if key not in kept:
        while len(kept) >= _MOST:
            del kept[next(iter(kept))]
        kept[key] = _factored(matrix, pivot)
    return kept[key]


def _digest(matrix: sps.csr_matrix) -> bytes:
    found = hashlib.sha256(repr(matrix.shape).encode())
    for array in (matrix.data, matrix.indices, matrix.indptr):
        found.update(array.tobytes())
    return found.digest()


def _factored(matrix: sps.csr_matrix, pivot: float) -> sla.SuperLU:
    return sla.splu(
        matrix.tocsc(),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=pivot,
        panel_size=_PANEL,
        options={"SymmetricMode": True},
    )
