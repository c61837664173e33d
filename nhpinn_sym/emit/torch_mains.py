"""The mains of the target "torch": nets with random features, whose last layer is fitted.

@NAME@ and the like stand for what `mains` puts there.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..lower.energy import cell_energy
from ..lower.forms import LoweredCells, LoweredEquation
from ..problem.errors import UnsupportedError
from .fem_mains import CELLS_IMPORTS, Main
from .fem_scope import external_key
from .layout import statement
from .torch_printer import argument_name
from .unknown_functions import function_names

_MESHED = "from nhpinn_sym.runtime.nets.meshed_domain import MeshedFitDomain"


def cells_lines(cells: LoweredCells) -> Main | None:
    """By least squares of the residual, or by the two energies where coefficients jump; None where
    there is neither, or functions are left open.
    """
    if function_names(cells):
        return None
    call = "write_effective(effective, numbers(sys.argv[1:], PARAMETERS, @GIVEN@))"
    if not cells.jumps:
        imports = (
            "import sys",
            "",
            *CELLS_IMPORTS,
            "from nhpinn_sym.runtime.nets.cell_fits import CellFits",
            "",
            "from . import cell_residual as forms",
        )
        return imports, (
            "",
            "",
            "def effective(given):",
            "    parameters = {p: given[p] for p in PARAMETERS}",
            '    fits = CellFits(forms, parameters, int(given["n"]))',
            "    return Effective.sampled(fits, SLOW, parameters, forms.KNOWN)",
            "",
            "",
            call,
        )
    try:
        cell_energy(cells)
    except UnsupportedError:
        return None
    imports = (
        "import sys",
        "",
        *CELLS_IMPORTS,
        "from nhpinn_sym.runtime.nets.energy_fits import fit_energies",
        "",
        "from . import cell_dual, cell_energy",
    )
    return imports, (
        "",
        "",
        "def effective(given):",
        "    parameters = {p: given[p] for p in PARAMETERS}",
        '    values = fit_energies(cell_energy, cell_dual, parameters, int(given["n"]))',
        "    return Effective.sampled(lambda slow: values, SLOW, parameters, cell_energy.KNOWN)",
        "",
        "",
        call,
    )


def equation_lines(lowered: LoweredEquation, files: Sequence[str] = ()) -> Main:
    """By least squares of the residual; files: of a domain that is no box, its mesh and the places
    where solutions are singular."""
    externals = {argument_name(e.symbol): external_key(e) for e in lowered.externals}
    imports = (
        "import sys",
        "",
        "from nhpinn_sym.runtime.command_line import numbers",
        "from nhpinn_sym.runtime.effective import Effective",
        "from nhpinn_sym.runtime.nets.equation_fits import write_fit",
        *([_MESHED] if files else []),
        "",
        "from . import @NAME@_coefficients as data",
        "from . import @NAME@_residual as forms",
    )
    named = "".join(f', "{file}"' for file in files)
    return imports, (
        *statement(f"EXTERNALS = {externals!r}"),
        "effective = Effective.load()",
        "given = numbers(sys.argv[1:], effective.parameters, @GIVEN@)",
        "field = effective.field(@COORDINATES@)",
        *([f"domain = MeshedFitDomain.load(data.AXES{named})"] if files else []),
        f'write_fit("@NAME@", forms, data, given, EXTERNALS, field{", domain" if files else ""})',
    )
