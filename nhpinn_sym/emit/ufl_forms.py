"""Emission for DOLFINx: forms that need only ufl, one text for every version of DOLFINx.

- `cells`: cell_forms.py, the cell problems of a model and its effective coefficients;
- `equation`: {name}_forms.py, a boundary value problem.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sympy as sp

from ..lower.forms import (
    Factor,
    Functional,
    LoweredCells,
    LoweredEquation,
    Natural,
    StrongTerm,
    WeakTerm,
)
from ..problem.domain import Face
from ..problem.escaping import docstring, literal
from .fem_scope import (
    cell_breaks,
    describe,
    equation_breaks,
    external_key,
    first_order_axes,
    function_rows,
    known_entries,
    projection,
    require_elements,
    require_first_order,
    weak_externals,
)
from .layout import paragraph, prose, statement
from .source import Source
from .ufl_text import Body, Product, Sum, bilinear, dx, function, helpers, linear, mean, part

_SHORT = 80
"""Characters of a table up to which it stands in one line."""


def cells(lowered: LoweredCells) -> Source:
    """cell_forms.py. UnsupportedError where a coefficient has no counterpart in UFL."""
    require_elements(lowered)
    law = {(f.name, f.index): f for f in (*lowered.effective, *lowered.higher)}
    constants = {
        "CELL": repr(lowered.cell.bounds),
        "COMPONENTS": repr(lowered.components),
        "SLOW": literal(tuple(map(str, lowered.slow))),
        "PARAMETERS": literal(tuple(map(str, lowered.parameters))),
        "FUNCTIONS": _table(function_rows(lowered)),
        "EIGENVALUE": literal(lowered.eigenvalue and lowered.eigenvalue.name),
        "CONSTANTS": literal(
            {c.symbol.name: (c.numerator.name, c.numerator.index) for c in lowered.constants}
        ),
        "EFFECTIVE": _table(law) if len(literal(tuple(law))) > _SHORT else literal(tuple(law)),
        "SYMMETRIC": repr(lowered.symmetric),
        "DEFINITE": repr(lowered.definite),
        "FIRST_ORDER": repr(first_order_axes(lowered)),
        "KNOWN": repr(known_entries(lowered)),
        "BREAKS": repr(cell_breaks(lowered)),
    }
    writer = _CellWriter(lowered)
    quotients = {
        (c.symbol.name, k): f
        for c in lowered.constants
        for k, f in enumerate((c.numerator, c.denominator))
    }
    parts = [writer.bilinear("operator", "B(u, v).", lowered.bilinear), writer.sources()]
    parts += [writer.bilinear("mass", "M(u, v).", lowered.mass)] if lowered.mass else []
    parts += (
        [
            writer.means(
                "quotients", "|Y| times numerator and denominator of each constant", quotients
            )
        ]
        if quotients
        else []
    )
    parts.append(writer.means("effective", "|Y| times each effective coefficient", law))
    text = _assemble(_cells_docstring(lowered), constants, writer.bodies, parts)
    return Source("dolfinx", (("cell_forms.py", text),))


class _CellWriter:
    """The functions of the file of cell problems."""

    def __init__(self, lowered: LoweredCells) -> None:
        self.lowered, self.components = lowered, lowered.components
        given = [
            *lowered.parameters,
            *([lowered.eigenvalue] if lowered.eigenvalue else []),
            *(c.symbol for c in lowered.constants),
            *(e.symbol for e in lowered.externals),
        ]
        self.names = {v: str(v) for v in lowered.coordinates}
        self.names |= {v: f"x[{literal(str(v))}]" for v in lowered.slow} | {
            v: f"p[{literal(str(v))}]" for v in given
        }
        self.unpacked = {v: f"y[{k}]" for k, v in enumerate(lowered.coordinates)}
        self.bodies: list[Body] = []

    def _body(self, sums: Sequence[Sum]) -> Body:
        self.bodies.append(Body(self.names, self.unpacked, sums))
        return self.bodies[-1]

    def bilinear(self, name: str, summary: str, terms: Sequence[WeakTerm]) -> str:
        total = bilinear(terms, self.components)
        body = self._body([total])
        return function(
            f"{name}(u, v, y, x, p, dx)",
            docstring(summary),
            [*body.lines, f"return {body.form(total, 'dx')}"],
        )

    def sources(self) -> str:
        functions = self.lowered.functions
        totals = [linear(f.weak, self.components) for f in functions]
        body = self._body(totals)
        rows = [
            line
            for f, total in zip(functions, totals, strict=True)
            for line in (f"    # {f.name}", f"    {body.form(total, 'dx')},")
        ]
        summary = '"""l(v) of each cell function; N: the cell functions."""'
        return function(
            "sources(v, N, y, x, p, dx)", summary, [*body.lines, "return [", *rows, "]"]
        )

    def means(
        self, name: str, summary: str, functionals: Mapping[tuple[str, Any], Functional]
    ) -> str:
        totals = [mean(f, self.components) for f in functionals.values()]
        body = self._body(totals)
        rows = [
            f"    {literal(key)}: {body.form(total, 'dx')},"
            for key, total in zip(functionals, totals, strict=True)
        ]
        return function(
            f"{name}(N, y, x, p, dx)",
            docstring(f"{summary}; N: the cell functions."),
            [*body.lines, "return {", *rows, "}"],
        )


def _table(rows: Iterable[object]) -> str:
    """A tuple with one row a line."""
    return "(" + "".join(f"\n    {literal(row)}," for row in rows) + "\n)"


def equation(lowered: LoweredEquation, name: str) -> Source:
    """{name}_forms.py. UnsupportedError where a coefficient or a datum has no counterpart in UFL."""
    for term in (*lowered.bilinear, *lowered.linear):
        require_first_order(term, (term.left, term.right))
    writer = _EquationWriter(lowered)
    parts = [
        writer.stiffness(),
        writer.load(),
        writer.list_of(
            "dirichlet", "The values that DIRICHLET is about: faces, and the component.", 0
        ),
    ]
    if lowered.time is not None:
        parts += [
            writer.mass(),
            writer.list_of("dirichlet_rate", "The time derivatives of the values on DIRICHLET.", 1),
            writer.initial(),
        ]
    text = _assemble(
        _equation_docstring(lowered), _equation_constants(lowered), writer.bodies, parts
    )
    return Source("dolfinx", ((f"{name}_forms.py", text),))


class _EquationWriter:
    """The functions of one file of forms."""

    def __init__(self, lowered: LoweredEquation) -> None:
        self.lowered, self.components = lowered, lowered.components
        self.names = {v: str(v) for v in lowered.coordinates} | {
            v: f"p[{literal(str(v))}]" for v in lowered.parameters
        }
        self.names |= {
            e.symbol: f"k[{literal(external_key(e))[1:-1]}]" for e in weak_externals(lowered)
        }
        if lowered.time is not None:
            self.names[lowered.time] = "t"
        self.unpacked = {v: f"x[{i}]" for i, v in enumerate(lowered.coordinates)}
        self.bodies: list[Body] = []

    def _body(self, *sums: Sum) -> Body:
        self.bodies.append(Body(self.names, self.unpacked, sums))
        return self.bodies[-1]

    def _form(
        self,
        head: str,
        summary: str,
        volume: Sum,
        faces: Sequence[tuple[tuple[Face, ...], Product]] = (),
    ) -> str:
        """A form with integrals over the domain and over tagged faces."""
        body = self._body(volume, *([term] for _, term in faces))
        integrals = [
            body.form(volume, "dx"),
            *(body.form([term], f"ds({_tags(on)})") for on, term in faces),
        ]
        kept = [text for text in integrals if text != "0"] or ["0"]
        opening = (
            ["return (", f"    {kept[0]}", *(f"    + {text}" for text in kept[1:]), ")"]
            if len(kept) > 1
            else [f"return {kept[0]}"]
        )
        return function(head, docstring(summary), [*body.lines, *opening])

    def stiffness(self) -> str:
        faces = [(n.faces, product) for n in self.lowered.natural for product in self._robin(n)]
        volume = bilinear(self.lowered.bilinear, self.components)
        return self._form("stiffness(u, v, x, t, p, k, dx, ds)", "B(u, v).", volume, faces)

    def _robin(self, n: Natural) -> list[Product]:
        """What a natural condition adds to B on its faces."""
        v = self._part("v", n.equation)
        terms = [(t.coefficient, f"{dx(self._part('u', t.field), t.right)}*{v}") for t in n.terms]
        return [(n.alpha, f"{self._part('u', n.equation)}*{v}"), *terms]

    def load(self) -> str:
        return self._form(
            "load(v, x, t, p, k, dx, ds)",
            "l(v).",
            linear(self.lowered.linear, self.components),
            [(n.faces, (n.value, self._part("v", n.equation))) for n in self.lowered.natural],
        )

    def _part(self, name: str, number: int) -> str:
        return part(name, number, self.components)

    def mass(self) -> str:
        return self._form(
            "mass(u, v, x, t, p, k, dx)",
            "The form of the time derivative.",
            bilinear(self.lowered.mass, self.components),
        )

    def list_of(self, name: str, summary: str, order: int) -> str:
        """The essential data, or their time derivatives."""
        values = [
            sp.diff(e.value, self.lowered.time, order) if order else e.value
            for e in self.lowered.essential
        ]
        body = self._body(*([(value, "")] for value in values))
        items = [f"    {body.sum([(value, '')]) or '0'}," for value in values]
        return function(
            f"{name}(x, t, p)",
            docstring(summary),
            [*body.lines, *(["return [", *items, "]"] if items else ["return []"])],
        )

    def initial(self) -> str:
        totals = [[(sp.sympify(value), "")] for value in self.lowered.initial]
        body = self._body(*totals)
        values = [body.sum(total) or "0" for total in totals]
        rows = (
            ["return ufl.as_vector([", *(f"    {value}," for value in values), "])"]
            if self.components > 1
            else [f"return {values[0]}"]
        )
        return function("initial(x, p)", '"""u at t = 0."""', [*body.lines, *rows])


def _tags(faces: Sequence[Face]) -> str:
    """The argument of ds for some faces."""
    tags = tuple(1 + 2 * axis + end for axis, end in faces)
    return str(tags[0]) if len(tags) == 1 else repr(tags)


def _equation_constants(lowered: LoweredEquation) -> dict[str, str]:
    loads = [
        *(t.coefficient for t in lowered.linear),
        *(n.value for n in lowered.natural),
        *(e.value for e in lowered.essential),
    ]
    breaks, fast = equation_breaks(lowered)
    constants = {
        "DOMAIN": repr(lowered.domain.bounds),
        "BREAKS": repr(breaks),
        "FAST_BREAKS": repr(fast),
        "COMPONENTS": repr(lowered.components),
        "PARAMETERS": literal(tuple(map(str, lowered.parameters))),
        "EXTERNALS": literal(tuple(map(external_key, weak_externals(lowered)))),
        "PERIODIC": literal(tuple(lowered.periodic)),
        "DIRICHLET": literal(tuple((e.faces, e.field) for e in lowered.essential)),
        "POSITIVE": repr(_positive(lowered)),
        "TIME": repr(lowered.time is not None),
    }
    if lowered.time is not None:
        constants["STEADY"] = repr(
            not any(lowered.time in sp.sympify(c).free_symbols for c in loads)
        )
        constants["FINAL_TIME"] = repr(float(sp.sympify(lowered.final_time)))
    return constants


def _positive(lowered: LoweredEquation) -> bool:
    """Whether B is seen to be symmetric, and positive if its principal part is: no other terms that
    might be negative.
    """
    lower = [t for t in lowered.bilinear if not (any(t.left) and any(t.right))]
    plain = not any(any((*t.left, *t.right)) or t.equation != t.field for t in lower)
    reactions = [t.coefficient for t in lower] + [n.alpha for n in lowered.natural]
    return lowered.self_adjoint and plain and all(sp.sympify(c).is_nonnegative for c in reactions)


def _assemble(
    text: str, constants: dict[str, str], bodies: Sequence[Body], functions: Sequence[str]
) -> str:
    opening = prose(docstring(f"{text.strip()}\n"))
    lines = [
        part
        for name, value in constants.items()
        for line in f"{name} = {value}".split("\n")
        for part in statement(line)
    ]
    header = "\n".join([opening, "", "import ufl", "", *lines])
    return "\n\n\n".join([header, *helpers(body.printer for body in bodies), *functions]) + "\n"


def _listed(lines: Sequence[str]) -> str:
    """Lines of a docstring, indented and broken where they are too long."""
    return "\n".join(part for line in lines for part in paragraph(line, "    ", " " * 8))


def _d(index: Sequence[int], name: str) -> str:
    return f" D^{tuple(index)} {name}" if any(index) else f" {name}" if name else ""


def _integral(terms: Sequence[WeakTerm], u: str, components: int = 1) -> list[str]:
    def text(t: WeakTerm) -> str:
        trial = _d(t.right, _part(u, t.field, components)) if u else ""
        return f"({t.coefficient}){_factors([t.factor] if t.factor else [], components)}{trial}{_d(t.left, _part('v', t.equation, components))}"

    return [f"{'+' if k else '='} int {text(t)}" for k, t in enumerate(terms)] or ["= 0"]


def _part(name: str, component: int, components: int) -> str:
    return name if components == 1 else f"{name}_{component}"


def _factors(factors: Iterable[Factor], components: int) -> str:
    return "".join(
        _d(f.derivative, part(f"N[{f.function}]", f.component, components)) for f in factors
    )


def _cells_docstring(lowered: LoweredCells) -> str:
    slow = f" for every ({', '.join(map(str, lowered.slow))})" if lowered.slow else ""
    count = lowered.components
    sources = [
        line
        for k, f in enumerate(lowered.functions)
        for line in (f"N[{k}] = {describe(f)}:  l(v)", *_integral(f.weak, "", count))
    ]
    mass = (
        [
            f"{lowered.eigenvalue} is the lowest number for which B has a kernel; M(u, v)",
            *_integral(lowered.mass, "u"),
        ]
        if lowered.mass
        else []
    )
    constants = [
        f"{c.symbol} = {_functional(c.numerator, count)} / {_functional(c.denominator, count)}"
        for c in lowered.constants
    ]
    coordinates = ", ".join(map(str, lowered.coordinates))
    return f"""{lowered.title}: the cell problems as UFL forms.

