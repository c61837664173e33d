"""The options of the finite element backends, checked before anything is solved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...lower.forms import LoweredEquation
from ...problem.errors import ProblemError
from ...problem.mesh_domain import MeshedDomain
from ...problem.regions import Region
from ...problem.user_input import positive_integer
from ...resolution.interface_meshes import MESHERS

SOLVERS = ("auto", "direct", "iterative")


def check_element_options(
    degree: Any,
    n: Any = None,
    max_dofs: Any = None,
    steps: Any = None,
    solver: Any = "auto",
    highest: int = 2,
) -> None:
    """ProblemError that quotes the option which is not what it should be; None is "not given"."""
    if degree not in range(1, highest + 1) or isinstance(degree, bool):
        raise ProblemError(
            f"finite elements are of degree {'1 or 2' if highest == 2 else '1, 2 or 3'} here",
            term=f"degree={degree!r}",
            remedy="refine the mesh instead",
        )
    for name, value in (("n", n), ("max_dofs", max_dofs), ("steps", steps)):
        if value is not None:
            positive_integer(value, name)
    check_solver(solver)


def check_solver(solver: Any) -> None:
    """ProblemError for a linear solver that has no name here."""
    if solver not in SOLVERS:
        raise ProblemError(
            "this solver is not known",
            term=f"solver={solver!r}",
            remedy=f"use one of {', '.join(map(repr, SOLVERS))}",
        )


def check_cell_options(degree: Any, n: Any, max_dofs: Any, mesh: Any, h: Any) -> None:
    """The same for cell problems; how fine a mesh is, is said in one way."""
    check_element_options(2 if degree in (None, 3) else degree, n, max_dofs)
    given = {"n": n, "h": h}
    if mesh is not None and not (isinstance(mesh, str) and mesh in ("lattice", *MESHERS)):
        given["mesh"] = mesh
    held = [name for name, value in given.items() if value is not None]
    if len(held) > 1:
        raise ProblemError(
            f"{' and '.join(f'{name}=' for name in held)} both say how fine the mesh is",
            term=held,
            remedy="give one of them",
        )


def cells_per_axis(name: str, value: Any, dim: int) -> tuple[int, ...]:
    """The numbers of cells along each axis, from one number or one for each axis."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) != dim:
            raise ProblemError(
                f"{name} holds {len(value)} numbers, and there are {dim} axes",
                term=f"{name}={value!r}",
                remedy=f"write {name}={(32,) * dim}",
            )
        return tuple(positive_integer(n, name) for n in value)
    return (positive_integer(value, name),) * dim


def degree_for(order: int, degree: int) -> int:
    """The degree of the elements: cubic ones for equations of fourth order, else as it is asked
    for.
    """
    if order == 4:
        return 3
    return degree


def equation_degree(equation: LoweredEquation, degree: Any, **options: Any) -> int:
    """The same for an equation, by default 3 on triangles and 2 elsewhere. ProblemError as of
    `check_element_options`."""
    domain = equation.domain
    highest = 3 if isinstance(domain, (Region, MeshedDomain)) and domain.dim == 2 else 2
    chosen: int = highest if degree is None else degree
    check_element_options(chosen, **options, highest=highest)
    return degree_for(equation.order, chosen)
