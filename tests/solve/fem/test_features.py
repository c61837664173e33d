"""Meshes follow the data: jumps at any place, thin layers, narrow bumps, fast waves; in cells and
in equations.
"""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import nhpinn_sym as nh
from tests.emitted import printed_values, run_main, run_mains

ROOT = Path(__file__).parents[3]
BOTH = pytest.mark.parametrize("backend", ["skfem", "dolfinx"])
S = nh.Scales(1)
Y = S.y[0]
X = S.x[0]


def line(a, source=1, domain=(0, 1)):
    """-(a u')' = source, u = 0 at both ends."""
    u = S.unknown("u")
    return nh.MultiscaleProblem(
        sp.Eq(-S.div(a * S.grad(u)), source),
        scales=S,
        unknown=u,
        domain=nh.Box(domain),
        boundary=[nh.Dirichlet(0)],
    )


def jump(place, inside=1, outside=10):
    return sp.Piecewise((inside, place > Y), (outside, True))


def fine_exact(a, b, place, eps, x):
    """u(x) of -(a(x/eps) u')' = 1 on (0, 1) for layers a, b: a u' = c - x."""
    starts = eps * np.arange(round(1 / eps))
    edges = np.unique(np.concatenate([starts, starts + eps * place, [1.0]]))
    middles = (edges[:-1] + edges[1:]) / 2
    layers = np.where(middles / eps % 1 < place, a, b)

    def primitive(values, power):
        parts = np.diff(edges ** (power + 1)) / (power + 1) / layers
        below = np.concatenate([[0.0], np.cumsum(parts)])
        cell = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(layers) - 1)
        return (
            below[cell]
            + (values ** (power + 1) - edges[cell] ** (power + 1)) / (power + 1) / layers[cell]
        )

    one = np.array([1.0])
    c = primitive(one, 1)[0] / primitive(one, 0)[0]
    return c * primitive(x, 0) - primitive(x, 1)


NARROW = {
    "jump": (jump(0.5017), 1 / (0.5017 + 0.4983 / 10), 1e-10),
    "thin layer": (
        nh.phases(S, {nh.Layer(0, (0.4137, 0.4147)): sp.Float(1e-4)}, default=1),
        1 / (0.999 + 10),
        1e-9,
    ),
    "bump": (
        1
        / (1 + 1000 * sp.exp(-((sp.sin(sp.pi * (Y - sp.Rational(1, 2))) / (sp.pi * 0.002)) ** 2))),
        0.2200247905,
        1e-6,
    ),
    "wave": (2 + sp.cos(2 * sp.pi * 135 * Y), np.sqrt(3), 1e-6),
}


@pytest.mark.parametrize("name", NARROW)
def test_narrow_data_are_met(name):
    a, exact, tolerance = NARROW[name]
    cells = nh.solve_cells(nh.homogenize(line(a)), "skfem")
    assert abs(cells.effective["A"][0, 0] - exact) < tolerance * exact
    assert cells.info["estimate"] <= 1e-6


def test_narrow_data_are_met_by_dolfinx():
    a, exact, tolerance = NARROW["bump"]
    cells = nh.solve_cells(nh.homogenize(line(a)), "dolfinx")
    assert abs(cells.effective["A"][0, 0] - exact) < tolerance * exact


@settings(max_examples=12)
@given(st.floats(0.02, 0.98), st.floats(-3, 3))
def test_laminates_are_exact_wherever_they_jump(place, power):
    contrast = 10.0**power
    problem = line(jump(sp.Float(place), 1, sp.Float(contrast)))
    model = nh.homogenize(problem)
    cells = nh.solve_cells(model, "skfem")
    assert cells.effective["A"][0, 0] == pytest.approx(
        1 / (place + (1 - place) / contrast), rel=1e-9
    )
    fine = nh.solve_fine(problem, 1 / 4, "skfem")
    x = np.linspace(0, 1, 41)
    exact = fine_exact(1.0, contrast, place, 0.25, x)
    np.testing.assert_allclose(fine(x[:, None]), exact, atol=1e-9 * np.abs(exact).max())


