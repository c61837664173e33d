"""Pictures of geometry: a plane region, what its parts are called; inclusions of random media."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .joined_shapes import Shape
from .pictures import COLOURS, TITLE, Drawing, Sheet, field
from .regions import Region

if TYPE_CHECKING:
    from .random_media import RandomMedium

_POINTS = 65
# Along each axis of a cell, by the number of these.
_PIXELS = {2: 512, 3: 160}


def draw_shape(shape: Shape) -> Drawing:
    """Its outline; a colour for each part. The errors of `Region`."""
    sheet = Sheet(1, 1, (5.6, 4.4))
    axes = sheet.at(0, 0)
    share = np.linspace(0, 1, _POINTS)
    for k, part in enumerate(Region(shape).parts):
        color = COLOURS[k % len(COLOURS)]
        for piece in part.pieces:
            axes.plot(*piece.at(share).T, color=color)
        middle = part.pieces[0].at(np.array([0.5]))[0]
        box = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.85}
        axes.annotate(part.name, middle, color=color, ha="center", va="center", bbox=box)
    axes.set_aspect("equal")
    axes.margins(0.08)
    axes.grid(alpha=0.3)
    axes.set_title("parts of the boundary", **TITLE)
    axes.set_xlabel("$x_1$")
    axes.set_ylabel("$x_2$")
    return sheet.drawing("region", "The parts of the boundary, by their names.")


def draw_medium(medium: RandomMedium) -> Drawing:
    """Its inclusions in the cell, in space a cut through the middle of the last axis."""
    labels = medium.labels(_PIXELS[medium.cell.dim])
    bounds = [(float(a), float(b)) for a, b in medium.cell.bounds[:2]]
    lines = [a + (np.arange(n) + 0.5) * (b - a) / n for n, (a, b) in zip(labels.shape, bounds)]
    where = ""
    if labels.ndim == 3:
        labels = labels[:, :, labels.shape[2] // 2]
        where = ", in the middle of $y_3$"
    sheet = Sheet(1, 1, (5.2, 5.0))
    title = f"share {medium.fraction:.4g}{where}"
    field(sheet.at(0, 0), lines, labels.astype(float), title, ("$y_1$", "$y_2$"))
    return sheet.drawing("medium", f"{len(medium.centres)} inclusions in the cell.")
