"""`nhpinn new NAME`: a problem file to start from."""

from __future__ import annotations

from pathlib import Path

from ..emit.source import write_atomic
from ..problem.errors import OutputPathError
from ..problem.escaping import docstring, literal

_TEMPLATE = """@DOCSTRING@

import sympy as sp

import nhpinn_sym as nh

# The scales: x = s.x, the fast variables s.y = x/eps, and s.eps. In time: nh.Scales(2, time=True).
s = nh.Scales(2)
u = s.unknown("u")  # a system: s.unknown("u", components=2)

# A coefficient, periodic in y with period 1. It may depend on x too, and jump: sp.Piecewise, or
# a = nh.phases(s, {nh.Disk((0.5, 0.5), 0.3): 10}, default=1)
a = 2 + sp.sin(2 * sp.pi * s.y[0]) * sp.cos(2 * sp.pi * s.y[1])
f = sp.sin(s.x[0]) + sp.cos(s.x[1])

problem = nh.MultiscaleProblem(
    # The equation; in time add s.dt(u). A reaction with zero mean may be as large as c*u/s.eps.
    sp.Eq(-s.div(a * s.grad(u)), f),
    scales=s,
    unknown=u,
    # What is below is needed to solve the equation, not to homogenize it.
    domain=nh.Box((0, 1), (0, 1)),
    # One condition for each part of the boundary: nh.Dirichlet(0, on="left"),
    # nh.Neumann(1, on="top"), nh.Robin(alpha, g, on="right"), nh.Periodic(); in time also
    # initial=[nh.Initial(0)] and final_time=1.
    boundary=[nh.Dirichlet(0)],
    name=@NAME@,
)

if __name__ == "__main__":
    model = nh.homogenize(problem)
    print(model)  # the derivation; model.derivation.latex() as LaTeX
    cells = nh.solve_cells(model)
    print(cells)  # the effective coefficients
    u0 = nh.solve_homogenized(model, cells, "skfem")
    print(u0, u0([[0.5, 0.5]]))
"""


def write_problem(name: str) -> Path:
    """Write NAME.py; OutputPathError where it is there already."""
    path = Path(name if name.endswith(".py") else f"{name}.py")
    if path.stem == ".py":
        raise OutputPathError("the new problem has no name", term=name, remedy="give it one")
    if path.exists():
        raise OutputPathError(
            "this file is there already", term=path, remedy="give the new problem another name"
        )
    title = path.stem.replace("_", " ")
    summary = f"""{title}: a problem of your own.

    nhpinn derive {path}                              # the derivation
    nhpinn cells {path}                               # the effective coefficients
    nhpinn validate {path} --eps 1/8 -o out/{path.stem}  # PINN against FEM
"""
    text = _TEMPLATE.replace("@DOCSTRING@", docstring(summary)).replace("@NAME@", literal(title))
    return write_atomic(path, text.encode())
