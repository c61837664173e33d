"""Manufactured as scikit-fem forms.

Find u on (0, 1) with
    sum_ij mass_i_j(d_t u_j, v_i) + sum_ij operator_i_j(u_j, v_i) + sum_i robin(u_i, v_i) = sum_i
        load_i(v_i) + sum_i flux(v_i) for 0 < t < 1, for every v that vanishes where u is given.
u_0 = sin(x1)*cos(t) on "left" (x1 = 0).
u_1 = t*x1 on "left" (x1 = 0) and "right" (x1 = 1).
n . flux_0 + (x1**2 + 1) u_0 = (x1**2 + 1)*sin(x1)*cos(t) + cos(t)*cos(x1) on "right" (x1 = 1).
u_0 = sin(x1) at t = 0.
u_1 = 0 at t = 0.

load: c0 = q*t*x1 - q*sin(x1)*cos(t) + (x1 + 1)*sin(t)*sin(x1) - sin(x1)*cos(t)
load: c1 = t*x1 + x1 - sin(x1)*cos(t)
mass: c0 = x1 + 1

Points are x (d, ...); `data` holds by name: q.
"""

from numpy import cos, sin
from skfem import BilinearForm, LinearForm

DOMAIN = ((0, 1),)
PARTS = {"left": (-1,), "right": (1,)}
BREAKS = ((),)
FAST_BREAKS = ()
COMPONENTS = 2
EXTERNALS = {}
PERIODIC = ()
SPANS = (0.0, 1.0)
LOAD_VARIES = True


def operator_coefficients(points, data):
    """The coefficients of `operator` at points (d, ...)."""
    q = data["q"]
    return {"q": q}


@BilinearForm
def operator_0_0(u, v, w):
    """int d1(u) * d1(v) + q * u * v"""
    return u.grad[0] * v.grad[0] + w["q"] * u * v


@BilinearForm
def operator_0_1(u, v, w):
    """int -q * u * v"""
    return -w["q"] * u * v


@BilinearForm
def operator_1_0(u, v, w):
    """int -u * v"""
    return -u * v


@BilinearForm
def operator_1_1(u, v, w):
    """int d1(u) * d1(v) + u * v"""
    return u.grad[0] * v.grad[0] + u * v


def load_coefficients(points, data):
    """The coefficients of `load` at points (d, ...)."""
    x1 = points[0]
    q = data["q"]
    t = data["t"]
    s0 = t*x1
    s1 = sin(x1)
    s2 = s1*cos(t)
    s3 = -s2
    return {"c0": q*s0 - q*s2 + s1*(x1 + 1)*sin(t) + s3, "c1": s0 + s3 + x1}


@LinearForm
def load_0(v, w):
    """int -c0 * v"""
    return -w["c0"] * v


@LinearForm
def load_1(v, w):
    """int c1 * v"""
    return w["c1"] * v


def mass_coefficients(points, data):
    """The coefficients of `mass` at points (d, ...)."""
    x1 = points[0]
    return {"c0": x1 + 1}


@BilinearForm
def mass_0_0(u, v, w):
    """int c0 * u * v"""
    return w["c0"] * u * v


@BilinearForm
def mass_1_1(u, v, w):
    """int u * v"""
    return u * v


@BilinearForm
def robin(u, v, w):
    """int alpha * u * v"""
    return w["alpha"] * u * v


@LinearForm
def flux(v, w):
    """int value * v"""
    return w["value"] * v


def natural_0(points, data):
    """n . flux_0 + alpha u_0 = value on "right" (x1 = 1)."""
    x1 = points[0]
    t = data["t"]
    s0 = x1**2 + 1
    s1 = cos(t)
    return {"alpha": s0, "value": s0*s1*sin(x1) + s1*cos(x1)}


def essential_0(points, data):
    """u_0 on "left" (x1 = 0)."""
    x1 = points[0]
    t = data["t"]
    return sin(x1)*cos(t)


def essential_rate_0(points, data):
    """The time derivative of essential_0."""
    x1 = points[0]
    t = data["t"]
    return -sin(t)*sin(x1)


def essential_1(points, data):
    """u_1 on "left" (x1 = 0) and "right" (x1 = 1)."""
    x1 = points[0]
    t = data["t"]
    return t*x1


def essential_rate_1(points, data):
    """The time derivative of essential_1."""
    x1 = points[0]
    return x1


def initial_0(points, data):
    """u_0 at t = 0."""
    x1 = points[0]
    return sin(x1)


def initial_1(points, data):
    """u_1 at t = 0."""
    return 0


OPERATOR = {(0, 0): operator_0_0, (0, 1): operator_0_1, (1, 0): operator_1_0, (1, 1): operator_1_1}
LOAD = {0: load_0, 1: load_1}
MASS = {(0, 0): mass_0_0, (1, 1): mass_1_1}
NATURAL = (
    (("right",), {(0, 0): robin}, {0: flux}, natural_0),
)
ESSENTIAL = (
    (("left",), 0, essential_0, essential_rate_0), (("left", "right"), 1, essential_1,
        essential_rate_1)
)
INITIAL = (initial_0, initial_1)
