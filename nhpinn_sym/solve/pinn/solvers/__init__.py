"""Solvers for the weights of a net, one small file each, behind the protocol of `protocol`;
`run.minimize` drives them.
"""

from __future__ import annotations

from collections.abc import Callable

from .first_order import LBFGS, Adam
from .gauss_newton import GaussNewton
from .levenberg import LevenbergMarquardt
from .protocol import AnySolver
from .self_scaled_bfgs import SelfScaledBFGS
from .varpro import VariableProjection

_MAKERS: dict[str, Callable[[], AnySolver]] = {
    "varpro": VariableProjection,
    "lm": LevenbergMarquardt,
    "gauss-newton": GaussNewton,
    "ssbfgs": SelfScaledBFGS,
    "lbfgs": LBFGS,
    "adam": Adam,
}
LEAST_SQUARES = ("varpro", "lm", "gauss-newton")
"""Those that need the residuals and their Jacobian."""


def make_solver(name: str, iterations: int | None) -> tuple[AnySolver, int]:
    """The solver of that name, and how many steps it is to take: `iterations`, or as many as are
    usually enough.
    """
    if name == "adam" and iterations is not None:
        return Adam(iterations), iterations
    solver = _MAKERS[name]()
    return solver, iterations or solver.iterations
