"""The Fourier backend on systems: layered media and constant shear in closed form, batches of slow
points.
"""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from nhpinn_sym.lower.forms import LoweredCells
from nhpinn_sym.runtime.fourier import refinement
from nhpinn_sym.solve.fourier.cells import CellSolver
from nhpinn_sym.solve.solution import CellBatch, CellTask
from tests.solve.fourier_samples import X, Y, isotropic, scalar, second_order, symmetric_loads
from tests.symbolic import C, S

LAYERS = (np.arange(400) + 0.5) / 400


def solve(
    cells: LoweredCells, slow: tuple[float, ...] = (), tolerance: float = 1e-10, **options: object
) -> CellBatch:
    points = np.reshape(slow, (-1, 1)) if slow else np.zeros((1, 0))
    box = ((min(slow), max(slow)),) if slow else ()
    return CellSolver(CellTask(cells, {}, box, tolerance), **options).solve(points)


def entries(batch: CellBatch) -> dict[tuple[int, ...], float]:
    return {
        index: complex(value[0]) if np.iscomplexobj(value) else float(value[0])
        for (_, index), value in batch.effective.items()
    }


def mean(expr: sp.Expr) -> float:
    """The mean over y1 of a function of y1 alone, by the midpoint rule."""
    return float(np.mean(sp.lambdify(Y[0], expr)(LAYERS) * np.ones_like(LAYERS)))


def layered(a: np.ndarray) -> np.ndarray:
    """The effective tensor (k, l, i, j) of layers a (layers, k, l, i, j) with normal e1; a[k, l]
    are blocks (Tartar's formula).
    """
    inverse = np.linalg.inv(a[:, 0, 0])
    normal = np.linalg.inv(inverse.mean(axis=0))
    right, left = inverse[:, None] @ a[:, 0], a[:, :, 0] @ inverse[:, None]
    direct = a - left[:, :, None] @ a[:, None, 0]
    return direct.mean(axis=0) + left.mean(axis=0)[:, None] @ normal @ right.mean(axis=0)[None]


@pytest.mark.parametrize("dim", [2, 3])
def test_layered_elasticity_backus(dim: int) -> None:
    lam, mu = 2 + S(Y[0]), sp.exp(C(Y[0]))
    m = lam + 2 * mu
    batch = solve(second_order(isotropic(lam, mu, dim), dim, symmetric_loads(dim)))
    found, normal = entries(batch), 1 / mean(1 / m)
    assert found[0, 0, 0, 0] == pytest.approx(normal, abs=1e-11)
    assert found[0, 0, 1, 1] == pytest.approx(mean(lam / m) * normal, abs=1e-11)
    assert found[1, 1, 1, 1] == pytest.approx(
        mean(m - lam**2 / m) + mean(lam / m) ** 2 * normal, abs=1e-11
    )
    assert found[0, 1, 0, 1] == pytest.approx(1 / mean(1 / mu), abs=1e-11)
    if dim == 3:
        assert found[1, 1, 2, 2] == pytest.approx(
            mean(lam - lam**2 / m) + mean(lam / m) ** 2 * normal, abs=1e-11
        )
        assert found[1, 2, 1, 2] == pytest.approx(mean(mu), abs=1e-11)
    assert batch.info["fredholm"] < 1e-14
    assert batch.info["residual"] < 1e-12


def test_constant_shear_modulus_hill() -> None:
    """1/(K* + mu) = <1/(K + mu)> in plane strain, whatever the geometry; K + mu = 3 + sin cos has
    <1/.> by quadrature.
    """
    bulk, mu = 2 + S(Y[0]) * C(Y[1]), sp.Integer(1)
    found = entries(solve(second_order(isotropic(bulk - mu, mu, 2), 2, symmetric_loads(2))))
    y = np.meshgrid(np.arange(64) / 64, np.arange(64) / 64)
    stiff = 1 / np.mean(1 / (3 + np.sin(2 * np.pi * y[0]) * np.cos(2 * np.pi * y[1])))
    expected = {
        (0, 0, 0, 0): stiff,
        (1, 1, 1, 1): stiff,
        (0, 0, 1, 1): stiff - 2,
        (0, 1, 0, 1): 1.0,
        (0, 0, 0, 1): 0.0,
    }
    for index, value in expected.items():
        assert found[index] == pytest.approx(value, abs=1e-11)


def test_layers_of_piezoelectric_material_in_units_of_their_own() -> None:
    """Antiplane: sigma = c grad u + e grad phi, D = e grad u - kappa grad phi; <L^-1>^-1 across,
    <L> along; indefinite.
    """
    c, e, kappa = (
        1e11 * (2 + S(Y[0])),
        10 * (1 + C(Y[0]) / 2),
        sp.Float(1e-9) * (2 + S(Y[0]) * C(Y[0])),
    )
    block = [[c, e], [e, -kappa]]
    tensor = {(i, k, j, k): block[i][j] for i in range(2) for j in range(2) for k in range(2)}
    batch = solve(second_order(tensor, 2, definite=False), tolerance=1e-7)
    phases = np.moveaxis(
        np.array([[sp.lambdify(Y[0], b)(LAYERS) for b in row] for row in block]), 2, 0
    )
    across, along = np.linalg.inv(np.linalg.inv(phases).mean(axis=0)), phases.mean(axis=0)
    found = entries(batch)
    for i in range(2):
        for j in range(2):
            assert found[i, 0, j, 0] == pytest.approx(across[i, j], rel=1e-10)
            assert found[i, 1, j, 1] == pytest.approx(along[i, j], rel=1e-10)
    assert "GMRES" in batch.info["method"]


