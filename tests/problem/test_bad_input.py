"""Wrong input, as a new user writes it: each gets the typed error that quotes the term and names a
remedy.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.problem import errors as E
from tests.symbolic import C, S, derived, problem

HALF = sp.Rational(1, 2)
BOX = nh.Box((0, 1))
ZERO = (nh.Initial(0),)


def step(s: nh.Scales) -> sp.Expr:
    return sp.Piecewise((1, s.y[0] < HALF), (2, True))


def flux(s: nh.Scales, u: Any) -> Any:
    """A good operator to put wrong things beside."""
    return -s.div((2 + S(s.y[0])) * s.grad(u))


def with_a(a: Callable[[nh.Scales], Any], dim: int = 1, **options: Any) -> Callable[[], object]:
    return lambda: derived(lambda s, u: sp.Eq(-s.div(a(s) * s.grad(u)), 1), dim, **options)


def plus(
    extra: Callable[[nh.Scales, Any], Any], dim: int = 1, **options: Any
) -> Callable[[], object]:
    """The good operator plus `extra`."""
    return lambda: derived(lambda s, u: sp.Eq(flux(s, u) + extra(s, u), 1), dim, **options)


def source(f: Callable[[nh.Scales], Any], **options: Any) -> Callable[[], object]:
    return lambda: derived(lambda s, u: (flux(s, u), f(s)), **options)


def equation(
    whole: Callable[[nh.Scales, Any], Any], dim: int = 1, **options: Any
) -> Callable[[], object]:
    return lambda: derived(whole, dim, **options)


def options(**given: Any) -> Callable[[], object]:
    return lambda: derived(lambda s, u: sp.Eq(flux(s, u), 1), **given)


def boundary(*conditions: Any) -> Callable[[], object]:
    return options(domain=BOX, boundary=list(conditions))


def heat(
    initial: Any = ZERO, final_time: Any = 1, dt: Callable[[nh.Scales, Any], Any] | None = None
) -> Callable[[], object]:
    return lambda: derived(
        lambda s, u: sp.Eq((dt(s, u) if dt else s.dt(u)) + flux(s, u), 1),
        time=True,
        domain=BOX,
        boundary=[nh.Dirichlet(0)],
        initial=initial,
        final_time=final_time,
    )


def many_scales(write: Callable[[nh.Scales, Any], Any], **scales: Any) -> Callable[[], object]:
    def build() -> object:
        s = nh.Scales(1, **scales)
        u = s.unknown("u")
        return nh.homogenize(nh.MultiscaleProblem(sp.Eq(write(s, u), 1), scales=s, unknown=u))

    return build


def unknown(make: Callable[[nh.Scales], Any], **scales: Any) -> Callable[[], object]:
    """The equation and `unknown=` for what `make` gives."""

    def build() -> object:
        s = nh.Scales(1, **scales)
        u = make(s)
        return nh.homogenize(
            nh.MultiscaleProblem(sp.Eq(-s.div(2 * s.grad(s.unknown("u"))), 1), scales=s, unknown=u)
        )

    return build


ONE = nh.Scales(1)
Q = sp.Symbol("q")

CASES: dict[str, tuple[Callable[[], object], type[E.NhpinnError], str]] = {
    # nonlinear terms
    "u_xx^2": (
        plus(lambda s, u: sp.diff(u, s.x[0], 2) ** 2),
        E.NonlinearTermError,
        "Derivative(u(x1), (x1, 2))",
    ),
    "u u_xx": (plus(lambda s, u: u * u.diff(s.x[0], 2)), E.NonlinearTermError, "u(x1)*"),
    "integral of u": (
        plus(lambda s, u: sp.Integral(u, (s.x[0], 0, 1))),
        E.NonlinearTermError,
        "Integral",
    ),
    "u at a point": (plus(lambda s, u: u.subs(s.x[0], 0)), E.UnsupportedError, "u(0)"),
    "u with a delay": (
        plus(lambda s, u: u.subs(s.x[0], s.x[0] - 1)),
        E.UnsupportedError,
        "u(x1 - 1)",
    ),
    "u at y": (plus(lambda s, u: u.subs(s.x[0], s.y[0])), E.UnsupportedError, "u(y1)"),
    # symbols nobody declared, and coordinates of something else
    "undeclared symbol": (
        with_a(lambda s: 2 + Q),
        E.UndeclaredSymbolError,
        "parameters={q: (lower, upper)}",
    ),
    "undeclared in the source": (source(lambda s: Q), E.UndeclaredSymbolError, "q"),
    "plain x1": (source(lambda s: sp.Symbol("x1")), E.UndeclaredSymbolError, "s.x[0]"),
    "plain y1": (
        with_a(lambda s: 2 + S(sp.Symbol("y1", real=True))),
        E.UndeclaredSymbolError,
        "s.y[0]",
    ),
    "plain epsilon": (
        with_a(lambda s: 2 + S(s.x[0] / sp.Symbol("epsilon"))),
        E.UndeclaredSymbolError,
        "s.eps",
    ),
    "x2 in one dimension": (source(lambda s: nh.Scales(2).x[1]), E.UndeclaredSymbolError, "x2"),
    "y2 in one dimension": (
        with_a(lambda s: 2 + S(nh.Scales(2).y[1])),
        E.UndeclaredSymbolError,
        "y2",
    ),
    "y of another eps": (
        with_a(lambda s: 2 + S(s.y[0].func(s.x[0], Q))),
        E.UndeclaredSymbolError,
        "y1 = x1/q",
    ),
    "t without time": (source(lambda s: sp.Symbol("t", real=True)), E.UndeclaredSymbolError, "t"),
    "s.t without time": (lambda: ONE.t, E.ProblemError, "Scales(dim, time=True)"),
    "dt without time": (plus(lambda s, u: s.dt(u)), E.ProblemError, "time=True"),
    # coefficients
    "not positive": (with_a(lambda s: S(s.y[0])), E.CoefficientError, "sin(2*pi*y1)"),
    "wrong sign": (
        equation(lambda s, u: sp.Eq(s.div((2 + S(s.y[0])) * s.grad(u)), 1)),
        E.CoefficientError,
        "check its sign",
    ),
    "negative between the nodes": (
        with_a(lambda s: 1 + 1.00001 * sp.cos(2 * sp.pi * s.y[0] + 0.3)),
        E.CoefficientError,
        "not positive definite",
    ),
    "zero at one point": (
        with_a(lambda s: 1 + sp.cos(2 * sp.pi * s.y[0] + 1)),
        E.CoefficientError,
        "not positive definite",
    ),
    "indefinite tensor": (
        with_a(lambda s: sp.Matrix([[1, 2], [2, 1]]), 2),
        E.CoefficientError,
        "Matrix([[1, 2], [2, 1]])",
    ),
    "no diffusion along x2": (
        equation(lambda s, u: sp.Eq(-u.diff(s.x[0], 2), 1), 2),
        E.CoefficientError,
        "does not act along y2",
    ),
    "negative for some x": (
        with_a(lambda s: s.x[0] - HALF + S(s.y[0]) / 9),
        E.CoefficientError,
        "not positive definite",
    ),
    "negative for some parameter": (
        with_a(lambda s: Q + S(s.y[0]), parameters={Q: (0, 5)}),
        E.CoefficientError,
        "not positive definite",
    ),
    "pole": (
        with_a(lambda s: 1 / sp.sin(sp.pi * s.y[0]) ** 2),
        E.CoefficientError,
        "not a finite number",
    ),
    "pole between the nodes": (
        with_a(lambda s: 1 / sp.sin(sp.pi * s.y[0] + 1) ** 2),
        E.CoefficientError,
        "bounded",
    ),
    "root of a negative": (
        with_a(lambda s: sp.sqrt(S(s.y[0]))),
        E.CoefficientError,
        "not a finite number",
    ),
    "overflow": (
        with_a(lambda s: sp.exp(1000 * (2 + S(s.y[0])))),
        E.CoefficientError,
        "not a finite number",
    ),
    "reaction with a pole": (
        plus(lambda s, u: u / S(s.y[0]) ** 2),
        E.CoefficientError,
        "u(x1)/sin(2*pi*y1)**2",
    ),
    "Piecewise with a gap": (
        with_a(lambda s: sp.Piecewise((1, s.y[0] < HALF))),
        E.CoefficientError,
        "(value, True)",
    ),
    "zero coefficient": (with_a(lambda s: 0), E.CoefficientError, "does not hold the unknown"),
    "complex, turned over the cell": (
        with_a(lambda s: sp.exp(2 * sp.pi * sp.I * s.y[0])),
        E.CoefficientError,
        "not positive definite",
    ),
    "negative rho": (
        heat(dt=lambda s, u: -s.dt(u)),
        E.CoefficientError,
        "time derivative is not positive",
    ),
    "rho that changes sign": (
        heat(dt=lambda s, u: (1 + 2 * S(s.y[0])) * s.dt(u)),
        E.CoefficientError,
        "time derivative is not positive",
    ),
    "opaque where numbers are needed": (
        lambda: nh.solve_cells(with_a(lambda s: sp.Function("a")(s.y[0]))()),
        E.UnsupportedError,
        "a(y1)",
    ),
    "a function without numbers": (
        with_a(lambda s: 2 + sp.polylog(3, S(s.y[0]) / 3)),
        E.UnsupportedError,
        "polylog",
    ),
    # periods
    "period 2 pi in a unit cell": (
        with_a(lambda s: 2 + sp.sin(s.y[0])),
        E.PeriodError,
        "cell=Cell((0, 2*sp.pi))",
    ),
    "cell that does not fit": (
        with_a(lambda s: 2 + S(s.y[0]), cell=nh.Cell((0, 0.7))),
        E.PeriodError,
        "the period 0.7",
    ),
    "not periodic": (with_a(lambda s: 2 + s.y[0]), E.PeriodError, "y1"),
    "source that is not periodic": (source(lambda s: s.y[0]), E.PeriodError, "y1"),
    "Heaviside on one cell": (
        with_a(lambda s: 2 + sp.Heaviside(s.y[0] - HALF)),
        E.PeriodError,
        "sp.Piecewise on one cell",
    ),
    "y beside a Piecewise": (with_a(lambda s: s.y[0] + step(s)), E.PeriodError, "y1"),
    "2 pi typed by hand": (with_a(lambda s: 2 + sp.sin(6.2831 * s.y[0])), E.PeriodError, "6.2831"),
    # eps
    "sin(eps)": (with_a(lambda s: 2 + sp.sin(s.eps)), E.EpsilonError, "sin(epsilon)"),
    "1/(1 + eps)": (with_a(lambda s: 1 / (1 + s.eps)), E.EpsilonError, "epsilon + 1"),
    "sqrt(eps)": (
        plus(lambda s, u: u * S(s.y[0]) / sp.sqrt(s.eps)),
        E.EpsilonError,
        "sqrt(epsilon)",
    ),
    "exp(eps) in the source": (source(lambda s: sp.exp(s.eps)), E.EpsilonError, "exp(epsilon)"),
    "x/eps^2": (with_a(lambda s: 2 + S(s.x[0] / s.eps**2)), E.EpsilonError, "epsilon**2"),
    "x + x/eps^3": (
        with_a(lambda s: 2 + sp.sin(s.x[0] + 2 * sp.pi * s.x[0] / s.eps**3)),
        E.EpsilonError,
        "s.y",
    ),
    "contrast eps^2 in a phase": (
        with_a(lambda s: sp.Piecewise((s.eps**2, s.y[0] < HALF), (1, True))),
        E.EpsilonError,
        "Piecewise",
    ),
    # jumps
    "diff across a Piecewise": (
        equation(lambda s, u: sp.Eq(-sp.diff(step(s) * u.diff(s.x[0]), s.x[0]), 1)),
        E.JumpError,
        "s.div(a*s.grad(u))",
    ),
    "diff across a Heaviside": (
        equation(
            lambda s, u: sp.Eq(-sp.diff((1 + sp.Heaviside(S(s.y[0]))) * u.diff(s.x[0]), s.x[0]), 1)
        ),
        E.JumpError,
        "DiracDelta",
    ),
    "a u_xx with a jump": (
        equation(lambda s, u: sp.Eq(-step(s) * u.diff(s.x[0], 2), 1)),
        E.JumpError,
        "Piecewise",
    ),
    "delta function": (
        plus(lambda s, u: sp.DiracDelta(s.y[0] - HALF) * u),
        E.JumpError,
        "DiracDelta",
    ),
    # not an equation
    "a boolean": (equation(lambda s, u: flux(s, u) == 1), E.EquationError, "False"),
    "equal sides": (equation(lambda s, u: sp.Eq(u, u)), E.EquationError, "True"),
    "an expression": (equation(lambda s, u: flux(s, u) - 1), E.EquationError, "sp.Eq(lhs, rhs)"),
    "a string": (equation(lambda s, u: "u = 1"), E.EquationError, "'u = 1'"),
    "a string as a side": (
        equation(lambda s, u: (flux(s, u), "sin(x1)")),
        E.EquationError,
        "without quotes",
    ),
    "None": (equation(lambda s, u: (flux(s, u), None)), E.EquationError, "None"),
    "an inequality": (equation(lambda s, u: flux(s, u) < 1), E.EquationError, "sp.Eq"),
    "three sides": (equation(lambda s, u: (flux(s, u), 1, 2)), E.EquationError, "pair"),
    "no equation": (equation(lambda s, u: []), E.EquationError, "0 scalar equations"),
    "a vector equation": (
        equation(lambda s, u: sp.Eq(s.grad(u), sp.Matrix([1, 1])), 2),
        E.EquationError,
        "2 scalar equations for 1",
    ),
    "unequal shapes": (
        equation(lambda s, u: (flux(s, u), sp.Matrix([1, 2]))),
        E.EquationError,
        "1 and 2 components",
    ),
    "an array": (equation(lambda s, u: (flux(s, u), np.ones(3))), E.EquationError, "array"),
    "nan": (source(lambda s: float("nan")), E.EquationError, "nan"),
    "infinity": (with_a(lambda s: sp.oo), E.EquationError, "oo"),
    "flux as a list": (
        equation(lambda s, u: sp.Eq(s.div([u, u]), 1), 2),
        E.EquationError,
        "sp.Matrix",
    ),
    "divergence of a scalar": (
        equation(lambda s, u: sp.Eq(s.div(u), 1), 2),
        E.EquationError,
        "a flux has 2 components",
    ),
    "derivative by y": (
        equation(
            lambda s, u: sp.Eq(
                -sp.Derivative(
                    2 * sp.Derivative(u, s.y[0], evaluate=False), s.y[0], evaluate=False
                ),
                1,
            )
        ),
        E.EquationError,
        "neither x nor t",
    ),
    "derivative of order n": (
        plus(lambda s, u: sp.Derivative(u, (s.x[0], sp.Symbol("n", integer=True)))),
        E.EquationError,
        "that is no number",
    ),
    "dt of order 1.5": (heat(dt=lambda s, u: s.dt(u, 1.5)), E.ProblemError, "1.5"),
    "grad of a list": (lambda: ONE.grad([1]), E.EquationError, "[1]"),
    "sym_grad of a scalar": (lambda: ONE.sym_grad(sp.Matrix([1, 2])), E.ProblemError, "sym_grad"),
    # the unknown, the scales, the options
    "unknown is a symbol": (unknown(lambda s: sp.Symbol("u")), E.ProblemError, 's.unknown("u")'),
    "unknown is a string": (unknown(lambda s: "u"), E.ProblemError, "'u'"),
    "unknown is None": (unknown(lambda s: None), E.ProblemError, "None"),
    "unknown is a function class": (
        unknown(lambda s: sp.Function("u")),
        E.ProblemError,
        "not an unknown",
    ),
    "unknown of other scales": (
        unknown(lambda s: nh.Scales(2).unknown("u")),
        E.ProblemError,
        "u(x1, x2)",
    ),
    "unknown without time": (
        unknown(lambda s: ONE.unknown("u"), time=True),
        E.ProblemError,
        "(x1, t)",
    ),
    "unknown of y": (unknown(lambda s: sp.Function("u")(*s.x, *s.y)), E.ProblemError, "u(x1, y1)"),
    "another unknown": (unknown(lambda s: s.unknown("v")), E.CoefficientError, "v(x1)"),
    "unknown twice": (unknown(lambda s: [s.unknown("u")] * 2), E.ProblemError, "twice"),
    "no scales": (
        lambda: nh.MultiscaleProblem(sp.Eq(ONE.unknown("u"), 1), unknown=ONE.unknown("u")),
        E.ProblemError,
        "scales=s",
    ),
    "scales is a number": (
        lambda: nh.MultiscaleProblem(
            sp.Eq(ONE.unknown("u"), 1), scales=1, unknown=ONE.unknown("u")
        ),
        E.ProblemError,
        "scales",
    ),
    "cell is a tuple": (options(cell=(0, 1)), E.ProblemError, "cell=Cell((0, 1), ...)"),
    "cell of another dimension": (options(cell=nh.Cell.unit(2)), E.ProblemError, "dimension 2"),
    "domain is a tuple": (options(domain=(0, 1)), E.ProblemError, "domain=Box((0, 1), ...)"),
    "domain of another dimension": (
        options(domain=nh.Box((0, 1), (0, 1))),
        E.ProblemError,
        "dimension 2",
    ),
    "parameters as a list": (
        options(parameters=[Q]),
        E.ProblemError,
        "parameters={q: (lower, upper)}",
    ),
    "parameter keyed by a string": (options(parameters={"q": (0, 1)}), E.ProblemError, "'q'"),
    "parameter without a range": (
        options(parameters={Q: 1}),
        E.ProblemError,
        "pair of finite numbers",
    ),
    "parameter that is a coordinate": (
        options(parameters={ONE.x[0]: (0, 1)}),
        E.ProblemError,
        "coordinate",
    ),
    "parameter named like A": (
        options(parameters={sp.Symbol("A_11"): (0, 1)}),
        E.ProblemError,
        "A_11",
    ),
    "parameter named c": (
        options(parameters={sp.Symbol("c"): (0, 1)}),
        E.ProblemError,
        "effective coefficient",
    ),
    "parameter named lambda": (
        options(parameters={sp.Symbol("lambda"): (0, 1)}),
        E.ProblemError,
        "lam",
    ),
    "parameter named pi": (options(parameters={sp.Symbol("pi"): (0, 1)}), E.ProblemError, "pi"),
    "name is a number": (options(name=3), E.ProblemError, 'name="..."'),
    "tau_period": (options(tau_period=-1), E.ProblemError, "tau_period"),
    "homogenize of an equation": (
        lambda: nh.homogenize(sp.Eq(Q, 1)),
        E.ProblemError,
        "MultiscaleProblem",
    ),
    # boundary conditions
    "no condition": (boundary(), E.BoundaryConditionError, '"left" (x1 = 0), "right" (x1 = 1)'),
    "a part without": (
        boundary(nh.Dirichlet(0, on="left")),
        E.BoundaryConditionError,
        'no boundary condition on "right" (x1 = 1)',
    ),
    "a part with two": (
        boundary(nh.Dirichlet(0), nh.Neumann(0, on="right")),
        E.BoundaryConditionError,
        'two conditions on "right" (x1 = 1)',
    ),
    "boundary is None": (
        options(domain=BOX, boundary=None),
        E.ProblemError,
        "boundary=[Dirichlet(0)]",
    ),
    "boundary is a string": (
        options(domain=BOX, boundary="dirichlet"),
        E.ProblemError,
        "dirichlet",
    ),
    "boundary without a domain": (
        options(boundary=[nh.Dirichlet(0)]),
        E.BoundaryConditionError,
        "domain=Box(...)",
    ),
    "data in y": (boundary(nh.Dirichlet(ONE.y[0])), E.BoundaryConditionError, "do not oscillate"),
    "data in t": (
        boundary(nh.Dirichlet(sp.Symbol("t", real=True))),
        E.BoundaryConditionError,
        "not on t",
    ),
    "data in eps": (boundary(nh.Dirichlet(ONE.eps)), E.BoundaryConditionError, "not on epsilon"),
    "data in u": (
        boundary(nh.Robin(1, ONE.unknown("u"))),
        E.BoundaryConditionError,
        "holds the unknown",
    ),
    "undeclared symbol in data": (boundary(nh.Dirichlet(Q)), E.BoundaryConditionError, "q"),
    "string as data": (boundary(nh.Dirichlet("0")), E.BoundaryConditionError, "string"),
    "None as data": (boundary(nh.Dirichlet(None)), E.BoundaryConditionError, "None"),
    "nan as data": (boundary(nh.Dirichlet(float("nan"))), E.BoundaryConditionError, "nan"),
    "list as data": (boundary(nh.Dirichlet([0, 1])), E.BoundaryConditionError, "[0, 1]"),
    "function as data": (
        boundary(nh.Dirichlet(lambda x: x)),
        E.BoundaryConditionError,
        "not a SymPy expression",
    ),
    "boolean as data": (boundary(nh.Dirichlet(True)), E.BoundaryConditionError, "True"),
    # initial conditions
    "initial without time": (
        options(domain=BOX, boundary=[nh.Dirichlet(0)], initial=[nh.Initial(0)]),
        E.InitialConditionError,
        "no time derivative",
    ),
    "final time without time": (
        options(final_time=1),
        E.InitialConditionError,
        "no time derivative",
    ),
    "no initial": (heat([]), E.InitialConditionError, "initial=[]"),
    "two initial": (
        heat([nh.Initial(0), nh.Initial(1)]),
        E.InitialConditionError,
        "of the same order",
    ),
    "initial of a wave": (
        heat([nh.Initial(0), nh.Initial(0, order=1)]),
        E.InitialConditionError,
        "order=1",
    ),
    "initial order is a string": (
        heat([nh.Initial(0, order="first")]),
        E.InitialConditionError,
        "first",
    ),
    "initial is a number": (heat([0]), E.InitialConditionError, "initial=[Initial(0)]"),
    "initial is no list": (heat(0), E.ProblemError, "initial=[Initial(0)]"),
    "initial in y": (heat([nh.Initial(ONE.y[0])]), E.InitialConditionError, "y1"),
    "initial in t": (
        heat([nh.Initial(sp.Symbol("t", real=True))]),
        E.InitialConditionError,
        "not on t",
    ),
    "final time zero": (heat(final_time=0), E.InitialConditionError, "positive number"),
    "final time infinite": (heat(final_time=sp.oo), E.InitialConditionError, "infinity"),
    "final time is a symbol": (heat(final_time=Q), E.InitialConditionError, "positive number"),
    "final time is a string": (heat(final_time="1 s"), E.InitialConditionError, "string"),
    "final time is nan": (heat(final_time=float("nan")), E.InitialConditionError, "nan"),
    # problems outside this version
    "order 0": (lambda: nh.homogenize(None, order=0), E.ProblemError, "order=0"),
    "order 1.5": (lambda: nh.homogenize(None, order=1.5), E.ProblemError, "order=1.5"),
    "no problem": (lambda: nh.homogenize(None), E.ProblemError, "MultiscaleProblem"),
    "u_ttt": (
        heat([nh.Initial(0, order=k) for k in range(3)], dt=lambda s, u: s.dt(u, 3)),
        E.UnsupportedError,
        "order above two",
    ),
    "mixed derivative": (
        heat(dt=lambda s, u: s.dt(u) - s.laplacian(s.dt(u))),
        E.SolvabilityError,
        "Derivative(-Derivative(u(x1, t), x1, t), x1)",
    ),
    "u_t/eps": (
        heat(dt=lambda s, u: S(s.y[0]) * s.dt(u) / s.eps + s.dt(u)),
        E.UnsupportedError,
        "order eps^-1",
    ),
    "eps u_t": (heat(dt=lambda s, u: s.eps * s.dt(u)), E.UnsupportedError, "order eps^1"),
    "third derivative": (
        plus(lambda s, u: u.diff(s.x[0], 3)),
        E.UnsupportedError,
        "Derivative(u(x1), (x1, 3))",
    ),
    "sixth derivative": (
        equation(lambda s, u: sp.Eq(-u.diff(s.x[0], 6), 1)),
        E.UnsupportedError,
        "order above 4",
    ),
    "bilaplacian of the wrong sign": (
        equation(lambda s, u: sp.Eq(-s.laplacian(s.laplacian(u)), 1), 2),
        E.CoefficientError,
        "check its sign",
    ),
    "tau in (rho u)_t": (
        many_scales(
            lambda s, u: s.dt((2 + S(s.tau)) * u) - s.div((2 + S(s.y[0])) * s.grad(u)), fast_time=1
        ),
        E.SolvabilityError,
        "a reaction of order 1/eps",
    ),
    "no tau": (lambda: ONE.tau, E.ProblemError, "fast_time=2"),
    # solvability
    "high contrast": (
        equation(lambda s, u: sp.Eq(-s.div(s.eps**2 * s.grad(u)) + u, 1)),
        E.SolvabilityError,
        "not eps^-2",
    ),
    "mean reaction": (
        plus(lambda s, u: (1 + C(s.y[0])) * u / s.eps),
        E.SolvabilityError,
        "a reaction of order 1/eps has the mean 1",
    ),
    "mean reaction of a jump": (
        plus(lambda s, u: (step(s) - sp.Rational(149, 100)) * u / s.eps),
        E.SolvabilityError,
        "has the mean 0.01",
    ),
    "mean reaction at some x": (
        plus(lambda s, u: (s.x[0] + C(s.y[0])) * u / s.eps),
        E.SolvabilityError,
        "a reaction of order 1/eps",
    ),
    "mean drift": (plus(lambda s, u: u.diff(s.x[0]) / s.eps), E.SolvabilityError, "moving frame"),
    "mean source": (
        source(lambda s: 1 / s.eps),
        E.SolvabilityError,
        "a source of order 1/eps has the mean 1",
    ),
    "source of order eps^-2": (
        source(lambda s: S(s.y[0]) / s.eps**2),
        E.SolvabilityError,
        "eps^-2",
    ),
    "eps in front of the diffusion": (
        equation(lambda s, u: sp.Eq(s.eps * flux(s, u) + u, 1)),
        E.SolvabilityError,
        "power of eps",
    ),
    "no diffusion": (
        equation(lambda s, u: sp.Eq(u.diff(s.x[0]) + u, 1)),
        E.SolvabilityError,
        "add the diffusion",
    ),
    # the wrong value for a stage
    "cells of a problem": (
        lambda: nh.solve_cells(options()().problem),
        E.ProblemError,
        "homogenize(problem)",
    ),
    "emission of a problem": (
        lambda: nh.emit(options()().problem, "torch"),
        E.ProblemError,
        "homogenize(problem)",
    ),
    "fine solve of a model": (
        lambda: nh.solve_fine(options()(), 1),
        E.ProblemError,
        "MultiscaleProblem(equation",
    ),
    "grid of no points": (lambda: nh.solve_cells(options()(), n=0), E.ProblemError, "n=0"),
    "fine solve of a pole": (
        lambda: nh.solve_fine(
            problem(
                lambda s, u: sp.Eq(flux(s, u) + u / S(s.y[0]), 1),
                domain=BOX,
                boundary=nh.Dirichlet(0),
            ),
            1,
        ),
        E.CoefficientError,
        "not a finite number",
    ),
    "no cells": (
        lambda: nh.solve_homogenized(boundary(nh.Dirichlet(0))(), None, "skfem"),
        E.ProblemError,
        "cells = solve_cells(model)",
    ),
    "points of another dimension": (
        lambda: nh.solve_cells(options()()).functions[0]([[0.1, 0.2]]),
        E.ProblemError,
        "(n, 1)",
    ),
    "index of another dimension": (
        lambda: nh.solve_cells(options()()).functions[0].derivative([0.1], (1, 0)),
        E.ProblemError,
        "(1, 0)",
    ),
    "tolerance": (
        lambda: nh.solve_cells(options()(), tolerance=float("nan")),
        E.ProblemError,
        "tolerance",
    ),
    "value of no parameter": (
        lambda: nh.solve_cells(options()(), parameters={Q: 1}),
        E.UndeclaredSymbolError,
        "q",
    ),
    "parameter outside its range": (
        lambda: nh.solve_cells(options(parameters={Q: (0, 1)})(), parameters={Q: 2}),
        E.ProblemError,
        "range (0, 1)",
    ),
    "parameter that is a word": (
        lambda: nh.solve_cells(options(parameters={Q: (0, 1)})(), parameters={Q: "one"}),
        E.ProblemError,
        "'one'",
    ),
    # backends
    "unknown backend": (
        lambda: nh.solve_cells(options()(), "fenics"),
        E.UnknownBackendError,
        "fourier",
    ),
    "unknown target": (lambda: nh.emit(options()(), "julia"), E.UnknownBackendError, "torch"),
    "wave by no backend": (
        lambda: nh.solve_fine(
            problem(
                lambda s, u: sp.Eq(s.dt(u, 2) - s.div((2 + S(s.y[0])) * s.grad(u)), 0),
                time=True,
                domain=BOX,
                boundary=[nh.Dirichlet(0)],
                initial=[nh.Initial(0), nh.Initial(0, order=1)],
                final_time=1,
            ),
            1,
            "fenics",
        ),
        E.UnknownBackendError,
        "fenics",
    ),
    "equations by fourier": (
        lambda: nh.solve_fine(None, 1, "fourier"),
        E.UnsupportedError,
        "cell problems only",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_wrong_input_gets_its_typed_error(name: str) -> None:
    call, expected, fragment = CASES[name]
    with pytest.raises(E.NhpinnError) as caught:
        call()
    message = str(caught.value)
    assert type(caught.value) is expected, message
    assert fragment in message
    assert "term:" in message
    assert "remedy:" in message


@pytest.mark.parametrize(
    ("backend", "library", "remedy"),
    [
        ("pinn", "torch", "pip install torch"),
        ("skfem", "skfem", "pip install scikit-fem"),
        ("dolfinx", "dolfinx", "dolfinx-solver-real"),
    ],
)
def test_a_backend_that_is_not_installed_says_how_to_get_it(
    backend: str, library: str, remedy: str
) -> None:
    """A finder in front of all others hides the library, as if it were not there; everything else
    still works.
    """
    program = f"""
import sys
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {library!r}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)
sys.meta_path.insert(0, Hide())
import sympy as sp, nhpinn_sym as nh
s = nh.Scales(1); u = s.unknown("u")
model = nh.homogenize(nh.MultiscaleProblem(sp.Eq(-s.div((2 + sp.sin(2*sp.pi*s.y[0]))*s.grad(u)), 1), scales=s, unknown=u))
assert abs(nh.solve_cells(model, "fourier").effective["A"][0, 0] - 3**0.5) < 1e-12
try:
    nh.solve_cells(model, {backend!r})
except nh.BackendMissingError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert f"the backend {backend} needs {library}" in done.stdout
    assert remedy in done.stdout


def test_the_errors_are_also_what_python_calls_them() -> None:
    assert issubclass(E.ProblemError, ValueError)
    assert issubclass(E.BackendMissingError, ImportError)
    assert issubclass(E.OutputPathError, OSError)
    assert str(E.NhpinnError("what", term=Q, remedy="how")) == "what\n  term:   q\n  remedy: how"