Every cell function N is periodic in y = ({coordinates}) on Y = {lowered.cell}, has zero mean, and
solves{slow}
    B(N, v) = l(v) for every periodic v,
{projection(lowered)}{_listed(["B(u, v)", *_integral(lowered.bilinear, "u", count), *mass])}
{_listed(sources)}
The operator in strong form is the sum of
{_listed([_strong(t, count) for t in lowered.strong] or ["(not there: a coefficient jumps)"])}
The effective coefficients are, with <.> the mean over Y,
{_listed([*constants, *(_functional(f, count) for f in (*lowered.effective, *lowered.higher))])}
D^(a, b, ...) counts derivatives per coordinate; u1 = + sum of N times the derivative of u0 that
belongs to it.

Arguments: y = ufl.SpatialCoordinate(mesh), x and p: slow coordinates and parameters by name
(numbers or ufl constants), dx the measure. The number 0 stands for a form without terms."""


def _strong(t: StrongTerm, components: int) -> str:
    return (
        "" if components == 1 else f"equation {t.equation}: "
    ) + f"({t.coefficient}){_d(t.right, _part('N', t.field, components))}"


def _functional(f: Functional, components: int) -> str:
    terms = [f"({t.coefficient}){_factors(t.factors, components)}" for t in f.terms]
    return (
        f"{f.name}{list(f.index) if f.index else ''} ="
        f" <{' + '.join([str(f.constant)] * (f.constant != 0 or not terms) + terms)}>"
    )


def _equation_docstring(lowered: LoweredEquation) -> str:
    count = lowered.components
    conditions = [
        f"on {_where(lowered, e.faces)}: {_part('u', e.field, count)} = {e.value}"
        for e in lowered.essential
    ]
    conditions += [_natural(lowered, n) for n in lowered.natural]
    conditions += [f"periodic in {lowered.coordinates[axis]}" for axis in lowered.periodic]
    conditions += [f"at t = 0: {_part('u', i, count)} = {u}" for i, u in enumerate(lowered.initial)]
    span, mass = "", ""
    if lowered.time is not None:
        span, mass = (
            f", 0 < t < {lowered.final_time}",
            "int m u_t v + " if count == 1 else "sum_ij int m_ij d_t u_j v_i + ",
        )
    density = [
        f"m{'' if count == 1 else f'_{t.equation}{t.field}'} = {t.coefficient}"
        for t in lowered.mass
    ]
    forms = ["B(u, v)", *_integral(lowered.bilinear, "u", count)]
    forms += ["l(v)", *_integral(lowered.linear, "", count)]
    return f"""{lowered.title}: weak form as UFL forms.

