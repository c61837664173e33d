"""solve_family: the cell problems for all values of parameters at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp

from ..derive.model import HomogenizedModel
from ..problem.errors import (
    FileError,
    ProblemError,
    UndeclaredSymbolError,
    UnsupportedError,
    shortened,
)
from ..problem.html_text import html_lines
from ..problem.pictures import Drawing
from ..problem.user_input import instance, listed, parameter_numbers
from .cell_file import save, unpacked
from .cell_request import CellRequest
from .cell_solution import CellSolution
from .cells import solve_request
from .effective import EffectiveFunction
from .effective_entries import Entry
from .family_functions import FamilyCoefficient, FamilyFunction, NamedRange, Places
from .interpolation import Nodes
from .progress import Progress
from .result_pictures import draw_family
from .solution import Array


@dataclass(frozen=True)
class CellFamily:
    """Result of `solve_family`: `effective`, `functions` and `info` as functions of the parameters.

    cells: what was solved, the parameters being the last of its slow variables. over: (name, lower,
    upper) of each.

    >>> s = nh.Scales(1)
    >>> u, p = s.unknown("u"), sp.Symbol("p")
    >>> a = 2 + p * sp.sin(2 * sp.pi * s.y[0])
    >>> problem = nh.MultiscaleProblem(
    ...     sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u, parameters={p: (0, 1)}
    ... )
    >>> family = nh.solve_family(nh.homogenize(problem), "fourier")
    >>> print(family.at(p=1).effective["A"].round(6))
    [[1.732051]]
    """

    cells: CellSolution
    over: tuple[NamedRange, ...]
    slow: tuple[str, ...]

    @property
    def info(self) -> Mapping[str, Any]:
        """method, size, seconds, and "estimate": of the largest error of an effective entry."""
        return self.cells.info

    @cached_property
    def effective(self) -> dict[str, FamilyCoefficient]:
        """The effective coefficients of `CellSolution.effective`, tensors beyond the homogenized
        equation apart.
        """
        held = {name: set[str]() for name in self.cells.effective}
        for (name, _), entry in self.cells.entries.items():
            held.setdefault(name, set()).update(self._held(entry))
        # What several entries make up may need all of it.
        everything = set[str]().union(*held.values())

        def needed(name: str, value: Any) -> tuple[str, ...]:
            if callable(value):
                return tuple(
                    sorted(held[name] if isinstance(value, EffectiveFunction) else everything)
                )
            return ()

        return {
            name: FamilyCoefficient(value, needed(name, value), self._places)
            for name, value in self.cells.effective.items()
            if not isinstance(value, dict)
        }

    @property
    def functions(self) -> tuple[FamilyFunction, ...]:
        """The correctors, in printed order."""
        return tuple(FamilyFunction(f, self._places) for f in self.cells.functions)

    def at(self, /, **parameters: float) -> CellSolution:
        """The cells for one value of every parameter, as `solve_cells` gives them; nothing is
        solved.
        """
        point, shape = self._places.columns(
            (), None, parameters, [name for name, _, _ in self.over]
        )
        if shape:
            raise ProblemError(
                "cells are for one value of every parameter",
                term=f"shape {shape}",
                remedy="call at() for each of them",
            )
        theta = dict(zip(self._places.names, point[0], strict=True))
        names = self.cells.slow
        nodes = self.cells.nodes
        free = {name for name, _, _ in self.over}
        kept = [k for k, name in enumerate(names) if name not in free]
        inner = nodes.along(tuple(kept))
        slow = np.empty((len(inner.points), len(names)))
        for k, name in enumerate(names):
            slow[:, k] = theta.get(name, np.nan)
        slow[:, kept] = inner.points
        basis = nodes.weights(slow)
        fields = tuple(
            tuple(field.restricted(basis, slow) for field in row) for row in self.cells.fields
        )
        entries = {
            key: self._restricted(entry, inner, basis, theta)
            for key, entry in self.cells.entries.items()
        }
        return replace(
            self.cells,
            fields=fields,
            nodes=inner,
            slow=tuple(names[k] for k in kept),
            entries=entries,
            parameters={
                **self.cells.parameters,
                **{name: theta[name] for k, name in enumerate(names) if k not in kept},
            },
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write to one .npz file, atomically; `nhpinn_sym.load_family` reads it again."""
        return save(self.cells, path, family=[self.over, self.slow])

    def export(self, path: str | os.PathLike[str]) -> Path:
        """Write the nets as one program of torch.export that needs torch alone, see `pinn.export`;
        UnsupportedError for other backends.
        """
        return self.cells.export(path)

    def plot(self, name: str = "A") -> Drawing:
        """The entries of an effective coefficient over the first parameter."""
        return draw_family(self, name)

    def _repr_html_(self) -> str:
        return html_lines(str(self))

    def __str__(self) -> str:
        ranges = ", ".join(f"{a:g} <= {name} <= {b:g}" for name, a, b in self.over)
        lines = [f"{str(self.cells).splitlines()[0]}, for {ranges}"]
        for name, coefficient in self.effective.items():
            needed = ", ".join(coefficient.needed)
            lines.append(f"  {name} = {f'function of {needed}' if needed else coefficient.value}")
        return "\n".join(lines)

    __repr__ = __str__

    @property
    def _places(self) -> Places:
        return Places(self.slow, self.cells.dim, self.over)

    def _held(self, entry: Entry) -> set[str]:
        """The names of the variables that an entry depends on."""
        if entry.formula is None:
            return {self.slow[k] for k in entry.columns}
        return {str(v) for v in entry.formula.free_symbols}

    def _restricted(
        self, entry: Entry, nodes: Nodes, basis: Array, theta: Mapping[str, float]
    ) -> Entry:
        """The entry for numbers theta of the parameters, as a function of x alone."""
        count = len(self.slow) - len(self.over)
        if entry.formula is not None:
            numbers = {v: sp.Float(theta[str(v)], 17) for v in entry.coordinates[count:]}
            return replace(
                entry,
                formula=entry.formula.xreplace(numbers),
                coordinates=entry.coordinates[: self.cells.dim],
            )
        return replace(
            entry,
            nodes=nodes,
            columns=tuple(k for k in entry.columns if k < count),
            values=basis @ entry.values,
        )


