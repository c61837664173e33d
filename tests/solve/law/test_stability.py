"""Finite strain: laminates by inversion across the layers, tangents by differences, instabilities
by the acoustic tensor, homogeneous material.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import sympy as sp
from scipy.optimize import brentq

import nhpinn_sym as nh
from nhpinn_sym.runtime.strain_branch import follow
from nhpinn_sym.solve.law.solve_law import prepared_law
from nhpinn_sym.solve.law.stability import _strained

S = nh.Scales(2)
LAYERS = sp.exp(sp.log(5) * sp.sin(2 * sp.pi * S.y[0]))  # contrast 25
REST = np.eye(2)


def neo_hookean(mu: Any) -> nh.MultiscaleProblem:
    """W = mu/2 (|F|^2 - 2 - 2 log J) + mu log(J)^2."""
    u = S.unknown("u", components=2)
    F = sp.eye(2) + S.grad(u)
    stress = mu * (F - F.inv().T * (1 - 2 * sp.log(F.det())))
    equation = sp.Eq(-S.div(stress), sp.zeros(*u.shape))
    return nh.MultiscaleProblem(equation, scales=S, unknown=u)


def law_of(mu: Any, n: int) -> nh.LawSolution:
    return prepared_law(nh.homogenize(neo_hookean(mu)), "fourier", 1e-6, {}, n)


@pytest.fixture(scope="module")
def layered() -> nh.LawSolution:
    return law_of(LAYERS, 19)


def stretches(mu: np.ndarray, stress: float, along: float) -> np.ndarray:
    """F11 in each layer, at the stress P11 across and the stretch F22 along the layers."""

    def missing(f: float, m: float) -> float:
        return float(m * (f - (1 - 2 * math.log(f * along)) / f) - stress)

    return np.array([brentq(missing, 1e-3, 50, args=(m,), xtol=1e-14) for m in mu])


def test_layers_by_inversion_across_them(layered: nh.LawSolution) -> None:
    mu = np.exp(np.log(5) * np.sin(2 * np.pi * np.arange(64) / 64))
    across, along = 1.03, 0.94
    stress = brentq(lambda s: stretches(mu, s, along).mean() - across, -2, 2, xtol=1e-12)
    f = stretches(mu, stress, along)
    volume = np.log(f * along)
    other = np.mean(mu * (along - (1 - 2 * volume) / along))
    grad = np.diag([across, along]) - REST
    found = layered.flux(grad=grad)
    assert found == pytest.approx(np.diag([stress, other]), abs=1e-6)
    energy = np.mean(mu * ((f**2 + along**2 - 2) / 2 - volume + volume**2))
    assert layered.energy(grad=grad) == pytest.approx(energy, abs=1e-7)


def test_the_tangent_is_the_derivative_of_the_flux(layered: nh.LawSolution) -> None:
    grad = np.array([[0.01, 0.03], [-0.02, 0.02]])
    change = np.array([[0.4, -1.0], [0.3, 0.6]])
    h = 1e-4
    ahead, behind = layered.flux(grad=np.stack([grad + h * change, grad - h * change]))
    slope = np.einsum("ikjl,jl->ik", layered.tangent(grad=grad), change)
    assert (ahead - behind) / (2 * h) == pytest.approx(slope, abs=1e-6)


def test_layers_buckle_where_the_acoustic_tensor_is_lost(layered: nh.LawSolution) -> None:
    compressed = np.array([0.11, 0.12])
    least = []
    for c in compressed:
        tangent = layered.tangent(grad=np.diag([0, -c]))
        least.append(np.linalg.eigvalsh(tangent[:, 1, :, 1])[0])
    assert least[0] > least[1] > 0
    # extrapolated to where it vanishes
    lost = compressed[1] + least[1] * 0.01 / (least[0] - least[1])
    assert 0.12 < lost < 0.13
    after = nh.stability(layered, np.diag([1, 0.998 - lost]))
    assert not after.stable
    assert after.beta < 0
    assert after.wavevector == (0.0, 0.0)
    assert after.direction == (0.0, 1.0)
    with pytest.raises(nh.UnsupportedError, match=r"first instability.*k -> 0 along \(0, 1\)"):
        layered.flux(grad=np.diag([0, -0.14]))


def test_homogeneous_material_is_exact() -> None:
    law = law_of(sp.Integer(2) + 0 * S.y[0], 9)
    F = np.array([[1.04, 0.05], [-0.02, 0.97]])
    inverse = np.linalg.inv(F).T
    stress = 2 * (F - inverse * (1 - 2 * np.log(np.linalg.det(F))))
    assert law.flux(grad=F - REST) == pytest.approx(stress, abs=1e-12)
    # at rest mu = 2 and lambda = 4: the least rank-one stiffness is that of shear
    assert nh.stability(law, REST).beta == pytest.approx(2, abs=1e-10)


def test_what_is_refused(layered: nh.LawSolution) -> None:
    model = layered.model
    assert model.finite_strain
    assert "not convex" in str(model)
    with pytest.raises(nh.UnsupportedError, match="finite strain"):
        nh.solve_law(model, "pinn")
    with pytest.raises(nh.UnsupportedError, match="finite strain"):
        nh.emit(model, "numpy")
    with pytest.raises(nh.UnsupportedError, match="finite strain"):
        nh.validate(model.problem)
    with pytest.raises(nh.UnsupportedError, match="finite strain"):
        layered.bounds(grad=0 * REST)
    with pytest.raises(nh.ProblemError, match="deformation gradient"):
        nh.stability(layered, -np.diag([1, -1]))


def test_the_estimate_holds_where_data_jump() -> None:
    """Of beta of stiff layers; 0.5824 on 75 points with 29 modes."""
    layers = sp.Piecewise((20, S.y[0] < sp.Rational(1, 2)), (1, True))
    found = nh.stability(law_of(layers, 31), [[1.02, 0.01], [0, 0.97]])
    assert abs(found.beta - 0.58) < found.estimate < 0.2


def test_waves_of_elements_are_those_of_a_grid(layered: nh.LawSolution) -> None:
    """Smooth layers: long waves; at short ones both are above the least local stiffness, of which
    elements see more.
    """
    elements = prepared_law(layered.model, "skfem", 1e-6, {}, None)
    longs = []
    shorts = []
    for law, detail in ((layered, 2), (elements, 0)):
        space = law.strain_spaces[-1]
        macro = _strained(law, [[1.02, 0.01], [0, 0.96]], None, None)
        branch = follow(space, macro, through=True)
        waves = space.waves(branch.macro, branch.states, detail)
        long, short = np.array([0.0, 1.0]), np.array([0.0, 0.5])
        shorts.append(waves.beta(short, long))
        longs.append([waves.beta(0 * short, long), *waves.effective().ravel()])
    assert longs[0] == pytest.approx(longs[1], abs=1e-3)
    assert shorts[1] < shorts[0]
    assert shorts[1] == pytest.approx(shorts[0], rel=0.1)


# Shares of the stiff layers, their contrast, where c = t of the compression loses stability: exact
# laminates with Floquet waves across them, by elements of degree 5 on a line; long waves at first.
@pytest.mark.parametrize(
    ("share", "contrast", "onset", "wave"),
    [(0.5, 25, 0.0525, r"k -> 0 along \(0, 1\)"), (0.1, 50, 0.0644, r"k = \(0, 3.14\)")],
)
def test_stiff_layers_buckle(share: float, contrast: int, onset: float, wave: str) -> None:
    layers = sp.Piecewise((contrast, S.y[0] < sp.nsimplify(share)), (1, True))
    law = prepared_law(nh.homogenize(neo_hookean(layers)), "skfem", 1e-6, {}, None)
    assert law.flux(grad=np.diag([0, -0.97 * onset])).shape == (2, 2)
    with pytest.raises(nh.UnsupportedError, match=rf"first instability.*{wave}"):
        law.flux(grad=np.diag([0, -1.03 * onset]))


def test_small_fine_solutions_are_linear_ones() -> None:
    """A homogeneous body under its own weight: the linear solution for a small load."""
    u = S.unknown("u", components=2)
    F = sp.eye(2) + S.grad(u)
    stress = F - F.inv().T * (1 - 2 * sp.log(F.det()))
    load = sp.Matrix([0, sp.Rational(1, 1000)])

    def solved(flux: Any) -> nh.Solution:
        problem = nh.MultiscaleProblem(
            sp.Eq(-S.div(flux), load),
            scales=S,
            unknown=u,
            domain=nh.Box((0, 1), (0, 1)),
            boundary=[nh.Dirichlet(0)],
        )
        return nh.solve_fine(problem, 1, "skfem", mesh=4)

    found = solved(stress)
    e = S.sym_grad(u)
    linear = solved(2 * e + 2 * e.trace() * sp.eye(2))
    middle = [0.5, 0.5]
    assert found(middle) == pytest.approx(linear(middle), rel=2e-3, abs=1e-9)


@pytest.mark.parametrize("backend", ["skfem", "dolfinx"])
def test_columns_buckle_at_eulers_load(backend: str) -> None:
    """Clamped at both ends, 8 long and 1 wide: at a compression of (2 pi)^2 / 12 / 8^2."""
    u = S.unknown("u", components=2)
    F = sp.eye(2) + S.grad(u)
    stress = F - F.inv().T * (1 - 2 * sp.log(F.det()))

    def stiffness(compression: float) -> float:
        problem = nh.MultiscaleProblem(
            sp.Eq(-S.div(stress), sp.zeros(2, 1)),
            scales=S,
            unknown=u,
            domain=nh.Box((0, 8), (0, 1)),
            boundary=[
                nh.Dirichlet([0, 0], on="left"),
                nh.Dirichlet([-8 * compression, 0], on="right"),
                nh.Neumann([0, 0], on=["bottom", "top"]),
            ],
        )
        solution = nh.solve_fine(problem, 1, backend, mesh=(24, 3))
        return float(solution.info["stiffness"][0])

    small, larger = stiffness(0.01), stiffness(0.04)
    lost = 0.04 + 0.03 * larger / (small - larger)
    assert lost == pytest.approx((2 * math.pi) ** 2 / 12 / 64, rel=0.05)
    with pytest.raises(nh.UnsupportedError, match="no local minimum"):
        stiffness(1.1 * lost)
