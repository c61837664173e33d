"""solve_law: the effective flux, reaction and storage of a nonlinear model."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import sympy as sp

from ...derive.model import HomogenizedModel
from ...derive.nonlinear.finite_strain import refuse_finite_strain
from ...derive.nonlinear.model import NonlinearModel
from ...emit import nonlinear_text
from ...lower.nonlinear import CellCoordinates, lower_state
from ...lower.nonlinear_reference import reference_cells
from ...problem.errors import (
    ProblemError,
    SolveError,
    UnknownBackendError,
    UnsupportedError,
    warn_tolerance,
)
from ...problem.user_input import instance, parameter_numbers, positive_integer, positive_number
from ...resolution import Resolution, resolve
from ...runtime.fourier.law_levels import FIRST
from ...runtime.fourier.refinement import grid_sizes
from ...runtime.levels import FEWEST
from ...runtime.nonlinear_arrays import VALUE
from ..backend_choice import AUTO, points_needed
from ..backends import BACKENDS, choose_fem
from ..fem.fitted_layout import SIMPLICES, CellLayout, layout_of
from ..fem.layout import Layout
from ..fem.nonlinear import elements_of
from ..progress import Progress, shown
from .element_levels import FIRST_FITTED, ElementLaw, ElementLevel
from .given_functions import check_linearized, load_forms
from .inverted_law import InvertedLaw
from .law_solution import LawSolution
from .law_states import SolvedLevel
from .net_levels import NetLaw, require_smooth
from .tried_states import tried_states

TOLERANCE = 1e-8
"""Relative, of flux, reaction, storage and tangent."""
_FEWEST_POINTS = 9
"""Per axis: a grid with fewer shows next to nothing of a state."""
LEARNED = 1e-6
"""The same for meshes and networks."""
_POINTS_SAFE = 2
"""Of the four points a wave that resolve data, grids may have one half."""


def solve_law(
    model: NonlinearModel,
    backend: str = AUTO,
    *,
    tolerance: float | None = None,
    parameters: Mapping[sp.Symbol, float] | None = None,
    progress: Progress | None = None,
    n: int | None = None,
    coefficients: Mapping[str, Callable[..., Any]] | None = None,
) -> LawSolution:
    """The law of a nonlinear model: a state problem is solved wherever it is asked for, by Newton's
    method on Fourier grids, or finite element meshes, that grow until flux, tangent, reaction and
    storage stay.

    backend    : "auto" (default: finite elements where data jump on the line or in the plane,
                 "fourier" elsewhere, and where elements refuse the model or `n` is given) |
                 "fourier", or "skfem" and "dolfinx" where data jump: meshes have lines there, or
                 triangles and tetrahedra that fit shapes. "pinn"
                 for smooth data: one hidden layer of features of y, whose last layer minimizes the
                 energy (or meets the weak equation) at every state that is asked for.
                 Hamilton-Jacobi equations without diffusion have no states: on every backend their
                 law comes from roots, by the same adaptive quadrature.
    tolerance  : relative, default 1e-8 (meshes, pinn: 1e-6). A state known less well is a
                 ToleranceWarning.
    parameters : a number for every declared parameter.
    n          : points per axis of the finest grid; the estimate then comes from coarser ones, and
                 is held against a tolerance that is given. Fewer than two points a wave of the
                 data are a ToleranceWarning.
    coefficients : {"a": function of arrays} for every function without a formula of the problem,
                 a(y1) or f(x1, x2), also those that the equation alone holds.
    Errors: SolveError where Newton's method does not find a state, SolvabilityError where the
    source of a state problem has a mean.

    >>> s = nh.Scales(1)
    >>> u = s.unknown("u")
    >>> a, g = 2 + sp.sin(2 * sp.pi * s.y[0]), s.grad(u)
    >>> equation = sp.Eq(-s.div(a * (1 + g.dot(g)) * g), 1)
    >>> problem = nh.MultiscaleProblem(equation, scales=s, unknown=u)
    >>> model = nh.homogenize(problem)
    >>> law = nh.solve_law(model)
    >>> law.tangent(grad=0).round(6)
    array([[1.732051]])
    """
    if isinstance(model, HomogenizedModel):
        raise ProblemError(
            "solve_law takes the model of a nonlinear problem, and this one is linear",
            term=model.title,
            remedy="write cells = solve_cells(model)",
        )
    model = instance(model, NonlinearModel, "the model", "write model = homogenize(problem)")
    numbers = parameter_numbers(parameters, model.problem.parameters)
    if backend == AUTO:
        backend = _suited_backend(model, numbers, n)
    _check_backend(backend)
    if model.hamiltonian and not model.state.first_order and BACKENDS[backend].elements:
        raise UnsupportedError(
            "state problems of Hamilton-Jacobi equations on finite elements",
            term=model.title,
            remedy='write solve_law(model, "fourier"), or "pinn"',
        )
    if backend not in ("fourier", "skfem"):
        refuse_finite_strain(model, f"the law by {backend}")
    if tolerance is not None:
        positive_number(tolerance, ProblemError, "tolerance", "write 1e-6")
    law = prepared_law(model, backend, tolerance, numbers, n, progress, coefficients)
    check_linearized(law.forms, model)
    if model.finite_strain and backend == "fourier" and law.forms.JUMPS:
        warn_tolerance(
            "grids and waves of few modes find the first instability late where data jump (by a"
            ' quarter of the strain at a contrast of 25): write solve_law(model, "skfem")'
        )
    start = time.perf_counter()
    with shown(progress)(f"law of {model.title[17:]} ({backend})") as task:
        level = law.solved(tried_states(model, law.forms, law.parameters))
        task.update(1.0, f"{level.sizes[-1]} points per axis")
    law.info.update(
        {
            "method": _method(level, law),
            "estimate": float(level.estimate.max()),
            "tolerance": law.tolerance,
            "n": level.sizes[-1],
            "size": model.components * _nodes(level, law),
            "seconds": time.perf_counter() - start,
            "fredholm": level.states.multiplier,
        }
    )
    return law


def prepared_law(
    model: NonlinearModel,
    backend: str,
    tolerance: float | None,
    numbers: Mapping[str, float],
    n: int | None,
    progress: Progress | None = None,
    coefficients: Mapping[str, Callable[..., Any]] | None = None,
) -> LawSolution:
    """The law before a state of it is solved; numbers: of the parameters, by name."""
    wanted = TOLERANCE if tolerance is None else float(tolerance)
    found = law_resolution(model, numbers)
    layout: CellLayout = Layout.of(found)
    if BACKENDS[backend].elements and found.jumps and found.curved:
        most = FIRST_FITTED[len(found.axes)]
        layout = layout_of(reference_cells(model.state), numbers, found, None, most)
    fitted = not isinstance(layout, Layout)
    lowered = lower_state(model.state, model.title, fitted)
    forms, source = load_forms(model.state, lowered, nonlinear_text.state, coefficients)
    own = {name: numbers[name] for name in forms.PARAMETERS}
    if model.state.first_order:
        _refuse_points(n)
        lines = tuple(sorted({*map(float, model.problem.cell.intervals[0]), *found.breaks[0]}))
        inverted = InvertedLaw(forms, lines, points_needed(found), _varied(model), wanted)
        return LawSolution(model, backend, wanted, own, forms, source, {}, inverted=inverted)
    elements = None
    nets = None
    least = 1
    if backend != "fourier":
        wanted = LEARNED if tolerance is None else wanted
        _refuse_points(n)
    if BACKENDS[backend].elements:
        solvers = elements_of(backend, None, numbers, shown(progress))
        elements = ElementLaw(forms, layout, wanted, solvers)
    elif backend == "pinn":
        require_smooth(forms, model.state)
        nets = NetLaw(forms, tried_states(model, forms, own), wanted, points_needed(found))
        nets.require_points(model.title)
    elif n is None:
        least = points_needed(found)
    if n is not None:
        n = positive_integer(n, "n", least=_FEWEST_POINTS) | 1
        _doubt(n, points_needed(found))
    elif backend == "fourier" and len(grid_sizes(forms, None, least, FIRST)) < FEWEST:
        raise SolveError(
            f"the state problem needs {least} points per axis, more than a Fourier grid of this"
            " cell may have",
            term=model.title,
            remedy="widen the narrowest feature of the data",
        )
    fixed = n is not None and tolerance is None
    grid = (n, least, fixed)
    return LawSolution(model, backend, wanted, own, forms, source, {}, *grid, elements, nets)


def _varied(model: NonlinearModel) -> frozenset[str]:
    """What a Hamiltonian depends on beside y, the slope and parameters, by the names of states."""
    state = model.state
    own = {str(v) for v in state.places if state.reaction[0].has(v)}
    return frozenset(own | ({VALUE} if state.cell_depends_on_values else set()))


def _nodes(level: SolvedLevel, law: LawSolution) -> int:
    if isinstance(level, ElementLevel) and law.elements is not None:
        return level.meshes[-1].mesh.count(law.elements.degree)
    return int(level.sizes[-1] ** law.model.state.dim)


def _method(level: SolvedLevel, law: LawSolution) -> str:
    size = level.sizes[-1]
    if law.inverted is not None:
        return f"roots of the Hamiltonian at {size} points of adaptive Gauss quadrature"
    if law.elements is not None and law.elements.fitted:
        shape = SIMPLICES[law.model.state.dim]
        return f"Newton on {size} fitted {shape} of degree {law.elements.degree}"
    if law.elements is not None:
        return f"Newton on {size} cells per axis of degree {law.elements.degree}"
    if law.nets is not None:
        return f"last layer of {law.nets.features} features, {size} quadrature points per axis"
    return f"Newton on a Fourier grid of {size} points per axis"


def _suited_backend(model: NonlinearModel, numbers: Mapping[str, float], n: object) -> str:
    """Elements where data jump, which grids know to 1/n alone; grids where elements are refused, or
    take minutes (in space)."""
    refused = model.hamiltonian or model.order > 1
    if refused or n is not None or model.state.dim > 2:
        return "fourier"
    if not law_resolution(model, numbers).jumps:
        return "fourier"
    return "skfem" if model.finite_strain else choose_fem(AUTO)


def _check_backend(backend: object) -> None:
    if not isinstance(backend, str) or backend not in BACKENDS:
        raise UnknownBackendError(
            "no backend has this name",
            term=backend,
            remedy=f"use one of {', '.join(BACKENDS)}",
        )


def _refuse_points(n: object) -> None:
    if n is not None:
        raise ProblemError(
            "n= is the points per axis of a Fourier grid",
            term=f"n={n}",
            remedy="leave it out: meshes are refined to the tolerance",
        )


def _doubt(n: int, needed: int) -> None:
    """A ToleranceWarning for a grid that a narrow feature of the data may pass through, which the
    estimate, of coarser grids, does not see either.
    """
    if _POINTS_SAFE * n < needed:
        warn_tolerance(
            f"fourier: the data are not resolved by n={n} points per axis, for which they need"
            f" {needed}: the estimate of the law may be too small"
        )


def law_resolution(model: NonlinearModel, parameters: Mapping[str, float]) -> Resolution:
    """What the data ask of a grid or a mesh, the unknown and its slopes being 1."""
    op = model.operator
    own = CellCoordinates.of(op)
    axes = [(v, ends, True) for v, ends in zip(own.coordinates, own.cell.bounds)]
    state = model.state
    means = [*state.reaction, *state.storage, *state.load]
    exprs = [*state.all_fluxes, *state.cell_source, *means]
    values = {v: parameters[str(v)] for v in model.problem.parameters}
    return resolve([e.xreplace(own.swap) for e in exprs if e != 0], axes, values)
