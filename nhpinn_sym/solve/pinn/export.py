"""Solved cells as one program of torch.export: it needs torch alone, takes any number of points,
and computes in the precision of the nets.

extra = {"cells.json": ""}
program = torch.export.load("cells.pt2", extra_files=extra).module()
out = program(points)            # (n, columns), the columns as extra["cells.json"] lists them: y,
then x and the parameters out["values"]                    # (n, functions, components)
out["derivatives"]               # (n, functions, components, columns), with respect to every column
out["A"]                         # (n, d, d): effective coefficients, where they are numbers or
interpolated
"""

from __future__ import annotations

import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...emit.source import output_path, write_atomic
from ...lower.forms import MultiIndex
from ...problem.errors import OutputPathError, UnsupportedError
from ...runtime.arrays import Bounds
from ..cell_solution import CellSolution
from ..effective import EffectiveFunction
from ..interpolation import cardinal_coefficients
from ..solution import Array
from .fields import NetworkField, SeparableField
from .network import Jet, Layers, Network, TrialSpace, stack_outputs

METADATA = "cells.json"
# Random points at which the program is compared with the cells.
_SAMPLES = 256


@dataclass(frozen=True)
class _Parts:
    """Function component c is sum_p weights[node, c, p] * part p + offset[node, c], interpolated
    between the nodes; the parts are outputs of nets.
    """

    nets: tuple[Network, ...]
    weights: Array
    offset: Array


class CellProgram(torch.nn.Module):
    """What is exported: cell functions, their first derivatives and effective coefficients at
    points (n, columns).
    """

    def __init__(self, cells: CellSolution, parts: _Parts) -> None:
        super().__init__()
        self.trial: TrialSpace = parts.nets[0].trial
        self.nodes = cells.nodes
        self.shape = (len(cells.functions), cells.components)
        self.columns = cells.axes + len(cells.slow)
        self.slow = len(cells.slow)
        self.depths = [len(net.layers) for net in parts.nets]
        self._keep(
            "layer", [tensor for net in parts.nets for layer in net.layers for tensor in layer]
        )
        self._keep("numbers", [torch.as_tensor(parts.weights), torch.as_tensor(parts.offset)])
        self._keep(
            "cardinal",
            [torch.tensor(cardinal_coefficients(self.nodes.degree, order)) for order in (0, 1)],
        )
        self.tables = _effective_tables(cells)
        self._keep("effective", [torch.tensor(values) for values in self.tables.values()])

    def forward(self, points: Tensor) -> dict[str, Tensor]:
        """See the module."""
        weights, offset = self._kept("numbers")
        jet = self._jet(points)
        value = jet[(0,) * len(self.trial.axes)]
        slow = points[:, self.columns - self.slow :]
        basis = self._basis(slow)
        mixing = torch.einsum("nm,mcp->ncp", basis, weights)
        values = torch.einsum("ncp,np->nc", mixing, value) + basis @ offset
        slopes = [self._slope(k, jet, mixing, slow) for k in range(self.columns)]
        out = {
            "values": values.reshape(-1, *self.shape),
            "derivatives": torch.stack([s.reshape(-1, *self.shape) for s in slopes], -1),
        }
        for name, table in zip(self.tables, self._kept("effective"), strict=True):
            flat = basis @ table.reshape(len(table), -1)
            out[name] = flat.reshape(-1, *table.shape[1:])
        return out

    def _slope(self, k: int, jet: Jet, mixing: Tensor, slow: Tensor) -> Tensor:
        """The derivatives of all function components by column k, (n, components): those of the
        nets, where they see the column, and of what is interpolated, where it is slow.
        """
        inside = len(self.trial.axes)
        first_slow = self.columns - self.slow
        slope = torch.zeros_like(mixing[..., 0])
        if k < inside:
            unit = tuple(int(k == i) for i in range(inside))
            slope = slope + torch.einsum("ncp,np->nc", mixing, jet[unit])
        if k >= first_slow:
            weights, offset = self._kept("numbers")
            turned = self._basis(slow, k - first_slow)
            value = jet[(0,) * inside]
            slope = slope + torch.einsum("nm,mcp,np->nc", turned, weights, value) + turned @ offset
        return slope

    def _jet(self, points: Tensor) -> Jet:
        """The values and first derivatives of all parts, (n, parts)."""
        count = len(self.trial.axes)
        tensors = self._kept("layer")
        found = list[Jet]()
        indices: tuple[MultiIndex, ...] = (
            (0,) * count,
            *(tuple(int(k == i) for i in range(count)) for k in range(count)),
        )
        for depth in self.depths:
            layers: Layers = list(
                zip(tensors[: 2 * depth : 2], tensors[1 : 2 * depth : 2], strict=True)
            )
            found.append(self.trial.network(points[:, :count], layers, indices))
            tensors = tensors[2 * depth :]
        return {a: torch.cat([jet[a] for jet in found], -1) for a in indices}

    def _basis(self, slow: Tensor, differentiated: int | None = None) -> Tensor:
        """(n, nodes): the interpolation weights, or their derivative along one axis."""
        total = torch.ones_like(slow[:, :0].sum(-1, keepdim=True))
        for axis, (a, b) in enumerate(self.nodes.bounds):
            coefficients = self._kept("cardinal")[int(axis == differentiated)]
            t = (2 * slow[:, axis] - a - b) / (b - a)
            polynomials = [torch.ones_like(t), t]
            while len(polynomials) < len(coefficients):
                polynomials.append(2 * t * polynomials[-1] - polynomials[-2])
            block = torch.stack(polynomials[: len(coefficients)], -1) @ coefficients
            block = block * (2 / (b - a)) if axis == differentiated else block
            total = (total[:, :, None] * block[:, None, :]).flatten(1)
        return total

    def _keep(self, name: str, tensors: list[Tensor]) -> None:
        for k, tensor in enumerate(tensors):
            self.register_buffer(f"{name}_{k}", tensor.detach().cpu().clone())
        setattr(self, f"{name}_count", len(tensors))

    def _kept(self, name: str) -> list[Tensor]:
        return [getattr(self, f"{name}_{k}") for k in range(getattr(self, f"{name}_count"))]


