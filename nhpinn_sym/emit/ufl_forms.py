"""Emission for DOLFINx: forms that need only ufl, one text for every version of DOLFINx.

- `cells` (ufl_cells): cell_forms.py, the cell problems of a model and its effective coefficients;
- `equation`: {name}_forms.py, a boundary value problem.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from ..lower.forms import LoweredEquation, Natural, WeakTerm
from ..lower.interfaces import equation_with_middles
from ..problem.errors import UnsupportedError
from ..problem.escaping import docstring, literal
from .boundary_parts import describe_parts, normals_text, tags_of, tags_text
from .fem_scope import (
    equation_breaks,
    equation_spans,
    external_key,
    require_order,
    varies_in_time,
    weak_externals,
)
from .integrands import bilinear, linear, wall, wall_load
from .interior_penalty import FACETS, Facets, penalized_loads, penalties, penalty_notes
from .source import Source
from .ufl_cells import cells
from .ufl_text import (
    Body,
    Sum,
    assemble,
    derivative,
    function,
    integral,
    listed,
    numbered,
    products,
)

__all__ = ["cells", "equation"]


def equation(lowered: LoweredEquation, name: str) -> Source:
    """{name}_forms.py. UnsupportedError where a coefficient or a datum has no counterpart in
    UFL.
    """
    for term in (*lowered.bilinear, *lowered.linear):
        require_order(term, (term.left, term.right), lowered.order // 2)
    if lowered.order == 4 and lowered.periodic:
        raise UnsupportedError(
            "the interior penalty form of an equation of fourth order across periodic sides",
            term=f"periodic along {lowered.coordinates[lowered.periodic[0]]}",
            remedy='use "skfem", whose elements have continuous derivatives',
        )
    lowered = equation_with_middles(lowered)
    writer = _Writer(lowered)
    functions = [writer.stiffness(), writer.load(), writer.dirichlet()]
    if lowered.time is not None:
        functions += [writer.mass(), writer.dirichlet_rate(), writer.initial()]
    text = assemble(_docstring(lowered), _constants(lowered), writer.bodies, functions)
    return Source("dolfinx", ((f"{name}_forms.py", text),))


class _Writer:
    """The functions of one file of forms."""

    def __init__(self, lowered: LoweredEquation) -> None:
        self.lowered = lowered
        self.components = lowered.components
        self.names = {v: str(v) for v in lowered.coordinates}
        self.names |= {v: f"p[{literal(str(v))}]" for v in (*lowered.parameters, *lowered.middles)}
        for e in weak_externals(lowered):
            self.names[e.symbol] = f"k[{literal(external_key(e))[1:-1]}]"
        if lowered.time is not None:
            self.names[lowered.time] = "t"
        self.unpacked = {v: f"x[{i}]" for i, v in enumerate(lowered.coordinates)}
        self.zero = (0,) * len(lowered.coordinates)
        self.bodies: list[Body] = []

    def _body(self, sums: Sequence[Sum]) -> Body:
        self.bodies.append(Body(self.names, self.unpacked, sums))
        return self.bodies[-1]

    def _form(
        self,
        head: str,
        summary: str,
        volume: Sum,
        boundary: Sequence[tuple[tuple[str, ...], Sum]] = (),
    ) -> str:
        """A form with integrals over the domain and, each product by itself, over parts of its
        boundary.
        """
        tagged = [(f"ds({tags_text(on)})", [term]) for on, total in boundary for term in total]
        body = self._body([volume, *(total for _, total in tagged)])
        integrals = [body.form(volume, "dx")]
        integrals += [body.form(total, measure) for measure, total in tagged]
        first, *others = [text for text in integrals if text != "0"] or ["0"]
        result = [f"return {first}"]
        if others:
            result = ["return (", f"    {first}", *(f"    + {text}" for text in others), ")"]
        return function(head, docstring(summary), [*body.lines, *result])

    def _penalized(self, head: str, summary: str, volume: Sum, facets: Sequence[Facets]) -> str:
        """A form of an equation of fourth order, with integrals over facets."""
        totals = [total for _, total in facets]
        body = self._body([volume, *([(p.coefficient, "")] for total in totals for p in total)])
        texts = [body.form(volume, "dx")]
        for measure, total in facets:
            for p in total:
                factor = body.sum([(p.coefficient, "")]) or "1"
                texts.append(f"{p.sign}{p.text.format(c=f'({factor})')}*{measure}")
        first, *others = [text for text in texts if text != "0"] or ["0"]
        rows = [text if text.startswith("-") else f"+ {text}" for text in others]
        result = ["return (", f"    {first}", *(f"    {text}" for text in rows), ")"]
        return function(head, docstring(summary), [*body.lines, *result])

    def stiffness(self) -> str:
        if self.lowered.order == 4:
            volume = products(bilinear(self.lowered.bilinear), self.components)
            head = f"stiffness(u, v, x, t, p, k, dx, ds, {FACETS})"
            return self._penalized(head, "B(u, v).", volume, penalties(self.lowered))
        volume = products(bilinear(self.lowered.bilinear), self.components)
        boundary = [
            (n.parts, products(wall(n, self.zero), self.components)) for n in self.lowered.natural
        ]
        return self._form("stiffness(u, v, x, t, p, k, dx, ds)", "B(u, v).", volume, boundary)

    def load(self) -> str:
        if self.lowered.order == 4:
            volume = products(linear(self.lowered.linear), self.components)
            head = f"load(v, x, t, p, k, dx, ds, {FACETS})"
            return self._penalized(head, "l(v).", volume, penalized_loads(self.lowered))
        volume = products(linear(self.lowered.linear), self.components)
        boundary = [
            (n.parts, products(wall_load(n, self.zero), self.components))
            for n in self.lowered.natural
        ]
        return self._form("load(v, x, t, p, k, dx, ds)", "l(v).", volume, boundary)

    def mass(self) -> str:
        volume = products(bilinear(self.lowered.mass), self.components)
        summary = "The form of the time derivative."
        return self._form("mass(u, v, x, t, p, k, dx)", summary, volume)

    def dirichlet(self) -> str:
        """The essential data."""
        summary = "The values that DIRICHLET is about: parts, and the component."
        values = [e.value for e in self.lowered.essential]
        return self._list("dirichlet", summary, values)

    def dirichlet_rate(self) -> str:
        """The time derivatives of the essential data."""
        summary = "The time derivatives of the values on DIRICHLET."
        values = [sp.diff(e.value, self.lowered.time) for e in self.lowered.essential]
        return self._list("dirichlet_rate", summary, values)

    def _list(self, name: str, summary: str, values: Sequence[sp.Expr]) -> str:
        body = self._body([[(value, "")] for value in values])
        result = ["return []"]
        if values:
            rows = (body.sum([(value, "")]) or "0" for value in values)
            result = ["return [", *(f"    {row}," for row in rows), "]"]
        return function(f"{name}(x, t, p)", docstring(summary), [*body.lines, *result])

    def initial(self) -> str:
        totals: list[Sum] = [[(sp.sympify(value), "")] for value in self.lowered.initial]
        body = self._body(totals)
        values = [body.sum(total) or "0" for total in totals]
        result = [f"return {values[0]}"]
        if self.components > 1:
            rows = (f"    {value}," for value in values)
            result = ["return ufl.as_vector([", *rows, "])"]
        return function("initial(x, p)", '"""u at t = 0."""', [*body.lines, *result])


def _constants(lowered: LoweredEquation) -> dict[str, str]:
    loads = [
        *(t.coefficient for t in lowered.linear),
        *(n.value for n in lowered.natural),
        *(e.value for e in lowered.essential),
    ]
    breaks, fast = equation_breaks(lowered)
    constants = {
        "DOMAIN": repr(lowered.domain.bounds),
        "PARTS": literal(normals_text(lowered)),
        "TAGS": literal(tags_of(lowered)),
        "BREAKS": repr(breaks),
        "FAST_BREAKS": repr(fast),
        "COMPONENTS": repr(lowered.components),
        **({"ORDER": "4"} if lowered.order == 4 else {}),
        "PARAMETERS": literal(tuple(map(str, lowered.parameters))),
        **({"MIDDLES": literal(tuple(map(str, lowered.middles)))} if lowered.middles else {}),
        "EXTERNALS": literal(tuple(map(external_key, weak_externals(lowered)))),
        "PERIODIC": literal(tuple(lowered.periodic)),
        "DIRICHLET": literal(tuple((e.parts, e.field) for e in lowered.essential)),
        "POSITIVE": repr(_positive(lowered)),
        "TIME": repr(lowered.time is not None),
    }
    if lowered.time is not None:
        constants["STEADY"] = repr(
            not any(lowered.time in sp.sympify(c).free_symbols for c in loads)
        )
        if varies_in_time(lowered):
            constants["OPERATOR_VARIES"] = "True"
        if lowered.following:
            constants["FOLLOWING"] = repr(lowered.following)
        constants["SPANS"] = repr(equation_spans(lowered))
    return constants


def _positive(lowered: LoweredEquation) -> bool:
    """Whether B is seen to be symmetric, and positive if its principal part is: no other terms that
    might be negative.
    """
    lower = [t for t in lowered.bilinear if not (any(t.left) and any(t.right))]
    plain = not any(any((*t.left, *t.right)) or t.equation != t.field for t in lower)
    reactions = [t.coefficient for t in lower] + [n.alpha for n in lowered.natural]
    return lowered.self_adjoint and plain and all(sp.sympify(c).is_nonnegative for c in reactions)


def _docstring(lowered: LoweredEquation) -> str:
    count = lowered.components
    span = ""
    mass = ""
    density = []
    if lowered.time is not None:
        span = f", 0 < t < {lowered.final_time}"
        mass = "int m u_t v + " if count == 1 else "sum_ij int m_ij d_t u_j v_i + "
        density = [f"{_mass_name(t, count)} = {t.coefficient}" for t in lowered.mass]
    forms = ["B(u, v)", *integral(bilinear(lowered.bilinear), count)]
    forms += ["l(v)", *integral(linear(lowered.linear), count)]
    return f"""{lowered.title}: weak form as UFL forms.

