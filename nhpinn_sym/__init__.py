"""nhpinn_sym: from a multiscale PDE in SymPy to its homogenized equation, PINN and FEM solvers, and
their comparison.

    problem -> operator -> derive -> lower -> resolution -> emit -> solve -> validate -> cli

Each stage is a package whose docstring says what it is for and which file to open first; `runtime`
holds the numerics that emitted text imports. The verbs are `homogenize`, `emit`, `solve_cells`,
`solve_homogenized`, `solve_fine`, `reconstruct` and `validate`; read `derive.homogenize` and
`solve.cells` first.

The symbolic part is imported at once; torch and the FEM libraries when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .derive.dirichlet_holes import DirichletHolesModel as DirichletHolesModel
from .derive.double_porosity import DoublePorosityModel as DoublePorosityModel
from .derive.homogenize import homogenize as homogenize
from .derive.model import HomogenizedModel as HomogenizedModel
from .derive.nonlinear.model import NonlinearModel as NonlinearModel
from .derive.notation import Mean as Mean
from .derive.plates import PlateModel as PlateModel
from .derive.porous import FlowModel as FlowModel
from .problem.conditions import Clamped as Clamped
from .problem.conditions import Dirichlet as Dirichlet
from .problem.conditions import Initial as Initial
from .problem.conditions import Neumann as Neumann
from .problem.conditions import Periodic as Periodic
from .problem.conditions import Robin as Robin
from .problem.contacts import Spring as Spring
from .problem.domain import Box as Box
from .problem.domain import Cell as Cell
from .problem.elastic import lame as lame
from .problem.errors import BackendMissingError as BackendMissingError
from .problem.errors import FileError as FileError
from .problem.errors import NhpinnError as NhpinnError
from .problem.errors import NonlinearTermError as NonlinearTermError
from .problem.errors import ProblemError as ProblemError
from .problem.errors import SolvabilityError as SolvabilityError
from .problem.errors import SolveError as SolveError
from .problem.errors import ToleranceWarning as ToleranceWarning
from .problem.errors import UnsupportedError as UnsupportedError
from .problem.images import checkerboard as checkerboard
from .problem.images import image as image
from .problem.mesh_domain import Mesh as Mesh
from .problem.problem import MultiscaleProblem as MultiscaleProblem
from .problem.random_media import RandomMedium as RandomMedium
from .problem.random_media import rve as rve
from .problem.scales import Scales as Scales
from .problem.shapes import Ball as Ball
from .problem.shapes import Cylinder as Cylinder
from .problem.shapes import Disk as Disk
from .problem.shapes import Ellipse as Ellipse
from .problem.shapes import Layer as Layer
from .problem.shapes import Polygon as Polygon
from .problem.shapes import phases as phases

if TYPE_CHECKING:
    from .emit.emit import emit as emit
    from .solve.cell_mesh import CellMesh as CellMesh
    from .solve.cell_solution import CellSolution as CellSolution
    from .solve.cells import solve_cells as solve_cells
    from .solve.dispersion import Dispersion as Dispersion
    from .solve.dispersion import dispersion as dispersion
    from .solve.engineering import Engineering as Engineering
    from .solve.engineering import engineering as engineering
    from .solve.equations import solve_fine as solve_fine
    from .solve.equations import solve_homogenized as solve_homogenized
    from .solve.families import CellFamily as CellFamily
    from .solve.families import load_family as load_family
    from .solve.families import solve_family as solve_family
    from .solve.hierarchy import solve_hierarchy as solve_hierarchy
    from .solve.law.law_file import load_law as load_law
    from .solve.law.law_solution import LawSolution as LawSolution
    from .solve.law.solve_law import solve_law as solve_law
    from .solve.law.stability import Stability as Stability
    from .solve.law.stability import stability as stability
    from .solve.loading import load as load
    from .solve.local_fields import LocalFields as LocalFields
    from .solve.local_fields import local_fields as local_fields
    from .solve.many import solve_many as solve_many
    from .solve.poroelastic import Biot as Biot
    from .solve.poroelastic import biot as biot
    from .solve.reconstruct import reconstruct as reconstruct
    from .solve.tensors import mandel as mandel
    from .solve.tensors import voigt as voigt
    from .validate.bloch import bloch as bloch
    from .validate.study import study as study
    from .validate.validate import validate as validate

__version__ = "0.1.0"

_LATER = {
    "CellMesh": "solve.cell_mesh",
    "emit": "emit.emit",
    "validate": "validate.validate",
    "study": "validate.study",
    "solve_cells": "solve.cells",
    "mandel": "solve.tensors",
    "voigt": "solve.tensors",
    "engineering": "solve.engineering",
    "Engineering": "solve.engineering",
    "local_fields": "solve.local_fields",
    "LocalFields": "solve.local_fields",
    "Biot": "solve.poroelastic",
    "biot": "solve.poroelastic",
    "bloch": "validate.bloch",
    "CellSolution": "solve.cell_solution",
    "load": "solve.loading",
    "solve_homogenized": "solve.equations",
    "solve_fine": "solve.equations",
    "reconstruct": "solve.reconstruct",
    "solve_many": "solve.many",
    "solve_family": "solve.families",
    "load_family": "solve.families",
    "load_law": "solve.law.law_file",
    "CellFamily": "solve.families",
    "solve_hierarchy": "solve.hierarchy",
    "solve_law": "solve.law.solve_law",
    "LawSolution": "solve.law.law_solution",
    "stability": "solve.law.stability",
    "Stability": "solve.law.stability",
    "MeanField": "solve.mean_field",
    "dispersion": "solve.dispersion",
    "Dispersion": "solve.dispersion",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names: what this file imports from its stages, now or later, and the version."""
    own = f"{__name__}."
    held = {k for k, v in globals().items() if getattr(v, "__module__", "").startswith(own)}
    return sorted({*held, *_LATER, "__version__"})


# The packages `emit` and `validate` are imported once, and their names are given to the verbs: a
# later import of one of their modules does not bind the names again.
for _package in ("emit", "validate"):
    importlib.import_module(f"{__name__}.{_package}")
    globals().pop(_package, None)
