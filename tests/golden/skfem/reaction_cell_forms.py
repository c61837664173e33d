"""reaction: the cell problems as scikit-fem forms.

Find N_k, periodic on the cell Y = (0, 2*pi), of zero mean, with
    operator(N_k, v) = rhs_k(v) for every periodic v.
The effective coefficients are the means of the functionals over Y. Plus convention: u1 = sum_k N_k
D^k u0.
N0: N_0, multiplies U_0

c0 = cos(y1)

Points are y (d, ...); `data` holds by name: nothing.
"""

from numpy import cos, pi
from skfem import BilinearForm, Functional, LinearForm

CELL = ((0, 2*pi),)
COMPONENTS = 1
FUNCTIONS = (
    ('N_0', 'corrector', 1, True),
)
EIGENVALUE = None
CONSTANTS = {}
FIRST_ORDER = ()
SYMMETRIC = True
DEFINITE = True
KNOWN = {}
BREAKS = ((),)


def coefficients(points, data):
    """The coefficients of all forms at points (d, ...)."""
    y1 = points[0]
    return {"c0": cos(y1)}


@BilinearForm
def operator(u, v, w):
    """int 2 * d1(u) * d1(v)"""
    return 2 * u.grad[0] * v.grad[0]


@LinearForm
def rhs_0(v, w):
    """int -c0 * v"""
    return -w["c0"] * v


@Functional
def effective_c(w):
    """int c0 * N0"""
    return w["c0"] * w["N0"]


OPERATOR = {(0, 0): operator}
RIGHT_HAND_SIDES = ({0: rhs_0},)
EFFECTIVE = {
    ('c', ()): effective_c,
}
