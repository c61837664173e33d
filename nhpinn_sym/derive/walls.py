"""What the expansion makes of natural conditions on a wall across one axis.

The eps problem has n . q + alpha u = g, q being everything under s.div. Inside, q -> S(x, y), the
leading flux of the expansion; what n . S oscillates along the wall is taken up by a boundary layer
eps w(x/eps), which decays only if the data are orthogonal to the adjoint kernel psi (multiply
A_0 w = 0 by psi):

    < psi n.S >_wall + < psi >_wall alpha u0 = < psi >_wall g,

< >_wall being the mean at y_n = wall/eps. That holds where two fluxes vanish on the wall: that of
the constants, n . q of order 1/eps, and n . B = n . (a^T grad psi + psi b), the flux of psi under
the transposed operator. Elsewhere the layer changes u0 itself, and psi has to be replaced by a
function phi of the half space.

For the source D^alpha U of N let F(s) = < psi n.S - n.B N > on the plane y_n = s. Its derivative is
< psi R >_s, R the right-hand side of the cell problem, whatever the operator. So the wall mean is a
mean over the cell plus the primitive of < psi R >_s of zero mean, and no derivative is taken on the
wall.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import sympy as sp

from ..operator.table import MultiIndex, Operator, differentiate, unit
from ..operator.twoscale import fast_part
from ..operator.zero_test import is_zero
from ..problem.conditions import Neumann, Robin
from ..problem.domain import BoundaryPart
from .effective_law import weighted_averages
from .effective_terms import Averaged, EffectiveEntry, FunctionDerivative, MeanTerm
from .notation import WallMean, equation
from .products import Averages, Function, MacroscopicSource, Pairing, Product
from .recursion import Recursion
from .to_sympy import Writer


@dataclass(frozen=True)
class WallTerm:
    """n . (flux of the expansion) less n . (flux of the homogenized equation), the factor of
    D^right U_field (field None: a number) in `equation`, n pointing along the axis: <rest> over the
    cell plus the primitive, of zero mean along the axis, of the mean of `share` over the planes
    across it.
    """

    equation: int
    field: int | None
    right: MultiIndex
    share: Averaged
    rest: Averaged


@dataclass(frozen=True)
class WallLaw:
    """The natural condition of the limit on walls across `axis`.

    weights  : number of the first adjoint kernel function, or None where the kernel is the
               constants.
    terms    : what it has beside n . (flux of the homogenized equation).
    normals  : fluxes that have to vanish on the wall.
    """

    axis: int
    weights: int | None
    terms: tuple[WallTerm, ...]
    normals: tuple[Averaged, ...]

    @property
    def plain(self) -> bool:
        """Whether the condition is n . (flux of the homogenized equation) + alpha u0 = g, on any
        wall."""
        return self.weights is None and not self.terms and not self.normals


def wall_law(
    op: Operator, recursion: Recursion, law: Iterable[EffectiveEntry], axis: int
) -> WallLaw:
    """The natural condition for walls across `axis`, second-order equations without a ground
    state."""
    found = _Walls(op, recursion, axis)
    return WallLaw(axis, recursion.adjoint, tuple(found.terms(tuple(law))), tuple(found.normals()))


def wall_laws(
    op: Operator,
    recursion: Recursion,
    law: Iterable[EffectiveEntry],
    parts: Iterable[BoundaryPart],
) -> dict[str, WallLaw]:
    """The natural condition on parts of the boundary, by name; walls across one axis have the same.

    UnsupportedError on a part across no axis unless the condition is the plain one, which holds on
    any wall: others depend on the phase in which the wall meets the cells, which varies along it.
    """
    entries = tuple(law)
    by_axis = cache(lambda axis: wall_law(op, recursion, entries, axis))
    found = {}
    for part in parts:
        if part.axial:
            found[part.name] = by_axis(part.axis)
            continue
        laws = [by_axis(axis) for axis in range(op.problem.scales.dim)]
        plain = all(one.plain for one in laws)
        found[part.name] = laws[0] if plain else by_axis(part.axis)
    return found


class _Walls:
    def __init__(self, op: Operator, recursion: Recursion, axis: int) -> None:
        self.op = op
        self.recursion = recursion
        self.axis = axis
        self.slow = len(recursion.zero)
        self.nothing: MultiIndex = (0,) * len(op.fast)
        self.length = self.slow + len(op.fast)

    def terms(self, law: tuple[EffectiveEntry, ...]) -> Iterator[WallTerm]:
        along = unit(self.axis, self.slow)
        found = [
            *self.recursion.right_hand_side(1),
            *self.recursion.correctors[1],
            *(source for _, source, _, _ in self.recursion.flux(2, self.axis)),
        ]
        for p in range(self.recursion.components):
            for field, right in dict.fromkeys(found):
                if right == along or sum(right) > 1 or right[-1]:
                    continue  # the normal derivative: F is constant, and an effective coefficient
                share = self._pointwise(self._share(p, (field, right)))
                rest = self._rest(p, (field, right), law)
                if not (_vanishes(share) and _vanishes(rest)):
                    yield WallTerm(p, field, right, share, rest)

    def normals(self) -> Iterator[Averaged]:
        """n . B for every equation and unknown; n . (flux of order 1/eps)."""
        flows = [
            flow for p in range(self.recursion.components) for flow in self._normal(p).values()
        ]
        steep: dict[object, dict[Pairing, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
        for row, source, product, weight in self.recursion.flux(1, self.axis):
            steep[row, source][Pairing(product, None, ())] += weight
        for averages in (*flows, *steep.values()):
            flow = self._pointwise(averages)
            if not _vanishes(flow):
                yield flow

    def _share(self, p: int, source: MacroscopicSource) -> Averages:
        """psi^p . R, the derivatives of R shifted to psi."""
        found: dict[Pairing, Fraction] = defaultdict(Fraction)
        weights = self._weights(p)
        for (row, left), flux in self.recursion.right_hand_side(1).get(source, {}).items():
            if row in weights and self._moves(weights[row], left):
                for product, count in flux.items():
                    pair = _pair(product, weights[row], left)
                    found[pair] += (-1) ** sum(left) * count
        return found

    def _rest(self, p: int, source: MacroscopicSource, law: tuple[EffectiveEntry, ...]) -> Averaged:
        """<psi n.S - n.B N>, less the flux of the homogenized equation."""
        found: dict[Pairing, Fraction] = defaultdict(Fraction)
        weights = self._weights(p)
        for row, own, product, count in self.recursion.flux(2, self.axis):
            if own == source and row in weights:
                # What stands under d_x is minus the flux.
                found[_pair(product, weights[row], self.nothing)] -= count
        number, sign = self.recursion.correctors[1].get(source, (None, 1))
        if number is not None:
            for j, flow in self._normal(p).items():
                for pair, count in flow.items():
                    found[_times(pair, Function(number, j), self.length)] -= sign * count
        whole = weighted_averages(self.op, self.recursion, [(found, Fraction(1))])
        return _less(whole, [e for e in law if _place(e) == (p, self.axis, source)])

    def _normal(self, p: int) -> Mapping[int, Averages]:
        """n . B_j by unknown j: what stands at w_j when <psi^p . A_0 w> is integrated by parts."""
        table: dict[int, dict[Pairing, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
        along = unit(self.axis, len(self.op.fast))
        weights = self._weights(p)
        for term, number in self.recursion.interned[self.recursion.lowest]:
            if term.field is None or fast_part(term.right, self.slow) != along:
                continue
            left = fast_part(term.left, self.slow)
            if term.equation in weights and self._moves(weights[term.equation], left):
                product = Product(number, self.recursion.zero, None, ())
                pair = _pair(product, weights[term.equation], left)
                # From each derivative that goes over to psi.
                table[term.field][pair] += (-1) ** sum(left)
        return table

    def _weights(self, p: int) -> dict[int, Function | None]:
        """psi^p by equation, where it is not 0; None is the constant 1."""
        if self.recursion.adjoint is None:
            return {p: None}
        number = self.recursion.adjoint + p
        return {i: Function(number, i) for i in range(self.recursion.components)}

    @staticmethod
    def _moves(weight: Function | None, left: MultiIndex) -> bool:
        """Whether D^left of psi may be other than zero."""
        return weight is not None or not any(left)

    def _pointwise(self, averages: Averages) -> Averaged:
        """What is averaged, as it is at a point: nothing is dropped that vanishes in the mean."""
        constant: list[sp.Expr] = []
        sums: dict[tuple[FunctionDerivative, ...], list[sp.Expr]] = defaultdict(list)
        for (product, weight, left), count in averages.items():
            c = sp.Rational(count.numerator, count.denominator) * self.recursion.value(product)
            if weight is None:
                constant.append(c)
            else:
                sums[(FunctionDerivative(weight, (*self.recursion.zero, *left)),)].append(c)
        terms = [MeanTerm(sp.Add(*parts), factors) for factors, parts in sums.items()]
        return Averaged(sp.Add(*constant), tuple(t for t in terms if not is_zero(t.coefficient)))


def _pair(product: Product, weight: Function | None, left: MultiIndex) -> Pairing:
    return Pairing(product, weight, () if weight is None else left)


def _times(pair: Pairing, function: Function, length: int) -> Pairing:
    """A pairing of a coefficient, times a cell function."""
    return pair._replace(product=pair.product._replace(function=function, derivative=(0,) * length))


def wall_equations(
    op: Operator, writer: Writer, law: Iterable[EffectiveEntry]
) -> Iterator[sp.Equality]:
    """The limits of the natural conditions of a problem, where they hold more than the homogenized
    flux."""
    problem = op.problem
    if problem.domain is None:
        return
    natural = {
        place: problem.domain.part(place[0])
        for place, condition in problem.conditions.items()
        if isinstance(condition, (Neumann, Robin))
    }
    laws = wall_laws(op, writer.recursion, law, natural.values())
    for (name, p), part in natural.items():
        if not laws[name].plain:
            yield _written(op, writer, laws[name], part, p)


def _written(op: Operator, writer: Writer, law: WallLaw, part: BoundaryPart, p: int) -> sp.Equality:
    """<psi n.S> + sum_i <psi_i> alpha_i u_i = sum_i <psi_i> g_i, with S written out."""
    problem = op.problem
    axis = part.axis
    where = (op.fast[axis], part.place / problem.scales.eps)
    unknowns = writer.unknowns("0")
    if law.weights is None:
        weights = {p: sp.Integer(1)}
    else:
        weights = dict(enumerate(writer.components(law.weights + p)))
    flux = []
    for i, (field, alpha), product, weight in writer.recursion.flux(2, axis):
        if i not in weights:
            continue
        flow = -part.sign * sp.Rational(weight) * weights[i]
        flow *= writer.combination({product: Fraction(1)})
        if field is not None:
            flow *= differentiate(unknowns[field], alpha, op.coordinates)
        flux.append(flow)
    left = WallMean(sp.Add(*flux), *where)
    right = sp.Integer(0)
    for i, weight in weights.items():
        condition = problem.conditions[part.name, i]
        if isinstance(condition, (Neumann, Robin)):
            mean = weight if weight == 1 else WallMean(weight, *where)
            left += mean * problem.robin_coefficient(condition, i) * unknowns[i]
            right += mean * problem.data(condition, "value", i)
    return equation(left, right)


def flux_place(entry: EffectiveEntry) -> tuple[int, MultiIndex] | None:
    """(axis, derivative of U) of the flux that a term D^left( c D^right U ) of the homogenized
    equation is:
    c d_ij U counts as d_i(c d_j U) - (d_i c) d_j U. None for a term of lower order."""
    d = len(entry.left) - 1
    if any(entry.left):
        return entry.left.index(1), entry.right
    if entry.field is None or sum(entry.right[:d]) < 2:
        return None
    axis = next(k for k, n in enumerate(entry.right) if n)
    return axis, tuple(n - (k == axis) for k, n in enumerate(entry.right))


def _place(entry: EffectiveEntry) -> tuple[int, int, MacroscopicSource] | None:
    """(equation, axis, source) of the flux that an entry of the law is."""
    place = flux_place(entry)
    if place is None:
        return None
    return (entry.equation, place[0], (entry.field, place[1]))


def _less(whole: Averaged, entries: Iterable[EffectiveEntry]) -> Averaged:
    """`whole` less the fluxes -sign * average of the entries."""
    constant = whole.constant
    sums = {t.factors: [t.coefficient] for t in whole.terms}
    for e in entries:
        constant += e.sign * e.average.constant
        for t in e.average.terms:
            sums.setdefault(t.factors, []).append(e.sign * t.coefficient)
    terms = [
        MeanTerm(sp.Add(*parts), factors)
        for factors, parts in sums.items()
        if not is_zero(sp.Add(*parts), parts)
    ]
    return Averaged(constant, tuple(terms))


def _vanishes(average: Averaged) -> bool:
    return not average.terms and is_zero(average.constant)
