"""cell_residual.py: the cell problems of a model, of any number of components and levels, and its
effective coefficients, for torch.

Functions are numbered as in `LoweredCells.functions`; a stage is a run of them that one operator
and the functions before give at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import sympy as sp

from ..lower.forms import CellForm, Functional, LoweredCells, MultiIndex, WeakTerm
from ..operator.zero_test import jumps
from ..problem.errors import UnsupportedError
from .fem_scope import known_entries, solved_functionals
from .integrands import Derivative, bilinear, expression, linear, mean, source
from .source import Source
from .torch_cells_docstring import cells_docstring
from .torch_coefficients import (
    FileFunctions,
    cell_axes,
    cell_coefficients,
    cell_scope,
    left_sides,
    operator_coefficients,
)
from .torch_printer import Slot, argument_name
from .torch_text import (
    NET,
    Scope,
    assemble,
    closure,
    constant,
    function,
    index_constants,
    layout_constants,
)

Stage = tuple[str, tuple[int, ...]]
"""("ground state" | "adjoint" | "corrector", the functions that are solved together)."""
ACROSS_JUMPS = (
    'one net per phase (solve_cells(model, "pinn")), the energy form (method="energy") and finite'
    " elements hold across it"
)
_FOURIER = 'use backend="fourier"'


def cells(lowered: LoweredCells) -> Source:
    """cell_coefficients.py and cell_residual.py; columns of `points` are the fast coordinates, then
    the slow ones.

    UnsupportedError where a coefficient jumps, is complex or given from outside, or has no
    counterpart in torch.
    """
    _require_real_and_smooth(lowered)
    shared = cell_coefficients(lowered)
    parts = [_constants_text(lowered), *_residual_parts(cell_scope(lowered), lowered)]
    text = assemble(cells_docstring(lowered, _first_outputs(lowered)), parts, shared.siblings)
    return Source("torch", (shared.file, ("cell_residual.py", text)))


def phase_file(lowered: LoweredCells, note: str, more: Sequence[str]) -> str:
    """The text of a file like cell_residual.py that holds its coefficients itself, with `more`
    functions; `note` ends its docstring.
    """
    _require_real_and_smooth(lowered)
    scope = cell_scope(lowered)
    coefficients = FileFunctions()
    operator_coefficients(coefficients, scope, lowered)
    constants = f"{layout_constants(scope, cell_axes(lowered))}\n{_constants_text(lowered)}"
    parts = [constants, *coefficients.texts, *_residual_parts(scope, lowered), *more]
    return assemble(f"{cells_docstring(lowered, _first_outputs(lowered))}{note}", parts, {})


def _residual_parts(scope: Scope, lowered: LoweredCells) -> list[str]:
    net = function(
        f"cell_functions({NET})",
        "The jet of a net with the components of the functions of a stage as outputs: periodic by"
        " its inputs.",
        ["return network(points, layers, indices, axes)"],
    )
    parts = [*_operators(scope, lowered), *_sources(scope, lowered), net]
    parts.append(_bilinear(scope, lowered))
    if _dualized(lowered):
        parts.append(_loads(scope, lowered))
    if lowered.constants:
        parts.append(_constants(scope, lowered))
    return [*parts, _effective(scope, lowered)]


def _first_outputs(lowered: LoweredCells) -> int:
    """The outputs of a net for the first stage."""
    runs = stages(lowered)
    if runs:
        return len(runs[0][1]) * lowered.components
    return 0


def stages(lowered: LoweredCells) -> tuple[Stage, ...]:
    """Runs of functions of one kind whose sources hold functions of earlier runs only."""
    runs: list[Stage] = []
    for k, form in enumerate(lowered.functions):
        kind = form.role if form.role in ("ground state", "adjoint") else "corrector"
        factors = [t.factor for t in form.source if t.factor]
        factors += [t.factor for t in form.weak if t.factor]
        latest = max((factor.function for factor in factors), default=-1)
        if runs:
            before, members = runs[-1]
            # its source holds no function of the run, and so it belongs to it
            if before == kind and latest < members[0]:
                runs[-1] = (kind, (*members, k))
                continue
        runs.append((kind, (k,)))
    return tuple(runs)


def _require_real_and_smooth(lowered: LoweredCells) -> None:
    held = [t.coefficient for t in _weak_terms(lowered)]
    if lowered.jumps:
        raise UnsupportedError(
            "a coefficient jumps: the strong form, which the PINN residual is, is not defined"
            " across the jump",
            term=next((c for c in held if jumps(c)), lowered.title),
            remedy=ACROSS_JUMPS,
        )
    if lowered.complex:
        raise UnsupportedError(
            "a coefficient is complex: the nets are real",
            term=next((c for c in held if c.has(sp.I)), lowered.title),
            remedy=_FOURIER,
        )
    if lowered.externals:
        raise UnsupportedError(
            "a coefficient is given as numbers: the residual needs its formula",
            term=lowered.externals[0].symbol,
            remedy=_FOURIER,
        )


def _weak_terms(lowered: LoweredCells) -> list[WeakTerm]:
    """Of the operator, and of all right-hand sides."""
    return [*lowered.bilinear, *(t for f in lowered.functions for t in f.weak)]


def _indices(lowered: LoweredCells) -> dict[str, tuple[MultiIndex, ...]]:
    """Derivatives of a net that the operators need, of earlier functions in the sources, and of all
    functions in the means.
    """
    tables = [table for side in left_sides(lowered).values() for table in side.values()]
    sources = [t.factor for f in lowered.functions for t in f.source if t.factor]
    weak = _weak_terms(lowered)
    means = [index for t in weak for index in (t.left, t.right)]
    means += [t.factor.derivative for t in weak if t.factor]
    for functional in solved_functionals(lowered).values():
        means += [factor.derivative for t in functional.terms for factor in t.factors]
    value = (0,) * len(lowered.coordinates)
    return {
        "INDICES": closure([value, *(index for table in tables for index in table)]),
        "KNOWN_INDICES": closure([value, *(factor.derivative for factor in sources)]),
        "MEAN_INDICES": closure(means),
    }


def _constants_text(lowered: LoweredCells) -> str:
    """The constants of the file."""
    numbered = {
        (c.numerator.name, c.numerator.index): argument_name(c.symbol) for c in lowered.constants
    }
    names = tuple(f.name for f in lowered.functions)
    stage_note = "(kind, functions that are solved together): outputs of a net, columns of sources"
    lines = [
        index_constants(_indices(lowered)),
        f"COMPONENTS = {lowered.components}",
        *constant("FUNCTIONS", names),
        *constant("STAGES", stages(lowered), stage_note),
        *constant("CONSTANTS", numbered, "entries of `constants` that are keyword arguments"),
        *constant("KNOWN", known_entries(lowered), "effective coefficients without a solve"),
    ]
    if lowered.eigenvalue is not None:
        note = "a keyword argument, that of the lowest eigenvalue"
        lines += constant("EIGENVALUE", argument_name(lowered.eigenvalue), note)
    return "\n".join(lines)


def _operators(scope: Scope, lowered: LoweredCells) -> list[str]:
    """operator, that of the adjoint problem, and residual."""
    summary = (
        "The left-hand sides, ordered as the outputs of the net whose jet is d: by function, then"
        " by equation."
    )
    parts = [
        function(
            f"{prefix}operator(points, d{scope.collect})",
            summary,
            [f"return system({prefix}coefficients(points{scope.forward}), d, COMPONENTS)"],
        )
        for prefix in left_sides(lowered)
    ]
    choose = []
    left = "operator"
    if len(parts) > 1:
        choose = ['left = adjoint_operator if STAGES[stage][0] == "adjoint" else operator']
        left = "left"
    source = f"SOURCES[stage](points, known{scope.forward})"
    residual = function(
        f"residual(points, d, stage=0, known=None{scope.collect})",
        "Zero for the functions of a stage (constant, where a source has a mean); known: the jet of"
        " all functions before.",
        [*choose, f"return {left}(points, d{scope.forward}) - {source}"],
    )
    return [*parts, residual]


def _sources(scope: Scope, lowered: LoweredCells) -> list[str]:
    """One function per stage, of the jet of all functions of the stages before."""
    parts = []
    for number, (_, members) in enumerate(stages(lowered)):
        forms = [lowered.functions[k] for k in members]
        columns = [_source(lowered, form, i) for form in forms for i in range(lowered.components)]
        names = ", ".join(form.name for form in forms)
        summary = f"The right-hand sides of {names}, one column per function and equation."
        parts.append(stacked(scope, f"source_{number}", "points, known", summary, columns))
    return [*parts, numbered_functions("SOURCES", "source", len(parts))]


def stacked(
    scope: Scope, name: str, arguments: str, summary: str, columns: Sequence[sp.Expr]
) -> str:
    """A function that returns one column for each expression."""
    result = f"return stack(points{', {}' * len(columns)})"
    return scope.function(name, arguments, summary, columns, result)


def numbered_functions(table: str, name: str, count: int) -> str:
    """The tuple of the functions name_0, name_1, ..."""
    names = [f"{name}_{k}" for k in range(count)]
    if count == 1:
        return f"{table} = ({names[0]},)"
    return f"{table} = ({', '.join(names)})"


def _source(lowered: LoweredCells, form: CellForm, equation: int) -> sp.Expr:
    own = source(t for t in form.source if t.equation == equation)
    return expression(own, slots(lowered, "known"))


def slots(lowered: LoweredCells, known: str = "d") -> Callable[[Derivative], sp.Expr]:
    """How derivatives are written: as entries of the jets u and v, and of that of all cell
    functions, `known`.
    """

    def slot(derivative: Derivative) -> sp.Expr:
        jet, component, orders = derivative
        if isinstance(jet, int):
            return Slot(f"{known}[{orders}][..., {jet * lowered.components + component}]")
        return Slot(f"{jet}[{orders}][..., {component}]")

    return slot


def _bilinear(scope: Scope, lowered: LoweredCells) -> str:
    return scope.function(
        "bilinear",
        "points, u, v",
        "The integrand of the weak form B(u, v), for the jets of all components of u and v.",
        [expression(bilinear(lowered.bilinear), slots(lowered))],
        "return full(points, {})",
    )


def _loads(scope: Scope, lowered: LoweredCells) -> str:
    """The weak right-hand sides that the energy formula needs."""
    needed = _dualized(lowered)
    weak = [linear(lowered.functions[j].weak) for j in needed]
    return scope.function(
        "loads",
        "points, d, v",
        "The integrands of weak right-hand sides, by function; d is the jet of all functions.",
        [expression(integrand, slots(lowered)) for integrand in weak],
        returned_table(f"{j}: {{}}" for j in needed),
    )


def returned_table(rows: Iterable[str]) -> str:
    """The last statement of a function that returns a dict, a template with a {} for each value."""
    return "\n".join(["return {{", *(f"    {row}," for row in rows), "}}"])


def _constants(scope: Scope, lowered: LoweredCells) -> str:
    functionals = [f for c in lowered.constants for f in (c.numerator, c.denominator)]
    quotient = "averaged(full(points, {}), weights) / averaged(full(points, {}), weights)"
    keys = [(c.numerator.name, c.numerator.index) for c in lowered.constants]
    return scope.function(
        "constants",
        "points, d, weights=None",
        "The constants that later coefficients hold, from means as those of `effective`.",
        [expression(mean(f), slots(lowered)) for f in functionals],
        returned_table(f"{key}: {quotient}" for key in keys),
    )


def _effective(scope: Scope, lowered: LoweredCells) -> str:
    """Means over the points; by the energy formula where the dual solution is one of the cell
    functions.
    """
    functionals = list(solved_functionals(lowered).values())
    given = "".join(f", {n}={n}" for n in scope.names)
    duals = {f.dual[1] for f in functionals if f.dual}
    lines = [
        f"function_{i} = columns(d, {i}, COMPONENTS)" for i in sorted(duals | {*_dualized(lowered)})
    ]
    lines += [f"loads_{i} = loads(points, d, function_{i}{given})" for i in sorted(duals)]
    rows = [f"    {(f.name, f.index)}: {{}}{_dual_correction(f, given)}," for f in functionals]
    lines += ["values = {{", *rows, "}}"]
    lines.append(
        "return {{key: averaged(full(points, value), weights) for key, value in values.items()}}"
    )
    return scope.function(
        "effective",
        "points, d, weights=None",
        "Effective coefficients: means over the points (last axis), a uniform grid of the cell, or"
        " sums with weights of a quadrature; d: the jet of all functions.",
        [expression(mean(f), slots(lowered)) for f in functionals],
        "\n".join(lines),
    )


def _dualized(lowered: LoweredCells) -> list[int]:
    """The functions whose functionals are taken by the energy formula."""
    functionals = solved_functionals(lowered).values()
    return sorted({f.terms[0].factors[0].function for f in functionals if f.dual})


def _dual_correction(f: Functional, given: str) -> str:
    """What the energy formula adds."""
    if f.dual is None:
        return ""
    sign, i = f.dual
    j = f.terms[0].factors[0].function
    operation = "+" if sign > 0 else "-"
    energy = f"bilinear(points, function_{j}, function_{i}{given})"
    return f" {operation} (loads_{i}[{j}] - {energy})"
