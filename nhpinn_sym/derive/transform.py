"""Transformations in front of the expansion: the ground state of a reaction of order eps^-2, and
the moving frame of a mean drift.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

import sympy as sp

from ..operator.table import Operator, Table, Term, differentiate, unit
from ..operator.zero_test import is_zero
from ..problem.errors import SolvabilityError, UnsupportedError
from . import diagnose
from .diagnose import Kernels
from .effective_law import closed_mean, weighted_averages
from .effective_terms import Frame, Transformation
from .notation import equation
from .products import Averages, Function, Pairing, Product
from .prose import Formula, Prose, fast_of_slow
from .recursion import Recursion
from .to_sympy import Writer, moving_coordinates

Expansion = dict[int, Table]

LAMBDA = sp.Symbol("lambda0", real=True)
VELOCITY = "drift_{}"


def is_transpose_of_itself(op: Operator) -> bool:
    """Whether the operator equals its transpose in space: (i, left, c, j, right) and (j, right,
    +-c, i, left), the sign that of the derivatives.
    """
    if any(axis.slow == len(op.coordinates) - 1 for axis in op.axes) or any(
        c.has(*op.coordinates) for _, c in op.terms()
    ):
        return False
    table = dict(op.terms())
    for t, c in table.items():
        row = t.field or 0
        if t.right[-1]:
            mirrored = t._replace(equation=row, field=t.equation)
            if any(t.left) or any(t.right[:-1]):
                return False
        else:
            mirrored = t.mirrored()
        sign = (-1) ** (sum(t.left[:-1]) + sum(t.right[:-1]))
        other = sign * table.get(mirrored, sp.Integer(0))
        if c != other and not is_zero(c - other, [c]):
            return False
    return True


def ground_state(
    op: Operator, powers: Expansion, lowest: int
) -> tuple[sp.Symbol, Table, Expansion, Transformation]:
    """u = e^{-lambda t/eps^2} phi(y) v: (eigenvalue, mass, operator of v with -lambda mass in A_0,
    report).

    Vanninathan 1981; Allaire, Capdeboscq 2000. A stationary problem needs lambda = 0, which is seen
    when phi is computed.
    """
    timely = [(t, c) for t, c in op.terms() if any(t.right[-1:])]
    if any(t.right[-1] > 1 or any(t.left) or any(t.right[:-1]) or t.power for t, _ in timely):
        raise UnsupportedError(
            "a second or mixed time derivative together with a reaction of order eps^-2",
            term=" + ".join(str(op.show(t)) for t, _ in timely),
            remedy="rho(y) u_t is covered",
        )
    rho = sp.Add(*[c for _, c in timely]) if timely else sp.Integer(1)
    zero = (0,) * (len(op.coordinates) + len(op.axes))
    place = Term(0, zero, 0, zero, lowest)
    shifted = dict(powers[lowest])
    # u_t = -lambda0/eps^2 u + ..., so that A_0 loses lambda0 rho, and its kernel is the ground
    # state.
    shifted[place] = shifted.get(place, sp.Integer(0)) - LAMBDA * rho
    u = op.problem.unknowns[0]
    v = sp.Function("v")(*op.problem.unknowns[0].args)
    phi = sp.Function("phi")(*op.fast)
    eps = op.problem.scales.eps
    growth = sp.exp(-LAMBDA * op.problem.scales.t / eps**2) if timely else sp.Integer(1)
    remark = Prose(
        "The leading operator does not vanish on constants: ",
        Formula("u", "u"),
        " is a ground state ",
        Formula("phi(y)", r"\phi(y)"),
        " times ",
        Formula("v", "v"),
        ", and ",
        Formula("v", "v"),
        " is homogenized. ",
    )
    if timely:
        decay = Formula("exp(-lambda0 t/eps^2)", r"\exp(-\lambda_0 t/\epsilon^2)")
        remark += Prose(Formula("u", "u"), " decays as ", decay, ".")
    else:
        needed = Formula("lambda0 = 0", r"\lambda_0 = 0")
        remark += Prose("This needs ", needed, ", since there is no time derivative.")
    mass = {place._replace(power=0): rho}
    return (
        LAMBDA,
        mass,
        {**powers, lowest: shifted},
        Transformation("Factorization", remark, (equation(u, growth * phi * v),)),
    )


def moving_frame(
    op: Operator, powers: Expansion, kernels: Kernels
) -> tuple[tuple[Frame, ...], Expansion, tuple[Transformation, ...]]:
    """X = x - c t/eps where there is a mean drift c of order 1/eps.

    Returns (frame, operator in X, report), empty where there is no drift. c_j = <psi . (coefficient
    of d_j)> / <psi rho>, psi the adjoint kernel (Pavliotis, Stuart 2008, ch. 13; Allaire, Raphael
    2007); several fields have one frame if their drifts agree.
    Errors: SolvabilityError for a mean drift without rho u_t, with coefficients that depend on x,
    or of fields with different drifts; UnsupportedError for complex ones, and for one that
    oscillates in tau so slowly that the frame would not stay near x - c t/eps.
    """
    recursion = _recursion(op, powers, kernels)
    # Without terms of order 1/eps and with a constant psi no mean drift of that order can come.
    drifting = any(term.power < 0 or kernels.adjoint for term, _ in op.terms())
    if recursion.homogenized_order != 2 or not drifting or is_transpose_of_itself(op):
        return (), powers, ()
    if not (kernels.ground or kernels.adjoint):
        drifts = _mean_drifts(op, recursion)
        if not drifts:
            return (), powers, ()
        if not _can_move(op):
            diagnose.refuse_means(op, sp.Integer(-1), drifts)
    elif not _can_move(op):
        return (), powers, ()  # whether there is a mean drift is seen when the kernels are known
    for term, c in op.terms():
        if c.has(sp.I):
            raise UnsupportedError(
                "a mean drift of order 1/eps with complex coefficients",
                term=op.show(term),
                remedy="use real coefficients",
            )
    frame = _frame(op, recursion)
    if not frame:
        return (), powers, ()
    moved = _moved(op, powers, frame)
    if not (kernels.ground or kernels.adjoint):
        _check_common(op, _recursion(op, moved, kernels), frame)
    frame = tuple(map(_settled(op), frame))
    report = Transformation("Moving frame", _remark(op), _lines(op, Writer(op, recursion), frame))
    return frame, moved, (report,)


def _recursion(op: Operator, powers: Expansion, kernels: Kernels) -> Recursion:
    return Recursion(
        powers, op.components, op.coordinates, op.fast, kernels.ground, kernels.adjoint
    )


def _mean_drifts(op: Operator, recursion: Recursion) -> diagnose.NonzeroMeans:
    """The mean drifts of order 1/eps that are seen without cell functions."""
    means = diagnose.nonzero_means(op, recursion, recursion.steps)
    return {key: value for key, value in means.items() if key[1] is not None and any(key[2][:-1])}


def _check_common(op: Operator, moved: Recursion, frame: tuple[Frame, ...]) -> None:
    """SolvabilityError where a field still drifts in the frame."""
    if any(f.numerator is not None for f in frame):
        return  # that is seen when the drift is a number
    for (_, field, alpha), (c, value) in _mean_drifts(op, moved).items():
        drift = c * differentiate(op.problem.unknowns[field or 0], alpha, op.coordinates)
        raise SolvabilityError(
            "the fields have different mean drifts of order 1/eps: in the frame of the first one, "
            f"one of mean {value:.6g} is left",
            term=drift / op.problem.scales.eps,
            remedy=(
                "one moving frame serves fields with the same mean drift: subtract the difference, "
                "or solve the fields apart"
            ),
        )


def _settled(op: Operator) -> Callable[[Frame], Frame]:
    """The frame with the mean velocity over a frozen tau.

    UnsupportedError where its oscillation, eps^(k-1) in x, does not vanish with eps.
    """
    tau = next((axis for axis in op.frozen if axis.slow == len(op.coordinates) - 1), None)

    def settled(f: Frame) -> Frame:
        if tau is None or not f.velocity.has(tau.symbol):
            return f
        mean = closed_mean(replace(op, axes=(tau,), frozen=()), f.velocity, numbers=True)
        if tau.power <= 1 or mean is None:
            raise UnsupportedError(
                f"a mean drift of order 1/eps that depends on tau = t/eps^{tau.power}: it moves u"
                f" by eps^{tau.power - 1} to and fro, and there is no limit",
                term=f.velocity,
                remedy="subtract its oscillation, or use a larger power of eps",
            )
        return f._replace(velocity=mean)

    return settled


def _remark(op: Operator) -> Prose:
    remark = Prose(
        "A mean drift of order ",
        Formula("1/eps", r"1/\epsilon"),
        ": the limit exists in the coordinates ",
        Formula("X = x - c t/eps", r"X = x - c t/\epsilon"),
        "; ",
        fast_of_slow("y", "x"),
        " stays.",
    )
    if any(c.has(*op.coordinates[:-1]) for _, c in op.terms(source=True)):
        moved = Formula("f(X + c t/eps)", r"f(X + c t/\epsilon)")
        remark += Prose(" A source ", Formula("f(x)", "f(x)"), " is ", moved, " there.")
    return remark


def _lines(op: Operator, writer: Writer, frame: tuple[Frame, ...]) -> tuple[sp.Equality, ...]:
    """X, and the velocities that have a formula."""
    shift = sp.Matrix([f.velocity for f in frame]) * op.problem.scales.t / op.problem.scales.eps
    moving = sp.Matrix(moving_coordinates(len(frame)))
    velocities = [
        equation(f.velocity, writer.velocity(f)) for f in frame if f.numerator is not None
    ]
    return (equation(moving, sp.Matrix(op.coordinates[:-1]) - shift), *velocities)


def _can_move(op: Operator) -> bool:
    """rho u_t, coefficients in y (and a frozen tau) alone."""
    timely = [t for t, _ in op.terms() if t.right[-1]]
    simple = all(
        t.right[-1] == 1 and t.power == 0 and not any(t.left) and not any(t.right[:-1])
        for t in timely
    )
    still = not any(c.has(*op.coordinates) for _, c in op.terms())
    return _leader(op) is not None and simple and still


def _leader(op: Operator) -> int | None:
    """The first field with a time derivative in its own equation."""
    own = [t.equation for t, _ in op.terms() if t.right[-1] and t.field == t.equation]
    return min(own, default=None)


def _frame(op: Operator, recursion: Recursion) -> tuple[Frame, ...]:
    """The velocity of each axis, that of the leading field: a closed mean, or a symbol with its
    formula.
    """
    d = op.problem.scales.dim
    i = _leader(op) or 0
    first = recursion.averaged(recursion.steps)
    zero = recursion.zero
    capacity = [_capacity(op, recursion, i)]
    frame = []
    for j in range(d):
        e = unit(j, d + 1)
        # b.grad u, and div(b u).
        drift = [first.get((i, zero, i, e), {}), first.get((i, e, i, zero), {})]
        above = _closed(op, recursion, drift)
        below = _closed(op, recursion, capacity)
        if above is not None and below is not None:
            frame.append(Frame(above / below, None, None))
            continue
        numerator = weighted_averages(
            op, recursion, [(averages, Fraction(1)) for averages in drift]
        )
        denominator = weighted_averages(
            op, recursion, [(averages, Fraction(1)) for averages in capacity]
        )
        symbol = sp.Symbol(VELOCITY.format(j + 1), real=True)
        frame.append(Frame(symbol, numerator, denominator))
    if any(f.velocity != 0 for f in frame):
        return tuple(frame)
    return ()


def _capacity(op: Operator, recursion: Recursion, i: int) -> Averages:
    """<psi rho phi> of field i: what stands at d_t U in the equation of order 2, without
    correctors.
    """
    table: dict[Pairing, Fraction] = {}
    slow = len(recursion.zero)
    nothing = (0,) * len(op.fast)
    for term, number in recursion.interned.get(0, ()):
        if term.field != i or term.right[slow - 1] != 1 or any(term.left):
            continue
        product = Product(number, recursion.zero, None, ())
        if recursion.ground is not None:
            phi = Function(recursion.ground, 0)
            product = product._replace(function=phi, derivative=(*recursion.zero, *nothing))
        if recursion.adjoint is not None:
            psi = Function(recursion.adjoint + i, term.equation)
            table[Pairing(product, psi, nothing)] = Fraction(1)
        elif term.equation == i:
            table[Pairing(product, None, ())] = Fraction(1)
    return table


def _closed(op: Operator, recursion: Recursion, parts: Sequence[Averages]) -> sp.Expr | None:
    """The sum of averages without cell functions, in closed form."""
    summands = []
    for averages in parts:
        for pair, w in averages.items():
            if pair.weight is not None or pair.product.function is not None:
                return None
            weight = sp.Rational(w.numerator, w.denominator)
            summands.append(weight * recursion.value(pair.product))
    return closed_mean(op, sp.Add(*summands), numbers=True)


def _moved(op: Operator, powers: Expansion, frame: tuple[Frame, ...]) -> Expansion:
    """D_t -> D_t - eps^-1 c.D_X in the slow derivatives."""
    result = {k: dict(table) for k, table in powers.items()}
    slow = len(op.coordinates)
    for k, table in powers.items():
        for term, c in table.items():
            if term.field is None or not term.right[slow - 1]:
                continue
            for j, f in enumerate(frame):
                # One derivative by t becomes one by X_j.
                right = tuple(n + (i == j) - (i == slow - 1) for i, n in enumerate(term.right))
                place = term._replace(right=right, power=k - 1)
                if f.velocity != 0:
                    target = result.setdefault(k - 1, {})
                    target[place] = target.get(place, sp.Integer(0)) - f.velocity * c
    return dict(sorted(result.items()))
