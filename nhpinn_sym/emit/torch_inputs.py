"""What the nets of special problems are given beside their coordinates: kinks at interfaces, poles
inside inclusions.

Both are parts of the runtime that are put behind the jets of an emitted file; `net_text` is a file
of these alone, for nets that are evaluated and not trained, such as those that were read from a
file.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import sympy as sp

from ..lower.forms import MultiIndex
from .torch_text import Scope, assemble, closure

_RUNTIME = Path(__file__).parents[1] / "runtime" / "nets"
_KINKS, _POLES = "# ======== kinks ========\n", "# ======== poles ========\n"
_IMPORTS = "from __future__ import annotations\n\nimport math\n\nimport torch"


@dataclass(frozen=True)
class Kinks:
    """Inputs max(level, 0)^power of the points: `levels` are expressions in the fast `coordinates`.

    order: of the highest derivatives of a net that are asked for.
    """

    coordinates: tuple[sp.Symbol, ...]
    levels: tuple[sp.Expr, ...]
    power: int
    order: int

    @classmethod
    def reaching(
        cls,
        coordinates: tuple[sp.Symbol, ...],
        levels: Iterable[sp.Expr],
        power: int,
        indices: Iterable[MultiIndex],
    ) -> Kinks:
        """For derivatives of second order and for these."""
        return cls(coordinates, tuple(levels), power, max(2, *map(sum, indices)))


def with_kinks(text: str, kinks: Kinks) -> str:
    """A file whose nets have kinks: what replaces their smooth inputs is put behind the jets."""
    dim = len(kinks.coordinates)
    known = tuple(a for a in closure([(kinks.order,) * dim]) if sum(a) <= kinks.order)
    smooth = [
        level.rewrite(sp.Piecewise) for level in kinks.levels
    ]  # the derivatives of Max are not printed
    summary = "The jets of the functions that vanish where a coefficient jumps, (..., LEVELS)."
    jets = Scope(kinks.coordinates).jet("levels", smooth, known, summary, columns=True)
    constants = (
        f"LEVELS, POWER = {len(kinks.levels)}, {kinks.power}\nsmooth_embed, smooth_inputs = embed,"
        " inputs"
    )
    return f"{text}\n\n" + "\n\n\n".join([_KINKS + constants, jets, _part("kinks", _KINKS)]) + "\n"


def with_poles(text: str) -> str:
    """A file whose nets may have poles."""
    return f"{text}\n\nembed_columns = embed\n\n{_POLES}{_part('poles', _POLES)}\n"


@lru_cache(maxsize=64)
def net_text(kinks: Kinks | None = None) -> str:
    """A file that evaluates nets: of any axes, poles among them, or with kinks."""
    text = assemble("Tanh nets and their derivatives.", [_IMPORTS])
    return with_poles(text) if kinks is None else with_kinks(text, kinks)


def _part(name: str, mark: str) -> str:
    """The runtime file `name` behind its mark."""
    return (_RUNTIME / f"{name}.py").read_text(encoding="utf-8").split(mark)[1].strip()
