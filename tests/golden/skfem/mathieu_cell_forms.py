"""Mathieu: the cell problems as scikit-fem forms.

Find N_k, periodic on the cell Y = (0, pi), of zero mean, with
    operator(N_k, v) = rhs_k(v) for every periodic v.
phi, psi are kernels, and have no right-hand side.
The effective coefficients are the means of the functionals over Y. Plus convention: u1 = sum_k N_k
D^k u0.
N0: phi, positive, of mean 1
N1: psi, kernel of the transposed operator that belongs to equation 0
N2: N_1, multiplies D^(1,) U_0

c0 = lambda_0 - 2*q*cos(2*y1)

Points are y (d, ...); `data` holds by name: q, lambda_0.
"""

from numpy import cos, pi
from skfem import BilinearForm, Functional, LinearForm

CELL = ((0, pi),)
COMPONENTS = 1
FUNCTIONS = (
    ('phi', 'ground state', 0, True),
    ('psi', 'adjoint', 0, True),
    ('N_1', 'corrector', 1, True),
)
EIGENVALUE = 'lambda_0'
CONSTANTS = {}
FIRST_ORDER = ()
SYMMETRIC = True
DEFINITE = True
KNOWN = {}
BREAKS = ((),)


def coefficients(points, data):
    """The coefficients of all forms at points (d, ...)."""
    y1 = points[0]
    lambda_0 = data["lambda_0"]
    q = data["q"]
    return {"c0": lambda_0 - 2*q*cos(2*y1)}


@BilinearForm
def operator(u, v, w):
    """int d1(u) * d1(v) - c0 * u * v"""
    return u.grad[0] * v.grad[0] - w["c0"] * u * v


@LinearForm
def rhs_2(v, w):
    """int -N0 * d1(v) + d1(N0) * v"""
    return -w["N0"] * v.grad[0] + w["N0"].grad[0] * v


@BilinearForm
def mass(u, v, w):
    """int u * v"""
    return u * v


@Functional
def effective_A_0_0(w):
    """int N1 * N0 + 2 * N1 * d1(N2)"""
    return w["N1"] * w["N0"] + 2 * w["N1"] * w["N2"].grad[0]


@Functional
def effective_one(w):
    """int N1 * N0"""
    return w["N1"] * w["N0"]


OPERATOR = {(0, 0): operator}
RIGHT_HAND_SIDES = ({}, {}, {0: rhs_2})
MASS = {(0, 0): mass}
EFFECTIVE = {
    ('A', (0, 0)): effective_A_0_0,
    ('one', ()): effective_one,
}
