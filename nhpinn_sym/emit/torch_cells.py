"""cell_residual.py: the cell problems of a model, of any number of components and levels, and its
effective coefficients, for torch.

Functions are numbered as in `LoweredCells.functions`; a stage is a run of them that one operator
and the functions before give at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sympy as sp

from ..lower.forms import CellForm, Factor, Functional, LoweredCells, MultiIndex, WeakTerm
from ..operator.zero_test import jumps
from ..problem.errors import UnsupportedError
from .fem_scope import known_entries
from .source import Source
from .torch_coefficients import (
    Parts,
    cell_axes,
    cell_coefficients,
    cell_scope,
    given_symbols,
    left_sides,
    operator_coefficients,
)
from .torch_printer import Slot, argument_name
from .torch_text import (
    NET,
    Scope,
    assemble,
    closure,
    commented,
    constant,
    formulas,
    function,
    given_names,
    index_constants,
    layout_constants,
    tabulated,
)
from .unknown_functions import function_names

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
    text = assemble(_docstring(lowered), parts, shared.siblings)
    return Source("torch", (shared.file, ("cell_residual.py", text)))


def phase_file(lowered: LoweredCells, note: str, more: Sequence[str]) -> str:
    """The text of a file like cell_residual.py that holds its coefficients itself, with `more`
    functions; `note` ends its docstring.
    """
    _require_real_and_smooth(lowered)
    scope, coefficients = cell_scope(lowered), Parts()
    operator_coefficients(coefficients, scope, lowered)
    constants = f"{layout_constants(scope, cell_axes(lowered))}\n{_constants_text(lowered)}"
    parts = [constants, *coefficients.texts, *_residual_parts(scope, lowered), *more]
    return assemble(f"{_docstring(lowered)}{note}", parts, {})


def _residual_parts(scope: Scope, lowered: LoweredCells) -> list[str]:
    return [
        *_operators(scope, lowered),
        *_sources(scope, lowered),
        function(
            f"cell_functions({NET})",
            "The jet of a net with the components of the functions of a stage as outputs: periodic"
            " by its inputs.",
            ["return network(points, layers, indices, axes)"],
        ),
        _bilinear(scope, lowered.bilinear),
        *([_loads(scope, lowered)] if _dualized(lowered) else []),
        *([_constants(scope, lowered)] if lowered.constants else []),
        _effective(scope, lowered),
    ]


def stages(lowered: LoweredCells) -> tuple[Stage, ...]:
    """Runs of functions of one kind whose sources hold functions of earlier runs only."""
    runs: list[tuple[str, list[int]]] = []
    for k, form in enumerate(lowered.functions):
        kind = form.role if form.role in ("ground state", "adjoint") else "corrector"
        factors = [*(t.factor for t in form.source), *(t.factor for t in form.weak)]
        latest = max((f.function for f in factors if f), default=-1)
        if not runs or runs[-1][0] != kind or latest >= runs[-1][1][0]:
            runs.append((kind, []))
        runs[-1][1].append(k)
    return tuple((kind, tuple(members)) for kind, members in runs)


def _require_real_and_smooth(lowered: LoweredCells) -> None:
    held = [
        t.coefficient for t in (*lowered.bilinear, *(t for f in lowered.functions for t in f.weak))
    ]
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


def _indices(lowered: LoweredCells) -> dict[str, tuple[MultiIndex, ...]]:
    """Derivatives of a net that the operators need, of earlier functions in the sources, and of all
    functions in the means.
    """
    weak = [
        i
        for t in (*lowered.bilinear, *(t for f in lowered.functions for t in f.weak))
        for i in (t.left, t.right)
    ]
    factors = [
        f.derivative
        for functional in _functionals(lowered)
        for t in functional.terms
        for f in t.factors
    ]
    factors += [t.factor.derivative for f in lowered.functions for t in f.weak if t.factor]
    return {
        "INDICES": closure(
            index
            for side in left_sides(lowered).values()
            for table in side.values()
            for index in table
        ),
        "KNOWN_INDICES": closure(
            [
                (0,) * len(lowered.coordinates),
                *(t.factor.derivative for f in lowered.functions for t in f.source if t.factor),
            ]
        ),
        "MEAN_INDICES": closure([*weak, *factors]),
    }


def _constants_text(lowered: LoweredCells) -> str:
    """The constants of the file."""
    numbered = {
        (c.numerator.name, c.numerator.index): argument_name(c.symbol) for c in lowered.constants
    }
    stage_note = "(kind, functions that are solved together): outputs of a net, columns of sources"
    return "\n".join(
        [
            index_constants(_indices(lowered)),
            f"COMPONENTS = {lowered.components}",
            *constant("FUNCTIONS", tuple(f.name for f in lowered.functions)),
            *constant("STAGES", stages(lowered), stage_note),
            *constant("CONSTANTS", numbered, "entries of `constants` that are keyword arguments"),
            *constant("KNOWN", known_entries(lowered), "effective coefficients without a solve"),
        ]
    )


def _operators(scope: Scope, lowered: LoweredCells) -> list[str]:
    """operator, that of the adjoint problem, and residual."""
    parts = []
    for prefix in left_sides(lowered):
        parts.append(
            function(
                f"{prefix}operator(points, d{scope.collect})",
                "The left-hand sides, ordered as the outputs of the net whose jet is d: by"
                " function, then by equation.",
                [f"return system({prefix}coefficients(points{scope.forward}), d, COMPONENTS)"],
            )
        )
    choose = (
        []
        if len(parts) == 1
        else ['left = adjoint_operator if STAGES[stage][0] == "adjoint" else operator']
    )
    left = "left" if choose else "operator"
    parts.append(
        function(
            f"residual(points, d, stage=0, known=None{scope.collect})",
            "Zero for the functions of a stage (constant, where a source has a mean); known: the"
            " jet of all functions before.",
            [
                *choose,
                (
                    f"return {left}(points, d{scope.forward}) - SOURCES[stage](points,"
                    f" known{scope.forward})"
                ),
            ],
        )
    )
    return parts


def _sources(scope: Scope, lowered: LoweredCells) -> list[str]:
    """One function per stage, of the jet of all functions of the stages before."""
    parts = []
    for number, (_, members) in enumerate(stages(lowered)):
        columns = [
            _source(lowered, lowered.functions[k], i)
            for k in members
            for i in range(lowered.components)
        ]
        names = ", ".join(lowered.functions[k].name for k in members)
        parts.append(
            scope.function(
                f"source_{number}",
                "points, known",
                f"The right-hand sides of {names}, one column per function and equation.",
                columns,
                f"return stack(points{', {}' * len(columns)})",
            )
        )
    return [
        *parts,
        (
            "SOURCES ="
            f" ({''.join(f'source_{k}, ' for k in range(len(parts))).rstrip(' ' if len(parts) == 1 else ', ')})"
        ),
    ]


def _source(lowered: LoweredCells, form: CellForm, equation: int) -> sp.Expr:
    return sp.Add(
        *[
            t.coefficient * slot(lowered, t.factor, "known")
            for t in form.source
            if t.equation == equation
        ]
    )


def slot(lowered: LoweredCells, factor: Factor | None, jet: str) -> sp.Expr:
    return (
        Slot(
            f"{jet}[{factor.derivative}][...,"
            f" {factor.function * lowered.components + factor.component}]"
        )
        if factor
        else sp.Integer(1)
    )


def _bilinear(scope: Scope, terms: Sequence[WeakTerm]) -> str:
    integrand = sp.Add(
        *[
            t.coefficient
            * Slot(f"u[{t.right}][..., {t.field}]")
            * Slot(f"v[{t.left}][..., {t.equation}]")
            for t in terms
        ]
    )
    return scope.function(
        "bilinear",
        "points, u, v",
        "The integrand of the weak form B(u, v), for the jets of all components of u and v.",
        [integrand],
        "return full(points, {})",
    )


def _loads(scope: Scope, lowered: LoweredCells) -> str:
    """The weak right-hand sides that the energy formula needs."""
    needed = _dualized(lowered)
    integrands = [
        sp.Add(
            *[
                t.coefficient
                * slot(lowered, t.factor, "d")
                * Slot(f"v[{t.left}][..., {t.equation}]")
                for t in lowered.functions[j].weak
            ]
        )
        for j in needed
    ]
    rows = "".join(f"    {j}: {{}},\n" for j in needed)
    return scope.function(
        "loads",
        "points, d, v",
        "The integrands of weak right-hand sides, by function; d is the jet of all functions.",
        integrands,
        f"return {{{{\n{rows}}}}}",
    )


def _integrand(lowered: LoweredCells, f: Functional) -> sp.Expr:
    return f.constant + sp.Add(
        *[
            t.coefficient * sp.Mul(*[slot(lowered, factor, "d") for factor in t.factors])
            for t in f.terms
        ]
    )


def _constants(scope: Scope, lowered: LoweredCells) -> str:
    integrands = [
        _integrand(lowered, f) for c in lowered.constants for f in (c.numerator, c.denominator)
    ]
    keys = [(c.numerator.name, c.numerator.index) for c in lowered.constants]
    rows = "".join(
        f"    {key}: full(points, {{}}).mean(-1) / full(points, {{}}).mean(-1),\n" for key in keys
    )
    return scope.function(
        "constants",
        "points, d",
        "The constants that later coefficients hold, from means over the points of a uniform grid.",
        integrands,
        f"return {{{{\n{rows}}}}}",
    )


def _effective(scope: Scope, lowered: LoweredCells) -> str:
    """Means over the points; by the energy formula where the dual solution is one of the cell
    functions.
    """
    functionals = _functionals(lowered)
    rows = [f"    {(f.name, f.index)}: {{}}{_dual_correction(scope, f)}," for f in functionals]
    given = "".join(f", {n}={n}" for n in scope.names)
    duals = sorted({f.dual[1] for f in functionals if f.dual})
    parts = [
        f"function_{i} = columns(d, {i}, COMPONENTS)" for i in sorted({*duals, *_dualized(lowered)})
    ]
    parts += [f"loads_{i} = loads(points, d, function_{i}{given})" for i in duals]
    returned = (
        "return {{key: averaged(full(points, value), weights) for key, value in values.items()}}"
    )
    result = "\n".join([*parts, "values = {{", *rows, "}}", returned])
    summary = (
        "Effective coefficients: means over the points (last axis), a uniform grid of the cell, or"
        " sums with weights of a quadrature; d: the jet of all functions."
    )
    return scope.function(
        "effective",
        "points, d, weights=None",
        summary,
        [_integrand(lowered, f) for f in functionals],
        result,
    )


def _functionals(lowered: LoweredCells) -> tuple[Functional, ...]:
    return (*lowered.effective, *lowered.higher)


def _dualized(lowered: LoweredCells) -> list[int]:
    """The functions whose functionals are taken by the energy formula."""
    return sorted({f.terms[0].factors[0].function for f in _functionals(lowered) if f.dual})


def _dual_correction(scope: Scope, f: Functional) -> str:
    if f.dual is None:
        return ""
    sign, i, j = *f.dual, f.terms[0].factors[0].function
    given = "".join(f", {n}={n}" for n in scope.names)
    return (
        f" {'+' if sign > 0 else '-'} (loads_{i}[{j}] - bilinear(points, function_{j},"
        f" function_{i}{given}))"
    )


def _docstring(lowered: LoweredCells) -> str:
    functionals = "\n".join(commented(_functional(lowered, f), 4) for f in _functionals(lowered))
    slow, ranges = "", ""
    if lowered.slow:
        slow = f", for every {', '.join(map(str, lowered.slow))}"
        ranges = """
