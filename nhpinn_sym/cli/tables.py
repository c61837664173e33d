"""Tables of solved cell problems for the terminal."""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.table import Table

from ..problem.problem import MultiscaleProblem
from ..solve.cell_solution import CellSolution


def cells_table(cells: CellSolution, problem: MultiscaleProblem) -> None:
    """Print the effective coefficients (at five points of the domain where they depend on x), and how they were found."""
    console = Console()
    info = cells.info
    console.print(f"{problem.name or 'effective coefficients'}: {cells.backend}, {cells.method}", highlight=False)
    table = Table()
    varying = {name: value for name, value in cells.effective.items() if callable(value) and name not in ("f", "g", "h")}
    constant = {
        name: value
        for name, value in cells.effective.items()
        if not callable(value) and name not in ("f", "g", "h") and (name == "A" or np.any(value))
    }
    table.add_column("coefficient")
    table.add_column("value", justify="right")
    for name, value in constant.items():
        for index in np.ndindex(np.shape(value)):
            table.add_row(f"{name}{list(i + 1 for i in index) or ''}", f"{float(np.asarray(value)[index]):.12g}")
    if varying and problem.domain:
        bounds = np.array(problem.domain.bounds)
        x = bounds[:, 0] + np.linspace(0, 1, 5)[:, None] * (bounds[:, 1] - bounds[:, 0])
        for name, function in varying.items():
            for point, value in zip(x, function(x), strict=True):
                for index in np.ndindex(np.shape(value)):
                    where = ", ".join(f"{v:.4g}" for v in point)
                    table.add_row(f"{name}{list(i + 1 for i in index) or ''} at x = ({where})", f"{float(np.asarray(value)[index]):.12g}")
    console.print(table)
    names = ", ".join(f.name for f in cells.functions) or "none"
    console.print(
        f"cell functions: {names}; estimated error {info['estimate']:.1e} (tolerance {info['tolerance']:.0e}), "
        f"Fredholm multiplier {info['fredholm']:.1e}, {info['seconds']:.2f} s",
        highlight=False,
    )
