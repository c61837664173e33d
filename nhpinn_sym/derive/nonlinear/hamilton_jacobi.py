"""Hamilton-Jacobi equations: b(u)_t - eps div A(x,y,grad u) + H(x,y,u,grad u) = f.

With u = u0 + eps N(y; x, u0, grad u0) + ... the state problem is at order 0,
    -div_y A(xi + grad_y N) + H(s, xi + grad_y N) = Hbar(x, s, xi),   <N> = 0,
in which the constant Hbar is unknown: the Fredholm multiplier of a linearized operator that
constants are a kernel of (L. C. Evans, Periodic homogenisation of certain fully nonlinear partial
differential equations, 1992). The limit b(u0)_t + Hbar(x, u0, grad u0) = f is of first order, for
viscosity solutions. Its derivative is <m H_p>, m the invariant measure: with T = dA/dp,
    -div_y( T^t grad_y m ) - div_y( H_p m ) = 0,   <m> = 1.
Without diffusion the state problem has no linearized operator of this kind; in one dimension, for H
convex and coercive in p, Hbar comes from the roots of H = Hbar: `runtime.inverted_hamiltonian`.
"""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from ...operator.nonlinear_terms import jet_symbol
from ...operator.table import MultiIndex, Operator, unit
from ...problem.errors import UnsupportedError
from .state import StateProblem, check_scales, state_problem


def read_state(op: Operator) -> StateProblem:
    """`state_problem`, and that of Hamilton-Jacobi equations."""
    if is_hamilton_jacobi(op):
        return hamilton_jacobi_problem(op)
    return state_problem(op)


def is_hamilton_jacobi(op: Operator) -> bool:
    """Whether the equation holds a function of the gradient that is not linear, and no divergence
    or derivative of second order but with a power of eps in front.
    """
    d = op.problem.scales.dim
    if op.components != 1:
        return False
    led = [t for t in op.table if sum(t.left[:d]) and t.field is not None]
    if any(t.power <= 0 for t in led):
        return False
    if any(sum(place.left[:d]) and place.power <= 0 for place in op.fluxes):
        return False
    slopes = _slopes(op)
    return any(place.power <= 0 and e.has(*slopes) for place, e in op.fluxes.items())


def hamilton_jacobi_problem(op: Operator) -> StateProblem:
    """The parts of the equation; UnsupportedError for terms that it does not have."""
    d = op.problem.scales.dim
    size = d + 1
    zero = (0,) * size
    axes = {unit(k, size): k for k in range(d)}
    flux = [sp.Integer(0)] * d
    hamiltonian = sp.Integer(0)
    storage = sp.Integer(0)
    for left, power, e, shown in _entries(op):
        if power == 0 and left == zero:
            hamiltonian += e
        elif power == 0 and left == unit(d, size):
            storage += e
        elif power == 1 and left in axes:
            flux[axes[left]] -= e
        elif power < 0 or (power <= 1 and any(left)):
            raise UnsupportedError(
                f"a term of order eps^{power} in a Hamilton-Jacobi equation",
                term=shown,
                remedy=(
                    "it is s.dt(u) - s.eps*s.div(A(y, grad u)) + H(y, u, grad u) = f: the"
                    " diffusion has the factor s.eps, the Hamiltonian none"
                ),
            )
    check_scales(op)
    if d > 1 and not any(a.has(*_slopes(op)) for a in flux):
        raise UnsupportedError(
            f"a Hamilton-Jacobi equation without diffusion in {d} dimensions: no formula gives its"
            " law, and its corrector is not unique",
            term=hamiltonian,
            remedy="add the diffusion -s.eps*mu*s.laplacian(u), and let mu become small",
        )
    value = jet_symbol(op.problem, 0, zero)
    if storage.has(*op.fast):
        raise UnsupportedError(
            "a time derivative with a coefficient that oscillates in a Hamilton-Jacobi equation",
            term=storage,
            remedy="divide the equation by it",
        )
    jets = (value, *_slopes(op), *op.fast)
    parts = sp.Add.make_args(hamiltonian)
    load = sp.Add(*[-part for part in parts if not part.has(*jets)])
    return StateProblem(
        op,
        (value,),
        (_slopes(op),),
        (tuple(flux),),
        ((sp.Integer(0),) * d,),
        (sp.Integer(0),),
        (hamiltonian + load,),
        (storage,),
        (load,),
        ergodic=True,
    )


def _entries(op: Operator) -> Iterator[tuple[MultiIndex, int, sp.Expr, sp.Expr]]:
    """(left, power of eps, expression in jets, the term as it was written)."""
    d = op.problem.scales.dim
    size = d + 1
    for term, c in op.table.items():
        shown = op.show(term)
        if term.field is None:
            yield term.left, term.power, c, shown
        elif sum(term.right) > 1 or (term.right[d] and (any(term.left) or term.power)):
            raise UnsupportedError(
                "a term of this kind in a Hamilton-Jacobi equation",
                term=shown,
                remedy="write its diffusion as s.eps*s.div(A(y, grad u))",
            )
        elif term.right[d]:
            rate = sp.diff(c, op.coordinates[d])
            value = jet_symbol(op.problem, 0, (0,) * size)
            yield term.right, 0, c * value, shown
            if rate != 0:
                yield (0,) * size, 0, -rate * value, shown
        else:
            yield term.left, term.power, c * jet_symbol(op.problem, 0, term.right), shown
    for place, e in op.fluxes.items():
        yield place.left, place.power, e, e


def _slopes(op: Operator) -> tuple[sp.Symbol, ...]:
    d = op.problem.scales.dim
    return tuple(jet_symbol(op.problem, 0, unit(k, d + 1)) for k in range(d))
