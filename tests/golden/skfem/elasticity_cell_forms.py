"""elasticity: the cell problems as scikit-fem forms.

Find N_k, periodic on the cell Y = (0, 1) x (0, 1), of zero mean, with
    sum_ij operator_i_j(N_kj, v_i) = sum_i rhs_k_i(v_i) for every periodic v.
The effective coefficients are the means of the functionals over Y. Plus convention: u1 = sum_k N_k
D^k u0.
N0: N_11, multiplies D^(1, 0) U_0
N1: N_12, multiplies D^(0, 1) U_0
N2: N_22, multiplies D^(0, 1) U_1

c0 = q + 2*sin(2*pi*y1) + 4
c1 = sin(2*pi*y1) + 2

Points are y (d, ...); `data` holds by name: q.
"""

from numpy import pi, sin
from skfem import BilinearForm, Functional, LinearForm

CELL = ((0, 1), (0, 1))
COMPONENTS = 2
FUNCTIONS = (
    ('N_11', 'corrector', 1, True),
    ('N_12', 'corrector', 1, True),
    ('N_22', 'corrector', 1, True),
)
EIGENVALUE = None
CONSTANTS = {}
FIRST_ORDER = ()
SYMMETRIC = True
DEFINITE = True
KNOWN = {}
BREAKS = ((), ())


def coefficients(points, data):
    """The coefficients of all forms at points (d, ...)."""
    y1 = points[0]
    q = data["q"]
    s0 = sin(2*pi*y1)
    return {"c0": q + 2*s0 + 4, "c1": s0 + 2, "q": q}


@BilinearForm
def operator_0_0(u, v, w):
    """int c0 * d1(u) * d1(v) + c1 * d2(u) * d2(v)"""
    return w["c0"] * u.grad[0] * v.grad[0] + w["c1"] * u.grad[1] * v.grad[1]


@BilinearForm
def operator_0_1(u, v, w):
    """int q * d2(u) * d1(v) + c1 * d1(u) * d2(v)"""
    return w["q"] * u.grad[1] * v.grad[0] + w["c1"] * u.grad[0] * v.grad[1]


@BilinearForm
def operator_1_0(u, v, w):
    """int c1 * d2(u) * d1(v) + q * d1(u) * d2(v)"""
    return w["c1"] * u.grad[1] * v.grad[0] + w["q"] * u.grad[0] * v.grad[1]


@BilinearForm
def operator_1_1(u, v, w):
    """int c1 * d1(u) * d1(v) + c0 * d2(u) * d2(v)"""
    return w["c1"] * u.grad[0] * v.grad[0] + w["c0"] * u.grad[1] * v.grad[1]


@LinearForm
def rhs_0_0(v, w):
    """int -c0 * d1(v)"""
    return -w["c0"] * v.grad[0]


@LinearForm
def rhs_0_1(v, w):
    """int -q * d2(v)"""
    return -w["q"] * v.grad[1]


@LinearForm
def rhs_1_0(v, w):
    """int -c1 * d2(v)"""
    return -w["c1"] * v.grad[1]


@LinearForm
def rhs_1_1(v, w):
    """int -c1 * d1(v)"""
    return -w["c1"] * v.grad[0]


@LinearForm
def rhs_2_0(v, w):
    """int -q * d1(v)"""
    return -w["q"] * v.grad[0]


@LinearForm
def rhs_2_1(v, w):
    """int -c0 * d2(v)"""
    return -w["c0"] * v.grad[1]


@Functional
def effective_C_0_0_0_0(w):
    """int c0 * (1 + d1(N0_0)) + q * d2(N0_1)"""
    return w["c0"] * (1 + w["N0_0"].grad[0]) + w["q"] * w["N0_1"].grad[1]


@Functional
def effective_C_0_1_0_0(w):
    """int c1 * (d2(N0_0) + d1(N0_1))"""
    return w["c1"] * (w["N0_0"].grad[1] + w["N0_1"].grad[0])


@Functional
def effective_C_1_1_0_0(w):
    """int q * (1 + d1(N0_0)) + c0 * d2(N0_1)"""
    return w["q"] * (1 + w["N0_0"].grad[0]) + w["c0"] * w["N0_1"].grad[1]


@Functional
def effective_C_0_0_0_1(w):
    """int c0 * d1(N1_0) + q * d2(N1_1)"""
    return w["c0"] * w["N1_0"].grad[0] + w["q"] * w["N1_1"].grad[1]


@Functional
def effective_C_0_1_0_1(w):
    """int c1 * (1 + d2(N1_0) + d1(N1_1))"""
    return w["c1"] * (1 + w["N1_0"].grad[1] + w["N1_1"].grad[0])


@Functional
def effective_C_1_1_0_1(w):
    """int q * d1(N1_0) + c0 * d2(N1_1)"""
    return w["q"] * w["N1_0"].grad[0] + w["c0"] * w["N1_1"].grad[1]


@Functional
def effective_C_0_0_1_1(w):
    """int q * (1 + d2(N2_1)) + c0 * d1(N2_0)"""
    return w["q"] * (1 + w["N2_1"].grad[1]) + w["c0"] * w["N2_0"].grad[0]


@Functional
def effective_C_0_1_1_1(w):
    """int c1 * (d2(N2_0) + d1(N2_1))"""
    return w["c1"] * (w["N2_0"].grad[1] + w["N2_1"].grad[0])


@Functional
def effective_C_1_1_1_1(w):
    """int c0 * (1 + d2(N2_1)) + q * d1(N2_0)"""
    return w["c0"] * (1 + w["N2_1"].grad[1]) + w["q"] * w["N2_0"].grad[0]


OPERATOR = {(0, 0): operator_0_0, (0, 1): operator_0_1, (1, 0): operator_1_0, (1, 1): operator_1_1}
RIGHT_HAND_SIDES = ({0: rhs_0_0, 1: rhs_0_1}, {0: rhs_1_0, 1: rhs_1_1}, {0: rhs_2_0, 1: rhs_2_1})
EFFECTIVE = {
    ('C', (0, 0, 0, 0)): effective_C_0_0_0_0,
    ('C', (0, 1, 0, 0)): effective_C_0_1_0_0,
    ('C', (1, 1, 0, 0)): effective_C_1_1_0_0,
    ('C', (0, 0, 0, 1)): effective_C_0_0_0_1,
    ('C', (0, 1, 0, 1)): effective_C_0_1_0_1,
    ('C', (1, 1, 0, 1)): effective_C_1_1_0_1,
    ('C', (0, 0, 1, 1)): effective_C_0_0_1_1,
    ('C', (0, 1, 1, 1)): effective_C_0_1_1_1,
    ('C', (1, 1, 1, 1)): effective_C_1_1_1_1,
}
