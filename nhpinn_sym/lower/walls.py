"""Natural conditions of the homogenized equation, beside n . flux + alpha u0 = g:
`derive.walls`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import sympy as sp

from ..derive.effective_terms import Averaged, FunctionDerivative, MeanTerm
from ..derive.model import HomogenizedModel
from ..derive.products import Function
from ..derive.walls import WallLaw, WallTerm, wall_laws
from ..problem.conditions import Condition, Neumann, Robin
from ..problem.domain import BoundaryPart, Domain
from ..problem.errors import UnsupportedError
from ..problem.problem import MultiscaleProblem
from .forms import External, MultiIndex, Natural, StrongTerm

WALL = "wall"
WEIGHT = "wall_psi"
"""Names of the externals: index (part, equation, field or -1 for a number, *D^right), and (part,
equation, component) for the mean of a component of psi; a part by its number in the domain's list.
"""


@dataclass(frozen=True)
class KnownFactor:
    """D^derivative of a component of the cell function that has this name."""

    name: str
    component: int
    derivative: MultiIndex


@dataclass(frozen=True)
class WallIntegrand:
    """constant + sum of coefficient * product of cell functions, over the fast and slow
    coordinates."""

    constant: sp.Expr
    terms: tuple[tuple[sp.Expr, tuple[KnownFactor, ...]], ...]


@dataclass(frozen=True)
class FaceMean:
    """`external` is the mean of `integrand` over the wall."""

    external: External
    integrand: WallIntegrand


@dataclass(frozen=True)
class FluxShare:
    """`external` is the sign of the normal times: the mean of `rest` over the cell, and the
    primitive, of zero mean along the axis, of the means of `share` over planes across it.
    """

    external: External
    share: WallIntegrand
    rest: WallIntegrand


WallValue = FaceMean | FluxShare


@dataclass(frozen=True)
class Wall:
    """A part with natural conditions: its values, and the fluxes that have to vanish on it."""

    part: BoundaryPart
    values: tuple[WallValue, ...]
    normals: tuple[WallIntegrand, ...]


def lower_walls(model: HomogenizedModel) -> tuple[tuple[Natural, ...], tuple[Wall, ...]]:
    """The natural conditions of the homogenized equation, and what stands behind their externals.

    UnsupportedError for a level z whose adjoint kernel is not constant, and for systems with such a
    kernel and conditions of two kinds on one part.
    """
    open_parts = [
        name for (name, _), c in model.problem.conditions.items() if isinstance(c, (Neumann, Robin))
    ]
    if open_parts and model.inner is not None and model.inner.recursion.adjoint is not None:
        raise UnsupportedError(
            "a natural condition with coefficients of z = x/eps^2 whose adjoint kernel is not "
            "constant",
            term=model.inner.writer.kernel_equations()[0],
            remedy="give Dirichlet or Periodic conditions",
        )
    lowering = _Lowering(model, dict.fromkeys(open_parts))
    return tuple(lowering.conditions()), tuple(lowering.walls())


def parts_with(problem: MultiscaleProblem, condition: Condition, j: int) -> tuple[str, ...]:
    """The parts of the boundary on which `condition` stands for scalar unknown j."""
    return tuple(
        name for (name, k), other in problem.conditions.items() if other is condition and k == j
    )


class _Lowering:
    def __init__(self, model: HomogenizedModel, open_parts: Iterable[str]) -> None:
        self.model = model
        self.problem = model.problem
        self.zero: MultiIndex = (0,) * model.problem.scales.dim
        self.slow = len(model.cell_operator.coordinates)
        self.length = self.slow + len(model.cell_operator.fast)
        self.values: dict[str, dict[External, WallValue]] = {}
        self.parts = {name: self._domain.part(name) for name in open_parts}
        self.laws = self._laws()

    @property
    def _domain(self) -> Domain:
        domain = self.problem.domain
        assert domain is not None
        return domain

    def _laws(self) -> dict[str, WallLaw]:
        model = self.model
        return wall_laws(model.cell_operator, model.recursion, model.law, self.parts.values())

    def conditions(self) -> Iterator[Natural]:
        """Conditions as they were written, parts together, where the wall adds nothing; one for
        each part elsewhere."""
        for condition in self.problem.boundary:
            if not isinstance(condition, (Neumann, Robin)):
                continue
            for j in range(self.model.components):
                parts = parts_with(self.problem, condition, j)
                plain = tuple(name for name in parts if self.laws[name].plain)
                if plain:
                    alpha = self.problem.robin_coefficient(condition, j)
                    yield Natural(plain, alpha, self.problem.data(condition, "value", j), j)
                for name in parts:
                    if name not in plain:
                        yield self._condition(name, j)

    def walls(self) -> Iterator[Wall]:
        for name, values in self.values.items():
            normals = tuple(self._integrand(flow) for flow in self.laws[name].normals)
            yield Wall(self.parts[name], tuple(values.values()), normals)

    def _condition(self, part: str, p: int) -> Natural:
        """<psi^p n.S> + sum_i <psi^p_i> alpha_i u_i = sum_i <psi^p_i> g_i on one part."""
        self.values.setdefault(part, {})
        left: dict[tuple[int, MultiIndex], sp.Expr] = {}
        right = sp.Integer(0)
        for i, condition in self._weighted(part, p):
            left[i, self.zero] = self._weigh(
                part, p, i, self.problem.robin_coefficient(condition, i)
            )
            right += self._weigh(part, p, i, self.problem.data(condition, "value", i))
        for term in (t for t in self.laws[part].terms if t.equation == p):
            symbol = self._term(part, term)
            if term.field is None:
                right -= symbol
            else:
                place = term.field, term.right[: len(self.zero)]
                left[place] = left.get(place, sp.Integer(0)) + symbol
        alpha = left.pop((p, self.zero), sp.Integer(0))
        terms = [StrongTerm(c, index, p, field) for (field, index), c in left.items() if c != 0]
        return Natural((part,), alpha, right, p, tuple(terms))

    def _weighted(self, part: str, p: int) -> list[tuple[int, Condition]]:
        """The conditions that psi^p weighs: those of all unknowns, or of its own where psi^p is a
        unit vector."""
        count = range(self.model.components) if self.laws[part].weights is not None else (p,)
        found = [(i, self.problem.conditions[part, i]) for i in count]
        other = next((c for _, c in found if not isinstance(c, (Neumann, Robin))), None)
        if other is not None:
            where = self.parts[part].describe(self.problem.scales.x)
            raise UnsupportedError(
                f"conditions of two kinds where {where}, in a system whose adjoint kernel is not"
                " constant",
                term=other,
                remedy="give all unknowns natural, or all Dirichlet conditions there",
            )
        return found

    def _weigh(self, part: str, p: int, i: int, value: sp.Expr) -> sp.Expr:
        """<psi^p_i> on the wall times a datum."""
        weights = self.laws[part].weights
        if value == 0 or weights is None:
            return value
        external = self._external(part, WEIGHT, (p, i), [f"{p + 1}{i + 1}"])
        number = Function(weights + p, i)
        psi = MeanTerm(sp.Integer(1), (FunctionDerivative(number, (0,) * self.length),))
        self._keep(part, FaceMean(external, self._integrand(Averaged(sp.Integer(0), (psi,)))))
        return external.symbol * value

    def _term(self, part: str, term: WallTerm) -> sp.Symbol:
        """The symbol of a term of the law on one part."""
        index = term.right[: len(self.zero)]
        if term.field is None:
            field = -1
            marks = "f"
        else:
            field = term.field
            marks = "".join(str(k + 1) * n for k, n in enumerate(index)) or "0"
        numbers = f"{term.equation + 1}{field + 1}"
        external = self._external(part, WALL, (term.equation, field, *index), [numbers, marks])
        share = self._integrand(term.share)
        rest = self._integrand(term.rest)
        self._keep(part, FluxShare(external, share, rest))
        return external.symbol

    def _external(self, part: str, name: str, index: tuple[int, ...], marks: list[str]) -> External:
        own = marks if self.model.components > 1 else marks[1:]
        label = "_".join([name, part, *own])
        number = [other.name for other in self._domain.parts].index(part)
        return External(sp.Symbol(label, real=True), name, (number, *index), self.zero)

    def _keep(self, part: str, value: WallValue) -> None:
        self.values[part][value.external] = value

    def _integrand(self, average: Averaged) -> WallIntegrand:
        """An average of the derivation as what is averaged, the velocity of a frame put to zero:
        walls stand."""
        still = {f.velocity: sp.Integer(0) for f in self.model.frame}
        terms = []
        for c, factors in average.terms:
            known = tuple(self._known_factor(f) for f in factors)
            terms.append((c.xreplace(still), known))
        return WallIntegrand(average.constant.xreplace(still), tuple(terms))

    def _known_factor(self, f: FunctionDerivative) -> KnownFactor:
        name = self.model.writer.names[f.function.number]
        return KnownFactor(name, f.function.component, f.derivative[self.slow :])
