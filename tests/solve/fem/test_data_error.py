"""What quadratures of meshes miss of external fields, in the domain and on its walls."""

from __future__ import annotations

import numpy as np

from nhpinn_sym.runtime.arrays import Array
from nhpinn_sym.runtime.lattice import Lattice
from nhpinn_sym.solve.fem.data_error import FieldData, fields_error
from nhpinn_sym.solve.fem.layout import Layout

BOX = ((0.0, 1.0), (0.0, 1.0))
NORMALS = {"x1=0": (-1.0, 0.0), "x1=1": (1.0, 0.0)}
WIDTH = 0.01


def peak(points: Array) -> Array:
    """Of integral sqrt(pi) WIDTH on the wall x1 = 1 and in a strip of the domain, and nothing
    elsewhere."""
    return np.where(points[:, 0] > 0.5, np.exp(-(((points[:, 1] - 0.5) / WIDTH) ** 2)), 0.0)


def missed(field: FieldData, cells: int) -> float:
    mesh = Lattice.uniform(BOX, (cells, cells))
    return fields_error([field], Layout(BOX), mesh, 2, NORMALS)


def test_fields_are_measured_where_they_stand() -> None:
    """A peak between the points of a coarse mesh is missed on its wall, not on the other one."""
    walls = [FieldData(peak, parts=(name,)) for name in NORMALS]
    assert missed(walls[0], 3) == 0
    assert missed(walls[1], 3) > 0.5
    assert missed(walls[1], 200) < 1e-4
    assert missed(FieldData(peak), 3) > 0.5


def test_walls_are_asked_on_walls() -> None:
    """What is known on the boundary may be anything inside."""

    def outside(points: Array) -> Array:
        assert np.all(points[:, 0] == 0)
        return 1 + points[:, 1]

    assert missed(FieldData(outside, False, ("x1=0",)), 4) < 1e-14
