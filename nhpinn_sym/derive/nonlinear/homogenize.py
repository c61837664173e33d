"""Nonlinear problems: from the operator to the state problem and the model of its tangent.

1. gather      what stands under each derivative, by powers of eps (state), for v = phi(y, u) where
               the flux holds its gradient (change_of_unknown); finite strain is told from fluxes
               that are monotone (finite_strain)
2. check       kernels, means, monotonicity, storage, on samples (checks), and what order 2 rests
               on (second_order)
3. linearize   the ordinary model of the tangent (linearized): refuses what is not elliptic
4. write       the derivation (steps; second_steps for correctors of order 2)
"""

from __future__ import annotations

from collections.abc import Callable

from ...operator.parse import parse_nonlinear
from ...operator.table import Operator
from ...problem.contacts import refuse_contacts
from ...problem.domain import refuse_lattice
from ...problem.problem import MultiscaleProblem
from ..branches import name_branches
from ..derivation import Derivation
from ..model import HomogenizedModel
from .change_of_unknown import change_of_unknown
from .checks import check_real, check_state
from .finite_strain import with_finite_strain
from .hamilton_jacobi import read_state
from .linearized import linearized_problem
from .model import NonlinearModel
from .second_order import check_order
from .second_steps import second_steps
from .state import StateProblem
from .steps import nonlinear_steps
from .steps_of_hamiltonians import write_steps_of_hamiltonian


def homogenize_nonlinear(
    op: Operator, order: int, homogenize: Callable[[MultiscaleProblem], HomogenizedModel]
) -> NonlinearModel:
    """The state problem, the law and the correctors of an operator (A. Pankov, G-Convergence
    and Homogenization of Nonlinear Partial Differential Operators, 1997, for monotone fluxes).

    homogenize : of linear problems. Errors: SolvabilityError where means or kernels forbid the
                 expansion, UnsupportedError for what has no law of this kind, each with the term.
    """
    refuse_contacts(op.problem.contacts, "a nonlinear law")
    check_real(op)
    change = change_of_unknown(op)
    if change is not None:
        op = parse_nonlinear(change.problem)
    state = with_finite_strain(read_state(op))
    check_state(state)
    check_order(state, order)
    _check_lattice(state)
    if state.ergodic:
        return NonlinearModel(op.problem, op, state, None, write_steps_of_hamiltonian)
    tangent = homogenize(linearized_problem(state))
    return NonlinearModel(op.problem, op, state, tangent, _written, order, change)


def _written(model: NonlinearModel) -> Derivation:
    """The numbered steps that `print(model)` shows."""
    steps = [*nonlinear_steps(model), *second_steps(model)]
    return Derivation(model.title, name_branches(steps))


def _check_lattice(state: StateProblem) -> None:
    """UnsupportedError for what knows no cell but a box."""
    cell = state.operator.problem.cell
    if state.ergodic or state.first_order:
        refuse_lattice(cell, "a Hamilton-Jacobi equation")
    if state.finite_strain:
        refuse_lattice(cell, "a law of finite strain")
