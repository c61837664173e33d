"""The mains of the targets "skfem", "dolfinx" and "numpy": their imports, and their lines.

@NAME@ and the like stand for what `mains` puts there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..lower.forms import LoweredEquation
from ..problem.errors import UnsupportedError

CodeLines = tuple[str, ...]
Main = tuple[CodeLines, CodeLines]
"""(imports, what stands below the constants)."""

DEGREES = {2: 3, 3: 2}
"""Of elements on meshes that fit interfaces or regions, by the dimension."""
CELLS_IMPORTS = (
    "from nhpinn_sym.runtime.command_line import numbers, write_effective",
    "from nhpinn_sym.runtime.effective import Effective",
)
_EQUATION_IMPORTS = (
    "from nhpinn_sym.runtime.command_line import numbers, write_solution",
    "from nhpinn_sym.runtime.effective import Effective",
)
_LATTICE = "from nhpinn_sym.runtime.lattice import Lattice"
_FITTED = (
    "from nhpinn_sym.runtime.fitted.cell_mesh import CellMesh",
    "from nhpinn_sym.runtime.fitted.functions import FittedMesh",
)
_REGION = (
    "from nhpinn_sym.runtime.fitted import files as files",
    "from nhpinn_sym.runtime.fitted.domain_mesh import DomainMesh, RegionMesh",
)
_TIMES = "from nhpinn_sym.runtime.time_stepping import time_lines"


@dataclass(frozen=True)
class FemLibrary:
    """What is special to one finite element library.

    cells: lines that make `at`, the effective coefficients at a slow point, from @MESH@, @DEGREE@
    and `given`; fitted_imports, region_imports: what knows meshes that fit interfaces, or a region;
    stationary, evolution: lines
    that return the solution, and the defect of the data; rank: what tells `write_effective` and
    `write_solution` which process writes.
    """

    mpi: CodeLines
    cells_imports: CodeLines
    cells: CodeLines
    fitted_imports: CodeLines
    region_imports: CodeLines
    equation_imports: CodeLines
    stationary: CodeLines
    evolution: CodeLines
    rank: str


_SKFEM = FemLibrary(
    mpi=(),
    cells_imports=("from nhpinn_sym.runtime.fem_skfem.cells import solve_cells, space_on",),
    cells=(
        "    space = space_on(@MESH@, @DEGREE@, tuple(range(@MESH@.dim)), forms)",
        "    at = lambda slow: solve_cells(forms, space, {**given, **slow}).effective",
    ),
    fitted_imports=("from nhpinn_sym.runtime.fem_skfem import fitted_space as fitted_space",),
    region_imports=("from nhpinn_sym.runtime.fem_skfem import region_space as region_space",),
    equation_imports=(
        "from nhpinn_sym.runtime.fem_skfem.equation import solve_equation, space_on",
    ),
    stationary=(
        "    data = {**given, **effective.functions(forms.EXTERNALS, @COORDINATES@)}",
        "    space = space_on(@ON@, forms.PERIODIC, forms)",
        "    result = solve_equation(forms, space, data)",
        "    return result.grid, result.defect",
    ),
    evolution=(
        "    data = {**given, **effective.functions(forms.EXTERNALS, @COORDINATES@)}",
        "    space = space_on(@ON@, forms.PERIODIC, forms)",
        '    times = time_lines(forms.SPANS, int(given["steps"]))',
        "    result = solve_equation(forms, space, data, times, keep=False)",
        "    return result.grid, result.defect",
    ),
    rank="",
)
_PROBLEM = "    problem = EquationProblem(forms, given, effective.field(@COORDINATES@), @ON@)"
_DOLFINX = FemLibrary(
    mpi=("from mpi4py import MPI", ""),
    cells_imports=("from nhpinn_sym.runtime.fem_dolfinx.cells import CompiledCells",),
    cells=(
        "    problem = CompiledCells(forms, given, @MESH@, @DEGREE@)",
        "    at = lambda slow: problem.solve(slow).effective",
    ),
    fitted_imports=("from nhpinn_sym.runtime.fem_dolfinx import fitted_space as fitted_space",),
    region_imports=("from nhpinn_sym.runtime.fem_dolfinx import region_space as region_space",),
    equation_imports=("from nhpinn_sym.runtime.fem_dolfinx.equation import EquationProblem",),
    stationary=(_PROBLEM, "    return problem.solve(), problem.defect"),
    evolution=(
        _PROBLEM,
        '    times = time_lines(forms.SPANS, int(given["steps"]))',
        "    return problem.evolve(times, every=False), problem.defect",
    ),
    rank=", MPI.COMM_WORLD.rank == 0",
)
LIBRARIES = {"skfem": _SKFEM, "dolfinx": _DOLFINX}

_FOURIER_CELLS: Main = (
    (
        "import sys",
        "",
        "from nhpinn_sym.runtime.command_line import numbers",
        "from nhpinn_sym.runtime.effective import Effective",
        "from nhpinn_sym.runtime.fourier.refinement import solve_at",
        "from nhpinn_sym.runtime.levels import error_text",
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
        'print(f"{found}\\nestimated error: {error_text(max(estimates))}")',
        'found.save("effective.json")',
    ),
)


def main_library(target: str) -> FemLibrary:
    """UnsupportedError for a target whose mains are not written."""
    if target not in LIBRARIES:
        raise UnsupportedError(
            "the files of this target have no mains that run them",
            term=target,
            remedy=f"LIBRARIES of emit/fem_mains.py has {', '.join(LIBRARIES)}",
        )
    return LIBRARIES[target]


def cells_lines(target: str, mesh: str | None = None) -> Main:
    """main_cells.py; `mesh`: the file of a mesh that fits the interfaces. UnsupportedError as
    `main_library`."""
    if target == "numpy":
        return _FOURIER_CELLS
    own = main_library(target)
    if mesh is None:
        imports: CodeLines = (_LATTICE,)
        known: CodeLines = ()
        constants: CodeLines = ()
        lattice: CodeLines = (
            '    cells = (int(given["n"]),) * len(forms.CELL)',
            "    lattice = Lattice.fitted(forms.CELL, cells, forms.BREAKS)",
        )
        names = {"@MESH@": "lattice", "@DEGREE@": "2"}
    else:
        imports = _FITTED
        known = own.fitted_imports
        constants = (f'MESH = FittedMesh.on(forms.CELL, CellMesh.load("{mesh}"))',)
        lattice = ()
        names = {"@MESH@": "MESH", "@DEGREE@": 'int(given["degree"])'}
    return (
        "import sys",
        "",
        *own.mpi,
        *CELLS_IMPORTS,
        *known,
        *own.cells_imports,
        *imports,
        "",
        "from . import cell_forms as forms",
    ), (
        *constants,
        "",
        "",
        "def effective(given):",
        *lattice,
        *(replaced(line, names) for line in own.cells),
        "    return Effective.sampled(at, SLOW, {p: given[p] for p in PARAMETERS}, forms.KNOWN)",
        "",
        "",
        f"write_effective(effective, numbers(sys.argv[1:], PARAMETERS, @GIVEN@){own.rank})",
    )


def replaced(line: str, names: Mapping[str, str]) -> str:
    """A line with what stands for its names."""
    for key, value in names.items():
        line = line.replace(key, value)
    return line


def equation_lines(
    target: str, lowered: LoweredEquation, fine: bool, mesh: str | None = None
) -> Main:
    """main_homogenized.py, or main_fine.py; `mesh`: the file of a mesh of the region.
    UnsupportedError as `main_library`."""
    own = main_library(target)
    lattices: CodeLines = (f"{_LATTICE}, all_breaks" if fine else _LATTICE,)
    breaks = 'all_breaks(forms, given["epsilon"])' if fine else "forms.BREAKS"
    constants: CodeLines = ()
    made: CodeLines = (
        '    cells = (int(given["n"]),) * len(forms.DOMAIN)',
        f"    lattice = Lattice.fitted(forms.DOMAIN, cells, {breaks})",
    )
    on = "lattice, 2" if target == "skfem" else "lattice"
    if mesh is not None:
        lattices = (*own.region_imports, *_REGION)
        constants = (f'MESH = RegionMesh(DomainMesh.load("{mesh}"))',)
        made = ('    mesh = MESH.halved(int(given["halvings"]))',)
        on = f"mesh, {DEGREES[lowered.domain.dim]}"
    solved = own.stationary if lowered.time is None else own.evolution
    imports = (
        "import sys",
        "",
        *own.mpi,
        *_EQUATION_IMPORTS,
        *own.equation_imports,
        *lattices,
        *([] if lowered.time is None else [_TIMES]),
        "",
        "from . import @FORMS@ as forms",
    )
    return imports, (
        "effective = Effective.load()",
        *constants,
        "",
        "",
        "def solve(given):",
        *made,
        *(replaced(line, {"@ON@": on}) for line in solved),
        "",
        "",
        "given = numbers(sys.argv[1:], effective.parameters, @GIVEN@)",
        f'write_solution("@NAME@", solve, given, forms.COMPONENTS{own.rank})',
    )
