"""The commands on every class of problems: what is printed and emitted, and the words for what is
not covered.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from nhpinn_sym.cli.main import main

CLASSES = Path(__file__).parents[2] / "examples" / "classes"
FILES = sorted(CLASSES.glob("*.py"))


def run(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert main(arguments) == code
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return captured.err if code else captured.out


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_derive(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, "derive", str(file))
    assert "1. Multiscale equation" in out and "Homogenized equation" in out
    assert "Matrix(" not in out and "Derivative(" not in out


@pytest.mark.parametrize(
    ("name", "parts"),
    {
        "large_drift": ("Moving frame", "drift_1 = <(1 + 2*cos(2*pi*y1))*psi>", "weighted by psi"),
        "ground_state": ("Factorization", "u = phi*v*exp(-lambda0*t/eps**2)", "<phi*psi> = 1"),
        "nondivergence": (
            "All right-hand sides vanish: u1 = 0.",
            "A_11 = <(2 + sin(2*pi*y1)*cos(2*pi*y2))*psi>",
        ),
        "reiterated": ("Iterated homogenization", "A_11_z"),
        "elasticity_2d": ("(A_-2 u)_1 = ", "A_1212 = <", "v1_2 = N_1_v1_2*d_x1 v0_1"),
    }.items(),
)
def test_derive_shows_what_was_done(
    name: str, parts: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    out = run(capsys, "derive", str(CLASSES / f"{name}.py"))
    assert all(part in out for part in parts)


def test_derive_to_higher_order(capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, "derive", str(CLASSES / "waves.py"), "--order", "2")
    assert "Hierarchy of mean fields" in out and "d_y1[(2 + sin(2*pi*y1))*d_y1 N_11]" in out


@pytest.mark.parametrize(
    "file", [f for f in FILES if f.stem != "opaque"], ids=lambda path: path.stem
)
@pytest.mark.parametrize("target", ["numpy", "latex"])
def test_emit(file: Path, target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [
        Path(line)
        for line in run(
            capsys, "emit", str(file), "--target", target, "-o", str(tmp_path)
        ).splitlines()
    ]
    assert paths and all(path.stat().st_size > 500 for path in paths)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    {
        ("elasticity_2d",): ("Voigt", "sigma_12", "2 e_12", "2.59807621135"),
        ("large_drift",): ("drift[1]", "psi, N_1"),
        ("ground_state",): ("lambda0", "-4.6015527919", "phi, psi, N_1"),
        ("coupled_reaction",): ("c[1, 2]", "-0.01266514795"),
        ("complex_layers",): ("2.8862402111 + 1.03941452567 i",),
        ("locally_periodic_2d",): ("A[1, 1] at x = (0.5, 0.5)", "2.44948974278"),
        ("waves", "--order", "2"): (
            "averaged operators beyond",
            "d_x1 d_x1 d_t d_t",
            "-0.00370472430",
        ),
    }.items(),
    ids=lambda value: value[0],
)
def test_cells(
    arguments: tuple[str, ...], parts: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    name, *options = arguments
    out = run(capsys, "cells", str(CLASSES / f"{name}.py"), *options)
    assert all(part in out for part in parts), out


def test_entries_of_a_system_that_are_zero_are_not_listed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = run(capsys, "cells", str(CLASSES / "coupled_reaction.py"))
    assert "A[1, 1, 1, 1]" in out and "A[1, 1, 2, 1]" not in out and "rho[1, 2]" not in out


HEAD = """
import sympy as sp, nhpinn_sym as nh
def make(equation, **scales):
    s = nh.Scales(1, **scales)
    u = s.unknown("u")
    order = 2 if "tt" in equation.__name__ else 1
    initial = [nh.Initial(0, order=k) for k in range(order)] if s.time else []
    return nh.MultiscaleProblem((equation(s, u), 1), scales=s, unknown=u, domain=nh.Box((0, 1)), boundary=[nh.Dirichlet(0)], initial=initial,
                                final_time=1 if s.time else None)
"""
REFUSED = {
    "moving frame": (
        (
            "def f(s, u): return s.dt(u) - s.laplacian(u) + s.grad(u)[0]/s.eps\nproblem = make(f,"
            " time=True)"
        ),
        "1",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_validate_refuses_what_it_does_not_compare(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, term = REFUSED[case]
    file, out = tmp_path / "mine.py", tmp_path / "out"
    file.write_text(HEAD + text)
    err = run(capsys, "validate", str(file), "--eps", "1/8", "-o", str(out), code=1)
    assert err.startswith("error: the comparison of PINN and FEM for ") and case in err
    assert f"term:   {term}" in err or term in err.split("term:")[1]
    assert "remedy: derive, emit and cells cover it" in err and not out.exists()


def test_validate_without_a_domain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        'import nhpinn_sym as nh\n\ns = nh.Scales(2)\nu = s.unknown("u")\n'
        "problem = nh.MultiscaleProblem((-s.laplacian(u), 1), scales=s, unknown=u)\n"
    )
    err = run(capsys, "validate", str(file), "--eps", "1/8", code=1)
    assert "no domain" in err and "domain=Box(...)" in err and len(err) < 400


@pytest.mark.parametrize(
    ("arguments", "quoted"),
    [
        (["derive", str(CLASSES / "waves.py"), "--order", "0"], "order=0"),
        (["cells", str(CLASSES / "plate.py"), "--backend", "dolfinx"], "fourier"),
        (["emit", str(CLASSES / "reiterated.py"), "--target", "torch", "-o", "x"], "A_11_z"),
    ],
)
def test_refusals_quote_the_term(
    arguments: list[str], quoted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    err = run(capsys, *arguments, code=1)
    assert err.startswith("error: ") and quoted in err


def test_cells_ask_for_functions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        'import sympy as sp\nimport nhpinn_sym as nh\n\ns = nh.Scales(1)\nu = s.unknown("u")\n'
        'a = sp.Function("a")(*s.y)\n'
        "problem = nh.MultiscaleProblem((-s.div(a * s.grad(u)), 1), scales=s, unknown=u)\n"
    )
    err = run(capsys, "cells", str(file), code=1)
    assert "without a formula" in err and "coefficients" in err


def test_help_names_the_order(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("derive", "emit", "cells"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        assert "--order N" in capsys.readouterr().out
