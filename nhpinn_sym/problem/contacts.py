"""Interfaces of the cell at which unknowns may jump: imperfect contact.

n . a grad u, or the traction, is the same on both sides, and equals K [u] = K (u_outside -
u_inside), the normal n pointing outwards: K is the conductance of an interface (Kapitza), or its
springs in elasticity.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import sympy as sp

from .domain import Cell
from .errors import ProblemError, UnsupportedError, shortened
from .joined_shapes import Shape
from .scales import Scales
from .shapes import phases
from .user_input import scalar

_REMEDY = "write contacts={nh.Disk((0.5, 0.5), 0.3): beta/s.eps}, or nh.Spring(...)"


@dataclass(frozen=True)
class Spring:
    """Springs of an interface in elasticity, K = tangential I + (normal - tangential) n n^T.

    >>> s = nh.Scales(2)
    >>> nh.Spring(normal=2 / s.eps, tangential=1 / s.eps)
    Spring(normal=2/epsilon, tangential=1/epsilon)
    """

    normal: Any
    tangential: Any


@dataclass(frozen=True)
class Contact:
    """The interface of a shape.

    inside    : 1 in the shape and 0 outside, in plain symbols
    stiffness : K without its power of eps, in plain symbols, and those of `normals`
    power     : that power
    """

    shape: Shape
    inside: sp.Expr
    stiffness: sp.ImmutableMatrix
    power: int


def normals(dim: int) -> tuple[sp.Symbol, ...]:
    """The components of the outward normal of an interface."""
    return tuple(sp.Symbol(f"n{k + 1}", real=True) for k in range(dim))


def read_contacts(
    contacts: Any,
    scales: Scales,
    cell: Cell,
    components: int,
    parameters: Mapping[sp.Symbol, Any],
) -> tuple[Contact, ...]:
    """The interfaces of {shape: K}: a number or an expression of s.y and parameters times a power
    of s.eps, a matrix of these (components, components), or a Spring. ProblemError for others.
    """
    if contacts is None:
        return ()
    if not isinstance(contacts, Mapping):
        raise ProblemError(
            "contacts are a dictionary of shapes", term=shortened(contacts), remedy=_REMEDY
        )
    found = []
    for shape, given in contacts.items():
        inside = scales.plain(phases(scales, {shape: 1}, default=0, cell=cell))
        matrix = scales.plain(_matrix(given, scales.dim, components))
        power = _power(matrix, given, scales.eps)
        plain = sp.ImmutableMatrix(sp.expand(matrix / scales.eps**power))
        allowed = {*(v.symbol for v in scales.y), *normals(scales.dim), *parameters}
        strange = sorted(plain.free_symbols - allowed, key=str)
        if strange:
            raise UnsupportedError(
                f"a contact that depends on {strange[0]}",
                term=given,
                remedy="it may depend on s.y and on declared parameters",
            )
        found.append(Contact(shape, inside, plain, power))
    return tuple(found)


def refuse_contacts(contacts: Sequence[Contact], what: str) -> None:
    """UnsupportedError where `what` meets imperfect contact."""
    if contacts:
        raise UnsupportedError(
            f"{what} with imperfect contact",
            term=contacts[0].shape,
            remedy="solve_cells(model) and the homogenized equation are there",
        )


def _matrix(given: Any, dim: int, components: int) -> sp.Matrix:
    """K, with the components of the normal as symbols."""
    if isinstance(given, Spring):
        if components != dim:
            raise ProblemError(
                f"springs of an interface for {components} unknowns in {dim} dimensions",
                term=given,
                remedy="springs are those of displacements; write beta/s.eps",
            )
        n = sp.Matrix(normals(dim))
        normal, tangential = (_not_negative(k, given) for k in (given.normal, given.tangential))
        return tangential * sp.eye(dim) + (normal - tangential) * n * n.T
    if isinstance(given, sp.MatrixBase):
        if given.shape != (components, components) or given != given.T:
            raise ProblemError(
                f"the matrix of a contact is symmetric, {components} by {components}",
                term=given,
                remedy="give one row and one column for each unknown",
            )
        found = sp.Matrix(given.applyfunc(lambda e: _checked(e, given)))
        for minor in _minors(found):
            _not_negative(minor, given)
        return found
    return _not_negative(given, given) * sp.eye(components)


def _minors(matrix: sp.Matrix) -> Iterator[sp.Expr]:
    """The principal ones: none is negative where the matrix is positive (Sylvester)."""
    size = matrix.rows
    for count in range(1, size + 1):
        for chosen in combinations(range(size), count):
            yield sp.expand(matrix.extract(list(chosen), list(chosen)).det())


def _not_negative(entry: Any, given: Any) -> sp.Expr:
    found = _checked(entry, given)
    if found.is_negative:
        raise ProblemError(
            "a contact that is negative: an interface that drives the jump instead of resisting it",
            term=given,
            remedy="beta, the stiffness of springs, and the eigenvalues of a matrix are positive",
        )
    return found


def _checked(entry: Any, given: Any) -> sp.Expr:
    found = scalar(entry, ProblemError, "this contact", quote=given, remedy=_REMEDY)
    if found.has(sp.I) or (found.is_number and not found.is_finite):
        raise ProblemError("a contact is real and finite", term=given, remedy=_REMEDY)
    return found


def _power(matrix: sp.Matrix, given: Any, eps: sp.Symbol) -> int:
    """The power of eps that all entries have. ProblemError where there is none, or several."""
    powers = set()
    for entry in matrix:
        for part in sp.Add.make_args(sp.expand(entry)):
            if part != 0:
                powers.add(part.as_independent(eps, as_Add=False)[1].as_base_exp())
    exponents = {sp.Integer(0) if base == 1 else power for base, power in powers}
    known = all(base in (1, eps) for base, _ in powers) and all(p.is_Integer for p in exponents)
    if not known or len(exponents) != 1:
        raise ProblemError(
            "a contact is one power of s.eps, times what does not hold it",
            term=given,
            remedy="give all entries of one contact the same power, and a contact that is not zero",
        )
    return int(exponents.pop())
