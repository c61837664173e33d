"""Tables of solved cell problems for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..problem.escaping import printable
from ..problem.problem import MultiscaleProblem
from ..runtime.levels import error_text
from ..solve.cell_solution import CellSolution
from ..solve.domains import line_points
from ..solve.solution import Array
from ..solve.tensors import PAIRS

# Points of the domain, from its one corner to the other, at which functions of x are shown.
_PLACES = 5

# What counts as zero, beside the largest entry.
_ZERO = 1e-12


def print_cells(cells: CellSolution, problem: MultiscaleProblem) -> None:
    """Print the effective coefficients (at five points of the domain where they depend on x), and
    how they were found.
    """
    console = Console()
    info = cells.info
    title = printable(
        f"{problem.name or 'effective coefficients'}: {cells.backend}, {cells.method}"
    )
    console.print(Text(title))
    shown = {
        name: value
        for name, value in cells.effective.items()
        if name not in ("f", "g", "h", "mandel")
    }
    stiffness = shown.pop("voigt", None)
    table = Table("coefficient", "value")
    table.columns[1].justify = "right"
    for label, number in [
        *_numbers(shown, cells.components > 1, stiffness is not None),
        *_functions(shown, problem),
    ]:
        table.add_row(Text(label), _written(number))
    if table.row_count:
        console.print(table)
    if stiffness is not None:
        console.print(_stiffness(stiffness, console.width))
    averaged = list(_averaged(cells))
    if averaged:
        higher = Table(
            "order",
            "entry",
            "derivatives",
            "value",
            title="averaged operators beyond the homogenized equation",
        )
        higher.columns[3].no_wrap = True
        for row in averaged:
            higher.add_row(*row)
        console.print(higher)
    kernels = [f.name for f in (cells.ground_state, *cells.adjoints) if f is not None]
    names = ", ".join([*kernels, *(f.name for f in cells.functions)]) or "none"
    console.print(
        Text(
            printable(
                f"cell functions: {names}; estimated error {error_text(info['estimate'])}"
                f" (tolerance {info['tolerance']:.0e}), Fredholm multiplier {info['fredholm']:.1e},"
                f" {info['seconds']:.2f} s"
            )
        )
    )


def _numbers(
    effective: Mapping[str, Any], system: bool, stiffness: bool
) -> Iterator[tuple[str, Any]]:
    """The constant coefficients, entry by entry: of a system those that are not zero, without A
    where that is a stiffness.
    """
    for name, value in effective.items():
        if callable(value) or (name != "A" and not np.any(value)) or (name == "A" and stiffness):
            continue
        array = np.asarray(value)
        rounding = _ZERO * np.abs(array).max()
        for index in np.ndindex(array.shape):
            zero = abs(array[index]) <= rounding
            if not (zero and (system or array.ndim > 2)):
                yield _label(name, index), 0.0 if zero else array[index].item()


def _functions(
    effective: Mapping[str, Any], problem: MultiscaleProblem
) -> Iterator[tuple[str, Any]]:
    """The coefficients that depend on x, at some points."""
    varying = {name: value for name, value in effective.items() if callable(value)}
    if not varying or problem.domain is None:
        return
    points = line_points(problem.domain, _PLACES)
    for name, function in varying.items():
        for point, value in zip(points, np.asarray(function(points)), strict=True):
            place = ", ".join(f"{v:.4g}" for v in point)
            for index in np.ndindex(value.shape):
                yield f"{_label(name, index)} at x = ({place})", value[index].item()


def _averaged(cells: CellSolution) -> Iterator[tuple[str, str, str, str]]:
    """The entries of the averaged operators h_n, n beyond the order of the homogenized equation."""
    if cells.slow:
        return
    matrices = [matrix for level in cells.averaged.values() for matrix in level.values()]
    small = _ZERO * max((float(np.abs(matrix).max()) for matrix in matrices), default=0.0)
    for n, level in sorted(cells.averaged.items()):
        if n <= cells.order:
            continue
        for (left, right), matrix in level.items():
            derivatives = _derivatives(np.add(left, right).tolist(), cells.dim)
            for i, j in np.ndindex(matrix.shape):
                if abs(matrix[i, j]) > small:
                    value = _written(matrix[i, j].item())
                    yield f"h_{n}", f"{i + 1}, {j + 1}", derivatives, value


def _derivatives(index: Sequence[int], dim: int) -> str:
    """(2, 0, 1) as d_x1 d_x1 d_t."""
    names = [*(f"d_x{k + 1}" for k in range(dim)), "d_t"]
    marks: list[str] = []
    for name, count in zip(names, index, strict=False):
        marks += [name] * count
    return " ".join(marks)


def _stiffness(matrix: Array, width: int) -> Table:
    """With as many digits as fit into a line."""
    order = next(order for order in PAIRS.values() if len(order) == len(matrix))
    pairs = [f"{i + 1}{j + 1}" for i, j in order]
    # Voigt's shear strains are twice those of the tensor.
    strains = [f"e_{i + 1}{j + 1}" if i == j else f"2 e_{i + 1}{j + 1}" for i, j in order]
    table = Table("stress", *strains, title="effective stiffness in Voigt notation")
    small = _ZERO * np.abs(matrix).max()
    digits = max(3, min(12, (width - 12) // len(pairs) - 8))
    for pair, row in zip(pairs, matrix, strict=True):
        values = [v.item() if abs(v) > small else 0.0 for v in row]
        table.add_row(f"sigma_{pair}", *(_written(v, digits) for v in values))
    return table


def _label(name: str, index: tuple[int, ...]) -> str:
    if index:
        return f"{name}{[i + 1 for i in index]}"
    return name


def _written(number: Any, digits: int = 12) -> str:
    if not isinstance(number, complex):
        return f"{number:.{digits}g}"
    sign = "-" if number.imag < 0 else "+"
    return f"{number.real:.{digits}g} {sign} {abs(number.imag):.{digits}g} i"
