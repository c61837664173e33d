"""One problem of every linear class, for the oracles. Each takes the scales and gives (equation,
unknown).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import sympy as sp

import nhpinn_sym as nh
from tests.symbolic import C, S


class Case(NamedTuple):
    """`order`: of the expansion; `points`: per axis, enough for a dense matrix to resolve the
    coefficients.
    """

    build: Callable[[nh.Scales], tuple[Any, Any]]
    scales: dict[str, Any]
    order: int
    points: int

    @property
    def problem(self) -> nh.MultiscaleProblem:
        s = nh.Scales(**self.scales)
        equation, unknown = self.build(s)
        return nh.MultiscaleProblem(equation, scales=s, unknown=unknown)


def scalar(
    residual: Callable[[nh.Scales, sp.Expr], sp.Expr],
) -> Callable[[nh.Scales], tuple[Any, Any]]:
    def build(s: nh.Scales) -> tuple[Any, Any]:
        u = s.unknown("u")
        return sp.Eq(residual(s, u), 1), u

    return build


def tensor(s: nh.Scales) -> sp.Matrix:
    return sp.Matrix([[3 + S(s.y[0]), C(s.y[1]) / 2], [S(s.y[0] + s.y[1]) / 3, 2 + C(s.y[0]) / 2]])


def curl(s: nh.Scales) -> sp.Matrix:
    return sp.Matrix([C(s.y[1]), S(s.y[0])])


def every_term(s: nh.Scales, u: sp.Expr) -> sp.Expr:
    return (
        (2 + S(s.y[0])) * s.dt(u)
        - s.div((3 + C(s.y[1])) * s.grad(u))
        + C(s.y[1]) * s.grad(u)[0] / s.eps
        + s.div(sp.Matrix([S(s.y[0]), 1 + C(s.y[0])]) * u)
        + 3 * S(s.y[0] + s.y[1]) * u / s.eps
        + C(s.y[1]) ** 2 * u
        - s.eps * s.div(S(s.y[0]) * s.grad(u))
        + s.eps**2 * C(s.y[1]) * u
    )


def stress(s: nh.Scales, v: sp.Matrix, scale: float = 1) -> sp.Matrix:
    e = s.sym_grad(v)
    return scale * (
        (2 + S(s.y[0]) / 4 + C(s.y[1]) / 4) * e.trace() * sp.eye(2)
        + (3 + C(s.y[0] + s.y[1]) / 2) * e
    )


def elasticity(s: nh.Scales) -> tuple[Any, Any]:
    v = s.unknown("v", components=2)
    return (-s.div(stress(s, v)), sp.Matrix([1, 1])), v


def elastic_wave(s: nh.Scales) -> tuple[Any, Any]:
    """Viscoelastic: the stress has a rate of strain as well."""
    v = s.unknown("v", components=2)
    return (
        (2 + C(s.y[0])) * s.dt(v, 2) - s.div(stress(s, v)) + S(s.y[1]) * v / s.eps,
        sp.Matrix([1, 1]),
    ), v


def coupled(s: nh.Scales) -> tuple[Any, Any]:
    u = s.unknown("u", components=2)
    exchange = sp.Matrix([[S(s.y[0]), C(s.y[0])], [2 * C(s.y[0]), -S(2 * s.y[0])]])
    return (
        s.dt(u)
        - s.div((3 + C(s.y[0])) * s.grad(u))
        + exchange * u / s.eps
        + sp.Matrix([[1, 2], [0, 3]]) * u,
        sp.Matrix([1, 1]),
    ), u


def thermoelastic(s: nh.Scales) -> tuple[Any, Any]:
    v, temperature = s.unknown("v", components=2), s.unknown("T")
    expansion = 1 + S(s.y[0]) / 2
    heat = (
        (2 + C(s.y[1])) * s.dt(temperature)
        - s.div((2 + S(s.y[1])) * s.grad(temperature))
        + expansion * s.sym_grad(s.dt(v)).trace()
    )
    return [
        (-s.div(stress(s, v) - expansion * temperature * sp.eye(2)), sp.Matrix([1, 1])),
        (heat, 1),
    ], [v, temperature]


def piezo(
    s: nh.Scales, stiffness: float = 1, coupling: float = 1, permittivity: float = 1
) -> tuple[Any, Any]:
    """A saddle point: the electric part has the opposite sign."""
    v, phi = s.unknown("v", components=2), s.unknown("phi")
    e, g = s.sym_grad(v), s.grad(phi)
    a, b = coupling * (1 + C(s.y[0]) / 4), coupling * S(s.y[1]) / 4
    sigma = stress(s, v, stiffness) + sp.Matrix([[a * g[1], b * g[0]], [b * g[0], a * g[1]]])
    displacement = (
        sp.Matrix([2 * b * e[0, 1], a * (e[0, 0] + e[1, 1])])
        - permittivity * (2 + S(s.y[0] + s.y[1]) / 2) * g
    )
    return [(-s.div(sigma), sp.Matrix([1, 1])), (-s.div(displacement), 1)], [v, phi]


def biharmonic(s: nh.Scales, u: sp.Expr) -> sp.Expr:
    return (
        s.laplacian((3 + C(s.y[0]) + S(s.y[1])) * s.laplacian(u))
        - s.div((2 + S(s.y[1])) * s.grad(u))
        + (1 + C(s.y[0])) * u
    )


def compressible(s: nh.Scales) -> sp.Matrix:
    """Not divergence free and not of zero mean: its adjoint kernel is not constant, and the law
    moves.
    """
    return sp.Matrix([sp.Rational(1, 2) + 2 * S(s.y[0]) + C(s.y[1]), C(s.y[0] + s.y[1])])


CLASSES = {
    "nonsymmetric tensor": Case(
        scalar(lambda s, u: -s.div(tensor(s) * s.grad(u))), {"dim": 2}, 3, 15
    ),
    "every term": Case(scalar(every_term), {"dim": 2, "time": True}, 3, 15),
    "flow/eps": Case(
        scalar(
            lambda s, u: -s.div((2 + S(s.y[0])) * s.grad(u)) + (curl(s).T * s.grad(u))[0] / s.eps
        ),
        {"dim": 2},
        3,
        15,
    ),
    "flow/eps in divergence form": Case(
        scalar(lambda s, u: s.dt(u) - s.laplacian(u) + s.div(curl(s) * u) / s.eps),
        {"dim": 2, "time": True},
        3,
        15,
    ),
    "terms of order eps": Case(
        scalar(
            lambda s, u: (
                -s.div((2 + S(s.y[0]) + s.eps * C(s.y[0])) * s.grad(u)) + s.eps * S(s.y[0]) * u
            )
        ),
        {"dim": 1},
        3,
        31,
    ),
    "three dimensions": Case(
        scalar(lambda s, u: -s.div((3 + S(s.y[0]) * C(s.y[1]) / 2 + C(s.y[2]) / 2) * s.grad(u))),
        {"dim": 3},
        2,
        7,
    ),
    "complex": Case(
        scalar(
            lambda s, u: -s.div((3 + S(s.y[0]) + sp.I * (1 + C(s.y[0]))) * s.grad(u)) + sp.I * u
        ),
        {"dim": 1},
        3,
        31,
    ),
    "wave": Case(
        scalar(lambda s, u: (2 + C(s.y[0])) * s.dt(u, 2) - s.div((2 + S(s.y[0])) * s.grad(u))),
        {"dim": 1, "time": True},
        3,
        31,
    ),
    "elasticity": Case(elasticity, {"dim": 2}, 2, 11),
    "elastic wave": Case(elastic_wave, {"dim": 2, "time": True}, 2, 11),
    "coupled reaction-diffusion": Case(coupled, {"dim": 1, "time": True}, 3, 31),
    "thermoelastic": Case(thermoelastic, {"dim": 2, "time": True}, 2, 9),
    "piezoelectric": Case(piezo, {"dim": 2}, 2, 9),
    "drift, moving frame": Case(
        scalar(
            lambda s, u: (
                (2 + S(s.y[0])) * s.dt(u)
                - s.laplacian(u)
                + (compressible(s).T * s.grad(u))[0] / s.eps
            )
        ),
        {"dim": 2, "time": True},
        3,
        15,
    ),
    "mean flow in divergence form": Case(
        scalar(
            lambda s, u: (
                (2 + S(s.y[0])) * s.dt(u)
                - s.laplacian(u)
                + s.div(u / 2) / s.eps
                + C(s.y[0]) * u / s.eps
            )
        ),
        {"dim": 1, "time": True},
        3,
        31,
    ),
    "non-divergence form": Case(
        scalar(
            lambda s, u: (
                -(4 + S(s.y[0])) * sp.diff(u, s.x[0], 2)
                - (3 + C(s.y[1] + s.y[0])) * sp.diff(u, s.x[1], 2)
            )
        ),
        {"dim": 2},
        3,
        15,
    ),
    "ground state": Case(
        scalar(
            lambda s, u: s.dt(u) - s.div((2 + S(s.y[0])) * s.grad(u)) + 8 * C(s.y[0]) * u / s.eps**2
        ),
        {"dim": 1, "time": True},
        3,
        31,
    ),
    "ground state and drift": Case(
        scalar(
            lambda s, u: (
                (2 + S(s.y[0])) * s.dt(u)
                - s.laplacian(u)
                + (1 + S(s.y[0])) * s.grad(u)[0] / s.eps
                + 8 * C(s.y[0]) * u / s.eps**2
            )
        ),
        {"dim": 1, "time": True},
        3,
        31,
    ),
    "time-periodic": Case(
        scalar(
            lambda s, u: (
                s.dt(u) - s.div((3 + S(s.y[0]) + C(s.tau)) * s.grad(u)) + C(s.y[0]) * u / s.eps
            )
        ),
        {"dim": 1, "fast_time": 2},
        2,
        15,
    ),
    "fourth order": Case(
        scalar(lambda s, u: sp.diff((2 + S(s.y[0])) * sp.diff(u, s.x[0], 2), s.x[0], 2)),
        {"dim": 1},
        3,
        31,
    ),
    "fourth order in two dimensions": Case(scalar(biharmonic), {"dim": 2}, 2, 15),
}
