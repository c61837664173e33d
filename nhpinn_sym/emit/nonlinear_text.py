"""Nonlinear integrands as text: one function of the values, one of all derivatives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import sympy as sp

from ..derive.notation import text
from ..lower.nonlinear import (
    CORRECTOR,
    MACRO,
    SLOPE,
    VALUE,
    IndexTable,
    LoweredNonlinearEquation,
    LoweredState,
)
from ..problem.escaping import docstring
from .layout import block, prose
from .nonlinear_languages import LANGUAGES, Language, TablePrinter
from .source import Source

_STATE = """{title}: state problem and law, for {library}.

Find N, periodic with zero mean, -div_y( flux ) + source = 0 (ERGODIC: = <source>). The means over
the cell of flux, reaction, storage and load make the law d_t storage - div( flux ) + reaction =
load, without the flux where it is ERGODIC.
`values(data)` and `slopes(data)` give arrays by name, {{name: {{index: values}}}}, without entries
that are zero; name_u, name_p, name_N, name_xi are derivatives, their last indices are those of what
is differentiated by.
data holds by name, and all of it broadcasts: the coordinates {coordinates}, {others}
{VALUE}_j = u0_j, {MACRO}_j_l = d_l u0_j, {CORRECTOR}_j = N_j, {SLOPE}_j_l = d_l u0_j + d_l N_j.

{mathematics}
"""
_EQUATION = """{title}, for {library}.

d_t storage - div( flux ) + reaction = 0.
`values(data)` and `slopes(data)` give arrays by name, {{name: {{index: values}}}}, without entries
that are zero; name_u and name_p are derivatives, their last indices are those of what is
differentiated by.
data holds by name, and all of it broadcasts: the coordinates {coordinates}, {others}
{VALUE}_j = u_j and {SLOPE}_j_l = d_l u_j.

{mathematics}
"""


def state(lowered: LoweredState, language: str = "numpy") -> Source:
    """`state_numpy.py`, and so for the languages of `nonlinear_languages`. UnsupportedError for a
    function that its library does not have.
    """
    chosen = LANGUAGES[language]
    others = [*map(str, lowered.slow), *map(str, lowered.parameters), *map(str, lowered.middles)]
    opening = _STATE.format(
        title=lowered.title,
        library=chosen.library,
        coordinates=", ".join(map(str, lowered.coordinates)),
        others="".join(f"{name}, " for name in others),
        mathematics=_mathematics(lowered.integrands.values),
        VALUE=VALUE,
        MACRO=MACRO,
        CORRECTOR=CORRECTOR,
        SLOPE=SLOPE,
    )
    constants = [
        f"COMPONENTS, DIM = {lowered.components}, {lowered.dim}",
        f"CELL = {lowered.cell.bounds!r}",
        f"COORDINATES = {tuple(map(str, lowered.coordinates))!r}",
        f"SLOW = {tuple(map(str, lowered.slow))!r}",
        f"PARAMETERS = {tuple(map(str, lowered.parameters))!r}",
        f"SYMMETRIC, FROZEN, JUMPS = {lowered.symmetric}, {lowered.frozen}, {lowered.jumps}",
        f"ERGODIC = {lowered.ergodic}",
        *([f"MIDDLES = {tuple(map(str, lowered.middles))!r}"] if lowered.middles else []),
    ]
    return _file(chosen, "state", opening, constants, lowered)


def equation(lowered: LoweredNonlinearEquation, language: str = "numpy") -> Source:
    """`fine_numpy.py`, and so for other languages: the equation at a given eps, point by point."""
    chosen = LANGUAGES[language]
    others = [*map(str, lowered.parameters), str(lowered.time)]
    opening = _EQUATION.format(
        title=lowered.title,
        library=chosen.library,
        coordinates=", ".join(map(str, lowered.coordinates)),
        others="".join(f"{name}, " for name in others),
        mathematics=_mathematics(lowered.integrands.values),
        VALUE=VALUE,
        SLOPE=SLOPE,
    )
    constants = [
        f"COMPONENTS, DIM = {lowered.components}, {len(lowered.coordinates)}",
        f"COORDINATES = {tuple(map(str, lowered.coordinates))!r}",
        f"TIME = {str(lowered.time)!r}",
    ]
    return _file(chosen, "fine", opening, constants, lowered)


def _file(
    language: Language,
    name: str,
    opening: str,
    constants: Sequence[str],
    lowered: LoweredState | LoweredNonlinearEquation,
) -> Source:
    printer = language.printer(lowered.coordinates[0])
    functions = [
        _function("values", "The arrays at points.", lowered.integrands.values, printer),
        _function("slopes", "Their derivatives.", lowered.integrands.derivatives, printer),
    ]
    if isinstance(lowered, LoweredState):
        functions += language.more
    head = [prose(docstring(opening)), "\n".join(printer.imports), "\n".join(block(constants))]
    body = "\n\n\n".join(["\n\n".join(part for part in head if part), *printer.helpers, *functions])
    return Source(language.name, ((f"{name}_{language.name}.py", f"{body}\n"),))


def _function(name: str, doc: str, tables: Mapping[str, IndexTable], printer: TablePrinter) -> str:
    """The text of `name(data)`."""
    exprs = [e for table in tables.values() for e in table.values()]
    used = sorted({*printer.always, *(v for e in exprs for v in e.free_symbols)}, key=str)
    own = {v: sp.Symbol(f"{v.name}_", real=True) for v in used if v.name in _taken(exprs)}
    shared, reduced = printer.reduced([e.xreplace(own) for e in exprs], "c")
    unpacked = [f"{printer.name(own.get(v, v))} = data[{v.name!r}]" for v in used]
    rest = iter(reduced)
    rows = ["return {"]
    for key, table in tables.items():
        entries = ", ".join(f"{index!r}: {next(rest)}" for index in table)
        rows.append(f"    {key!r}: {{{entries}}},")
    rows.append("}")
    body = [*unpacked, *shared, *rows]
    head = [f"def {name}(data):", prose(docstring(doc), "    ")]
    return "\n".join([*head, *block(body, 4)])


def _taken(exprs: Sequence[sp.Expr]) -> set[str]:
    """Names that the text of a function reads itself, which parameters may have too."""
    functions = {f.func.__name__.lower() for e in exprs for f in e.atoms(sp.Function)}
    return {"data", "math", "torch", "ufl", *functions}


def _mathematics(tables: Mapping[str, IndexTable]) -> str:
    return "\n".join(_lines(tables))


def _lines(tables: Mapping[str, IndexTable]) -> Iterable[str]:
    for name, table in tables.items():
        for index, e in table.items():
            yield f"    {name}{list(index)} = {text(e)}"
