"""What a user meets at the prompt: names, help, texts of objects, warnings."""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh

from .symbolic import S, problem


def diffusion() -> nh.MultiscaleProblem:
    return problem(lambda s, u: sp.Eq(-s.div((2 + S(s.y[0])) * s.grad(u)), 1))


def test_names_are_public() -> None:
    """Those that the package gives, without its stages and what it imports."""
    names = dir(nh)
    assert {"Box", "emit", "homogenize", "solve_cells", "validate", "ToleranceWarning"} <= {*names}
    assert not {"Any", "annotations", "importlib", "problem", "derive"} & {*names}
    assert [name for name in names if name.startswith("_")] == ["__version__"]
    for name in names:
        assert not inspect.ismodule(getattr(nh, name)), name


def test_help_of_a_verb() -> None:
    for verb in (nh.validate, nh.emit, nh.solve_cells, nh.homogenize):
        assert inspect.isfunction(verb)
        assert len(inspect.signature(verb).parameters) > 1
    assert "Example" in inspect.getdoc(nh.validate)


def test_objects_have_a_text() -> None:
    """A line or a small table: neither an address nor all that they hold."""
    model = nh.homogenize(diffusion())
    cells = nh.solve_cells(model)
    varying = nh.homogenize(
        problem(
            lambda s, u: sp.Eq(-s.div((2 + s.x[0] + S(s.y[0])) * s.grad(u)), 1),
            domain=nh.Box((0, 1)),
            boundary=[nh.Dirichlet(0)],
        )
    )
    triangle = (np.zeros((600, 2)), np.zeros((300, 6), int), np.zeros(300, int))
    made = [
        nh.solve_cells(varying).effective,
        nh.Scales(2, time=True, levels=2),
        nh.Scales(1, fast_time=2),
        model.problem,
        model.derivation,
        nh.emit(model, "numpy"),
        cells,
        cells.functions[0],
        nh.Dirichlet(0),
        nh.Disk((0, 0), sp.Rational(1, 3)),
        nh.Box((0, 1)),
        nh.Biot(np.ones((2, 2, 2, 2)), np.eye(2) / 2, 0.25, 0.1, cells.info),
        nh.CellMesh(*triangle, np.zeros((0, 2), int), np.eye(2)),
    ]
    for value in made:
        assert " at 0x" not in repr(value) and len(repr(value)) < 500, repr(value)
    assert r"\alpha &= " in nh.Biot(*[np.eye(2)] * 2, 0.25, 0.1)._repr_latex_()
    assert "'A': function of x, of shape (1, 1)" in repr(made[0])
    assert repr(made[1]) == "Scales(2, time=True, levels=2)"
    assert repr(made[2]) == "Scales(1, time=True, fast_time=2)"


def test_an_error_quotes_no_whole_problem() -> None:
    long = problem(
        lambda s, u: sp.Eq(-s.div(sum(S(k * s.y[0]) for k in range(1, 40)) * s.grad(u)), 1)
    )
    with pytest.raises(nh.ProblemError) as raised:
        nh.solve_cells(long)
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize("name", ["epochs", "learning_rate", "oversampling"])
def test_an_option_of_another_method_names_it(name: str) -> None:
    with pytest.raises(nh.ProblemError, match='method="nh-pinn"'):
        nh.solve_cells(nh.homogenize(diffusion()), "pinn", **{name: 1})


def test_warnings_show_their_place_alone() -> None:
    """The line of source would repeat the call; others are shown as Python does."""
    import nhpinn_sym.runtime.fem_dolfinx.compat  # noqa: F401 - it changes nothing of this

    here = str(Path(__file__))
    shown = warnings.formatwarning(nh.ToleranceWarning("poor"), nh.ToleranceWarning, here, 1)
    assert shown == f"{here}:1: ToleranceWarning: poor\n"
    other = warnings.formatwarning(UserWarning("other"), UserWarning, here, 1)
    assert other.splitlines()[1].strip().startswith('"""What a user meets')


def test_a_grid_of_the_user_does_not_silence_a_tolerance_that_is_asked_for() -> None:
    model = nh.homogenize(diffusion())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nh.solve_cells(model, "skfem", n=4)
    with pytest.warns(nh.ToleranceWarning, match="asked for was 1.0e-09"):
        nh.solve_cells(model, "skfem", n=4, tolerance=1e-9)
