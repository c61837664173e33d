"""main_cells.py, main_homogenized.py and main_fine.py: what runs the files of an emitted folder, one
after the other; the effective coefficients pass through effective.json.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sympy as sp

from ..derive.model import HomogenizedModel
from ..lower.forms import LoweredCells, LoweredEquation
from ..problem.escaping import docstring, literal
from .layout import prose, statement

_EPS = {1: "1/16", 2: "1/8", 3: "1/4"}
"""The eps of main_fine.py, by the dimension of the domain."""
_CELLS = {1: 256, 2: 64, 3: 16}
"""Mesh cells along each axis; those of main_fine.py resolve its eps with 16, 8 and 4 a period."""


def cells_main(
    target: str,
    cells: LoweredCells,
    parameters: Mapping[str, float],
    box: Mapping[str, tuple[float, float]],
) -> str | None:
    """main_cells.py, with these values of the parameters as defaults, and these ranges of the slow
    coordinates, (0, 1) where there is none; None where nothing solves the files.
    """
    if target not in _CELLS_TEXTS:
        return None
    imports, lines = _CELLS_TEXTS[target]
    slow = {v.name: box.get(v.name, (0.0, 1.0)) for v in cells.slow}
    count = _CELLS[min(3, cells.cell.dim)]
    options = "" if target == "numpy" else f"n={count}"
    usage = _usage("main_cells.py", options, parameters)
    doc = f"{cells.title}: prints the effective coefficients, writes effective.json.\n\n{usage}"
    given = [
        *statement(f"PARAMETERS = {literal(dict(parameters))}"),
        *statement(f"SLOW = {literal(slow)}"),
    ]
    return _file(doc, imports, [*given, *lines], {"n": str(count)})


def equation_main(target: str, lowered: LoweredEquation, name: str) -> str | None:
    """main_{name}.py; None where nothing solves the files."""
    if target not in _EQUATION_TEXTS:
        return None
    dim, fine = lowered.domain.dim, any(s.name == "epsilon" for s in lowered.parameters)
    given = {"n": str(_CELLS[dim])}
    if lowered.time is not None:
        given["steps"] = "64"
    if fine:
        given["epsilon"] = _EPS[dim]
    options = " ".join(f"{key}={value}" for key, value in given.items())
    usage = _usage(f"main_{name}.py", options, {})
    doc = f"{lowered.title}: writes {name}.npz, its values at the nodes of a mesh.\n\n{usage}"
    values = {
        "FORMS": f"{name}_forms",
        "NAME": name,
        "COORDINATES": literal(tuple(map(str, lowered.coordinates))),
        "GIVEN": ", ".join(f"{key}={value}" for key, value in given.items()),
        "BREAKS": 'all_breaks(forms, given["epsilon"])' if fine else "forms.BREAKS",
        "ALL_BREAKS": ", all_breaks" if fine else "",
    }
    imports, lines = _EQUATION_TEXTS[target]
    return _file(doc, imports, lines(lowered), values)


def default_parameters(model: HomogenizedModel) -> dict[str, float]:
    """Every parameter in the middle of its range."""
    ranges = model.problem.parameters.items()
    return {symbol.name: (float(a) + float(b)) / 2 for symbol, (a, b) in ranges}


def slow_box(model: HomogenizedModel) -> dict[str, tuple[float, float]]:
    problem = model.problem
    box: dict[str, tuple[float, float]] = {}
    if problem.domain is not None:
        box |= {v.name: ends for v, ends in zip(problem.scales.x, problem.domain.bounds)}
    if problem.final_time is not None:
        box[str(problem.scales.t)] = (0.0, float(sp.sympify(problem.final_time)))
    for symbol, (a, b) in problem.parameters.items():
        box[symbol.name] = (float(a), float(b))
    return box


def _usage(name: str, options: str, parameters: Mapping[str, float]) -> str:
    given = " ".join([options, *(f"{p}={v:g}" for p, v in parameters.items())]).strip()
    line = f"    python {name}"
    return f"{line}  # or, with these defaults, {given}" if given else line


def _file(doc: str, imports: Iterable[str], lines: Iterable[str], values: Mapping[str, str]) -> str:
    head = prose(docstring(f"{doc}\n"))
    body = "\n".join(_filled(line, values) for line in [*imports, "", *lines])
    return f"{head}\n\n{body}\n"


def _filled(line: str, values: Mapping[str, str]) -> str:
    for key, value in values.items():
        line = line.replace(f"@{key}@", value)
    return line


_CELLS_IMPORTS = (
    "from nhpinn_sym.runtime.command_line import numbers, write_effective",
    "from nhpinn_sym.runtime.effective import Effective",
)
_CELLS_TEXTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "skfem": (
        (
            "import sys",
            "",
            *_CELLS_IMPORTS,
            "from nhpinn_sym.runtime.fem_skfem.cells import solve_cells",
            "from nhpinn_sym.runtime.fem_skfem.space import Space",
            "from nhpinn_sym.runtime.lattice import Lattice",
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
            *_CELLS_IMPORTS,
            "from nhpinn_sym.runtime.fem_dolfinx.cells import CellProblem",
            "from nhpinn_sym.runtime.lattice import Lattice",
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
_EQUATION_TEXTS = {
    "skfem": (
        (
            "import sys",
            "",
            *_EQUATION_IMPORTS,
            "from nhpinn_sym.runtime.fem_skfem.equation import solve_equation",
            "from nhpinn_sym.runtime.fem_skfem.space import Space",
            "from nhpinn_sym.runtime.lattice import Lattice@ALL_BREAKS@",
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
            "from . import @FORMS@ as forms",
        ),
        _dolfinx_equation,
    ),
}
