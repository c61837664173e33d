"""Where solutions on a plane region are singular, as arrays that a file holds."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, fields

import numpy as np

from ..arrays import Array, Flags


@dataclass(frozen=True, eq=False)
class SingularPlaces:
    """The corners of a plane region and changes of its conditions, and its holes.

    corners  : (k, 2)
    parts    : (k, 2) the names of the parts of the boundary before and after each, the region on
               the left
    frames   : (k, 2, 2) unit vectors along the edge that follows, and into the region across it
    angles   : (k,) of the region
    straight : (k,) whether the boundary has no angle there
    cuts     : (k,) the angle, from the edge that follows, of a ray that meets nothing of the
               region; nan where every ray does
    ends     : (k, 2) there a place outside of the region, in its hole
    holes    : (h, 2) a place in each
    radii    : (h,) the distance to the rim
    rims     : (h, 2) a point of the rim
    """

    corners: Array
    parts: Array
    frames: Array
    angles: Array
    straight: Flags
    cuts: Array
    ends: Array
    holes: Array
    radii: Array
    rims: Array

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> SingularPlaces:
        """Read what `data` gives."""
        with np.load(path, allow_pickle=False) as held:
            return cls(*(held[f.name] for f in fields(cls)))

    @property
    def data(self) -> bytes:
        """What a file of the arrays holds."""
        held = io.BytesIO()
        np.savez(held, **{f.name: getattr(self, f.name) for f in fields(self)})
        return held.getvalue()
