"""The derived model of a nonlinear problem: state problem, law, and the model of the tangent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from ...operator.table import Operator
from ...problem.errors import ProblemError, UnsupportedError
from ...problem.problem import MultiscaleProblem
from ..derivation import HOMOGENIZED, Derivation
from ..derived import DerivedModel
from ..model import HomogenizedModel
from .change_of_unknown import ChangeOfUnknown
from .state import StateProblem


@dataclass(frozen=True, repr=False)
class NonlinearModel(DerivedModel):
    """Result of `homogenize` for a nonlinear problem. `print(model)` shows the derivation.

    state      : what stands under each derivative, by powers of eps
    tangent    : the model `linearized`; None for Hamilton-Jacobi equations
    linearized : the ordinary model of the tangent, of order 1: its "A" is the derivative of the
                 effective flux by the gradient, its cell functions are those of the corrector
    potential  : whether the state problem is that of a minimum, and the effective flux the
                 derivative of an energy
    order      : of the correctors, 1 or 2: with 2 `solve_hierarchy` gives U_1 beside u0
    frozen     : whether the state problem is linear at a fixed value of u0
    change     : v = phi(y, u) where the flux is that of grad phi(y, u): `problem`, state and law
                 are in v then, u0 = beta(y, v0) oscillates. None for other problems

    >>> s = nh.Scales(1)
    >>> u = s.unknown("u")
    >>> a, g = 2 + sp.sin(2 * sp.pi * s.y[0]), s.grad(u)
    >>> equation = sp.Eq(-s.div(a * (1 + g.dot(g)) * g), 1)
    >>> problem = nh.MultiscaleProblem(equation, scales=s, unknown=u)
    >>> model = nh.homogenize(problem)
    >>> model.linear, model.potential
    (False, True)
    """

    problem: MultiscaleProblem
    operator: Operator
    state: StateProblem
    tangent: HomogenizedModel | None
    written: Callable[[NonlinearModel], Derivation]
    order: int = 1
    change: ChangeOfUnknown | None = None

    instead = (
        "this model is nonlinear: law = solve_law(model), then solve_homogenized(model, law) and"
        " law.state(grad=...); model.linearized is a linear model"
    )
    """What a verb that takes linear models says to one that is not."""
    subject = "a nonlinear multiscale equation"

    @property
    def linear(self) -> bool:
        """False: the problem has terms that are not linear in the unknowns."""
        return False

    @property
    def linearized(self) -> HomogenizedModel:
        """UnsupportedError for Hamilton-Jacobi equations, whose law is of first order."""
        if self.tangent is None:
            raise UnsupportedError(
                "a model of the tangent of a Hamilton-Jacobi equation",
                term=self.title,
                remedy="law.hamiltonian(grad=) and law.hamiltonian_slope(grad=) are there",
            )
        return self.tangent

    @property
    def hamiltonian(self) -> bool:
        """Whether it is a Hamilton-Jacobi equation: the law is `law.hamiltonian(grad=)`."""
        return self.state.ergodic

    @property
    def finite_strain(self) -> bool:
        """Whether the flux is that of an energy W(y, I + grad u) that is not convex: the law is
        that of the branch from no strain, up to its first instability (`nh.stability`).
        """
        return self.state.finite_strain

    @property
    def potential(self) -> bool:
        """Whether the flux is the derivative of an energy, so that `law.energy` is there."""
        return self.state.potential

    @property
    def frozen(self) -> bool:
        """Whether the flux is linear in the gradient, with coefficients of y and u."""
        return self.state.frozen

    @cached_property
    def derivation(self) -> Derivation:
        """The steps from the multiscale equation to the law, for text and LaTeX."""
        return self.written(self)

    @property
    def equation(self) -> sp.Equality:
        """The homogenized equation for u0 (the first of a system), in the law of
        `derivation.steps`.
        """
        steps = self.derivation.steps
        found = next(step for step in steps if step.title == HOMOGENIZED).equations[0]
        assert isinstance(found, sp.Equality)
        return found

    def require_second(self, what: str) -> None:
        """ProblemError for what a model of order 1 has not."""
        if self.order < 2:
            raise ProblemError(
                f"{what} of a model of order {self.order}",
                term=self.title,
                remedy="write model = homogenize(problem, order=2)",
            )
