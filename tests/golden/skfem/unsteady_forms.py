"""Manufactured as scikit-fem forms.

Find u on (0, pi) with
    mass(u_t, v) + operator(u, v) = load(v) for 0 < t < 1/2, for every v that vanishes where u is
        given.
u = sin(pi*x1)*cos(t) on "left" (x1 = 0) and "right" (x1 = pi).
u = sin(pi*x1) at t = 0.

load: c0 = pi**2*q*sin(pi*x1)*cos(t) - (x1 + 2)*sin(t)*sin(pi*x1)
mass: c0 = x1 + 2

Points are x (d, ...); `data` holds by name: q.
"""

from numpy import cos, pi, sin
from skfem import BilinearForm, LinearForm

DOMAIN = ((0, pi),)
PARTS = {"left": (-1,), "right": (1,)}
BREAKS = ((),)
FAST_BREAKS = ()
COMPONENTS = 1
EXTERNALS = {}
PERIODIC = ()
SPANS = (0.0, 0.5)
LOAD_VARIES = True


def operator_coefficients(points, data):
    """The coefficients of `operator` at points (d, ...)."""
    q = data["q"]
    return {"q": q}


@BilinearForm
def operator(u, v, w):
    """int q * d1(u) * d1(v)"""
    return w["q"] * u.grad[0] * v.grad[0]


def load_coefficients(points, data):
    """The coefficients of `load` at points (d, ...)."""
    x1 = points[0]
    q = data["q"]
    t = data["t"]
    s0 = sin(pi*x1)
    return {"c0": pi**2*q*s0*cos(t) - s0*(x1 + 2)*sin(t)}


@LinearForm
def load(v, w):
    """int c0 * v"""
    return w["c0"] * v


def mass_coefficients(points, data):
    """The coefficients of `mass` at points (d, ...)."""
    x1 = points[0]
    return {"c0": x1 + 2}


@BilinearForm
def mass(u, v, w):
    """int c0 * u * v"""
    return w["c0"] * u * v


def essential_0(points, data):
    """u on "left" (x1 = 0) and "right" (x1 = pi)."""
    x1 = points[0]
    t = data["t"]
    return sin(pi*x1)*cos(t)


def essential_rate_0(points, data):
    """The time derivative of essential_0."""
    x1 = points[0]
    t = data["t"]
    return -sin(t)*sin(pi*x1)


def initial(points, data):
    """u at t = 0."""
    x1 = points[0]
    return sin(pi*x1)


OPERATOR = {(0, 0): operator}
LOAD = {0: load}
MASS = {(0, 0): mass}
NATURAL = ()
ESSENTIAL = ((("left", "right"), 0, essential_0, essential_rate_0),)
INITIAL = (initial,)
