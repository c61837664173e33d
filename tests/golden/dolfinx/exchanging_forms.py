"""Manufactured: weak form as UFL forms.

u on (0, 1), 0 < t < 1: sum_ij int m_ij d_t u_j v_i + B(u, v) = l(v) for every v that vanishes where
u is given,
    m_00 = x1 + 1
    m_11 = 1
    B(u, v)
    = int (1) D^(1,) u_0 D^(1,) v_0
    + int (1) D^(1,) u_1 D^(1,) v_1
    + int (q) u_0 v_0
    + int (-q) u_1 v_0
    + int (-1) u_0 v_1
    + int (1) u_1 v_1
    l(v)
    = int (-q*t*x1 + q*sin(x1)*cos(t) - (x1 + 1)*sin(t)*sin(x1) + sin(x1)*cos(t)) v_0
    + int (t*x1 + x1 - sin(x1)*cos(t)) v_1
    on "left" (x1 = 0): u_0 = sin(x1)*cos(t)
    on "left" (x1 = 0) and "right" (x1 = 1): u_1 = t*x1
    on "right" (x1 = 1): n . flux_0 + alpha u_0 = g, which adds int alpha u_0 v_0 to B and int g v_0
            to l; alpha = x1**2 + 1, g = (x1**2 + 1)*sin(x1)*cos(t) + cos(t)*cos(x1)
    at t = 0: u_0 = sin(x1)
    at t = 0: u_1 = 0
D^(a, b, ...) counts derivatives per coordinate.

Arguments: x = ufl.SpatialCoordinate(mesh), t a number or ufl constant, p parameters by name, k
effective coefficients by key (constants or functions), dx and ds measures. PARTS are the parts of
the boundary with their outward normals; ds(TAGS[name]) is the part of that name. The number 0
stands for a form without terms. POSITIVE: B is symmetric, and positive if its principal part is.
"""

import ufl

DOMAIN = ((0.0, 1.0),)
PARTS = {"left": (-1,), "right": (1,)}
TAGS = {"left": 1, "right": 2}
BREAKS = ((),)
FAST_BREAKS = ()
COMPONENTS = 2
PARAMETERS = ("q",)
EXTERNALS = ()
PERIODIC = ()
DIRICHLET = ((("left",), 0), (("left", "right"), 1))
POSITIVE = False
TIME = True
STEADY = False
SPANS = (0.0, 1.0)


def stiffness(u, v, x, t, p, k, dx, ds):
    """B(u, v)."""
    x1 = x[0]
    return (
        (u[0].dx(0)*v[0].dx(0) + u[1].dx(0)*v[1].dx(0) + p["q"]*u[0]*v[0] - p["q"]*u[1]*v[0]
            - u[0]*v[1] + u[1]*v[1])*dx
        + ((x1**2 + 1)*u[0]*v[0])*ds(TAGS["right"])
    )


def load(v, x, t, p, k, dx, ds):
    """l(v)."""
    x1 = x[0]
    return (
        (-(p["q"]*t*x1 - p["q"]*ufl.sin(x1)*ufl.cos(t) + (x1 + 1)*ufl.sin(t)*ufl.sin(x1)
            - ufl.sin(x1)*ufl.cos(t))*v[0] + (t*x1 + x1 - ufl.sin(x1)*ufl.cos(t))*v[1])*dx
        + (((x1**2 + 1)*ufl.sin(x1)*ufl.cos(t) + ufl.cos(t)*ufl.cos(x1))*v[0])*ds(TAGS["right"])
    )


def dirichlet(x, t, p):
    """The values that DIRICHLET is about: parts, and the component."""
    x1 = x[0]
    return [
        ufl.sin(x1)*ufl.cos(t),
        t*x1,
    ]


def mass(u, v, x, t, p, k, dx):
    """The form of the time derivative."""
    x1 = x[0]
    return ((x1 + 1)*u[0]*v[0] + u[1]*v[1])*dx


def dirichlet_rate(x, t, p):
    """The time derivatives of the values on DIRICHLET."""
    x1 = x[0]
    return [
        -ufl.sin(t)*ufl.sin(x1),
        x1,
    ]


def initial(x, p):
    """u at t = 0."""
    x1 = x[0]
    return ufl.as_vector([
        ufl.sin(x1),
        0,
    ])
