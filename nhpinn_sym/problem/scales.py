"""Coordinates of a multiscale problem: slow x, fast y = x/eps, time t, and the vector calculus on
them.

Fast variables are applied functions of (x_i, eps), not plain symbols: SymPy's own `diff`, `doit`
and `simplify` then apply the chain rule d/dx_i = d_x + eps^-1 d_y by themselves, and an operator
that was expanded by hand is still right.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.matrices import MatrixBase

from .errors import EquationError, ProblemError, shortened
from .user_input import check_unknown_name, instance, positive_number, scalar

MAX_COMPONENTS = 64
MAX_TIME_ORDER = 64
"""Scalar unknowns of one field, and order of a time derivative that can be written."""


class Fast(sp.Function):
    """A fast variable as a function of (slow variable, eps); equal to slow/eps, and printed as y1,
    y2, ...
    """

    nargs = 2
    _diff_wrt = True
    is_real = True
    letter = "y"
    power: sp.Expr = sp.Integer(1)

    @classmethod
    def eval(cls, slow: sp.Expr, eps: sp.Expr) -> sp.Expr | None:
        if slow.is_number and eps.is_number:
            return slow / eps**cls.power
        return None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        slow, eps = self.args
        if argindex == 1:
            return eps**-self.power
        return -self.power * slow * eps ** (-self.power - 1)

    @property
    def symbol(self) -> sp.Symbol:
        """The plain symbol that stands for it in derived expressions."""
        return sp.Symbol(
            self.letter + str(self.args[0]).removeprefix("x").removeprefix("t"), real=True
        )

    def _sympystr(self, printer: Any) -> str:
        return self.symbol.name

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        base = printer.doprint(self.symbol)
        if exp is None:
            return base
        return f"{{{base}}}^{{{exp}}}"


class Faster(Fast):
    """The second fast variable z = x/eps^2."""

    letter = "z"
    power = sp.Integer(2)


class Scales:
    """Coordinates: tuples `x` (slow) and `y` (fast, y = x/eps), `eps`, and `t` where time=True.

    levels=2 adds `z` = x/eps^2; fast_time=k adds `tau` = t/eps^k (k a positive rational).
    Derivatives in a problem are taken with grad, div, sym_grad, laplacian, hessian, dt, or with
    sp.diff / sp.Derivative by x and t.

    >>> s = nh.Scales(2)
    >>> s.x, s.y, s.eps
    ((x1, x2), (y1, y2), epsilon)
    >>> s.y[0].diff(s.x[0])
    1/epsilon
    >>> s.laplacian(s.unknown("u"))
    Derivative(u(x1, x2), (x1, 2)) + Derivative(u(x1, x2), (x2, 2))
    """

    def __init__(
        self, dim: int, time: bool = False, levels: int = 1, fast_time: object = None
    ) -> None:
        if type(dim) is not int or dim not in (1, 2, 3):
            raise ProblemError(
                "the dimension is 1, 2 or 3",
                term=shortened(dim),
                remedy="write Scales(2)",
            )
        if type(levels) is not int or levels not in (1, 2):
            raise ProblemError(
                "levels is 1 (y) or 2 (y and z)",
                term=shortened(levels),
                remedy="write Scales(2, levels=2) where there is z = x/eps^2",
            )
        self.dim = dim
        self.levels = levels
        self.time = instance(time, bool, "time", "write time=True") or fast_time is not None
        self.eps = sp.Symbol("epsilon", positive=True)
        self.x: tuple[sp.Symbol, ...] = sp.symbols(f"x1:{dim + 1}", real=True)
        self.y: tuple[Fast, ...] = tuple(Fast(v, self.eps) for v in self.x)
        self.z: tuple[Fast, ...] = ()
        if levels == 2:
            self.z = tuple(Faster(v, self.eps) for v in self.x)
        self._t = sp.Symbol("t", real=True)
        self.fast_time: sp.Rational | None = None
        self._tau: Fast | None = None
        if fast_time is not None:
            self.fast_time = _positive_rational(fast_time)
            self._tau = _fast_time(self.fast_time)(self._t, self.eps)

    def __repr__(self) -> str:
        given = [str(self.dim)]
        given += ["time=True"] if self.time else []
        given += ["levels=2"] if self.levels == 2 else []
        given += [] if self.fast_time is None else [f"fast_time={self.fast_time}"]
        return f"Scales({', '.join(given)})"

    @property
    def t(self) -> sp.Symbol:
        """The time; ProblemError where the scales have none."""
        if not self.time:
            raise ProblemError(
                "these scales have no time", term="t", remedy="write Scales(dim, time=True)"
            )
        return self._t

    @property
    def tau(self) -> Fast:
        """The fast time t/eps^k."""
        if self._tau is None:
            raise ProblemError(
                "these scales have no fast time",
                term="tau",
                remedy="write Scales(dim, fast_time=2)",
            )
        return self._tau

    @property
    def fast(self) -> tuple[Fast, ...]:
        """All fast variables."""
        return self.y + self.z + (() if self._tau is None else (self._tau,))

    @property
    def physical(self) -> tuple[sp.Symbol, ...]:
        """x_1..x_d, t: the coordinates of the multi-indices of the term table (t last, present even
        without time).
        """
        return (*self.x, self._t)

    @property
    def arguments(self) -> tuple[sp.Symbol, ...]:
        """What an unknown is a function of: x_1..x_d, and t where there is time."""
        if self.time:
            return self.physical
        return self.x

    def plain(self, expr: sp.Expr) -> sp.Expr:
        """`expr` with every fast variable replaced by its plain symbol."""
        return expr.xreplace({v: v.symbol for v in self.fast})

    def unknown(self, name: str, components: int = 1) -> Any:
        """An unknown function of x (and t): scalar, or a column of `components` functions name_1,
        name_2, ...
        """
        check_unknown_name(name)
        if type(components) is not int or not 1 <= components <= MAX_COMPONENTS:
            raise ProblemError(
                f"components is an integer from 1 to {MAX_COMPONENTS}",
                term=shortened(components),
                remedy='write s.unknown("v", components=2)',
            )
        if components == 1:
            return sp.Function(name)(*self.arguments)
        return sp.ImmutableMatrix(
            [sp.Function(f"{name}_{i + 1}")(*self.arguments) for i in range(components)]
        )

    def grad(self, u: Any) -> sp.ImmutableMatrix:
        """Gradient: (d, 1) of a scalar, (n, d) of a vector of n components, grad(v)[i, k] = d_k
        v_i.
        """
        rows = _column(u)
        table = sp.ImmutableMatrix([[_d(e, v) for v in self.x] for e in rows])
        if not isinstance(u, MatrixBase):
            return table.T
        return table

    def sym_grad(self, v: Any) -> sp.ImmutableMatrix:
        """Symmetric gradient (strain) of a vector of d components: (d, d)."""
        g = self.grad(v)
        if g.shape != (self.dim, self.dim):
            raise ProblemError(
                f"sym_grad takes a vector of {self.dim} components",
                term=v,
                remedy=f'make it by s.unknown("v", components={self.dim})',
            )
        return (g + g.T) / 2

    def div(self, flux: Any) -> Any:
        """Divergence: scalar of a (d, 1) or (1, d) flux, (n, 1) of an (n, d) one, (div S)_i = sum_k
        d_k S_ik.
        """
        if not isinstance(flux, MatrixBase):
            if self.dim == 1:
                return _d(
                    scalar(
                        flux,
                        EquationError,
                        "the flux",
                        remedy="a flux is a*s.grad(u), or a scalar in one dimension",
                    ),
                    self.x[0],
                )
            raise EquationError(
                "div takes a vector or a matrix, and this is neither",
                term=shortened(flux),
                remedy=(
                    f"a flux has {self.dim} components, such as a*s.grad(u) or sp.Matrix([...]); a"
                    " nan in it makes it a scalar"
                ),
            )
        rows = flux.T if flux.shape == (self.dim, 1) else flux
        if rows.shape[1] != self.dim:
            raise ProblemError(
                f"div takes {self.dim} columns, and this has the shape {flux.shape}",
                term=flux,
                remedy="(div S)_i = sum_k d_k S_ik",
            )
        for entry in rows:
            scalar(entry, EquationError, "an entry of the flux", remedy="a flux has scalar entries")
        sums = [
            sp.Add(*[_d(rows[i, k], self.x[k]) for k in range(self.dim)])
            for i in range(rows.shape[0])
        ]
        if len(sums) == 1:
            return sums[0]
        return sp.ImmutableMatrix(sums)

    def laplacian(self, u: Any) -> Any:
        """div grad u, of a scalar or of each component."""
        return self.div(self.grad(u))

    def hessian(self, u: sp.Expr) -> sp.ImmutableMatrix:
        """(d, d) matrix of second derivatives of a scalar."""
        scalar(u, EquationError, "what is differentiated", remedy="hessian takes a scalar")
        return sp.ImmutableMatrix(self.dim, self.dim, lambda i, j: _d(_d(u, self.x[i]), self.x[j]))

    def dt(self, u: Any, order: int = 1) -> Any:
        """Time derivative of the given order, of a scalar or of each component."""
        if type(order) is not int or not 1 <= order <= MAX_TIME_ORDER:
            raise ProblemError(
                "the order of a time derivative is a positive integer",
                term=shortened(order),
                remedy="write s.dt(u), or s.dt(u, 2)",
            )
        if isinstance(u, MatrixBase):
            return u.applyfunc(lambda e: self.dt(e, order)).as_immutable()
        return sp.Derivative(
            scalar(u, EquationError, "what is differentiated"), (self.t, order), evaluate=False
        )


def unknown_functions(unknown: Any) -> tuple[AppliedUndef, ...]:
    """The scalar functions of one unknown, or of a list of unknowns, in order (not checked)."""
    fields = unknown if isinstance(unknown, (list, tuple)) else [unknown]
    return tuple(
        f for field in fields for f in (field if isinstance(field, MatrixBase) else [field])
    )


def _column(u: Any) -> Iterable[sp.Expr]:
    if isinstance(u, MatrixBase):
        return list(u)
    return [
        scalar(
            u,
            EquationError,
            "what is differentiated",
            remedy="write s.grad(u) of a scalar, or of a sp.Matrix",
        )
    ]


def _d(expr: sp.Expr, variable: sp.Symbol) -> sp.Expr:
    """Unevaluated derivative: the divergence form is kept as it was written."""
    return sp.Derivative(expr, variable, evaluate=False)


def _positive_rational(value: object) -> sp.Rational:
    number = sp.nsimplify(
        positive_number(value, ProblemError, "fast_time", "write fast_time=2 for tau = t/eps^2")
    )
    if not number.is_rational:
        raise ProblemError(
            "fast_time is a positive rational power of eps",
            term=value,
            remedy="write fast_time=2 for tau = t/eps^2",
        )
    return number


def _fast_time(power: sp.Expr) -> type[Fast]:
    return type("FastTime", (Fast,), {"letter": "tau", "power": power})
