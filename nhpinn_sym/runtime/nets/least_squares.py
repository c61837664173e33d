"""Linear least squares by QR, at once or in blocks of rows."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

RIDGE = 50.0
"""In units of rounding."""


def safe_divisor(size: Tensor) -> Tensor:
    """`size` to divide by: 1 where it is zero."""
    return torch.where(size > 0, size, torch.ones_like(size))


def least_squares(a: Tensor, b: Tensor, ridge: float = RIDGE) -> Tensor:
    """min |a x - b|^2 + (ridge eps |x|)^2 with the columns of a scaled to length one, by QR of both
    rows together.

    The ridge, near rounding, keeps x bounded where the columns are dependent. (Cutting the rank by
    pivoted QR instead loses up to four digits of the residual.)
    """
    # Columns of one length: the ridge, and what counts as rounding, are then the same for all.
    rows, size = _with_ridge(a, ridge)
    data = torch.cat([b, b.new_zeros(len(size), b.shape[1])])
    return torch.linalg.lstsq(rows, data, driver="gels").solution / size[:, None]


def orthonormal(a: Tensor, ridge: float = RIDGE) -> Tensor:
    """Q (rows, columns) such that Q Q^T b is a x for the x of `least_squares`: an orthonormal basis
    of the columns where they are independent.
    """
    rows, _ = _with_ridge(a, ridge)
    return torch.linalg.qr(rows).Q[: len(a)]


def _with_ridge(a: Tensor, ridge: float) -> tuple[Tensor, Tensor]:
    """The columns divided by their sizes over a multiple of the identity, and the sizes."""
    size = safe_divisor(a.norm(dim=0))
    identity = torch.eye(len(size), dtype=a.dtype, device=a.device)
    return torch.cat([a / size, ridge * torch.finfo(a.dtype).eps * identity]), size


def triangular(blocks: Iterable[Tensor]) -> Tensor:
    """R of a matrix (columns, columns) whose blocks of rows come one after another and are never
    all in memory.

    A sequential TSQR (Demmel, Grigori, Hoemmen and Langou 2012). ValueError where there are no
    blocks.
    """
    factor = None
    for rows in blocks:
        factor = torch.linalg.qr(rows if factor is None else torch.cat([factor, rows]), mode="r").R
    if factor is None:
        raise ValueError("there are no rows")
    return factor