def export(cells: CellSolution, path: str | os.PathLike[str]) -> Path:
    """Write a .pt2 file, atomically. Its metadata state names, shapes, ranges, the estimate of the
    solver, and the largest difference between the
    program and `cells` at random points, of values and of derivatives, relative to the largest of
    the function's.

    UnsupportedError for cells of other backends, of complex problems, and with frozen fast times.
    """
    if output_path(path).suffix != ".pt2":
        raise OutputPathError(
            "a program of torch.export has the ending .pt2",
            term=path,
            remedy='write export("cells.pt2")',
        )
    program = CellProgram(cells, _parts(cells))
    points = _samples(program)
    exported = torch.export.export(
        program, (points,), dynamic_shapes={"points": {0: torch.export.Dim("n", min=1)}}
    )
    buffer = io.BytesIO()
    metadata = _metadata(cells, program) | {
        "difference": _difference(cells, exported.module()(points), points.numpy())
    }
    torch.export.save(exported, buffer, extra_files={METADATA: json.dumps(metadata, indent=1)})
    return write_atomic(output_path(path), buffer.getvalue())


def _parts(cells: CellSolution) -> _Parts:
    rows = [f.components for f in cells.functions]
    fields: list[Any] = [field for row in rows for field in row]
    if not fields or any(cells.nodes.periodic):
        raise UnsupportedError(
            "cells without functions, or that depend on a fast time as a parameter, as a program",
            term=cells.slow,
        )
    if all(isinstance(field, SeparableField) for field in fields):
        return _separable(fields)
    if all(isinstance(field, NetworkField) for field in fields):
        return _joint(fields)
    raise UnsupportedError(
        "only nets can be exported, of real problems with smooth coefficients",
        term=type(fields[0]).__name__,
        remedy='solve the cells with backend="pinn", method="residual"',
    )


def _separable(fields: list[SeparableField]) -> _Parts:
    """The parts are the features; the last layers, by node, are their weights."""
    last = [field.network.layers[-1] for field in fields]
    net = fields[0].network
    width = last[0][0].shape[1]
    features = Network(
        net.trial,
        [
            *net.layers[:-1],
            (torch.eye(width, dtype=torch.float64), torch.zeros(width, dtype=torch.float64)),
        ],
    )
    return _Parts(
        (features,),
        np.stack([w.cpu().numpy() for w, _ in last], 1),
        np.stack([b.cpu().numpy() for _, b in last], 1),
    )


