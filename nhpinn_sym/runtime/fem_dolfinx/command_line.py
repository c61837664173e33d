"""The command lines of the emitted drivers: arguments are name=value, for what a file leaves open
and for n, degree, steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import numpy as np
from mpi4py import MPI

from ..lagrange_grid import ranges, save_grid  # sibling
from ..lattice import Lattice, all_breaks  # sibling
from .cells import CellProblem  # sibling
from .equation import COMPATIBLE, Array, EquationProblem, Key  # sibling


def main_cells(forms: ModuleType, arguments: Sequence[str]) -> None:
    """Solve the cell problems and print the effective coefficients. n: cells along each axis, with
    lines at jumps.
    """
    given = _numbers(
        arguments, (*forms.SLOW, *forms.PARAMETERS), n={1: 256, 2: 64, 3: 16}[len(forms.CELL)]
    )
    lattice = Lattice.fitted(forms.CELL, (int(given["n"]),) * len(forms.CELL), forms.BREAKS)
    problem = CellProblem(forms, given, lattice, int(given["degree"]))
    result = problem.solve(given)
    if MPI.COMM_WORLD.rank == 0:
        for key, value in {**result.effective, **forms.KNOWN}.items():
            print(f"{_label(key)} = {value if isinstance(value, str) else format(value, '.12g')}")
        multiplier = max(result.multipliers.values(), default=0.0)
        print(
            f"relative multiplier of the zero mean: {multiplier:.1e}; {problem.box.dofs} unknowns"
            f" on {MPI.COMM_WORLD.size} ranks"
        )


def main_equation(forms: ModuleType, arguments: Sequence[str]) -> None:
    """Solve the equation and write the values on the lattice of nodes (at the final time) to
    solution.npz.

    n: cells along each axis, with lines at jumps; steps: time steps; effective coefficients are
    given as A[0,0]=1.5, and constant.
    """
    given = _numbers(
        arguments,
        (*forms.PARAMETERS, *map(_label, forms.EXTERNALS)),
        n={1: 1024, 2: 64, 3: 16}[len(forms.DOMAIN)],
        steps=64,
    )
    breaks = all_breaks(forms.DOMAIN, forms.BREAKS, forms.FAST_BREAKS, given.get("epsilon", 1.0))
    lattice = Lattice.fitted(forms.DOMAIN, (int(given["n"]),) * len(forms.DOMAIN), breaks)

    def constant(key: Key, points: Array) -> Array:
        return np.full(len(points), given[_label(key)])

    problem = EquationProblem(forms, given, constant, lattice, int(given["degree"]))
    grid = (
        problem.evolve(forms.FINAL_TIME, int(given["steps"]), every=False)
        if forms.TIME
        else problem.solve()
    )
    if problem.defect > COMPATIBLE:
        raise SystemExit(
            f"source and boundary fluxes do not balance: relative defect {problem.defect:.1e}"
        )
    if MPI.COMM_WORLD.rank == 0:
        save_grid("solution.npz", grid, forms.COMPONENTS)
        print(f"{ranges(grid, forms.COMPONENTS)}, on {MPI.COMM_WORLD.size} ranks")


def _numbers(arguments: Sequence[str], names: Sequence[str], **defaults: float) -> dict[str, float]:
    given = {
        "degree": 2,
        **defaults,
        **{name: float(value) for name, value in (argument.split("=") for argument in arguments)},
    }
    missing = [name for name in names if name not in given]
    if missing:
        raise SystemExit(f"give a value for: {' '.join(f'{name}=...' for name in missing)}")
    return given


def _label(key: Key) -> str:
    """A[0,0], and A[0,0]_x1 for its derivative along x1."""
    name, index, *derivative = key
    along = "".join(str(axis + 1) * n for axis, n in enumerate(derivative[0])) if derivative else ""
    return (
        name + (f"[{','.join(map(str, index))}]" if index else "") + (f"_x{along}" if along else "")
    )
