"""Cell problems and equations whose emitted forms are tested, for both finite element libraries."""

from dataclasses import replace

import sympy as sp

from nhpinn_sym.problem.domain import Box, Cell
from tests.fem_classes import drifting, mathieu
from tests.fem_samples import (
    bent,
    diffusion_cells,
    elasticity_cells,
    elliptic_2d,
    everywhere,
    exchanging,
    isotropic,
    manufactured,
    reaction_cells,
    shear_cells,
    t,
    x1,
    x2,
    y1,
)

q = sp.Symbol("q", positive=True)
SQUARE = Box((0, 1), (-1, 1))
STEADY = manufactured(
    sp.sin(x1) * sp.exp(x2),
    SQUARE,
    {"left": "dirichlet", "right": "robin", "bottom": "neumann", "top": "dirichlet"},
    a=sp.Matrix([[1 + x1**2, x2 / 4], [0, q]]),
    b=(x2, sp.S.One),
    c=sp.exp(x1),
    parameters=(q,),
)
UNSTEADY = manufactured(
    sp.cos(t) * sp.sin(sp.pi * x1),
    Box((0, sp.pi)),
    everywhere("dirichlet", Box((0, sp.pi))),
    a=sp.Matrix([[q]]),
    rho=2 + x1,
    final_time=sp.Rational(1, 2),
    parameters=(q,),
)
LAMINATE = diffusion_cells(
    sp.Piecewise((10, y1 < sp.Rational(1, 2)), (1 + x1**2, True)) * sp.eye(2), slow=(x1,)
)
LAYERS = replace(elasticity_cells(isotropic(q, 2 + sp.sin(2 * sp.pi * y1)), 2), parameters=(q,))
MATHIEU = replace(mathieu(q), parameters=(q,))
DRIFT = replace(drifting(sp.cos(y1), q, Cell((0, 2 * sp.pi))), parameters=(q,))
CELLS = {
    "elliptic_2d": elliptic_2d(),
    "laminate": LAMINATE,
    "reaction": reaction_cells(),
    "shear": shear_cells(q, 1 / q),
    "elasticity": LAYERS,
    "mathieu": MATHIEU,
    "drift": DRIFT,
}
EQUATIONS = {
    "steady": STEADY,
    "unsteady": UNSTEADY,
    "bent": bent(q),
    "exchanging": exchanging(q),
}
