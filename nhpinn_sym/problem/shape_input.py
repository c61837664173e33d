"""The numbers and places that a user gives a shape, exact."""

from __future__ import annotations

import sympy as sp

from .errors import ProblemError, shortened
from .joined_shapes import Shape
from .user_input import positive_number, scalar

Point = tuple[sp.Expr, ...]


def exact_number(value: object, shape: Shape) -> sp.Expr:
    """A real number, exact: 0.3 is 3/10."""
    number = scalar(
        value, ProblemError, f"a number of a {type(shape).__name__}", remedy="give real numbers"
    )
    if not (number.is_number and number.is_real):
        raise ProblemError(
            f"a number of a {type(shape).__name__} is not real",
            term=shortened(value),
            remedy="give real numbers",
        )
    if number.has(sp.Float):
        return sp.nsimplify(number, rational=True)
    return number


def exact_size(value: object, shape: Shape, what: str) -> sp.Expr:
    """A positive number, exact; what: its name in errors."""
    positive_number(
        value, ProblemError, f"the {what} of a {type(shape).__name__}", "give a positive number"
    )
    return exact_number(value, shape)


def exact_point(value: object, shape: Shape, dim: int) -> Point:
    """`dim` real numbers, exact."""
    if not isinstance(value, (list, tuple)) or len(value) != dim:
        raise ProblemError(
            f"a {type(shape).__name__} takes {dim} numbers here",
            term=shortened(value),
            remedy=f"write ({', '.join(['0.5'] * dim)})",
        )
    return tuple(exact_number(v, shape) for v in value)


def axis_of(axis: object, shape: Shape, dim: int) -> int:
    """One of 0, ..., dim - 1; ProblemError for anything else."""
    if type(axis) is not int or not 0 <= axis < dim:
        raise ProblemError(
            f"the axis of a {type(shape).__name__} is one of 0, ..., {dim - 1}",
            term=shortened(axis),
            remedy="axes are counted from 0",
        )
    return axis
