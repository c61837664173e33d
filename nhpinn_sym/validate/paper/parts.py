"""The parts of one case: each is written when it is done, and taken again by a run with the same
version, settings and seed.

1. reference     u_eps and converged cells on the test grid
2. library       the library's best
3. classical     the classical PINN on the multiscale equation; energy: in energy form
4. plain, cells  cell problems in the paper's way, without and with oversampling
5. nh_pinn       the homogenized equation in the paper's way, then transfer learning
6. arguments     without networks: a*, linear elements, finite differences
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ...solve.backends import choose_fem
from ...solve.cell_solution import CellSolution
from ...solve.progress import Progress
from ..store import Arrays, Store
from ..versions import versions
from . import arguments, experiments
from .cases import Case, cases
from .settings import Training, tested


@dataclass(frozen=True)
class Parts:
    """What was computed for a case, by name; taken: the parts that an earlier run had done."""

    trained: Mapping[str, Arrays]
    arguments: Mapping[str, Arrays]
    taken: tuple[str, ...]


class PartStore:
    """Parts below a folder, each with its own key."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.taken = folder, list[str]()

    def arrays(self, name: str, key: object, compute: Callable[[], Arrays]) -> Arrays:
        """A part; `key` says what it depends on beside its name and the version."""
        store = Store(self.folder, repr((versions(choose_fem("auto")), key)))
        found = store.arrays(name, compute)
        self.taken += store.taken
        return found

    def cells(
        self, name: str, key: object, compute: Callable[[], tuple[CellSolution, Arrays]]
    ) -> tuple[CellSolution, Arrays]:
        """Solved cells and their histories, which their own file does not hold: written first, as
        the cells are what tells that the part is done.
        """
        store, fresh = Store(self.folder, repr((versions(choose_fem("auto")), key))), list[Arrays]()

        def both() -> CellSolution:
            solved, histories = compute()
            fresh.append(self.arrays(name, key, lambda: histories))
            return solved

        solved = store.cells(f"{name}_nets", both)
        self.taken += store.taken
        return solved, fresh[0] if fresh else self.arrays(name, key, lambda: compute()[1])


@dataclass(frozen=True)
class CaseJob:
    """All parts of a case."""

    folder: Path
    key: str
    title: str
    trainings: Mapping[str, Training]
    quick: bool
    seed: int

    def run(self, progress: Progress) -> Parts:
        """In the order in which they need each other."""
        (case,) = (tested(case, self.quick) for case in cases() if case.key == self.key)
        store, chosen, seed = PartStore(self.folder), self.trainings, self.seed + case.seed

        def part(name: str, key: object, compute: Callable[[], Arrays]) -> Arrays:
            return store.arrays(f"{case.key}_{name}", (case.test_nodes, key), compute)

        classical = chosen["classical"]
        done = {
            "reference": part("reference", None, lambda: experiments.reference(case)),
            "library": part(
                "library", self.seed, lambda: experiments.library(case, progress, self.seed)
            ),
            "classical": part(
                "classical",
                (classical, seed),
                lambda: experiments.classical(case, classical, progress, seed),
            ),
        }
        if "energy" in chosen:
            done["energy"] = part(
                "energy",
                (chosen["energy"], seed),
                lambda: experiments.energy(case, chosen["energy"], progress, seed),
            )
        solved = {}
        for name in (n for n in ("plain", "cells") if n in chosen):
            solved[name], done[name] = store.cells(
                f"{case.key}_{name}",
                (case.test_nodes, chosen[name], seed),
                partial(experiments.cells, case, chosen[name], progress, seed),
            )
        if "homogenized" in chosen:
            inner, outer = chosen["cells"], chosen["homogenized"]
            done["nh_pinn"] = part(
                "nh_pinn",
                (inner, outer, classical, seed),
                lambda: experiments.nh_pinn(
                    case, solved["cells"], outer, classical, progress, seed
                ),
            )
        argued = {
            name: part(name, None, partial(compute, case))
            for name, compute in _ARGUMENTS.get(case.section, {}).items()
        }
        return Parts(done, argued, tuple(store.taken))


_ARGUMENTS: Mapping[str, Mapping[str, Callable[[Case], Arrays]]] = {
    "5.2": {"effective": arguments.effective_2d},
    "5.3": {"elements": arguments.reference_of_elements},
    "5.4": {"differences": arguments.differences_in_time},
}
