"""Manufactured: weak form as UFL forms.

u on (0, 1) x (-1, 1): B(u, v) = l(v) for every v that vanishes where u is given,
    B(u, v)
    = int (q + 2*x1 + 2) D^(1, 0) u_0 D^(1, 0) v_0
    + int (q) D^(0, 1) u_1 D^(1, 0) v_0
    + int (x1 + 1) D^(0, 1) u_0 D^(0, 1) v_0
    + int (x1 + 1) D^(1, 0) u_1 D^(0, 1) v_0
    + int (x1 + 1) D^(0, 1) u_0 D^(1, 0) v_1
    + int (x1 + 1) D^(1, 0) u_1 D^(1, 0) v_1
    + int (q) D^(1, 0) u_0 D^(0, 1) v_1
    + int (q + 2*x1 + 2) D^(0, 1) u_1 D^(0, 1) v_1
    l(v)
    = int (4*(x1 + 1)*sin(x1 + 2*x2) + (q + 2*x1 + 2)*sin(x1 + 2*x2) - 2*cos(x1 + 2*x2)) v_0
    + int (2*q*sin(x1 + 2*x2) + 2*(x1 + 1)*sin(x1 + 2*x2) + 4*(x1 + 1)*cos(2*x1) + 2*sin(2*x1) -
            2*cos(x1 + 2*x2)) v_1
    on "left" (x1 = 0) and "bottom" (x2 = -1): u_0 = sin(x1 + 2*x2)
    on "left" (x1 = 0): u_1 = cos(2*x1)
    on "right" (x1 = 1): n . flux_0 = g, which adds int g v_0 to l; g = (q + 2*x1 + 2)*cos(x1 +
            2*x2)
    on "top" (x2 = 1): n . flux_0 + alpha u_0 = g, which adds int alpha u_0 v_0 to B and int g v_0
            to l; alpha = x1**2 + 1, g = -2*(x1 + 1)*sin(2*x1) + 2*(x1 + 1)*cos(x1 + 2*x2) + (x1**2
            + 1)*sin(x1 + 2*x2)
    on "right" (x1 = 1): n . flux_1 = g, which adds int g v_1 to l; g = -2*(x1 + 1)*sin(2*x1) +
            2*(x1 + 1)*cos(x1 + 2*x2)
    on "bottom" (x2 = -1): n . flux_1 = g, which adds int g v_1 to l; g = -q*cos(x1 + 2*x2)
    on "top" (x2 = 1): n . flux_1 + alpha u_1 = g, which adds int alpha u_1 v_1 to B and int g v_1
            to l; alpha = x1**2 + 1, g = q*cos(x1 + 2*x2) + (x1**2 + 1)*cos(2*x1)
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
COMPONENTS = 2
PARAMETERS = ("q",)
EXTERNALS = ()
PERIODIC = ()
DIRICHLET = ((("left", "bottom"), 0), (("left",), 1))
POSITIVE = True
TIME = False


def stiffness(u, v, x, t, p, k, dx, ds):
    """B(u, v)."""
    x1 = x[0]
    c1 = p["q"] + 2*x1 + 2
    c2 = x1 + 1
    c3 = x1**2 + 1
    return (
        (c1*u[0].dx(0)*v[0].dx(0) + p["q"]*u[1].dx(1)*v[0].dx(0) + c2*u[0].dx(1)*v[0].dx(1)
            + c2*u[1].dx(0)*v[0].dx(1) + c2*u[0].dx(1)*v[1].dx(0) + c2*u[1].dx(0)*v[1].dx(0)
            + p["q"]*u[0].dx(0)*v[1].dx(1) + c1*u[1].dx(1)*v[1].dx(1))*dx
        + (c3*u[0]*v[0])*ds(TAGS["top"])
        + (c3*u[1]*v[1])*ds(TAGS["top"])
    )


def load(v, x, t, p, k, dx, ds):
    """l(v)."""
    x1 = x[0]
    x2 = x[1]
    return (
        ((4*(x1 + 1)*ufl.sin(x1 + 2*x2) + (p["q"] + 2*x1 + 2)*ufl.sin(x1 + 2*x2)
            - 2*ufl.cos(x1 + 2*x2))*v[0] + (2*p["q"]*ufl.sin(x1 + 2*x2)
            + 2*(x1 + 1)*ufl.sin(x1 + 2*x2) + 4*(x1 + 1)*ufl.cos(2*x1) + 2*ufl.sin(2*x1)
            - 2*ufl.cos(x1 + 2*x2))*v[1])*dx
        + ((p["q"] + 2*x1 + 2)*ufl.cos(x1 + 2*x2)*v[0])*ds(TAGS["right"])
        + ((-2*(x1 + 1)*ufl.sin(2*x1) + 2*(x1 + 1)*ufl.cos(x1 + 2*x2)
            + (x1**2 + 1)*ufl.sin(x1 + 2*x2))*v[0])*ds(TAGS["top"])
        + (-(2*(x1 + 1)*ufl.sin(2*x1) - 2*(x1 + 1)*ufl.cos(x1 + 2*x2))*v[1])*ds(TAGS["right"])
        + (-p["q"]*ufl.cos(x1 + 2*x2)*v[1])*ds(TAGS["bottom"])
        + ((p["q"]*ufl.cos(x1 + 2*x2) + (x1**2 + 1)*ufl.cos(2*x1))*v[1])*ds(TAGS["top"])
    )


def dirichlet(x, t, p):
    """The values that DIRICHLET is about: parts, and the component."""
    x1 = x[0]
    x2 = x[1]
    return [
        ufl.sin(x1 + 2*x2),
        ufl.cos(2*x1),
    ]
