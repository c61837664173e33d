"""The pores of images: pixels in which coefficients vanish, and those that an image marks."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import sympy as sp

from ..runtime.arrays import Array
from .errors import ProblemError
from .images import Image, ImageFunction, common_shape, image_class, images_in


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


def outside(holes: ImageFunction) -> ImageFunction:
    """The image of 1 outside of holes that an image marks by 1; ProblemError where it has other
    values than 0 and 1.
    """
    image = holes.image
    if not set(image.table) <= {0.0, 1.0}:
        raise ProblemError(
            "an image of holes has the value 1 in them, and 0 elsewhere",
            term=f"{holes}: {image.table}",
            remedy="write nh.image(s, labels, {0: 0, 255: 1})",
        )
    found = Image(image.labels, tuple(1 - value for value in image.table), image.bounds)
    return image_class(f"outside_{holes.func.__name__}", found)(*holes.args)


def _repeated(image: Image, shape: tuple[int, ...]) -> Array:
    """The values on a finer grid."""
    values = np.asarray(image.table)[image.labels]
    for axis, (n, own) in enumerate(zip(shape, image.shape, strict=True)):
        values = np.repeat(values, n // own, axis=axis)
    return values
