"""Two and three ranks give what one gives: effective coefficients, cell functions, boundary value
problems, the emitted mains.
"""

from __future__ import annotations

import io
import json
import os
import runpy
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

from nhpinn_sym.emit import ufl_forms as target
from tests.emitted import give_parameters, printed_values, with_cells_main, with_equation_main
from tests.fem_samples import bent, elliptic_2d

ROOT = Path(__file__).parents[3]
MPI_SETTINGS = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMP_NUM_THREADS": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",  # three ranks on two cores
}

SCRIPT = """
import json
import numpy as np
import sympy as sp
from mpi4py import MPI
import nhpinn_sym as nh
from nhpinn_sym.emit import ufl_forms as target
from nhpinn_sym.runtime.fem_dolfinx.cells import CompiledCells
from nhpinn_sym.runtime.fem_dolfinx.equation import EquationProblem
from nhpinn_sym.runtime.lattice import Lattice
from nhpinn_sym.emit.source import run
from nhpinn_sym.problem.domain import Box, Cell
from nhpinn_sym.solve.fem import nonlinear
from nhpinn_sym.solve.fem.dolfinx import CellSolver, solve_equation
from nhpinn_sym.solve.solution import CellTask
from tests.fem_classes import drifting, in_time, mathieu
from tests.fem_samples import elasticity_cells, elliptic_2d, everywhere, isotropic, manufactured, manufactured_system, shear_cells, t, x1, x2, y1, y2

points = np.random.default_rng(0).uniform(0, 1, (20, 2))
results = {}
for solver in ("direct", "iterative"):
    batch = CellSolver(CellTask(elliptic_2d(), {}, (), 1e-6), n=20, solver=solver).solve(np.zeros((1, 0)))
    results["cells " + solver] = [value[0] for value in batch.effective.values()] + list(batch.fields[1][0].derivative(points, (1, 0))[0])
batch = CellSolver(CellTask(shear_cells(sp.Integer(3), sp.Integer(1)), {}, (), 1e-6), n=12).solve(np.zeros((1, 0)))
results["shear"] = [batch.effective["A", (0, 0)][0], *batch.fields[0][0].derivative(points, (0, 0))[0]]
moduli = (3 + sp.sin(2 * sp.pi * y1) * sp.cos(2 * sp.pi * y2), 2 + sp.cos(2 * sp.pi * y1))
for solver in ("direct", "iterative"):
    system = CellSolver(CellTask(elasticity_cells(isotropic(*moduli), 2), {}, (), 1e-6), n=12, solver=solver).solve(np.zeros((1, 0)))
    results["elasticity " + solver] = [value[0] for value in system.effective.values()] + list(system.fields[2][1].derivative(points, (0, 1))[0])
kernels = {"ground state": mathieu(sp.Integer(2)), "space and time": in_time(2 + sp.sin(2 * sp.pi * y1) * sp.cos(2 * sp.pi * y2)),
           "drift": drifting(sp.cos(y1), sp.Integer(1), Cell((0, 2 * sp.pi)), sp.Integer(1))}
for name, cells in kernels.items():
    batch = CellSolver(CellTask(cells, {}, (), 1e-6), n=16).solve(np.zeros((1, 0)))
    inside = points[:, : cells.cell.dim]
    functions = [value for field, in batch.fields for value in field.derivative(inside, (0,) * cells.cell.dim)[0]]
    results[name] = [value[0] for value in batch.effective.values()] + functions
kinds = {"left": "robin", "right": "dirichlet", "bottom": "periodic", "top": "periodic"}
u = sp.exp(x1) * sp.sin(2 * sp.pi * x2)
unit = Box((0, 1), (0, 1))
still = solve_equation(manufactured(u, unit, kinds, c=sp.S.One), None, {}, mesh=(12, 16))
results["boundary value problem"] = list(still(points))
moving = solve_equation(manufactured(u * sp.cos(t), unit, kinds, final_time=sp.S.One), None, {}, mesh=(12, 16), steps=4)
results["heat"] = list(moving(points)) + list(moving(points, 0.3))
rollers = {"left": "dirichlet", "right": "neumann", "bottom": ("dirichlet", "neumann"), "top": "robin"}
bend = (u, sp.cos(2 * x1) * sp.exp(x2))
for solver in ("direct", "iterative"):
    held = solve_equation(manufactured_system(bend, unit, rollers, isotropic(2 + x1, 1 + x2)), None, {}, mesh=(10, 12), solver=solver)
    results["displacement " + solver] = held(points).ravel().tolist()
free = solve_equation(manufactured_system(bend, unit, everywhere("neumann", unit), isotropic(sp.S(2), sp.S(1))), None, {}, mesh=(10, 12))
results["pure traction"] = free(points).ravel().tolist()
strip = {**everywhere("periodic", unit), "left": ("dirichlet", "robin"), "right": ("neumann", "dirichlet")}
exchange = manufactured_system((u * sp.cos(t), u), unit, strip, isotropic(sp.S(0), sp.S(1)), c=sp.Matrix([[1, -1], [-2, 2]]), final_time=sp.S.One)
exchanged = solve_equation(exchange, None, {}, mesh=(8, 8), steps=4)
results["exchange"] = [*exchanged(points).ravel(), *exchanged.derivative(points, (1, 0), 0.3).ravel()]
lines = np.linspace(0, 1, 9) ** 1.5
graded = Lattice((lines, np.array([0, 0.3, 0.31, 0.8, 1.0])))
forms = run("cell_forms", target.cells(elliptic_2d())["cell_forms.py"])
on_lines = CompiledCells(forms, {}, graded).solve({})
results["graded cells"] = [*on_lines.effective.values(), *on_lines.functions.evaluate(points, (0, 1)).ravel()]
text = target.equation(manufactured(u, unit, kinds, c=sp.S.One), "equation")["equation_forms.py"]
curve = EquationProblem(run("equation_forms", text), {}, None, graded).solve()
results["graded equation"] = [*curve.evaluate(points, (0, 0)), *curve.evaluate(points, (1, 0))]
s = nh.Scales(1)
v = s.unknown("v")
g = s.grad(v)
flux = sp.exp(sp.sin(2 * sp.pi * s.y[0])) * (1 + g[0] ** 2) * g
bar = nh.MultiscaleProblem(sp.Eq(-s.div(flux), 10), scales=s, unknown=v, domain=nh.Box((0, 1)), boundary=[nh.Dirichlet(0, on="left"), nh.Robin(1, 2, on="right")])
model = nh.homogenize(bar)
along = points[:, :1]
small, nonlinear._BY_EACH = nonlinear._BY_EACH, 0  # what each rank would solve for itself is shared
law = nh.solve_law(model, "dolfinx", tolerance=1e-4)
results["nonlinear state"] = [*law.flux(grad=[[0.5], [2.0]]).ravel(), *law.tangent(grad=2.0).ravel()]
spread = nh.solve_homogenized(model, nh.solve_law(model), "dolfinx", mesh=12)
results["nonlinear limit"] = list(spread(along))
results["nonlinear fine"] = list(nh.solve_fine(bar, sp.Rational(1, 2), "dolfinx", mesh=32)(along))
clock = nh.Scales(1, time=True)
w = clock.unknown("w")
soft = (2 + sp.cos(2 * sp.pi * clock.y[0])) * (1 + w**2)
front = nh.MultiscaleProblem((clock.dt(w) - clock.div(soft * clock.grad(w)) + w**3, 1), scales=clock, unknown=w, domain=nh.Box((0, 1)), boundary=[nh.Neumann(0)], initial=[nh.Initial(clock.x[0])], final_time=0.1, ranges={w: (-1, 2)})
model = nh.homogenize(front)
law = nh.solve_law(model)
for name, most in (("shared", 0), ("by each", small)):
    nonlinear._BY_EACH = most
    limit = nh.solve_homogenized(model, law, "dolfinx", mesh=12, steps=4)
    fine = nh.solve_fine(front, sp.Rational(1, 2), "dolfinx", mesh=32, steps=4)
    results["evolution " + name] = [*limit(along), *fine(along)]
    assert limit.info["ranks"] == fine.info["ranks"] == (1 if most else MPI.COMM_WORLD.size)
plane = nh.Scales(2)
spread = plane.unknown("u")
round_one = nh.phases(plane, {nh.Disk((0, 0), 0.3): 10}, default=1)
problem = nh.MultiscaleProblem((-plane.div(round_one * plane.grad(spread)), 1), scales=plane, unknown=spread)
fitted = nh.solve_cells(nh.homogenize(problem), "dolfinx", n=8, tolerance=1)
results["fitted cells"] = [fitted.effective["A"][0, 0], *fitted.functions[0]([[0.1, 0.2], [0.9, 0.4]])]
for name, phase in (("disk", nh.Disk((0, 0), 0.3)), ("layer", nh.Layer(0, (0, 0.3)))):
    touching = nh.MultiscaleProblem((-plane.laplacian(spread), 1), scales=plane, unknown=spread, contacts={phase: 2 / plane.eps})
    broken = nh.solve_cells(nh.homogenize(touching), "dolfinx", n=8, tolerance=1)
    results[f"contact of a {name}"] = [broken.effective["A"][0, 0], *broken.functions[0]([[0.1, 0.2], [0.9, 0.4]])]
shape = nh.Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]) - nh.Disk((0.5, 0.5), 0.2, name="bolt")
displacement = plane.unknown("w", components=2)
strain = plane.sym_grad(displacement)
pull = [nh.Dirichlet(0, on="bolt"), nh.Robin(1, sp.Matrix([1, plane.x[0]]), on=shape.edge(1)), nh.Neumann(0, on="rest")]
bracket = nh.MultiscaleProblem((-plane.div(strain.trace() * sp.eye(2) + 2 * strain), sp.zeros(2, 1)), scales=plane, unknown=displacement, domain=shape, boundary=pull)
results["region"] = nh.solve_fine(bracket, 1, "dolfinx", mesh=4, degree=2)([[0.5, 1.5], [1.9, 0.3], [0.72, 0.5]]).ravel().tolist()
everyone = MPI.COMM_WORLD.gather(results)
if everyone is not None:
    for other in everyone:
        for name, numbers in results.items():
            np.testing.assert_allclose(other[name], numbers, rtol=1e-13, atol=1e-13, err_msg=f"the ranks disagree: {name}")
    assert still.info["ranks"] == batch.info["ranks"] == MPI.COMM_WORLD.size
    print(json.dumps(results))
"""