u on {lowered.domain}{span}: {mass}B(u, v) = l(v) for every v that vanishes where u is given,
{listed([*density, *forms, *penalty_notes(lowered)])}
{listed(_conditions(lowered))}
D^(a, b, ...) counts derivatives per coordinate.

Arguments: x = ufl.SpatialCoordinate(mesh), t a number or ufl constant, p parameters by name, k
effective coefficients by key (constants or functions), dx and ds measures. PARTS are the parts of
the boundary with their outward normals; ds(TAGS[name]) is the part of that name. The number 0
stands for a form without terms. POSITIVE: B is symmetric, and positive if its principal part is."""


def _mass_name(t: WeakTerm, components: int) -> str:
    if components == 1:
        return "m"
    return f"m_{t.equation}{t.field}"


def _conditions(lowered: LoweredEquation) -> list[str]:
    count = lowered.components
    found = [
        f"on {describe_parts(lowered, e.parts)}: {numbered('u', e.field, count)} = {e.value}"
        for e in lowered.essential
    ]
    found += [_natural(lowered, n) for n in lowered.natural]
    found += [f"periodic in {lowered.coordinates[axis]}" for axis in lowered.periodic]
    found += [f"at t = 0: {numbered('u', i, count)} = {u}" for i, u in lowered.starts.items()]
    return found


def _natural(lowered: LoweredEquation, n: Natural) -> str:
    count = lowered.components
    flux, u, v = (numbered(name, n.equation, count) for name in ("flux", "u", "v"))
    where = f"on {describe_parts(lowered, n.parts)}: n . {flux}"
    load = f"int g {v} to l"
    terms = [(t.coefficient, derivative(numbered("u", t.field, count), t.right)) for t in n.terms]
    if n.alpha == 0 and not terms:
        return f"{where} = g, which adds {load}; g = {n.value}"
    if not terms:
        return (
            f"{where} + alpha {u} = g, which adds int alpha {u} {v} to B and {load}; "
            f"alpha = {n.alpha}, g = {n.value}"
        )
    if n.alpha != 0:
        terms.insert(0, (n.alpha, u))
    added = " + ".join(f"({c}) {unknown}" for c, unknown in terms)
    return f"{where} + {added} = g, which adds int ({added}) {v} to B and {load}; g = {n.value}"
