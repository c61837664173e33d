"""A folder of tests of one model, for pytest, that stands alone: its cell problems for all
libraries, what they are held against, and test_model.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import sympy as sp

from ..derive.model import HomogenizedModel
from ..lower.cells import lower_cells
from ..lower.energy import cell_energy
from ..lower.forms import LoweredCells
from ..operator.zero_test import is_zero
from ..problem.errors import UnsupportedError
from ..problem.escaping import docstring, literal
from . import fourier_forms, skfem_forms, torch_cells, ufl_forms
from .fourier_forms import CoefficientTable, pointwise_function
from .layout import block, prose, statement
from .mains import declared_ranges, default_parameters
from .numpy_printer import BroadcastPrinter
from .source import NamedTexts, Source
from .unknown_functions import function_names

_POINTS = "_points"


def tests(model: HomogenizedModel) -> Source:
    """test_model.py, and the files that it imports; what no library or no check covers is left out.

    UnsupportedError where cell problems depend on what is not written: functions without a formula,
    a finer level.
    """
    cells = lower_cells(model)
    if cells.externals or function_names(cells):
        raise UnsupportedError(
            "tests of a model whose coefficients are not all formulas",
            term=cells.title,
            remedy="give their formulas; a finer level is tested as a model of its own",
        )
    files = dict(fourier_forms.cells(cells).files)
    checks = [_SOLVABLE]
    if cells.symmetric and not cells.complex:
        checks.append(_SYMMETRIC)
    for library, emitted in _LIBRARIES.items():
        found = _where_supported(partial(emitted, cells))
        if found:
            files |= found
            checks.append(_AGREEMENT[library])
    data = _where_supported(lambda: (("cell_stiffness.py", _stiffness(cells)),))
    if data:
        files |= data
        checks.append(_BOUNDS)
    wave = _where_supported(lambda: (("plane_wave.py", _plane_wave(model, cells)),))
    if wave:
        files |= wave
        checks.append(_WAVE)
    files["test_model.py"] = _test_file(model, cells, checks)
    return Source("tests", tuple(files.items()))


def _where_supported(emitted: Callable[[], NamedTexts]) -> dict[str, str]:
    """Files by name; none where the model has no such text."""
    try:
        return dict(emitted())
    except UnsupportedError:
        return {}


def _renamed(source: Source, library: str) -> NamedTexts:
    """Two finite element libraries have files of one name."""
    return tuple((f"{library}_{name}", text) for name, text in source.files)


_LIBRARIES: Mapping[str, Callable[[LoweredCells], NamedTexts]] = {
    "skfem": lambda cells: _renamed(skfem_forms.cells(cells), "skfem"),
    "dolfinx": lambda cells: _renamed(ufl_forms.cells(cells), "dolfinx"),
    "torch": lambda cells: torch_cells.cells(cells).files,
}


def _stiffness(cells: LoweredCells) -> str:
    """cell_stiffness.py; UnsupportedError where there is no energy."""
    matrix = cell_energy(cells).stiffness
    lower = [sp.sympify(matrix[p, q]) for p in range(matrix.rows) for q in range(p + 1)]
    printer = BroadcastPrinter()
    axes = {_POINTS: cells.coordinates, "_slow": cells.slow}
    summary = "The lower triangle of the symmetric coefficients, row by row."
    text = pointwise_function("stiffness", summary, axes, lower, printer)
    opening = prose(docstring(f"{cells.title}: the stiffness.\n"))
    return "\n\n".join([opening, "\n".join(printer.imports), f"\n{text}"])


def _plane_wave(model: HomogenizedModel, cells: LoweredCells) -> str:
    """plane_wave.py: the whole operator and its homogenized equation.

    UnsupportedError where coefficients depend on x or t, or jump, and for moving frames, kernels
    and fast times: the wave of the limit is another one there.
    """
    operator = model.operator
    plain = (
        not cells.slow
        and not cells.jumps
        and cells.eigenvalue is None
        and not any(f.role == "adjoint" for f in cells.functions)
        and all(frame.velocity == 0 for frame in model.frame)
        and all(axis.power == 1 and axis.slow < cells.cell.dim for axis in operator.axes)
        and not operator.frozen
    )
    unsteady = any(term.left[-1] or term.right[-1] for term, _ in operator.terms())
    law = [e for e in model.law if e.field is not None]
    if not plain or not law or any(not _is_number(e.value) for e in law if e.value is not None):
        raise UnsupportedError("a plane wave through this operator", term=cells.title)
    table = CoefficientTable()
    terms = []
    for t, c in operator.terms():
        if not is_zero(c):
            place = f"{t.equation}, {t.left}, {table.reference(c)}, {t.field}, {t.right}"
            terms.append(f"    ({place}, {float(t.power):g}),")
    rows = []
    for e in law:
        value = (e.name, e.index) if e.value is None else float(e.value)
        rows.append(f"    ({e.equation}, {e.left}, {e.sign}, {value!r}, {e.field}, {e.right}),")
    printer = BroadcastPrinter(imaginary=cells.complex)
    axes = {_POINTS: operator.fast, "_slow": ()}
    summary = "The distinct coefficients c[k] of TERMS."
    function = pointwise_function("coefficients", summary, axes, list(table.found), printer)
    constants = [
        f"CELL = {cells.cell.bounds!r}",
        f"COMPONENTS = {cells.components}",
        f"GROWTH = {float(unsteady)}  # s of e^(s t)",
        "# (equation, left, (number, k), field, right, power):",
        "# eps^power D^left( number c[k] D^right u_field )",
        "TERMS = (",
        *terms,
        ")",
        "# (equation, left, sign, coefficient, field, right) of the homogenized equation",
        "LAW = (",
        *rows,
        ")",
    ]
    text = f"{cells.title}: the operator at any eps, and that of the homogenized equation.\n"
    head = [prose(docstring(text)), "\n".join(printer.imports), "\n".join(block(constants))]
    return "\n\n".join([part for part in head if part]) + f"\n\n\n{function}"


def _is_number(value: sp.Expr) -> bool:
    value = sp.sympify(value)
    return bool(value.is_number and value.is_real)


def _test_file(model: HomogenizedModel, cells: LoweredCells, checks: list[str]) -> str:
    slow = {name: sum(ends) / 2 for name, ends in declared_ranges(model).items()}
    wanted = {v.name: slow.get(v.name, 0.5) for v in cells.slow}
    doc = f"""{cells.title}: what holds of its effective coefficients, whoever computes them.

