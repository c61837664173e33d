"""Files of gmsh with tetrahedra of order 2: a unit cube, moved by a map, with named faces."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, permutations, product
from pathlib import Path

import numpy as np

from nhpinn_sym.runtime.arrays import Array
from nhpinn_sym.runtime.fitted.elements import EDGES

FACES = ("x0", "x1", "y0", "y1", "z0", "z1")


def write_cube(path: Path, n: int, moved: Callable[[Array], Array], without: str = "") -> Path:
    """n^3 cubes of six tetrahedra, as MSH 2.2; `without`: a face that has no triangles."""
    numbers: dict[tuple[int, ...], int] = {}
    rows = []
    for cube in product(range(n), repeat=3):
        for axes in permutations(range(3)):
            steps = np.cumsum([np.zeros(3, int), *np.eye(3, dtype=int)[list(axes)]], axis=0)
            corners = 2 * (np.array(cube) + steps)
            rows.append((11, 7, _nodes(corners, 3, numbers)))
            for face in map(list, combinations(range(4), 3)):
                for k, name in enumerate(FACES):
                    end = 2 * n * (k % 2)
                    if name != without and (corners[face, k // 2] == end).all():
                        rows.append((9, 1 + k, _nodes(corners[face], 2, numbers)))
    text = ["$MeshFormat", "2.2 0 8", "$EndMeshFormat", "$PhysicalNames", "7"]
    text += [f'2 {k + 1} "{name}"' for k, name in enumerate(FACES)]
    text += ['3 7 "inside"', "$EndPhysicalNames", "$Nodes", str(len(numbers))]
    for k, place in enumerate(numbers):
        text.append(f"{k + 1} " + " ".join(map(repr, moved(np.array(place) / (2 * n)).tolist())))
    text += ["$EndNodes", "$Elements", str(len(rows))]
    for k, (kind, tag, nodes) in enumerate(rows):
        text.append(f"{k + 1} {kind} 2 {tag} {tag} " + " ".join(map(str, nodes)))
    path.write_text("\n".join([*text, "$EndElements", ""]))
    return path


def _nodes(corners: Array, dim: int, numbers: dict[tuple[int, ...], int]) -> list[int]:
    """The numbers of the nodes of a simplex: corners, and the middles of its edges."""
    middles = corners[EDGES[dim]].sum(axis=1) // 2
    places = map(tuple, np.concatenate([corners, middles]).tolist())
    return [numbers.setdefault(place, len(numbers) + 1) for place in places]
