"""Emission for PyTorch: strong residuals by forward jets, in files that import torch and math only and stand alone.

- `cells`: cell_residual.py, the cell problems of a model and its effective coefficients;
- `equation`: {name}_residual.py, a boundary value problem and an ansatz that satisfies its essential data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import sympy as sp

from ..lower.forms import Essential, Functional, LoweredCells, LoweredEquation, MultiIndex, Natural, StrongTerm, WeakTerm
from ..operator.zero import jumps
from ..problem.domain import Face
from ..problem.errors import UnsupportedError
from .constraints import Constraints, constrain
from .source import Source
from .torch_printer import Slot, argument_name
from .torch_text import Scope, assemble, closure, collect, commented, formula, function, header, strong_part

_NET = "points, layers, indices=INDICES, axes=AXES"


def cells(lowered: LoweredCells) -> Source:
    """cell_residual.py; columns of its `points` are the fast coordinates, then the slow ones.

    UnsupportedError where a coefficient jumps, or has no counterpart in torch.
    """
    _require_strong_form(lowered)
    scope = Scope((*lowered.coordinates, *lowered.slow), lowered.parameters)
    axes = [("periodic", a, b) for a, b in lowered.cell.intervals] + [("scaled", sp.Integer(-1), sp.Integer(1))] * len(lowered.slow)
    sources = [c.source for c in lowered.correctors]
    constants = header(scope, {"INDICES": closure(collect(lowered.strong)), "MEAN_INDICES": _mean_indices(lowered)}, axes)
    parts = [
        f"{constants}\nCORRECTORS = {tuple(c.name for c in lowered.correctors)}  # the columns of sources, and the outputs of a net",
        *strong_part(scope, collect(lowered.strong), sources, "The right-hand sides, one column per cell function.",
                     f"stack(points{', {}' * len(sources)})"),
        function(f"cell_functions({_NET})", "The jet of a net with one output per cell function: periodic by its inputs.",
                 ["return network(points, layers, indices, axes)"]),
        _bilinear(scope, lowered.bilinear),
        _loads(scope, lowered),
        _effective(scope, lowered),
    ]
    return Source("torch", (("cell_residual.py", assemble(_cells_docstring(lowered), parts)),))


def equation(lowered: LoweredEquation, name: str, derivatives: Iterable[MultiIndex] = ()) -> Source:
    """{name}_residual.py; columns of its `points` are the coordinates, then the time; so are the entries of its multi-indices.

    derivatives: what the file is to provide beyond what it needs itself.
    UnsupportedError where a coefficient jumps, or where one or a datum has no counterpart in torch.
    """
    _require_strong_form(lowered)
    scope = equation_scope(lowered)
    terms, constraints = collect(_evolution(lowered)), constrain(lowered)
    axes = [("periodic" if i in lowered.periodic else "scaled", a, b) for i, (a, b) in enumerate(lowered.domain.intervals)]
    if lowered.final_time is not None:
        axes.append(("graded", sp.Integer(0), lowered.final_time))
    fluxes = [_extended(lowered, t.right) for component in lowered.flux for t in component] if lowered.natural else []
    indices = closure([*derivatives, *terms, *fluxes])
    parts = [
        header(scope, {"INDICES": indices}, axes),
        *strong_part(scope, terms, [lowered.source], "The right-hand side.", "full(points, {})"),
        scope.jet("lift", constraints.lift, indices, "The jet of a function that takes the essential data."),
        scope.jet("factor", constraints.factor, indices, "The jet of a function that vanishes where essential data are taken."),
        function(f"ansatz(points, net{scope.collect})", "The jet of lift + factor * net, for the jet of a net with one output.",
                 [f"return add(lift(points{scope.forward}), product(factor(points{scope.forward}), net))"]),
        function(f"solution({_NET}{scope.collect})", "The jet of the ansatz on a net of these layers.",
                 [f"return ansatz(points, column(network(points, layers, indices, axes), 0){scope.forward})"]),
        *_boundary(scope, lowered, constraints),
    ]
    return Source("torch", ((f"{name}_residual.py", assemble(_equation_docstring(lowered, terms, constraints), parts)),))


def _require_strong_form(lowered: LoweredCells | LoweredEquation) -> None:
    if lowered.jumps:
        jumping = (t.coefficient for t in lowered.bilinear if jumps(t.coefficient))
        raise UnsupportedError("a coefficient jumps: the strong form, which the PINN residual is, is not defined across the jump",
                               term=next(jumping, lowered.title), remedy='use a finite element target, "dolfinx" or "skfem"')


def equation_scope(lowered: LoweredEquation) -> Scope:
    """Variables and arguments of the emitted functions of an equation."""
    variables = lowered.coordinates if lowered.time is None else (*lowered.coordinates, lowered.time)
    return Scope(variables, (*lowered.parameters, *(e.symbol for e in lowered.externals)))


def boundary_faces(lowered: LoweredEquation, constraints: Constraints) -> dict[Face, Natural | Essential]:
    """The faces whose condition the ansatz does not satisfy by itself."""
    natural = {face: condition for condition in lowered.natural for face in condition.faces}
    return {**natural, **{face: Essential((face,), value) for face, value in constraints.soft.items()}}


def _extended(lowered: LoweredEquation, index: MultiIndex, time: int = 0) -> MultiIndex:
    return index if lowered.time is None else (*index, time)


def _evolution(lowered: LoweredEquation) -> list[StrongTerm]:
    """The strong terms over coordinates and time, the time derivative among them."""
    terms = [StrongTerm(t.coefficient, _extended(lowered, t.right)) for t in lowered.strong]
    if lowered.mass is not None:
        terms.append(StrongTerm(lowered.mass, _extended(lowered, (0,) * len(lowered.coordinates), 1)))
    return terms


def _mean_indices(lowered: LoweredCells) -> tuple[MultiIndex, ...]:
    """The derivatives that the effective coefficients need."""
    weak = [i for t in (*lowered.bilinear, *(t for c in lowered.correctors for t in c.weak)) for i in (t.left, t.right)]
    return closure([*weak, *(t.derivative for f in lowered.effective for t in f.terms)])


def _bilinear(scope: Scope, terms: Sequence[WeakTerm]) -> str:
    integrand = sp.Add(*[t.coefficient * Slot(f"u[{t.right}]") * Slot(f"v[{t.left}]") for t in terms])
    return scope.function("bilinear", "points, u, v", "The integrand of the weak form B(u, v).", [integrand], "return full(points, {})")


def _loads(scope: Scope, lowered: LoweredCells) -> str:
    integrands = [sp.Add(*[t.coefficient * Slot(f"v[{t.left}]") for t in c.weak]) for c in lowered.correctors]
    return scope.function("loads", "points, v", "The integrands of the weak right-hand sides, one column per cell function.", integrands,
                          f"return stack(points{', {}' * len(integrands)})")


def _effective(scope: Scope, lowered: LoweredCells) -> str:
    """Means over the points; by the energy formula where the dual solution is one of the cell functions."""
    integrands = [sp.Add(f.constant, *[t.coefficient * Slot(f"d[{t.derivative}][..., {t.corrector}]") for t in f.terms]) for f in lowered.effective]
    rows = [f"    {(f.name, f.index)}: {{}}{_dual_correction(scope, f)}," for f in lowered.effective]
    result = "\n".join(["values = {{", *rows, "}}", "return {{key: full(points, value).mean(-1) for key, value in values.items()}}"])
    summary = "Effective coefficients: means over the points (their last axis), which are to be a uniform grid of the cell."
    return scope.function("effective", "points, d", summary, integrands, result)


def _dual_correction(scope: Scope, f: Functional) -> str:
    if f.dual is None:
        return ""
    sign, i, j = *f.dual, f.terms[0].corrector
    own, dual, given = f"column(d, {j})", f"column(d, {i})", "".join(f", {n}={n}" for n in scope.names)
    return f" {'+' if sign > 0 else '-'} (loads(points, {dual}{given})[..., {j}] - bilinear(points, {own}, {dual}{given}))"


def _boundary(scope: Scope, lowered: LoweredEquation, constraints: Constraints) -> list[str]:
    """`boundary` for natural conditions, and for essential ones that contradict their neighbours."""
    parts, rows = [], []
    for face, condition in boundary_faces(lowered, constraints).items():
        table, suffix, name = collect(_boundary_terms(lowered, face, condition)), f"{face[0]}_{face[1]}", _face_name(lowered, face)
        entries = "".join(f"    {index}: {{}},\n" for index in table)
        parts.append(scope.function(f"boundary_coefficients_{suffix}", "points", f"Where {name}: the factor of each derivative.",
                                    list(table.values()), f"return {{{{\n{entries}}}}}"))
        parts.append(scope.function(f"boundary_value_{suffix}", "points", f"Where {name}: the right-hand side.",
                                    [condition.value], "return full(points, {})"))
        rows.append(f"    {face}: (boundary_coefficients_{suffix}, boundary_value_{suffix}),\n")
    parts.append(f"BOUNDARY = {{\n{''.join(rows)}}}" if rows else "BOUNDARY = {}")
    body = ["coefficients, value = BOUNDARY[face]",
            f"return combine(coefficients(points{scope.forward}), d) - value(points{scope.forward})"]
    parts.append(function(f"boundary(points, d, face{scope.collect})",
                          "Zero for the solution at points of a face in BOUNDARY: what the ansatz leaves open.", body))
    return parts


def _boundary_terms(lowered: LoweredEquation, face: Face, condition: Natural | Essential) -> list[StrongTerm]:
    zero = _extended(lowered, (0,) * len(lowered.coordinates))
    if isinstance(condition, Essential):
        return [StrongTerm(sp.Integer(1), zero)]
    axis, end = face
    flux = [StrongTerm((2 * end - 1) * t.coefficient, _extended(lowered, t.right)) for t in lowered.flux[axis]]
    return [*flux, StrongTerm(condition.alpha, zero)]


def _face_name(lowered: LoweredEquation, face: Face) -> str:
    return f"{lowered.coordinates[face[0]]} = {lowered.domain.intervals[face[0]][face[1]]}"


def _cells_docstring(lowered: LoweredCells) -> str:
    sources = "\n".join(commented(f"{c.name}:  {c.source}", 4) for c in lowered.correctors)
    functionals = "\n".join(commented(_functional(lowered, f), 4) for f in lowered.effective)
    slow = f", for every {', '.join(map(str, lowered.slow))}" if lowered.slow else ""
    ranges = "\nSlow coordinates are plain inputs, in (-1, 1) by default: pass axes with their ranges to mlp and cell_functions." if slow else ""
    return f"""{lowered.title}: the cell problems.