@pytest.mark.parametrize("symmetric", [True, False])
def test_layers_of_coupled_anisotropic_material(symmetric: bool) -> None:
    """Two coupled equations, full tensors, indefinite where symmetric: Tartar's formula with
    blocks.
    """
    rng = np.random.default_rng(3)
    base, wave = rng.normal(size=(2, 2, 2, 2, 2)) * np.reshape([0.5, 0.2], (2, 1, 1, 1, 1))
    if symmetric:
        base, wave = base + base.transpose(2, 3, 0, 1), wave + wave.transpose(2, 3, 0, 1)
    base[0, 0, 0, 0] += 3
    base[0, 1, 0, 1] += 3
    base[1, 0, 1, 0] += -3 if symmetric else 3
    base[1, 1, 1, 1] += -3 if symmetric else 3
    tensor = {index: base[index] + wave[index] * S(Y[0]) for index in np.ndindex(2, 2, 2, 2)}
    batch = solve(second_order(tensor, 2, symmetric=symmetric, definite=False))
    layers = base[..., None] + wave[..., None] * np.sin(2 * np.pi * LAYERS)
    expected = layered(layers.transpose(4, 1, 3, 0, 2))
    for (i, k, j, q), value in entries(batch).items():
        assert value == pytest.approx(expected[k, q, i, j], abs=1e-10)


def test_slow_points_are_solved_together_each_to_its_own_accuracy() -> None:
    """a = 2 + x sin: sqrt(4 - x^2); the grid that is needed grows with x."""
    x = (0.1, 0.9, 1.7, 1.95)
    batch = solve(scalar(2 + X * S(Y[0]), 1, slow=(X,)), x)
    assert np.allclose(batch.effective["A", (0, 0, 0, 0)], np.sqrt(4 - np.square(x)), atol=1e-12)
    ((field,),) = batch.fields
    sizes = [len(m) for m in field.modes]
    assert sizes[0] < sizes[-1]
    y = np.linspace(-1, 1, 31)
    expected = [np.sqrt(4 - k**2) / (2 + k * np.sin(2 * np.pi * y)) - 1 for k in x]
    # the functions have half the digits of the effective entries, whose tolerance is 1e-10
    assert (
        np.abs(field.derivative(y[:, None], (1,)) - expected).max() < 1e-5 * np.abs(expected).max()
    )


def test_slow_points_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """With little memory each point, and each right-hand side, is solved by itself."""
    x = np.linspace(0, 1.5, 4)
    a = 2 + X * S(Y[0])
    solver = CellSolver(
        CellTask(
            second_order(
                {(0, 0, 0, 0): a, (0, 1, 0, 1): a, (0, 0, 0, 1): sp.Rational(1, 4)},
                2,
                slow=(X,),
                symmetric=False,
            ),
            {},
            ((0.0, 1.5),),
            1e-10,
        ),
    )
    monkeypatch.setattr(refinement, "WORK", 1)
    batch = solver.solve(x[:, None])
    assert np.allclose(batch.effective["A", (0, 0, 0, 0)], np.sqrt(4 - x**2), atol=1e-12)
    assert np.allclose(batch.effective["A", (0, 1, 0, 1)], 2, atol=1e-12)
    assert np.allclose(batch.effective["A", (0, 0, 0, 1)], 0.25, atol=1e-12)


def test_smooth_coefficients_of_high_contrast() -> None:
    """a(y1 + 1/2, y2) = 1/a(y1, y2): a* = 1 by duality, here at contrast 1.6e5."""
    batch = solve(scalar(sp.exp(6 * S(Y[0]) * S(Y[1])), 2), n=81)
    assert batch.effective["A", (0, 0, 0, 0)][0] == pytest.approx(1, abs=1e-10)


def test_complex_coefficients_harmonic_mean() -> None:
    """<1/(2 + i sin)>^-1 = sqrt(5), and N' = a*/a - 1."""
    batch = solve(scalar(2 + sp.I * S(Y[0]), 1, complex=True))
    assert batch.effective["A", (0, 0, 0, 0)][0] == pytest.approx(np.sqrt(5), abs=1e-12)
    ((field,),) = batch.fields
    y = np.linspace(0, 1, 17)
    found = type(field).from_state(field.state()).derivative(y[:, None], (1,))[0]
    assert np.allclose(found, np.sqrt(5) / (2 + 1j * np.sin(2 * np.pi * y)) - 1, atol=1e-11)


def test_complex_system_layers() -> None:
    lam, mu = 2 + S(Y[0]) + sp.I / 3, (1 + C(Y[0]) / 2) * (1 + sp.I / 5)
    found = entries(solve(second_order(isotropic(lam, mu, 2), 2, symmetric_loads(2), complex=True)))
    values = {
        name: sp.lambdify(Y[0], expr)(LAYERS)
        for name, expr in {"m": lam + 2 * mu, "lam": lam, "mu": mu}.items()
    }
    assert found[0, 0, 0, 0] == pytest.approx(1 / np.mean(1 / values["m"]), abs=1e-11)
    assert found[0, 1, 0, 1] == pytest.approx(1 / np.mean(1 / values["mu"]), abs=1e-11)
    assert found[0, 0, 1, 1] == pytest.approx(
        np.mean(values["lam"] / values["m"]) / np.mean(1 / values["m"]), abs=1e-11
    )