def _joint(fields: list[NetworkField]) -> _Parts:
    """The parts are the outputs of the nets, those with the same hidden layers as one net."""
    groups: list[list[Network]] = []
    places: list[list[tuple[int, int]]] = []
    for field in fields:
        places.append([])
        for part in field.parts:
            k = next((k for k, group in enumerate(groups) if _same_hidden(group[0], part)), None)
            if k is None:
                k = len(groups)
                groups.append([])
            places[-1].append((k, len(groups[k])))
            groups[k].append(part)
    order = [(k, number) for k, group in enumerate(groups) for number in range(len(group))]
    weights = np.zeros((len(fields[0].offset), len(fields), len(order)))
    for c, (field, own) in enumerate(zip(fields, places, strict=True)):
        for column, place in zip(field.weights.T, own, strict=True):
            weights[:, c, order.index(place)] = column
    nets = tuple(map(stack_outputs, groups))
    return _Parts(nets, weights, np.stack([field.offset for field in fields], 1))


def _same_hidden(one: Network, other: Network) -> bool:
    """Whether two nets have the same hidden layers."""
    first = one.layers[:-1]
    second = other.layers[:-1]
    return len(first) == len(second) and all(
        torch.equal(a, b)
        for mine, others in zip(first, second, strict=True)
        for a, b in zip(mine, others, strict=True)
    )


def _effective_tables(cells: CellSolution) -> dict[str, Array]:
    """The effective coefficients that are numbers or interpolated: (nodes, *shape) each."""
    tables = {}
    m = len(cells.nodes.points)
    for name, value in cells.effective.items():
        if isinstance(value, EffectiveFunction) and all(
            e.formula is None and e.nodes == cells.nodes for e in value.entries.values()
        ):
            tables[name] = np.zeros((m, *value.shape))
            for position, entry in value.entries.items():
                place = (slice(None), *position)
                tables[name][place] = entry.values
        elif not callable(value) and not isinstance(value, dict) and np.isrealobj(value):
            tables[name] = np.broadcast_to(
                np.asarray(value, dtype=float), (m, *np.shape(value))
            ).copy()
    return tables


def _bounds(program: CellProgram) -> Bounds:
    """The ranges of the columns."""
    fast = program.trial.axes[: program.columns - program.slow]
    return (*((a, b) for _, a, b in fast), *program.nodes.bounds)


def _samples(program: CellProgram) -> Tensor:
    low, high = torch.tensor(_bounds(program), dtype=torch.float64).T
    return low + (high - low) * torch.rand(
        _SAMPLES, program.columns, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )


def _metadata(cells: CellSolution, program: CellProgram) -> dict[str, Any]:
    names = [*(f"y{k + 1}" for k in range(cells.axes)), *cells.slow]
    return {
        "columns": names,
        "ranges": dict(zip(names, _bounds(program), strict=True)),
        "periodic": names[: cells.axes],
        "dtype": "float64",
        "functions": [f.name for f in cells.functions],
        "components": cells.components,
        "effective": {name: values.shape[1:] for name, values in program.tables.items()},
        "estimate": float(cells.info["estimate"]),
        "method": cells.method,
        "torch": torch.__version__,
    }


def _difference(cells: CellSolution, out: dict[str, Tensor], points: Array) -> float:
    """The largest difference between the program and the cells, of values and of derivatives
    relative to the largest of each function.
    """
    y = points[:, : cells.axes]
    slow = points[:, cells.axes :]
    worst = 0.0
    zero = (0,) * cells.axes
    none = (0,) * len(cells.slow)
    unit = np.eye(points.shape[1], dtype=int)
    for k, function in enumerate(cells.functions):
        slopes = [
            function.at(y, slow, [tuple(row[: cells.axes])], tuple(row[cells.axes :]))[0]
            for row in unit
        ]
        pairs = [
            (out["values"][:, k], function.at(y, slow, [zero], none)[0]),
            (out["derivatives"][:, k], np.stack(slopes, -1)),
        ]
        for found, expected in pairs:
            wanted = expected.reshape(found.shape)
            worst = max(
                worst, float(np.abs(found.numpy() - wanted).max() / (np.abs(wanted).max() or 1.0))
            )
    return worst
