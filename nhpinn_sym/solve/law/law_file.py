"""The file of a law: a `data_file` of its state problem, as trees of expressions, and of how it is
solved. A law that is read solves the states that it is asked for, as the one that was written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sympy as sp

from ...derive.homogenize import homogenize
from ...derive.nonlinear.model import NonlinearModel
from ...derive.nonlinear.state import StateProblem
from ...operator.zero_test import is_zero
from ...problem.domain import Cell, LatticeCell
from ...problem.errors import UnsupportedError
from ...problem.problem import MultiscaleProblem
from ...problem.scales import Scales
from ...problem.user_input import parameter_numbers
from ..backends import BACKENDS
from ..data_file import Kind, read_as, write
from ..expression_data import expression_data, read_expression, read_formula, read_symbols
from .law_solution import LawSolution
from .solve_law import prepared_law

KIND = Kind("the law of a nonlinear cell", "law.save(path)")
_ROWS = ("flux", "transport")
_COLUMNS = ("cell_source", "reaction", "storage", "load")
# Names of unknowns in a file.
_NAME = re.compile(r"[A-Za-z]\w{0,60}")
# More equations, or more points per axis, no state problem has.
_MOST_COMPONENTS = 12
_MOST_POINTS = 100_000


def save_law(law: LawSolution, path: str | os.PathLike[str]) -> Path:
    """Write to one .npz file, atomically. UnsupportedError for a formula that has no form in a
    file, and for the law of a changed unknown.
    """
    problem = law.model.problem
    if law.model.change is not None:
        raise UnsupportedError(
            "the file of a law for v = phi(y, u): it has no place for phi",
            term=law.model.change.value,
            remedy="save the law of the problem in v: solve_law(homogenize(model.problem))",
        )
    swap = _symbols(law.model.state)
    state = {
        name: [_written(row, swap) for row in getattr(law.model.state, name)] for name in _ROWS
    }
    state |= {name: _written(getattr(law.model.state, name), swap) for name in _COLUMNS}
    value = {
        "dim": law.model.state.dim,
        "time": bool(problem.scales.time),
        "unknowns": [u.func.__name__ for u in problem.unknowns],
        "vector": len(problem.unknowns) > 1 and not isinstance(problem.unknown, (list, tuple)),
        "name": problem.name,
        "cell": [_written(row, {}) for row in _rows(problem.cell)],
        "lattice": isinstance(problem.cell, LatticeCell),
        "parameters": [_written((v, *ends), {}) for v, ends in problem.parameters.items()],
        "ranges": [
            _written(problem.ranges[u], {}) if u in problem.ranges else None
            for u in problem.unknowns
        ],
        "state": state,
        "ergodic": law.model.state.ergodic,
        "backend": law.backend,
        "tolerance": None if law.fixed else law.tolerance,
        "numbers": dict(law.parameters),
        "n": law.n,
        "info": dict(law.info),
    }
    return write(path, KIND, value)


def load_law(path: str | os.PathLike[str]) -> LawSolution:
    """Read what `LawSolution.save` wrote. FileError where the file is damaged or something else.

    >>> import tempfile
    >>> s = nh.Scales(1)
    >>> u = s.unknown("u")
    >>> a, g = 2 + sp.sin(2 * sp.pi * s.y[0]), s.grad(u)
    >>> equation = sp.Eq(-s.div(a * (1 + g.dot(g)) * g), 1)
    >>> model = nh.homogenize(nh.MultiscaleProblem(equation, scales=s, unknown=u))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = nh.solve_law(model).save(f"{folder}/law.npz")
    ...     print(nh.load_law(path).tangent(grad=0).round(6))
    [[1.732051]]
    """
    return read_as(path, KIND, _restored)


def same_state(one: StateProblem, other: StateProblem) -> bool:
    """Whether two models have the same state problem and law, whatever their boundary values."""
    if (one.dim, one.components, one.ergodic) != (other.dim, other.components, other.ergodic):
        return False
    pairs = list(zip(_entries(one), _entries(other), strict=True))
    return one.operator.cell == other.operator.cell and all(
        a == b or is_zero(a - b) for a, b in pairs
    )


def _entries(state: StateProblem) -> list[sp.Expr]:
    swap = _symbols(state)
    rows = [row for name in _ROWS for row in getattr(state, name)]
    rows += [getattr(state, name) for name in _COLUMNS]
    return [sp.sympify(e).xreplace(swap) for row in rows for e in row]


def _symbols(state: StateProblem) -> dict[sp.Basic, sp.Expr]:
    """What stands in a file for values, slopes and coordinates: names that no parameter has."""
    op = state.operator
    places = dict(zip(op.coordinates[: state.dim], _names("x", state.dim)))
    fast = dict(zip(op.fast, _names("y", state.dim)))
    values = dict(zip(state.values, _names("u", state.components)))
    slopes = dict(zip(state.all_slopes, _names("p", state.components * state.dim)))
    return {**places, **fast, **values, **slopes, op.coordinates[state.dim]: _names("t", 1)[0]}


def _names(letter: str, count: int) -> tuple[sp.Symbol, ...]:
    return tuple(sp.Symbol(f"@{letter}{k}", real=True) for k in range(count))


def _written(exprs: Sequence[Any], swap: Mapping[sp.Basic, sp.Expr]) -> list[Any]:
    return [expression_data(sp.sympify(e).xreplace(dict(swap))) for e in exprs]


def _restored(data: Mapping[str, Any]) -> LawSolution:
    """The law; errors of any kind for data that do not fit."""
    problem = _problem(data)
    model = homogenize(problem)
    if not isinstance(model, NonlinearModel) or data["backend"] not in BACKENDS:
        raise ValueError("no nonlinear model, or no backend")
    n = data["n"]
    if n is not None and not 0 < int(n) <= _MOST_POINTS:
        raise ValueError("points per axis")
    given = {str(v): v for v in problem.parameters}
    numbers = {given[name]: float(value) for name, value in data["numbers"].items()}
    held = parameter_numbers(numbers or None, dict.fromkeys(numbers, (-sp.oo, sp.oo)))
    tolerance = None if data["tolerance"] is None else float(data["tolerance"])
    law = prepared_law(model, data["backend"], tolerance, held, n)
    law.info.update({str(name): value for name, value in data["info"].items()})
    return law


def _problem(data: Mapping[str, Any]) -> MultiscaleProblem:
    dim = int(data["dim"])
    scales = Scales(dim, time=bool(data["time"]))
    names = [str(name) for name in data["unknowns"]]
    if not 1 <= len(names) <= _MOST_COMPONENTS or not all(map(_NAME.fullmatch, names)):
        raise ValueError("unknowns")
    unknowns = [sp.Function(name)(*scales.arguments) for name in names]
    parameters: dict[sp.Symbol, tuple[sp.Expr, sp.Expr]] = {}
    for row in data["parameters"]:
        (symbol,) = read_symbols(row[:1])
        low, high = (_number(end) for end in row[1:])
        parameters[symbol] = (low, high)
    ranges = {
        u: tuple(_number(end) for end in ends)
        for u, ends in zip(unknowns, data["ranges"], strict=True)
        if ends is not None
    }
    equations = _equations(data, scales, unknowns, list(parameters))
    return MultiscaleProblem(
        equations if len(equations) > 1 else equations[0],
        scales=scales,
        unknown=_grouped(unknowns, bool(data["vector"])),
        cell=_cell(data),
        parameters=parameters,
        ranges=ranges,
        name=str(data["name"] or ""),
    )


def _rows(cell: Cell) -> tuple[tuple[sp.Expr, ...], ...]:
    """Vectors of a lattice, the intervals of a box."""
    return cell.vectors if isinstance(cell, LatticeCell) else cell.intervals


def _cell(data: Mapping[str, Any]) -> Cell:
    rows = [tuple(_number(entry) for entry in row) for row in data["cell"]]
    return Cell.lattice(*rows) if data.get("lattice") else Cell(*rows)


def _grouped(unknowns: list[Any], vector: bool) -> Any:
    if len(unknowns) == 1:
        return unknowns[0]
    return sp.ImmutableMatrix(unknowns) if vector else unknowns


def _number(data: Any) -> sp.Expr:
    found = read_expression(data)
    if not isinstance(found, sp.Expr) or not found.is_number:
        raise ValueError("no number")
    return found


def _equations(
    data: Mapping[str, Any], scales: Scales, unknowns: list[Any], parameters: list[sp.Symbol]
) -> list[tuple[sp.Expr, sp.Expr]]:
    """d_t b - div( A + B/eps ) + g/eps + G = f, as a user writes it."""
    d = scales.dim
    m = len(unknowns)
    slopes = [sp.Derivative(u, x, evaluate=False) for u in unknowns for x in scales.x]
    back: dict[sp.Basic, sp.Basic] = dict(zip(_names("u", m), unknowns))
    back |= dict(zip(_names("p", m * d), slopes))
    back |= dict(zip(_names("x", d), scales.x))
    back |= dict(zip(_names("y", d), scales.y))
    if scales.time:
        back[_names("t", 1)[0]] = scales.t
    allowed = [*(v for v in back if isinstance(v, sp.Symbol)), *parameters]

    def formula(entry: Any) -> sp.Expr:
        return read_formula(entry, allowed).xreplace(back)

    state = data["state"]
    scale = scales.eps if data["ergodic"] else sp.Integer(1)
    found = []
    for i in range(m):
        flux = [
            scale * formula(state["flux"][i][k]) + formula(state["transport"][i][k]) / scales.eps
            for k in range(d)
        ]
        left = -scales.div(sp.ImmutableMatrix([flux]))
        left += formula(state["cell_source"][i]) / scales.eps + formula(state["reaction"][i])
        storage = formula(state["storage"][i])
        if storage != 0:
            left += scales.dt(storage)
        found.append((left, formula(state["load"][i])))
    return found
