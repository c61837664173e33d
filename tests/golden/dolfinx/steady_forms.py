"""Manufactured: weak form as UFL forms.

u on (0, 1) x (-1, 1): B(u, v) = l(v) for every v that vanishes where u is given,
    B(u, v)
    = int (x1**2 + 1) D^(1, 0) u D^(1, 0) v
    + int (x2/4) D^(0, 1) u D^(1, 0) v
    + int (q) D^(0, 1) u D^(0, 1) v
    + int (x2) D^(1, 0) u v
    + int (1) D^(0, 1) u v
    + int (exp(x1)) u v
    l(v)
    = int (-q*exp(x2)*sin(x1) - 2*x1*exp(x2)*cos(x1) + 3*x2*exp(x2)*cos(x1)/4 + (x1**2 +
            1)*exp(x2)*sin(x1) + exp(x1)*exp(x2)*sin(x1) + exp(x2)*sin(x1)) v
    on "left" (x1 = 0) and "top" (x2 = 1): u = exp(x2)*sin(x1)
    on "bottom" (x2 = -1): n . flux = g, which adds int g v to l; g = -q*exp(x2)*sin(x1)
    on "right" (x1 = 1): n . flux + alpha u = g, which adds int alpha u v to B and int g v to l;
            alpha = x1**2 + 1, g = x2*exp(x2)*sin(x1)/4 + (x1**2 + 1)*exp(x2)*sin(x1) + (x1**2 +
            1)*exp(x2)*cos(x1)
D^(a, b, ...) counts derivatives per coordinate.

Arguments: x = ufl.SpatialCoordinate(mesh), t a number or ufl constant, p parameters by name, k
effective coefficients by key (constants or functions), dx and ds measures. PARTS are the parts of
the boundary with their outward normals; ds(TAGS[name]) is the part of that name. The number 0
stands for a form without terms. POSITIVE: B is symmetric, and positive if its principal part is.
"""

import ufl

DOMAIN = ((0.0, 1.0), (-1.0, 1.0))
PARTS = {"left": (-1, 0), "right": (1, 0), "bottom": (0, -1), "top": (0, 1)}
TAGS = {"left": 1, "right": 2, "bottom": 3, "top": 4}
BREAKS = ((), ())
FAST_BREAKS = ()
COMPONENTS = 1
PARAMETERS = ("q",)
EXTERNALS = ()
PERIODIC = ()
DIRICHLET = ((("left", "top"), 0),)
POSITIVE = False
TIME = False


def stiffness(u, v, x, t, p, k, dx, ds):
    """B(u, v)."""
    x1 = x[0]
    x2 = x[1]
    c1 = x1**2 + 1
    return (
        (c1*u.dx(0)*v.dx(0) + 1/4*x2*u.dx(1)*v.dx(0) + p["q"]*u.dx(1)*v.dx(1) + x2*u.dx(0)*v
            + u.dx(1)*v + ufl.exp(x1)*u*v)*dx
        + (c1*u*v)*ds(TAGS["right"])
    )


def load(v, x, t, p, k, dx, ds):
    """l(v)."""
    x1 = x[0]
    x2 = x[1]
    return (
        ((-p["q"]*ufl.exp(x2)*ufl.sin(x1) - 2*x1*ufl.exp(x2)*ufl.cos(x1)
            + (3/4)*x2*ufl.exp(x2)*ufl.cos(x1) + (x1**2 + 1)*ufl.exp(x2)*ufl.sin(x1)
            + ufl.exp(x1)*ufl.exp(x2)*ufl.sin(x1) + ufl.exp(x2)*ufl.sin(x1))*v)*dx
        + (-p["q"]*ufl.exp(x2)*ufl.sin(x1)*v)*ds(TAGS["bottom"])
        + (((1/4)*x2*ufl.exp(x2)*ufl.sin(x1) + (x1**2 + 1)*ufl.exp(x2)*ufl.sin(x1)
            + (x1**2 + 1)*ufl.exp(x2)*ufl.cos(x1))*v)*ds(TAGS["right"])
    )


def dirichlet(x, t, p):
    """The values that DIRICHLET is about: parts, and the component."""
    x1 = x[0]
    x2 = x[1]
    return [
        ufl.exp(x2)*ufl.sin(x1),
    ]