In this folder: python -m pytest
"""
    # across jumps the coefficients converge like 1/n alone
    tolerance = "1e-2" if cells.jumps else "1e-8"
    constants = [
        *statement(f"PARAMETERS = {literal(default_parameters(model))}"),
        *statement(f"SLOW = {literal(wanted)}"),
    ]
    head = "\n\n".join([prose(docstring(doc)), _IMPORTS, "\n".join(constants)])
    text = "\n\n\n".join([head, _FIXTURE, *checks]) + "\n"
    values = {
        "@TOLERANCE@": tolerance,
        "@SLACK@": "2e-2" if cells.jumps else "1e-8",
        "@COMPONENTS@": str(cells.components),
        "@CELLS@": str({1: 64, 2: 32, 3: 8}[cells.cell.dim]),
        "@FEATURES@": str({1: 200, 2: 600, 3: 400}[cells.cell.dim]),
    }
    for key, value in values.items():
        text = text.replace(key, value)
    return text


_IMPORTS = """import numpy as np
import pytest

from nhpinn_sym.runtime.fourier.refinement import solve_at
from nhpinn_sym.runtime.model_checks import law_matrix, require_agreement, require_bounds

from . import cell_fourier"""

_FIXTURE = '''@pytest.fixture(scope="module")
def solved():
    """The cell problems by Fourier collocation."""
    return solve_at(cell_fourier, SLOW, PARAMETERS, tolerance=@TOLERANCE@)


@pytest.fixture(scope="module")
def effective(solved):
    """The effective coefficients by (name, index), those with a closed form among them."""
    known = {key: v for key, v in cell_fourier.KNOWN.items() if not isinstance(v, str)}
    return {**known, **solved["effective"]}'''

_SOLVABLE = '''def test_right_hand_sides_have_no_mean(solved):
    """Fredholm's alternative: cell functions exist."""
    assert max(solved["multipliers"].values(), default=0.0) < 1e-6'''

_SYMMETRIC = """def test_a_symmetric_operator_has_a_symmetric_limit(effective):
    matrix = law_matrix(effective, @COMPONENTS@, len(cell_fourier.CELL))
    np.testing.assert_allclose(matrix, matrix.T, atol=@TOLERANCE@ * np.abs(matrix).max())"""

_AGREEMENT = {
    "skfem": """def test_scikit_fem_agrees(solved, effective):
    from nhpinn_sym.runtime.fem_skfem.cells import solve_cells
    from nhpinn_sym.runtime.fem_skfem.space import Space
    from nhpinn_sym.runtime.lattice import Lattice

    from . import skfem_cell_forms as forms

    def solve(n):
        lattice = Lattice.fitted(forms.CELL, (n,) * len(forms.CELL), forms.BREAKS)
        space = Space(lattice, 2, tuple(range(lattice.dim)))
        return solve_cells(forms, space, {**PARAMETERS, **SLOW}).effective

    fine, coarse = solve(@CELLS@), solve(@CELLS@ // 2)
    require_agreement("scikit-fem", fine, coarse, effective, solved["estimate"])""",
    "dolfinx": """def test_dolfinx_agrees(solved, effective):
    pytest.importorskip("dolfinx")
    from nhpinn_sym.runtime.fem_dolfinx.cells import CompiledCells
    from nhpinn_sym.runtime.lattice import Lattice

    from . import dolfinx_cell_forms as forms

    def solve(n):
        lattice = Lattice.fitted(forms.CELL, (n,) * len(forms.CELL), forms.BREAKS)
        return CompiledCells(forms, PARAMETERS, lattice).solve(SLOW).effective

    fine, coarse = solve(@CELLS@), solve(@CELLS@ // 2)
    require_agreement("DOLFINx", fine, coarse, effective, solved["estimate"])""",
    "torch": """def test_nets_agree(solved, effective):
    pytest.importorskip("torch")
    from nhpinn_sym.runtime.nets.cell_fits import CellFits

    from . import cell_residual as forms

    fine, coarse = (CellFits(forms, PARAMETERS, n)(SLOW) for n in (@FEATURES@, @FEATURES@ // 2))
    require_agreement("nets", fine, coarse, effective, solved["estimate"])""",
}

_BOUNDS = """def test_bounds_of_voigt_and_reuss(effective):
    from . import cell_stiffness

    matrix = law_matrix(effective, @COMPONENTS@, len(cell_fourier.CELL))
    slow = tuple(SLOW.values())
    require_bounds(
        cell_stiffness.stiffness, cell_fourier.CELL, slow, PARAMETERS, matrix, @SLACK@
    )"""

_WAVE = '''def test_plane_waves_tend_to_those_of_the_homogenized_equation(effective):
    """At the first order in eps at least, from a solution that is exact at every eps."""
    from nhpinn_sym.runtime.fourier.plane_wave import homogenized_mean, wave_mean

    from . import plane_wave as forms

    k = [w / (b - a) for w, (a, b) in zip((2.0, 1.5, 1.0), forms.CELL)]
    limit = homogenized_mean(forms, k, forms.GROWTH, effective)
    waves = [wave_mean(forms, k, forms.GROWTH, eps, PARAMETERS) for eps in (1 / 16, 1 / 32)]
    first, second = (np.abs(wave - limit).max() / np.abs(limit).max() for wave in waves)
    assert second < 1e-9 or np.log2(first / second) > 0.9'''
