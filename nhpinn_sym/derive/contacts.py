"""Imperfect contact in the expansion.

Over the interfaces of all periods, int K [u] [v] ds eps^k has the power k - 1 in the table of
terms: an integral over surfaces of periods is 1/eps times one over the cell. So K/eps belongs to
the cell operator A_0, of power -2, whose kernel are the constants still; as it holds no
derivatives, it adds nothing to the other orders (Auriault, Ene 1994, Int. J. Heat Mass Transfer
37:2885; Lipton, Vernescu 1996, Proc. R. Soc. A 452:329). Stiffer contact is perfect in the limit;
under weaker one A_0 has a kernel for each part of the cell.
"""

from __future__ import annotations

import sympy as sp

from ..operator.table import Operator
from ..problem.contacts import Contact
from ..problem.errors import UnsupportedError
from ..problem.problem import MultiscaleProblem
from .derivation import Step
from .effective_terms import Transformation
from .notation import Jump, equation
from .prose import Formula, Prose

_ACTING = -1


def acting_contacts(problem: MultiscaleProblem) -> tuple[Contact, ...]:
    """Those across which cell functions jump."""
    return tuple(c for c in problem.contacts if c.power == _ACTING)


def check_contacts(op: Operator) -> tuple[Transformation, ...]:
    """What is said of contacts that are perfect in the limit.

    UnsupportedError for contacts that are weaker than 1/eps, or beside terms that would need a
    condition of their own at the interface.
    """
    contacts = op.problem.contacts
    if not contacts:
        return ()
    for contact in contacts:
        if contact.power > _ACTING:
            raise UnsupportedError(
                "a contact that is weaker than beta/eps: in the limit no flux of the cell crosses"
                " the interface, and each part of the cell may have a temperature of its own",
                term=f"{contact.shape}: eps^{contact.power} {_shown(contact)}",
                remedy="write beta/s.eps; inclusions without flux are holes={shape: nh.Neumann(0)}",
            )
    dim = op.problem.scales.dim
    if any(axis.slow == dim or axis.power != 1 for axis in op.axes):
        raise UnsupportedError(
            "imperfect contact beside a fast time, or a second fast scale",
            term=contacts[0].shape,
            remedy="let coefficients depend on s.y, and not on s.tau or s.z",
        )
    for term, coefficient in op.terms():
        if coefficient.has(sp.I):
            raise UnsupportedError(
                "a complex coefficient beside imperfect contact",
                term=op.show(term),
                remedy="take real coefficients",
            )
        inner, outer = sum(term.left[:dim]), sum(term.right[:dim])
        if inner != outer or inner > 1:
            raise UnsupportedError(
                "a term of first or fourth order beside imperfect contact",
                term=op.show(term),
                remedy="contacts are there for -s.div(a*s.grad(u)), reactions and storage",
            )
    return tuple(_perfect(contact) for contact in contacts if contact.power < _ACTING)


def _shown(contact: Contact) -> sp.Expr:
    """K, as a number where it is one for all unknowns."""
    matrix = contact.stiffness
    if matrix == matrix[0, 0] * sp.eye(matrix.rows):
        return matrix[0, 0]
    return matrix


def _perfect(contact: Contact) -> Transformation:
    return Transformation(
        "Contact",
        f"At the interface of {contact.shape} the contact is stiffer than 1/eps: it is perfect in"
        " the limit, where nothing jumps.",
    )


def contact_steps(problem: MultiscaleProblem) -> list[Step]:
    """The conditions of cell functions at interfaces across which they jump."""
    contacts = acting_contacts(problem)
    if not contacts:
        return []
    shapes = ", ".join(str(contact.shape) for contact in contacts)
    said = Prose(
        f"At the interface of {shapes} ",
        Formula("q", "q"),
        ", the normal component of what stands under the outer derivatives (a grad u, or the"
        " stress), n pointing outwards, is the same on both sides at every order, and proportional"
        " to the jump ",
        Formula("[N]", "[N]"),
        ", outside less inside. The cell problems hold on each side by itself, with this condition"
        " between them; their weak form gains ",
        Formula("int K [N] [v] ds", r"\int K [N] [v] \, ds"),
        ".",
    )
    return [Step("Imperfect contact", said, tuple(e for c in contacts for e in _laws(c)))]


def _laws(contact: Contact) -> list[sp.Equality]:
    """q_i = sum_j K_ij [N_j]."""
    count = contact.stiffness.rows
    marks = [""] if count == 1 else [f"_{i + 1}" for i in range(count)]
    jumps = sp.Matrix([Jump(sp.Symbol(f"N{mark}")) for mark in marks])
    right = contact.stiffness * jumps
    return [equation(sp.Symbol(f"q{mark}"), e) for mark, e in zip(marks, right, strict=True)]
