"""Materials as text for Abaqus and CalculiX: *ELASTIC with the constants in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..problem.errors import ProblemError
from ..problem.user_input import instance
from .effective_view import ROUNDING

if TYPE_CHECKING:
    from .engineering import Engineering

# Places of the Voigt matrix (order 11, 22, 33, 23, 13, 12) in the order of *ELASTIC,
# TYPE=ANISOTROPIC: D1111, D1122, D2222, D1133, D2233, D3333, D1112, ..., D2323.
_ABAQUS = "11 21 22 31 32 33 61 62 63 66 51 52 53 56 55 41 42 43 46 45 44"
# The same of TYPE=ORTHOTROPIC: D1111, D1122, D2222, D1133, D2233, D3333, D1212, D1313, D2323.
_ORTHOTROPIC = "11 21 22 31 32 33 66 55 44"
# Kinds of cards, and the symmetry that they stand for.
_KINDS = {
    "isotropic": "isotropic",
    "engineering constants": "orthotropic",
    "orthotropic": "orthotropic",
    "anisotropic": "anisotropic",
}


def card(e: Engineering, name: str, kind: str | None) -> str:
    """The text of `Engineering.card`."""
    if e.dim != 3:
        raise ProblemError(
            "a material card holds the stiffness of a solid",
            term=f"{e.dim} axes",
            remedy="solve the cells in three dimensions, or write `e.save(path)` (JSON)",
        )
    name = instance(name, str, "the name of a material", 'write .card("EFFECTIVE")')
    if not name.replace("_", "").replace("-", "").isalnum() or not name.isascii():
        raise ProblemError(
            "the name of a material has letters, digits, - and _",
            term=name,
            remedy='write .card("EFFECTIVE")',
        )
    if kind is None:
        kind = "isotropic" if e.symmetry == "isotropic" else "anisotropic"
    _require_kind(e, kind)
    numbers = [f"{value:.9g}" for value in _numbers(e, kind)]
    rows = [", ".join(numbers[k : k + 8]) for k in range(0, len(numbers), 8)]
    option = "" if kind == "isotropic" else f", TYPE={kind.upper()}"
    return "\n".join([f"*MATERIAL, NAME={name}", f"*ELASTIC{option}", *rows, ""])


def _require_kind(e: Engineering, kind: str) -> None:
    if kind not in _KINDS:
        raise ProblemError(
            "there is no such kind of a card", term=kind, remedy=f"write {', '.join(_KINDS)}"
        )
    own = e.voigt
    coupled = own.copy()
    coupled[:3, :3] = 0
    coupled -= np.diag(np.diag(coupled))
    distance = float(np.linalg.norm(coupled) / np.linalg.norm(own))
    if kind == "isotropic":
        distance = e.distances["isotropic"]
    if kind != "anisotropic" and distance > e.tolerance:
        raise ProblemError(
            f"the stiffness is not {_KINDS[kind]} in these axes",
            term=f"distance {distance:.1e}",
            remedy='write kind="anisotropic", or e.turned(e.axes).card(...)',
        )


def _numbers(e: Engineering, kind: str) -> list[float]:
    if kind == "isotropic":
        return [float(e.young[0]), float(e.poisson[0])]
    if kind == "engineering constants":
        return [*e.young.tolist(), *e.poisson.tolist(), *e.shear.tolist()]
    places = _ORTHOTROPIC if kind == "orthotropic" else _ABAQUS
    matrix = np.where(np.abs(e.voigt) > ROUNDING * np.abs(e.voigt).max(), e.voigt, 0.0)
    return [float(matrix[int(p[0]) - 1, int(p[1]) - 1]) for p in places.split()]
