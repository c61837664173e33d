"""How long, where and how fast the paper trains; what it does not print is chosen here, and
named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .cases import Case


@dataclass(frozen=True)
class Training:
    """One training by Adam at a fixed rate. `average`: the error is the mean over so many last
    epochs; `chosen`: what the paper does not print.
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


_HALVES = (0.5, 0.5)
_REACTION = (1 / 7, 5 / 7, 1 / 7)
_SMALL = (1 / 1001, 1000 / 1001)
"""In section 5.2 u is so much smaller than f, (f/u)^2 = 2000, that with weights as for 5.3 a
boundary wrong by 30 % of u costs nothing.
"""
_PAPER: dict[str, dict[str, Training]] = {
    "elliptic_1d": {"classical": Training(2000, 500, 101, 1e-4, _HALVES, chosen=("nodes",))},
    "elliptic_2d": {
        "classical": Training(4000, 500, 101, 1e-4, _HALVES, chosen=("nodes", "weights")),
        "plain": Training(
            8000,
            300,
            101,
            3e-3,
            (1 / 301, 300 / 301),
            0,
            chosen=("epochs", "learning rate", "weights"),
        ),
        "cells": Training(
            8000,
            300,
            101,
            3e-3,
            (1 / 301, 150 / 301, 150 / 301),
            2,
            chosen=("epochs", "learning rate", "weights"),
        ),
        "homogenized": Training(
            4000, 500, 21, 1e-3, _SMALL, chosen=("epochs", "learning rate", "weights")
        ),
        "energy": Training(4000, 500, 101, 3e-3, (1 / 101, 100 / 101), chosen=("everything",)),
    },
    "slowly_varying_1d": {
        "classical": Training(1000, 100, 101, 1e-4, (1 / 11, 10 / 11), chosen=("nodes",)),
        "cells": Training(
            4000,
            500,
            101,
            1e-3,
            oversampling=0,
            slow_nodes=101,
            chosen=("epochs", "learning rate", "weights"),
        ),
        "homogenized": Training(
            8000, 500, 101, 3e-3, (1 / 11, 10 / 11), chosen=("epochs", "learning rate", "weights")
        ),
    },
    "reaction_diffusion_10": {
        "classical": Training(10000, 100, 100, 0.015, _REACTION, chosen=("nodes",)),
        "cells": Training(
            10000, 500, 101, 1e-3, (1 / 11, 5 / 11, 5 / 11), 2, chosen=("learning rate", "weights")
        ),
        "homogenized": Training(
            10000, 500, 100, 2e-3, (1 / 22, 20 / 22, 1 / 22), chosen=("learning rate", "weights")
        ),
    },
}
_QUICK: dict[str, dict[str, tuple[int, ...]]] = {
    "elliptic_1d": {"classical": (2000, 101)},
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
    "reaction_diffusion_10": {
        "classical": (300, 31),
        "cells": (1500, 51),
        "homogenized": (5000, 31),
    },
}


def tested(case: Case, quick: bool) -> Case:
    """The case with the grid on which errors are taken: the paper's, in a quick run of a 2D problem
    a coarser one.
    """
    return replace(case, test_nodes=min(case.test_nodes, 41)) if quick and case.dim == 2 else case


def trainings(case: Case, quick: bool) -> Mapping[str, Training]:
    """The trainings of a case by name: "classical", "energy" (its energy form), "plain" (cells
    without oversampling), "cells", "homogenized".
    """
    key = "reaction_diffusion_10" if case.key.startswith("reaction") else case.key
    own = dict(_PAPER[key])
    if case.key.endswith("_50"):
        own["classical"] = replace(own["classical"], learning_rate=0.05)
    return {name: t.shortened(*_QUICK[key][name]) for name, t in own.items()} if quick else own
