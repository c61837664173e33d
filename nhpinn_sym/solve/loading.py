"""`load`: what a file of results holds."""

from __future__ import annotations

import os

from ..problem.errors import ProblemError
from .cell_file import unpacked
from .cell_solution import CellSolution
from .data_file import holds
from .law.law_file import KIND as LAW
from .law.law_file import load_law
from .law.law_solution import LawSolution
from .solution import Solution
from .solution_file import KIND as SOLUTION
from .solution_file import load_solution


def load(path: str | os.PathLike[str]) -> CellSolution | LawSolution | Solution:
    """Read what `CellSolution.save`, `LawSolution.save` or `Solution.save` wrote: a
    `CellSolution`, a `LawSolution` as `load_law` does, or a `Solution`. FileError where the file
    is damaged or something else.

    >>> import tempfile
    >>> s = nh.Scales(1)
    >>> u = s.unknown("u")
    >>> a = 2 + sp.sin(2 * sp.pi * s.y[0])
    >>> problem = nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)
    >>> model = nh.homogenize(problem)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = nh.solve_cells(model, "fourier").save(f"{folder}/cells.npz")
    ...     print(nh.load(path).effective["A"])
    [[1.73205081]]
    """
    if holds(path, LAW):
        return load_law(path)
    if holds(path, SOLUTION):
        return load_solution(path)
    cells, more = unpacked(path)
    if "family" in more:
        raise ProblemError(
            "this is a file of a family of cells",
            term=path,
            remedy="read it with load_family(path)",
        )
    return cells
