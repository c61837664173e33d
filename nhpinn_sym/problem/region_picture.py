"""The boundary of a plane region as a picture: what its parts are called."""

from __future__ import annotations

import numpy as np

from .joined_shapes import Shape
from .pictures import COLOURS, TITLE, Drawing, Sheet
from .regions import Region

_POINTS = 65


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
