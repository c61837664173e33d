"""The law with memory of a model of double porosity: modes of its blocks, and the macroscopic
problem with one ordinary differential equation for each."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp

from ..derive.double_porosity import DoublePorosityModel
from ..problem.conditions import Condition, Initial, Neumann, Periodic
from ..problem.errors import (
    BackendMissingError,
    ProblemError,
    SolveError,
    UnsupportedError,
    shortened,
)
from ..problem.numeric import lambdified
from ..problem.problem import MultiscaleProblem
from ..problem.user_input import positive_integer
from ..runtime.fitted.functions import FittedMesh
from .backends import BACKENDS
from .cell_arguments import CellArguments, solve_model
from .cell_solution import CellSolution
from .effective_entries import Entry
from .fem.fitted_layout import layout_around
from .fem.halved_meshes import on_halved_meshes
from .interpolation import Nodes
from .judgement import warn_of_estimate
from .progress import Progress, shown
from .provenance import KEY, operator_digest, warn_of_other_operator
from .solution import Array, EffectiveKey

TOLERANCE = 1e-4
MODES = 20
# Values of s, in rates of the slowest mode of the first mesh, at which what blocks lag is compared.
_COMPARED = (0.0, 1.0, 10.0)
_DEGREE = 3
# Share of its size by which the storage of blocks may vary, by rounding.
_SAME = 1e-12


@solve_model.register
def _(model: DoublePorosityModel, arguments: CellArguments) -> CellSolution:
    arguments.refuse(model.title, "parameters", "hierarchy", "coefficients")
    modes = block_options(arguments.options, arguments.backend)
    wanted = arguments.tolerance_or(TOLERANCE)
    shared = CellArguments("skfem", wanted, progress=arguments.progress)
    fractures = solve_model(model.fractures, shared)
    return solve_blocks(model, fractures, wanted, modes, shown(arguments.progress))


def block_options(options: Mapping[str, Any], backend: str) -> int:
    """The number of modes. ProblemError for other options, UnsupportedError for other backends."""
    if backend not in ("auto", "skfem"):
        raise UnsupportedError(
            f"double porosity on the {backend} backend",
            term=shortened(backend),
            remedy='use backend="skfem"',
        )
    strange = [name for name in options if name != "modes"]
    if strange:
        raise ProblemError(
            f"models of double porosity have no option {strange[0]!r}",
            term=f"{strange[0]}={shortened(options[strange[0]])}",
            remedy="their option is modes",
        )
    return positive_integer(options.get("modes", MODES), "modes", most=200)


def solve_blocks(
    model: DoublePorosityModel,
    fractures: CellSolution,
    tolerance: float,
    modes: int,
    progress: Progress,
) -> CellSolution:
    """The solved fractures with "rho", "weights" and "rates" of their blocks, on meshes whose
    triangles are halved until what blocks lag is known to the tolerance.

    UnsupportedError in three dimensions, and for a storage that varies in the blocks.
    """
    if model.dim != 2:
        raise UnsupportedError(
            "double porosity in three dimensions", term=model.block, remedy="take two"
        )
    runtime = _runtime()
    y = tuple(v.symbol for v in model.problem.scales.y)
    data = [model.block, *model.diffusion, model.storage]
    layout = layout_around(data, y, model.problem.cell)
    block, storage, diffusion = (
        _values(y, c) for c in (model.block, model.storage, model.diffusion)
    )
    rates: list[float] = []

    def solve(mesh: FittedMesh) -> tuple[Any, float]:
        inside = np.asarray(block(mesh.middles.T)) > 0
        density = _one_value(np.asarray(storage(mesh.middles.T))[inside], model)
        return runtime.block_modes(mesh, inside, diffusion, storage, _DEGREE, modes), density

    def lags(found: tuple[Any, float]) -> dict[EffectiveKey, Array]:
        rates.append(float(found[0].rates[0]))
        return {("Z", (k,)): _lag(found[0], s * rates[0]) for k, s in enumerate(_COMPARED)}

    levels = layout.levels(_DEGREE, 300_000)
    level = on_halved_meshes(solve, lags, levels, tolerance, progress, "blocks (skfem)")
    found, density = level.found
    estimate = max(level.info["estimate"], float(fractures.info["estimate"]))
    info = {**fractures.info, "estimate": estimate, "block_density": density}
    info[KEY] = operator_digest(model.operator)
    what = "skfem: the modes of the blocks, or A, have"
    warn_of_estimate(what, info, layout.unresolved, "give a larger tolerance=")
    return replace(fractures, entries={**fractures.entries, **_entries(found)}, info=info)


def _lag(modes: Any, s: float) -> Array:
    """sum_k c_k/(s + l_k)."""
    return np.array([float((modes.weights / (s + modes.rates)).sum())])


def _entries(modes: Any) -> dict[EffectiveKey, Entry]:
    place = (1, 0, (0,) * 3, 0, (0,) * 3)
    nodes = Nodes((), 0)
    numbers: dict[EffectiveKey, float] = {("rho", ()): modes.mean_storage}
    for k, (weight, rate) in enumerate(zip(modes.weights, modes.rates, strict=True)):
        numbers["weights", (k,)] = float(weight)
        numbers["rates", (k,)] = float(rate)
    return {key: Entry(nodes, (), np.array([value]), place) for key, value in numbers.items()}


def _values(y: tuple[sp.Symbol, ...], expr: Any) -> Callable[[Array], Array]:
    """The expression, or the matrix of them, at points (d, ...)."""
    if isinstance(expr, sp.MatrixBase):
        rows = [[_values(y, expr[i, j]) for j in range(expr.cols)] for i in range(expr.rows)]
        return lambda points: np.array([[entry(points) for entry in row] for row in rows])
    call = lambdified(y, expr, "numpy")
    return lambda points: np.broadcast_to(np.asarray(call(*points), dtype=float), points.shape[1:])


def _one_value(storage: Array, model: DoublePorosityModel) -> float:
    """The storage of the blocks, from its values at some places. SolveError where there are none,
    UnsupportedError where it varies."""
    if not len(storage):
        raise SolveError("a mesh without blocks", term=model.block, remedy="make them larger")
    if np.ptp(storage) > _SAME * np.abs(storage).max():
        raise UnsupportedError(
            "a storage that varies in the blocks", term=model.storage, remedy="give it one value"
        )
    return float(storage[0])


def _runtime() -> Any:
    try:
        return importlib.import_module("nhpinn_sym.runtime.fem_skfem.blocks")
    except ModuleNotFoundError as cause:
        raise BackendMissingError(
            f"the skfem backend needs {cause.name}", remedy=BACKENDS["skfem"].how_to_get
        ) from cause


def macroscopic_problem(model: DoublePorosityModel, cells: CellSolution) -> MultiscaleProblem:
    """The equation of u0 and those of the modes z_k, as a problem without fast variables:
    <rho> u_t + sum_k c_k z_k,t - div(A grad u) = f, c_k (z_k,t + u_t + l_k z_k) = c_k f/rho_M.
    """
    problem = model.problem
    scales = problem.scales
    if "weights" not in cells.effective:
        raise ProblemError(
            "the cells are not those of a model of double porosity",
            term=cells,
            remedy="write cells = solve_cells(model)",
        )
    warn_of_other_operator(cells.info, model.operator)
    weights = [sp.Float(c, 17) for c in cells.effective["weights"]]
    rates = [sp.Float(rate, 17) for rate in cells.effective["rates"]]
    (u,) = problem.unknowns
    z = [scales.unknown(f"{u.func.__name__}_mode{k + 1}") for k in range(len(weights))]
    a = sp.Matrix(cells.effective["A"]).applyfunc(lambda e: sp.Float(float(e), 17))
    density = sp.Float(float(cells.effective["rho"]), 17)
    behind = sp.Add(*[c * scales.dt(v) for c, v in zip(weights, z, strict=True)])
    first = density * scales.dt(u) + behind - scales.div(a * scales.grad(u))
    held = sp.Float(cells.info["block_density"], 17)
    modes = [
        (c * (scales.dt(v) + scales.dt(u) + rate * v), c * model.source / held)
        for c, rate, v in zip(weights, rates, z, strict=True)
    ]
    return problem.replaced(
        [(first, model.source), *modes],
        unknown=[u, *z],
        boundary=[c for given in problem.boundary for c in _conditions(given, u, z)],
        initial=[
            Initial(problem.data(problem.starts[0, 0], "value", 0), unknown=u),
            *(Initial(0, unknown=v) for v in z),
        ],
        ranges=None,
    )


def _conditions(given: Condition, u: sp.Expr, z: list[sp.Expr]) -> list[Condition]:
    """That of u, and no flux of the modes, which have none."""
    if isinstance(given, Periodic):
        return [given]
    own: Any = given
    return [replace(own, unknown=u), *(Neumann(0, on=own.on, unknown=v) for v in z)]
