"""What judges the effective coefficients of any backend and has no solver behind it: of the tensor
A bounds, the closed form of laminates, symmetry, and the transposed operator, (a^T)* = (a*)^T; of
the others the formulas of those that no cell function has a part in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from ..derive.homogenize import homogenize_linear
from ..derive.model import HomogenizedModel
from ..lower.forms import LoweredCells
from ..problem.errors import NhpinnError
from ..resolution import Enclosure, voigt_reuss
from ..resolution.isotropy import hashin_shtrikman, is_isotropic
from ..resolution.laminates import LaminateForm, laminate
from ..runtime.arrays import Array
from ..solve.cells import solve_cells
from ..solve.effective import effective_dict
from ..solve.effective_entries import entries_of
from ..solve.interpolation import Nodes
from .adjoint import adjoint_problem
from .cell_entries import arrays, entries, places

# Estimate of the cells of a transposed operator up to which they judge others.
_KNOWN = 1e-7


@dataclass(frozen=True)
class Judges:
    """Of one model, at one place, or at some of the domain where A depends on x (`varying`).

    enclosures, forms : one for each place, None where they do not apply.
    formulas          : {coefficient: array} of those but A that have a formula, NaN where not.
    isotropic         : the symmetry of the cell makes A a multiple of 1.
    transposed        : A of the transposed operator, transposed back, or None.
    """

    enclosures: tuple[Enclosure | None, ...]
    forms: tuple[LaminateForm | None, ...]
    symmetric: bool
    axes: int
    transposed: Array | None
    varying: bool
    isotropic: bool
    formulas: Mapping[str, Array]

    @classmethod
    def of(
        cls,
        model: HomogenizedModel,
        lowered: LoweredCells,
        numbers: Mapping[str, Any],
        parameters: Mapping[sp.Symbol, float] | None,
    ) -> Judges:
        """All that apply to a model. Where A is a mean over slow times, bounds and closed forms do
        not."""
        spots = _slow_points(model, lowered)
        return cls(
            tuple(voigt_reuss(lowered, numbers, spot) for spot in spots),
            tuple(laminate(lowered, numbers, spot) for spot in spots),
            model.symmetric,
            _axes(model),
            None if model.symmetric or lowered.jumps else _of_transposed(model, parameters),
            bool(lowered.slow),
            bool(spots) and all(is_isotropic(lowered, numbers, spot) for spot in spots),
            _formulas(model, numbers),
        )

    def check(self, values: Array) -> dict[str, float]:
        """{check: distance of A from what it must be, relative to its largest entry}."""
        found: dict[str, float] = {}
        size = float(np.abs(values).max())
        for tensor, enclosure, form in self._at_places(values):
            if enclosure is not None:
                for kind, off in enclosure.distances(np.real(tensor)).items():
                    name = f"{kind} bounds"
                    found[name] = max(found.get(name, 0.0), off / size)
            if form is not None:
                found["closed form"] = max(found.get("closed form", 0.0), form.distance(tensor))
        if self.isotropic:
            trace = np.trace(values, axis1=-2, axis2=-1)[..., None, None] / values.shape[-1]
            found["isotropy"] = (
                float(np.abs(values - trace * np.eye(values.shape[-1])).max()) / size
            )
        if self.symmetric:
            found["symmetry"] = float(np.abs(values - transpose(values, self.axes)).max()) / size
        if self.transposed is not None and self.transposed.shape == values.shape:
            found["transposed operator"] = float(np.abs(values - self.transposed).max()) / size
        return found

    def check_formulas(self, table: Mapping[str, Array]) -> dict[str, float]:
        """{check: distance of a coefficient from its formula, relative to its largest entry}."""
        found: dict[str, float] = {}
        for name in self.formulas.keys() & table.keys():
            off = np.abs(table[name] - self.formulas[name])
            size = float(np.nanmax(np.abs(self.formulas[name])))
            if size:
                found[f"closed form of {name}"] = float(np.nanmax(off)) / size
        return found

    def bounds(self, shape: tuple[int, ...]) -> tuple[Array, Array] | None:
        """(lower, upper) as tensors of the shape of A; None where they do not hold everywhere."""
        known = [e for e in self.enclosures if e is not None]
        if not known or len(known) < len(self.enclosures):
            return None
        lower, upper = (
            self._shaped([e.basis @ form(e) @ e.basis.T for e in known], shape)
            for form in (_lower, _upper)
        )
        return lower, upper

    def hashin_shtrikman(self) -> tuple[float, float] | list[tuple[float, float]] | None:
        """(lower, upper) of A = l 1, at each place where there are several; None where the symmetry
        of the cell says nothing, or there are not two phases."""
        found = [hashin_shtrikman(e) for e in self.enclosures if e is not None]
        known = [pair for pair in found if pair is not None]
        if not self.isotropic or not known or len(known) < len(self.enclosures):
            return None
        if self.varying:
            return known
        return known[0]

    def closed_form(self, shape: tuple[int, ...]) -> Array | None:
        """A of laminates, as a tensor; None where there is none."""
        known = [f for f in self.forms if f is not None]
        if not known or len(known) < len(self.forms):
            return None
        found = self._shaped([f.tensor() for f in known], shape)
        if np.any(found.imag):
            return found
        return found.real

    def _shaped(self, tensors: Sequence[Any], shape: tuple[int, ...]) -> Any:
        """The tensors of all places, or of the first one where A is constant."""
        own = shape[len(shape) - self.axes :]
        found = np.reshape(tensors, (len(tensors), *own))
        return np.asarray(found if len(shape) > self.axes else found[0])

    def _at_places(
        self, values: Array
    ) -> list[tuple[Array, Enclosure | None, LaminateForm | None]]:
        count = len(self.enclosures)
        varying = values.ndim > self.axes
        if not count or (varying and len(values) != count):
            return []
        tensors = values if varying else np.broadcast_to(values, (count, *values.shape))
        return list(zip(tensors, self.enclosures, self.forms, strict=True))


def _lower(enclosure: Enclosure) -> Array:
    return enclosure.lower


def _upper(enclosure: Enclosure) -> Array:
    return enclosure.upper


def _slow_points(model: HomogenizedModel, lowered: LoweredCells) -> list[tuple[float, ...]]:
    """The slow variables of the cell problems at the places where A is compared; none where A is a
    mean over them."""
    physical = [str(v) for v in model.problem.scales.physical]
    names = [str(v) for v in lowered.slow]
    if model.cell_operator.frozen or any(name not in physical for name in names):
        return []
    if not names:
        held = {str(v) for t in lowered.bilinear for v in t.coefficient.free_symbols}
        if held & {*physical}:
            return []
        return [()]
    columns = places(model.problem)[:, [physical.index(name) for name in names]]
    return [tuple(row) for row in columns.tolist()]


def _formulas(model: HomogenizedModel, numbers: Mapping[str, Any]) -> dict[str, Array]:
    """The coefficients but A, by name, with NaN for what cell functions have a part in."""
    unknown = {(e.name, e.index): np.array([np.nan]) for e in model.law if e.value is None}
    unknown |= {("drift", (j,)): np.array([np.nan]) for j in range(len(model.frame))}
    unknown["lambda0", ()] = np.array([np.nan])
    own = entries_of(model, unknown, Nodes((), 0), (), numbers)
    dim, order = model.problem.scales.dim, model.homogenized_order
    table = arrays(effective_dict(dim, model.components, order, own), model.problem)
    return {n: v for n, v in table.items() if n != "A" and not np.all(np.isnan(v))}


def _of_transposed(
    model: HomogenizedModel, parameters: Mapping[sp.Symbol, float] | None
) -> Array | None:
    """A of the transposed operator, transposed; None where that has another kernel, or no accurate
    cells by Fourier."""
    mixed = any(
        any(t.left[-1:]) or (t.right[-1] and any(t.right[:-1])) for t in model.operator.table
    )
    if mixed or model.frame or model.eigenvalue is not None or model.homogenized_order != 2:
        return None
    try:
        other = homogenize_linear(adjoint_problem(model.operator))
        cells = solve_cells(other, "fourier", parameters=parameters)
    except NhpinnError:
        return None
    if not cells.info["estimate"] <= _KNOWN:
        return None
    return transpose(entries(cells, other.problem)["A"], _axes(model))


def transpose(values: Array, axes: int) -> Array:
    """A[j, l.., i, k..], at each place where there are several; `axes` is the number of indices."""
    first, half = values.ndim - axes, axes // 2
    order = (*range(first), *range(first + half, values.ndim), *range(first, first + half))
    return np.transpose(values, order)


def _axes(model: HomogenizedModel) -> int:
    """The number of indices of A."""
    return model.homogenized_order + (2 if model.components > 1 else 0)
