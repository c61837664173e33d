"""main_cells.py, main_homogenized.py and main_fine.py: what runs the files of an emitted folder,
one after the other; the effective coefficients pass through effective.json.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import sympy as sp

from ..derive.model import HomogenizedModel
from ..derive.nonlinear.model import NonlinearModel
from ..lower.forms import LoweredCells, LoweredEquation
from ..problem.escaping import docstring, literal
from . import fem_mains, torch_mains
from .layout import prose, statement
from .torch_printer import argument_name
from .unknown_functions import function_names

# The eps of main_fine.py, by the dimension of the domain.
EPS = {1: "1/16", 2: "1/8", 3: "1/4"}
# That of nets, whose features would be too many for more periods.
_TORCH_EPS = "1/4"
# Steps in time.
_STEPS = "64"
# Random features of a net.
_FEATURES = {"cells": 400, "homogenized": 600, "fine": 1200}
# Mesh cells along each axis; those of main_fine.py resolve its eps with 16, 8 and 4 a period.
_CELLS = {1: 256, 2: 64, 3: 16}
DOMAIN_MESH = "domain.npz"
"""The mesh of a domain that is no box."""
SINGULAR = "singular.npz"
"""The corners and holes of a region."""
FINE_MESH = "fine_domain.npz"
"""The mesh of a region that fits the shapes of every period, for `EPS`."""
# Of the mesh of a region, which has sixteen triangles along its longer side.
_HALVINGS = {"homogenized": "1", "fine": "2"}


def cells_main(
    target: str,
    cells: LoweredCells,
    parameters: Mapping[str, float],
    box: Mapping[str, tuple[float, float]],
    mesh: str | None = None,
) -> str | None:
    """main_cells.py, with these values of the parameters as defaults, and these ranges of the slow
    coordinates, (0, 1) where there is none; None where nothing solves the files. mesh: a file.
    """
    slow = {v.name: box.get(v.name, (0.0, 1.0)) for v in cells.slow}
    if target == "torch":
        main = torch_mains.cells_lines(cells)
        parameters = {argument_name(sp.Symbol(p)): value for p, value in parameters.items()}
        options = f"n={_FEATURES['cells'] // max(1, len(slow))}"
    else:
        main = fem_mains.cells_lines(target, mesh)
        dim = cells.cell.dim
        sizes = (f"n={_CELLS[min(3, dim)]}", f"degree={fem_mains.DEGREES.get(dim)}")
        options = sizes[mesh is not None]
    if main is None:
        return None
    imports, lines = main
    options = "" if target == "numpy" else options
    usage = _usage("main_cells.py", options, parameters)
    doc = f"Prints the effective coefficients and writes effective.json.\n\n{usage}"
    given = [
        *statement(f"PARAMETERS = {literal(dict(parameters))}"),
        *statement(f"SLOW = {literal(slow)}"),
    ]
    return _file(doc, imports, [*given, *lines], {"GIVEN": options})


def equation_main(
    target: str, lowered: LoweredEquation, name: str, files: Sequence[str] = ()
) -> str | None:
    """main_{name}.py; None where nothing solves the files; files: of a domain that is no box, its
    mesh, and for nets the places where solutions are singular. UnsupportedError for a target
    without mains.
    """
    if function_names(lowered):
        return None
    mesh = files[0] if files else None
    fine = any(s.name == "epsilon" for s in lowered.parameters)
    given = _options(target, lowered, fine, mesh)
    usage = _usage(f"main_{name}.py", " ".join(f"{k}={v}" for k, v in given.items()), {})
    doc = f"{lowered.title}: writes {name}.npz, its values at the nodes of a grid.\n\n{usage}"
    if mesh == FINE_MESH:
        doc += f"\n\nThe mesh in {FINE_MESH} fits the shapes of every period of that epsilon."
    values = {
        "FORMS": f"{name}_forms",
        "NAME": name,
        "COORDINATES": literal(tuple(map(str, lowered.coordinates))),
        "GIVEN": ", ".join(f"{key}={value}" for key, value in given.items()),
    }
    if target == "torch":
        return _file(doc, *torch_mains.equation_lines(lowered, files), values)
    return _file(doc, *fem_mains.equation_lines(target, lowered, fine, mesh), values)


def _options(target: str, lowered: LoweredEquation, fine: bool, mesh: str | None) -> dict[str, str]:
    """What the command line of a main may change, and its default."""
    dim = lowered.domain.dim
    if target == "torch":
        features = _FEATURES["fine" if fine else "homogenized"] // lowered.components
        options = {"n": str(features)}
    else:
        options = {"n": str(_CELLS[dim])}
        if mesh is not None:
            wavy = fine and mesh != FINE_MESH
            options = {"halvings": _HALVINGS["fine" if wavy else "homogenized"]}
        if lowered.time is not None:
            options["steps"] = _STEPS
    if fine:
        options["epsilon"] = _TORCH_EPS if target == "torch" else EPS[dim]
    return options


def default_parameters(model: HomogenizedModel | NonlinearModel) -> dict[str, float]:
    """Every parameter in the middle of its range."""
    ranges = model.problem.parameters.items()
    return {symbol.name: (float(a) + float(b)) / 2 for symbol, (a, b) in ranges}


def declared_ranges(model: HomogenizedModel | NonlinearModel) -> dict[str, tuple[float, float]]:
    """The ranges of coordinates, time and parameters, as far as the problem says them."""
    problem = model.problem
    box: dict[str, tuple[float, float]] = {}
    if problem.domain is not None:
        for v, ends in zip(problem.scales.x, problem.domain.bounds):
            box[v.name] = ends
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
    return fem_mains.replaced(line, {f"@{key}@": value for key, value in values.items()})