u on {lowered.domain}{span}: {mass}B(u, v) = l(v) for every v that vanishes where u is given,
{_listed([*density, *forms])}
{_listed(conditions)}
D^(a, b, ...) counts derivatives per coordinate.

Arguments: x = ufl.SpatialCoordinate(mesh), t a number or ufl constant, p parameters by name, k
effective coefficients by key (constants or functions), dx and ds measures; ds(1 + 2*axis + end) is
the face x[axis] = DOMAIN[axis][end]. The number 0 stands for a form without terms. POSITIVE: B is
symmetric, and positive if its principal part is."""


def _natural(lowered: LoweredEquation, n: Natural) -> str:
    flux, u, v = (_part(name, n.equation, lowered.components) for name in ("flux", "u", "v"))
    where, terms = _where(lowered, n.faces), [(n.alpha, u)] if n.alpha != 0 else []
    terms += [
        (t.coefficient, _d(t.right, _part("u", t.field, lowered.components)).strip())
        for t in n.terms
    ]
    if not terms:
        return f"on {where}: n . {flux} = g, which adds int g {v} to l; g = {n.value}"
    if not n.terms:
        return (
            f"on {where}: n . {flux} + alpha {u} = g, which adds int alpha {u} {v} to B and int g"
            f" {v} to l; alpha = {n.alpha}, g = {n.value}"
        )
    added = " + ".join(f"({c}) {part}" for c, part in terms)
    return (
        f"on {where}: n . {flux} + {added} = g, which adds int ({added}) {v} to B and int g {v} to"
        f" l; g = {n.value}"
    )


def _where(lowered: LoweredEquation, faces: Sequence[Face]) -> str:
    return " and ".join(
        f"{lowered.coordinates[axis]} = {lowered.domain.intervals[axis][end]}"
        for axis, end in faces
    )
