"""The emitted energies: files that stand alone, their integrands against the cell problem, nets
with kinks against automatic differentiation.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import sympy as sp
import torch

import nhpinn_sym as nh
from nhpinn_sym.emit.torch_energy import cells as emit_cells
from nhpinn_sym.lower.cells import lower_cells
from tests.emitted import emitted

HALF = sp.Rational(1, 2)


def model(jump: bool) -> nh.HomogenizedModel:
    s = nh.Scales(2)
    u = s.unknown("u")
    a = (
        sp.Piecewise(
            (7, (s.y[0] - HALF) ** 2 + (s.y[1] - HALF) ** 2 < sp.Rational(9, 100)), (1, True)
        )
        if jump
        else 2 + sp.sin(2 * sp.pi * s.y[0])
    )
    return nh.homogenize(
        nh.MultiscaleProblem(
            sp.Eq(-s.div(a * s.grad(u)), 1),
            scales=s,
            unknown=u,
            domain=nh.Box((0, 1), (0, 1)),
            boundary=[nh.Dirichlet(0)],
        )
    )


def test_the_files_stand_alone(tmp_path: Path) -> None:
    names = [path.name for path in nh.emit(model(False), "torch").save(tmp_path)]
    assert {"cell_energy.py", "cell_dual.py", "homogenized_energy.py", "fine_energy.py"} <= set(
        names
    )
    code = """import sys, torch, cell_energy as e, cell_dual as f, fine_energy as g
from fine_coefficients import GIVEN
from runtime.nets.networks import mlp
p = torch.rand(5, 2, dtype=torch.float64)
for m in (e, f):
    m.energy(p, m.cell_functions(p, mlp(8, 2, m.COMPONENTS, m.AXES)), mean=(1.0, 0.0)).mean().backward()
given = dict.fromkeys(GIVEN, 0.1)
g.energy(p, g.solution(p, mlp(8, 2, 1, g.AXES), **given), **given).mean().backward()
assert not any(name.startswith(("nhpinn_sym", "sympy")) for name in sys.modules)"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


def test_the_energy_is_that_of_the_weak_form() -> None:
    module = emitted(emit_cells(lower_cells(model(False))), "cell_energy")
    points = torch.rand(9, 2, dtype=torch.float64)
    jet = module.cell_functions(points, module.mlp(8, 2, 1, module.AXES))
    form = (
        0.5 * module.bilinear(points, jet, jet)
        - module.loads(points, jet)[:, 0]
        + 0.5 * module.stiffness(points)[:, 0, 0]
    )
    assert torch.allclose(module.energy(points, jet, (1.0, 0.0)), form, rtol=1e-13)


def test_jets_of_nets_with_kinks() -> None:
    lowered = lower_cells(model(True))
    for name, power in (("cell_energy", 1), ("cell_dual", 1)):
        module = emitted(emit_cells(lowered), name)
        assert power == module.KINKS.power
        layers = [
            *module.features(6, module.AXES, kinks=module.KINKS),
            (torch.ones(1, 6, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)),
        ]
        points = (torch.rand(40, 2, dtype=torch.float64) * 3 - 1).requires_grad_()
        jet = module.cell_functions(points, layers)
        slope = torch.autograd.grad(jet[(0, 0)].sum(), points)[0]
        assert torch.allclose(
            torch.cat([jet[(1, 0)], jet[(0, 1)]], 1), slope, rtol=1e-11, atol=1e-11
        )
        with torch.no_grad():
            inside, outside = (
                module.cell_functions(torch.tensor([[0.8 + d, 0.5]], dtype=torch.float64), layers)
                for d in (-1e-9, 1e-9)
            )
        assert (
            abs(float(inside[(0, 0)] - outside[(0, 0)]))
            < 1e-6
            < abs(float(inside[(1, 0)] - outside[(1, 0)]))
        )
