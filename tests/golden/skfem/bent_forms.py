"""Manufactured as scikit-fem forms.

Find u on (0, 1) x (-1, 1) with
    sum_ij operator_i_j(u_j, v_i) + sum_i robin(u_i, v_i) = sum_i load_i(v_i) + sum_i flux(v_i), for
        every v that vanishes where u is given.
u_0 = sin(x1 + 2*x2) on "left" (x1 = 0) and "bottom" (x2 = -1).
u_1 = cos(2*x1) on "left" (x1 = 0).
n . flux_0 = (q + 2*x1 + 2)*cos(x1 + 2*x2) on "right" (x1 = 1).
n . flux_0 + (x1**2 + 1) u_0 = -2*(x1 + 1)*sin(2*x1) + 2*(x1 + 1)*cos(x1 + 2*x2) + (x1**2 +
1)*sin(x1 + 2*x2) on "top" (x2 = 1).
n . flux_1 = -2*(x1 + 1)*sin(2*x1) + 2*(x1 + 1)*cos(x1 + 2*x2) on "right" (x1 = 1).
n . flux_1 = -q*cos(x1 + 2*x2) on "bottom" (x2 = -1).
n . flux_1 + (x1**2 + 1) u_1 = q*cos(x1 + 2*x2) + (x1**2 + 1)*cos(2*x1) on "top" (x2 = 1).

operator: c0 = q + 2*x1 + 2
operator: c1 = x1 + 1
load: c0 = 4*(x1 + 1)*sin(x1 + 2*x2) + (q + 2*x1 + 2)*sin(x1 + 2*x2) - 2*cos(x1 + 2*x2)
load: c1 = 2*q*sin(x1 + 2*x2) + 2*(x1 + 1)*sin(x1 + 2*x2) + 4*(x1 + 1)*cos(2*x1) + 2*sin(2*x1) -
2*cos(x1 + 2*x2)

Points are x (d, ...); `data` holds by name: q.
"""

from numpy import cos, sin
from skfem import BilinearForm, LinearForm

DOMAIN = ((0, 1), (-1, 1))
PARTS = {"left": (-1, 0), "right": (1, 0), "bottom": (0, -1), "top": (0, 1)}
BREAKS = ((), ())
FAST_BREAKS = ()
COMPONENTS = 2
EXTERNALS = {}
PERIODIC = ()
SPANS = None
LOAD_VARIES = False


def operator_coefficients(points, data):
    """The coefficients of `operator` at points (d, ...)."""
    x1 = points[0]
    q = data["q"]
    return {"c0": q + 2*x1 + 2, "c1": x1 + 1, "q": q}


@BilinearForm
def operator_0_0(u, v, w):
    """int c0 * d1(u) * d1(v) + c1 * d2(u) * d2(v)"""
    return w["c0"] * u.grad[0] * v.grad[0] + w["c1"] * u.grad[1] * v.grad[1]


@BilinearForm
def operator_0_1(u, v, w):
    """int q * d2(u) * d1(v) + c1 * d1(u) * d2(v)"""
    return w["q"] * u.grad[1] * v.grad[0] + w["c1"] * u.grad[0] * v.grad[1]


@BilinearForm
def operator_1_0(u, v, w):
    """int c1 * d2(u) * d1(v) + q * d1(u) * d2(v)"""
    return w["c1"] * u.grad[1] * v.grad[0] + w["q"] * u.grad[0] * v.grad[1]


@BilinearForm
def operator_1_1(u, v, w):
    """int c1 * d1(u) * d1(v) + c0 * d2(u) * d2(v)"""
    return w["c1"] * u.grad[0] * v.grad[0] + w["c0"] * u.grad[1] * v.grad[1]


def load_coefficients(points, data):
    """The coefficients of `load` at points (d, ...)."""
    x1 = points[0]
    x2 = points[1]
    q = data["q"]
    s0 = x1 + 2*x2
    s1 = -2*cos(s0)
    s2 = sin(s0)
    s3 = x1 + 1
    s4 = s2*s3
    s5 = 2*x1
    return {"c0": s1 + s2*(q + s5 + 2) + 4*s4, "c1": 2*q*s2 + s1 + 4*s3*cos(s5) + 2*s4 + 2*sin(s5)}


@LinearForm
def load_0(v, w):
    """int c0 * v"""
    return w["c0"] * v


@LinearForm
def load_1(v, w):
    """int c1 * v"""
    return w["c1"] * v


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
    x2 = points[1]
    q = data["q"]
    return {"alpha": 0, "value": (q + 2*x1 + 2)*cos(x1 + 2*x2)}


def natural_1(points, data):
    """n . flux_0 + alpha u_0 = value on "top" (x2 = 1)."""
    x1 = points[0]
    x2 = points[1]
    s0 = x1**2 + 1
    s1 = 2*x1 + 2
    s2 = x1 + 2*x2
    return {"alpha": s0, "value": s0*sin(s2) - s1*sin(2*x1) + s1*cos(s2)}


def natural_2(points, data):
    """n . flux_1 + alpha u_1 = value on "right" (x1 = 1)."""
    x1 = points[0]
    x2 = points[1]
    s0 = x1 + 1
    return {"alpha": 0, "value": -2*s0*sin(2*x1) + 2*s0*cos(x1 + 2*x2)}


def natural_3(points, data):
    """n . flux_1 + alpha u_1 = value on "bottom" (x2 = -1)."""
    x1 = points[0]
    x2 = points[1]
    q = data["q"]
    return {"alpha": 0, "value": -q*cos(x1 + 2*x2)}


def natural_4(points, data):
    """n . flux_1 + alpha u_1 = value on "top" (x2 = 1)."""
    x1 = points[0]
    x2 = points[1]
    q = data["q"]
    s0 = x1**2 + 1
    return {"alpha": s0, "value": q*cos(x1 + 2*x2) + s0*cos(2*x1)}


def essential_0(points, data):
    """u_0 on "left" (x1 = 0) and "bottom" (x2 = -1)."""
    x1 = points[0]
    x2 = points[1]
    return sin(x1 + 2*x2)


def essential_1(points, data):
    """u_1 on "left" (x1 = 0)."""
    x1 = points[0]
    return cos(2*x1)


OPERATOR = {(0, 0): operator_0_0, (0, 1): operator_0_1, (1, 0): operator_1_0, (1, 1): operator_1_1}
LOAD = {0: load_0, 1: load_1}
NATURAL = (
    (("right",), {(0, 0): robin}, {0: flux}, natural_0),
    (("top",), {(0, 0): robin}, {0: flux}, natural_1),
    (("right",), {(1, 1): robin}, {1: flux}, natural_2),
    (("bottom",), {(1, 1): robin}, {1: flux}, natural_3),
    (("top",), {(1, 1): robin}, {1: flux}, natural_4),
)
ESSENTIAL = ((("left", "bottom"), 0, essential_0, None), (("left",), 1, essential_1, None))
