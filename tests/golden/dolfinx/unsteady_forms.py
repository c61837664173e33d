"""Manufactured: weak form as UFL forms.

u on (0, pi), 0 < t < 1/2: int m u_t v + B(u, v) = l(v) for every v that vanishes where u is given,
    m = x1 + 2
    B(u, v)
    = int (q) D^(1,) u D^(1,) v
    l(v)
    = int (pi**2*q*sin(pi*x1)*cos(t) - (x1 + 2)*sin(t)*sin(pi*x1)) v
    on "left" (x1 = 0) and "right" (x1 = pi): u = sin(pi*x1)*cos(t)
    at t = 0: u = sin(pi*x1)
D^(a, b, ...) counts derivatives per coordinate.

Arguments: x = ufl.SpatialCoordinate(mesh), t a number or ufl constant, p parameters by name, k
effective coefficients by key (constants or functions), dx and ds measures. PARTS are the parts of
the boundary with their outward normals; ds(TAGS[name]) is the part of that name. The number 0
stands for a form without terms. POSITIVE: B is symmetric, and positive if its principal part is.
"""

import ufl

DOMAIN = ((0.0, 3.141592653589793),)
PARTS = {"left": (-1,), "right": (1,)}
TAGS = {"left": 1, "right": 2}
BREAKS = ((),)
FAST_BREAKS = ()
COMPONENTS = 1
PARAMETERS = ("q",)
EXTERNALS = ()
PERIODIC = ()
DIRICHLET = ((("left", "right"), 0),)
POSITIVE = True
TIME = True
STEADY = False
SPANS = (0.0, 0.5)


def stiffness(u, v, x, t, p, k, dx, ds):
    """B(u, v)."""
    return (p["q"]*u.dx(0)*v.dx(0))*dx


def load(v, x, t, p, k, dx, ds):
    """l(v)."""
    x1 = x[0]
    return (
        ((9.869604401089358*p["q"]*ufl.sin(ufl.pi*x1)*ufl.cos(t)
            - (x1 + 2)*ufl.sin(t)*ufl.sin(ufl.pi*x1))*v)*dx
    )


def dirichlet(x, t, p):
    """The values that DIRICHLET is about: parts, and the component."""
    x1 = x[0]
    return [
        ufl.sin(ufl.pi*x1)*ufl.cos(t),
    ]


def mass(u, v, x, t, p, k, dx):
    """The form of the time derivative."""
    x1 = x[0]
    return ((x1 + 2)*u*v)*dx


def dirichlet_rate(x, t, p):
    """The time derivatives of the values on DIRICHLET."""
    x1 = x[0]
    return [
        -ufl.sin(t)*ufl.sin(ufl.pi*x1),
    ]


def initial(x, p):
    """u at t = 0."""
    x1 = x[0]
    return ufl.sin(ufl.pi*x1)