def test_layers_across_two_axes_in_a_fine_problem_of_dolfinx():
    problem = line(jump(0.5017))
    fine = nh.solve_fine(problem, 1 / 4, "dolfinx")
    x = np.linspace(0, 1, 41)
    np.testing.assert_allclose(fine(x[:, None]), fine_exact(1.0, 10.0, 0.5017, 0.25, x), atol=1e-11)


def test_a_mesh_that_is_given_has_lines_at_jumps():
    cells = nh.solve_cells(nh.homogenize(line(jump(0.5017))), "skfem", n=10)
    assert cells.effective["A"][0, 0] == pytest.approx(NARROW["jump"][1], rel=1e-12)
    fine = nh.solve_fine(line(jump(0.5017)), 1 / 4, "skfem", per_period=20)
    assert 76 <= fine.info["cells"][0] <= 84
    np.testing.assert_allclose(
        fine([[0.3]]), fine_exact(1.0, 10.0, 0.5017, 0.25, np.array([0.3])), rtol=1e-11
    )


def test_a_mesh_that_is_given_and_misses_a_bump_says_so():
    with pytest.warns(nh.ToleranceWarning, match="not resolved"):
        cells = nh.solve_cells(nh.homogenize(line(NARROW["bump"][0])), "skfem", n=20)
    found = cells.effective["A"][0, 0]
    error = abs(found - NARROW["bump"][1]) / found
    assert cells.info["estimate"] > 0.1 and error > 0.1
    with pytest.warns(nh.ToleranceWarning, match="per_period="):
        nh.solve_fine(line(NARROW["bump"][0]), 1 / 4, "skfem", per_period=8)


@BOTH
def test_a_narrow_source(backend):
    """-u'' = 1 + 1000 exp(-((x - 1/3) 1000)^2): its mean is 1 + sqrt(pi), nearly all at 1/3."""
    source = 1 + 1000 * sp.exp(-(((X - sp.Rational(1, 3)) * 1000) ** 2))
    problem = line(sp.Integer(1), source)
    model = nh.homogenize(problem)
    u0 = nh.solve_homogenized(model, nh.solve_cells(model, backend), backend)
    mass = np.sqrt(np.pi)
    exact = 0.125 + mass / 3 * 0.5  # Green's function of a point source at 1/3, seen at 1/2
    assert u0([[0.5]])[0] == pytest.approx(exact, rel=1e-6)
    assert u0.info["estimate"] <= 1e-6


def test_a_source_that_jumps():
    problem = line(sp.Integer(1), sp.Piecewise((1, X < 0.317), (0, True)))
    model = nh.homogenize(problem)
    u0 = nh.solve_homogenized(model, nh.solve_cells(model, "skfem"), "skfem")
    assert u0([[0.317]])[0] == pytest.approx(0.317**2 / 2 * (1 - 0.317), rel=1e-12)


def test_what_lines_at_jumps_alone_make_too_large_is_refused():
    many = sum(
        sp.Piecewise(
            (1, (sp.Float(k / 40 + 0.003) < Y) & (sp.Float(k / 40 + 0.013) > Y)), (0, True)
        )
        for k in range(40)
    )
    with pytest.raises(nh.problem.errors.SolveError, match="lines at all jumps"):
        nh.solve_cells(nh.homogenize(line(1 + many)), "skfem", max_dofs=50)


