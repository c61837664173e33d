"""Manufactured as scikit-fem forms.

Find u on (0, 1) x (-1, 1) with
    operator(u, v) + robin(u, v) = load(v) + flux(v), for every v that vanishes where u is given.
u = exp(x2)*sin(x1) on "left" (x1 = 0) and "top" (x2 = 1).
n . flux = -q*exp(x2)*sin(x1) on "bottom" (x2 = -1).
n . flux + (x1**2 + 1) u = x2*exp(x2)*sin(x1)/4 + (x1**2 + 1)*exp(x2)*sin(x1) + (x1**2 +
1)*exp(x2)*cos(x1) on "right" (x1 = 1).

operator: c0 = x1**2 + 1
operator: c1 = exp(x1)
load: c0 = -q*exp(x2)*sin(x1) - 2*x1*exp(x2)*cos(x1) + 3*x2*exp(x2)*cos(x1)/4 + (x1**2 +
1)*exp(x2)*sin(x1) + exp(x1)*exp(x2)*sin(x1) + exp(x2)*sin(x1)

Points are x (d, ...); `data` holds by name: q.
"""

from numpy import cos, exp, sin
from skfem import BilinearForm, LinearForm

DOMAIN = ((0, 1), (-1, 1))
PARTS = {"left": (-1, 0), "right": (1, 0), "bottom": (0, -1), "top": (0, 1)}
BREAKS = ((), ())
FAST_BREAKS = ()
COMPONENTS = 1
EXTERNALS = {}
PERIODIC = ()
SPANS = None
LOAD_VARIES = False


def operator_coefficients(points, data):
    """The coefficients of `operator` at points (d, ...)."""
    x1 = points[0]
    x2 = points[1]
    q = data["q"]
    return {"c0": x1**2 + 1, "x2": x2, "q": q, "c1": exp(x1)}


@BilinearForm
def operator(u, v, w):
    """int c0 * d1(u) * d1(v) + x2 * ((1/4) * d2(u) * d1(v) + d1(u) * v) + q * d2(u) * d2(v) + d2(u)
    * v + c1 * u * v"""
    return (
        w["c0"] * u.grad[0] * v.grad[0] + w["x2"] * ((1/4) * u.grad[1] * v.grad[0] + u.grad[0] * v)
            + w["q"] * u.grad[1] * v.grad[1] + u.grad[1] * v + w["c1"] * u * v
    )


def load_coefficients(points, data):
    """The coefficients of `load` at points (d, ...)."""
    x1 = points[0]
    x2 = points[1]
    q = data["q"]
    s0 = exp(x2)
    s1 = s0*sin(x1)
    s2 = s0*cos(x1)
    return {"c0": -q*s1 + s1*(x1**2 + 1) + s1*exp(x1) + s1 - 2*s2*x1 + (3/4)*s2*x2}


@LinearForm
def load(v, w):
    """int c0 * v"""
    return w["c0"] * v


@BilinearForm
def robin(u, v, w):
    """int alpha * u * v"""
    return w["alpha"] * u * v


@LinearForm
def flux(v, w):
    """int value * v"""
    return w["value"] * v


def natural_0(points, data):
    """n . flux + alpha u = value on "bottom" (x2 = -1)."""
    x1 = points[0]
    x2 = points[1]
    q = data["q"]
    return {"alpha": 0, "value": -q*exp(x2)*sin(x1)}


def natural_1(points, data):
    """n . flux + alpha u = value on "right" (x1 = 1)."""
    x1 = points[0]
    x2 = points[1]
    s0 = x1**2 + 1
    s1 = exp(x2)
    s2 = sin(x1)
    s3 = s0*s1
    return {"alpha": s0, "value": (1/4)*s1*s2*x2 + s2*s3 + s3*cos(x1)}


def essential_0(points, data):
    """u on "left" (x1 = 0) and "top" (x2 = 1)."""
    x1 = points[0]
    x2 = points[1]
    return exp(x2)*sin(x1)


OPERATOR = {(0, 0): operator}
LOAD = {0: load}
NATURAL = (
    (("bottom",), {(0, 0): robin}, {0: flux}, natural_0),
    (("right",), {(0, 0): robin}, {0: flux}, natural_1),
)
ESSENTIAL = ((("left", "top"), 0, essential_0, None),)
