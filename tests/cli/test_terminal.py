"""What a terminal and a script see of the command line: results on stdout, everything else apart."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import nhpinn_sym as nh
from nhpinn_sym.cli.main import main

EXAMPLES = Path(__file__).parents[2] / "examples"
ELLIPTIC_1D = str(EXAMPLES / "elliptic_1d.py")


def test_json_is_all_of_stdout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(tmp_path / "cells.npz")
    assert main(["cells", ELLIPTIC_1D, "--backend", "fourier", "--json", "-o", file]) == 0
    captured = capsys.readouterr()
    record = json.loads(captured.out)
    assert record["effective"][0]["real"] == pytest.approx(nh.load(file).effective["A"][0, 0])
    assert "saved to" in captured.err
    assert main(["cells", ELLIPTIC_1D, "--backend", "fourier", "--quiet", "-o", file]) == 0
    captured = capsys.readouterr()
    assert captured.err == "" and "\x1b" not in captured.out


def test_what_a_problem_file_prints_is_no_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        f"print('mine')\nfrom runpy import run_path\n"
        f"problem = run_path({ELLIPTIC_1D!r})['problem']\n"
    )
    assert main(["derive", str(file)]) == 0
    captured = capsys.readouterr()
    assert "mine" not in captured.out and captured.err == "mine\n"


def test_a_report_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", ELLIPTIC_1D, "--eps", "1/8", "-q", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["verdict"] == "AGREEMENT"
    assert captured.err == ""


def test_new_writes_a_problem_that_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "my_wall"]) == 0
    assert capsys.readouterr().out == "my_wall.py\n"
    assert main(["derive", "my_wall.py"]) == 0
    assert "my wall" in capsys.readouterr().out
    runpy.run_path("my_wall.py", run_name="__main__")
    assert "solution by skfem" in capsys.readouterr().out
    assert main(["new", "my_wall.py"]) == 1
    assert "there already" in capsys.readouterr().err


def completed(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What bash offers for the last word."""
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "completion.sh"
    script.write_text(capsys.readouterr().out)
    listed = " ".join(f"'{word}'" for word in words)
    code = (
        f"source {script}; COMP_WORDS=({listed}); COMP_CWORD={len(words) - 1}; _nhpinn;"
        ' printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_completion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert completed(["nhpinn", "d"], tmp_path, capsys) == ["derive", "doctor"]
    assert completed(["nhpinn", "emit", "--target", "d"], tmp_path, capsys) == [
        "dolfinx",
        "deepxde",
    ]
    assert "--per-period" in completed(["nhpinn", "validate", "--p"], tmp_path, capsys)
    for shell in ("zsh", "fish"):
        assert main(["completion", shell]) == 0
        text = capsys.readouterr().out
        assert "validate" in text and "per-period" in text


def test_help_and_completion_know_what_the_package_takes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")  # names are not broken at their hyphens
    from nhpinn_sym.cli.completion import choices

    listed = {"emit": ("--target",), "cells": ("--backend", "--method", "--solver")}
    for command, options in listed.items():
        with pytest.raises(SystemExit):
            main([command, "--help"])
        words = set(re.split(r"[\s,:]+", capsys.readouterr().out))
        assert words >= {name for option in options for name in choices()[option]}
    assert main(["completion", "fish"]) == 0
    text = capsys.readouterr().out
    assert "-s o -l output -d" in text and "classical" in text


def test_every_kind_of_problem_has_cells_and_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A plate has a law of its own; a nonlinear equation has texts."""
    plate = str(EXAMPLES / "plate.py")
    assert main(["cells", plate, "--tolerance", "0.1", "--json", "-q"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["equation"].startswith("N = A E + B K")
    nonlinear = str(EXAMPLES / "nonlinear" / "conduction.py")
    assert main(["emit", nonlinear, "--target", "numpy", "-o", str(tmp_path)]) == 0
    assert (tmp_path / "main_law.py").is_file()


def test_derive_imports_the_symbols_alone() -> None:
    """Its time is that of SymPy's import; the numbers of SciPy, units and terminals are not there."""
    code = (
        "import sys\nfrom nhpinn_sym.cli.main import main\n"
        f"main(['derive', {str(EXAMPLES / 'elliptic_2d.py')!r}])\n"
        "print([name for name in ('scipy', 'torch', 'rich', 'matplotlib', 'skfem',"
        " 'sympy.physics.units') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


def test_a_library_that_is_missing_is_named() -> None:
    code = (
        "import sys\nsys.modules['torch'] = None\nfrom nhpinn_sym.cli.main import main\n"
        f"sys.exit(main(['cells', {ELLIPTIC_1D!r}, '--backend', 'pinn']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: the backend pinn needs torch")
