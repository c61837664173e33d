"""Cell functions as the backends give them: what is asked of each, and their names in files."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..lower.forms import MultiIndex
from ..problem.errors import FileError
from ..runtime.fitted.cell_mesh import CellMesh
from .interpolation import Array, Nodes


class CellField(ABC):
    """One component of a cell function at m slow points. Periodic: any y may be asked for.

    kind : names the class in files; one of `_KINDS`.
    """

    kind: ClassVar[str]

    @abstractmethod
    def evaluate(self, points: Array, indices: Sequence[MultiIndex]) -> Array:
        """D^index at points y (n, d), for each of `indices`: (indices, m, n).

        One call for several derivatives: a backend shares what they have in common.
        """

    def derivative(self, points: Array, index: MultiIndex) -> Array:
        """D^index at points y (n, d): (m, n)."""
        found: Array = self.evaluate(points, [index])[0]
        return found

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Arrays, numbers and strings from which `from_state` of the same class makes it again."""

    @classmethod
    @abstractmethod
    def from_state(cls, state: Mapping[str, Any]) -> CellField:
        """The field that `state` came from; ValueError or KeyError where its parts do not fit."""

    def between(
        self,
        nodes: Nodes,
        points: Array,
        slow: Array,
        indices: Sequence[MultiIndex],
        slow_index: MultiIndex,
    ) -> Array:
        """D_y^index D_slow^slow_index at pairs of y (n, d) and slow points (n, s), for each of
        `indices`: (indices, n), by interpolation between the own slow points, which are `nodes`. A
        net is a function of them too.
        """
        weights = nodes.weights(slow, slow_index)
        return np.asarray(np.einsum("nm,kmn->kn", weights, self.evaluate(points, indices)))

    def restricted(self, basis: Array, slow_points: Array) -> CellField:
        """The field at other slow points; `basis` (new, m) holds the interpolation weights of its
        own there.
        """
        return InterpolatedField(self, basis)

    @property
    def lines(self) -> tuple[Array, ...]:
        """Lines of a mesh along each axis, between which it is a polynomial; empty without one."""
        return ()

    @property
    def mesh(self) -> CellMesh | None:
        """The triangles on which it is a polynomial; None without."""
        return None

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy in another process is made from what a file keeps: nets hold loaded modules."""
        return read_field, (field_data(self),)


@dataclass(frozen=True)
class InterpolatedField(CellField):
    """A cell function at new slow points: basis (new, m) times `field` at its m ones."""

    field: CellField
    basis: Array
    kind: ClassVar[str] = "interpolated"

    def evaluate(self, points: Array, indices: Sequence[MultiIndex]) -> Array:
        return self.basis @ self.field.evaluate(points, indices)

    def state(self) -> dict[str, Any]:
        return {"field": field_data(self.field), "basis": self.basis}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> InterpolatedField:
        return cls(read_field(state["field"]), np.asarray(state["basis"]))

    @property
    def lines(self) -> tuple[Array, ...]:
        return self.field.lines

    @property
    def mesh(self) -> CellMesh | None:
        return self.field.mesh


# kind: (module below nhpinn_sym.solve, class); a module is imported when one of its fields is read:
# those of nets need torch.
_KINDS = {
    "fourier": ("fourier.cells", "FourierField"),
    "lagrange": ("fem.grid_functions", "LagrangeField"),
    "broken lattice": ("fem.grid_functions", "BrokenField"),
    "plate": ("plates", "PlateField"),
    "plate of triangles": ("plates", "SimplexPlateField"),
    "triangles": ("fem.grid_functions", "SimplexField"),
    "network": ("pinn.fields", "NetworkField"),
    "separable": ("pinn.fields", "SeparableField"),
    "phases": ("pinn.fields", "PhaseField"),
    "wrapped": ("pinn.fields", "WrappedField"),
    "complex": ("complex_parts", "ComplexField"),
    "lattice cell": ("lattice_fields", "LatticeField"),
    "interpolated": ("fields", "InterpolatedField"),
}


def field_data(field: CellField) -> dict[str, Any]:
    """What a file keeps of a field."""
    return {**field.state(), "kind": field.kind}


def read_field(data: Mapping[str, Any]) -> CellField:
    """The field that `field_data` came from; FileError for an unknown kind."""
    kind = data["kind"]
    if not isinstance(kind, str) or kind not in _KINDS:
        raise FileError(
            "no cell function is of this kind",
            term=repr(kind)[:100],
            remedy="give a file that this version of the package wrote",
        )
    module, name = _KINDS[kind]
    field_class = getattr(importlib.import_module(f"{__package__}.{module}"), name)
    found: CellField = field_class.from_state(data)
    return found
