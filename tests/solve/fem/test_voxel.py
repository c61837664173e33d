"""The voxel backend: equal to assembled elements on the same grid, enclosed, and judged."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from tests.disk_arrays import conductivity

S = nh.Scales(2)
U = S.unknown("u")
LABELS = (np.random.default_rng(0).random((6, 6)) < 0.4).astype(int)


def model(a: Any, **options: Any) -> Any:
    equation = sp.Eq(-S.div(a * S.grad(U)), 1)
    return nh.homogenize(nh.MultiscaleProblem(equation, scales=S, unknown=U, **options))


def image(values: dict[int, Any], labels: Any = LABELS, name: str = "a") -> Any:
    return nh.image(S, labels, values, name=name)


def elastic() -> Any:
    v = S.unknown("v", components=2)
    e = S.sym_grad(v)
    lam = image({0: 1, 1: 100}, name="lam")
    mu = image({0: sp.Rational(1, 2), 1: 70}, name="mu")
    stress = lam * e.trace() * sp.eye(2) + 2 * mu * e
    problem = nh.MultiscaleProblem((-S.div(stress), sp.Matrix([0, 1])), scales=S, unknown=v)
    return nh.homogenize(problem)


def tensor() -> Any:
    table = {0: sp.Matrix([[2, 0.5], [0.5, 1]]), 1: sp.diag(20, 30)}
    return model(nh.image(S, LABELS, table, name="k"))


def unsymmetric() -> Any:
    return model(nh.image(S, LABELS, {0: sp.eye(2), 1: sp.Matrix([[9, 2], [-2, 9]])}, name="k"))


def piezoelectric() -> Any:
    """Strain and potential, coupled with opposite signs: indefinite."""
    v = S.unknown("v", components=2)
    phi = S.unknown("phi")
    e = S.sym_grad(v)
    stiff = image({0: 1, 1: 10}, name="c")
    coupling = image({0: 0, 1: 1}, name="q")
    field = S.grad(phi)
    stress = 2 * stiff * e + coupling * sp.Matrix([[field[1], field[0]], [field[0], 0]])
    flux = stiff * field - coupling * sp.Matrix([2 * e[0, 1], e[0, 0]])
    left = sp.Matrix([*(-S.div(stress)), -S.div(flux)])
    return nh.homogenize(
        nh.MultiscaleProblem((left, sp.Matrix([0, 1, 0])), scales=S, unknown=[v, phi])
    )


CASES: dict[str, Callable[[], Any]] = {
    "scalar": lambda: model(image({0: 1, 1: 10})),
    "elastic": elastic,
    "tensor": tensor,
    "unsymmetric": unsymmetric,
    "complex": lambda: model(image({0: 1 + sp.I, 1: 10 - 2 * sp.I})),
    "indefinite": piezoelectric,
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
def test_voxels_are_the_elements_of_a_lattice(name: str) -> None:
    """n=6 has lattices with lines at all edges, and four cells between two: n_sub=4."""
    given = CASES[name]()
    voxel = nh.solve_cells(given, "voxel", n_sub=4, residual=1e-11)
    fem = nh.solve_cells(given, "skfem", degree=1, n=6)
    assert fem.info["cells"] == voxel.info["cells"]
    size = np.abs(fem.effective["A"]).max()
    assert np.abs(voxel.effective["A"] - fem.effective["A"]).max() < 1e-9 * size
    points = np.random.default_rng(1).random((20, 2))
    for one, other in zip(voxel.functions, fem.functions, strict=True):
        assert np.abs(one(points) - other(points)).max() < 1e-8
        slopes = one.derivative(points, (1, 0)) - other.derivative(points, (1, 0))
        assert np.abs(slopes).max() < 1e-7


@pytest.mark.parametrize("name", ["elastic", "complex", "unsymmetric"])
@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
def test_the_estimate_holds_where_nothing_is_enclosed(name: str) -> None:
    given = CASES[name]()  # the rest of the error of the finer one is within the factor
    coarse = nh.solve_cells(given, "voxel", n_sub=2)
    fine = nh.solve_cells(given, "voxel", n_sub=16)
    size = np.abs(fine.effective["A"]).max()
    error = np.abs(coarse.effective["A"] - fine.effective["A"]).max() / size
    assert error < coarse.info["estimate"] < 15 * error


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
def test_torch_has_the_numbers_of_numpy(name: str) -> None:
    pytest.importorskip("torch")
    given = CASES[name]()
    one, other = (
        nh.solve_cells(given, "voxel", n_sub=2, residual=1e-13, device=device)
        for device in (None, "cpu")
    )
    size = np.abs(one.effective["A"]).max()
    assert np.abs(one.effective["A"] - other.effective["A"]).max() < 1e-12 * size
    assert other.info["estimate"] == pytest.approx(one.info["estimate"], rel=1e-9)
    points = np.random.default_rng(1).random((20, 2))
    for f, g in zip(one.functions, other.functions, strict=True):
        assert np.abs(f(points) - g(points)).max() < 1e-12


@pytest.mark.parametrize("name", ["scalar", "elastic", "indefinite"])
@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
def test_one_point_an_element(name: str) -> None:
    """The rotated scheme: nearer to what fine elements find, and no bound."""
    given = CASES[name]()
    full, rotated, fine = (
        nh.solve_cells(given, "voxel", n_sub=n, scheme=scheme)
        for n, scheme in ((2, "full"), (2, "rotated"), (16, "rotated"))
    )
    size = np.abs(fine.effective["A"]).max()
    errors = [np.abs(c.effective["A"] - fine.effective["A"]).max() / size for c in (full, rotated)]
    assert errors[1] < 0.6 * errors[0]
    assert errors[1] < rotated.info["estimate"]
    assert not rotated.bounds


@pytest.mark.parametrize("n", [4, 5])
@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
def test_hourglasses_stay_away(n: int) -> None:
    """What one point does not see has no part in the functions, for even and odd numbers of boxes:
    layers are exact.
    """
    s = nh.Scales(3)
    u = s.unknown("u")
    labels = np.zeros((n, 1, 1))
    labels[0] = 1
    a = nh.image(s, labels.repeat(n, 1).repeat(n, 2), {0: 1, 1: 50})
    given = nh.homogenize(
        nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)
    )
    cells = nh.solve_cells(given, "voxel", n_sub=1, scheme="rotated")
    across, along = 1 / ((n - 1) / n + 1 / (50 * n)), (n - 1 + 50) / n
    assert cells.effective["A"] == pytest.approx(np.diag([across, along, along]), rel=1e-9)
    places = np.random.default_rng(1).integers(0, n, (20, 3)) / n
    beside = places * [1, 0, 0]
    assert cells.functions[0](places) == pytest.approx(cells.functions[0](beside), abs=1e-9)


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
def test_energies_enclose(dim: int) -> None:
    """A of finer boxes lies between the bounds of coarser ones, as a quadratic form."""
    s = nh.Scales(dim)
    u = s.unknown("u")
    labels = (np.random.default_rng(2).random((4,) * dim) < 0.5).astype(int)
    a = nh.image(s, labels, {0: 1, 1: 50})
    given = nh.homogenize(
        nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)
    )
    pairs = [nh.solve_cells(given, "voxel", n_sub=n).bounds["A"] for n in (1, 2, 4)]
    for (low, high), (lower, upper) in pairwise(pairs):
        assert np.linalg.eigvalsh(lower - low).min() > 0
        assert np.linalg.eigvalsh(high - upper).min() > 0
        assert np.linalg.eigvalsh(upper - lower).min() > 0


def test_a_checkerboard_conducts_like_the_geometric_mean() -> None:
    given = model(nh.checkerboard(S, 1, 4))
    cells = nh.solve_cells(given, "voxel", tolerance=0.03)
    lower, upper = cells.bounds["A"]
    assert lower[0, 0] < 2 < upper[0, 0]
    assert cells.effective["A"][0, 0] == pytest.approx(2, rel=cells.info["estimate"])
    assert cells.info["n_sub"] > 4
    assert cells.info["estimate"] < 0.03


@pytest.mark.parametrize("contrast", [10, 1000])
@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
def test_the_estimate_holds_at_corners(contrast: int) -> None:
    """Errors fall slowly there. Dykhne: sqrt(k) for any k, complex ones too, which no energies
    enclose.
    """
    k = contrast + sp.I / 100
    for n_sub in (4, 16):
        cells = nh.solve_cells(model(nh.checkerboard(S, 1, k)), "voxel", n_sub=n_sub)
        error = abs(cells.effective["A"][0, 0] - np.sqrt(complex(k)))
        assert error < cells.info["estimate"] * abs(cells.effective["A"][0, 0]) < 3 * error


@pytest.mark.parametrize(("n", "contrast"), [(16, 1000), (37, 10), (64, 1000), (128, 10)])
@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
def test_the_estimate_of_shapes_that_become_pixels(n: int, contrast: float) -> None:
    """Their errors are small by accident on some grids."""
    given = model(nh.phases(S, {nh.Disk((0, 0), 0.3): contrast}, default=1))
    cells = nh.solve_cells(given, "voxel", n=n, max_dofs=n * n)
    found = cells.effective["A"][0, 0]
    error = abs(found - conductivity(0.3, contrast, "square")) / found
    assert error < cells.info["estimate"] < 10 * error


@pytest.mark.parametrize("scheme", ["full", "rotated"])
@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
def test_the_estimate_of_a_ball_that_becomes_voxels(scheme: str) -> None:
    """1.468397 on tetrahedra of 16 along the cell; the errors of 12 and 24 voxels are alike."""
    s = nh.Scales(3)
    u = s.unknown("u")
    a = nh.phases(s, {nh.Ball((0.5, 0.5, 0.5), 0.35): 10}, default=1)
    given = nh.homogenize(
        nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)
    )
    cells = nh.solve_cells(given, "voxel", n=24, n_sub=1, scheme=scheme)
    error = abs(cells.effective["A"][0, 0] / 1.468397 - 1)
    assert error < cells.info["estimate"] < 0.03


@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
def test_the_estimate_of_voids_that_meet_at_corners() -> None:
    given = model(image({0: 1, 1: 0}, np.random.default_rng(3).random((8, 8)) < 0.3))
    coarse, fine = (nh.solve_cells(given, "voxel", n_sub=n) for n in (2, 32))
    size = np.abs(coarse.effective["A"]).max()
    error = np.abs(coarse.effective["A"] - fine.effective["A"]).max() / size
    assert error < coarse.info["estimate"] < 4 * error
    assert not coarse.bounds


def test_layers_and_their_fields_do_not_ring() -> None:
    """Layers are exact, and every slope is that of its own layer."""
    labels = np.array([0, 0, 1, 0, 1, 1, 0, 0])[:, None]
    cells = nh.solve_cells(model(image({0: 1, 1: 1000}, labels)))
    assert cells.backend == "voxel"
    harmonic = 1 / (5 / 8 + 3 / 8 / 1000)
    assert cells.effective["A"] == pytest.approx(np.diag([harmonic, 5 / 8 + 375]), rel=1e-9)
    assert cells.info["estimate"] < 1e-8
    y = (np.arange(8) + 0.3) / 8
    slopes = 1 + cells.functions[0].derivative(np.stack([y, 0 * y], -1), (1, 0))
    flux = np.where(labels[:, 0] == 1, 1000, 1) * slopes
    assert flux == pytest.approx(harmonic, rel=1e-6)


def test_a_stiff_inclusion_has_a_field_without_ringing() -> None:
    """Inside of a disk of contrast 100 the gradient is nearly constant."""
    n = 64
    x = (np.arange(n) + 0.5) / n - 0.5
    r = np.hypot(*np.meshgrid(x, x, indexing="ij"))
    cells = nh.solve_cells(
        model(image({0: 1, 1: 100}, (r < 0.25).astype(int))), "voxel", tolerance=0.03
    )
    points = np.argwhere(r < 0.2) / n + 0.5 / n
    slopes = 1 + cells.functions[0].derivative(points, (1, 0))
    assert np.abs(slopes / slopes.mean() - 1).max() < 0.1


@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
def test_contrast_costs_few_iterations() -> None:
    labels = (np.random.default_rng(7).random((16, 16)) < 0.4).astype(int)
    labels = labels.repeat(4, 0).repeat(4, 1)
    for contrast in (1e3, 1e-3):
        cells = nh.solve_cells(model(image({0: 1, 1: contrast}, labels)), "voxel", n_sub=1)
        assert cells.info["iterations"] <= 60
        assert cells.info["residual"] < 1e-7


def test_bounds_and_phases_of_an_image_are_exact() -> None:
    given = model(image({0: 1, 1: 2}, [[0, 1, 1], [0, 0, 1]]))
    cells = nh.solve_cells(given, "voxel", tolerance=0.1)
    assert cells.info["bounds"] <= cells.info["estimate"]
    report = nh.validate(given.problem, fem="skfem", tolerance=0.05)
    bounds = report.cells["A"]["bounds"]
    assert np.asarray(bounds[1]) == pytest.approx(1.5 * np.eye(2))
    assert np.asarray(bounds[0]) == pytest.approx(np.eye(2) / 0.75)
    assert "voxel" in report.cells["A"]
    assert "image" in report.cells["refused"]["pinn"]


def test_slow_variables_and_parameters_in_the_values() -> None:
    q = sp.Symbol("q")
    labels = [[0, 1], [0, 0]]
    a = image({0: 1 + S.x[0], 1: q}, labels)
    given = model(
        a, parameters={q: (1, 10)}, domain=nh.Box((0, 1), (0, 1)), boundary=[nh.Dirichlet(0)]
    )
    cells = nh.solve_cells(given, "voxel", parameters={q: 3}, n_sub=8)
    same = nh.solve_cells(model(image({0: 1.25, 1: 3}, labels)), "voxel", n_sub=8)
    assert cells.effective["A"]([[0.25, 0.5]])[0] == pytest.approx(same.effective["A"], rel=1e-5)
    u0 = nh.solve_homogenized(given, cells, "skfem", mesh=8, parameters={q: 3})
    assert u0([0.5, 0.5]) > 0


def test_a_smooth_factor_is_taken_at_the_centres() -> None:
    a = image({0: 1, 1: 10}) * (2 + sp.sin(2 * sp.pi * S.y[0]))
    cells = nh.solve_cells(model(a), "voxel", tolerance=0.1)
    fem = nh.solve_cells(model(a), "skfem", tolerance=0.02)
    assert cells.effective["A"] == pytest.approx(fem.effective["A"], rel=0.1, abs=0.1)
    assert not cells.bounds


def test_without_an_image_boxes_are_given() -> None:
    a = nh.phases(S, {nh.Layer(0, (0, 0.5)): 4}, default=1)
    cells = nh.solve_cells(model(a), "voxel", n=16, tolerance=0.1)
    assert cells.effective["A"] == pytest.approx(np.diag([1.6, 2.5]))
    with pytest.raises(nh.SolveError, match="the pixels of an image are the elements"):
        nh.solve_cells(model(image({0: 1, 1: 2})), "voxel", n=16)


def test_cells_are_kept_and_sent(tmp_path: Any) -> None:
    models = [model(image({0: 1, 1: k})) for k in (2, 3)]
    with ThreadPoolExecutor(1) as pool:
        found = nh.solve_many(models, "voxel", executor=pool, tolerance=0.05)
    found[0].save(tmp_path / "cells.npz")
    again = nh.load(tmp_path / "cells.npz")
    assert again.effective["A"] == pytest.approx(found[0].effective["A"], rel=0, abs=0)
    assert again.bounds["A"][0] == pytest.approx(found[0].bounds["A"][0], rel=0, abs=0)


def test_a_tolerance_that_is_not_reached_is_told() -> None:
    given = model(nh.checkerboard(S, 1, 100))
    with pytest.warns(nh.ToleranceWarning, match="raise max_dofs="):
        cells = nh.solve_cells(given, "voxel", max_dofs=1000)
    assert cells.info["estimate"] > 0.01


def _drift() -> Any:
    flow = sp.Matrix([sp.sin(2 * sp.pi * S.y[1]), 0])
    equation = sp.Eq(-S.laplacian(U) + flow.dot(S.grad(U)) / S.eps, 1)
    return nh.homogenize(nh.MultiscaleProblem(equation, scales=S, unknown=U))


@pytest.mark.parametrize(
    ("run", "error", "text"),
    [
        (lambda: nh.solve_cells(model(image({0: 1, 1: 2})), "pinn"), "Unsupported", "image"),
        (lambda: nh.solve_cells(model(image({0: 1, 1: 2})), "fourier"), "Unsupported", "image"),
        (lambda: nh.solve_cells(_drift(), "voxel"), "Unsupported", "second order"),
        (
            lambda: nh.solve_cells(model(image({0: 1, 1: 2})), scheme="MS"),
            "Problem",
            "full, rotated",
        ),
        (
            lambda: nh.solve_cells(model(image({0: 1, 1: 2})), "voxel", device="tpu"),
            "Problem",
            "no such device",
        ),
        (lambda: nh.solve_cells(model(image({0: 1, 1: -2})), "voxel"), "Coefficient", "positive"),
        (lambda: nh.emit(model(image({0: 1, 1: 2})), "skfem"), "Unsupported", "function"),
        (
            lambda: nh.solve_cells(model(image({0: 1, 1: 2}) + image({0: 1, 1: 3})), "voxel"),
            "Problem",
            "one name",
        ),
        (
            lambda: nh.solve_fine(
                model(
                    image({0: 1, 1: 2}),
                    domain=nh.Box((0, 1), (0, 1)),
                    boundary=[nh.Dirichlet(0)],
                ).problem,
                eps=0.5,
                backend="skfem",
            ),
            "Unsupported",
            "boundary value problem",
        ),
    ],
)
def test_refused(run: Callable[[], Any], error: str, text: str) -> None:
    with pytest.raises(nh.NhpinnError, match=text) as caught:
        run()
    assert type(caught.value).__name__ == f"{error}Error"
