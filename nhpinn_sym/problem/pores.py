"""The pores of an image: pixels in which the coefficients vanish."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import sympy as sp

from ..runtime.arrays import Array
from .images import Image, common_shape, image_class, images_in


def solid_pixels(coefficients: Iterable[sp.Expr]) -> sp.Expr | None:
    """The image of 1 where some image of the coefficients is not 0, and 0 in the pores; None
    without pores.
    """
    nodes = images_in(sp.Tuple(*coefficients))
    if not nodes:
        return None
    shape = common_shape([node.image for node in nodes])
    solid = np.any([_repeated(node.image, shape) != 0 for node in nodes], axis=0)
    if solid.all():
        return None
    places = solid.astype(np.uint8)
    places.setflags(write=False)
    found = Image(places, (0.0, 1.0), nodes[0].image.bounds)
    return image_class(f"solid_{found.digest[:6]}", found)(*nodes[0].args)


def _repeated(image: Image, shape: tuple[int, ...]) -> Array:
    """The values on a finer grid."""
    values = np.asarray(image.table)[image.labels]
    for axis, (n, own) in enumerate(zip(shape, image.shape, strict=True)):
        values = np.repeat(values, n // own, axis=axis)
    return values
