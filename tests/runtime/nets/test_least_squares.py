"""Least squares by QR, at once and in blocks of rows."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nhpinn_sym.runtime.nets.least_squares import least_squares, triangular


def test_least_squares_of_full_rank() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = (
        torch.randn(30, 8, generator=generator, dtype=torch.float64),
        torch.randn(30, 2, generator=generator, dtype=torch.float64),
    )
    x = (
        least_squares(a * torch.logspace(-8, 8, 8, dtype=torch.float64), b)
        * torch.logspace(-8, 8, 8, dtype=torch.float64)[:, None]
    )
    assert torch.allclose(a.T @ (a @ x - b), torch.zeros(8, 2, dtype=torch.float64), atol=1e-12)


def test_dependent_and_zero_columns_stay_bounded() -> None:
    s = torch.linspace(-1, 1, 200, dtype=torch.float64)
    a = torch.stack(
        [torch.tanh(0.3 * s + 0.1 * k / 60) for k in range(60)] + [torch.zeros_like(s)], 1
    )
    target = torch.tanh(0.3 * s + 0.05)[:, None]
    x = least_squares(a, target)
    assert (a @ x - target).abs().max() < 1e-12
    assert x.abs().max() < 1e3 and x[-1].abs() < 1e-15


@given(st.integers(1, 200), st.integers(1, 12), st.integers(1, 60))
@settings(max_examples=40)
def test_blocks_of_rows_give_the_solution_of_all_rows(count: int, columns: int, block: int) -> None:
    generator = torch.Generator().manual_seed(count)
    a = torch.randn(
        count + columns, columns, generator=generator, dtype=torch.float64
    ) * torch.logspace(-4, 4, columns, dtype=torch.float64)
    b = torch.randn(count + columns, 3, generator=generator, dtype=torch.float64)
    factor = triangular(torch.cat([a, b], 1).split(block))
    whole, parts = least_squares(a, b), least_squares(factor[:, :columns], factor[:, columns:])
    assert torch.allclose(a @ whole, a @ parts, rtol=0, atol=1e-11 * float(b.norm()))
    assert torch.allclose(whole, parts, rtol=1e-6, atol=1e-12 * float(whole.norm()))
