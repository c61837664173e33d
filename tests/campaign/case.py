"""A case: the text that poses a problem to the package, and what an oracle says about it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

HEAD = "import sympy as sp\nimport nhpinn_sym as nh\n\n"
CELLS = "cells = nh.solve_cells(nh.homogenize(problem)@)\n"
"""The usual last lines; @ is the backend's argument."""

Random = np.random.Generator


@dataclass(frozen=True)
class Draft:
    """text leaves `found` (a dictionary of arrays) and `estimate`; @ in it becomes the argument for
    the backend.

    expected : the oracle's values; None where the only right answer is a refusal or a warning.
    sizes    : natural sizes of quantities that may be small by cancellation: errors are relative to
               the larger of the two.
    doubt    : the relative error of the oracle itself.
    """

    text: str
    expected: Mapping[str, Any] | None
    sizes: Mapping[str, float] = field(default_factory=dict)
    doubt: float = 0.0


@dataclass(frozen=True)
class Kind:
    """One kind of random problems, and the backends that are asked for it ("": the default)."""

    name: str
    draw: Callable[[Random], Draft]
    backends: tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """The case `number` of a kind in the campaign `seed`, for one backend."""

    kind: str
    seed: int
    number: int
    backend: str

    @property
    def label(self) -> str:
        return f"{self.kind}:{self.seed}:{self.number}:{self.backend or 'default'}"

    def draft(self) -> Draft:
        """The problem itself: the same for every backend."""
        rng = np.random.default_rng([self.seed, zlib.crc32(self.kind.encode()), self.number])
        return KINDS[self.kind].draw(rng)

    def code(self, draft: Draft) -> str:
        """The text to run, with the backend in place."""
        return HEAD + draft.text.replace("@", f', "{self.backend}"' if self.backend else "")


KINDS: dict[str, Kind] = {}
"""The kinds by name; `kind` fills it."""


def kind(
    name: str, *backends: str
) -> Callable[[Callable[[Random], Draft]], Callable[[Random], Draft]]:
    """Register a generator."""

    def registered(draw: Callable[[Random], Draft]) -> Callable[[Random], Draft]:
        KINDS[name] = Kind(name, draw, backends)
        return draw

    return registered


def cases(
    count: int, seed: int, only: list[str] | None = None, backend: str | None = None
) -> list[Case]:
    """`count` cases spread over the kinds and, within a kind, over its backends."""
    chosen = [k for k in KINDS.values() if not only or any(k.name.startswith(o) for o in only)]
    asked = None if backend is None else backend.replace("default", "")
    found: list[Case] = []
    number = 0
    while chosen and len(found) < count:
        for k in chosen:
            backends = [b for b in k.backends if asked is None or b == asked]
            if backends and len(found) < count:
                # The shift by the kind keeps one backend from meeting one number of all kinds.
                shift = zlib.crc32(k.name.encode())
                found.append(Case(k.name, seed, number, backends[(number + shift) % len(backends)]))
        number += 1
        if number == 1 and not found:
            break
    return found