Slow coordinates are plain inputs, in (-1, 1) by default: pass axes with their ranges to mlp and
cell_functions."""
    given = given_names((*given_symbols(lowered), *map(sp.Symbol, function_names(lowered))))
    outputs = len(stages(lowered)[0][1]) * lowered.components if lowered.functions else 0
    coordinates = ", ".join(map(str, lowered.coordinates))
    return f"""{lowered.title}: the cell problems.

Every cell function N is periodic in ({coordinates}) on {lowered.cell}, has zero mean, and
solves{slow}

{_system(lowered)}

where D^(a, b, ...) counts derivatives per coordinate, and the source, less its mean, is

{_listed_sources(lowered)}

Effective coefficients, <.> being the mean over the cell:

{functionals}

Training a net of your own, for the first stage:

    from nhpinn_sym.runtime.nets.networks import mlp

    layers = mlp(width=24, depth=2, outputs={outputs}, axes=AXES)
    loss = residual(points, cell_functions(points, layers){given}).square().mean()

residual is linear in d: with the features of a net in place of its outputs the coefficients give
the columns of a least-squares problem. The mean of a cell function is free: subtract it.
effective(points, d) gives the coefficients from a uniform grid of the cell.{ranges}
"""


def _system(lowered: LoweredCells) -> str:
    right = (
        ["source"]
        if lowered.components == 1
        else [f"source[{i}]" for i in range(lowered.components)]
    )
    return formulas(tabulated(lowered.strong), "N", right)


def _listed_sources(lowered: LoweredCells) -> str:
    lines = []
    for f in lowered.functions:
        if f.role in ("ground state", "adjoint"):
            lines.append(f"{f.name}:  0, {_KERNELS[f.role]}")
            continue
        for i in range(lowered.components):
            terms = [
                (
                    f"({t.coefficient}) {_factor(lowered, t.factor)}"
                    if t.factor
                    else str(t.coefficient)
                )
                for t in f.source
                if t.equation == i
            ]
            lines.append(
                f"{f.name}{f'[{i}]' * (lowered.components > 1)}:  {' + '.join(terms) or '0'}"
            )
    return "\n".join(commented(line, 4) for line in lines)


_KERNELS: Mapping[str, str] = {
    "ground state": "the positive solution of mean 1 for the smallest eigenvalue",
    "adjoint": (
        "of the transposed operator, of mean 1 (of its own component, 0 of the others; or of mean 1"
        " with the ground state)"
    ),
}


def _factor(lowered: LoweredCells, factor: Factor) -> str:
    name = lowered.functions[factor.function].name + f"[{factor.component}]" * (
        lowered.components > 1
    )
    return f"D^{factor.derivative} {name}" if any(factor.derivative) else name


def _functional(lowered: LoweredCells, f: Functional) -> str:
    terms = [
        f"({t.coefficient}) {' '.join(_factor(lowered, factor) for factor in t.factors)}"
        for t in f.terms
    ]
    note = (
        f"  [energy formula, dual solution {f.dual[0]} * {lowered.functions[f.dual[1]].name}]"
        if f.dual
        else ""
    )
    return (
        f"{f.name}{list(f.index) if f.index else ''} ="
        f" <{' + '.join([str(f.constant)] * (f.constant != 0) + terms) or '0'}>{note}"
    )
