"""drift: the cell problems as scikit-fem forms.

Find N_k, periodic on the cell Y = (0, 2*pi), of zero mean, with
    operator(N_k, v) = rhs_k(v) for every periodic v.
psi are kernels, and have no right-hand side.
The effective coefficients are the means of the functionals over Y. Plus convention: u1 = sum_k N_k
D^k u0.
N0: psi, kernel of the transposed operator that belongs to equation 0
N1: N_1, multiplies D^(1,) U_0

c0 = cos(y1)
c1 = drift_1 - cos(y1)

Points are y (d, ...); `data` holds by name: q, drift_1.
"""

from numpy import cos, pi
from skfem import BilinearForm, Functional, LinearForm

CELL = ((0, 2*pi),)
COMPONENTS = 1
FUNCTIONS = (
    ('psi', 'adjoint', 0, True),
    ('N_1', 'corrector', 1, True),
)
EIGENVALUE = None
CONSTANTS = {'drift_1': ('drift', (0,))}
FIRST_ORDER = ()
SYMMETRIC = False
DEFINITE = True
KNOWN = {}
BREAKS = ((),)


def coefficients(points, data):
    """The coefficients of all forms at points (d, ...)."""
    y1 = points[0]
    drift_1 = data["drift_1"]
    q = data["q"]
    s0 = cos(y1)
    return {"q": q, "c0": s0, "c1": drift_1 - s0}


@BilinearForm
def operator(u, v, w):
    """int q * d1(u) * d1(v) + c0 * d1(u) * v"""
    return w["q"] * u.grad[0] * v.grad[0] + w["c0"] * u.grad[0] * v


@LinearForm
def rhs_1(v, w):
    """int c1 * v"""
    return w["c1"] * v


@Functional
def quotients_drift_1_0(w):
    """int c0 * N0"""
    return w["c0"] * w["N0"]


@Functional
def quotients_drift_1_1(w):
    """int N0"""
    return w["N0"]


@Functional
def effective_A_0_0(w):
    """int q * (N0 + 2 * N0 * d1(N1)) + c1 * N0 * N1"""
    return w["q"] * (w["N0"] + 2 * w["N0"] * w["N1"].grad[0]) + w["c1"] * w["N0"] * w["N1"]


OPERATOR = {(0, 0): operator}
RIGHT_HAND_SIDES = ({}, {0: rhs_1})
QUOTIENTS = {
    ('drift_1', 0): quotients_drift_1_0,
    ('drift_1', 1): quotients_drift_1_1,
}
EFFECTIVE = {
    ('A', (0, 0)): effective_A_0_0,
}