VERBS = """
import json
import sympy as sp
from mpi4py import MPI
import nhpinn_sym as nh

s = nh.Scales(2)
u = s.unknown("u", components=2)
soft = 2 + sp.sin(2 * sp.pi * s.y[0]) * sp.cos(2 * sp.pi * s.y[1])
stress = soft * (s.div(u) * sp.eye(2) + 2 * s.sym_grad(u))
held = [nh.Dirichlet(0, on="left"), nh.Neumann(0, on="rest")]
problem = nh.MultiscaleProblem((-s.div(stress), sp.Matrix([0, 1])), scales=s, unknown=u, domain=nh.Box((0, 1), (0, 1)), boundary=held)
model = nh.homogenize(problem)
cells = nh.solve_cells(model, "dolfinx", solver="iterative", n=6, degree=2, tolerance=1)
limit = nh.solve_homogenized(model, cells, "dolfinx", mesh=6, degree=2)
fine = nh.solve_fine(problem, sp.Rational(1, 2), "dolfinx", mesh=8, degree=2, solver="iterative")
points = [[0.3, 0.7], [0.9, 0.2]]
numbers = [*cells.effective["mandel"].ravel(), *cells.functions[1](points).ravel(), *limit(points).ravel(), *fine(points).ravel()]
if MPI.COMM_WORLD.rank == 0:
    print(json.dumps([float(number) for number in numbers]))
"""


