from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.emit.cpp import kernel
from nhpinn_sym.emit.tanh_jet import streams
from tests.pinn_rows import SETS


def test_files_stand_beside_those_of_torch() -> None:
    s = nh.Scales(2)
    u = s.unknown("u")
    a = 2 + sp.sin(2 * sp.pi * s.y[0])
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(u)), 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1), (0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    model = nh.homogenize(problem)
    made, beside = nh.emit(model, "cpp"), nh.emit(model, "torch")
    assert [name for name, _ in made.files] == [
        name.replace(".py", ".cpp") for name, _ in beside.files if "residual" in name
    ]
    assert made["cell_residual.cpp"] == kernel(streams(SETS["Laplace"], scalar=True))
    assert (
        "h[3] = f1 * (z[3]) + f2 * (w[3] * z[1] * z[1] + w[4] * z[2] * z[2]);"
        in made["cell_residual.cpp"]
    )


@pytest.mark.parametrize("flags", [("-march=native", "-DREAL=float"), ()])
def test_text_compiles_without_warnings(flags: tuple[str, ...], tmp_path: Path) -> None:
    """The second one for the least of the processors of its kind."""
    (tmp_path / "kernel.cpp").write_text(kernel(streams(SETS["space"], scalar=False)))
    command = [
        "g++",
        "-std=gnu++17",
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-fsyntax-only",
        *flags,
        str(tmp_path / "kernel.cpp"),
    ]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stderr == ""
