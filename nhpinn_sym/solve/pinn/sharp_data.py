"""Where data are sharp: the panels that see it, and the places at which inputs of a net turn as
fast as the data do.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import numpy as np

from ...resolution import Resolution
from .network import Axes, DataPanels

# Share of an axis below which a panel of the data counts as sharp.
_SHARP = 1 / 20
# Panels as wide as the inputs of a place turn in.
_WIDTH = 4
# Panels that reach from one to the next place near which they are seen.
_REACH = 8
# Places of an axis at most: data that are sharp at more of them are so everywhere.
_MOST = 8


def sharp_panels(*resolutions: Resolution) -> DataPanels:
    """The lines of all axes, or none where no panel is small: uniform points see everything
    then.
    """
    axes = [axis for resolution in resolutions for axis in resolution.axes]
    shares = [axis.feature / (axis.interval[1] - axis.interval[0]) for axis in axes]
    if min(shares, default=1.0) < _SHARP:
        return tuple(axis.lines for axis in axes)
    return ()


def sharp_axes(axes: Axes, panels: DataPanels) -> Axes:
    """The axes of the places where the data with these panels are sharp, as a net takes them:
    behind those of its columns, one for each column.
    """
    columns = [_places(lines, kind == "periodic") for (kind, _, _), lines in zip(axes, panels)]
    found: list[tuple[str, float, float]] = []
    for block in zip_longest(*columns, fillvalue=("along", 0.0, 1.0)):
        found += block
    return tuple(found)


def _places(lines: Sequence[float], periodic: bool) -> list[tuple[str, float, float]]:
    """The places of one axis, from the narrowest panel on: one for each that is narrow beside its
    distance from all others.
    """
    widths = np.diff(lines)
    middles = np.array(lines[:-1]) + widths / 2
    length = float(lines[-1] - lines[0])
    found: list[tuple[str, float, float]] = []
    seen = widths >= _SHARP * length
    while not seen.all():
        k = int(np.argmin(np.where(seen, np.inf, widths)))
        place = float(middles[k])
        found.append(("sharp", place, place + _WIDTH * float(widths[k])))
        distance = np.abs(middles - place)
        if periodic:
            distance = np.minimum(distance, length - distance)
        seen |= distance <= _REACH * widths
    return found if len(found) <= _MOST else []
