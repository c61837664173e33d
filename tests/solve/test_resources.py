"""What a solve would need is told before it is begun."""

from __future__ import annotations

from typing import Any

import pytest

import nhpinn_sym as nh
from nhpinn_sym.solve.resources import free_memory, memory_errors, require_affordable
from tests.symbolic import S, derived, diffusion

MODEL = derived(diffusion(lambda s: 2 + S(s.y[0])))


@pytest.mark.parametrize(("backend", "options", "term"), [
    ("fourier", {"n": 10**9}, "n=1000000000"), ("pinn", {"width": 10**6}, "width=1000000"),
    ("pinn", {"width": 4, "depth": 1, "points": 10**13}, "points=10000000000000"),
    ("pinn", {"width": 40, "depth": 2, "solver": "lm", "iterations": 10**12}, "solver=lm"),
])  # fmt: skip
def test_what_does_not_fit_or_never_ends_is_refused_at_once(
    backend: str, options: dict[str, Any], term: str
) -> None:
    with pytest.raises(nh.SolveError, match=r"memory|days") as caught:
        nh.solve_cells(MODEL, backend, **options)
    assert term in str(caught.value.term)
    assert caught.value.remedy


def test_many_features_are_only_a_limit() -> None:
    assert nh.solve_cells(MODEL, "pinn", features=10**9).effective["A"][0, 0] == pytest.approx(
        3**0.5
    )


def test_the_free_memory_is_a_positive_number_of_bytes() -> None:
    assert 1e7 < free_memory() < 1e15
    require_affordable("n=3", 3.0, remedy="none needed")


def test_an_allocation_that_fails_is_a_solve_error() -> None:
    with pytest.raises(nh.SolveError, match="memory"), memory_errors("cells"):
        raise MemoryError("117 GiB")
    with pytest.raises(nh.SolveError, match="memory"), memory_errors("cells"):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
    with pytest.raises(RuntimeError, match="other"), memory_errors("cells"):
        raise RuntimeError("other")
    with pytest.raises(nh.SolveError, match="stalled"), memory_errors("cells"):
        raise nh.SolveError("stalled: cannot allocate a basis")
