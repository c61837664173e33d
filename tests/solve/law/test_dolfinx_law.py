"""Nonlinear problems on DOLFINx: the numbers of scikit-fem on the same meshes, and the orders of
manufactured solutions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.derive.homogenize import homogenize_linear
from nhpinn_sym.derive.nonlinear.homogenize import homogenize_nonlinear
from nhpinn_sym.operator.parse import parse_nonlinear
from nhpinn_sym.runtime.element_states import ElementStates
from nhpinn_sym.runtime.fem_dolfinx import assembly as ranks
from nhpinn_sym.runtime.fem_dolfinx.compat import PETSc, coordinates
from nhpinn_sym.runtime.fem_skfem import assembly as elements
from nhpinn_sym.runtime.fourier.states import MacroState
from nhpinn_sym.runtime.lattice import Lattice
from nhpinn_sym.solve.law.macro_law import MacroLaw

from .test_nonlinear_equations import POINTS, manufactured, norm, solved

X = nh.Scales(1).x[0]


def test_the_limit_and_the_fine_solution_are_those_of_scikit_fem() -> None:
    problem, model, law, u0 = solved()
    found = nh.solve_homogenized(model, law, "dolfinx", mesh=64)
    assert found(POINTS) == pytest.approx(u0(POINTS), abs=1e-11)
    assert found.info["law"] < 1e-8
    fine = [nh.solve_fine(problem, sp.Rational(1, 4), b, mesh=64) for b in ("skfem", "dolfinx")]
    assert fine[1](POINTS) == pytest.approx(fine[0](POINTS), abs=1e-11)


def test_states_with_jumps_are_those_of_scikit_fem() -> None:
    s = nh.Scales(1)
    v, w = s.unknown("v"), s.unknown("w")
    stiff = sp.Piecewise((1, s.y[0] < sp.Rational(1, 2)), (5, True))
    grads = v.diff(X), w.diff(X)
    fluxes = [stiff * (1 + grads[0] ** 2) * grads[0] + grads[1], stiff * grads[1] + grads[0]]
    model = nh.homogenize(
        nh.MultiscaleProblem(
            [(-s.div(sp.Matrix([flux])) + stiff * v**3, 0) for flux in fluxes],
            scales=s,
            unknown=[v, w],
        )
    )
    laws = [nh.solve_law(model, b, tolerance=1e-3) for b in ("skfem", "dolfinx")]
    where = {"grad": [[0.8], [0.2]], "u": [0.3, 0]}
    for name in ("flux", "tangent", "reaction", "reaction_derivative"):
        found = [np.asarray(getattr(law, name)(**where)) for law in laws]
        assert found[1] == pytest.approx(found[0], abs=1e-11)


def test_manufactured_solutions_converge_at_the_order_of_the_elements() -> None:
    exact = sp.sin(2 * X) + X

    def flux(u: sp.Expr, p: sp.Expr) -> sp.Expr:
        return (1 + u**2 + p**2) * p

    end = flux(exact, sp.diff(exact, X)).subs(X, 1)
    problem = manufactured(
        exact, flux, boundary=[nh.Dirichlet(0, on="left"), nh.Neumann(end, on="right")]
    )
    wanted = sp.lambdify(X, exact, "numpy")(POINTS[:, 0])
    errors = [norm(nh.solve_fine(problem, 1, "dolfinx", mesh=n)(POINTS) - wanted) for n in (4, 8)]
    assert errors[0] / errors[1] > 7


def test_steps_in_time_are_those_of_scikit_fem() -> None:
    s = nh.Scales(1, time=True)
    u = s.unknown("u")
    problem = nh.MultiscaleProblem(
        sp.Eq(s.dt(u + u**3) - s.div((1 + u**2) * s.grad(u)), 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(s.t, on="left"), nh.Robin(1, 1 + s.t, on="right")],
        initial=[nh.Initial(s.x[0])],
        final_time=sp.Rational(1, 5),
    )
    found = [nh.solve_fine(problem, 1, b, mesh=16, steps=4) for b in ("skfem", "dolfinx")]
    assert found[1](POINTS) == pytest.approx(found[0](POINTS), abs=1e-11)
    assert found[1](POINTS, 0.0) == pytest.approx(POINTS[:, 0], abs=1e-12)


def test_matrices_and_vectors_are_those_of_scikit_fem() -> None:
    """Of a system, with all blocks, as bilinear forms of two functions; means by hand."""
    lattice = Lattice.uniform(((0.0, 2.0), (0.0, 1.0)), (2, 3))
    found = []
    for assembly in (ranks.cell_assembly(lattice, 2, 2), elements.cell_assembly(lattice, 2, 2)):
        assert assembly.weights.sum() == pytest.approx(2)
        assert assembly.mean(assembly.points[0] * assembly.points[1] ** 2) == pytest.approx(1 / 3)
        x, y = assembly.points
        arrays = {
            f"{name}_{letter}": np.array(
                [np.cos(k + x) * np.sin(k * k + y) for k in range(int(np.prod(shape)))]
            ).reshape(*shape, -1)
            for name, letter, shape in (
                ("flux", "p", (2, 2, 2, 2)),
                ("flux", "u", (2, 2, 2)),
                ("reaction", "p", (2, 2, 2)),
                ("reaction", "u", (2, 2)),
            )
        }
        u = assembly.centred(sampled(assembly, 1))
        values, slopes = assembly.fields(u)
        assert assembly.mean(values) == pytest.approx(0, abs=1e-14)
        load, _ = assembly.load(slopes, values)
        matrix = assembly.matrix(arrays, "flux", "reaction")
        other = sampled(assembly, 2)
        found.append([load @ other, applied(matrix, u) @ other])
        whole = np.einsum("ikjnq,jnq->ikq", arrays["flux_p"], slopes)
        whole += np.einsum("ikjq,jq->ikq", arrays["flux_u"], values)
        rest = np.einsum("ijnq,jnq->iq", arrays["reaction_p"], slopes)
        rest += np.einsum("ijq,jq->iq", arrays["reaction_u"], values)
        assert assembly.load(whole, rest)[0] @ other == pytest.approx(found[-1][1], rel=1e-12)
    assert found[0] == pytest.approx(found[1], rel=1e-12)


def sampled(assembly: Any, seed: int) -> Any:
    """The unknowns of a periodic function of two components."""
    if isinstance(assembly, ranks.RankAssembly):
        x, y = coordinates(assembly.box.space).T
    else:
        x, y = assembly.space.nodes
    first = np.sin(np.pi * x + seed) * np.cos(2 * np.pi * y)
    return np.stack([first, np.cos(np.pi * x * seed)], axis=1).ravel()


def applied(matrix: Any, u: Any) -> Any:
    """A matrix of either backend times unknowns."""
    if not isinstance(matrix, PETSc.Mat):
        return matrix @ u
    vector = matrix.createVecRight()
    vector.array[:] = u
    return (matrix * vector).array


def test_a_law_that_misses_its_tolerance_at_the_points_warns() -> None:
    _, model, law, _ = solved()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("nhpinn_sym.solve.law.macro_law._MOST_MODES", 3)
        with pytest.warns(nh.ToleranceWarning, match="law at the points .* at u = .*, grad = .*n="):
            found = nh.solve_homogenized(model, law, "skfem", mesh=16)
    assert found.info["law"] > law.tolerance
    assert found.info["estimate"] >= found.info["law"]


def test_states_of_all_times_are_tested() -> None:
    _, _, law, _ = solved()
    macro = MacroLaw(law)
    points = np.zeros((1, 40))
    for t, size in ((0.0, 0.1), (0.5, 3.0), (1.0, 0.1)):
        slopes = size * np.linspace(-1, 1, 40)[None, None]
        macro(points, t, np.zeros((1, 40)), slopes)
    assert macro.grown()
    assert macro.training is not None
    assert np.abs(macro.training.slopes).max() > 2


@pytest.mark.parametrize("backend", ["skfem", "dolfinx"])
def test_meshes_of_laws_fit_disks(backend: str) -> None:
    """Rayleigh's array: a nonlinearity of 1e-12 leaves the linear coefficient."""
    s = nh.Scales(2)
    u = s.unknown("u")
    g = s.grad(u)
    a = nh.phases(s, {nh.Disk((0.5, 0.5), 0.3): 10}, default=1)
    flux = a * (1 + sp.Rational(1, 10**12) * g.dot(g)) * g
    problem = nh.MultiscaleProblem(sp.Eq(-s.div(flux), 1), scales=s, unknown=u)
    law = nh.solve_law(nh.homogenize(problem), backend, tolerance=1e-4)
    assert law.flux(grad=(1, 0)) == pytest.approx([1.602941912, 0], abs=1e-6)
    assert 0 < law.info["estimate"] < 1e-4


@pytest.mark.parametrize("backend", ["skfem", "dolfinx"])
def test_linear_cells_on_the_same_mesh_have_the_same_tensor(backend: str) -> None:
    s = nh.Scales(2)
    u = s.unknown("u")
    turn = 2 * sp.pi
    a = 2 + sp.sin(turn * s.y[0]) * sp.cos(turn * s.y[1])
    problem = nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)
    model = homogenize_nonlinear(parse_nonlinear(problem), 1, homogenize_linear)
    law = nh.solve_law(model, backend, tolerance=1e-2)
    assemble = ranks.cell_assembly if backend == "dolfinx" else elements.cell_assembly
    lattice = Lattice.uniform(law.forms.CELL, (8, 8))
    macro = MacroState(np.zeros((1, 1)), np.array([[[1.0], [0.5]]]), {})
    found, _ = ElementStates(law.forms, assemble(lattice, 2, 1)).law(macro)
    wanted = nh.solve_cells(nh.homogenize(problem), backend, n=8).effective["A"]
    assert found.flux_p[0, :, 0, :, 0] == pytest.approx(wanted, abs=1e-11)
    assert found.flux[0, :, 0] == pytest.approx(wanted @ [1, 0.5], abs=1e-11)