def solve_family(
    model: HomogenizedModel,
    backend: str = "pinn",
    *,
    over: Iterable[sp.Symbol] | None = None,
    tolerance: float | None = None,
    parameters: Mapping[sp.Symbol, float] | None = None,
    progress: Progress | None = None,
    coefficients: Mapping[str, Callable[..., Any]] | None = None,
    **options: Any,
) -> CellFamily:
    """Solve the cell problems for all values of parameters in their declared ranges.

    over       : the parameters (default: all that the problem declares and `parameters` does not
                 fix).
    parameters : numbers for the others.
    Else as `solve_cells`. pinn: one net over (y, x, theta), trained once; other backends:
    interpolation between solutions at Chebyshev nodes.
    At most four slow variables, x and parameters together; one to three are cheap.
    Errors: ProblemError, UndeclaredSymbolError; UnsupportedError for iterated and frozen scales;
    those of `solve_cells`.

    >>> s = nh.Scales(1)
    >>> u, p = s.unknown("u"), sp.Symbol("p")
    >>> a = 2 + p * sp.sin(2 * sp.pi * s.y[0])
    >>> problem = nh.MultiscaleProblem(
    ...     sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u, parameters={p: (0, 1)}
    ... )
    >>> family = nh.solve_family(nh.homogenize(problem), "fourier")
    >>> print(family.effective["A"](p=0.5).round(6))  # the root of 4 - p^2
    [[1.936492]]
    """
    model = instance(model, HomogenizedModel, "the model", "write model = homogenize(problem)")
    declared = model.problem.parameters
    chosen = _chosen(model, over, parameters)
    if model.inner is not None or model.cell_operator.frozen:
        raise UnsupportedError(
            "a family of problems with several levels of scales",
            term=model.title,
            remedy="solve the cells for single parameters",
        )
    values = parameter_numbers(
        parameters, {v: bounds for v, bounds in declared.items() if v not in chosen}
    )
    request = CellRequest(
        model, values, tolerance, progress, None, coefficients, options, over=chosen
    )
    cells = solve_request(request, backend)
    ranges = tuple((str(v), float(declared[v][0]), float(declared[v][1])) for v in chosen)
    return CellFamily(cells, ranges, tuple(map(str, (*model.cell_operator.slow, *chosen))))


def _chosen(
    model: HomogenizedModel,
    over: Iterable[sp.Symbol] | None,
    parameters: Mapping[sp.Symbol, float] | None,
) -> tuple[sp.Symbol, ...]:
    """The parameters that are left free, in the order of `over`."""
    given = (
        {}
        if parameters is None
        else instance(
            parameters,
            Mapping,  # type: ignore[type-abstract]
            "parameters",
            "pass parameters={q: number}",
        )
    )
    declared = model.problem.parameters
    fixed = {str(v) if isinstance(v, (sp.Basic, str)) else shortened(v) for v in given}
    if over is None:
        chosen = tuple(v for v in declared if str(v) not in fixed)
    else:
        named = listed(over, "over", "write over=[q]")
        chosen = tuple(
            dict.fromkeys(
                instance(v, sp.Symbol, "a parameter in over", "write over=[q]") for v in named
            )
        )
    for v in chosen:
        if v not in declared:
            raise UndeclaredSymbolError(
                "the problem declares no parameter that is this symbol",
                term=shortened(v),
                remedy=f"its parameters are: {list(declared)}",
            )
        if str(v) in fixed:
            raise ProblemError(
                "a parameter cannot be free and have a value",
                term=v,
                remedy="name it in over= or in parameters=, not in both",
            )
    if not chosen:
        raise ProblemError(
            "a family over no parameters",
            term=list(declared),
            remedy=(
                "declare parameters={q: (lower, upper)} and leave one without a value, or use"
                " solve_cells"
            ),
        )
    return chosen


def load_family(path: str | os.PathLike[str]) -> CellFamily:
    """Read what `CellFamily.save` wrote. ProblemError where the file is something else.

    >>> import tempfile
    >>> s = nh.Scales(1)
    >>> u, p = s.unknown("u"), sp.Symbol("p")
    >>> a = 2 + p * sp.sin(2 * sp.pi * s.y[0])
    >>> problem = nh.MultiscaleProblem(
    ...     sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u, parameters={p: (0, 1)}
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = nh.solve_family(nh.homogenize(problem), "fourier").save(f"{folder}/family.npz")
    ...     print(nh.load_family(path).effective["A"](p=0).round(6))
    [[2.]]
    """
    cells, meta = unpacked(path)
    if "family" not in meta:
        raise ProblemError(
            "this is a file of solved cells without free parameters",
            term=path,
            remedy="read it with load(path)",
        )
    try:
        over, slow = meta["family"]
        ranges = tuple((str(name), float(a), float(b)) for name, a, b in over)
        return CellFamily(cells, ranges, tuple(map(str, slow)))
    except (TypeError, ValueError) as cause:
        raise FileError(
            "this file of a family is not complete", term=path, remedy="solve and save it again"
        ) from cause
