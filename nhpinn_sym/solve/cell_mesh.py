"""The mesh of a cell as users hold it: the arrays of the runtime, with a picture and a file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ..problem.errors import ProblemError
from ..problem.pictures import COLOURS, TITLE, Drawing, Sheet
from ..runtime.fitted import cell_mesh as arrays
from .vtk_files import VTK_NODES, write_elements


class CellMesh(arrays.CellMesh):
    """Triangles, or tetrahedra, of order 2 that tile the plane, or space, when they are moved by
    whole periods.

    points  : (n, d) the nodes
    cells   : (m, 6) or (m, 10) the nodes of each of them in the order of gmsh: corners,
              counterclockwise, then the middles of the edges from corner 0 to 1, 1 to 2 and 2 to 0,
              of tetrahedra also from 3 to 0, 3 to 2 and 3 to 1
    phases  : (m,) whole numbers: coefficients jump between cells of different phases
    pairs   : (k, 2) each node that is an image of another one, and that one
    vectors : (d, d) the periods, one a row

    >>> s = nh.Scales(2)
    >>> u = s.unknown("u")
    >>> a = nh.phases(s, {nh.Disk((0, 0), 0.3): 10}, default=1)
    >>> problem = nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)
    >>> cells = nh.solve_cells(nh.homogenize(problem), "skfem", h=0.1, tolerance=1e-3)
    >>> cells.mesh.check()
    >>> cells.mesh.cells.shape[1], sorted(set(cells.mesh.phases.tolist()))
    (6, [0, 1])
    >>> cells.mesh.plot().save("mesh.png").name
    'mesh.png'
    """

    @classmethod
    def of(cls, mesh: arrays.CellMesh) -> CellMesh:
        """The same arrays."""
        return cls(mesh.points, mesh.cells, mesh.phases, mesh.pairs, mesh.vectors)

    def plot(self) -> Drawing:
        """The triangles, coloured by their phase; ProblemError for tetrahedra."""
        return _drawn(self)

    def to_vtu(self, path: str | os.PathLike[str]) -> Path:
        """Write the elements with their phases, for ParaView."""
        elements = self.cells[:, VTK_NODES[self.dim]]
        return write_elements(path, self.points, elements, inside={"phase": self.phases})


def _drawn(mesh: CellMesh) -> Drawing:
    """Triangles, curved as they are, in the colour of their phase. ProblemError for tetrahedra."""
    if mesh.dim != 2:
        raise ProblemError(
            "a mesh in space as a picture",
            term=f"{len(mesh.cells)} tetrahedra",
            remedy="write it for ParaView: .to_vtu(path)",
        )
    from matplotlib.collections import PolyCollection

    phases = np.unique(mesh.phases)
    colors = [COLOURS[k % len(COLOURS)] for k in np.searchsorted(phases, mesh.phases)]
    sheet = Sheet(1, 1, (5.2, 5.0))
    axes = sheet.at(0, 0)
    around = mesh.points[mesh.cells[:, [0, 3, 1, 4, 2, 5]]]
    width = min(0.6, 20 / len(mesh.cells) ** 0.5)
    triangles = PolyCollection(around, facecolors=colors, alpha=0.45, edgecolors="0.2", lw=width)
    axes.add_collection(triangles)
    axes.autoscale_view()
    axes.set_aspect("equal")
    axes.set_title(f"{len(mesh.cells)} triangles, {len(phases)} phases", **TITLE)
    axes.set_xlabel("$y_1$")
    axes.set_ylabel("$y_2$")
    return sheet.drawing("mesh", "The mesh of the cell; a colour for each phase.")