def test_the_verbs_on_three_ranks(tmp_path):
    serial, parallel = serial_and_parallel(VERBS, 3, tmp_path)
    np.testing.assert_allclose(parallel, serial, rtol=0, atol=1e-10)


def launch(ranks, *arguments, cwd=ROOT):
    """Run Python on some ranks; `python -m mpi4py` ends them all where one fails. An environment
    with an MPI of its own has its mpirun.
    """
    own = shutil.which("mpirun", path=Path(sys.executable).parent)
    command = [own or shutil.which("mpirun"), "-n", str(ranks)] if ranks > 1 else []
    environment = {**os.environ, **MPI_SETTINGS, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, sys.executable, "-m", "mpi4py", *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def serial_and_parallel(text, ranks, folder):
    """What a script prints in this process, which is the only rank, and on some ranks."""
    script = folder / "script.py"
    script.write_text(text)
    with redirect_stdout(io.StringIO()) as serial:
        runpy.run_path(str(script))
    printed = serial.getvalue(), launch(ranks, str(script))
    return [json.loads(output.splitlines()[-1]) for output in printed]


def test_two_ranks_give_the_serial_numbers(tmp_path):
    serial, parallel = serial_and_parallel(SCRIPT, 2, tmp_path)
    assert parallel.keys() == serial.keys()
    for name, numbers in serial.items():
        np.testing.assert_allclose(parallel[name], numbers, rtol=0, atol=1e-10, err_msg=name)


def test_the_emitted_main_of_cells_runs_on_two_ranks(tmp_path):
    with_cells_main(target.cells(elliptic_2d()), elliptic_2d()).save(tmp_path)
    printed = printed_values(launch(2, "main_cells.py", "n=32", cwd=tmp_path))
    assert printed["A[0, 0]"] == pytest.approx(1.935359, abs=1e-6)


def test_the_emitted_main_of_a_system_runs_on_two_ranks(tmp_path):
    equation = bent(sp.Symbol("q", positive=True))
    with_equation_main(target.equation(equation, "bent"), equation, "bent").save(tmp_path)
    give_parameters(tmp_path, q=2.0)
    values = []
    for ranks in (1, 2):
        (line,) = launch(ranks, "main_bent.py", "n=12", cwd=tmp_path).splitlines()
        assert "625 nodes" in line
        values.append(np.load(tmp_path / "bent.npz")["values"])
    assert values[0].shape == (2, 25, 25)
    np.testing.assert_allclose(values[1], values[0], atol=1e-11)
