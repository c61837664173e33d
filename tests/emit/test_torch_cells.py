"""Emitted cell problems of several components and levels: residuals by nested differentiation, the
transposed operator, the law.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import sympy as sp
import torch

from nhpinn_sym.emit import torch_equation as target
from nhpinn_sym.emit.torch_cells import stages
from nhpinn_sym.lower.forms import External, LoweredCells, WeakTerm
from nhpinn_sym.lower.term_forms import strong_terms, weak_terms
from nhpinn_sym.problem.domain import Cell
from nhpinn_sym.problem.errors import UnsupportedError

from ..emitted import emitted
from ..pinn_classes import (
    coupled_1d,
    drifting_1d,
    drifting_system,
    elasticity,
    ground_state_cells,
    isotropic,
    second_level_1d,
)
from ..pinn_samples import PI2, built, elliptic_2d, y1, y2

S, C = sp.sin(PI2 * y1), sp.cos(PI2 * y2)


def module_of(lowered: LoweredCells) -> SimpleNamespace:
    return emitted(target.cells(lowered), "cell_residual")


def grid(n: int, dim: int) -> torch.Tensor:
    return torch.cartesian_prod(*[torch.arange(n, dtype=torch.float64) / n] * dim).reshape(-1, dim)


def net(
    module: SimpleNamespace, outputs: int, seed: int
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [(w.detach(), b.detach()) for w, b in module.mlp(6, 2, outputs, module.AXES, seed)]


def general_system() -> LoweredCells:
    """Two coupled equations on a 2D cell with variable tensors, a drift and no symmetry."""
    leading = [
        (0, (1, 0), -(2 + S * C), 0, (1, 0)),
        (0, (0, 1), -(3 + C), 1, (1, 0)),
        (1, (0, 1), -(2 + S), 1, (0, 1)),
        (1, (1, 0), -S * C, 0, (0, 1)),
        (1, (0, 0), S + C, 0, (0, 1)),
        (0, (0, 0), 1 + S, 1, (1, 0)),
    ]
    forms = drifting_system(sp.eye(2)).functions
    return built(
        "General",
        Cell.unit(2),
        2,
        weak_terms(leading),
        strong_terms(leading, (y1, y2)),
        forms,
        (),
        symmetric=False,
    )


def test_the_transposed_operator() -> None:
    """<A u . v> = <u . A^T v>, by means over a grid that resolves the nets."""
    module, points = module_of(general_system()), grid(64, 2)
    u, v = (module.cell_functions(points, net(module, 2, seed)) for seed in (1, 2))
    left = (module.operator(points, u) * v[0, 0]).sum(-1).mean()
    right = (u[0, 0] * module.adjoint_operator(points, v)).sum(-1).mean()
    weak = module.bilinear(points, u, v).mean()
    assert (
        float(left)
        == pytest.approx(float(right), abs=1e-10)
        == pytest.approx(float(weak), abs=1e-10)
        and abs(float(left)) > 1e-2
    )


def test_the_operator_of_a_system_by_nested_differentiation() -> None:
    """-d_k( c_ikjl d_l u_j ) of two functions at once, outputs ordered by function, then by
    component.
    """
    lam, mu = 1 + S / 2, 2 + C
    module, c = module_of(elasticity(isotropic(lam, mu))), isotropic(lam, mu)
    layers, points = (
        net(module, 4, 3),
        torch.rand(5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64),
    )
    found = module.operator(points, module.cell_functions(points, layers))
    moduli = [
        [
            [
                [
                    sp.lambdify(
                        (y1, y2), c(i, k, j, m), {"sin": torch.sin, "cos": torch.cos, "pi": np.pi}
                    )
                    for m in (0, 1)
                ]
                for j in (0, 1)
            ]
            for k in (0, 1)
        ]
        for i in (0, 1)
    ]
    for function in (0, 1):
        x = points.clone().requires_grad_()
        values = module.network(x, layers, ((0, 0),), module.AXES)[0, 0]
        slopes = [
            torch.autograd.grad(values[:, 2 * function + j].sum(), x, create_graph=True)[0]
            for j in (0, 1)
        ]
        for i in (0, 1):
            flux = [
                sum(
                    moduli[i][k][j][m](x[:, 0], x[:, 1]) * slopes[j][:, m]
                    for j in (0, 1)
                    for m in (0, 1)
                )
                for k in (0, 1)
            ]
            expected = -sum(
                torch.autograd.grad(flux[k].sum(), x, retain_graph=True)[0][:, k] for k in (0, 1)
            )
            assert torch.allclose(
                found[:, 2 * function + i], expected.detach(), rtol=1e-11, atol=1e-11
            )


def test_a_source_that_holds_earlier_functions() -> None:
    """(a N)' + a (N' + 1) for any N, by nested differentiation."""
    module, points = module_of(second_level_1d(sp.exp(S))), grid(7, 1)
    layers, x = net(module, 1, 4), grid(7, 1).requires_grad_()
    a, n = (
        torch.exp(torch.sin(2 * torch.pi * x)),
        module.network(x, layers, ((0,),), module.AXES)[(0,)],
    )
    slope = torch.autograd.grad(n.sum(), x, retain_graph=True)[0]
    expected = torch.autograd.grad((a * n).sum(), x)[0] + a * (slope + 1)
    known = module.cell_functions(points, layers, module.KNOWN_INDICES)
    assert torch.allclose(
        module.SOURCES[1](points, known), expected.detach(), rtol=1e-12, atol=1e-12
    )
    solved = {index: torch.zeros(7, 1, dtype=torch.float64) for index in module.INDICES}
    assert torch.allclose(
        module.residual(points, solved, 1, known), -expected.detach(), rtol=1e-12, atol=1e-12
    )


def test_stages_follow_the_factors() -> None:
    assert stages(elasticity(isotropic(S + 2, C + 2))) == (("corrector", (0, 1, 2)),)
    assert stages(second_level_1d(2 + S)) == (("corrector", (0,)), ("corrector", (1,)))
    assert stages(ground_state_cells(S, Cell.unit(1))) == (
        ("ground state", (0,)),
        ("adjoint", (1,)),
        ("corrector", (2,)),
    )
    assert module_of(drifting_1d(sp.S.One, S)).STAGES == (("adjoint", (0,)), ("corrector", (1,)))


def test_constants_are_keyword_arguments_and_means() -> None:
    module, points = module_of(drifting_1d(sp.S.One, 1 + S)), grid(32, 1)
    assert module.GIVEN == ("vbar",) and module.CONSTANTS == {("drift", (0,)): "vbar"}
    psi = 1 + torch.sin(2 * torch.pi * points) / 2
    d = {index: torch.cat([psi, torch.zeros_like(psi)], 1)[None] for index in module.MEAN_INDICES}
    assert float(module.constants(points[None], d, vbar=0.0)["drift", (0,)]) == pytest.approx(
        1.25, abs=1e-14
    )
    assert torch.allclose(
        module.source_1(points, d, vbar=2.0)[:, 0], 1 - torch.sin(2 * torch.pi * points[:, 0])
    )


def test_the_energy_formula_of_a_system() -> None:
    """With the exact functions of a coupled 1D problem the law is the harmonic mean of the matrix;
    an error of 1e-4 costs 1e-8.
    """
    a = sp.Matrix([[2 + S, sp.Rational(1, 2)], [sp.Rational(1, 2), 3]])
    module, points = module_of(coupled_1d(a)), grid(64, 1)
    wave = 2 * torch.pi * points[:, 0]
    matrices = torch.stack(
        [
            torch.stack([2 + torch.sin(wave), 0 * wave + 0.5], -1),
            torch.stack([0 * wave + 0.5, 0 * wave + 3], -1),
        ],
        -2,
    )
    harmonic = torch.linalg.inv(torch.linalg.inv(matrices).mean(0))
    slopes = torch.linalg.solve(matrices, harmonic.expand(64, 2, 2)) - torch.eye(
        2, dtype=torch.float64
    )  # (n, component, function)
    for error, bound in ((0.0, 1e-13), (1e-4, 1e-7)):
        slope = (slopes + error * torch.cos(wave)[:, None, None]).transpose(1, 2).reshape(1, 64, 4)
        found = module.effective(points[None], {(0,): torch.zeros_like(slope), (1,): slope})
        for i in (0, 1):
            for q in (0, 1):
                assert float(found["A", (i, 0, q, 0)]) == pytest.approx(
                    float(harmonic[i, q]), abs=bound
                )


def test_what_has_no_real_smooth_residual() -> None:
    cells = elliptic_2d()
    external = External(sp.Symbol("sigma", real=True), "sigma", (), (0, 0))
    imaginary = WeakTerm((1, 0), 2 + sp.I, (1, 0))
    for broken, message in (
        (replace(cells, externals=(external,)), "sigma"),
        (replace(cells, complex=True, bilinear=(imaginary,)), r"2 \+ I"),
    ):
        with pytest.raises(UnsupportedError, match=message):
            target.cells(broken)


def test_golden_files(golden: Callable[[str, str], None]) -> None:
    samples = {
        "second_level": second_level_1d(2 + S),
        "drift": drifting_1d(sp.S.One, 1 + S),
        "coupled": coupled_1d(sp.Matrix([[2 + S, 1], [1, -3]])),
    }
    for name, lowered in samples.items():
        for file, text in target.cells(lowered).files:
            golden(f"torch/{name}_{file}", text)
