"""Emitted folders: they stand alone, their mains pass on what they find, and tracebacks show emitted
lines.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import traceback
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from scipy.special import mathieu_a

import nhpinn_sym as nh
from nhpinn_sym.emit.fem_mains import cells_lines
from nhpinn_sym.emit.source import Source, load
from nhpinn_sym.emit.standalone import RUNTIME, sibling_names, standalone
from nhpinn_sym.emit.torch_text import RUNTIME as TORCH_NAMES
from nhpinn_sym.problem.errors import OutputPathError, UnsupportedError
from tests.emitted import give_parameters, printed_values, run_main, run_mains
from tests.symbolic import C, S, derived, diffusion

ELLIPTIC = 1.93535923481229
SQUARE = {"domain": nh.Box((0, 1), (0, 1)), "boundary": [nh.Dirichlet(0)]}
TARGETS = ("torch", "dolfinx", "skfem", "numpy")


@pytest.fixture(scope="module")
def sources() -> dict[str, Source]:
    model = derived(diffusion(lambda s: 2 + S(s.y[0]) * C(s.y[1])), 2, **SQUARE)
    return {target: nh.emit(model, target) for target in TARGETS}


def test_texts_are_short(sources: dict[str, Source]) -> None:
    files = [(name, text) for source in sources.values() for name, text in source.files]
    texts = [text for name, text in files if not name.startswith("main_")]
    assert sum(text.count("\n") for text in texts) < 1500
    assert all(text.count("\n") <= 30 for name, text in files if name.startswith("main_"))
    assert all(len(line) <= 100 for _, text in files for line in text.split("\n"))


def test_keys_stay_whole(sources: dict[str, Source]) -> None:
    text = sources["dolfinx"]["homogenized_forms.py"]
    assert len(re.findall(r'k\["A", \(\d, \d\)\]', text)) == text.count("k[") == 4


@pytest.mark.parametrize("target", TARGETS)
def test_a_folder_holds_one_copy_of_the_runtime(
    sources: dict[str, Source], target: str, tmp_path: Path
) -> None:
    """The modules that its texts need, unchanged; import lines are all that differs in the texts."""
    paths = sources[target].save(tmp_path)
    copied = list((tmp_path / "runtime").rglob("*.py"))
    assert copied
    for path in copied:
        own = RUNTIME / path.relative_to(tmp_path / "runtime")
        assert path.read_text(encoding="utf-8") == own.read_text(encoding="utf-8")
    libraries = {
        "torch": "nets",
        "dolfinx": "fem_dolfinx",
        "skfem": "fem_skfem",
        "numpy": "fourier",
    }
    folders = {path.name for path in (tmp_path / "runtime").iterdir() if path.is_dir()}
    # finite elements come with the meshes that fit interfaces
    assert folders - {"fitted"} == {libraries[target]}
    for path in paths:
        pairs = zip(
            path.read_text(encoding="utf-8").split("\n"),
            sources[target][path.name].split("\n"),
            strict=True,
        )
        assert all("import" in saved for saved, own in pairs if saved != own)


@pytest.mark.parametrize(
    ("target", "sizes"),
    [
        ("torch", {"cells": ["n=200"], "homogenized": ["n=100"], "fine": ["n=100"]}),
        ("dolfinx", {"cells": ["n=32"], "homogenized": ["n=16"], "fine": ["n=32"]}),
        ("skfem", {"cells": ["n=32"], "homogenized": ["n=16"], "fine": ["n=32"]}),
        ("numpy", {"cells": []}),
    ],
)
def test_mains_run_one_after_the_other_without_the_package(
    sources: dict[str, Source], target: str, sizes: dict[str, list[str]], tmp_path: Path
) -> None:
    sources[target].save(tmp_path)
    mains = {path.stem.removeprefix("main_") for path in tmp_path.glob("main_*.py")}
    assert mains == set(sizes)
    done = run_mains(tmp_path, *([name, *size] for name, size in sizes.items()))
    assert done.returncode == 0, done.stderr
    table = json.loads((tmp_path / "effective.json").read_text())["effective"]
    (entry,) = (e["real"] for e in table if (e["name"], e["index"]) == ("A", [0, 0]))
    assert entry == pytest.approx(ELLIPTIC, rel=1e-5)
    assert printed_values(done.stdout)["A[0, 0]"] == pytest.approx(entry, rel=1e-12)
    for name in set(sizes) - {"cells"}:  # so few features do not resolve a period
        with np.load(tmp_path / f"{name}.npz") as saved:
            least = 0.0 if (target, name) == ("torch", "fine") else 0.035
            assert least < saved["values"].max() < 0.04


@pytest.mark.parametrize("target", ["skfem", "dolfinx"])
def test_mains_read_the_mesh_that_fits_interfaces(target: str, tmp_path: Path) -> None:
    """A hexagonal array of disks; with the numbers of `solve_cells` on that mesh, and on a mesh
    of the third level, which it is."""
    cell = nh.Cell.lattice((1, 0), (sp.Rational(1, 2), sp.sqrt(3) / 2))
    jumps = nh.phases(nh.Scales(2), {nh.Disk((0, 0), 0.3): 10}, default=1, cell=cell)
    model = derived(diffusion(lambda s: jumps), 2, cell=cell)
    (tmp_path / "emitted").mkdir()
    saved = nh.emit(model, target).save(tmp_path / "emitted")
    assert saved[-1].name == "cell.npz"
    done = run_main(tmp_path / "emitted", "cells")
    assert done.returncode == 0, done.stderr
    printed = printed_values(done.stdout)
    for options in ({"mesh": saved[-1]}, {"n": 16}):
        found = nh.solve_cells(model, target, tolerance=1, **options).effective["A"]
        for i, j in np.ndindex(2, 2):
            assert printed[f"A[{i}, {j}]"] == pytest.approx(found[i, j], abs=1e-11)
    assert "of one degree less" in done.stdout


def test_mains_read_the_mesh_of_a_region(tmp_path: Path) -> None:
    """An L-shape with a hole, with the numbers of `solve_homogenized`, on both libraries."""
    domain = nh.Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])
    bolt = nh.Disk((0.5, 0.5), 0.2, name="bolt")
    held = [nh.Dirichlet(0, on="bolt"), nh.Robin(1, 0, on="rest")]
    wavy = diffusion(lambda s: 2 + sp.sin(2 * sp.pi * s.y[0]))
    model = derived(wavy, 2, domain=domain - bolt, boundary=held)
    u0 = nh.solve_homogenized(model, nh.solve_cells(model, "fourier"), "skfem", tolerance=1e-4)
    mains = (["cells", "n=16"], ["homogenized", "halvings=1"], ["fine", "epsilon=1/2"])
    for target in ("skfem", "dolfinx"):
        (tmp_path / target).mkdir()
        saved = nh.emit(model, target).save(tmp_path / target)
        assert saved[-1].name == "domain.npz"
        done = run_mains(tmp_path / target, *mains)
        assert done.returncode == 0, done.stderr
        with np.load(tmp_path / target / "homogenized.npz") as found:
            inside = u0.grid.mesh.holds(found["points"])
            known = u0(found["points"][inside])
            assert found["values"][inside] == pytest.approx(known, abs=1e-4 * known.max())


def test_nets_read_the_corners_and_holes_of_a_region(tmp_path: Path) -> None:
    """With a corner of 270 degrees, against elements on graded meshes."""
    domain = nh.Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)], name="wall")
    bolt = nh.Disk((0.5, 0.5), 0.2, name="bolt")
    boundary = [nh.Dirichlet(1, on="bolt"), nh.Robin(1, 0, on="wall")]
    model = derived(diffusion(lambda s: 1), 2, domain=domain - bolt, boundary=boundary)
    files = nh.emit(model, "torch").save(tmp_path)
    assert [file.name for file in files[-2:]] == ["domain.npz", "singular.npz"]
    give_parameters(tmp_path)
    done = run_main(tmp_path, "fine", "n=80")
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "fine.npz") as found:
        values, points = found["values"][:, 0], found["points"]
    known = nh.solve_fine(model.problem, 1, "skfem", tolerance=1e-4)
    inside = known.grid.mesh.holds(points)
    assert values[inside] == pytest.approx(known(points[inside]), abs=2e-3)


def test_folders_hold_the_triangles_of_a_file(tmp_path: Path) -> None:
    """A square of four triangles; nets take values on its sides, no fluxes, and no main is left
    over where there are."""
    corners = [(0, 0), (1, 0), (1, 1), (0, 1), (0.5, 0.5)]
    triangles = [(1, 2, 5), (2, 3, 5), (3, 4, 5), (4, 1, 5)]
    lines = ["$MeshFormat", "2.2 0 8", "$EndMeshFormat", "$PhysicalNames", "3", '1 1 "low"']
    lines += ['1 2 "high"', '2 3 "inside"', "$EndPhysicalNames", "$Nodes", "5"]
    lines += [f"{k} {x} {y} 0" for k, (x, y) in enumerate(corners, 1)]
    lines += ["$EndNodes", "$Elements", "8"]
    for k, (a, b, _) in enumerate(triangles):
        lines.append(f"{k + 1} 1 2 {1 + (k == 2)} {k + 1} {a} {b}")
    lines += [f"{5 + k} 2 2 3 1 {a} {b} {c}" for k, (a, b, c) in enumerate(triangles)]
    path = tmp_path / "square.msh"
    path.write_text("\n".join([*lines, "$EndElements", ""]))
    x, y = nh.Scales(2).x
    given = nh.Dirichlet(x * y, on="low")
    held = {"torch": nh.Dirichlet(x * y, on="high"), "skfem": nh.Robin(1, 2 * x, on="high")}
    for target, more in held.items():
        harmonic = diffusion(lambda s: 1, source=0)
        model = derived(harmonic, 2, domain=nh.Mesh(path), boundary=[given, more])
        nh.emit(model, target).save(tmp_path / target)
        give_parameters(tmp_path / target)
        size = {"torch": "n=100", "skfem": "halvings=1"}[target]
        done = run_main(tmp_path / target, "fine", size)
        assert done.returncode == 0, done.stderr
        with np.load(tmp_path / target / "fine.npz") as found:
            known = found["points"].prod(axis=1)
            assert found["values"].ravel() == pytest.approx(known, abs=1e-3)
    with pytest.warns(UserWarning, match="a condition for a flux on a part of a mesh, by nets"):
        source = nh.emit(model, "torch")
    assert "main_cells.py" in repr(source) and "main_fine.py" not in repr(source)


def test_the_fine_mesh_of_a_region_fits_the_shapes_of_every_period(tmp_path: Path) -> None:
    """Four periods along two sides of a triangle, against the package on its own meshes."""
    s = nh.Scales(2)
    u = s.unknown("u")
    a = nh.phases(s, {nh.Disk((0.5, 0.5), 0.3): 10}, default=1)
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(u)), 1),
        scales=s,
        unknown=u,
        domain=nh.Polygon([(0, 0), (0.5, 0), (0, 0.5)]),
        boundary=[nh.Dirichlet(0)],
    )
    nh.emit(nh.homogenize(problem), "skfem").save(tmp_path)
    done = run_mains(tmp_path, ["cells", "degree=1"], ["fine", "halvings=1"])
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split()[-1]) < 1e-3
    fine = nh.solve_fine(problem, sp.Rational(1, 8), "skfem", tolerance=1e-3)
    with np.load(tmp_path / "fine.npz") as found:
        inside = fine.grid.mesh.holds(found["points"])
        known = fine(found["points"][inside])
        assert found["values"][inside] == pytest.approx(known, abs=2e-3 * known.max())


def test_no_mesh_is_emitted_where_interfaces_move() -> None:
    """With a parameter the mesh of one of its values would be wrong for the others."""
    radius = sp.Symbol("R")

    def disk(s: nh.Scales) -> sp.Expr:
        inside = (s.y[0] - 0.5) ** 2 + (s.y[1] - 0.5) ** 2 < radius**2
        return sp.Piecewise((10, inside), (1, True))

    model = derived(diffusion(disk), 2, parameters={radius: (0.1, 0.3)})
    source = nh.emit(model, "skfem")
    assert not source.data
    assert "Lattice.fitted" in source["main_cells.py"]


def test_a_folder_holds_one_target(sources: dict[str, Source], tmp_path: Path) -> None:
    sources["skfem"].save(tmp_path)
    with pytest.raises(OutputPathError, match="holds the files of the target skfem") as error:
        sources["dolfinx"].save(tmp_path)
    assert "dolfinx" in str(error.value) and not (tmp_path / "runtime" / "fem_dolfinx").exists()
    sources["skfem"].save(tmp_path)
    named = tmp_path / "skfem"
    sources["skfem"].save(named)
    with pytest.raises(OutputPathError, match=re.escape(f'.save("{tmp_path / "torch"}")')):
        sources["torch"].save(named)


def test_tracebacks_show_emitted_lines(sources: dict[str, Source]) -> None:
    module = load(sources["torch"], "cell_residual")
    with pytest.raises(TypeError) as error:
        module.residual(None, {})
    assert "y1 = points[..., 0]" in "".join(traceback.format_exception(error.value))
    assert "def residual(points, d" in inspect.getsource(module.residual)


def test_every_name_that_emitted_text_imports_is_there() -> None:
    for module, names in TORCH_NAMES.items():
        assert set(names) <= set(vars(importlib.import_module(f"nhpinn_sym.runtime.{module}")))


def test_files_that_a_text_imports() -> None:
    text = "from .a_coefficients import AXES\nfrom . import b_forms as forms, c_forms\n"
    assert sibling_names(text) == ["a_coefficients", "b_forms", "c_forms"]


def test_imports_of_a_folder() -> None:
    text = (
        "from nhpinn_sym.runtime.nets.jets import (\n    full,\n    stack,\n)\n"
        "from .a_coefficients import AXES\nfrom . import b_forms as forms\n"
    )
    (_, saved), *modules = standalone([("a.py", text)])
    assert saved == (
        "from runtime.nets.jets import (\n    full,\n    stack,\n)\n"
        "from a_coefficients import AXES\nimport b_forms as forms\n"
    )
    assert [name for name, _ in modules] == [
        "runtime/nets/jets.py",
        "runtime/nets/__init__.py",
        "runtime/__init__.py",
        "runtime/arrays.py",
    ]


def test_bounds_where_coefficients_jump(tmp_path: Path) -> None:
    """Layers across y2: the arithmetic and the harmonic mean, 5.5 and 20/11, from both sides."""
    model = derived(diffusion(lambda s: nh.phases(s, {nh.Layer(1, (0, 0.5)): 10}, default=1)), 2)
    nh.emit(model, "torch").save(tmp_path)
    done = run_main(tmp_path, "cells", "n=100")
    assert done.returncode == 0, done.stderr
    printed = printed_values(done.stdout)
    assert printed["A[0, 0]"] == pytest.approx(5.5, rel=5e-3)
    assert printed["A[1, 1]"] == pytest.approx(20 / 11, rel=5e-3)
    assert "upper less lower bound of A" in done.stdout


def test_kernels_that_are_not_constant_are_found_by_nets(tmp_path: Path) -> None:
    """A gradient as velocity: the adjoint kernel is exp of its potential, up to a factor."""
    model = derived(
        lambda s, u: sp.Eq(s.dt(u) - s.laplacian(u) + C(s.y[0]) * u.diff(s.x[0]) / s.eps, 0),
        1,
        time=True,
    )
    nh.emit(model, "torch").save(tmp_path)
    done = run_main(tmp_path, "cells", "n=200")
    assert done.returncode == 0, done.stderr
    expected = nh.solve_cells(model, "fourier").effective["A"][0, 0]
    assert printed_values(done.stdout)["A[0, 0]"] == pytest.approx(expected, rel=1e-6)


def test_a_drift_without_an_adjoint_is_found_by_nets(tmp_path: Path) -> None:
    """Shear flow b(y2) d_1 u: the drift <b> = 3 is a constant of the cell problems, A_11 = 1 +
    <R'^2>, R'' = b - 3.
    """
    model = derived(
        lambda s, u: sp.Eq(s.dt(u) - s.laplacian(u) + (3 + C(s.y[1])) * u.diff(s.x[0]) / s.eps, 0),
        2,
        time=True,
    )
    nh.emit(model, "torch").save(tmp_path)
    printed = printed_values(run_main(tmp_path, "cells", "n=150").stdout)
    assert printed["A[0, 0]"] == pytest.approx(1 + 1 / (8 * np.pi**2), rel=1e-6)


def test_ground_states_are_found_by_nets(tmp_path: Path) -> None:
    """Mathieu's equation in pi y: -phi'' + 20 cos(2 pi y) phi = lambda0 phi, lambda0 = pi^2 a_0(q)
    with q = 10 / pi^2.
    """
    model = derived(
        lambda s, u: sp.Eq(s.dt(u) - s.laplacian(u) + 20 * C(s.y[0]) * u / s.eps**2, 0),
        1,
        time=True,
    )
    nh.emit(model, "torch").save(tmp_path)
    done = run_main(tmp_path, "cells", "n=100")
    assert done.returncode == 0, done.stderr
    printed = printed_values(done.stdout)
    assert printed["lambda0"] == pytest.approx(np.pi**2 * mathieu_a(0, 10 / np.pi**2), rel=1e-9)
    expected = nh.solve_cells(model, "fourier").effective["A"][0, 0]
    assert printed["A[0, 0]"] == pytest.approx(expected, rel=1e-6)


def test_a_target_without_mains_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="no mains that run them"):
        cells_lines("fortran")
