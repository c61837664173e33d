"""elasticity: the cell problems as UFL forms.

Every cell function N is periodic in y = (y1, y2) on Y = (0, 1) x (0, 1), has zero mean, and
solves
    B(N, v) = l(v) for every periodic v,
    B(u, v)
    = int (q + 2*sin(2*pi*y1) + 4) D^(1, 0) u_0 D^(1, 0) v_0
    + int (q) D^(0, 1) u_1 D^(1, 0) v_0
    + int (sin(2*pi*y1) + 2) D^(0, 1) u_0 D^(0, 1) v_0
    + int (sin(2*pi*y1) + 2) D^(1, 0) u_1 D^(0, 1) v_0
    + int (sin(2*pi*y1) + 2) D^(0, 1) u_0 D^(1, 0) v_1
    + int (sin(2*pi*y1) + 2) D^(1, 0) u_1 D^(1, 0) v_1
    + int (q) D^(1, 0) u_0 D^(0, 1) v_1
    + int (q + 2*sin(2*pi*y1) + 4) D^(0, 1) u_1 D^(0, 1) v_1
    N[0] = N_11, multiplies D^(1, 0) U_0:  l(v)
    = int (-q - 2*sin(2*pi*y1) - 4) D^(1, 0) v_0
    + int (-q) D^(0, 1) v_1
    N[1] = N_12, multiplies D^(0, 1) U_0:  l(v)
    = int (-sin(2*pi*y1) - 2) D^(0, 1) v_0
    + int (-sin(2*pi*y1) - 2) D^(1, 0) v_1
    N[2] = N_22, multiplies D^(0, 1) U_1:  l(v)
    = int (-q) D^(1, 0) v_0
    + int (-q - 2*sin(2*pi*y1) - 4) D^(0, 1) v_1
The operator in strong form is the sum of
    (not there: a coefficient jumps)
The effective coefficients are, with <.> the mean over Y,
    C[0, 0, 0, 0] = <q + 2*sin(2*pi*y1) + 4 + (q + 2*sin(2*pi*y1) + 4) D^(1, 0) N[0][0] + (q) D^(0,
            1) N[0][1]>
    C[0, 1, 0, 0] = <(sin(2*pi*y1) + 2) D^(0, 1) N[0][0] + (sin(2*pi*y1) + 2) D^(1, 0) N[0][1]>
    C[1, 1, 0, 0] = <q + (q) D^(1, 0) N[0][0] + (q + 2*sin(2*pi*y1) + 4) D^(0, 1) N[0][1]>
    C[0, 0, 0, 1] = <(q + 2*sin(2*pi*y1) + 4) D^(1, 0) N[1][0] + (q) D^(0, 1) N[1][1]>
    C[0, 1, 0, 1] = <sin(2*pi*y1) + 2 + (sin(2*pi*y1) + 2) D^(0, 1) N[1][0] + (sin(2*pi*y1) + 2)
            D^(1, 0) N[1][1]>
    C[1, 1, 0, 1] = <(q) D^(1, 0) N[1][0] + (q + 2*sin(2*pi*y1) + 4) D^(0, 1) N[1][1]>
    C[0, 0, 1, 1] = <q + (q + 2*sin(2*pi*y1) + 4) D^(1, 0) N[2][0] + (q) D^(0, 1) N[2][1]>
    C[0, 1, 1, 1] = <(sin(2*pi*y1) + 2) D^(0, 1) N[2][0] + (sin(2*pi*y1) + 2) D^(1, 0) N[2][1]>
    C[1, 1, 1, 1] = <q + 2*sin(2*pi*y1) + 4 + (q) D^(1, 0) N[2][0] + (q + 2*sin(2*pi*y1) + 4) D^(0,
            1) N[2][1]>
D^(a, b, ...) counts derivatives per coordinate; u1 = + sum of N times the derivative of u0 that
belongs to it.

Arguments: y = ufl.SpatialCoordinate(mesh), x and p: slow coordinates and parameters by name
(numbers or ufl constants), dx the measure. The number 0 stands for a form without terms.
"""

