"""Mathieu: the cell problems as UFL forms.

Every cell function N is periodic in y = (y1) on Y = (0, pi), has zero mean, and
solves
    B(N, v) = l(v) for every periodic v,
phi, psi are kernels, and have no right-hand side.
    B(u, v)
    = int (1) D^(1,) u D^(1,) v
    + int (-lambda_0 + 2*q*cos(2*y1)) u v
    lambda_0 is the lowest number for which B has a kernel; M(u, v)
    = int (1) u v
    N[0] = phi, positive, of mean 1:  l(v)
    = 0
    N[1] = psi, kernel of the transposed operator that belongs to equation 0:  l(v)
    = 0
    N[2] = N_1, multiplies D^(1,) U_0:  l(v)
    = int (-1) N[0] D^(1,) v
    + int (1) D^(1,) N[0] v
The operator in strong form is the sum of
    (not there: a coefficient jumps)
The effective coefficients are, with <.> the mean over Y,
    A[0, 0] = <(1) N[1] N[0] + (2) N[1] D^(1,) N[2]>
    one = <(1) N[1] N[0]>
D^(a, b, ...) counts derivatives per coordinate; u1 = + sum of N times the derivative of u0 that
belongs to it.

Arguments: y = ufl.SpatialCoordinate(mesh), x and p: slow coordinates and parameters by name
(numbers or ufl constants), dx the measure. The number 0 stands for a form without terms.
"""

import ufl

CELL = ((0.0, 3.141592653589793),)
COMPONENTS = 1
SLOW = ()
PARAMETERS = ("q",)
FUNCTIONS = (
    ("phi", "ground state", 0, True),
    ("psi", "adjoint", 0, True),
    ("N_1", "corrector", 1, True),
)
EIGENVALUE = "lambda_0"
CONSTANTS = {}
EFFECTIVE = (("A", (0, 0)), ("one", ()))
SYMMETRIC = True
DEFINITE = True
FIRST_ORDER = ()
KNOWN = {}
BREAKS = ((),)


def operator(u, v, y, x, p, dx):
    """B(u, v)."""
    y1 = y[0]
    return (u.dx(0)*v.dx(0) - (p["lambda_0"] - 2*p["q"]*ufl.cos(2*y1))*u*v)*dx


def sources(v, N, y, x, p, dx):
    """l(v) of each cell function; N: the cell functions."""
    return [
        # phi
        0,
        # psi
        0,
        # N_1
        (-N[0]*v.dx(0) + N[0].dx(0)*v)*dx,
    ]


def mass(u, v, y, x, p, dx):
    """M(u, v)."""
    return (u*v)*dx


def effective(N, y, x, p, dx):
    """|Y| times each effective coefficient; N: the cell functions."""
    return {
        ("A", (0, 0)): (N[1]*N[0] + 2*N[1]*N[2].dx(0))*dx,
        ("one", ()): (N[1]*N[0])*dx,
    }
