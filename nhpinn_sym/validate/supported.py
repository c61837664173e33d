"""What the comparison of PINN and FEM covers, said before anything is solved."""

from __future__ import annotations

from collections.abc import Iterator

from ..derive.model import HomogenizedModel
from ..derive.nonlinear.model import NonlinearModel
from ..problem.conditions import Periodic
from ..problem.domain import Domain
from ..problem.errors import ProblemError, UnsupportedError
from ..solve.waves import is_wave

_REMEDY = (
    "derive, emit and cells cover it; nh.bloch(model) checks its expansion against exact solutions"
)


def required_domain(model: HomogenizedModel | NonlinearModel) -> Domain:
    """The domain to compare on; ProblemError where there is none."""
    if model.problem.domain is None:
        raise ProblemError(
            "the problem has no domain, so there is no boundary value problem to compare on",
            term=model.title,
            remedy="give domain=Box(...) and boundary=[...], or use nhpinn cells",
        )
    return model.problem.domain


def covered_domain(model: HomogenizedModel) -> Domain:
    """`required_domain`; UnsupportedError for what has no comparison yet."""
    domain = required_domain(model)
    for what, term in _uncovered(model):
        raise UnsupportedError(
            f"the comparison of PINN and FEM for {what}", term=term, remedy=_REMEDY
        )
    return domain


def _uncovered(model: HomogenizedModel) -> Iterator[tuple[str, object]]:
    problem = model.problem
    special = model.eigenvalue is not None or model.frame
    if problem.time_order > 1 and (special or not is_wave(problem)):
        yield "a second time derivative", f"{problem.unknown}, order {problem.time_order} in time"
    walls = any(not isinstance(c, Periodic) for c in problem.conditions.values())
    moving = [f.velocity for f in model.frame if f.velocity.is_number and f.velocity != 0]
    if walls and moving:
        yield (
            "a mean drift of order 1/eps, whose limit stands in a moving frame, beside walls",
            ", ".join(map(str, moving)),
        )