import ufl

CELL = ((0.0, 1.0), (0.0, 1.0))
COMPONENTS = 2
SLOW = ()
PARAMETERS = ("q",)
FUNCTIONS = (
    ("N_11", "corrector", 1, True),
    ("N_12", "corrector", 1, True),
    ("N_22", "corrector", 1, True),
)
EIGENVALUE = None
CONSTANTS = {}
EFFECTIVE = (
    ("C", (0, 0, 0, 0)),
    ("C", (0, 1, 0, 0)),
    ("C", (1, 1, 0, 0)),
    ("C", (0, 0, 0, 1)),
    ("C", (0, 1, 0, 1)),
    ("C", (1, 1, 0, 1)),
    ("C", (0, 0, 1, 1)),
    ("C", (0, 1, 1, 1)),
    ("C", (1, 1, 1, 1)),
)
SYMMETRIC = True
DEFINITE = True
FIRST_ORDER = ()
KNOWN = {}
BREAKS = ((), ())


def operator(u, v, y, x, p, dx):
    """B(u, v)."""
    y1 = y[0]
    c1 = p["q"] + 2*ufl.sin(2*ufl.pi*y1) + 4
    c2 = ufl.sin(2*ufl.pi*y1) + 2
    return (
        (c1*u[0].dx(0)*v[0].dx(0) + p["q"]*u[1].dx(1)*v[0].dx(0) + c2*u[0].dx(1)*v[0].dx(1)
            + c2*u[1].dx(0)*v[0].dx(1) + c2*u[0].dx(1)*v[1].dx(0) + c2*u[1].dx(0)*v[1].dx(0)
            + p["q"]*u[0].dx(0)*v[1].dx(1) + c1*u[1].dx(1)*v[1].dx(1))*dx
    )


def sources(v, N, y, x, p, dx):
    """l(v) of each cell function; N: the cell functions."""
    y1 = y[0]
    c1 = p["q"] + 2*ufl.sin(2*ufl.pi*y1) + 4
    c2 = ufl.sin(2*ufl.pi*y1) + 2
    return [
        # N_11
        (-c1*v[0].dx(0) - p["q"]*v[1].dx(1))*dx,
        # N_12
        (-c2*v[0].dx(1) - c2*v[1].dx(0))*dx,
        # N_22
        (-p["q"]*v[0].dx(0) - c1*v[1].dx(1))*dx,
    ]


def effective(N, y, x, p, dx):
    """|Y| times each effective coefficient; N: the cell functions."""
    y1 = y[0]
    c1 = p["q"] + 2*ufl.sin(2*ufl.pi*y1) + 4
    c2 = ufl.sin(2*ufl.pi*y1) + 2
    return {
        ("C", (0, 0, 0, 0)): (c1 + c1*N[0][0].dx(0) + p["q"]*N[0][1].dx(1))*dx,
        ("C", (0, 1, 0, 0)): (c2*N[0][0].dx(1) + c2*N[0][1].dx(0))*dx,
        ("C", (1, 1, 0, 0)): (p["q"] + p["q"]*N[0][0].dx(0) + c1*N[0][1].dx(1))*dx,
        ("C", (0, 0, 0, 1)): (c1*N[1][0].dx(0) + p["q"]*N[1][1].dx(1))*dx,
        ("C", (0, 1, 0, 1)): (c2 + c2*N[1][0].dx(1) + c2*N[1][1].dx(0))*dx,
        ("C", (1, 1, 0, 1)): (p["q"]*N[1][0].dx(0) + c1*N[1][1].dx(1))*dx,
        ("C", (0, 0, 1, 1)): (p["q"] + c1*N[2][0].dx(0) + p["q"]*N[2][1].dx(1))*dx,
        ("C", (0, 1, 1, 1)): (c2*N[2][0].dx(1) + c2*N[2][1].dx(0))*dx,
        ("C", (1, 1, 1, 1)): (c1 + p["q"]*N[2][0].dx(0) + c1*N[2][1].dx(1))*dx,
    }