@pytest.mark.parametrize("backend", ["skfem", "dolfinx"])
def test_meshes_beyond_memory_are_refused_before_they_are_made(backend):
    s = nh.Scales(3)
    u = s.unknown("u")
    a = 2 + sp.sin(2 * sp.pi * s.y[0])
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(u)), 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1), (0, 1), (0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    with pytest.raises(nh.problem.errors.SolveError, match="of memory"):
        nh.solve_cells(nh.homogenize(problem), backend, n=10_000)
    with pytest.raises(nh.problem.errors.SolveError, match="of memory"):
        nh.solve_cells(nh.homogenize(line(jump(0.5))), backend, n=10**11)
    with pytest.raises(nh.problem.errors.SolveError, match="of memory"):
        nh.solve_fine(problem, 1 / 2, backend, mesh=10_000)


OPTIONS = [
    {"n": 0},
    {"n": -1},
    {"n": 2.5},
    {"n": True},
    {"max_dofs": -5},
    {"degree": 3},
    {"degree": 0},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@BOTH
def test_wrong_options_of_cells_are_quoted(backend, options):
    ((name, value),) = options.items()
    with pytest.raises(nh.problem.errors.ProblemError, match=f"{name}={value!r}"):
        nh.solve_cells(nh.homogenize(line(2 + sp.sin(2 * sp.pi * Y))), backend, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"mesh": 0},
        {"mesh": (4, 4)},
        {"mesh": 2.5},
        {"steps": 0},
        {"per_period": 0},
        {"per_period": -3},
        {"per_period": 1.5},
        {"max_dofs": 0},
    ],
    ids=str,
)
@BOTH
def test_wrong_options_of_equations_are_quoted(backend, options):
    ((name, value),) = options.items()
    with pytest.raises(nh.problem.errors.ProblemError) as error:
        nh.solve_fine(line(2 + sp.sin(2 * sp.pi * Y)), 1 / 4, backend, **options)
    assert f"{name}={value!r}" in str(error.value)


@BOTH
def test_emitted_mains_have_lines_at_jumps(backend, tmp_path):
    problem = line(jump(0.5017), sp.Piecewise((1, X < 0.317), (0, True)))
    nh.emit(nh.homogenize(problem), backend).save(tmp_path)

    done = run_mains(tmp_path, ["cells", "n=8"], ["fine", "n=20", "epsilon=1/4"])
    done.check_returncode()
    printed = printed_values(done.stdout)
    assert printed["A[0, 0]"] == pytest.approx(NARROW["jump"][1], rel=1e-10)
    with np.load(tmp_path / "fine.npz") as saved:
        lines = saved["lines_0"]
        values = saved["values"]
    for place in (0.317, 0.25 * 0.5017, 0.75 + 0.25 * 0.5017):
        assert np.abs(lines - place).min() < 1e-12
    fine = nh.solve_fine(problem, 1 / 4, "skfem")
    np.testing.assert_allclose(values[::2], fine(lines[:, None]), atol=1e-12)


WARNED = """
import warnings
import sympy as sp
import nhpinn_sym as nh
s = nh.Scales(2)
u = s.unknown("u")
a = nh.phases(s, {nh.Disk((0.5, 0.5), 0.3): 10}, default=1)
problem = nh.MultiscaleProblem(sp.Eq(-s.div(a*s.grad(u)), 1), scales=s, unknown=u)
with warnings.catch_warnings(record=True) as found:
    warnings.simplefilter("always")
    nh.solve_cells(nh.homogenize(problem), "dolfinx", mesh="lattice", max_dofs=2000)
print(sum(issubclass(w.category, nh.ToleranceWarning) for w in found))
"""


