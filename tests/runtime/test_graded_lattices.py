"""Both finite element runtimes on graded lattices: convergence, periodic axes, planes of jumps."""

import numpy as np
import pytest
import sympy as sp
from mpi4py import MPI

from nhpinn_sym.emit import skfem_forms as skfem_target
from nhpinn_sym.emit import ufl_forms as ufl_target
from nhpinn_sym.emit.source import run
from nhpinn_sym.problem.domain import Box
from nhpinn_sym.runtime.fem_dolfinx.cells import CompiledCells
from nhpinn_sym.runtime.fem_dolfinx.equation import EquationProblem
from nhpinn_sym.runtime.fem_skfem import cells as cell_solver
from nhpinn_sym.runtime.fem_skfem import equation as equation_solver
from nhpinn_sym.runtime.lattice import Lattice
from tests.fem_samples import diffusion_cells, elliptic_2d, manufactured, x1, x2, y1

BACKENDS = ("skfem", "dolfinx")
ELLIPTIC = 1.9353592348122903


def bent(n, low=0.0, high=1.0, power=1.7):
    """n cells that are small at the lower end."""
    return low + (high - low) * np.linspace(0, 1, n + 1) ** power


def equation_grid(equation, lattice, degree, backend):
    if backend == "skfem":
        forms = run("forms", skfem_target.equation(equation, "equation")["equation_forms.py"])
        space = equation_solver.Space(lattice, degree, equation.periodic, forms.PARTS)
        return equation_solver.solve_equation(forms, space, {}).grid
    forms = run("forms", ufl_target.equation(equation, "equation")["equation_forms.py"])
    problem = EquationProblem(
        forms, {}, lambda key, x: x[:, 0], lattice, degree, comm=MPI.COMM_SELF
    )
    return problem.solve()


def cell_result(cells, lattice, degree, backend):
    if backend == "skfem":
        forms = run("forms", skfem_target.cells(cells)["cell_forms.py"])
        space = cell_solver.Space(lattice, degree, tuple(range(lattice.dim)))
        return cell_solver.solve_cells(forms, space, {})
    forms = run("forms", ufl_target.cells(cells)["cell_forms.py"])
    return CompiledCells(forms, {}, lattice, degree, comm=MPI.COMM_SELF).solve({})


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("backend", BACKENDS)
def test_solutions_converge_on_graded_lattices(backend, degree):
    unit = Box((0, 1), (0, 1))
    kinds = {"left": "robin", "right": "dirichlet", "bottom": "periodic", "top": "periodic"}
    u = sp.exp(x1) * sp.sin(2 * sp.pi * x2)
    equation = manufactured(u, unit, kinds, a=(2 + sp.cos(2 * sp.pi * x2)) * sp.eye(2), c=sp.S.One)
    points = np.random.default_rng(0).random((400, 2))
    exact = sp.lambdify((x1, x2), u)(*points.T)
    errors = []
    for n in (6, 12):
        lattice = Lattice((bent(n), bent(2 * n)))
        values = equation_grid(equation, lattice, degree, backend).evaluate(points, (0, 0))
        errors.append(np.sqrt(np.mean((values - exact) ** 2)))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(degree + 1, abs=0.35)


@pytest.mark.parametrize("backend", BACKENDS)
def test_effective_coefficients_converge_on_graded_lattices(backend):
    errors = []
    for n in (8, 16):
        result = cell_result(elliptic_2d(), Lattice((bent(n), bent(n, power=1.3))), 2, backend)
        errors.append(result.effective["A", (0, 0)] - ELLIPTIC)
        assert max(result.multipliers.values()) < 1e-11
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_thin_layer_between_lines_is_exact(backend):
    a = sp.Piecewise((1e-4, (y1 > 0.4137) & (y1 < 0.4147)), (1, True))
    lattice = Lattice.fitted(((0.0, 1.0), (0.0, 1.0)), (8, 3), ((0.4137, 0.4147), ()))
    result = cell_result(diffusion_cells(a * sp.eye(2)), lattice, 2, backend)
    normal = 1 / (0.001 / 1e-4 + 0.999)
    assert result.effective["A", (0, 0)] == pytest.approx(normal, rel=1e-10)
    assert result.effective["A", (1, 1)] == pytest.approx(0.999 + 1e-7, rel=1e-12)
    slope = result.functions.evaluate(np.array([[0.4142, 0.5], [0.7, 0.5]]), (1, 0))[0, 0]
    np.testing.assert_allclose(slope, [normal / 1e-4 - 1, normal - 1], rtol=1e-8)
