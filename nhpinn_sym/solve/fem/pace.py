"""How long the next meshes take, from the time that those before them took."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

# How the work grows with the unknowns: as it did from the mesh before to the last one, within
# these; the middle where one mesh is all that was seen.
_LEAST, _MIDDLE, _MOST = 1.0, 1.3, 2.0
# Seconds for an unknown, before anything was seen.
_FIRST = 5e-5


@dataclass
class Pace:
    """Of solves one after the other. Sizes are unknowns, times the time steps."""

    seen: list[tuple[float, float]] = field(default_factory=list)

    def add(self, size: float, seconds: float) -> None:
        """A solve of that size took so long."""
        self.seen.append((size, max(seconds, _FIRST)))

    def done(self, sizes: Sequence[float], fraction: float = 0.0) -> float:
        """The share of the work that is done where solves of these sizes are left, and of the first
        of them all but a `fraction`."""
        spent = sum(seconds for _, seconds in self.seen)
        left = [self.seconds(size) for size in sizes]
        return (spent + fraction * sum(left[:1])) / (spent + sum(left))

    def seconds(self, size: float) -> float:
        """What a solve of that size will take."""
        if not self.seen:
            return _FIRST * size
        last, taken = self.seen[-1]
        return float(taken * (size / last) ** self._power())

    def _power(self) -> float:
        if len(self.seen) == 1 or self.seen[-1][0] <= self.seen[-2][0]:
            return _MIDDLE
        (before, quick), (last, slow) = self.seen[-2:]
        return min(_MOST, max(_LEAST, math.log(slow / quick) / math.log(last / before)))
