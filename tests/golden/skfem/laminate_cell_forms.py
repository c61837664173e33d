"""diffusion: the cell problems as scikit-fem forms.

Find N_k, periodic on the cell Y = (0, 1) x (0, 1), of zero mean, with
    operator(N_k, v) = rhs_k(v) for every periodic v.
The effective coefficients are the means of the functionals over Y. Plus convention: u1 = sum_k N_k
D^k u0.
N0: N_1, multiplies D^(1, 0) U_0
N1: N_2, multiplies D^(0, 1) U_0

c0 = Piecewise((10, y1 < 1/2), (x1**2 + 1, True))

Points are y (d, ...); `data` holds by name: x1.
"""

from numpy import where
from skfem import BilinearForm, Functional, LinearForm

CELL = ((0, 1), (0, 1))
COMPONENTS = 1
FUNCTIONS = (
    ('N_1', 'corrector', 1, True),
    ('N_2', 'corrector', 1, True),
)
EIGENVALUE = None
CONSTANTS = {}
FIRST_ORDER = ()
SYMMETRIC = True
DEFINITE = True
KNOWN = {}
BREAKS = ((0.0, 0.5), ())


def coefficients(points, data):
    """The coefficients of all forms at points (d, ...)."""
    y1 = points[0]
    x1 = data["x1"]
    return {"c0": where((y1 < 1/2), 10, x1**2 + 1)}


@BilinearForm
def operator(u, v, w):
    """int c0 * (d1(u) * d1(v) + d2(u) * d2(v))"""
    return w["c0"] * (u.grad[0] * v.grad[0] + u.grad[1] * v.grad[1])


@LinearForm
def rhs_0(v, w):
    """int -c0 * d1(v)"""
    return -w["c0"] * v.grad[0]


@LinearForm
def rhs_1(v, w):
    """int -c0 * d2(v)"""
    return -w["c0"] * v.grad[1]


@Functional
def effective_A_0_0(w):
    """int c0 * (1 + d1(N0))"""
    return w["c0"] * (1 + w["N0"].grad[0])


@Functional
def effective_A_0_1(w):
    """int c0 * d1(N1)"""
    return w["c0"] * w["N1"].grad[0]


@Functional
def effective_A_1_0(w):
    """int c0 * d2(N0)"""
    return w["c0"] * w["N0"].grad[1]


@Functional
def effective_A_1_1(w):
    """int c0 * (1 + d2(N1))"""
    return w["c0"] * (1 + w["N1"].grad[1])


OPERATOR = {(0, 0): operator}
RIGHT_HAND_SIDES = ({0: rhs_0}, {0: rhs_1})
EFFECTIVE = {
    ('A', (0, 0)): effective_A_0_0,
    ('A', (0, 1)): effective_A_0_1,
    ('A', (1, 0)): effective_A_1_0,
    ('A', (1, 1)): effective_A_1_1,
}
