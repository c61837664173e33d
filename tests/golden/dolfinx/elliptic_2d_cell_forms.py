"""diffusion: the cell problems as UFL forms.

Every cell function N is periodic in y = (y1, y2) on Y = (0, 1) x (0, 1), has zero mean, and
solves
    B(N, v) = l(v) for every periodic v,
    B(u, v)
    = int (sin(2*pi*y1)*cos(2*pi*y2) + 2) D^(1, 0) u D^(1, 0) v
    + int (sin(2*pi*y1)*cos(2*pi*y2) + 2) D^(0, 1) u D^(0, 1) v
    N[0] = N_1, multiplies D^(1, 0) U_0:  l(v)
    = int (-sin(2*pi*y1)*cos(2*pi*y2) - 2) D^(1, 0) v
    N[1] = N_2, multiplies D^(0, 1) U_0:  l(v)
    = int (-sin(2*pi*y1)*cos(2*pi*y2) - 2) D^(0, 1) v
The operator in strong form is the sum of
    (not there: a coefficient jumps)
The effective coefficients are, with <.> the mean over Y,
    A[0, 0] = <sin(2*pi*y1)*cos(2*pi*y2) + 2 + (sin(2*pi*y1)*cos(2*pi*y2) + 2) D^(1, 0) N[0]>
    A[0, 1] = <(sin(2*pi*y1)*cos(2*pi*y2) + 2) D^(1, 0) N[1]>
    A[1, 0] = <(sin(2*pi*y1)*cos(2*pi*y2) + 2) D^(0, 1) N[0]>
    A[1, 1] = <sin(2*pi*y1)*cos(2*pi*y2) + 2 + (sin(2*pi*y1)*cos(2*pi*y2) + 2) D^(0, 1) N[1]>
D^(a, b, ...) counts derivatives per coordinate; u1 = + sum of N times the derivative of u0 that
belongs to it.

Arguments: y = ufl.SpatialCoordinate(mesh), x and p: slow coordinates and parameters by name
(numbers or ufl constants), dx the measure. The number 0 stands for a form without terms.
"""

import ufl

CELL = ((0.0, 1.0), (0.0, 1.0))
COMPONENTS = 1
SLOW = ()
PARAMETERS = ()
FUNCTIONS = (
    ("N_1", "corrector", 1, True),
    ("N_2", "corrector", 1, True),
)
EIGENVALUE = None
CONSTANTS = {}
EFFECTIVE = (("A", (0, 0)), ("A", (0, 1)), ("A", (1, 0)), ("A", (1, 1)))
SYMMETRIC = True
DEFINITE = True
FIRST_ORDER = ()
KNOWN = {}
BREAKS = ((), ())


def operator(u, v, y, x, p, dx):
    """B(u, v)."""
    y1 = y[0]
    y2 = y[1]
    c1 = ufl.sin(2*ufl.pi*y1)*ufl.cos(2*ufl.pi*y2) + 2
    return (c1*u.dx(0)*v.dx(0) + c1*u.dx(1)*v.dx(1))*dx


def sources(v, N, y, x, p, dx):
    """l(v) of each cell function; N: the cell functions."""
    y1 = y[0]
    y2 = y[1]
    c1 = ufl.sin(2*ufl.pi*y1)*ufl.cos(2*ufl.pi*y2) + 2
    return [
        # N_1
        (-c1*v.dx(0))*dx,
        # N_2
        (-c1*v.dx(1))*dx,
    ]


def effective(N, y, x, p, dx):
    """|Y| times each effective coefficient; N: the cell functions."""
    y1 = y[0]
    y2 = y[1]
    c1 = ufl.sin(2*ufl.pi*y1)*ufl.cos(2*ufl.pi*y2) + 2
    return {
        ("A", (0, 0)): (c1 + c1*N[0].dx(0))*dx,
        ("A", (0, 1)): (c1*N[1].dx(0))*dx,
        ("A", (1, 0)): (c1*N[0].dx(1))*dx,
        ("A", (1, 1)): (c1 + c1*N[1].dx(1))*dx,
    }
