"""How long, where and how fast the paper trains; what it does not print is chosen here, and
named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

CASES_OF_REACTION = "reaction_diffusion"


@dataclass(frozen=True)
class Training:
    """One training by Adam at a fixed rate.

    average: the error is the mean over so many last epochs; nodes: points per axis; weights: of the
    terms of the loss; chosen: what the paper does not print.
    """

    epochs: int
    average: int
    nodes: int
    learning_rate: float
    weights: tuple[float, ...] | None = None
    oversampling: int | None = None
    slow_nodes: int | None = None
    chosen: tuple[str, ...] = ()

    @property
    def options(self) -> dict[str, Any]:
        """As the solvers take them."""
        names = ("epochs", "nodes", "learning_rate", "weights", "oversampling", "slow_nodes")
        given = {name: getattr(self, name) for name in names}
        return {name: value for name, value in given.items() if value is not None}

    def shortened(self, epochs: int, nodes: int, slow_nodes: int | None = None) -> Training:
        """Fewer epochs and points, and the average over a tenth of the epochs at most."""
        return replace(
            self,
            epochs=min(self.epochs, epochs),
            nodes=min(self.nodes, nodes),
            average=max(1, min(self.average, epochs // 10)),
            slow_nodes=slow_nodes or self.slow_nodes,
        )


_UNPRINTED_LOSS = ("epochs", "learning rate", "weights")
_HALVES = (1 / 2, 1 / 2)
_ELEVENTHS = (1 / 11, 10 / 11)
_SEVENTHS = (1 / 7, 5 / 7, 1 / 7)
_STIFF_CELLS = (1 / 301, 300 / 301)
_STIFF_LAYERS = (1 / 301, 150 / 301, 150 / 301)
_SMALL_SOLUTION = (1 / 1001, 1000 / 1001)
"""For the 2D elliptic equation: u is so much smaller than f, (f/u)^2 = 2000, that with weights as
for the 1D one a boundary wrong by 30 % of u costs nothing.
"""

FULL: Mapping[str, Mapping[str, Training]] = {
    "elliptic_1d": {
        "classical": Training(2000, 500, 101, 1e-4, _HALVES, chosen=("nodes",)),
    },
    "elliptic_2d": {
        "classical": Training(4000, 500, 101, 1e-4, _HALVES, chosen=("nodes", "weights")),
        "plain": Training(8000, 300, 101, 3e-3, _STIFF_CELLS, 0, chosen=_UNPRINTED_LOSS),
        "cells": Training(8000, 300, 101, 3e-3, _STIFF_LAYERS, 2, chosen=_UNPRINTED_LOSS),
        "homogenized": Training(4000, 500, 21, 1e-3, _SMALL_SOLUTION, chosen=_UNPRINTED_LOSS),
        "energy": Training(4000, 500, 101, 3e-3, (1 / 101, 100 / 101), chosen=("everything",)),
    },
    "slowly_varying_1d": {
        "classical": Training(1000, 100, 101, 1e-4, _ELEVENTHS, chosen=("nodes",)),
        "cells": Training(4000, 500, 101, 1e-3, None, 0, 101, chosen=_UNPRINTED_LOSS),
        "homogenized": Training(8000, 500, 101, 3e-3, _ELEVENTHS, chosen=_UNPRINTED_LOSS),
    },
    CASES_OF_REACTION: {
        "classical": Training(10000, 100, 100, 0.015, _SEVENTHS, chosen=("nodes",)),
        "cells": Training(
            10000, 500, 101, 1e-3, (1 / 11, 5 / 11, 5 / 11), 2, chosen=("learning rate", "weights")
        ),
        "homogenized": Training(
            10000, 500, 100, 2e-3, (1 / 22, 20 / 22, 1 / 22), chosen=("learning rate", "weights")
        ),
    },
}
"""The paper's own epochs where it prints them."""
RATE_AT_SMALL_EPS = 0.05
"""The printed rate of the classical PINN of the reaction at eps = 1/50."""

QUICK: Mapping[str, Mapping[str, tuple[int, ...]]] = {
    "elliptic_1d": {"classical": (400, 101)},
    "elliptic_2d": {
        "classical": (1500, 33),
        "plain": (2000, 13),
        "cells": (2000, 13),
        "homogenized": (4000, 21),
        "energy": (1500, 33),
    },
    "slowly_varying_1d": {
        "classical": (1000, 101),
        "cells": (800, 31, 9),
        "homogenized": (2000, 51),
    },
    CASES_OF_REACTION: {
        "classical": (300, 31),
        "cells": (1500, 51),
        "homogenized": (5000, 31),
    },
}
"""Epochs, nodes, slow nodes of a quick run."""


def trainings(case: str, quick: bool) -> dict[str, Training]:
    """The trainings of a case by name: "classical", "energy" (its energy form), "plain" (cells
    without oversampling), "cells", "homogenized"; the one after the transfer is "classical" again.
    """
    key = CASES_OF_REACTION if case.startswith(CASES_OF_REACTION) else case
    own = dict(FULL[key])
    if case.endswith("_50"):
        own["classical"] = replace(own["classical"], learning_rate=RATE_AT_SMALL_EPS)
    if quick:
        own = {name: training.shortened(*QUICK[key][name]) for name, training in own.items()}
    return own


def tested_nodes(nodes: int, dim: int, quick: bool) -> int:
    """Points per axis of the test grid: the paper's, in a quick run of a 2D problem fewer."""
    return min(nodes, 41) if quick and dim == 2 else nodes
