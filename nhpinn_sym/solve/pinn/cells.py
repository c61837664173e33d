"""Cell problems by neural networks: one net over (y, slow coordinates), periodic by its inputs, trained once."""

from __future__ import annotations

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
from ...problem.errors import ProblemError, SolveError, ToleranceWarning, UnsupportedError
from ..progress import Progress, Task, silent
from ..solution import Array, CellBatch, EffectiveKey
from .network import Jet, Network, Trial
from .options import read_options
from .random_features import ladder
from .rows import Rows, collocation_points, unit_jet
from .training import train

_GRID_POINTS = 2**17
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
        values = self.network.jet(_product(y, slow).flatten(0, 1), closure([index]))[index]
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

    The tolerance is for the effective coefficients, relative to the largest; sizes are doubled until their change is below it and the
    residual at unseen points below its square root (the energy formula squares the error of the cell functions).
    UnsupportedError where a coefficient jumps; ToleranceWarning where the tolerance was not reached.
    """

    def __init__(self, cells: LoweredCells, parameters: Mapping[str, float], slow_box: tuple[tuple[float, float], ...],
                 tolerance: float, progress: Progress = silent, **options: Any) -> None:
        if cells.jumps:
            raise UnsupportedError("a coefficient jumps: the strong form, which the PINN backend uses, is not defined across the jump",
                                   term=cells.strong[0].coefficient, remedy='use a finite element backend, "dolfinx" or "skfem"')
        self.cells, self.slow_box, self.tolerance, self.progress = cells, slow_box, tolerance, progress
        self.options = read_options(options)
        self.given = {argument_name(s): parameters[s.name] for s in cells.parameters}
        text = emit_cells(cells)["cell_residual.py"]
        axes = (*((True, a, b) for a, b in cells.cell.bounds), *((False, a, b) for a, b in slow_box))
        self.trial = Trial("cell_residual", text, axes, self.options.device)

    def solve(self, slow_points: Array) -> CellBatch:
        """The cell functions and effective coefficients at slow points (m, len(cells.slow)) inside the slow box."""
        slow = np.asarray(slow_points, dtype=float).reshape(len(slow_points), len(self.slow_box))
        for k, (a, b) in enumerate(self.slow_box):
            if slow[:, k].min() < a - 1e-9 * (b - a) or slow[:, k].max() > b + 1e-9 * (b - a):
                raise ProblemError("a slow point lies outside the box that the net was made for", term=f"{self.cells.slow[k]} in ({a}, {b})")
        networks, info = self._trained
        effective, mean = self._means(networks, torch.as_tensor(slow, device=self.options.device))
        outputs = [net.output(j) for net in networks for j in range(net.outputs)]
        fields = [NetworkField(net, slow, mean[:, j].cpu().numpy()) for j, net in enumerate(outputs)]
        return CellBatch(tuple(fields), {key: value.cpu().numpy() for key, value in effective.items()}, info)

    @cached_property
    def _trained(self) -> tuple[list[Network], dict[str, Any]]:
        start = time.perf_counter()
        with self.progress(f"cell problems, {self.options.method} network") as task:
            networks, info = self._by_training(task) if self.options.trains else self._by_least_squares(task)
        if not np.isfinite(info["estimate"]):
            raise SolveError("the cell problems have no finite solution in this net", term=info)
        if info["estimate"] > self.tolerance * info.pop("largest"):
            warnings.warn(ToleranceWarning(f"effective coefficients: estimated error {info['estimate']:.1e}, tolerance {self.tolerance:.1e}"), stacklevel=4)
        return networks, {**info, "seed": self.options.seed, "seconds": time.perf_counter() - start}

    def _by_least_squares(self, task: Task) -> tuple[list[Network], dict[str, Any]]:
        o, previous, estimate = self.options, None, float("inf")
        for step in ladder(self.trial, self._rows, o.features, o.scale, o.seed, o.points):
            networks = [step.network]
            values = self._probed(networks)
            if previous is not None:
                estimate = float((values - previous).abs().max())
            previous, largest = values, float(values.abs().max())
            task.update(step.size / o.features, f"{step.size} features, residual {step.held_out:.1e}")
            if estimate <= self.tolerance * largest and step.held_out <= self.tolerance**0.5:
                break
        return networks, {"method": "random-features", "size": step.size, "scale": step.scale, "held_out": step.held_out,
                          "fredholm": float(step.coefficients.abs().max()), "estimate": estimate, "largest": largest}

    def _by_training(self, task: Task) -> tuple[list[Network], dict[str, Any]]:
        count, results = len(self.cells.correctors), []
        for j in range(count):
            def report(fraction: float, note: str, j: int = j) -> None:
                task.update((j + fraction) / count, f"{self.cells.correctors[j].name}: {note}")

            results.append(train(self.trial, self._rows, j, self.options, report))
        networks = [r.network for r in results]
        values, half = self._probed(networks), self._probed([r.half_way[0] for r in results])
        return networks, {"method": self.options.method, "size": sum(t.numel() for layer in networks[0].layers for t in layer),
                          "iterations": max(r.iterations for r in results), "held_out": max(r.held_out for r in results),
                          "fredholm": max(float(r.coefficients.abs().max()) for r in results),
                          "estimate": float((values - half).abs().max()), "largest": float(values.abs().max())}

    def _rows(self, count: int, seed: int) -> Rows:
        """A constant stands beside the net: the multiplier of the zero-mean constraint, which vanishes where the problem is solvable."""
        module, points = self.trial.module, collocation_points(count, self.trial.axes, seed, self.options.device)
        weights = module.operator(points, unit_jet(points, self.trial.indices), **self.given)
        return Rows(points, weights, torch.ones_like(points[:, :1]), module.source(points, **self.given))

    def _probed(self, networks: Sequence[Network]) -> Tensor:
        """The effective entries at a few slow points, (entries, points)."""
        axes = self.trial.axes[self.cells.cell.dim:]
        slow = collocation_points(_PROBES, axes, 0, self.options.device) if axes else torch.zeros(1, 0, device=self.options.device)
        return torch.stack(list(self._means(networks, slow.double())[0].values()))

    def _means(self, networks: Sequence[Network], slow: Tensor) -> tuple[dict[EffectiveKey, Tensor], Tensor]:
        """Effective entries (m,) and means of the cell functions (m, functions), on a uniform grid that is doubled until they stand."""
        dim, per_axis, before = self.cells.cell.dim, 8, None
        while True:
            effective, mean = self._grid_means(networks, slow, per_axis)
            values = torch.stack([*effective.values(), *mean.T])
            if before is not None and float((values - before).abs().max()) <= 1e-13 * float(values.abs().max()):
                return effective, mean
            if (2 * per_axis)**dim > _GRID_POINTS:
                return effective, mean
            before, per_axis = values, 2 * per_axis

    def _grid_means(self, networks: Sequence[Network], slow: Tensor, per_axis: int) -> tuple[dict[EffectiveKey, Tensor], Tensor]:
        lines = [a + (b - a) / per_axis * torch.arange(per_axis, dtype=torch.float64, device=slow.device) for a, b in self.cells.cell.bounds]
        y = torch.cartesian_prod(*lines).reshape(-1, len(lines))
        indices = tuple(self.trial.module.MEAN_INDICES)
        effective, mean = [], []
        for part in slow.split(max(1, _GRID_POINTS // len(y))):
            points = _product(y, part)
            jets = [net.jet(points.flatten(0, 1), indices) for net in networks]
            d: Jet = {a: torch.cat([jet[a] for jet in jets], -1).reshape(*points.shape[:2], -1) for a in indices}
            effective.append(self.trial.module.effective(points, d, **self.given))
            mean.append(next(iter(d.values())).mean(1))
        return {key: torch.cat([e[key] for e in effective]) for key in effective[0]}, torch.cat(mean)


def _product(y: Tensor, slow: Tensor) -> Tensor:
    """All pairs as points (m, n, columns): y (n, d) beside slow (m, s)."""
    return torch.cat([y.expand(len(slow), *y.shape), slow[:, None].expand(len(slow), len(y), slow.shape[1])], -1)
