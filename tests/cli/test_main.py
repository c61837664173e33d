"""The command line: what it prints, its exit codes, and its words for wrong input."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nhpinn_sym as nh
from nhpinn_sym.cli.main import main

EXAMPLES = Path(__file__).parents[2] / "examples"
ELLIPTIC_2D = str(EXAMPLES / "elliptic_2d.py")
FAMILY = str(EXAMPLES / "family.py")


def test_derive(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["derive", ELLIPTIC_2D]) == 0
    out = capsys.readouterr().out
    for part in ("cell problems", "N_1", "A_11 = <", "Homogenized equation"):
        assert part in out
    assert main(["derive", ELLIPTIC_2D, "--latex"]) == 0
    assert r"\end{document}" in capsys.readouterr().out


@pytest.mark.parametrize("target", ["torch", "dolfinx", "skfem", "numpy", "pina", "latex"])
def test_emit_writes_files_that_compile(
    tmp_path: Path, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["emit", ELLIPTIC_2D, "--target", target, "-o", str(tmp_path)]) == 0
    paths = [Path(line) for line in capsys.readouterr().out.split()]
    assert paths
    for path in paths:
        assert path.stat().st_size > 500
        if path.suffix == ".py":
            compile(path.read_text(), str(path), "exec")
    other = "latex" if target == "numpy" else "numpy"
    assert main(["emit", ELLIPTIC_2D, "--target", other, "-o", str(tmp_path)]) == 1
    assert f"holds the files of the target {target}" in capsys.readouterr().err


@pytest.mark.parametrize("backend", ["fourier", "skfem", "dolfinx", "pinn"])
def test_cells(backend: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "cells.npz"
    assert main(["cells", ELLIPTIC_2D, "--backend", backend, "-o", str(file)]) == 0
    table = capsys.readouterr().out
    assert "1.93535" in table
    if backend == "fourier":  # what is rounding is printed as 0
        assert re.search(r"A\[1, 2\] +│ +0 │", table)
    cells = nh.load(file)
    assert cells.backend == backend
    assert np.max(np.abs(cells.effective["A"] - 1.9353592348122903 * np.eye(2))) < 1e-6
    again = cells.functions[0]([[0.1, 0.3], [1.1, 0.3]])
    assert again[0] == pytest.approx(-0.01059317, abs=1e-5)
    assert again[1] == pytest.approx(again[0], abs=1e-12)


def test_a_reader_that_goes_is_no_crash() -> None:
    """DOLFINx, which is imported here, brings a handler of broken pipes."""
    code = "from nhpinn_sym.runtime.fem_dolfinx import compat; print('x\\n' * 100_000)"
    command = f'"{sys.executable}" -c "{code}" | head -n 1'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout == "x\n" and "PETSC ERROR" not in done.stderr
    assert "BrokenPipeError" in done.stderr


def test_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    for part in ("dolfinx", "scikit-fem", "torch"):
        assert part in out.lower()


WRONG = {
    "no such file": (["derive", "nowhere.py"], "nowhere.py"),
    "unknown target": (["emit", ELLIPTIC_2D, "--target", "fortran", "-o", "x"], "fortran"),
    "unknown backend": (["cells", ELLIPTIC_2D, "--backend", "abaqus"], "abaqus"),
    "eps that is no number": (["validate", ELLIPTIC_2D, "--eps", "small"], "small"),
    "eps that is negative": (["validate", ELLIPTIC_2D, "--eps=-1/8"], "-1/8"),
    "pinn option elsewhere": (
        ["cells", ELLIPTIC_2D, "--backend", "skfem", "--seed", "1"],
        "--seed",
    ),
    "parameter without a value": (["cells", FAMILY, "--set", "q=1/4"], "--set p=NUMBER"),
    "parameter out of its range": (["cells", FAMILY, "--set", "p=1/4", "--set", "q=9"], "q = 9.0"),
    "parameter of two values": (["cells", FAMILY, "--set", "p=1/4", "--set", "p=1/2"], "p=1/2"),
    "cells as a table": (["cells", ELLIPTIC_2D, "-o", "cells.csv"], "-o cells.npz"),
    "setting without a value": (["cells", FAMILY, "--set", "q"], "--set q="),
    "mesh size that is zero": (["study", ELLIPTIC_2D, "--h", "0,1/4"], "write h=1/8"),
    "problem without a name": (["new", ""], "no name"),
    "undeclared parameter": (["cells", ELLIPTIC_2D, "--set", "q=1"], "q=1"),
    "other problem name": (["derive", ELLIPTIC_2D, "--problem", "beam"], "beam"),
    "output below a file": (
        ["emit", ELLIPTIC_2D, "--target", "numpy", "-o", ELLIPTIC_2D + "/out"],
        "elliptic_2d.py",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_one_error_that_quotes_it(
    case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, quoted = WRONG[case]
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ") and quoted in captured.err
    assert "Traceback" not in captured.err


def test_usage_is_exit_code_two() -> None:
    with pytest.raises(SystemExit) as stop:
        main(["validate"])
    assert stop.value.code == 2


FILES = {
    "syntax": ("problem = (", "SyntaxError"),
    "name": ("import nhpinn_sym as nh\nproblem = nh.Scale(2)\n", "nh.Scale(2)"),
    "shape": (
        (
            "import sympy as sp, nhpinn_sym as nh\ns = nh.Scales(2)\nu = s.unknown('u')\nflux ="
            " sp.eye(3)*s.grad(u)\n"
        ),
        "flux = sp.eye(3)*s.grad(u)",
    ),
    "nan": (
        (
            "import sympy as sp, nhpinn_sym as nh\ns = nh.Scales(2)\nu = s.unknown('u')\nflux ="
            " s.div((2 + sp.nan)*s.grad(u))\n"
        ),
        "nan",
    ),
    "none": ("x = 1\n", "problem"),
    "exit": ("import sys\nsys.exit(0)\n", "SystemExit"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_fails_is_quoted(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, quoted = FILES[case]
    file = tmp_path / "mine.py"
    file.write_text(text)
    assert main(["derive", str(file)]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: ") and quoted in err and "Traceback" not in err


@pytest.mark.parametrize(("flag", "value", "said"), [
    ("--per-period", "0", "per_period"), ("--tolerance", "nan", "tolerance"), ("--tolerance", "-1", "tolerance"), ("--seed", "-3", "seed"),
    ("--eps", "nan", "--eps"), ("--eps", "0", "eps"), ("--device", "abacus", "device"),
])  # fmt: skip
def test_wrong_values_of_options_end_with_a_message(
    flag: str, value: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    example = Path(__file__).parents[2] / "examples" / "elliptic_1d.py"
    assert main(["validate", str(example), "--eps", "1/8", flag, value]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert "remedy:" in error
