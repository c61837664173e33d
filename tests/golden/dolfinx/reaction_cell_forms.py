"""reaction: the cell problems as UFL forms.

Every cell function N is periodic in y = (y1) on Y = (0, 2*pi), has zero mean, and
solves
    B(N, v) = l(v) for every periodic v,
    B(u, v)
    = int (2) D^(1,) u D^(1,) v
    N[0] = N_0, multiplies U_0:  l(v)
    = int (-cos(y1)) v
The operator in strong form is the sum of
    (not there: a coefficient jumps)
The effective coefficients are, with <.> the mean over Y,
    c = <(cos(y1)) N[0]>
D^(a, b, ...) counts derivatives per coordinate; u1 = + sum of N times the derivative of u0 that
belongs to it.

Arguments: y = ufl.SpatialCoordinate(mesh), x and p: slow coordinates and parameters by name
(numbers or ufl constants), dx the measure. The number 0 stands for a form without terms.
"""

import ufl

CELL = ((0.0, 6.283185307179586),)
COMPONENTS = 1
SLOW = ()
PARAMETERS = ()
FUNCTIONS = (
    ("N_0", "corrector", 1, True),
)
EIGENVALUE = None
CONSTANTS = {}
EFFECTIVE = (("c", ()),)
SYMMETRIC = True
DEFINITE = True
FIRST_ORDER = ()
KNOWN = {}
BREAKS = ((),)


def operator(u, v, y, x, p, dx):
    """B(u, v)."""
    return (2*u.dx(0)*v.dx(0))*dx


def sources(v, N, y, x, p, dx):
    """l(v) of each cell function; N: the cell functions."""
    y1 = y[0]
    return [
        # N_0
        (-ufl.cos(y1)*v)*dx,
    ]


def effective(N, y, x, p, dx):
    """|Y| times each effective coefficient; N: the cell functions."""
    y1 = y[0]
    return {
        ("c", ()): (ufl.cos(y1)*N[0])*dx,
    }
