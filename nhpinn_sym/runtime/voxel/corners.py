"""How errors fall on halved boxes: slowly where boxes of high coefficients meet at a corner only.

Around a corner at which two boxes of the coefficient k touch diagonally, in two of the coefficient
1, the solution behaves like r^lam, lam = 4/pi arctan(k^-1/2), and energies have errors of h^(2 lam)
(Dykhne's board; of all values of contrast k around a corner that is the worst).
"""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np

from ..arrays import AnyArray, Array
from .operator import ElementOperator

# An error that falls by 2^0.6 where boxes are halved is that multiple of the change.
_SAFETY = 3.0
# Of what the theory of one corner gives.
_MARGIN = 1.2


def left_of_halving(operator: ElementOperator) -> float:
    """The error on the boxes of `operator`, as a multiple of the change that halved ones make."""
    contrast = max((crossing_contrast(c) for c in _stiffnesses(operator)), default=1.0)
    power = 8 / math.pi * math.atan(1 / math.sqrt(contrast))
    # errors like 1/log h, those of infinite contrast, are no larger on so many boxes
    logarithmic = 2 + math.log2(max(operator.elements.shape))
    algebraic = 1 / (1 - 2**-power) if power else math.inf
    return max(_SAFETY, _MARGIN * min(algebraic, logarithmic))


def crossing_contrast(values: Array) -> float:
    """The largest contrast of four boxes around an edge, in the plane of any two axes, of which
    those across the edge are alike: both larger than the others.
    """
    found = 1.0
    for k, j in combinations(range(values.ndim), 2):
        one, beside = values, np.roll(values, -1, k)
        above, across = np.roll(one, -1, j), np.roll(beside, -1, j)
        for high, low in (((one, across), (beside, above)), ((beside, above), (one, across))):
            least, most = np.minimum(*high), np.maximum(*low)
            ratio = np.divide(least, most, out=np.full(least.shape, math.inf), where=most > 0)
            found = max(found, float(np.max(ratio, where=least > 0, initial=1.0)))
    return found


def _stiffnesses(operator: ElementOperator) -> list[AnyArray]:
    """The coefficients of each mode with itself, one number a box."""
    own = {id(c): c for (i, t, j, m), c in operator.entries.items() if (i, t) == (j, m) and c.ndim}
    return [np.abs(c) for c in own.values()]
