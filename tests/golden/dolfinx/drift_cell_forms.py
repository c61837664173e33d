"""drift: the cell problems as UFL forms.

Every cell function N is periodic in y = (y1) on Y = (0, 2*pi), has zero mean, and
solves
    B(N, v) = l(v) for every periodic v,
psi are kernels, and have no right-hand side.
    B(u, v)
    = int (q) D^(1,) u D^(1,) v
    + int (cos(y1)) D^(1,) u v
    N[0] = psi, kernel of the transposed operator that belongs to equation 0:  l(v)
    = 0
    N[1] = N_1, multiplies D^(1,) U_0:  l(v)
    = int (drift_1 - cos(y1)) v
The operator in strong form is the sum of
    (not there: a coefficient jumps)
The effective coefficients are, with <.> the mean over Y,
    drift_1 = drift[0] = <(cos(y1)) N[0]> / mass = <(1) N[0]>
    A[0, 0] = <(q) N[0] + (drift_1 - cos(y1)) N[0] N[1] + (2*q) N[0] D^(1,) N[1]>
D^(a, b, ...) counts derivatives per coordinate; u1 = + sum of N times the derivative of u0 that
belongs to it.

Arguments: y = ufl.SpatialCoordinate(mesh), x and p: slow coordinates and parameters by name
(numbers or ufl constants), dx the measure. The number 0 stands for a form without terms.
"""

import ufl

CELL = ((0.0, 6.283185307179586),)
COMPONENTS = 1
SLOW = ()
PARAMETERS = ("q",)
FUNCTIONS = (
    ("psi", "adjoint", 0, True),
    ("N_1", "corrector", 1, True),
)
EIGENVALUE = None
CONSTANTS = {"drift_1": ("drift", (0,))}
EFFECTIVE = (("A", (0, 0)),)
SYMMETRIC = False
DEFINITE = True
FIRST_ORDER = ()
KNOWN = {}
BREAKS = ((),)


def operator(u, v, y, x, p, dx):
    """B(u, v)."""
    y1 = y[0]
    return (p["q"]*u.dx(0)*v.dx(0) + ufl.cos(y1)*u.dx(0)*v)*dx


def sources(v, N, y, x, p, dx):
    """l(v) of each cell function; N: the cell functions."""
    y1 = y[0]
    return [
        # psi
        0,
        # N_1
        ((p["drift_1"] - ufl.cos(y1))*v)*dx,
    ]


def quotients(N, y, x, p, dx):
    """|Y| times numerator and denominator of each constant; N: the cell functions."""
    y1 = y[0]
    return {
        ("drift_1", 0): (ufl.cos(y1)*N[0])*dx,
        ("drift_1", 1): (N[0])*dx,
    }


def effective(N, y, x, p, dx):
    """|Y| times each effective coefficient; N: the cell functions."""
    y1 = y[0]
    return {
        ("A", (0, 0)): (p["q"]*N[0] + (p["drift_1"] - ufl.cos(y1))*N[0]*N[1]
            + 2*p["q"]*N[0]*N[1].dx(0))*dx,
    }
