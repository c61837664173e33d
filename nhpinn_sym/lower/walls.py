"""Natural conditions of the homogenized equation, beside n . flux + alpha u0 = g:
`derive.walls`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import sympy as sp

from ..derive.effective_terms import Averaged, FunctionDerivative, MeanTerm
from ..derive.model import HomogenizedModel
from ..derive.products import Function
from ..derive.walls import WallLaw, WallTerm, wall_law
from ..problem.conditions import FACE_NAMES, Condition, Neumann, Robin, describe_face
from ..problem.domain import Face
from ..problem.errors import UnsupportedError
from .forms import External, MultiIndex, Natural, StrongTerm

WALL, WEIGHT = "wall", "wall_psi"
"""Names of the externals: index (axis, end, equation, field or -1 for a number, *D^right), and
(axis, end, equation, component) for the mean of a component of psi."""
_NAMES = {face: name for name, face in FACE_NAMES.items()}


@dataclass(frozen=True)
class KnownFactor:
    """D^derivative of a component of the cell function that has this name."""

    name: str
    component: int
    derivative: MultiIndex


@dataclass(frozen=True)
class Integrand:
    """constant + sum of coefficient * product of cell functions, over the fast and slow
    coordinates."""

    constant: sp.Expr
    terms: tuple[tuple[sp.Expr, tuple[KnownFactor, ...]], ...]


@dataclass(frozen=True)
class FaceMean:
    """`external` is the mean of `integrand` over the wall."""

    external: External
    integrand: Integrand


@dataclass(frozen=True)
class FluxShare:
    """`external` is (2 end - 1) times: the mean of `rest` over the cell, and the primitive, of zero
    mean along the axis, of the means of `share` over planes across it."""

    external: External
    share: Integrand
    rest: Integrand


WallValue = FaceMean | FluxShare


@dataclass(frozen=True)
class Wall:
    """A face with natural conditions: its values, and the fluxes that have to vanish on it."""

    face: Face
    values: tuple[WallValue, ...]
    normals: tuple[Integrand, ...]


def lower_walls(model: HomogenizedModel) -> tuple[tuple[Natural, ...], tuple[Wall, ...]]:
    """The natural conditions of the homogenized equation, and what stands behind their externals.

    UnsupportedError for a level z whose adjoint kernel is not constant, and for systems with such a
    kernel and conditions of two kinds on one face.
    """
    faces = {
        place[0] for place, c in model.problem.conditions.items() if isinstance(c, (Neumann, Robin))
    }
    if faces and model.inner is not None and model.inner.recursion.adjoint is not None:
        raise UnsupportedError(
            "a natural condition with coefficients of z = x/eps^2 whose adjoint kernel is not "
            "constant",
            term=model.inner.writer.kernel_equations()[0],
            remedy="give Dirichlet or Periodic conditions",
        )
    op, recursion = model.cell_operator, model.recursion
    laws = {
        axis: wall_law(op, recursion, model.law, axis)
        for axis in sorted({axis for axis, _ in faces})
    }
    lowering = _Lowering(model, laws)
    return tuple(lowering.conditions()), tuple(lowering.walls())


class _Lowering:
    def __init__(self, model: HomogenizedModel, laws: Mapping[int, WallLaw]) -> None:
        self.model, self.problem, self.laws = model, model.problem, laws
        self.zero: MultiIndex = (0,) * model.problem.scales.dim
        self.slow = len(model.cell_operator.coordinates)
        self.length = self.slow + len(model.cell_operator.fast)
        self.values: dict[Face, dict[External, WallValue]] = {}

    def conditions(self) -> Iterator[Natural]:
        """Conditions as they were written, faces together, where the wall adds nothing; one for
        each face elsewhere."""
        for condition in self.problem.boundary:
            if not isinstance(condition, (Neumann, Robin)):
                continue
            for j in range(self.model.components):
                faces = [
                    face
                    for (face, k), c in self.problem.conditions.items()
                    if c is condition and k == j
                ]
                plain = tuple(face for face in faces if self.laws[face[0]].plain)
                if plain:
                    alpha = self.problem.robin_coefficient(condition, j)
                    yield Natural(plain, alpha, self.problem.data(condition, "value", j), j)
                for face in faces:
                    if face not in plain:
                        yield self._condition(face, j)

    def walls(self) -> Iterator[Wall]:
        for face, values in self.values.items():
            normals = tuple(self._integrand(flow) for flow in self.laws[face[0]].normals)
            yield Wall(face, tuple(values.values()), normals)

    def _condition(self, face: Face, p: int) -> Natural:
        """<psi^p n.S> + sum_i <psi^p_i> alpha_i u_i = sum_i <psi^p_i> g_i on one face."""
        self.values.setdefault(face, {})
        left: dict[tuple[int, MultiIndex], sp.Expr] = {}
        right = sp.Integer(0)
        for i, condition in self._weighted(face, p):
            left[i, self.zero] = self._weigh(
                face, p, i, self.problem.robin_coefficient(condition, i)
            )
            right += self._weigh(face, p, i, self.problem.data(condition, "value", i))
        for term in (t for t in self.laws[face[0]].terms if t.equation == p):
            symbol = self._term(face, term)
            if term.field is None:
                right -= symbol
            else:
                place = term.field, term.right[: len(self.zero)]
                left[place] = left.get(place, sp.Integer(0)) + symbol
        alpha = left.pop((p, self.zero), sp.Integer(0))
        terms = [StrongTerm(c, index, p, field) for (field, index), c in left.items() if c != 0]
        return Natural((face,), alpha, right, p, tuple(terms))

    def _weighted(self, face: Face, p: int) -> list[tuple[int, Condition]]:
        """The conditions that psi^p weighs: those of all unknowns, or of its own where psi^p is a
        unit vector."""
        count = range(self.model.components) if self.laws[face[0]].weights is not None else (p,)
        found = [(i, self.problem.conditions[face, i]) for i in count]
        other = next((c for _, c in found if not isinstance(c, (Neumann, Robin))), None)
        if other is not None:
            domain, x = self.problem.domain, self.problem.scales.x
            assert domain is not None
            raise UnsupportedError(
                f"conditions of two kinds where {describe_face(face, domain, x)}, in a system whose"
                " adjoint kernel is not constant",
                term=other,
                remedy="give all unknowns natural, or all Dirichlet conditions there",
            )
        return found

    def _weigh(self, face: Face, p: int, i: int, value: sp.Expr) -> sp.Expr:
        """<psi^p_i> on the wall times a datum."""
        weights = self.laws[face[0]].weights
        if value == 0 or weights is None:
            return value
        external = self._external(face, WEIGHT, (p, i), [f"{p + 1}{i + 1}"])
        number = Function(weights + p, i)
        psi = MeanTerm(sp.Integer(1), (FunctionDerivative(number, (0,) * self.length),))
        self._keep(face, FaceMean(external, self._integrand(Averaged(sp.Integer(0), (psi,)))))
        return external.symbol * value

    def _term(self, face: Face, term: WallTerm) -> sp.Symbol:
        """The symbol of a term of the law on one face."""
        index = term.right[: len(self.zero)]
        if term.field is None:
            field = -1
            marks = "f"
        else:
            field = term.field
            marks = "".join(str(k + 1) * n for k, n in enumerate(index)) or "0"
        numbers = f"{term.equation + 1}{field + 1}"
        external = self._external(face, WALL, (term.equation, field, *index), [numbers, marks])
        share = self._integrand(term.share)
        rest = self._integrand(term.rest)
        self._keep(face, FluxShare(external, share, rest))
        return external.symbol

    def _external(
        self, face: Face, name: str, index: tuple[int, ...], marks: list[str]
    ) -> External:
        own = marks if self.model.components > 1 else marks[1:]
        label = "_".join([name, _NAMES[face], *own])
        return External(sp.Symbol(label, real=True), name, (*face, *index), self.zero)

    def _keep(self, face: Face, value: WallValue) -> None:
        self.values[face][value.external] = value

    def _integrand(self, average: Averaged) -> Integrand:
        """An average of the derivation as what is averaged, the velocity of a frame put to zero:
        walls stand."""
        still = {f.velocity: sp.Integer(0) for f in self.model.frame}
        terms = []
        for c, factors in average.terms:
            known = tuple(self._known_factor(f) for f in factors)
            terms.append((c.xreplace(still), known))
        return Integrand(average.constant.xreplace(still), tuple(terms))

    def _known_factor(self, f: FunctionDerivative) -> KnownFactor:
        name = self.model.writer.names[f.function.number]
        return KnownFactor(name, f.function.component, f.derivative[self.slow :])
