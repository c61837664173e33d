"""The law of a model whose unknowns are held at the walls of holes, by finite elements on meshes
that fit these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from ..derive.dirichlet_holes import DirichletHolesModel
from ..lower.interfaces import in_middles, middle_symbols
from ..operator.twoscale import fast_part
from ..problem.errors import (
    CoefficientError,
    SolveError,
    UnsupportedError,
    shortened,
)
from ..problem.images import images_in
from ..problem.numeric import lambdified
from ..problem.user_input import parameter_numbers, positive_integer
from ..resolution.interface_meshes import MESHERS
from ..runtime.assembly import MeshAssembly
from ..runtime.fitted.functions import FittedMesh
from .arguments import require_choice
from .backend_choice import AUTO
from .backends import check_options
from .cell_arguments import CellArguments, solve_model
from .cell_solution import CellSolution
from .fem.fitted_layout import SIMPLICES, FittedLayout, layout_around
from .fem.grid_functions import SimplexField
from .fem.halved_meshes import on_halved_meshes
from .fem.nonlinear import Elements, elements_of
from .flow_solution import flow_solution
from .judgement import warn_of_estimate
from .progress import shown
from .provenance import KEY, operator_digest
from .solution import Array, EffectiveKey

TOLERANCE = {2: 1e-6, 3: 1e-3}
"""By the dimension of the cell."""
_DEGREE = {2: 3, 3: 2}
# Where nothing is given: in space equations are solved directly too.
_MAX_DOFS = {2: 300_000, 3: 150_000}
# Share of the largest reaction that is negative by rounding.
_TINY = 1e-12


@solve_model.register
def _(model: DirichletHolesModel, arguments: CellArguments) -> CellSolution:
    arguments.refuse(model.title, "hierarchy", "coefficients")
    library = "skfem" if arguments.backend == AUTO else arguments.backend
    if library not in ("skfem", "dolfinx"):
        raise UnsupportedError(
            f"unknowns held at the walls of holes on the {library} backend",
            term=shortened(library),
            remedy='use backend="skfem" or "dolfinx"',
        )
    if images_in(model.between):
        raise UnsupportedError(
            "unknowns held at the walls of images, whose stairs no mesh of curved elements follows",
            term=model.between,
            remedy="take shapes: nh.Disk, nh.Polygon, nh.Ball, ...",
        )
    chosen = check_options(solve_between_walls, arguments.options, library)
    return solve_between_walls(model, library, arguments, **chosen)


def solve_between_walls(
    model: DirichletHolesModel,
    library: str,
    arguments: CellArguments,
    *,
    max_dofs: int | None = None,
    mesh: str = "own",
) -> CellSolution:
    """On meshes whose triangles, or tetrahedra, are halved until the estimate is below the
    tolerance; mesh: who makes the first one: "own", "gmsh" or "netgen"."""
    require_choice("mesher", mesh, tuple(MESHERS))
    dim, degree = model.dim, _DEGREE[model.dim]
    most = positive_integer(_MAX_DOFS[dim] if max_dofs is None else max_dofs, "max_dofs")
    values = parameter_numbers(arguments.parameters, model.problem.parameters)
    progress = shown(arguments.progress)
    elements = elements_of(library, None, values, progress)
    layout = _layout(model, values, mesh)

    def solve(mesh: FittedMesh) -> _Solved:
        with elements.errors():
            return _Between(model, elements, mesh, values).solve()

    level = on_halved_meshes(
        solve,
        lambda found: _entries(found.tensor),
        layout.levels(degree, most // len(model.force)),
        arguments.tolerance_or(TOLERANCE[dim]),
        progress,
        f"{model.title} ({library})",
    )
    warn_of_estimate(f"{library}: M has", level.info, layout.unresolved)
    info = {
        **level.info,
        "method": f"P{degree} finite elements on fitted {SIMPLICES[dim]}, {level.found.method}",
        "size": level.found.unknowns,
        KEY: operator_digest(model.operator),
    }
    fields = tuple(tuple(SimplexField(f[None]) for f in own) for own in level.found.functions)
    return flow_solution(model, library, fields, level.entries, info)


def _layout(model: DirichletHolesModel, values: Mapping[str, float], mesher: str) -> FittedLayout:
    """The meshes that fit the walls, and the jumps of coefficients."""
    numbers = {symbol: sp.Float(values[str(symbol)], 17) for symbol in model.problem.parameters}
    data = [c.xreplace(numbers) for c in (model.between, *model.leading.values())]
    return layout_around(data, model.operator.fast, model.problem.cell, mesher)


def _entries(tensor: Array) -> dict[EffectiveKey, Array]:
    """M by its entries; of one unknown it is a number."""
    if len(tensor) == 1:
        return {("M", ()): tensor[0]}
    return {("M", index): np.array([tensor[index]]) for index in np.ndindex(*tensor.shape)}


@dataclass(frozen=True)
class _Solved:
    """The functions w^j_i for each load j, and M; how, and of how many unknowns."""

    functions: list[Any]
    tensor: Array
    method: str
    unknowns: int


class _Between:
    """A_0 w^j = e_j between the walls, on one mesh."""

    def __init__(
        self, model: DirichletHolesModel, elements: Elements, mesh: Any, values: Mapping[str, float]
    ) -> None:
        self.model = model
        self.assembly: MeshAssembly = elements.cells(mesh, _DEGREE[model.dim], len(model.force))
        self._values = values
        self._outside = self._at_points(model.between)
        self.assembly.hold(self._outside == 0)

    def _at_points(self, c: sp.Expr) -> Array:
        """A coefficient at the points of the quadrature; which phase it is of says the middle of
        the element."""
        y = self.model.operator.fast
        symbols = [*y, *middle_symbols(y), *self.model.problem.parameters]
        call = lambdified(symbols, in_middles(c, y), "numpy")
        points = self.assembly.points
        found = call(*points, *self.assembly.middles, *self._values.values())
        return np.broadcast_to(np.asarray(found, dtype=float), points.shape[1:])

    def solve(self) -> _Solved:
        assembly = self.assembly
        m = assembly.m
        arrays = self._arrays()
        self._require_damping(arrays["A_u"])
        symmetric = not arrays["A_p"].any()
        try:
            solve, method = assembly.solver(
                assembly.matrix(arrays, "flux", "A"), symmetric and m == 1, many=True
            )
            loads = [assembly.load(None, np.outer(unit, self._outside))[0] for unit in np.eye(m)]
            found = [assembly.extended(solve(assembly.restricted(b))) for b in loads]
        except RuntimeError as cause:
            raise SolveError(
                f"the cell problem between walls: {cause}", remedy="move the shapes"
            ) from cause
        means = [assembly.mean(assembly.fields(w)[0]) for w in found]
        functions = [[assembly.function(w[i::m]) for i in range(m)] for w in found]
        unknowns = int(assembly.sums(assembly.size))
        return _Solved(functions, np.array(means).T, method, unknowns)

    def _arrays(self) -> dict[str, Array]:
        """The coefficients of A_0 outside of the holes, as `Assembly.matrix` takes them."""
        m, d, n = self.assembly.m, self.assembly.d, self.assembly.points.shape[1]
        arrays = {
            "flux_p": np.zeros((m, d, m, d, n)),
            "flux_u": np.zeros((m, d, m, n)),
            "A_p": np.zeros((m, m, d, n)),
            "A_u": np.zeros((m, m, n)),
        }
        slow = len(self.model.operator.coordinates)
        for term, c in self.model.leading.items():
            value = self._outside * np.where(self._outside, self._at_points(c), 0.0)
            left, right = (fast_part(index, slow) for index in (term.left, term.right))
            if any(left):
                place = (term.equation, left.index(1), term.field, right.index(1))
                arrays["flux_p"][place] -= value
            elif any(right):
                arrays["A_p"][term.equation, term.field, right.index(1)] += value
            else:
                arrays["A_u"][term.equation, term.field] += value
        return arrays

    def _require_damping(self, reaction: Array) -> None:
        """CoefficientError for a reaction that feeds u, with which A_0 may have a kernel."""
        both = np.moveaxis(reaction + np.swapaxes(reaction, 0, 1), -1, 0) / 2
        least = np.linalg.eigvalsh(both).min(initial=0.0)
        if self.assembly.largest(-least) > _TINY * self.assembly.largest(np.abs(both).max()):
            raise CoefficientError(
                "a negative reaction of the order of the diffusion, between walls: it may feed u as"
                " fast as they damp it",
                term=self.model.problem.equations[0],
                remedy="take one that is nowhere negative",
            )
