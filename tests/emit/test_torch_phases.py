from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
import torch

import nhpinn_sym as nh
from nhpinn_sym.emit.source import load
from nhpinn_sym.emit.torch_cells import cells as strong_form
from nhpinn_sym.lower.cells import lower_cells
from nhpinn_sym.problem.errors import UnsupportedError
from nhpinn_sym.runtime.nets.inputs import embed

from ..symbolic import derived, diffusion

HALF = sp.Rational(1, 2)
LAMINATE = diffusion(lambda s: sp.Piecewise((2 + s.y[1] * (1 - s.y[1]), s.y[0] < HALF), (7, True)))


def test_one_file_per_phase(tmp_path: Path) -> None:
    source = nh.emit(derived(LAMINATE, 2), "torch")
    assert [name for name, _ in source.files if "residual" in name] == [
        "cell_residual_phase_0.py",
        "cell_residual_phase_1.py",
    ]
    path = next(p for p in source.save(tmp_path) if p.name == "cell_residual_phase_0.py")
    subprocess.run([sys.executable, path], check=True, timeout=300)  # it stands alone
    assert "n . (flux of N - flux of N') = 0" in source["cell_residual_phase_0.py"]


def test_the_flux_of_a_function() -> None:
    module = load(nh.emit(derived(LAMINATE, 2), "torch"), "cell_residual_phase_0")
    points = torch.rand(5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    d = {index: torch.rand(5, 2, dtype=torch.float64) for index in module.INDICES}
    a, flux = 2 + points[:, 1] * (1 - points[:, 1]), module.flux(points, d)
    for j in range(2):  # a (e_j + grad N_j)
        for axis, index in enumerate([(1, 0), (0, 1)]):
            assert torch.allclose(flux[:, j, axis], a * (d[index][:, j] + float(axis == j)))


def test_one_strong_form_across_a_jump_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="not defined across the jump"):
        strong_form(lower_cells(derived(LAMINATE, 2)))


def test_fourth_order_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="fourth-order"):
        nh.emit(derived(_beam), "torch")


def _beam(s: nh.Scales, u: sp.Expr) -> sp.Eq:
    a = sp.Piecewise((2, s.y[0] < HALF), (1, True))
    return sp.Eq(sp.Derivative(a * sp.Derivative(u, (s.x[0], 2)), (s.x[0], 2)), 1)


def test_jets_of_poles() -> None:
    axes = (("periodic", 0.0, 1.0), ("periodic", 0.0, 1.0), ("pole", 0.4, 1.4), ("pole", 0.5, 1.5))
    points = torch.rand(4, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    indices = ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2))
    jet = embed(points, indices, axes)

    def value(p: torch.Tensor) -> torch.Tensor:
        return embed(p, ((0, 0),), axes)[0, 0]

    for k, p in enumerate(points):
        jacobian = torch.func.jacfwd(value)(p)
        hessian = torch.func.hessian(value)(p)
        for index, wanted in {
            (1, 0): jacobian[:, 0],
            (0, 1): jacobian[:, 1],
            (2, 0): hessian[:, 0, 0],
            (1, 1): hessian[:, 0, 1],
        }.items():
            assert np.allclose(jet[index][k], wanted, rtol=1e-10, atol=1e-9)
    z = torch.tensor([[0.401, 0.502]], dtype=torch.float64)
    near = (z - torch.tensor([0.4, 0.5]))[0]
    assert torch.allclose(value(z)[0, 4:], near / near.square().sum(), rtol=1e-4)
