"""shear: the cell problems as scikit-fem forms.

Find N_k, periodic on the cell Y = (0, 1) x (0, 1), of zero mean, with
    operator(N_k, v) = rhs_k(v) for every periodic v.
The effective coefficients are the means of the functionals over Y. Plus convention: u1 = sum_k N_k
D^k u0.
N0: N_1, multiplies D^(1, 0) U_0

c0 = 1/q
c1 = q*cos(2*pi*y2)

Points are y (d, ...); `data` holds by name: q.
"""

from numpy import cos, pi
from skfem import BilinearForm, Functional, LinearForm

CELL = ((0, 1), (0, 1))
COMPONENTS = 1
FUNCTIONS = (
    ('N_1', 'corrector', 1, True),
)
EIGENVALUE = None
CONSTANTS = {}
FIRST_ORDER = ()
SYMMETRIC = False
DEFINITE = True
KNOWN = {}
BREAKS = ((), ())


def coefficients(points, data):
    """The coefficients of all forms at points (d, ...)."""
    y2 = points[1]
    q = data["q"]
    return {"c0": 1/q, "c1": q*cos(2*pi*y2)}


@BilinearForm
def operator(u, v, w):
    """int c0 * (d1(u) * d1(v) + d2(u) * d2(v)) + c1 * d1(u) * v"""
    return w["c0"] * (u.grad[0] * v.grad[0] + u.grad[1] * v.grad[1]) + w["c1"] * u.grad[0] * v


@LinearForm
def rhs_0(v, w):
    """int -c1 * v"""
    return -w["c1"] * v


@Functional
def effective_A_0_0(w):
    """int c0 - c1 * N0"""
    return w["c0"] - w["c1"] * w["N0"]


OPERATOR = {(0, 0): operator}
RIGHT_HAND_SIDES = ({0: rhs_0},)
EFFECTIVE = {
    ('A', (0, 0)): effective_A_0_0,
}
