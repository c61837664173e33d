"""What a solved model of unknowns held at walls is: w^j as cell functions, and K or M."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..derive.dirichlet_holes import DirichletHolesModel
from ..derive.porous import FlowModel
from .cell_solution import CellSolution, FormInfo
from .effective_entries import Entry
from .fields import CellField
from .interpolation import Nodes
from .solution import Array, EffectiveKey


def permeability_entries(tensor: Array) -> dict[EffectiveKey, Array]:
    """K by its entries."""
    axes = range(len(tensor))
    return {("K", (i, j)): np.array([tensor[i, j]]) for i in axes for j in axes}


def flow_solution(
    model: FlowModel | DirichletHolesModel,
    backend: str,
    fields: Sequence[tuple[CellField, ...]],
    entries: Mapping[EffectiveKey, Array],
    info: dict[str, Any],
) -> CellSolution:
    """fields: w^j_i for each load j. info: that of the solver; what is zero for all of them is
    added.
    """
    nodes = Nodes((), 0)
    dim = model.dim
    zero = (0,) * (dim + 1)
    place = (1, 0, zero, None, zero)
    forms = tuple(
        FormInfo(f"w_{j + 1}", "corrector", 0.0, (((None, zero), 1),)) for j in range(len(fields))
    )
    names = [f"y{k + 1}" for k in range(dim)]
    return CellSolution(
        backend=backend,
        dim=dim,
        axes=dim,
        order=2,
        forms=forms,
        fields=tuple(fields),
        nodes=nodes,
        slow=(),
        entries={key: Entry(nodes, (), value, place) for key, value in entries.items()},
        info={**info, "data_error": 0.0, "fredholm": 0.0, "multipliers": {}},
        components=len(fields),
        cell=dict(zip(names, model.problem.cell.bounds, strict=True)),
    )
