"""Quick cases of the campaign, over all kinds and backends; and the campaign's own judgement."""

from __future__ import annotations

import pytest

from . import kinds as kinds
from .__main__ import case_of, main
from .case import KINDS, Case, Draft, cases
from .judge import difference, run

LABELS = """
cells/layers 1D:41:0:default
cells/profile 1D:41:0:default
cells/period 1D:41:0:default
cells/strip 1D:41:0:default
cells/layers 2D:41:0:default
cells/profile 2D:41:0:default
cells/tensor layers 2D:41:0:default
cells/layers 1D:21:0:skfem
cells/profile 1D:21:0:skfem
cells/period 1D:21:0:skfem
cells/strip 1D:21:0:skfem
cells/layers 2D:21:0:skfem
cells/tensor layers 2D:21:0:skfem
drift/cellular:21:0:skfem
natural/reaction:21:0:skfem
natural/source:21:0:skfem
slow/family:21:0:skfem
equation/1D:52:0:skfem
fine/1D:52:0:skfem
equation/heat 1D:52:0:skfem
fine/heat 1D:52:0:skfem
fine/2D:52:0:skfem
nonlinear/smooth 1D:5:0:fourier
nonlinear/smooth 1D:5:1:pinn
nonlinear/layers 1D:5:0:skfem
nonlinear/smooth 2D:5:0:fourier
nonlinear/layers 3D:72:1:skfem
nonlinear/layers systems:72:0:default
nonlinear/turned:72:0:skfem
fast time/a:52:0:skfem
fast time/b:52:0:skfem
fast time/r:52:0:skfem
fast time/eps^-2:52:0:skfem
fast time/rho:52:0:skfem
drift/1D:52:0:skfem
drift/gradient:52:0:skfem
fast time/a:31:0:default
fast time/b:31:0:default
fast time/r:31:0:default
fast time/rho:31:0:default
drift/1D:31:0:default
drift/gradient:31:0:default
drift/shear:31:0:default
drift/cellular:31:0:default
ground state/2D:31:0:default
ground state/1D:31:1:default
non-divergence:31:1:default
fast time/waves:31:1:default
fast time/eps^-2:31:1:default
fine/1D:5:0:dolfinx
natural/source:5:0:dolfinx
natural/reaction:5:0:dolfinx
fast time/a:5:0:dolfinx
fine/1D:51:0:dolfinx
equation/1D:51:0:pinn
cells/layers 1D:5:0:fourier
cells/smooth 2D:5:0:fourier
reaction/drift:5:0:fourier
drift/gradient:5:0:fourier
fast time/r:5:0:fourier
ground state/1D:5:0:skfem
weight:5:0:skfem
fast time/eps^-2:5:0:skfem
fine/heat 1D:5:0:skfem
non-divergence:5:0:default
fast time/rho:5:0:default
fast time/b:5:0:default
""".strip().splitlines()


@pytest.mark.parametrize("label", LABELS)
def test_no_wrong_number_is_silent(label: str) -> None:
    """Right within ten times its own estimate, refused with a typed error, or warned of."""
    outcome = run(case_of(label))
    assert outcome.verdict in ("right", "warned", "refused"), f"{outcome.note}\n{outcome.code}"


def test_a_wrong_number_is_found() -> None:
    """Errors are relative to the largest entry; other shapes, values where none is right, fail."""
    draft = Draft("", {"A": [[2.0, 0.0], [0.0, 1.0]]})
    assert difference({"A": [[2.0, 0.0], [0.002, 1.0]]}, draft)[0] == pytest.approx(1e-3)
    assert difference({"A": [[2.0]]}, draft)[0] == float("inf")
    assert difference({"A": [[1.0]]}, Draft("", None))[0] == float("inf")


def test_cases_are_reproducible_and_reach_every_backend() -> None:
    asked = cases(6 * len(KINDS), seed=3)
    assert {c.kind for c in asked} == set(KINDS)
    for name in KINDS:
        assert {c.backend for c in asked if c.kind == name} == set(KINDS[name].backends)
    one = Case("cells/layers 1D", 3, 4, "skfem")
    assert one.code(one.draft()) == one.code(one.draft())
    assert case_of(one.label) == one


def test_the_program_prints_its_table(capsys: pytest.CaptureFixture[str]) -> None:
    """In a worker process, with a limit."""
    assert main(["--case", "fast time/r:5:0:fourier"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1].split()[:4] == ["all", "1", "1", "-"]