def test_warnings_of_dolfinx_reach_python():
    """FFCx, imported on the way, sends the warnings of everybody to a logger that shows nothing."""
    done = subprocess.run(
        [sys.executable, "-c", WARNED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout.strip() == "1", done.stderr


@BOTH
def test_a_homogeneous_cell_on_every_verb(backend, tmp_path):
    s = nh.Scales(2)
    u = s.unknown("u")
    a = sp.Matrix([[2, sp.Rational(1, 2)], [sp.Rational(1, 2), 3]])
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(u)), 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1), (0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    model = nh.homogenize(problem)
    cells = nh.solve_cells(model, backend)
    np.testing.assert_array_equal(cells.effective["A"], np.array(a, dtype=float))
    u0 = nh.solve_homogenized(model, cells, backend, mesh=16)
    fine = nh.solve_fine(problem, 1 / 2, backend, mesh=16)
    u1 = nh.reconstruct(u0, cells, eps=1 / 2)
    middle = [[0.5, 0.5]]
    np.testing.assert_allclose([u0(middle)[0], u1(middle)[0]], fine(middle)[0], rtol=1e-12)
    nh.emit(model, backend).save(tmp_path)
    done = run_main(tmp_path, "cells", "n=8")
    printed = done.stdout.replace(" ", "")
    assert "A[0,0]=2" in printed and "A[0,1]=0.5" in printed and "A[1,1]=3" in printed, done.stderr


def test_no_warning_where_nothing_is_wrong():
    with warnings.catch_warnings():
        warnings.simplefilter("error", nh.ToleranceWarning)
        nh.solve_fine(line(2 + sp.sin(2 * sp.pi * Y)), 1 / 4, "skfem")


@BOTH
def test_an_equation_that_nearly_leaves_its_mean_open(backend):
    """-(a u')' + 1e-8 (1 + x) u = 1 + x with Neumann data: u = 1e8, next to which the stiffness is
    1e16 times as large.
    """
    u = S.unknown("u")
    small = sp.Float(1e-8) * (1 + X)
    problem = nh.MultiscaleProblem(
        sp.Eq(-S.div((2 + sp.sin(2 * sp.pi * Y)) * S.grad(u)) + small * u, 1 + X),
        scales=S,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Neumann(0)],
    )
    fine = nh.solve_fine(problem, 1 / 4, backend)
    np.testing.assert_allclose(fine([[0.1], [0.9]]), 1e8, rtol=1e-7)


def test_a_drift_that_depends_on_x():
    """-u'' + (1 + x) V'(y)/eps u' = 1: the weak form of its limit holds a derivative of an
    effective coefficient.
    """
    u = S.unknown("u")
    slope = 2 * sp.pi * sp.cos(2 * sp.pi * Y) / 5
    problem = nh.MultiscaleProblem(
        sp.Eq(-sp.diff(u, X, 2) + (1 + X) * slope / S.eps * sp.diff(u, X), 1),
        scales=S,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    model = nh.homogenize(problem)
    u0 = nh.solve_homogenized(model, nh.solve_cells(model, "skfem"), "skfem")
    points = [[0.3], [0.6]]
    gaps = [
        np.abs(nh.solve_fine(problem, eps, "skfem")(points) - u0(points)).max()
        for eps in (1 / 10, 1 / 20)
    ]
    assert gaps[1] < 0.7 * gaps[0] < 2e-3


@BOTH
def test_complex_values_in_shapes(backend):
    s = nh.Scales(2)
    u = s.unknown("u")
    a = nh.phases(s, {nh.Layer(0, (sp.Rational(1, 4), sp.Rational(3, 4))): 2 + 3 * sp.I}, default=1)
    cells = nh.solve_cells(
        nh.homogenize(nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)),
        backend,
        n=8,
    )
    np.testing.assert_allclose(
        cells.effective["A"], np.diag([1 / (0.5 / (2 + 3j) + 0.5), 1.5 + 1.5j]), atol=1e-10
    )


def test_what_has_decayed_is_not_measured_by_what_is_left():
    """u = exp(-2 pi^2 t) sin(pi x) at t = 10 is 1e-86: 64 steps do."""
    s = nh.Scales(1, time=True)
    u = s.unknown("u")
    problem = nh.MultiscaleProblem(
        sp.Eq(s.dt(u) - s.div((2 + sp.sin(2 * sp.pi * s.y[0])) * s.grad(u)), 0),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
        initial=[nh.Initial(sp.sin(sp.pi * s.x[0]))],
        final_time=10,
    )
    model = nh.homogenize(problem)
    u0 = nh.solve_homogenized(model, nh.solve_cells(model, "skfem"), "skfem")
    assert u0.info["steps"] <= 256 and abs(u0([[0.5]])[0]) < 1e-13


