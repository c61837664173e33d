"""The mains of the targets "skfem", "dolfinx" and "numpy": their imports, and their lines.

@NAME@ and the like stand for what `mains` puts there.
"""

from __future__ import annotations

from collections.abc import Callable

from ..lower.forms import LoweredEquation

Lines = tuple[str, ...]

CELLS_IMPORTS = (
    "from nhpinn_sym.runtime.command_line import numbers, write_effective",
    "from nhpinn_sym.runtime.effective import Effective",
)
CELLS: dict[str, tuple[Lines, Lines]] = {
    "skfem": (
        (
            "import sys",
            "",
            *CELLS_IMPORTS,
            "from nhpinn_sym.runtime.fem_skfem.cells import solve_cells",
            "from nhpinn_sym.runtime.fem_skfem.space import Space",
            "from nhpinn_sym.runtime.lattice import Lattice",
            "",
            "from . import cell_forms as forms",
        ),
        (
            "",
            "",
            "def effective(given):",
            '    cells = (int(given["n"]),) * len(forms.CELL)',
            "    lattice = Lattice.fitted(forms.CELL, cells, forms.BREAKS)",
            "    space = Space(lattice, 2, tuple(range(lattice.dim)))",
            "    at = lambda slow: solve_cells(forms, space, {**given, **slow}).effective",
            "    return Effective.sampled(at, SLOW, {p: given[p] for p in PARAMETERS}, forms.KNOWN)",
            "",
            "",
            "write_effective(effective, numbers(sys.argv[1:], PARAMETERS, n=@n@))",
        ),
    ),
    "dolfinx": (
        (
            "import sys",
            "",
            "from mpi4py import MPI",
            "",
            *CELLS_IMPORTS,
            "from nhpinn_sym.runtime.fem_dolfinx.cells import CellProblem",
            "from nhpinn_sym.runtime.lattice import Lattice",
            "",
            "from . import cell_forms as forms",
        ),
        (
            "",
            "",
            "def effective(given):",
            '    cells = (int(given["n"]),) * len(forms.CELL)',
            "    problem = CellProblem(forms, given, Lattice.fitted(forms.CELL, cells, forms.BREAKS))",
            "    at = lambda slow: problem.solve(slow).effective",
            "    return Effective.sampled(at, SLOW, {p: given[p] for p in PARAMETERS}, forms.KNOWN)",
            "",
            "",
            "given = numbers(sys.argv[1:], PARAMETERS, n=@n@)",
            "write_effective(effective, given, first=MPI.COMM_WORLD.rank == 0)",
        ),
    ),
    "numpy": (
        (
            "import sys",
            "",
            "from nhpinn_sym.runtime.command_line import numbers",
            "from nhpinn_sym.runtime.effective import Effective",
            "from nhpinn_sym.runtime.fourier.refinement import solve_at",
            "",
            "from . import cell_fourier as forms",
        ),
        (
            "",
            "given = numbers(sys.argv[1:], PARAMETERS)",
            "estimates = []",
            "",
            "",
            "def at(slow):",
            "    table = solve_at(forms, slow, given, tolerance=1e-10)",
            '    estimates.append(table["estimate"])',
            '    return table["effective"]',
            "",
            "",
            "found = Effective.sampled(at, SLOW, given, forms.KNOWN)",
            'print(f"{found}\\nestimated error: {max(estimates):.1e}")',
            'found.save("effective.json")',
        ),
    ),
}


def _skfem_equation(lowered: LoweredEquation) -> list[str]:
    steps = "" if lowered.time is None else ', int(given["steps"]), keep=False'
    return [
        "effective = Effective.load()",
        "",
        "",
        "def solve(given):",
        '    cells = (int(given["n"]),) * len(forms.DOMAIN)',
        "    lattice = Lattice.fitted(forms.DOMAIN, cells, @BREAKS@)",
        "    data = {**given, **effective.functions(forms.EXTERNALS, @COORDINATES@)}",
        f"    result = solve_equation(forms, Space(lattice, 2, forms.PERIODIC), data{steps})",
        "    return result.grid, result.defect",
        "",
        "",
        "given = numbers(sys.argv[1:], effective.parameters, @GIVEN@)",
        'write_solution("@NAME@", solve, given, forms.COMPONENTS)',
    ]


def _dolfinx_equation(lowered: LoweredEquation) -> list[str]:
    solve = "problem.solve()"
    if lowered.time is not None:
        solve = 'problem.evolve(forms.FINAL_TIME, int(given["steps"]), every=False)'
    return [
        "effective = Effective.load()",
        "",
        "",
        "def solve(given):",
        '    cells = (int(given["n"]),) * len(forms.DOMAIN)',
        "    lattice = Lattice.fitted(forms.DOMAIN, cells, @BREAKS@)",
        "    problem = EquationProblem(forms, given, effective.field(@COORDINATES@), lattice)",
        f"    return {solve}, problem.defect",
        "",
        "",
        "given = numbers(sys.argv[1:], effective.parameters, @GIVEN@)",
        "first = MPI.COMM_WORLD.rank == 0",
        'write_solution("@NAME@", solve, given, forms.COMPONENTS, first)',
    ]


_EQUATION_IMPORTS = (
    "from nhpinn_sym.runtime.command_line import numbers, write_solution",
    "from nhpinn_sym.runtime.effective import Effective",
)
EQUATIONS: dict[str, tuple[Lines, Callable[[LoweredEquation], list[str]]]] = {
    "skfem": (
        (
            "import sys",
            "",
            *_EQUATION_IMPORTS,
            "from nhpinn_sym.runtime.fem_skfem.equation import solve_equation",
            "from nhpinn_sym.runtime.fem_skfem.space import Space",
            "from nhpinn_sym.runtime.lattice import Lattice@ALL_BREAKS@",
            "",
            "from . import @FORMS@ as forms",
        ),
        _skfem_equation,
    ),
    "dolfinx": (
        (
            "import sys",
            "",
            "from mpi4py import MPI",
            "",
            *_EQUATION_IMPORTS,
            "from nhpinn_sym.runtime.fem_dolfinx.equation import EquationProblem",
            "from nhpinn_sym.runtime.lattice import Lattice@ALL_BREAKS@",
            "",
            "from . import @FORMS@ as forms",
        ),
        _dolfinx_equation,
    ),
}
