"""Cell functions on the cell of a lattice: backends know them as functions of shares of its
vectors.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

import numpy as np

from ..lower.forms import MultiIndex
from ..runtime.fitted.cell_mesh import CellMesh, moved_to
from .fields import CellField, field_data, read_field
from .interpolation import Array, Nodes


@dataclass(frozen=True)
class LatticeField(CellField):
    """`field` at the shares xi of y = xi V, V (d, d) the vectors, one a row."""

    field: CellField
    vectors: Array
    kind: ClassVar[str] = "lattice cell"

    def evaluate(self, points: Array, indices: Sequence[MultiIndex]) -> Array:
        return self._transformed(points, indices, self.field.evaluate)

    def between(
        self,
        nodes: Nodes,
        points: Array,
        slow: Array,
        indices: Sequence[MultiIndex],
        slow_index: MultiIndex,
    ) -> Array:
        def own(shares: Array, wanted: Sequence[MultiIndex]) -> Array:
            return self.field.between(nodes, shares, slow, wanted, slow_index)

        return self._transformed(points, indices, own)

    def _transformed(
        self,
        points: Array,
        indices: Sequence[MultiIndex],
        values: Callable[[Array, Sequence[MultiIndex]], Array],
    ) -> Array:
        """Derivatives by y from those by the shares."""
        weights = [derivative_weights(index, np.linalg.inv(self.vectors)) for index in indices]
        wanted = sorted(set().union(*weights))
        found = dict(zip(wanted, values(points @ np.linalg.inv(self.vectors), wanted), strict=True))
        return np.stack([sum(w * found[index] for index, w in own.items()) for own in weights])

    @property
    def mesh(self) -> CellMesh | None:
        own = self.field.mesh
        return None if own is None else moved_to(own, self.vectors)

    def state(self) -> dict[str, Any]:
        return {"field": field_data(self.field), "vectors": self.vectors}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> LatticeField:
        vectors = np.asarray(state["vectors"], dtype=float)
        if vectors.ndim != 2 or vectors.shape[0] != vectors.shape[1]:
            raise ValueError("no vectors of a lattice")
        return cls(read_field(state["field"]), vectors)


def derivative_weights(index: MultiIndex, inverse: Array) -> dict[MultiIndex, float]:
    """D_y^index as a sum of derivatives by the shares."""
    axes = [axis for axis, order in enumerate(index) for _ in range(order)]
    found: dict[MultiIndex, float] = defaultdict(float)
    for chosen in product(range(len(inverse)), repeat=len(axes)):
        weight = np.prod([inverse[axis, k] for axis, k in zip(axes, chosen, strict=True)])
        found[tuple(chosen.count(k) for k in range(len(inverse)))] += float(weight)
    return dict(found)
