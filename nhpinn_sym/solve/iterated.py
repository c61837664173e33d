"""Cell problems of the level y whose coefficients are the effective coefficients of the level z."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import numpy as np
import sympy as sp

from ..derive.model import HomogenizedModel, effective_shape
from ..lower.forms import (
    CellForm,
    Functional,
    FunctionalTerm,
    LoweredCells,
    SourceTerm,
    StrongTerm,
    WeakTerm,
)
from ..problem.errors import UnsupportedError
from .cell_solution import CellSolution
from .effective import EffectiveFunction
from .solution import Array, CellBatch, CellField

Field = Callable[[Array], Array]

_GRIDS = {1: (27, 81, 243), 2: (15, 27, 45), 3: (9, 15)}
"""Points per axis to try where a field is written out."""


class FieldSource(Protocol):
    """What the external fields of cell problems come from; `what` names them in messages."""

    @property
    def what(self) -> str: ...

    def field(self, name: str, coordinates: tuple[str, ...], slow: Mapping[str, float]) -> Field:
        """One of them at one slow point: points (n, d) of the cell of y -> (n, *shape)."""


@dataclass(frozen=True)
class InnerLevel:
    """The solved cells of the level z: effective coefficients as functions of (x, y)."""

    cells: CellSolution
    model: HomogenizedModel
    what: str = "effective coefficients of a finer level z"

    def field(self, name: str, coordinates: tuple[str, ...], slow: Mapping[str, float]) -> Field:
        """One effective coefficient at one slow point: points (n, d) of the cell of y -> (n,
        *shape).
        """
        own = {index: e for (other, index), e in self.cells.entries.items() if other == name}
        function = EffectiveFunction(
            effective_shape(name, self.cells.dim, self.cells.components, self.cells.order), own
        )
        names = [str(v) for v in self.model.cell_operator.slow]

        def values(y: Array) -> Array:
            columns = dict(zip(coordinates, y.T, strict=True))
            return function(
                np.stack(
                    [np.broadcast_to(columns.get(v, slow.get(v, 0.0)), (len(y),)) for v in names],
                    axis=-1,
                )
            )

        return values


def written_out(source: FieldSource, cells: LoweredCells, tolerance: float) -> LoweredCells:
    """`cells` with trigonometric polynomials of y in the place of its external fields, for backends
    that need formulas.

    UnsupportedError where the fields depend on x as well, or vary too sharply.
    """
    if cells.slow:
        raise UnsupportedError(
            f"coefficients that are {source.what} and depend on x",
            term=cells.slow[0],
            remedy='use the fourier backend: solve_cells(model, "fourier")',
        )
    coordinates = tuple(map(str, cells.coordinates))
    swap = {}
    for e in cells.externals:
        function = source.field(e.name, coordinates, {})
        polynomial = _written_field(_entry(function, e.index), cells, tolerance)
        for v, order in zip(cells.coordinates, e.derivative, strict=True):
            polynomial = sp.diff(polynomial, v, order) if order else polynomial
        swap[e.symbol] = polynomial
    return swapped(replace(cells, externals=()), swap)


@dataclass(frozen=True)
class IteratedSolver:
    """A `CellSolver` that hands the coefficients of the inner level, as fields of y, to one solver
    per slow point.
    """

    cells: LoweredCells
    inner: FieldSource
    make: Callable[[Mapping[str, Field]], Any]

    def solve(self, slow_points: Array) -> CellBatch:
        coordinates = tuple(map(str, self.cells.coordinates))
        batches = []
        for point in np.asarray(slow_points, dtype=float):
            slow = dict(zip(map(str, self.cells.slow), point, strict=True))
            fields = {
                e.name: self.inner.field(e.name, coordinates, slow) for e in self.cells.externals
            }
            solver = self.make(fields)
            batch = solver.solve(point[None, :])
            if not isinstance(
                self.inner, InnerLevel
            ):  # of a function that a user gives no symbols tell what it asks of a grid
                error = solver.field_error(batch)
                estimate = max(float(batch.info["estimate"]), error)
                more = {"estimate": estimate, "data_error": error}
                batch = replace(batch, info={**batch.info, **more})
            batches.append(batch)
        return batches[0] if len(batches) == 1 else _joined(batches)


def _same(field: CellField) -> Any:
    """The class of a field; only Fourier fields come here, and they can be joined."""
    return type(field)


def _joined(batches: list[CellBatch]) -> CellBatch:
    """Batches of one slow point each as one."""
    first = batches[0]
    fields = tuple(
        tuple(_same(field).joined([b.fields[k][i] for b in batches]) for i, field in enumerate(row))
        for k, row in enumerate(first.fields)
    )
    effective = {
        key: np.concatenate([b.effective[key] for b in batches]) for key in first.effective
    }
    info = dict(first.info)
    for name in ("residual", "estimate", "fredholm", "iterations", "size"):
        info[name] = max(b.info[name] for b in batches)
    if "data_error" in info:
        info["data_error"] = max(b.info["data_error"] for b in batches)
    info["seconds"] = sum(b.info["seconds"] for b in batches)
    info["multipliers"] = {
        name: max(b.info["multipliers"][name] for b in batches)
        for name in first.info["multipliers"]
    }
    return CellBatch(fields, effective, info)


def _entry(function: Field, index: tuple[int, ...]) -> Field:
    """One entry of a field of tensors."""
    return lambda y: np.moveaxis(function(y), 0, -1)[index]


def _written_field(values: Field, cells: LoweredCells, tolerance: float) -> sp.Expr:
    """The Fourier series of a field on the cell, of its real and imaginary parts where the cell
    problems are complex.
    """
    real = _trigonometric(lambda y: np.real(values(y)), cells, tolerance)
    if not cells.complex:
        return real
    return real + sp.I * _trigonometric(lambda y: np.imag(values(y)), cells, tolerance)


def _trigonometric(values: Field, cells: LoweredCells, tolerance: float) -> sp.Expr:
    """The Fourier series of a field on the cell, without modes below the tolerance."""
    dim = cells.cell.dim
    for n in _GRIDS[dim]:
        axes = [a + (b - a) * np.arange(n) / n for a, b in cells.cell.bounds]
        grid = np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], axis=1)
        modes = np.fft.fftn(values(grid).reshape((n,) * dim)) / n**dim
        waves = np.stack(
            np.meshgrid(*[np.fft.fftfreq(n, 1 / n).round().astype(int)] * dim, indexing="ij"),
            axis=-1,
        )
        small = tolerance * np.abs(modes).max() / 10
        if np.abs(modes[np.abs(waves).max(axis=-1) > n // 3]).max() <= small:
            break
    else:
        raise UnsupportedError(
            "a coefficient without a formula that varies too sharply to be written out",
            term=cells.title,
            remedy='use the fourier backend: solve_cells(model, "fourier")',
        )
    parts = []
    for wave in map(tuple, waves[np.abs(modes) > small]):
        if wave < (0,) * dim:
            continue  # the conjugate of another
        mode, twice = modes[wave], 1 if not any(wave) else 2
        phase = (
            2
            * sp.pi
            * sp.Add(
                *[
                    int(k) * (v - a) / length
                    for k, v, (a, _), length in zip(
                        wave,
                        cells.coordinates,
                        cells.cell.intervals,
                        cells.cell.lengths,
                        strict=True,
                    )
                ]
            )
        )
        parts += [
            twice * sp.Float(mode.real, 17) * sp.cos(phase),
            -twice * sp.Float(mode.imag, 17) * sp.sin(phase),
        ]
    return sp.Add(*parts)


def swapped(value: Any, swap: Mapping[sp.Symbol, sp.Expr]) -> Any:
    """A lowered form with expressions put in for symbols, everywhere."""
    if isinstance(value, sp.Expr):
        return value.xreplace(dict(swap))
    if isinstance(value, tuple):
        return tuple(swapped(item, swap) for item in value)
    if isinstance(
        value,
        (WeakTerm, StrongTerm, SourceTerm, CellForm, Functional, FunctionalTerm, LoweredCells),
    ):
        return replace(
            value, **{f.name: swapped(getattr(value, f.name), swap) for f in fields(value)}
        )
    return value