def test_a_clamped_beam_is_refined_at_its_corners():
    """There the stress is singular: without lines that narrow towards them 130,000 unknowns leave
    5e-5.
    """
    s = nh.Scales(2)
    v = s.unknown("v", components=2)
    e = s.sym_grad(v)
    free = [nh.Neumann(0, on=face) for face in ((0, 1), (1, 0), (1, 1))]
    problem = nh.MultiscaleProblem(
        (-s.div(e.trace() * sp.eye(2) + 2 * e), sp.Matrix([0, -1])),
        scales=s,
        unknown=v,
        domain=nh.Box((0, 4), (0, 1)),
        boundary=[nh.Dirichlet(0, on=(0, 0)), *free],
    )
    model = nh.homogenize(problem)
    u0 = nh.solve_homogenized(model, nh.solve_cells(model, "skfem"), "skfem", tolerance=2e-5)
    assert u0.info["estimate"] <= 2e-5 and u0.info["size"] < 60_000


def test_an_equation_in_the_plane_that_nearly_leaves_its_mean_open():
    """CG is not told of a kernel that is none."""
    s = nh.Scales(2)
    u = s.unknown("u")
    exact = 1 + sp.cos(sp.pi * s.x[0])
    small = sp.Float(1e-8)
    source = sp.pi**2 * sp.cos(sp.pi * s.x[0]) + small * exact
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div(s.grad(u)) + small * u, source),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1), (0, 1)),
        boundary=[nh.Neumann(0)],
    )
    fine = nh.solve_fine(problem, 1 / 2, "dolfinx", mesh=16)
    np.testing.assert_allclose(fine([[0.2, 0.4]]), 1 + np.cos(0.2 * np.pi), atol=1e-4)


def oblique(place, periods=1):
    """A layer across the axes, of width 2e-4 of a period: between the points of every mesh."""
    phase = 2 * sp.pi * periods * (place[0] + 2 * place[1] - sp.Float("0.246"))
    inside = sp.cos(phase) > sp.cos(sp.pi * sp.Float("0.000211"))
    return sp.Piecewise((sp.Float("0.9"), inside), (sp.Float("0.5"), True))


@BOTH
def test_a_thin_layer_across_the_axes_is_admitted(backend):
    s = nh.Scales(2)
    u = s.unknown("u")
    a = oblique(s.y) + sp.cos(2 * sp.pi * s.y[0]) / 4  # more than two phases: without trace bounds
    model = nh.homogenize(
        nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)
    )
    with pytest.warns(nh.ToleranceWarning, match="not resolved"):
        cells = nh.solve_cells(model, backend, n=16)
    assert cells.info["data_error"] > 0.5 * 2.11e-4 * 0.4 / 0.5


def test_a_thin_layer_across_the_axes_is_admitted_in_an_equation():
    s = nh.Scales(2)
    u = s.unknown("u")
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div(oblique(s.x, 3) * s.grad(u)), 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1), (0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    with pytest.warns(nh.ToleranceWarning):
        fine = nh.solve_fine(problem, eps=1, backend="skfem", max_dofs=3000)
    assert fine.info["data_error"] > 0.5 * 2.11e-4 * 0.4 / 0.5


def test_means_of_shapes_in_many_periods_are_those_of_one():
    s = nh.Scales(2)
    u = s.unknown("u")
    a = nh.phases(s, {nh.Disk((0.5, 0.5), 0.3): 10}, default=1)
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(u)), 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1), (0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    with pytest.warns(nh.ToleranceWarning):
        fine = nh.solve_fine(problem, eps=sp.Rational(1, 16), backend="skfem", max_dofs=5000)
    assert 1e-3 < fine.info["data_error"] < 0.2


TIMED = nh.Scales(1, time=True)


def heated(source=0, left=0, initial=0, final_time=0.5):
    """u_t - u'' = source, u = left, 0 at the ends."""
    u = TIMED.unknown("u")
    return nh.MultiscaleProblem(
        sp.Eq(TIMED.dt(u) - TIMED.laplacian(u), source),
        scales=TIMED,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(left, on="left"), nh.Dirichlet(0, on="right")],
        initial=[nh.Initial(initial)],
        final_time=final_time,
    )


GATE = sp.Piecewise((0, TIMED.t < 0.3117), (1, TIMED.t < 0.3119), (0, True))
DECAY = np.pi**2


