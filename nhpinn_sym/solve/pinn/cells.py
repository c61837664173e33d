"""Cell problems by neural networks: one net over (y, slow coordinates), periodic by its inputs, trained once."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...emit.torch import cells as emit_cells
from ...emit.torch_printer import argument_name
from ...emit.torch_text import closure
from ...lower.forms import LoweredCells, MultiIndex
from ...problem.errors import ProblemError, SolveError, ToleranceWarning
from ..progress import Progress, Task, silent
from ..solution import Array, CellBatch
from .means import CellMeans, pairs
from .network import Network, Trial
from .options import read_options
from .random_features import ladder
from .rows import Rows, collocation_points, concatenate, root_mean_square, unit_jet
from .training import train

_PROBES = 16


@dataclass(frozen=True)
class NetworkField:
    """A cell function at m slow points: a net with one output, minus its mean over the cell."""

    network: Network
    slow_points: Array
    mean: Array

    def evaluate(self, points: Array, index: MultiIndex) -> Array:
        """D^index N at y (n, d), for every slow point: (m, n)."""
        y = torch.as_tensor(np.asarray(points, dtype=float), device=self.network.trial.device)
        slow = torch.as_tensor(self.slow_points, device=y.device)
        values = self.network.jet(pairs(y, slow).flatten(0, 1), closure([index]))[index]
        out = values.reshape(len(slow), len(y)).cpu().numpy()
        return out if any(index) else out - self.mean[:, None]

    def state(self) -> dict[str, Any]:
        return {**self.network.state(), "slow_points": self.slow_points, "mean": self.mean}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> NetworkField:
        """The field that `state` came from; nothing is trained."""
        return cls(Network.from_state(state), np.asarray(state["slow_points"]), np.asarray(state["mean"]))


class CellSolver:
    """Solves the cell problems of a model with smooth coefficients; options: `pinn.options.Options`.

    The tolerance is for the effective coefficients, relative to the largest: the number of features is doubled until their change is
    below it, and the residual at unseen points below its square root (the energy formula squares the error of the cell functions).
    UnsupportedError where a coefficient jumps; ToleranceWarning where the tolerance was not reached.
    """

    def __init__(self, cells: LoweredCells, parameters: Mapping[str, float], slow_box: tuple[tuple[float, float], ...],
                 tolerance: float, progress: Progress = silent, **options: Any) -> None:
        self.cells, self.slow_box, self.tolerance, self.progress = cells, slow_box, tolerance, progress
        self.options = read_options(options)
        self.given = {argument_name(s): parameters[s.name] for s in cells.parameters}
        axes = (*(("periodic", a, b) for a, b in cells.cell.bounds), *(("scaled", a, b) for a, b in slow_box))
        self.trial = Trial("cell_residual", emit_cells(cells)["cell_residual.py"], axes, self.options.device)
        self.means = CellMeans(self.trial, cells.cell.dim, self.given)

    def solve(self, slow_points: Array) -> CellBatch:
        """The cell functions and effective coefficients at slow points (m, len(cells.slow)) inside the slow box."""
        slow = np.asarray(slow_points, dtype=float).reshape(len(slow_points), len(self.slow_box))
        for symbol, column, (a, b) in zip(self.cells.slow, slow.T, self.slow_box, strict=True):
            if column.min() < a - 1e-9 * (b - a) or column.max() > b + 1e-9 * (b - a):
                raise ProblemError("a slow point lies outside the box that the net was made for", term=f"{symbol} in ({a}, {b})")
        networks, info = self._solved
        effective, mean = self.means(networks, torch.as_tensor(slow, device=self.options.device))
        outputs = [net.output(j) for net in networks for j in range(net.outputs)]
        fields = tuple(NetworkField(net, slow, mean[:, j].cpu().numpy()) for j, net in enumerate(outputs))
        return CellBatch(fields, {key: value.cpu().numpy() for key, value in effective.items()}, info)

    @cached_property
    def _solved(self) -> tuple[list[Network], dict[str, Any]]:
        """The nets, which are made once, and what is known about them."""
        start = time.perf_counter()
        with self.progress(f"cell problems (pinn, {self.options.chosen})") as task:
            if not self.cells.correctors:
                networks, info = list[Network](), {"size": 0, "residual": 0.0, "fredholm": 0.0, "estimate": 0.0, "largest": 1.0}
            else:
                networks, info = self._trained(task) if self.options.trains else self._fitted(task)
        estimate, wanted = info["estimate"], self.tolerance * info.pop("largest")
        if not math.isfinite(estimate):
            raise SolveError("the cell problems have no finite solution in this net", term=info, remedy="give more features, or another scale")
        if estimate > wanted:
            text = f"pinn: the effective coefficients have an estimated error of {estimate:.1e}, asked for was {wanted:.1e}"
            warnings.warn(ToleranceWarning(text), stacklevel=4)
        return networks, {"method": self.options.chosen, **info, "seed": self.options.seed, "seconds": time.perf_counter() - start}

    def _fitted(self, task: Task) -> tuple[list[Network], dict[str, Any]]:
        """One net for all cell functions, its last layer by least squares."""
        o, before, estimate = self.options, None, math.inf
        for step in ladder(self.trial, self._rows, o.features, o.scale, o.seed, o.points):
            values = self._probed([step.network])
            estimate = math.inf if before is None else float((values - before).abs().max())
            before, largest = values, float(values.abs().max())
            task.update(step.size / o.features, f"{step.size} features, residual {step.held_out:.1e}")
            if estimate <= self.tolerance * largest and step.held_out <= math.sqrt(self.tolerance):
                break
        info = {"size": step.size, "features": step.size, "scale": step.scales[0], "residual": step.held_out,
                "fredholm": float(step.coefficients.abs().max()), "estimate": estimate, "largest": largest}
        return [step.network], info

    def _trained(self, task: Task) -> tuple[list[Network], dict[str, Any]]:
        """One net per cell function; the estimate is the change of the effective entries over the second half of the training."""
        names, results = [c.name for c in self.cells.correctors], []
        for j, name in enumerate(names):

            def report(fraction: float, note: str, j: int = j, name: str = name) -> None:
                task.update((j + fraction) / len(names), f"{name}: {note}")

            results.append(train(self.trial, self._rows, j, self.options, report))
        networks = [r.network for r in results]
        half, values = self._probed([r.half_way[0] for r in results]), self._probed(networks)
        info = {"size": len(names) * networks[0].size, "width": self.options.width, "depth": self.options.depth,
                "iterations": max(r.iterations for r in results), "residual": max(r.held_out for r in results),
                "fredholm": max(float(r.coefficients.abs().max()) for r in results),
                "estimate": float((values - half).abs().max()), "largest": float(values.abs().max())}
        return networks, info

    def _rows(self, count: int, seed: int) -> Rows:
        """A constant stands beside the net: the multiplier of the zero-mean constraint, which vanishes where the problem is solvable."""
        module, points = self.trial.module, collocation_points(count, self.trial.axes, seed, self.options.device)
        weights, source = module.operator(points, unit_jet(points, self.trial.indices), **self.given), module.source(points, **self.given)
        inside = Rows(points, weights, torch.ones_like(points[:, :1]), source, root_mean_square(source))
        return concatenate([inside, self._gauge(max(1, count // 4) if self.slow_box else 1, seed, inside)])

    def _gauge(self, count: int, seed: int, inside: Rows) -> Rows:
        """N = 0 at one corner of the cell: without it the mean, which is free, would be large and cost digits."""
        points = collocation_points(count, self.trial.axes, seed, self.options.device)
        points[:, : self.cells.cell.dim] = points.new_tensor([a for a, _ in self.cells.cell.bounds])
        weights = points.new_tensor([float(not any(index)) for index in self.trial.indices]).expand(count, -1)
        zero = points.new_zeros(count, 1)
        rows = Rows(points, weights, zero, zero.expand(-1, len(self.cells.correctors)), torch.zeros_like(inside.size))
        return rows.scaled(inside.strength(self.trial) / rows.strength(self.trial))

    def _probed(self, networks: Sequence[Network]) -> Tensor:
        """The effective entries at a few slow points."""
        axes = self.trial.axes[self.cells.cell.dim:]
        return self.means.refine(networks, collocation_points(_PROBES if axes else 1, axes, 0, self.options.device))

