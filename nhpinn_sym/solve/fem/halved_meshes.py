"""What is known of a law on meshes that fit interfaces, with elements halved until it stays."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ...runtime.fitted.functions import FittedMesh
from ...runtime.levels import FEWEST, by_name, relative_estimate
from ..progress import Progress
from ..solution import Array, EffectiveKey
from .refine import entry_errors

FoundT = TypeVar("FoundT")


@dataclass(frozen=True)
class FinestMesh(Generic[FoundT]):
    """What was found on the last one of some meshes. info: "cells", "seconds", "estimate" (of the
    entries, relative to the largest of the same name) and "tolerance"."""

    mesh: FittedMesh
    found: FoundT
    entries: Mapping[EffectiveKey, Array]
    info: dict[str, Any]


def on_halved_meshes(
    solve: Callable[[FittedMesh], FoundT],
    entries: Callable[[FoundT], dict[EffectiveKey, Array]],
    levels: Sequence[FittedMesh],
    tolerance: float,
    progress: Progress,
    label: str,
    degree: int = 2,
) -> FinestMesh[FoundT]:
    """On three of the meshes at least, if there are so many, and until the estimate is below the
    tolerance.

    degree : errors of entries fall as h^(2 degree), or slower; h^4 is what interfaces of order 2
             give, corners less
    """
    start = time.perf_counter()
    history: list[dict[EffectiveKey, Array]] = []
    with progress(label) as task:
        for k in range(len(levels)):
            mesh = levels[k]
            found = solve(mesh)
            history.append(entries(found))
            errors = entry_errors(history, degree)
            estimate = relative_estimate(errors, history[-1], by_name(history[-1]))
            task.update((k + 1) / len(levels), f"{mesh} elements, estimate {estimate:.1e}")
            if len(history) >= FEWEST and estimate <= tolerance:
                break
    info = {
        "cells": mesh.cells,
        "seconds": time.perf_counter() - start,
        "estimate": estimate,
        "tolerance": tolerance,
    }
    return FinestMesh(mesh, found, history[-1], info)