@BOTH
def test_a_gate_in_time_is_stepped_at(backend):
    """Open for 2e-4 of 0.5: between the stages of every number of equal steps."""
    fine = nh.solve_fine(heated(sp.sin(sp.pi * TIMED.x[0]) * GATE * 5000), 1, backend)
    opened, closed = (np.exp(-DECAY * (0.5 - t)) for t in (0.3117, 0.3119))
    assert float(fine(0.5)) == pytest.approx(5000 * (closed - opened) / DECAY, rel=1e-5)
    inside = 5000 / DECAY * (1 - np.exp(-DECAY * 1e-4))
    assert float(fine(0.5, 0.3118)) == pytest.approx(inside, rel=1e-5)


@BOTH
def test_a_bump_in_time_is_stepped_over(backend):
    width = sp.Float("1e-5")
    bump = sp.exp(-(((TIMED.t - sp.Float("0.3117")) / width) ** 2)) / width
    fine = nh.solve_fine(heated(sp.sin(sp.pi * TIMED.x[0]) * bump), 1, backend)
    exact = np.sqrt(np.pi) * np.exp(-DECAY * (0.5 - 0.3117))
    error = abs(float(fine(0.5)) / exact - 1)
    assert error < min(1e-4, fine.info["estimate"])


@BOTH
def test_dirichlet_data_may_jump_in_time(backend):
    fine = nh.solve_fine(
        heated(left=sp.Piecewise((0, TIMED.t < 0.2), (1, True)), final_time=0.25), 1, backend
    )
    n = np.arange(1, 60)
    waves = 2 / (n * np.pi) * np.sin(n * np.pi / 2) * np.exp(-((n * np.pi) ** 2) * 0.05)
    assert float(fine(0.5)) == pytest.approx(0.5 - waves.sum(), rel=1e-5)


@BOTH
def test_fluxes_may_jump_in_time(backend):
    u = TIMED.unknown("u")
    flux = sp.Piecewise((0, TIMED.t < 0.2013), (1, True))
    problem = nh.MultiscaleProblem(
        sp.Eq(TIMED.dt(u) - TIMED.laplacian(u), 0),
        scales=TIMED,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Neumann(flux, on="left"), nh.Dirichlet(0, on="right")],
        initial=[nh.Initial(0)],
        final_time=0.25,
    )
    w = (np.arange(1, 60) - 0.5) * np.pi
    waves = 2 * np.cos(w / 2) * np.exp(-(w**2) * (0.25 - 0.2013)) / w**2
    fine = nh.solve_fine(problem, 1, backend)
    assert float(fine(0.5)) == pytest.approx(0.5 - waves.sum(), rel=1e-5)


@BOTH
@pytest.mark.parametrize("options", [{}, {"mesh": 200}])
def test_what_happens_inside_a_thin_layer_is_in_the_estimate(backend, options):
    """-u'' + b u' = 1, b a pulse of area 3: u' grows by exp(3) in one cell of a mesh that has lines
    at the jumps alone.
    """
    width, start, area = 2e-3, 0.4137, 3.0
    speed, growth, beyond = area / width, np.exp(area), 1 - start - width
    u = S.unknown("u")
    b = sp.Piecewise((0, sp.Float("0.4137") > X), (speed, sp.Float("0.4157") > X), (0, True))
    problem = nh.MultiscaleProblem(
        sp.Eq(-S.laplacian(u) + b * sp.diff(u, X), 1),
        scales=S,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    fine = nh.solve_fine(problem, 1, backend, **options)

    def at_the_end(slope):
        """u(1) where u'(0) = slope."""
        rest = slope - start - 1 / speed
        after = growth * rest + 1 / speed
        inside = (growth - 1) / speed * rest + width / speed
        return slope * start - start**2 / 2 + inside + after * beyond - beyond**2 / 2

    slope = -at_the_end(0.0) / (at_the_end(1.0) - at_the_end(0.0))
    error = abs(float(fine(0.2)) / (0.2 * slope - 0.02) - 1)
    assert error < fine.info["estimate"] < 1e-3
