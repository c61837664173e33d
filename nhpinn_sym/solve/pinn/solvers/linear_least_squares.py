"""Linear least squares by QR, at once or in blocks of rows."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from ....problem.errors import SolveError
from ..rows import positive

RIDGE = 1e-14


def least_squares(a: Tensor, b: Tensor, ridge: float = RIDGE) -> Tensor:
    """min |a x - b|^2 + (ridge |x|)^2 with the columns of a scaled to length one, by QR of both rows together.

    The ridge, near rounding, keeps x bounded where the columns are dependent. (Cutting the rank by pivoted QR instead loses up to
    four digits of the residual.)
    """
    size, count = positive(a.norm(dim=0)), a.shape[1]
    rows = torch.cat([a / size, ridge * torch.eye(count, dtype=a.dtype, device=a.device)])
    data = torch.cat([b, b.new_zeros(count, b.shape[1])])
    if not (rows.isfinite().all() and data.isfinite().all()):
        raise SolveError("a coefficient or a source is not finite at some collocation point", remedy="look for a singularity in the domain")
    return torch.linalg.lstsq(rows, data, driver="gels").solution / size[:, None]


def triangular(blocks: Iterable[Tensor]) -> Tensor:
    """R of a matrix (columns, columns) whose blocks of rows come one after another and are never all in memory.

    A sequential TSQR (Demmel, Grigori, Hoemmen and Langou 2012). ValueError where there are no blocks.
    """
    factor = None
    for rows in blocks:
        factor = torch.linalg.qr(rows if factor is None else torch.cat([factor, rows]), mode="r").R
    if factor is None:
        raise ValueError("there are no rows")
    return factor
