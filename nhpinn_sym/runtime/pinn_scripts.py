"""What the scripts for other PINN libraries share: periodic inputs of a net, grids, and the numbers
that pass from the cell problems to the homogenized equation.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import getitem
from typing import Any

import numpy as np
import torch

from .arrays import AnyArray, CoefficientKey
from .effective import Effective

GRID = {1: 400, 2: 64, 3: 20, 4: 10}
"""Points along each axis at which means and solutions are taken, by the number of axes."""

Place = tuple[int, ...]
"""Some places of an index."""
MeanEnds = Sequence[tuple[int, str, Place]]
"""Signs, and the names and last places of the indices of effective coefficients."""


def training_steps(default: int) -> int:
    """The first argument of the command line, where there is one."""
    return int(sys.argv[1]) if sys.argv[1:] else default


class PeriodicInputs(torch.nn.Module):
    """Inputs that make a net periodic: cosine and sine of the coordinates that have a period, and
    those that have none, None, as they are. periods: by the number of a column, or by its label.
    """

    def __init__(self, periods: Mapping[int | str, float | None]) -> None:
        super().__init__()
        self.periods = dict(periods)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """(n, coordinates) -> (n, inputs)."""
        inputs = []
        for key, period in self.periods.items():
            values = _column(points, key)
            if period is None:
                inputs.append(values)
                continue
            angle = 2 * torch.pi / period * values
            inputs += [torch.cos(angle), torch.sin(angle)]
        return torch.cat(inputs, dim=1)


def _column(points: torch.Tensor, key: int | str) -> torch.Tensor:
    """(n, 1): a column of points, or of a tensor with labels."""
    if isinstance(key, str):
        labelled: torch.Tensor = points.extract([key]).tensor  # type: ignore[attr-defined]
        return labelled
    return points[:, key : key + 1]


def cell_functions(outputs: torch.Tensor, components: int) -> list[torch.Tensor]:
    """(n, components) of each cell function, from columns with labels."""
    labels = outputs.labels  # type: ignore[attr-defined]
    firsts = range(0, len(labels), components)
    return [outputs.extract(labels[k : k + components]) for k in firsts]  # type: ignore[attr-defined]


def derivative(values: torch.Tensor, points: torch.Tensor, *labels: str) -> torch.Tensor:
    """(n, 1): the derivative of a column by coordinates of points with labels, one after the
    other.
    """
    column = values.as_subclass(torch.Tensor)
    for label in labels:
        [slopes] = torch.autograd.grad(column.sum(), points, create_graph=True)
        axis = points.labels.index(label)  # type: ignore[attr-defined]
        column = slopes.as_subclass(torch.Tensor)[:, axis : axis + 1]
    return column


def divergence(
    columns: Sequence[torch.Tensor], points: torch.Tensor, labels: Sequence[str]
) -> torch.Tensor:
    """(n, 1): the sum of the derivatives of columns by coordinates of points with labels."""
    terms = [derivative(c, points, label) for c, label in zip(columns, labels, strict=True)]
    return torch.stack(terms).sum(dim=0)


def flux_means(
    fluxes: Iterable[Any], means: Sequence[tuple[Mapping[Place, Place], Sequence[MeanEnds]]]
) -> dict[CoefficientKey, torch.Tensor]:
    """What the entries name[start + end] are the means of: sign times a flux of each cell function.

    means: the places of fluxes by start, and (sign, name, end) by cell function.
    """
    found: dict[CoefficientKey, torch.Tensor] = {}
    for number, q in enumerate(fluxes):
        for places, ends in means:
            for start, place in places.items():
                flux = reduce(getitem, place, q)
                found |= {(name, start + end): sign * flux for sign, name, end in ends[number]}
    return found


def uniform_grid(*ends: Sequence[float], periodic: bool = False) -> AnyArray:
    """(n, axes): a grid over (low, high) along each axis, without the upper ends where it is
    periodic.
    """
    count = GRID.get(len(ends), 6)
    axes = [np.linspace(low, high, count, endpoint=not periodic) for low, high in ends]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(ends))


def write_means(
    integrands: Mapping[CoefficientKey, torch.Tensor | float],
    parameters: Mapping[str, float] | None = None,
    known: Mapping[CoefficientKey, float | str] | None = None,
) -> None:
    """Print the means of values over a uniform grid of the cell, which are the effective
    coefficients, and write effective.json; known: what needed no cell problem.
    """
    values = {key: np.array(torch.as_tensor(v).mean().item()) for key, v in integrands.items()}
    found = Effective({}, values, dict(parameters or {}), dict(known or {}))
    print(found)
    found.save("effective.json")


def effective_numbers(name: str, *indices: tuple[int, ...]) -> list[float]:
    """Entries of an effective coefficient in effective.json; SystemExit where it lacks one."""
    field = _effective().field(())
    return [float(field((name, index), np.zeros((1, 0)))[0]) for index in indices]


def effective_array(name: str, *sizes: int, zeros: int = 0) -> torch.Tensor:
    """An effective coefficient of effective.json, whole: so many `zeros` need not stand there.
    SystemExit where more entries are lacking.
    """
    found = _effective()
    held = found.values.keys() | found.known.keys()
    indices = [index for index in np.ndindex(*sizes) if (name, index) in held]
    if len(indices) < np.prod(sizes) - zeros:
        raise SystemExit(f"effective.json lacks entries of {name}")
    array = torch.zeros(sizes, dtype=torch.float64)
    for index, number in zip(indices, effective_numbers(name, *indices), strict=True):
        array[index] = number
    return array


def parameter(name: str) -> float:
    """The value of a parameter in effective.json."""
    return float(_effective().parameters[name])


def _effective() -> Effective:
    return Effective.load(writer="cells.py")