Every cell function N is periodic in ({', '.join(map(str, lowered.coordinates))}) on {lowered.cell}, has zero mean, and solves{slow}

{formula(collect(lowered.strong), "N")}
    = source

where D^(a, b, ...) counts derivatives per coordinate, and the source is

{sources}

Effective coefficients, <.> being the mean over the cell:

{functionals}

Training a net of your own:

    layers = mlp(width=24, depth=2, outputs={len(lowered.correctors)}, axes=AXES)
    loss = residual(points, cell_functions(points, layers){_given(lowered.parameters)}).square().mean()

residual is linear in d: with `hidden` in place of a net its operator gives the columns of a least-squares problem.
The mean of a cell function is free: subtract it. effective(points, d) gives the coefficients from a uniform grid of the cell.{ranges}
"""


def _functional(lowered: LoweredCells, f: Functional) -> str:
    terms = [f"({t.coefficient}) D^{t.derivative} {lowered.correctors[t.corrector].name}" for t in f.terms]
    note = f"  [energy formula, dual solution {f.dual[0]} * {lowered.correctors[f.dual[1]].name}]" if f.dual else ""
    return f"{f.name}{list(f.index) if f.index else ''} = <{' + '.join([str(f.constant)] * (f.constant != 0) + terms)}>{note}"


def _equation_docstring(lowered: LoweredEquation, terms: Mapping[MultiIndex, sp.Expr], constraints: Constraints) -> str:
    variables = ", ".join(map(str, equation_scope(lowered).variables))
    conditions = [f"u = {e.value}  where {_face_name(lowered, face)}" for e in lowered.essential for face in e.faces]
    conditions += [f"n . flux + ({n.alpha}) u = {n.value}  where {_face_name(lowered, face)}" for n in lowered.natural for face in n.faces]
    conditions += [f"u periodic in {lowered.coordinates[axis]}" for axis in lowered.periodic]
    conditions += [f"u = {lowered.initial}  at {lowered.time} = 0"] if lowered.time is not None else []
    listed = "\n".join(commented(c, 4) for c in conditions)
    return f"""{lowered.title}.

For u({variables}) on {lowered.domain}{f", 0 < {lowered.time} < {lowered.final_time}" if lowered.time is not None else ""}:

{formula(terms, "u")}
{commented(f"= {lowered.source}", 4)}

where D^(a, b, ...) counts derivatives per variable, with the conditions

{listed}

The ansatz u = lift + factor * net satisfies by itself what it can (periodicity by the inputs of the net):

{commented(f"lift = {constraints.lift}", 4)}
{commented(f"factor = {constraints.factor}", 4)}

What is left is `boundary(points, d, face)` for the faces in BOUNDARY. Training a net of your own:

    layers = mlp(width=24, depth=2, outputs=1, axes=AXES)
    loss = residual(points, solution(points, layers{_given(equation_scope(lowered).given)}){_given(equation_scope(lowered).given)}).square().mean()
"""


def _given(symbols: Sequence[sp.Symbol]) -> str:
    return "".join(f", {argument_name(s)}=..." for s in symbols)
