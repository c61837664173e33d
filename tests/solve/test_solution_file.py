"""Solutions in files: what is read is what was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.problem.errors import FileError, UnsupportedError
from nhpinn_sym.solve.data_file import write
from nhpinn_sym.solve.solution_file import KIND, solution_data

S = nh.Scales(2, time=True)
U = S.unknown("u")
SQUARE = nh.Box((0, 1), (0, 1))
RING = nh.Disk((0, 0), 1) - nh.Disk((0, 0), 0.4, name="core")
POINTS = np.array([[0.6, 0.1], [0.3, 0.55], [0.05, 0.7]])
REST = [nh.Initial(S.x[0]), nh.Initial(0, order=1)]


def problem(domain: Any, rate: Any = 0, factor: Any = 1, **more: Any) -> nh.MultiscaleProblem:
    if rate != 0:
        more = {"final_time": 1, "initial": nh.Initial(0), **more}
    return nh.MultiscaleProblem(
        sp.Eq(rate - factor * S.laplacian(U), 1 + S.x[0]),
        scales=S,
        unknown=U,
        domain=domain,
        boundary=[nh.Dirichlet(0)],
        **more,
    )


CASES: dict[str, tuple[nh.MultiscaleProblem, dict[str, Any]]] = {
    "a region": (problem(RING), {}),
    "complex, in a region": (problem(RING, factor=2 + sp.I), {}),
    "heat in a region": (problem(RING, S.dt(U)), {"steps": 8}),
    "a wave in a box": (problem(SQUARE, S.dt(U, 2), initial=REST), {"steps": 8}),
}


@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
@pytest.mark.parametrize("name", CASES)
def test_a_solution_that_is_read_is_the_one_that_was_written(name: str, tmp_path: Path) -> None:
    given, options = CASES[name]
    found = nh.solve_fine(given, 1, "skfem", mesh=4, **options)
    again = nh.load(found.save(tmp_path / "u.npz"))
    assert isinstance(again, type(found)) and again.info == found.info
    indices = [(0, 0), (1, 0), (0, 1)]
    times = (None, 0.3) if given.time_order else (None,)
    for t in times:
        there = again.evaluate(POINTS, indices, t)
        assert np.allclose(there, found.evaluate(POINTS, indices, t), rtol=1e-14, atol=0)
    for before, after in zip(found.extent.lines, again.extent.lines, strict=True):
        assert np.allclose(before, after)
    assert again.to_vtu(tmp_path / "u.vtu").stat().st_size > 0


@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
def test_files_whose_parts_do_not_fit_are_refused(tmp_path: Path) -> None:
    found = nh.solve_fine(problem(RING), 1, "skfem", mesh=4)
    for name, value in (("values", np.zeros((3, 10))), ("names", ()), ("cells", np.zeros((2, 6)))):
        data = solution_data(found)
        data["state"]["simplices"][name] = value
        path = write(tmp_path / "u.npz", KIND, data)
        with pytest.raises(FileError, match="parts do not fit"):
            nh.load(path)


@pytest.mark.filterwarnings("ignore::nhpinn_sym.ToleranceWarning")
def test_nets_say_how_their_values_are_kept(tmp_path: Path) -> None:
    net = nh.solve_fine(problem(SQUARE), 1, "pinn", features=20)
    with pytest.raises(UnsupportedError, match="to_xarray"):
        net.save(tmp_path / "u.npz")
